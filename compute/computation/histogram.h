/**
 * Histograms as values.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_HISTOGRAM_H
#define SLAB_COMPUTE_COMPUTATION_HISTOGRAM_H

#include <slab/compute/graph/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bins along one axis of a histogram. */
typedef struct slab_histogram_axis {
    int64_t n;           /* equal bins, when edges is NULL */
    const double *edges; /* [n + 1], ascending; NULL: equal bins over the range */
    bool has_range;      /* without: from the least to the greatest element, which takes a pass */
    double low, high;
    bool covers; /* an element in no bin is an error (without weights it is found out) */
} slab_histogram_axis;

/**
 * NumPy's histogram (n = 1) and histogram2d (n = 2), histogramdd for 3.
 *
 * @param values    [n], of one shape, real numbers or bool
 * @param weights   of the same shape; NULL: elements are counted
 * @param density   counts divided by their sum and by the bins' sizes
 * @param[out] out  [1 + n]: the histogram (int64 for one axis without weights, else float64), then
 *                  the edges along each axis (of floats in their type, else float64)
 *
 * Cost: one pass, two without ranges. Memory: 8 bytes a bin and thread, and as much for every
 * level of the merge tree.
 *
 * A failure poisons all results: SLAB_ERR_VALUE (no bins, edges that fall, a range that is not
 * finite), SLAB_ERR_TYPE, SLAB_ERR_SHAPE.
 */
void slab_value_histogram(slab_value *const *values, int n, slab_value *weights,
                          const slab_histogram_axis *axes, bool density, slab_value **out);

#ifdef __cplusplus
}
#endif
#endif
