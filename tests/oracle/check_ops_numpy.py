"""Every element-wise operation on every type against NumPy: special values, types, errors."""
import math
import sys
import warnings

import numpy as np

from slab_values import SlabError, Value, apply, call

warnings.simplefilter("ignore")
np.seterr(all="ignore")

TYPES = "?bBhHiIlLefdFD"
bad = 0
checks = 0


def values(code):
    """Special values of a type, and some that are not."""
    dtype = np.dtype(code)
    if code == "?":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        small = [0, 1, 2, 3, 5, 7, 12, 31, 64, 100]
        signed = [-1, -2, -3, -7, -100] if dtype.kind == "i" else []
        return np.array(small + signed + [info.max, info.max - 1, info.min, info.min + 1], dtype)
    part = dtype if dtype.kind == "f" else np.dtype("f" if code == "F" else "d")
    info = np.finfo(part)
    x = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2, -2.5, 3, 0.1, 0.3, 7, -10, 1e-3, 20.5, 100, -300.7,
         math.pi, math.inf, -math.inf, math.nan, float(info.max), float(info.tiny),
         float(info.smallest_subnormal), -float(info.eps), 1 + float(info.eps), 4e4]
    if dtype.kind == "f":
        return np.array(x, dtype)
    x = [0.0, -0.0, 1, -1, 0.5, 2, -2.5, 3, 0.1, 20.5, math.inf, -math.inf, math.nan, 1e-3]
    return np.array([complex(a, b) for a in x for b in x], dtype)


def parts(x):
    return x.view(x.real.dtype) if x.dtype.kind == "c" else x


def near(a, b, ulps):
    """The same bits or NaN, or that many units in the last place apart."""
    same = (a == b) | ((a != a) & (b != b))
    if a.dtype.kind not in "fc" or not ulps:
        return same
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    x, y = parts(a), parts(b)
    # of complex numbers: units of the larger part, which is what their formulas promise
    if a.dtype.kind == "c":
        scale = np.repeat(np.maximum(np.abs(b.real), np.abs(b.imag)), 2).reshape(y.shape)
    else:
        scale = np.abs(y)
    unit = np.spacing(np.where(np.isfinite(scale), scale, 1).astype(x.dtype))
    close = (np.abs(x - y) <= ulps * np.abs(unit)) | (x == y) | ((x != x) & (y != y))
    return close if a.dtype.kind == "f" else close.reshape(-1, 2).all(axis=1).reshape(a.shape)


def fail(*what):
    global bad
    bad += 1
    if bad < 2000:
        print("FAILS", *what)


def compare(what, ours, theirs, ulps=0, signs=True, operands=()):
    """ours, theirs: functions without arguments."""
    global checks
    checks += 1
    try:
        expected = np.asarray(theirs())
    except (TypeError, ValueError, OverflowError) as error:
        expected = error
    try:
        got = ours()
        got = got.array() if isinstance(got, Value) else got
    except SlabError as error:
        if not isinstance(expected, Exception):
            fail(what, "slab:", error.args[1], "NumPy:", expected.dtype)
        return
    if isinstance(expected, OverflowError) and (got.dtype == "?" or what[0] == "ldexp"):
        return  # NumPy cannot compare bools with integers beyond int64, nor scale beyond int32
    if isinstance(expected, Exception):
        return fail(what, "slab gives", got.dtype, "NumPy raises", expected)
    if got.dtype != expected.dtype or got.shape != expected.shape:
        return fail(what, "slab", got.dtype, got.shape, "NumPy", expected.dtype, expected.shape)
    right = near(got, expected, ulps)
    if signs and expected.dtype.kind == "f":
        right &= (np.signbit(got) == np.signbit(expected)) | np.isnan(got) | (expected != 0)
    if not right.all():
        at = np.argwhere(~right)
        shown = []
        for i in at[:3]:
            i = tuple(i)
            given = [np.broadcast_to(x, got.shape)[i] for x in operands]
            shown.append("%s: %r not %r" % (given, got[i], expected[i]))
        fail(what, "%d of %d:" % (len(at), got.size), "; ".join(shown))


EXACT1 = """negative positive absolute fabs sign signbit square sqrt floor ceil trunc rint fix
logical_not invert isnan isinf isfinite isposinf isneginf iscomplex isreal nan_to_num real imag
conjugate conj spacing bitwise_count deg2rad rad2deg round""".split()
INEXACT1 = """exp exp2 expm1 log log2 log10 log1p cbrt reciprocal sin cos tan arcsin arccos arctan
sinh cosh tanh arcsinh arccosh arctanh angle sinc""".split()
EXACT2 = """add subtract multiply divide floor_divide remainder fmod copysign minimum maximum fmin
fmax equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor
bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm heaviside nextafter ldexp
isclose""".split()
INEXACT2 = "power float_power logaddexp logaddexp2 arctan2 hypot".split()
# Of two zeros either may be the lesser, the sign of a remainder's zero differs between builds.
ANY_ZERO = {"minimum", "maximum", "fmin", "fmax", "sign"}


