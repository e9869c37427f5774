/**
 * What the files of the write side share.
 */
#ifndef SLAB_STORAGE_TRANSACTION_IMPL_H
#define SLAB_STORAGE_TRANSACTION_IMPL_H

#include <pthread.h>
#include <slab/storage/block_writer.h>
#include <slab/storage/checkpoint_impl.h>
#include <slab/storage/hdf5/meta.h>
#include <slab/storage/kept.h>
#include <slab/storage/space.h>
#include <slab/storage/temporary.h>
#include <slab/storage/transaction.h>
#include <slab/storage/unfinished.h>
#include <stdatomic.h>

/* --- transaction_file.c: names, locks and renames; on rank 0 where not said otherwise --- */

typedef struct slab_txn_file {
    char *path;        /* the output, links resolved */
    char *work;        /* what is written to: the output itself, or a temporary file beside it */
    char *journal;     /* of work */
    bool existed;      /* the output was there before */
    bool in_place;     /* work is the output itself */
    bool committing;   /* the metadata plane has the file's length in its hands now */
    uint64_t old_size; /* of the output */
    int lock;          /* holds the lock on work: of a new one exclusive, else that of intent */
    int guard;         /* the same on an existing output that is replaced, -1: none */
    bool resumed;      /* an earlier run of the same job has left something to continue */
} slab_txn_file;

/** What the caller wants done with what it finds. */
typedef struct slab_txn_wish {
    bool copy;       /* work on a copy of an existing file, not in place */
    bool fresh;      /* what an earlier run has left goes */
    const char *job; /* NULL: nothing can be continued */
} slab_txn_wish;

/** Recovers and locks an existing file, or makes the temporary one, or takes over what an earlier
 * run of the same job has left.
 * @retval SLAB_ERR_EXISTS  another job has left an unfinished output there */
slab_status slab_txn_file_begin(const char *path, const slab_txn_wish *wish, slab_txn_file *out);

/** Rolls an existing file back, if its last writer died amid a commit, and takes the lock of one
 * who writes it. @p path: links resolved
 * @retval SLAB_ERR_LOCKED  another process is writing it */
slab_status slab_txn_file_lock(const char *path, int *fd);

/* --- unfinished.c --- */

/** Counts what can be continued: fills chunks, total, bytes and records. */
slab_status slab_unfinished_count(const char *file, const char *job, bool in_place,
                                  slab_unfinished *out);

/** Where an existing file ends: by HDF5's word, and its length before the first run of the job that
 * is beside it. @param[in,out] old_size  its length now; what was behind the end before stays */
slab_status slab_unfinished_ends(const char *file, uint64_t *committed, uint64_t *old_size);

/** Removes logs, checkpoint and job beside a file. True when there were some. */
bool slab_leftovers_remove(const char *file);

/* --- resume.c --- */

/**
 * What is beside the output, whose lock is held: is it this job's, nobody's any more, or another's?
 * @param begun  there is a temporary file: the output was to be a new one
 * @param[out] resumed  it can be continued; else it has been removed, but for the temporary file
 * @retval SLAB_ERR_EXISTS  it is another job's (message: what differs)
 */
slab_status slab_leftovers_judge(const char *file, bool begun, const slab_txn_wish *wish,
                                 bool *resumed);

/** Before the commit of an existing output: waits until no program that locks what it reads has it
 * open, and keeps them away until the file is closed.
 * @retval SLAB_ERR_STOPPED  a stop was asked for meanwhile, or ten minutes are over
 * @retval SLAB_ERR_LOCKED   a writer who is not slab got in between */
slab_status slab_txn_file_alone(const slab_txn_file *file);

/** Gives a temporary file its final name, durably with @p sync, and lets the locks go. */
slab_status slab_txn_file_publish(slab_txn_file *file, bool sync);

/** Removes the temporary file, or cuts an existing one to its old length; lets the locks go. */
void slab_txn_file_discard(slab_txn_file *file);

/** Frees what file holds, and closes the locks. Any rank. */
void slab_txn_file_clear(slab_txn_file *file);

/* --- writer_spec.c --- */

/** The fill value in stored form, zeros when there is none. */
slab_status slab_fill_stored(const slab_array_info *info, uint8_t fill[SLAB_FILL_MAX]);

/** Elements of one chunk in bytes; info has been resolved. */
size_t slab_info_chunk_bytes(const slab_array_info *info);

/* --- transaction.c --- */

/** The block that a thread is filling. The lock is for whoever closes an array meanwhile. */
typedef struct slab_txn_thread {
    pthread_mutex_t lock;
    slab_block *block;
} slab_txn_thread;

struct slab_txn {
    slab_ranks *ranks;
    bool root; /* rank 0: holds the metadata plane and the locks */
    slab_txn_options options;
    slab_txn_file file;
    int fd, direct_fd;
    int check_fd; /* O_DIRECT too, to read back what was left */
    slab_meta *meta;
    slab_sealing *sealing; /* on rank 0 */
    slab_space *space;
    slab_block_writer *blocks;
    slab_chunk_log *log;
    uint8_t job[SLAB_JOB_KEY_BYTES];
    bool continues; /* a stop keeps what is written, for the same job to continue */
    int *old_logs;  /* [nold_logs] numbers of those that earlier runs have left */
    int nold_logs;
    slab_kept *kept;     /* NULL: nothing was left */
    int64_t kept_chunks; /* of all ranks */
    slab_checkpoint *checkpoint;
    size_t block_bytes;
    slab_txn_thread *threads; /* [options.threads] */

