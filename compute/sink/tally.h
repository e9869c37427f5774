/**
 * Keys counted in buckets, and keys handed on by bucket: the sinks behind distinct elements.
 */
#ifndef SLAB_COMPUTE_SINK_TALLY_H
#define SLAB_COMPUTE_SINK_TALLY_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What becomes of keys (compute/kernel/order.h). */
typedef enum slab_tally_job {
    SLAB_TALLY_RANGE, /* least and greatest key, how many, how many are NaN */
    SLAB_TALLY_COUNT, /* how many keys lie in bucket (key - low) >> shift */
    SLAB_TALLY_HAND   /* keys are handed to `hand`, a piece at a time */
} slab_tally_job;

/** A sink of class slab_sink_tally; the caller fills in the first part. */
typedef struct slab_tally {
    slab_tally_job job;
    slab_dtype dtype;
    uint64_t low;
    int shift;
    int64_t nbuckets;

    /** Takes n keys that are not NaN. Thread-safe. */
    slab_status (*hand)(void *context, int thread, const uint64_t *keys, int64_t n);
    void *context;

    /* results */
    uint64_t least, greatest;
    int64_t n, nans;  /* keys that are not NaN, and NaN */
    uint64_t *counts; /* [nbuckets]; the caller's */
} slab_tally;

extern const slab_sink_class slab_sink_tally;

#ifdef __cplusplus
}
#endif
#endif
