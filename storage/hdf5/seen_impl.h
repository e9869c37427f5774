/**
 * What a reader sees of an object, as digests: the same for the same content, wherever HDF5 has put
 * it in the file, and whichever version of the library looks. Called inside slab_hdf5_enter().
 */
#ifndef SLAB_STORAGE_HDF5_SEEN_IMPL_H
#define SLAB_STORAGE_HDF5_SEEN_IMPL_H

#include <hdf5.h>
#include <slab/storage/base/digest.h>
#include <slab/storage/base/status.h>

/** A type as elements have it, with all that decides what their bytes mean. */
slab_status slab_seen_type(hid_t type, slab_digest *out);

/** Extents, and how far they may grow. */
slab_status slab_seen_space(hid_t space, slab_digest *out);

/** How an array is stored: layout, chunks, filters with their parameters, fill value; where
 * elements lie in other files or arrays, these. Addresses are not part of it. */
slab_status slab_seen_storage(hid_t array, hid_t type, slab_digest *out);

/** An attribute of an object: type, shape and value. */
slab_status slab_seen_attribute(hid_t file, hid_t object, const char *name, uint64_t *out);

/** All elements of an array, read through HDF5 in the file's own type. @param file  that references
 * lead into */
slab_status slab_seen_elements(hid_t file, hid_t array, slab_digest *out);

/** Do the elements of an array lie in its own file? */
bool slab_seen_is_here(hid_t array);

/* --- seen_value.c --- */

/** Can elements be compared by their bytes alone? */
bool slab_seen_is_plain(hid_t type);

/** n elements of a type, as HDF5 has put them into memory. */
slab_status slab_seen_values(hid_t file, hid_t type, const void *elements, size_t n,
                             slab_hash *hash);

#endif
