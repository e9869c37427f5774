/**
 * Element-wise kernels over strips: contiguous operands of equal length that fit L1.
 */
#ifndef SLAB_COMPUTE_KERNEL_ELEMENTWISE_H
#define SLAB_COMPUTE_KERNEL_ELEMENTWISE_H

#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

/** out[0..n) = op(in[0][0..n), in[1][0..n), ...). out may be one of the operands when its element
 * is as wide, else they do not overlap. */
typedef void (*slab_strip_kernel)(size_t n, const void *const *in, void *out);

typedef enum slab_strip_type {
    SLAB_STRIP_B1,
    SLAB_STRIP_I1,
    SLAB_STRIP_U1,
    SLAB_STRIP_I2,
    SLAB_STRIP_U2,
    SLAB_STRIP_I4,
    SLAB_STRIP_U4,
    SLAB_STRIP_I8,
    SLAB_STRIP_U8,
    SLAB_STRIP_F4,
    SLAB_STRIP_F8,
    SLAB_STRIP_TYPES
} slab_strip_type;

/** Of a native bool, int, uint or float of 4 or 8 bytes. */
slab_strip_type slab_strip_type_of(slab_dtype dtype);

/* Kernels by type; NULL where the operation is not defined. */
extern const slab_strip_kernel slab_strip_add[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_subtract[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_multiply[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_divide[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_negative[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_abs[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_sqrt[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_square[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_exp[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_log[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_log1p[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_minimum[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_maximum[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_isnan[SLAB_STRIP_TYPES];
extern const slab_strip_kernel slab_strip_where[SLAB_STRIP_TYPES];

#ifdef __cplusplus
}
#endif
#endif
