/**
 * Unfinished outputs: what a run that was stopped or killed has left beside its output, for the
 * same command to continue. All functions are local to this rank.
 */
#ifndef SLAB_STORAGE_UNFINISHED_H
#define SLAB_STORAGE_UNFINISHED_H

#include <slab/storage/job.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_unfinished {
    char *file;    /* the output: it exists (then this is to be added to it), or is not there yet */
    char *job;     /* see job.h */
    bool in_place; /* the output existed before */
    bool held;     /* a process is writing it now */
    int64_t chunks;  /* that its logs name; their bytes have not been looked at */
    int64_t total;   /* chunks of the arrays that were begun, 0: none was */
    int64_t bytes;   /* that the chunks take, packed */
    int records;     /* of its checkpoint: what else has been worked out */
    int64_t changed; /* when it was last written to, seconds since 1970 */
} slab_unfinished;

/** What is left beside an output. @param[out] there  false: nothing that could be continued */
slab_status slab_unfinished_look(const char *file, slab_unfinished *out, bool *there);
void slab_unfinished_clear(slab_unfinished *unfinished);

/** Calls visit for every unfinished output in a folder, in the order of names; goes on after one
 * that fails, and returns the first failure at the end (others are logged).
 * @retval SLAB_ERR_NOT_FOUND  there is no such folder */
typedef slab_status (*slab_unfinished_visit)(void *context, const slab_unfinished *unfinished);
slab_status slab_unfinished_list(const char *folder, slab_unfinished_visit visit, void *context);

/**
 * Removes what is left beside an output, links followed; an output that existed before is cut to
 * its old length, and rolled back before, when its writer died amid the commit.
 * @param[out] removed  false: there was nothing
 * @retval SLAB_ERR_LOCKED  a process is writing it
 */
slab_status slab_unfinished_remove(const char *file, bool *removed);

#ifdef __cplusplus
}
#endif
#endif
