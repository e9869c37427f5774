/*
 * Shuffling by networks of unpack instructions.
 *
 * Take s vectors of 64 bytes. unpack(v[i], v[i + s/2]) for all i is a perfect shuffle of the bytes
 * (or of larger units) within each 128-bit lane: it rotates the bits of a unit's index by one. So
 * log2(s) rounds bring the s planes of an element together. A permutation of whole units across
 * lanes, before or after, puts the elements in order.
 */
#include <slab/storage/codec/shuffle_impl.h>
#include <slab/storage/codec/xxh64_lanes_impl.h>

#ifdef __x86_64__
#include <immintrin.h>
#include <stdint.h>

#define KERNEL static inline __attribute__((always_inline)) SLAB_TARGET_AVX512

KERNEL __m512i low(int unit, __m512i a, __m512i b)
{
    return unit == 1   ? _mm512_unpacklo_epi8(a, b)
           : unit == 2 ? _mm512_unpacklo_epi16(a, b)
           : unit == 4 ? _mm512_unpacklo_epi32(a, b)
                       : _mm512_unpacklo_epi64(a, b);
}

KERNEL __m512i high(int unit, __m512i a, __m512i b)
{
    return unit == 1   ? _mm512_unpackhi_epi8(a, b)
           : unit == 2 ? _mm512_unpackhi_epi16(a, b)
           : unit == 4 ? _mm512_unpackhi_epi32(a, b)
                       : _mm512_unpackhi_epi64(a, b);
}

KERNEL void rounds(int s, int unit, __m512i *v)
{
    for (int step = 1; step < s; step *= 2) {
        __m512i t[16];
        for (int i = 0; i < s / 2; i++) {
            t[2 * i] = low(unit, v[i], v[i + s / 2]);
            t[2 * i + 1] = high(unit, v[i], v[i + s / 2]);
        }
        for (int i = 0; i < s; i++)
            v[i] = t[i];
    }
}

/* A permutation of the units of 16 / s bytes: within lanes, then of 32-bit (s = 2: 64-bit) units.
 */
typedef struct permutation {
    __m512i within, across;
} permutation;

/* Unit 4 v + l goes to s l + v: from the order in a plane to that of lane l of vector v. */
KERNEL permutation to_lanes(int s)
{
    permutation p = {_mm512_setzero_si512(),
                     _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)};
    if (s == 2)
        p.across = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    if (s == 8)
        p.within = _mm512_broadcast_i32x4(
            _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15));
    if (s == 16)
        p.within = _mm512_broadcast_i32x4(
            _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    return p;
}

/* The inverse. The transposition of 4 x 4 units is its own; that of 4 x 2 is not. */
KERNEL permutation from_lanes(int s)
{
    permutation p = to_lanes(s);
    if (s == 2)
        p.across = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    if (s == 8)
        p.within = _mm512_broadcast_i32x4(
            _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    return p;
}

KERNEL __m512i across(int s, permutation p, __m512i v)
{
    return s == 2 ? _mm512_permutexvar_epi64(p.across, v) : _mm512_permutexvar_epi32(p.across, v);
}

KERNEL __m512i within(int s, permutation p, __m512i v)
{
    return s >= 8 ? _mm512_shuffle_epi8(v, p.within) : v;
}

/* 64 elements. */
KERNEL void unshuffle_one(int s, permutation p, size_t stride, const unsigned char *src,
                          unsigned char *dst)
{
    __m512i v[16];
    for (int b = 0; b < s; b++)
        v[b] = across(s, p, within(s, p, _mm512_loadu_si512(src + (size_t)b * stride)));
    rounds(s, 1, v);
    for (int b = 0; b < s; b++)
        _mm512_storeu_si512(dst + 64 * (size_t)b, v[b]);
}

/* Whole vectors, with 64 s bytes summed for each. */
KERNEL size_t unshuffle_summing(int s, size_t stride, size_t count, const unsigned char *src,
                                unsigned char *dst, slab_xxh64_run *sum)
{
    enum { TURN = 16 * 64 }; /* of the largest elements */
    permutation p = to_lanes(s);
    _Alignas(64) uint64_t product[2][TURN / 8];
    uint64_t lanes[SLAB_XXH64_LANES];
    const unsigned char *at = sum->at;
    size_t i = 0;
    int bytes = 64 * s, now = 0;
    for (int l = 0; l < SLAB_XXH64_LANES; l++)
        lanes[l] = sum->lanes[l];
    if (count >= 64 && sum->end - at >= bytes)
        slab_xxh64_products(bytes, at, product[0]);
    for (; i + 64 <= count && sum->end - at >= bytes; i += 64, at += bytes, now = !now) {
        unshuffle_one(s, p, stride, src + i, dst + i * (size_t)s);
        if (sum->end - at >= 2 * bytes)
            slab_xxh64_products(bytes, at + bytes, product[!now]);
        __asm__ volatile("" : "+m"(product));
        slab_xxh64_sum(bytes, lanes, product[now]);
    }
    for (int l = 0; l < SLAB_XXH64_LANES; l++)
        sum->lanes[l] = lanes[l];
    sum->at = at;
    return i;
}

KERNEL size_t unshuffle(int s, size_t stride, size_t count, const unsigned char *src,
                        unsigned char *dst, slab_xxh64_run *sum)
{
    permutation p = to_lanes(s);
    size_t i = sum ? unshuffle_summing(s, stride, count, src, dst, sum) : 0;
    for (; i + 64 <= count; i += 64)
        unshuffle_one(s, p, stride, src + i, dst + i * (size_t)s);
    return i;
}

/* Gathers the bytes of equal place of a lane's 16 / s elements. */
KERNEL __m512i by_place(int s)
{
    return _mm512_broadcast_i32x4(
        s == 2   ? _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15)
        : s == 4 ? _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
                 : _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
}

KERNEL size_t shuffle(int s, size_t count, const unsigned char *src, unsigned char *dst)
{
    permutation p = from_lanes(s);
    __m512i places = by_place(s);
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        __m512i v[16];
        for (int b = 0; b < s; b++) {
            v[b] = _mm512_loadu_si512(src + i * (size_t)s + 64 * (size_t)b);
            v[b] = s < 16 ? _mm512_shuffle_epi8(v[b], places) : v[b];
        }
        rounds(s, 16 / s, v);
        for (int b = 0; b < s; b++)
            _mm512_storeu_si512(dst + (size_t)b * count + i, within(s, p, across(s, p, v[b])));
    }
    return i;
}

SLAB_TARGET_AVX512 size_t slab_unshuffle_avx512(size_t size, size_t stride, size_t count,
                                                const unsigned char *src, unsigned char *dst,
                                                slab_xxh64_run *sum)
{
    switch (size) {
    case 2:
        return unshuffle(2, stride, count, src, dst, sum);
    case 4:
        return unshuffle(4, stride, count, src, dst, sum);
    case 8:
        return unshuffle(8, stride, count, src, dst, sum);
    case 16:
        return unshuffle(16, stride, count, src, dst, sum);
    default:
        return 0;
    }
}

SLAB_TARGET_AVX512 size_t slab_shuffle_avx512(size_t size, size_t count, const unsigned char *src,
                                              unsigned char *dst)
{
    switch (size) {
    case 2:
        return shuffle(2, count, src, dst);
    case 4:
        return shuffle(4, count, src, dst);
    case 8:
        return shuffle(8, count, src, dst);
    case 16:
        return shuffle(16, count, src, dst);
    default:
        return 0;
    }
}
#endif
