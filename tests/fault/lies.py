"""Files that are made to mislead, one lie each, and what is to be said of them: see test_lies.sh.

A lie is a function that makes its files in the current folder. What it is decorated with are calls, each
"words -> code: pattern": slab's exit code, and what its one line (code 2) or its output (code 0) must match.
Two codes, "0|2", where versions of HDF5 differ: then only how it ends is looked at.
"""
import os
import re
import struct
import sys
import tempfile
import zlib

import bounded
import faults
import h5py
import numpy

MEMORY = 64  # MiB
BESIDE = 64  # for the program itself
ONLY = os.environ.get("SLAB_FAULT_ONLY")
LIES = []


def lie(*calls):
    def add(make):
        LIES.append((make, calls))
        return make
    return add


def patch(path, *changes):
    """Replaces bytes that are there exactly once."""
    with open(path, "rb") as f:
        data = bytearray(f.read())
    for old, new in changes:
        at = data.find(old)
        assert at >= 0 and data.find(old, at + 1) < 0, f"{old!r} is not there once"
        data[at:at + len(old)] = new
    with open(path, "wb") as f:
        f.write(data)


def u64(x):
    return struct.pack("<Q", x)


def chunked(name="x.h5", n=40, chunk=10, **options):
    """An array /x of 16 chunks; where they lie."""
    with h5py.File(name, "w") as f:
        d = f.create_dataset("x", (n, n), "<i4", chunks=(chunk, chunk), **options)
        d[...] = numpy.arange(n * n).reshape(n, n)
        f["y"] = numpy.arange(3)
        return [d.id.get_chunk_info(i) for i in range(d.id.get_num_chunks())]


def packed(filter_id, data, values=(), name="x.h5", dtype="<i4", shape=(10, 10)):
    """An array of one chunk, whose packed bytes are given."""
    with h5py.File(name, "w") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(shape)
        plist.set_filter(filter_id, h5py.h5z.FLAG_OPTIONAL, values)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_INCR)
        d = h5py.h5d.create(f.id, b"x", h5py.h5t.py_create(numpy.dtype(dtype)), h5py.h5s.create_simple(shape), plist)
        d.write_direct_chunk((0,) * len(shape), data)


# --- where chunks are ---

EVERY_READER = ["stat x.h5:/x", "dump x.h5:/x", "calc x+1 x=x.h5:/x", "export x.h5:/x -o o.npy",
                "diff x.h5 x.h5", "copy x.h5:/x -o o.h5", "reduce max x.h5:/x", "hist x.h5:/x"]


def all_say(code, pattern, calls=EVERY_READER):
    return [f"{words} -> {code}: {pattern}" for words in calls]


def array_says(pattern):
    """Readers stop, verify goes on to the next array."""
    return all_say(2, pattern) + all_say(1, "/x: is bad: .*" + pattern + ".*/y: ok", ["verify x.h5"])


@lie(*array_says(r"'x\.h5:/x': chunks \[0, 2\] and \[1, 1\] have the bytes from \d+ on in common"))
def chunks_in_the_same_place():
    where = chunked()
    patch("x.h5", (u64(where[5].byte_offset), u64(where[2].byte_offset)))


@lie(*array_says(r"chunks \[0, 2\] and \[1, 1\] have the bytes"))
def chunks_that_overlap():
    where = chunked()
    patch("x.h5", (u64(where[5].byte_offset), u64(where[2].byte_offset + 4)))


# How many a search finds differs: by HDF5 1.10 4800, by 1.14 6000.
@lie(*array_says(r"'x\.h5:/x': its chunk index is damaged: it has 6400 bytes of chunks, and (4800|6000) are those of its shape"))
def a_chunk_that_is_named_twice():
    where = chunked()
    key, address = struct.pack("<IIQQQ", 400, 0, 10, 10, 0), u64(where[5].byte_offset)
    patch("x.h5", (key + address, struct.pack("<IIQQQ", 400, 0, 0, 10, 0) + address))


@lie(*array_says(r"/x' of 'x\.h5': chunk \[1, 1\], 400 bytes at \d+, lies outside of the file"))
def a_chunk_behind_the_end():
    where = chunked()
    patch("x.h5", (u64(where[5].byte_offset), u64(1 << 40)))


