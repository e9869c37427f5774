/**
 * Element-wise operations. One row in op_list.h and one row in a family's table (op_*.c) each.
 */
#ifndef SLAB_COMPUTE_GRAPH_OP_H
#define SLAB_COMPUTE_GRAPH_OP_H

#include <slab/compute/kernel/elementwise.h>
#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_OP_ARITY_MAX 5

struct slab_value;

/** Which types an operation computes in and gives, from its operands' (all native numbers). */
typedef struct slab_op_types {
    slab_dtype loop[SLAB_OP_ARITY_MAX];    /* the types of NumPy's loop: what literals become */
    slab_dtype operand[SLAB_OP_ARITY_MAX]; /* each operand is converted to this first */
    slab_dtype result;                     /* what the kernel writes */
    slab_dtype delivered;                  /* what the value has: the result, or f16 of an f32 */
    slab_strip_kernel kernel;
    slab_strip_check check; /* NULL: every element has a result */
} slab_op_types;

/** What the result's type is, given the one that is computed in. */
typedef enum slab_op_gives {
    SLAB_GIVES_SAME,
    SLAB_GIVES_BOOL,
    SLAB_GIVES_REAL, /* of complex numbers: their parts' type */
    SLAB_GIVES_U1,
    SLAB_GIVES_I4
} slab_op_gives;

/** How literals among the operands find their type. */
typedef enum slab_op_literals {
    SLAB_LITERALS_FOLLOW,  /* the other operands' */
    SLAB_LITERALS_COMPARE, /* the same, and integers that do not fit are compared exactly */
    SLAB_LITERALS_CLIP,    /* the same; a low end below all integers or a high one above goes */
    SLAB_LITERALS_CHOOSE,  /* the same after the first, a condition; and what does not fit wraps */
    SLAB_LITERALS_SCALE    /* ldexp's: an integer x becomes f16, n int64 */
} slab_op_literals;

/** Python's operator that an operation is, for literals. */
typedef enum slab_python {
    SLAB_PYTHON_NONE,
    SLAB_PYTHON_ADD,
    SLAB_PYTHON_SUBTRACT,
    SLAB_PYTHON_MULTIPLY,
    SLAB_PYTHON_DIVIDE,
    SLAB_PYTHON_FLOOR_DIVIDE,
    SLAB_PYTHON_REMAINDER,
    SLAB_PYTHON_POWER,
    SLAB_PYTHON_LEFT_SHIFT,
    SLAB_PYTHON_RIGHT_SHIFT,
    SLAB_PYTHON_AND,
    SLAB_PYTHON_OR,
    SLAB_PYTHON_XOR,
    SLAB_PYTHON_EQUAL,
    SLAB_PYTHON_NOT_EQUAL,
    SLAB_PYTHON_LESS,
    SLAB_PYTHON_LESS_EQUAL,
    SLAB_PYTHON_GREATER,
    SLAB_PYTHON_GREATER_EQUAL,
    SLAB_PYTHON_NEGATIVE,
    SLAB_PYTHON_POSITIVE,
    SLAB_PYTHON_INVERT
} slab_python;

typedef struct slab_op {
    const char *name;    /* as NumPy's */
    const char *aliases; /* NumPy's other names, separated by spaces; NULL: none */
    int arity;           /* operands, at most */
    int arity_least;     /* at least; 0: all of them. Those that are left out are NULL */
    const char *formula; /* how it is written and what it gives: "x + y" */
    const char *summary;

    /** @retval SLAB_ERR_TYPE  not defined for these operands */
    slab_status (*types)(const struct slab_op *op, const slab_dtype *operands, slab_op_types *out);

    /** By the type that is computed in (slab_strip_type), NULL where there is none. */
    const slab_strip_kernel *kernels; /* [SLAB_STRIP_TYPES] */
    const slab_strip_check *checks;   /* [SLAB_STRIP_TYPES]; NULL: none needed */
    const char *complaint;            /* when a check fails */
    slab_op_gives gives;
    bool no_bools; /* defined for integers, but not for bools, which else become int8 */
    slab_op_literals literals;
    slab_python python;

    /** Made of other operations: the value of these [arity] operands. NULL: a kernel's. */
    struct slab_value *(*build)(const struct slab_op *op, struct slab_value *const *operands);
} slab_op;

/** By name or alias (NULL: none of that name); and by number 0.. (NULL: no more). */
const slab_op *slab_op_by_name(const char *name);
const slab_op *slab_op_at(int i);

/**
 * The type that NumPy (NEP 50) brings two arrays' elements to: bool < integers < floats < complex;
 * signed and unsigned meet in the next wider signed type, 64-bit ones in float64; an integer and a
 * float in a float that holds the integer's type, and so for complex.
 * @retval SLAB_ERR_TYPE  not numbers
 */
slab_status slab_dtype_promote(slab_dtype a, slab_dtype b, slab_dtype *out);

/** The type a literal takes beside arrays of type `strong`. */
slab_dtype slab_dtype_beside(int weak, slab_dtype strong);

/** The float type NumPy computes a function like sqrt in: f2 for 8 bits, f4 for 16, else f8;
 * complex types stay. */
slab_status slab_dtype_to_float(slab_dtype dtype, slab_dtype *out);

#ifdef __cplusplus
}
#endif
#endif
