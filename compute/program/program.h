/**
 * Programs: everything that is to come out of a graph of values, put together into as few passes as
 * possible, planned, and run.
 *
 *     slab_program_create -> slab_program_store, slab_program_fetch ... -> slab_program_plan
 *     -> slab_program_attach (writers of what is stored) -> slab_program_run
 *
 * Passes come in rounds. A round holds what can be computed from what is settled: the next pass of
 * every computation (compute/computation) and every output. Those over arrays of one shape that
 * share a source become one pass, so that a mean, a histogram and a stored result read the input
 * once. Which passes there are depends on the graph alone, never on ranks, threads or memory.
 */
#ifndef SLAB_COMPUTE_PROGRAM_PROGRAM_H
#define SLAB_COMPUTE_PROGRAM_PROGRAM_H

#include <slab/compute/computation/computation.h>
#include <slab/compute/pass/plan.h>
#include <slab/storage/transaction.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_program slab_program;

/** @param scratch  folder for results too large to hold; NULL: the usual one. Borrowed. */
slab_status slab_program_create(slab_crew *crew, const char *scratch, slab_program **out);
void slab_program_destroy(slab_program **program);

/** Stores a value (kept) in an array of that spec. @param[out] output  its number */
slab_status slab_program_store(slab_program *program, const char *name, slab_value *value,
                               const slab_array_spec *spec, int *output);
/** The writer of an output that is stored; borrowed, to be closed after the run. */
void slab_program_attach(slab_program *program, int output, slab_writer *writer);

/** Brings a value (kept) into memory on every rank: native elements, C order, in the program's
 * memory, which slab_program_data() shows after the run. */
slab_status slab_program_fetch(slab_program *program, const char *name, slab_value *value,
                               int *output);
const void *slab_program_data(const slab_program *program, int output);

/** Runs computations whose results are wanted though no output uses them: the value is settled. */
slab_status slab_program_settle(slab_program *program, const char *name, slab_value *value);

/**
 * Adds the program's passes to a plan, within a budget of bytes per rank (on top of what is in
 * use): one after another, each beside the results that are held by then. Does no I/O. Collective.
 *
 * A program that does not fit has a plan too: plan->memory_least is then more than the budget, and
 * slab_plan_fits() says so; set no limit (slab_memory_limit_set()) before it is known to fit.
 * @retval any status that a poisoned value carries
 */
slab_status slab_program_plan(slab_program *program, size_t budget, slab_plan *plan);

/** Bytes that results of its computations will be held in when it has run; after a plan. */
size_t slab_program_held(const slab_program *program);

/** The passes as a graph in the dot language: what is read, what each pass feeds, what is written.
 * Call it after slab_program_plan(). slab_memory_free() it. */
slab_status slab_program_dot(const slab_program *program, char **out);

/** Runs it all. Collective.
 * @retval SLAB_ERR_MEMORY  it does not fit the budget (the message names the smallest one) */
slab_status slab_program_run(slab_program *program, size_t budget);

#ifdef __cplusplus
}
#endif
#endif
