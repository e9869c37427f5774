/* N-bit packing of elements of one byte (genotypes: 2 bits of 8), by vectors. */
#include <slab/storage/codec/nbit_impl.h>

#ifdef __x86_64__
#include <immintrin.h>

static bool is_byte_of(const slab_nbit *layout, unsigned precision)
{
    return layout->size == 1 && layout->offset == 0 && layout->precision == precision;
}

#define KERNEL static inline __attribute__((always_inline)) SLAB_TARGET_AVX2

/* Each of 4 bytes to 8 elements: every copy keeps another bit. */
KERNEL __m256i unpack1(const unsigned char *src)
{
    const __m256i copies =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x(0x0102040810204080);
    int four;
    __builtin_memcpy(&four, src, 4);
    __m256i v = _mm256_shuffle_epi8(_mm256_set1_epi32(four), copies);
    v = _mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit);
    return _mm256_and_si256(v, _mm256_set1_epi8(1));
}

/* Each of 8 bytes to 4 elements: shifted by 4 in the low words, then by 2 in the low bytes. */
KERNEL __m256i unpack2(const unsigned char *src)
{
    const __m256i copies = _mm256_setr_epi32(0, 0x01010101, 0x02020202, 0x03030303, 0x04040404,
                                             0x05050505, 0x06060606, 0x07070707);
    long long eight;
    __builtin_memcpy(&eight, src, 8);
    __m256i v = _mm256_shuffle_epi8(_mm256_set1_epi64x(eight), copies);
    v = _mm256_blend_epi16(v, _mm256_srli_epi16(v, 4), 0x55);
    return _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(v, 2), _mm256_set1_epi16(0x0003)),
                           _mm256_and_si256(v, _mm256_set1_epi16(0x0300)));
}

/* Each of 16 bytes to 2 elements. */
KERNEL __m256i unpack4(const unsigned char *src)
{
    __m256i v = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)src));
    return _mm256_or_si256(_mm256_srli_epi16(v, 4),
                           _mm256_and_si256(_mm256_slli_epi16(v, 8), _mm256_set1_epi16(0x0f00)));
}

KERNEL size_t unpack(unsigned precision, size_t count, const unsigned char *src, unsigned char *dst)
{
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        const unsigned char *p = src + i * precision / 8;
        __m256i v = precision == 1 ? unpack1(p) : precision == 2 ? unpack2(p) : unpack4(p);
        _mm256_storeu_si256((void *)(dst + i), v);
    }
    return i;
}

SLAB_TARGET_AVX2 size_t slab_nbit_unpack_avx2(const slab_nbit *layout, const unsigned char *src,
                                              unsigned char *dst)
{
    if (is_byte_of(layout, 1))
        return unpack(1, layout->count, src, dst);
    if (is_byte_of(layout, 2))
        return unpack(2, layout->count, src, dst);
    return is_byte_of(layout, 4) ? unpack(4, layout->count, src, dst) : 0;
}

/* 32 elements to 4, 8 or 16 bytes. Pairs are joined by multiplying the first and adding. */
KERNEL void pack1(__m256i v, unsigned char *dst)
{
    const __m256i reverse = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
    v = _mm256_slli_epi16(_mm256_shuffle_epi8(v, reverse), 7);
    int bits = _mm256_movemask_epi8(v);
    __builtin_memcpy(dst, &bits, 4);
}

KERNEL void pack2(__m256i v, unsigned char *dst)
{
    const __m256i lowest = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    v = _mm256_and_si256(v, _mm256_set1_epi8(3));
    v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(0x0104));
    v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00010010));
    v = _mm256_shuffle_epi8(v, lowest);
    v = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 1, 1, 1, 1, 1));
    _mm_storel_epi64((void *)dst, _mm256_castsi256_si128(v));
}

KERNEL void pack4(__m256i v, unsigned char *dst)
{
    v = _mm256_and_si256(v, _mm256_set1_epi8(15));
    v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(0x0110));
    v = _mm256_permute4x64_epi64(_mm256_packus_epi16(v, v), 0x08);
    _mm_storeu_si128((void *)dst, _mm256_castsi256_si128(v));
}

