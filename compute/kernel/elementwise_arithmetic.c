/* Sums, products, quotients, extremes. */
#include <slab/compute/kernel/elementwise_impl.h>

#include <math.h>
#include <slab/compute/kernel/python_math_impl.h>
#include <string.h>

slab_strip_type slab_strip_type_of(slab_dtype dtype)
{
    int step = dtype.size == 1 ? 0 : dtype.size == 2 ? 2 : dtype.size == 4 ? 4 : 6;
    switch (dtype.kind) {
    case SLAB_KIND_INT:
        return (slab_strip_type)(SLAB_STRIP_I1 + step);
    case SLAB_KIND_UINT:
        return (slab_strip_type)(SLAB_STRIP_U1 + step);
    case SLAB_KIND_FLOAT:
        return dtype.size == 8 ? SLAB_STRIP_F8 : dtype.size == 4 ? SLAB_STRIP_F4 : SLAB_STRIP_F2;
    case SLAB_KIND_COMPLEX:
        return dtype.size == 16 ? SLAB_STRIP_C16 : SLAB_STRIP_C8;
    default:
        return SLAB_STRIP_B1;
    }
}

/* Complex sums go part by part: twice as many floats. */
#define BY_PARTS(op)                                                                               \
    static void op##_c8(size_t n, const void *const *in, void *out)                                \
    {                                                                                              \
        op##_f4(2 * n, in, out);                                                                   \
    }                                                                                              \
    static void op##_c16(size_t n, const void *const *in, void *out)                               \
    {                                                                                              \
        op##_f8(2 * n, in, out);                                                                   \
    }

EACH_INT(BINARY, add, W(x) + W(y))
EACH_FLOAT(BINARY, add, x + y)
BY_PARTS(add)
BINARY(add_b1, uint8_t, uint8_t, x | y)
TABLE(add, BOOL_ROW(add), INT_ROWS(add), FLOAT_ROWS(add), COMPLEX_ROWS(add))

EACH_INT(BINARY, subtract, W(x) - W(y))
EACH_FLOAT(BINARY, subtract, x - y)
BY_PARTS(subtract)
TABLE(subtract, INT_ROWS(subtract), FLOAT_ROWS(subtract), COMPLEX_ROWS(subtract))

#define MULTIPLY(T)                                                                                \
    (T)                                                                                            \
    {                                                                                              \
        ROUNDED(x.re *y.re) - ROUNDED(x.im *y.im), ROUNDED(x.re *y.im) + ROUNDED(x.im *y.re)       \
    }
EACH_INT(BINARY, multiply, W(x) * W(y))
EACH_FLOAT(BINARY, multiply, x *y)
BINARY(multiply_b1, uint8_t, uint8_t, x &y)
BINARY_COMPLEX(SLAB_CLONES, multiply_c8, c8, MULTIPLY(c8))
BINARY_COMPLEX(SLAB_CLONES, multiply_c16, c16, MULTIPLY(c16))
TABLE(multiply, BOOL_ROW(multiply), INT_ROWS(multiply), FLOAT_ROWS(multiply),
      COMPLEX_ROWS(multiply))

/* Smith's division, as NumPy has it: no overflow where the quotient has none. */
#define SMITH(C, T, fabs)                                                                          \
    static inline C divide_##C##s(C x, C y)                                                        \
    {                                                                                              \
        T a = fabs(y.re), b = fabs(y.im);                                                          \
        if (a >= b) {                                                                              \
            if (a == 0 && b == 0)                                                                  \
                return (C){x.re / a, x.im / a};                                                    \
            T ratio = y.im / y.re, scale = 1 / (y.re + ROUNDED(y.im * ratio));                     \
            return (C){(x.re + ROUNDED(x.im * ratio)) * scale,                                     \
                       (x.im - ROUNDED(x.re * ratio)) * scale};                                    \
        }                                                                                          \
        T ratio = y.re / y.im, scale = 1 / (y.im + ROUNDED(y.re * ratio));                         \
        return (C){(ROUNDED(x.re * ratio) + x.im) * scale,                                         \
                   (ROUNDED(x.im * ratio) - x.re) * scale};                                        \
    }                                                                                              \
    static inline C reciprocal_##C##s(C x)                                                         \
    {                                                                                              \
        if (fabs(x.im) <= fabs(x.re)) {                                                            \
            T ratio = x.im / x.re, d = x.re + x.im * ratio;                                        \
            return (C){1 / d, -ratio / d};                                                         \
        }                                                                                          \
        T ratio = x.re / x.im, d = x.re * ratio + x.im;                                            \
        return (C){ratio / d, -1 / d};                                                             \
    }
SMITH(c8, float, fabsf)
SMITH(c16, double, fabs)

