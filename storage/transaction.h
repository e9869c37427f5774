/**
 * Writing: a transaction creates arrays in a new or an existing HDF5 file; commit makes all of it
 * visible at once. Until then, and after any failure, the file on disk is as it was.
 *
 *     slab_txn_begin -> slab_txn_create -> slab_writer_put ... -> slab_writer_close ->
 * slab_txn_commit
 */
#ifndef SLAB_STORAGE_TRANSACTION_H
#define SLAB_STORAGE_TRANSACTION_H

#include <slab/storage/array.h>
#include <slab/storage/checkpoint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_txn slab_txn;
typedef struct slab_writer slab_writer;

typedef enum slab_backend {
    SLAB_BACKEND_LOG,       /* reserved addresses, chunk logs: the default */
    SLAB_BACKEND_COLLECTIVE /* parallel HDF5's collective H5Dwrite: reference and way out */
} slab_backend;

typedef struct slab_txn_options {
    bool force;  /* existing objects of the same name are replaced */
    bool direct; /* O_DIRECT where the file system has it (default on) */
    bool sync;   /* fsync at commit (default on) */
    slab_backend backend;
    int threads;         /* that will call slab_writer_put on this rank */
    size_t write_behind; /* bytes of packed blocks in flight per rank; 0: chosen */
    const char *job;     /* what is being done, as lines that a rerun repeats (job.h); then what an
                            earlier run of it has left is continued, and a stop (SLAB_ERR_STOPPED)
                            leaves what is written to the next. NULL: neither. Rank 0's counts */
    bool fresh;          /* begin anew: what an earlier run has left, of whatever job, goes */
    bool *kept;          /* set when a stop has left something to continue; NULL: nobody asks */
} slab_txn_options;

/** Defaults: force off, direct and sync on, log backend, 1 thread. */
slab_txn_options slab_txn_defaults(void);

/**
 * Begins to write to a file. Collective. An existing file is locked against other writers; a new
 * one is made under a temporary name beside it and renamed at commit.
 *
 * @retval SLAB_ERR_LOCKED  another process writes it
 * @retval SLAB_ERR_FORMAT  it exists and is not HDF5
 * @retval SLAB_ERR_EXISTS  another job has left an unfinished output there (message: which)
 */
slab_status slab_txn_begin(slab_ranks *ranks, const char *path, const slab_txn_options *options,
                           slab_txn **out);

/** What a new array is to be. Zero-initialise, then set what matters. */
typedef struct slab_array_spec {
    slab_dtype dtype; /* as stored; precision < 8 * size asks for the N-bit filter */
    slab_shape shape;
    slab_shape max_shape; /* rank 0 and shape.rank > 0: same as shape */
    slab_shape chunk;     /* rank 0: chosen, see slab_chunk_choose() */
    const char
        *filter; /* "zstd" (default), "gzip", "lz4", "bitshuffle", "none"; with a level: "zstd:3" */
    bool no_shuffle;
    bool fletcher32;
    bool has_fill;
    uint8_t fill[SLAB_FILL_MAX];
    bool has_missing; /* declared in the attribute "missing_value" */
    uint8_t missing[SLAB_FILL_MAX];
} slab_array_spec;

/** What an array of that spec will be: chunk extents and filters chosen. Does no I/O.
 * @retval as slab_txn_create */
slab_status slab_spec_resolve(const slab_array_spec *spec, const char *path, slab_array_info *info);

/** Chunk extents of about 1 MiB, near square over the two last axes of extent > 1. */
slab_status slab_chunk_choose(const slab_shape *shape, slab_dtype dtype, slab_shape *chunk);

/**
 * Creates an array (and the groups above it). Collective.
 * @retval SLAB_ERR_EXISTS  the path is taken and force is off
 * @retval SLAB_ERR_RANGE   a chunk of 4 GiB or more: HDF5 has no room for its size
 */
slab_status slab_txn_create(slab_txn *txn, const char *path, const slab_array_spec *spec,
                            slab_writer **out);

/** Creates a small array whose elements are in memory of rank 0. Collective. data: native, C order;
 * ignored on other ranks. */
slab_status slab_txn_put(slab_txn *txn, const char *path, const slab_array_spec *spec,
                         const void *data);

/** Creates a group if it is not there. Collective. */
slab_status slab_txn_group(slab_txn *txn, const char *path);

