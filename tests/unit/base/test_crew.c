#include <check.h>
#include <sched.h>
#include <slab/storage/base/cores.h>
#include <slab/storage/base/crew.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TASKS = 1000, THREADS = 3 };

typedef struct tally {
    atomic_int runs[TASKS];
    atomic_int wrong_thread, after_failure;
    int64_t fails_at; /* -1: none does */
    slab_crew *crew;
} tally;

static slab_status count(void *context, int thread, int64_t task)
{
    tally *t = context;
    atomic_fetch_add(&t->runs[task], 1);
    if (thread < 0 || thread >= THREADS)
        atomic_fetch_add(&t->wrong_thread, 1);
    slab_crew_count_bytes(t->crew, 10);
    if (task == t->fails_at)
        return slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__, "task %d is bad", (int)task);
    if (t->fails_at >= 0 && task > t->fails_at)
        usleep(1000); /* the others must not be through before the thread that fails goes on */
    return SLAB_OK;
}

static slab_crew *crew_of(int threads)
{
    slab_crew *crew = NULL;
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), threads, &crew), SLAB_OK);
    return crew;
}

START_TEST(every_task_runs_once)
{
    tally t = {.fails_at = -1, .crew = crew_of(THREADS)};
    ck_assert_int_eq(slab_crew_threads(t.crew), THREADS);
    ck_assert_ptr_eq(slab_crew_ranks(t.crew), slab_ranks_world());
    ck_assert_int_eq(slab_crew_run(t.crew, TASKS, count, &t), SLAB_OK);
    for (int i = 0; i < TASKS; i++)
        ck_assert_int_eq(t.runs[i], 1);
    ck_assert_int_eq(t.wrong_thread, 0);
    slab_crew_destroy(&t.crew);
    ck_assert_ptr_null(t.crew);
    slab_crew_destroy(&t.crew);
}
END_TEST

START_TEST(a_local_run_does_its_own_range)
{
    tally t = {.fails_at = -1, .crew = crew_of(THREADS)};
    ck_assert_int_eq(slab_crew_run_local(t.crew, 100, 150, count, &t), SLAB_OK);
    for (int i = 0; i < TASKS; i++)
        ck_assert_int_eq(t.runs[i], i >= 100 && i < 150);
    ck_assert_int_eq(slab_crew_run_local(t.crew, 7, 7, count, &t), SLAB_OK);
    ck_assert_int_eq(t.runs[7], 0);
    ck_assert_int_ne(slab_crew_run_local(t.crew, 9, 7, count, &t), SLAB_OK);
    slab_crew_destroy(&t.crew);
}
END_TEST

START_TEST(no_tasks_are_done_at_once_and_impossible_numbers_refused)
{
    tally t = {.fails_at = -1, .crew = crew_of(2)};
    ck_assert_int_eq(slab_crew_run(t.crew, 0, count, &t), SLAB_OK);
    ck_assert_int_eq(t.runs[0], 0);
    ck_assert_int_ne(slab_crew_run(t.crew, -1, count, &t), SLAB_OK);
    slab_crew_destroy(&t.crew);
    ck_assert_int_ne(slab_crew_create(slab_ranks_world(), -1, &t.crew), SLAB_OK);
    ck_assert_ptr_null(t.crew);
}
END_TEST

START_TEST(a_failing_task_ends_the_run_with_its_message)
{
    tally t = {.fails_at = 10, .crew = crew_of(THREADS)};
    int runs = 0;
    slab_error_clear();
    ck_assert_int_eq(slab_crew_run(t.crew, TASKS, count, &t), SLAB_ERR_FORMAT);
    ck_assert_str_eq(slab_error_last()->message, "task 10 is bad");
    for (int i = 0; i < TASKS; i++) {
        ck_assert_int_le(t.runs[i], 1);
        runs += t.runs[i];
    }
    ck_assert_int_lt(runs, TASKS);
    t.fails_at = -1;
    memset((void *)t.runs, 0, sizeof t.runs);
    ck_assert_int_eq(slab_crew_run(t.crew, TASKS, count, &t), SLAB_OK);
    for (int i = 0; i < TASKS; i++)
        ck_assert_int_eq(t.runs[i], 1);
    slab_crew_destroy(&t.crew);
}
END_TEST

