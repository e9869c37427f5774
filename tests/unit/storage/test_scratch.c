#include <check.h>
#include <dirent.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/scratch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int entries_of(const char *folder)
{
    int n = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

START_TEST(a_scratch_file_gives_back_what_was_written_and_zeros_elsewhere)
{
    char folder[] = "/tmp/scratch-XXXXXX", read[8];
    slab_scratch *scratch;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(slab_scratch_create(NULL, folder, &scratch), SLAB_OK);
    ck_assert_int_eq(entries_of(folder), 0); /* it has no name: a kill leaves nothing */
    ck_assert_int_eq(slab_scratch_write(scratch, 1000003, "abc", 3), SLAB_OK);
    ck_assert_int_eq(slab_scratch_read(scratch, 1000000, read, 8), SLAB_OK);
    ck_assert_mem_eq(read, "\0\0\0abc\0\0", 8);
    ck_assert_int_eq(slab_scratch_read(scratch, 5000000, read, 8), SLAB_OK);
    ck_assert_mem_eq(read, "\0\0\0\0\0\0\0\0", 8);
    slab_scratch_destroy(&scratch);
    ck_assert_ptr_null(scratch);
    slab_scratch_destroy(&scratch);
    rmdir(folder);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error_that_names_it)
{
    slab_scratch *scratch;
    ck_assert_int_eq(slab_scratch_create(NULL, "/no/such/folder", &scratch), SLAB_ERR_NOT_FOUND);
    ck_assert_ptr_null(scratch);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "/no/such/folder"));
}
END_TEST

START_TEST(without_a_folder_TMPDIR_is_taken)
{
    slab_scratch *scratch;
    setenv("TMPDIR", "/no/such/TMPDIR", 1);
    ck_assert_int_eq(slab_scratch_create(NULL, NULL, &scratch), SLAB_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "/no/such/TMPDIR"));
    unsetenv("TMPDIR");
    ck_assert_int_eq(slab_scratch_create(NULL, NULL, &scratch), SLAB_OK);
    slab_scratch_destroy(&scratch);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("scratch");
    tcase_add_test(tc, a_scratch_file_gives_back_what_was_written_and_zeros_elsewhere);
    tcase_add_test(tc, a_folder_that_is_not_there_is_an_error_that_names_it);
    tcase_add_test(tc, without_a_folder_TMPDIR_is_taken);
    Suite *suite = suite_create("scratch");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
