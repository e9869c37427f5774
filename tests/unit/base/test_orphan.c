/* A rank whose launcher is killed while MPI starts, and whose MPI does not notice, ends by itself.
 */
#include <check.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
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

static void be_a_rank(void)
{
    slab_ranks *ranks;
    close(ends[0]);
    setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    _exit(slab_ranks_start(&ranks) == SLAB_OK ? 0 : 1);
}

START_TEST(a_rank_without_its_launcher_ends)
{
    char word;
    ck_assert_int_eq(pipe(ends), 0);
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
    waitpid(launcher, NULL, 0);
    ck_assert_int_eq(read(ends[0], &word, 1), 0); /* it has ended; a time limit fails otherwise */
    close(ends[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("orphan");
    TCase *tests = tcase_create("orphan");
    tcase_add_test(tests, a_rank_without_its_launcher_ends);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
