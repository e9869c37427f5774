/**
 * Functions of the expression language. A new one is a row in function_list.h and a descriptor
 * slab_function_<row> in a functions_*.c beside it; element-wise operations need neither, every row
 * of compute/graph/op_list.h can be called by its name.
 *
 * A descriptor states NumPy's signature; calls are bound to it before the builder runs, so that the
 * builder finds every parameter, of the kind that was stated, under its name.
 */
#ifndef SLAB_COMPUTE_EXPRESSION_FUNCTION_H
#define SLAB_COMPUTE_EXPRESSION_FUNCTION_H

#include <slab/compute/expression/expression.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a part of an expression is. */
typedef enum slab_datum_kind {
    SLAB_DATUM_NONE,
    SLAB_DATUM_ELLIPSIS,
    SLAB_DATUM_VALUE, /* an array or a number */
    SLAB_DATUM_STRING,
    SLAB_DATUM_DTYPE,
    SLAB_DATUM_TUPLE,
    SLAB_DATUM_LIST,
    /* only as bound arguments: numbers that are known before any data is read */
    SLAB_DATUM_INT,
    SLAB_DATUM_REAL,
    SLAB_DATUM_BOOL
} slab_datum_kind;

typedef struct slab_datum {
    slab_datum_kind kind;
    int character; /* where it stands in the text; 0: it does not */
    bool known;    /* value: it depends on no array, its elements can be asked for at once */
    union {
        slab_value *value; /* owned */
        const char *string;
        slab_dtype dtype;
        struct {
            struct slab_datum *items; /* [n], owned */
            int n;
        };
        int64_t integer;
        double real;
        bool boolean;
    };
} slab_datum;

void slab_datum_clear(slab_datum *datum);
slab_status slab_datum_copy(const slab_datum *datum, slab_datum *out);

/** An array of what is a value, or a list or tuple of numbers (nested for more axes), as
 * numpy.asarray() makes it. A literal stays one. The caller drops it. */
slab_status slab_datum_to_value(const slab_datum *datum, slab_value **out);

/** The same, and a literal gets a type of its own: int64, float64 ... */
slab_status slab_datum_to_array(const slab_datum *datum, slab_value **out);

/** The same in another type. @retval SLAB_ERR_RANGE  an integer of the text does not fit it */
slab_status slab_datum_cast(const slab_datum *datum, slab_dtype dtype, slab_value **out);

/** A known number. @retval SLAB_ERR_TYPE  it is none, or of another kind */
slab_status slab_datum_to_int(const slab_datum *datum, int64_t *out);
slab_status slab_datum_to_real(const slab_datum *datum, double *out);
slab_status slab_datum_to_bool(const slab_datum *datum, bool *out); /* as Python's bool() */

/** Known numbers: one (`scalar`), a list, or an array of one axis that no other array decides, such
 * as linspace(0, 1, 11). f64 [n], the caller frees it with slab_memory_free(). */
slab_status slab_datum_to_reals(const slab_datum *datum, double **out, int *n, bool *scalar);

/** A call whose arguments are bound. */
typedef struct slab_bound slab_bound;

/**
 * Makes the result of a call; sets `out` with slab_bound_give() or slab_bound_give_tuple().
 * An error's message says what is wrong; the caller adds the function's name and the place.
 */
typedef slab_status (*slab_function_builder)(slab_bound *call, slab_datum *out);

/**
 * Parameters as NumPy states them, with their kinds: "a: array, axis: axes = None, *, keepdims:
 * bool = False". Kinds:
 *
 *     array    a value: arrays, numbers, lists of numbers
 *     int real bool string dtype    constants; dtype takes float32, 'f4', float, x.dtype
 *     axes     an int or a tuple of ints, bound as a tuple of ints
 *     shape    the same, none negative
 *     any      what it is: for parameters of several kinds
 *     no       NumPy has it and slab has not: nothing but its default is taken
 *
 * A default of None makes None a legal argument. `/` ends those that go by position only, `*`
 * begins those that go by name only, `*name: kind` takes all that is left as a tuple.
 */
