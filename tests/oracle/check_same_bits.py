"""The same bits for any ranks, threads and budget: every verb of the array layer, every kind of
computation, over arrays of prime extents whose chunks do not divide.

Each case is run first on one rank and thread within the smallest budget that slab says is enough
(so: several rounds of passes, groups in parts, keys through the scratch folder), then on more ranks
and threads with more memory. What is written is compared byte for byte.

    check_same_bits.py         a sample, for every day
    check_same_bits.py full    ranks 1, 2, 4 x threads 1, 2 x three budgets
"""
import hashlib
import os
import re
import subprocess
import sys
import time

import h5py
import numpy as np

slab = os.environ["SLAB"]
full = sys.argv[1:] == ["full"]
rng = np.random.default_rng(20)
failed = 0


def check(what, good, why=""):
    global failed
    failed += not good
    if not good or full:
        print("ok   " if good else "FAILS", what, why, flush=True)
    return good


# --- inputs ---

def noisy(shape, dtype, nans=0.001):
    x = rng.normal(scale=30, size=shape)
    x[rng.random(shape) < 0.01] = -0.0
    x[rng.random(shape) < nans] = np.nan
    return x.astype(dtype)


def inputs():
    n = 200_003
    few = rng.integers(0, 37, 1009).astype("i4")
    many = rng.integers(-2**60, 2**60, n // 2)[rng.integers(0, n // 2, n)]
    arrays = {
        "x": (noisy((1009, 613), "f4"), (128, 130)),
        "y": (rng.normal(scale=1e3, size=(1009, 613)), (97, 613)),
        "i": (rng.integers(-300, 300, (1009, 613)).astype("i2"), (128, 130)),
        "z": (noisy((31, 61, 67), "f4", 0), (7, 13, 16)),
        "c": (rng.normal(size=(1009, 61)) + 1j * rng.normal(size=(1009, 61)), (100, 50)),
        "b": (rng.random((31, 61, 67)) < 0.4, (7, 13, 67)),
        "w": (rng.random((1009, 613)), (128, 130)),
        "row": (noisy((613,), "f8", 0), (100,)),
        "ids": (rng.integers(-2**62, 2**62, 1_200_007), (100_003,)),
        "few": (few, (100,)),
        "many": (many, (10_007,)),
        "rows": (rng.normal(size=(n, 7)).astype("f4"), (10_007, 4)),
    }
    with h5py.File("in.h5", "w") as f:
        for name, (x, chunks) in arrays.items():
            f.create_dataset(name, data=x, chunks=chunks, shuffle=True, compression="gzip", compression_opts=1)


# --- cases: name -> words of a call, without its output ---

def calc(text, *names):
    return ["calc", text, *(f"{n}=in.h5:/{n}" for n in names), "--seed", "5"]


def reductions():
    listed = os.path.join(os.environ["SLAB_SOURCE"], "compute", "sink", "reduction_list.h")
    return re.findall(r"^SLAB_REDUCTION\((\w+),", open(listed).read(), re.M)


REAL = [r for r in reductions() if r not in ("nanargmin", "nanargmax")]
SAMPLE = {  # these are checked every day
    "elementwise with reductions inside": calc(
        "sqrt(abs(x)) * 2 + (y - mean(y, axis=0)) / (1 + std(y)) + nansum(x, axis=1, keepdims=True)", "x", "y"),
    "running totals": calc(
        "a = cumsum(y, axis=0); b = nancumsum(x, axis=1); c = cumprod(1 + y / 1e5, axis=0);"
        "d = cummax(i, axis=1); t = cumsum(z, axis=1)", "x", "y", "i", "z"),
    "several outputs": calc(
        "m = mean(y, axis=0); s = std(y, axis=1); n = (y - m).astype(float32); q = median(y);"
        "h = histogram(y, bins=50)", "y"),
    "reductions along axis 0": ["reduce", ",".join(REAL[:14]), "in.h5:/y", "--axis", "0"],
    "reductions of all": ["reduce", ",".join(REAL[9:]), "in.h5:/x"],
    "quantiles": ["quantile", "in.h5:/y", "-p", "0,0.1,0.5,0.77,1"],
    "histogram": ["hist", "in.h5:/y", "--bins", "1000"],
    "distinct through scratch": ["unique", "in.h5:/ids", "--counts"],
    "groups": ["group", "mean,std,min,max,sum", "in.h5:/y", "by=in.h5:/few"],
    "covariance": calc("cov(y[:, :101])", "y"),
    "a reduction through scratch": calc("std(sqrt(broadcast_to(arange(1100003), (3, 1100003)) + row[:3, None]), axis=0)",
                                        "row"),
}
FULL = {
    "casts": calc("a = astype(y, float16); b = i.astype(complex64) * 1j; c = uint8(clip(y, 0, 255));"
                  "d = astype(x > 0, int64); e = astype(c.real, float32)", "x", "y", "i"),
    "broadcasts": calc("z[:, :, :1] * row[:67] + z[:1]", "z", "row"),
    "slices": calc("a = x[::-1, 3::7] - x[::-1, 2:-1:7]; b = z[5:, None, ::-2].T; c = diff(y, axis=0)",
                   "x", "y", "z"),
    "complex": calc("a = exp(c) * c.conj(); b = mean(c, axis=0); s = cumsum(c, axis=1); n = norm(c)", "c"),
    "integers": calc("a = i // 7; b = i % 7 + (i << 2); s = cumsum(i, axis=0); t = sum(i, axis=1)", "i"),
    "random draws": calc("a = random_normal((1009, 613), seed=3) + y; b = random_uniform((1009, 613));"
                         "c = random_integers(0, 1000, (31, 61, 67))", "y"),
    "reductions of reductions": calc("mean(std(y, axis=0)) + var(sum(x * x, axis=1)) - average(y, weights=w)",
                                     "x", "y", "w"),
    "reductions along the middle": ["reduce", ",".join(REAL[:14]), "in.h5:/z", "--axis", "1"],
    "reductions along two axes": ["reduce", ",".join(REAL[:14]), "in.h5:/z", "--axis", "0,2", "--keepdims"],
    "reductions along axis 1": ["reduce", ",".join(REAL[8:]), "in.h5:/y", "--axis", "1"],
    "reductions with NaN along axis 0": ["reduce", ",".join(REAL[:14]), "in.h5:/x", "--axis", "0"],
    "reductions of integers": ["reduce", ",".join(REAL[:14]), "in.h5:/i"],
    "reductions of bools": ["reduce", "sum,mean,any,all,count_nonzero,argmax", "in.h5:/b", "--axis", "2"],
    "reductions of complex": ["reduce", "sum,prod,mean,var,std,norm,count_nonzero", "in.h5:/c", "--axis", "0"],
    "places without NaN": ["reduce", "nanargmin,nanargmax", "in.h5:/x", "--axis", "1"],
    "a norm": ["reduce", "norm", "in.h5:/y", "--axis", "0", "--order", "3.5"],
    "quantiles along lines": ["quantile", "in.h5:/y", "-p", "0.1,0.5", "--axis", "1"],
    "quantiles along columns": ["quantile", "in.h5:/x", "-p", "0.3", "--axis", "0", "--skip-nan"],
    "quantiles of integers": ["quantile", "in.h5:/i", "-p", "0.25,0.75", "--method", "hazen"],
    "approximate quantiles": ["quantile", "in.h5:/y", "-p", "0.1,0.5,0.9", "--approx"],
    "histogram with weights": ["hist", "in.h5:/y", "--bins", "37", "--weights", "in.h5:/w", "--density"],
    "histogram of a range": ["hist", "in.h5:/x", "--bins", "17", "--range", "-50,50"],
    "histogram in two dimensions": ["hist", "in.h5:/y", "in.h5:/w", "--bins", "41"],
    "distinct in a table": ["unique", "in.h5:/i", "--counts"],
    "distinct reals": ["unique", "in.h5:/x", "--counts"],
    "many groups": ["group", "mean,std,count", "in.h5:/rows", "by=in.h5:/many"],
    "groups along the last axis": ["group", "nanmean,nanmax,count", "in.h5:/x", "by=in.h5:/row", "--axis", "1"],
    "groups of integers": ["group", "sum,mean,var,min,max", "in.h5:/i", "by=in.h5:/few"],
    "correlation": calc("corrcoef(y[:, :101], rowvar=False)", "y"),
    "greatest elements": calc("topk(y, 5000)", "y"),
    "least elements of few": calc("topk(i, 999, largest=False)", "i"),
}

# --- runs ---

def command(words, ranks=1, threads=1, memory=None):
    launch = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    more = ["-o", "out.h5", "-@", str(threads), "--no-sync", "-q"]
    done = subprocess.run([*launch, slab, *words, *more, *(["--memory", memory] if memory else [])],
                          capture_output=True, text=True)
    return done.returncode, done.stderr


def bits():
    """name -> type, shape and digest of every array of out.h5, which goes."""
    found = {}

    def see(name, array):
        if isinstance(array, h5py.Dataset):
            found[name] = (str(array.dtype), array.shape, hashlib.sha256(array[()].tobytes()).hexdigest())

    with h5py.File("out.h5") as f:
        f.visititems(see)
    os.remove("out.h5")
    return found


def smallest(name, words):
    """The budget, in MiB, that a refusal names; and that it is enough."""
    code, err = command(words, memory="64K")
    named = re.findall(r"--memory (\d+)M", err)
    if not check(f"{name}: 64 KiB are refused with the smallest budget",
                 code == 2 and len(named) == 1 and err.count("\n") == 1 and not os.path.exists("out.h5"),
                 f"exit {code}: {err}"):
        return None
    return int(named[0])


def run_case(name, words):
    least = smallest(name, words)
    if least is None:
        return
    budgets = [f"{least}M", f"{2 * least + 7}M", "2G"]
    every = [(r, t, m) for r in (1, 2, 4) for t in (1, 2) for m in budgets]
    some = [(1, 2, budgets[2]), (2, 1, budgets[1]), (4, 2, budgets[0])]
    code, err = command(words, 1, 1, budgets[0])
    if not check(f"{name}: {budgets[0]} are enough", code == 0, err):
        return
    want = bits()
    check(f"{name}: gives arrays", len(want) > 0)
    for ranks, threads, memory in every[1:] if full else some:
        what = f"{name}: {ranks} ranks x {threads} threads, {memory}"
        # more ranks hold more nodes of the merge tree: what one rank needs may not be enough
        code, err = command(words, ranks, threads, memory)
        named = re.findall(r"--memory (\d+)M", err)
        if code == 2 and memory == budgets[0] and named:
            code, err = command(words, ranks, threads, f"{named[0]}M")
        if not check(what, code == 0, err):
            continue
        got = bits()
        wrong = [a for a in want if got.get(a) != want[a]] + [a for a in got if a not in want]
        check(what, not wrong, f"other bits in {wrong}")


inputs()
begin = time.time()
cases = {**SAMPLE, **FULL} if full else SAMPLE
for name, words in cases.items():
    run_case(name, words)
print(f"{len(cases)} cases in {time.time() - begin:.0f} s, {failed} checks failed")
sys.exit(failed > 0)
