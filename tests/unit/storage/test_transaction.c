/* The life of a transaction: what is on the disk before, during and after it, however it ends. */
#include "writing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <slab/storage/base/log.h>

static slab_txn *begin(const char *path)
{
    slab_txn *txn;
    ok(slab_txn_begin(slab_ranks_alone(), path, NULL, &txn));
    return txn;
}

static slab_txn *begin_forced(const char *path)
{
    slab_txn *txn;
    slab_txn_options options = slab_txn_defaults();
    options.force = true;
    ok(slab_txn_begin(slab_ranks_alone(), path, &options, &txn));
    return txn;
}

/* 8 chunks of 1000 elements, in which element i is i + shift. Random enough not to shrink much. */
enum { CHUNK = 1000, N = 8 * CHUNK };

static slab_status put_array(slab_txn *txn, const char *path, int shift)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = SHAPE(N),
                            .chunk = SHAPE(CHUNK),
                            .filter = "gzip"};
    slab_writer *w;
    slab_status rc = slab_txn_create(txn, path, &spec, &w), closed;
    for (int c = 0; c < 8 && rc == SLAB_OK; c++) {
        int32_t data[CHUNK];
        for (int i = 0; i < CHUNK; i++)
            data[i] = c * CHUNK + i + shift;
        rc = slab_writer_put(w, 0, c, data);
    }
    closed = slab_writer_close(&w);
    return rc == SLAB_OK ? closed : rc;
}

static void check_array(const char *file, const char *path, int shift)
{
    int32_t got[N];
    int wrong = 0;
    read_with_hdf5(file, path, H5T_NATIVE_INT32, got);
    for (int i = 0; i < N; i++)
        wrong += got[i] != i + shift;
    ck_assert_int_eq(wrong, 0);
}

static void make_file(const char *file)
{
    slab_txn *txn = begin(file);
    ok(put_array(txn, "/old", 1));
    ok(slab_txn_commit(&txn));
    ck_assert_ptr_null(txn);
}

static char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(*n + 1);
    ck_assert_uint_eq(fread(bytes, 1, *n, f), *n);
    fclose(f);
    return bytes;
}

static bool has(const char *file, const char *path)
{
    hid_t f = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_int_ge(f, 0);
    bool found = H5Lexists(f, path, H5P_DEFAULT) > 0;
    H5Fclose(f);
    return found;
}

static char logged[4096];

static void keep_line(void *context, slab_level level, const char *line)
{
    (void)context, (void)level;
    size_t n = strlen(logged);
    snprintf(logged + n, sizeof logged - n, "%s\n", line);
}

START_TEST(a_new_file_appears_only_at_commit)
{
    const char *file = in_folder("new.h5");
    slab_txn *txn = begin(file);
    ok(put_array(txn, "/x", 0));
    ck_assert_int_ne(access(file, F_OK), 0);
    ok(slab_txn_commit(&txn));
    check_array(file, "/x", 0);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

START_TEST(an_aborted_new_file_leaves_nothing)
{
    slab_txn *txn = begin(in_folder("new.h5"));
    ok(put_array(txn, "/x", 0));
    slab_txn_abort(&txn);
    ck_assert_ptr_null(txn);
    ck_assert_int_eq(files_in(folder, false), 0);
    slab_txn_abort(&txn);
}
END_TEST

START_TEST(an_abort_in_the_middle_of_an_array_leaves_nothing_and_the_message)
{
    slab_txn *txn = begin(in_folder("new.h5"));
    slab_array_spec spec = {
        .dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = SHAPE(N), .chunk = SHAPE(CHUNK)};
    slab_writer *w;
    int32_t data[CHUNK] = {0};
    ok(slab_txn_create(txn, "/x", &spec, &w));
    ok(slab_writer_put(w, 0, 0, data));
    fails(slab_writer_put(w, 0, 99, data), SLAB_ERR_RANGE);
    slab_txn_abort(&txn);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "chunk 99"));
    ck_assert_int_eq(files_in(folder, false), 0);
}
END_TEST

