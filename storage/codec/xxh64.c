/*
 * XXH64 (the xxHash specification, 0.1.1) with seed 0.
 *
 * Four lanes take a word each in turn: lane = rotate(lane + word * PRIME_2, 31) * PRIME_1. Eight
 * multiplications for 32 bytes keep the one scalar multiplier busy for 8 cycles; the lanes' own
 * chain is only 5 long. So where vectors multiply 64-bit words, they make the products
 * word * PRIME_2 of a group ahead of the chain: 19.4 instead of 14.7 GB/s, and 10.7 in libzstd 1.5.4
 * (Zen 4). The chain itself is no work for vectors: theirs multiply in 15 cycles on other machines.
 */
#include <slab/storage/codec/xxh64_impl.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define PRIME_1 0x9E3779B185EBCA87u
#define PRIME_2 0xC2B2AE3D27D4EB4Fu
#define PRIME_3 0x165667B19E3779F9u
#define PRIME_4 0x85EBCA77C2B2AE63u
#define PRIME_5 0x27D4EB2F165667C5u

enum { LANES = 4, STRIPE = 8 * LANES, GROUP = 256 };

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline uint64_t word(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap64(v);
}

static inline uint32_t half_word(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap32(v);
}

/* One step of a lane, from the product of its word. */
SLAB_INLINE uint64_t step(uint64_t lane, uint64_t product)
{
    return rotate(lane + product, 31) * PRIME_1;
}

static const unsigned char *stripes(uint64_t lanes[LANES], const unsigned char *p, size_t n)
{
    uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
    for (; n >= STRIPE; p += STRIPE, n -= STRIPE) {
        a = step(a, word(p) * PRIME_2);
        b = step(b, word(p + 8) * PRIME_2);
        c = step(c, word(p + 16) * PRIME_2);
        d = step(d, word(p + 24) * PRIME_2);
    }
    lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
    return p;
}

#ifdef __x86_64__
/* Whole groups; the rest is for stripes(). */
SLAB_TARGET_AVX512 static const unsigned char *groups_avx512(uint64_t lanes[LANES],
                                                             const unsigned char *p, size_t n)
{
    _Alignas(64) uint64_t product[GROUP / 8];
    uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
    __m512i prime = _mm512_set1_epi64((int64_t)PRIME_2);
    for (; n >= GROUP; p += GROUP, n -= GROUP) {
        for (int i = 0; i < GROUP; i += 64) {
            __m512i words = _mm512_loadu_si512(p + i);
            _mm512_store_si512((char *)product + i, _mm512_mullo_epi64(words, prime));
        }
        /* The products go to the scalar unit through memory: keep them there. */
        __asm__ volatile("" : "+m"(product));
        for (int i = 0; i < GROUP / 8; i += LANES) {
            a = step(a, product[i]);
            b = step(b, product[i + 1]);
            c = step(c, product[i + 2]);
            d = step(d, product[i + 3]);
        }
    }
    lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
    return p;
}
#endif

static uint64_t join_lanes(const uint64_t lanes[LANES])
{
    uint64_t h = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) +
                 rotate(lanes[3], 18);
    for (int l = 0; l < LANES; l++)
        h = (h ^ step(0, lanes[l] * PRIME_2)) * PRIME_1 + PRIME_4;
    return h;
}

/* The bytes behind the last stripe, and the final mixing. */
static uint64_t finish(uint64_t h, const unsigned char *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8)
        h = rotate(h ^ step(0, word(p) * PRIME_2), 27) * PRIME_1 + PRIME_4;
    if (n >= 4) {
        h = rotate(h ^ half_word(p) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        p += 4;
        n -= 4;
    }
    for (; n > 0; p++, n--)
        h = rotate(h ^ *p * PRIME_5, 11) * PRIME_1;
    h = (h ^ h >> 33) * PRIME_2;
    h = (h ^ h >> 29) * PRIME_3;
    return h ^ h >> 32;
}

uint64_t slab_xxh64(slab_simd simd, const void *data, size_t n)
{
    uint64_t lanes[LANES] = {PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1};
    const unsigned char *p = data, *end = p + n;
    uint64_t h = PRIME_5;
    if (n >= STRIPE) {
#ifdef __x86_64__
        if (simd >= SLAB_SIMD_AVX512)
            p = groups_avx512(lanes, p, n);
#else
        (void)simd;
#endif
        p = stripes(lanes, p, (size_t)(end - p));
        h = join_lanes(lanes);
    }
    return finish(h + n, p, (size_t)(end - p));
}
