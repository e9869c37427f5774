/**
 * Runs of pairs of elements, compared by value: what differs, and by how much.
 *
 * Pairs of numbers of up to 32 bits and floats are compared in double precision, which holds them
 * all; pairs with a 64-bit integer in long double, which holds these too. Complex ones by the
 * modulus of their difference; texts of any two lengths as if padded with NUL.
 */
#ifndef SLAB_COMPUTE_KERNEL_DIFFERENCE_KERNEL_H
#define SLAB_COMPUTE_KERNEL_DIFFERENCE_KERNEL_H

#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slab_difference_way {
    SLAB_DIFFERENCE_REAL,
    SLAB_DIFFERENCE_WIDE,
    SLAB_DIFFERENCE_COMPLEX,
    SLAB_DIFFERENCE_TEXT
} slab_difference_way;

/** When two elements count as the same: |a - b| <= atol + rtol |b|, or they are equal. A NaN is
 * close to nothing, except to another one with equal_nan. Infinities are close when equal. */
typedef struct slab_difference_rule {
    slab_dtype a, b; /* native */
    slab_difference_way way;
    double atol, rtol;
    bool equal_nan;
} slab_difference_rule;

/** Sets the types and the way. @retval SLAB_ERR_TYPE  they cannot be compared */
slab_status slab_difference_rule_make(slab_dtype a, slab_dtype b, slab_difference_rule *out);

/** What has been seen; zeroed memory is an empty one. */
typedef struct slab_difference_sums {
    int64_t differ;  /* pairs that are not close */
    int64_t unequal; /* pairs of different value, close ones too */
    int64_t nan;     /* of those that differ: a NaN is in it */
    double absolute; /* the largest |a - b|, of all pairs without NaN; infinity where one is
                        infinite and they differ */
    double relative; /* the largest |a - b| / |b|, of those with b != 0 */
} slab_difference_sums;

/** Called for pair i of a run when it differs by at least *least. absolute: |a - b|, infinity for
 * pairs with NaN. */
typedef struct slab_difference_found {
    void (*see)(void *context, int64_t i, double absolute);
    void *context;
    const double *least; /* may grow meanwhile */
} slab_difference_found;

/** Takes n pairs; strides in bytes. */
slab_status slab_difference_run(const slab_difference_rule *rule, const void *a, int64_t stride_a,
                                const void *b, int64_t stride_b, int64_t n,
                                slab_difference_sums *sums, const slab_difference_found *found);

#ifdef __cplusplus
}
#endif
#endif
