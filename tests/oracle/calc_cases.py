#!/usr/bin/env python3
"""Draws arrays and expressions, evaluates each with slab and with NumPy 2, and compares values, type
and shape: integers, bools and choices exactly, floats to the rounding of the operation.

    calc_cases.py CASES [SEED] [--show] [--keep FOLDER]

A case is one expression over one or two arrays in a file with awkward chunks. Cases are evaluated
in batches of one `slab calc`; a batch that fails is tried again one by one. Where NumPy refuses,
slab has to refuse (exit code 2, one line); where slab refuses what NumPy gives, the case fails,
unless the refusal is one of those that docs/expressions.md states.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile
import warnings

import h5py
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("cases", type=int, nargs="?", default=600)
parser.add_argument("seed", type=int, nargs="?", default=1)
parser.add_argument("--show", action="store_true", help="print every expression")
parser.add_argument("--keep", help="write the files of failing cases here")
args = parser.parse_args()
slab = os.environ.get("SLAB", "slab")
rng = random.Random(args.seed)
warnings.simplefilter("ignore")
np.seterr(all="ignore")

INTS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
SHAPES = [(), (0,), (1,), (2,), (7,), (31,), (257,), (1, 1), (3, 5), (5, 1), (1, 6), (13, 11),
          (0, 4), (37, 2), (64, 64), (2, 3, 5), (7, 1, 4), (3, 4, 0), (2, 3, 2, 3), (5, 1, 2, 1, 3)]


def array(shape, dtype, gen):
    """Values with the extremes, NaN, infinities and -0.0 among them, here and there."""
    dtype = np.dtype(dtype)
    n = int(np.prod(shape))
    if dtype == bool:
        x = gen.integers(0, 2, n).astype(bool)
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        x = (gen.integers(info.min, info.max, n, endpoint=True, dtype=dtype) if rng.random() < .4
             else gen.integers(0 if dtype.kind == "u" else -9, 10, n).astype(dtype))
        special = np.array([info.min, info.max, 0, 1], dtype)
        spots = gen.random(n) < .05
        x[spots] = gen.choice(special, spots.sum())
    else:
        real = gen.normal(size=(2, n)) * 10.0 ** rng.choice([0, 0, 0, 2, -3])
        if rng.random() < .3:
            real = np.round(real)
        x = (real[0] + 1j * real[1]).astype(dtype) if dtype.kind == "c" else real[0].astype(dtype)
        if rng.random() < .4:
            spots = gen.random(n) < .1
            special = [np.nan, np.inf, -np.inf, 0.0, -0.0]
            if dtype.kind == "f":
                special += [np.finfo(dtype).max, np.finfo(dtype).tiny]
            x[spots] = gen.choice(np.array(special), spots.sum()).astype(dtype)
    return x.reshape(shape)


def chunks(shape):
    if not shape or 0 in shape or rng.random() < .2:
        return None
    return tuple(rng.randint(1, max(1, n)) for n in shape)


UNARY = {
    "any": ["+x", "-x", "abs(x)", "square(x)", "isnan(x)", "isinf(x)", "isfinite(x)", "sign(x)",
            "logical_not(x)", "conj(x)", "real(x)", "imag(x)", "nan_to_num(x)", "x != 0", "x + True"],
    "real": ["sqrt(x)", "exp(x)", "log(x)", "log1p(x)", "expm1(x)", "log2(x)", "log10(x)", "exp2(x)",
             "sin(x)", "cos(x)", "tan(x)", "arcsin(x)", "arccos(x)", "arctan(x)", "sinh(x)", "cosh(x)",
             "tanh(x)", "arcsinh(x)", "arccosh(x)", "arctanh(x)", "cbrt(x)", "reciprocal(x)",
             "floor(x)", "ceil(x)", "trunc(x)", "rint(x)", "round(x, 1)", "signbit(x)", "fabs(x)",
             "deg2rad(x)", "degrees(x)", "clip(x, -1, 1)", "clip(x, 0, None)", "spacing(x)",
             "isposinf(x)", "isneginf(x)", "positive(x)"],
    "int": ["~x", "x << 1", "x >> 1", "bitwise_count(x)", "x // 3", "x % 3", "x ** 2", "-x"],
}
BINARY = {
    "any": ["x + y", "x - y", "x * y", "x / y", "x == y", "x != y", "x < y", "x <= y", "x > y",
            "x >= y", "maximum(x, y)", "minimum(x, y)", "fmax(x, y)", "fmin(x, y)",
            "logical_and(x, y)", "logical_or(x, y)", "logical_xor(x, y)", "where(x > y, x, y)",
            "where(x != 0, y, 0)", "x*y + x", "(x + 1)*(y - 1)"],
    "real": ["x // y", "x % y", "fmod(x, y)", "hypot(x, y)", "arctan2(x, y)", "copysign(x, y)",
             "logaddexp(x, y)", "heaviside(x, y)", "nextafter(x, y)", "float_power(abs(x), 0.5)",
             "abs(x) ** 0.5", "isclose(x, y)"],
    "int": ["x & y", "x | y", "x ^ y", "gcd(x, y)", "lcm(x % 97, y % 89)", "x << (y % 8)",
            "x >> (y % 8)", "x // y", "x % y"],
}
# Of complex numbers each half is a difference, or sum, of products: what it loses is measured against
# the size of these. NumPy rounds some of them together with the difference, by the processor.
PRODUCTS = {"square(x)": "abs(x)**2", "x * y": "abs(x)*abs(y)", "x*y + x": "abs(x)*abs(y) + abs(x)",
            "(x + 1)*(y - 1)": "abs(x + 1)*abs(y - 1)", "x / y": "abs(x / y)"}
REDUCTIONS = ["sum", "prod", "mean", "var", "std", "min", "max", "argmin", "argmax", "any", "all",
              "count_nonzero", "ptp", "nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmin",
              "nanmax", "median", "nanmedian"]
ONE_AXIS = {"argmin", "argmax"}
NO_COMPLEX = {"ptp", "median", "nanmedian", "min", "max", "argmin", "argmax", "nanmin", "nanmax"}
# NumPy computes these through other functions, to fewer digits than their type has
LOOSE = {"log2(x)", "exp2(x)", "logaddexp(x, y)", "tan(x)", "arctanh(x)", "arccosh(x)", "arcsinh(x)",
         "cosh(x)", "sinh(x)", "expm1(x)", "isclose(x, y)"}


def family(dtype):
    kind = np.dtype(dtype).kind
    return {"b": "any", "i": "int", "u": "int", "f": "real", "c": "any"}[kind]


def index(rank, shape):
    """A basic index as Python writes it."""
    items = []
    for n in shape[:rng.randint(0, rank)]:
        r = rng.random()
        if r < .2 and n > 0:
            items.append(str(rng.randint(-n, n - 1)))
        elif r < .3:
            items.append("newaxis")
            items.append(":")
        else:
            part = ["" if rng.random() < .4 else str(rng.randint(-n - 2, n + 2)) for _ in range(2)]
            step = rng.choice(["", "", ":1", ":2", ":-1", ":-2", ":3"])
            items.append(f"{part[0]}:{part[1]}{step}")
    if rng.random() < .3:
        items.insert(rng.randint(0, len(items)), "...")
    return "[" + ", ".join(items) + "]" if items else "[...]"


def axis_text(rank, name):
    r = rng.random()
    if rank == 0 or r < .3:
        return ""
    if r < .8 or rank == 1 or name in ONE_AXIS:
        return f", axis={rng.randint(-rank, rank - 1)}"
    axes = rng.sample(range(rank), rng.randint(1, rank))
    return ", axis=(" + ", ".join(str(a) for a in axes) + ("," if len(axes) == 1 else "") + ")"


def reduction(of, dtype, rank):
    name = rng.choice([n for n in REDUCTIONS
                       if not (np.dtype(dtype).kind == "c" and n in NO_COMPLEX)])
    text = f"{name}({of}{axis_text(rank, name)}"
    if rng.random() < .3:
        text += ", keepdims=True"
    if name in ("var", "std", "nanvar", "nanstd") and rng.random() < .3:
        text += ", ddof=1"
    return text + ")"


def other(of, dtype, rank):
    """Functions with a shape of their own."""
    kind = np.dtype(dtype).kind
    choices = [f"{of}.T", f"({of} + 1){index(rank, (3,) * rank) if rank else '[...]'}"]
    if rank:
        axis = rng.randint(-rank, rank - 1)
        choices += [f"cumsum({of}, axis={axis})", f"cumprod({of}, axis={axis})",
                    f"diff({of}, axis={axis})", f"flip({of}, axis={axis})",
                    f"mean({of}, axis={axis}, keepdims=True) + {of}", f"expand_dims({of}, {axis})"]
        if kind in "iuf":
            q = round(rng.random(), 2)
            choices += [f"quantile({of}, {q}, axis={axis})", f"quantile({of}, [0.1, {q}])",
                        f"percentile({of}, {100 * q:.0f}, axis={axis}, keepdims=True)",
                        f"norm({of}, axis={axis})"]
        if kind == "f":
            choices.append(f"histogram(nan_to_num({of}, nan=0, posinf=1, neginf=-1), bins=5)")
        if kind in "iuf" and rank == 2:
            choices += [f"cov({of})", f"corrcoef({of}, rowvar=False)"]
    return rng.choice(choices)


def expression(x, y):
    r = rng.random()
    kind = family(x.dtype)
    pick = "any" if rng.random() < .4 else kind
    if r < .22:
        return rng.choice(UNARY[pick])
    if r < .5:
        both = pick if family(y.dtype) == kind or pick == "any" else "any"
        return rng.choice(BINARY[both])
    if r < .78:
        return reduction("x", x.dtype, x.ndim)
    if r < .86:
        return "x" + index(x.ndim, x.shape)
    if r < .93:
        return other("x", x.dtype, x.ndim)
    target = rng.choice(INTS + FLOATS + COMPLEX + ["bool"])
    if x.dtype.kind == "c" and target not in COMPLEX:
        target = "complex64"
    if x.dtype.kind == "f" and target not in FLOATS + COMPLEX + ["bool"]:
        target = "float32"
    return f"astype(x, {target})"


names = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
names.update(norm=np.linalg.norm, bool=np.bool_, abs=np.abs, round=np.round, min=np.min, max=np.max,
             sum=np.sum, any=np.any, all=np.all)


def wanted(text, x, y):
    return eval(text, dict(names), {"x": x, "y": y})  # our own text


def tolerance(text, dtype):
    kind = np.dtype(dtype)
    if kind.kind not in "fc":
        return 0
    eps = float(np.finfo(kind).eps)
    single = text in UNARY["any"] + UNARY["real"] + BINARY["any"] + BINARY["real"]
    return (16 if text in LOOSE else 4 if single else 64) * eps


def overflows(text, x, y):
    """Where can the sum or product of some of the elements leave the type's range, in whatever order?

    Then one order ends in infinity, or NaN where that meets its opposite or zero, and another does not.
    It can where the same expression over the sizes of the elements does."""
    if x.dtype.kind not in "fc" or not ("sum" in text or "prod" in text):
        return False
    sizes = np.where(np.isfinite(x), np.abs(x), 0)
    if "prod" in text:
        sizes = np.maximum(sizes, 1)
    return ~np.isfinite(wanted(text, sizes.astype(x.dtype), y))


def same(text, got, want, x, y):
    want = np.asarray(want)
    if got.dtype != want.dtype:
        return f"type {got.dtype}, not {want.dtype}"
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if want.dtype.kind in "biu":
        wrong = got != want
    else:
        rtol = tolerance(text, want.dtype)
        # sums lose what cancels: measured against the size of what was summed
        scale = 0.0
        if "(" in text:
            sizes = [np.abs(a[np.isfinite(a)].astype(complex)).max(initial=0) for a in (x, y)]
            scale = max(sizes) if sizes else 0
            if any(w in text for w in ("prod", "var", "cov", "mean(", "std", "sum", "norm")):
                scale = float(np.nanmax(np.abs(np.where(np.isfinite(want), want, 0)), initial=0)) + scale
        if want.dtype.kind == "c" and text in PRODUCTS:
            with np.errstate(all="ignore"):
                scale = np.abs(wanted(PRODUCTS[text], x.astype(complex), y.astype(complex)))
            scale = np.where(np.isfinite(scale), scale, 0)
        if want.dtype.kind == "c" and "mean(" in text:
            # NumPy divides by a complex count, which makes NaN of infinities' other halves
            want = np.where(np.isfinite(want), want, got)
        if want.dtype.kind == "c" and "prod" in text:
            # which half of a product is infinite and which NaN depends on the order
            want = np.where(np.isfinite(want) | np.isfinite(got), want, got)
        if want.dtype.kind == "c":  # infinities in one half say nothing of the other
            got, want = (np.stack([z.real, z.imag]) for z in (got, want))
        if "mean(" in text and np.abs(x[np.isfinite(x)]).max(initial=0) > 1e300:
            want = np.where(np.isfinite(want), want, got)  # sums overflow, or not
        if any(w in text for w in ("var(", "std(")) and np.abs(x[np.isfinite(x)]).max(initial=0) > 1e150:
            want = np.where(np.isnan(got), got, want)  # squares overflow
        want = np.where(overflows(text, x, y) & ~np.isfinite(got), got, want)
        wrong = ~np.isclose(got, want, rtol=rtol, atol=rtol * scale, equal_nan=True)
        if want.dtype.kind == "f":
            wrong &= ~((got == want) | (np.isnan(got) & np.isnan(want)))
    if not wrong.any():
        return None
    where = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(wrong)))
    return (f"{wrong.sum()} of {wrong.size} elements, first at {where}: "
            f"{np.atleast_1d(got)[where]!r}, not {np.atleast_1d(want)[where]!r}")


def wider(text, x, y, want):
    """What NumPy gives in a wider type: its own sums of float16 overflow where ours need not."""
    if x.dtype.kind in "iu":  # NumPy's interpolation of integers wraps around
        return np.asarray(wanted(text, x.astype("float64"), y)).astype(np.asarray(want).dtype)
    wide = {"float16": "float64", "float32": "float64", "float64": "longdouble",
            "complex64": "complex128", "complex128": "clongdouble"}
    if not any(f"{n}(" in text for n in REDUCTIONS + ["cumsum", "cumprod", "norm", "quantile"]):
        return want
    value = wanted(text, x.astype(wide.get(str(x.dtype), x.dtype)), y)
    return np.asarray(value).astype(np.asarray(want).dtype)


def slab_calc(texts, file, out):
    words = [slab, "calc", "; ".join(f"r{i} = {t}" for i, t in enumerate(texts))]
    used = " ".join(texts)
    import re
    for name in "xy":
        if re.search(rf"\b{name}\b", used):
            words.append(f"{name}={file}:/{name}")
    words += ["-o", out, "--force", "-q", "--no-sync", "--memory", rng.choice(["64M", "256M", "2G"]),
              "-@", rng.choice(["1", "2"])]
    return subprocess.run(words, capture_output=True, text=True)


def read(out, i, n):
    with h5py.File(out) as f:
        x = f[f"r{i}" if n > 1 else "r0" if "r0" in f else "result"]
        return x[()] if x.shape else np.asarray(x[()])


def parts(value):
    return list(value) if isinstance(value, tuple) or type(value).__name__ == "HistogramResult" else None


class Batch:
    """Arrays and the expressions over them."""

    def __init__(self, gen, folder, number):
        shape = rng.choice(SHAPES)
        dtype = rng.choice(INTS + FLOATS * 3 + COMPLEX + ["bool"])
        self.x = array(shape, dtype, gen)
        second = dtype if rng.random() < .5 else rng.choice(INTS + FLOATS + COMPLEX + ["bool"])
        broad = tuple(1 if rng.random() < .3 else n for n in shape)[rng.randint(0, len(shape)):] \
            if rng.random() < .4 else shape
        self.y = array(broad, second, gen)
        self.file = os.path.join(folder, f"in{number}.h5")
        self.out = os.path.join(folder, f"out{number}.h5")
        with h5py.File(self.file, "w") as f:
            for name, a in (("x", self.x), ("y", self.y)):
                c = chunks(a.shape)
                f.create_dataset(name, data=a, chunks=c,
                                 **(dict(compression="gzip", shuffle=True) if c else {}))

    def draw(self, n):
        self.good, self.bad = [], []
        while len(self.good) + len(self.bad) < n:
            text = expression(self.x, self.y)
            try:
                value = wanted(text, self.x, self.y)
            except ValueError as e:
                if "reshape" not in str(e):  # an accident of its median over no elements
                    self.bad.append((text, e))
                continue
            except (TypeError, IndexError, OverflowError, np.exceptions.AxisError) as e:
                self.bad.append((text, e))
                continue
            split = parts(value)
            if split is not None:
                self.good += [(f"({text})[{i}]", v) for i, v in enumerate(split)]
            else:
                self.good.append((text, value))

    def run(self):
        failures = []
        texts = [t for t, _ in self.good]
        done = slab_calc(texts, self.file, self.out) if texts else None
        together = bool(texts) and done.returncode == 0
        for i, (text, value) in enumerate(self.good):
            if args.show:
                print(text, self.x.dtype, self.x.shape, self.y.dtype, self.y.shape)
            n = len(texts)
            if not together:
                done, i, n = slab_calc([text], self.file, self.out), 0, 1
            if done.returncode != 0:
                failures.append((text, f"exit {done.returncode}: {done.stderr.strip()[-300:]}"))
                continue
            try:
                got = read(self.out, i, n)
                wrong = same(text, got, value, self.x, self.y)
                if wrong and (self.x.dtype.kind in "fc" or "ntile(" in text) and not isinstance(value, tuple):
                    wrong = same(text, got, wider(text, self.x, self.y, value), self.x, self.y)
            except (OSError, KeyError) as e:
                wrong = repr(e)
            if wrong:
                failures.append((text, wrong))
        for text, error in self.bad:
            done = slab_calc([text], self.file, self.out)
            if done.returncode != 2:
                failures.append((text, f"NumPy refuses ({error}), slab exits {done.returncode}"))
        return failures


gen = np.random.default_rng(args.seed)
passed = failed = number = 0
with tempfile.TemporaryDirectory() as folder:
    while passed + failed < args.cases:
        batch = Batch(gen, args.keep or folder, number)
        batch.draw(12)
        failures = batch.run()
        total = len(batch.good) + len(batch.bad)
        failed += len(failures)
        passed += total - len(failures)
        for text, why in failures:
            print(f"FAILS {text}   x: {batch.x.dtype}{batch.x.shape} y: {batch.y.dtype}"
                  f"{batch.y.shape} batch {number}: {why}", flush=True)
        for path in (batch.file, batch.out):
            if os.path.exists(path) and not (args.keep and failures):
                os.remove(path)
        number += 1
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