@lie(*array_says(r"x\.h5.*chunk"))
def a_chunk_at_the_last_address():
    where = chunked()
    patch("x.h5", (u64(where[5].byte_offset), u64((1 << 64) - 2)))


@lie(*array_says(r"x\.h5.*chunk \[0, 0\].*outside of the file|x\.h5.*chunk \[0, 0\].*bytes"))
def a_chunk_of_four_gigabytes():
    where = chunked(compression="gzip")
    size = where[0].size  # in the index's key: size, mask, offsets
    key = struct.pack("<IIQQQ", size, 0, 0, 0, 0) + u64(where[0].byte_offset)
    patch("x.h5", (key, struct.pack("<IIQQQ", 0xFFFFFFFF, 0, 0, 0, 0) + u64(where[0].byte_offset)))


@lie(*all_say(2, r"x\.h5"), "verify x.h5 -> 1|2: ")  # HDF5 crashes
def an_index_that_is_its_own_child():
    chunked(n=400, chunk=5)  # 6,400 chunks: the index has levels
    with open("x.h5", "rb") as f:
        data = f.read()
    tops = [m.start() for m in re.finditer(rb"TREE\x01[\x01-\x09]", data)]
    at = max(tops, key=lambda m: data[m + 5])  # the root: of the highest level
    key = 24 + 8 + 3 * 8
    patched = bytearray(data)
    patched[at + key:at + key + 8] = u64(at)
    with open("x.h5", "wb") as f:
        f.write(patched)


@lie(*all_say(2, r"x\.h5"), "verify x.h5 -> 1: /x: is bad: .*/y: ok")
def a_type_of_an_unknown_version():
    chunked()
    with open("x.h5", "rb") as f:
        data = f.read()
    kind = b"\x10\x08\x00\x00\x04\x00\x00\x00\x00\x00\x20\x00"  # a 32-bit integer, version 1
    with open("x.h5", "r+b") as f:
        f.seek(data.index(kind))
        f.write(b"\xf0")


# --- what chunks hold ---

CHUNK = ["stat x.h5:/x", "dump x.h5:/x", "copy x.h5:/x -o o.h5 --chunks 5x5"]
ZSTD, LZ4, LZF, BITSHUFFLE = 32015, 32004, 32000, 32008
NAMED = r"chunk \[0, 0\].*x\.h5:/x.*"


def chunk_says(pattern):
    """Readers stop at the chunk; verify lists it."""
    return all_say(2, pattern, CHUNK) + all_say(1, r"/x: chunk \[0, 0\] is bad", ["verify x.h5"])


def frame(content, blocks, window=b"", descriptor=0xE0):
    return struct.pack("<IB", 0xFD2FB528, descriptor) + window + content + b"".join(blocks)


def run_block(n, last):
    """n times the same byte."""
    return struct.pack("<I", last | 1 << 1 | n << 3)[:3] + b"A"


@lie(*chunk_says(NAMED + "zstd frame decodes to 1073741824 bytes where 400 are expected"))
def a_zstd_frame_that_states_a_gigabyte():
    packed(ZSTD, frame(u64(1 << 30), [run_block(1 << 17, i == 8191) for i in range(8192)]))


@lie(*chunk_says(NAMED + "zstd"))
def a_zstd_frame_that_does_not_state_its_gigabyte():
    packed(ZSTD, frame(b"", [run_block(1 << 17, i == 8191) for i in range(8192)], window=b"\x58", descriptor=0))


@lie(*chunk_says(NAMED + "zstd"))
def a_zstd_frame_that_states_less():
    packed(ZSTD, frame(u64(400), [run_block(1 << 17, True)]))


@lie(*chunk_says(NAMED + "(zstd|bytes)"))
def a_zstd_frame_of_too_little():
    packed(ZSTD, frame(u64(8), [run_block(8, True)]))


@lie(*chunk_says(NAMED + "zstd"))
def a_zstd_window_of_terabytes():
    packed(ZSTD, frame(b"", [run_block(400, True)] * 2, window=b"\xff", descriptor=0))