START_TEST(an_existing_file_gains_an_array_and_keeps_the_old_one)
{
    const char *file = in_folder("f.h5");
    make_file(file);
    slab_txn *txn = begin(file);
    ok(put_array(txn, "/group/new", 5));
    check_array(file, "/old", 1);
    ck_assert(!has(file, "/group"));
    ok(slab_txn_commit(&txn));
    check_array(file, "/old", 1);
    check_array(file, "/group/new", 5);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

START_TEST(an_aborted_existing_file_is_byte_for_byte_as_before)
{
    const char *file = in_folder("f.h5");
    size_t n, m;
    make_file(file);
    char *before = slurp(file, &n);
    slab_txn *txn = begin(file);
    ok(put_array(txn, "/new", 5));
    ok(slab_txn_attribute_text(txn, "/old", "a", "b"));
    slab_txn_abort(&txn);
    char *after = slurp(file, &m);
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(before, after, n);
    ck_assert_int_eq(files_in(folder, false), 1);
    free(before);
    free(after);
}
END_TEST

START_TEST(a_taken_path_is_replaced_only_by_force)
{
    const char *file = in_folder("f.h5");
    make_file(file);
    slab_txn *txn = begin(file);
    fails(put_array(txn, "/old", 5), SLAB_ERR_EXISTS);
    slab_txn_abort(&txn);
    check_array(file, "/old", 1);
    txn = begin_forced(file);
    ok(put_array(txn, "/old", 5));
    fails(put_array(txn, "old", 6), SLAB_ERR_EXISTS);
    ok(slab_txn_commit(&txn));
    check_array(file, "/old", 5);
}
END_TEST

START_TEST(a_second_writer_of_a_new_file_is_kept_away)
{
    const char *file = in_folder("new.h5");
    slab_txn *txn = begin(file), *second;
    fails(slab_txn_begin(slab_ranks_alone(), file, NULL, &second), SLAB_ERR_LOCKED);
    ck_assert_ptr_null(second);
    ok(put_array(txn, "/x", 0));
    ok(slab_txn_commit(&txn));
    check_array(file, "/x", 0);
    txn = begin(file);
    slab_txn_abort(&txn);
}
END_TEST

START_TEST(a_second_writer_of_an_existing_file_is_kept_away)
{
    const char *file = in_folder("f.h5");
    make_file(file);
    slab_txn *txn = begin(file), *second;
    fails(slab_txn_begin(slab_ranks_alone(), file, NULL, &second), SLAB_ERR_LOCKED);
    ok(put_array(txn, "/x", 0));
    ok(slab_txn_commit(&txn));
    check_array(file, "/x", 0);
    check_array(file, "/old", 1);
}
END_TEST

START_TEST(a_file_that_came_into_being_meanwhile_is_not_overwritten)
{
    const char *file = in_folder("new.h5");
    slab_txn *txn = begin(file);
    ok(put_array(txn, "/x", 0));
    FILE *f = fopen(file, "w");
    fputs("mine", f);
    fclose(f);
    fails(slab_txn_commit(&txn), SLAB_ERR_EXISTS);
    size_t n;
    char *bytes = slurp(file, &n);
    ck_assert_uint_eq(n, 4);
    free(bytes);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

/* A child begins, writes and is killed without a chance to tidy up. */
static void killed_while_writing(const char *file)
{
    pid_t child = fork();
    if (child == 0) {
        slab_txn *txn = NULL;
        if (slab_txn_begin(slab_ranks_alone(), file, NULL, &txn) != SLAB_OK ||
            put_array(txn, "/killed", 7) != SLAB_OK)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
}

START_TEST(what_a_killed_writer_of_a_new_file_left_is_cleared_by_the_next)
{
    const char *file = in_folder("new.h5");
    logged[0] = '\0';
    slab_log_set(keep_line, NULL, SLAB_LOG_WARN);
    killed_while_writing(file);
    ck_assert_int_eq(files_in(folder, false), 2); /* the temporary file and the log */
    ck_assert_int_ne(access(file, F_OK), 0);
    slab_txn *txn = begin(file);
    ck_assert_ptr_nonnull(strstr(logged, ".new.h5.slab-part"));
    ck_assert_ptr_nonnull(strstr(logged, "had left beside"));
    ok(put_array(txn, "/x", 0));
    ok(slab_txn_commit(&txn));
    slab_log_set(NULL, NULL, SLAB_LOG_WARN);
    check_array(file, "/x", 0);
    ck_assert(!has(file, "/killed"));
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

START_TEST(a_killed_writer_of_an_existing_file_leaves_it_as_it_was)
{
    const char *file = in_folder("f.h5");
    make_file(file);
    killed_while_writing(file);
    check_array(file, "/old", 1);
    ck_assert(!has(file, "/killed"));
    slab_txn *txn = begin(file);
    ok(put_array(txn, "/x", 0));
    ok(slab_txn_commit(&txn));
    check_array(file, "/old", 1);
    check_array(file, "/x", 0);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

START_TEST(recover_clears_what_a_killed_writer_left_and_tells)
{
    const char *file = in_folder("f.h5");
    char did[SLAB_MESSAGE_MAX];
    killed_while_writing(file);
    ok(slab_recover(file, did));
    ck_assert_ptr_nonnull(strstr(did, ".f.h5.slab-part"));
    ck_assert_ptr_nonnull(strstr(did, "log"));
    ck_assert_int_eq(files_in(folder, false), 0);
    ok(slab_recover(file, did));
    ck_assert_str_eq(did, "");
    make_file(file);
    killed_while_writing(file);
    ok(slab_recover(file, did));
    ck_assert_ptr_nonnull(strstr(did, "log"));
    ck_assert_int_eq(files_in(folder, false), 1);
    check_array(file, "/old", 1);
}
END_TEST

START_TEST(recover_leaves_a_living_writer_alone)
{
    const char *file = in_folder("f.h5");
    char did[SLAB_MESSAGE_MAX];
    slab_txn *txn = begin(file);
    ok(put_array(txn, "/x", 0));
    fails(slab_recover(file, did), SLAB_ERR_LOCKED);
    ok(slab_txn_commit(&txn));
    txn = begin(file);
    fails(slab_recover(file, did), SLAB_ERR_LOCKED);
    ok(put_array(txn, "/y", 0));
    ok(slab_txn_commit(&txn));
    check_array(file, "/x", 0);
    check_array(file, "/y", 0);
}
END_TEST

START_TEST(a_file_that_is_not_hdf5_is_refused_and_untouched)
{
    const char *file = in_folder("text");
    slab_txn *txn;
    struct stat st;
    fclose(fopen(file, "w"));
    fails(slab_txn_begin(slab_ranks_alone(), file, NULL, &txn), SLAB_ERR_FORMAT);
    FILE *f = fopen(file, "w");
    for (int i = 0; i < 1000; i++)
        fputs("plain text\n", f);
    fclose(f);
    fails(slab_txn_begin(slab_ranks_alone(), file, NULL, &txn), SLAB_ERR_FORMAT);
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_int_eq(st.st_size, 11000);
    fails(slab_txn_begin(slab_ranks_alone(), folder, NULL, &txn), SLAB_ERR_FORMAT);
    fails(slab_txn_begin(slab_ranks_alone(), in_folder("no/such/place.h5"), NULL, &txn),
          SLAB_ERR_NOT_FOUND);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

START_TEST(a_link_is_followed_to_a_file_and_not_to_nothing)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn;
    make_file(file);
    ck_assert_int_eq(symlink("f.h5", in_folder("link.h5")), 0);
    ck_assert_int_eq(symlink("nothing.h5", in_folder("loose.h5")), 0);
    txn = begin(in_folder("link.h5"));
    ok(put_array(txn, "/x", 3));
    ok(slab_txn_commit(&txn));
    check_array(in_folder("f.h5"), "/x", 3);
    fails(slab_txn_begin(slab_ranks_alone(), in_folder("loose.h5"), NULL, &txn),
          SLAB_ERR_NOT_FOUND);
    ck_assert_int_eq(files_in(folder, false), 3);
}
END_TEST

START_TEST(what_was_planted_at_the_temporary_name_is_not_written_through)
{
    slab_txn *txn;
    size_t n;
    FILE *f = fopen(in_folder("victim"), "w");
    fputs("precious", f);
    fclose(f);
    ck_assert_int_eq(symlink("victim", in_folder(".f.h5.slab-part")), 0);
    ck_assert_int_ne(slab_txn_begin(slab_ranks_alone(), in_folder("f.h5"), NULL, &txn), SLAB_OK);
    ck_assert_int_eq(unlink(in_folder(".f.h5.slab-part")), 0);
    ck_assert_int_eq(mkfifo(in_folder(".f.h5.slab-part"), 0600), 0);
    fails(slab_txn_begin(slab_ranks_alone(), in_folder("f.h5"), NULL, &txn), SLAB_ERR_EXISTS);
    char *bytes = slurp(in_folder("victim"), &n);
    ck_assert_uint_eq(n, 8);
    free(bytes);
}
END_TEST

START_TEST(a_commit_with_an_open_writer_fails_and_leaves_nothing)
{
    slab_txn *txn = begin(in_folder("f.h5"));
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4), .shape = SHAPE(N)};
    slab_writer *w;
    ok(slab_txn_create(txn, "/x", &spec, &w));
    fails(slab_txn_commit(&txn), SLAB_ERR_INTERNAL);
    ck_assert_ptr_null(txn);
    ck_assert_int_eq(files_in(folder, false), 0);
}
END_TEST

START_TEST(groups_and_attributes_are_set)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn = begin(file);
    const double two[2] = {1.5, -2};
    const int64_t one = 42;
    double got[2];
    ok(slab_txn_group(txn, "/model/part"));
    ok(slab_txn_group(txn, "/model"));
    ok(slab_txn_attribute(txn, "/model", "pair", slab_dtype_make(SLAB_KIND_FLOAT, 8), 2, two));
    ok(slab_txn_attribute(txn, "/model/part", "one", slab_dtype_make(SLAB_KIND_INT, 8), -1, &one));
    ok(slab_txn_attribute_text(txn, "/model", "name", "pca"));
    ok(slab_txn_commit(&txn));
    hid_t f = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t a = H5Aopen_by_name(f, "/model", "pair", H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Aread(a, H5T_NATIVE_DOUBLE, got), 0);
    ck_assert_double_eq(got[0], 1.5);
    ck_assert_double_eq(got[1], -2);
    H5Aclose(a);
    ck_assert_int_gt(H5Aexists_by_name(f, "/model/part", "one", H5P_DEFAULT), 0);
    ck_assert_int_gt(H5Aexists_by_name(f, "/model", "name", H5P_DEFAULT), 0);
    H5Fclose(f);
}
END_TEST

/* Random bytes do not shrink: 64 chunks of 256 KiB are 16 MiB on the disk. */
static slab_status put_much(slab_txn *txn)
{
    enum { BYTES = 256 << 10 };
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_UINT, 1),
                            .shape = SHAPE(64 * BYTES),
                            .chunk = SHAPE(BYTES),
                            .filter = "none"};
    static uint8_t data[BYTES];
    slab_writer *w;
    slab_status rc = slab_txn_create(txn, "/much", &spec, &w), closed;
    for (int c = 0; c < 64 && rc == SLAB_OK; c++)
        rc = slab_writer_put(w, 0, c, data);
    if (rc != SLAB_OK)
        fails(slab_writer_put(w, 0, 63, data), rc); /* it stays failed */
    closed = slab_writer_close(&w);
    ck_assert(rc == SLAB_OK || closed == rc);
    return closed == SLAB_OK ? slab_txn_commit(&txn) : (slab_txn_abort(&txn), closed);
}

