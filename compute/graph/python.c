/*
 * Operators on literals alone, as Python computes them: integers are exact (here as far as 64 bits
 * go), true division gives floats, dividing by zero is an error.
 */
#include <slab/compute/graph/value_impl.h>

#include <complex.h>
#include <math.h>
#include <slab/compute/kernel/python_math_impl.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>

static literal whole(__int128 x)
{
    return (literal){.weak = SLAB_WEAK_INT, .whole = x};
}

static literal truth(bool x)
{
    return (literal){.weak = SLAB_WEAK_BOOL, .whole = x};
}

static literal real(double x)
{
    return (literal){.weak = SLAB_WEAK_FLOAT, .re = x};
}

static literal pair(double complex z)
{
    return (literal){.weak = SLAB_WEAK_COMPLEX, .re = creal(z), .im = cimag(z)};
}

static double complex make_pair(double re, double im)
{
    double complex z;
    ((double *)&z)[0] = re;
    ((double *)&z)[1] = im;
    return z;
}

static double to_double(literal x)
{
    return x.weak <= SLAB_WEAK_INT ? (double)x.whole : x.re;
}

static double complex to_complex(literal x)
{
    return make_pair(to_double(x), x.weak == SLAB_WEAK_COMPLEX ? x.im : 0);
}

static slab_status by_zero(bool zero)
{
    slab_status rc = SLAB_OK;
    REQUIRE(!zero, SLAB_ERR_VALUE, "a literal is divided by zero");
done:
    return rc;
}

static __int128 floored(__int128 a, __int128 b)
{
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static slab_status power_int(__int128 a, __int128 b, literal *out)
{
    slab_status rc = SLAB_OK;
    __int128 result = 1;
    if (b < 0) {
        TRY(by_zero(a == 0));
        *out = real(pow((double)a, (double)b));
        return SLAB_OK;
    }
    if (a == 0 || a == 1 || a == -1)
        b = b == 0 ? 0 : 2 - b % 2; /* the same parity */
    for (; b > 0; b--) {
        result *= a;
        REQUIRE(result <= UINT64_MAX && result >= INT64_MIN, SLAB_ERR_RANGE,
                "a literal integer grows beyond 64 bits");
    }
    *out = whole(result);
done:
    return rc;
}

static slab_status shift_int(bool left, __int128 a, __int128 b, literal *out)
{
    slab_status rc = SLAB_OK;
    REQUIRE(b >= 0, SLAB_ERR_VALUE, "negative shift count");
    if (!left)
        *out = whole(a >> (b > 127 ? 127 : b));
    else if (a == 0 || b == 0)
        *out = whole(a);
    else
        *out = whole(b > 63 ? (__int128)1 << 100 : a * ((__int128)1 << b));
done:
    return rc;
}

static slab_status on_ints(slab_python op, literal x, literal y, literal *out)
{
    slab_status rc = SLAB_OK;
    __int128 a = x.whole, b = y.whole;
    bool logic = x.weak == SLAB_WEAK_BOOL && y.weak == SLAB_WEAK_BOOL;
    switch (op) {
    case SLAB_PYTHON_ADD:
        *out = whole(a + b);
        break;
    case SLAB_PYTHON_SUBTRACT:
        *out = whole(a - b);
        break;
    case SLAB_PYTHON_MULTIPLY:
        REQUIRE(!__builtin_mul_overflow(a, b, &a), SLAB_ERR_RANGE,
                "a literal integer grows beyond 64 bits");
        *out = whole(a);
        break;
    case SLAB_PYTHON_DIVIDE:
        TRY(by_zero(b == 0));
        *out = real((double)((long double)a / (long double)b));
        break;
    case SLAB_PYTHON_FLOOR_DIVIDE:
        TRY(by_zero(b == 0));
        *out = whole(floored(a, b));
        break;
    case SLAB_PYTHON_REMAINDER:
        TRY(by_zero(b == 0));
        *out = whole(a - floored(a, b) * b);
        break;
    case SLAB_PYTHON_POWER:
        return power_int(a, b, out);
    case SLAB_PYTHON_LEFT_SHIFT:
    case SLAB_PYTHON_RIGHT_SHIFT:
        return shift_int(op == SLAB_PYTHON_LEFT_SHIFT, a, b, out);
    case SLAB_PYTHON_AND:
        *out = logic ? truth(a && b) : whole(a & b);
        break;
    case SLAB_PYTHON_OR:
        *out = logic ? truth(a || b) : whole(a | b);
        break;
    default:
        *out = logic ? truth(a != b) : whole(a ^ b);
    }
done:
    return rc;
}

/* A negative number to a fraction is complex in Python. */
static slab_status power_real(double a, double b, literal *out)
{
    slab_status rc = SLAB_OK;
    TRY(by_zero(a == 0 && b < 0 && isfinite(b)));
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b)) {
        double size = pow(-a, b), angle = b * M_PI;
        *out = pair(make_pair(size * cos(angle), size * sin(angle)));
        return SLAB_OK;
    }
    *out = real(pow(a, b));
    REQUIRE(!isinf(out->re) || isinf(a) || isinf(b), SLAB_ERR_RANGE, "%g ** %g is too large", a, b);
