/**
 * Other programs.
 */
#ifndef SLAB_TOOLS_CHILD_H
#define SLAB_TOOLS_CHILD_H

#include <slab/storage/base/status.h>

/** What a program printed, and how it ended. */
typedef struct slab_child {
    int code;  /* exit code; 128 + signal */
    char *out; /* its stdout; slab_memory_free() */
    char *err; /* its stderr, NULL where it went to ours; slab_memory_free() */
} slab_child;

/**
 * Runs a program, found in PATH, to its end. No shell is between.
 *
 * @param words  its command line, ends with NULL
 * @param input  its stdin, "" for none
 * @param keep   true: its stderr is kept too
 * @retval SLAB_ERR_NOT_FOUND  there is no such program
 */
slab_status slab_child_run(char *const *words, const char *input, int keep, slab_child *out);

void slab_child_clear(slab_child *child);

#endif