    pthread_mutex_t lock; /* around the arrays' placed chunks */
    slab_writer **arrays; /* [narrays], closed ones too: by their number in the log */
    uint32_t narrays;
    uint32_t arrays_room;

    atomic_int_fast64_t chunks, plain_bytes, packed_bytes;
};

/** Where rank 0 alone acts: agree on how it went. */
#define ON_ROOT(txn, call) slab_ranks_agree((txn)->ranks, (txn)->root ? (call) : SLAB_OK)

/** Opens the metadata plane on the file that is written. On rank 0. */
slab_status slab_txn_begin_meta(slab_txn *txn, bool create);

/** Makes room for an object at path: fails when it is taken and force is off. On rank 0. */
slab_status slab_txn_clear_path(slab_txn *txn, const char *path);

/** Queues what a thread has gathered. */
slab_status slab_txn_flush(slab_txn *txn, int thread);

/** Where the thread's next chunk of up to @p bytes can be packed; NULL when it is larger than a
 * usual block: then it is packed elsewhere. To be followed by slab_txn_place(). */
slab_status slab_txn_room(slab_txn *txn, int thread, size_t bytes, void **out);

/** Adds a packed chunk to the thread's block: copies it there unless slab_txn_room() gave the place
 * where it lies. @param mask  filters that were skipped */
slab_status slab_txn_place(slab_txn *txn, int thread, slab_writer *writer, int64_t chunk,
                           uint32_t mask, const void *packed, size_t bytes);

/** Takes over what earlier runs have left, on the word of their logs, and begins to check it.
 * Nothing is done in a transaction that does not resume. Collective. */
slab_status slab_txn_take_over(slab_txn *txn, uint64_t committed);

/** Waits until all that was taken over is checked; then nothing depends on the old logs any more.
 * Collective.
 * @retval SLAB_ERR_AGAIN  some is not whole: this run's logs, which say what is, go to the next
 * @retval SLAB_ERR_STOPPED  a stop was asked for meanwhile */
slab_status slab_txn_prove_kept(slab_txn *txn);

/** Gives a writer the chunks of its array that were left. Collective. */
slab_status slab_writer_take_over(slab_writer *writer);

/** Ends the transaction so that the same job can continue it. Collective. */
void slab_txn_suspend(slab_txn *txn);

/* --- writer.c, writer_register.c, writer_held.c --- */

/** An array's elements that wait for the collective write. */
typedef struct slab_held_chunk {
    int64_t number;
    void *data; /* native elements of the clipped chunk */
} slab_held_chunk;

struct slab_writer {
    slab_txn *txn;
    slab_array *like; /* created with this one's type; NULL: with that of info */
    bool like_stored; /* and with its chunks and filters */
    uint32_t id;
    bool closed;
    char *path;
    slab_array_info info;
    slab_grid grid;
    slab_dtype native;
    size_t chunk_bytes;
    size_t bound;      /* packed bytes of a chunk, at most */
    slab_lane **lanes; /* [threads], made at a thread's first put */
    void **scratch;    /* [threads], a whole chunk: padding, conversion */

    uint8_t *there; /* a bit for every chunk that an earlier run has left; NULL: none is */
    slab_placed_chunk *placed; /* log backend; guarded by txn->lock */
    int64_t nplaced, placed_room;
    slab_digest sum; /* of the digests of the chunks that this rank has placed */

    pthread_mutex_t lock;  /* around the held ones */
    slab_held_chunk *held; /* collective backend, and scalars */
    int64_t nheld, held_room;
};

void slab_writer_free(slab_writer *writer);

/**
 * Creates an array of the very type of another. Collective.
 * @param spec  how it is stored, dtype and extents those of the other; NULL: as the other is, for
 *              chunks that are placed as they are
 */
slab_status slab_txn_create_like(slab_txn *txn, const char *path, slab_array *like,
                                 const slab_array_spec *spec, slab_writer **out);

/** Counts a chunk that has been placed. */
void slab_writer_count(slab_writer *writer, int64_t chunk, size_t packed_bytes);

/** Notes where a chunk is. Call with txn->lock held. */
slab_status slab_writer_note(slab_writer *writer, const slab_logged_chunk *chunk);

/** Enters an array's chunks of all ranks into the index. Collective. */
slab_status slab_writer_register(slab_writer *writer);

/** Notes the sum of all ranks' chunks for the array's seal. Collective. */
slab_status slab_writer_seal(slab_writer *writer);

/** A chunk's elements as they are stored, padded to a whole chunk. @param[out] out  data itself, or
 * the thread's scratch */
slab_status slab_writer_prepare(slab_writer *writer, int thread, int64_t chunk, const void *data,
                                const void **out);

/** Keeps a copy of a chunk until close. Thread-safe. */
slab_status slab_writer_hold(slab_writer *writer, int64_t chunk, const void *data);
/** As hold, for a chunk that has been through the first filters. */
slab_status slab_writer_hold_encoded(slab_writer *writer, int64_t chunk, int first,
                                     const void *data, size_t bytes);
/** Writes the held chunks: through parallel HDF5, or a scalar by rank 0. Collective. */
slab_status slab_writer_write_held(slab_writer *writer);
/** Lets parallel HDF5 create the array. Collective. */
slab_status slab_writer_create_collectively(slab_writer *writer);

#endif