done:
    return rc;
}

static slab_status refuse(const slab_op *op, const char *type)
{
    return slab_error_set(SLAB_ERR_TYPE, __FILE__, __LINE__, "'%s' is not defined for %s", op->name,
                          type);
}

static slab_status on_reals(const slab_op *op, double a, double b, literal *out)
{
    slab_status rc = SLAB_OK;
    switch (op->python) {
    case SLAB_PYTHON_ADD:
        *out = real(a + b);
        break;
    case SLAB_PYTHON_SUBTRACT:
        *out = real(a - b);
        break;
    case SLAB_PYTHON_MULTIPLY:
        *out = real(a * b);
        break;
    case SLAB_PYTHON_DIVIDE:
        TRY(by_zero(b == 0));
        *out = real(a / b);
        break;
    case SLAB_PYTHON_FLOOR_DIVIDE:
        TRY(by_zero(b == 0));
        *out = real(f8_floor_divide(a, b));
        break;
    case SLAB_PYTHON_REMAINDER:
        TRY(by_zero(b == 0));
        *out = real(f8_remainder(a, b));
        break;
    case SLAB_PYTHON_POWER:
        return power_real(a, b, out);
    default:
        return refuse(op, "floats");
    }
done:
    return rc;
}

static double complex multiply(double complex a, double complex b)
{
    return make_pair(creal(a) * creal(b) - cimag(a) * cimag(b),
                     creal(a) * cimag(b) + cimag(a) * creal(b));
}

/* By the larger half of the divisor, as Python does: what fits the range comes out whole. */
static double complex divide(double complex a, double complex b)
{
    double ratio = 0, scale = 0;
    if (fabs(creal(b)) >= fabs(cimag(b))) {
        ratio = cimag(b) / creal(b);
        scale = creal(b) + cimag(b) * ratio;
        return make_pair((creal(a) + cimag(a) * ratio) / scale,
                         (cimag(a) - creal(a) * ratio) / scale);
    }
    ratio = creal(b) / cimag(b);
    scale = creal(b) * ratio + cimag(b);
    return make_pair((creal(a) * ratio + cimag(a)) / scale,
                     (cimag(a) * ratio - creal(a)) / scale);
}

static double complex power_whole(double complex a, int n)
{
    double complex result = 1;
    for (int k = 0; k < abs(n); k++)
        result = multiply(result, a);
    return n < 0 ? divide(1, result) : result;
}

static slab_status power_complex(double complex a, double complex b, literal *out)
{
    slab_status rc = SLAB_OK;
    double n = creal(b);
    bool whole = cimag(b) == 0 && n == floor(n) && fabs(n) <= 100;
    TRY(by_zero(a == 0 && (n < 0 || cimag(b) != 0)));
    if (a == 0)
        *out = pair(b == 0);
    else
        *out = pair(whole ? power_whole(a, (int)n) : cpow(a, b));
    REQUIRE(!isinf(out->re) && !isinf(out->im), SLAB_ERR_RANGE,
            "the power of complex literals is too large");
done:
    return rc;
}

