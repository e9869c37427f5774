/* The networks of shuffle_avx512.c on vectors of two lanes. */
#include <slab/storage/codec/shuffle_impl.h>

#ifdef __x86_64__
#include <immintrin.h>
#include <stdint.h>

#define KERNEL static inline __attribute__((always_inline)) SLAB_TARGET_AVX2

KERNEL __m256i low(int unit, __m256i a, __m256i b)
{
    return unit == 1   ? _mm256_unpacklo_epi8(a, b)
           : unit == 2 ? _mm256_unpacklo_epi16(a, b)
           : unit == 4 ? _mm256_unpacklo_epi32(a, b)
                       : _mm256_unpacklo_epi64(a, b);
}

KERNEL __m256i high(int unit, __m256i a, __m256i b)
{
    return unit == 1   ? _mm256_unpackhi_epi8(a, b)
           : unit == 2 ? _mm256_unpackhi_epi16(a, b)
           : unit == 4 ? _mm256_unpackhi_epi32(a, b)
                       : _mm256_unpackhi_epi64(a, b);
}

KERNEL void rounds(int s, int unit, __m256i *v)
{
    for (int step = 1; step < s; step *= 2) {
        __m256i t[16];
        for (int i = 0; i < s / 2; i++) {
            t[2 * i] = low(unit, v[i], v[i + s / 2]);
            t[2 * i + 1] = high(unit, v[i], v[i + s / 2]);
        }
        for (int i = 0; i < s; i++)
            v[i] = t[i];
    }
}

/* Even units of 16 / s bytes, then odd ones; by place: the bytes of even, then of odd places. */
KERNEL __m256i evens_first(int unit)
{
    return _mm256_broadcastsi128_si256(
        unit == 1   ? _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15)
        : unit == 2 ? _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15)
        : unit == 4 ? _mm_setr_epi8(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15)
                    : _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/* The inverse of evens_first: the first and the second half of a lane take turns. */
KERNEL __m256i halves_mixed(int unit)
{
    return _mm256_broadcastsi128_si256(
        unit == 1   ? _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15)
        : unit == 2 ? _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15)
        : unit == 4 ? _mm_setr_epi8(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15)
                    : _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

KERNEL size_t unshuffle(int s, size_t stride, size_t count, const unsigned char *src,
                        unsigned char *dst)
{
    __m256i order = evens_first(16 / s);
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i v[16];
        for (int b = 0; b < s; b++) {
            v[b] = _mm256_loadu_si256((const void *)(src + (size_t)b * stride + i));
            v[b] = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v[b], order), 0xD8);
        }
        rounds(s, 1, v);
        for (int b = 0; b < s; b++)
            _mm256_storeu_si256((void *)(dst + i * (size_t)s + 32 * (size_t)b), v[b]);
    }
    return i;
}

/* Gathers the bytes of equal place of a lane's 16 / s elements. */
KERNEL __m256i by_place(int s)
{
    return _mm256_broadcastsi128_si256(
        s == 2   ? _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15)
        : s == 4 ? _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
                 : _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
}

KERNEL size_t shuffle(int s, size_t count, const unsigned char *src, unsigned char *dst)
{
    __m256i places = by_place(s), order = halves_mixed(16 / s);
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i v[16];
        for (int b = 0; b < s; b++) {
            v[b] = _mm256_loadu_si256((const void *)(src + i * (size_t)s + 32 * (size_t)b));
            v[b] = s < 16 ? _mm256_shuffle_epi8(v[b], places) : v[b];
        }
        rounds(s, 16 / s, v);
        for (int b = 0; b < s; b++) {
            v[b] = _mm256_shuffle_epi8(_mm256_permute4x64_epi64(v[b], 0xD8), order);
            _mm256_storeu_si256((void *)(dst + (size_t)b * count + i), v[b]);
        }
    }
    return i;
}

SLAB_TARGET_AVX2 size_t slab_unshuffle_avx2(size_t size, size_t stride, size_t count,
                                            const unsigned char *src, unsigned char *dst)
{
    switch (size) {
    case 2:
        return unshuffle(2, stride, count, src, dst);
    case 4:
        return unshuffle(4, stride, count, src, dst);
    case 8:
        return unshuffle(8, stride, count, src, dst);
    case 16:
        return unshuffle(16, stride, count, src, dst);
    default:
        return 0;
    }
}

SLAB_TARGET_AVX2 size_t slab_shuffle_avx2(size_t size, size_t count, const unsigned char *src,
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
