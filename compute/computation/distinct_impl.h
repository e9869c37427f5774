/* Distinct elements, when a table does not hold them: keys in parts, sorted one by one. */
#ifndef SLAB_COMPUTE_COMPUTATION_DISTINCT_IMPL_H
#define SLAB_COMPUTE_COMPUTATION_DISTINCT_IMPL_H

#include <pthread.h>
#include <slab/compute/computation/distinct.h>
#include <slab/compute/sink/tally.h>

enum {
    DISTINCT_TABLE = 1 << 20, /* keys within that range are counted one by one */
    DISTINCT_BUCKETS = 1 << 16,
    DISTINCT_PART = 1 << 20,       /* keys of a part, at most: 8 MiB to be sorted */
    DISTINCT_PART_LEAST = 1 << 16, /* and where memory is short */
    DISTINCT_SMALL = 256 << 10     /* bytes of what no plan counts */
};

/* How much is sorted at once, and by how many threads: results do not depend on it. */
typedef struct distinct_fit {
    int64_t part;   /* keys of a part, at most; the same on all ranks */
    int64_t nparts; /* at most */
    int room;       /* keys that a thread gathers for each part before it writes them */
    int sorters;    /* parts sorted at a time */
    size_t writing; /* bytes beside the pass that writes keys, and when ... */
    size_t sorting; /* ... they are sorted and collected */
} distinct_fit;

/* A run of buckets whose keys lie together in the scratch file. */
typedef struct distinct_part {
    int64_t first, n; /* keys in the file */
    uint64_t low;     /* keys are low + 0 .. 2^bits - 1 */
    int bits;
    int64_t distinct; /* found */
} distinct_part;

/* A thread's keys that wait to be written, a few for each part. */
typedef struct distinct_lane {
    uint64_t *keys; /* [nparts, room] */
    int32_t *held;  /* [nparts] */
} distinct_lane;

typedef struct distinct_spill {
    const slab_workshop *workshop;
    const slab_tally *buckets;
    distinct_part *parts;
    distinct_fit fit;
    int64_t nparts;
    int32_t *part_of; /* [buckets] */
    distinct_lane *lanes;
    int nlanes;
    slab_words *taken;           /* [nparts] on rank 0: keys written so far */
    slab_scratch *keys, *counts; /* distinct keys are left at the front of their part */
} distinct_spill;

/* distinct_spill.c */
/* The largest parts that a budget allows for so many elements, beside a pass that needs `pass`
 * bytes; when it allows none, the smallest there are. Collective. */
slab_status distinct_fit_find(const slab_workshop *workshop, int64_t elements, int64_t nbuckets,
                              size_t pass, size_t budget, distinct_fit *out);
slab_status distinct_spill_open(distinct_spill *s, const slab_workshop *workshop,
                                const distinct_fit *fit, const slab_tally *buckets,
                                uint64_t greatest);
void distinct_spill_clear(distinct_spill *s);
slab_status distinct_spill_take(void *context, int thread, const uint64_t *keys, int64_t n);
slab_status distinct_spill_flush(distinct_spill *s); /* and gives the threads' keys back */

/* distinct_sort.c: leaves each part's distinct keys and counts at its front. Collective. */
slab_status distinct_sort_parts(distinct_spill *s);

#endif
