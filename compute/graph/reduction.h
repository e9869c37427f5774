/**
 * Reductions as values. A reduction of a value is itself a lazy value: its elements come from a
 * pass over its operand, which slab_program_run() (compute/program) makes before anything that uses
 * them.
 */
#ifndef SLAB_COMPUTE_GRAPH_REDUCTION_H
#define SLAB_COMPUTE_GRAPH_REDUCTION_H

#include <slab/compute/graph/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What NumPy's reductions take besides the array. Zeroed: over everything. */
typedef struct slab_reduce_options {
    uint32_t axes; /* bit a: axis a is reduced away; 0: all of them */
    bool keepdims; /* reduced axes stay, with extent 1 */
    double ddof;   /* var, std */
    double order;  /* norm: 1, 2, INFINITY ... */
    bool has_dtype;
    slab_dtype dtype;    /* sum, prod, mean, var, std: accumulated and delivered in this type */
    slab_value *weights; /* average: same shape as the value, or broadcast to it; NULL: none */
} slab_reduce_options;

/**
 * NumPy's reductions by NumPy's names: sum prod mean var std min max argmin argmax any all
 * count_nonzero ptp average norm, and nansum nanprod nanmean nanvar nanstd nanmin nanmax nanargmin
 * nanargmax.
 *
 * @retval SLAB_ERR_VALUE  no such reduction; min or max over no elements
 * @retval SLAB_ERR_RANGE  an axis the value does not have
 * @retval SLAB_ERR_TYPE   not defined for this type
 */
slab_value *slab_value_reduce(const char *name, slab_value *value,
                              const slab_reduce_options *options);

#ifdef __cplusplus
}
#endif
#endif
