#include <slab/storage/temporary.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/lock.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/hdf5/journal.h>

enum { ATTEMPTS = 8 }; /* at a file that others replace under our hands */

slab_status slab_path_beside(const char *file, const char *suffix, char **out)
{
    slab_status rc = SLAB_OK;
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    size_t folder = (size_t)(name - file), n = strlen(file) + strlen(suffix) + 5;
    ALLOC(*out, n, "a file name");
    snprintf(*out, n, "%.*s.%s.%s", slash ? (int)folder : 2, slash ? file : "./", name, suffix);
done:
    return rc;
}

bool slab_path_is(const char *path, int fd)
{
    struct stat a, b;
    return lstat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

int slab_open_own(const char *path, int flags)
{
    struct stat st;
    int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1)
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

slab_status slab_temporary_path(const char *file, char **out)
{
    return slab_path_beside(file, "slab-part", out);
}

/* A temporary file that is in the way: locked, or an error. *out -1: it is gone. */
static slab_status lock_dead(const char *temporary, int *out)
{
    slab_status rc = SLAB_OK;
    char who[SLAB_HOLDERS_MAX];
    int fd = slab_open_own(temporary, O_RDWR);
    *out = -1;
    if (fd < 0 && errno == ENOENT)
        return SLAB_OK;
    REQUIRE(fd >= 0 || errno != EPERM, SLAB_ERR_EXISTS,
            "'%s' is in the way: not a regular file of this user's", temporary);
    if (fd < 0)
        FAIL_ERRNO("'%s' is in the way", temporary);
    slab_locked got = slab_lock_soon(slab_lock_exclusive, fd);
    if (got == SLAB_LOCK_HELD) {
        slab_lock_holders(fd, who);
        FAIL(SLAB_ERR_LOCKED, "%s is writing it ('%s' is locked)", who, temporary);
    }
    REQUIRE(got != SLAB_LOCK_NONE, SLAB_ERR_LOCKED,
            "'%s' is there, and the file system has no locks to tell "
            "whether its writer lives; if no slab is running, remove it or set "
            "HDF5_USE_FILE_LOCKING=FALSE",
            temporary);
    if (slab_path_is(temporary, fd)) {
        *out = fd;
        fd = -1;
    }
done:
    if (fd >= 0)
        close(fd);
    return rc;
}

/* What a dead writer has left is taken over, or removed. The lock is held until it is gone, so that
 * of two who find it, one removes it, and none removes the other's new one. */
static slab_status take_dead(const char *temporary, slab_temporary_judge judge, void *context,
                             int *out)
{
    slab_status rc = SLAB_OK;
    char *journal = NULL;
    bool keep = false;
    int fd = -1;
    *out = -1;
    TRY(lock_dead(temporary, &fd));
    if (fd < 0)
        goto done;
    if (judge)
        TRY(judge(context, &keep));
    if (keep) {
        *out = fd;
        fd = -1;
        goto done;
    }
    TRY(slab_journal_path(temporary, &journal));
    if (unlink(temporary) != 0)
        FAIL_ERRNO("cannot remove '%s'", temporary);
    unlink(journal);
    slab_log(SLAB_LOG_WARN, "removed '%s', which a killed writer had left", temporary);
done:
    if (fd >= 0)
        close(fd);
    FREE(journal);
    return rc;
}

slab_status slab_temporary_create(const char *temporary, slab_temporary_judge judge, void *context,
                                  int *out)
{
    slab_status rc = SLAB_OK;
    int fd = -1;
    for (int i = 0; i < ATTEMPTS; i++) {
        fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST) {
            TRY(take_dead(temporary, judge, context, &fd));
            if (fd >= 0)
                break;
            continue;
        }
        if (fd < 0)
            FAIL_ERRNO("cannot create '%s'", temporary);
        if (slab_lock_exclusive(fd) != SLAB_LOCK_HELD && slab_path_is(temporary, fd))
            break;
        close(fd);
        fd = -1;
    }
    REQUIRE(fd >= 0, SLAB_ERR_LOCKED, "another process is about to write it ('%s')", temporary);
    *out = fd;
done:
    return rc;
}
