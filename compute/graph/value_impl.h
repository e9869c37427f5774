/* How values are made of: a node's face to evaluation, and its per-thread buffers. */
#ifndef SLAB_COMPUTE_GRAPH_VALUE_IMPL_H
#define SLAB_COMPUTE_GRAPH_VALUE_IMPL_H

#include <slab/compute/graph/value.h>
#include <stdatomic.h>

/* Evaluation of one kind of node. Functions may be NULL where a comment says what that means. */
typedef struct value_class {
    size_t (*memory)(const slab_value *value, const slab_shape *box);
    slab_status (*get)(slab_value *value, int thread, const slab_box *box, slab_view *out);
    void (*prefetch)(slab_value *value, const slab_box *box);                /* NULL: no I/O */
    slab_status (*hold)(slab_value *value, int thread, size_t packed_bytes); /* NULL: no I/O */
    slab_read_counts (*counts)(const slab_value *value);                     /* NULL: no I/O */
    int64_t (*packed_bytes)(const slab_value *value);                        /* NULL: 0 */
    const char *(*fallback)(const slab_value *value);                        /* NULL: "" */
    void (*clear)(slab_value *value); /* gives back `self`; also called half-made */
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

/* The element-wise class (apply.c), and what evaluation needs to know of such a node. */
struct slab_op;
typedef struct apply_self {
    const struct slab_op *op; /* NULL: a cast */
    int arity;
    slab_value *operands[3];
    slab_dtype compute[3];   /* type each operand is brought to before the op */
    slab_dtype result;       /* what the op's kernel makes; dtype is what the value has */
    _Atomic(void *) program; /* strip.c: compiled at first use */
} apply_self;
extern const value_class value_apply_class;
extern const value_class value_from_class;

#endif
