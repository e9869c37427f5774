/**
 * Copying from a file that is read into a transaction: packed chunks as they are, elements that are
 * decoded and written anew, and through HDF5 everything else.
 */
#ifndef SLAB_STORAGE_COPY_H
#define SLAB_STORAGE_COPY_H

#include <slab/storage/base/crew.h>
#include <slab/storage/selection.h>
#include <slab/storage/transaction.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where things are and where their copies are, for what refers to them. */
typedef struct slab_copy_map {
    const char *from, *to;      /* paths of the object that is copied, with all below it */
    const char *const *without; /* [nwithout] names of attributes that are left out */
    int nwithout;
    bool same_file; /* what lies elsewhere is there for the copy too */
} slab_copy_map;

/* --- arrays --- */

/** Can the packed chunks of an array be copied as they are? */
bool slab_copy_is_packable(const slab_array_info *info);

/** What slab_copy_packed() takes: in all, and for each thread. */
void slab_copy_packed_memory(const slab_array_info *info, const slab_txn_options *options,
                             size_t *fixed, size_t *thread);

/**
 * Copies an array with its packed chunks as they are: nothing is decoded and no checksum is looked
 * at. Type, extents, chunks, filters (slab need not know them) and fill value are the source's.
 * Collective. The transaction writes by chunk logs (SLAB_BACKEND_LOG).
 */
slab_status slab_copy_packed(slab_array *from, slab_txn *txn, const char *path, slab_crew *crew);

/** How elements are copied. */
typedef struct slab_copy_plan {
    slab_array_spec spec;  /* of the copy */
    slab_selection select; /* of the source */
    bool keeps_type;       /* the file's own type is kept: names of an enum, character sets */
    size_t tile_bytes;     /* that a thread may hold at once; more saves decoding chunks twice */
} slab_copy_plan;

/** What slab_copy_elements() takes on top of the writer, for each thread. Collective. */
slab_status slab_copy_elements_memory(slab_array *from, const slab_copy_plan *plan, size_t *thread);

/** Decodes, converts and writes anew, in tiles that hold whole chunks of the copy. Collective. */
slab_status slab_copy_elements(slab_array *from, const slab_copy_plan *plan, slab_txn *txn,
                               const char *path, slab_crew *crew);

/* --- all else; collective, done by rank 0; attributes come last --- */

/** A link, an empty group, a named type, or an array with its elements, in memory until commit. */
slab_status slab_copy_object(slab_file *from, const char *from_path, slab_object kind,
                             slab_txn *txn, const char *path);

/** Another hard link to what has been copied. */
slab_status slab_copy_link(slab_txn *txn, const char *there, const char *path);

/** Attributes of any type, and elements that are references: they lead to the copies. */
slab_status slab_copy_attributes(slab_file *from, const char *from_path, slab_object kind,
                                 slab_txn *txn, const char *path, const slab_copy_map *map);

/** The same for two paths when they lead to the same object of a file. Local to this rank. */
slab_status slab_file_object_key(slab_file *file, const char *path, uint64_t *key);

#ifdef __cplusplus
}
#endif
#endif
