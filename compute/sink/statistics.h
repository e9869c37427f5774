/**
 * One-pass statistics: count, missing, zeros, min, max, mean, variance; of the whole array or along
 * axes.
 */
#ifndef SLAB_COMPUTE_SINK_STATISTICS_H
#define SLAB_COMPUTE_SINK_STATISTICS_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_statistics slab_statistics;
extern const slab_sink_class slab_sink_statistics;

#define SLAB_AXES_ALL UINT32_MAX

/**
 * The statistics of a value.
 *
 * Missing are NaN and elements equal to the value's missing code; they count as nothing else. Sums
 * of integers are exact; min and max are exact in their type. Infinities are treated as NumPy
 * does: the mean is infinite or NaN, the variance NaN.
 *
 * @param value  its type, shape and missing code matter here; not kept
 * @param axes   the axes that are reduced away (bit a: axis a); SLAB_AXES_ALL: all
 *
 * @retval SLAB_ERR_TYPE   not numbers, or complex ones, which have no order
 * @retval SLAB_ERR_RANGE  an axis the value does not have, or none at all
 */
slab_status slab_statistics_create(const slab_value *value, uint32_t axes, slab_statistics **out);
void slab_statistics_destroy(slab_statistics **statistics);

/** One entry per element of `shape` (the axes that are left; rank 0: one entry), C order. */
typedef struct slab_statistics_result {
    slab_shape shape;
    int64_t n;
    slab_dtype dtype; /* of min and max: the value's */
    int64_t *count;   /* elements that are not missing; i64 [n], like the following */
    int64_t *missing;
    int64_t *zeros;
    void *min, *max;          /* native [n]; where count is 0: NaN for floats, else 0 */
    double *mean, *std, *var; /* f64 [n], divided by count (ddof 0); NaN where count is 0 */
} slab_statistics_result;

/** What came out; NULL before the pass has ended. Owned by the statistics. */
const slab_statistics_result *slab_statistics_get(const slab_statistics *statistics);

#ifdef __cplusplus
}
#endif
#endif
