/* Reads and writes that a signal interrupts or the system cuts short, as it may at any time, and
 * syncs that fail. */
#include "scratch_impl.h"

#include <errno.h>
#include <hdf5.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include <slab/storage/hdf5/journal.h>
#include <slab/storage/hdf5/meta.h>

static bool disturbed;
static int calls, interrupted_locks;

/* Takes the place of libc's: every third call is interrupted, the others do 5 bytes at most. */
ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    if (disturbed && ++calls % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return syscall(SYS_pread64, fd, bytes, disturbed && n > 5 ? 5 : n, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    if (disturbed && ++calls % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, disturbed && n > 5 ? 5 : n, at);
}

int flock(int fd, int operation)
{
    if (disturbed && interrupted_locks++ == 0) {
        errno = EINTR;
        return -1;
    }
    return (int)syscall(SYS_flock, fd, operation);
}

static int folder_syncs, bad_folder_sync; /* the n-th sync of a folder fails */

int fsync(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && ++folder_syncs == bad_folder_sync) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

START_TEST(a_file_opens_though_every_read_is_cut_short)
{
    hsize_t four = 4;
    int32_t values[4] = {1, 2, 3, 4};
    hid_t file = H5Fcreate("small.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, &four, NULL);
    hid_t array =
        H5Dcreate2(file, "x", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(array, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(array);
    H5Sclose(space);
    H5Fclose(file);
    slab_meta *m;
    slab_array_info info;
    disturbed = true;
    ck_ok(slab_meta_open("small.h5", &m));
    ck_ok(slab_meta_describe(m, "/x", &info));
    ck_assert_int_eq(info.shape.rank, 1);
    ck_assert_int_eq(info.shape.extent[0], 4);
    slab_meta_close(&m);
    disturbed = false;
    ck_assert_int_gt(calls, 3);
}
END_TEST

START_TEST(a_journal_is_written_and_rolled_back_in_small_steps)
{
    char did[SLAB_MESSAGE_MAX];
    char old[100], changed[100];
    size_t n;
    memset(old, 'o', sizeof old);
    memset(changed, 'n', sizeof changed);
    write_file("data", old, sizeof old);
    int fd = open("data", O_RDWR);
    slab_patch patch = {.address = 10, .size = 80, .bytes = (const uint8_t *)changed};
    disturbed = true;
    ck_ok(slab_journal_apply("data", fd, sizeof old, &patch, 1, true));
    disturbed = false;
    uint8_t *now = read_whole("data", &n);
    ck_assert_uint_eq(n, sizeof old);
    ck_assert(now[9] == 'o' && now[10] == 'n' && now[89] == 'n' && now[90] == 'o');
    free(now);
    close(fd);
    write_file("data.slab-journal", "half", 4);
    disturbed = true;
    ck_ok(slab_journal_recover("data", did));
    disturbed = false;
    ck_assert_int_eq(interrupted_locks, 2);
    ck_assert_ptr_nonnull(strstr(did, "removed the unfinished journal"));
}
END_TEST

START_TEST(a_write_whose_end_cannot_be_made_durable_is_undone)
{
    char old[100], changed[200];
    size_t n;
    memset(old, 'o', sizeof old);
    memset(changed, 'n', sizeof changed);
    slab_patch patches[2] = {{.address = 10, .size = 80, .bytes = (const uint8_t *)changed},
                             {.address = 120, .size = 50, .bytes = (const uint8_t *)changed}};
    for (bad_folder_sync = 1; bad_folder_sync <= 2; bad_folder_sync++) {
        write_file("data", old, sizeof old);
        int fd = open("data", O_RDWR);
        folder_syncs = 0;
        ck_fails(slab_journal_apply("data", fd, sizeof old, patches, 2, true), SLAB_ERR_IO);
        ck_says("cannot fsync the folder");
        ck_assert_int_ge(folder_syncs, bad_folder_sync);
        uint8_t *now = read_whole("data", &n);
        ck_assert_uint_eq(n, sizeof old);
        ck_assert_mem_eq(now, old, sizeof old);
        ck_assert_int_ne(access("data.slab-journal", F_OK), 0);
        free(now);
        close(fd);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interrupted");
    TCase *tcase = tcase_create("interrupted");
    tcase_add_checked_fixture(tcase, scratch_begin, scratch_end);
    tcase_add_test(tcase, a_file_opens_though_every_read_is_cut_short);
    tcase_add_test(tcase, a_journal_is_written_and_rolled_back_in_small_steps);
    tcase_add_test(tcase, a_write_whose_end_cannot_be_made_durable_is_undone);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
