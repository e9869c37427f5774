/* A rank whose launcher is killed while MPI starts, and whose MPI does not notice, ends by itself.
 */
#include <check.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <slab/storage/base/ranks.h>

static int ends[2]; /* a pipe that the rank has open for as long as it lives */

/* In the place of MPI's own: says that it begins, and waits for ever. */
int MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    (void)argc, (void)argv, (void)required, (void)provided;
    if (write(ends[1], "b", 1) == 1)
        for (;;)
            pause();
    return MPI_ERR_OTHER;
}

static void say(void)
{
    const char *message = slab_error_last()->message;
    if (write(ends[1], message, strlen(message)) < 0)
        _exit(1);
}

static void be_a_rank(void)
{
    slab_ranks *ranks;
    close(ends[0]);
    slab_ranks_desertion_set(say, 7);
    setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    _exit(slab_ranks_start(&ranks) == SLAB_OK ? 0 : 1);
}

START_TEST(a_rank_without_its_launcher_says_so_and_ends)
{
    char word, said[200] = {0};
    int status;
    pid_t rank;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* its exit code comes to us */
    pid_t launcher = fork();
    ck_assert_int_ge(launcher, 0);
    if (launcher == 0) {
        if (fork() == 0)
            be_a_rank();
        for (;;)
            pause();
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &word, 1), 1);
    kill(launcher, SIGKILL);
    ck_assert_int_eq(waitpid(launcher, NULL, 0), launcher);
    ck_assert_int_gt(read(ends[0], said, sizeof said - 1), 0); /* a time limit fails otherwise */
    ck_assert_str_eq(said, "MPI does not start: what launched this rank has ended");
    rank = waitpid(-1, &status, 0);
    ck_assert_int_gt(rank, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    close(ends[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("orphan");
    TCase *tests = tcase_create("orphan");
    tcase_add_test(tests, a_rank_without_its_launcher_says_so_and_ends);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
