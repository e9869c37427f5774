/**
 * Fitting a command into its memory: how many threads there is room for.
 */
#ifndef SLAB_TOOLS_FITTING_H
#define SLAB_TOOLS_FITTING_H

#include <slab/tools/command.h>

/** Bytes per rank that some work needs, on top of what is in use now. */
typedef struct slab_need {
    size_t thread; /* for each thread */
    size_t fixed;
    size_t kept; /* what a command adds up by itself; no function here looks at it */
    int threads; /* set by slab_need_threads() */
} slab_need;

/** Adds what writing an array of that spec takes, with the call's output options. */
slab_status slab_need_writer(slab_call *call, const slab_array_spec *spec, const char *path,
                             slab_need *need);

/**
 * How many of the crew's threads have room, the same on all ranks. Collective.
 *
 * @param what  names the work in the message
 * @retval SLAB_ERR_MEMORY  not even one (the message names the smallest budget)
 */
slab_status slab_need_threads(slab_call *call, slab_need *need, const char *what, int *threads);

/** Adds a step with this need to a plan and fills what the plan says of the whole. */
void slab_need_plan(slab_call *call, const slab_need *need, slab_plan_step *step, slab_plan *plan);

#endif
