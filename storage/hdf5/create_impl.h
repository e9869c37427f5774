/**
 * Creating arrays and groups: the same for the metadata plane and the collective backend.
 */
#ifndef SLAB_STORAGE_HDF5_CREATE_IMPL_H
#define SLAB_STORAGE_HDF5_CREATE_IMPL_H

#include <hdf5.h>
#include <slab/storage/array.h>

/** Creates an array and the groups above it. The caller closes it.
 * @retval SLAB_ERR_EXISTS  the path is taken */
slab_status slab_hdf5_create_array(hid_t file, const char *path, const slab_array_info *info,
                                   hid_t *array);

/** As slab_hdf5_create_array, of this very type. */
slab_status slab_hdf5_create_typed(hid_t file, const char *path, const slab_array_info *info,
                                   hid_t type, hid_t *array);

/** Creates a group and those above it, unless it is there. @retval SLAB_ERR_EXISTS an array is */
slab_status slab_hdf5_create_group(hid_t file, const char *path);

#endif
