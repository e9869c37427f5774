/* Rounding, and the parts floats are made of. */
#include <slab/compute/kernel/elementwise_impl.h>

#include <limits.h>
#include <math.h>
#include <string.h>

#define COPY(width)                                                                                \
    static void copy_##width(size_t n, const void *const *in, void *out)                           \
    {                                                                                              \
        memmove(out, in[0], (width)*n);                                                            \
    }
COPY(1)
COPY(2)
COPY(4)
COPY(8)
/* Bools and integers are whole already. */
#define WHOLE                                                                                      \
    [SLAB_STRIP_B1] = copy_1, [SLAB_STRIP_I1] = copy_1, [SLAB_STRIP_U1] = copy_1,                  \
    [SLAB_STRIP_I2] = copy_2, [SLAB_STRIP_U2] = copy_2, [SLAB_STRIP_I4] = copy_4,                  \
    [SLAB_STRIP_U4] = copy_4, [SLAB_STRIP_I8] = copy_8, [SLAB_STRIP_U8] = copy_8

FLOAT_CALLS(UNARY, floor, floor)
TABLE(floor, WHOLE, FLOAT_ROWS(floor))
FLOAT_CALLS(UNARY, ceil, ceil)
TABLE(ceil, WHOLE, FLOAT_ROWS(ceil))
FLOAT_CALLS(UNARY, trunc, trunc)
TABLE(trunc, WHOLE, FLOAT_ROWS(trunc))

FLOAT_CALLS(UNARY, rint, rint)
static void rint_c8(size_t n, const void *const *in, void *out)
{
    rint_f4(2 * n, in, out);
}
static void rint_c16(size_t n, const void *const *in, void *out)
{
    rint_f8(2 * n, in, out);
}
TABLE(rint, FLOAT_ROWS(rint), COMPLEX_ROWS(rint))

/* Complex numbers to a number of digits; unit: 10 to that, or its negative for digits before the
 * point. */
#define ROUND_PARTS(type, T, call)                                                                 \
    SLAB_CLONES static void round_##type(size_t n, const void *const *in, void *out)               \
    {                                                                                              \
        const T *x = in[0], *unit = in[1];                                                         \
        T *r = out;                                                                                \
        for (size_t i = 0; i < 2 * n; i++) {                                                       \
            T u = unit[i / 2];                                                                     \
            r[i] = u > 0 ? call(x[i] * u) / u : call(x[i] / -u) * -u;                              \
        }                                                                                          \
    }
ROUND_PARTS(c8, float, rintf)
ROUND_PARTS(c16, double, rint)
TABLE(round, COMPLEX_ROWS(round))

FLOAT_CALLS_2(BINARY, copysign, copysign)
TABLE(copysign, FLOAT_ROWS(copysign))

EACH_FLOAT(BINARY, heaviside, x != x ? x : x == 0 ? y : x < 0 ? 0 : 1)
TABLE(heaviside, FLOAT_ROWS(heaviside))

/* Halves have neighbours of their own: these work on their bits. */
static inline uint16_t half_next(uint16_t x, uint16_t y)
{
    bool nan = (x & 0x7fff) > 0x7c00 || (y & 0x7fff) > 0x7c00;
    int a = x & 0x8000 ? -(x & 0x7fff) : x, b = y & 0x8000 ? -(y & 0x7fff) : y;
    if (nan)
        return 0x7e00;
    if (a == b)
        return x;
    if (a == 0)
        return (uint16_t)((y & 0x8000) | 1);
    return (uint16_t)((a < b) == (a > 0) ? x + 1 : x - 1);
}

/* The distance to the next half up; unlike wider floats', never negative: so NumPy has it. */
static inline uint16_t half_spacing(uint16_t x)
{
    unsigned exponent = x & 0x7c00, fraction = x & 0x3ff;
    unsigned step = (x & 0x8000) && fraction == 0 ? 0x2c00 : 0x2800;
    if (exponent == 0x7c00)
        return 0x7e00;
    if (x == 0x7bff)
        return 0x7c00;
    if (exponent > step)
        return (uint16_t)(exponent - step);
    if (exponent > 0x0400)
        return (uint16_t)(1U << ((exponent >> 10) - (step == 0x2c00 ? 2 : 1)));
    return 1;
}

PLAIN_BINARY(nextafter_f2, uint16_t, uint16_t, half_next(x, y))
FLOAT_CALLS_2(PLAIN_BINARY, nextafter, nextafter)
TABLE(nextafter, [SLAB_STRIP_F2] = nextafter_f2, FLOAT_ROWS(nextafter))

/* To the neighbour away from zero; of infinities NaN. */
PLAIN_UNARY(spacing_f2, uint16_t, uint16_t, half_spacing(x))
PLAIN_UNARY(spacing_f4, float, float,
            isinf(x) ? NAN : nextafterf(x, x < 0 ? -INFINITY : INFINITY) - x)
PLAIN_UNARY(spacing_f8, double, double,
            isinf(x) ? (double)NAN : nextafter(x, x < 0 ? (double)-INFINITY : (double)INFINITY) - x)
TABLE(spacing, [SLAB_STRIP_F2] = spacing_f2, FLOAT_ROWS(spacing))

#define EXPONENT(y) ((int)((y) > INT_MAX ? INT_MAX : (y) < INT_MIN ? INT_MIN : (y)))
BINARY_AS(, ldexp_f4, float, int64_t, float, ldexpf(x, EXPONENT(y)))
BINARY_AS(, ldexp_f8, double, int64_t, double, ldexp(x, EXPONENT(y)))
TABLE(ldexp, FLOAT_ROWS(ldexp))

static inline int exponent_of(double x)
{
    int exponent = 0;
    if (isfinite(x))
        frexp(x, &exponent);
    return exponent;
}

static inline double mantissa_of(double x)
{
    int exponent;
    return frexp(x, &exponent);
}

/* An f32 is the same number as an f64, so its parts are too. */
EACH_FLOAT(PLAIN_UNARY, frexp_mantissa, mantissa_of((double)x))
TABLE(frexp_mantissa, FLOAT_ROWS(frexp_mantissa))
EACH_FLOAT_TO(PLAIN_UNARY, frexp_exponent, int32_t, exponent_of((double)x))
TABLE(frexp_exponent, FLOAT_ROWS(frexp_exponent))

/* Both parts have the sign of x; an infinity is whole. */
UNARY(modf_fraction_f4, float, float, copysignf(fabsf(x) > 0x1.fffffep127F ? 0 : x - truncf(x), x))
UNARY(modf_fraction_f8, double, double,
      copysign(fabs(x) > 0x1.fffffffffffffp1023 ? 0 : x - trunc(x), x))
TABLE(modf_fraction, FLOAT_ROWS(modf_fraction))
TABLE(modf_integral, FLOAT_ROWS(trunc))
