/* A new output is written under a temporary name and renamed; an existing one is written in place,
 * past its end. Programs that use HDF5 respect the locks: they may read an existing output until it
 * is committed, and the commit waits until none of them has it open. */
#include <slab/storage/transaction_impl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <slab/storage/base/clock.h>
#include <slab/storage/base/io.h>
#include <slab/storage/base/lock.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/stop.h>
#include <slab/storage/base/try.h>
#include <slab/storage/hdf5/journal.h>
#include <slab/storage/job.h>

enum { ATTEMPTS = 8 }; /* at a file that others replace under our hands */

static slab_status open_folder(const char *path, int *out)
{
    slab_status rc = SLAB_OK;
    char *folder = NULL;
    TRY(slab_memory_strdup(&folder, path));
    char *slash = strrchr(folder, '/');
    slash[slash == folder ? 1 : 0] = '\0';
    *out = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out < 0)
        FAIL_ERRNO("cannot open the folder '%s'", folder);
done:
    FREE(folder);
    return rc;
}

static void tell(const char *did)
{
    if (*did)
        slab_log(SLAB_LOG_WARN, "%s", did);
}

/* Recovery takes the lock by itself, so it comes first; a writer that died between the two leaves
 * a journal, and we begin again. */
slab_status slab_txn_file_lock(const char *path, int *out)
{
    slab_status rc = SLAB_OK;
    char did[SLAB_MESSAGE_MAX] = "", who[SLAB_HOLDERS_MAX], *journal = NULL;
    slab_locked got = SLAB_LOCK_GOT;
    int fd = -1;
    *out = -1;
    TRY(slab_journal_path(path, &journal));
    for (int i = 0; i < ATTEMPTS; i++) {
        TRY(slab_journal_recover(path, did));
        tell(did);
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            FAIL_ERRNO("cannot open '%s' for writing", path);
        got = slab_lock_soon(slab_lock_intent, fd);
        if (got == SLAB_LOCK_HELD) {
            slab_lock_holders(fd, who);
            FAIL(SLAB_ERR_LOCKED, "'%s' is being written by %s", path, who);
        }
        if (slab_path_is(path, fd) && access(journal, F_OK) != 0)
            break;
        close(fd);
        fd = -1;
    }
    REQUIRE(fd >= 0, SLAB_ERR_LOCKED, "'%s' is being replaced again and again", path);
    if (got == SLAB_LOCK_NONE || got == SLAB_LOCK_OFF)
        slab_log(got == SLAB_LOCK_NONE ? SLAB_LOG_WARN : SLAB_LOG_INFO,
                 "'%s': %s; nothing keeps a second writer away", path,
                 got == SLAB_LOCK_NONE ? "the file system has no locks"
                                       : "HDF5_USE_FILE_LOCKING has switched locks off");
    *out = fd;
    fd = -1;
done:
    if (fd >= 0)
        close(fd);
    FREE(journal);
    return rc;
}

/* Asked of what a dead writer has left under the temporary name. */
typedef struct judging {
    const slab_txn_wish *wish;
    slab_txn_file *file;
} judging;

static slab_status judge(void *context, bool *keep)
{
    const judging *j = context;
    slab_status rc = slab_leftovers_judge(j->file->path, true, j->wish, &j->file->resumed);
    *keep = j->file->resumed;
    return rc;
}

static slab_status copy_content(int from, int to, const char *path)
{
    slab_status rc = SLAB_OK;
    enum { PIECE = 1 << 20 };
    struct stat st;
    char *buffer = NULL;
    ALLOC(buffer, PIECE, "a copy buffer");
    if (fstat(from, &st) != 0 || fchmod(to, st.st_mode & 07777) != 0)
        FAIL_ERRNO("cannot copy '%s'", path);
    for (off_t at = 0; at < st.st_size;) {
        ssize_t n = slab_read_at(from, buffer, PIECE, (uint64_t)at);
        if (n < 0)
            FAIL_ERRNO("cannot read '%s'", path);
        REQUIRE(n > 0, SLAB_ERR_FORMAT, "'%s' became shorter while it was copied", path);
        if (!slab_write_at(to, buffer, (size_t)n, (uint64_t)at))
            FAIL_ERRNO("cannot copy '%s'", path);
        at += n;
    }
done:
    FREE(buffer);
    return rc;
}

