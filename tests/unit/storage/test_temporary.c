/* Temporary files: what a dead writer left goes, what a living one has stays. */
#include "outcome.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/temporary.h>

static char folder[] = "/tmp/slab-temporary-XXXXXX";

static int left_by_a_writer(const char *name)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "half", 4), 4);
    return fd;
}

START_TEST(the_name_is_the_same_for_every_writer)
{
    char *name = NULL;
    ok(slab_temporary_path("/data/cohort.npy", &name));
    ck_assert_str_eq(name, "/data/.cohort.npy.slab-part");
    slab_memory_free(name);
    ok(slab_temporary_path("cohort.npy", &name));
    ck_assert_str_eq(name, "./.cohort.npy.slab-part");
    slab_memory_free(name);
}
END_TEST

START_TEST(what_a_dead_writer_left_is_replaced_by_an_empty_file)
{
    struct stat st;
    int fd = -1;
    close(left_by_a_writer("dead"));
    ok(slab_temporary_create("dead", NULL, NULL, &fd));
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_size, 0);
    ck_assert(slab_path_is("dead", fd));
    close(fd);
    unlink("dead");
}
END_TEST

START_TEST(what_a_living_writer_has_is_left_alone)
{
    struct stat st;
    int fd = -1, other = left_by_a_writer("alive");
    ck_assert_int_eq(flock(other, LOCK_EX), 0);
    fails(slab_temporary_create("alive", NULL, NULL, &fd), SLAB_ERR_LOCKED);
    ck_assert_int_eq(stat("alive", &st), 0);
    ck_assert_int_eq(st.st_size, 4);
    close(other);
    ok(slab_temporary_create("alive", NULL, NULL, &fd));
    close(fd);
    unlink("alive");
}
END_TEST

START_TEST(the_lock_of_a_new_one_keeps_others_away)
{
    int fd = -1, second = -1;
    ok(slab_temporary_create("mine", NULL, NULL, &fd));
    fails(slab_temporary_create("mine", NULL, NULL, &second), SLAB_ERR_LOCKED);
    close(fd);
    unlink("mine");
}
END_TEST

START_TEST(a_link_is_not_followed)
{
    struct stat st;
    int fd = -1;
    close(left_by_a_writer("victim"));
    ck_assert_int_eq(symlink("victim", "planted"), 0);
    ck_assert_int_ne(slab_temporary_create("planted", NULL, NULL, &fd), SLAB_OK);
    ck_assert_int_eq(stat("victim", &st), 0);
    ck_assert_int_eq(st.st_size, 4);
    unlink("planted");
    unlink("victim");
    ck_assert_int_eq(mkfifo("pipe", 0600), 0);
    fails(slab_temporary_create("pipe", NULL, NULL, &fd), SLAB_ERR_EXISTS);
    unlink("pipe");
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create("temporary");
    TCase *tcase = tcase_create("temporary");
    tcase_add_test(tcase, the_name_is_the_same_for_every_writer);
    tcase_add_test(tcase, what_a_dead_writer_left_is_replaced_by_an_empty_file);
    tcase_add_test(tcase, what_a_living_writer_has_is_left_alone);
    tcase_add_test(tcase, the_lock_of_a_new_one_keeps_others_away);
    tcase_add_test(tcase, a_link_is_not_followed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (chdir("/") != 0 || rmdir(folder) != 0)
        failed++;
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
