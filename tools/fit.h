/**
 * Fitting an estimator from the command line: what all such commands share.
 */
#ifndef SLAB_TOOLS_FIT_H
#define SLAB_TOOLS_FIT_H

#include <slab/compute/estimator/estimator.h>
#include <slab/tools/command.h>

enum { SLAB_FIT_PARAMETERS_MAX = 48 };

/** An estimator's parameters as options of a command. Into memory of the caller's, room for
 * SLAB_FIT_PARAMETERS_MAX + 1. */
void slab_fit_options(const slab_estimator_class *cls, slab_option *out);

/**
 * Fits to the call's first argument and stores the model in the output's group. Collective.
 * @param[out] file, group  where it is; file NULL when only the plan was asked for
 */
slab_status slab_fit_run(slab_call *call, const slab_estimator_class *cls, const char **file,
                         const char **group);

#endif
