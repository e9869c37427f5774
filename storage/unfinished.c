#include <slab/storage/unfinished.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/lock.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/checkpoint_impl.h>
#include <slab/storage/hdf5/journal.h>
#include <slab/storage/kept.h>
#include <slab/storage/temporary.h>
#include <slab/storage/transaction_impl.h>

static const char JOB_SUFFIX[] = ".slab-job";

/* Where HDF5 says that an existing file ends; 0 where it does not exist or is no HDF5. */
static uint64_t committed_end(const char *file)
{
    slab_meta *meta = NULL;
    uint64_t end = 0;
    if (slab_meta_open(file, &meta) == SLAB_OK)
        end = slab_meta_end(meta);
    else
        slab_error_clear();
    slab_meta_close(&meta);
    return end;
}

slab_status slab_unfinished_count(const char *file, const char *job, bool in_place,
                                  slab_unfinished *out)
{
    slab_status rc = SLAB_OK;
    slab_kept *kept = NULL;
    int *logs = NULL;
    uint8_t key[SLAB_JOB_KEY_BYTES];
    slab_job_key(job, key);
    slab_kept_source from = {.ranks = slab_ranks_alone(),
                             .file = file,
                             .job = key,
                             .committed = in_place ? committed_end(file) : 0,
                             .end = INT64_MAX};
    TRY(slab_chunk_log_list(file, &logs, &from.nlogs));
    from.logs = logs;
    TRY(slab_kept_load(&from, &kept));
    slab_kept_counts counts = slab_kept_count(kept);
    out->chunks = counts.chunks;
    out->bytes = counts.bytes;
    out->total = counts.total;
    out->records = slab_checkpoint_count(file, key);
    /* It was killed between its commit and tidying up. */
    if (in_place && counts.chunks == 0 && counts.old_size < from.committed)
        out->records = 0;
done:
    slab_kept_destroy(&kept);
    FREE(logs);
    return rc;
}

/* Tries the lock that a writer would hold. A file system without locks cannot tell. A temporary
 * file is this user's own; an output that existed is whoever's it was. */
static bool is_held(const char *path, bool own)
{
    int fd = own ? slab_open_own(path, O_RDONLY)
                 : open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool held = fd >= 0 && slab_lock_intended(fd);
    if (fd >= 0)
        close(fd);
    return held;
}

/* The latest change of anything that belongs to it. */
static void note_change(const char *path, int64_t *changed)
{
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_mtime > *changed)
        *changed = st.st_mtime;
}

static slab_status last_change(const char *file, const char *temporary, int64_t *changed)
{
    slab_status rc = SLAB_OK;
    int *logs = NULL, n = 0;
    char *path = NULL;
    note_change(temporary, changed);
    TRY(slab_path_beside(file, "slab-job", &path));
    note_change(path, changed);
    FREE(path);
    TRY(slab_path_beside(file, "slab-state", &path));
    note_change(path, changed);
    TRY(slab_chunk_log_list(file, &logs, &n));
    for (int i = 0; i < n; i++) {
        FREE(path);
        TRY(slab_chunk_log_path(file, logs[i], &path));
        note_change(path, changed);
    }
done:
    FREE(logs);
    FREE(path);
    return rc;
}

slab_status slab_unfinished_look(const char *file, slab_unfinished *out, bool *there)
{
    slab_status rc = SLAB_OK;
    char *temporary = NULL;
    struct stat st;
    *out = (slab_unfinished){0};
    *there = false;
    TRY(slab_memory_strdup(&out->file, file));
    TRY(slab_job_read(file, &out->job));
    TRY(slab_temporary_path(file, &temporary));
    bool begun = lstat(temporary, &st) == 0 && S_ISREG(st.st_mode);
    out->in_place = !begun;
    if (!out->job || (!begun && stat(file, &st) != 0))
        goto done;
    out->held = is_held(begun ? temporary : file, begun);
    TRY(slab_unfinished_count(file, out->job, out->in_place, out));
    TRY(last_change(file, temporary, &out->changed));
    *there = out->held || begun || out->chunks > 0 || out->records > 0;
done:
    FREE(temporary);
    if (rc != SLAB_OK || !*there)
        slab_unfinished_clear(out);
    return rc;
}

void slab_unfinished_clear(slab_unfinished *unfinished)
{
    FREE(unfinished->file);
    FREE(unfinished->job);
}

/* --- a folder --- */

static int is_job(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name), suffix = sizeof JOB_SUFFIX - 1;
    return entry->d_name[0] == '.' && n > suffix + 1 &&
           strcmp(entry->d_name + n - suffix, JOB_SUFFIX) == 0;
}

static slab_status visit_one(const char *folder, const char *name, slab_unfinished_visit visit,
                             void *context)
{
    slab_status rc = SLAB_OK;
    slab_unfinished one = {0};
    bool there = false;
    char *file = NULL;
    size_t size = strlen(folder) + strlen(name) + 2;
    size_t n = strlen(name) - sizeof JOB_SUFFIX; /* without the dot in front */
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    ALLOC(file, size, "a file name");
    snprintf(file, size, "%s%s%.*s", folder, slash, (int)n, name + 1);
    TRY(slab_unfinished_look(file, &one, &there));
    if (there)
        TRY(visit(context, &one));
done:
    slab_unfinished_clear(&one);
    FREE(file);
    return rc;
}