START_TEST(a_full_disk_leaves_the_old_state_and_a_message)
{
    char small[300], file[400];
    size_t n, m;
    slab_txn *txn;
    snprintf(small, sizeof small, "%s/small", folder);
    ck_assert_int_eq(mkdir(small, 0700), 0);
    if (mount("none", small, "tmpfs", 0, "size=4m") != 0) {
        rmdir(small); /* only root can show this */
        return;
    }
    snprintf(file, sizeof file, "%s/new.h5", small);
    txn = begin(file);
    slab_status fresh = put_much(txn);
    bool told = strstr(slab_error_last()->message, "new.h5") != NULL;
    int left = files_in(small, false);
    make_file(file);
    char *before = slurp(file, &n);
    txn = begin(file);
    slab_status gained = put_much(txn);
    char *after = slurp(file, &m);
    umount(small);
    rmdir(small);
    ck_assert_int_eq(fresh, SLAB_ERR_SPACE);
    ck_assert(told);
    ck_assert_int_eq(left, 0);
    ck_assert_int_eq(gained, SLAB_ERR_SPACE);
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(before, after, n);
    free(before);
    free(after);
}
END_TEST

/* The kernel cuts a write short at the limit, and refuses the next one. */
START_TEST(a_write_that_is_cut_short_and_then_refused_is_an_error)
{
    struct rlimit limit = {.rlim_cur = (6 << 20) + 1000, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    slab_txn *txn = begin(in_folder("f.h5"));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fails(put_much(txn), SLAB_ERR_IO);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "File too large"));
    ck_assert_int_eq(files_in(folder, false), 0);
}
END_TEST

