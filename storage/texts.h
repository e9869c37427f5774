/**
 * Variable-length strings, read through HDF5. They are no elements of a fixed size, so no reader
 * gives them: here they come as C strings, a selection at a time.
 */
#ifndef SLAB_STORAGE_TEXTS_H
#define SLAB_STORAGE_TEXTS_H

#include <slab/storage/array.h>
#include <slab/storage/selection.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_texts slab_texts;

/** True for an array of variable-length strings. */
bool slab_texts_are_in(const slab_array *array);

/**
 * Reads the strings of a selection. Local to this rank. All of them are in memory at once, counted
 * in the budget.
 *
 * @retval SLAB_ERR_TYPE    the array holds something else
 * @retval SLAB_ERR_MEMORY  they do not fit
 */
slab_status slab_texts_read(slab_array *array, const slab_selection *selection, slab_texts **out);
void slab_texts_destroy(slab_texts **texts);

/** The i-th of the selection, in C order; never NULL. */
const char *slab_texts_at(const slab_texts *texts, int64_t i);

#ifdef __cplusplus
}
#endif
#endif
