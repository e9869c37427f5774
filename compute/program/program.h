/**
 * Programs: everything that is to come out of a graph of values, put together into as few passes as
 * possible, planned, and run.
 *
 *     slab_program_create -> slab_program_save ... -> slab_program_write
 *
 * writes values to a file. Who needs the steps one by one, other chunks and types, results in
 * memory or a plan, takes
 *
 *     slab_program_create -> slab_program_store, slab_program_fetch ... -> slab_program_plan
 *     -> slab_program_attach (writers of what is stored) -> slab_program_run
 *
 * Passes come in rounds. A round holds what can be computed from what is settled: the next pass of
 * every computation (compute/computation) and every output. Those over arrays of one shape that
 * share a source become one pass, so that a mean, a histogram and a stored result read the input
 * once. Which passes there are depends on the graph alone, never on ranks, threads or memory
 * (docs/decisions/programs.md).
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

/**
 * A program without outputs.
 *
 * @param crew     whose threads and ranks run it; borrowed, must outlive it
 * @param scratch  folder for results too large to hold, seen by all ranks; NULL: the usual one.
 *                 Borrowed
 */
slab_status slab_program_create(slab_crew *crew, const char *scratch, slab_program **out);

/** Drops its values and what it holds of results. Accepts NULL. */
void slab_program_destroy(slab_program **program);

/* --- to a file --- */

/**
 * What a value is stored as unless somebody says otherwise: its type and shape, chunks like the
 * tiles it is computed in where those are of a good size (64 KiB to 8 MiB), so that no chunk is put
 * together from parts. The value must be sound.
 */
void slab_value_spec(const slab_value *value, slab_array_spec *spec);

/**
 * Has a value (kept) written to an array of slab_program_write()'s file, as slab_value_spec() says.
 * Does no I/O. A value of up to 1 MiB is held in memory until the end, and stored in one piece.
 *
 * A failure, such as a poisoned value, is remembered: slab_program_write() gives the first one, on
 * every rank. So the status may be left unlooked at.
 *
 * @param path  in the file: "/z"
 */
slab_status slab_program_save(slab_program *program, const char *path, slab_value *value);

/**
 * Runs the program, and writes what was saved in one transaction: the file shows all of it at the
 * end, or is as it was. Collective. Run it once.
 *
 * @param file     a new file, or one that gets further arrays
 * @param options  NULL: slab_txn_defaults(). The threads are the crew's
 * @param budget   bytes per rank on top of what is in use, for passes and for writing. A process
 *                 without a limit (slab_memory_limit_set()) has that one while this runs
 * @retval SLAB_ERR_MEMORY  it is too small; found out before the file is touched
 * @retval SLAB_ERR_EXISTS  an array of that path is there, and options->force is off
 * @retval any other        what the first failing slab_program_save() or value says
 *
 * Cost: slab_program_plan() says it.
 */
slab_status slab_program_write(slab_program *program, const char *file,
                               const slab_txn_options *options, size_t budget);

/* --- step by step --- */

/**
 * Stores a value (kept) in an array of that spec, through a writer that is attached later.
 *
 * @param name         for the plan
 * @param[out] output  its number
 * @retval SLAB_ERR_SHAPE  the spec has another shape
 * @retval SLAB_ERR_TYPE   elements cannot be converted to the spec's type
 * @retval any other       what slab_spec_resolve() says of the spec, or why the value is poisoned
 */
slab_status slab_program_store(slab_program *program, const char *name, slab_value *value,
                               const slab_array_spec *spec, int *output);

/** The writer of an output that is stored; borrowed, to be closed after the run. Attached on all
 * ranks before slab_program_run(). */
void slab_program_attach(slab_program *program, int output, slab_writer *writer);

/**
 * Brings a value (kept) into memory on every rank: native elements, C order, in the program's
 * memory, which slab_program_data() shows after the run.
 *
 * @param[out] output  its number
 * @retval SLAB_ERR_MEMORY  it is larger than what memory is left
 */
slab_status slab_program_fetch(slab_program *program, const char *name, slab_value *value,
                               int *output);

/** The elements of an output that was fetched, as many as its value has; borrowed, NULL for outputs
 * of other kinds. */
const void *slab_program_data(const slab_program *program, int output);

/** Runs computations whose results are wanted though no output uses them: after the run the value
 * (kept) is settled and may go into another program. */
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

/** Keeps what passes come to in a checkpoint, which another run of the same program goes on from.
 * Call it before slab_program_run(). Borrowed; NULL: nothing is kept. */
void slab_program_checkpoint(slab_program *program, slab_checkpoint *checkpoint);

/**
 * Runs it all. Collective.
 *
 * @param budget  as for slab_program_plan(), which is called when it has not been: writers have
 *                their own memory (slab_writer_memory())
 * @retval SLAB_ERR_MEMORY   it does not fit the budget (the message names the smallest one)
 * @retval SLAB_ERR_STOPPED  a stop was requested (slab_stop_request())
 * @retval any other         of the plan, of reading, computing and writing; the same on all ranks
 */
slab_status slab_program_run(slab_program *program, size_t budget);

/** What this rank's passes have read so far, of all arrays below the outputs. */
slab_status slab_program_counts(const slab_program *program, slab_read_counts *out);

#ifdef __cplusplus
}
#endif
#endif
