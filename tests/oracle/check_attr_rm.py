"""slab attr and slab rm on files that h5py wrote, and what slab wrote read by h5py."""
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
out = run("rm", "a.h5:/x", "a.h5:/only", "--json")
check("the last link frees its bytes", '"objects": 2' in out)
with h5py.File("a.h5") as f:
    check("all are gone", sorted(f) == [])
sys.exit(bool(failed))
