/**
 * Running totals as values: cumulative sums, products, maxima and minima along an axis.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_SCAN_H
#define SLAB_COMPUTE_COMPUTATION_SCAN_H

#include <slab/compute/graph/value.h>
#include <slab/compute/kernel/scan_rows.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * NumPy's cumsum, cumprod, maximum.accumulate and minimum.accumulate along an axis.
 *
 * Floats are summed in float64 and rounded once; integers wrap around.
 *
 * @param dtype  of the result; NULL: NumPy's (sums and products of small integers in 64 bits)
 *
 * Cost: the operand is read twice: once for what every tile comes to, once for the elements.
 *
 * @retval SLAB_ERR_RANGE  the value has no such axis
 * @retval SLAB_ERR_TYPE   no numbers; complex ones have no maximum
 */
slab_value *slab_value_scan(slab_value *value, slab_scan_op op, int axis, const slab_dtype *dtype);

#ifdef __cplusplus
}
#endif
#endif
