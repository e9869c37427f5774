"""Compares the files that test_real_job.sh made with plink2's answers and with NumPy's."""
import json
import os
import sys

import h5py
import numpy as np

genomics = os.path.join(os.environ["DATA"], "genomics")
people = sum(1 for _ in open(os.path.join(genomics, "1kg.fam")))
variants = sum(1 for _ in open(os.path.join(genomics, "1kg.bim")))
failures = []


def check(what, good):
    print(("ok    " if good else "FAILS ") + what)
    if not good:
        failures.append(what)


def bed():
    raw = np.fromfile(os.path.join(genomics, "1kg.bed"), np.uint8)[3:].reshape(variants, -1)
    codes = np.stack([raw >> s & 3 for s in (0, 2, 4, 6)], -1).reshape(variants, -1)[:, :people]
    return np.array([2, 3, 1, 0], np.uint8)[codes].T


genotypes = bed()
with h5py.File("cohort.h5") as f:
    stored = f["genotypes"]
    check("shape and type", stored.shape == (people, variants) and stored.dtype == np.uint8)
    check("every genotype, as h5py reads it", np.array_equal(stored[:], genotypes))

known = genotypes[genotypes != 3].astype(float)
stat = json.load(open("stat.json"))
check("keys of stat", set(stat) >= {"count", "missing", "min", "max", "mean", "std", "var", "zeros"})
check("counts", stat["count"] == known.size and stat["missing"] == genotypes.size - known.size
      and stat["zeros"] == int((known == 0).sum()))
check("mean, std, var", np.allclose([stat["mean"], stat["std"], stat["var"]],
                                    [known.mean(), known.std(), known.var()], rtol=1e-12))

expected = np.loadtxt(os.path.join(genomics, "1kg.plink2-pca10-meanimpute.eigenval"))
table = [l.split() for l in open(os.path.join(genomics, "1kg.plink2-pca10-meanimpute.eigenvec"))]
names = [row[:-10] for row in table[1:]]
vectors = np.array([row[-10:] for row in table[1:]], float)


def digits(got, text_like):
    """Agreement to the six significant digits that plink2 prints, half a unit of the last."""
    unit = 10.0 ** (np.floor(np.log10(np.abs(text_like))) - 5)
    return np.max(np.abs(got - text_like) / unit)


with h5py.File("pcs.h5") as f:
    values, scores = f["eigenvalues"][:], f["scores"][:]
check(f"eigenvalues to plink2's digits (off by {digits(values, expected):.2f} units)",
      digits(values, expected) <= 0.51)
signs = np.sign((scores * vectors).sum(0))
worst = digits(scores * signs, vectors)
check(f"eigenvectors to plink2's digits (off by {worst:.2f} units)", worst <= 0.75)
check("dump gives the eigenvalues in full precision",
      np.array_equal(np.array(open("eigenvalues.txt").read().split(), float), values))

for other in ["pcs-1", "pcs-2", "pcs-4", "pcs-one-thread"]:
    with h5py.File("pcs.h5") as a, h5py.File(other + ".h5") as b:
        paths = []
        a.visititems(lambda n, o: paths.append(n) if isinstance(o, h5py.Dataset) else None)
        same = all(np.array_equal(a[p][()], b[p][()]) for p in paths)
    check(f"{other}: the same bits in {len(paths)} arrays", same and len(paths) >= 4)

lines = open("scores.tsv").read().splitlines()
head = lines[0].lstrip("#").split("\t")
check("TSV header", head[0] in ("FID", "IID") and head[-10:] == [f"PC{i}" for i in range(1, 11)])
check("TSV has a row a person", len(lines) == people + 1)
body = [l.split("\t") for l in lines[1:]]
check("TSV ids", all(row[:-10][-1] == name[-1] for row, name in zip(body, names)))
check("TSV numbers", np.array_equal(np.array([r[-10:] for r in body], float), scores))
check("NPY", np.array_equal(np.load("scores.npy"), scores))
sys.exit(bool(failures))
