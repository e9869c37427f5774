/*
 * Functions of f64 that the compiler turns into vector code: additions, multiplications, divisions,
 * square roots and choices in a fixed order, no table, no branch, no fused operation. So their bits
 * are the same on every instruction set. Each is the function's own series on a short interval;
 * errors are within 2 units in the last place (test_elementwise measures them). f32 goes through
 * these and is rounded once, which leaves it within 0.51.
 */
#ifndef SLAB_COMPUTE_KERNEL_VECTOR_MATH_IMPL_H
#define SLAB_COMPUTE_KERNEL_VECTOR_MATH_IMPL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_MATH static inline __attribute__((always_inline))

/* Adding it leaves a whole number in a double's low bits. */
#define VM_ROUND 0x1.8p52

/* ln 2 and pi / 2 in parts: whole numbers of up to 16 and 20 bits times all but the last are exact.
 */
#define VM_LN2_HIGH 0x1.62e42fefap-1
#define VM_LN2_LOW  0x1.cf79abc9e3b3ap-40
#define VM_LOG2E    0x1.71547652b82fep+0
#define VM_PIO2_A   0x1.921fb544p+0
#define VM_PIO2_B   0x1.0b4611a6p-34
#define VM_PIO2_C   0x1.3198a2e037073p-69

/* Up to here sines and cosines are reduced by these parts. */
#define VM_TURNS_MOST 0x1p20

VECTOR_MATH double vm_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

VECTOR_MATH uint64_t vm_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 2^k of k + VM_ROUND, -1022 <= k <= 1023. */
VECTOR_MATH double vm_power_of_2(double rounded)
{
    return vm_from_bits((vm_bits(rounded) + 1023) << 52);
}

/* x 2^k in two steps: with one rounding where the result is subnormal, and no overflow before. */
VECTOR_MATH double vm_scale(double x, double k)
{
    double half = k * 0.5 + VM_ROUND, rest = k - (half - VM_ROUND) + VM_ROUND;
    return x * vm_power_of_2(half) * vm_power_of_2(rest);
}

/* e^r - 1 - r for |r| <= ln 2 / 2, cut off below 2^-57. */
VECTOR_MATH double vm_exp_tail(double r)
{
    double sum = 1.0 / 6227020800;
    sum = sum * r + 1.0 / 479001600;
    sum = sum * r + 1.0 / 39916800;
    sum = sum * r + 1.0 / 3628800;
    sum = sum * r + 1.0 / 362880;
    sum = sum * r + 1.0 / 40320;
    sum = sum * r + 1.0 / 5040;
    sum = sum * r + 1.0 / 720;
    sum = sum * r + 1.0 / 120;
    sum = sum * r + 1.0 / 24;
    sum = sum * r + 1.0 / 6;
    sum = sum * r + 0.5;
    return r * r * sum;
}

/* x = k ln 2 + high - low */
typedef struct vm_reduced {
    double k, high, low;
} vm_reduced;

VECTOR_MATH vm_reduced vm_reduce(double x)
{
    double k = x * VM_LOG2E + VM_ROUND - VM_ROUND;
    return (vm_reduced){k, x - k * VM_LN2_HIGH, k * VM_LN2_LOW};
}

VECTOR_MATH double vm_exp(double x)
{
    double within = x > 710 ? 710 : x < -746 ? -746 : x; /* NaN stays */
    vm_reduced v = vm_reduce(within);
    double r = v.high - v.low;
    return vm_scale(1 + (r + vm_exp_tail(r)), v.k);
}

/* For f32 only: the fraction's ln 2 is not exact. */
VECTOR_MATH double vm_exp2(double x)
{
    double within = x > 1100 ? 1100 : x < -1100 ? -1100 : x;
    double k = within + VM_ROUND - VM_ROUND, r = (within - k) * 0x1.62e42fefa39efp-1;
    return vm_scale(1 + (r + vm_exp_tail(r)), k);
}

VECTOR_MATH double vm_expm1(double x)
{
    double within = x > 710 ? 710 : x < -40 ? -40 : x;
    vm_reduced v = vm_reduce(within);
    double r = v.high - v.low, lost = (v.high - r) - v.low;
    double part = r + (vm_exp_tail(r) + lost);
    /* 2^k part + (2^k - 1), through 2^(k - 1) since 2^1024 is too large */
    double power = vm_power_of_2(v.k - 1 + VM_ROUND);
    double result = 2 * (power * part + (power - 0.5));
    return v.k == 0 ? (x == 0 ? x : part) : result;
}

