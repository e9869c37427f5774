/* The registry, the NPY header that is written, and files that appear whole or not at all. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <slab/format/format.h>
#include <slab/format/npy_impl.h>
#include <slab/format/output_impl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[64], path[128];

static void setup(void)
{
    strcpy(folder, "/tmp/slab-format-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/out", folder);
}

static void teardown(void)
{
    unlink(path);
    ck_assert_msg(rmdir(folder) == 0, "something was left behind in %s", folder);
}

static const char *format_of(const char *name)
{
    const slab_format *format;
    return slab_format_for(name, &format) == SLAB_OK ? format->name : "";
}

START_TEST(formats_are_known_by_name_and_suffix)
{
    ck_assert_str_eq(format_of("a/b.bed"), "plink");
    ck_assert_str_eq(format_of("b.FAM"), "plink");
    ck_assert_str_eq(format_of("x.npy"), "npy");
    ck_assert_str_eq(format_of("x.tar.csv"), "csv");
    ck_assert_str_eq(format_of("x.tsv"), "csv");
    ck_assert_str_eq(format_of("npy"), "");
    ck_assert_str_eq(format_of("a.bed/x"), "");
    ck_assert_ptr_null(slab_format_by_name("xlsx"));
    for (int i = 0; slab_format_at(i); i++)
        ck_assert_ptr_eq(slab_format_by_name(slab_format_at(i)->name), slab_format_at(i));
}
END_TEST

START_TEST(an_unknown_suffix_is_answered_with_those_known)
{
    const slab_format *format;
    ck_assert_int_eq(slab_format_for("x.xlsx", &format), SLAB_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, ".npy"));
    ck_assert_int_eq(slab_format_for("x.csv.gz", &format), SLAB_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "gunzip"));
}
END_TEST

START_TEST(the_header_of_an_npy_file_is_numpys_own)
{
    char text[SLAB_NPY_TEXT_MAX];
    size_t length;
    slab_shape shape = {.rank = 2, .extent = {3, 4}};
    const char *want = "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': "
                       "(3, 4), }";
    ck_assert_int_eq(
        slab_npy_make_header(slab_dtype_make(SLAB_KIND_FLOAT, 8), &shape, text, &length), SLAB_OK);
    ck_assert_uint_eq(length, 128);
    ck_assert_mem_eq(text, want, 10 + strlen(want + 10));
    ck_assert_int_eq(text[127], '\n');
    shape.rank = SLAB_RANK_MAX;
    for (int i = 0; i < SLAB_RANK_MAX; i++)
        shape.extent[i] = INT64_MAX;
    ck_assert_int_eq(
        slab_npy_make_header(slab_dtype_make(SLAB_KIND_STRING, UINT32_MAX), &shape, text, &length),
        SLAB_OK);
    ck_assert_uint_le(length, sizeof text);
    ck_assert_int_eq(
        slab_npy_make_header(slab_dtype_make(SLAB_KIND_OTHER, 8), &shape, text, &length),
        SLAB_ERR_TYPE);
}
END_TEST

static void check_content(const char *want)
{
    char text[64] = "";
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fread(text, 1, sizeof text - 1, f), strlen(want));
    fclose(f);
    ck_assert_str_eq(text, want);
}

static slab_status write_output(bool force, const char *text, bool finish)
{
    slab_output out;
    slab_status rc = slab_output_open(slab_ranks_world(), path, force, &out);
    if (rc != SLAB_OK)
        return rc;
    ck_assert_int_eq(slab_output_write(&out, 2, text + 2, strlen(text) - 2), SLAB_OK);
    ck_assert_int_eq(slab_output_write(&out, 0, text, 2), SLAB_OK);
    if (finish) {
        ck_assert_int_eq(slab_output_sync(&out), SLAB_OK);
        rc = slab_output_rename(&out);
    }
    slab_output_close(&out);
    return rc;
}

START_TEST(an_output_appears_whole_or_not_at_all)
{
    ck_assert_int_eq(write_output(false, "first", false), SLAB_OK);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(write_output(false, "first", true), SLAB_OK);
    check_content("first");
    ck_assert_int_eq(write_output(true, "second", false), SLAB_OK);
    check_content("first");
    ck_assert_int_eq(write_output(true, "second", true), SLAB_OK);
    check_content("second");
}
END_TEST

START_TEST(what_exists_is_kept_without_force)
{
    ck_assert_int_eq(write_output(false, "first", true), SLAB_OK);
    ck_assert_int_eq(write_output(false, "second", true), SLAB_ERR_EXISTS);
    check_content("first");
}
END_TEST

START_TEST(a_file_that_came_to_exist_meanwhile_is_kept)
{
    slab_output out;
    ck_assert_int_eq(slab_output_open(slab_ranks_world(), path, false, &out), SLAB_OK);
    FILE *f = fopen(path, "wb");
    fputs("other", f);
    fclose(f);
    ck_assert_int_eq(slab_output_rename(&out), SLAB_ERR_EXISTS);
    slab_output_close(&out);
    check_content("other");
}
END_TEST

static bool old_kernel; /* or a file system that cannot refuse to replace */

