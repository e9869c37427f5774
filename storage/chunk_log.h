/**
 * The chunk log: what a rank has written of a transaction that is not committed.
 *
 * One append-only file a rank and run, beside the output: ".NAME.slab-log.NUMBER"; docs/on-disk.md
 * states the format. A batch is appended after its chunks' bytes were handed to the system, and
 * carries a checksum: what was being written when the writer died is recognised as a torn tail.
 * Whoever trusts a record checks the chunk's own checksum: bytes and log reach the disk in any
 * order.
 */
#ifndef SLAB_STORAGE_CHUNK_LOG_H
#define SLAB_STORAGE_CHUNK_LOG_H

#include <slab/storage/array.h>
#include <slab/storage/base/digest.h>
#include <slab/storage/chunk_checksum.h>
#include <slab/storage/job.h>
#include <stdbool.h>

/** A chunk whose packed bytes have been written. */
typedef struct slab_logged_chunk {
    uint32_t array;    /* number of the array in this log */
    uint32_t mask;     /* filters that were skipped */
    int64_t number;    /* in the array's chunk grid */
    uint64_t address;  /* in the file */
    uint64_t size;     /* packed bytes */
    uint64_t checksum; /* slab_chunk_checksum() of them */
} slab_logged_chunk;

/** What a chunk adds to its array's seal: where it belongs and what it holds, not where it lies. */
slab_digest slab_chunk_digest(int64_t number, uint32_t mask, uint64_t size, uint64_t checksum);

/** A digest of what decides an array's chunks: type, extents, chunk, filters, fill value. */
uint64_t slab_array_digest(const slab_array_info *info);

/** What a log is about. */
typedef struct slab_chunk_log_head {
    uint32_t rank, ranks;
    uint64_t old_size;               /* of the file before the transaction, 0: it is new */
    uint8_t job[SLAB_JOB_KEY_BYTES]; /* slab_job_key() */
} slab_chunk_log_head;

/** Path of the log of a number beside a file. slab_memory_free() it. */
slab_status slab_chunk_log_path(const char *file, int number, char **out);

/** The numbers of the logs beside a file, ascending. slab_memory_free() them. */
slab_status slab_chunk_log_list(const char *file, int **numbers, int *n);

/** Removes the logs of all ranks beside a file. Returns how many there were. */
int slab_chunk_log_remove_all(const char *file);

typedef struct slab_chunk_log slab_chunk_log;

/** @retval SLAB_ERR_EXISTS  there is one already: its writer lives, or nobody cleaned up */
slab_status slab_chunk_log_create(const char *path, const slab_chunk_log_head *head,
                                  slab_chunk_log **out);

/** Declares array number @p id, of so many chunks. */
slab_status slab_chunk_log_array(slab_chunk_log *log, uint32_t id, const char *name,
                                 uint64_t digest, int64_t nchunks);

/** Appends a batch of up to SLAB_LOG_BATCH_MAX chunks. Thread-safe. */
#define SLAB_LOG_BATCH_MAX 1024
slab_status slab_chunk_log_append(slab_chunk_log *log, const slab_logged_chunk *chunks, size_t n);

/** What has been appended is on the disk when it returns. */
slab_status slab_chunk_log_sync(slab_chunk_log *log);

/** Closes it, and removes the file when @p discard. NULL inside is fine. */
void slab_chunk_log_close(slab_chunk_log **log, bool discard);

/** Takes what a log holds. Either function may be NULL. */
typedef struct slab_chunk_log_visitor {
    void *context;
    slab_status (*array)(void *context, uint32_t id, const char *name, uint64_t digest,
                         int64_t nchunks);
    slab_status (*chunks)(void *context, const slab_logged_chunk *chunks, size_t n);
} slab_chunk_log_visitor;

/**
 * Reads a log up to its end or to the first batch that is not whole.
 *
 * @param[out] head   filled before the visitor gets anything
 * @param[out] whole  bytes of it that are good: less than the file's length when the tail is torn
 * @retval SLAB_ERR_NOT_FOUND  there is none
 * @retval SLAB_ERR_FORMAT     its head is not that of a chunk log
 */
slab_status slab_chunk_log_read(const char *path, const slab_chunk_log_visitor *visitor,
                                slab_chunk_log_head *head, uint64_t *whole);

#endif
