/* Begin, commit, abort. Rank 0 holds the metadata plane and the locks; every rank writes raw bytes
 * on its own, and they agree after each step that can fail on one of them. */
#include <slab/storage/transaction_impl.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define WRITE_BEHIND       ((size_t)16 << 20)
#define WRITE_BEHIND_LEAST ((size_t)2 << 20)
#define BLOCK_MOST         ((size_t)4 << 20)
#define BLOCK_LEAST        ((size_t)256 << 10)
enum { WRITING_THREADS = 2 }; /* one keeps the disk busy while the other comes back */

slab_txn_options slab_txn_defaults(void)
{
    return (slab_txn_options){
        .direct = true, .sync = true, .backend = SLAB_BACKEND_LOG, .threads = 1};
}

/* Enough to ride out a slow write, a sixteenth of the budget at most. */
size_t slab_txn_write_behind(size_t limit)
{
    size_t bytes = limit > 0 && limit / 16 < WRITE_BEHIND ? limit / 16 : WRITE_BEHIND;
    return bytes < WRITE_BEHIND_LEAST ? WRITE_BEHIND_LEAST : bytes;
}

static size_t write_behind_of(const slab_txn_options *options)
{
    size_t bytes = options->write_behind;
    if (bytes == 0)
        return slab_txn_write_behind(slab_memory_limit());
    return bytes < WRITE_BEHIND_LEAST ? WRITE_BEHIND_LEAST : bytes;
}

static size_t block_bytes_of(const slab_txn_options *options)
{
    size_t bytes = write_behind_of(options) / 4 / SLAB_BLOCK_ALIGN * SLAB_BLOCK_ALIGN;
    return bytes < BLOCK_LEAST ? BLOCK_LEAST : bytes > BLOCK_MOST ? BLOCK_MOST : bytes;
}

size_t slab_writer_memory(const slab_array_info *info, const slab_txn_options *options)
{
    size_t chunk = slab_info_chunk_bytes(info), bound = slab_pipeline_bound(&info->pipeline);
    size_t block = block_bytes_of(options), threads = (size_t)options->threads, records = 0;
    slab_grid grid;
    if (info->layout != SLAB_LAYOUT_CHUNKED)
        return 2 * info->dtype.size;
    if (slab_grid_make(&info->shape, &info->chunk, NULL, &grid) == SLAB_OK)
        records = 3 * (size_t)grid.ntiles * sizeof(slab_placed_chunk) + /* as the list doubles */
                  2 * (size_t)grid.ntiles * sizeof(slab_logged_chunk);  /* when a run goes on */
    if (options->backend == SLAB_BACKEND_COLLECTIVE)
        return threads * chunk + (size_t)grid.ntiles * chunk; /* it holds all it is given */
    size_t lane = slab_pipeline_memory(&info->pipeline, true) + chunk;
    size_t filling = block > bound ? block : bound;
    return threads * (lane + filling) + write_behind_of(options) + records;
}

static slab_status block_written(void *context, const slab_block *block)
{
    return slab_chunk_log_append(context, block->chunks, block->nchunks);
}

static slab_status alloc_txn(slab_ranks *ranks, const slab_txn_options *options, slab_txn **out)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = NULL;
    REQUIRE(options->threads >= 1, SLAB_ERR_RANGE, "a transaction of %d threads", options->threads);
    ALLOC(txn, 1, "a transaction");
    txn->ranks = ranks;
    txn->root = slab_ranks_me(ranks) == 0;
    txn->options = *options;
    txn->options.job = NULL; /* the caller's text; its digest is in the chunk log */
    txn->file.lock = txn->file.guard = txn->fd = txn->direct_fd = txn->check_fd = -1;
    txn->block_bytes = block_bytes_of(options);
    pthread_mutex_init(&txn->lock, NULL);
    *out = txn;
    ALLOC(txn->threads, options->threads, "a transaction's threads");
    for (int t = 0; t < options->threads; t++)
        pthread_mutex_init(&txn->threads[t].lock, NULL);
done:
    return rc;
}

/* Ends the threads that write and check, drops what waits for them, and removes log and checkpoint.
 */
static void stop_writing(slab_txn *txn)
{
    if (txn->kept)
        slab_kept_check_end(txn->kept);
    for (int t = 0; txn->threads && t < txn->options.threads; t++)
        slab_block_return(txn->blocks, &txn->threads[t].block);
    slab_block_writer_destroy(&txn->blocks);
    slab_chunk_log_close(&txn->log, true);
    slab_checkpoint_close(&txn->checkpoint, true);
}

