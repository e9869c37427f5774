/**
 * The ranks of a job, behind one small interface. The only user of MPI.
 *
 * Without a launcher there is one rank, MPI is never started and every call is local and cheap.
 * Under mpirun or srun, slab_ranks_start() starts MPI once. Calls named collective must be made by
 * all ranks in the same order. Thread-safe where stated; the rest is for the main thread.
 */
#ifndef SLAB_STORAGE_BASE_RANKS_H
#define SLAB_STORAGE_BASE_RANKS_H

#include <slab/storage/base/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_ranks slab_ranks;

/** Starts MPI when a launcher is seen in the environment, and gives the world of ranks. Collective.
 * Calling it again gives the same world. It is never NULL after success. */
slab_status slab_ranks_start(slab_ranks **out);

/** The world if started, else a world of one rank. Never NULL. */
slab_ranks *slab_ranks_world(void);

/** This rank by itself: a world of one, whatever was started. Never NULL. */
slab_ranks *slab_ranks_alone(void);

/** Ends MPI if this module started it. Collective. */
void slab_ranks_stop(void);

/** Ends all ranks of the job at once, with this exit code. Never returns. */
void slab_ranks_kill_job(int exit_code) __attribute__((noreturn));

int slab_ranks_me(const slab_ranks *ranks);
int slab_ranks_count(const slab_ranks *ranks);

/** Ranks on this machine (for dividing memory and cores), and my number among them. */
int slab_ranks_on_node(const slab_ranks *ranks);
int slab_ranks_me_on_node(const slab_ranks *ranks);

/** Cores of this machine that its ranks may use, all together: the union of their affinity masks.
 */
int slab_ranks_cores_on_node(const slab_ranks *ranks);

/** Variables of the environment by which launchers say how many processes they made; NULL ends the
 * list. A program that is started without them is one rank of its own. */
const char *const *slab_ranks_launcher_variables(void);

/**
 * Agrees on how a step ended, so that no rank walks into a collective call that others skip.
 * Collective. Every rank gets the status and the error record of the lowest failing rank, its
 * message prefixed with "rank r: " unless it is the first; SLAB_OK when all succeeded.
 */
slab_status slab_ranks_agree(slab_ranks *ranks, slab_status mine);

/** As slab_ranks_agree(), for the end of work that was shared out: the message names the first rank
 * too, and a rank that waits for the others calls idle every 0.1 s. Collective. @param idle  may
 * differ from rank to rank; NULL: nothing */
slab_status slab_ranks_agree_idly(slab_ranks *ranks, slab_status mine, void (*idle)(void *context),
                                  void *context);

/**
 * The last agreement of a job. Collective.
 *
 * As slab_ranks_agree(), and on a communicator of its own, so that nobody who is elsewhere takes it
 * for another one. A rank that comes with an error the others have not agreed on waits for them as
 * slab_ranks_desert() says.
 */
slab_status slab_ranks_agree_at_end(slab_ranks *ranks, slab_status mine);

/**
 * To be called before collective calls of clearing up. If this thread's error is one that the
 * others do not know of, they may be waiting for this rank somewhere else, and would for ever:
 * unless the job's last agreement comes within 10 s, it is ended, with that error. Without such an
 * error, or with one rank, nothing happens. Not collective.
 */
void slab_ranks_desert(const slab_ranks *ranks);

/** How a deserter, or a rank whose launcher ends before MPI has started, tells its error before it
 * ends the job with that exit code; called on a thread of its own, with slab_error_last() as it was.
 * NULL: by slab_log(). To be set before slab_ranks_start(). */
void slab_ranks_desertion_set(void (*say)(void), int exit_code);

/** Collective. Any number of bytes (more than 2^31 too). */
slab_status slab_ranks_broadcast(slab_ranks *ranks, void *data, size_t bytes, int root);
slab_status slab_ranks_barrier(slab_ranks *ranks);

/** Every rank gives bytes; every rank gets all, in rank order, offsets[count + 1] in bytes.
 * Collective. Free *all and *offsets with slab_memory_free(). */
slab_status slab_ranks_allgather(slab_ranks *ranks, const void *mine, size_t bytes, void **all,
                                 size_t **offsets);

/** As allgather, but only root gets them (others NULL). Collective. */
slab_status slab_ranks_gather(slab_ranks *ranks, const void *mine, size_t bytes, int root,
                              void **all, size_t **offsets);

/** Element-wise over int64 values, in place: sum, max. Collective. */
slab_status slab_ranks_sum(slab_ranks *ranks, int64_t *values, size_t n);
slab_status slab_ranks_max(slab_ranks *ranks, int64_t *values, size_t n);

/** Point to point, blocking, any number of bytes; tag 0..32767. */
slab_status slab_ranks_send(slab_ranks *ranks, const void *data, size_t bytes, int to, int tag);
slab_status slab_ranks_receive(slab_ranks *ranks, void *data, size_t bytes, int from, int tag);

/**
 * Shared words: n 64-bit integers that live on every rank and that any rank may change atomically
 * without the owner's help (MPI one-sided; plain atomics on one rank). n may differ from rank to
 * rank. Create and destroy are collective; the operations are thread-safe and wait for nobody.
 * There is no compare-and-swap: Open MPI 4.1 crashes in its own.
 */
typedef struct slab_words slab_words;
slab_status slab_words_create(slab_ranks *ranks, size_t n, slab_words **out);
void slab_words_destroy(slab_words **words);
slab_status slab_words_fetch_add(slab_words *words, int owner, size_t index, int64_t add,
                                 int64_t *before);
slab_status slab_words_get(slab_words *words, int owner, size_t index, int64_t *value);
slab_status slab_words_set(slab_words *words, int owner, size_t index, int64_t value);

/**
 * Words first .. first + n - 1 of all ranks, without waiting for any of them. The first call begins
 * to read; a later one takes what was read once all of it has come, and the next begins anew. One
 * such reading at a time, always with the same first and n, which is 64 at most. Cost: a message a
 * rank and reading.
 *
 * @param[out] values  [count, n], row-major; unchanged until *all; the caller's
 * @param[out] all     true: values holds a whole reading
 */
slab_status slab_words_look(slab_words *words, size_t first, size_t n, int64_t *values, bool *all);

#ifdef __cplusplus
}
#endif
#endif
