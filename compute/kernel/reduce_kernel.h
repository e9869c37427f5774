/**
 * Reductions of blocks of elements into slots. A kernel is chosen once, by what it keeps (family)
 * and the elements' type; it takes blocks one after another and merges slots.
 *
 * Floats are summed in f64, in sixteen lanes of 32 elements each, whose sums are added with
 * their rounding errors kept (Knuth's two-sum); every instruction set does the same operations, so
 * all give the same bits. Integers are summed exactly.
 */
#ifndef SLAB_COMPUTE_KERNEL_REDUCE_KERNEL_H
#define SLAB_COMPUTE_KERNEL_REDUCE_KERNEL_H

#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slab_reduce_family {
    SLAB_REDUCE_SUM,      /* floats: slab_sum_slot */
    SLAB_REDUCE_MOMENTS,  /* floats: slab_moments_slot */
    SLAB_REDUCE_EXACT,    /* bool and integers: __int128 */
    SLAB_REDUCE_PRODUCT,  /* floats: double; complex: double [2]; bool and integers: uint64_t */
    SLAB_REDUCE_NONZERO,  /* all types: int64_t, how many elements are not 0 */
    SLAB_REDUCE_PRESENT,  /* floats and complex: int64_t, how many elements are not NaN */
    SLAB_REDUCE_EXTREMES, /* bool, integers, floats: least and greatest, as keys */
    SLAB_REDUCE_LEAST,    /* bool, integers, floats: slab_place_slot of the least ... */
    SLAB_REDUCE_GREATEST, /* ... and of the greatest: of its key turned around */
    SLAB_REDUCE_ORDER     /* complex: slab_order_slot */
} slab_reduce_family;

/** sum + error, where the sum is finite; else the sum alone. */
typedef struct slab_sum_slot {
    double sum, error;
} slab_sum_slot;

/** Starts as a sum slot does: the same elements give the same sum in both. */
typedef struct slab_moments_slot {
    double sum, error;
    double m2; /* sum (x - mean)^2 */
    double n;
} slab_moments_slot;

/** The first place of the least key; nothing yet: both INT64_MAX. */
typedef struct slab_place_slot {
    int64_t key, place;
} slab_place_slot;

/** Complex numbers in lexicographic order; NaN counts as less than all, and as greater. */
typedef struct slab_order_slot {
    struct {
        double re, im;
        int64_t place; /* INT64_MAX: nothing yet */
    } low, high;
} slab_order_slot;

/** Rows of adjacent elements; element (i, j) is number place + i row_place + j column_place of its
 * slot's. */
typedef struct slab_reduce_block {
    const void *data;
    int64_t rows, columns;
    int64_t row_stride; /* bytes */
    int64_t place, row_place, column_place;
} slab_reduce_block;

typedef struct slab_reduce_kernel {
    size_t slot_bytes;
    bool places;                                                  /* it reads the block's places */
    void (*init)(void *slots, int64_t n);                         /* NULL: zeroed slots are empty */
    void (*run)(const slab_reduce_block *block, void *slot);      /* of one row */
    void (*columns)(const slab_reduce_block *block, void *slots); /* column j to slot j */
    /* row i to the slot i slot_stride bytes behind the first, as run does; NULL: row by row */
    void (*rows)(const slab_reduce_block *block, void *slots, int64_t slot_stride);
    void (*merge)(void *into, const void *from, int64_t n); /* slot by slot */
} slab_reduce_kernel;

/** @param skip  NaN is left out. NULL: the family does not take this type. */
const slab_reduce_kernel *slab_reduce_kernel_of(slab_reduce_family family, slab_dtype dtype,
                                                bool skip);

/** The element behind a key of the family EXTREMES (as stored in its slots: two of the element's
 * size, least and greatest); floats: false when the key stands for NaN or nothing. */
bool slab_reduce_from_key(slab_dtype dtype, const void *key, void *element);

/** Is this a key of LEAST or GREATEST that stands for NaN left out, or nothing? */
bool slab_reduce_is_no_key(slab_dtype dtype, int64_t key);

/** For tests: the instruction set of kernels chosen from now on: 2 AVX-512, 1 AVX2, 0 neither, as
 * far as the machine has it; -1 the best. Returns the one chosen. */
int slab_reduce_use(int level);

#ifdef __cplusplus
}
#endif
#endif
