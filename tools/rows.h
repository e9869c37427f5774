/**
 * Elements as text: one row a line, values parted by tabs.
 */
#ifndef SLAB_TOOLS_ROWS_H
#define SLAB_TOOLS_ROWS_H

#include <slab/storage/reader.h>

/** How much of a view is printed. */
typedef struct slab_rows {
    int64_t rows;    /* at most; -1: all */
    int64_t columns; /* at most, then "..." ; -1: all */
    size_t memory;   /* bytes that elements may take at a time */
} slab_rows;

/**
 * Prints what a selection takes of an array to stdout. A row is the last axis; a 1-D array has one
 * value a line, a scalar one line. Reads bands of rows that fit the memory, and parts of rows when
 * a row alone does not.
 */
slab_status slab_rows_print(slab_array *array, const slab_selection *selection,
                            const slab_rows *rows);

/** Prints elements in memory (native, C order) the same way, all of them. */
slab_status slab_rows_print_dense(slab_dtype dtype, const slab_shape *shape, const void *data);

#endif
