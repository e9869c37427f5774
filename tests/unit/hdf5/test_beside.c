/* A reader beside a writer that commits to the same file: one state at a time, and never half of
 * one. The two are handles of one process; their locks belong to the handles. */
#include "scratch_impl.h"

#include <hdf5.h>
#include <slab/storage/hdf5/journal.h>
#include <slab/storage/hdf5/meta.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static uint64_t end_of_space;

static slab_status reserve(void *context, uint64_t bytes, uint64_t align, uint64_t *address)
{
    (void)context;
    *address = (end_of_space + align - 1) / align * align;
    end_of_space = *address + bytes;
    return SLAB_OK;
}

/* Commits an array of n zeros under a name, in the place of what is there. */
static void commit(const char *file, const char *name, int64_t n, bool create)
{
    slab_meta *m;
    slab_object kind;
    int64_t zeros[64] = {0};
    slab_array_info info = {.dtype = slab_dtype_make(SLAB_KIND_INT, 8),
                            .layout = SLAB_LAYOUT_CONTIGUOUS};
    info.shape = info.max_shape = (slab_shape){1, {n}};
    ck_ok(slab_meta_begin(file, create, reserve, NULL, &m));
    end_of_space = slab_meta_end(m);
    if (!create && slab_meta_object(m, name, &kind) == SLAB_OK)
        ck_ok(slab_meta_remove(m, name));
    ck_ok(slab_meta_create_array(m, name, &info));
    ck_ok(slab_meta_write(m, name, info.dtype, zeros));
    ck_ok(slab_meta_commit(&m, end_of_space, false, NULL, NULL));
}

static slab_meta *reader;

static void begin(void)
{
    unsetenv("HDF5_USE_FILE_LOCKING");
    scratch_begin();
    commit("f.h5", "/x", 3, true);
    ck_ok(slab_meta_open("f.h5", &reader));
}

static void end(void)
{
    slab_meta_close(&reader);
    scratch_end();
}

static int64_t extent(const char *name)
{
    slab_array_info info;
    slab_status rc = slab_meta_describe(reader, name, &info);
    ck_assert_msg(rc == SLAB_OK, "%s", slab_error_last()->message);
    return info.shape.extent[0];
}

static void sees_commits(void)
{
    uint64_t before, after;
    slab_object kind;
    ck_assert_int_eq(extent("/x"), 3);
    ck_ok(slab_meta_object_key(reader, "/x", &before));
    ck_assert_int_eq(slab_meta_states(reader), 0);
    commit("f.h5", "/y", 5, false);
    ck_assert_int_eq(extent("/y"), 5);
    ck_assert_int_eq(slab_meta_states(reader), 1);
    ck_ok(slab_meta_object_key(reader, "/x", &after));
    ck_assert_uint_eq(before, after);
    commit("f.h5", "/x", 7, false);
    ck_assert_int_eq(extent("/x"), 7);
    ck_assert_int_eq(slab_meta_states(reader), 2);
    ck_ok(slab_meta_object_key(reader, "/x", &after));
    ck_assert_uint_ne(before, after); /* another array of that name */
    ck_fails(slab_meta_object(reader, "/z", &kind), SLAB_ERR_NOT_FOUND);
    ck_assert_int_eq(slab_meta_states(reader), 2);
}

START_TEST(each_look_is_at_the_newest_state)
{
    sees_commits();
}
END_TEST

START_TEST(without_locks_it_is_so_as_well)
{
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    sees_commits();
}
END_TEST

START_TEST(a_reader_keeps_no_lock_between_two_looks)
{
    ck_assert_int_eq(extent("/x"), 3);
    int fd = open("f.h5", O_RDWR);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    ck_assert_int_eq(extent("/x"), 3); /* a writer that does not commit now is no obstacle */
    close(fd);
}
END_TEST

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

START_TEST(a_commit_that_does_not_end_is_waited_for_and_named)
{
    slab_object kind;
    int fd = open("f.h5", O_RDWR);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    write_file("f.h5.slab-journal", "x", 1);
    double before = seconds();
    ck_fails(slab_meta_object(reader, "/x", &kind), SLAB_ERR_LOCKED);
    ck_says("another process is writing 'f.h5'");
    ck_assert(seconds() - before > 2);
    ck_assert_int_eq(unlink("f.h5.slab-journal"), 0);
    ck_ok(slab_meta_object(reader, "/x", &kind));
    close(fd);
}
END_TEST

static int syncs_left = -1; /* the file's fsync behind which the writer is dead; -1: it lives */

int fsync(int fd)
{
    struct stat st;
    int rc = (int)syscall(SYS_fsync, fd);
    if (syncs_left > 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && --syncs_left == 0)
        _exit(7);
    return rc;
}

/* A writer that has the lock of one who commits, and dies when all of its metadata is overwritten.
 */
static void die_committing(const char *file, const char *name)
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        slab_meta *m;
        int64_t zeros[64] = {0};
        slab_array_info info = {.dtype = slab_dtype_make(SLAB_KIND_INT, 8),
                                .layout = SLAB_LAYOUT_CONTIGUOUS};
        info.shape = info.max_shape = (slab_shape){1, {11}};
        int fd = open(file, O_RDWR);
        if (flock(fd, LOCK_EX) != 0 || slab_meta_begin(file, false, reserve, NULL, &m) != SLAB_OK)
            _exit(1);
        end_of_space = slab_meta_end(m);
        if (slab_meta_create_array(m, name, &info) != SLAB_OK ||
            slab_meta_write(m, name, info.dtype, zeros) != SLAB_OK)
            _exit(2);
        syncs_left = 3; /* of what is behind the end, of the journal, of the overwrites */
        slab_meta_commit(&m, end_of_space, true, NULL, NULL);
        _exit(3);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %d", status);
}

