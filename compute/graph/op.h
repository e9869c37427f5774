/**
 * Element-wise operations. One row in op_list.h and one row in a family's table (op_*.c) each.
 */
#ifndef SLAB_COMPUTE_GRAPH_OP_H
#define SLAB_COMPUTE_GRAPH_OP_H

#include <slab/compute/kernel/elementwise.h>
#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_OP_ARITY_MAX 3

/** Which types an operation computes in and gives, from its operands' (all native numbers). */
typedef struct slab_op_types {
    slab_dtype operand[SLAB_OP_ARITY_MAX]; /* each operand is converted to this first */
    slab_dtype result;                     /* what the kernel writes */
    slab_dtype delivered;                  /* what the value has: the result, or f16 of an f32 */
} slab_op_types;

typedef struct slab_op {
    const char *name; /* as NumPy's */
    int arity;
    const char *summary;

    /** @retval SLAB_ERR_TYPE  not defined for these operands */
    slab_status (*types)(const struct slab_op *op, const slab_dtype *operands, slab_op_types *out);

    /** The kernel for the type of the last operand (slab_strip_type), NULL where there is none. */
    const slab_strip_kernel *kernels; /* [SLAB_STRIP_TYPES] */
} slab_op;

/** NULL: none of that name; and by number 0.. (NULL: no more). */
const slab_op *slab_op_by_name(const char *name);
const slab_op *slab_op_at(int i);

/**
 * The type that NumPy (NEP 50) brings two arrays' elements to: bool < integers < floats; signed and
 * unsigned meet in the next wider signed type, 64-bit ones in float64; an integer and a float in a
 * float that holds the integer's type.
 * @retval SLAB_ERR_TYPE  not numbers, or complex ones: no kernel here takes them
 */
slab_status slab_dtype_promote(slab_dtype a, slab_dtype b, slab_dtype *out);

/** The float type NumPy computes a function like sqrt in: f2 for 8 bits, f4 for 16, else f8. */
slab_status slab_dtype_to_float(slab_dtype dtype, slab_dtype *out);

#ifdef __cplusplus
}
#endif
#endif
