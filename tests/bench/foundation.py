#!/usr/bin/env python3
"""Measures the foundation's table: both sides of every ratio in one run, medians of REPEATS.

    tests/bench/foundation.py [--build DIR] [--scratch DIR] [--repeats 5] [--small] [row ...]

Rows: stat columns write import axis pca accuracy memory start. Without names: all but pca and
accuracy, which take an hour with plink2. Data (up to 40 GB) are made in the scratch folder once and
kept; remove the folder afterwards. Everything is page-cached: each command runs once before it is
measured. Needs plink2, hyperfine-like patience, and nothing else running.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys

from measuring import Table, number, setting

here = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
setting(parser)
args = parser.parse_args()
table = Table(args)
slab, bench, run, seconds, medians, report = (table.slab, table.bench, table.run, table.seconds,
                                              table.medians, table.report)
side = 32768 // (2 if args.small else 1)
people, variants = (20000, 100000) if not args.small else (5000, 50000)
gib = side * side * 4 / 2**30


def matrix(kind="noisy"):
    if not os.path.exists(f"{kind}.h5"):
        print(run([os.path.join(bench, "bench_make"), f"{kind}.h5", str(side), str(side), "2", kind]))
    return f"{kind}.h5:/x"


def genotypes():
    if not os.path.exists("sim.h5"):
        run([slab, "random", "genotypes", "--shape", f"{people}x{variants}", "--populations", "5",
             "--seed", "1", "-o", "sim.h5:/genotypes"])
    if not os.path.exists("sim.bed"):
        run([slab, "export", "sim.h5:/genotypes", "-o", "sim.bed"])
    return "sim.h5:/genotypes"


def row_stat():
    for kind in "noisy", "stepped":
        x = matrix(kind)
        limit_program = [os.path.join(bench, "bench_limit"), x, "2"]
        h5dread_program = [os.path.join(bench, "bench_h5dread"), x]
        stat, limit, loop = medians([slab, "stat", x, "-@", "2", "--json"],
                                    lambda: number(run(limit_program), "median"),
                                    lambda: number(run(h5dread_program), "median"))
        rate = side * side * 4 / stat / 1e9
        report(f"slab stat, {gib:g} GiB f32, {kind}, over the limit program",
               f"{rate / limit:.2f}", 0.80, 0.95, f"{rate:.2f} of {limit:.2f} GB/s")
        report("the same over a loop of H5Dread", f"{rate / loop:.1f}", 4, 6,
               f"{rate:.2f} and {loop:.2f} GB/s")


def row_columns():
    x = matrix()
    done = subprocess.run([slab, "stat", x + "[:, 0:2048]", "-v"], env=table.env, capture_output=True,
                          text=True, check=True)
    read = number(done.stderr, "slab: read")
    code = ("import h5py,sys; d=h5py.File('x.h5')['x']; s=d.chunks\n"
            "print(sum(d.id.get_chunk_info_by_coord((i,j)).size "
            "for i in range(0,d.shape[0],s[0]) for j in range(0,2048,s[1])))")
    touched = int(run(["/usr/bin/python3", "-c", code]))
    report("stat x[:, 0:2048]: bytes read over those of the chunks touched",
           f"{read / touched:.3f}", 1.0, 1.0, f"{read:.0f} of {touched} bytes")


def write_benchmark(ranks, threads, ways):
    words = [os.path.join(bench, "bench_write"), ".", str(int(gib * 1024)), str(threads), ways]
    return run((["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []) + words)


def row_write():
    for ranks, threads, over, ways, floor, aim in ((2, 1, "collective", "sc", 4, 6),
                                                   (1, 2, "limit", "ls", .75, .95)):
        ours, other = [], []
        for _ in range(table.repeats):
            text = write_benchmark(ranks, threads, ways)
            ours.append(number(text, "slab"))
            other.append(number(text, over))
        a, b = statistics.median(ours), statistics.median(other)
        report(f"writing {gib:g} GiB f32, {ranks} rank(s) x {threads} thread(s), over {over}",
               f"{a / b:.2f}", floor, aim, f"{a:.2f} and {b:.2f} GB/s")


def row_import():
    genotypes()
    limit_program = [os.path.join(bench, "bench_limit"), "imported.h5:/genotypes", "2", "encode"]
    imports = [slab, "import", "sim.bed", "-o", "imported.h5:/genotypes", "--force", "-@", "2"]
    shutil.rmtree("imported.h5", ignore_errors=True)
    run(imports)
    packed = people * variants / 4

    def fresh():
        os.remove("imported.h5")
        return seconds(imports)
    ours, limit = medians(fresh, lambda: number(run(limit_program), "median"))
    rate = packed / ours / 1e9
    report(f"import of a {os.path.getsize('sim.bed') / 1e6:.0f} MB bed over compression alone",
           f"{rate / limit:.2f}", 0.6, 0.85, f"{rate:.2f} and {limit:.2f} GB/s of packed bytes")


def row_axis():
    x = genotypes()
    ours, plink = medians([slab, "stat", x, "--axis", "0", "-@", "2", "-o", "axis.h5", "--force"],
                          ["plink2", "--bfile", "sim", "--freq", "--missing", "--threads", "2",
                           "--out", "plink"])
    report("stat --axis 0 of the genotypes over plink2 --freq --missing: time",
           f"{ours / plink:.2f}", 2.0, 1.0, f"{ours:.2f} and {plink:.2f} s")


def row_pca():
    x = genotypes()
    plink_words = ["plink2", "--bfile", "sim", "--pca", "approx", "20", "--threads", "2",
                   "--memory", "4000", "--out", "plink-pca"]
    (ours,) = medians([slab, "pca", x, "-k", "20", "--memory", "512M", "-@", "2", "-o", "pcs.h5",
                       "--force"])
    plink = seconds(plink_words)
    report("pca -k 20, --memory 512M, over plink2 --pca approx 20: time", f"{ours / plink:.3f}",
           0.10, 0.04, f"{ours:.1f} and {plink:.1f} s (plink2 once)")


def row_accuracy():
    report("accuracy", run([sys.executable, os.path.join(here, "accuracy.py"), slab]).strip(),
           "", "", "tests/bench/accuracy.py")


def row_memory():
    for size in (1, 4, 16) if not args.small else (1,):
        edge = {1: 16384, 4: 32768, 16: 65536}[size]
        name = f"m{size}.h5"
        if not os.path.exists(name):
            run([os.path.join(bench, "bench_make"), name, str(edge), str(edge)])
        for budget in (64, 512):
            words = {"stat": [slab, "stat", f"{name}:/x", "--memory", f"{budget}M"],
                     "stat --axis 0": [slab, "stat", f"{name}:/x", "--axis", "0", "--memory",
                                       f"{budget}M", "-o", "peak.h5", "--force"],
                     "pca -k 5": [slab, "pca", f"{name}:/x", "-k", "5", "--memory", f"{budget}M",
                                  "--method", "randomized", "-o", "peak.h5", "--force"]}
            for verb, command in words.items():
                most = table.peak(command)
                refused = isinstance(most, str)
                report(f"{verb} on {size} GiB, --memory {budget}M: peak above the budget",
                       "refused" if refused else f"{most - budget:.0f} MiB", "64 MiB", "64 MiB",
                       most if refused else f"{most:.0f} MiB resident")


def row_start():
    small = "small.h5"
    if not os.path.exists(small):
        run([slab, "random", "uniform", "--shape", "10x10", "--dtype", "f4", "--seed", "1", "-o",
             small + ":/x"])

    def many(words):
        return lambda: sum(seconds(words) for _ in range(40)) / 40
    ours, h5ls = medians(many([slab, "ls", small]), many(["h5ls", small]))
    report("slab ls start-up over h5ls: time", f"{ours / h5ls:.2f}", 1.5, 1.0,
           f"{1000 * ours:.1f} and {1000 * h5ls:.1f} ms")


rows = {"stat": row_stat, "columns": row_columns, "write": row_write, "import": row_import,
        "axis": row_axis, "memory": row_memory, "start": row_start, "pca": row_pca,
        "accuracy": row_accuracy}
for row in args.rows or ["stat", "columns", "write", "import", "axis", "memory", "start"]:
    rows[row]()
