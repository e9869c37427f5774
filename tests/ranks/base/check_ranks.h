/**
 * Checks on several ranks: a failed one is printed and counted, and all ranks leave together.
 */
#ifndef SLAB_TESTS_RANKS_BASE_CHECK_RANKS_H
#define SLAB_TESTS_RANKS_BASE_CHECK_RANKS_H

#include <slab/storage/base/ranks.h>
#include <stdio.h>

static int64_t failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "rank %d, %s:%d: %s (last error: %s)\n",                               \
                    slab_ranks_me(slab_ranks_world()), __FILE__, __LINE__, #condition,             \
                    slab_error_last()->message);                                                   \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/** Exit code of main(): 1 on every rank when a check failed on any. Collective. */
static int checks_end(slab_ranks *ranks)
{
    if (slab_ranks_sum(ranks, &failures, 1) != SLAB_OK)
        failures++;
    slab_ranks_stop();
    return failures > 0;
}

#endif
