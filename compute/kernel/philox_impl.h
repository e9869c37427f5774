/*
 * Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, SC'11): 128 random bits as a function of a 128-bit
 * counter and a 64-bit key, in groups of sixteen counters.
 */
#ifndef SLAB_COMPUTE_KERNEL_PHILOX_IMPL_H
#define SLAB_COMPUTE_KERNEL_PHILOX_IMPL_H

#include <stdint.h>

enum { PHILOX_LANES = 16, PHILOX_WORDS = 4 * PHILOX_LANES };

/* What random bits are for: streams of different purpose never meet. */
enum { STREAM_ELEMENTS, STREAM_ELEMENTS_LOW, STREAM_ANCESTRAL, STREAM_GAMMA };

/* A key, and the upper half of the counter. */
typedef struct philox_stream {
    uint64_t seed;
    uint32_t stream, sub;
} philox_stream;

/* n groups from number first: words[64 g + 16 k + l] is word k of block 16 (first + g) + l. */
void philox_groups(const philox_stream *stream, uint64_t first, int n, uint32_t *words);

/* One block. */
void philox_block(const philox_stream *stream, uint64_t block, uint32_t words[4]);

/* For tests: 2 AVX-512, 1 AVX2, 0 neither, as far as the machine has it; -1 the best. */
int philox_use(int level);

#endif
