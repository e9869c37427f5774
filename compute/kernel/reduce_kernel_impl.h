/* Between the reduce kernels: the tables that each file delivers. */
#ifndef SLAB_COMPUTE_KERNEL_REDUCE_KERNEL_IMPL_H
#define SLAB_COMPUTE_KERNEL_REDUCE_KERNEL_IMPL_H

#include <slab/compute/kernel/reduce_kernel.h>

enum { REDUCE_STRIPE = 256 }; /* columns that are taken together: their sums stay in L1 */

/* What an instruction set delivers for floats; [wide][skip]: f32 or f64, NaN kept or left out. */
typedef struct reduce_path {
    slab_reduce_kernel sum[2][2], moments[2][2], product[2][2];
} reduce_path;

extern const reduce_path reduce_plain;
#if defined(__x86_64__)
extern const reduce_path reduce_avx2, reduce_avx512;
#endif

/* NULL where there is none for the type. */
const slab_reduce_kernel *reduce_exact_of(slab_dtype dtype);   /* reduce_exact.c */
const slab_reduce_kernel *reduce_wrapped_of(slab_dtype dtype); /* products */
const slab_reduce_kernel *reduce_nonzero_of(slab_dtype dtype); /* reduce_counts.c */
const slab_reduce_kernel *reduce_present_of(slab_dtype dtype);
const slab_reduce_kernel *reduce_extremes_of(slab_dtype dtype, bool skip); /* reduce_extremes.c */
const slab_reduce_kernel *reduce_places_of(slab_dtype dtype, bool greatest,
                                           bool skip);                  /* reduce_places.c */
const slab_reduce_kernel *reduce_order_of(slab_dtype dtype, bool skip); /* reduce_complex.c */
const slab_reduce_kernel *reduce_complex_product_of(slab_dtype dtype, bool skip);

/* Row of a table by type: b1 u1 i1 u2 i2 u4 i4 u8 i8, then f2 f4 f8; -1: none of them. */
enum { REDUCE_INTEGERS = 8, REDUCE_REALS = 11 };
int reduce_row_of(slab_dtype dtype);

#endif
