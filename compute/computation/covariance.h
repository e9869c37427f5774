/**
 * Covariances and correlations as values.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_COVARIANCE_H
#define SLAB_COMPUTE_COMPUTATION_COVARIANCE_H

#include <slab/compute/graph/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * NumPy's cov(m, y, rowvar, ddof=...) and corrcoef(m, y, rowvar).
 *
 * @param m       [variables, observations], the other way round without rowvar, or [observations]
 * @param y       further variables, of the shape of m; NULL: none
 * @param ddof    products are divided by the number of observations less this; not for corrcoef
 *
 * The result is float64 [p, p] of all p variables, 0-d for a single one. One pass.
 *
 * @retval SLAB_ERR_SHAPE  more than two axes, or shapes that differ
 * @retval SLAB_ERR_TYPE   not real numbers
 */
slab_value *slab_value_cov(slab_value *m, slab_value *y, bool rowvar, double ddof);
slab_value *slab_value_corrcoef(slab_value *m, slab_value *y, bool rowvar);

#ifdef __cplusplus
}
#endif
#endif
