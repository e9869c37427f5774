"""Writes files with h5py, reads them with `slab dump`, and compares element by element with NumPy.

usage: check_read_h5py.py SLAB FOLDER
"""

import ctypes
import random
import subprocess
import sys
import warnings

import h5py
import numpy as np

warnings.simplefilter("ignore")  # NumPy on reserved numbers cast to other types
SLAB, FOLDER = sys.argv[1:3]
rng = np.random.default_rng(7)
draw = random.Random(7)
failures = 0
compared = 0


# --- comparing ---


def parse(token, dtype):
    if dtype.kind == "b":
        return {"True": True, "False": False}[token]
    if dtype.kind in "iu":
        return int(token)
    if dtype.kind == "f":
        return float(token)
    if dtype.kind == "c":
        return complex(token)
    return token.encode()


def delivered(dtype):
    """What slab makes of an element type."""
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype("f8")
    return dtype.newbyteorder("=")


def dump(locator):
    run = subprocess.run([SLAB, "dump", locator], capture_output=True, timeout=120)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.decode().strip())
    return run.stdout.decode()


def differs(text, want):
    dtype = delivered(want.dtype)
    want = want.astype(dtype)
    lines = text.split("\n")[:-1] if want.size else []
    if want.size == 0:
        return None if text.strip() == "" else "elements where there are none"
    tokens = [t for line in lines for t in line.split("\t")]
    if want.ndim > 1 and any(len(l.split("\t")) != want.shape[-1] for l in lines):
        return "rows of another length"
    if len(tokens) != want.size:
        return f"{len(tokens)} elements, not {want.size}"
    got = np.array([parse(t, dtype) for t in tokens], dtype=dtype).reshape(want.shape)
    if dtype.kind in "fc":
        same = (got == want) | ((got != got) & (want != want))
    else:
        same = got == want
    if not np.all(same):
        at = tuple(np.argwhere(~np.atleast_1d(same))[0])
        return f"element {at}: {np.atleast_1d(got)[at]!r} where h5py has {np.atleast_1d(want)[at]!r}"
    return None


def random_axis(n):
    kind = draw.randrange(4)
    if kind == 0 and n > 0:
        return str(draw.randrange(-n, n))
    bound = lambda: "" if draw.random() < 0.3 else str(draw.randrange(-n - 3, n + 4))
    if kind == 1:
        return f"{bound()}:{bound()}"
    step = draw.choice([-7, -3, -2, -1, 1, 2, 3, 5, 11, 1000])
    return f" {bound()} : {bound()} :{step}"


def random_selection(shape):
    axes = [random_axis(n) for n in shape]
    if draw.random() < 0.3 and axes:
        first = draw.randrange(len(axes))
        last = draw.randrange(first, len(axes) + 1)
        axes[first:last] = ["..."]
    elif draw.random() < 0.3:
        axes = axes[: draw.randrange(len(axes) + 1)]
    return ", ".join(axes)


def check(path, name, want, selections=3):
    """The whole array, and some random selections of it."""
    global failures, compared
    texts = [""] + [random_selection(want.shape) for _ in range(selections if want.ndim else 0)]
    for text in texts:
        locator = f"{path}:/{name}" + (f"[{text}]" if text else "")
        part = np.asarray(eval(f"want[{text}]")) if text else want
        try:
            wrong = differs(dump(locator), part)
        except Exception as error:
            wrong = str(error)
        compared += 1
        if wrong:
            failures += 1
            print(f"FAILED {locator} {want.dtype} {want.shape}: {wrong}")


# --- what is in the files ---


