/**
 * The difference of two values of one shape: how many elements differ, the largest differences,
 * and the worst offenders by coordinate. A sink of two values (slab_pass_feed_many).
 */
#ifndef SLAB_COMPUTE_SINK_DIFFERENCE_H
#define SLAB_COMPUTE_SINK_DIFFERENCE_H

#include <slab/compute/kernel/difference_kernel.h>
#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_difference slab_difference;
extern const slab_sink_class slab_sink_difference;

enum { SLAB_OFFENDER_BYTES = 16 };

/** A pair that differs. */
typedef struct slab_offender {
    double absolute; /* |a - b|; infinity when one is NaN */
    int64_t index;   /* of the element, in C order of the whole */
    uint8_t a[SLAB_OFFENDER_BYTES], b[SLAB_OFFENDER_BYTES]; /* native; texts: their beginning */
} slab_offender;

typedef struct slab_difference_options {
    double atol, rtol; /* the same when |a - b| <= atol + rtol |b|, or equal */
    bool equal_nan;
    int worst;         /* so many offenders are kept */
    size_t tile_bytes; /* that a tile of both values may take; more saves decoding chunks twice
                          where those of the two differ. The result does not depend on it. */
} slab_difference_options;

typedef struct slab_difference_result {
    slab_difference_sums sums;
    int64_t noffenders;
    const slab_offender *offenders; /* the largest difference first, ties by index */
} slab_difference_result;

/** @retval SLAB_ERR_SHAPE, SLAB_ERR_TYPE  the two cannot be compared */
slab_status slab_difference_create(const slab_value *a, const slab_value *b,
                                   const slab_difference_options *options, slab_difference **out);
void slab_difference_destroy(slab_difference **difference);

/** After the pass; owned by the sink. */
const slab_difference_result *slab_difference_get(const slab_difference *difference);

#ifdef __cplusplus
}
#endif
#endif
