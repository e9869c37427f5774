/**
 * What formats do with an output besides: the standard output, sets of files, blocks of text.
 */
#ifndef SLAB_FORMAT_OUTPUT_IMPL_H
#define SLAB_FORMAT_OUTPUT_IMPL_H

#include <slab/format/output.h>
#include <slab/storage/base/crew.h>

/** The standard output instead: takes blocks of text, and what rank 0 writes before them. */
slab_status slab_output_open_stream(slab_ranks *ranks, slab_output *out);

/** Of an output of several files, the one that says the others are there: takes the old one away,
 * durably, if it is to be replaced, so that new ones never stand beside it. Collective. */
slab_status slab_output_clear_place(slab_output *out);

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
