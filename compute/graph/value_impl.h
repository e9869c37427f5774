/* How values are made of: a node's face to evaluation, and its per-thread buffers. */
#ifndef SLAB_COMPUTE_GRAPH_VALUE_IMPL_H
#define SLAB_COMPUTE_GRAPH_VALUE_IMPL_H

#include <pthread.h>
#include <slab/compute/graph/op.h>
#include <slab/compute/graph/value.h>
#include <stdatomic.h>

/* Evaluation of one kind of node. Functions may be NULL where a comment says what that means. */
typedef struct value_class {
    size_t (*memory)(const slab_value *value, const slab_shape *box);
    slab_status (*get)(slab_value *value, int thread, const slab_box *box, slab_view *out);
    bool (*in_parts)(slab_value *value, int thread, const slab_box *box); /* NULL: never */
    void (*prefetch)(slab_value *value, const slab_box *box);                /* NULL: no I/O */
    slab_status (*hold)(slab_value *value, int thread, size_t packed_bytes); /* NULL: no I/O */
    slab_read_counts (*counts)(const slab_value *value);                     /* NULL: no I/O */
    int64_t (*packed_bytes)(const slab_value *value);                        /* NULL: 0 */
    const char *(*fallback)(const slab_value *value);                        /* NULL: "" */
    void (*clear)(slab_value *value); /* gives back `self`; also called half-made */
    /* What it is computed from (*out is its own); NULL: it is a source. */
    int (*operands)(const slab_value *value, slab_value *const **out);
    /* Evaluating it writes to its own buffer, and may evaluate any source on the way: done before
     * the sources that an expression takes as they are. */
    bool computed;
} value_class;

enum { VALUE_BLOCK = 64, VALUE_BLOCKS = 64 };

/* One thread's buffer in one node. */
typedef struct value_slot {
    void *data;
    size_t bytes;
} value_slot;

struct slab_value {
    const value_class *cls;
    atomic_int references;
    slab_error *poison; /* NULL: sound */
    slab_shape shape;
    slab_dtype dtype;
    slab_grid grid;
    bool has_missing;
    _Alignas(16) uint8_t missing[SLAB_FILL_MAX];
    void *self; /* the class's own */
    _Atomic(value_slot *) slots[VALUE_BLOCKS];
};

/* A node of a class with one reference; shape, dtype and grid are for the builder to set. */
slab_status value_create(const value_class *cls, size_t self_bytes, slab_value **out);

/* Ends a builder: the node, or when rc is a failure a poisoned value that carries its record. */
slab_value *value_finish(slab_status rc, slab_value **node);

/* This thread's buffer of at least `bytes`; what it held is gone when it had to grow. */
slab_status value_buffer(slab_value *value, int thread, size_t bytes, void **out);

/* Tiles of about 1 MiB that run along the last axes. */
slab_status value_default_grid(const slab_shape *shape, slab_dtype dtype, slab_grid *out);

/* Bytes of a box of these extents, SIZE_MAX when it does not fit. */
size_t value_box_bytes(const slab_shape *box, size_t size);

/* Element-wise nodes: what they compute, and the sources at the bottom of them. */
typedef struct apply_self {
    const slab_op *op; /* NULL: a cast */
    int arity, depth;
    slab_value *operands[SLAB_OP_ARITY_MAX];
    slab_op_types types;
    slab_value **sources; /* every node below that is not element-wise, once; kept by operands */
    int nsources;
    pthread_mutex_t compiling;
    _Atomic(struct strip_program *) program; /* made at first use */
} apply_self;

extern const value_class value_apply_class;

/* strip.c: evaluates the element-wise nodes of one shape below a node, strip by strip. */
slab_status strip_program_of(slab_value *value, struct strip_program **out);
void strip_program_destroy(struct strip_program **program);
size_t strip_memory(const slab_value *value, const slab_shape *box);
slab_status strip_get(slab_value *value, int thread, const slab_box *box, slab_view *out);

/* broadcast.c: NumPy's rules. */
slab_status broadcast_shapes(const slab_shape *a, const slab_shape *b, slab_shape *out);
/* The part of an operand of this shape that a box of the result needs. */
void broadcast_box(const slab_shape *operand, const slab_box *box, slab_box *out);
/* An operand's strides as the result's axes see them: 0 where it is repeated. */
void broadcast_strides(const slab_shape *operand, int rank, const int64_t *stride, int64_t *out);

#endif
