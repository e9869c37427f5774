/* Threads beside the one that looks for signals: stops do not reach them, their own faults do. */
#include <check.h>
#include <signal.h>
#include <slab/storage/base/thread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID = 7 };

static void *mask_look(void *context)
{
    pthread_sigmask(SIG_SETMASK, NULL, context);
    return NULL;
}

START_TEST(stops_are_for_the_thread_that_looks_for_them)
{
    static const int stops[] = {SIGTERM, SIGINT, SIGUSR1, SIGPROF};
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t mask, before, after;
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    ck_assert_int_eq(slab_thread_start(&thread, mask_look, &mask), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        ck_assert_int_eq(sigismember(&mask, stops[i]), 1);
        ck_assert_int_eq(sigismember(&after, stops[i]), sigismember(&before, stops[i]));
    }
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        ck_assert_int_eq(sigismember(&mask, faults[i]), 0);
}
END_TEST

static void *fault(void *context)
{
    raise(SIGSEGV);
    return context;
}

static void say(int number)
{
    (void)number;
    _exit(SAID);
}

START_TEST(a_fault_reaches_its_handler)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        signal(SIGSEGV, say);
        if (slab_thread_start(&thread, fault, NULL) == 0)
            pthread_join(thread, NULL);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == SAID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread");
    TCase *tests = tcase_create("thread");
    tcase_add_test(tests, stops_are_for_the_thread_that_looks_for_them);
    tcase_add_test(tests, a_fault_reaches_its_handler);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