/* Runs the whole of a transaction on an existing file; every allocation fails once. Some may fail
 * without harm (a list of left-overs, say): then the transaction must be whole. */
START_TEST(an_allocation_that_fails_anywhere_leaves_the_old_state)
{
    const char *file = in_folder("f.h5");
    slab_txn_options options = slab_txn_defaults();
    int failed = 0, passed = 0;
    options.sync = false;
    make_file(file);
    for (long n = 1; passed < 20; n++) {
        slab_txn *txn = NULL;
        slab_memory_fail_at(n);
        slab_status rc = slab_txn_begin(slab_ranks_alone(), file, &options, &txn);
        if (rc == SLAB_OK)
            rc = put_array(txn, "/new", 5);
        if (rc == SLAB_OK)
            rc = slab_txn_commit(&txn);
        slab_txn_abort(&txn);
        slab_memory_fail_at(0);
        ck_assert_msg(rc == SLAB_OK || rc == SLAB_ERR_MEMORY || rc == SLAB_ERR_HDF5,
                      "allocation %ld: %s", n, slab_error_last()->message);
        ck_assert_uint_eq(slab_memory_used(), 0);
        ck_assert_int_eq(files_in(folder, false), 1);
        check_array(file, "/old", 1);
        ck_assert_int_eq(has(file, "/new"), rc == SLAB_OK);
        failed += rc != SLAB_OK;
        passed += rc == SLAB_OK;
        if (rc == SLAB_OK) {
            check_array(file, "/new", 5);
            unlink(file);
            make_file(file);
        }
        ck_assert_int_lt(n, 2000);
    }
    ck_assert_int_gt(failed, 40);
}
END_TEST

