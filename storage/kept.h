/**
 * What an earlier run has left of an unfinished output: the chunks that its logs name, and whose
 * bytes are still whole. For the write side of storage/ alone.
 */
#ifndef SLAB_STORAGE_KEPT_H
#define SLAB_STORAGE_KEPT_H

#include <slab/storage/base/ranks.h>
#include <slab/storage/chunk_log.h>

typedef struct slab_kept slab_kept;

/** Where to look. Of what is found every chunk is one rank's: to check, and to keep. */
typedef struct slab_kept_source {
    slab_ranks *ranks; /* who share it; rank 0 alone reads the logs */
    const char *file;  /* the output that the logs lie beside */
    int fd;            /* what its chunks were written to */
    const int *logs;   /* their numbers */
    int nlogs;
    const uint8_t *job; /* [SLAB_JOB_KEY_BYTES] logs of other jobs are left alone */
    uint64_t committed; /* chunks before this address belong to somebody else */
    int threads;        /* that check chunks */
    bool trusting;      /* the bytes are not looked at: for those who only count */
} slab_kept_source;

/** An array that logs name. */
typedef struct slab_kept_array {
    char *path;
    uint64_t digest; /* slab_array_digest() */
    int64_t nchunks;
    slab_logged_chunk *chunks; /* [count] whole ones of this rank's share, each once, by number */
    int64_t count;
} slab_kept_array;

/** Reads the logs and the bytes of all chunks of this rank's share. Collective. A log that cannot
 * be read gives nothing. */
slab_status slab_kept_load(const slab_kept_source *from, slab_kept **out);
void slab_kept_destroy(slab_kept **kept);

/** The array of that path whose chunks are stored in the same way; NULL: there is none. */
const slab_kept_array *slab_kept_find(const slab_kept *kept, const char *path, uint64_t digest);

/** All of them: i = 0, 1, ... until NULL. */
const slab_kept_array *slab_kept_at(const slab_kept *kept, int i);

typedef struct slab_kept_counts {
    int64_t logged;    /* records of this share */
    int64_t whole;     /* chunks that are kept */
    int64_t bytes;     /* that these take, packed */
    uint64_t end;      /* no byte of a chunk lies behind */
    int64_t total;     /* chunks of all arrays that logs name */
    uint64_t old_size; /* of the file before the first run, UINT64_MAX: no log says it */
} slab_kept_counts;
slab_kept_counts slab_kept_count(const slab_kept *kept);

#endif
