/**
 * What kept.c has found and kept_check.c looks at.
 */
#ifndef SLAB_STORAGE_KEPT_IMPL_H
#define SLAB_STORAGE_KEPT_IMPL_H

#include <slab/storage/kept.h>

typedef struct slab_checking slab_checking;

struct slab_kept {
    slab_kept_array *arrays; /* [narrays] */
    int narrays, room;
    slab_logged_chunk *chunks; /* [nchunks] of all arrays, one array after the other */
    int64_t nchunks, chunks_room;
    slab_kept_counts counts;
    slab_checking *checking; /* NULL: nobody looks at the bytes */
};

#endif
