#include <check.h>
#include <slab/compute/pass/pass.h>
#include <slab/compute/sink/statistics.h>
#include <slab/compute/sink/store.h>
#include <slab/storage/base/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/slab-store-XXXXXX";
static char path[64];

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.h5", folder);
}

static void end(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else is left behind */
}

static slab_writer *create(slab_txn **txn, slab_dtype dtype, slab_shape shape, slab_shape chunk)
{
    slab_txn_options options = slab_txn_defaults();
    slab_array_spec spec = {.dtype = dtype, .shape = shape, .chunk = chunk};
    slab_writer *writer = NULL;
    options.threads = 2;
    options.sync = false;
    ck_assert_int_eq(slab_txn_begin(slab_ranks_world(), path, &options, txn), SLAB_OK);
    ck_assert_msg(slab_txn_create(*txn, "/x", &spec, &writer) == SLAB_OK, "%s",
                  slab_error_last()->message);
    return writer;
}

static slab_status run(slab_crew *crew, slab_value *value, const slab_sink_class *cls, void *sink)
{
    slab_pass *pass = NULL;
    ck_assert_int_eq(slab_pass_create(crew, "storing", value, &pass), SLAB_OK);
    ck_assert_int_eq(slab_pass_add(pass, cls, sink), SLAB_OK);
    slab_status rc = slab_pass_run(pass, 64 << 20);
    slab_pass_destroy(&pass);
    return rc;
}

static void store(slab_value *value, slab_dtype dtype, slab_shape chunk)
{
    slab_txn *txn = NULL;
    slab_crew *crew = NULL;
    slab_store *sink = NULL;
    slab_writer *writer = create(&txn, dtype, *slab_value_shape(value), chunk);
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &crew), SLAB_OK);
    ck_assert_int_eq(slab_store_create(value, writer, &sink), SLAB_OK);
    ck_assert_msg(run(crew, value, &slab_sink_store, sink) == SLAB_OK, "%s",
                  slab_error_last()->message);
    slab_store_destroy(&sink);
    ck_assert_int_eq(slab_writer_close(&writer), SLAB_OK);
    ck_assert_int_eq(slab_txn_commit(&txn), SLAB_OK);
    slab_crew_destroy(&crew);
}

START_TEST(a_stored_value_reads_back_element_by_element)
{
    double x[10 * 9];
    slab_shape shape = {2, {10, 9}}, chunk = {2, {3, 4}};
    for (int i = 0; i < 90; i++)
        x[i] = i - 0.5;
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 8), &shape, x);
    store(value, slab_dtype_make(SLAB_KIND_INT, 2), chunk); /* truncates */
    slab_value_drop(&value);

    slab_file *file = NULL;
    slab_array *array = NULL;
    ck_assert_int_eq(slab_file_open(slab_ranks_world(), path, &file), SLAB_OK);
    ck_assert_int_eq(slab_array_open(file, "/x", &array), SLAB_OK);
    ck_assert_int_eq(slab_array_describe(array)->stored_chunks, 4 * 3);
    value = slab_value_load(array, NULL, 1);
    slab_view view;
    slab_box all = slab_box_whole(&shape);
    ck_assert_int_eq(slab_value_get(value, 0, &all, &view), SLAB_OK);
    for (int i = 0; i < 90; i++) {
        const char *at = (const char *)view.data + i / 9 * view.stride[0] + i % 9 * view.stride[1];
        ck_assert_int_eq(*(const int16_t *)at, (int)(i - 0.5));
    }
    slab_value_drop(&value);
    slab_array_close(&array);
    slab_file_close(&file);
}
END_TEST

START_TEST(random_numbers_do_not_depend_on_the_chunks_they_are_stored_in)
{
    /* Statistics of what was read back, in one tile of the other chunks: equal to the last bit of
     * min, max and sums of integers. */
    slab_shape shape = {2, {301, 407}}, chunks[2] = {{2, {50, 407}}, {2, {301, 13}}};
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_INTEGERS);
    spec.bound = 1000000;
    double mean[2], var[2];
    for (int i = 0; i < 2; i++) {
        slab_value *value = slab_value_random(&spec, &shape, NULL);
        store(value, spec.dtype, chunks[i]);
        slab_value_drop(&value);
        slab_file *file = NULL;
        slab_array *array = NULL;
        slab_crew *crew = NULL;
        slab_statistics *statistics = NULL;
        ck_assert_int_eq(slab_file_open(slab_ranks_world(), path, &file), SLAB_OK);
        ck_assert_int_eq(slab_array_open(file, "/x", &array), SLAB_OK);
        ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &crew), SLAB_OK);
        value = slab_value_load(array, NULL, 2);
        ck_assert_int_eq(slab_statistics_create(value, SLAB_AXES_ALL, &statistics), SLAB_OK);
        ck_assert_int_eq(run(crew, value, &slab_sink_statistics, statistics), SLAB_OK);
        mean[i] = slab_statistics_get(statistics)->mean[0];
        var[i] = slab_statistics_get(statistics)->var[0];
        ck_assert_int_eq(slab_statistics_get(statistics)->count[0], 301 * 407);
        slab_statistics_destroy(&statistics);
        slab_value_drop(&value);
        slab_crew_destroy(&crew);
        slab_array_close(&array);
        slab_file_close(&file);
        unlink(path);
    }
    ck_assert_double_eq(mean[0], mean[1]);
    ck_assert_double_eq(var[0], var[1]);
    ck_assert_double_lt(mean[0], 505000);
    ck_assert_double_gt(mean[0], 495000);
}
END_TEST

START_TEST(another_shape_cannot_be_stored)
{
    slab_txn *txn = NULL;
    slab_store *sink = NULL;
    slab_shape shape = {1, {4}}, other = {1, {5}}, chunk = {1, {2}};
    const float x[5] = {0};
    slab_writer *writer = create(&txn, slab_dtype_make(SLAB_KIND_FLOAT, 4), shape, chunk);
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &other, x);
    ck_assert_int_eq(slab_store_create(value, writer, &sink), SLAB_ERR_SHAPE);
    ck_assert_ptr_null(sink);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "[5]"));
    slab_value_drop(&value);
    slab_writer_close(&writer);
    slab_txn_abort(&txn);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tests = tcase_create("store");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_stored_value_reads_back_element_by_element);
    tcase_add_test(tests, random_numbers_do_not_depend_on_the_chunks_they_are_stored_in);
    tcase_add_test(tests, another_shape_cannot_be_stored);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