KERNEL size_t pack(unsigned precision, size_t count, const unsigned char *src, unsigned char *dst)
{
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i v = _mm256_loadu_si256((const void *)(src + i));
        unsigned char *p = dst + i * precision / 8;
        if (precision == 1)
            pack1(v, p);
        else if (precision == 2)
            pack2(v, p);
        else
            pack4(v, p);
    }
    return i;
}

SLAB_TARGET_AVX2 size_t slab_nbit_pack_avx2(const slab_nbit *layout, const unsigned char *src,
                                            unsigned char *dst)
{
    if (is_byte_of(layout, 1))
        return pack(1, layout->count, src, dst);
    if (is_byte_of(layout, 2))
        return pack(2, layout->count, src, dst);
    return is_byte_of(layout, 4) ? pack(4, layout->count, src, dst) : 0;
}

#undef KERNEL
#define KERNEL static inline __attribute__((always_inline)) SLAB_TARGET_AVX512

/* 64 elements to 8 * precision bytes. */
KERNEL void pack512(unsigned precision, __m512i v, unsigned char *dst)
{
    if (precision == 1) {
        const __m512i reverse = _mm512_broadcast_i32x4(
            _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
        __mmask64 bits =
            _mm512_test_epi8_mask(_mm512_shuffle_epi8(v, reverse), _mm512_set1_epi8(1));
        _store_mask64((__mmask64 *)(void *)dst, bits);
        return;
    }
    v = _mm512_and_si512(v, _mm512_set1_epi8((char)((1 << precision) - 1)));
    v = _mm512_maddubs_epi16(v, _mm512_set1_epi16((short)(0x0100 | 1 << precision)));
    if (precision == 4) {
        _mm256_storeu_si256((void *)dst, _mm512_cvtepi16_epi8(v));
    } else {
        v = _mm512_madd_epi16(v, _mm512_set1_epi32(0x00010010));
        _mm_storeu_si128((void *)dst, _mm512_cvtepi32_epi8(v));
    }
}

KERNEL size_t pack_all512(unsigned precision, size_t count, const unsigned char *src,
                          unsigned char *dst)
{
    size_t i = 0;
    for (; i + 64 <= count; i += 64)
        pack512(precision, _mm512_loadu_si512(src + i), dst + i / 8 * precision);
    return i;
}

SLAB_TARGET_AVX512 size_t slab_nbit_pack_avx512(const slab_nbit *layout, const unsigned char *src,
                                                unsigned char *dst)
{
    if (is_byte_of(layout, 1))
        return pack_all512(1, layout->count, src, dst);
    if (is_byte_of(layout, 2))
        return pack_all512(2, layout->count, src, dst);
    return is_byte_of(layout, 4) ? pack_all512(4, layout->count, src, dst) : 0;
}

/*
 * Any precision and offset: eight elements take `precision` bytes. These are put into a 64-bit
 * lane in reverse, so that the stream runs from its high bits down; one instruction then picks
 * eight windows of eight bits.
 */
SLAB_TARGET_VBMI size_t slab_nbit_unpack_vbmi(const slab_nbit *layout, const unsigned char *src,
                                              unsigned char *dst)
{
    const unsigned p = layout->precision, offset = layout->offset;
    unsigned char order[64], window[64];
    size_t i = 0;
    if (layout->size != 1 || p > 7)
        return 0;
    for (unsigned k = 0; k < 64; k++) {
        unsigned lane = k / 8, byte = k % 8;
        order[k] = (unsigned char)(byte < p ? p * lane + p - 1 - byte : 0);
        window[k] = (unsigned char)((p * (7 - byte) - offset) % 64);
    }
    const __m512i take = _mm512_loadu_si512(order), at = _mm512_loadu_si512(window);
    const __m512i keep = _mm512_set1_epi8((char)(((1u << p) - 1) << offset));
    const __mmask64 bytes = ((__mmask64)1 << 8 * p) - 1;
    for (; i + 64 <= layout->count; i += 64) {
        __m512i v = _mm512_maskz_loadu_epi8(bytes, src + i / 8 * p);
        v = _mm512_multishift_epi64_epi8(at, _mm512_permutexvar_epi8(take, v));
        _mm512_storeu_si512(dst + i, _mm512_and_si512(v, keep));
    }
    return i;
}
#endif
