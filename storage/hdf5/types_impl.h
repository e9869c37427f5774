/**
 * Element types between HDF5 and slab.
 */
#ifndef SLAB_STORAGE_HDF5_TYPES_IMPL_H
#define SLAB_STORAGE_HDF5_TYPES_IMPL_H

#include <hdf5.h>
#include <slab/storage/base/dtype.h>

/**
 * What slab takes an HDF5 type for.
 *
 * @param[out] dtype   as stored; for types only H5Dread can convert, the native type it converts to
 * @param[out] reason  why H5Dread must, "" when it need not; at least SLAB_REASON_MAX bytes
 */
slab_status slab_type_from_hdf5(hid_t type, slab_dtype *dtype, char *reason);

/** HDF5's type of stored elements. The caller closes it. */
slab_status slab_type_to_hdf5(slab_dtype dtype, hid_t *type);

/** The memory type to read elements of a file type with, so that they come as `native`. The caller
 * closes it. Not the same as slab_type_to_hdf5(): enums and bitfields convert only to their like.
 */
slab_status slab_type_memory(hid_t file_type, slab_dtype native, hid_t *type);

/** HDF5's own words for a type: "variable-length string", "compound {x: float64}". */
void slab_type_text(hid_t type, char *text, size_t size);

#endif
