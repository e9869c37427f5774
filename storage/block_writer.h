/**
 * Write-behind: blocks of packed bytes go to the disk in threads of their own, while the threads
 * that fill them compute on. The bytes in flight are bounded.
 */
#ifndef SLAB_STORAGE_BLOCK_WRITER_H
#define SLAB_STORAGE_BLOCK_WRITER_H

#include <slab/storage/chunk_log.h>

/** Addresses and lengths of blocks are multiples of this: what O_DIRECT asks for. */
#define SLAB_BLOCK_ALIGN 4096

/** Packed chunks, back to back. */
typedef struct slab_block {
    uint8_t *bytes;
    size_t capacity; /* a multiple of SLAB_BLOCK_ALIGN */
    size_t used;
    uint64_t address;          /* in the file: set before slab_block_submit() */
    slab_logged_chunk *chunks; /* [SLAB_LOG_BATCH_MAX]; their addresses are absolute at submit */
    size_t nchunks;
    struct slab_block *next;
} slab_block;

typedef struct slab_block_target {
    const char *path; /* for messages; borrowed */
    int fd;           /* buffered */
    int direct_fd;    /* the same file with O_DIRECT, -1: none */
    size_t block;     /* bytes of a usual block */
    size_t most;      /* bytes of all blocks, filling and in flight */
    int threads;      /* that write, 1 and up */
    /** Called from a writing thread after a block's bytes were handed to the system. */
    slab_status (*written)(void *context, const slab_block *block);
    void *context;
} slab_block_target;

typedef struct slab_block_writer slab_block_writer;

slab_status slab_block_writer_create(const slab_block_target *target, slab_block_writer **out);

/** Ends the threads. Blocks that still wait are dropped: drain first if they matter. */
void slab_block_writer_destroy(slab_block_writer **writer);

/**
 * An empty block of at least @p bytes. Thread-safe; waits while as much as is allowed is in flight.
 * Fails with the first error of the writing threads once there was one.
 */
slab_status slab_block_take(slab_block_writer *writer, size_t bytes, slab_block **out);

/** Hands a block over, padded with zeros to the alignment. Thread-safe; *block becomes NULL. */
void slab_block_submit(slab_block_writer *writer, slab_block **block);

/** Gives a block back unwritten; NULL inside is fine. Thread-safe. */
void slab_block_return(slab_block_writer *writer, slab_block **block);

/** Waits until all that was submitted is written. Thread-safe. Fails with the first error. */
slab_status slab_block_drain(slab_block_writer *writer);

/** The first error so far, without waiting. Thread-safe. */
slab_status slab_block_check(slab_block_writer *writer);

/** False when O_DIRECT was not there, or the file system refused it on the way. */
bool slab_block_writer_direct(slab_block_writer *writer);

#endif
