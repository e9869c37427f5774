/**
 * IEEE 754 half precision to and from float, in plain C: the compilers at hand do not all have
 * _Float16. Round to nearest even; NaN payloads keep their top bits.
 */
#ifndef SLAB_STORAGE_BASE_HALF_IMPL_H
#define SLAB_STORAGE_BASE_HALF_IMPL_H

#include <stdint.h>
#include <string.h>

static inline float slab_half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 0x3ff;
    uint32_t bits;
    float f;
    if (exponent == 31) {
        bits = sign | 0x7f800000 | fraction << 13;
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        float small = (float)fraction * 0x1p-24f; /* zero and subnormals, exactly */
        memcpy(&bits, &small, sizeof bits);
        bits |= sign;
    }
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint16_t slab_float_to_half(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) { /* below 2^-14: count units of 2^-24, rounded by the adder */
        float m, shifted;
        uint32_t units;
        memcpy(&m, &magnitude, sizeof m);
        shifted = m + 0.5f; /* 0.5 has its last bit at 2^-24 */
        memcpy(&units, &shifted, sizeof units);
        return (uint16_t)(sign | (units - 0x3f000000));
    }
    uint32_t odd = magnitude >> 13 & 1;
    magnitude += 0xfff + odd;
    return (uint16_t)(sign | ((magnitude >> 13) - (112 << 10)));
}

#endif
