#!/usr/bin/env python3
"""One task of the expressions table by a library from PyPI: prints its seconds, imports left out.

    peers.py dask|cubed|blosc2|numpy|pandas TASK [ARGUMENT ...]

Tasks: hypot A B OUT, moments A AXIS (0, 1 or both), median A, group X LABELS. A, B, X and LABELS are
FILE.h5 (a dataset /x), for blosc2 hypot and moments FILE.b2nd; convert FILE.h5 FILE.b2nd makes one.
Two threads, HDF5 through h5py with hdf5plugin, results compressed with shuffle and zstd 1.
"""
import os
import shutil
import sys
import time

os.environ["OMP_NUM_THREADS"] = "2"
who, task, *words = sys.argv[1:]

import h5py
import hdf5plugin
import numpy as np

if who == "dask":
    import dask
    import dask.array as da
    import dask.dataframe as dd
    import pandas as pd
    dask.config.set(scheduler="threads", num_workers=2)
elif who == "blosc2":
    import blosc2
    blosc2.set_nthreads(2)
elif who == "cubed":
    import cubed
    import cubed.array_api as xp
    import zarr
elif who == "pandas":
    import pandas as pd

PACKED = dict(hdf5plugin.Zstd(clevel=1), shuffle=True)
BOTH = {"0": 0, "1": 1, "both": None}


def dataset(name):
    return h5py.File(name, "r")["x"]


def b2nd_packing():
    return dict(codec=blosc2.Codec.ZSTD, clevel=1, filters=[blosc2.Filter.SHUFFLE], nthreads=2)


def dask_hypot(a, b, out):
    x, y = (da.from_array(dataset(n), chunks=(4096, 4096)) for n in (a, b))
    with h5py.File(out, "w") as f:
        d = f.create_dataset("x", x.shape, "f4", chunks=(512, 512), **PACKED)
        da.store(da.sqrt(x * x + y * y), d)


def dask_moments(a, axis):
    x = da.from_array(dataset(a), chunks=(4096, 4096))
    dask.compute(x.mean(axis=BOTH[axis]), x.std(axis=BOTH[axis]))


def group_part(start, x, labels):
    some = slice(start, start + 4_000_000)
    frame = pd.DataFrame(dataset(x)[some], columns=list("abcdefgh"))
    return frame.assign(by=dataset(labels)[some])


def dask_group(x, labels):
    starts = range(0, dataset(x).shape[0], 4_000_000)
    frame = dd.from_map(group_part, starts, x=x, labels=labels, meta=group_part(0, x, labels)[:0])
    frame.groupby("by").mean().compute()


def cubed_spec():
    shutil.rmtree("cubed-work", ignore_errors=True)
    return cubed.Spec(work_dir="cubed-work", allowed_mem="2GB", executor_name="threads",
                      executor_options={"max_workers": 2})


def cubed_hypot(a, b, out):
    spec = cubed_spec()
    x, y = (cubed.from_array(dataset(n), chunks=(2048, 2048), spec=spec) for n in (a, b))
    shutil.rmtree(out, ignore_errors=True)
    cubed.to_zarr(xp.sqrt(x * x + y * y), out)
    shutil.rmtree("cubed-work", ignore_errors=True)


def blosc2_hypot(a, b, out):
    x, y = blosc2.open(a), blosc2.open(b)
    blosc2.sqrt(x * x + y * y).compute(urlpath=out, mode="w", cparams=b2nd_packing(),
                                       chunks=x.chunks, blocks=x.blocks)


def blosc2_moments(a, axis):
    x = blosc2.open(a)
    x.mean(axis=BOTH[axis])
    x.std(axis=BOTH[axis])


def blosc2_convert(name, out):
    d = dataset(name)
    x = blosc2.empty(d.shape, dtype=d.dtype, urlpath=out, mode="w", cparams=b2nd_packing())
    for i in range(0, d.shape[0], 2048):
        x[i:i + 2048] = d[i:i + 2048]
    print(x.chunks, x.blocks, x.schunk.cratio, file=sys.stderr)


def numpy_median(a):
    np.median(dataset(a)[...])


def pandas_group(x, labels):
    frame = pd.DataFrame(dataset(x)[...], columns=list("abcdefgh"))
    frame.groupby(dataset(labels)[...]).mean()


begin = time.perf_counter()
globals()[f"{who}_{task}"](*words)
if task == "hypot":
    os.sync()  # stored means stored, as it does for slab
print(time.perf_counter() - begin)