typedef struct slab_function {
    const char *name;    /* NumPy's, without "numpy.": "mean", "linalg.norm" */
    const char *aliases; /* other names, separated by blanks; NULL: none */
    const char *parameters;
    const char *summary; /* one line */
    slab_function_builder build;
    const void *detail; /* for builders that serve several rows */
    bool method;        /* also x.name(...), where x is the first argument */
} slab_function;

/** By name or alias, "mean" or "linalg.norm" (NULL: none of that name). */
const slab_function *slab_function_by_name(const char *name);

/** What help and documentation pages show: functions of the table, then element-wise operations. */
typedef struct slab_function_info {
    const char *name, *aliases, *parameters, *summary;
    bool elementwise;
    bool method;         /* also x.name(...) */
    const char *formula; /* of an element-wise one: "x + y" */
} slab_function_info;

/** By number 0.. @return false: no more */
bool slab_expression_function_at(int i, slab_function_info *out);

/** By name or alias. @return false: there is none of that name */
bool slab_expression_function_named(const char *name, slab_function_info *out);

/**
 * The type that a function gives for arrays of one type, asked of the builder itself.
 *
 * @param[out] text  "float64", "int64 and float32" of several results; at least
 *                   SLAB_FUNCTION_TYPE_MAX bytes
 * @return false: it does not take that type, or is not a function of one to three arrays alone
 */
#define SLAB_FUNCTION_TYPE_MAX 160
bool slab_expression_function_type(const slab_function_info *function, slab_dtype operand,
                                   char *text);

/** The bound arguments by parameter's name. A parameter that the signature does not have is None.
 */
const slab_datum *slab_bound_argument(const slab_bound *call, const char *name);
bool slab_bound_given(const slab_bound *call, const char *name); /* it is not None */
/* Of an array, borrowed; NULL: None. */
slab_value *slab_bound_value(const slab_bound *call, const char *name);
int64_t slab_bound_int(const slab_bound *call, const char *name);        /* 0: None */
double slab_bound_real(const slab_bound *call, const char *name);        /* 0: None */
bool slab_bound_bool(const slab_bound *call, const char *name);          /* false: None */
const char *slab_bound_string(const slab_bound *call, const char *name); /* NULL: None */
/* The type, or `otherwise` for None. */
slab_dtype slab_bound_dtype(const slab_bound *call, const char *name, slab_dtype otherwise);
slab_status slab_bound_shape(const slab_bound *call, const char *name, slab_shape *out);
/* Axes of an array of this rank, negative ones from the end; each once. None gives all of them. */
slab_status slab_bound_axes(const slab_bound *call, const char *name, int rank,
                            int axes[SLAB_RANK_MAX], int *n);
slab_status slab_bound_axis(const slab_bound *call, const char *name, int rank, int *out);

const void *slab_bound_detail(const slab_bound *call);
/* The seed of the next draw: another one each time, unless the argument `seed` says it. */
uint64_t slab_bound_seed(const slab_bound *call);

/** Hands a result over: the reference is the callee's, a poisoned value is a failure. */
slab_status slab_bound_give(slab_bound *call, slab_value *value, slab_datum *out);
/** Several results, as a tuple; all references are handed over, also on failure. */
slab_status slab_bound_give_tuple(slab_bound *call, slab_value *const *values, int n,
                                  slab_datum *out);

/** An element-wise function of values, each handed over: f(a), f(a, b), f(a, b, c); NULL ends. */
slab_value *slab_apply1(const char *op, slab_value *a);
slab_value *slab_apply2(const char *op, slab_value *a, slab_value *b);
slab_value *slab_apply3(const char *op, slab_value *a, slab_value *b, slab_value *c);

#ifdef __cplusplus
}
#endif
#endif