/* Closes and frees what is this rank's alone. */
static void free_txn(slab_txn **txn)
{
    slab_txn *x = *txn;
    if (!x)
        return;
    stop_writing(x);
    for (uint32_t i = 0; i < x->narrays; i++)
        slab_writer_free(x->arrays[i]);
    for (int t = 0; x->threads && t < x->options.threads; t++)
        pthread_mutex_destroy(&x->threads[t].lock);
    if (x->direct_fd >= 0)
        close(x->direct_fd);
    if (x->fd >= 0)
        close(x->fd);
    if (x->check_fd >= 0)
        close(x->check_fd);
    slab_txn_file_clear(&x->file);
    slab_kept_destroy(&x->kept);
    slab_sealing_destroy(&x->sealing);
    FREE(x->old_logs);
    FREE(x->arrays);
    FREE(x->threads);
    pthread_mutex_destroy(&x->lock);
    FREE(*txn);
}

/* What the other ranks need to know of rank 0's file. */
static slab_status share_file(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    struct {
        bool existed, in_place, resumed, continues;
        uint64_t old_size;
        uint8_t job[SLAB_JOB_KEY_BYTES];
        size_t path, work; /* bytes, NUL included */
    } facts = {0};
    slab_txn_file *f = &txn->file;
    if (txn->root) {
        facts.existed = f->existed;
        facts.in_place = f->in_place;
        facts.resumed = f->resumed;
        facts.continues = txn->continues;
        memcpy(facts.job, txn->job, sizeof facts.job);
        facts.old_size = f->old_size;
        facts.path = strlen(f->path) + 1;
        facts.work = strlen(f->work) + 1;
    }
    TRY(slab_ranks_broadcast(txn->ranks, &facts, sizeof facts, 0));
    if (!txn->root) {
        f->existed = facts.existed;
        f->in_place = facts.in_place;
        f->resumed = facts.resumed;
        txn->continues = facts.continues;
        memcpy(txn->job, facts.job, sizeof facts.job);
        f->old_size = facts.old_size;
        rc = slab_memory_alloc((void **)&f->path, facts.path, 1, "a file name");
        if (rc == SLAB_OK)
            rc = slab_memory_alloc((void **)&f->work, facts.work, 1, "a file name");
    }
    TRY(slab_ranks_agree(txn->ranks, rc));
    TRY(slab_ranks_broadcast(txn->ranks, f->path, facts.path, 0));
    TRY(slab_ranks_broadcast(txn->ranks, f->work, facts.work, 0));
done:
    return rc;
}

/* Rank 0 reads the logs that it finds; all know how many there are. */
static slab_status share_logs(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    int64_t n = 0;
    if (!txn->file.resumed)
        return SLAB_OK;
    if (txn->root)
        rc = slab_chunk_log_list(txn->file.path, &txn->old_logs, &txn->nold_logs);
    n = txn->nold_logs;
    TRY(slab_ranks_agree(txn->ranks, rc));
    TRY(slab_ranks_broadcast(txn->ranks, &n, sizeof n, 0));
    txn->nold_logs = (int)n;
    if (!txn->root)
        rc = slab_memory_alloc((void **)&txn->old_logs, (size_t)n, sizeof *txn->old_logs, "logs");
    TRY(slab_ranks_agree(txn->ranks, rc));
    TRY(slab_ranks_broadcast(txn->ranks, txn->old_logs, (size_t)n * sizeof *txn->old_logs, 0));
done:
    return rc;
}

static slab_status reserve(void *space, uint64_t bytes, uint64_t align, uint64_t *address)
{
    return slab_space_reserve(space, bytes, align, address);
}

slab_status slab_txn_begin_meta(slab_txn *txn, bool create)
{
    slab_status rc = SLAB_OK;
    TRY(slab_meta_begin(txn->file.work, create, reserve, txn->space, &txn->meta));
    slab_meta_seal_with(txn->meta, txn->sealing);
    TRY(slab_space_raise(txn->space, slab_meta_end(txn->meta)));
done:
    return rc;
}

/* Several nodes may each have a folder of that name: what the others write would be in no file of
 * rank 0's. */
