/* A transaction and others that have its file open: who waits, who is refused, what a reader sees.
 */
#include "writing.h"

#include <fcntl.h>
#include <pthread.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/stop.h>
#include <slab/storage/reader.h>
#include <sys/file.h>
#include <time.h>

enum { N = 1000 };

static slab_txn *begin(const char *file, bool force, const char *job)
{
    slab_txn *txn;
    slab_txn_options options = slab_txn_defaults();
    options.force = force;
    options.job = job;
    ok(slab_txn_begin(slab_ranks_alone(), file, &options, &txn));
    return txn;
}

/* All elements are the value, in chunks of 100. */
static void put(slab_txn *txn, const char *path, int32_t value)
{
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = SHAPE(N), .chunk = SHAPE(100)};
    int32_t data[N];
    for (int i = 0; i < N; i++)
        data[i] = value;
    ok(slab_txn_put(txn, path, &spec, data));
}

static const char *made(const char *name)
{
    const char *file = in_folder(name);
    slab_txn *txn = begin(file, false, NULL);
    put(txn, "/x", 1);
    ok(slab_txn_commit(&txn));
    return file;
}

static void check(const char *file, const char *path, int32_t value)
{
    int32_t got[N];
    read_with_hdf5(file, path, H5T_NATIVE_INT32, got);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(got[i], value);
}

static char logged[2048];

static void keep_line(void *context, slab_level level, const char *line)
{
    (void)context, (void)level;
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", line);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *close_later(void *fd)
{
    usleep(1500000);
    close(*(int *)fd);
    return NULL;
}

START_TEST(hdf5_reads_the_old_state_until_the_commit_and_does_not_write)
{
    const char *file = made("f.h5");
    slab_txn *txn = begin(file, true, NULL);
    put(txn, "/x", 2);
    check(file, "/x", 1);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    ck_assert_int_lt(H5Fopen(file, H5F_ACC_RDWR, H5P_DEFAULT), 0);
    ok(slab_txn_commit(&txn));
    check(file, "/x", 2);
}
END_TEST

START_TEST(a_commit_waits_for_a_reader_and_says_so)
{
    const char *file = made("f.h5");
    pthread_t closer;
    int reader = open(file, O_RDONLY);
    ck_assert_int_eq(flock(reader, LOCK_SH), 0);
    slab_txn *txn = begin(file, false, NULL);
    put(txn, "/y", 2);
    logged[0] = '\0';
    slab_log_set(keep_line, NULL, SLAB_LOG_WARN);
    double before = seconds();
    ck_assert_int_eq(pthread_create(&closer, NULL, close_later, &reader), 0);
    ok(slab_txn_commit(&txn));
    ck_assert(seconds() - before > 1);
    pthread_join(closer, NULL);
    slab_log_set(NULL, NULL, SLAB_LOG_WARN);
    ck_assert_ptr_nonnull(strstr(logged, "waiting for another process to close"));
    check(file, "/y", 2);
}
END_TEST

START_TEST(a_stop_ends_the_wait_and_what_was_written_is_continued)
{
    static const char job[] = "# host elsewhere\n# process 77\nverb make\n";
    const char *file = made("f.h5");
    int reader = open(file, O_RDONLY);
    ck_assert_int_eq(flock(reader, LOCK_SH), 0);
    slab_txn *txn = begin(file, false, job), *second;
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = SHAPE(4 * N),
                            .chunk = SHAPE(N),
                            .filter = "gzip"};
    slab_writer *w;
    int32_t data[N] = {3};
    ok(slab_txn_create(txn, "/y", &spec, &w));
    for (int c = 0; c < 4; c++)
        ok(slab_writer_put(w, 0, c, data));
    ok(slab_writer_close(&w));
    fails(slab_txn_begin(slab_ranks_alone(), file, NULL, &second), SLAB_ERR_LOCKED);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "(begun by process 77 on elsewhere)"));
    slab_stop_after(0.3, "the time limit");
    fails(slab_txn_commit(&txn), SLAB_ERR_STOPPED);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "4 of 4 chunks are written"));
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "had"));
    check(file, "/x", 1);
    close(reader);
    txn = begin(file, false, job);
    ok(slab_txn_create(txn, "/y", &spec, &w));
    for (int c = 0; c < 4; c++)
        ck_assert(slab_writer_has(w, c));
    ok(slab_writer_close(&w));
    ok(slab_txn_commit(&txn));
    check(file, "/x", 1);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

static slab_status map(slab_array *array)
{
    slab_grid grid;
    const slab_chunk *chunks;
    return slab_array_chunks(array, &grid, &chunks);
}

