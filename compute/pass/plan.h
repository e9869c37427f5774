/**
 * A plan: what a command will do, before it does it. Passes, memory per rank, bytes in and out.
 */
#ifndef SLAB_COMPUTE_PASS_PLAN_H
#define SLAB_COMPUTE_PASS_PLAN_H

#include <slab/compute/pass/pass.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_PLAN_STEPS_MAX 64

/** One line of a plan; a pass repeated many times is one line. */
typedef struct slab_plan_step {
    char name[64];
    int64_t times;      /* how often it runs (at most) */
    int64_t read_bytes; /* from files, all ranks, all times */
    int64_t plain_bytes;
    int64_t write_bytes;
    double flops;
    double flop_rate; /* that a thread reaches in a second; 0: not known */
    size_t memory;    /* per rank */
    int threads;
} slab_plan_step;

typedef struct slab_plan {
    int nsteps;
    slab_plan_step steps[SLAB_PLAN_STEPS_MAX];
    size_t budget;       /* per rank */
    size_t memory;       /* most of any step, per rank */
    size_t memory_least; /* the smallest budget that would do */
    char greediest[64];  /* the step that needs it */
    int64_t scratch_bytes;
    int ranks, threads;
    char notes[2048]; /* lines: method chosen and why, fallbacks with their reasons */
} slab_plan;

void slab_plan_add(slab_plan *plan, const slab_plan_step *step);
void slab_plan_add_pass(slab_plan *plan, const slab_pass_plan *pass, int64_t times, double flops);
/** The smallest budget that would do is at least `bytes`, because of the step of that name. */
void slab_plan_need(slab_plan *plan, const char *name, size_t bytes);

/** Every step has so many bytes more beside it. */
void slab_plan_beside(slab_plan *plan, size_t bytes);

/** @retval SLAB_ERR_MEMORY  the plan does not fit the budget; the message names the smallest one */
slab_status slab_plan_fits(const slab_plan *plan, size_t budget);
void slab_plan_note(slab_plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