def values(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "S":
        text = [b"", b"a", b"slab", b"longer!"]
        return np.array([text[i] for i in rng.integers(0, 4, int(np.prod(shape)))], dtype).reshape(
            shape
        )
    if dtype.kind == "f":
        a = np.asarray(rng.normal(0, 100, shape)).astype(dtype)
        if a.size > 3:
            a.flat[:4] = [np.nan, np.inf, -np.inf, -0.0]
        return a
    if dtype.kind == "c":
        return np.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    info = np.iinfo(dtype)
    a = rng.integers(info.min, info.max, shape, dtype=dtype.newbyteorder("="), endpoint=True)
    a = np.asarray(a)
    if a.size > 1:
        a.flat[:2] = [info.min, info.max]
    return a.astype(dtype)


NUMBERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
TYPES = NUMBERS + [">" + t for t in NUMBERS if t[1:] != "1"] + ["?", "S7"]
FILTERS = {
    "gzip": dict(compression="gzip"),
    "gzip_shuffle": dict(compression="gzip", shuffle=True),
    "fletcher32": dict(fletcher32=True),
    "lzf": dict(compression="lzf"),
    "all": dict(compression="gzip", shuffle=True, fletcher32=True),
}
if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
    FILTERS["szip"] = dict(compression="szip")
if h5py.h5z.filter_avail(32015):
    FILTERS["zstd"] = dict(compression=32015)
    FILTERS["zstd_shuffle"] = dict(compression=32015, compression_opts=(3,), shuffle=True)
    FILTERS["zstd_fletcher32"] = dict(compression=32015, shuffle=True, fletcher32=True)
else:
    print("without zstd: HDF5 finds no plugin for it")


def types_and_layouts(path, **options):
    kept = {}
    with h5py.File(path, "w", **options) as f:
        for t in TYPES + ["g"]:
            name = t.replace(">", "big_")
            a = values(t, (7, 13)) if t != "g" else values("f8", (7, 13)).astype("g")
            kept["contiguous_" + name] = a
            f["contiguous_" + name] = a
            kept["chunked_" + name] = a
            f.create_dataset("chunked_" + name, data=a, chunks=(3, 5))
            kept["packed_" + name] = a
            f.create_dataset("packed_" + name, data=a, chunks=(4, 4), compression="gzip", shuffle=True)
        for name, kind in [("enum", "i2"), ("enum_big", ">u4")]:
            t = h5py.enum_dtype({"A": 0, "B": 1, "C": 500}, basetype=kind)
            kept[name] = np.array([0, 500, 1, 1, 500], kind)
            f.create_dataset(name, data=kept[name], dtype=t, chunks=(2,))
        for name, kind in [("i4", "i4"), ("bigf8", ">f8"), ("string", "S7")]:
            a = values(kind, (4, 5))
            compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            compact.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple(a.shape)
            h5py.Dataset(
                h5py.h5d.create(f.id, b"compact_" + name.encode(), h5py.h5t.py_create(a.dtype), space, compact)
            )[...] = a
            kept["compact_" + name] = a
        a = values(">i4", (6, 9))
        f.create_dataset(
            "external", data=a, external=[(path + ".raw", 0, h5py.h5f.UNLIMITED)]
        )
        kept["external"] = a
    return kept


def filters(path, **options):
    kept = {}
    with h5py.File(path, "w", **options) as f:
        for name, how in FILTERS.items():
            for t in ["i1", ">i2", "f4", "u8"]:
                a = values(t, (33, 50)) // 7 if t != "f4" else np.round(values(t, (33, 50)))
                a = a.astype(t)
                kept[f"{name}_{t.replace('>', 'big_')}"] = a
                f.create_dataset(
                    f"{name}_{t.replace('>', 'big_')}", data=a, chunks=(8, 16), maxshape=(None, None), **how
                )
        for t in ["i2", "u4", "f4"]:
            a = (values(t, (20, 30)) if t != "f4" else np.round(rng.normal(0, 9, (20, 30)))).astype(t)
            a = a // 3 if t != "f4" else a
            f.create_dataset("scaleoffset_" + t, data=a, chunks=(7, 9), scaleoffset=0 if t != "f4" else 2)
            kept["scaleoffset_" + t] = f["scaleoffset_" + t][...]
    return kept


def reduced(path, **options):
    """Integers of fewer bits than their bytes, with and without HDF5's N-bit filter."""
    kept = {}
    cases = [
        ("u2", h5py.h5t.STD_U8LE, 2, 0, 1),
        ("u3at4", h5py.h5t.STD_U8LE, 3, 4, 1),
        ("i5", h5py.h5t.STD_I8LE, 5, 0, 1),
        ("i11", h5py.h5t.STD_I16LE, 11, 3, 2),
        ("u20big", h5py.h5t.STD_U32BE, 20, 5, 4),
        ("i33", h5py.h5t.STD_I64LE, 33, 0, 8),
        ("u63", h5py.h5t.STD_U64BE, 63, 1, 8),
    ]
    with h5py.File(path, "w", **options) as f:
        for name, base, bits, offset, size in cases:
            signed = name[0] == "i"
            low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
            a = rng.integers(low, high, (19, 40)).astype(("i" if signed else "u") + str(size))
            for nbit in [False, True]:
                t = base.copy()
                t.set_precision(bits)
                t.set_offset(offset)
                how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                how.set_chunk((8, 16))
                if nbit:
                    how.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_OPTIONAL, ())
                    how.set_deflate(1)
                full = f"{name}_nbit" if nbit else name
                space = h5py.h5s.create_simple(a.shape)
                d = h5py.h5d.create(f.id, full.encode(), t, space, how)
                d.write(h5py.h5s.ALL, h5py.h5s.ALL, a)
                kept[full] = a
        for name, base in [("three", h5py.h5t.STD_I32LE), ("three_big", h5py.h5t.STD_U32BE)]:
            t = base.copy()
            t.set_precision(24)
            t.set_size(3)
            a = rng.integers(0, 1 << 23, (5, 6)).astype("i4" if name == "three" else "u4")
            how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            how.set_chunk((2, 4))
            how.set_deflate(1)
            d = h5py.h5d.create(f.id, name.encode(), t, h5py.h5s.create_simple(a.shape), how)
            d.write(h5py.h5s.ALL, h5py.h5s.ALL, a)
            kept[name] = a
    return kept


