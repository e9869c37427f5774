"""slab unique and slab group against NumPy: few and many labels, near and far apart, NaN, axes."""
import os
import subprocess
import sys

import h5py
import numpy as np

slab = os.environ["SLAB"]
rng = np.random.default_rng(0)
failed = 0


def run(*words):
    done = subprocess.run([slab, *words, "--force", "-q"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"slab {' '.join(words)}: exit {done.returncode}\n{done.stderr}")


def check(what, good):
    global failed
    failed += not good
    print("ok   " if good else "FAILS", what)


def store(file, **arrays):
    with h5py.File(file, "w") as f:
        for name, x in arrays.items():
            chunks = tuple(min(n, 10007 + 13 * a) if a == 0 else max(1, n // 2) for a, n in enumerate(x.shape))
            f.create_dataset(name, data=x, **(dict(chunks=chunks) if x.ndim and x.size else {}))


values = {
    "genotypes": rng.integers(0, 4, (500, 300)).astype("u1"),
    "ids": rng.integers(-2**62, 2**62, 1_200_000),
    "rounded": np.round(rng.normal(size=300_000), 3).astype("f4"),
    # nine in ten equal: their bucket is larger than a part and is dealt out again
    "zeros": np.where(rng.random(2_500_000) < .9, 0, rng.normal(size=2_500_000)),
    "halves": np.array([1, np.nan, 2, np.nan, 1, np.inf, -np.inf], "f2"),
    "bools": rng.random(1000) < .5,
    "empty": np.zeros((0, 3)),
    "scalar": np.array(5),
}
store("u.h5", **values)
for name, x in values.items():
    want, counts = np.unique(x, return_counts=True)
    for more in (["-@", "1"], ["-@", "2", "--memory", "300M"]):
        run("unique", f"u.h5:/{name}", "--counts", "-o", "uo.h5", *more)
        with h5py.File("uo.h5") as f:
            got, n = f["values"][()], f["counts"][()]
        check(f"unique {name} {more}", got.dtype == want.dtype and n.shape == counts.shape
              and (n == counts).all() and ((got == want) | ((got != got) & (want != want))).all())

rows = {
    "floats": (rng.normal(size=(60_000, 8)).astype("f4"), rng.integers(0, 5000, 60_000), 0),
    "integers": (rng.integers(-100, 100, (3000, 7, 5)).astype("i2"), np.round(rng.normal(size=3000), 1), 0),
    "far": (rng.normal(size=50_000), rng.integers(-2**60, 2**60, 300)[rng.integers(0, 300, 50_000)], 0),
    "wide": (rng.normal(size=(1000, 3000)), rng.integers(0, 9, 1000).astype("u1"), 0),
    "last": (rng.normal(size=(4, 5, 600)), rng.integers(0, 3, 600), -1),
    "unsigned": (rng.integers(2**63, 2**64, (500, 2), dtype="u8"), rng.integers(0, 4, 500), 0),
}
rows["far"][0][::17] = np.nan
rows["far"][1][:3] = -5
store("g.h5", **{k: v[0] for k, v in rows.items()}, **{k + "_labels": v[1] for k, v in rows.items()})
for name, (x, labels, axis) in rows.items():
    groups = np.unique(labels)
    parts = [np.compress(labels == g, x, axis=axis) for g in groups]
    for names in ("sum,mean,var,std,min,max,count", "nansum,nanmean,nanvar,nanstd,nanmin,nanmax"):
        for more in (["-@", "1"], ["-@", "2", "--memory", "200M"]):
            run("group", names, f"g.h5:/{name}", f"by=g.h5:/{name}_labels", "-o", "go.h5",
                f"--axis={axis}", *more)
            with h5py.File("go.h5") as f:
                got = {k: f[k][()] for k in f}
            good = np.array_equal(got["labels"], groups)
            for what in names.split(","):
                want = np.array([p.shape[axis] if what == "count" else getattr(np, what)(p, axis=axis)
                                 for p in parts])
                eps = np.finfo(want.dtype).eps if want.dtype.kind == "f" else 0
                good &= got[what].dtype == want.dtype and np.allclose(
                    got[what], want, rtol=200 * eps, atol=200 * eps, equal_nan=True)
            check(f"group {names} {name} {more}", good)
sys.exit(failed > 0)
