/**
 * Computations: what makes deferred values. A computation asks for passes over its operands, one
 * after another, each feeding one sink, and settles its results when it has seen enough.
 *
 * A reduction asks for one pass; a median for several, each looking closer. Who writes one writes a
 * sink, and `begin` and `end`; compute/program puts the passes of all computations together, so
 * that those over the same arrays share one reading.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_COMPUTATION_H
#define SLAB_COMPUTE_COMPUTATION_COMPUTATION_H

#include <slab/compute/graph/deferred.h>
#include <slab/compute/sink/sink.h>
#include <slab/storage/base/crew.h>
#include <slab/storage/checkpoint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_RESULTS_MAX 4

/** What a computation may use while it runs. */
typedef struct slab_workshop {
    slab_crew *crew;
    const char *scratch;         /* folder for scratch files; NULL: the usual one */
    slab_checkpoint *checkpoint; /* NULL: nothing is kept for another run */
} slab_workshop;

typedef struct slab_computation slab_computation;

typedef struct slab_computation_class {
    const char *name; /* for plans: "median" */

    /** Passes over the operands, as far as is known before the first; for plans. */
    int (*passes)(const slab_computation *c);

    /**
     * The sink that the next pass feeds with the operands, borrowed until end(). Called on every
     * rank; may be called again without a pass in between (a plan looks at the first pass), so it
     * starts over with the pass it is at.
     */
    slab_status (*begin)(slab_computation *c, const slab_workshop *workshop,
                         const slab_sink_class **cls, void **sink);

    /** For plans: the sink of pass number `pass` (1, 2 ...), as large as it may come to be, before
     * the passes in front of it have run. NULL: what begin() gives. */
    slab_status (*foresee)(slab_computation *c, int pass, const slab_sink_class **cls, void **sink);

    /** Bytes that its results take in memory on top of what begin() took, once they are settled.
     * NULL: those of their elements. */
    size_t (*holds)(const slab_computation *c);

    /** The pass has ended: asks for another (*again), or has settled every result. Collective. */
    slab_status (*end)(slab_computation *c, const slab_workshop *workshop, bool *again);

    /** Two computations over the same operands that have not begun may be one: `c` then settles the
     * results of `other` (keeps it) as well, and true is given. NULL: never. */
    bool (*join)(slab_computation *c, slab_computation *other);

    /** Frees what self points at; self itself is not its own. NULL: nothing. */
    void (*clear)(slab_computation *c);
} slab_computation_class;

struct slab_computation {
    const slab_computation_class *cls;
    int references;
    int noperands;
    slab_value *operands[SLAB_TILE_VIEWS_MAX]; /* kept; of one shape */
    int only; /* set by begin(): the pass shows the operand of this number + 1 alone; 0: all */
    int nresults;
    slab_value *results[SLAB_RESULTS_MAX]; /* not kept; NULL: nobody asked, or nobody is left */
    bool done;                             /* nothing is left to do for it */
    int foreseen;                          /* passes that a plan has looked at */
    bool planned;                          /* it has looked at all of them */
    void *self;
};

/**
 * A computation over operands of one shape (kept), with self_bytes zeroed bytes of its own.
 * The caller holds one reference; every result takes another.
 */
slab_status slab_computation_create(const slab_computation_class *cls, slab_value *const *operands,
                                    int noperands, size_t self_bytes, slab_computation **out);

/** References, as slab_value_keep() and slab_value_drop() have them. */
slab_computation *slab_computation_keep(slab_computation *c);
void slab_computation_drop(slab_computation **c);

/** Result i as a value; to be called once for each i, before the computation runs. */
slab_value *slab_computation_result(slab_computation *c, int i, const slab_shape *shape,
                                    slab_dtype dtype);

/** Bytes of result i in memory; 0: nobody wants it. */
size_t slab_computation_result_bytes(const slab_computation *c, int i);
/** What class `holds` says. */
size_t slab_computation_holds(const slab_computation *c);

/** What makes a value that is not settled yet, else NULL. */
slab_computation *slab_computation_of(const slab_value *value);

/**
 * Settles result i: from memory, elements of the result's type and shape in C order (copied); or
 * with a value of that type and shape (kept). Nothing is done when nobody wants the result.
 */
slab_status slab_computation_settle(slab_computation *c, int i, const void *data);
slab_status slab_computation_settle_value(slab_computation *c, int i, slab_value *value);

/**
 * A shape with axes reduced away. @param axes bits; @param keepdims they stay with extent 1
 */
slab_shape slab_shape_reduced(const slab_shape *shape, uint32_t axes, bool keepdims);

#ifdef __cplusplus
}
#endif
#endif