@lie(*chunk_says(NAMED + "follow the zstd frame"))
def two_zstd_frames():
    packed(ZSTD, 2 * frame(u64(400), [run_block(400, True)]))


@lie(*chunk_says(NAMED + "deflate"))
def a_deflated_bomb():
    packed(h5py.h5z.FILTER_DEFLATE, zlib.compress(bytes(64 << 20), 9), (6,))


@lie(*chunk_says(NAMED + "lz4"))
def lz4_that_states_exabytes():
    packed(LZ4, struct.pack(">QII", 1 << 60, 1 << 30, 8) + bytes(8))


@lie(*chunk_says(NAMED + "lz4"))
def lz4_in_blocks_of_nothing():
    packed(LZ4, struct.pack(">QII", 400, 0, 8) + bytes(8))


@lie(*chunk_says(NAMED + "lz4"))
def lz4_blocks_longer_than_the_chunk():
    packed(LZ4, struct.pack(">QII", 400, 400, 0x7FFFFFFF) + bytes(100))


@lie(*chunk_says(NAMED + "lzf"))
def lzf_that_reaches_back_before_its_start():
    packed(LZF, b"\x00A" + b"\xff\xff\xff" * 20, (4, 0x105, 400))


@lie(*chunk_says(NAMED + "bitshuffle"))
def bitshuffle_that_states_exabytes():
    packed(BITSHUFFLE, struct.pack(">QI", 1 << 60, 1 << 20) + bytes(100), (0, 2, 4, 0, 2))


@lie(*chunk_says(NAMED + "bitshuffle"))
def bitshuffle_in_huge_blocks():
    packed(BITSHUFFLE, struct.pack(">QI", 400, 0xFFFFFFF8) + bytes(100), (0, 2, 4, 0, 2))


@lie(*chunk_says(NAMED))
def a_checksum_without_anything_summed():
    packed(h5py.h5z.FILTER_FLETCHER32, b"abc")


@lie(*chunk_says(NAMED))
def nbit_without_bits():
    packed(h5py.h5z.FILTER_NBIT, b"?", (8, 0, 100, 1, 4, 0, 32, 0))


@lie(*all_say(2, r"x\.h5:?.*/x", CHUNK), "verify x.h5 -> 1|2: ")
def scale_offset_of_nothing():
    packed(h5py.h5z.FILTER_SCALEOFFSET, b"\x01", tuple(range(20)))


@lie(*all_say(2, r"x\.h5:/x.*54321", ["stat x.h5:/x", "dump x.h5:/x"]),
     "info x.h5:/x -> 0: 54321")
def a_filter_that_nobody_has():
    packed(54321, bytes(400))


def short(path, data, mask=0):
    """An array of 1000 bfloat16 in one chunk, of which the packed bytes are given."""
    bfloat16 = h5py.h5t.IEEE_F32LE.copy()
    bfloat16.set_fields(15, 7, 8, 0, 7)
    bfloat16.set_size(2)
    bfloat16.set_ebias(127)
    with h5py.File("x.h5", "a") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1000,))
        plist.set_deflate(6)
        d = h5py.h5d.create(f.id, path, bfloat16, h5py.h5s.create_simple((1000,)), plist)
        d.write_direct_chunk((0,), data, mask)


@lie(*all_say(2, r"'/x' of 'x\.h5': chunk \[0\]: chunk decodes to 20 bytes where 2000", [
     "stat x.h5:/x", "dump x.h5:/x", "copy x.h5:/x -o o.h5 --dtype f8", "diff x.h5:/x x.h5:/z"]),
     *all_say(2, r"'/y' of 'x\.h5': chunk \[0\]: 20 bytes without filters where a chunk has 2000",
              ["stat x.h5:/y", "dump x.h5:/y"]),
     "stat x.h5:/z -> 0: zeros +1000",
     "verify x.h5 -> 1: /x: chunk \\[0\\] is bad.*/y: chunk \\[0\\] is bad.*/z: ok")
def chunks_of_a_foreign_type_that_decode_to_too_little():
    short(b"x", zlib.compress(bytes(20)))
    short(b"y", bytes(20), mask=1)
    short(b"z", zlib.compress(bytes(2000)))