static slab_status ask_to_stop(void *context, int thread, int64_t task)
{
    (void)context;
    (void)thread;
    if (task == TASKS - 1)
        slab_stop_request(0);
    return SLAB_OK;
}

START_TEST(a_stop_request_ends_the_run_as_stopped)
{
    tally t = {.fails_at = -1, .crew = crew_of(1)};
    ck_assert_int_eq(slab_stop_requested(), 0);
    /* in the last task: nothing is left to be stopped */
    ck_assert_int_eq(slab_crew_run(t.crew, TASKS, ask_to_stop, NULL), SLAB_OK);
    ck_assert_int_eq(slab_stop_requested(), 1);
    slab_crew_destroy(&t.crew);
    t.crew = crew_of(2);
    slab_crew_progress_name(t.crew, "counting");
    ck_assert_int_eq(slab_crew_run(t.crew, TASKS, count, &t), SLAB_ERR_STOPPED);
    ck_assert_str_eq(slab_error_last()->message, "stopped by a request with 0% of 'counting' done");
    slab_crew_destroy(&t.crew);
}
END_TEST

typedef struct shown {
    int calls;
    int64_t done, total, bytes;
    const char *what;
} shown;

static void show(void *context, const slab_progress_state *now)
{
    shown *s = context;
    *s = (shown){s->calls + 1, now->done, now->total, now->bytes, now->what};
    ck_assert_int_eq(now->ranks, 1);
    ck_assert_int_eq(now->rank_done[0], now->done);
    ck_assert_int_eq(now->rank_bytes[0], now->bytes);
}

START_TEST(progress_is_shown_up_to_the_last_task)
{
    tally t = {.fails_at = -1, .crew = crew_of(1)};
    shown s = {0};
    slab_crew_progress_set(t.crew, show, &s);
    slab_crew_progress_name(t.crew, "counting");
    ck_assert_int_eq(slab_crew_run(t.crew, TASKS, count, &t), SLAB_OK);
    ck_assert_int_ge(s.calls, 1);
    ck_assert_str_eq(s.what, "counting");
    ck_assert_int_eq(s.done, TASKS);
    ck_assert_int_eq(s.total, TASKS);
    ck_assert_int_eq(s.bytes, 10 * TASKS);
    slab_crew_destroy(&t.crew);
}
END_TEST

static char warned[256];
static int warnings;

static void note_warning(void *context, slab_level level, const char *line)
{
    (void)context;
    warnings += level == SLAB_LOG_WARN;
    snprintf(warned, sizeof warned, "%s", line);
}

/* Before any other: it is said once in the life of a process. */
START_TEST(more_threads_than_cores_are_warned_of_once)
{
    int cores = slab_ranks_cores_on_node(slab_ranks_world());
    char expected[256];
    slab_log_set(note_warning, NULL, SLAB_LOG_WARN);
    slab_crew *crew = crew_of(cores);
    ck_assert_int_eq(warnings, 0);
    slab_crew_destroy(&crew);
    for (int i = 0; i < 2; i++) {
        crew = crew_of(cores + 1);
        slab_crew_destroy(&crew);
    }
    ck_assert_int_eq(warnings, 1);
    snprintf(expected, sizeof expected, "%d threads share %d core%s: they will wait for each other",
             cores + 1, cores, cores == 1 ? "" : "s");
    ck_assert_str_eq(warned, expected);
    slab_log_set(NULL, NULL, SLAB_LOG_WARN);
}
END_TEST

