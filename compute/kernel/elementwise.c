/*
 * One loop an operation and type, written for the compiler to vectorise. Integers are computed
 * unsigned, so that they wrap around instead of overflowing.
 */
#include <slab/compute/kernel/elementwise.h>

#include <math.h>
#include <slab/compute/kernel/clones_impl.h>
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
        return dtype.size == 8 ? SLAB_STRIP_F8 : SLAB_STRIP_F4;
    default:
        return SLAB_STRIP_B1;
    }
}

#define UNARY(name, T, R, expression)                                                              \
    SLAB_CLONES static void name(size_t n, const void *const *in, void *out)                       \
    {                                                                                              \
        const T *x = in[0];                                                                        \
        R *r = out;                                                                                \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = (R)(expression);                                                                \
    }
#define BINARY(name, T, R, expression)                                                             \
    SLAB_CLONES static void name(size_t n, const void *const *in, void *out)                       \
    {                                                                                              \
        const T *x = in[0], *y = in[1];                                                            \
        R *r = out;                                                                                \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = (R)(expression);                                                                \
    }

#define EACH_INT(X, op, ...)                                                                       \
    X(op##_i1, int8_t, int8_t, __VA_ARGS__)                                                        \
    X(op##_u1, uint8_t, uint8_t, __VA_ARGS__)                                                      \
    X(op##_i2, int16_t, int16_t, __VA_ARGS__)                                                      \
    X(op##_u2, uint16_t, uint16_t, __VA_ARGS__)                                                    \
    X(op##_i4, int32_t, int32_t, __VA_ARGS__)                                                      \
    X(op##_u4, uint32_t, uint32_t, __VA_ARGS__)                                                    \
    X(op##_i8, int64_t, int64_t, __VA_ARGS__)                                                      \
    X(op##_u8, uint64_t, uint64_t, __VA_ARGS__)
#define EACH_FLOAT(X, op, ...)                                                                     \
    X(op##_f4, float, float, __VA_ARGS__)                                                          \
    X(op##_f8, double, double, __VA_ARGS__)

#define INT_ROWS(op)                                                                               \
    [SLAB_STRIP_I1] = op##_i1, [SLAB_STRIP_U1] = op##_u1, [SLAB_STRIP_I2] = op##_i2,               \
    [SLAB_STRIP_U2] = op##_u2, [SLAB_STRIP_I4] = op##_i4, [SLAB_STRIP_U4] = op##_u4,               \
    [SLAB_STRIP_I8] = op##_i8, [SLAB_STRIP_U8] = op##_u8
#define FLOAT_ROWS(op) [SLAB_STRIP_F4] = op##_f4, [SLAB_STRIP_F8] = op##_f8
#define BOOL_ROW(op)   [SLAB_STRIP_B1] = op##_b1

#define W(value) ((uint64_t)(value))

EACH_INT(BINARY, add, W(x[i]) + W(y[i]))
EACH_FLOAT(BINARY, add, x[i] + y[i])
BINARY(add_b1, uint8_t, uint8_t, x[i] | y[i])
const slab_strip_kernel slab_strip_add[] = {BOOL_ROW(add), INT_ROWS(add), FLOAT_ROWS(add)};

EACH_INT(BINARY, subtract, W(x[i]) - W(y[i]))
EACH_FLOAT(BINARY, subtract, x[i] - y[i])
const slab_strip_kernel slab_strip_subtract[] = {INT_ROWS(subtract), FLOAT_ROWS(subtract)};

EACH_INT(BINARY, multiply, W(x[i]) * W(y[i]))
EACH_FLOAT(BINARY, multiply, x[i] * y[i])
BINARY(multiply_b1, uint8_t, uint8_t, x[i] & y[i])
const slab_strip_kernel slab_strip_multiply[] = {BOOL_ROW(multiply), INT_ROWS(multiply),
                                                 FLOAT_ROWS(multiply)};

EACH_FLOAT(BINARY, divide, x[i] / y[i])
const slab_strip_kernel slab_strip_divide[SLAB_STRIP_TYPES] = {FLOAT_ROWS(divide)};

EACH_INT(UNARY, negative, 0 - W(x[i]))
EACH_FLOAT(UNARY, negative, -x[i])
const slab_strip_kernel slab_strip_negative[] = {INT_ROWS(negative), FLOAT_ROWS(negative)};

EACH_INT(UNARY, abs, x[i] < 1 ? 0 - W(x[i]) : W(x[i]))
UNARY(abs_f4, float, float, fabsf(x[i]))
UNARY(abs_f8, double, double, fabs(x[i]))
UNARY(abs_b1, uint8_t, uint8_t, x[i])
const slab_strip_kernel slab_strip_abs[] = {BOOL_ROW(abs), INT_ROWS(abs), FLOAT_ROWS(abs)};

EACH_INT(UNARY, square, W(x[i]) * W(x[i]))
EACH_FLOAT(UNARY, square, x[i] * x[i])
UNARY(square_b1, uint8_t, uint8_t, x[i])
const slab_strip_kernel slab_strip_square[] = {BOOL_ROW(square), INT_ROWS(square),
                                               FLOAT_ROWS(square)};

UNARY(sqrt_f4, float, float, sqrtf(x[i]))
UNARY(sqrt_f8, double, double, sqrt(x[i]))
const slab_strip_kernel slab_strip_sqrt[SLAB_STRIP_TYPES] = {FLOAT_ROWS(sqrt)};

UNARY(exp_f4, float, float, expf(x[i]))
UNARY(exp_f8, double, double, exp(x[i]))
const slab_strip_kernel slab_strip_exp[SLAB_STRIP_TYPES] = {FLOAT_ROWS(exp)};

UNARY(log_f4, float, float, logf(x[i]))
UNARY(log_f8, double, double, log(x[i]))
const slab_strip_kernel slab_strip_log[SLAB_STRIP_TYPES] = {FLOAT_ROWS(log)};

UNARY(log1p_f4, float, float, log1pf(x[i]))
UNARY(log1p_f8, double, double, log1p(x[i]))
const slab_strip_kernel slab_strip_log1p[SLAB_STRIP_TYPES] = {FLOAT_ROWS(log1p)};

EACH_INT(BINARY, minimum, x[i] < y[i] ? x[i] : y[i])
EACH_FLOAT(BINARY, minimum, ((x[i] < y[i]) | (x[i] != x[i])) ? x[i] : y[i])
BINARY(minimum_b1, uint8_t, uint8_t, x[i] & y[i])
const slab_strip_kernel slab_strip_minimum[] = {BOOL_ROW(minimum), INT_ROWS(minimum),
                                                FLOAT_ROWS(minimum)};

EACH_INT(BINARY, maximum, x[i] > y[i] ? x[i] : y[i])
EACH_FLOAT(BINARY, maximum, ((x[i] > y[i]) | (x[i] != x[i])) ? x[i] : y[i])
BINARY(maximum_b1, uint8_t, uint8_t, x[i] | y[i])
const slab_strip_kernel slab_strip_maximum[] = {BOOL_ROW(maximum), INT_ROWS(maximum),
                                                FLOAT_ROWS(maximum)};

/* Bools and integers are never NaN. */
static void isnan_b1(size_t n, const void *const *in, void *out)
{
    (void)in;
    memset(out, 0, n);
}
UNARY(isnan_f4, float, uint8_t, x[i] != x[i])
UNARY(isnan_f8, double, uint8_t, x[i] != x[i])
const slab_strip_kernel slab_strip_isnan[] = {BOOL_ROW(isnan),
                                              [SLAB_STRIP_I1] = isnan_b1,
                                              [SLAB_STRIP_U1] = isnan_b1,
                                              [SLAB_STRIP_I2] = isnan_b1,
                                              [SLAB_STRIP_U2] = isnan_b1,
                                              [SLAB_STRIP_I4] = isnan_b1,
                                              [SLAB_STRIP_U4] = isnan_b1,
                                              [SLAB_STRIP_I8] = isnan_b1,
                                              [SLAB_STRIP_U8] = isnan_b1,
                                              FLOAT_ROWS(isnan)};

/* A choice moves bits: one kernel a width. */
#define CHOICE(name, T)                                                                            \
    SLAB_CLONES static void name(size_t n, const void *const *in, void *out)                       \
    {                                                                                              \
        const uint8_t *c = in[0];                                                                  \
        const T *x = in[1], *y = in[2];                                                            \
        T *r = out;                                                                                \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = c[i] ? x[i] : y[i];                                                             \
    }
CHOICE(where_1, uint8_t)
CHOICE(where_2, uint16_t)
CHOICE(where_4, uint32_t)
CHOICE(where_8, uint64_t)
const slab_strip_kernel slab_strip_where[] = {
    [SLAB_STRIP_B1] = where_1, [SLAB_STRIP_I1] = where_1, [SLAB_STRIP_U1] = where_1,
    [SLAB_STRIP_I2] = where_2, [SLAB_STRIP_U2] = where_2, [SLAB_STRIP_I4] = where_4,
    [SLAB_STRIP_U4] = where_4, [SLAB_STRIP_I8] = where_8, [SLAB_STRIP_U8] = where_8,
    [SLAB_STRIP_F4] = where_4, [SLAB_STRIP_F8] = where_8};
