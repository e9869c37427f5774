/*
 * Sums that come out the same in any order: fixed point numbers of 64 bits, whose addition is
 * exact.
 *
 * One table serves all threads of a rank, and the tables of all ranks are added in the end. So a
 * result as large as what is left of the memory can be summed, where a merge tree would hold a copy
 * of it on every level.
 */
#ifndef SLAB_COMPUTE_SINK_EXACT_IMPL_H
#define SLAB_COMPUTE_SINK_EXACT_IMPL_H

#include <slab/compute/sink/sink.h>
#include <slab/storage/base/ranks.h>

typedef struct exact_sums exact_sums;

/**
 * @param table  f64 [rows, ld], the first n of every row are used; borrowed. Holds integers, bit by
 *               bit, until exact_collect()
 * @param bound  f64 [n]: what no term and no sum of a column is above in size. Terms are rounded to
 *               2^-61 of it; larger ones are cut, and NaN counts as -bound
 * @retval SLAB_ERR_NUMERIC  a bound is not finite
 */
slab_status exact_create(int64_t rows, int64_t n, int64_t ld, double *table, const double *bound,
                         exact_sums **out);
void exact_destroy(exact_sums **sums);

/** Adds terms f64 [rows, n] to rows first .. first + rows - 1. Any thread, any order. */
void exact_add(exact_sums *sums, int64_t first, int64_t rows, const double *terms);

/** The table as it is before exact_collect(). */
void exact_table(const exact_sums *sums, slab_sink_sums *out);

/** Adds the tables of all ranks, and makes doubles of them in place: the same on every rank.
 * Collective. */
slab_status exact_collect(exact_sums *sums, slab_ranks *ranks);

#endif
