/* Locks, between open files of one process and between two processes. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <slab/storage/base/lock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[] = "/tmp/slab-lock-XXXXXX";
static int a, b;

static void open_twice(void)
{
    unsetenv("HDF5_USE_FILE_LOCKING");
    a = open(name, O_RDWR);
    b = open(name, O_RDWR);
    ck_assert(a >= 0 && b >= 0);
}

static void close_both(void)
{
    close(a);
    close(b);
}

START_TEST(many_share_and_one_has_it_alone)
{
    ck_assert_int_eq(slab_lock_shared(a), SLAB_LOCK_GOT);
    ck_assert_int_eq(slab_lock_shared(b), SLAB_LOCK_GOT);
    ck_assert_int_eq(slab_lock_exclusive(a), SLAB_LOCK_HELD);
    slab_lock_release(b);
    ck_assert_int_eq(slab_lock_exclusive(a), SLAB_LOCK_GOT);
    ck_assert_int_eq(slab_lock_shared(b), SLAB_LOCK_HELD);
    slab_lock_release(a);
    ck_assert_int_eq(slab_lock_shared(b), SLAB_LOCK_GOT);
}
END_TEST

START_TEST(beside_one_who_is_going_to_write_others_read_and_none_writes)
{
    int reader = open(name, O_RDONLY);
    ck_assert(!slab_lock_intended(b));
    ck_assert_int_eq(slab_lock_intent(a), SLAB_LOCK_GOT);
    ck_assert(slab_lock_intended(b));
    ck_assert(slab_lock_intended(reader));
    ck_assert_int_eq(slab_lock_intent(b), SLAB_LOCK_HELD);
    ck_assert_int_eq(slab_lock_exclusive(b), SLAB_LOCK_HELD); /* as h5py would */
    ck_assert_int_eq(slab_lock_shared(reader), SLAB_LOCK_GOT);
    ck_assert_int_eq(slab_lock_exclusive(a), SLAB_LOCK_HELD);
    ck_assert_int_eq(slab_lock_shared(a), SLAB_LOCK_GOT);
    close(reader);
    ck_assert_int_eq(slab_lock_exclusive(a), SLAB_LOCK_GOT);
    ck_assert_int_eq(slab_lock_shared(b), SLAB_LOCK_HELD);
    close(a);
    a = open(name, O_RDWR);
    ck_assert(!slab_lock_intended(b));
    ck_assert_int_eq(slab_lock_intent(b), SLAB_LOCK_GOT);
}
END_TEST

START_TEST(who_cannot_write_does_not_keep_the_intent)
{
    int reader = open(name, O_RDONLY);
    ck_assert_int_eq(slab_lock_exclusive(a), SLAB_LOCK_GOT);
    ck_assert(slab_lock_intended(b));
    ck_assert_int_eq(slab_lock_intent(b), SLAB_LOCK_HELD);
    slab_lock_release(a);
    ck_assert(!slab_lock_intended(reader));
    ck_assert_int_eq(slab_lock_intent(a), SLAB_LOCK_GOT);
    close(reader);
}
END_TEST

START_TEST(asking_whether_one_writes_takes_nothing)
{
    ck_assert(!slab_lock_intended(a));
    ck_assert_int_eq(slab_lock_exclusive(b), SLAB_LOCK_GOT);
}
END_TEST

START_TEST(locks_that_are_switched_off_keep_nobody_away)
{
    ck_assert_int_eq(slab_lock_exclusive(a), SLAB_LOCK_GOT);
    const char *words[] = {"FALSE", "false", "0"};
    for (int i = 0; i < 3; i++) {
        setenv("HDF5_USE_FILE_LOCKING", words[i], 1);
        ck_assert_int_eq(slab_lock_shared(b), SLAB_LOCK_OFF);
        ck_assert_int_eq(slab_lock_exclusive(b), SLAB_LOCK_OFF);
        ck_assert_int_eq(slab_lock_intent(b), SLAB_LOCK_OFF);
        ck_assert(!slab_lock_intended(b));
    }
    setenv("HDF5_USE_FILE_LOCKING", "BEST_EFFORT", 1);
    ck_assert_int_eq(slab_lock_shared(b), SLAB_LOCK_HELD);
}
END_TEST

START_TEST(what_has_no_locks_says_so)
{
    int path = open("/", O_PATH); /* EBADF, as some file systems' ENOLCK */
    ck_assert_int_ge(path, 0);
    ck_assert_int_eq(slab_lock_shared(path), SLAB_LOCK_NONE);
    ck_assert_int_eq(slab_lock_intent(path), SLAB_LOCK_NONE);
    ck_assert(!slab_lock_intended(path));
    close(path);
}
END_TEST

/* A process that has a lock by the time it is returned, and ends after so long; 0: never. */
static pid_t process_with(slab_locked (*lock)(int fd), useconds_t microseconds)
{
    int ready[2];
    char word = 'n';
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        word = lock(open(name, O_RDWR)) == SLAB_LOCK_GOT ? 'y' : 'n';
        if (write(ready[1], &word, 1) == 1 && microseconds > 0)
            usleep(microseconds);
        else
            pause();
        _exit(0);
    }
    ck_assert_int_eq(read(ready[0], &word, 1), 1);
    ck_assert_int_eq(word, 'y');
    close(ready[0]);
    close(ready[1]);
    return child;
}

START_TEST(holders_are_named_with_their_program)
{
    char who[SLAB_HOLDERS_MAX], expected[64];
    pid_t child = process_with(slab_lock_shared, 0);
    ck_assert_int_eq(slab_lock_shared(a), SLAB_LOCK_GOT); /* this process is not named */
    slab_lock_holders(b, who);
    snprintf(expected, sizeof expected, "process %d (test_lock)", (int)child);
    ck_assert_str_eq(who, expected);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    slab_lock_holders(b, who);
    ck_assert_str_eq(who, "another process");
}
END_TEST

START_TEST(one_that_is_ending_is_waited_for_and_one_that_lives_is_not)
{
    pid_t child = process_with(slab_lock_intent, 100000);
    ck_assert_int_eq(slab_lock_soon(slab_lock_intent, a), SLAB_LOCK_GOT);
    ck_assert_int_eq(slab_lock_soon(slab_lock_intent, b), SLAB_LOCK_HELD);
    waitpid(child, NULL, 0);
}
END_TEST

int main(void)
{
    int fd = mkstemp(name);
    if (fd < 0)
        return EXIT_FAILURE;
    close(fd);
    Suite *suite = suite_create("lock");
    TCase *tests = tcase_create("lock");
    tcase_add_checked_fixture(tests, open_twice, close_both);
    tcase_add_test(tests, many_share_and_one_has_it_alone);
    tcase_add_test(tests, beside_one_who_is_going_to_write_others_read_and_none_writes);
    tcase_add_test(tests, who_cannot_write_does_not_keep_the_intent);
    tcase_add_test(tests, asking_whether_one_writes_takes_nothing);
    tcase_add_test(tests, locks_that_are_switched_off_keep_nobody_away);
    tcase_add_test(tests, what_has_no_locks_says_so);
    tcase_add_test(tests, holders_are_named_with_their_program);
    tcase_add_test(tests, one_that_is_ending_is_waited_for_and_one_that_lives_is_not);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unlink(name);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
