/**
 * HDF5's calls that are not the same in every version.
 */
#ifndef SLAB_TESTS_UNIT_HDF5_HDF5_IMPL_H
#define SLAB_TESTS_UNIT_HDF5_HDF5_IMPL_H

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

/* The chunk as it is stored, into `room` bytes. */
static inline herr_t hdf5_read_chunk(hid_t dataset, const hsize_t *offset, uint32_t *mask,
                                     void *bytes, size_t room)
{
#if H5_VERSION_GE(2, 0, 0)
    return H5Dread_chunk(dataset, H5P_DEFAULT, offset, mask, bytes, &room);
#else
    (void)room;
    return H5Dread_chunk(dataset, H5P_DEFAULT, offset, mask, bytes);
#endif
}

#endif
