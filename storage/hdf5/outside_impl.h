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

/* --- names of other files (outside_names.c); paths that are given out are slab_memory_free()'s ---
 */

/** folder/name; of folder n letters count. */
slab_status slab_outside_joined(const char *folder, size_t n, const char *name, char **out);

/** A prefix from the environment, as HDF5 takes it: ${ORIGIN} is the folder of the file. NULL:
 * none. */
slab_status slab_outside_prefix(const char *variable, const char *main_path, char **out);

/** The first place where HDF5 finds a view's source file, in its order; NULL when there is none. */
slab_status slab_outside_source(const char *main_path, const char *name, char **out);

/** A name as HDF5 spells it for block number `block`: %b is the number, %% is %.
 * @param[in,out] numbered  becomes true where the name has a %b */
slab_status slab_outside_spell(const char *name, int64_t block, char **out, bool *numbered);

/** May external storage be read there? Below the folder of the HDF5 file, by the name it was opened
 * by or where that leads; or where the user says that such files are. */
slab_status slab_outside_may_read(const char *path, const char *main_path, const char *prefix,
                                  bool *may);

#endif
