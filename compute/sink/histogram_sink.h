/**
 * Histograms of one value, or of two or three side by side; of elements, or of weights.
 */
#ifndef SLAB_COMPUTE_SINK_HISTOGRAM_H
#define SLAB_COMPUTE_SINK_HISTOGRAM_H

#include <slab/compute/kernel/bins.h>
#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_HISTOGRAM_AXES_MAX 3

typedef struct slab_histogram slab_histogram;
extern const slab_sink_class slab_sink_histogram;

/**
 * The sink is fed the values, and behind them the weights when there are any.
 *
 * @param bins  [n], copied: along each axis of the histogram; n is 1 to 3. For a plan they may have
 *              no edges yet
 * @retval SLAB_ERR_MEMORY  more bins than fit
 */
slab_status slab_histogram_create(const slab_bins *bins, int n, bool weighted,
                                  slab_histogram **out);
void slab_histogram_destroy(slab_histogram **histogram);

/** After the pass: what fell into each bin, C order over the axes: counts, or sums of weights. */
const int64_t *slab_histogram_counts(const slab_histogram *histogram);
const double *slab_histogram_sums(const slab_histogram *histogram);

#ifdef __cplusplus
}
#endif
#endif