/* The output's name with links resolved: its own, or, when it does not exist, its folder's. */
static slab_status resolve(const char *path, slab_txn_file *file)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    char *real = NULL, *folder = NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    file->existed = stat(path, &st) == 0;
    REQUIRE(!file->existed || S_ISREG(st.st_mode), SLAB_ERR_FORMAT, "'%s' is not a regular file",
            path);
    if (file->existed) {
        real = realpath(path, NULL);
        if (!real)
            FAIL_ERRNO("cannot resolve '%s'", path);
        TRY(slab_memory_strdup(&file->path, real));
        goto done;
    }
    REQUIRE(lstat(path, &st) != 0, SLAB_ERR_NOT_FOUND, "'%s' is a link to nothing", path);
    REQUIRE(*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0, SLAB_ERR_USAGE,
            "'%s' is not the name of a file", path);
    TRY(slab_memory_strdup(&folder, slash ? path : "./"));
    if (slash)
        folder[name - path] = '\0';
    real = realpath(folder, NULL);
    if (!real)
        FAIL_ERRNO("cannot create '%s'", path);
    size_t n = strlen(real) + strlen(name) + 2;
    ALLOC(file->path, n, "a file name");
    snprintf(file->path, n, "%s/%s", strcmp(real, "/") ? real : "", name);
done:
    free(real);
    FREE(folder);
    return rc;
}

