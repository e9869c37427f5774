/**
 * Deciding how an array is copied, and what that takes.
 */
#ifndef SLAB_TOOLS_COPYING_H
#define SLAB_TOOLS_COPYING_H

#include <slab/storage/copy.h>
#include <slab/tools/fitting.h>

typedef enum slab_copy_way {
    SLAB_COPY_WHOLE,   /* through HDF5, in memory */
    SLAB_COPY_PACKED,  /* chunks as they are */
    SLAB_COPY_ELEMENTS /* decoded and written anew */
} slab_copy_way;

/** How one array is copied. */
typedef struct slab_copying {
    slab_copy_way way;
    slab_copy_plan plan; /* of elements */
    char filter[32];     /* that plan.spec names */
    bool new_type;
} slab_copying;

/**
 * @param selection  of an array that is named by itself, as are --dtype and --chunks of another
 * rank; NULL: of one among all of a group
 * @retval SLAB_ERR_UNSUPPORTED  what is asked for cannot be done with elements of its type
 */
slab_status slab_copying_choose(slab_call *call, const slab_array_info *info,
                                const slab_selection *selection, slab_copying *out);

/** Adds what it takes to a need (the largest of threads, the sum of what stays until the end) and
 * to a step of a plan. Collective. */
slab_status slab_copying_need(slab_call *call, slab_array *array, slab_copying *copying,
                              slab_need *need, slab_plan_step *step);

#endif
