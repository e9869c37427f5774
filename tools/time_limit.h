/**
 * The wall clock: when a run has to stop by itself.
 */
#ifndef SLAB_TOOLS_TIME_LIMIT_H
#define SLAB_TOOLS_TIME_LIMIT_H

#include <slab/tools/command.h>

/** Seconds of "90", "90s", "10m", "2h", "1d", "MM:SS", "HH:MM:SS", or Slurm's "D-HH", "D-HH:MM" and
 * "D-HH:MM:SS".
 * @retval SLAB_ERR_VALUE  none of these */
slab_status slab_duration_parse(const char *text, double *seconds);

/** Has the run stop at --time-limit, or a minute before the end of the Slurm job it is in. */
slab_status slab_time_limit_begin(slab_call *call);

#endif
