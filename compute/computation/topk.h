/**
 * The greatest or least elements as values.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_TOPK_H
#define SLAB_COMPUTE_COMPUTATION_TOPK_H

#include <slab/compute/graph/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The k greatest elements (the least with @p least) of a whole value, in order; of equal ones those
 * that come first. NaN counts as greater than all. One pass.
 *
 * @param[out] out  [2]: the elements [k] in the value's type, and their numbers in C order, int64
 * [k]
 * @retval SLAB_ERR_VALUE  k is negative, or more than there are elements
 * @retval SLAB_ERR_TYPE   not real numbers
 */
void slab_value_topk(slab_value *value, int64_t k, bool least, slab_value **out);

#ifdef __cplusplus
}
#endif
#endif
