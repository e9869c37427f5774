/* The checkpoint as the transaction sees it. */
#ifndef SLAB_STORAGE_CHECKPOINT_IMPL_H
#define SLAB_STORAGE_CHECKPOINT_IMPL_H

#include <slab/storage/checkpoint.h>
#include <slab/storage/job.h>

/**
 * The checkpoint beside a file; the file itself comes with the first record. Collective.
 * @param resumes  take over the records that an earlier run of this job has left; else they go
 */
slab_status slab_checkpoint_open(slab_ranks *ranks, const char *file,
                                 const uint8_t job[SLAB_JOB_KEY_BYTES], bool resumes, bool sync,
                                 slab_checkpoint **out);

/** Closes it, and removes the file when @p discard. NULL inside is fine. */
void slab_checkpoint_close(slab_checkpoint **checkpoint, bool discard);

/** Removes the checkpoint beside a file. Local. True when there was one. */
bool slab_checkpoint_remove(const char *file);

/** Whole records beside a file that belong to a job. Local. */
int slab_checkpoint_count(const char *file, const uint8_t job[SLAB_JOB_KEY_BYTES]);

#endif
