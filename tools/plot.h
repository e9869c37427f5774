/**
 * Pictures of results: bars in the terminal, SVG and PNG through gnuplot.
 */
#ifndef SLAB_TOOLS_PLOT_H
#define SLAB_TOOLS_PLOT_H

#include <slab/tools/command.h>

/** Columns of the terminal that stdout is; 80 when it is none. */
int slab_plot_columns(void);

/** Prints a histogram as bars, one line a bin: its edges, what fell into it, a bar. */
void slab_plot_bars(slab_call *call, const double *edges, const double *heights, int64_t n);

/** What a picture shows. Columns are f64 [n]; gnuplot reads them as $1, $2 ... of `plot`. */
typedef struct slab_picture {
    const char *title, *xlabel, *ylabel;
    const char *setup; /* gnuplot commands before the plot, lines; NULL: none */
    const char *plot;  /* after the data: "using 1:2 with boxes notitle" */
    int ncolumns;
    const double *columns[6];
    int64_t n;
    int64_t row; /* a blank line after every so many rows (maps); 0: none */
} slab_picture;

/** Before the work: can the picture be written there? Collective, when the inputs are known.
 * @retval SLAB_ERR_USAGE   the name ends in neither .svg nor .png, or is an input's
 * @retval SLAB_ERR_EXISTS  it is there, and --force is not given */
slab_status slab_plot_check(slab_call *call, const char *file);

/**
 * Writes a picture; rank 0 alone does. It appears when it is whole. Collective.
 *
 * @retval SLAB_ERR_UNSUPPORTED  gnuplot is not installed
 * @retval SLAB_ERR_IO           gnuplot failed
 * @retval others                as slab_output_open()'s
 */
slab_status slab_plot_write(slab_call *call, const char *file, const slab_picture *picture);

#endif
