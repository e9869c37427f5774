/*
 * N-bit packing by 64-bit words of unpacked elements: m = 8 / size elements at a time, whose bits
 * are spread from, or squeezed into, m * precision adjacent bits. With BMI2 that is one
 * instruction. Elements at the end, where a word would reach past the buffer, go one by one.
 */
#include <slab/storage/codec/codec_impl.h>
#include <slab/storage/codec/nbit_impl.h>

/* Bits as far as they have been dealt with. */
typedef struct cursor {
    size_t element, bit;
} cursor;

SLAB_INLINE uint64_t low_bits(unsigned n)
{
    return n >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;
}

/* The bits to keep in every element of a word. */
static uint64_t mask_of(const slab_nbit *layout)
{
    uint64_t mask = 0;
    for (unsigned e = 0; e < 8 / layout->size; e++)
        mask |= low_bits(layout->precision) << (layout->offset + 8 * layout->size * e);
    return mask;
}

/* Turns a word as memory holds it into one with its first element highest; and back. */
SLAB_INLINE uint64_t reorder(uint64_t word, unsigned size, bool big_endian)
{
    const bool host_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    if (big_endian || size == 1)
        return host_big ? word : __builtin_bswap64(word);
    if (host_big) /* swap within elements only */
        word = __builtin_bswap64(word);
    if (size == 2) {
        word = word >> 32 | word << 32;
        return (word >> 16 & 0x0000ffff0000ffffu) | (word & 0x0000ffff0000ffffu) << 16;
    }
    return size == 4 ? word >> 32 | word << 32 : word;
}

/* Spreads the fields of `bits` over the elements of a word. @p bmi: by one instruction, written
 * as assembly so that one loop serves CPUs with and without it. */
SLAB_INLINE uint64_t spread(uint64_t bits, const slab_nbit *layout, unsigned size, uint64_t mask,
                            bool bmi)
{
    uint64_t word = 0;
    unsigned p = layout->precision;
#ifdef __x86_64__
    if (bmi) {
        __asm__("pdepq %2, %1, %0" : "=r"(word) : "r"(bits), "r"(mask));
        return word;
    }
#endif
    for (unsigned e = 0; e < 8 / size; e++)
        word |= (bits >> (p * e) & low_bits(p)) << (8 * size * e);
    return word << layout->offset;
}

/* The inverse: the significant bits of a word, side by side. */
SLAB_INLINE uint64_t squeeze(uint64_t word, const slab_nbit *layout, unsigned size, uint64_t mask,
                             bool bmi)
{
    uint64_t bits = 0;
    unsigned p = layout->precision;
#ifdef __x86_64__
    if (bmi) {
        __asm__("pextq %2, %1, %0" : "=r"(bits) : "r"(word), "r"(mask));
        return bits;
    }
#endif
    word >>= layout->offset;
    for (unsigned e = 0; e < 8 / size; e++)
        bits |= (word >> (8 * size * e) & low_bits(p)) << (p * e);
    return bits;
}

SLAB_INLINE void unpack_words(const slab_nbit *layout, unsigned size, bool bmi,
                              const unsigned char *src, unsigned char *dst, cursor *at)
{
    const unsigned m = 8 / size, width = m * layout->precision;
    const bool big_endian = layout->big_endian;
    const uint64_t mask = mask_of(layout);
    const size_t bytes = slab_nbit_bytes(layout);
    size_t element = at->element, bit = at->bit;
    while (layout->count - element >= m && bit / 8 + 9 <= bytes) {
        const unsigned char *p = src + bit / 8;
        unsigned r = bit % 8;
        uint64_t bits = (load_be64(p) << r | (uint64_t)p[8] >> (8 - r)) >> (64 - width);
        uint64_t word = reorder(spread(bits, layout, size, mask, bmi), size, big_endian);
        memcpy(dst + element * size, &word, 8);
        element += m;
        bit += width;
    }
    *at = (cursor){element, bit};
}

/* Bits gather in a word, highest first, that is written whenever it is full. The cursor must be
 * at a whole byte; it is left where pack_rest() can go on. */
SLAB_INLINE void pack_words(const slab_nbit *layout, unsigned size, bool bmi,
                            const unsigned char *src, unsigned char *dst, cursor *at)
{
    const unsigned m = 8 / size, width = m * layout->precision;
    const bool big_endian = layout->big_endian;
    const uint64_t mask = mask_of(layout);
    unsigned char *out = dst + at->bit / 8;
    size_t element = at->element;
    uint64_t full = 0;
    unsigned used = 0;
    for (; layout->count - element >= m; element += m) {
        uint64_t word;
        memcpy(&word, src + element * size, 8);
        uint64_t bits = squeeze(reorder(word, size, big_endian), layout, size, mask, bmi)
                        << (64 - width);
        full |= bits >> used;
        used += width;
        if (used >= 64) {
            store_be64(out, full);
            out += 8;
            used -= 64;
            full = used > 0 ? bits << (width - used) : 0;
        }
    }
    at->bit += (element - at->element) * layout->precision;
    at->element = element;
    for (unsigned i = 0; i < used; i += 8, full <<= 8)
        *out++ = (unsigned char)(full >> 56);
}

