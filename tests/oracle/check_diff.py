"""slab diff against NumPy's isclose, exact integers, and h5diff's verdict on whole files.
CASES and SEED in the environment draw more, or others."""
import fractions
import json
import os
import subprocess
import sys

import h5py
import numpy as np

slab = os.environ["SLAB"]
rng = np.random.default_rng(int(os.environ.get("SEED", "1")))
cases = int(os.environ.get("CASES", "80"))
types = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i2", ">f4", ">f8",
         "c8", "c16"]
failed = 0


def check(what, good, more=""):
    global failed
    if not good:
        print("FAILS", what, more)
    failed += not good


def run(*words, code=None):
    ran = subprocess.run([slab, *words], capture_output=True, text=True)
    assert code is None or ran.returncode == code, (words, ran)
    return ran


def draw(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        wide = rng.random() < 0.5
        low, high = (limits.min, limits.max) if wide else (max(limits.min, -5), 100)
        return rng.integers(low, high, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)
    x = rng.normal(0, 1, shape)
    x[rng.random(shape) < 0.05] = rng.choice([0, np.nan, np.inf, -np.inf])
    if dtype.kind == "c":
        x = x + 1j * rng.normal(0, 1, shape)
    return x.astype(dtype)


def change(x, dtype):
    """A copy of some other type with some elements changed, a little or a lot."""
    with np.errstate(all="ignore"):
        y = (x.real if np.dtype(dtype).kind != "c" else x).astype(dtype)
    hit = rng.random(x.shape) < rng.choice([0, 0.001, 0.05, 0.9])
    if y.dtype.kind in "fc":
        scale = rng.choice([1e-6, 1e-2, 10])
        noise = (rng.normal(0, scale, x.shape)).astype(dtype)
        y = np.where(hit, y + noise, y).astype(dtype)
        y[rng.random(x.shape) < 0.01] = np.nan
    else:
        y = np.where(hit, draw(dtype, x.shape), y).astype(dtype)
    return y


def exact(v):
    """An element as a Python number: integers of any size are exact."""
    return v.item()


def expected(x, y, atol, rtol, equal_nan):
    """Index -> |a - b| of the elements that differ, and the two largest differences."""
    differ, largest, relative, unequal = {}, 0.0, 0.0, 0
    wide = any(v.dtype.itemsize == 8 and v.dtype.kind in "iu" for v in (x, y))
    for i in range(x.size):
        a, b = exact(x.flat[i]), exact(y.flat[i])
        if isinstance(a, bool):
            a = int(a)
        if isinstance(b, bool):
            b = int(b)
        nan = a != a or b != b
        same = a == b or (a != a and b != b and equal_nan)
        unequal += not same
        if same:
            continue
        if nan:
            differ[i] = np.inf
            continue
        size = abs(b)
        if isinstance(size, float) and np.isinf(size):
            d, close = np.inf, False
        else:
            if wide and not isinstance(a + b, complex) and np.isfinite(a):  # Python would round an integer to meet a float
                a, b = fractions.Fraction(a), fractions.Fraction(b)
            d = abs(a - b)
            d = float(d) if isinstance(d, fractions.Fraction) and d.denominator > 1 else d
            d = int(d) if isinstance(d, fractions.Fraction) else d
            close = np.longdouble(d) <= np.longdouble(atol) + np.longdouble(rtol) * np.longdouble(size) if wide \
                else d <= atol + rtol * float(size)
        largest = max(largest, float(d))
        if size != 0:
            relative = max(relative, float(d) / float(size) if np.isfinite(float(size)) else np.inf)
        if not close:
            differ[i] = float(d)
    return differ, largest, relative, unequal


def near(got, want):
    got = np.inf if got is None else got
    return got == want or abs(got - want) <= 1e-13 * abs(want)


for case in range(cases):
    rank = int(rng.integers(0, 5))
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 7, 17, 40], rank))
    if np.prod(shape) > 30000:
        shape = shape[:2]
    first = types[case % len(types)]
    second = first if rng.random() < 0.5 else rng.choice([t for t in types])
    if {first, second} & {"i8", "u8"} and {first, second} & {"c8", "c16"}:
        second = first  # beside complex numbers 64-bit integers are rounded to doubles
    x = np.array(draw(first, shape))
    y = change(x, second)
    with h5py.File("a.h5", "w") as f, h5py.File("b.h5", "w") as g:
        for file, data in ((f, x), (g, y)):
            chunks = tuple(int(rng.integers(1, n + 1)) for n in shape) or None
            file.create_dataset("x", data=data, chunks=chunks if rng.random() < 0.8 else None,
                                shuffle=bool(chunks) and rng.random() < 0.5 or None)
    select = ""
    if rank and rng.random() < 0.4:
        parts = [rng.choice([":", "::-1", "::2", "1:", ":-1"]) for _ in shape]
        select = "[" + ",".join(parts) + "]"
        x = eval("x" + select)
        y = eval("y" + select)
    atol, rtol = rng.choice([0, 1e-6, 0.5]), rng.choice([0, 1e-5, 0.1])
    equal_nan = rng.random() < 0.5
    words = ["diff", "a.h5:/x" + select, "b.h5:/x" + select, "--json", f"--atol={atol}",
             f"--rtol={rtol}", "--worst=7"] + (["--equal-nan"] if equal_nan else [])
    ran = run(*words)
    label = f"case {case}: {first} and {second} {shape} {select} atol {atol} rtol {rtol}"
    check(label, ran.returncode in (0, 1), ran.stderr)
    if ran.returncode not in (0, 1):
        continue
    got = json.loads(ran.stdout)["arrays"][0]
    differ, largest, relative, unequal = expected(x, y, atol, rtol, equal_nan)
    check(label, got["elements"] == x.size and got["differ"] == len(differ)
          and got["unequal"] == unequal, f"{got} want {len(differ)}, {unequal}")
    check(label + ": exit code", ran.returncode == bool(differ))
    check(label + ": largest", near(got["largest_absolute"], largest), f"{got} want {largest}")
    check(label + ": relative", near(got["largest_relative"], relative), f"{got} want {relative}")
    order = sorted(differ, key=lambda i: (-differ[i], i))[:7]
    worst = [int(np.ravel_multi_index(w["index"], x.shape)) if x.ndim else 0 for w in got["worst"]]
    ties = [differ[i] for i in worst if i in differ]
    check(label + ": worst", len(worst) == len(order)
          and all(near(a, differ[b]) for a, b in zip(ties, order)), f"{worst} want {order}")
    if x.dtype.kind in "biu" and y.dtype.kind in "biu":
        check(label + ": worst by place", worst == order, f"{worst} want {order}")
    if first == second and x.dtype.kind == "f":
        same = np.isclose(x.astype("f8"), y.astype("f8"), rtol, atol, equal_nan)
        check(label + ": isclose", got["differ"] == int((~same).sum()))


