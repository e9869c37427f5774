"""slab copy of files that h5py wrote, read back by h5py and compared by h5diff and slab diff."""
import json
import os
import subprocess
import sys

import h5py
import numpy as np

slab = os.environ["SLAB"]
rng = np.random.default_rng(int(os.environ.get("SEED", "1")))
failed = 0


def check(what, good, more=""):
    global failed
    print(("ok    " if good else "FAILS ") + what, "" if good else more)
    failed += not good


def run(*words, code=0):
    ran = subprocess.run([slab, *map(str, words)], capture_output=True, text=True)
    check(" ".join(map(str, words)), ran.returncode == code, str(ran))
    return ran


def same(a, b, *words):
    ran = subprocess.run([slab, "diff", a, b, "--equal-nan", *words], capture_output=True, text=True)
    check(f"slab diff {a} {b}", ran.returncode == 0, ran.stdout + ran.stderr)


def h5same(a, b, *more):
    ran = subprocess.run(["h5diff", a, b, *more], capture_output=True, text=True)
    check(f"h5diff {a} {b}", ran.returncode == 0, ran.stdout + ran.stderr)


with h5py.File("a.h5", "w") as f:
    f.attrs["title"] = "all"
    g = f.create_group("g", track_order=True)
    g.attrs["n"] = 3
    for name in "zxy":
        g[name] = rng.normal(0, 1, (30, 20)).astype("f4")
    big = g.create_dataset("big", data=rng.integers(0, 50, (300, 200)), chunks=(64, 31),
                           compression="gzip", shuffle=True, fletcher32=True, maxshape=(None, 200))
    big.attrs["units"] = "K"
    f.create_dataset("plain", data=rng.normal(0, 1, (500, 60)), chunks=(100, 7))
    f.create_dataset("contiguous", data=rng.normal(0, 1, (500, 60)))
    f.create_dataset("lzf", data=rng.integers(0, 9, 5000).astype(">i2"), chunks=(512,), compression="lzf")
    f.create_dataset("offset", data=rng.integers(0, 9, 5000), chunks=(512,), scaleoffset=True)
    sparse = f.create_dataset("sparse", (1000, 1000), "f8", chunks=(100, 100), fillvalue=7)
    sparse[250:260, 3:5] = 1
    colours = h5py.enum_dtype({"red": 0, "green": 1}, "u1")
    f.create_dataset("enum", data=rng.integers(0, 2, (50, 40)), dtype=colours, chunks=(16, 16))
    f.create_dataset("bool", data=rng.integers(0, 2, 100).astype(bool), chunks=(16,))
    f.create_dataset("complex", data=rng.normal(0, 1, 100) + 1j, chunks=(16,))
    f.create_dataset("fixed", data=np.array([b"ab", b"c", b"def"]), chunks=(2,))
    f["words"] = ["a", "bc", "d" * 100]
    f.create_dataset("many", data=[f"word {i}" for i in range(1000)], dtype=h5py.string_dtype(), chunks=(100,),
                     compression="gzip")
    table = np.zeros(500, [("a", "f8"), ("b", "i4", (2,)), ("s", "S3")])
    table["a"] = np.arange(500)
    f.create_dataset("table", data=table, chunks=(64,), compression="gzip")
    f["flat"] = table[:5]
    ragged = f.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
    ragged[0], ragged[1] = [1, 2], [3]
    refs = f.create_dataset("refs", (3,), h5py.ref_dtype)
    refs[0], refs[1] = f["g"].ref, f["g/big"].ref
    f["empty"] = h5py.Empty("f4")
    f["scalar"] = 5
    f["nothing"] = np.zeros((0, 3))
    f["type"] = np.dtype("f4")
    f["soft"] = h5py.SoftLink("/g/x")
    f["dangling"] = h5py.SoftLink("/nowhere")
    f["far"] = h5py.ExternalLink("o.h5", "/x")
    f["hard"] = f["g/big"]
    f["loop"] = f["g"]
    f["scale"] = np.arange(300.)
    f["scale"].make_scale("time")
    big.dims[0].attach_scale(f["scale"])
    big.attrs["words"] = ["one", "three"]
    big.attrs["compound"] = np.zeros(2, [("a", "f8"), ("s", "S3")])
    big.attrs["to"] = f["scale"].ref
    big.attrs["region"] = f["plain"].regionref[2:4, 1]
    big.attrs["nothing"] = h5py.Empty("f4")
    f["whole"] = np.arange(10)
    f["whole"].attrs["missing_value"] = 3


