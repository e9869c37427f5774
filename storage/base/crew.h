/**
 * The crew: the threads of all ranks, working through numbered tasks.
 *
 * Tasks 0..n-1 are handed out dynamically. Each rank starts with its own contiguous range and
 * takes from the front; a rank that runs out steals the back half of the longest remaining range
 * it finds. So neighbouring tasks mostly run on one rank, nobody waits for anybody, and a slow
 * rank is relieved. Which rank ran a task must never change a result: see compute/pass.
 */
#ifndef SLAB_STORAGE_BASE_CREW_H
#define SLAB_STORAGE_BASE_CREW_H

#include <slab/storage/base/ranks.h>
#include <slab/storage/base/stop.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_crew slab_crew;

/** Warns (log.h) where the node's ranks have more threads than cores.
 *
 *  @param threads  per rank; 0: what Slurm says, else the node's cores divided by its ranks, at
 * most those of the affinity mask
 *  @param scope    ranks that share the work; borrowed */
slab_status slab_crew_create(slab_ranks *scope, int threads, slab_crew **out);
void slab_crew_destroy(slab_crew **crew);
int slab_crew_threads(const slab_crew *crew);

/** The most threads that any rank's crew has: the same on all ranks, for shapes and conditions that
 * all must share. */
int slab_crew_widest(const slab_crew *crew);
slab_ranks *slab_crew_ranks(const slab_crew *crew);

/** Runs one task on one thread (0..threads-1 of this rank). */
typedef slab_status (*slab_task)(void *context, int thread, int64_t task);

/**
 * Runs n tasks. Collective. Ends early when a task fails on any rank, or a stop was asked for on
 * any rank (stop.h): tasks under way are finished, and the message says how many were. Every rank
 * returns the same status and error record (slab_ranks_agree is done inside).
 *
 * Inside a task: no collective call. Between tasks the progress hook (if any) is called.
 */
slab_status slab_crew_run(slab_crew *crew, int64_t n, slab_task task, void *context);

/**
 * As slab_crew_run, but ends early, in order, after so many seconds; 0: does not. Which tasks have
 * been run is for the caller to know. @param[out] all  true: every one
 */
slab_status slab_crew_run_some(slab_crew *crew, int64_t n, double seconds, slab_task task,
                               void *context, bool *all);

/** As slab_crew_run, on this rank only, over its own tasks first..last-1 (not collective). */
slab_status slab_crew_run_local(slab_crew *crew, int64_t first, int64_t last, slab_task task,
                                void *context);

/** How far a run is: what this rank has done by now, and the others about a second ago. */
typedef struct slab_progress_state {
    const char *what;           /* slab_crew_progress_name() */
    int64_t done, total, bytes; /* tasks; bytes as counted with slab_crew_count_bytes() */
    int ranks;                  /* that are in the run */
    const int64_t *rank_done;   /* [ranks]: tasks */
    const int64_t *rank_bytes;  /* [ranks] */
} slab_progress_state;

/** Called from thread 0 at most every 0.1 s. The program draws its progress bar from it. Set it on
 * one rank: the others' tasks do not become slower by it. */
typedef void (*slab_progress)(void *context, const slab_progress_state *now);
void slab_crew_progress_set(slab_crew *crew, slab_progress hook, void *context);
void slab_crew_progress_name(slab_crew *crew, const char *what);
/** Uncompressed bytes dealt with, for the rate. Thread-safe. */
void slab_crew_count_bytes(slab_crew *crew, int64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
