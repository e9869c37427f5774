/*
 * Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, SC'11): 128 random bits as a function of a 128-bit
 * counter and a 64-bit key. Sixteen counters at a time, word by word, so that the compiler's
 * vectors need no transposition.
 */
#ifndef SLAB_COMPUTE_KERNEL_PHILOX_IMPL_H
#define SLAB_COMPUTE_KERNEL_PHILOX_IMPL_H

#include <stdint.h>

enum { PHILOX_LANES = 16, PHILOX_WORDS = 4 * PHILOX_LANES };

/* What random bits are for: streams of different purpose never meet. */
enum { STREAM_ELEMENTS, STREAM_ELEMENTS_LOW, STREAM_ANCESTRAL, STREAM_GAMMA };

/* Blocks 16 group .. 16 group + 15 of a stream; words[16 k + l]: word k of block l. */
static inline __attribute__((always_inline)) void
philox_group(uint64_t seed, uint32_t stream, uint32_t sub, uint64_t group, uint32_t *words)
{
    uint32_t c0[PHILOX_LANES], c1[PHILOX_LANES], c2[PHILOX_LANES], c3[PHILOX_LANES];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int l = 0; l < PHILOX_LANES; l++) {
        uint64_t block = group * PHILOX_LANES + (uint64_t)l;
        c0[l] = (uint32_t)block;
        c1[l] = (uint32_t)(block >> 32);
        c2[l] = stream;
        c3[l] = sub;
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < PHILOX_LANES; l++) {
            uint64_t p0 = (uint64_t)0xD2511F53U * c0[l], p1 = (uint64_t)0xCD9E8D57U * c2[l];
            c0[l] = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0;
            c1[l] = (uint32_t)p1;
            c2[l] = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
            c3[l] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
    for (int l = 0; l < PHILOX_LANES; l++) {
        words[l] = c0[l];
        words[PHILOX_LANES + l] = c1[l];
        words[2 * PHILOX_LANES + l] = c2[l];
        words[3 * PHILOX_LANES + l] = c3[l];
    }
}

/* One block, for rare use. */
static inline void philox_block(uint64_t seed, uint32_t stream, uint32_t sub, uint64_t block,
                                uint32_t words[4])
{
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), stream, sub};
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53U * c[0], p1 = (uint64_t)0xCD9E8D57U * c[2];
        uint32_t c1 = c[1], c3 = c[3];
        c[0] = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c[1] = (uint32_t)p1;
        c[2] = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
    for (int k = 0; k < 4; k++)
        words[k] = c[k];
}

#endif