static slab_status on_complex(const slab_op *op, double complex a, double complex b, literal *out)
{
    slab_status rc = SLAB_OK;
    switch (op->python) {
    case SLAB_PYTHON_ADD:
        *out = pair(make_pair(creal(a) + creal(b), cimag(a) + cimag(b)));
        break;
    case SLAB_PYTHON_SUBTRACT:
        *out = pair(make_pair(creal(a) - creal(b), cimag(a) - cimag(b)));
        break;
    case SLAB_PYTHON_MULTIPLY:
        *out = pair(multiply(a, b));
        break;
    case SLAB_PYTHON_DIVIDE:
        TRY(by_zero(b == 0));
        *out = pair(divide(a, b));
        break;
    case SLAB_PYTHON_POWER:
        return power_complex(a, b, out);
    default:
        return refuse(op, "complex numbers");
    }
done:
    return rc;
}

/* -1, 0, 1, or 2 where a NaN is. 64-bit integers fit a long double, so this is exact. */
static int order(literal x, literal y)
{
    long double a = x.weak <= SLAB_WEAK_INT ? (long double)x.whole : (long double)x.re;
    long double b = y.weak <= SLAB_WEAK_INT ? (long double)y.whole : (long double)y.re;
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

static slab_status compare(const slab_op *op, literal x, literal y, literal *out)
{
    int is = order(x, y);
    bool pairs = x.weak == SLAB_WEAK_COMPLEX || y.weak == SLAB_WEAK_COMPLEX;
    bool equal = is == 0 && (!pairs || x.im == y.im);
    if (pairs && op->python != SLAB_PYTHON_EQUAL && op->python != SLAB_PYTHON_NOT_EQUAL)
        return refuse(op, "complex literals");
    switch (op->python) {
    case SLAB_PYTHON_EQUAL:
        *out = truth(equal);
        break;
    case SLAB_PYTHON_NOT_EQUAL:
        *out = truth(!equal);
        break;
    case SLAB_PYTHON_LESS:
        *out = truth(is == -1);
        break;
    case SLAB_PYTHON_LESS_EQUAL:
        *out = truth(is == -1 || is == 0);
        break;
    case SLAB_PYTHON_GREATER:
        *out = truth(is == 1);
        break;
    default:
        *out = truth(is == 1 || is == 0);
    }
    return SLAB_OK;
}

static slab_status unary(const slab_op *op, literal x, literal *out)
{
    bool minus = op->python == SLAB_PYTHON_NEGATIVE;
    if (op->python == SLAB_PYTHON_INVERT && x.weak > SLAB_WEAK_INT)
        return refuse(op, "floats");
    if (op->python == SLAB_PYTHON_INVERT)
        *out = whole(~x.whole);
    else if (x.weak <= SLAB_WEAK_INT)
        *out = whole(minus ? -x.whole : x.whole);
    else
        *out = (literal){.weak = x.weak, .re = minus ? -x.re : x.re, .im = minus ? -x.im : x.im};
    return SLAB_OK;
}

static slab_status binary(const slab_op *op, literal x, literal y, literal *out)
{
    slab_weak most = x.weak > y.weak ? x.weak : y.weak;
    if (op->python >= SLAB_PYTHON_EQUAL)
        return compare(op, x, y, out);
    if (most <= SLAB_WEAK_INT)
        return on_ints(op->python, x, y, out);
    if (most == SLAB_WEAK_FLOAT)
        return on_reals(op, to_double(x), to_double(y), out);
    return on_complex(op, to_complex(x), to_complex(y), out);
}

slab_value *python_apply(const slab_op *op, slab_value *const *operands, int n)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    literal x = literal_of(operands[0]), out;
    if (n == 1)
        TRY(unary(op, x, &out));
    else
        TRY(binary(op, x, literal_of(operands[1]), &out));
    REQUIRE(out.weak != SLAB_WEAK_INT || (out.whole >= INT64_MIN && out.whole <= UINT64_MAX),
            SLAB_ERR_RANGE, "a literal integer grows beyond 64 bits");
    value = literal_value(out);
done:
    return value_finish(rc, &value);
}