@lie(*all_say(2, r"x\.h5.*'/x'.*chunk \[0\]: chunk decodes to 16 bytes where 160|'/x' of 'x\.h5': chunk \[0\]",
              ["dump x.h5:/x", "diff x.h5:/x x.h5:/y"]), "verify x.h5 -> 1: /x: chunk \\[0\\] is bad")
def a_chunk_of_texts_that_decodes_to_too_little():
    with h5py.File("x.h5", "w") as f:
        for name in "xy":
            f.create_dataset(name, (10,), h5py.string_dtype(), chunks=(10,), compression="gzip")
            f[name][...] = "text"
        f["x"].id.write_direct_chunk((0,), zlib.compress(bytes(16)))


# --- what lies in other files ---


def behind_links():
    """main.h5 has sevens where src.h5 has 1000 and more."""
    x = numpy.arange(1000, 2000)
    with h5py.File("src.h5", "w") as f:
        f["r"] = x
        f.create_dataset("c", data=x, chunks=(100,))
        f.create_dataset("z", data=x, chunks=(100,), compression="gzip")
        f["t"] = numpy.array([b"first", b"second"], dtype=h5py.string_dtype())
        f["g/x"] = x
    with h5py.File("main.h5", "w") as f:
        f["pad"] = numpy.full(20000, 7)
        for name in "rcztg":
            f[name] = h5py.ExternalLink("src.h5", "/" + name)
        f["gone"] = h5py.ExternalLink("src.h5", "/nothing")


FAR = ["r", "c", "z", "g/x"]


@lie(*[f"stat main.h5:/{name} -> 0: min +1000\\n.*max +1999" for name in FAR],
     *[f"dump main.h5:/{name} -> 0: ^1000\\n1001\\n" for name in FAR],
     *[f"diff main.h5:/{name} src.h5:/{name} -> 0: the same" for name in FAR + ["t"]],
     *[f"calc max(x) x=main.h5:/{name} -> 0: 1999" for name in FAR],
     *[f"info main.h5:/{name} -> 0: HDF5 library: it lies in another file, '.*src\\.h5' \\(external link\\)" for name in FAR],
     *[f"verify main.h5:/{name} -> 2: 'main\\.h5' lies in another file, '.*src\\.h5' \\(external link\\): verify that file"
       for name in FAR + ["t", "g"]],
     *[f"copy main.h5:/{name} -o o.h5:/x -> 0: " for name in FAR + ["t", "g"]],
     "dump main.h5:/t -> 0: first\\nsecond", "verify main.h5 -> 0: /pad: ok",
     "stat main.h5:/gone -> 2: '/gone' in 'main\\.h5': '/gone' is a link to 'src\\.h5:/nothing'")
def arrays_behind_external_links():
    behind_links()


