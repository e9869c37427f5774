/**
 * IEEE 754 half precision to and from float, in plain C: the compilers at hand do not all have
 * _Float16. Round to nearest even; NaN payloads keep their top bits.
 */
#ifndef SLAB_STORAGE_BASE_HALF_IMPL_H
#define SLAB_STORAGE_BASE_HALF_IMPL_H

#include <stdint.h>
#include <string.h>

/* Choices instead of branches, so that loops over these become vector code. */
static inline float slab_half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = h & 0x7fff;
    float tiny = (float)(int32_t)magnitude * 0x1p-24f; /* zero and subnormals, exactly */
    uint32_t as_tiny, bits = (magnitude << 13) + (magnitude >= 0x7c00 ? 0x70000000 : 0x38000000);
    float f;
    memcpy(&as_tiny, &tiny, sizeof as_tiny);
    bits = sign | (magnitude < 0x0400 ? as_tiny : bits);
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint16_t slab_float_to_half(float f)
{
    uint32_t bits, tiny;
    memcpy(&bits, &f, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    /* Below 2^-14: count units of 2^-24, rounded by the adder; 0.5 has its last bit there. */
    uint32_t below = magnitude < 0x38800000 ? magnitude : 0;
    float small;
    memcpy(&small, &below, sizeof small);
    small += 0.5f;
    memcpy(&tiny, &small, sizeof tiny);
    tiny -= 0x3f000000;
    uint32_t normal = ((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13) - (112 << 10);
    uint32_t nan = 0x7e00 | (magnitude >> 13 & 0x3ff);
    uint32_t h = magnitude < 0x38800000 ? tiny : normal;
    h = magnitude >= 0x477ff000 ? 0x7c00 : h; /* 65520 and above round to infinity */
    h = magnitude > 0x7f800000 ? nan : h;
    return (uint16_t)(sign | h);
}

/* Rounded once: the float between is rounded to odd, which keeps on which side of a tie x lies. */
static inline uint16_t slab_double_to_half(double x)
{
    float f = (float)x;
    double back = (double)f;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    double size = x < 0 ? -x : x, rounded = back < 0 ? -back : back;
    uint32_t step = rounded < size ? 1 : rounded > size ? UINT32_MAX : 0; /* NaN: 0 */
    bits += bits & 1 ? 0 : step;
    memcpy(&f, &bits, sizeof f);
    return slab_float_to_half(f);
}

#endif
