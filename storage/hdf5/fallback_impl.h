/**
 * H5Dread of selections, shared by numbers and strings. Called inside slab_hdf5_enter().
 */
#ifndef SLAB_STORAGE_HDF5_FALLBACK_IMPL_H
#define SLAB_STORAGE_HDF5_FALLBACK_IMPL_H

#include <slab/storage/hdf5/library_impl.h>

/** What a selection takes, at `size` bytes an element. */
slab_status slab_selection_bytes(const slab_selection *selection, size_t size, size_t *bytes);

/** Can all elements of an array be left to HDF5, without harm and without a guess? */
slab_status slab_hdf5_readable(slab_meta *meta, const char *path, hid_t array);

/** Reads a selection that is not empty into `size` bytes an element, of HDF5's type `memory`. */
slab_status slab_hdf5_transfer(slab_meta *meta, hid_t array, const slab_selection *selection,
                               hid_t memory, size_t size, hid_t dxpl, void *dst);

#endif
