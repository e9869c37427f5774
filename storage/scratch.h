/**
 * A scratch file: bytes that need not outlive the process, written and read at any place by the
 * threads of all ranks. It has no name once all have opened it, so that nothing is left behind.
 */
#ifndef SLAB_STORAGE_SCRATCH_H
#define SLAB_STORAGE_SCRATCH_H

#include <slab/storage/base/ranks.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_scratch slab_scratch;

/**
 * Makes one. Collective over @p ranks; NULL: this process alone.
 *
 * @param folder  NULL: $TMPDIR, else /tmp. All ranks must see the same files in it.
 * @retval SLAB_ERR_NOT_FOUND  there is no such folder, or a rank on another machine does not see it
 * @retval SLAB_ERR_IO         it cannot be created
 */
slab_status slab_scratch_create(slab_ranks *ranks, const char *folder, slab_scratch **out);
void slab_scratch_destroy(slab_scratch **scratch);

/** Whole or an error (SLAB_ERR_IO, with what the system said). Thread-safe. Never written: zeros.
 */
slab_status slab_scratch_write(slab_scratch *scratch, uint64_t offset, const void *data,
                               size_t bytes);
slab_status slab_scratch_read(const slab_scratch *scratch, uint64_t offset, void *data,
                              size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
