/**
 * What stands behind a slab_call: for main.c and the files that serve commands.
 */
#ifndef SLAB_TOOLS_CALL_IMPL_H
#define SLAB_TOOLS_CALL_IMPL_H

#include <slab/tools/command.h>
#include <slab/tools/options.h>
#include <slab/tools/progress.h>

/** A file opened for a command; a list. */
typedef struct call_file {
    char *path;
    slab_file *file;
    struct call_file *next;
} call_file;

typedef struct call_array {
    slab_array *array;
    struct call_array *next;
} call_array;

/** Something that is read: a file, and the object in it when it is HDF5 ("" otherwise). */
typedef struct call_input {
    char *path, *object;
    struct call_input *next;
} call_input;

struct slab_call {
    const slab_command *command;
    slab_ranks *ranks;
    slab_parsed parsed;
    int nwords;
    char **words; /* the whole command line, for provenance */
    slab_crew *crew;
    slab_bar bar;
    bool has_budget;
    slab_budget budget;
    call_file *files;
    call_array *arrays;
    call_input *inputs;
    char *output_file, *output_path;
    char *job; /* what slab_call_job() made */
    bool kept; /* a stop has left an unfinished output, which the same command continues */
};

/** The command line as one could type it again. slab_memory_free() it. */
slab_status slab_call_command_text(const slab_call *call, char **out);

/** The command and its inputs in lines that a rerun repeats (storage/job.h); the call's own.
 * Collective: the inputs are open. @param path  of the output in its file */
slab_status slab_call_job(slab_call *call, const char *path, const char **out);

/** Closes what a command has opened, so that it can run from its beginning. */
void slab_call_close(slab_call *call);

/** Closes and frees everything that the call holds. */
void slab_call_clear(slab_call *call);

/** Holds a command that computes nothing to its --memory. */
slab_status slab_call_memory(slab_call *call);

#endif
