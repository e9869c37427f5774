/*
 * POSIX threads, not an OpenMP region: they sleep instead of spinning where ranks share cores, the
 * thread sanitizer sees them, and they end between runs (docs/decisions/crew.md).
 */
#include <slab/storage/base/crew_impl.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/clock.h>
#include <slab/storage/base/cores.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/thread.h>
#include <slab/storage/base/try.h>

#define END_BIAS     ((int64_t)1 << 30)
#define TASKS_MAX    (END_BIAS - 1)
#define HALT_LOOK_NS 5000000 /* how often a rank looks whether another has failed */

struct slab_crew {
    slab_ranks *ranks;
    int threads, widest; /* of this rank, and the most of any */
    slab_words *words;
    crew_progress progress;
};

/* One run of a crew. */
typedef struct run {
    slab_crew *crew;
    slab_task task;
    void *context;
    int64_t total;
    bool local;    /* on this rank only: no stealing */
    int64_t pause; /* when to end early, 0: never */
    pthread_mutex_t steal;
    atomic_bool halted;
    _Atomic int64_t done, next_look;
    pthread_mutex_t failing;
    slab_status status; /* the first failure here */
    slab_error error;
} run;

typedef struct worker {
    run *run;
    int thread;
    bool started;
    pthread_t id;
} worker;

static int usable_cores(void)
{
    const slab_cores cores = slab_cores_usable();
    return slab_cores_count(&cores);
}

/* The cores this rank may use: Slurm's word, or its share of the node's, which ranks may be bound
 * to parts of. */
static int default_threads(const slab_ranks *ranks)
{
    const char *text = getenv("SLURM_CPUS_PER_TASK");
    int stated = text ? atoi(text) : 0, cores = usable_cores();
    if (stated >= 1)
        return stated < cores ? stated : cores;
    int share = slab_ranks_cores_on_node(ranks) / slab_ranks_on_node(ranks);
    share = share < cores ? share : cores;
    return share < 1 ? 1 : share;
}

/* More threads than cores is slow, and mostly a launcher's options that were not meant so. */
static void warn_of_crowd(const slab_crew *crew)
{
    static atomic_bool warned;
    int ranks = slab_ranks_on_node(crew->ranks), cores = slab_ranks_cores_on_node(crew->ranks);
    if ((int64_t)ranks * crew->threads <= cores || atomic_exchange(&warned, true))
        return;
    if (ranks > 1)
        slab_log(
            SLAB_LOG_WARN,
            "%d ranks of %d thread%s share %d core%s of this node: they will wait for each other",
            ranks, crew->threads, crew->threads == 1 ? "" : "s", cores, cores == 1 ? "" : "s");
    else
        slab_log(SLAB_LOG_WARN, "%d threads share %d core%s: they will wait for each other",
                 crew->threads, cores, cores == 1 ? "" : "s");
}

slab_status slab_crew_create(slab_ranks *scope, int threads, slab_crew **out)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew = NULL;
    *out = NULL;
    REQUIRE(threads >= 0 && threads <= 4096, SLAB_ERR_RANGE, "%d threads are not possible",
            threads);
    rc = slab_memory_alloc((void **)&crew, 1, sizeof *crew, "a crew");
    TRY(slab_ranks_agree(scope, rc));
    crew->ranks = scope;
    crew->threads = threads ? threads : default_threads(scope);
    int64_t most = crew->threads;
    TRY(slab_ranks_max(scope, &most, 1));
    crew->widest = (int)most;
    crew->progress.name = "";
    TRY(slab_words_create(scope, WORDS, &crew->words));
    warn_of_crowd(crew);
    *out = crew;
    crew = NULL;
done:
    slab_crew_destroy(&crew);
    return rc;
}

void slab_crew_destroy(slab_crew **crew)
{
    if (!*crew)
        return;
    slab_words_destroy(&(*crew)->words);
    crew_progress_clear(&(*crew)->progress);
    FREE(*crew);
}

int slab_crew_threads(const slab_crew *crew)
{
    return crew->threads;
}

int slab_crew_widest(const slab_crew *crew)
{
    return crew->widest;
}

slab_ranks *slab_crew_ranks(const slab_crew *crew)
{
    return crew->ranks;
}

void slab_crew_progress_set(slab_crew *crew, slab_progress hook, void *context)
{
    crew->progress.hook = hook;
    crew->progress.context = context;
}

void slab_crew_progress_name(slab_crew *crew, const char *what)
{
    crew->progress.name = what;
}