START_TEST(the_collective_backend_changes_an_existing_file_whole_or_not_at_all)
{
    const char *file = in_folder("f.h5");
    slab_txn *txn;
    slab_txn_options options = slab_txn_defaults();
    size_t n, m;
    options.backend = SLAB_BACKEND_COLLECTIVE;
    options.force = true;
    make_file(file);
    char *before = slurp(file, &n);
    ok(slab_txn_begin(slab_ranks_alone(), file, &options, &txn));
    ok(put_array(txn, "/old", 9));
    slab_txn_abort(&txn);
    char *after = slurp(file, &m);
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(before, after, n);
    free(before);
    free(after);
    ok(slab_txn_begin(slab_ranks_alone(), file, &options, &txn));
    ok(put_array(txn, "/old", 9));
    ok(put_array(txn, "/new", 5));
    ok(slab_txn_commit(&txn));
    check_array(file, "/old", 9);
    check_array(file, "/new", 5);
    ck_assert_int_eq(files_in(folder, false), 1);
}
END_TEST

int main(void)
{
    TCase *txn = tcase_create("transaction");
    tcase_add_checked_fixture(txn, make_folder, remove_folder);
    tcase_set_timeout(txn, 120);
    tcase_add_test(txn, a_new_file_appears_only_at_commit);
    tcase_add_test(txn, an_aborted_new_file_leaves_nothing);
    tcase_add_test(txn, an_abort_in_the_middle_of_an_array_leaves_nothing_and_the_message);
    tcase_add_test(txn, an_existing_file_gains_an_array_and_keeps_the_old_one);
    tcase_add_test(txn, an_aborted_existing_file_is_byte_for_byte_as_before);
    tcase_add_test(txn, a_taken_path_is_replaced_only_by_force);
    tcase_add_test(txn, a_second_writer_of_a_new_file_is_kept_away);
    tcase_add_test(txn, a_second_writer_of_an_existing_file_is_kept_away);
    tcase_add_test(txn, a_file_that_came_into_being_meanwhile_is_not_overwritten);
    tcase_add_test(txn, what_a_killed_writer_of_a_new_file_left_is_cleared_by_the_next);
    tcase_add_test(txn, a_killed_writer_of_an_existing_file_leaves_it_as_it_was);
    tcase_add_test(txn, recover_clears_what_a_killed_writer_left_and_tells);
    tcase_add_test(txn, recover_leaves_a_living_writer_alone);
    tcase_add_test(txn, a_file_that_is_not_hdf5_is_refused_and_untouched);
    tcase_add_test(txn, a_link_is_followed_to_a_file_and_not_to_nothing);
    tcase_add_test(txn, what_was_planted_at_the_temporary_name_is_not_written_through);
    tcase_add_test(txn, a_commit_with_an_open_writer_fails_and_leaves_nothing);
    tcase_add_test(txn, groups_and_attributes_are_set);
    tcase_add_test(txn, a_full_disk_leaves_the_old_state_and_a_message);
    tcase_add_test(txn, a_write_that_is_cut_short_and_then_refused_is_an_error);
    tcase_add_test(txn, an_allocation_that_fails_anywhere_leaves_the_old_state);
    tcase_add_test(txn, the_collective_backend_changes_an_existing_file_whole_or_not_at_all);
    Suite *suite = suite_create("transaction");
    suite_add_tcase(suite, txn);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
