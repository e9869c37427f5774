/**
 * How much memory a rank may use: stated, or found out.
 */
#ifndef SLAB_COMPUTE_PASS_BUDGET_H
#define SLAB_COMPUTE_PASS_BUDGET_H

#include <slab/storage/base/ranks.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_budget {
    size_t bytes;    /* per rank */
    char source[96]; /* "--memory", "SLURM_MEM_PER_NODE / 4 ranks", "cgroup", "free memory" */
} slab_budget;

/** @param stated  bytes per rank, 0: the least of Slurm's variables, the limits of the control
 * groups (version 1 and 2, and all above) and what is free, divided among the node's ranks; of that
 * four fifths, and 96 MiB are left free, or half */
slab_status slab_budget_find(const slab_ranks *ranks, size_t stated, slab_budget *out);

/** Parses "8G", "512M", "1.5GiB", "64000000" (K M G T are powers of 1024). @retval SLAB_ERR_USAGE
 */
slab_status slab_budget_parse(const char *text, size_t *out);

#ifdef __cplusplus
}
#endif
#endif
