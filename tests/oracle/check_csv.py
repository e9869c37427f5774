"""Tables as text against Python's float(), repr() and NumPy."""
import math
import struct

import h5py
import numpy as np

from formats_common import check, finish, refused, slab

random = np.random.default_rng(3)


def write(name, text):
    with open(name, "w", newline="") as f:
        f.write(text)


def stored(name, path="/data"):
    with h5py.File(name) as f:
        return f[path][...]


def read_as(text, want, *options, suffix="csv", ranks=1):
    """Importing the text must give the array, bit for bit (NaN equals NaN)."""
    write("in." + suffix, text)
    slab("import", "in." + suffix, "-o", "x.h5", "--force", *options, ranks=ranks)
    got = stored("x.h5")
    want = np.asarray(want)
    equal = got.shape == want.shape and got.dtype == want.dtype and \
        np.array_equal(got, want, equal_nan=want.dtype.kind == "f")
    check(equal, f"{text[:60]!r} {options} on {ranks} ranks: {got!r:.200} is not {want!r:.200}")


NAN, INF = math.nan, math.inf
read_as("1,2\n3,4\n", [[1.0, 2], [3, 4]])
read_as("1,2\n3,4", [[1.0, 2], [3, 4]])
read_as("1,2\r\n3,4\r\n", [[1.0, 2], [3, 4]])
read_as("1,2\n3,4\n\n\n", [[1.0, 2], [3, 4]])
read_as("1\t2\n3\t\n", [[1.0, 2], [3, NAN]], suffix="tsv")
read_as("1;2\n", [[1.0, 2]], "--delimiter", ";")
read_as("  1   2\t3 \n4 5 6\n", [[1.0, 2, 3], [4, 5, 6]], "--delimiter", " ")
read_as("1 2\n3 4\n", [[1.0, 2], [3, 4]], suffix="txt")
read_as("1\t2\n", [[1.0, 2]], suffix="txt")
read_as("a,b\n1,2\n", [[1.0, 2]])
read_as('"a ""b"", c",d\n"1","2"\n3, 4 \n', [[1.0, 2], [3, 4]])
read_as('"1",2\n"2",4\n', [[2.0], [4]])  # R's names of rows
read_as("a,b\n", np.zeros((0, 2)))
read_as("x\n1\n2\n", [[1.0], [2]])
read_as("1,,NA\nnan,NaN,inf\n-inf,-Infinity,+1\n", [[1, NAN, NAN], [NAN, NAN, INF],
                                                   [-INF, -INF, 1]])
read_as(".5,5.,-1e3,1E+2\n", [[0.5, 5, -1000, 100]])
read_as("2000,2001\n1,2\n", [[1.0, 2]], "--header", "yes")
read_as("1,2\n", [[1.0, 2]], "--header", "no")
read_as("-128,127\n", np.array([[-128, 127]], "i1"), "--dtype", "i1")
read_as("-9223372036854775808,9223372036854775807\n",
        np.array([[-2**63, 2**63 - 1]], "i8"), "--dtype", "i8")
read_as("18446744073709551615,0\n", np.array([[2**64 - 1, 0]], "u8"), "--dtype", "u8")
read_as("0.1,16777217\n", np.array([[0.1, 16777217]], "f4"), "--dtype", "f4")
read_as("0.1,65504\n", np.array([[0.1, 65504]], "f2"), "--dtype", "f2")
read_as("1,0\n", np.array([[True, False]]), "--dtype", "bool")

# where the window over the text ends: in a number, and behind blanks that part fields
for before in (130572, 131000, 130573 - 200):
    digits = "0" * (2 * (131145 - before))
    read_as("1," * before + "1." + digits + "e5\n", [[1.0] * before + [1e5]], "--header", "no",
            "--chunks", f"1x{before + 1}")
blanks = " " * 300000
read_as(f"1 2\n7{blanks}8\n3 4\n", [[1.0, 2], [7, 8], [3, 4]], suffix="txt")
read_as(f"1 2\n7{blanks}8{blanks}\n{blanks}3 4\n", [[1.0, 2], [7, 8], [3, 4]], suffix="txt")
read_as(f"a 2\nb{blanks}8\n\"c c\"{blanks}4\n", [[2.0], [8], [4]], suffix="txt")
with h5py.File("x.h5") as f:
    check(list(f["data.rows/name"][...]) == [b"a", b"b", b"c c"], "names with blanks behind them")