/* Locks an existing output. When it is written in place, what has been left of it is judged. */
static slab_status begin_existing(const char *temporary, const slab_txn_wish *wish,
                                  slab_txn_file *out)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    int fd = -1;
    TRY(slab_txn_file_lock(out->path, &fd));
    *(wish->copy ? &out->guard : &out->lock) = fd;
    if (fstat(fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", out->path);
    out->old_size = (uint64_t)st.st_size;
    /* Who comes by the other name finds no journal, and the other name may be a backup's. */
    REQUIRE(wish->copy || st.st_nlink == 1, SLAB_ERR_UNSUPPORTED,
            "'%s' has %lu names (hard links): what is written there could not be undone under all "
            "of them; copy the file and write to the copy",
            out->path, (unsigned long)st.st_nlink);
    REQUIRE(st.st_size > 0, SLAB_ERR_FORMAT, "'%s' is empty, not an HDF5 file", out->path);
    if (out->in_place)
        TRY(slab_leftovers_judge(out->path, access(temporary, F_OK) == 0, wish, &out->resumed));
done:
    return rc;
}

/* The kernel knows who holds a lock on this machine; of another machine's the job knows who began.
 */
static slab_status say_who_began(const char *file, slab_status rc)
{
    slab_error error = *slab_error_last();
    char *job = NULL, here[256] = "";
    size_t host = 0, process = 0;
    if (gethostname(here, sizeof here - 1) == 0 && slab_job_read(file, &job) == SLAB_OK && job) {
        const char *on = slab_job_value(job, "host", &host);
        const char *who = slab_job_value(job, "process", &process);
        size_t n = strlen(error.message);
        if (on && who && (host != strlen(here) || memcmp(on, here, host) != 0))
            snprintf(error.message + n, sizeof error.message - n,
                     " (begun by process %.*s on %.*s)", (int)(process < 20 ? process : 20), who,
                     (int)(host < 200 ? host : 200), on);
    }
    FREE(job);
    slab_error_restore(&error);
    return rc;
}

slab_status slab_txn_file_begin(const char *path, const slab_txn_wish *wish, slab_txn_file *out)
{
    slab_status rc = SLAB_OK;
    char *temporary = NULL;
    *out = (slab_txn_file){.lock = -1, .guard = -1};
    TRY(resolve(path, out));
    out->in_place = out->existed && !wish->copy;
    TRY(slab_temporary_path(out->path, &temporary));
    TRY(slab_journal_path(out->in_place ? out->path : temporary, &out->journal));
    if (out->existed)
        TRY(begin_existing(temporary, wish, out));
    if (out->in_place) {
        TRY(slab_memory_strdup(&out->work, out->path));
    } else {
        judging j = {wish, out};
        TRY_SAYING(slab_temporary_create(temporary, judge, &j, &out->lock), "cannot write '%s'",
                   path);
        out->work = temporary;
        temporary = NULL;
        if (wish->copy && out->existed)
            TRY(copy_content(out->guard, out->lock, path));
    }
    if (!out->resumed && slab_leftovers_remove(out->path))
        slab_log(SLAB_LOG_WARN, "removed what a killed writer had left beside '%s'", path);
done:
    FREE(temporary);
    return rc == SLAB_ERR_LOCKED && out->path ? say_who_began(out->path, rc) : rc;
}

/* --- having the file alone --- */

enum { PAUSE_MS = 10, SAY_AFTER_S = 1, SAY_AGAIN_S = 60, GIVE_UP_S = 600 };

/* One attempt. Asking lets the old lock go: whoever wanted to write may have got in between. */
static slab_status take_alone(const slab_txn_file *file, bool *got)
{
    slab_status rc = SLAB_OK;
    char who[SLAB_HOLDERS_MAX];
    *got = slab_lock_exclusive(file->lock) != SLAB_LOCK_HELD;
    if (!*got && slab_lock_shared(file->lock) == SLAB_LOCK_HELD) {
        slab_lock_holders(file->lock, who);
        FAIL(SLAB_ERR_LOCKED, "%s has begun to write '%s', which this command has not finished",
             who, file->path);
    }
done:
    return rc;
}

/* No reader may see half of what changes. Those who have the file open hold its old state in memory
 * as well, and would mix it with the new: they are waited for, but not for ever. */
slab_status slab_txn_file_alone(const slab_txn_file *file)
{
    slab_status rc = SLAB_OK;
    char who[SLAB_HOLDERS_MAX];
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    double begin = slab_clock_seconds(), say = begin + SAY_AFTER_S;
    bool got = !file->in_place;
    while (!got) {
        TRY(take_alone(file, &got));
        if (got)
            break;
        bool stop = slab_stop_requested() != 0;
        if (stop || slab_clock_seconds() > begin + GIVE_UP_S) {
            slab_lock_holders(file->lock, who);
            FAIL(SLAB_ERR_STOPPED,
                 "stopped by %s while %s had '%s' open, which was to be committed",
                 stop ? slab_stop_reason() : "the end of patience", who, file->path);
        }
        if (slab_clock_seconds() > say) {
            slab_lock_holders(file->lock, who);
            slab_log(SLAB_LOG_WARN, "waiting for %s to close '%s'", who, file->path);
            say = slab_clock_seconds() + SAY_AGAIN_S;
        }
        nanosleep(&pause, NULL);
    }
done:
    return rc;
}

/* Never over a file that came into being meanwhile. */
static slab_status rename_new(const char *from, const char *to)
{
    slab_status rc = SLAB_OK;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return SLAB_OK;
    REQUIRE(errno != EEXIST, SLAB_ERR_EXISTS, "'%s' came into being while it was written", to);
    if (errno != EINVAL && errno != ENOSYS)
        FAIL_ERRNO("cannot rename '%s' to '%s'", from, to);
    REQUIRE(access(to, F_OK) != 0, SLAB_ERR_EXISTS, "'%s' came into being while it was written",
            to);
    if (rename(from, to) != 0)
        FAIL_ERRNO("cannot rename '%s' to '%s'", from, to);
done:
    return rc;
}

/* After the rename only the fsync of the folder can fail; a new file then loses its name again.
 * Some file systems cannot fsync a folder: no harm. */
slab_status slab_txn_file_publish(slab_txn_file *file, bool sync)
{
    slab_status rc = SLAB_OK;
    int folder = -1;
    if (file->in_place)
        return SLAB_OK;
    TRY(open_folder(file->path, &folder));
    if (!file->existed)
        TRY(rename_new(file->work, file->path));
    else if (rename(file->work, file->path) != 0)
        FAIL_ERRNO("cannot rename '%s' to '%s'", file->work, file->path);
    if (sync && fsync(folder) != 0 && errno != EINVAL && errno != EBADF && errno != ENOTSUP) {
        rc = slab_error_errno(__FILE__, __LINE__, errno, "cannot make the name '%s' durable",
                              file->path);
        if (!file->existed && rename(file->path, file->work) == 0)
            goto done;
    }
    FREE(file->work); /* there is no such file any more */
done:
    if (folder >= 0)
        close(folder);
    return rc;
}

void slab_txn_file_discard(slab_txn_file *file)
{
    if (file->lock < 0 || !file->work)
        return;
    if (!file->in_place) {
        unlink(file->work);
        unlink(file->journal);
    } else if (!file->committing && access(file->journal, F_OK) != 0 &&
               ftruncate(file->lock, (off_t)file->old_size) != 0) {
        /* Bytes behind the end that HDF5 knows do no harm. */
        slab_log(SLAB_LOG_INFO, "cannot cut '%s' back to its old length", file->path);
    }
}

void slab_txn_file_clear(slab_txn_file *file)
{
    if (file->lock >= 0)
        close(file->lock);
    if (file->guard >= 0)
        close(file->guard);
    file->lock = file->guard = -1;
    FREE(file->path);
    FREE(file->work);
    FREE(file->journal);
}