/* ln(1 + f) + rest + k ln 2 for sqrt(1/2) <= 1 + f < sqrt 2: with s = f / (2 + f),
 * ln(1 + f) = f - (f^2 / 2 - s (f^2 / 2 + 2 s^2 / 3 + 2 s^4 / 5 + ...)). */
VECTOR_MATH double vm_log_of(double f, double rest, double k)
{
    double s = f / (2 + f), t = s * s, half = 0.5 * f * f, sum = 2.0 / 23;
    sum = sum * t + 2.0 / 21;
    sum = sum * t + 2.0 / 19;
    sum = sum * t + 2.0 / 17;
    sum = sum * t + 2.0 / 15;
    sum = sum * t + 2.0 / 13;
    sum = sum * t + 2.0 / 11;
    sum = sum * t + 2.0 / 9;
    sum = sum * t + 2.0 / 7;
    sum = sum * t + 2.0 / 5;
    sum = sum * t + 2.0 / 3;
    return k * VM_LN2_HIGH - ((half - (s * (half + t * sum) + (k * VM_LN2_LOW + rest))) - f);
}

/* x = m 2^k with sqrt(1/2) <= m < sqrt 2; x is positive and finite. */
VECTOR_MATH double vm_split(double x, double *k)
{
    int tiny = x < 0x1p-1022;
    uint64_t bits = vm_bits(tiny ? x * 0x1p54 : x);
    /* 0x3FE6A09E667F3BCD is sqrt(1/2): the exponent counts from there. */
    uint64_t above = bits - UINT64_C(0x3FE6A09E667F3BCD) + (UINT64_C(1024) << 52);
    uint64_t exponent = above >> 52; /* k + 1024 */
    *k = vm_from_bits(vm_bits(VM_ROUND) + exponent) - VM_ROUND - 1024 - (tiny ? 54 : 0);
    return vm_from_bits(bits - (exponent << 52) + (UINT64_C(1024) << 52));
}

/* What a logarithm is at and below 0, of inf and NaN; else y. */
VECTOR_MATH double vm_log_edges(double x, double y)
{
    y = x < (double)INFINITY ? y : x; /* inf and NaN */
    y = x == 0 ? (double)-INFINITY : y;
    return x < 0 ? (double)NAN : y;
}

VECTOR_MATH double vm_log(double x)
{
    double k, m = vm_split(x, &k);
    return vm_log_edges(x, vm_log_of(m - 1, 0, k));
}

/* log2 and log10, for f32 only: powers of the base are right after rounding. */
VECTOR_MATH double vm_log2(double x)
{
    double k, m = vm_split(x, &k);
    return vm_log_edges(x, k + vm_log_of(m - 1, 0, 0) * VM_LOG2E);
}

VECTOR_MATH double vm_log10(double x)
{
    return vm_log(x) * 0x1.bcb7b1526e50ep-2;
}

VECTOR_MATH double vm_log1p(double x)
{
    double u = 1 + x, k, m = vm_split(u, &k);
    /* What 1 + x lost, in units of u; where k is 0 nothing need be lost. */
    double lost = x < 1 ? x - (u - 1) : 1 - (u - x);
    double rest = u < 0x1p60 ? lost / u : 0;
    double y = k == 0 ? vm_log_of(x, 0, 0) : vm_log_of(m - 1, rest, k);
    return x == 0 ? x : vm_log_edges(u, y);
}

/* The error of the product p of a and b, exactly: Dekker's, of halves of 26 bits. */
VECTOR_MATH double vm_product_error(double a, double b, double p)
{
    double c = 0x1.0000002p27 * a, d = 0x1.0000002p27 * b;
    double a1 = c - (c - a), b1 = d - (d - b), a2 = a - a1, b2 = b - b1;
    return a2 * b2 - (((p - a1 * b1) - a2 * b1) - a1 * b2);
}

/* t / (t + 2) with t = e^(2 |x|) - 1. Where t is small its rounding, and those of the sum and of
 * the quotient, are corrected for. */
