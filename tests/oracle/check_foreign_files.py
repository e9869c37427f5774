"""ls, info, stat, verify and dump of real HDF5 files, compared with what h5py and NumPy say."""
import json
import os
import subprocess
import sys

import h5py
import numpy as np

data = os.environ["DATA"]
slab = os.environ["SLAB"]
failures = []


def check(what, good):
    print(("ok    " if good else "FAILS ") + what)
    if not good:
        failures.append(what)


def run(*words):
    return subprocess.run([slab, *words], check=True, capture_output=True, text=True).stdout


def compare(path, name, array):
    where = f"{path}:/{name}"
    info = json.loads(run("info", where, "--json"))
    check(f"{name}: shape", tuple(info["shape"]) == array.shape)
    if array.dtype.kind not in "biuf" or array.size == 0:
        return
    x = array[()]
    stat = json.loads(run("stat", where, "--json"))
    good = x[~np.isnan(x)] if x.dtype.kind == "f" else x
    check(f"{name}: count and missing", stat["count"] == good.size
          and stat["missing"] == x.size - good.size)
    wide = good.astype(np.float64)
    if good.size:
        check(f"{name}: min, max", stat["min"] == good.min() and stat["max"] == good.max())
        check(f"{name}: mean and std", np.allclose([stat["mean"], stat["std"]],
                                                  [wide.mean(), wide.std()], rtol=1e-9, atol=0))
    if x.dtype.kind in "iu" and x.ndim == 1:
        dumped = np.array(run("dump", where + "[:200]").split(), x.dtype)
        check(f"{name}: dump", np.array_equal(dumped, x[:200]))


def whole_file(path):
    print(path)
    listed = run("ls", "-r", path)
    names = []
    with h5py.File(path) as f:
        f.visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
        for name in names:
            check(f"{name}: listed", name.split("/")[-1] in listed)
            compare(path, name, f[name])
    check("verify", subprocess.run([slab, "verify", path], capture_output=True).returncode == 0)


for folder, names in (("astro", ["H-H1_LOSC_4_V2-1126259446-32.hdf5"]),
                      ("singlecell", ["10x_v2_filtered_gene_bc_matrices.h5",
                                      "10x_v3_filtered_feature_bc_matrix.h5"])):
    for name in names:
        whole_file(os.path.join(data, folder, name))

strain = os.path.join(data, "astro", "H-H1_LOSC_4_V2-1126259446-32.hdf5") + ":/strain/Strain"
stat = json.loads(run("stat", strain, "--json"))
check("H1's standard deviation", abs(stat["std"] / 2.2018153979908035e-19 - 1) < 1e-12)
sys.exit(bool(failures))
