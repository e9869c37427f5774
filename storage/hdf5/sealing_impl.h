/**
 * What a transaction changes, noted for the seals at its end. Notes are taken by the functions of
 * the metadata plane, inside slab_hdf5_enter(); without slab_meta_seal_with() they do nothing.
 */
#ifndef SLAB_STORAGE_HDF5_SEALING_IMPL_H
#define SLAB_STORAGE_HDF5_SEALING_IMPL_H

#include <slab/storage/hdf5/library_impl.h>

/** To be called before an object is created, and the groups above it that are not there. */
slab_status slab_sealing_created(slab_meta *meta, const char *path);

/** To be called before a link goes. */
slab_status slab_sealing_removed(slab_meta *meta, const char *path);

slab_status slab_sealing_attribute(slab_meta *meta, const char *path, const char *name);

#endif