# a byte order mark is no part of the first field
read_as("\ufeff1,2,3\n4,5,6\n", [[1.0, 2, 3], [4, 5, 6]])
read_as("\ufeff1 2\n", [[1.0, 2]], suffix="txt")
read_as('\ufeff"a",b\n1,2\n', [[1.0, 2]])
with h5py.File("x.h5") as f:
    check(f["data"].attrs["columns"] in ("a\tb", b"a\tb"), "names behind a byte order mark")
read_as("\ufeffIID,x\ns1,2\n", [[2.0]])
with h5py.File("x.h5") as f:
    check(list(f["data.samples/iid"][...]) == [b"s1"], "people behind a byte order mark")
write("head.csv", "a,b\n")
check("no line below" in slab("import", "head.csv", "-o", "head.h5"),
      "a header with nothing below it is told")

# names
write("n.csv", "id,a,\"b,c\"\nr1,1,2\n\"r,2\",3,4\n")
slab("import", "n.csv", "-o", "n.h5")
with h5py.File("n.h5") as f:
    check(list(f["data.rows/name"][...]) == [b"r1", b"r,2"], "names of rows")
    check(f["data"].attrs["columns"] in ("a\tb,c", b"a\tb,c"), "names of columns")
slab("export", "n.h5:/data", "-o", "n2.csv")
check(open("n.csv").read() == open("n2.csv").read(), "names come back")
for i, (text, names) in enumerate((('"a\tb",c\n1,2\n', [b"a\tb", b"c"]),
                                   ("/data,c\n1,2\n", [b"/data", b"c"]),
                                   ('"a\tb"\n1\n2\n', [b"a\tb"]))):
    write("tab.csv", text)
    slab("import", "tab.csv", "-o", f"tab{i}.h5", "--header", "yes", ranks=1 + i)
    with h5py.File(f"tab{i}.h5") as f:
        check(list(f["data.columns/name"][...]) == names, f"{names}: names apart")
    slab("export", f"tab{i}.h5:/data", "-o", "tab2.csv", "--force")
    check(open("tab2.csv").read() == text, f"{names} come back")
slab("export", "n.h5:/data[::-1, 1:]", "-o", "n3.csv")
check(open("n3.csv").read() == 'id,"b,c"\n"r,2",4\nr1,2\n', "a selection takes its names along")
write("r.csv", "a,b\nr1,1,2\n")  # R leaves the names' column out of the header
slab("import", "r.csv", "-o", "r.h5")
with h5py.File("r.h5") as f:
    check(list(f["data.rows/name"][...]) == [b"r1"] and f["data"].shape == (1, 2), "R's header")
write("p.tsv", "#FID\tIID\tPC1\tPC2\nf1\ti1\t0.5\t-0.25\nf2\t7\t1e-10\t3\n")
slab("import", "p.tsv", "-o", "p.h5")
with h5py.File("p.h5") as f:
    check(list(f["data.samples/iid"][...]) == [b"i1", b"7"], "FID and IID are people")
slab("export", "p.h5:/data", "-o", "p2.tsv")
check(open("p.tsv").read() == open("p2.tsv").read(), "a table of people comes back")
slab("export", "p.h5:/data", "-o", "p3.tsv", "--no-header")
check(open("p3.tsv").readline() == "f1\ti1\t0.5\t-0.25\n", "no header")

# numbers: any bits, and decimals of every length, against Python
bits = random.integers(0, 2**64, 3000, dtype=np.uint64)
values = bits.view("f8")
values = values[np.isfinite(values)][:2900].reshape(-1, 10)
values[0, :6] = [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -0.0, 0.1, 1e22]
text = "".join(",".join(repr(float(x)) for x in row) + "\n" for row in values)
read_as(text, values)
check(np.array_equal(np.signbit(stored("x.h5")), np.signbit(values)), "signs of zeros")
digits = ["".join(map(str, random.integers(0, 10, k))) for k in random.integers(1, 40, 4000)]
decimals = [f"{'-' if i % 3 == 0 else ''}{d[:len(d) // 2]}.{d[len(d) // 2:]}"
            f"{'' if i % 2 else 'e%d' % random.integers(-40, 40)}" for i, d in enumerate(digits)]
