/**
 * A foreign file being written by all ranks: under a temporary name beside it, made durable and
 * renamed when it is whole. Until then, and after a failure, what stood there stands.
 */
#ifndef SLAB_FORMAT_OUTPUT_IMPL_H
#define SLAB_FORMAT_OUTPUT_IMPL_H

#include <slab/storage/base/crew.h>
#include <slab/storage/base/ranks.h>
#include <slab/storage/base/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slab_output {
    slab_ranks *ranks;
    char *path;
    char *temporary;
    int fd;
    bool force;
    bool stream; /* the standard output: rank 0 writes it from front to back */
} slab_output;

/** Collective. @retval SLAB_ERR_EXISTS  path is taken and force is off
 *  @retval SLAB_ERR_NOT_FOUND  the folder is missing */
slab_status slab_output_open(slab_ranks *ranks, const char *path, bool force, slab_output *out);

/** The standard output instead: takes blocks of text, and what rank 0 writes before them. */
slab_status slab_output_open_stream(slab_ranks *ranks, slab_output *out);

/** Writes bytes at an offset. Thread-safe. To a stream: rank 0 alone, front to back. */
slab_status slab_output_write(const slab_output *out, int64_t offset, const void *src,
                              size_t bytes);

/** Makes the bytes durable: each rank its own. Collective. */
slab_status slab_output_sync(slab_output *out);

/** Of an output of several files, the one that says the others are there: takes the old one away,
 * durably, if it is to be replaced, so that new ones never stand beside it. Collective. */
slab_status slab_output_clear_place(slab_output *out);

/** Gives the file its name. Collective; after slab_output_sync(). */
slab_status slab_output_rename(slab_output *out);

/** Removes the temporary file unless it was renamed. Collective in that all ranks come here. */
void slab_output_close(slab_output *out);

/**
 * Text whose place in the file depends on all text before it: blocks are formatted in parallel,
 * a few per thread at a time, and written where the lengths before them say.
 *
 * The callback writes block `block` into text (room for `capacity` bytes).
 */
typedef slab_status (*slab_block_text)(void *context, int thread, int64_t block, char *text,
                                       size_t capacity, size_t *length);

/** Writes nblocks blocks from *offset on, and advances it. Collective. Takes
 * slab_output_blocks_memory() bytes on every rank. */
slab_status slab_output_blocks(slab_output *out, slab_crew *crew, int64_t nblocks, size_t capacity,
                               slab_block_text format, void *context, int64_t *offset);
size_t slab_output_blocks_memory(int threads, size_t capacity);

#endif
