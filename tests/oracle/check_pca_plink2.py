"""Compares the models that test_pca_plink2.sh made with plink2's answers and with NumPy's."""
import sys

import h5py
import numpy as np

failures = []


def check(what, good):
    print(("ok    " if good else "FAILS ") + what)
    if not good:
        failures.append(what)


def same_bits(a, b):
    with h5py.File(a) as f, h5py.File(b) as g:
        paths = []
        f.visititems(lambda n, o: paths.append(n) if isinstance(o, h5py.Dataset) else None)
        return len(paths) >= 8 and all(np.array_equal(f[p][()], g[p][()]) for p in paths)


def units(got, printed):
    """How far off, in units of the last of plink2's six digits."""
    return np.max(np.abs(got - printed) / 10.0 ** (np.floor(np.log10(np.abs(printed))) - 5))


for s in (1, 2, 3):
    values = np.loadtxt(f"d{s}.eigenval")
    table = [line.split() for line in open(f"d{s}.eigenvec")]
    vectors = np.array([row[-6:] for row in table[1:]], float)
    with h5py.File(f"d{s}-exact.h5") as f:
        scores, got = f["scores"][:], f["eigenvalues"][:]
        ids = [i.decode() for i in f["scores.samples/iid"][:]]
        u, sv, v = f["scores"][:], f["singular_values"][:], f["loadings"][:]
        mean, scale = f["mean"][:], f["scale"][:]
    with h5py.File(f"d{s}.h5") as f:
        g = f["plain"][:].astype(float)
    z = np.where(g == 3, 0, (g - mean) * scale)
    check(f"set {s}: eigenvalues to plink2's digits", units(got, values) <= 0.51)
    signs = np.sign((scores * vectors).sum(0))
    off = units(scores * signs, vectors)
    check(f"set {s}: eigenvectors to plink2's digits (off by {off:.2f} units)", off <= 0.75)
    check(f"set {s}: ids", ids == [row[-7] for row in table[1:]])
    check(f"set {s}: loadings are the other side's vectors", np.allclose(z @ v, u * sv, atol=1e-5))
    check(f"set {s}: a small budget gives the same bits", same_bits(f"d{s}-exact.h5", f"d{s}-small.h5"))
    with h5py.File(f"d{s}-plain.h5") as f:
        check(f"set {s}: plain bytes give the same", np.allclose(f["eigenvalues"][:], got, rtol=1e-12))

with h5py.File("sim.h5") as f:
    g = f["g"][:].astype(float)
p = g.mean(0) / 2
kept = (p > 0) & (p < 1)
z = ((g - 2 * p) / np.sqrt(np.where(kept, 2 * p * (1 - p), 1)))[:, kept]
exact = np.linalg.eigvalsh(z @ z.T)[::-1] / kept.sum()
with h5py.File("sim-1.h5") as f:
    got = f["eigenvalues"][:]
    scores = f["scores"][:]
lead = np.max(np.abs(got[:3] / exact[:3] - 1))
rest = np.max(np.abs(got / exact[:12] - 1))
check(f"randomised: the three leading of four populations (off by {lead:.1e})", lead < 1e-6)
check(f"randomised: all twelve (off by {rest:.1e})", rest < 0.01)
check("randomised: scores are orthonormal", np.allclose(scores.T @ scores, np.eye(12), atol=1e-6))
for other in ("sim-2.h5", "sim-3.h5", "sim-small.h5"):
    check(f"{other}: the same bits", same_bits("sim-1.h5", other))

with h5py.File("real.h5") as f:
    for array in ("f4", "f8", "wide"):
        x = f[array][:].astype(float)
        gone = np.isnan(x)
        for scaling in ("none", "center", "unit"):
            mean = np.zeros(x.shape[1]) if scaling == "none" else np.nanmean(x, 0)
            scale = 1 / np.nanstd(x, 0) if scaling == "unit" else np.ones(x.shape[1])
            z = np.where(gone, 0, (x - mean) * scale)
            u, s, v = np.linalg.svd(z, full_matrices=False)
            for method in ("exact", "randomized"):
                m = f[f"{array}-{scaling}-{method}"]
                tolerance = 1e-9 if method == "exact" else 1e-5
                good = np.allclose(m["singular_values"][:3], s[:3], rtol=tolerance)
                near = np.abs((m["scores"][:, :3] * u[:, :3]).sum(0))
                ratio = m["explained_variance_ratio"][:3], s[:3] ** 2 / (s**2).sum()
                check(f"{array}, {scaling}, {method}: values, vectors, ratio",
                      good and np.all(near > 1 - 1e-6) and np.allclose(*ratio, rtol=1e-4))
with h5py.File("real.h5") as f, h5py.File("real-3.h5") as g:
    a = f["f4-center-randomized"]
    check("f4 on three ranks: the same bits",
          all(np.array_equal(a[n][()], g[n][()]) for n in ("scores", "loadings", "singular_values")))
sys.exit(bool(failures))
