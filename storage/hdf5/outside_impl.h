/**
 * What HDF5 reads of other files for the elements of an array: the sources of a view (virtual
 * layout), at any depth, and external storage. It reads whatever file is named there, fills in for
 * what is missing without a word, and waits for pipes. Called inside slab_hdf5_enter().
 */
#ifndef SLAB_STORAGE_HDF5_OUTSIDE_IMPL_H
#define SLAB_STORAGE_HDF5_OUTSIDE_IMPL_H

#include <slab/storage/hdf5/library_impl.h>

/**
 * To be called before the first read of an array's elements.
 *
 * @retval SLAB_ERR_NOT_FOUND    a source, or the file of external storage, is missing
 * @retval SLAB_ERR_FORMAT       it cannot be opened, is too short, or no regular file; the array is
 *                               a view of itself, or its header holds too few elements
 * @retval SLAB_ERR_UNSUPPORTED  external storage outside of the folders where it may lie; views too
 *                               deep
 */
slab_status slab_outside_check(slab_meta *meta, const char *path, hid_t array);

#endif
