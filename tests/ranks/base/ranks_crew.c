/*
 * The crew on several ranks: each task runs once wherever it is slow, an error or a stop on one
 * rank ends all with one message, and a run on one rank alone stays there.
 */
#include "check_ranks.h"
#include <slab/storage/base/crew.h>
#include <string.h>
#include <time.h>

enum { TASKS = 400, SLOW_MS = 2 };

typedef struct tally {
    int64_t runs[TASKS];
    int64_t fails_at;
    int64_t slow_from, slow_to; /* these tasks take SLOW_MS, the others other_us */
    long other_us;
} tally;

static void sleep_us(long us)
{
    struct timespec t = {0, us * 1000};
    nanosleep(&t, NULL);
}

static slab_status step(void *context, int thread, int64_t task)
{
    tally *t = context;
    (void)thread;
    __atomic_fetch_add(&t->runs[task], 1, __ATOMIC_RELAXED);
    if (task >= t->slow_from && task < t->slow_to)
        sleep_us(SLOW_MS * 1000);
    else if (t->other_us > 0)
        sleep_us(t->other_us);
    if (task == t->fails_at)
        return slab_error_set(SLAB_ERR_CHECKSUM, "f.c", 1, "task %d is bad", (int)task);
    return SLAB_OK;
}

static tally fresh(void)
{
    return (tally){.fails_at = -1};
}

/* Collective: how often each task ran, on all ranks together. */
static void check_once_each(slab_ranks *ranks, tally *t)
{
    int once = 0;
    CHECK(slab_ranks_sum(ranks, t->runs, TASKS) == SLAB_OK);
    for (int i = 0; i < TASKS; i++)
        once += t->runs[i] == 1;
    CHECK(once == TASKS);
}

/* All slow tasks lie on the last rank: the others must relieve it of a good part. */
static void check_stealing(slab_ranks *ranks, slab_crew *crew)
{
    int count = slab_ranks_count(ranks), me = slab_ranks_me(ranks);
    tally t = fresh();
    t.slow_from = (int64_t)TASKS * (count - 1) / count;
    t.slow_to = TASKS;
    t.other_us = 200; /* so that no rank is done before another has begun */
    CHECK(slab_crew_run(crew, TASKS, step, &t) == SLAB_OK);
    int64_t slow_here = 0;
    for (int64_t i = t.slow_from; i < TASKS; i++)
        slow_here += t.runs[i];
    if (me == count - 1 && count > 1) {
        CHECK(slow_here >= 1);
        CHECK(slow_here <= (TASKS - t.slow_from) * 9 / 10);
    }
    check_once_each(ranks, &t);
}

/* One rank fails, or a rank has a task that does; all get its message, and the next run is whole.
 */
static void check_failure(slab_ranks *ranks, slab_crew *crew)
{
    for (int64_t bad = 0; bad < TASKS; bad += TASKS / 4 - 1) {
        tally t = fresh();
        t.fails_at = bad;
        t.slow_to = TASKS;
        CHECK(slab_crew_run(crew, TASKS, step, &t) == SLAB_ERR_CHECKSUM);
        CHECK(slab_error_last()->code == SLAB_ERR_CHECKSUM);
        CHECK(strstr(slab_error_last()->message, "is bad") != NULL);
        if (slab_ranks_count(ranks) > 1)
            CHECK(strncmp(slab_error_last()->message, "rank ", 5) == 0);
        t = fresh();
        if (slab_ranks_me(ranks) == 0) /* late: the others must not take what it left over */
            sleep_us(20000);
        CHECK(slab_crew_run(crew, TASKS, step, &t) == SLAB_OK);
        check_once_each(ranks, &t);
    }
}

/* Rank 0 works alone, slowly, while the others have gone on to a run of all. */
static void check_local_run(slab_ranks *ranks, slab_crew *crew)
{
    enum { ALONE = 40 };
    tally mine = fresh(), all = fresh();
    mine.slow_to = ALONE;
    if (slab_ranks_me(ranks) == 0) {
        CHECK(slab_crew_run_local(crew, 0, ALONE, step, &mine) == SLAB_OK);
        int right = 0;
        for (int i = 0; i < TASKS; i++)
            right += mine.runs[i] == (i < ALONE);
        CHECK(right == TASKS);
    }
    CHECK(slab_crew_run(crew, TASKS, step, &all) == SLAB_OK);
    check_once_each(ranks, &all);
}

/* Last, for it lasts: one rank is asked to stop, all end as stopped. */
static void check_stop(slab_ranks *ranks, slab_crew *crew)
{
    tally t = fresh();
    t.slow_to = TASKS;
    if (slab_ranks_me(ranks) == slab_ranks_count(ranks) - 1)
        slab_stop_request(0);
    CHECK(slab_crew_run(crew, TASKS, step, &t) == SLAB_ERR_STOPPED);
    CHECK(slab_error_last()->code == SLAB_ERR_STOPPED);
}

typedef struct watched {
    int calls;
    int64_t done, least_last, sum;
    int ranks;
} watched;

static void watch(void *context, const slab_progress_state *now)
{
    watched *w = context;
    w->calls++;
    w->ranks = now->ranks;
    w->done = now->done;
    w->sum = 0;
    for (int r = 0; r < now->ranks; r++)
        w->sum += now->rank_done[r];
    CHECK(now->done <= now->total && now->done >= now->rank_done[0]);
    CHECK(now->bytes == 3 * now->done || now->ranks > 1); /* others' bytes may be newer */
    w->least_last = now->rank_done[now->ranks - 1];
}

typedef struct slow_end {
    slab_crew *crew;
    bool slow;
} slow_end;

static slab_status slow_on_last(void *context, int thread, int64_t task)
{
    slow_end *s = context;
    (void)thread;
    (void)task;
    sleep_us(s->slow ? 20000 : 5000);
    slab_crew_count_bytes(s->crew, 3);
    return SLAB_OK;
}

/* The first rank learns how far the others are while they work, and which of them is slow. */
static void check_progress(slab_ranks *ranks, slab_crew *crew)
{
    int count = slab_ranks_count(ranks), me = slab_ranks_me(ranks);
    watched w = {0};
    slow_end s = {crew, me == count - 1 && count > 1};
    if (me == 0)
        slab_crew_progress_set(crew, watch, &w);
    slab_crew_progress_name(crew, "watching");
    /* about 1.5 s: words are told and looked at every half second */
    CHECK(slab_crew_run(crew, TASKS * count, slow_on_last, &s) == SLAB_OK);
    if (me == 0) {
        CHECK(w.calls >= 3 && w.ranks == count && w.sum == w.done);
        CHECK(w.done > (int64_t)TASKS * count / 2);
        CHECK(count == 1 || w.least_last > 0);
        CHECK(count == 1 || w.least_last < w.done / count);
        slab_crew_progress_set(crew, NULL, NULL);
    }
}

int main(void)
{
    slab_ranks *ranks;
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 1;
    for (int threads = 1; threads <= 2; threads++) {
        slab_crew *crew = NULL;
        CHECK(slab_crew_create(ranks, threads, &crew) == SLAB_OK);
        check_stealing(ranks, crew);
        check_failure(ranks, crew);
        check_local_run(ranks, crew);
        if (threads == 1)
            check_progress(ranks, crew);
        if (threads == 2)
            check_stop(ranks, crew);
        slab_crew_destroy(&crew);
    }
    return checks_end(ranks);
}
