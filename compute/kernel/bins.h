/**
 * Bins: which of consecutive intervals elements lie in. Bin i holds edges[i] <= x < edges[i + 1];
 * the last one also x = edges[n].
 */
#ifndef SLAB_COMPUTE_KERNEL_BINS_H
#define SLAB_COMPUTE_KERNEL_BINS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_bins {
    int64_t n;           /* bins, 1 or more */
    const double *edges; /* [n + 1], ascending */
    bool uniform;        /* all about equally wide: no search */
} slab_bins;

/** The bin of each element, -1: in none (outside, NaN). f64 [n] -> i64 [n]. */
void slab_bins_find(const slab_bins *bins, const double *x, int64_t n, int64_t *bin);

#ifdef __cplusplus
}
#endif
#endif
