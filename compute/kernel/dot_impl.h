/* Tiles of 8-bit dot products: C i32 [16 m, 16 n] = A [16 m, 64 k] B [64 k, 16 n]. */
#ifndef SLAB_COMPUTE_KERNEL_DOT_IMPL_H
#define SLAB_COMPUTE_KERNEL_DOT_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A: row i of k-block b starts at a + b * a_block + i * a_row, 64 bytes.
 * B: rows of four k: row r (k = 4 r ..) starts at b + r * b_row; column j takes bytes 4 j .. 4 j
 * + 3. One of them is signed, the other unsigned. C is overwritten. */
typedef struct dot_job {
    const uint8_t *a, *b;
    size_t a_block, a_row, b_row; /* bytes */
    int kblocks, mtiles, ntiles;
    int32_t *c;
    size_t c_row; /* elements */
} dot_job;

typedef struct dot_way {
    const char *name;
    double rate; /* flops (an addition and a product each) a second that it gives: for plans */
    bool (*usable)(void);
    void (*begin)(void); /* on this thread, before a series of products; NULL: nothing */
    void (*end)(void);
    void (*unsigned_signed)(const dot_job *job); /* A bytes, B digits */
    void (*signed_unsigned)(const dot_job *job); /* A digits, B bytes */
} dot_way;

extern const dot_way dot_amx, dot_vnni, dot_avx2, dot_plain;

#endif