read_as("".join(",".join(decimals[i:i + 8]) + "\n" for i in range(0, 4000, 8)),
        np.array([float(x) for x in decimals]).reshape(-1, 8))


def nearest_single(text):
    """Correctly rounded to f4: of the doubles' neighbours, the nearest to the exact decimal."""
    from fractions import Fraction
    exact = Fraction(text)
    with np.errstate(over="ignore"):
        middle = np.float32(float(text))
    if not np.isfinite(middle):
        return middle
    around = [middle, np.nextafter(middle, np.float32(-INF)), np.nextafter(middle, np.float32(INF))]
    around = [x for x in around if np.isfinite(x)]
    return min(around, key=lambda x: (abs(Fraction(float(x)) - exact),
                                      struct.unpack("<I", struct.pack("<f", x))[0] & 1))


read_as("".join(x + "\n" for x in decimals[:1500]),
        np.array([[nearest_single(x)] for x in decimals[:1500]], "f4"), "--dtype", "f4",
        "--header", "no")


def export_text(array, *options, ranks=1, suffix="csv"):
    with h5py.File("e.h5", "w") as f:
        chunks = tuple(max(1, min(n, 37)) for n in array.shape) or None
        f.create_dataset("x", data=array, chunks=chunks if array.size else None)
    slab("export", "e.h5:/x", "-o", "e." + suffix, "--force", *options, ranks=ranks)
    return open("e." + suffix, newline="").read()


flat = np.concatenate([values.ravel(), [float(x) for x in decimals],
                       random.integers(0, 10**6, 500) / 1000])[:6000].reshape(-1, 12)
for ranks in (1, 2, 4):
    lines = export_text(flat, ranks=ranks).splitlines()
    got = np.array([[float(x) for x in line.split(",")] for line in lines])
    check(np.array_equal(got, flat), f"doubles read back the same on {ranks} ranks")
longer = [(a, b) for row, line in zip(flat, lines) for a, b in zip(map(repr, map(float, row)),
                                                                   line.split(","))
          if len(b.lstrip("-").split("e")[0].replace(".", "").strip("0")) >
          len(a.lstrip("-").split("e")[0].replace(".", "").strip("0"))]
check(not longer, f"no text has more digits than Python's: {longer[:3]}")
singles = random.integers(0, 2**32, 2000, dtype=np.uint32).view("f4")
singles = singles[np.isfinite(singles)][:1900].reshape(-1, 19)
got = np.array([[np.float32(x) for x in line.split(",")]
                for line in export_text(singles).splitlines()])
check(np.array_equal(got, singles), "floats read back the same")
plain = np.concatenate([np.full(99000, -1.2345679e16, "f4"),
                        np.full(1000, -1.2345679e-38, "f4")]).reshape(1000, 100)
for shape in ((1000, 100), (100000, 1), (4, 25000)):
    got = np.array([[np.float32(x) for x in line.split(",")]
                    for line in export_text(plain.reshape(shape)).splitlines()])
    check(np.array_equal(got, plain.reshape(shape)), f"the longest floats, as {shape}")
check(export_text(np.array([1.5, NAN, -INF])) == "1.5\nnan\n-inf\n", "1-D is one a line")
check(export_text(np.float64(2.5)) == "2.5\n", "a scalar is a line")
check(export_text(np.array([[1, -2]], "i1"), suffix="tsv") == "1\t-2\n", "tabs by the name")
check(export_text(np.array([[True, False]])) == "True,False\n", "bools")
check(export_text(np.array([[b"a,b", b'c"']])) == '"a,b","c"""\n', "text is quoted")
check(export_text(np.zeros((0, 3))) == "", "no rows")
check(export_text(np.array([[-2**63, 2**63 - 1]])) == "-9223372036854775808,9223372036854775807\n",
      "the ends of int64")

