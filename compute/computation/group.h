/**
 * Grouped reductions: of the rows of a value [n, ...] that have the same label.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_GROUP_H
#define SLAB_COMPUTE_COMPUTATION_GROUP_H

#include <slab/compute/computation/distinct.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SLAB_GROUP_NAMES_MOST = 8 };

typedef struct slab_group_options {
    const char *const *names; /* sum mean var std min max count, and nansum nanmean ... */
    int n;                    /* names, at most SLAB_GROUP_NAMES_MOST */
    double ddof;              /* var, std */
} slab_group_options;

typedef struct slab_group_result {
    int64_t ngroups;
    slab_value *labels;                         /* [ngroups], ascending */
    slab_value *results[SLAB_GROUP_NAMES_MOST]; /* [ngroups, ...]; counts [ngroups] int64 */
} slab_group_result;

/** The names there are: 0.. (NULL: no more). */
const char *slab_group_name_at(int i);

/**
 * Sums are exact for integers (mod 2^64) and in f64 for floats; NaN labels belong to no group.
 *
 * Passes: those of slab_distinct_find() over the labels, then one over the rows, which are taken in
 * blocks of columns and of groups whose table is at most 24 MiB; a block of groups more is another
 * reading of the rows. Collective.
 *
 * @param labels  [n]; real numbers
 * @retval SLAB_ERR_SHAPE  not as many labels as rows
 * @retval SLAB_ERR_VALUE  no such reduction
 * @retval SLAB_ERR_TYPE   rows or labels that are not real numbers
 * @retval SLAB_ERR_MEMORY the groups that there are do not fit the budget (message: what would)
 */
slab_status slab_group_find(const slab_workshop *workshop, slab_value *rows, slab_value *labels,
                            const slab_group_options *options, size_t budget,
                            slab_group_result *out);
void slab_group_clear(slab_group_result *result);

/**
 * What it will cost if there are `ngroups` groups, which is not known yet. Checks what can be
 * checked. slab_group_find() compares the groups that there are with the budget before it reads a
 * row.
 *
 * @param[out] expected  the results' types, and their shapes if every row is a group of its own:
 *                       values without elements (slab_value_expected), to slab_group_clear()
 */
slab_status slab_group_plan(const slab_workshop *workshop, slab_value *rows, slab_value *labels,
                            const slab_group_options *options, int64_t ngroups, size_t budget,
                            slab_plan *plan, slab_group_result *expected);

#ifdef __cplusplus
}
#endif
#endif
