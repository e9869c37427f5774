/*
 * Logarithm, exponential, sine and cosine from additions, multiplications and divisions alone, in a
 * fixed order: the C library's differ between machines and instruction sets, these never do. Each
 * is the function's own series, cut off where terms fall below half a unit in the last place.
 */
#ifndef SLAB_COMPUTE_KERNEL_RANDOM_MATH_IMPL_H
#define SLAB_COMPUTE_KERNEL_RANDOM_MATH_IMPL_H

#include <stdint.h>
#include <string.h>

#define MATH static inline __attribute__((always_inline))

MATH double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

MATH uint64_t to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 52 random bits as a number 0 <= u < 1. */
MATH double unit(uint64_t word)
{
    return from_bits(UINT64_C(0x3FF0000000000000) | word >> 12) - 1;
}

/* ln x for normal x > 0: x = m 2^e with sqrt(1/2) <= m < sqrt 2, s = (m - 1) / (m + 1),
 * ln m = 2 (s + s^3 / 3 + s^5 / 5 + ...). */
MATH double math_log(double x)
{
    uint64_t bits = to_bits(x);
    /* 0x3FE6A09E667F3BCD is sqrt(1/2): the exponent counts from there. */
    uint64_t above = bits - UINT64_C(0x3FE6A09E667F3BCD);
    int32_t e = (int32_t)((int64_t)above >> 52);
    double m = from_bits(bits - ((uint64_t)(int64_t)e << 52));
    double s = (m - 1) / (m + 1), t = s * s, sum = 1.0 / 23;
    sum = sum * t + 1.0 / 21;
    sum = sum * t + 1.0 / 19;
    sum = sum * t + 1.0 / 17;
    sum = sum * t + 1.0 / 15;
    sum = sum * t + 1.0 / 13;
    sum = sum * t + 1.0 / 11;
    sum = sum * t + 1.0 / 9;
    sum = sum * t + 1.0 / 7;
    sum = sum * t + 1.0 / 5;
    sum = sum * t + 1.0 / 3;
    double ln_m = 2 * (s + s * t * sum);
    /* ln 2 in two parts, the first with trailing zeros: e times it is exact. */
    return (double)e * 0x1.62e42fefap-1 + ((double)e * 0x1.cf79abc9e3b3ap-40 + ln_m);
}

/* e^x for -700 < x < 700: x = k ln 2 + r. */
MATH double math_exp(double x)
{
    double k = (double)(int32_t)(x * 0x1.71547652b82fep0 + (x < 0 ? -0.5 : 0.5));
    double r = (x - k * 0x1.62e42fefap-1) - k * 0x1.cf79abc9e3b3ap-40, sum = 1;
    for (int n = 14; n > 0; n--)
        sum = 1 + sum * r / n;
    return sum * from_bits((uint64_t)(1023 + (int64_t)k) << 52);
}

/* cos and sin of 2 pi u, 0 <= u < 1. */
MATH void math_turn(double u, double *cosine, double *sine)
{
    int32_t quarter = (int32_t)(4 * u + 0.5);
    double x = (u - 0.25 * (double)quarter) * 0x1.921fb54442d18p2, t = x * x;
    double s = -1.0 / 1307674368000, c = 1.0 / 20922789888000;
    s = s * t + 1.0 / 6227020800;
    s = s * t - 1.0 / 39916800;
    s = s * t + 1.0 / 362880;
    s = s * t - 1.0 / 5040;
    s = s * t + 1.0 / 120;
    s = s * t - 1.0 / 6;
    s = x + x * t * s;
    c = c * t - 1.0 / 87178291200;
    c = c * t + 1.0 / 479001600;
    c = c * t - 1.0 / 3628800;
    c = c * t + 1.0 / 40320;
    c = c * t - 1.0 / 720;
    c = c * t + 1.0 / 24;
    c = c * t - 1.0 / 2;
    c = 1 + t * c;
    double a = quarter & 1 ? s : c, b = quarter & 1 ? c : s;
    *cosine = (quarter + 1) & 2 ? -a : a;
    *sine = quarter & 2 ? -b : b;
}

#endif