# --- whole files ---

def write(path, change=None):
    with h5py.File(path, "w") as f:
        f.attrs["title"] = "all"
        g = f.create_group("g")
        g.attrs["n"] = 3
        x = g.create_dataset("x", data=np.arange(24.).reshape(4, 6), chunks=(2, 6))
        x.attrs["units"] = "K"
        x.attrs["list"] = np.arange(3)
        x.attrs["words"] = ["one", "three"]
        x.attrs["compound"] = np.zeros(2, [("a", "f8"), ("s", "S3")])
        x.attrs["to"] = f["g"].ref
        f["words"] = ["a", "bc", "d"]
        f["table"] = np.zeros(5, [("a", "f8"), ("b", "i4", (2,)), ("s", "S3")])
        ragged = f.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
        ragged[0], ragged[1] = [1, 2], [3]
        refs = f.create_dataset("refs", (2,), h5py.ref_dtype)
        refs[0] = f["g"].ref
        f["fixed"] = np.array([b"ab", b"c"])
        f["empty"] = h5py.Empty("f4")
        f["scalar"] = 5
        f["type"] = np.dtype("f4")
        f["soft"] = h5py.SoftLink("/g/x")
        f["far"] = h5py.ExternalLink("o.h5", "/x")
        if change:
            change(f)


def edit(name, value):
    def change(f):
        f[name][...] = value
    return change


def replace(name, value):
    def change(f):
        del f[name]
        f[name] = value
    return change


