/**
 * Sums, moments and extremes by group: rows of a value [n, ...] fall into the group that their
 * label says.
 */
#ifndef SLAB_COMPUTE_SINK_GROUPING_H
#define SLAB_COMPUTE_SINK_GROUPING_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which group a label belongs to: sorted distinct keys (compute/kernel/order.h), and a way to find
 * one fast. Shared by threads. */
typedef struct slab_group_index {
    int64_t n;
    const uint64_t *keys; /* [n], ascending; borrowed */
    uint64_t low;
    int32_t *direct; /* [range]: group of key low + i, -1 none; NULL: hashed */
    uint64_t range;
    int32_t *hashed;  /* [buckets] open addressing, -1 free */
    uint64_t buckets; /* a power of two */
} slab_group_index;

slab_status slab_group_index_make(const uint64_t *keys, int64_t n, slab_group_index *out);
void slab_group_index_clear(slab_group_index *index);

/** What is kept of a group and column. */
enum {
    SLAB_GROUP_SUM = 1,     /* f64, or exact 64 bits for integers */
    SLAB_GROUP_MOMENTS = 2, /* mean and sum of squared differences */
    SLAB_GROUP_LEAST = 4,
    SLAB_GROUP_GREATEST = 8
};

/** A sink of class slab_sink_grouping, fed the rows and the labels, which are broadcast to the
 * rows' shape. Fill in the first part. Tiles hold rows whole. */
typedef struct slab_grouping {
    const slab_group_index *index;
    slab_dtype dtype, labels; /* of the rows (bool, integers, floats) and of the labels */
    int rank;                 /* of the rows: groups run along axis 0 */
    int64_t columns;          /* elements of a row */
    unsigned what;            /* SLAB_GROUP_..., together */
    bool skip_nan;
    int64_t first, n; /* groups of this pass */

    void *state; /* the caller's, slab_grouping_bytes(): filled when the pass ends */
} slab_grouping;

extern const slab_sink_class slab_sink_grouping;

/** Bytes of a state. */
size_t slab_grouping_bytes(const slab_grouping *g);

/** Counts of a state: int64 [n], a group each; [n, columns] when NaN are skipped. */
const int64_t *slab_grouping_counts(const slab_grouping *g, const void *state);
int64_t slab_grouping_ncounts(const slab_grouping *g); /* of a group: 1 or columns */

/** A field of a state, [n, columns]: f64, but int64 or uint64 for sums and extremes of integers.
 * @param second  of moments: the squares, else the means */
const void *slab_grouping_field(const slab_grouping *g, const void *state, unsigned what,
                                bool second);

#ifdef __cplusplus
}
#endif
#endif
