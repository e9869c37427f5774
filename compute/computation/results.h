/**
 * Results that come in parts, too large for every rank to hold: parts go to a scratch file, from
 * any rank and thread, and become a value.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_RESULTS_H
#define SLAB_COMPUTE_COMPUTATION_RESULTS_H

#include <slab/compute/computation/computation.h>

#ifdef __cplusplus
extern "C" {
#endif

/** True when states of that many bytes an element of the result are better emitted than merged into
 * one: above 8 MiB in all. Depends on sizes alone, for so do the bits. */
bool slab_results_are_large(const slab_shape *shape, size_t state_bytes);

typedef struct slab_results {
    slab_scratch *file;
    slab_shape shape;
    slab_dtype dtype;
} slab_results;

/** Opens the scratch file that holds them, of the shape and type of the result. Collective. */
slab_status slab_results_open(slab_results *results, const slab_workshop *workshop,
                              const slab_shape *shape, slab_dtype dtype);
void slab_results_clear(slab_results *results);

/** Puts the elements of a box: native, C order. Thread-safe. */
slab_status slab_results_put(slab_results *results, const slab_box *box, const void *elements);

/** All parts are there: the whole as a value; the results are empty then. Collective. */
slab_status slab_results_value(slab_results *results, const slab_workshop *workshop,
                               slab_value **out);

/** The part of a span that is left when axes are reduced away. @param keepdims as in the result */
void slab_span_kept(const slab_span *span, uint32_t axes, bool keepdims, slab_box *out);

#ifdef __cplusplus
}
#endif
#endif
