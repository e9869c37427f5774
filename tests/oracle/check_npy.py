"""NPY files against NumPy's own reading and writing."""
import os

import h5py
import numpy as np

from formats_common import built_on, check, finish, refused, slab

random = np.random.default_rng(2)
TYPES = ["?", "i1", "u1", "<i2", ">i2", "<u4", ">u4", "<i8", ">i8", "<f2", ">f2", "<f4", ">f4",
         "<f8", ">f8", "<c8", ">c8", "<c16", ">c16", "S1", "S7"]


def make(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "S":
        return np.array([b"x%d" % i for i in range(int(np.prod(shape)))], dtype).reshape(shape)
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return random.integers(info.min, info.max, shape, dtype=dtype.newbyteorder("="),
                               endpoint=True).astype(dtype)
    values = random.normal(size=shape)
    return (values + 1j * random.normal(size=shape) if dtype.kind == "c" else values).astype(dtype)


def same(a, b):
    return a.shape == b.shape and a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=") and \
        np.array_equal(a, b)


def round_trip(array, options=(), ranks=1):
    what = f"{array.dtype} {array.shape} {array.flags.f_contiguous} {options} on {ranks} ranks"
    np.save("in.npy", array)
    slab("import", "in.npy", "-o", "x.h5:/x", "--force", *options, ranks=ranks)
    with h5py.File("x.h5") as f:
        stored = f["x"][...]
        check(same(np.asarray(stored), array), f"{what}: stored")
    slab("export", "x.h5:/x", "-o", "out.npy", "--force", ranks=ranks)
    check(same(np.load("out.npy"), array), f"{what}: exported")


for dtype in TYPES:
    round_trip(make(dtype, (7, 11)))
    round_trip(np.asfortranarray(make(dtype, (6, 5, 4))), ["--chunks", "4x3x2"])
for shape in ((), (1,), (5,), (0,), (3, 0), (0, 4, 2), (1, 1, 1, 1), (2, 3, 4, 5, 6)):
    round_trip(make("<f8", shape))
    round_trip(np.asfortranarray(make(">i4", shape)))
# Under HDF5 2 chunks have an axis less.
axes = 32 if int(built_on()["hdf5"].split(".")[0]) < 2 else 31
round_trip(make("<f8", (100,) + (1,) * (axes - 1)))
for ranks in (1, 2, 4):
    round_trip(make("<f4", (1000, 700)), ranks=ranks)
    round_trip(np.asfortranarray(make("<f8", (500, 1300))), ranks=ranks)
    round_trip(make("<i2", (40, 50, 60)), ["--chunks", "16x16x16"], ranks=ranks)
round_trip(make("<f8", (3, 200000)), ["--chunks", "1x150000"])
round_trip(np.asfortranarray(make("<f8", (200000, 3))), ["--chunks", "150000x2"])

# versions 2.0 and 3.0
array = make("<f8", (9, 8))
for version in ((2, 0), (3, 0)):
    with open("v.npy", "wb") as f:
        np.lib.format.write_array(f, array, version=version)
    slab("import", "v.npy", "-o", "v.h5:/x", "--force")
    with h5py.File("v.h5") as f:
        check(np.array_equal(f["x"][...], array), f"version {version}")

# selections
array = make("<i4", (300, 400))
np.save("s.npy", array)
slab("import", "s.npy", "-o", "s.h5:/x", "--chunks", "64x32", "--force")
for text, taken in (("10:290:7, ::-3", array[10:290:7, ::-3]), ("5", array[5]),
                    (":, 17", array[:, 17]), ("3, 4", array[3, 4]), ("0:0", array[0:0])):
    slab("export", f"s.h5:/x[{text}]", "-o", "t.npy", "--force")
    check(np.array_equal(np.load("t.npy"), taken) and np.load("t.npy").shape == taken.shape,
          f"[{text}]")


# hostile headers
def header(text, version=1, data=b"\0" * 8, length=None):
    body = text.encode()
    size = len(body) if length is None else length
    prefix = b"\x93NUMPY" + bytes([version, 0])
    return prefix + size.to_bytes(2 if version == 1 else 4, "little") + body + data


def hostile(pattern, content):
    with open("h.npy", "wb") as f:
        f.write(content)
    refused(pattern, "import", "h.npy", "-o", "refused.h5")
    check(not os.path.exists("refused.h5"), f"{pattern}: nothing is left behind")


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n"
slab_ok = header(GOOD)
with open("good.npy", "wb") as f:
    f.write(slab_ok)
slab("import", "good.npy", "-o", "good.h5:/x")
hostile("too few", b"\x93NUMPY\x01\x00")
hostile("no NPY file", b"\x94NUMPY\x01\x00" + slab_ok[8:])
hostile("byte 6: NPY version 4.0", header(GOOD, version=4))
hostile("byte 8: a header of 60000 bytes", header(GOOD, length=60000))
hostile("byte 8: a header of 4294967295 bytes", header(GOOD, version=2, length=2**32 - 1))
hostile("truncated: a shape of [1] of float64 takes 8 bytes", header(GOOD, data=b"\0" * 7))
hostile("too long", header(GOOD, data=b"\0" * 9))
hostile("byte 10: a dictionary", header("'descr'"))
hostile(f"byte {10 + len(GOOD)}: something stands behind", header(GOOD[:-1] + " x"))
hostile("more than 2^63 - 1", header(GOOD.replace("(1,)", "(9223372036854775808,)")))
hostile("overflow", header(GOOD.replace("(1,)", "(9223372036854775807, 9223372036854775807)")))
hostile("too long", header(GOOD.replace("(1,)", "(0, 9223372036854775807, 9223372036854775807)")))
hostile("more than 32 axes", header(GOOD.replace("(1,)", "(" + "1, " * 33 + ")")))
hostile("written (n,)", header(GOOD.replace("(1,)", "(1)")))
hostile("an extent is expected", header(GOOD.replace("(1,)", "(-1,)")))
hostile("a comma or ')'", header(GOOD.replace("(1,)", "(1 1)")))
hostile("True or False", header(GOOD.replace("False", "0")))
hostile("an entry other than", header(GOOD.replace("'shape'", "'shapes'")))
hostile("twice", header(GOOD.replace("'shape'", "'descr'")))
hostile("is missing", header("{'descr': '<f8', 'fortran_order': False}"))
hostile("escape", header(GOOD.replace("<f8", "<f\\x38")))
hostile("does not end", header("{'descr': '<f8"))
hostile("is not written as", header(GOOD.replace("<f8", "f8")))
hostile("no byte order", header(GOOD.replace("<f8", "|f8")))
hostile("have no counterpart", header(GOOD.replace("<f8", "<U8")))
hostile("have no counterpart", header(GOOD.replace("<f8", "<M8")))
hostile("have no counterpart", header(GOOD.replace("<f8", "|O8")))
hostile("have no counterpart", header(GOOD.replace("<f8", "<f16")))
hostile("records", header(GOOD.replace("'<f8'", "[('a', '<f8')]")))
hostile("a colon", header(GOOD.replace("'descr':", "'descr'")))
hostile("is 7 where a bool", header(GOOD.replace("<f8", "|b1").replace("(1,)", "(8,)"),
                                    data=b"\0\1\0\1\0\7\0\1"))
hostile("a comma or '}'", header(GOOD.replace("'<f8',", "'<f8'")))
for cut in range(len(GOOD) - 1):  # every shorter header
    with open("h.npy", "wb") as f:
        f.write(header(GOOD[:cut]))
    slab("import", "h.npy", "-o", "refused.h5", expect=2)
refused("exists", "export", "good.h5:/x", "-o", "good.npy")
refused("no folder", "export", "good.h5:/x", "-o", "nowhere/good.npy")
finish("npy")