def unary():
    for name in EXACT1 + INEXACT1:
        for code in TYPES:
            x = values(code)
            ulps = 4 if name in INEXACT1 else 0
            if code in "FD" and (ulps or name in ("sqrt", "absolute", "sign")):
                ulps = 8
            if code in "FD" and name == "square":
                ulps = 1  # NumPy's is fused
            compare((name, code), lambda: call(name, x), lambda: getattr(np, name)(x), ulps,
                    name not in ANY_ZERO, [x])
    for i, name in enumerate(("frexp_mantissa", "frexp_exponent")):
        for code in TYPES:
            x = values(code)
            compare((name, code), lambda: call(name, x), lambda: np.frexp(x)[i], 0, True, [x])
    for i, name in enumerate(("modf_fraction", "modf_integral")):
        for code in TYPES:
            x = values(code)
            compare((name, code), lambda: call(name, x), lambda: np.modf(x)[i], 0, True, [x])


def binary():
    for name in EXACT2 + INEXACT2:
        for a in TYPES:
            for b in TYPES:
                x, y = values(a), values(b)
                if len(x) * len(y) > 4000:
                    x, y = x[::3], y[::3]
                x, y = x[:, None], y[None, :]
                if name == "power" and np.dtype(a).kind in "?bui" and np.dtype(b).kind in "i":
                    y = y[y >= 0][None, :]
                ulps = 4 if name in INEXACT2 else 0
                if a in "FD" or b in "FD":
                    # libm's cpow and NumPy's division by Smith differ in the last digits
                    ulps = {"power": 64, "float_power": 256, "divide": 4, "multiply": 1}.get(name, 0)
                if name == "float_power" and "F" in a + b:
                    ulps = 1 << 12
                compare((name, a, b), lambda: call(name, x, y), lambda: getattr(np, name)(x, y),
                        ulps, name not in ANY_ZERO, [x, y])


LITERALS = [True, False, 0, 1, 2, 3, -1, 7, 100, 127, 128, 200, 255, 256, 300, -129, 40000, 70000,
            2**31, -2**31 - 1, 2**63, 2**64 - 1, 0.0, 0.5, 2.0, -1.0, 1.5, 1e300, 1e-300, 0.1,
            math.inf, math.nan, 1j, 1.5 - 2j]


def literals():
    """Arrays with Python's numbers: NEP 50."""
    names = """add subtract multiply divide floor_divide remainder power equal not_equal less
    less_equal greater greater_equal maximum fmin arctan2 hypot copysign bitwise_and left_shift
    right_shift logical_and ldexp heaviside nextafter isclose gcd""".split()
    for name in names:
        f = getattr(np, name)
        for code in TYPES:
            x = values(code)
            for literal in LITERALS:
                ulps = 4 if name in INEXACT2 else 64 if name == "power" else 0
                if code in "FD" or isinstance(literal, complex):
                    ulps = {"divide": 4, "multiply": 1, "power": 64}.get(name, ulps)
                loose = name not in ANY_ZERO
                compare((name, code, literal), lambda: apply(name, x, literal),
                        lambda: f(x, literal), ulps, loose, [x])
                compare((name, literal, code), lambda: apply(name, literal, x),
                        lambda: f(literal, x), ulps, loose, [x])


def choices():
    condition = np.array([True, False, True])
    for a in TYPES:
        for b in TYPES:
            x, y = values(a)[:3] if a != "?" else np.array([True] * 3), values(b)[-1:]
            compare(("where", a, b), lambda: apply("where", condition, x, y),
                    lambda: np.where(condition, x, y), operands=[x, y])
            for c in TYPES:
                low, high = values(b)[1:2], values(c)[3:4] if c != "?" else values(c)[1:2]
                v = values(a)
                compare(("clip", a, b, c), lambda: apply("clip", v, low, high),
                        lambda: np.clip(v, low, high), 0, False, [v])
        for literal in LITERALS:
            if isinstance(literal, int) and not -2**63 <= literal < 2**63:
                continue
            v = values(a)
            mask = v != 1
            compare(("where", a, literal), lambda: apply("where", mask, v, literal),
                    lambda: np.where(mask, v, literal), operands=[v])
            compare(("clip", a, literal, None), lambda: apply("clip", v, literal, None),
                    lambda: np.clip(v, literal, None), 0, False, [v])
            compare(("clip", a, None, literal), lambda: apply("clip", v, None, literal),
                    lambda: np.clip(v, None, literal), 0, False, [v])
            if not isinstance(literal, complex):
                compare(("nan_to_num", a, literal),
                        lambda: apply("nan_to_num", v, literal, None, literal),
                        lambda: np.nan_to_num(v, nan=literal, neginf=literal), operands=[v])
        for low, high in ((-1, 2), (0, 300), (-1000, 1000), (1.5, 3), (2, 1), (300, 301)):
            v = values(a)
            compare(("clip", a, low, high), lambda: apply("clip", v, low, high),
                    lambda: np.clip(v, low, high), 0, False, [v])
        for decimals in (-2, -1, 0, 1, 2, 5):
            v = values(a)
            if np.dtype(a).kind in "iu" and decimals < 0:
                v = v[np.abs(v.astype(float)) < 100]
            compare(("round", a, decimals), lambda: apply("round", v, decimals),
                    lambda: np.round(v, decimals), 0, True, [v])
        for equal_nan in (False, True):
            x, y = values(a)[:, None], values(a)[None, :]
            compare(("isclose", a, equal_nan),
                    lambda: apply("isclose", x, y, 0.5, 1e-3, equal_nan),
                    lambda: np.isclose(x, y, 0.5, 1e-3, equal_nan), operands=[x, y])