def vanish(name):
    def change(f):
        del f[name]
    return change


def attribute(name, key, value):
    def change(f):
        f[name].attrs[key] = value
    return change


def table(f):
    t = f["table"][...]
    t["b"][3, 1] = 1
    f["table"][...] = t


def item(name, i, value):
    def change(f):
        f[name][i] = value
    return change


write("a.h5")
write("b.h5")
check("a file and its like", run("diff", "a.h5", "b.h5").returncode == 0, run("diff", "a.h5", "b.h5").stdout)
changes = {
    "an element": (item("g/x", (2, 3), 7), "/g/x"),
    "a scalar": (edit("scalar", 6), "/scalar"),
    "a text": (item("words", 1, "bd"), "/words"),
    "a fixed text": (item("fixed", 1, b"d"), "/fixed"),
    "a compound": (table, "/table"),
    "a list": (item("ragged", 1, [4]), "/ragged"),
    "a reference": (lambda f: f["refs"].__setitem__(0, f["g/x"].ref), "/refs"),
    "another shape": (replace("scalar", [5]), "/scalar"),
    "a number for texts": (replace("words", [1, 2, 3]), "/words"),
    "a missing array": (vanish("g/x"), "/g/x"),
    "a missing group": (vanish("g"), "/g"),
    "one more array": (lambda f: f.__setitem__("g/more", 1), "/g/more"),
    "an array for a group": (replace("g", 3), "/g"),
    "a link": (replace("soft", h5py.SoftLink("/g")), "/soft"),
    "an external link": (replace("far", h5py.ExternalLink("o.h5", "/y")), "/far"),
    "a named type": (replace("type", np.dtype("f8")), "/type"),
    "an attribute": (attribute("g/x", "units", "C"), "/g/x"),
    "an attribute of numbers": (attribute("g/x", "list", [0, 1, 3]), "/g/x"),
    "an attribute of texts": (attribute("g/x", "words", ["one", "two"]), "/g/x"),
    "an attribute of a compound": (attribute("g/x", "compound", np.ones(2, [("a", "f8"), ("s", "S3")])), "/g/x"),
    "an attribute that refers": (lambda f: f["g/x"].attrs.__setitem__("to", f["g/x"].ref), "/g/x"),
    "one more attribute": (attribute("g", "m", 1), "/g"),
    "the root's attribute": (attribute("/", "title", "some"), "/"),
}
for what, (change_one, where) in changes.items():
    write("c.h5", change_one)
    ran = run("diff", "a.h5", "c.h5")
    check(what, ran.returncode == 1 and any(line.startswith(where + ":") for line in ran.stdout.splitlines()),
          ran.stdout + ran.stderr)
    check(what + ": as JSON", not json.loads(run("diff", "a.h5", "c.h5", "--json").stdout)["same"])
    h5 = subprocess.run(["h5diff", "a.h5", "c.h5"], capture_output=True, text=True)
    if what in ("an element", "a scalar", "a fixed text", "an attribute of numbers"):
        check(what + ": h5diff agrees", h5.returncode == 1, str(h5))
write("c.h5", replace("scalar", np.int16(5)))
check("another type of the same value", run("diff", "a.h5", "c.h5").returncode == 0)
check("with --strict", run("diff", "a.h5", "c.h5", "--strict").returncode == 1)
write("c.h5", replace("words", np.array([b"a", b"bc", b"d"])))
check("texts of fixed and variable length", run("diff", "a.h5", "c.h5").returncode == 0,
      run("diff", "a.h5", "c.h5").stdout)
with h5py.File("c.h5", "w") as f:
    with h5py.File("a.h5") as g:
        g.copy("g", f, "h")
check("a group under another name", run("diff", "a.h5:/g", "c.h5:/h").returncode in (0, 1))
for bad in (["a.h5", "nowhere.h5"], ["a.h5:/g/x", "b.h5"], ["a.h5:/g/x", "b.h5:/nothing"],
            ["a.h5:/g/x[9]", "b.h5:/g/x"], ["a.h5:/g[0]", "b.h5:/g"]):
    check(str(bad), run("diff", *bad).returncode == 2)
print(f"{failed} failed")
sys.exit(bool(failed))