/** Sets an attribute of an object created in this transaction or before. Collective. */
slab_status slab_txn_attribute_text(slab_txn *txn, const char *path, const char *name,
                                    const char *text);
/** @param n  number of elements; -1: a scalar. data: native, the same on all ranks */
slab_status slab_txn_attribute(slab_txn *txn, const char *path, const char *name, slab_dtype dtype,
                               int64_t n, const void *data);

/** Takes an attribute away. Collective. @retval SLAB_ERR_NOT_FOUND */
slab_status slab_txn_attribute_remove(slab_txn *txn, const char *path, const char *name);

/** Unlinks an object with all below it, or a link itself. Collective. The space stays taken until
 * the file is copied. @retval SLAB_ERR_NOT_FOUND @retval SLAB_ERR_VALUE the root group */
slab_status slab_txn_remove(slab_txn *txn, const char *path);

/** Memory that slab_txn_put() takes of rank 0. @retval as slab_spec_resolve() */
slab_status slab_txn_put_memory(const char *path, const slab_array_spec *spec,
                                const slab_txn_options *options, size_t *bytes);

/** The chunks as tiles of the array: write every one of them, in any order, on any rank. */
const slab_grid *slab_writer_grid(const slab_writer *writer);
const slab_array_info *slab_writer_describe(const slab_writer *writer);

/** The write-behind that is chosen when memory is limited to so many bytes; 0: when it is not. */
size_t slab_txn_write_behind(size_t limit);

/** Has an earlier run of this job left the chunk, by its log? Then it need not be computed: whatever
 * is put is dropped. Its bytes are checked before the commit. Thread-safe. */
bool slab_writer_has(const slab_writer *writer, int64_t chunk);

/** What the job can keep beside its chunks; NULL: nothing. Lives as long as the transaction. */
slab_checkpoint *slab_txn_checkpoint(slab_txn *txn);

/** Memory one thread needs, and what the write-behind takes per rank. */
size_t slab_writer_memory(const slab_array_info *info, const slab_txn_options *options);

/**
 * Encodes a chunk and hands it to the write-behind. Thread-safe between different threads; waits
 * only when write-behind memory is full.
 *
 * @param chunk  number in slab_writer_grid()
 * @param data   native elements of the chunk's box (clipped at the edges), C order; borrowed until
 *               the call returns
 * A chunk put twice is an error (SLAB_ERR_INTERNAL). Chunks never put read as the fill value.
 */
slab_status slab_writer_put(slab_writer *writer, int thread, int64_t chunk, const void *data);

/** As slab_writer_put, for a full chunk that has already been through the first @p first filters of
 * the pipeline (slab_writer_describe()->pipeline); edge chunks padded to full size. */
slab_status slab_writer_put_encoded(slab_writer *writer, int thread, int64_t chunk, int first,
                                    const void *data, size_t bytes);

/** Ends the writing of this array: everything handed in is on its way to the disk. Collective. */
slab_status slab_writer_close(slab_writer **writer);

typedef struct slab_write_counts {
    int64_t chunks;
    int64_t plain_bytes;
    int64_t packed_bytes;
    int64_t kept; /* chunks that an earlier run has left; of all ranks */
} slab_write_counts;
slab_write_counts slab_txn_counts(const slab_txn *txn); /* of this rank */

/** Makes everything visible, whole and durable. Collective. On failure the file is as before.
 * @retval SLAB_ERR_AGAIN    chunks that slab_writer_has() had from an earlier run are not whole;
 * all others are kept, and the same job, begun again, has to put these
 * @retval SLAB_ERR_STOPPED  a stop was asked for while they were checked; all is kept */
slab_status slab_txn_commit(slab_txn **txn);

/** Gives up; temporary files are removed. After a stop (the last error is SLAB_ERR_STOPPED, on all
 * ranks) what a job has written is kept instead, and the message says so. Collective unless the
 * job is being killed. NULL is fine. */
void slab_txn_abort(slab_txn **txn);

/** Rolls back a hot journal and removes temporary files of a dead writer, but for those that its
 * job can continue (unfinished.h). Local.
 * @param[out] did  one line for people: what was done, "" when nothing was needed;
 *                  SLAB_MESSAGE_MAX bytes */
slab_status slab_recover(const char *path, char *did);

#ifdef __cplusplus
}
#endif
#endif