def casts():
    for a in TYPES:
        for b in TYPES:
            x = values(a)
            if b == "I" and a in "efdFD":
                x = x[(np.abs(x.real) < 2**31) & (x.real == x.real)]
            compare(("astype", a, b), lambda: Value(x).cast(b), lambda: x.astype(b), operands=[x])


OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//",
             "remainder": "%", "power": "**", "left_shift": "<<", "right_shift": ">>",
             "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "equal": "==",
             "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
             "greater_equal": ">="}


def python():
    """Operators on literals alone: Python's own answers, as far as 64 bits go."""
    numbers = [True, False, 0, 1, 2, 3, -1, -7, 10, 63, 2**31, 2**53 + 1, 2**63 - 1, -2**63, 2**63,
               0.5, -0.5, 2.0, -3.0, 1e300, 0.0, -0.0, math.inf, -math.inf, math.nan, 1j, 2 - 3j]
    global checks
    for name, sign in OPERATORS.items():
        for x in numbers:
            for y in numbers:
                checks += 1
                if sign in ("<<", "**") and isinstance(y, int) and abs(y) > 1000:
                    continue
                try:
                    expected = eval("x %s y" % sign)
                    if isinstance(expected, int) and not -2**63 <= expected < 2**64:
                        expected = OverflowError("beyond 64 bits")
                except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
                    expected = error
                try:
                    value = apply(name, x, y)
                    got = value.array()[()]
                    if not value.weak():
                        fail(x, sign, y, "is no literal")
                except SlabError as error:
                    if not isinstance(expected, Exception):
                        fail(x, sign, y, "slab:", error.args[1], "Python:", expected)
                    continue
                if isinstance(expected, Exception):
                    if isinstance(got, np.complexfloating) and math.inf in (abs(x), abs(y)):
                        continue  # Python says that infinities are 0 to a negative power
                    fail(x, sign, y, "slab", got, "Python", expected)
                    continue
                kind = {bool: "b", int: "iu", float: "f", complex: "c"}[type(expected)]
                same = repr(got.item()) == repr(expected)
                if kind in "fc" and not same:
                    same = abs(got.item() - expected) <= 1e-13 * abs(expected)
                if got.dtype.kind not in kind or not same:
                    fail(x, sign, y, "slab", got, "Python", expected)


def answer(f, x):
    """Python's math raises at poles, where SciPy has these."""
    try:
        return f(x)
    except ValueError:
        return math.nan if x and f is math.gamma else math.inf


def special():
    """Against Python's math: NumPy has none of these."""
    x = np.array([-3.5, -2.5, -0.5, 0.1, 0.5, 1, 1.5, 2, 3, 5, 10.5, 20, 170, 0.001, 6, -6, 27, 0])
    for name, f in (("erf", math.erf), ("erfc", math.erfc), ("gamma", math.gamma),
                    ("gammaln", math.lgamma)):
        def theirs():
            return np.array([answer(f, v) for v in x])
        compare((name, "d"), lambda: call(name, x), theirs, 128, True, [x])
        compare((name, "f"), lambda: call(name, x.astype("f")), lambda: theirs().astype("f"), 8,
                False, [x])


def many():
    """Enough elements for whole vectors and what is left over, in every operation."""
    random = np.random.default_rng(1)
    for name in EXACT1 + INEXACT1 + EXACT2 + INEXACT2:
        if name in ("gcd", "lcm"):
            continue
        for code in "bBHiLefdFD":
            n = 1003
            if np.dtype(code).kind in "iu":
                x, y = (random.integers(-90, 90, (2, n)) if code in "bil" else
                        random.integers(0, 200, (2, n)))
                y = y % 12 if name == "power" else y
                x, y = x.astype(code), y.astype(code)
            else:
                x, y = random.normal(0, 3, (2, n)) * 2.0 ** random.integers(-3, 4, (2, n))
                if code in "FD":
                    x = x + 1j * random.normal(0, 2, n)
                    y = y + 1j * random.normal(0, 1, n)
                x, y = x.astype(code), y.astype(code)
            ulps = 4 if name in INEXACT1 + INEXACT2 else 0
            if code in "FD":
                ulps = 256 if "power" in name else 16 if ulps else 4
            both = [x, y] if name in EXACT2 + INEXACT2 else [x]
            compare((name, code, "many"), lambda: call(name, *both),
                    lambda: getattr(np, name)(*both), ulps, name not in ANY_ZERO, both)


for part in (unary, binary, literals, choices, casts, python, special, many):
    before = bad
    part()
    print("%-9s %d checks so far, %d fail" % (part.__name__, checks, bad - before))
sys.exit(bad > 0)
