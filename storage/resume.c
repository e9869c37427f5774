/* How a transaction takes over what an earlier run of the same job has left, and leaves itself to
 * the next. docs/decisions/resume.md says why it is done so. */
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

/* --- judging it --- */

/* Why it cannot be continued by this job; "" when it can. */
static void obstacle(const char *then, bool begun, const char *file, const slab_txn_wish *wish,
                     char *why)
{
    *why = '\0';
    if (!wish->job)
        strcpy(why, "this is another command");
    else if (begun && access(file, F_OK) == 0)
        strcpy(why, "the output did not exist then");
    else
        slab_job_compare(wish->job, then, why);
}

/* @param starts_over  the command has an option for that */
static slab_status refuse(const char *file, const char *then, const char *why, bool starts_over)
{
    size_t length = 0;
    const char *command = slab_job_value(then, "command", &length);
    return slab_error_set(SLAB_ERR_EXISTS, __FILE__, __LINE__,
                          "'%s' is the unfinished output of '%.*s', and %s: the same command "
                          "continues it, %s'slab clean' gives it up",
                          file, (int)(length < 300 ? length : 300), command ? command : "", why,
                          starts_over ? "--no-resume starts over, " : "");
}

slab_status slab_leftovers_judge(const char *file, bool begun, const slab_txn_wish *wish,
                                 bool *resumed)
{
    slab_status rc = SLAB_OK;
    char *then = NULL, why[SLAB_MESSAGE_MAX];
    slab_unfinished left = {0};
    *resumed = false;
    TRY(slab_job_read(file, &then));
    if (!then || wish->fresh)
        goto done; /* the caller removes what is there */
    TRY(slab_unfinished_count(file, then, !begun, &left));
    if (left.chunks == 0 && left.records == 0)
        goto done;
    obstacle(then, begun, file, wish, why);
    if (*why)
        TRY(refuse(file, then, why, wish->job != NULL));
    *resumed = true;
done:
    FREE(then);
    return rc;
}

/* --- taking it over --- */

/* What is kept goes into this run's own log as it is found whole, so that in the end the old ones
 * are not needed any more. The numbers of these arrays are none that a transaction gives. */
static slab_status declare_arrays(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    const slab_kept_array *a;
    for (int i = 0; (a = slab_kept_at(txn->kept, i)) != NULL; i++) {
        uint32_t id = UINT32_MAX - (uint32_t)i;
        if (a->count > 0)
            TRY(slab_chunk_log_array(txn->log, id, a->path, a->digest, a->nchunks));
        for (int64_t c = 0; c < a->count; c++)
            a->chunks[c].array = id;
    }
done:
    return rc;
}

static slab_status note_whole(void *context, const slab_logged_chunk *chunks, size_t n)
{
    return slab_chunk_log_append(context, chunks, n);
}

/* Past the page cache, where there is a way: it is the disk that has to have them. */
static slab_status begin_check(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    TRY(declare_arrays(txn));
    if (txn->options.direct)
        txn->check_fd = open(txn->file.work, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_DIRECT);
    slab_kept_check check = {.fd = txn->fd,
                             .direct_fd = txn->check_fd,
                             .bytes = txn->block_bytes,
                             .whole = note_whole,
                             .context = txn->log};
    TRY(slab_kept_check_begin(txn->kept, &check));
done:
    return rc;
}

static slab_status length_of(const slab_txn *txn, uint64_t *out)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    if (fstat(txn->fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", txn->file.work);
    *out = (uint64_t)st.st_size;
done:
    return rc;
}

static slab_status load(slab_txn *txn, uint64_t committed)
{
    slab_status rc = SLAB_OK;
    slab_kept_source from = {.ranks = txn->ranks,
                             .file = txn->file.path,
                             .logs = txn->old_logs,
                             .nlogs = txn->nold_logs,
                             .job = txn->job,
                             .committed = committed};
    TRY(slab_ranks_agree(txn->ranks, length_of(txn, &from.end)));
    TRY(slab_kept_load(&from, &txn->kept));
    TRY(slab_ranks_agree(txn->ranks, begin_check(txn)));
done:
    return rc;
}

slab_status slab_txn_take_over(slab_txn *txn, uint64_t committed)
{
    slab_status rc = SLAB_OK;
    if (!txn->file.resumed)
        return SLAB_OK;
    TRY(load(txn, committed));
    slab_kept_counts counts = slab_kept_count(txn->kept);
    int64_t sums[2] = {counts.chunks, counts.bytes}, end = (int64_t)counts.end;
    TRY(slab_ranks_sum(txn->ranks, sums, 2));
    TRY(slab_ranks_max(txn->ranks, &end, 1));
    TRY(ON_ROOT(txn, slab_space_raise(txn->space, (uint64_t)end)));
    txn->kept_chunks = sums[0];
    if (txn->root)
        slab_log(SLAB_LOG_NOTE,
                 "continuing what an earlier run has left of '%s': %" PRId64
                 " chunks (%.1f MB), whose checksums are compared meanwhile",
                 txn->file.path, sums[0], (double)sums[1] / 1e6);
done:
    return rc;
}

static slab_status remove_old_logs(const slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < txn->nold_logs; i++) {
        char *path = NULL;
        TRY(slab_chunk_log_path(txn->file.path, txn->old_logs[i], &path));
        unlink(path);
        FREE(path);
    }
done:
    return rc;
}

