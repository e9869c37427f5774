/* A straight list of instructions over strips of elements. */
#ifndef SLAB_COMPUTE_GRAPH_STRIP_IMPL_H
#define SLAB_COMPUTE_GRAPH_STRIP_IMPL_H

#include <slab/compute/graph/value_impl.h>

/* A register: a leaf's strip (leaf >= 0), or a result. */
typedef struct strip_reg {
    slab_dtype dtype;
    int leaf;      /* -1: a result */
    int last_use;  /* instruction */
    int slot;      /* of the strip buffers, for results; -1: the output itself */
    int converted; /* the first register its elements are converted to, -1: none ... */
    int sibling;   /* ... and the next that the same register is converted to */
} strip_reg;

typedef struct strip_instruction {
    slab_strip_kernel kernel; /* NULL: a conversion */
    slab_strip_check check;   /* NULL: nothing to check */
    const char *complaint;
    int arity;
    int in[SLAB_OP_ARITY_MAX];
    int out;
} strip_instruction;

typedef struct strip_program {
    strip_instruction *code;
    strip_reg *regs;
    slab_value **leaves; /* element-wise ones first, see load_leaves() */
    int *leaf_regs;      /* [nleaves] */
    int ncode, nregs, nleaves, nslots;
    int capacity;   /* of each list */
    int64_t strip;  /* elements */
    size_t element; /* bytes of the widest */
} strip_program;

/* The program of an element-wise node, made at first use. */
slab_status strip_program_of(slab_value *value, strip_program **out);

#endif
