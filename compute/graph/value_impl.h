/* How values are made of: a node's face to evaluation, and its per-thread buffers. */
#ifndef SLAB_COMPUTE_GRAPH_VALUE_IMPL_H
#define SLAB_COMPUTE_GRAPH_VALUE_IMPL_H

#include <pthread.h>
#include <slab/compute/graph/op.h>
#include <slab/compute/graph/value.h>
#include <stdatomic.h>

/* Evaluation of one kind of node. Functions may be NULL where a comment says what that means. */
typedef struct value_class {
    size_t (*memory)(const slab_value *value, const slab_shape *box); /* its own, see evaluates */
    /* The i-th value that it evaluates for a box, and the extents of the box of that; false: there
     * are no more. NULL: none. */
    bool (*evaluates)(const slab_value *value, int i, const slab_shape *box, slab_value **out,
                      slab_shape *extents);
    slab_status (*get)(slab_value *value, int thread, const slab_box *box, slab_view *out);
    bool (*in_parts)(slab_value *value, int thread, const slab_box *box);    /* NULL: never */
    void (*prefetch)(slab_value *value, const slab_box *box);                /* NULL: no I/O */
    slab_status (*hold)(slab_value *value, int thread, size_t packed_bytes); /* NULL: no I/O */
    void (*rest)(slab_value *value); /* gives back more than buffers; NULL: there is no more */
    slab_read_counts (*counts)(const slab_value *value); /* NULL: no I/O */
    int64_t (*packed_bytes)(const slab_value *value);    /* NULL: 0 */
    const char *(*fallback)(const slab_value *value);    /* NULL: "" */
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

/* What makes two nodes the same: kind says what the rest means. */
typedef struct share_key {
    const void *kind;
    const void *part[SLAB_OP_ARITY_MAX];
    uint64_t bits[3];
} share_key;

struct slab_value {
    const value_class *cls;
    atomic_int references;
    slab_error *poison; /* NULL: sound */
    slab_shape shape;
    slab_dtype dtype;
    slab_grid grid;
    int depth;                    /* nodes that are evaluated inside each other, this one counted */
    _Atomic(int64_t) evaluations; /* of nodes, for one of this one; element-wise: 0 until asked */
    int64_t packed_bytes;         /* nest() */
    bool has_missing;
    _Alignas(16) uint8_t missing[SLAB_FILL_MAX];
    void *self; /* the class's own */
    slab_weak weak;
    share_key key;      /* kind NULL: not shared */
    slab_value *shared; /* share.c: the next of its bucket */
    slab_value *dying;  /* slab_value_drop(): the next to be cleared */
    _Atomic(value_slot *) slots[VALUE_BLOCKS];
};

/* A node of a class with one reference; shape, dtype and grid are for the builder to set. */
slab_status value_create(const value_class *cls, size_t self_bytes, slab_value **out);

/* Ends a builder: the node, or when rc is a failure a poisoned value that carries its record. */
slab_value *value_finish(slab_status rc, slab_value **node);

/* This thread's buffer of at least `bytes`; what it held is gone when it had to grow. */
slab_status value_buffer(slab_value *value, int thread, size_t bytes, void **out);

/* Gives all threads' buffers back. */
void value_buffers_clear(slab_value *value);

/* Tiles of about 1 MiB that run along the last axes. */
slab_status value_default_grid(const slab_shape *shape, slab_dtype dtype, slab_grid *out);

/* Bytes of a box of these extents, SIZE_MAX when it does not fit. */
size_t value_box_bytes(const slab_shape *box, size_t size);

/* Element-wise nodes: what they compute, and the sources at the bottom of them. */
typedef struct apply_self {
    const slab_op *op; /* NULL: a cast */
    int arity;
    slab_value *operands[SLAB_OP_ARITY_MAX];
    slab_op_types types;
    const slab_value *widest; /* of the sources below that have its shape, the costliest to read */
    int64_t widest_bytes;
    pthread_mutex_t compiling; /* held while the two below are made, at first use */
    _Atomic(struct source_list *) sources;
    _Atomic(struct strip_program *) program;
} apply_self;

extern const value_class value_apply_class;

/* apply.c: a node of an operation's kernel, whatever it is usually made of. */
slab_value *apply_operation(const slab_op *op, slab_value *const *operands, int n);

/* sources.c: what lies below a node and is not element-wise, each once; found at first use. */
typedef struct source_list {
    slab_value **sources; /* kept by the nodes between */
    int n;
} source_list;

void source_list_destroy(struct source_list **list);
void sources_prefetch(slab_value *value, const slab_box *box);
slab_status sources_hold(slab_value *value, int thread, size_t packed_bytes);
slab_read_counts sources_counts(const slab_value *value);
int64_t sources_packed_bytes(const slab_value *value);
const char *sources_fallback(const slab_value *value);
int sources_operands(const slab_value *value, slab_value *const **out);

/* strip.c: evaluates the element-wise nodes of one shape below a node, strip by strip. */
void strip_program_destroy(struct strip_program **program);
size_t strip_memory(const slab_value *value, const slab_shape *box);
bool strip_evaluates(const slab_value *value, int i, const slab_shape *box, slab_value **out,
                     slab_shape *extents);
slab_status strip_get(slab_value *value, int thread, const slab_box *box, slab_view *out);
bool strip_in_parts(slab_value *value, int thread, const slab_box *box);

/* nesting.c: what evaluates its operands within its own evaluation says so when it is built, an
 * element-wise node as soon as it has its shape. nest() also fetches the packed bytes of the first
 * operand, for nested_packed_bytes(): asked for again and again they would take as many calls as
 * an evaluation. SLAB_ERR_RANGE: too deep, or too often. */
slab_status nest(slab_value *value, slab_value *const *operands, int n);
slab_status nest_apply(slab_value *value, slab_value *const *operands, int n);
/* The same of what is to be evaluated as a whole. */
slab_status nest_check(slab_value *value);
int64_t nested_packed_bytes(const slab_value *value);

/* value_view.c, for value_load.c: what a view takes of its operand, as a selection that drops no
 * axis; and what remains of the view when the operand has been cut down to that. */
extern const value_class value_view_class;
slab_status value_view_selection(const slab_value *value, slab_selection *out);
void value_view_whole(slab_value *value);

/* value_load.c: when the view's operand is loaded from a file, it is replaced by a load of the
 * selected part alone (drops *operand, the view's reference to it). */
slab_status value_load_select(const slab_value *loaded, slab_value *view, slab_value **operand);

/* True when elements lie in memory and stay there: they may be shown without a copy. */
bool value_is_memory(const slab_value *value);

/* share.c: one node for what is the same. Looks for a sound node that is alive, and keeps it;
 * enters one (a slab_value_drop() of the last reference takes it out again). */
slab_value *share_find(const share_key *key);
void share_enter(slab_value *value, const share_key *key);
void share_leave(slab_value *value);

/* literal.c */
typedef struct literal {
    slab_weak weak;
    __int128 whole; /* bool, int */
    double re, im;  /* float, complex */
} literal;

literal literal_of(const slab_value *value);
slab_value *literal_value(literal x);
/* What becomes of an integer that its type does not hold: an error, its low bits, the least that
 * the type holds (instead of one below that), the most (instead of one above). */
typedef enum literal_overflow {
    LITERAL_FAILS,
    LITERAL_WRAPS,
    LITERAL_RISES,
    LITERAL_FALLS
} literal_overflow;

/* A literal as an element of NumPy's type `loop`, read by a kernel as `operand`: a constant. */
slab_value *literal_as(const slab_value *value, slab_dtype loop, slab_dtype operand,
                       literal_overflow overflow);
bool literal_fits(literal x, slab_dtype dtype);
/* A literal as the array NumPy makes of it alone; anything else is kept as it is. */
slab_value *literal_strong(slab_value *value);
/* A 0-d value, shared. */
slab_value *constant_value(slab_dtype dtype, slab_weak weak, const void *element);

/* python.c: an operator on literals. */
slab_value *python_apply(const slab_op *op, slab_value *const *operands, int n);

/* broadcast.c: NumPy's rules. */
slab_status broadcast_shapes(const slab_shape *a, const slab_shape *b, slab_shape *out);
/* The part of an operand of this shape that a box of the result needs. */
void broadcast_box(const slab_shape *operand, const slab_box *box, slab_box *out);
/* An operand's strides as the result's axes see them: 0 where it is repeated. */
void broadcast_strides(const slab_shape *operand, int rank, const int64_t *stride, int64_t *out);

#endif
