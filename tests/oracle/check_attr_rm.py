"""slab attr and slab rm on files that h5py wrote, and what slab wrote read by h5py."""
import json
import os
import subprocess
import sys

import h5py
import numpy as np

slab = os.environ["SLAB"]
failed = 0


def check(what, good):
    global failed
    print(("ok    " if good else "FAILS ") + what)
    failed += not good


def run(*words):
    return subprocess.run([slab, *words], check=True, capture_output=True, text=True).stdout


with h5py.File("a.h5", "w") as f:
    x = f.create_dataset("x", data=np.arange(12).reshape(3, 4))
    x.attrs["compound"] = np.zeros(2, [("a", "f8"), ("s", "S3")])
    x.attrs["ragged"] = "text of variable length"
    x.attrs["words"] = ["one", "three"]
    x.attrs["to"] = x.ref
    x.attrs["empty"] = h5py.Empty("f4")
    f["hard"] = f["x"]
    f["soft"] = h5py.SoftLink("/x")
    f["far"] = h5py.ExternalLink("other.h5", "/x")
    f["only"] = np.zeros(100)

run("attr", "a.h5:/x", "n=3", "f=0.5", "l=[1,2]", "t=[\"a\",\"bcd\"]", "b=true", "s=Grüße")
run("attr", "a.h5:/x", "half=0.1", "--dtype", "f2")
with h5py.File("a.h5") as f:
    a = f["x"].attrs
    check("numbers", a["n"] == 3 and a["n"].dtype == "i8" and a["f"] == 0.5 and a["half"] == np.float16(0.1))
    check("a list", a["l"].tolist() == [1, 2])
    check("texts", a["t"].tolist() == [b"a", b"bcd"] and a["s"] in ("Grüße", "Grüße".encode()))
    check("bool", a["b"].dtype == bool and bool(a["b"]))
    check("what slab cannot spell stays", a["compound"].dtype.names == ("a", "s")
          and list(a["words"]) == ["one", "three"] and f[a["to"]] == f["x"]
          and isinstance(a["empty"], h5py.Empty) and a["ragged"] == "text of variable length")
check("and is listed", "compound" in run("attr", "a.h5:/x"))

check("a hard link frees nothing", "0 objects, 0 B" in run("rm", "a.h5:/hard"))
check("nor does a soft one", "0 objects, 0 B" in run("rm", "a.h5:/soft", "a.h5:/far"))
with h5py.File("a.h5") as f:
    check("the array is there", sorted(f) == ["only", "x"] and f["x"][2, 3] == 11)
with h5py.File("j.h5", "w") as f:
    x = f.create_dataset("x", data=np.array([2**64 - 1, 5], "u8"), fillvalue=np.uint64(2**64 - 1))
    x.attrs["most"], x.attrs["list"] = np.uint64(2**64 - 1), np.array([2**63, 1, 2**64 - 1], "u8")
    x.attrs["texts"] = np.array(['x", "y', "back\\slash", "new\nline", "plain"], h5py.string_dtype())
    x.attrs["like"] = "\\u00005"
    x.attrs["bytes"] = np.array([b"\xff\xfe", b"ok"])
    for name in (b"\xff\xfename", b"\xff\xffname", b"??name"):
        h5py.h5a.create(x.id, name, h5py.h5t.NATIVE_INT32, h5py.h5s.create(h5py.h5s.SCALAR))
expected = {"most": 2**64 - 1, "list": [2**63, 1, 2**64 - 1], "like": "\\u00005", "bytes": ["??", "ok"],
            "texts": ['x", "y', "back\\slash", "new\nline", "plain"], "??name": 0, "??name (2)": 0, "??name (3)": 0}
check("attr --json has all there is", json.loads(run("attr", "j.h5:/x", "--json")) == expected)
info = json.loads(run("info", "j.h5:/x", "--json"))
check("so has info", info["attributes"] == expected and info["fill"] == 2**64 - 1)
check("one alone", json.loads(run("attr", "j.h5:/x", "most", "--json")) == 2**64 - 1)
check("a list as text is JSON", json.loads(run("attr", "j.h5:/x", "texts")) == expected["texts"])
check("the largest of uint64", json.loads(run("stat", "j.h5:/x", "--json"))["max"] == 2**64 - 1)

out = run("rm", "a.h5:/x", "a.h5:/only", "--json")
check("the last link frees its bytes", '"objects": 2' in out)
with h5py.File("a.h5") as f:
    check("all are gone", sorted(f) == [])
sys.exit(bool(failed))