START_TEST(a_commit_whose_writer_died_is_undone_for_one_who_had_the_file_open)
{
    slab_object kind;
    ck_assert_int_eq(extent("/x"), 3);
    die_committing("f.h5", "/z");
    ck_assert_int_eq(access("f.h5.slab-journal", F_OK), 0);
    ck_fails(slab_meta_object(reader, "/z", &kind), SLAB_ERR_NOT_FOUND);
    ck_assert_int_ne(access("f.h5.slab-journal", F_OK), 0);
    ck_assert_int_eq(extent("/x"), 3);
    ck_assert_int_eq(slab_meta_states(reader), 0); /* it is what it was */
}
END_TEST

START_TEST(so_it_is_when_it_was_opened_by_a_link)
{
    slab_object kind;
    slab_meta_close(&reader);
    ck_assert_int_eq(symlink("f.h5", "link.h5"), 0);
    ck_ok(slab_meta_open("link.h5", &reader));
    die_committing("f.h5", "/z");
    ck_fails(slab_meta_object(reader, "/z", &kind), SLAB_ERR_NOT_FOUND);
    ck_assert_int_ne(access("f.h5.slab-journal", F_OK), 0);
}
END_TEST

START_TEST(another_files_journal_is_not_that_of_one_that_had_its_name)
{
    ck_assert_int_eq(rename("f.h5", "old.h5"), 0);
    commit("f.h5", "/x", 9, true);
    int fd = open("f.h5", O_RDWR);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    write_file("f.h5.slab-journal", "x", 1);
    ck_assert_int_eq(extent("/x"), 3);
    close(fd);
}
END_TEST

static void make_external(void)
{
    hid_t file = H5Fcreate("main.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Lcreate_external("f.h5", "/", file, "other", H5P_DEFAULT, H5P_DEFAULT), 0);
    H5Fclose(file);
    slab_meta_close(&reader);
    ck_ok(slab_meta_open("main.h5", &reader));
}

START_TEST(a_file_that_a_link_leads_to_is_rolled_back_too)
{
    slab_object kind;
    make_external();
    die_committing("f.h5", "/z");
    ck_fails(slab_meta_object(reader, "/other/z", &kind), SLAB_ERR_NOT_FOUND);
    ck_assert_int_ne(access("f.h5.slab-journal", F_OK), 0);
    ck_ok(slab_meta_object(reader, "/other/x", &kind));
}
END_TEST

START_TEST(a_file_that_a_link_leads_to_is_not_read_amid_a_commit)
{
    slab_object kind;
    make_external();
    int fd = open("f.h5", O_RDWR);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    write_file("f.h5.slab-journal", "x", 1);
    ck_fails(slab_meta_object(reader, "/other/x", &kind), SLAB_ERR_LOCKED);
    ck_says("another process is writing");
    ck_assert_int_eq(unlink("f.h5.slab-journal"), 0);
    close(fd);
    ck_ok(slab_meta_object(reader, "/other/x", &kind));
}
END_TEST

START_TEST(without_locks_what_is_read_during_a_commit_is_not_believed)
{
    slab_object kind;
    char name[20];
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    for (int i = 0; i < 64; i++) { /* more than is kept of the file's beginning */
        snprintf(name, sizeof name, "/a%d", i);
        commit("f.h5", name, 64, false);
    }
    slab_meta_close(&reader);
    ck_ok(slab_meta_open("f.h5", &reader));
    write_file("f.h5.slab-journal", "x", 1);
    ck_fails(slab_meta_object(reader, "/a40", &kind), SLAB_ERR_LOCKED);
    ck_assert_int_eq(unlink("f.h5.slab-journal"), 0);
    ck_ok(slab_meta_object(reader, "/a40", &kind));
}
END_TEST

START_TEST(another_file_of_the_same_name_is_another_file)
{
    int fd = open("f.h5", O_RDONLY);
    ck_assert(slab_meta_is(reader, fd));
    ck_assert_int_eq(rename("f.h5", "old.h5"), 0);
    commit("f.h5", "/x", 9, true);
    int other = open("f.h5", O_RDONLY);
    ck_assert(!slab_meta_is(reader, other));
    ck_assert_int_eq(extent("/x"), 3); /* the reader has the old one */
    close(fd);
    close(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beside");
    TCase *tests = tcase_create("beside");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, each_look_is_at_the_newest_state);
    tcase_add_test(tests, without_locks_it_is_so_as_well);
    tcase_add_test(tests, a_reader_keeps_no_lock_between_two_looks);
    tcase_add_test(tests, a_commit_that_does_not_end_is_waited_for_and_named);
    tcase_add_test(tests, a_commit_whose_writer_died_is_undone_for_one_who_had_the_file_open);
    tcase_add_test(tests, so_it_is_when_it_was_opened_by_a_link);
    tcase_add_test(tests, another_files_journal_is_not_that_of_one_that_had_its_name);
    tcase_add_test(tests, a_file_that_a_link_leads_to_is_rolled_back_too);
    tcase_add_test(tests, a_file_that_a_link_leads_to_is_not_read_amid_a_commit);
    tcase_add_test(tests, without_locks_what_is_read_during_a_commit_is_not_believed);
    tcase_add_test(tests, another_file_of_the_same_name_is_another_file);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