/* One element as a number, in its stored order. */
static uint64_t get_element(const slab_nbit *layout, const unsigned char *p)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < layout->size; i++)
        v = v << 8 | p[layout->big_endian ? i : layout->size - 1 - i];
    return v;
}

static void set_element(const slab_nbit *layout, unsigned char *p, uint64_t v)
{
    for (unsigned i = 0; i < layout->size; i++, v >>= 8)
        p[layout->big_endian ? layout->size - 1 - i : i] = (unsigned char)v;
}

static void unpack_rest(const slab_nbit *layout, const unsigned char *src, unsigned char *dst,
                        cursor at)
{
    for (; at.element < layout->count; at.element++) {
        uint64_t v = 0;
        for (unsigned left = layout->precision; left > 0;) {
            unsigned room = 8 - at.bit % 8, take = room < left ? room : left;
            v = v << take | (src[at.bit / 8] >> (room - take) & low_bits(take));
            at.bit += take;
            left -= take;
        }
        set_element(layout, dst + at.element * layout->size, v << layout->offset);
    }
}

static void pack_rest(const slab_nbit *layout, const unsigned char *src, unsigned char *dst,
                      cursor at)
{
    for (; at.element < layout->count; at.element++) {
        uint64_t v = get_element(layout, src + at.element * layout->size) >> layout->offset;
        for (unsigned left = layout->precision; left > 0;) {
            unsigned room = 8 - at.bit % 8, take = room < left ? room : left;
            unsigned char *p = dst + at.bit / 8;
            *p = room == 8 ? 0 : *p;
            *p |= (unsigned char)((v >> (left - take) & low_bits(take)) << (room - take));
            at.bit += take;
            left -= take;
        }
    }
}

/* Sizes and instructions as constants, so that each pair becomes a loop of its own. */
#define FOR_SIZE(words, bmi)                                                                       \
    switch (layout->size) {                                                                        \
    case 1:                                                                                        \
        words(layout, 1, bmi, src, dst, at);                                                       \
        break;                                                                                     \
    case 2:                                                                                        \
        words(layout, 2, bmi, src, dst, at);                                                       \
        break;                                                                                     \
    case 4:                                                                                        \
        words(layout, 4, bmi, src, dst, at);                                                       \
        break;                                                                                     \
    default:                                                                                       \
        words(layout, 8, bmi, src, dst, at);                                                       \
    }

static void unpack_plain(const slab_nbit *layout, const unsigned char *src, unsigned char *dst,
                         cursor *at)
{
    FOR_SIZE(unpack_words, false)
}

static void pack_plain(const slab_nbit *layout, const unsigned char *src, unsigned char *dst,
                       cursor *at)
{
    FOR_SIZE(pack_words, false)
}

#ifdef __x86_64__
__attribute__((target("bmi,bmi2"))) static void
unpack_bmi(const slab_nbit *layout, const unsigned char *src, unsigned char *dst, cursor *at)
{
    FOR_SIZE(unpack_words, true)
}

__attribute__((target("bmi,bmi2"))) static void
pack_bmi(const slab_nbit *layout, const unsigned char *src, unsigned char *dst, cursor *at)
{
    FOR_SIZE(pack_words, true)
}

/* AMD's first two Zen generations run pdep and pext as microcode, bit by bit. */
static bool has_fast_bmi(slab_simd simd)
{
    return simd >= SLAB_SIMD_AVX2 && __builtin_cpu_supports("bmi2") &&
           !__builtin_cpu_is("znver1") && !__builtin_cpu_is("znver2");
}
#endif

void slab_nbit_unpack(slab_simd simd, const slab_nbit *layout, const unsigned char *src,
                      unsigned char *dst)
{
    cursor at = {0, 0};
#ifdef __x86_64__
    if (simd >= SLAB_SIMD_VBMI)
        at.element = slab_nbit_unpack_vbmi(layout, src, dst);
    else if (simd >= SLAB_SIMD_AVX2)
        at.element = slab_nbit_unpack_avx2(layout, src, dst);
    at.bit = at.element * layout->precision;
    if (has_fast_bmi(simd))
        unpack_bmi(layout, src, dst, &at);
    else
        unpack_plain(layout, src, dst, &at);
#else
    (void)simd;
    unpack_plain(layout, src, dst, &at);
#endif
    unpack_rest(layout, src, dst, at);
}

void slab_nbit_pack(slab_simd simd, const slab_nbit *layout, const unsigned char *src,
                    unsigned char *dst)
{
    cursor at = {0, 0};
#ifdef __x86_64__
    if (simd >= SLAB_SIMD_AVX512)
        at.element = slab_nbit_pack_avx512(layout, src, dst);
    else if (simd >= SLAB_SIMD_AVX2)
        at.element = slab_nbit_pack_avx2(layout, src, dst);
    at.bit = at.element * layout->precision;
    if (has_fast_bmi(simd))
        pack_bmi(layout, src, dst, &at);
    else
        pack_plain(layout, src, dst, &at);
#else
    (void)simd;
    pack_plain(layout, src, dst, &at);
#endif
    pack_rest(layout, src, dst, at);
}