def fills_and_shapes(path, **options):
    kept = {}
    with h5py.File(path, "w", **options) as f:
        for t, fill in [("f4", np.nan), (">i4", -7), ("u1", 200), ("c16", 2 - 1j), ("S7", b"none"), ("f2", 0.5)]:
            name = "sparse_" + t.replace(">", "big_")
            d = f.create_dataset(name, (30, 40), t, chunks=(8, 8), fillvalue=fill, compression="gzip")
            d[9:12, 10:30] = values(t, (3, 20))
            kept[name] = d[...]
            name = "empty_" + t.replace(">", "big_")
            kept[name] = f.create_dataset(name, (6, 5), t, chunks=(4, 4), fillvalue=fill)[...]
            name = "unwritten_" + t.replace(">", "big_")
            kept[name] = f.create_dataset(name, (6, 5), t, fillvalue=fill)[...]
        kept["nofill"] = f.create_dataset("nofill", (10, 10), "i4", chunks=(3, 3))[...]
        d = f.create_dataset("grown", (3, 4), "i4", chunks=(2, 3), maxshape=(None, 10), fillvalue=5)
        d[...] = 1
        d.resize((9, 8))
        d[8, 7] = 3
        kept["grown"] = d[...]
        for name, shape in [("zero", (0,)), ("zero2", (5, 0, 3)), ("zero3", (0, 4))]:
            kept[name] = np.zeros(shape, "f8")
            f[name] = kept[name]
            kept["chunked_" + name] = kept[name]
            f.create_dataset(
                "chunked_" + name, shape, "f8", chunks=tuple(max(1, n) for n in shape), maxshape=(None,) * len(shape)
            )
        kept["scalar"] = np.array(2.5, ">f4")
        f["scalar"] = kept["scalar"]
        kept["scalar_string"] = np.array(b"text", "S7")
        f["scalar_string"] = kept["scalar_string"]
        # HDF5 2.2 ends the process that makes chunks of rank 32
        for rank in [1, 2, 3, 4, 5, 7, 31 if h5py.version.hdf5_version_tuple >= (2,) else 32]:
            shape = tuple(draw.choice([2, 3, 4]) if i < 6 else 1 + (i == 20) for i in range(rank))
            a = values("i4", shape)
            kept[f"rank{rank}"] = a
            f[f"rank{rank}"] = a
            kept[f"rank{rank}_chunked"] = a
            chunk = tuple(min(n, draw.choice([1, 2, 3])) for n in shape)
            f.create_dataset(f"rank{rank}_chunked", data=a, chunks=chunk, compression="gzip")
        a = values("i2", (5000,))
        kept["small_chunks"] = a
        f.create_dataset("small_chunks", data=a, chunks=(10,), shuffle=True)
        kept["long"] = values("i4", (300000,))
        f.create_dataset("long", data=kept["long"], chunks=(1000,), compression="gzip", compression_opts=1)
    return kept


