/**
 * Lazy arrays. A value describes elements that are not there yet: loaded from a file, drawn at
 * random, or computed from other values. Making one does no I/O on elements. compute/program
 * computes and stores them; docs/examples/standardize_columns.c is a whole program.
 *
 * A builder gives one reference, the caller's to slab_value_drop(); it keeps its operands itself,
 * so they may be dropped at once. A builder that fails gives a poisoned value (never NULL), as does
 * every builder that is handed one: the first cause surfaces when the result is stored, computed or
 * asked for its status, so that chains need no check at every step. The statuses listed with a
 * builder are what it poisons with; each may also give SLAB_ERR_MEMORY.
 */
#ifndef SLAB_COMPUTE_GRAPH_VALUE_H
#define SLAB_COMPUTE_GRAPH_VALUE_H

#include <slab/compute/kernel/random.h>
#include <slab/storage/base/crew.h>
#include <slab/storage/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_value slab_value;

/** Another reference to the same value; give each back with slab_value_drop(). Thread-safe. */
slab_value *slab_value_keep(slab_value *value);

/** Gives a reference back and leaves NULL; the last one frees it. Accepts NULL. Thread-safe. */
void slab_value_drop(slab_value **value);

/** SLAB_OK, or why the value is poisoned (the record is restored too). */
slab_status slab_value_status(const slab_value *value);

/** A poisoned value that carries the last error record: for builders outside this folder. */
slab_value *slab_value_fail(slab_status rc);

/** Shape and element type (native). Of a poisoned value rank 0 and no type. Borrowed. */
const slab_shape *slab_value_shape(const slab_value *value);
slab_dtype slab_value_dtype(const slab_value *value);

/** The grid that suits its source best: tiles on chunks. Borrowed. */
const slab_grid *slab_value_grid(const slab_value *value);

/**
 * A value that reads an array, in its native type. Collective.
 *
 * @param array      borrowed: it must outlive the value and all that is made of it
 * @param selection  NULL: the whole
 * @param threads    that will evaluate it, as many as the crew has
 *
 * @retval SLAB_ERR_TYPE  elements of a type that slab does not read: compounds, lists, references
 * @retval any other      what slab_reader_open() gives
 */
slab_value *slab_value_load(slab_array *array, const slab_selection *selection, int threads);

/**
 * The same by name, "file.h5:/path" or with a selection behind it, "file.h5:/path[0:10]": the file
 * is opened here, and closed with the last value that reads it. Collective over the crew's ranks.
 *
 * Open an array once and use the value wherever it is needed: two values that were opened apart are
 * two sources, which do not share a reading.
 *
 * Poisoned with SLAB_ERR_NOT_FOUND (no such file or array), SLAB_ERR_USAGE and SLAB_ERR_RANGE (the
 * name or the selection), or what slab_file_open() and slab_array_open() give.
 */
slab_value *slab_value_open(slab_crew *crew, const char *locator);

/** The declared missing code of the loaded array, if any: NULL or one native element. */
const void *slab_value_missing(const slab_value *value);

/**
 * Element-wise operations on operands of the same shape, or broadcast by NumPy's rules.
 *
 * `op` is a row of op_list.h or one of its aliases: "add", "sqrt", "where", ... Operands that may
 * be left out (slab_op: arity_least) may be NULL too. Literals among the operands take the others'
 * type by NEP 50; Python's operators on literals alone are computed as Python does and give a
 * literal. The same operation on the same operands gives the same node while it is alive.
 *
 * @retval SLAB_ERR_VALUE  no such operation, or another number of operands; Python has no answer
 * @retval SLAB_ERR_TYPE   not defined for these types
 * @retval SLAB_ERR_RANGE  a literal integer that the others' type cannot hold
 */
slab_value *slab_value_apply(const char *op, slab_value *const *operands, int n);

/** The same as NumPy's function of that name: literals alone become arrays first, so the result is
 * never a literal (numpy.add(1, 2) is an int64, 1 + 2 is Python's 3). */
slab_value *slab_value_call(const char *op, slab_value *const *operands, int n);

/** What Python's literals are: numbers without a type of their own ("weak", NEP 50). */
typedef enum slab_weak {
    SLAB_WEAK_NONE, /* no literal: an array or a scalar with a type */
    SLAB_WEAK_BOOL,
    SLAB_WEAK_INT,
    SLAB_WEAK_FLOAT,
    SLAB_WEAK_COMPLEX
} slab_weak;

/** Literals: 0-d values of bool, int64 (uint64 from 2^63 up), float64 and complex128. Wider
 * integers have no literal. Pi, e, inf and nan are float literals. */
slab_value *slab_value_literal_bool(bool x);
slab_value *slab_value_literal_int(int64_t x);
slab_value *slab_value_literal_uint(uint64_t x);
slab_value *slab_value_literal_real(double x);
slab_value *slab_value_literal_complex(double re, double im);

/** Which kind of literal a value is. */
slab_weak slab_value_weak(const slab_value *value);

/** The integer of a bool or int literal that int64 holds; false: it is none. */
bool slab_value_literal_get_int(const slab_value *value, int64_t *out);

