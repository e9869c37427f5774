"""slab's lazy values from Python, through the shared library: for comparing with NumPy."""
import ctypes as C
import os

import numpy as np

lib = C.CDLL(os.path.join(os.environ.get("SLAB_BUILD", "build"), "libslab.so"))
RANK = 32


class Dtype(C.Structure):
    _fields_ = [("kind", C.c_int), ("size", C.c_uint32), ("precision", C.c_uint16),
                ("offset", C.c_uint16), ("big_endian", C.c_bool), ("is_enum", C.c_bool)]


class Shape(C.Structure):
    _fields_ = [("rank", C.c_int), ("extent", C.c_int64 * RANK)]


class Box(C.Structure):
    _fields_ = [("rank", C.c_int), ("start", C.c_int64 * RANK), ("count", C.c_int64 * RANK)]


class View(C.Structure):
    _fields_ = [("data", C.c_void_p), ("stride", C.c_int64 * RANK)]


class Error(C.Structure):
    _fields_ = [("code", C.c_int), ("line", C.c_int), ("file", C.c_char * 128),
                ("message", C.c_char * 1024)]


lib.slab_dtype_make.restype = Dtype
lib.slab_value_dtype.restype = Dtype
lib.slab_value_shape.restype = C.POINTER(Shape)
lib.slab_error_last.restype = C.POINTER(Error)
lib.slab_value_cast.argtypes = [C.c_void_p, Dtype]
lib.slab_value_weak.argtypes = lib.slab_value_status.argtypes = [C.c_void_p]
lib.slab_value_dtype.argtypes = lib.slab_value_shape.argtypes = [C.c_void_p]
lib.slab_value_get.argtypes = [C.c_void_p, C.c_int, C.POINTER(Box), C.POINTER(View)]
lib.slab_value_drop.argtypes = [C.POINTER(C.c_void_p)]
lib.slab_value_literal_bool.argtypes = [C.c_bool]
lib.slab_value_literal_int.argtypes = [C.c_int64]
lib.slab_value_literal_uint.argtypes = [C.c_uint64]
lib.slab_value_literal_real.argtypes = [C.c_double]
lib.slab_value_literal_complex.argtypes = [C.c_double, C.c_double]
for builder in ("from", "cast", "apply", "call", "literal_bool", "literal_int", "literal_uint",
                "literal_real", "literal_complex"):
    getattr(lib, "slab_value_" + builder).restype = C.c_void_p

KINDS = "biufc"  # slab_kind: bool, int, uint, float, complex
NUMPY_KINDS = {"b": 0, "i": 1, "u": 2, "f": 3, "c": 4}


def native(dtype):
    dtype = np.dtype(dtype)
    return lib.slab_dtype_make(NUMPY_KINDS[dtype.kind], dtype.itemsize)


class SlabError(Exception):
    pass


class Value:
    """An owned slab_value; from an array, a literal, or a pointer."""

    def __init__(self, x):
        if isinstance(x, (np.ndarray, np.generic)):
            array = np.ascontiguousarray(x).reshape(np.shape(x))
            shape = Shape(rank=array.ndim)
            shape.extent[:array.ndim] = array.shape
            self.at = getattr(lib, "slab_value_from")(native(array.dtype), C.byref(shape),
                                                      array.ctypes.data_as(C.c_void_p))
        elif isinstance(x, bool):
            self.at = lib.slab_value_literal_bool(x)
        elif isinstance(x, int):
            self.at = lib.slab_value_literal_uint(x) if x >= 2**63 else lib.slab_value_literal_int(x)
        elif isinstance(x, float):
            self.at = lib.slab_value_literal_real(x)
        elif isinstance(x, complex):
            self.at = lib.slab_value_literal_complex(x.real, x.imag)
        else:
            self.at = x.value

    def __del__(self):
        lib.slab_value_drop(C.byref(C.c_void_p(self.at)))

    def check(self, rc):
        if rc:
            error = lib.slab_error_last().contents
            raise SlabError(error.code, error.message.decode())

    def array(self):
        """Its elements, and whether it is a literal."""
        self.check(lib.slab_value_status(self.at))
        shape = lib.slab_value_shape(self.at).contents
        dtype = lib.slab_value_dtype(self.at)
        box, view = Box(rank=shape.rank), View()
        extents = shape.extent[:shape.rank]
        box.count[:shape.rank] = extents
        self.check(lib.slab_value_get(self.at, 0, C.byref(box), C.byref(view)))
        out = np.empty(extents, np.dtype("%s%d" % (KINDS[dtype.kind], dtype.size)))
        if out.size:
            strides = view.stride[:shape.rank]
            size = sum((n - 1) * s for n, s in zip(extents, strides)) + dtype.size
            raw = np.ctypeslib.as_array((C.c_uint8 * size).from_address(view.data))
            out[...] = np.ndarray(extents, out.dtype, raw, 0, strides)
        return out

    def weak(self):
        return lib.slab_value_weak(self.at) != 0

    def cast(self, dtype):
        return Value(C.c_void_p(lib.slab_value_cast(self.at, native(dtype))))


def run(builder, name, *operands):
    values = [None if x is None else x if isinstance(x, Value) else Value(x) for x in operands]
    pointers = (C.c_void_p * len(values))(*[None if v is None else v.at for v in values])
    return Value(C.c_void_p(getattr(lib, builder)(name.encode(), pointers, len(values))))


def apply(name, *operands):
    return run("slab_value_apply", name, *operands)


def call(name, *operands):
    return run("slab_value_call", name, *operands)
