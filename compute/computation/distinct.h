/**
 * The distinct elements of an array and how often each occurs, sorted. Any number of them: what
 * does not fit a table goes through a scratch file, in parts that are sorted one by one.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_DISTINCT_H
#define SLAB_COMPUTE_COMPUTATION_DISTINCT_H

#include <slab/compute/computation/computation.h>
#include <slab/compute/pass/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_distinct {
    int64_t n;
    slab_value *elements; /* [n], ascending, the value's type; NaN, if any, last and once */
    slab_value *counts;   /* int64 [n] */
} slab_distinct;

/**
 * Finds them. Collective.
 *
 * Passes: one for the range of the elements; integers within about a million of each other are
 * counted in a second one. Others are counted coarsely in the second, written to scratch in a third
 * (8 bytes an element) and sorted there.
 *
 * @param budget  bytes per rank on top of what is in use
 * @retval SLAB_ERR_TYPE    complex numbers, or not numbers
 * @retval SLAB_ERR_MEMORY  the budget is too small (the message names the smallest that would do)
 */
slab_status slab_distinct_find(const slab_workshop *workshop, slab_value *value, size_t budget,
                               slab_distinct *out);
void slab_distinct_clear(slab_distinct *distinct);

/** What it will cost; as far as it is known before the range is. */
slab_status slab_distinct_plan(const slab_workshop *workshop, slab_value *value, size_t budget,
                               slab_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