# long lines, small chunks, every number of ranks, a small budget
wide = np.round(random.normal(size=(60, 20000)), 3)
write("w.csv", "".join(",".join(map(repr, row.tolist())) + "\n" for row in wide))
narrow = np.round(random.normal(size=(30000, 7)), 2)
write("t.csv", "".join(",".join(map(repr, row.tolist())) + "\n" for row in narrow))
for ranks in (1, 2, 4):
    for name, array in (("w", wide), ("t", narrow)):
        slab("import", name + ".csv", "-o", f"{name}.h5", "--force", "--memory", "64M", ranks=ranks)
        check(np.array_equal(stored(f"{name}.h5"), array), f"{name}.csv on {ranks} ranks")
        slab("export", f"{name}.h5:/data", "-o", "back.csv", "--force", "--memory", "64M",
             ranks=ranks)
        check(np.array_equal(np.loadtxt("back.csv", delimiter=","), array),
              f"{name}.csv back from {ranks} ranks")
        check(open("back.csv").readline().count(",") == array.shape[1] - 1, f"{name}.csv: columns")
slab("import", "w.csv", "-o", "w2.h5", "--chunks", "7x1000")
slab("export", "w2.h5:/data[5:50:3, 10:19000:2]", "-o", "back.csv", "--force", "--memory", "64M",
     ranks=2)
check(np.array_equal(np.loadtxt("back.csv", delimiter=","), wide[5:50:3, 10:19000:2]),
      "a part of a wide table")


# what is refused, and where
def hostile(pattern, text, *options, suffix="csv"):
    write("h." + suffix, text)
    for ranks in (1, 2):
        refused(pattern, "import", "h." + suffix, "-o", "refused.h5", *options, ranks=ranks)


hostile("is empty", "")
hostile("is empty", "\n\n")
hostile("is empty", "\ufeff")
hostile("is empty", "\ufeff\n")
hostile("h.csv:1:2: a carriage return", "1,2\r3,4\r5,6\r")
hostile("h.csv:1:2: a carriage return", "a,b\r1,2\r", "--header", "yes")
hostile("h.csv:2:1: a carriage return", "r,a\n\"x\ry\",2\n")
hostile("h.csv:2:2: a carriage return", "1,2\r\n3,4\r")
hostile("h.csv:2:2: 'x4' is no number", "1,2\n3,x4\n", "--header", "no")
hostile("h.csv:3:1: 'y' is no number", "a,b\n1,2\ny,4\n")
hostile("h.csv:2:2: the line ends after 1 of 2 columns", "1,2\n3\n")
hostile("h.csv:2:3: the line has more than 2 columns", "1,2\n3,4,5\n")
hostile("h.csv:2:2: the line ends after 1 of 2", "1,2\n\n3,4\n")
hostile("line 1 names 3 columns, line 2 has 2", "a,b,c\n1,2\n")
hostile("h.csv:2:1: '128' does not fit", "1\n128\n", "--dtype", "i1")
hostile("'-129' does not fit", "-129\n", "--dtype", "i1")
hostile("'18446744073709551616' does not fit", "18446744073709551616\n", "--dtype", "u8")
hostile("'-1' does not fit", "-1\n", "--dtype", "u1")
hostile("h.csv:1:2: '1.5' is no whole number", "1,1.5\n", "--dtype", "i4")
hostile("h.csv:1:2: 'NA' is missing", "1,NA\n", "--dtype", "i4")
hostile("h.csv:2:2: a quote that does not end", '1,2\n3,"4\n5"\n')
hostile("h.csv:2:2: something stands behind the closing quote", '1,2\n3,"4"x\n')
hostile("h.csv:2:2: a field of more than 4096 bytes", "1,2\n3," + "4" * 5000 + "\n")
hostile("'1?2' is no number", "3,1\0002\n", "--header", "no")
hostile("0x10", "1,0x10\n", "--header", "no")
with open("h.csv", "wb") as f:
    f.write("1,2\n".encode("utf-16"))
refused("UTF-16", "import", "h.csv", "-o", "refused.h5")
with h5py.File("cube.h5", "w") as f:
    f["x"] = np.zeros((2, 2, 2))
refused("3 axes", "export", "cube.h5:/x", "-o", "c.csv")
refused("exists", "export", "n.h5:/data", "-o", "n.csv")
refused("no folder", "export", "n.h5:/data", "-o", "nowhere/n.csv")
finish("csv")
