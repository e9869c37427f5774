/**
 * Evaluating values for a command: planned, computed in as few passes as possible, and stored where
 * -o says or printed.
 */
#ifndef SLAB_TOOLS_EVALUATION_H
#define SLAB_TOOLS_EVALUATION_H

#include <slab/compute/graph/value.h>
#include <slab/compute/pass/plan.h>
#include <slab/tools/command.h>

/** One result. */
typedef struct slab_result {
    const char *name;  /* in the output's group, and before what is printed; "": the only one */
    slab_value *value; /* borrowed */
} slab_result;

/** Opens "file.h5:/path[selection]" as a value, which the caller drops. Collective. */
slab_status slab_call_load(slab_call *call, const char *locator, slab_value **out);

/**
 * Computes the results. With -o they are stored: a single one at the path (`initial` when -o names
 * none), several under their names in the group. Without, they are printed, as text or --json;
 * results too large for that are refused before anything is computed. Done after the plan when
 * --dry-run is given. Collective.
 *
 * @retval SLAB_ERR_USAGE   a result of more than a million elements, and no -o
 * @retval SLAB_ERR_MEMORY  the budget is too small (the message names the smallest that would do)
 */
slab_status slab_evaluate(slab_call *call, const char *initial, const slab_result *results, int n);

/** Has a plan need what computing and storing such results does: for commands that find the
 * elements themselves, with values that have shapes and types only (slab_value_expected).
 * Collective. */
slab_status slab_evaluation_need(slab_call *call, const char *initial, const slab_result *results,
                                 int n, slab_plan *plan);

/** The same without printing: the elements of result i, native, C order, are handed to `show` when
 * all are there (nothing is handed when only the plan was asked for). */
typedef slab_status (*slab_show)(slab_call *call, void *context, const void *const *data);
slab_status slab_evaluate_with(slab_call *call, const char *initial, const slab_result *results,
                               int n, slab_show show, void *context);

#endif
