/**
 * Pictures of statistics: a histogram of the whole array, or mean and standard deviation at every
 * position of the axis that is left.
 */
#ifndef SLAB_TOOLS_STAT_PLOT_H
#define SLAB_TOOLS_STAT_PLOT_H

#include <slab/compute/graph/value.h>
#include <slab/compute/sink/statistics.h>
#include <slab/tools/command.h>

/**
 * Can what --draw and --plot ask for be drawn of results of this shape?
 *
 * @retval SLAB_ERR_USAGE  another ending than .svg and .png; more axes than a picture has; --draw
 *                         with --json
 */
slab_status slab_stat_plot_check(slab_call *call, const slab_shape *results);

/** True when one of them is asked for, and takes a pass of its own: the results are one number. */
bool slab_stat_plot_counts(const slab_call *call, const slab_shape *results);

/** Adds the pass of the histogram to a plan. */
slab_status slab_stat_plot_plan(slab_call *call, slab_value *value, size_t room, slab_plan *plan);

/** Draws in the terminal (--draw), and writes the picture (--plot), as far as they are asked for.
 * Collective. @retval as slab_plot_write() */
slab_status slab_stat_plot(slab_call *call, slab_value *value, const slab_statistics_result *result,
                           size_t room);

#endif
