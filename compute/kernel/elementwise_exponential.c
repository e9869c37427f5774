/* Roots, powers, exponentials and logarithms. */
#include <slab/compute/kernel/elementwise_complex_impl.h>

#include <math.h>
#include <slab/compute/kernel/vector_math_impl.h>

#define LN2   0.693147180559945309417232121458176568
#define LOG2E 1.442695040888963407359924681001892137

FLOAT_CALLS(UNARY, sqrt, sqrt)
TABLE(sqrt, FLOAT_ROWS(sqrt), COMPLEX_FUNCTION_ROWS(sqrt))
FLOAT_CALLS(PLAIN_UNARY, cbrt, cbrt)
TABLE(cbrt, FLOAT_ROWS(cbrt))
THROUGH_DOUBLE_2(hypot_f4, vm_hypot(x, y))
BINARY(hypot_f8, double, double, vm_hypot(x, y))
TABLE(hypot, FLOAT_ROWS(hypot))

THROUGH_DOUBLE(exp_f4, vm_exp(x))
UNARY(exp_f8, double, double, vm_exp(x))
TABLE(exp, FLOAT_ROWS(exp), COMPLEX_FUNCTION_ROWS(exp))
THROUGH_DOUBLE(exp2_f4, vm_exp2(x))
PLAIN_UNARY(exp2_f8, double, double, exp2(x))
TABLE(exp2, FLOAT_ROWS(exp2), COMPLEX_FUNCTION_ROWS(exp2))
THROUGH_DOUBLE(expm1_f4, vm_expm1(x))
UNARY(expm1_f8, double, double, vm_expm1(x))
TABLE(expm1, FLOAT_ROWS(expm1), COMPLEX_FUNCTION_ROWS(expm1))
THROUGH_DOUBLE(log_f4, vm_log(x))
UNARY(log_f8, double, double, vm_log(x))
TABLE(log, FLOAT_ROWS(log), COMPLEX_FUNCTION_ROWS(log))
THROUGH_DOUBLE(log2_f4, vm_log2(x))
PLAIN_UNARY(log2_f8, double, double, log2(x))
TABLE(log2, FLOAT_ROWS(log2), COMPLEX_FUNCTION_ROWS(log2))
THROUGH_DOUBLE(log10_f4, vm_log10(x))
PLAIN_UNARY(log10_f8, double, double, log10(x))
TABLE(log10, FLOAT_ROWS(log10), COMPLEX_FUNCTION_ROWS(log10))
THROUGH_DOUBLE(log1p_f4, vm_log1p(x))
UNARY(log1p_f8, double, double, vm_log1p(x))
TABLE(log1p, FLOAT_ROWS(log1p), COMPLEX_FUNCTION_ROWS(log1p))

/* ln(e^x + e^y) and log2(2^x + 2^y) from the larger one; equal infinities have no difference. */
#define LOG_SUMS(type, T, f)                                                                       \
    static inline T log_sum_##type(T x, T y)                                                       \
    {                                                                                              \
        T d = x - y;                                                                               \
        if (x == y)                                                                                \
            return x + (T)LN2;                                                                     \
        return d > 0 ? x + log1p##f(exp##f(-d)) : d <= 0 ? y + log1p##f(exp##f(d)) : d;            \
    }                                                                                              \
    static inline T log2_sum_##type(T x, T y)                                                      \
    {                                                                                              \
        T d = x - y, l = (T)LOG2E;                                                                 \
        if (x == y)                                                                                \
            return x + 1;                                                                          \
        return d > 0 ? x + l * log1p##f(exp2##f(-d)) : d <= 0 ? y + l * log1p##f(exp2##f(d)) : d;  \
    }
LOG_SUMS(f4, float, f)
LOG_SUMS(f8, double, )
PLAIN_BINARY(logaddexp_f4, float, float, log_sum_f4(x, y))
PLAIN_BINARY(logaddexp_f8, double, double, log_sum_f8(x, y))
TABLE(logaddexp, FLOAT_ROWS(logaddexp))
PLAIN_BINARY(logaddexp2_f4, float, float, log2_sum_f4(x, y))
PLAIN_BINARY(logaddexp2_f8, double, double, log2_sum_f8(x, y))
TABLE(logaddexp2, FLOAT_ROWS(logaddexp2))

/* By squaring, wrapping around; the exponent is not negative. */
static inline uint64_t whole_power(uint64_t x, uint64_t n)
{
    uint64_t result = 1;
    for (; n; n >>= 1, x *= x)
        result *= n & 1 ? x : 1;
    return result;
}

EACH_INT(PLAIN_BINARY, power, whole_power(W(x), W(y)))
PLAIN_BINARY(power_f8, double, double, pow(x, y))

/* Are all of them positive and finite? */
SLAB_CLONES static bool all_plain(size_t n, const float *x, const float *y)
{
    int plain = 1;
    for (size_t i = 0; i < n; i++)
        plain &= vm_power_is_plain((double)x[i], (double)y[i]);
    return plain;
}
THROUGH_DOUBLE_2(power_plain, vm_power(x, y))
PLAIN_BINARY(power_any, float, float,
             vm_power_is_plain((double)x, (double)y) ? (float)vm_power((double)x, (double)y)
                                                     : powf(x, y))
static void power_f4(size_t n, const void *const *in, void *out)
{
    if (all_plain(n, in[0], in[1]))
        power_plain(n, in, out);
    else
        power_any(n, in, out);
}
TABLE(power, INT_ROWS(power), FLOAT_ROWS(power), COMPLEX_FUNCTION_ROWS(power))
TABLE(float_power, [SLAB_STRIP_F8] = power_f8, [SLAB_STRIP_C16] = complex_power_c16)

#define NOT_NEGATIVE(type, T)                                                                      \
    SLAB_CLONES static bool not_negative_##type(size_t n, const void *const *in)                   \
    {                                                                                              \
        const T *y = in[1];                                                                        \
        T all = 0;                                                                                 \
        for (size_t i = 0; i < n; i++)                                                             \
            all = (T)(all | y[i]);                                                                 \
        return all >= 0;                                                                           \
    }
NOT_NEGATIVE(i1, int8_t)
NOT_NEGATIVE(i2, int16_t)
NOT_NEGATIVE(i4, int32_t)
NOT_NEGATIVE(i8, int64_t)
const slab_strip_check slab_strip_power_check[SLAB_STRIP_TYPES] = {SIGNED_ROWS(not_negative)};
