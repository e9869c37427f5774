/**
 * A pass: one reading of values of one shape that feeds any number of sinks. Values that share
 * sources (x and sqrt(x) + 1) are read once. An estimator is a loop of passes.
 */
#ifndef SLAB_COMPUTE_PASS_PASS_H
#define SLAB_COMPUTE_PASS_PASS_H

#include <slab/compute/sink/sink.h>
#include <slab/storage/base/crew.h>
#include <slab/storage/checkpoint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_pass slab_pass;

/** @param name   for plans and progress: "statistics"
 *  @param value  kept (slab_value_keep); its grid is the pass's unless a sink wants another */
slab_status slab_pass_create(slab_crew *crew, const char *name, slab_value *value, slab_pass **out);
void slab_pass_destroy(slab_pass **pass);
void slab_pass_name(slab_pass *pass, const char *name);

/**
 * Keeps the pass in a checkpoint (NULL: does not): where it is when it is stopped, and what it came
 * to. Another run of the job then goes on from there.
 *
 * @param key      the pass's own in its job, the same in every run; up to 63 bytes
 * @param results  keep what it came to as well, if that is small beside what was read for it
 */
void slab_pass_checkpoint(slab_pass *pass, slab_checkpoint *checkpoint, const char *key,
                          bool results);

/** Adds a sink; borrowed until the pass is destroyed. All sinks of a pass share its tiles. */
slab_status slab_pass_add(slab_pass *pass, const slab_sink_class *cls, void *sink);

/** Adds a sink that takes the tiles of another value of the same shape (kept).
 * @retval SLAB_ERR_SHAPE  of another shape */
slab_status slab_pass_feed(slab_pass *pass, slab_value *value, const slab_sink_class *cls,
                           void *sink);

/** As slab_pass_feed, for a sink that is shown the tiles of n values side by side (tile.views). */
slab_status slab_pass_feed_many(slab_pass *pass, slab_value *const *values, int n,
                                const slab_sink_class *cls, void *sink);

/** True when the sinks of both can be shown the same tiles in the same order: then they need not be
 * two passes. Both have a value of one shape. */
bool slab_pass_agrees(const slab_pass *pass, const slab_sink_class *cls, const void *sink);

/** How often a pass with a checkpoint keeps where it is while it runs (default: 300 s), for a run
 * that is killed. For tests. */
void slab_pass_keep_every(double seconds);

/** What a pass will cost, per rank where not said otherwise. */
typedef struct slab_pass_plan {
    char name[64];
    int64_t ntiles, ntasks; /* of the whole pass */
    slab_shape tile;
    int64_t packed_bytes; /* read from files, all ranks */
    int64_t plain_bytes;  /* decoded, all ranks */
    size_t memory;        /* needed now, with this rank's threads and what is spare used well */
    size_t memory_least;  /* with one thread and nothing kept: the smallest that would do */
    size_t memory_thread; /* each further thread */
    int threads;          /* that the budget lets work */
    bool keeps_packed;    /* bands fit in memory: phases after the first cost no I/O */
    char fallback[SLAB_REASON_MAX]; /* why H5Dread reads it, "" normally */
} slab_pass_plan;

/**
 * Plans within a budget of bytes per rank (on top of what is in use now).
 * @retval SLAB_ERR_MEMORY  even one thread does not fit; the message names the smallest budget
 */
slab_status slab_pass_plan_make(slab_pass *pass, size_t budget, slab_pass_plan *out);

/** Runs it within the budget and calls every sink's finish on every rank. Collective. */
slab_status slab_pass_run(slab_pass *pass, size_t budget);

/** Gives back the buffers of the pass's values (slab_value_rest). */
void slab_pass_rest(slab_pass *pass);

/** The tasks and the merge tree, for tests: task t covers tiles first[t] .. first[t + 1] - 1 of the
 * pass's order. */
int64_t slab_pass_tasks(const slab_pass *pass);

#ifdef __cplusplus
}
#endif
#endif