def virtual(path, **options):
    a = values("f4", (4, 10))
    with h5py.File(path + ".source", "w") as f:
        f["x"] = a
    layout = h5py.VirtualLayout((6, 10), "f4")
    layout[1:5] = h5py.VirtualSource(path + ".source", "x", shape=(4, 10))
    with h5py.File(path, "w", **options) as f:
        f.create_virtual_dataset("virtual", layout, fillvalue=-1)
        return {"virtual": f["virtual"][...]}


def unfiltered_edges(path):
    """Partial edge chunks stored without filters, and chunks that skipped a filter."""
    kept = {}
    libraries = [l.split()[-1] for l in open("/proc/self/maps") if "libhdf5" in l and "_hl" not in l]
    with h5py.File(path, "w", libver="latest") as f:
        a = values("i4", (10, 13))
        how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        how.set_chunk((4, 5))
        how.set_shuffle()
        how.set_deflate(4)
        if libraries:
            h5 = ctypes.CDLL(libraries[0])
            h5.H5Pset_chunk_opts.argtypes = [ctypes.c_int64, ctypes.c_uint]
            assert h5.H5Pset_chunk_opts(how.id, 2) >= 0
            d = h5py.h5d.create(f.id, b"edges", h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple(a.shape), how)
            h5py.Dataset(d)[...] = a
            kept["edges"] = a
        a = values("i4", (4, 10))
        d = f.create_dataset("masked", a.shape, "i4", chunks=(4, 5), shuffle=True, compression="gzip")
        d[...] = a
        d.id.write_direct_chunk((0, 5), np.ascontiguousarray(a[:, 5:]).tobytes(), 3)
        kept["masked"] = a
    return kept


def check_texts(path):
    """Variable-length strings, in bands of rows: dump escapes tabs, line ends and backslashes."""
    global compared, failures
    want = [[draw.choice(["", "a\tb", "zwölf\n", "\\", "x" * draw.randrange(5000)]) for _ in range(3)]
            for _ in range(3000)]
    with h5py.File(path, "w") as f:
        f.create_dataset("t", data=want, dtype=h5py.string_dtype(), chunks=(100, 2), compression="gzip")
    escaped = str.maketrans({"\t": "\\t", "\n": "\\n", "\\": "\\\\"})
    for brackets, rows in [("", want), ("[::-7, 1:]", [r[1:] for r in want[::-7]]), ("[5]", [[t] for t in want[5]])]:
        text = "".join("\t".join(t.translate(escaped) for t in r) + "\n" for r in rows)
        compared += 1
        if dump(f"{path}:/t{brackets}") != text:
            failures += 1
            print(f"FAILS variable-length strings {brackets}")


def main():
    check_texts(f"{FOLDER}/texts.h5")
    for libver in ["earliest", "latest"]:
        for make in [types_and_layouts, filters, reduced, fills_and_shapes, virtual]:
            path = f"{FOLDER}/{make.__name__}_{libver}.h5"
            for name, want in make(path, libver=libver).items():
                check(path, name, want)
    path = f"{FOLDER}/edges.h5"
    for name, want in unfiltered_edges(path).items():
        check(path, name, want, 10)
    for size in [512, 4096]:
        path = f"{FOLDER}/user_block_{size}.h5"
        for make in [types_and_layouts, filters]:
            kept = make(path, userblock_size=size)
            for name in list(kept)[::5]:
                check(path, name, kept[name], 1)
    print(f"{compared} readings compared, {failures} failed")
    return 1 if failures or compared < 1000 else 0


sys.exit(main())
