"""slab stat against NumPy. CASES and SEED in the environment draw more, or others."""
import json
import os
import subprocess
import sys

import h5py
import numpy as np

slab = os.environ["SLAB"]
rng = np.random.default_rng(int(os.environ.get("SEED", "1")))
cases = int(os.environ.get("CASES", "60"))
types = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i2", ">u4", ">f4",
         ">f8"]


def draw(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        wide = rng.random() < 0.3
        low, high = (limits.min, limits.max) if wide else (max(limits.min, -5), 100)
        return rng.integers(low, high, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)
    x = rng.normal(rng.choice([0, 1000]), 1, shape)
    x[rng.random(shape) < 0.05] = 0
    if rng.random() < 0.5:
        x[rng.random(shape) < 0.1] = np.nan
    return x.astype(dtype)


def expected(x, missing, axis):
    """The eight keys by NumPy, in double precision."""
    gone = np.isnan(x) if x.dtype.kind == "f" else (x == missing if missing is not None
                                                     else np.zeros(x.shape, bool))
    # long double keeps the mean of large 64-bit integers to more digits than are compared
    wide = np.ma.array(x.astype(np.longdouble), mask=gone)
    native = np.ma.array(x, mask=gone)
    axis = axis if axis is not None else tuple(range(x.ndim))
    mean = wide.mean(axis, keepdims=True)
    var = ((wide - mean) ** 2).mean(axis)
    return {"count": (~gone).sum(axis), "missing": gone.sum(axis), "min": native.min(axis),
            "max": native.max(axis), "mean": wide.mean(axis), "var": var, "std": np.sqrt(var),
            "zeros": ((x == 0) & ~gone).sum(axis)}


def agrees(key, got, want, scale):
    got = np.array([np.nan if g is None else g for g in np.ravel(got)], dtype=np.longdouble)
    want = np.ravel(np.ma.filled(np.ma.asarray(want, np.longdouble), np.nan))
    if got.shape != want.shape:
        return False
    if key in ("count", "missing", "zeros"):
        return np.array_equal(got, want)
    tolerance = {"min": 0, "max": 0, "mean": 1e-13, "std": 1e-9, "var": 1e-9}[key] * scale
    return bool(np.all((np.abs(got - want) <= tolerance * (scale if key == "var" else 1) +
                        1e-12 * np.abs(want)) | (np.isnan(got) & np.isnan(want))))


failed = 0
for case in range(cases):
    rank = int(rng.integers(1, 5))
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 7, 17, 40], rank))
    dtype = types[case % len(types)]
    x = draw(dtype, shape)
    with h5py.File("case.h5", "w") as f:
        chunks = tuple(int(rng.integers(1, n + 1)) for n in shape)
        d = f.create_dataset("x", data=x, chunks=chunks if rng.random() < 0.8 else None)
        missing = None
        if x.dtype.kind in "iu" and rng.random() < 0.5:
            missing = x.ravel()[0]
            d.attrs.create("missing_value", missing, dtype=x.dtype)
    axis = int(rng.integers(0, rank)) if rng.random() < 0.6 else None
    if axis is not None and rank == 1:
        axis = None
    words = [slab, "stat", "case.h5:/x", "--json"] + ([f"--axis={axis}"] if axis is not None else [])
    ran = subprocess.run(words, capture_output=True, text=True)
    if ran.returncode:
        print("FAILS", words, ran.stderr)
        failed += 1
        continue
    got, want = json.loads(ran.stdout), expected(x, missing, axis)
    finite = x[np.isfinite(x)] if x.dtype.kind == "f" else x
    scale = float(np.max(np.abs(finite.astype(float)), initial=1e-30))
    wrong = [k for k in want if not agrees(k, got[k], want[k], scale)]
    if wrong:
        failed += 1
        print(f"FAILS case {case}: {dtype} {shape} chunks {chunks} axis {axis} missing {missing}")
        for k in wrong:
            print("   ", k, "got", got[k], "want", want[k])
print(f"{cases - failed} passed, {failed} failed")
sys.exit(bool(failed))
