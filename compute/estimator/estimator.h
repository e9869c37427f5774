/**
 * Estimators: fit, transform, score; a model is an HDF5 group. One source file and one row in
 * estimator_list.h each.
 */
#ifndef SLAB_COMPUTE_ESTIMATOR_ESTIMATOR_H
#define SLAB_COMPUTE_ESTIMATOR_ESTIMATOR_H

#include <slab/compute/pass/plan.h>
#include <slab/storage/transaction.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One parameter of an estimator, as the command line and the model show it. */
typedef struct slab_parameter {
    const char *name;    /* "components": --components */
    char letter;         /* 'k', or 0 */
    char type;           /* 'i' integer, 'd' real, 's' text, 'c' one of choices, 'b' flag */
    const char *choices; /* "exact|randomized" for 'c' */
    const char *initial; /* default, as text; NULL: chosen by the data when not given */
    const char *help;
} slab_parameter;

/** A fit's surroundings. */
typedef struct slab_fit {
    slab_crew *crew;
    slab_array *array; /* the samples: [n, d] */
    const slab_selection *selection;
    size_t budget; /* bytes for this rank */
    uint64_t seed;
    const char *scratch;       /* directory for what memory has no room for; NULL: $TMPDIR, /tmp */
    const char *const *values; /* one text per parameter, in the class's order; NULL: not given */
} slab_fit;

typedef struct slab_estimator_class {
    const char *name;
    const char *summary;
    const slab_parameter *parameters; /* ends with name NULL */

    /** Prepares a fit: checks parameters and shapes, plans all passes. Collective. */
    slab_status (*create)(const slab_fit *fit, void **model);
    /** The plan as lines for people and as numbers: see plan.h. */
    slab_status (*plan)(void *model, slab_plan *plan);
    /** @param checkpoint  of what it comes to on the way; NULL: nothing is kept */
    slab_status (*fit)(void *model, slab_checkpoint *checkpoint);
    /** Stores the model's groups and arrays in the transaction, below `group` ("/" or "/pca"). */
    slab_status (*store)(void *model, slab_txn *txn, const char *group);
    void (*destroy)(void **model);
} slab_estimator_class;

/** The estimators there are, by name (NULL: none of that name) and by number 0.. (NULL: no more).
 */
const slab_estimator_class *slab_estimator_by_name(const char *name);
const slab_estimator_class *slab_estimator_at(int i);

/**
 * A parameter's value as a number or a choice; its default when it was not given.
 *
 * @param[out] given  whether there is a value at all: *out is untouched when there is none
 * @retval SLAB_ERR_USAGE  not a number (integer, choice) or outside least..most; names --parameter
 */
slab_status slab_parameter_int(const slab_fit *fit, const slab_estimator_class *cls,
                               const char *name, int64_t least, int64_t most, int64_t *out,
                               bool *given);
slab_status slab_parameter_real(const slab_fit *fit, const slab_estimator_class *cls,
                                const char *name, double least, double most, double *out);
slab_status slab_parameter_choice(const slab_fit *fit, const slab_estimator_class *cls,
                                  const char *name, int *out, bool *given);
bool slab_parameter_flag(const slab_fit *fit, const slab_estimator_class *cls, const char *name);

#ifdef __cplusplus
}
#endif
#endif
