/** Parts of `slab verify`. */
#ifndef SLAB_TOOLS_VERIFY_IMPL_H
#define SLAB_TOOLS_VERIFY_IMPL_H

#include <jansson.h>
#include <slab/storage/array.h>
#include <slab/tools/seals.h>

/** What has been found so far, the same on all ranks but for what rank 0 prints. */
typedef struct slab_verify {
    slab_call *call;
    int64_t bad_chunks, unreadable; /* chunks; arrays that cannot be checked because of damage */
    slab_seals seals;
    json_t *json; /* of the arrays; NULL: text */
} slab_verify;

/** Checks all chunks of an array, and its seal, and says what is bad. Damage is no failure: it is
 * counted. Collective. */
slab_status slab_verify_array(slab_verify *v, slab_file *file, const char *path);

/** Is a failure to read something due to what the file holds? */
bool slab_verify_is_damage(slab_status rc);

/** Bytes for a chunk of an array: packed, between filters, decoded. */
size_t slab_verify_memory(const slab_array_info *info);

#endif
