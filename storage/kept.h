/**
 * What an earlier run has left of an unfinished output: the chunks that its logs name, and threads
 * that look beside the work whether their bytes are whole. For the write side of storage/ alone.
 */
#ifndef SLAB_STORAGE_KEPT_H
#define SLAB_STORAGE_KEPT_H

#include <slab/storage/base/ranks.h>
#include <slab/storage/chunk_log.h>

typedef struct slab_kept slab_kept;

/** Where to look. Of what is found every chunk is one rank's: to keep, and to check. */
typedef struct slab_kept_source {
    slab_ranks *ranks; /* who share it; rank 0 alone reads the logs */
    const char *file;  /* the output that the logs lie beside */
    const int *logs;   /* their numbers */
    int nlogs;
    const uint8_t *job; /* [SLAB_JOB_KEY_BYTES] logs of other jobs are left alone */
    uint64_t committed; /* chunks before this address belong to somebody else */
    uint64_t end;       /* of the file, INT64_MAX at most: what would reach further is not there */
} slab_kept_source;

/** An array that logs name. */
typedef struct slab_kept_array {
    char *path;
    uint64_t digest; /* slab_array_digest() */
    int64_t nchunks;
    slab_logged_chunk *chunks; /* [count] of this rank's share, each once, by address */
    int64_t count;
} slab_kept_array;

/** Reads the logs, and believes them. Collective. A log that cannot be read gives nothing. */
slab_status slab_kept_load(const slab_kept_source *from, slab_kept **out);
/** Ends a check as well. */
void slab_kept_destroy(slab_kept **kept);

/** The array of that path whose chunks are stored in the same way; NULL: there is none. */
const slab_kept_array *slab_kept_find(const slab_kept *kept, const char *path, uint64_t digest);

/** All of them: i = 0, 1, ... until NULL. */
const slab_kept_array *slab_kept_at(const slab_kept *kept, int i);

typedef struct slab_kept_counts {
    int64_t chunks;    /* of this share */
    int64_t bytes;     /* that these take, packed */
    uint64_t end;      /* no byte of a chunk lies behind */
    int64_t total;     /* chunks of all arrays that logs name */
    uint64_t old_size; /* of the file before the first run, UINT64_MAX: no log says it */
} slab_kept_counts;
slab_kept_counts slab_kept_count(const slab_kept *kept);

/* --- kept_check.c --- */

/** How the bytes are read back. */
typedef struct slab_kept_check {
    int fd, direct_fd; /* what the chunks were written to; the second with O_DIRECT, -1: none */
    size_t bytes;      /* of memory, 256 KiB at least */
    /* is given chunks that are whole, whose checksums were compared. From any of the threads. */
    slab_status (*whole)(void *context, const slab_logged_chunk *chunks, size_t n);
    void *context;
} slab_kept_check;

/** Begins to read all chunks of this rank's share and to compare their checksums, by threads of
 * its own. What @p check names is borrowed until slab_kept_check_end(); nothing else of `kept`
 * changes. Once. */
slab_status slab_kept_check_begin(slab_kept *kept, const slab_kept_check *check);

/**
 * Waits until all are read.
 * @param[out] broken  chunks that are not whole, or could not be read
 * @retval SLAB_ERR_STOPPED  a stop was asked for meanwhile
 * @return also what `whole` has returned
 */
slab_status slab_kept_check_wait(slab_kept *kept, int64_t *broken);

/** Ends the threads, done or not. */
void slab_kept_check_end(slab_kept *kept);

/** All have been read, and `whole` has got those that are. Before the end of the check. */
bool slab_kept_is_checked(const slab_kept *kept);

#endif
