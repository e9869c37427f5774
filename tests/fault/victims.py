"""Small files of every kind that h5py writes, each with an array /g, to be damaged: see hostile.py."""
import os
import random

import h5py
import numpy

KINDS = {}


def kind(**options):
    def add(make):
        KINDS[make.__name__] = (make, options)
        return make
    return add


def grid(dtype="f8", shape=(20, 12)):
    return numpy.arange(numpy.prod(shape)).reshape(shape).astype(dtype) % 100


@kind()
def gzip(f):
    f.create_dataset("g", data=grid("i4"), chunks=(8, 5), compression="gzip", shuffle=True, fletcher32=True)


@kind()
def plain_chunks(f):
    f.create_dataset("g", data=grid(">f4"), chunks=(8, 5), fillvalue=7, maxshape=(None, 40))


@kind()
def contiguous(f):
    f["g"] = grid("u2")


@kind()
def compact(f):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space, data = h5py.h5s.create_simple((6, 5)), grid("f8", (6, 5))
    h5py.h5d.create(f.id, b"g", h5py.h5t.IEEE_F64LE, space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, data)


@kind()
def lzf(f):
    f.create_dataset("g", data=grid("i2"), chunks=(20, 4), compression="lzf")


@kind()
def scale_offset(f):
    f.create_dataset("g", data=grid("i4"), chunks=(7, 12), scaleoffset=0)


@kind()
def few_bits(f):
    kind_of = h5py.h5t.NATIVE_UINT8.copy()
    kind_of.set_precision(3)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((10, 6))
    plist.set_filter(h5py.h5z.FILTER_NBIT, 0)
    data = numpy.ascontiguousarray(grid("u1") % 8)
    h5py.h5d.create(f.id, b"g", kind_of, h5py.h5s.create_simple(data.shape), plist).write(
        h5py.h5s.ALL, h5py.h5s.ALL, data)


@kind()
def texts(f):
    data = [[f"text {i}, {j}" * (j % 3) for j in range(4)] for i in range(6)]
    f.create_dataset("g", data=data, dtype=h5py.string_dtype())


@kind()
def chunked_texts(f):
    f.create_dataset("g", data=[f"{'x' * (i % 40)}{i}" for i in range(60)], dtype=h5py.string_dtype(), chunks=(16,),
                     compression="gzip")


@kind()
def fixed_texts(f):
    f["g"] = numpy.array([[f"{i * j}".encode() for j in range(5)] for i in range(8)], "S6")


@kind()
def compound(f):
    f["g"] = numpy.array([(i, i / 3, (i, 2)) for i in range(9)], [("a", "i4"), ("long name", "f8"), ("v", "u1", 2)])


@kind()
def lists(f):
    g = f.create_dataset("g", (7,), dtype=h5py.vlen_dtype("i2"))
    for i in range(7):
        g[i] = range(i)


@kind()
def references(f):
    f["other"] = grid()
    f["g"] = numpy.array([f["other"].ref] * 3, h5py.ref_dtype)
    regions = f.create_dataset("regions", (2,), dtype=h5py.regionref_dtype)
    regions[0] = f["other"].regionref[2:4, 1:3]


@kind()
def enums(f):
    f["g"] = (grid("u1") % 3).astype(h5py.enum_dtype({"red": 0, "green": 1, "blue": 2}, "u1"))
    f["bools"] = grid() > 50


@kind()
def complexes(f):
    f.create_dataset("g", data=(grid() + 1j).astype("c8"), chunks=(9, 9))


@kind()
def virtual(f):
    f["source"] = grid("f4", (10, 6))
    layout = h5py.VirtualLayout((20, 6), "f4")
    layout[:10] = layout[10:] = h5py.VirtualSource(".", "source", (10, 6))
    f.create_virtual_dataset("g", layout, fillvalue=3)


@kind()
def external(f):
    f.create_dataset("g", (4, 6), "i4", external=[("elements.raw", 0, 96)])


@kind()
def links(f):
    f["deep/er/x"] = grid("i2")
    f["g"] = h5py.SoftLink("/deep/er/x")
    f["loop"] = h5py.SoftLink("/loop")
    f["away"] = h5py.ExternalLink("elsewhere.h5", "/x")
    f["deep/er/up"] = f["deep"]


