/**
 * Values that passes have to make first: reductions, scans, selections. Their type and shape are
 * known from the start; until a program has settled them their elements are not.
 */
#ifndef SLAB_COMPUTE_GRAPH_DEFERRED_H
#define SLAB_COMPUTE_GRAPH_DEFERRED_H

#include <slab/compute/graph/value.h>
#include <slab/compute/kernel/scan_rows.h>
#include <slab/storage/scratch.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What makes a deferred value; see compute/computation. One reference a value. */
typedef struct slab_maker {
    void *self;
    void (*drop)(void *self); /* a value that waited for it is gone */
} slab_maker;

/** @param maker  its reference passes to the value, also when this fails */
slab_value *slab_value_defer(slab_maker maker, const slab_shape *shape, slab_dtype dtype);

/** A value with nothing but a shape and a type, for plans. */
slab_value *slab_value_expected(const slab_shape *shape, slab_dtype dtype);

/** The maker of a value that is not settled yet; NULL for all others. */
void *slab_value_pending(const slab_value *value);

/** Gives a deferred value its elements: another value of its shape and type (kept). */
slab_status slab_value_settle(slab_value *deferred, slab_value *elements);

/**
 * Running totals of a value along an axis, begun anew at every tile of its grid from what the tiles
 * before it come to: carries has as many elements along the axis as there are tiles, else the
 * value's shape and type (which slab_scan_has() takes).
 */
slab_value *slab_value_scan_with(slab_value *value, int axis, slab_scan_op op, slab_value *carries);

/** A value whose elements lie in a scratch file, C order, from its first byte on. Takes the file.
 */
slab_value *slab_value_from_scratch(slab_dtype native, const slab_shape *shape,
                                    slab_scratch **scratch);

#ifdef __cplusplus
}
#endif
#endif