EACH_FLOAT(BINARY, divide, x / y)
BINARY_COMPLEX(SLAB_CLONES, divide_c8, c8, divide_c8s(x, y))
BINARY_COMPLEX(SLAB_CLONES, divide_c16, c16, divide_c16s(x, y))
TABLE(divide, FLOAT_ROWS(divide), COMPLEX_ROWS(divide))

/* Dividing by zero gives 0, the least integer by -1 wraps around to itself. */
EACH_SIGNED(BINARY, floor_divide,
            y == 0    ? 0
            : y == -1 ? 0 - W(x)
                      : W(x / y - (x % y != 0 && (x < 0) != (y < 0))))
EACH_UNSIGNED(BINARY, floor_divide, y == 0 ? 0 : x / y)
EACH_FLOAT(PLAIN_BINARY, floor_divide,
           _Generic(x, float
                    : f4_floor_divide, default
                    : f8_floor_divide)(x, y))
TABLE(floor_divide, INT_ROWS(floor_divide), FLOAT_ROWS(floor_divide))

EACH_SIGNED(BINARY, remainder,
            y == 0 || y == -1                  ? 0
            : x % y != 0 && (x < 0) != (y < 0) ? x % y + y
                                               : x % y)
EACH_UNSIGNED(BINARY, remainder, y == 0 ? 0 : x % y)
EACH_FLOAT(PLAIN_BINARY, remainder, _Generic(x, float : f4_remainder, default : f8_remainder)(x, y))
TABLE(remainder, INT_ROWS(remainder), FLOAT_ROWS(remainder))

EACH_SIGNED(BINARY, fmod, y == 0 || y == -1 ? 0 : x % y)
EACH_UNSIGNED(BINARY, fmod, y == 0 ? 0 : x % y)
FLOAT_CALLS_2(PLAIN_BINARY, fmod, fmod)
TABLE(fmod, INT_ROWS(fmod), FLOAT_ROWS(fmod))

EACH_INT(UNARY, negative, 0 - W(x))
EACH_FLOAT(UNARY, negative, -x)
BY_PARTS(negative)
TABLE(negative, INT_ROWS(negative), FLOAT_ROWS(negative), COMPLEX_ROWS(negative))

/* What is the operand itself: moved by its width. */
#define COPY(width)                                                                                \
    static void copy_##width(size_t n, const void *const *in, void *out)                           \
    {                                                                                              \
        memmove(out, in[0], (width)*n);                                                            \
    }
COPY(1)
COPY(2)
COPY(4)
COPY(8)
COPY(16)
#define UNSIGNED_COPIES                                                                            \
    [SLAB_STRIP_U1] = copy_1, [SLAB_STRIP_U2] = copy_2, [SLAB_STRIP_U4] = copy_4,                  \
    [SLAB_STRIP_U8] = copy_8
#define INT_COPIES                                                                                 \
    UNSIGNED_COPIES, [SLAB_STRIP_I1] = copy_1, [SLAB_STRIP_I2] = copy_2, [SLAB_STRIP_I4] = copy_4, \
                     [SLAB_STRIP_I8] = copy_8
#define FLOAT_COPIES [SLAB_STRIP_F2] = copy_2, [SLAB_STRIP_F4] = copy_4, [SLAB_STRIP_F8] = copy_8
TABLE(positive, INT_COPIES, FLOAT_COPIES, [SLAB_STRIP_C8] = copy_8, [SLAB_STRIP_C16] = copy_16)

/* Parts of complex numbers; those of real ones are themselves and 0. */
UNARY(real_c8, c8, float, x.re)
UNARY(real_c16, c16, double, x.re)
TABLE(real, [SLAB_STRIP_B1] = copy_1, INT_COPIES, FLOAT_COPIES, COMPLEX_ROWS(real))

#define ZEROS(width)                                                                               \
    static void zeros_##width(size_t n, const void *const *in, void *out)                          \
    {                                                                                              \
        (void)in;                                                                                  \
        memset(out, 0, (width)*n);                                                                 \
    }
ZEROS(1)
ZEROS(2)
ZEROS(4)
ZEROS(8)
UNARY(imag_c8, c8, float, x.im)
UNARY(imag_c16, c16, double, x.im)
TABLE(imag, [SLAB_STRIP_B1] = zeros_1, [SLAB_STRIP_I1] = zeros_1, [SLAB_STRIP_U1] = zeros_1,
      [SLAB_STRIP_I2] = zeros_2, [SLAB_STRIP_U2] = zeros_2, [SLAB_STRIP_I4] = zeros_4,
      [SLAB_STRIP_U4] = zeros_4, [SLAB_STRIP_I8] = zeros_8, [SLAB_STRIP_U8] = zeros_8,
      [SLAB_STRIP_F2] = zeros_2, [SLAB_STRIP_F4] = zeros_4, [SLAB_STRIP_F8] = zeros_8,
      COMPLEX_ROWS(imag))

