#!/usr/bin/env python3
"""Measures the table of array expressions: both sides of every ratio in one run, medians.

    tests/bench/expressions.py [--build DIR] [--scratch DIR] [--repeats 5] [--small] [row ...]

Rows: hypot moments once median group plan memory; all without names. The peers come from PyPI into
SCRATCH/peers. Data (some 30 GB) are made in the scratch folder once and kept; remove it afterwards.
Everything is page-cached: each side runs once before it is measured. Nothing else may run.
"""
import argparse
import json
import os
import subprocess
import sys

from measuring import Table, number, setting

here = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
setting(parser)
args = parser.parse_args()
table = Table(args)
slab, bench, run, medians, report = table.slab, table.bench, table.run, table.medians, table.report
side = 32768 // (4 if args.small else 1)
gib = side * side * 4 / 2**30
scale = 8 if args.small else 1
PACKAGES = ["numpy", "h5py", "hdf5plugin", "dask[array,dataframe]", "blosc2", "cubed", "pandas",
            "zarr"]


def peer(*words):
    """A task of peers.py, as a function that gives its seconds."""
    python = os.path.abspath("peers/bin/python")
    if not os.path.exists(python):
        run([sys.executable, "-m", "venv", "peers"])
        run(["peers/bin/pip", "install", "-q", *PACKAGES])
    # the plugins of hdf5plugin, which are built against the HDF5 that h5py brings
    env = {k: v for k, v in table.env.items() if k != "HDF5_PLUGIN_PATH"}
    command = [python, os.path.join(here, "peers.py"), *words]

    def take():
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return float(done.stdout)
    return take


def matrices():
    """Two arrays of the same kind; b is a, turned around."""
    if not os.path.exists("a.h5"):
        run([os.path.join(bench, "bench_make"), "a.h5", str(side), str(side), "2", "noisy"])
    if not os.path.exists("b.h5"):
        run([slab, "calc", "a[::-1, ::-1]", "a=a.h5:/x", "-o", "b.h5:/x"])
    for name in "a", "b":
        if not os.path.exists(f"{name}.b2nd"):
            peer("blosc2", "convert", f"{name}.h5", f"{name}.b2nd")()
    return "a.h5:/x", "b.h5:/x"


def fresh(words, output):
    """A command that writes a new file, as a function that gives its seconds."""
    def take():
        if os.path.exists(output):
            os.remove(output)
        return table.seconds(words)
    return take


def limit(x, *encode):
    """Seconds that decoding or encoding the array takes by itself: the median of its own passes."""
    text = run([os.path.join(bench, "bench_limit"), x, "2", *encode])
    return number(text, "threads,") / number(text, "median")


def row_hypot():
    a, b = matrices()
    command = [slab, "calc", "sqrt(a*a + b*b)", f"a={a}", f"b={b}", "-@", "2", "-o", "ours.h5:/x"]
    (ours,) = medians(fresh(command, "ours.h5"))
    da, db, encode = limit(a), limit(b), limit("ours.h5:/x", "encode")
    report(f"sqrt(a*a + b*b), {gib:g} GiB f32 each, over the limits of decoding and encoding: time",
           f"{ours / (da + db + encode):.2f}", 1.4, 1.1,
           f"{ours:.2f} and {da:.2f} + {db:.2f} + {encode:.2f} s")
    for who, kind, floor, aim, out in (("dask", "h5", 5, 8, "dask.h5"),
                                       ("cubed", "h5", 7, 10, "cubed.zarr"),
                                       ("blosc2", "b2nd", 2, 4, "blosc2.b2nd")):
        ours, theirs = medians(fresh(command, "ours.h5"),
                               peer(who, "hypot", f"a.{kind}", f"b.{kind}", out))
        report(f"the same: times faster than {who}", f"{theirs / ours:.1f}", floor, aim,
               f"{ours:.2f} and {theirs:.2f} s")


def row_moments():
    a, _ = matrices()
    for axis in "0", "1", "both":
        command = [slab, "reduce", "mean,std", a, "-@", "2", "-o", "ours.h5", "--force"]
        command += [] if axis == "both" else ["--axis", axis]
        ours, stat = medians(command, [slab, "stat", a, "-@", "2"])
        report(f"mean and std, axis {axis}, {gib:g} GiB: share of the speed of slab stat",
               f"{stat / ours:.2f}", 0.9, 1.0, f"{ours:.2f} and {stat:.2f} s")
        for who, kind, floor, aim in ("dask", "h5", 8, 15), ("blosc2", "b2nd", 6, 12):
            ours, theirs = medians(command, peer(who, "moments", f"a.{kind}", axis))
            report(f"the same: times faster than {who}", f"{theirs / ours:.1f}", floor, aim,
                   f"{ours:.2f} and {theirs:.2f} s")


def read_bytes(words):
    done = subprocess.run(words + ["-v"], env=table.env, capture_output=True, text=True, check=True)
    return number(done.stderr, "slab: read")


