/**
 * The k greatest or least elements of a value and where they are.
 */
#ifndef SLAB_COMPUTE_SINK_TOPK_H
#define SLAB_COMPUTE_SINK_TOPK_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An element's key (compute/kernel/order.h; complemented when the least are wanted), and its
 * number in C order. */
typedef struct slab_topk_entry {
    uint64_t key;
    int64_t place;
} slab_topk_entry;

/** A sink of class slab_sink_topk; the caller fills it in. Equal elements: the first place wins.
 * NaN counts as greater than all. */
typedef struct slab_topk {
    slab_dtype dtype;
    slab_shape shape;
    int64_t k; /* at most as many as there are elements */
    bool least;
    slab_topk_entry *entries; /* [k], in order, after the pass; the caller's */
} slab_topk;

extern const slab_sink_class slab_sink_topk;

#ifdef __cplusplus
}
#endif
#endif