void slab_crew_count_bytes(slab_crew *crew, int64_t bytes)
{
    atomic_fetch_add(&crew->progress.bytes, bytes);
}

/*
 * A range in one word: next in the high half, end in the low half, END_BIAS added so that thieves
 * who take from the end never borrow from the high half. All is done by adding: Open MPI 4.1
 * crashes in MPI_Compare_and_swap on shared memory.
 */
static int64_t pack(int64_t next, int64_t end)
{
    return (next << 32) + END_BIAS + end;
}

static int64_t range_next(int64_t range)
{
    return range >> 32;
}

static int64_t range_end(int64_t range)
{
    return (range & UINT32_MAX) - END_BIAS;
}

static int64_t range_left(int64_t range)
{
    return range_end(range) - range_next(range);
}

/* Takes the first task of my rank's range; *task is -1 when it is empty. */
static slab_status take_own(run *r, int64_t *task)
{
    slab_status rc = SLAB_OK;
    int64_t before;
    *task = -1;
    TRY(slab_words_fetch_add(r->crew->words, slab_ranks_me(r->crew->ranks),
                             r->local ? WORD_LOCAL : WORD_RANGE, (int64_t)1 << 32, &before));
    if (range_left(before) > 0)
        *task = range_next(before);
done:
    return rc;
}

/* Looks at a few ranks, not at all: an idle rank must not cost more the more ranks there are. */
static slab_status find_victim(run *r, uint64_t *seed, int *victim, int64_t *range)
{
    slab_status rc = SLAB_OK;
    int me = slab_ranks_me(r->crew->ranks), count = slab_ranks_count(r->crew->ranks);
    int looks = count - 1;
    for (int n = count; n > 16; n /= 2)
        looks = looks > 16 ? looks / 2 : looks;
    *victim = -1;
    *range = 0;
    for (int i = 0; i < looks; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        int other = count - 1 <= 16 ? (me + 1 + i) % count : (int)((*seed >> 33) % (uint64_t)count);
        int64_t theirs;
        if (other == me)
            continue;
        TRY(slab_words_get(r->crew->words, other, WORD_RANGE, &theirs));
        if (range_left(theirs) >= 2 && (*victim < 0 || range_left(theirs) > range_left(*range))) {
            *victim = other;
            *range = theirs;
        }
    }
done:
    return rc;
}

/*
 * Moves the back half of another rank's range to mine; *got says whether there was one.
 *
 * Between the look and the subtraction the owner may have moved on and other thieves may have
 * subtracted too: the word as it was before mine says what is left for me. At most one
 * subtraction of a thief follows its look, of half a rank's share at most, so that all thieves
 * together stay within END_BIAS.
 */
static slab_status steal(run *r, bool *got)
{
    slab_status rc = SLAB_OK;
    slab_words *words = r->crew->words;
    int me = slab_ranks_me(r->crew->ranks);
    uint64_t seed = (uint64_t)me * 0x9E3779B97F4A7C15u + (uint64_t)slab_clock_ns();
    *got = false;
    for (int tries = 0; tries < 4 && !*got; tries++) {
        int victim;
        int64_t range, before;
        TRY(find_victim(r, &seed, &victim, &range));
        if (victim < 0)
            break;
        int64_t half = range_left(range) / 2;
        TRY(slab_words_fetch_add(words, victim, WORD_RANGE, -half, &before));
        int64_t end = range_end(before), first = end - half;
        first = first < range_next(before) ? range_next(before) : first;
        if (first < end) {
            TRY(slab_words_set(words, me, WORD_RANGE, pack(first, end)));
            *got = true;
        }
    }
done:
    return rc;
}

static slab_status take(run *r, int64_t *task)
{
    slab_status rc = SLAB_OK;
    bool got = true;
    TRY(take_own(r, task));
    if (*task >= 0 || r->local || slab_ranks_count(r->crew->ranks) == 1)
        return SLAB_OK;
    pthread_mutex_lock(&r->steal);
    while (rc == SLAB_OK && *task < 0 && got) {
        rc = take_own(r, task); /* another thread may have stolen meanwhile */
        if (rc == SLAB_OK && *task < 0)
            rc = steal(r, &got);
    }
    pthread_mutex_unlock(&r->steal);
done:
    return rc;
}

/* Stops the crews of all ranks; costs a message a rank, but happens once. */
static void halt_all(run *r)
{
    atomic_store(&r->halted, true);
    if (r->local)
        return;
    for (int rank = 0; rank < slab_ranks_count(r->crew->ranks); rank++)
        slab_words_set(r->crew->words, rank, WORD_HALT, 1);
}