/* Takes the place of libc's. */
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    if (!old_kernel)
        return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    errno = EINVAL;
    return -1;
}

START_TEST(also_where_the_file_system_cannot_refuse_to_replace)
{
    slab_output out;
    old_kernel = true;
    ck_assert_int_eq(slab_output_open(slab_ranks_world(), path, false, &out), SLAB_OK);
    FILE *f = fopen(path, "wb");
    fputs("other", f);
    fclose(f);
    ck_assert_int_eq(slab_output_rename(&out), SLAB_ERR_EXISTS);
    slab_output_close(&out);
    check_content("other");
    unlink(path);
    ck_assert_int_eq(write_output(false, "first", true), SLAB_OK);
    check_content("first");
    old_kernel = false;
}
END_TEST

START_TEST(what_is_no_regular_file_is_not_replaced)
{
    slab_output out;
    struct stat st;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    for (int force = 0; force < 2; force++) {
        ck_assert_int_eq(slab_output_open(slab_ranks_world(), path, force, &out), SLAB_ERR_USAGE);
        ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "is not a regular file"));
    }
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert(S_ISFIFO(st.st_mode));
}
END_TEST

START_TEST(what_is_replaced_keeps_its_rights_and_the_links_to_it)
{
    struct stat st;
    char real[200], away[160];
    snprintf(away, sizeof away, "%s/away", folder);
    snprintf(real, sizeof real, "%s/real", away);
    ck_assert_int_eq(mkdir(away, 0700), 0);
    FILE *f = fopen(real, "wb");
    fputs("other", f);
    fclose(f);
    ck_assert_int_eq(symlink("away/real", path), 0);
    ck_assert_int_eq(chmod(real, 0640), 0);
    ck_assert_int_eq(write_output(true, "first", true), SLAB_OK);
    check_content("first");
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(lstat(real, &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFREG | 0640);
    unlink(real);
    ck_assert_int_eq(rmdir(away), 0); /* nothing was left there */
}
END_TEST

START_TEST(a_missing_folder_is_named)
{
    slab_output out;
    ck_assert_int_eq(slab_output_open(slab_ranks_world(), "/tmp/no-such/x", false, &out),
                     SLAB_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "/tmp/no-such"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("format");
    TCase *tests = tcase_create("format");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, formats_are_known_by_name_and_suffix);
    tcase_add_test(tests, an_unknown_suffix_is_answered_with_those_known);
    tcase_add_test(tests, the_header_of_an_npy_file_is_numpys_own);
    tcase_add_test(tests, an_output_appears_whole_or_not_at_all);
    tcase_add_test(tests, what_exists_is_kept_without_force);
    tcase_add_test(tests, a_file_that_came_to_exist_meanwhile_is_kept);
    tcase_add_test(tests, also_where_the_file_system_cannot_refuse_to_replace);
    tcase_add_test(tests, what_is_no_regular_file_is_not_replaced);
    tcase_add_test(tests, what_is_replaced_keeps_its_rights_and_the_links_to_it);
    tcase_add_test(tests, a_missing_folder_is_named);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
