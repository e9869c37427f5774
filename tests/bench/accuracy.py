#!/usr/bin/env python3
"""How near to exact slab's randomised principal components are, beside plink2's approximate ones.

    accuracy.py SLAB [PEOPLE VARIANTS COMPONENTS POPULATIONS]

Simulates genotypes (5,000 x 20,000, 20 components, 5 populations when not given), takes the exact
eigenvalues and vectors from NumPy in double precision, and prints for both programs: the largest
relative error of the populations' POPULATIONS - 1 leading eigenvalues, of the others, and the
distance of the subspaces (root of the sum of squared sines). Needs NumPy, h5py and plink2.
"""
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError:
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

slab = os.path.abspath(sys.argv[1])
people, variants, k, populations = map(int, sys.argv[2:6]) if len(sys.argv) > 2 else (5000, 20000,
                                                                                       20, 5)
plugin = subprocess.run([slab, "plugin-path"], capture_output=True, text=True, check=True)
os.environ["HDF5_PLUGIN_PATH"] = plugin.stdout.strip()


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def exact(bed):
    raw = np.fromfile(bed, np.uint8)[3:].reshape(variants, -1)
    codes = np.stack([raw >> s & 3 for s in (0, 2, 4, 6)], -1).reshape(variants, -1)[:, :people]
    g = np.array([2, np.nan, 1, 0])[codes].T
    p = np.nanmean(g, 0) / 2
    keep = (p > 0) & (p < 1)
    z = np.nan_to_num((g[:, keep] - 2 * p[keep]) / np.sqrt(2 * p[keep] * (1 - p[keep])))
    values, vectors = np.linalg.eigh(z @ z.T / keep.sum())
    return values[::-1][:k], vectors[:, ::-1][:, :k]


def compare(name, values, vectors, best, basis):
    error = np.abs(values / best - 1)
    sines = np.linalg.svd(vectors - basis @ (basis.T @ vectors), compute_uv=False)
    print(f"{name}: leading {error[:populations - 1].max():.1e}, "
          f"others {error[populations - 1:].max():.1e}, subspace {np.sqrt((sines ** 2).sum()):.2f}; ",
          end="")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    run(slab, "random", "genotypes", "--shape", f"{people}x{variants}", "--populations",
        str(populations), "--fst", "0.05", "--seed", "2", "-q", "-o", "a.h5:/genotypes")
    run(slab, "export", "a.h5:/genotypes", "-q", "-o", "a.bed")
    best, basis = exact("a.bed")
    run(slab, "pca", "a.h5:/genotypes", "-k", str(k), "--method", "randomized", "-q", "-o", "p.h5")
    run("plink2", "--bfile", "a", "--pca", "approx", str(k), "--threads", "2", "--seed", "1",
        "--out", "p")
    with h5py.File("p.h5") as f:
        compare("slab", f["eigenvalues"][:], f["scores"][:], best, basis)
    compare("plink2", np.loadtxt("p.eigenval"), np.loadtxt("p.eigenvec", usecols=range(2, 2 + k)),
            best, basis)
    print()
