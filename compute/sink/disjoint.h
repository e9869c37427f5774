/**
 * States that hold elements of which every one comes from a single tile: they are merged by joining
 * bits, because what a state has not seen is zero in it.
 */
#ifndef SLAB_COMPUTE_SINK_DISJOINT_H
#define SLAB_COMPUTE_SINK_DISJOINT_H

#include <slab/storage/base/shape.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of a box of elements, SIZE_MAX when they do not fit. */
size_t slab_disjoint_bytes(const slab_box *box, size_t size);

/** Offset in bytes of an element (counted as the boxes are) in the dense elements of a box. */
int64_t slab_disjoint_offset(const slab_box *box, const int64_t *element, size_t size);

/** into |= from: dense elements of the boxes, C order; from's box lies within into's. */
void slab_disjoint_merge(const slab_box *into_box, void *into, const slab_box *from_box,
                         const void *from, size_t size);

#ifdef __cplusplus
}
#endif
#endif
