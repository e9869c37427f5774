"""The filter plugin in a foreign program: h5py reads and writes Zstandard with it, in every frame
that may stand in a chunk, and refuses what must not stand there."""
import os
import subprocess
import sys

import h5py
import numpy as np

work = sys.argv[1]
failures = 0

# 0 1 2 3 0 1 ... as 20 little-endian u16, by the zstd program
DATA = np.arange(20, dtype="<u2") % 4
BODY = "7500004000000100020003000100c30b17"
SUM = "356d2fb1"
SIZED, UNSIZED = "28b52ffd2428" + BODY + SUM, "28b52ffd0458" + BODY + SUM
SKIP = "5e2a4d180500000068656c6c6f"


def check(what, right):
    global failures
    if not right:
        failures += 1
        print("FAILS", what)


def read_chunk(hexes):
    """What h5py makes of a chunk of these bytes; None when it refuses."""
    path = os.path.join(work, "chunk.h5")
    with h5py.File(path, "w") as f:
        d = f.create_dataset("x", shape=(20,), chunks=(20,), dtype="<u2", compression=32015)
        d.id.write_direct_chunk((0,), bytes.fromhex(hexes))
    with h5py.File(path, "r") as f:
        try:
            return f["x"][...]
        except OSError:
            return None


check("the plugin is found", h5py.h5z.filter_avail(32015))
for name, frames in [("one frame", SIZED), ("a frame without its size", UNSIZED),
                     ("padding behind", SIZED + SKIP + SKIP), ("padding in front", SKIP + UNSIZED)]:
    got = read_chunk(frames)
    check(f"{name} is read", got is not None and np.array_equal(got, DATA))
for name, frames in [("two frames", SIZED + SIZED), ("two unsized frames", UNSIZED + UNSIZED),
                     ("a cut frame", SIZED[:-2]), ("a wrong checksum", SIZED[:-2] + "00"),
                     ("bytes behind", SIZED + "00"), ("padding alone", SKIP),
                     ("a frame of 2^62 bytes", "28b52ffde40000000000000040" + BODY),
                     ("noise", "00112233")]:
    check(f"{name} is refused", read_chunk(frames) is None)

rng = np.random.default_rng(1)
path = os.path.join(work, "written.h5")
arrays = {}
with h5py.File(path, "w") as f:
    for level in [(), (1,), (3,), (19,), (99,)]:
        for dtype in ["u1", "<i4", ">f8"]:
            name = f"l{level[0] if level else ''}_{dtype[-2:]}"
            arrays[name] = np.cumsum(rng.integers(0, 3, (130, 70)), axis=1).astype(dtype)
            f.create_dataset(name, data=arrays[name], chunks=(33, 70), shuffle=True,
                             compression=32015, compression_opts=level)
with h5py.File(path, "r") as f:
    for name, a in arrays.items():
        check(f"{name} comes back", np.array_equal(f[name][...], a))
        _, raw = f[name].id.read_direct_chunk((0, 0))
        check(f"{name} is a frame with content size and checksum",
              raw[:4] == bytes.fromhex("28b52ffd") and raw[4] & 4 and raw[4] & 0xE0)
        check(f"{name} is compressed", len(raw) < a[:33].nbytes)

# h5dump is another build of HDF5; it has no other source of this filter
try:
    out = subprocess.run(["h5dump", "-d", "/l3_i4", "-s", "129,67", "-c", "1,3", path],
                         capture_output=True, text=True)
    row = ", ".join(str(v) for v in arrays["l3_i4"][129, 67:])
    check("h5dump reads it", out.returncode == 0 and row in out.stdout)
except FileNotFoundError:
    print("no h5dump here")

sys.exit(failures > 0)