START_TEST(an_array_that_was_opened_is_read_though_others_are_added)
{
    const char *path = made("f.h5");
    slab_file *file;
    slab_array *array;
    ok(slab_file_open(slab_ranks_alone(), path, &file));
    ok(slab_array_open(file, "/x", &array));
    slab_txn *txn = begin(path, false, NULL);
    put(txn, "/y", 2);
    ok(slab_txn_commit(&txn));
    slab_array *added;
    ok(slab_array_open(file, "/y", &added)); /* what is asked now is of the new state */
    ck_assert_int_eq(slab_array_describe(added)->shape.extent[0], N);
    slab_array_close(&added);
    ck_assert_int_eq(slab_array_describe(array)->layout, SLAB_LAYOUT_CHUNKED);
    ok(map(array));
    slab_array_close(&array);
    slab_file_close(&file);
}
END_TEST

START_TEST(an_array_that_was_replaced_is_not_read_as_if_it_were_the_old_one)
{
    const char *path = made("f.h5");
    slab_file *file;
    slab_array *array;
    ok(slab_file_open(slab_ranks_alone(), path, &file));
    ok(slab_array_open(file, "/x", &array));
    slab_txn *txn = begin(path, true, NULL);
    put(txn, "/x", 2);
    ok(slab_txn_commit(&txn));
    fails(map(array), SLAB_ERR_LOCKED);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "another process has replaced"));
    slab_array_close(&array);
    ok(slab_array_open(file, "/x", &array));
    ok(map(array));
    slab_array_close(&array);
    slab_file_close(&file);
}
END_TEST

START_TEST(arrays_of_one_file_are_not_those_of_two_commits)
{
    const char *path = made("f.h5");
    slab_file *file;
    slab_array *x, *y;
    ok(slab_file_open(slab_ranks_alone(), path, &file));
    ok(slab_array_open(file, "/x", &x));
    slab_txn *txn = begin(path, true, NULL);
    put(txn, "/x", 2);
    put(txn, "/y", 2);
    ok(slab_txn_commit(&txn));
    fails(slab_array_open(file, "/y", &y), SLAB_ERR_LOCKED); /* /x is of the state before */
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "f.h5:/x'"));
    slab_array_close(&x);
    ok(slab_array_open(file, "/y", &y));
    slab_file_close(&file);
    slab_array_close(&y); /* in this order too */
}
END_TEST

START_TEST(a_file_that_has_been_replaced_is_not_mixed_with_the_new_one)
{
    const char *path = made("f.h5");
    slab_file *file;
    slab_array *array;
    ok(slab_file_open(slab_ranks_alone(), path, &file));
    ck_assert_int_eq(unlink(path), 0);
    slab_txn *txn = begin(path, false, NULL);
    put(txn, "/z", 2);
    ok(slab_txn_commit(&txn));
    ok(slab_array_open(file, "/x", &array)); /* the old one is still there for those who have it */
    ok(map(array));
    slab_array_close(&array);
    fails(slab_array_open(file, "/z", &array), SLAB_ERR_NOT_FOUND);
    slab_file_close(&file);
}
END_TEST

START_TEST(where_locks_are_switched_off_a_dead_writers_file_is_taken_over)
{
    const char *file = in_folder("new.h5"), *part = in_folder(".new.h5.slab-part");
    int fd = open(part, O_RDWR | O_CREAT, 0600);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    slab_txn *txn;
    fails(slab_txn_begin(slab_ranks_alone(), file, NULL, &txn), SLAB_ERR_LOCKED);
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    txn = begin(file, false, NULL);
    put(txn, "/x", 4);
    ok(slab_txn_commit(&txn));
    check(file, "/x", 4);
    logged[0] = '\0';
    slab_log_set(keep_line, NULL, SLAB_LOG_INFO);
    txn = begin(file, false, NULL);
    slab_txn_abort(&txn);
    slab_log_set(NULL, NULL, SLAB_LOG_WARN);
    ck_assert_ptr_nonnull(strstr(logged, "HDF5_USE_FILE_LOCKING has switched locks off"));
    close(fd);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sharing");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, hdf5_reads_the_old_state_until_the_commit_and_does_not_write);
    tcase_add_test(tests, a_commit_waits_for_a_reader_and_says_so);
    tcase_add_test(tests, a_stop_ends_the_wait_and_what_was_written_is_continued);
    tcase_add_test(tests, an_array_that_was_opened_is_read_though_others_are_added);
    tcase_add_test(tests, an_array_that_was_replaced_is_not_read_as_if_it_were_the_old_one);
    tcase_add_test(tests, arrays_of_one_file_are_not_those_of_two_commits);
    tcase_add_test(tests, a_file_that_has_been_replaced_is_not_mixed_with_the_new_one);
    tcase_add_test(tests, where_locks_are_switched_off_a_dead_writers_file_is_taken_over);
    Suite *suite = suite_create("sharing");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
