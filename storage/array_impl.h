/* What the parts of storage/ know about an open file and its arrays. */
#ifndef SLAB_STORAGE_ARRAY_IMPL_H
#define SLAB_STORAGE_ARRAY_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include <slab/storage/array.h>
#include <slab/storage/hdf5/meta.h>

struct slab_file {
    slab_ranks *ranks;
    char *path;
    int fd;               /* raw bytes are read through it, on every rank */
    pthread_mutex_t lock; /* of meta */
    slab_meta *meta;      /* rank 0: always; other ranks: once they need it */
    slab_array *arrays;   /* those that are open, each with the next */
};

struct slab_array {
    slab_file *file;
    slab_array *next; /* of the file's */
    char *path;
    slab_array_info info;
    uint64_t key;       /* which object of the file it is */
    _Atomic int states; /* of the metadata plane, when it last was that */
    bool loaded;        /* grid and chunks are there */
    slab_grid grid;
    slab_chunk *chunks;
};

/** The metadata plane of this rank; opened at the first call. Thread-safe. */
slab_status slab_file_meta(slab_file *file, slab_meta **out);

/** After what was read of an array: fails when another process has put another one in its place.
 * Thread-safe. @retval SLAB_ERR_LOCKED */
slab_status slab_array_same(slab_array *array, slab_meta *meta);

/** What reading of an array came to, or that another process has put another one in its place. */
slab_status slab_array_judge(slab_array *array, slab_meta *meta, slab_status rc);

/** Fails where two chunks of a map share bytes, and names them. O(chunks); 8 bytes of memory for
 * each where they do not lie in the order of the grid, and where there are none left nothing is
 * checked.
 * @retval SLAB_ERR_FORMAT */
slab_status slab_chunks_are_apart(const slab_chunk *chunks, const slab_grid *grid);

/** True on the rank that reads metadata for all. */
bool slab_file_leads(const slab_file *file);

#endif