static slab_status check_shared(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    struct stat s = {0};
    if (fstat(txn->fd, &s) != 0)
        rc = slab_error_errno(__FILE__, __LINE__, errno, "cannot look at '%s'", txn->file.path);
    TRY(slab_ranks_agree(txn->ranks, rc));
    uint64_t inode = s.st_ino;
    TRY(slab_ranks_broadcast(txn->ranks, &inode, sizeof inode, 0));
    if (inode != s.st_ino)
        rc = slab_error_set(SLAB_ERR_USAGE, __FILE__, __LINE__,
                            "the output '%s' is not the same file on all ranks: it must be on a "
                            "file system that they share",
                            txn->file.path);
    TRY(slab_ranks_agree(txn->ranks, rc));
done:
    return rc;
}

/* This rank's way to the disk: descriptors, chunk log, write-behind. */
static slab_status open_data(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    char *log = NULL;
    slab_chunk_log_head head = {.rank = (uint32_t)slab_ranks_me(txn->ranks),
                                .ranks = (uint32_t)slab_ranks_count(txn->ranks),
                                .old_size = txn->file.old_size};
    /* Old logs stay until this run's own hold all that is in them. */
    int number = (int)head.rank + (txn->nold_logs ? txn->old_logs[txn->nold_logs - 1] + 1 : 0);
    memcpy(head.job, txn->job, sizeof head.job);
    txn->fd = open(txn->file.work, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (txn->fd < 0)
        FAIL_ERRNO("cannot open '%s' for writing", txn->file.work);
    if (txn->file.resumed) /* what could not be written is checked on the disk, not in memory */
        posix_fadvise(txn->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (txn->options.direct) { /* EINVAL on tmpfs and others that have none */
        txn->direct_fd = open(txn->file.work, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_DIRECT);
        if (txn->direct_fd < 0)
            slab_log(SLAB_LOG_INFO, "'%s': no O_DIRECT here, writing buffered", txn->file.path);
    }
    TRY(slab_chunk_log_path(txn->file.path, number, &log));
    TRY(slab_chunk_log_create(log, &head, &txn->log));
    size_t behind = write_behind_of(&txn->options);
    if (txn->file.resumed)
        behind -= txn->block_bytes; /* which the check of what was left has */
    slab_block_target target = {.path = txn->file.path,
                                .fd = txn->fd,
                                .direct_fd = txn->direct_fd,
                                .block = txn->block_bytes,
                                .most = behind + (size_t)txn->options.threads * txn->block_bytes,
                                .threads = WRITING_THREADS,
                                .written = block_written,
                                .context = txn->log};
    TRY(slab_block_writer_create(&target, &txn->blocks));
done:
    FREE(log);
    return rc;
}

/* Rank 0: the file, and what it is about. */
static slab_status begin_file(slab_txn *txn, const char *path, const slab_txn_options *o)
{
    slab_status rc = SLAB_OK;
    bool collective = o->backend == SLAB_BACKEND_COLLECTIVE;
    slab_txn_wish wish = {.copy = collective, .fresh = o->fresh, .job = collective ? NULL : o->job};
    slab_job_key(wish.job, txn->job);
    TRY(slab_txn_file_begin(path, &wish, &txn->file));
    if (wish.job && !txn->file.resumed)
        TRY(slab_job_write(txn->file.path, wish.job, o->sync));
    txn->continues = wish.job != NULL;
    TRY(slab_sealing_create(!txn->file.existed, &txn->sealing));
done:
    return rc;
}

/* An existing file may have grown since the first run: by another program's commit. */
static slab_status begin_meta(slab_txn *txn, uint64_t *committed)
{
    slab_status rc = SLAB_OK;
    *committed = 0;
    if (txn->file.resumed && txn->file.in_place)
        TRY(slab_unfinished_ends(txn->file.path, committed, &txn->file.old_size));
    TRY(slab_txn_begin_meta(txn, !txn->file.existed));
    if (*committed == 0)
        TRY(slab_space_end(txn->space, committed));
done:
    return rc;
}

/* Every rank's part of a transaction that writes by logs. */
static slab_status begin_logs(slab_txn *txn, uint64_t committed)
{
    slab_status rc = SLAB_OK;
    TRY(slab_ranks_broadcast(txn->ranks, &committed, sizeof committed, 0));
    TRY(slab_ranks_broadcast(txn->ranks, &txn->file.old_size, sizeof txn->file.old_size, 0));
    TRY(share_logs(txn));
    TRY(slab_ranks_agree(txn->ranks, open_data(txn)));
    TRY(check_shared(txn));
    TRY(slab_txn_take_over(txn, committed));
    if (txn->continues)
        TRY(slab_checkpoint_open(txn->ranks, txn->file.path, txn->job, txn->file.resumed,
                                 txn->options.sync, &txn->checkpoint));
done:
    return rc;
}

slab_status slab_txn_begin(slab_ranks *ranks, const char *path, const slab_txn_options *options,
                           slab_txn **out)
{
    slab_txn_options defaults = slab_txn_defaults();
    const slab_txn_options *o = options ? options : &defaults;
    slab_txn *txn = NULL;
    uint64_t committed = 0;
    *out = NULL;
    slab_status rc = alloc_txn(ranks, o, &txn);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_space_create(ranks, &txn->space));
    TRY(ON_ROOT(txn, begin_file(txn, path, o)));
    TRY(share_file(txn));
    TRY(ON_ROOT(txn, begin_meta(txn, &committed)));
    if (o->backend != SLAB_BACKEND_COLLECTIVE)
        TRY(begin_logs(txn, committed));
    *out = txn;
    txn = NULL;
done:
    if (txn && txn->space)
        slab_txn_abort(&txn);
    free_txn(&txn);
    return rc;
}

slab_write_counts slab_txn_counts(const slab_txn *txn)
{
    return (slab_write_counts){.chunks = atomic_load(&txn->chunks),
                               .plain_bytes = atomic_load(&txn->plain_bytes),
                               .packed_bytes = atomic_load(&txn->packed_bytes),
                               .kept = txn->kept_chunks};
}

/* Gives the block its place in the file, tells the arrays, and queues it. */
static slab_status submit(slab_txn *txn, slab_txn_thread *thread)
{
    slab_status rc = SLAB_OK;
    slab_block *block = thread->block;
    uint64_t space = (block->used + SLAB_BLOCK_ALIGN - 1) / SLAB_BLOCK_ALIGN * SLAB_BLOCK_ALIGN;
    TRY(slab_space_reserve(txn->space, space, SLAB_BLOCK_ALIGN, &block->address));
    pthread_mutex_lock(&txn->lock);
    for (size_t i = 0; i < block->nchunks && rc == SLAB_OK; i++) {
        block->chunks[i].address += block->address;
        rc = slab_writer_note(txn->arrays[block->chunks[i].array], &block->chunks[i]);
    }
    pthread_mutex_unlock(&txn->lock);
    TRY(rc);
    slab_block_submit(txn->blocks, &thread->block);
done:
    return rc;
}

slab_status slab_txn_flush(slab_txn *txn, int thread)
{
    slab_status rc = SLAB_OK;
    slab_txn_thread *t = &txn->threads[thread];
    pthread_mutex_lock(&t->lock);
    if (t->block)
        rc = submit(txn, t);
    pthread_mutex_unlock(&t->lock);
    return rc;
}

/* A block with room for bytes more and one more record. Call with the thread's lock held. */
static slab_status make_room(slab_txn *txn, slab_txn_thread *t, size_t bytes)
{
    slab_status rc = SLAB_OK;
    if (t->block &&
        (bytes > t->block->capacity - t->block->used || t->block->nchunks == SLAB_LOG_BATCH_MAX))
        TRY(submit(txn, t));
    if (!t->block)
        TRY(slab_block_take(txn->blocks, bytes, &t->block));
done:
    return rc;
}

slab_status slab_txn_room(slab_txn *txn, int thread, size_t bytes, void **out)
{
    slab_status rc = SLAB_OK;
    slab_txn_thread *t = &txn->threads[thread];
    *out = NULL;
    if (bytes > txn->block_bytes)
        return SLAB_OK;
    pthread_mutex_lock(&t->lock);
    TRY(make_room(txn, t, bytes));
    *out = t->block->bytes + t->block->used;
done:
    pthread_mutex_unlock(&t->lock);
    return rc;
}

slab_status slab_txn_place(slab_txn *txn, int thread, slab_writer *writer, int64_t chunk,
                           uint32_t mask, const void *packed, size_t bytes)
{
    slab_status rc = SLAB_OK;
    slab_txn_thread *t = &txn->threads[thread];
    if (slab_writer_has(writer, chunk))
        return SLAB_OK;
    pthread_mutex_lock(&t->lock);
    REQUIRE(bytes <= UINT32_MAX, SLAB_ERR_RANGE,
            "chunk %" PRId64 " of '%s' takes %zu bytes: HDF5 has no room for its size", chunk,
            writer->path, bytes);
    TRY(make_room(txn, t, bytes));
    slab_block *block = t->block;
    uint8_t *at = block->bytes + block->used;
    if (packed != at)
        memcpy(at, packed, bytes);
    block->chunks[block->nchunks++] =
        (slab_logged_chunk){.array = writer->id,
                            .mask = mask,
                            .number = chunk,
                            .address = block->used, /* within the block, until it has a place */
                            .size = bytes,
                            .checksum = slab_chunk_checksum(at, bytes)};
    block->used += bytes;
done:
    pthread_mutex_unlock(&t->lock);
    return rc;
}

/* All bytes of this rank are on the disk when it returns. */
static slab_status settle_data(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    for (uint32_t i = 0; i < txn->narrays; i++)
        REQUIRE(txn->arrays[i]->closed, SLAB_ERR_INTERNAL, "array '%s' is still being written",
                txn->arrays[i]->path);
    if (!txn->blocks)
        goto done;
    for (int t = 0; t < txn->options.threads; t++)
        TRY(slab_txn_flush(txn, t));
    TRY(slab_block_drain(txn->blocks));
    if (txn->options.sync && fdatasync(txn->fd) != 0)
        FAIL_ERRNO("cannot bring '%s' to the disk", txn->file.path);
done:
    return rc;
}

static slab_status commit_alone(void *context)
{
    slab_status rc = SLAB_OK;
    slab_txn_file *file = context;
    TRY(slab_txn_file_alone(file));
    file->committing = true;
done:
    return rc;
}

static slab_status commit_meta(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    uint64_t end;
    TRY(slab_meta_seal(txn->meta));
    TRY(slab_space_end(txn->space, &end));
    TRY(slab_meta_commit(&txn->meta, end, txn->options.sync, commit_alone, &txn->file));
    TRY(slab_txn_file_publish(&txn->file, txn->options.sync));
    if (txn->continues)
        slab_job_remove(txn->file.path); /* from here on there is nothing to continue */
done:
    return rc;
}

slab_status slab_txn_commit(slab_txn **txn)
{
    slab_status rc = SLAB_OK;
    slab_txn *x = *txn;
    TRY(slab_txn_prove_kept(x));
    TRY(slab_ranks_agree(x->ranks, settle_data(x)));
    for (uint32_t i = 0; i < x->narrays; i++)
        TRY(slab_writer_seal(x->arrays[i]));
    for (uint32_t i = 0; i < x->narrays; i++)
        TRY(slab_writer_register(x->arrays[i]));
    TRY(ON_ROOT(x, commit_meta(x)));
    stop_writing(x); /* before rank 0 lets the lock go: the next writer's log has the same name */
    slab_ranks_barrier(x->ranks);
    slab_space_destroy(&x->space);
    free_txn(txn);
done:
    slab_txn_abort(txn);
    return rc;
}

/* A stop leaves what is written to the next run of the job; so does any end of a run that itself
 * went on from an earlier one, whose work is not its to throw away. All ranks agree. */
static bool is_to_be_kept(slab_txn *txn, slab_status why)
{
    int64_t no = why != SLAB_ERR_STOPPED && !txn->file.resumed;
    if (!txn->continues || slab_ranks_max(txn->ranks, &no, 1) != SLAB_OK)
        return false;
    return !no;
}

/* Of every rank the threads have ended before rank 0 cuts the file: no late write lengthens it. */
void slab_txn_abort(slab_txn **txn)
{
    slab_txn *x = *txn;
    if (!x)
        return;
    slab_error why = *slab_error_last();
    slab_ranks_desert(x->ranks);
    bool keep = is_to_be_kept(x, why.code);
    slab_error_restore(&why);
    if (keep) {
        slab_txn_suspend(x);
        slab_checkpoint_close(&x->checkpoint, false);
        if (x->options.kept)
            *x->options.kept = true;
        why = *slab_error_last();
    }
    stop_writing(x);
    slab_ranks_barrier(x->ranks);
    if (x->root) {
        slab_meta_abort(&x->meta);
        if (!keep && x->continues) /* whoever makes the temporary file next has a job of its own */
            slab_job_remove(x->file.path);
        if (!keep)
            slab_txn_file_discard(&x->file);
    }
    slab_space_destroy(&x->space);
    free_txn(txn);
    slab_error_restore(&why);
}