/* This run's logs hold all of the old ones that is whole. Collective. */
static slab_status replace_old_logs(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    if (txn->options.sync)
        rc = slab_chunk_log_sync(txn->log);
    TRY(slab_ranks_agree(txn->ranks, rc));
    TRY(ON_ROOT(txn, remove_old_logs(txn)));
done:
    return rc;
}

slab_status slab_txn_prove_kept(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    int64_t broken = 0;
    if (!txn->kept)
        return SLAB_OK;
    TRY(slab_ranks_agree(txn->ranks, slab_kept_check_wait(txn->kept, &broken)));
    TRY(slab_ranks_sum(txn->ranks, &broken, 1));
    REQUIRE(broken == 0, SLAB_ERR_AGAIN,
            "'%s': %" PRId64 " of the %" PRId64 " chunks that an earlier run has left %s not whole",
            txn->file.path, broken, txn->kept_chunks, broken == 1 ? "is" : "are");
    TRY(replace_old_logs(txn));
done:
    return rc;
}

/* A bit for each, and notes those of this rank's share. */
static slab_status mark_share(slab_writer *w, const slab_kept_array *a, size_t words)
{
    slab_status rc = SLAB_OK;
    TRY(slab_memory_alloc((void **)&w->there, words, sizeof(int64_t), "the chunks that are there"));
    for (int64_t i = 0; a && i < a->count; i++) {
        int64_t number = a->chunks[i].number;
        w->there[number / 8] |= (uint8_t)(1u << number % 8);
        TRY(slab_writer_note(w, &a->chunks[i]));
    }
done:
    return rc;
}

/* Every rank learns of all chunks that are there. */
slab_status slab_writer_take_over(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = w->txn;
    size_t words = (size_t)(w->grid.ntiles / 64 + 1);
    if (!txn->kept || w->info.layout != SLAB_LAYOUT_CHUNKED)
        return SLAB_OK;
    const slab_kept_array *a = slab_kept_find(txn->kept, w->path, slab_array_digest(&w->info));
    a = a && a->nchunks == w->grid.ntiles ? a : NULL;
    int64_t n = a ? a->count : 0;
    TRY(slab_ranks_sum(txn->ranks, &n, 1));
    if (n == 0)
        return SLAB_OK;
    TRY(slab_ranks_agree(txn->ranks, mark_share(w, a, words)));
    /* A chunk is in one rank's share, so that adding is uniting. */
    TRY(slab_ranks_sum(txn->ranks, (int64_t *)(void *)w->there, words));
    if (txn->root)
        slab_log(SLAB_LOG_INFO, "'%s': %" PRId64 " of %" PRId64 " chunks are there already",
                 w->path, n, w->grid.ntiles);
done:
    return rc;
}

bool slab_writer_has(const slab_writer *w, int64_t chunk)
{
    return w->there && chunk >= 0 && chunk < w->grid.ntiles &&
           (w->there[chunk / 8] >> chunk % 8 & 1);
}

slab_checkpoint *slab_txn_checkpoint(slab_txn *txn)
{
    return txn->checkpoint;
}

/* --- leaving it --- */

/* Bytes first, then the log that names them: what the log says is then there, whatever happens. */
static slab_status settle(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    if (!txn->blocks)
        return SLAB_OK;
    for (int t = 0; t < txn->options.threads; t++)
        TRY(slab_txn_flush(txn, t));
    TRY(slab_block_drain(txn->blocks));
    if (txn->options.sync && fdatasync(txn->fd) != 0)
        FAIL_ERRNO("cannot bring '%s' to the disk", txn->file.path);
    if (txn->options.sync)
        TRY(slab_chunk_log_sync(txn->log));
done:
    return rc;
}

/* What was still to be read back the next run reads: it has the old logs. Collective. */
static slab_status settle_kept(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    if (!txn->kept)
        return SLAB_OK;
    int64_t unread = !slab_kept_is_checked(txn->kept);
    slab_kept_check_end(txn->kept);
    TRY(slab_ranks_max(txn->ranks, &unread, 1));
    if (!unread)
        TRY(replace_old_logs(txn));
done:
    return rc;
}

/* A stop was asked for; another failure is only delayed work. */
static void say_what_is_kept(const slab_error *why, const slab_unfinished *left)
{
    bool goes_on = why->code == SLAB_ERR_STOPPED || why->code == SLAB_ERR_AGAIN;
    const char *then = goes_on ? "the same command continues" : "what is written is kept";
    slab_error_restore(why);
    if (left->total > 0)
        slab_error_reword("%s; %" PRId64 " of %" PRId64 " chunks are written: %s", why->message,
                          left->chunks, left->total, then);
    else
        slab_error_reword("%s: %s", why->message, then);
}

void slab_txn_suspend(slab_txn *txn)
{
    const slab_error why = *slab_error_last();
    slab_unfinished left = {0};
    char *job = NULL;
    slab_status rc = slab_ranks_agree(txn->ranks, settle(txn));
    if (rc == SLAB_OK)
        rc = settle_kept(txn);
    if (rc != SLAB_OK && txn->root)
        slab_log(SLAB_LOG_WARN, "not all that was written is on the disk: %s",
                 slab_error_last()->message);
    slab_block_writer_destroy(&txn->blocks);
    slab_chunk_log_close(&txn->log, false);
    slab_ranks_barrier(txn->ranks);
    if (txn->root && slab_job_read(txn->file.path, &job) == SLAB_OK && job)
        slab_unfinished_count(txn->file.path, job, txn->file.in_place, &left);
    FREE(job);
    say_what_is_kept(&why, &left);
}