slab_status slab_unfinished_list(const char *folder, slab_unfinished_visit visit, void *context)
{
    slab_status rc = SLAB_OK;
    struct dirent **entries = NULL;
    slab_error first = {.code = SLAB_OK};
    int n = scandir(*folder ? folder : ".", &entries, is_job, alphasort);
    if (n < 0)
        FAIL_ERRNO("cannot look into the folder '%s'", folder);
    for (int i = 0; i < n; i++) {
        if (visit_one(*folder ? folder : ".", entries[i]->d_name, visit, context) == SLAB_OK)
            continue;
        if (first.code == SLAB_OK) /* told at the end: the others are not its fault */
            first = *slab_error_last();
        else
            slab_log(SLAB_LOG_WARN, "%s", slab_error_last()->message);
    }
    if (first.code != SLAB_OK)
        rc = slab_error_restore(&first);
done:
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return rc;
}

/* --- removing --- */

bool slab_leftovers_remove(const char *file)
{
    bool logs = slab_chunk_log_remove_all(file) > 0, state = slab_checkpoint_remove(file);
    char *job = NULL;
    bool named = slab_job_read(file, &job) == SLAB_OK && job;
    slab_job_remove(file);
    FREE(job);
    return logs || state || named;
}

/* The lock of whoever may write a temporary file: *fd -1 when there is none. */
static slab_status lock_dead(const char *path, int *fd)
{
    slab_status rc = SLAB_OK;
    char who[SLAB_HOLDERS_MAX];
    *fd = slab_open_own(path, O_RDWR);
    if (*fd < 0 && errno == ENOENT)
        goto done;
    if (*fd < 0)
        FAIL_ERRNO("cannot open '%s'", path);
    if (slab_lock_soon(slab_lock_exclusive, *fd) == SLAB_LOCK_HELD) {
        slab_lock_holders(*fd, who);
        FAIL(SLAB_ERR_LOCKED, "'%s' is being written by %s", path, who);
    }
    if (!slab_path_is(path, *fd)) { /* meanwhile it has its final name, or is gone */
        close(*fd);
        *fd = -1;
    }
done:
    return rc;
}

slab_status slab_unfinished_ends(const char *file, uint64_t *committed, uint64_t *old_size)
{
    slab_status rc = SLAB_OK;
    slab_kept *kept = NULL;
    int *logs = NULL;
    char *job = NULL;
    uint8_t key[SLAB_JOB_KEY_BYTES];
    slab_kept_source from = {
        .ranks = slab_ranks_alone(), .file = file, .job = key, .end = INT64_MAX};
    TRY(slab_job_read(file, &job));
    slab_job_key(job, key);
    TRY(slab_chunk_log_list(file, &logs, &from.nlogs));
    from.logs = logs;
    TRY(slab_kept_load(&from, &kept));
    uint64_t size = slab_kept_count(kept).old_size;
    *committed = committed_end(file);
    if (size < *old_size)
        *old_size = size > *committed ? size : *committed;
done:
    slab_kept_destroy(&kept);
    FREE(logs);
    FREE(job);
    return rc;
}

/* Cuts an output that existed before back to its old length. */
static slab_status cut(const char *file, int fd)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    uint64_t committed, size;
    if (fstat(fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", file);
    size = (uint64_t)st.st_size;
    TRY(slab_unfinished_ends(file, &committed, &size));
    if (committed > 0 && size < (uint64_t)st.st_size && ftruncate(fd, (off_t)size) != 0)
        FAIL_ERRNO("cannot cut '%s' back to its old length", file);
done:
    return rc;
}

/* Takes away a temporary file that is locked. */
static slab_status remove_temporary(const char *temporary)
{
    slab_status rc = SLAB_OK;
    char *journal = NULL;
    TRY(slab_journal_path(temporary, &journal));
    unlink(journal);
    if (unlink(temporary) != 0)
        FAIL_ERRNO("cannot remove '%s'", temporary);
done:
    FREE(journal);
    return rc;
}

/* The temporary file goes last: as long as it is there, and locked, nobody begins anew. */
slab_status slab_unfinished_remove(const char *name, bool *removed)
{
    slab_status rc = SLAB_OK;
    char *temporary = NULL, *real = realpath(name, NULL);
    const char *file = real ? real : name;
    struct stat st;
    int part = -1, output = -1;
    *removed = false;
    TRY(slab_temporary_path(file, &temporary));
    TRY(lock_dead(temporary, &part));
    bool writable = stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, W_OK) == 0;
    if (writable || (real && part < 0))
        TRY(slab_txn_file_lock(file, &output));
    if (part < 0 && output >= 0)
        TRY(cut(file, output));
    *removed = slab_leftovers_remove(file);
    if (part >= 0) {
        TRY(remove_temporary(temporary));
        *removed = true;
    }
done:
    if (part >= 0)
        close(part);
    if (output >= 0)
        close(output);
    FREE(temporary);
    free(real);
    return rc;
}
