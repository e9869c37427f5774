/**
 * Where a thread is while a library works for it that does not survive every file: the HDF5
 * library.
 *
 * It takes what a file says for true. A file that lies makes it crash, run for ever, or ask for all
 * memory there is. Who calls it says so here, and on which file; who owns the process (the program
 * slab) looks here when something happens, and ends with an error that names the file. A library
 * alone does neither: it installs no handlers, and nothing here costs a call of the system.
 *
 * One thread at a time is inside; the caller has a lock.
 */
#ifndef SLAB_STORAGE_BASE_WATCH_H
#define SLAB_STORAGE_BASE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SLAB_WATCH_FILES = 2 };

/** What a thread is inside of. Everything may be looked at from a signal handler; the texts belong
 * to the thread that is inside and stay until it leaves. */
typedef struct slab_watch {
    const char *volatile files[SLAB_WATCH_FILES]; /* that may be the reason; NULL: none */
    const char *volatile written;                 /* that a transaction changes; NULL: none */
    const char *volatile object;                  /* in the file; NULL: the file as a whole */
    const char *volatile failed;  /* why it was not given what it asked for; NULL: it was */
    volatile bool ours;           /* slab's own code runs, called back from inside */
    bool uncounted;               /* memory is slab's own now: memory.h counts it */
    volatile uint64_t steps;      /* grows when it enters, leaves, and gets on */
    volatile uint64_t moved;      /* bytes of elements that it handled since the last step */
    volatile uint64_t looked_at;  /* bytes of metadata that it read since then */
    volatile uint64_t file_bytes; /* of the largest of the files */
    int clock;                    /* a clockid_t: processor time of the thread */
    size_t refused;               /* bytes of memory that it was not given, 0: got all it wanted */
} slab_watch;

/** This thread goes in. */
void slab_watch_enter(void);
void slab_watch_leave(void);

/** It works on a file of so many bytes; one more than it may be working on already. */
void slab_watch_file(const char *path, uint64_t bytes);
/** The text goes: the file is closed. */
void slab_watch_file_forget(const char *path);

/** The file that a transaction changes: in question when no other is named. NULL: none is changed.
 */
void slab_watch_written(const char *path);

/** It works on an object of the file; NULL: on the file. */
void slab_watch_object(const char *path);

/** It was not given what it asked for: not every library survives that. The text stays. */
void slab_watch_failed(const char *why);

/** It gets on: one of a number of steps that has an end. */
void slab_watch_step(void);

/** It has read, converted or written so many bytes of elements: as many as there are to do. */
void slab_watch_moved(size_t bytes);
/** It has read so many bytes of metadata: maybe the same again and again. */
void slab_watch_looked_at(size_t bytes);

/** Slab's own code runs until it is false again, called back from the library. */
void slab_watch_ours(bool ours);

/** Memory is slab's own until it is false again. Returns what it was. */
bool slab_watch_uncounted(bool uncounted);

/** Where this thread is; NULL: not inside. May be asked from a signal handler. */
slab_watch *slab_watch_here(void);

/** The same for the process: whatever thread. The step that is looked at may be over. */
const slab_watch *slab_watch_anywhere(void);

/** Called in each thread that goes in for the first time. NULL: nothing. To be set while there is
 * one thread. */
void slab_watch_on_thread(void (*prepare)(void));

/** Of so many bytes it may have what slab itself does not use, and a little for its own work;
 * SIZE_MAX, as it is at first: all there is. Whoever owns the process sees to it. */
void slab_watch_memory_set(size_t bytes);
size_t slab_watch_memory(void);

#ifdef __cplusplus
}
#endif
#endif
