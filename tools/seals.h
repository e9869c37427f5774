/**
 * What slab verify says of seals: of each object, and of all in the end. On rank 0.
 */
#ifndef SLAB_TOOLS_SEALS_H
#define SLAB_TOOLS_SEALS_H

#include <slab/storage/seal.h>
#include <slab/tools/json.h>

/** How many objects there were, and those that are not as they were sealed. */
typedef struct slab_seals {
    int64_t objects, unsealed, broken;
    json_t *list; /* of the broken ones; NULL: lines are printed */
} slab_seals;

/** Counts an object that has been compared, and says what differs. */
void slab_seals_count(slab_call *call, slab_seals *seals, const char *path,
                      const slab_seal_check *check);

/** One word: "whole", "partly", "none" or "broken". */
const char *slab_seals_word(const slab_seal_check *check);

/** In the end: what had no seal. */
void slab_seals_summary(slab_call *call, const slab_seals *seals);

#endif