START_TEST(a_rank_bound_to_fewer_cores_starts_fewer_threads)
{
    cpu_set_t before, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    slab_crew *crew = crew_of(0);
    ck_assert_int_eq(slab_crew_threads(crew), CPU_COUNT(&before));
    slab_crew_destroy(&crew);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_int_eq(slab_ranks_cores_on_node(slab_ranks_world()), 1);
    crew = crew_of(0);
    ck_assert_int_eq(slab_crew_threads(crew), 1);
    slab_crew_destroy(&crew);
    ck_assert_int_eq(sched_setaffinity(0, sizeof before, &before), 0);
}
END_TEST

START_TEST(cores_of_large_nodes_are_counted)
{
    slab_cores cores = {{0}};
    cores.mask[0] = 5;
    cores.mask[16] = 1; /* core 1024, the first that cpu_set_t has no bit for */
    cores.mask[SLAB_CORES_MOST / 64 - 1] = UINT64_MAX;
    ck_assert_int_eq(slab_cores_count(&cores), 2 + 1 + 64);
    cores = slab_cores_usable();
    ck_assert_int_ge(slab_cores_count(&cores), 1);
}
END_TEST

START_TEST(one_rank_agrees_with_itself_without_mpi)
{
    slab_ranks *ranks;
    slab_words *words = NULL;
    int64_t value = 5, before;
    void *all;
    size_t *offsets;
    ck_assert_int_eq(slab_ranks_start(&ranks), SLAB_OK);
    ck_assert(slab_ranks_me(ranks) == 0 && slab_ranks_count(ranks) == 1);
    ck_assert_int_eq(slab_ranks_agree(ranks, SLAB_OK), SLAB_OK);
    slab_error_set(SLAB_ERR_IO, "f.c", 1, "mine");
    ck_assert_int_eq(slab_ranks_agree(ranks, SLAB_ERR_IO), SLAB_ERR_IO);
    ck_assert_str_eq(slab_error_last()->message, "mine");
    ck_assert_int_eq(slab_ranks_sum(ranks, &value, 1), SLAB_OK);
    ck_assert_int_eq(value, 5);
    ck_assert_int_eq(slab_ranks_allgather(ranks, "abc", 3, &all, &offsets), SLAB_OK);
    ck_assert_mem_eq(all, "abc", 3);
    ck_assert(offsets[0] == 0 && offsets[1] == 3);
    slab_memory_free(all);
    slab_memory_free(offsets);
    ck_assert_int_eq(slab_words_create(ranks, 2, &words), SLAB_OK);
    ck_assert_int_eq(slab_words_fetch_add(words, 0, 1, 4, &before), SLAB_OK);
    ck_assert_int_eq(before, 0);
    ck_assert_int_eq(slab_words_fetch_add(words, 0, 1, 5, &before), SLAB_OK);
    ck_assert_int_eq(before, 4);
    ck_assert_int_eq(slab_words_get(words, 0, 1, &value), SLAB_OK);
    ck_assert_int_eq(value, 9);
    slab_words_destroy(&words);
    slab_ranks_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crew");
    TCase *tests = tcase_create("crew");
    tcase_add_test(tests, more_threads_than_cores_are_warned_of_once);
    tcase_add_test(tests, a_rank_bound_to_fewer_cores_starts_fewer_threads);
    tcase_add_test(tests, every_task_runs_once);
    tcase_add_test(tests, a_local_run_does_its_own_range);
    tcase_add_test(tests, no_tasks_are_done_at_once_and_impossible_numbers_refused);
    tcase_add_test(tests, a_failing_task_ends_the_run_with_its_message);
    tcase_add_test(tests, progress_is_shown_up_to_the_last_task);
    tcase_add_test(tests, cores_of_large_nodes_are_counted);
    tcase_add_test(tests, one_rank_agrees_with_itself_without_mpi);
    tcase_add_test(tests, a_stop_request_ends_the_run_as_stopped); /* last: a request stays */
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
