/**
 * How the files that write job scripts share the work: batch_script.c has what all scripts have in
 * common, a file for each batch system the rest.
 */
#ifndef SLAB_TOOLS_BATCH_IMPL_H
#define SLAB_TOOLS_BATCH_IMPL_H

#include <slab/tools/batch.h>
#include <stdio.h>

typedef struct batch_writing batch_writing;

/** What a batch system has words of its own for. */
typedef struct batch_system {
    const char *directive;                    /* #directive at the beginning of a line */
    const char *number;                       /* variable with the number of a part of an array */
    void (*head)(const batch_writing *w);     /* its directives for what the job is */
    void (*prepare)(const batch_writing *w);  /* what comes before all else */
    void (*launch)(const batch_writing *w);   /* launch=(what starts the ranks) */
    void (*put_back)(const batch_writing *w); /* how the job is run again; $code is 75 */
} batch_system;

/** A script in the making. */
struct batch_writing {
    FILE *to;
    const slab_batch *b;
    const batch_system *system;
    bool merge;    /* what follows an array: one process */
    bool numbered; /* one script for all of an array: the system numbers its parts */
    bool again;    /* stopped before it is done, it is run again */
    int64_t ranks, nodes;
};

extern const batch_system slab_batch_slurm, slab_batch_pbs;

void slab_batch_put_clock(FILE *to, int64_t seconds);

/** MiB of one of so many parts, rounded up. */
int64_t slab_batch_mebibytes(size_t bytes, int64_t parts);

/** The name of the log, with %j, %A and %a in it. */
void slab_batch_log(const batch_writing *w, char log[512]);

/** launch=(mpirun ...), with the options of the system. */
void slab_batch_put_mpirun(const batch_writing *w, const char *more);

#endif