@lie(*all_say(2, r"main\.h5.*src\.h5", [f"{verb} main.h5:/{name}" for verb in ("stat", "dump", "info") for name in FAR]))
def external_links_into_a_file_cut_in_half():
    behind_links()
    os.truncate("src.h5", os.path.getsize("src.h5") // 2)


@lie(*all_say(2, r"main\.h5:/z'.*src\.h5.*chunk \[0\]", ["stat main.h5:/z", "dump main.h5:/z",
                                                       "copy main.h5:/z -o o.h5:/z"]))
def external_links_to_damaged_chunks():
    behind_links()
    with h5py.File("src.h5", "a") as f:
        f["z"].id.write_direct_chunk((0,), zlib.compress(bytes(30)))


def view(f, name, file, source):
    layout = h5py.VirtualLayout((10,), "i8")
    layout[:] = h5py.VirtualSource(file, source, (10,))
    f.create_virtual_dataset(name, layout, fillvalue=-5)


@lie("dump v.h5:/good -> 0: ^0\\n1\\n", "dump v.h5:/percent -> 0: ^0\\n1\\n",
     *all_say(2, r"v\.h5.*'gone\.h5' is missing", ["dump v.h5:/v", "head v.h5:/v", "stat v.h5:/v"]),
     *all_say(2, r"v\.h5.*'a%c' is missing", ["dump v.h5:/no_percent"]),
     *all_say(2, r"v\.h5.*'/etc/passwd' \(external storage\)", ["dump v.h5:/password"]),
     "info v.h5:/v -> 0: virtual")
def views_of_views_without_a_source():
    with h5py.File("w.h5", "w") as f:
        f["a%b"] = f["x"] = numpy.arange(10)
        view(f, "gone", "gone.h5", "x")
        view(f, "good", ".", "x")
        f.create_dataset("password", (10,), "i8", external=[("/etc/passwd", 0, 80)])
    with h5py.File("v.h5", "w") as f:
        view(f, "v", "w.h5", "gone")
        view(f, "good", "w.h5", "good")
        view(f, "percent", "w.h5", "a%%b")
        view(f, "no_percent", "w.h5", "a%%c")
        view(f, "password", "w.h5", "password")


EXTERNAL = ["stat", "dump", "head", "copy -o o.h5 --dtype i4"]


def external(name, pattern):
    return all_say(2, pattern, [f"{w.split()[0]} x.h5:/{name} {' '.join(w.split()[1:])}".strip() for w in EXTERNAL])


@lie(*external("pipe", r"x\.h5.*'pipe' \(external storage\), which is not a regular file"),
     *external("zero", r"x\.h5.*'/dev/zero' \(external storage\), which is not a regular file"),
     *external("password", r"x\.h5.*'/etc/passwd' \(external storage\), which is not below the folder"),
     *external("up", r"x\.h5.*'\.\./.*passwd' \(external storage\), which is not below the folder"),
     *external("link", r"x\.h5.*'link' \(external storage\), which is not below the folder"),
     *external("short", r"x\.h5.*'short' \(external storage\), 10 bytes at 0, but that has 3"),
     *external("gone", r"x\.h5.*cannot open 'gone'"),
     "dump x.h5:/good -> 0: ^97\\n98", "info x.h5:/pipe -> 0: external storage", "verify x.h5 -> 1|2: ")
def external_storage_of_any_kind():
    os.mkfifo("pipe")
    os.symlink("/etc/passwd", "link")
    for name, data in (("short", "abc"), ("good", "abcdefghij")):
        with open(name, "w") as f:
            f.write(data)
    with h5py.File("x.h5", "w") as f:
        for name in ("pipe", "link", "short", "gone", "good"):
            f.create_dataset(name, (10,), "u1", external=[(name, 0, 10)])
        f.create_dataset("zero", (10,), "u1", external=[("/dev/zero", 0, 10)])
        f.create_dataset("password", (10,), "u1", external=[("/etc/passwd", 0, 10)])
        f.create_dataset("up", (10,), "u1", external=[("../" * 20 + "etc/passwd", 0, 10)])


# --- shapes and types ---


def array_of(shape, dtype="u1", chunk=None, name="x.h5"):
    with h5py.File(name, "w") as f:
        f.create_dataset("x", shape, dtype, chunks=chunk, maxshape=shape)


@lie("info x.h5:/x -> 0: 4611686018427387904", "head x.h5:/x -> 0|2: ",
     *all_say(2, r"4398046511104 chunks of 'x\.h5", ["stat x.h5:/x", "copy x.h5:/x -o o.h5 --chunks 9"]),
     "verify x.h5 -> 2: ")
def more_chunks_than_memory():
    array_of((1 << 62,), chunk=(1 << 20,))


@lie(*all_say(2, r"x\.h5.*(2\^63|elements|too|large|overflow)", ["info x.h5:/x", "stat x.h5:/x", "head x.h5:/x"]))
def more_elements_than_can_be_counted():
    array_of((1 << 40, 1 << 40), chunk=(1024, 1024))


@lie("info x.h5:/x -> 0: 3221225472", "stat x.h5:/x -> 0|2: --memory")
def a_chunk_larger_than_the_budget():
    array_of((3 << 30,), chunk=(3 << 30,))


@lie("info x.h5:/x -> 0: ", "ls x.h5 -> 0: x", "head x.h5:/x -> 0|2: ", "dump x.h5:/x -> 0|2: ",
     "copy x.h5:/x -o o.h5 -> 0|2: ", "diff x.h5 x.h5 -> 0|2: ", "verify x.h5 -> 0|2: ", "stat x.h5:/x -> 2: x.h5")
def an_element_of_two_gigabytes():
    with h5py.File("x.h5", "w") as f:
        text = h5py.h5t.C_S1.copy()
        text.set_size((1 << 31) - 1)
        h5py.h5d.create(f.id, b"x", text, h5py.h5s.create_simple((2,)))


@lie(*[f"{verb} x.h5:/{name} -> 0: ^$" for verb in ("head", "dump") for name in "abcd"],
     *[f"info x.h5:/{name} -> 0: shape" for name in "abcd"], *[f"stat x.h5:/{name} -> 0: " for name in "ab"])
def nothing_along_one_axis_and_very_much_along_others():
    array_of((1 << 62, 0, 3))
    with h5py.File("x.h5", "a") as f:
        for name, shape in ((b"a", (1 << 62, 0, 3)), (b"b", (1 << 40, 1 << 40, 0, 3)), (b"c", (3, 0)),
                            (b"d", (0, 1 << 40, 1 << 40))):
            h5py.h5d.create(f.id, name, h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple(shape))


@lie(*all_say(2, r"x\.h5.*more than 64 levels", ["info x.h5:/x", "dump x.h5:/x"]), "ls -r x.h5 -> 0: x",
     "verify x.h5 -> 0: /x: not checked")
def a_type_two_thousand_levels_deep():
    with h5py.File("x.h5", "w") as f:
        at = h5py.h5t.NATIVE_INT32
        for _ in range(2000):
            at = h5py.h5t.array_create(at, (1,))
        h5py.h5d.create(f.id, b"x", at, h5py.h5s.create_simple((1,)))


@lie("info x.h5:/x -> 0: ", "stat x.h5:/x -> 0: ", "dump x.h5:/x -> 0: ", "copy x.h5:/x -o o.h5 -> 0: ")
def every_rank_there_is():
    array_of((1,) * 31 + (2,), chunk=(1,) * 32)


def lying_text(length, address=None, number=None):
    """Texts of variable length lie in a heap: an element is their length, the heap's address, a number."""
    with h5py.File("x.h5", "w") as f:
        f["x"] = numpy.array([b"first", b"second", b"third!!"], dtype=h5py.string_dtype())
        offset = f["x"].id.get_offset()
    with open("x.h5", "r+b") as f:
        f.seek(offset)
        was = struct.unpack("<IQI", f.read(16))
        f.seek(offset)
        f.write(struct.pack("<IQI", length, was[1] if address is None else address, number or was[2]))


TEXTS = ["dump x.h5:/x", "head x.h5:/x", "copy x.h5:/x -o o.h5", "diff x.h5 x.h5"]


OTHER_TEXT = [*all_say(2, r"x\.h5.*an element states \d+ bytes and has 5 in the heap", TEXTS), "unique x.h5:/x -> 2: x.h5",
              "export x.h5:/x -o o.tsv -> 2: x.h5", "verify x.h5 -> 0: not checked"]


@lie(*OTHER_TEXT, "ls x.h5 -> 0: x", "info x.h5:/x -> 0: ")
def a_text_that_states_gigabytes():
    lying_text(0x7FFFFFF0)


@lie(*OTHER_TEXT)
def a_text_longer_than_its_heap():
    lying_text(5000)


@lie(*OTHER_TEXT)
def a_text_longer_than_it_is():
    lying_text(6)


@lie(*all_say(2, r"x\.h5.*an element is number 900 in the heap at \d+, which has none", TEXTS))
def a_text_that_its_heap_does_not_have():
    lying_text(5, number=900)


@lie(*all_say(2, r"'x\.h5' has no heap at 1099511627776", TEXTS), "verify x.h5 -> 0|2: ")
def a_text_behind_the_end():
    lying_text(5, address=1 << 40)


@lie(*all_say(2, r"'x\.h5' has no heap at 8", TEXTS))
def a_text_where_there_is_no_heap():
    lying_text(5, address=8)


def lying_heap(number, size):
    """An object of the heap of texts, one of an array and one of an attribute, states another size."""
    with h5py.File("x.h5", "w") as f:
        f["x"] = numpy.array([b"first", b"second", b"third!!"], dtype=h5py.string_dtype())
        f["x"].attrs["words"] = ["one", "two"]
    with open("x.h5", "r+b") as f:
        data = f.read()
        at = data.index(b"GCOL") + 16
        while (found := struct.unpack_from("<HHIQ", data, at))[0] != number:
            at += 16 + (found[3] + 7) // 8 * 8
        f.seek(at + 8)
        f.write(struct.pack("<Q", size))


HEAP = [*all_say(2, r"x\.h5.*the heap of 'x\.h5' at \d+, .*is damaged",
                 [*TEXTS, "attr x.h5:/x", "info x.h5:/x"]), "ls x.h5 -> 0: x",
        "verify x.h5 -> 0: not checked"]


@lie(*HEAP)
def a_heap_smaller_than_one_of_its_texts():
    lying_heap(2, 1 << 20)


@lie(*HEAP)
def a_heap_with_an_object_of_all_there_is():
    lying_heap(1, (1 << 64) - 1)


@lie(*HEAP)
def a_heap_whose_free_space_has_no_end():
    lying_heap(0, 0)


# --- links and names ---


@lie("ls -r x.h5 -> 0: above", "info x.h5 -> 0: ", "stat x.h5:/a/b/above/b/above/b/x -> 0: ", "verify x.h5 -> 0: ",
     "copy x.h5:/a -o o.h5:/a -> 0|2: ", "diff x.h5 x.h5 -> 0: ")
def a_group_within_itself():
    with h5py.File("x.h5", "w") as f:
        f["a/b/x"] = numpy.arange(4)
        f["a/b/above"] = f["a"]


@lie("ls -r x.h5 -> 0: one", "stat x.h5:/one -> 2: x.h5", "dump x.h5:/self -> 2: x.h5", "copy x.h5:/one -o o.h5 -> 0|2: ")
def links_that_lead_in_a_circle():
    with h5py.File("x.h5", "w") as f:
        f["one"], f["two"], f["self"] = h5py.SoftLink("/two"), h5py.SoftLink("/one"), h5py.ExternalLink("x.h5", "/self")


@lie("stat x.h5:/v -> 2: x.h5", "dump x.h5:/v -> 2: x.h5", "info x.h5:/v -> 0: ", "copy x.h5:/v -o o.h5 -> 0|2: ")
def an_array_that_is_a_view_of_itself():
    with h5py.File("x.h5", "w") as f:
        layout = h5py.VirtualLayout((10,), "i4")
        layout[:] = h5py.VirtualSource("x.h5", "v", (10,))
        f.create_virtual_dataset("v", layout)


@lie("ls -r x.h5 -> 0|2: ", "info x.h5 -> 0|2: ", "verify x.h5 -> 0|2: ", "diff x.h5 x.h5 -> 0|2: ",
     "copy x.h5:/g -o o.h5:/g -> 0|2: ")
def groups_ten_thousand_deep():
    with h5py.File("x.h5", "w") as f:
        at = f
        for _ in range(10000):
            at = at.create_group("g")


@lie("ls x.h5 -> 0: ", "ls -r x.h5 --json -> 0: ", "info x.h5 -> 0: ", "attr x.h5:/a -> 0: ", "verify x.h5 -> 0: ",
     "diff x.h5 x.h5 -> 0: ", "copy x.h5 -o o.h5 -> 0|2: ")
def names_that_draw_on_the_terminal():
    with h5py.File("x.h5", "w") as f:
        for name in (b"\x1b[2Jgone", b"two\nlines", b"tab\t", b"bell\x07", b"\xff\xfe", b"x[0]", b"a:b", b"-o",
                     b"a" * 60000, b"back\\slash", b"quote'"):
            h5py.h5g.create(f.id, name)
        f["a"] = numpy.arange(3)
        for name in ("\x1b]0;title\x07", "line\nbreak", "slab_seal "):
            f["a"].attrs[name] = "value\x1b[31m\nred"


@lie("attr x.h5:/x -> 0|2: ", "info x.h5:/x -> 0|2: ", "ls -r x.h5 -> 0: x", "copy x.h5:/x -o o.h5 -> 0|2: ")
def an_attribute_larger_than_the_budget():
    with h5py.File("x.h5", "w", libver="latest") as f:
        f["x"] = numpy.arange(3)
        f["x"].attrs.create("large", numpy.zeros(200 << 20, "u1"))


# --- what is no HDF5 file ---

OPENERS = ["ls x.h5", "info x.h5", "stat x.h5:/x", "verify x.h5", "copy x.h5:/x -o o.h5"]


@lie(*all_say(2, r"x\.h5", OPENERS))
def nothing():
    open("x.h5", "w").close()


@lie(*all_say(2, r"x\.h5", OPENERS))
def a_folder():
    os.mkdir("x.h5")


@lie(*all_say(2, r"x\.h5", OPENERS), "import x.h5 --from csv -o o.h5:/x -> 2: ", "import x.bed -o o.h5:/x -> 2: x.bed")
def a_pipe_that_nobody_writes_to():
    os.mkfifo("x.h5")
    for name in ("x.bed", "x.bim", "x.fam"):
        os.mkfifo(name)


@lie(*all_say(2, r"x\.h5", OPENERS))
def a_device_without_end():
    os.symlink("/dev/zero", "x.h5")


@lie(*all_say(2, r"x\.h5", OPENERS))
def a_signature_and_no_more():
    with open("x.h5", "wb") as f:
        f.write(b"\x89HDF\r\n\x1a\n")


@lie(*all_say(2, r"x\.h5", OPENERS))
def a_file_cut_in_half():
    chunked()
    os.truncate("x.h5", os.path.getsize("x.h5") // 2)


@lie(*all_say(2, r"x\.h5", ["stat x.h5:/x", "verify x.h5", "dump x.h5:/x"]))
def a_root_group_behind_the_end():
    chunked()
    with open("x.h5", "r+b") as f:
        f.seek(64)  # the root's header, in superblock 0
        f.write(u64(1 << 50))


# --- trying ---


def check(done, codes, pattern):
    if done.timed_out:
        return "hangs"
    if bounded.died_in_library(done) and 2 in codes:
        return None
    if done.returncode not in codes:
        return f"exit code {done.returncode}: {done.stderr.strip()[:600]}"
    if done.peak > MEMORY + BESIDE:
        return f"takes {done.peak} MiB: {done.stderr.strip()[:300]}"
    if "bug of slab" in done.stderr:
        return done.stderr.strip()[:600]
    said = [line for line in done.stderr.splitlines() if not re.match(r"slab: (warning|note): ", line)]
    if done.returncode == 2 and len(said) != 1:
        return f"not one line but {len(said)}: {done.stderr.strip()[:600]}"
    text = said[0] if done.returncode == 2 else done.stdout.decode(errors="backslashreplace")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", done.stderr + text):
        return f"control characters: {text[:300]!r} {done.stderr[:300]!r}"
    if len(codes) == 1 and not re.search(pattern, text, re.DOTALL):
        return f"does not say {pattern!r}: {text[:600]}"
    return None


def main():
    bench = faults.Bench("20x12", "8x5")
    tried = failed = 0
    for make, calls in LIES:
        if ONLY and not re.search(ONLY, make.__name__):
            continue
        with tempfile.TemporaryDirectory(prefix="slab-lies-") as folder:
            os.chdir(folder)
            make()
            there = set(os.listdir("."))
            for call in calls:
                words, code, pattern = re.fullmatch(r"(.*) -> ([\d|]+): ?(.*)", call).groups()
                words = words.split()
                if bench.has_option(words[0], "--memory"):
                    words += ["--memory", f"{MEMORY}M"]
                said = check(bounded.run(words, folder), [int(c) for c in code.split("|")], pattern)
                tried += 1
                if said:
                    failed += 1
                    print(f"FAILS slab {' '.join(words)}, {make.__name__}: {said}", flush=True)
                for name in set(os.listdir(".")) - there:
                    if os.path.isfile(name):
                        os.remove(name)
            os.chdir("/")
    bench.close()
    print(f"{tried} calls on {len(LIES)} files, {failed} fail")
    sys.exit(1 if failed or not tried else 0)


main()