def row_once():
    a, _ = matrices()
    text = "m = mean(x); s = std(x, axis=0); h = histogram(x, bins=64, range=(80, 140)); y = x * 2"
    read = read_bytes([slab, "calc", text, f"x={a}", "-o", "ours.h5", "--force"])
    once = read_bytes([slab, "stat", a])
    report("mean + std + histogram + stored result in one call: reads of the input",
           f"{read / once:.3f}", 1, 1, f"{read:.0f} of {once:.0f} bytes")


def passes_of(words):
    """Passes over the file that the plan states."""
    plan = json.loads(run(words + ["--dry-run", "--json"]))
    return sum(step["times"] for step in plan["steps"] if step["read_bytes"] > 0)


def row_median():
    for name, n in ("large", 1_000_000_000 // scale), ("fits", 250_000_000 // scale):
        if not os.path.exists(f"{name}.h5"):
            run([slab, "random", "normal", "--shape", str(n), "--dtype", "f4", "--seed", "5", "-o",
                 f"{name}.h5:/x"])
    median = [slab, "quantile", "large.h5:/x", "--memory", "512M", "-@", "2"]
    (whole,) = medians(median)
    report("exact median of 1e9 f32, --memory 512M: passes", passes_of(median), 3, 2,
           f"{whole:.2f} s")
    ours, theirs = medians([slab, "quantile", "fits.h5:/x", "--memory", "512M", "-@", "2"],
                           peer("numpy", "median", "fits.h5"))
    report("exact median of 2.5e8 f32: times faster than NumPy with its load",
           f"{theirs / ours:.1f}", 6, 12, f"{ours:.2f} and {theirs:.2f} s")


def row_group():
    rows = 100_000_000 // scale
    if not os.path.exists("rows.h5"):
        run([slab, "random", "normal", "--shape", f"{rows}x8", "--dtype", "f4", "--seed", "6", "-o",
             "rows.h5:/x"])
        run([slab, "random", "integers", "--shape", str(rows), "--low", "0", "--high", "100000",
             "--dtype", "i4", "--seed", "7", "-o", "labels.h5:/x"])
    command = [slab, "group", "mean", "rows.h5:/x", "by=labels.h5:/x", "--memory", "512M", "-@",
               "2", "-o", "ours.h5", "--force"]
    for who in "pandas", "dask":
        ours, theirs = medians(command, peer(who, "group", "rows.h5", "labels.h5"))
        report(f"grouped mean, {rows:.0e} rows x 8, 1e5 groups, --memory 512M: times faster than "
               f"{who}", f"{theirs / ours:.1f}", 4, 10, f"{ours:.2f} and {theirs:.2f} s")


def row_plan():
    edge = 32000 // (4 if args.small else 1)
    if not os.path.exists("chunks.h5"):
        run([slab, "random", "integers", "--shape", f"{edge}x{edge}", "--low", "0", "--high", "9",
             "--dtype", "u1", "--chunks", "32x32", "--seed", "8", "-o", "chunks.h5:/x"])
    text = "x" + "".join(f" + {i}.5 * x" if i % 2 else f" - sin(x * {i}.25)" for i in range(250))
    command = [slab, "calc", text, "x=chunks.h5:/x", "-o", "planned.h5:/x", "--dry-run"]
    (taken,) = medians(command)
    report(f"a graph of 1,000 operations over {edge * edge // 1024:,} chunks: time to plan",
           f"{taken:.3f} s", "1 s", "0.2 s", "the whole command")
    report("the same: memory", f"{table.peak(command):.0f} MiB", "100 MB", "30 MB",
           "peak resident, the program itself included")


def row_memory():
    a, b = matrices()
    calls = {
        "calc": [slab, "calc", "sqrt(a*a + b*b)", f"a={a}", f"b={b}", "-o", "ours.h5:/x"],
        "reduce --axis 0": [slab, "reduce", "mean,std", a, "--axis", "0", "-o", "ours.h5"],
        "reduce --axis 1": [slab, "reduce", "mean,std", a, "--axis", "1", "-o", "ours.h5"],
        "quantile": [slab, "quantile", "large.h5:/x"],
        "group": [slab, "group", "mean", "rows.h5:/x", "by=labels.h5:/x", "-o", "ours.h5"],
    }
    for name, command in calls.items():
        for budget in 128, 512:
            most = table.peak(command + ["--memory", f"{budget}M", "--force"])
            refused = isinstance(most, str)
            report(f"{name}, --memory {budget}M: peak above the budget",
                   "refused" if refused else f"{most - budget:.0f} MiB", "64 MiB", "32 MiB",
                   most if refused else f"{most:.0f} MiB resident")


rows = {"hypot": row_hypot, "moments": row_moments, "once": row_once, "median": row_median,
        "group": row_group, "plan": row_plan, "memory": row_memory}
for row in args.rows or rows:
    rows[row]()