def file_checks(path, label):
    with h5py.File("a.h5") as f, h5py.File(path) as c:
        check(label + ": hard links", c["hard"] == c["g/big"] and c["loop"] == c["g"])
        check(label + ": soft links", c.get("soft", getlink=True).path == "/g/x"
              and c.get("dangling", getlink=True).path == "/nowhere")
        check(label + ": external links", c.get("far", getlink=True).filename == "o.h5")
        check(label + ": references", c[c["refs"][0]] == c["g"] and c[c["refs"][1]] == c["g/big"]
              and not c["refs"][2])
        a = c["g/big"].attrs
        check(label + ": attributes", a["units"] == "K" and list(a["words"]) == ["one", "three"]
              and c[a["to"]] == c["scale"] and isinstance(a["nothing"], h5py.Empty)
              and a["compound"].dtype.names == ("a", "s"))
        check(label + ": a region", np.array_equal(np.ravel(c[a["region"]][a["region"]]), f["plain"][2:4, 1]))
        check(label + ": scales", c["g/big"].dims[0][0] == c["scale"] and h5py.h5ds.is_scale(c["scale"].id))
        check(label + ": an enum's names", h5py.check_enum_dtype(c["enum"].dtype) == {"red": 0, "green": 1})
        check(label + ": texts", list(c["words"].asstr()) == list(f["words"].asstr())
              and list(c["many"].asstr()) == list(f["many"].asstr()))
        check(label + ": compounds", np.array_equal(c["table"][...], f["table"][...]))
        check(label + ": may grow", c["g/big"].maxshape == (None, 200))
        check(label + ": what is missing", c["sparse"].fillvalue == 7)
        check(label + ": order of creation", c["g"].id.get_create_plist().get_link_creation_order() != 0)
        check(label + ": bool", c["bool"].dtype == bool)
        check(label + ": null", c["empty"].shape is None)


run("copy", "a.h5", "-o", "b.h5")
same("a.h5", "b.h5", "--strict")
file_checks("b.h5", "as it is")
with h5py.File("a.h5") as f, h5py.File("b.h5") as c:
    for name in ("g/big", "plain", "lzf", "offset", "sparse", "enum", "table"):
        x, y = f[name], c[name]
        check(f"{name}: chunks and filters stay", x.chunks == y.chunks and x.compression == y.compression
              and x.shuffle == y.shuffle and x.fletcher32 == y.fletcher32 and x.scaleoffset == y.scaleoffset)
        check(f"{name}: packed size stays", x.id.get_storage_size() == y.id.get_storage_size())
    check("sparse: no more chunks than before", c["sparse"].id.get_num_chunks() == f["sparse"].id.get_num_chunks())

run("copy", "a.h5", "-o", "c.h5", "--filter", "gzip:4", "--chunks", "50x50")
same("a.h5", "c.h5", "--strict")
file_checks("c.h5", "with other chunks")
with h5py.File("c.h5") as c:
    check("the filter is another", c["plain"].compression == "gzip" and c["plain"].compression_opts == 4
          and c["plain"].chunks == (50, 50) and c["lzf"].chunks == (512,) and c["lzf"].compression == "gzip")

# again, into the same file and out of groups
run("copy", "b.h5:/g", "-o", "b.h5:/copies/g")
for name in ("big", "x", "z"):
    same(f"a.h5:/g/{name}", f"b.h5:/copies/g/{name}")
with h5py.File("b.h5") as c:
    check("in the same file references to others stay", c[c["copies/g/big"].attrs["to"]] == c["scale"])
run("copy", "a.h5:/g", "-o", "d.h5")
for name in ("big", "x", "z"):
    same(f"a.h5:/g/{name}", f"d.h5:/g/{name}")
