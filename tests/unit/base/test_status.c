#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/status.h>
#include <slab/storage/base/try.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

START_TEST(codes_have_names_and_meanings)
{
    ck_assert_str_eq(slab_status_name(SLAB_OK), "OK");
    ck_assert_str_eq(slab_status_name(SLAB_ERR_SHAPE), "ERR_SHAPE");
    ck_assert_str_eq(slab_status_meaning(SLAB_OK), "success");
    ck_assert_str_eq(slab_status_name((slab_status)999), "ERR_?");
    ck_assert_ptr_nonnull(slab_status_meaning((slab_status)-1));
}
END_TEST

static slab_status inner(int extent)
{
    slab_status rc = SLAB_OK;
    REQUIRE(extent < 3, SLAB_ERR_RANGE, "extent %d is not below %d", extent, 3);
done:
    return rc;
}

static slab_status outer(int extent)
{
    slab_status rc = SLAB_OK;
    TRY_SAYING(inner(extent), "chunk %d of '%s'", 7, "x.h5");
done:
    return rc;
}

START_TEST(a_failure_leaves_its_message_and_its_place)
{
    slab_error_clear();
    ck_assert_int_eq(outer(2), SLAB_OK);
    ck_assert_int_eq(slab_error_last()->code, SLAB_OK);
    ck_assert_int_eq(outer(5), SLAB_ERR_RANGE);
    ck_assert_int_eq(slab_error_last()->code, SLAB_ERR_RANGE);
    ck_assert_str_eq(slab_error_last()->message, "chunk 7 of 'x.h5': extent 5 is not below 3");
    ck_assert_str_eq(slab_error_last()->file, "tests/unit/base/test_status.c");
    ck_assert_int_gt(slab_error_last()->line, 0);
    slab_error_clear();
    ck_assert_int_eq(slab_error_last()->code, SLAB_OK);
    ck_assert_str_eq(slab_error_last()->message, "");
}
END_TEST

START_TEST(what_a_message_is_about_is_said_once)
{
    static const char *const about[] = {"'a' is empty", "'a': empty"};
    for (int i = 0; i < 2; i++) {
        slab_error_set(SLAB_ERR_IO, "f.c", 1, "%s", about[i]);
        ck_assert_int_eq(slab_error_prefix(SLAB_ERR_FORMAT, "'%s'", "a"), SLAB_ERR_FORMAT);
        ck_assert_int_eq(slab_error_last()->code, SLAB_ERR_FORMAT);
        ck_assert_str_eq(slab_error_last()->message, about[i]);
    }
    slab_error_set(SLAB_ERR_IO, "f.c", 1, "'a' is empty");
    slab_error_prefix(SLAB_ERR_IO, "'%s", "a");
    ck_assert_str_eq(slab_error_last()->message, "'a: 'a' is empty");
}
END_TEST

START_TEST(a_message_may_quote_the_one_before)
{
    slab_error_set(SLAB_ERR_IO, "f.c", 1, "first");
    slab_error_set(SLAB_ERR_FORMAT, "f.c", 2, "second after %s", slab_error_last()->message);
    ck_assert_str_eq(slab_error_last()->message, "second after first");
}
END_TEST

START_TEST(long_messages_are_cut_not_overrun)
{
    char text[3 * SLAB_MESSAGE_MAX];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    slab_error_set(SLAB_ERR_IO, "f.c", 1, "%s", text);
    ck_assert_uint_eq(strlen(slab_error_last()->message), SLAB_MESSAGE_MAX - 1);
    slab_error_prefix(SLAB_ERR_IO, "front");
    ck_assert_uint_eq(strlen(slab_error_last()->message), SLAB_MESSAGE_MAX - 1);
    ck_assert_int_eq(strncmp(slab_error_last()->message, "front: aaa", 10), 0);
}
END_TEST

START_TEST(errno_becomes_the_status_that_fits)
{
    ck_assert_int_eq(slab_error_errno("f.c", 1, ENOSPC, "writing"), SLAB_ERR_SPACE);
    ck_assert_int_eq(slab_error_errno("f.c", 1, EDQUOT, "writing"), SLAB_ERR_SPACE);
    ck_assert_int_eq(slab_error_errno("f.c", 1, EEXIST, "making"), SLAB_ERR_EXISTS);
    ck_assert_int_eq(slab_error_errno("f.c", 1, EIO, "reading"), SLAB_ERR_IO);
    ck_assert_int_eq(slab_error_errno("f.c", 1, ENOENT, "opening '%s'", "a"), SLAB_ERR_NOT_FOUND);
    ck_assert_str_eq(slab_error_last()->message, "opening 'a': No such file or directory");
}
END_TEST

static void *fail_elsewhere(void *record)
{
    slab_error_set(SLAB_ERR_MPI, "f.c", 1, "elsewhere");
    *(slab_error *)record = *slab_error_last();
    return NULL;
}

START_TEST(each_thread_has_its_own_record_that_can_be_carried_over)
{
    pthread_t thread;
    slab_error record;
    slab_error_set(SLAB_ERR_IO, "f.c", 1, "here");
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, &record), 0);
    pthread_join(thread, NULL);
    ck_assert_str_eq(slab_error_last()->message, "here");
    ck_assert_int_eq(slab_error_restore(&record), SLAB_ERR_MPI);
    ck_assert_str_eq(slab_error_last()->message, "elsewhere");
}
END_TEST

typedef struct lines {
    int n;
    slab_level level;
    char last[256];
} lines;

static void keep(void *context, slab_level level, const char *line)
{
    lines *l = context;
    l->n++;
    l->level = level;
    snprintf(l->last, sizeof l->last, "%s", line);
}

START_TEST(log_lines_reach_the_sink_down_to_the_level_wanted)
{
    lines l = {0};
    slab_log(SLAB_LOG_WARN, "nobody listens");
    slab_log_set(keep, &l, SLAB_LOG_INFO);
    ck_assert_int_eq(l.n, 0);
    slab_log(SLAB_LOG_INFO, "%d chunks", 3);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.level, SLAB_LOG_INFO);
    ck_assert_str_eq(l.last, "3 chunks");
    slab_log(SLAB_LOG_DEBUG, "too much");
    ck_assert_int_eq(l.n, 1);
    ck_assert(slab_log_wants(SLAB_LOG_WARN) && slab_log_wants(SLAB_LOG_INFO));
    ck_assert(!slab_log_wants(SLAB_LOG_DEBUG));
    slab_log_set(NULL, NULL, SLAB_LOG_DEBUG);
    slab_log(SLAB_LOG_WARN, "nobody listens again");
    ck_assert_int_eq(l.n, 1);
    ck_assert(!slab_log_wants(SLAB_LOG_WARN));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, codes_have_names_and_meanings);
    tcase_add_test(tests, a_failure_leaves_its_message_and_its_place);
    tcase_add_test(tests, what_a_message_is_about_is_said_once);
    tcase_add_test(tests, a_message_may_quote_the_one_before);
    tcase_add_test(tests, long_messages_are_cut_not_overrun);
    tcase_add_test(tests, errno_becomes_the_status_that_fits);
    tcase_add_test(tests, each_thread_has_its_own_record_that_can_be_carried_over);
    tcase_add_test(tests, log_lines_reach_the_sink_down_to_the_level_wanted);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
