/**
 * What the crew keeps about how far its ranks are.
 */
#ifndef SLAB_STORAGE_BASE_CREW_IMPL_H
#define SLAB_STORAGE_BASE_CREW_IMPL_H

#include <slab/storage/base/crew.h>
#include <stdatomic.h>

/* Shared words of every rank: the range of tasks left, the same of a local run (other ranks, which
 * may be in a run of all already, must not find it), whether a task has failed somewhere, and how
 * far the rank is: tasks done, bytes dealt with. */
enum { WORD_RANGE, WORD_LOCAL, WORD_HALT, WORD_DONE, WORD_BYTES, WORDS };
enum { WORDS_SEEN = 2 }; /* from WORD_DONE on */

typedef struct crew_progress {
    slab_progress hook; /* on the rank that shows it */
    void *context;
    const char *name;
    _Atomic int64_t bytes; /* of this rank, in this run */
    uint32_t run;          /* its number: the same on all ranks */
    _Atomic int64_t next_tell;
    int64_t next_show, next_look;    /* thread 0's */
    int64_t *seen;                   /* [ranks, WORDS_SEEN], as last looked at */
    int64_t *rank_done, *rank_bytes; /* [ranks] */
} crew_progress;

void crew_progress_clear(crew_progress *p);

/** A run of all ranks begins. */
void crew_progress_begin(crew_progress *p, slab_words *words, const slab_ranks *ranks);

/** Writes into this rank's own words how far it is: seldom enough to cost nothing, always when the
 * rank is through. Thread-safe. */
void crew_progress_tell(crew_progress *p, slab_words *words, const slab_ranks *ranks, int64_t done,
                        bool through);

/** Calls the hook when it is time. @param words  NULL: a run of this rank alone. For thread 0. */
void crew_progress_show(crew_progress *p, slab_words *words, const slab_ranks *ranks, int64_t done,
                        int64_t total);

#endif
