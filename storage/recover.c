/* What a killed writer can leave: a hot journal, a temporary file, chunk logs. */
#include <slab/storage/transaction_impl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/lock.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/hdf5/journal.h>

static void say(char *did, const char *what, const char *name)
{
    size_t n = strlen(did);
    snprintf(did + n, SLAB_MESSAGE_MAX - n, "%s%s '%s'", n ? "; " : "", what, name);
}

/* Where there are no locks, the person who calls recover knows that no writer lives. */
static slab_status lock_or_fail(const char *path, slab_locked (*lock)(int fd), int *fd)
{
    slab_status rc = SLAB_OK;
    char who[SLAB_HOLDERS_MAX];
    *fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT)
        goto done;
    if (*fd < 0)
        FAIL_ERRNO("cannot open '%s'", path);
    if (slab_lock_soon(lock, *fd) == SLAB_LOCK_HELD) {
        slab_lock_holders(*fd, who);
        FAIL(SLAB_ERR_LOCKED, "'%s' is being written by %s", path, who);
    }
done:
    return rc;
}

/* One that is locked. */
static slab_status remove_temporary(const char *temporary, int fd, char *did)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    char *journal = NULL;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !slab_path_is(temporary, fd))
        goto done;
    TRY(slab_journal_path(temporary, &journal));
    unlink(journal);
    if (unlink(temporary) != 0)
        FAIL_ERRNO("cannot remove '%s'", temporary);
    say(did, "removed temporary file", temporary);
done:
    FREE(journal);
    return rc;
}

slab_status slab_recover(const char *path, char *did)
{
    slab_status rc = SLAB_OK;
    char *temporary = NULL, *copy = NULL, *real = realpath(path, NULL);
    int fd = -1, part = -1;
    bool kept = false;
    slab_unfinished left = {0};
    *did = '\0';
    TRY(slab_memory_strdup(&copy, real ? real : path));
    if (real)
        TRY(slab_journal_recover(copy, did));
    TRY(slab_unfinished_look(copy, &left, &kept));
    if (kept && !left.held) {
        say(did, "'slab clean' gives up what the same command continues beside", path);
        goto done;
    }
    TRY(slab_temporary_path(copy, &temporary));
    TRY(lock_or_fail(temporary, slab_lock_exclusive, &part));
    TRY(lock_or_fail(copy, slab_lock_intent, &fd)); /* a writer that lives has use for its logs */
    if (slab_leftovers_remove(copy))
        say(did, "removed the chunk logs beside", path);
    TRY(remove_temporary(temporary, part, did)); /* last: until then nobody begins anew */
done:
    if (part >= 0)
        close(part);
    if (fd >= 0)
        close(fd);
    slab_unfinished_clear(&left);
    free(real);
    FREE(copy);
    FREE(temporary);
    return rc;
}
