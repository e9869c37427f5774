/**
 * Advisory locks on whole files, as programs that use HDF5 take them: flock, shared by those who
 * read, exclusive for one who writes. The kernel frees them when their holder dies.
 *
 * The environment variable HDF5_USE_FILE_LOCKING=FALSE switches them off, as it does for HDF5
 * itself.
 */
#ifndef SLAB_STORAGE_BASE_LOCK_H
#define SLAB_STORAGE_BASE_LOCK_H

#include <stdbool.h>

typedef enum slab_locked {
    SLAB_LOCK_GOT,
    SLAB_LOCK_HELD, /* another has one that forbids it */
    SLAB_LOCK_NONE, /* the file system has none */
    SLAB_LOCK_OFF   /* switched off */
} slab_locked;

enum { SLAB_HOLDERS_MAX = 200 };

/** None of these waits, but slab_lock_soon(). An open file has one lock: asking for another kind
 * changes it, and where that fails the old one is lost. */
slab_locked slab_lock_shared(int fd);
slab_locked slab_lock_exclusive(int fd);

/**
 * The lock of one who is going to write: no other gets it, and none the exclusive one, but readers
 * come and go. It is the shared one, and a second one on a byte far behind the end of the file, of
 * which HDF5 knows nothing. Where the kernel has no such locks it is the exclusive one.
 */
slab_locked slab_lock_intent(int fd);

/**
 * One of the three above, asked for again while another has it, up to a second in all: who was
 * killed has it until the system has taken its memory back, and a job is often begun anew at once.
 */
slab_locked slab_lock_soon(slab_locked (*lock)(int fd), int fd);

/** Has another the lock of one who is going to write, or the exclusive one? Takes nothing. */
bool slab_lock_intended(int fd);

/** Lets go what slab_lock_shared() and slab_lock_exclusive() took. */
void slab_lock_release(int fd);

/** Who has a lock on the file, for messages: "process 1234 (slab)", "another process" when the
 * kernel does not say. Processes of this machine only, and not this one. */
void slab_lock_holders(int fd, char text[SLAB_HOLDERS_MAX]);

#endif
