/* What is looked at to find out how much memory there is; for budget.c and its tests. */
#ifndef SLAB_COMPUTE_PASS_BUDGET_IMPL_H
#define SLAB_COMPUTE_PASS_BUDGET_IMPL_H

#include <slab/compute/pass/budget.h>

/** What a process takes beside its budget, at most: the program, its libraries and their stacks. */
#define SLAB_BUDGET_BESIDE ((double)(96 << 20))

/**
 * The least of Slurm's variables, the control groups' limits and what is free, for one of the ranks
 * of this node. Of a rank's share four fifths are used, and at least SLAB_BUDGET_BESIDE is left, or
 * half.
 * @param root  in front of /proc and of the groups' mount points: "" but for tests
 * @retval SLAB_ERR_MEMORY  nothing says how much there is
 */
slab_status slab_budget_detect(const char *root, int ranks_on_node, slab_budget *out);

#endif