@kind()
def attributes(f):
    g = f["g"] = grid("f4", (3, 4))
    g = f["g"]
    for i in range(12):
        g.attrs[f"number {i}"] = numpy.arange(i + 1)
    g.attrs["text"] = "a text of variable length"
    g.attrs["texts"] = ["one", "two", "three"]
    g.attrs["fixed"] = numpy.bytes_("fixed")
    g.attrs["missing_value"] = numpy.float32(5)
    g.attrs["where"] = f.ref
    f.attrs["lists"] = numpy.array([numpy.arange(2), numpy.arange(3)], dtype=h5py.vlen_dtype("i4"))
    f["table"] = grid("i2", (5,))
    f["g"].dims[0].label = "rows"


@kind(libver="latest")
def newest(f):
    f.create_dataset("g", data=grid("i4"), chunks=(8, 5), compression="gzip")
    f.create_dataset("grows", data=grid("i4"), chunks=(8, 5), maxshape=(None, 12))
    f.create_dataset("grows_both", data=grid("i4"), chunks=(8, 5), maxshape=(None, None))
    f.create_dataset("one_chunk", data=grid("i4"), chunks=(20, 12))
    for i in range(12):
        f["g"].attrs[f"dense {i}"] = numpy.arange(i)
        f.create_group(f"dense/{i}")


@kind(userblock_size=512)
def user_block(f):
    f.create_dataset("g", data=grid("f8"), chunks=(10, 6), compression="gzip")


@kind()
def no_elements(f):
    f.create_dataset("g", (0, 5), "f4", maxshape=(None, 5), chunks=(3, 5))
    f["nothing"] = h5py.Empty("f8")
    f["scalar"] = 42


def make(name, path):
    """Writes the victim of that name; /spare and further files beside it too, as calls want them."""
    build, options = KINDS[name]
    numpy.arange(24, dtype="i4").tofile(os.path.join(os.path.dirname(path), "elements.raw"))
    with h5py.File(os.path.join(os.path.dirname(path), "elsewhere.h5"), "w") as f:
        f["x"] = grid()
    with h5py.File(path, "w", **options) as f:
        build(f)
        f["spare"] = numpy.arange(5)


# --- damage ---


def fields(size, n):
    """What a field of so many bytes of a file is made to say."""
    ends = [0, 1, 2, 7, 8, 255, 256, n - 1, n, n + 1, n // 2, 2 * n, 4096, 1 << 16, 1 << 20]
    powers = [(1 << bits) + d for bits in (15, 16, 31, 32, 33, 40, 47, 62, 63) for d in (-1, 0)]
    return random.choice(ends + powers + [(1 << 8 * size) - d for d in (1, 2, 8)]) % (1 << 8 * size)


def damage(data, dense):
    """Changes a bytearray at random. dense: offsets of metadata, hit more often than the rest."""
    n = len(data)
    what = []

    def place(length=1):
        at = random.choice(dense) if dense and random.random() < 0.8 else random.randrange(n)
        return min(at, max(0, n - length))

    for _ in range(random.choice((1, 1, 1, 2, 3))):
        do = random.choice(("bit", "bit", "byte", "field", "field", "field", "copy", "zero", "cut", "swap"))
        if do == "bit":
            at = place()
            data[at] ^= 1 << random.randrange(8)
        elif do == "byte":
            at = place()
            data[at] = random.choice((0, 1, 0x7f, 0x80, 0xff, random.randrange(256)))
        elif do == "field":
            size = random.choice((2, 4, 8, 8))
            at = place(size)
            if random.random() < 0.7:
                at -= at % size
            data[at:at + size] = fields(size, n).to_bytes(size, "little")[:len(data) - at]
        elif do == "copy":
            length = random.choice((8, 16, 40, 64, 200))
            at, other = place(length), place(length)
            data[at:at + length] = data[other:other + length]
        elif do == "zero":
            length = random.choice((4, 8, 32, 100))
            at = place(length)
            data[at:at + length] = bytes(min(length, len(data) - at))
        elif do == "swap":
            at, other = place(8), place(8)
            at, other = at - at % 8, other - other % 8
            data[at:at + 8], data[other:other + 8] = data[other:other + 8], data[at:at + 8]
        else:
            at = place()
            del data[max(1, at):]
            n = len(data)
            dense = [d for d in dense if d < n]
        what.append(f"{do} at {at}")
    return ", ".join(what)


def metadata_offsets(data):
    """Offsets that are not long runs of the same byte: in files this small, most of them metadata."""
    return [i for i in range(len(data)) if data[i] or any(data[max(0, i - 8):i + 8])]
