#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <slab/storage/base/io.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static int file_of(const char *text)
{
    int fd = memfd_create("piece", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert(slab_write_at(fd, text, strlen(text), 0));
    return fd;
}

START_TEST(a_read_gives_what_there_is_up_to_the_end)
{
    char got[9] = "????????";
    int fd = file_of("out of core");
    ck_assert_int_eq(slab_read_at(fd, got, 4, 7), 4);
    ck_assert_str_eq(got, "core????");
    ck_assert_int_eq(slab_read_at(fd, got, 8, 9), 2);
    ck_assert_str_eq(got, "rere????");
    ck_assert_int_eq(slab_read_at(fd, got, 8, 11), 0);
    ck_assert_int_eq(slab_read_at(fd, got, 0, 3), 0);
    close(fd);
}
END_TEST

START_TEST(an_offset_that_no_file_has_is_behind_the_end)
{
    char got[8];
    int fd = file_of("x");
    ck_assert_int_eq(slab_read_at(fd, got, 8, UINT64_MAX), 0);
    ck_assert_int_eq(slab_read_at(fd, got, 8, INT64_MAX - 7), 0);
    ck_assert(!slab_write_at(fd, "y", 1, UINT64_MAX));
    ck_assert_int_eq(errno, EFBIG);
    close(fd);
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
    char got[6] = "";
    int fd = file_of("");
    ck_assert(slab_write_at(fd, "later", 5, 100));
    ck_assert_int_eq(slab_read_at(fd, got, 5, 100), 5);
    ck_assert_str_eq(got, "later");
    ck_assert_int_eq(slab_read_at(fd, got, 5, 90), 5);
    ck_assert_int_eq(got[0], 0);
    close(fd);
}
END_TEST

START_TEST(errors_say_why)
{
    char got[4];
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert(!slab_write_at(fd, "full", 4, 0));
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_int_eq(slab_read_at(fd, got, 4, 0), -1);
    ck_assert_int_eq(errno, EBADF);
    close(fd);
}
END_TEST

/* The kernel takes the first ten bytes, and says why only when it is asked for the rest. */
START_TEST(a_write_that_is_taken_in_part_is_no_success)
{
    char name[] = "/tmp/slab-io-XXXXXX", got[16];
    struct rlimit most = {10, RLIM_INFINITY};
    int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    unlink(name);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &most), 0);
    ck_assert(!slab_write_at(fd, "sixteen bytes...", 16, 0));
    ck_assert_int_eq(errno, EFBIG);
    ck_assert_int_eq(slab_read_at(fd, got, 16, 0), 10);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io");
    TCase *tests = tcase_create("io");
    tcase_add_test(tests, a_read_gives_what_there_is_up_to_the_end);
    tcase_add_test(tests, an_offset_that_no_file_has_is_behind_the_end);
    tcase_add_test(tests, what_is_written_is_read_back);
    tcase_add_test(tests, errors_say_why);
    tcase_add_test(tests, a_write_that_is_taken_in_part_is_no_success);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