run("copy", "a.h5:/g", "-o", "d.h5", "--force")
with h5py.File("d.h5") as c:
    check("a scale outside of the group is not there", len(c["g/big"].dims[0]) == 0
          and "DIMENSION_LIST" not in c["g/big"].attrs)
    check("nor is what a reference led to", not c["g/big"].attrs["to"])

# one array: selections, types, chunks
for dtype in ("f4", "i2", ">f8", "f2", "c8"):
    run("copy", "a.h5:/plain", "-o", f"e.h5:/{dtype.strip('>')}", "--dtype", dtype)
    with h5py.File("a.h5") as f, h5py.File("e.h5") as c:
        x = f["plain"][...]
        got, want = c[dtype.strip(">")], x.astype(dtype)
        check(f"as {dtype}", got.dtype == np.dtype(dtype) and np.array_equal(got[...], want))

# a type that slab reads as another one stays what it is, but where another is asked for
brain = h5py.h5t.IEEE_F32LE.copy()  # bfloat16
brain.set_fields(15, 7, 8, 0, 7)
brain.set_size(2)
with h5py.File("brain.h5", "w") as f:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((50, 20))
    numbers = np.arange(100 * 60, dtype="f4").reshape(100, 60) % 128
    h5py.h5d.create(f.id, b"x", brain, h5py.h5s.create_simple((100, 60)), plist).write(
        h5py.h5s.ALL, h5py.h5s.ALL, numbers)
run("copy", "brain.h5:/x", "-o", "e.h5:/brain")
run("copy", "brain.h5:/x", "-o", "e.h5:/brain4", "--dtype", "f4")
with h5py.File("e.h5") as c:
    check("bfloat16 stays", c["brain"].id.get_type().equal(brain))
    check("bfloat16 as f4", c["brain4"].id.get_type().equal(h5py.h5t.IEEE_F32LE)
          and np.array_equal(c["brain4"][...], numbers))
    check("an input is named once", len(json.loads(c["brain4"].attrs["slab_inputs"])) == 1)

for i, select in enumerate(("10:200:3, ::-1", "5", "..., 3", "-100:, 2:50:7", ":, :", "7, 9")):
    run("copy", f"a.h5:/plain[{select}]", "-o", f"s.h5:/x{i}", "--filter", "lz4" if i % 2 else "none")
    with h5py.File("a.h5") as f:
        want = eval(f"f['plain'][...][{select}]")
    out = json.loads(subprocess.run([slab, "info", f"s.h5:/x{i}", "--json"], capture_output=True, text=True).stdout)
    check(f"[{select}]: shape", tuple(out["shape"]) == np.shape(want), str(out))
    run("copy", f"s.h5:/x{i}", "-o", f"t.h5:/x{i}", *(["--filter", "gzip"] if np.ndim(want) else []))
    with h5py.File("t.h5") as c:
        check(f"[{select}]: elements", np.array_equal(c[f"x{i}"][()], want))
run("copy", "a.h5:/whole", "-o", "e.h5:/whole", "--dtype", "u1")
run("copy", "a.h5:/whole", "-o", "e.h5:/other", "--dtype", "bool")
with h5py.File("e.h5") as c:
    check("the missing code has the new type", c["whole"].attrs["missing_value"].dtype == "u1"
          and c["whole"].attrs["missing_value"] == 3)
    check("or is left out when it has none", "missing_value" not in c["other"].attrs)
run("copy", "a.h5:/hard", "-o", "e.h5:/h")
run("copy", "a.h5:/soft", "-o", "e.h5:/s")
same("a.h5:/g/x", "e.h5:/s")
with h5py.File("e.h5") as c:
    check("no ties to scales", "DIMENSION_LIST" not in c["h"].attrs and c["h"].attrs["units"] == "K")

