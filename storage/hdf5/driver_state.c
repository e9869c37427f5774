/*
 * Readers beside a writer. A commit changes metadata in many places; a reader must see all of it or
 * nothing. Where there are locks it shares one for as long as it is inside of HDF5, and a commit
 * waits; between two calls a commit may happen, which the superblock tells. Where there are no
 * locks, the superblock and the journal are looked at behind each read: the journal is there as
 * long as a commit changes anything, and a superblock that stayed as it was says that there was
 * none.
 */
#include <slab/storage/hdf5/driver_impl.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <slab/storage/base/lock.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/try.h>
#include <slab/storage/hdf5/journal.h>

enum { PAUSE_MS = 2, PATIENCE_MS = 5000 };

static bool is_committing(const slab_driver_file *f)
{
    struct stat st;
    return lstat(f->journal, &st) == 0;
}

/* Not by name: if another file has it now, this one is what it was. */
static slab_status superblock_same(const slab_driver_file *f, bool *same)
{
    slab_status rc = SLAB_OK;
    uint8_t now[SLAB_DRIVER_STAMP];
    *same = true;
    if (!f->stamped)
        return SLAB_OK;
    TRY(slab_driver_read(f, f->superblock, sizeof now, now));
    *same = memcmp(now, f->stamp, sizeof now) == 0;
done:
    return rc;
}

slab_status slab_driver_undisturbed(const slab_driver_file *f)
{
    slab_status rc = SLAB_OK;
    bool same;
    if (f->locked || !f->stamped)
        return SLAB_OK;
    TRY(superblock_same(f, &same));
    REQUIRE(same && !is_committing(f), SLAB_ERR_LOCKED,
            "another process has written '%s' while it was read: run the command again", f->path);
done:
    return rc;
}

/* Under its name there may be another file by now, whose journal says nothing of this one. */
static bool is_named(const slab_driver_file *f)
{
    struct stat a, b;
    return stat(f->path, &a) == 0 && fstat(f->fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

slab_status slab_driver_recover(const char *path)
{
    slab_status rc = SLAB_OK;
    char did[SLAB_MESSAGE_MAX];
    TRY(slab_journal_recover(path, did));
    if (*did)
        slab_log(SLAB_LOG_WARN, "%s", did);
done:
    return rc;
}

slab_status slab_driver_lock(slab_driver_file *f, bool *changed)
{
    slab_status rc = SLAB_OK;
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    char who[SLAB_HOLDERS_MAX];
    bool same;
    *changed = false;
    for (int waited = 0;; waited += PAUSE_MS) {
        slab_locked got = slab_lock_shared(f->fd);
        f->locked = got == SLAB_LOCK_GOT;
        if (!is_committing(f) || (f->locked && !is_named(f)))
            break;
        if (f->locked) { /* that the lock is had says that the journal's writer is dead */
            slab_driver_unlock(f);
            TRY(slab_driver_recover(f->path));
        }
        if (waited >= PATIENCE_MS) {
            slab_lock_holders(f->fd, who);
            FAIL(SLAB_ERR_LOCKED, "another process is writing '%s': %s", f->path, who);
        }
        nanosleep(&pause, NULL);
    }
    TRY(superblock_same(f, &same));
    *changed = !same;
done:
    return rc;
}

void slab_driver_unlock(slab_driver_file *f)
{
    if (f->locked)
        slab_lock_release(f->fd);
    f->locked = false;
}

slab_status slab_driver_stamp(slab_driver_file *f, uint64_t superblock)
{
    slab_status rc = SLAB_OK;
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    struct stat st;
    f->stamped = false;
    for (int i = 0; i < SLAB_DRIVER_LINES; i++)
        f->lines[i].size = 0;
    if (fstat(f->fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", f->path);
    f->size = (uint64_t)st.st_size;
    f->eoa = 0;
    f->superblock = superblock;
    TRY(slab_driver_read(f, superblock, sizeof f->stamp, f->stamp));
    /* A commit writes the superblock first: only when its journal has gone is the rest of it there.
     */
    for (int waited = 0; !f->locked && is_committing(f) && waited < PATIENCE_MS;
         waited += PAUSE_MS) {
        nanosleep(&pause, NULL);
        TRY(slab_driver_read(f, superblock, sizeof f->stamp, f->stamp));
    }
    f->stamped = true;
done:
    return rc;
}