static void fail(run *r, slab_status status)
{
    pthread_mutex_lock(&r->failing);
    bool first = r->status == SLAB_OK;
    if (first) {
        r->status = status;
        r->error = *slab_error_last();
    }
    pthread_mutex_unlock(&r->failing);
    if (first)
        halt_all(r);
}

/* Has a task failed here, on another rank, or has somebody asked to stop? */
static bool halted(run *r)
{
    int64_t now, look = atomic_load(&r->next_look), halt = 0;
    if (atomic_load(&r->halted))
        return true;
    if (slab_stop_requested()) {
        fail(r, slab_error_set(SLAB_ERR_STOPPED, __FILE__, __LINE__, "stopped by %s",
                               slab_stop_reason()));
        return true;
    }
    if (r->pause && slab_clock_ns() >= r->pause) {
        halt_all(r);
        return true;
    }
    if (r->local || slab_ranks_count(r->crew->ranks) == 1)
        return false;
    now = slab_clock_ns();
    if (now < look || !atomic_compare_exchange_strong(&r->next_look, &look, now + HALT_LOOK_NS))
        return false;
    if (slab_words_get(r->crew->words, slab_ranks_me(r->crew->ranks), WORD_HALT, &halt) != SLAB_OK)
        return false;
    if (halt)
        atomic_store(&r->halted, true);
    return halt != 0;
}

static void say_progress(run *r, int thread, int64_t done)
{
    slab_crew *crew = r->crew;
    if (!r->local)
        crew_progress_tell(&crew->progress, crew->words, crew->ranks, done, false);
    if (thread == 0)
        crew_progress_show(&crew->progress, r->local ? NULL : crew->words, crew->ranks, done,
                           r->total);
}

static void *work(void *argument)
{
    worker *w = argument;
    run *r = w->run;
    while (!halted(r)) {
        int64_t task;
        slab_status rc = take(r, &task);
        if (rc == SLAB_OK && task < 0)
            break;
        if (rc == SLAB_OK)
            rc = r->task(r->context, w->thread, task);
        if (rc != SLAB_OK) {
            fail(r, rc);
            break;
        }
        int64_t done = atomic_fetch_add(&r->done, 1) + 1;
        say_progress(r, w->thread, done);
    }
    return NULL;
}

/* Runs the workers; this thread is worker 0. A thread that cannot be started is done without. */
static slab_status run_workers(run *r)
{
    slab_status rc = SLAB_OK;
    worker *workers = NULL;
    ALLOC(workers, r->crew->threads, "threads");
    for (int i = 0; i < r->crew->threads; i++) {
        workers[i] = (worker){.run = r, .thread = i};
        if (i > 0)
            workers[i].started = slab_thread_start(&workers[i].id, work, &workers[i]) == 0;
    }
    work(&workers[0]);
    for (int i = 1; i < r->crew->threads; i++)
        if (workers[i].started)
            pthread_join(workers[i].id, NULL);
    rc = r->status;
    if (rc != SLAB_OK)
        slab_error_restore(&r->error);
done:
    FREE(workers);
    return rc;
}

static void run_init(run *r, slab_crew *crew, slab_task task, void *context, int64_t total)
{
    memset(r, 0, sizeof *r);
    r->crew = crew;
    r->task = task;
    r->context = context;
    r->total = total;
    pthread_mutex_init(&r->steal, NULL);
    pthread_mutex_init(&r->failing, NULL);
}

static void run_clear(run *r)
{
    pthread_mutex_destroy(&r->steal);
    pthread_mutex_destroy(&r->failing);
}

/* A run that was stopped says how far it got; one that had all done by then was not stopped.
 * Collective: all ranks have the same status. */
static slab_status say_how_far(const run *r, slab_status rc)
{
    int64_t finished = atomic_load(&r->done);
    slab_error why = *slab_error_last();
    const char *name = r->crew->progress.name;
    if (rc != SLAB_ERR_STOPPED)
        return rc;
    if (slab_ranks_sum(r->crew->ranks, &finished, 1) != SLAB_OK)
        return slab_error_last()->code;
    if (finished == r->total) {
        slab_error_clear();
        return SLAB_OK;
    }
    return slab_error_reword("%s with %d%% of '%s' done", why.message,
                             (int)(100.0 * (double)finished / (double)r->total),
                             *name ? name : "the work");
}

/* What no rank may find of this run in the next. Nobody is in the loop any more once all have
 * agreed, so the halt words can be cleared; the barrier keeps a fast rank's next halt from being
 * cleared by a slow one. */