# random shapes and chunks
for case in range(int(os.environ.get("CASES", "25"))):
    rank = int(rng.integers(1, 5))
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 7, 17, 40], rank))
    dtype = rng.choice(["u1", "i2", ">i4", "f4", "f8", "?", "c16", "S5"])
    x = rng.integers(0, 100, shape)
    x = (x % 2).astype("?") if dtype == "?" else x.astype(dtype)
    with h5py.File("x.h5", "w") as f:
        chunks = tuple(int(rng.integers(1, n + 1)) for n in shape)
        f.create_dataset("x", data=x, chunks=chunks if rng.random() < 0.8 else None)
    other = "x".join(str(int(rng.integers(1, n + 1))) for n in shape)
    run("copy", "x.h5", "-o", "y.h5", "--chunks", other, "--force",
        *rng.choice([["--filter", "none"], ["--filter", "gzip"], ["--memory", "32M"]]))
    with h5py.File("y.h5") as c:
        check(f"case {case}: {dtype} {shape} {chunks} as {other}", np.array_equal(c["x"][()], x))
    os.remove("y.h5")

# what lies behind an external link, at addresses of another file
numbers = np.arange(1000, 2000)
with h5py.File("src.h5", "w") as f:
    f["flat"], f["small"] = rng.normal(0, 1, (200, 60)), numbers
    f.create_dataset("chunked", data=numbers, chunks=(100,))
    f.create_dataset("packed", data=numbers, chunks=(100,), compression="gzip")
    f.create_dataset("words", data=[f"word {i}" for i in range(50)], dtype=h5py.string_dtype(), chunks=(10,))
    f.create_dataset("table", data=np.zeros(500, [("a", "f8")]), chunks=(64,), compression="gzip")
    refs = f.create_dataset("refs", (2,), h5py.ref_dtype)
    refs[0], refs[1] = f["small"].ref, f["flat"].ref
    refs.attrs["to"] = f["small"].ref
with h5py.File("main.h5", "w") as f:
    f["decoy"] = np.zeros(3)  # at the address that /flat has in the other file
    f["pad"] = np.full(50000, 7)
    f["refs"] = h5py.ExternalLink("src.h5", "/refs")
    for name in ("flat", "small", "chunked", "packed", "words", "table"):
        f[name] = h5py.ExternalLink("src.h5", "/" + name)
for name in ("flat", "small", "chunked", "packed", "words", "table"):
    run("copy", f"main.h5:/{name}", "-o", f"far.h5:/{name}")
    with h5py.File("src.h5") as f, h5py.File("far.h5") as c:
        check(f"{name} through a link", np.array_equal(f[name][()], c[name][()]))
run("copy", "main.h5:/refs", "-o", "main.h5:/refs_copied")
with h5py.File("main.h5") as c:
    check("references into another file lead nowhere", not any(c["refs_copied"][()])
          and not c["refs_copied"].attrs["to"])
same("main.h5:/refs", "src.h5:/refs")
run("copy", "main.h5", "-o", "links.h5", "--force")
with h5py.File("links.h5") as c:
    check("links stay links", c.get("packed", getlink=True).filename == "src.h5")

# a filter that nobody here knows
with h5py.File("u.h5", "w") as f:
    d = f.create_dataset("x", (4, 4), "u1", chunks=(2, 2), compression="gzip")
    d[...] = 1
data = bytearray(open("u.h5", "rb").read())
at = data.find(b"deflate") - 8
if at > 0 and data[at] == 1:
    data[at:at + 2] = (333).to_bytes(2, "little")
    open("u.h5", "wb").write(data)
    run("copy", "u.h5", "-o", "v.h5")
    with h5py.File("u.h5") as f, h5py.File("v.h5") as c:
        pipeline = c["x"].id.get_create_plist()
        check("an unknown filter stays", pipeline.get_filter(0)[0] == 333)
        check("with its packed chunks", f["x"].id.read_direct_chunk((2, 0)) == c["x"].id.read_direct_chunk((2, 0)))
    run("copy", "u.h5", "-o", "w.h5", "--filter", "zstd", code=2)
    check("what cannot be decoded leaves no output", not os.path.exists("w.h5"))
else:
    print("the file is laid out otherwise than this test knows")
print(f"{failed} failed")
sys.exit(bool(failed))
