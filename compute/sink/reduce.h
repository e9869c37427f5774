/**
 * NumPy's reductions as a sink: sum, mean, min ... of the whole array or along axes, several at a
 * time. Reductions of one value along the same axes share what they have in common: mean and std
 * are one run over the elements.
 *
 * Elements are numbers as NumPy sees them: a declared missing code is one as well (the statistics
 * sink leaves it out).
 */
#ifndef SLAB_COMPUTE_SINK_REDUCE_H
#define SLAB_COMPUTE_SINK_REDUCE_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_reduce slab_reduce;
extern const slab_sink_class slab_sink_reduce;

typedef struct slab_reduce_spec {
    const char *name; /* a row of reduction_list.h: "sum", "nanmean"; a string that stays */
    uint32_t axes;    /* bit a: axis a is reduced away; 0: all of them */
    double ddof;      /* var, std: divided by n - ddof */
    double order;     /* norm: 2, 1, INFINITY, -INFINITY, 0, or p: (sum |x|^p)^(1/p) */
    bool has_dtype;   /* sum, prod, mean, var, std: elements are converted to ... */
    slab_dtype dtype; /* ... this first, and so is the result */
} slab_reduce_spec;

/**
 * The type that a reduction gives, before anything runs.
 *
 * @retval SLAB_ERR_VALUE  no such reduction; no elements, where it has no answer for none
 * @retval SLAB_ERR_RANGE  an axis the value does not have
 * @retval SLAB_ERR_TYPE   not defined for this type
 */
slab_status slab_reduction_types(const char *name, const slab_value *value,
                                 const slab_reduce_spec *spec, slab_dtype *out);

/** The names there are: 0.. (NULL: no more). */
const char *slab_reduction_at(int i);

/** @param value  its type, shape and size matter here; not kept */
slab_status slab_reduce_create(const slab_value *value, const slab_reduce_spec *spec,
                               slab_reduce **out);
void slab_reduce_destroy(slab_reduce **reduce);

/** Can both be reductions of one sink (of one value)? */
bool slab_reduce_can_share(const slab_reduce_spec *a, const slab_reduce_spec *b);

/** Up to SLAB_REDUCE_MOST reductions along the same axes in one. */
#define SLAB_REDUCE_MOST 16
slab_status slab_reduce_create_many(const slab_value *value, const slab_reduce_spec *specs, int n,
                                    slab_reduce **out);

/** The result's elements, dense, C order over the axes that stay, in slab_reduction_types()'s type;
 * NULL before the pass has ended. Owned by the reduce. i: which of several. */
const void *slab_reduce_get(const slab_reduce *reduce);
const void *slab_reduce_get_at(const slab_reduce *reduce, int i);

/**
 * For results too large to hold: what a state that covers `span` (all of the reduced axes) comes
 * to, dense elements of the span's kept part. Any number of threads may call it.
 *
 * @retval SLAB_ERR_VALUE  nanargmin, nanargmax: a slice of nothing but NaN
 */
slab_status slab_reduce_convert(const slab_reduce *reduce, const slab_span *span, void *state,
                                void *out);
slab_status slab_reduce_convert_at(const slab_reduce *reduce, int i, const slab_span *span,
                                   void *state, void *out);

/**
 * Results too large to hold: before the pass, what takes the states of parts away as they are whole
 * (see slab_sink_class.emit); slab_reduce_get() then gives nothing. Bytes of a state an element of
 * the result.
 */
typedef slab_status (*slab_reduce_emit)(void *context, const slab_span *span, void *state);
void slab_reduce_emit_to(slab_reduce *reduce, slab_reduce_emit emit, void *context);
size_t slab_reduce_slot_bytes(const slab_reduce *reduce);

#ifdef __cplusplus
}
#endif
#endif