/**
 * A value from memory: small vectors and scalars to broadcast.
 *
 * @param data  elements of that type [shape], C order; copied
 */
slab_value *slab_value_from(slab_dtype native, const slab_shape *shape, const void *data);

/**
 * The elements converted to another native type as NumPy's astype() converts them.
 *
 * @retval SLAB_ERR_TYPE  not numbers
 */
slab_value *slab_value_cast(slab_value *value, slab_dtype native);

/** One item of an index, as Python's brackets have them. */
typedef enum slab_index_kind {
    SLAB_INDEX_INTEGER, /* start: the element; the axis goes */
    SLAB_INDEX_SLICE,   /* start:stop:step, each may be left out */
    SLAB_INDEX_NEWAXIS,
    SLAB_INDEX_ELLIPSIS
} slab_index_kind;

typedef struct slab_index {
    slab_index_kind kind;
    bool has_start, has_stop;
    int64_t start, stop, step; /* step: 1 when left out */
} slab_index;

/**
 * NumPy's basic indexing: value[items]. No elements are touched; slices of what is loaded read only
 * the chunks they need, and slices of element-wise operations are taken of their operands.
 *
 * An index into an expression evaluates that anew. A value that needs more than 500 evaluations
 * inside each other, or 1,000,000 in all, is refused: store what is in between. The same holds for
 * the two below, and for whatever is made of them.
 *
 * @retval SLAB_ERR_RANGE  an integer outside its axis, a step of 0, more items than axes; too many
 *                         evaluations
 */
slab_value *slab_value_index(slab_value *value, const slab_index *items, int n);

/** Axes in another order: axis a of the result is axes[a] of the value; NULL: reversed.
 * @retval SLAB_ERR_RANGE  not each of its axes once */
slab_value *slab_value_transpose(slab_value *value, const int *axes);

/** Repeated along axes of extent 1, and new ones in front, by NumPy's rules.
 * @retval SLAB_ERR_SHAPE  it does not broadcast to that shape */
slab_value *slab_value_broadcast_to(slab_value *value, const slab_shape *shape);

/** Values without a source: every element the same (`element`: one native element of dtype); ... */
slab_value *slab_value_full(const slab_shape *shape, slab_dtype dtype, const void *element);
/** ... element i of n is start + i step, computed in f64 for floats and exactly for integers; ...
 */
slab_value *slab_value_arange(slab_dtype dtype, int64_t n, double start, double step);
slab_value *slab_value_arange_int(slab_dtype dtype, int64_t n, int64_t start, int64_t step);
/** ... NumPy's linspace: the last element is exactly `stop` when it is included; ... */
slab_value *slab_value_linspace(slab_dtype dtype, int64_t n, double start, double stop,
                                bool endpoint);
/** ... ones where column - row is k. */
slab_value *slab_value_eye(slab_dtype dtype, int64_t rows, int64_t columns, int64_t k);

/** Random numbers, addressed by element (C order of the whole): the same for any tiles.
 * @param tile  extents of its natural grid; NULL: chosen, about 1 MiB */
slab_value *slab_value_random(const slab_random_spec *spec, const slab_shape *shape,
                              const slab_shape *tile);

/** The values at the bottom of an expression, each once: what is read, drawn or held in memory. The
 * list is the caller's to slab_memory_free(); the values are borrowed.
 *
 * @retval SLAB_ERR_RANGE  evaluating one of the values takes more than 1,000,000 evaluations */
slab_status slab_value_sources(slab_value *const *values, int n, slab_value ***out, int *nout);

/* --- what passes ask of a value --- */

/** Why H5Dread must read one of its sources, "" when slab reads them all itself. */
const char *slab_value_fallback(const slab_value *value);

/** What one thread needs to evaluate boxes of these extents. Buffers stay until the value is
 * dropped or put to rest, so that one pass after another uses the same. */
size_t slab_value_memory(const slab_value *value, const slab_shape *box);

/** Gives back the buffers of values and of all that they are computed from; evaluation takes them
 * again. What views of them show is gone. Not while anything is evaluated. */
void slab_value_rest(slab_value *const *values, int n);

/** Evaluates a box on the calling thread; valid until its next call. Thread-safe between threads.
 */
slab_status slab_value_get(slab_value *value, int thread, const slab_box *box, slab_view *out);

/** Do its parts (slab_box_first_part) cost no more than a box? See slab_reader_in_parts. */
bool slab_value_in_parts(slab_value *value, int thread, const slab_box *box);

/** Has what a box needs read ahead (slab_reader_prefetch()). Thread-safe; does not wait. */
void slab_value_prefetch(slab_value *value, const slab_box *box);

/** Lets a thread keep so many packed bytes of what it has read, for bands that are shown several
 * times (slab_reader_keep()). */
slab_status slab_value_hold(slab_value *value, int thread, size_t packed_bytes);

/** Read so far by all its sources on this rank; and what a whole pass reads, in bytes as stored. */
slab_read_counts slab_value_counts(const slab_value *value);
int64_t slab_value_packed_bytes(const slab_value *value);

#ifdef __cplusplus
}
#endif
#endif
