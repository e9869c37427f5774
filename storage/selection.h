/**
 * NumPy-like selections: x[0:1000, ::-2, 5, ...].
 */
#ifndef SLAB_STORAGE_SELECTION_H
#define SLAB_STORAGE_SELECTION_H

#include <slab/storage/base/shape.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is selected along every axis of the array. Plain data. */
typedef struct slab_selection {
    int rank;                       /* of the array */
    int64_t start[SLAB_RANK_MAX];   /* first element, >= 0 */
    int64_t step[SLAB_RANK_MAX];    /* not 0; negative runs backwards */
    int64_t count[SLAB_RANK_MAX];   /* elements taken */
    bool drop[SLAB_RANK_MAX];       /* an integer index: the axis disappears from the result */
} slab_selection;

/** Everything. */
slab_selection slab_selection_all(const slab_shape *shape);

/**
 * Parses what stands between the brackets, by NumPy's rules (negative from the end, slices
 * clipped, "..." once; missing axes are taken whole). Empty text selects everything.
 * @retval SLAB_ERR_RANGE  an integer outside the axis
 * @retval SLAB_ERR_USAGE  not a selection (message: the character), or too many axes, or step 0
 */
slab_status slab_selection_parse(const char *text, const slab_shape *shape, slab_selection *out);

/** Shape of the result, dropped axes gone. */
slab_shape slab_selection_shape(const slab_selection *selection);

/**
 * Splits "file.h5:/path[0:10]" or "file.h5/path[0:10]" in place of a copy.
 * @param[out] file, path, brackets  slab_memory_free() each; path "/" when none is given,
 *                                   brackets "" when none
 * A file named "a:b.h5" is found when it exists. Does not open anything but looks which prefix is
 * an existing regular file (for outputs: ends in .h5, .hdf5, .hdf, .nc or stands before ":/").
 */
slab_status slab_locator_split(const char *text, char **file, char **path, char **brackets);

#ifdef __cplusplus
}
#endif
#endif
