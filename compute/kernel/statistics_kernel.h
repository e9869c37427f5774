/**
 * Counts, extremes and moments of strips of elements.
 *
 * A slot holds the statistics of any number of elements of one type. Integers of up to 32 bits
 * keep exact sums; 64-bit ones an exact sum and a floating second moment; floats keep mean and
 * second moment, merged by Chan et al.'s formula.
 */
#ifndef SLAB_COMPUTE_KERNEL_STATISTICS_KERNEL_H
#define SLAB_COMPUTE_KERNEL_STATISTICS_KERNEL_H

#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A least or greatest value, exact: f for floats, i for signed, u for unsigned and bool. */
typedef union slab_extreme {
    double f;
    int64_t i;
    uint64_t u;
} slab_extreme;

typedef struct slab_statistics_slot {
    union {
        __int128 sum; /* integers: of the elements that are not missing */
        struct {
            int64_t up, down; /* floats: how many are +inf and -inf */
        } infinite;
    } first;
    union {
        unsigned __int128 squares; /* integers of up to 32 bits: exact sum of squares */
        struct {
            double mean, m2; /* the others: of the finite elements; m2 = sum (x - mean)^2 */
        } moments;
    } second;
    int64_t count; /* that are not missing */
    int64_t missing, zeros;
    slab_extreme low, high; /* nothing when count is 0 */
} slab_statistics_slot;

/** The elements' type: native bool, int, uint, float4 or float8 (NaN is missing). */
typedef struct slab_statistics_type {
    slab_dtype dtype;
    bool has_missing; /* integers: elements equal to `missing` are */
    uint64_t missing; /* its bits */
} slab_statistics_type;

/** Rows of contiguous elements. */
typedef struct slab_strip_block {
    const void *data;
    int64_t rows, columns;
    int64_t row_stride; /* bytes */
} slab_strip_block;

/** Adds all elements of a block to one slot. */
void slab_statistics_all(const slab_statistics_type *type, const slab_strip_block *block,
                         slab_statistics_slot *slot);

/** Adds column j of a block to slots[j]. */
void slab_statistics_columns(const slab_statistics_type *type, const slab_strip_block *block,
                             slab_statistics_slot *slots);

/** into += from. */
void slab_statistics_merge(const slab_statistics_type *type, slab_statistics_slot *into,
                           const slab_statistics_slot *from);

/** Mean and variance (divided by count), as NumPy gives them: NaN of nothing, and with infinities
 * the mean infinite or NaN and the variance NaN. */
void slab_statistics_moments(const slab_statistics_type *type, const slab_statistics_slot *slot,
                             double *mean, double *variance);

/** For tests: the instruction set that kernels use from now on: 2 AVX-512, 1 AVX2, 0 neither, as
 * far as the machine has it; -1 the best. Returns the one chosen. */
int slab_statistics_use(int level);

#ifdef __cplusplus
}
#endif
#endif