VECTOR_MATH double vm_tanh(double x)
{
    double size = fabs(x), twice = 2 * (size > 30 ? 30 : size);
    int small = size < 0.17;
    double near = small ? twice : 0, far = vm_expm1(twice), tail = vm_exp_tail(near);
    double t = small ? near + tail : far, lost = small ? (near - t) + tail : 0;
    double d = 2 + t, d_lost = (2 - d) + t + lost, inverse = 1 / d, q = t * inverse, p = q * d;
    double rest = ((t - p) - vm_product_error(q, d, p)) + (lost - q * d_lost);
    double y = size < 0.8 ? q + rest * inverse : 1 - 2 / (far + 2);
    y = size == 0 ? size : y;
    return copysign(x == x ? y : x, x);
}

/* x = quarters pi / 2 + high + low, |high| <= pi / 4, for |x| <= VM_TURNS_MOST. */
typedef struct vm_turn {
    double high, low;
    uint64_t quarters; /* the low bits count */
} vm_turn;

VECTOR_MATH vm_turn vm_reduce_turns(double x)
{
    double rounded = x * 0x1.45f306dc9c883p-1 + VM_ROUND, n = rounded - VM_ROUND;
    double a = x - n * VM_PIO2_A, b = n * VM_PIO2_B, r = a - b;
    double rest = n * VM_PIO2_C - ((a - r) - b), high = r - rest;
    return (vm_turn){high, (r - high) - rest, vm_bits(rounded)};
}

/* sin(y + low) and cos(y + low) for |y| <= pi / 4. */
VECTOR_MATH double vm_sin_series(double y, double low)
{
    double t = y * y, sum = 1.0 / 355687428096000;
    sum = sum * t - 1.0 / 1307674368000;
    sum = sum * t + 1.0 / 6227020800;
    sum = sum * t - 1.0 / 39916800;
    sum = sum * t + 1.0 / 362880;
    sum = sum * t - 1.0 / 5040;
    sum = sum * t + 1.0 / 120;
    sum = sum * t - 1.0 / 6;
    return y + (y * t * sum + low * (1 - 0.5 * t));
}

VECTOR_MATH double vm_cos_series(double y, double low)
{
    double t = y * y, half = 0.5 * t, first = 1 - half, sum = 1.0 / 20922789888000;
    sum = sum * t - 1.0 / 87178291200;
    sum = sum * t + 1.0 / 479001600;
    sum = sum * t - 1.0 / 3628800;
    sum = sum * t + 1.0 / 40320;
    sum = sum * t - 1.0 / 720;
    sum = sum * t + 1.0 / 24;
    return first + (((1 - first) - half) + (t * t * sum - y * low));
}

/* shift: 0 for the sine, 1 for the cosine. */
VECTOR_MATH double vm_wave(double x, uint64_t shift)
{
    vm_turn turn = vm_reduce_turns(x);
    uint64_t quarter = turn.quarters + shift;
    double s = vm_sin_series(turn.high, turn.low), c = vm_cos_series(turn.high, turn.low);
    double y = quarter & 1 ? c : s;
    return quarter & 2 ? -y : y;
}

VECTOR_MATH double vm_sin(double x)
{
    return x == 0 ? x : vm_wave(x, 0);
}

VECTOR_MATH double vm_cos(double x)
{
    return vm_wave(x, 1);
}

VECTOR_MATH double vm_hypot(double x, double y)
{
    double a = fabs(x), b = fabs(y), most = a > b ? a : b;
    uint64_t exponent = vm_bits(most) >> 52;
    exponent = exponent < 1 ? 1 : exponent > 2045 ? 2045 : exponent;
    double down = vm_from_bits((2046 - exponent) << 52), up = vm_from_bits(exponent << 52);
    double p = a * down, q = b * down, r = sqrt(p * p + q * q) * up;
    return a == (double)INFINITY || b == (double)INFINITY ? (double)INFINITY : r;
}

/* x^y of f32s. Negative and odd operands are left to powf(). */
VECTOR_MATH int vm_power_is_plain(double x, double y)
{
    return (x > 0) & (x < (double)INFINITY) & (fabs(y) < (double)INFINITY);
}

VECTOR_MATH double vm_power(double x, double y)
{
    double l = vm_log(x) * y;
    return vm_exp(l > 200 ? 200 : l < -200 ? -200 : l);
}

#endif
