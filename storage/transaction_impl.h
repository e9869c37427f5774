/**
 * What the files of the write side share.
 */
#ifndef SLAB_STORAGE_TRANSACTION_IMPL_H
#define SLAB_STORAGE_TRANSACTION_IMPL_H

#include <pthread.h>
#include <slab/storage/block_writer.h>
#include <slab/storage/hdf5/meta.h>
#include <slab/storage/space.h>
#include <slab/storage/temporary.h>
#include <slab/storage/transaction.h>
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
    int lock;          /* holds the lock on work */
    int guard;         /* holds the lock on an existing output that is replaced, -1: none */
} slab_txn_file;

/** Recovers and locks an existing file, or makes the temporary one.
 * @param copy  work on a copy of an existing file, not in place */
slab_status slab_txn_file_begin(const char *path, bool copy, slab_txn_file *out);

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
    slab_meta *meta;
    slab_space *space;
    slab_block_writer *blocks;
    slab_chunk_log *log;
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

    slab_placed_chunk *placed; /* log backend; guarded by txn->lock */
    int64_t nplaced, placed_room;

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
