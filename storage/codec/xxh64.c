/* XXH64 (the xxHash specification, 0.1.1) with seed 0. */
#include <slab/storage/codec/xxh64_lanes_impl.h>
#include <string.h>

#define PRIME_1 SLAB_XXH64_PRIME_1
#define PRIME_2 SLAB_XXH64_PRIME_2
#define PRIME_3 0x165667B19E3779F9u
#define PRIME_4 0x85EBCA77C2B2AE63u
#define PRIME_5 0x27D4EB2F165667C5u

enum { LANES = SLAB_XXH64_LANES, STRIPE = 8 * LANES, GROUP = SLAB_XXH64_GROUP };

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

static const unsigned char *stripes(uint64_t lanes[LANES], const unsigned char *p, size_t n)
{
    uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
    for (; n >= STRIPE; p += STRIPE, n -= STRIPE) {
        a = slab_xxh64_step(a, word(p) * PRIME_2);
        b = slab_xxh64_step(b, word(p + 8) * PRIME_2);
        c = slab_xxh64_step(c, word(p + 16) * PRIME_2);
        d = slab_xxh64_step(d, word(p + 24) * PRIME_2);
    }
    lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
    return p;
}

#ifdef __x86_64__
/* Whole groups; the rest is for stripes(). */
SLAB_TARGET_AVX512 static const unsigned char *groups_avx512(uint64_t lanes[LANES],
                                                             const unsigned char *p, size_t n)
{
    uint64_t own[LANES] = {lanes[0], lanes[1], lanes[2], lanes[3]};
    _Alignas(64) uint64_t product[2][GROUP / 8];
    int now = 0;
    if (n >= GROUP)
        slab_xxh64_products(GROUP, p, product[0]);
    for (; n >= GROUP; p += GROUP, n -= GROUP, now = !now) {
        if (n >= 2 * GROUP)
            slab_xxh64_products(GROUP, p + GROUP, product[!now]);
        __asm__ volatile("" : "+m"(product)); /* to the scalar unit through memory */
        slab_xxh64_sum(GROUP, own, product[now]);
    }
    memcpy(lanes, own, sizeof own);
    return p;
}
#endif

static uint64_t join_lanes(const uint64_t lanes[LANES])
{
    uint64_t h = slab_xxh64_rotate(lanes[0], 1) + slab_xxh64_rotate(lanes[1], 7) +
                 slab_xxh64_rotate(lanes[2], 12) + slab_xxh64_rotate(lanes[3], 18);
    for (int l = 0; l < LANES; l++)
        h = (h ^ slab_xxh64_step(0, lanes[l] * PRIME_2)) * PRIME_1 + PRIME_4;
    return h;
}

/* The bytes behind the last stripe, and the final mixing. */
static uint64_t finish(uint64_t h, const unsigned char *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8)
        h = slab_xxh64_rotate(h ^ slab_xxh64_step(0, word(p) * PRIME_2), 27) * PRIME_1 + PRIME_4;
    if (n >= 4) {
        h = slab_xxh64_rotate(h ^ half_word(p) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        p += 4;
        n -= 4;
    }
    for (; n > 0; p++, n--)
        h = slab_xxh64_rotate(h ^ *p * PRIME_5, 11) * PRIME_1;
    h = (h ^ h >> 33) * PRIME_2;
    h = (h ^ h >> 29) * PRIME_3;
    return h ^ h >> 32;
}

void slab_xxh64_begin(slab_xxh64_run *run, const void *data, size_t n)
{
    *run = (slab_xxh64_run){.lanes = {PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1}, .n = n};
    run->at = n > 0 ? data : (const unsigned char *)""; /* no data may be no address either */
    run->end = run->at + n;
}

void slab_xxh64_advance(slab_simd simd, slab_xxh64_run *run, size_t n)
{
    size_t left = (size_t)(run->end - run->at);
    n = n < left ? n : left;
    const unsigned char *end = run->at + n;
#ifdef __x86_64__
    if (simd >= SLAB_SIMD_AVX512)
        run->at = groups_avx512(run->lanes, run->at, n);
#else
    (void)simd;
#endif
    run->at = stripes(run->lanes, run->at, (size_t)(end - run->at));
}

uint64_t slab_xxh64_end(slab_simd simd, slab_xxh64_run *run)
{
    slab_xxh64_advance(simd, run, run->n);
    uint64_t h = run->n >= STRIPE ? join_lanes(run->lanes) : PRIME_5;
    return finish(h + run->n, run->at, (size_t)(run->end - run->at));
}

uint64_t slab_xxh64(slab_simd simd, const void *data, size_t n)
{
    slab_xxh64_run run;
    slab_xxh64_begin(&run, data, n);
    return slab_xxh64_end(simd, &run);
}
