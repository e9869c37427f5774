/**
 * Products of a byte matrix with real vectors, exact after the vectors are rounded to 24 bits.
 *
 * A vector, scaled by a power of two, becomes integers of 24 bits: three signed digits of 8. Sums
 * of bytes times digits fit 32-bit integers over a tile, so matrix units (AMX), VNNI and plain C
 * all give the same bits, in any order (docs/decisions/pca.md).
 *
 * Vectors come in blocks of 16; the digits of vector v are columns (v / 16 * 3 + digit) * 16 +
 * v % 16 of N = 3 l. With k the summed index, padded with zeros to a multiple of 64:
 *
 *     left   i8 [K / 64, N, 64]   digits times bytes:  sum over rows of X,    op "down"
 *     right  i8 [K / 4, N, 4]     bytes times digits:  sum over columns of X, op "across"
 */
#ifndef SLAB_COMPUTE_KERNEL_DIGITS_H
#define SLAB_COMPUTE_KERNEL_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_DIGITS       3
#define SLAB_DIGITS_BLOCK 16 /* vectors in a block */
#define SLAB_DIGITS_K     64 /* the summed index is padded to a multiple of it */

/** Bytes of the digits of l vectors (a multiple of 16) of length k, either layout. */
size_t slab_digits_bytes(int64_t k, int l);

/** The power of two by which vectors whose largest entry is this are multiplied to fill 24 bits. */
double slab_digits_scale(double largest);

/** Rounds a scaled entry to the integer that the digits hold. */
int32_t slab_digits_round(double scaled);

/** Puts entry k of all l vectors, as integers [l], into a layout. */
void slab_digits_left(int8_t *left, int64_t k, int l, const int32_t *entries);
void slab_digits_right(int8_t *right, int64_t k, int l, const int32_t *entries);

/** A block of bytes: element (i, c) is src[i * stride[0] + c * stride[1]]. */
typedef struct slab_bytes {
    const uint8_t *src;
    int64_t stride[2];
    int64_t rows, cols;
    bool has_missing;
    uint8_t missing; /* counts as 0 in sums, and is summed apart */
} slab_bytes;

/** Scratch for the two operations on blocks of up to these extents and l vectors. */
size_t slab_digits_scratch(int64_t rows, int64_t cols, int l);

/**
 * sums[v, c] += sum over i of x[i, c] q[i, v]; gone[v, c] += the sum of q[i, v] where x is missing.
 *
 * @param left  digits of q; entry `at` belongs to row 0 of the block
 * @param sums  f64 [l, ld]: integers, exact below 2^53; gone likewise, not touched when the block
 *              has no missing element
 */
void slab_digits_down(const slab_bytes *x, const int8_t *left, int64_t at, int l, double *sums,
                      double *gone, int64_t ld, void *scratch);

/**
 * out[i, v] += scale[v] * sum over c of x[i, c] w[c, v]
 *            + gone_scale[v] * (the sum of g[c, v] where x[i, c] is missing) - minus[v]
 *
 * @param right  digits of w, gone those of g (may be NULL when has_missing is false); entry `at`
 *               belongs to column 0 of the block
 * @param out    f64 [rows, ld]
 */
void slab_digits_across(const slab_bytes *x, const int8_t *right, const int8_t *gone, int64_t at,
                        int l, const double *scale, const double *gone_scale, const double *minus,
                        double *out, int64_t ld, void *scratch);

/** Ways to compute that this machine has, best first, for tests: choose one (0: the best). */
int slab_digits_ways(void);
const char *slab_digits_way(int i);
double slab_digits_rate(void); /* about so many flops a second and thread */
void slab_digits_use(int i);

#ifdef __cplusplus
}
#endif
#endif