static slab_status clear_halts(slab_crew *crew, slab_status rc)
{
    if (slab_ranks_count(crew->ranks) == 1)
        return rc;
    slab_status cleared = slab_words_set(crew->words, slab_ranks_me(crew->ranks), WORD_HALT, 0);
    if (slab_ranks_barrier(crew->ranks) != SLAB_OK || cleared != SLAB_OK)
        rc = slab_error_last()->code;
    return rc;
}

/* Have all tasks been run, and has any rank halted the others? Collective. */
static slab_status look_back(const run *r, bool *all, bool *halted_some)
{
    slab_status rc = SLAB_OK;
    int64_t finished = atomic_load(&r->done), halt = atomic_load(&r->halted);
    TRY(slab_ranks_sum(r->crew->ranks, &finished, 1));
    TRY(slab_ranks_max(r->crew->ranks, &halt, 1));
    *all = finished == r->total;
    *halted_some = halt != 0;
done:
    return rc;
}

/* Ranks that share out unlike work do the same tasks twice, or never: nothing may lead to that, and
 * where something does, no number may come of it. */
static slab_status check_alike(const run *r)
{
    slab_status rc = SLAB_OK;
    int64_t most[2] = {r->total, -r->total};
    TRY(slab_ranks_max(r->crew->ranks, most, 2));
    REQUIRE(most[0] == -most[1], SLAB_ERR_INTERNAL,
            "ranks disagree about the work: %" PRId64 " and %" PRId64 " tasks", -most[1], most[0]);
    REQUIRE(r->total >= 0 && r->total <= TASKS_MAX, SLAB_ERR_OVERFLOW,
            "%" PRId64 " tasks are too many", r->total);
done:
    return rc;
}

/* This rank is through, and others are not. */
static void wait_on(void *context)
{
    run *r = context;
    crew_progress_show(&r->crew->progress, r->crew->words, r->crew->ranks, atomic_load(&r->done),
                       r->total);
}

static slab_status run_together(run *r)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew = r->crew;
    int me = slab_ranks_me(crew->ranks), count = slab_ranks_count(crew->ranks);
    TRY(check_alike(r));
    crew_progress_begin(&crew->progress, crew->words, crew->ranks);
    int64_t first = r->total * me / count, last = r->total * (me + 1) / count;
    rc = slab_words_set(crew->words, me, WORD_RANGE, pack(first, last));
    if (rc == SLAB_OK)
        rc = run_workers(r);
    crew_progress_tell(&crew->progress, crew->words, crew->ranks, atomic_load(&r->done), true);
    /* What is left over must be gone before a faster rank looks for work in the next run. */
    slab_status emptied = slab_words_set(crew->words, me, WORD_RANGE, pack(0, 0));
    rc = rc == SLAB_OK ? emptied : rc;
    rc = slab_ranks_agree_idly(crew->ranks, rc, crew->progress.hook ? wait_on : NULL, r);
    bool failed = rc != SLAB_OK;
    rc = say_how_far(r, rc);
    if (failed)
        rc = clear_halts(crew, rc);
done:
    return rc;
}

slab_status slab_crew_run(slab_crew *crew, int64_t n, slab_task task, void *context)
{
    run r;
    run_init(&r, crew, task, context, n);
    slab_status rc = run_together(&r);
    run_clear(&r);
    return rc;
}

slab_status slab_crew_run_some(slab_crew *crew, int64_t n, double seconds, slab_task task,
                               void *context, bool *all)
{
    slab_status rc = SLAB_OK;
    run r;
    bool halted_some = false;
    *all = false;
    run_init(&r, crew, task, context, n);
    if (seconds > 0)
        r.pause = slab_clock_ns() + (int64_t)(seconds * 1e9);
    TRY(run_together(&r));
    TRY(look_back(&r, all, &halted_some));
    if (halted_some)
        rc = clear_halts(crew, rc);
done:
    run_clear(&r);
    return rc;
}

slab_status slab_crew_run_local(slab_crew *crew, int64_t first, int64_t last, slab_task task,
                                void *context)
{
    slab_status rc = SLAB_OK;
    run r;
    run_init(&r, crew, task, context, last - first);
    r.local = true;
    REQUIRE(first >= 0 && first <= last && last <= TASKS_MAX, SLAB_ERR_OVERFLOW,
            "tasks %" PRId64 " to %" PRId64 " are not possible", first, last);
    TRY(slab_words_set(crew->words, slab_ranks_me(crew->ranks), WORD_LOCAL, pack(first, last)));
    rc = run_workers(&r);
done:
    run_clear(&r);
    return rc;
}
