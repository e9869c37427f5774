/**
 * Objects by themselves, whatever they are called.
 */
#ifndef SLAB_STORAGE_HDF5_OCCUPIED_IMPL_H
#define SLAB_STORAGE_HDF5_OCCUPIED_IMPL_H

#include <hdf5.h>
#include <slab/storage/base/status.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct slab_object_place {
    uint64_t key;   /* the same for two paths when they lead to the same object of a file */
    uint64_t links; /* hard links that lead to it */
    uint64_t bytes; /* of its header, indices and heaps; elements not counted */
} slab_object_place;

/** Does what a path leads to lie in another file than `place`: behind an external link? */
slab_status slab_hdf5_is_elsewhere(hid_t place, const char *path, bool *elsewhere);

/** The file that an object lies in, as HDF5 opened it. slab_memory_free() it. */
slab_status slab_hdf5_file_name(hid_t object, char **out);

/** The key alone: the header is read, and nothing below it. */
slab_status slab_hdf5_key(hid_t place, const char *path, uint64_t *key);

slab_status slab_hdf5_place(hid_t place, const char *path, slab_object_place *out);

#endif
