/**
 * The lanes of XXH64, for loops that sum while they do something else.
 *
 * Four lanes take a word each in turn: lane = rotate(lane + word * PRIME_2, 31) * PRIME_1. Eight
 * multiplications for 32 bytes keep the one scalar multiplier busy for 8 cycles; the lanes' own
 * chain is only 5 long. So where vectors multiply 64-bit words, they make the products
 * word * PRIME_2 of a group ahead of the chain: 19.4 instead of 14.7 GB/s, and 10.7 in libxxhash
 * 0.8.1 (Zen 4). The chain itself is no work for vectors: where their product takes 15 cycles (Intel)
 * they hold up everything, and a compiler that sees four lanes side by side would use them.
 */
#ifndef SLAB_STORAGE_CODEC_XXH64_LANES_IMPL_H
#define SLAB_STORAGE_CODEC_XXH64_LANES_IMPL_H

#include <slab/storage/codec/simd_impl.h>
#include <slab/storage/codec/xxh64_impl.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define SLAB_XXH64_PRIME_1 0x9E3779B185EBCA87u
#define SLAB_XXH64_PRIME_2 0xC2B2AE3D27D4EB4Fu

/** Bytes of one turn where nothing else is done: a multiple of 64. */
enum { SLAB_XXH64_GROUP = 256 };

SLAB_INLINE uint64_t slab_xxh64_rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/** One step of a lane, from the product of its word. */
SLAB_INLINE uint64_t slab_xxh64_step(uint64_t lane, uint64_t product)
{
    return slab_xxh64_rotate(lane + product, 31) * SLAB_XXH64_PRIME_1;
}

#ifdef __x86_64__
/** The products of n bytes, a multiple of 64; `product` is aligned to 64. Made a turn before they are
 * summed: the chain then never waits for them. */
SLAB_INLINE SLAB_TARGET_AVX512 void slab_xxh64_products(int n, const unsigned char *p,
                                                        uint64_t *product)
{
    __m512i prime = _mm512_set1_epi64((int64_t)SLAB_XXH64_PRIME_2);
    for (int i = 0; i < n; i += 64) {
        __m512i words = _mm512_loadu_si512(p + i);
        _mm512_store_si512((char *)product + i, _mm512_mullo_epi64(words, prime));
    }
}

/** Sums n bytes by their products. */
SLAB_INLINE SLAB_TARGET_AVX512 void slab_xxh64_sum(int n, uint64_t lanes[SLAB_XXH64_LANES],
                                                   const uint64_t *product)
{
    for (int i = 0; i < n / 8; i += SLAB_XXH64_LANES)
        for (int l = 0; l < SLAB_XXH64_LANES; l++) {
            lanes[l] = slab_xxh64_step(lanes[l], product[i + l]);
            __asm__("" : "+r"(lanes[l])); /* in a scalar register: see above */
        }
}
#endif

#endif
