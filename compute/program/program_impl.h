/* A program from the inside. */
#ifndef SLAB_COMPUTE_PROGRAM_PROGRAM_IMPL_H
#define SLAB_COMPUTE_PROGRAM_PROGRAM_IMPL_H

#include <slab/compute/program/program.h>
#include <slab/compute/sink/collect.h>
#include <slab/compute/sink/store.h>

/* What is to come out. */
typedef struct program_output {
    char name[64];
    slab_value *value;
    bool done;
    bool planned;
    slab_store *store; /* stored; else collected or only settled */
    slab_array_info info;
    slab_collect *collect;
    void *data; /* of what is collected */
} program_output;

/* One pass of a round, and what it serves. */
typedef struct program_pass {
    slab_pass *pass;
    const slab_shape *shape;
    slab_value **sources; /* each once */
    int nsources;
    slab_computation **computations;
    int ncomputations;
    program_output **outputs;
    int noutputs;
    char name[64];
} program_pass;

/* The passes that can run now. */
typedef struct program_round {
    program_pass *passes;
    int npasses, capacity;
} program_round;

/* What goes to slab_program_write()'s file. */
typedef struct program_saved {
    char *path;
    slab_array_spec spec;
    int output;
    bool held; /* in memory until the end; else streamed through a writer */
    slab_writer *writer;
} program_saved;

struct slab_program {
    slab_workshop workshop;
    int noutputs, capacity;
    program_output **outputs;
    slab_computation **computations; /* all below the outputs, kept */
    int ncomputations;
    int npasses; /* that have been run */
    program_saved *saved;
    int nsaved;
    slab_error failed;  /* why slab_program_save() first failed; code SLAB_OK: it has not */
    char *dot;          /* edges of the graph that the plan has found, as text */
    const void **nodes; /* of that graph, in the order they were met */
    int nnodes;
    bool has_plan;
    size_t begun; /* bytes that planning has left in use: sinks */
    size_t held;  /* bytes of results that are settled by a pass, in a plan or a run */
};

/* program_round.c */
slab_status program_round_make(slab_program *program, bool plan, program_round *out);
void program_round_clear(program_round *round);
/* Computations below the outputs, those that need nothing first. */
slab_status program_gather(slab_program *program);

/* program_dot.c: adds a pass to the graph. */
slab_status program_dot_pass(slab_program *program, int number, const program_pass *pass);

/* program_write.c */
void program_saved_clear(slab_program *program);

#endif
