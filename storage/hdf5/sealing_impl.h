/**
 * What a transaction changes, noted for the seals at its end. Notes are taken by the functions of
 * the metadata plane, inside slab_hdf5_enter(); without slab_meta_seal_with() they do nothing.
 */
#ifndef SLAB_STORAGE_HDF5_SEALING_IMPL_H
#define SLAB_STORAGE_HDF5_SEALING_IMPL_H

#include <slab/storage/hdf5/library_impl.h>
#include <slab/storage/hdf5/seal_impl.h>

/** To be called before an object is created, and the groups above it that are not there. */
slab_status slab_sealing_created(slab_meta *meta, const char *path);

/** To be called before a link goes. */
slab_status slab_sealing_removed(slab_meta *meta, const char *path);

slab_status slab_sealing_attribute(slab_meta *meta, const char *path, const char *name);

/** Makes the seal of an object from what HDF5 says of it now, under the id that it has already, and
 * writes it. `chunks`: the sum over those that slab has written; NULL: elements are read instead.
 */
slab_status slab_seal_object(slab_meta *meta, hid_t object, const slab_digest *chunks,
                             slab_seal *seal);

/** Enters an attribute as it is now. */
slab_status slab_seal_attribute_now(slab_meta *meta, hid_t object, const char *name,
                                    slab_seal *seal);

#endif
