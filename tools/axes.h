/**
 * The option --axis of commands that reduce.
 */
#ifndef SLAB_TOOLS_AXES_H
#define SLAB_TOOLS_AXES_H

#include <slab/tools/command.h>

/** Text of --axis: "0", "-1", "0,2"; empty or NULL: all (0). Bit a: axis a.
 * @retval SLAB_ERR_USAGE  not axes of an array of that rank, or one twice */
slab_status slab_axes_parse(const char *text, int rank, uint32_t *out);

/** Numbers parted by commas, "0.1,0.5": as many as there are, at most `most`.
 * @retval SLAB_ERR_USAGE  not numbers, or too many (message: the option's name) */
slab_status slab_numbers_parse(const char *option, const char *text, double *out, int most, int *n);

#endif
