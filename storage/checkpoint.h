/**
 * What a job has worked out and would not like to work out again: results of finished passes, the
 * state of an iteration. Small named records in one append-only file beside the unfinished output,
 * ".NAME.slab-state"; docs/on-disk.md states the format. A record put again replaces the one
 * before.
 *
 * Rank 0 alone reads and writes the file. All functions that are called collective are so even
 * where there is no checkpoint: NULL is one that keeps nothing and has nothing.
 */
#ifndef SLAB_STORAGE_CHECKPOINT_H
#define SLAB_STORAGE_CHECKPOINT_H

#include <slab/storage/base/ranks.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_checkpoint slab_checkpoint;

/** A part of a record: parts lie one after another. */
typedef struct slab_state_part {
    void *data;
    size_t bytes;
} slab_state_part;

/**
 * Keeps a record, on the disk when it returns. Collective; the parts are rank 0's.
 *
 * A record that cannot be written is a warning, once: the run goes on, it only cannot be continued
 * from there.
 */
slab_status slab_checkpoint_put(slab_checkpoint *checkpoint, const char *name,
                                const slab_state_part *parts, int n);

/**
 * Keeps a record that counts for nothing by itself: one of many that a later slab_checkpoint_seal()
 * names, which brings all of them to the disk. On rank 0 alone; not collective.
 *
 * @param[out] kept  false: it could not be written, which is a warning as above
 */
slab_status slab_checkpoint_add(slab_checkpoint *checkpoint, const char *name,
                                const slab_state_part *parts, int n, bool *kept);

/** Keeps a record and brings it to the disk, with all that have been added before. On rank 0 alone;
 * not collective. @param[out] kept  false: it could not be; the one of that name before holds */
slab_status slab_checkpoint_seal(slab_checkpoint *checkpoint, const char *name,
                                 const slab_state_part *parts, int n, bool *kept);

/** Records whose names begin so are not needed any more: their room is used again. The next run may
 * find them still. On rank 0 alone; not collective. */
void slab_checkpoint_forget(slab_checkpoint *checkpoint, const char *prefix);

/** Fills the parts, on every rank, when there is a record of that name and of their size together.
 * Collective. @param[out] found  false: there is none, and the parts are untouched */
slab_status slab_checkpoint_get(slab_checkpoint *checkpoint, const char *name,
                                const slab_state_part *parts, int n, bool *found);

/** As slab_checkpoint_get(), on rank 0 alone; not collective. */
slab_status slab_checkpoint_read(slab_checkpoint *checkpoint, const char *name,
                                 const slab_state_part *parts, int n, bool *found);

/** Bytes of a record, -1: there is none. Collective. */
slab_status slab_checkpoint_size(slab_checkpoint *checkpoint, const char *name, int64_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
