/**
 * Seals: what slab has written of an object, in digests, so that it can be told later whether a
 * reader still sees that (docs/decisions/seal.md).
 */
#ifndef SLAB_STORAGE_SEAL_H
#define SLAB_STORAGE_SEAL_H

#include <slab/storage/array.h>
#include <slab/storage/base/digest.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slab_sealed {
    SLAB_SEALED_NOT,    /* another program made it, or an older slab */
    SLAB_SEALED_PARTLY, /* another program made it, and slab has put something there */
    SLAB_SEALED_WHOLLY, /* slab made it */
    SLAB_SEALED_ONCE    /* the seal has been lost, or is damaged */
} slab_sealed;

/** How an object compares with its seal. Free with slab_seal_check_clear(). */
typedef struct slab_seal_check {
    slab_sealed sealed;
    char **differs; /* [ndiffers] what is not as it was sealed: "shape", "attribute 'units'" */
    size_t ndiffers;
    bool has_chunks;    /* an array whose chunks are sealed: for the caller to compare */
    slab_digest chunks; /* with the sum of slab_chunk_digest() over all chunks that there are */
    bool has_elements;  /* an array whose elements are sealed: they have been compared */
} slab_seal_check;

/**
 * Compares an object with its seal: all but an array's chunks. A group: its links and attributes,
 * not what lies below. Local to this rank.
 * @retval SLAB_ERR_NOT_FOUND
 */
slab_status slab_file_seal_check(slab_file *file, const char *path, slab_seal_check *out);
void slab_seal_check_clear(slab_seal_check *check);

/** Notes that something differs. */
slab_status slab_seal_check_add(slab_seal_check *check, const char *what);

#ifdef __cplusplus
}
#endif
#endif
