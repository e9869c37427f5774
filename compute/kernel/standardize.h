/**
 * From raw elements to z = (x - mean) * scale, missing ones at the mean: what matrix kernels eat.
 */
#ifndef SLAB_COMPUTE_KERNEL_STANDARDIZE_H
#define SLAB_COMPUTE_KERNEL_STANDARDIZE_H

#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The matrix Z [n, d] that a raw matrix X stands for. Plain data, arrays borrowed.
 *
 *     z[i, c] = 0 where x[i, c] is missing, else (x[i, c] - mean[c]) * scale[c]
 */
typedef struct slab_standard {
    int64_t n, d;
    slab_dtype dtype;    /* of X, native real numbers */
    const double *mean;  /* f64 [d] */
    const double *scale; /* f64 [d]; 0 leaves a column out */
    int bits;            /* that elements have at most; 0: not known */
    bool has_missing;    /* NaN is missing anyway */
    double missing;      /* the declared code */
    double squares;      /* at least the sum of z^2: the range that sums of products are given */
} slab_standard;

/**
 * Writes a block of Z, row-major.
 *
 * @param z       whose columns c0 .. c0 + cols - 1 are meant
 * @param src     first raw element of the block; stride in bytes along rows and columns
 * @param dst     [rows, ld], the first cols of every row are written
 */
void slab_standardize_f64(const slab_standard *z, const void *src, const int64_t stride[2],
                          int64_t rows, int64_t c0, int64_t cols, double *dst, int64_t ld);
void slab_standardize_f32(const slab_standard *z, const void *src, const int64_t stride[2],
                          int64_t rows, int64_t c0, int64_t cols, float *dst, int64_t ld);

#ifdef __cplusplus
}
#endif
#endif
