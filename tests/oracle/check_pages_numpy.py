#!/usr/bin/env python3
"""Evaluates the examples of docs/functions with NumPy 2 too: values and shapes have to be the same.

Examples that slab refuses, that read files or options, or that use names NumPy does not have are
passed over.
"""
import glob
import json
import os
import re
import shlex
import subprocess
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
np.seterr(all="ignore")
slab = os.environ.get("SLAB", "slab")
source = os.environ["SLAB_SOURCE"]
# not NumPy's, or documented to differ
OTHER = {"topk", "cummax", "cummin", "gamma", "gammaln", "erf", "erfc", "norm", "random_uniform",
         "random_normal", "random_integers", "modf_fraction", "modf_integral", "frexp_mantissa",
         "frexp_exponent"}
EXACTER = {"sum(array([1e16, 1, 1, -1e16]))"}  # with compensation: 2, NumPy's pairwise sum is 0


def examples():
    for page in sorted(glob.glob(os.path.join(source, "docs/functions/*.md"))):
        for line in open(page, encoding="utf-8"):
            if line.startswith("$ slab calc "):
                words = shlex.split(line[2:])[2:]
                if len(words) == 1:
                    yield os.path.basename(page), words[0]


def numpy_results(text):
    """name: value, as slab stores them."""
    scope = dict(vars(np))
    out = {}
    for i, statement in enumerate(text.split("; ")):
        name = re.match(r"[a-z_]+(, [a-z_]+)* = ", statement)
        value = eval(statement[name.end():] if name else statement, scope)
        names = name.group()[:-3].split(", ") if name else ["result" if "; " not in text else f"result{i}"]
        for n, v in zip(names, value if len(names) > 1 else [value]):
            scope[n] = out[n] = v
    return out


def number(x):
    """NumPy's elements as lists of what slab's JSON has."""
    if isinstance(x, list):
        return [number(i) for i in x]
    return [x.real, x.imag] if isinstance(x, complex) else x


def close(a, b):
    a = [a.get("re", 0), a.get("im", 0)] if isinstance(a, dict) else a
    if isinstance(b, list):
        return isinstance(a, list) and len(a) == len(b) and all(map(close, a, b))
    if isinstance(b, float) and not np.isfinite(b):
        return a is None or str(a).lower().strip('"') in (str(b), "nan", "infinity", "-infinity")
    if isinstance(b, bool) or isinstance(a, bool):
        return a == b
    return isinstance(a, (int, float)) and abs(a - b) <= 1e-12 * abs(b)


seen = bad = 0
for page, text in examples():
    if text in EXACTER or set(re.findall(r"[a-z_0-9]+", text)) & OTHER:
        continue
    ran = subprocess.run([slab, "calc", text, "--json"], capture_output=True, text=True)
    if ran.returncode != 0:
        continue
    got = json.loads(ran.stdout)
    want = {n: number(np.asarray(v).tolist()) for n, v in numpy_results(text).items()}
    seen += 1
    if got.keys() != want.keys() or not all(close(got[n], want[n]) for n in want):
        bad += 1
        print(f"{page}: {text}\n  slab  {got}\n  NumPy {want}")
print(f"{seen} examples, {bad} differ")
sys.exit(bad > 0 or seen < 120)
