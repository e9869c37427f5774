/**
 * Elements of variable length, texts and lists: in their array stand a length and where in which
 * heap they lie. HDF5 copies what the heap has into room for what the element states: where the two
 * do not agree it gives what was in that room before, or writes behind it. Called inside
 * slab_hdf5_enter().
 */
#ifndef SLAB_STORAGE_HDF5_LISTS_IMPL_H
#define SLAB_STORAGE_HDF5_LISTS_IMPL_H

#include <slab/storage/hdf5/library_impl.h>

typedef struct slab_lists slab_lists;

/**
 * @param[out] out  NULL: the array's elements are no such, or cannot be looked at: in a file that
 * is being written, and where addresses do not take 8 bytes
 * @retval SLAB_ERR_IO, SLAB_ERR_MEMORY
 */
slab_status slab_lists_open(hid_t array, slab_lists **out);
void slab_lists_close(slab_lists **lists);

/** Elements as they are in the file, 16 bytes each.
 * @retval SLAB_ERR_FORMAT  one is not what its heap says */
slab_status slab_lists_check(slab_lists *lists, const uint8_t *elements, size_t n);

/** The same for the rows of a selection, along the first axis, of an array in one piece. */
slab_status slab_lists_check_rows(slab_lists *lists, hid_t array, const slab_shape *shape,
                                  const slab_selection *selection);

#endif
