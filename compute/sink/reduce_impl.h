/* Between the files of the reduce sink. */
#ifndef SLAB_COMPUTE_SINK_REDUCE_IMPL_H
#define SLAB_COMPUTE_SINK_REDUCE_IMPL_H

#include <slab/compute/kernel/reduce_kernel.h>
#include <slab/compute/sink/reduce.h>
#include <slab/compute/sink/slots_impl.h>

/* What is made of elements, once they have the part's base type, before a kernel takes them. */
typedef enum reduce_stage {
    STAGE_NONE,
    STAGE_REAL, /* of complex numbers; NaN when either half is and NaN is left out */
    STAGE_IMAGINARY,
    STAGE_ABS, /* |x|, f64; also of complex numbers, like the following */
    STAGE_SQUARE,
    STAGE_POWER /* |x|^p */
} reduce_stage;

/* A kernel and what it is fed with. Reductions that want the same share it. */
typedef struct reduce_part {
    slab_reduce_family family;
    bool skip; /* NaN is left out */
    reduce_stage stage;
    double power;
    slab_dtype cast; /* elements are converted to this, because the caller said so; ... */
    slab_dtype base; /* ... then to this; after the stage they are ... */
    slab_dtype work; /* ... what the kernel takes */
    bool direct;     /* as they lie */
    const slab_reduce_kernel *kernel;
} reduce_part;

enum { PARTS_MOST = 3 }; /* of one reduction: real and imaginary sums, a count */

typedef struct reduction reduction;

/* One reduction asked for. */
typedef struct reduce_output {
    const reduction *is;
    slab_reduce_spec spec;
    slab_dtype from;      /* elements' type as they are reduced: the value's or the caller's */
    slab_dtype result;    /* what is given */
    int part[PARTS_MOST]; /* -1: none */
    void *elements;       /* after the pass */
} reduce_output;

struct slab_reduce {
    slots_frame frame;
    slab_dtype dtype; /* of the value */
    int64_t per_slot; /* elements that each slot gets */
    int nparts, noutputs;
    reduce_part parts[PARTS_MOST * SLAB_REDUCE_MOST];
    reduce_output outputs[SLAB_REDUCE_MOST];
    bool done;
    slab_reduce_emit emit; /* NULL: the whole result is held */
    void *context;
};

/* Slots of an output's parts, while they become results. */
typedef struct reduce_slots {
    const slab_reduce *reduce;
    const reduce_output *output;
    const char *slots[PARTS_MOST];
} reduce_slots;

typedef slab_status (*reduce_types)(const reduction *is, slab_dtype dtype,
                                    const slab_reduce_spec *spec, slab_dtype *from,
                                    slab_dtype *result);
typedef bool (*reduce_empty)(const slab_reduce_spec *spec); /* is there an answer for none? */
typedef void (*reduce_wants)(slab_reduce *reduce, reduce_output *output);
/* Slots first .. first + n - 1, n at most FINISH_MOST, become n elements. */
typedef slab_status (*reduce_finish)(const reduce_slots *s, int64_t first, int64_t n, void *out);
enum { FINISH_MOST = 256 };

struct reduction {
    const char *name;
    reduce_types types;
    reduce_empty empty;
    reduce_wants wants;
    reduce_finish finish;
    bool skip; /* NaN is left out */
};

#define SLAB_REDUCTION(name, types, empty, wants, finish, skip)                                    \
    slab_status reduce_types_##types(const reduction *is, slab_dtype dtype,                        \
                                     const slab_reduce_spec *spec, slab_dtype *from,               \
                                     slab_dtype *result);                                          \
    bool reduce_empty_##empty(const slab_reduce_spec *spec);                                       \
    void reduce_wants_##wants(slab_reduce *reduce, reduce_output *output);                         \
    slab_status reduce_finish_##finish(const reduce_slots *s, int64_t first, int64_t n, void *out);
#include <slab/compute/sink/reduction_list.h>
#undef SLAB_REDUCTION

/* reduce_rules.c: NULL: none of that name */
const reduction *reduction_by_name(const char *name);

/* The part of a state that an output's results come from, and what all parts take. */
size_t reduce_offset(const slab_reduce *reduce, int part, int64_t nslots);

/* reduce_feed.c */
size_t reduce_feed_bytes(void);
slab_status reduce_feed(const slab_reduce *reduce, const slab_span *span, void *state,
                        const slab_tile *tile, void *scratch);

#endif
