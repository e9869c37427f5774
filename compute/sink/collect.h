/**
 * Collecting a value: the sink that brings all elements into memory, on every rank. For results
 * that are small; large ones are stored.
 */
#ifndef SLAB_COMPUTE_SINK_COLLECT_H
#define SLAB_COMPUTE_SINK_COLLECT_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_collect slab_collect;
extern const slab_sink_class slab_sink_collect;

/** @param out  elements of the value, native, C order; filled when the pass ends; borrowed */
slab_status slab_collect_create(const slab_value *value, void *out, slab_collect **collect);
void slab_collect_destroy(slab_collect **collect);

#ifdef __cplusplus
}
#endif
#endif