UNARY_COMPLEX(SLAB_CLONES, conjugate_c8, c8, ((c8){x.re, -x.im}))
UNARY_COMPLEX(SLAB_CLONES, conjugate_c16, c16, ((c16){x.re, -x.im}))
TABLE(conjugate, INT_COPIES, FLOAT_COPIES, COMPLEX_ROWS(conjugate))

EACH_SIGNED(UNARY, absolute, x < 0 ? 0 - W(x) : W(x))
UNARY(absolute_f4, float, float, fabsf(x))
UNARY(absolute_f8, double, double, fabs(x))
PLAIN_UNARY(absolute_c8, c8, float, hypotf(x.re, x.im))
PLAIN_UNARY(absolute_c16, c16, double, hypot(x.re, x.im))
TABLE(absolute, [SLAB_STRIP_B1] = copy_1, SIGNED_ROWS(absolute), UNSIGNED_COPIES,
      FLOAT_ROWS(absolute), COMPLEX_ROWS(absolute))
TABLE(fabs, FLOAT_ROWS(absolute))

/* x / |x|, and where that is no number: of infinities the direction, of 0 0. */
#define DIRECTION(C, T, hypot, isinf, isnan)                                                       \
    static inline T one_##C(T x)                                                                   \
    {                                                                                              \
        return (T)((x > 0) - (x < 0));                                                             \
    }                                                                                              \
    static inline C direction_##C(C x)                                                             \
    {                                                                                              \
        T size = hypot(x.re, x.im);                                                                \
        if (isnan(size) || (isinf(x.re) && isinf(x.im)))                                           \
            return (C){NAN, NAN};                                                                  \
        if (isinf(size))                                                                           \
            return isinf(x.re) ? (C){one_##C(x.re), 0} : (C){0, one_##C(x.im)};                    \
        return size == 0 ? (C){0, 0} : (C){x.re / size, x.im / size};                              \
    }
DIRECTION(c8, float, hypotf, isinf, isnan)
DIRECTION(c16, double, hypot, isinf, isnan)
EACH_SIGNED(UNARY, sign, (x > 0) - (x < 0))
EACH_UNSIGNED(UNARY, sign, x > 0)
EACH_FLOAT(UNARY, sign, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x)
UNARY_COMPLEX(, sign_c8, c8, direction_c8(x))
UNARY_COMPLEX(, sign_c16, c16, direction_c16(x))
TABLE(sign, INT_ROWS(sign), FLOAT_ROWS(sign), COMPLEX_ROWS(sign))

#define SQUARE(T)                                                                                  \
    (T)                                                                                            \
    {                                                                                              \
        ROUNDED(x.re *x.re) - ROUNDED(x.im *x.im), ROUNDED(x.re *x.im) + ROUNDED(x.im *x.re)       \
    }
EACH_INT(UNARY, square, W(x) * W(x))
EACH_FLOAT(UNARY, square, x *x)
UNARY_COMPLEX(SLAB_CLONES, square_c8, c8, SQUARE(c8))
UNARY_COMPLEX(SLAB_CLONES, square_c16, c16, SQUARE(c16))
TABLE(square, INT_ROWS(square), FLOAT_ROWS(square), COMPLEX_ROWS(square))

/* Of 0 what x86 makes of an infinity: the least int32 or int64, 0 in other types. */
#define WHOLE_RECIPROCAL(least)  (x == 0 ? (least) : x == 1 ? 1 : 0)
#define SIGNED_RECIPROCAL(least) (x == -1 ? -1 : WHOLE_RECIPROCAL(least))
UNARY(reciprocal_i1, int8_t, int8_t, SIGNED_RECIPROCAL(0))
UNARY(reciprocal_i2, int16_t, int16_t, SIGNED_RECIPROCAL(0))
UNARY(reciprocal_i4, int32_t, int32_t, SIGNED_RECIPROCAL(INT32_MIN))
UNARY(reciprocal_i8, int64_t, int64_t, SIGNED_RECIPROCAL(INT64_MIN))
EACH_UNSIGNED(UNARY, reciprocal, WHOLE_RECIPROCAL(0))
EACH_FLOAT(UNARY, reciprocal, 1 / x)
UNARY_COMPLEX(SLAB_CLONES, reciprocal_c8, c8, reciprocal_c8s(x))
UNARY_COMPLEX(SLAB_CLONES, reciprocal_c16, c16, reciprocal_c16s(x))
TABLE(reciprocal, INT_ROWS(reciprocal), FLOAT_ROWS(reciprocal), COMPLEX_ROWS(reciprocal))
