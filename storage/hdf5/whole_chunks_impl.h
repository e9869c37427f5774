/**
 * Elements that HDF5 is to read. Of a chunk that decodes to fewer bytes than a chunk has,
 * HDF5 reads on behind its buffer, and gives what lies there as elements; texts and lists see
 * lists_impl.h. Called inside slab_hdf5_enter().
 */
#ifndef SLAB_STORAGE_HDF5_WHOLE_CHUNKS_IMPL_H
#define SLAB_STORAGE_HDF5_WHOLE_CHUNKS_IMPL_H

#include <slab/storage/hdf5/library_impl.h>

/**
 * To be called before HDF5 reads a selection (NULL: all elements) of an array. Nothing for compact
 * and virtual layouts, and for what only HDF5 can decode: there, only chunks that no filter has
 * touched are looked at.
 *
 * @param[in] info  as slab_meta_describe() has it
 * @retval SLAB_ERR_FORMAT, SLAB_ERR_CHECKSUM  a chunk is damaged, or has too few bytes
 */
slab_status slab_chunks_are_whole(hid_t array, const slab_array_info *info,
                                  const slab_selection *selection);

/** At most so many rows, from the first on, along the first axis; all of the others. */
slab_selection slab_selection_rows(const slab_shape *shape, int64_t first, int64_t most);

#endif
