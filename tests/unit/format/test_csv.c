/* What a table's text takes; a table that another program writes while it is imported. */
#include <check.h>
#include <slab/format/csv_export_impl.h>
#include <slab/format/number_impl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], input[128], output[128];
static slab_crew *crew;

static void setup(void)
{
    strcpy(folder, "/tmp/slab-csv-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(input, sizeof input, "%s/in.csv", folder);
    snprintf(output, sizeof output, "%s/out.h5", folder);
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 1, &crew), SLAB_OK);
}

static void teardown(void)
{
    slab_crew_destroy(&crew);
    unlink(input);
    ck_assert_msg(rmdir(folder) == 0, "something was left behind in %s", folder);
}

static void write_input(const char *text)
{
    FILE *f = fopen(input, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    fclose(f);
}

/* Imports a table that becomes another one after it has been looked at. */
static slab_status import_changing(const char *before, const char *after)
{
    const slab_format *format = slab_format_by_name("csv");
    slab_import_options options = {.header = 1};
    slab_txn_options unsafe = slab_txn_defaults();
    slab_import *in;
    slab_import_plan plan;
    slab_txn *txn;
    unsafe.sync = unsafe.direct = false;
    write_input(before);
    ck_assert_int_eq(format->import_open(crew, input, &options, &in, &plan), SLAB_OK);
    write_input(after);
    ck_assert_int_eq(slab_txn_begin(slab_ranks_world(), output, &unsafe, &txn), SLAB_OK);
    slab_status rc = format->import_run(in, txn, "/data");
    slab_txn_abort(&txn);
    format->import_close(&in);
    return rc;
}

START_TEST(names_that_grow_while_they_are_read_are_an_error)
{
    static const char *const before[] = {"a,b\n1,2\n", "/,b\n1,2\n", "a,b\n1,2\n"};
    static const char *const after[] = {"a,b11,2\n", "/,b11,2\n", "a;b\n1,2\n"};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(import_changing(before[i], before[i]), SLAB_OK);
        ck_assert_int_eq(import_changing(before[i], after[i]), SLAB_ERR_FORMAT);
        ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "has changed while it was read"));
    }
}
END_TEST

START_TEST(a_cell_has_room_for_the_longest_number_and_what_parts_it)
{
    static const struct {
        slab_kind kind;
        uint32_t size;
        const char *longest;
    } cases[] = {{SLAB_KIND_FLOAT, 4, "-12345679000000000,"},
                 {SLAB_KIND_FLOAT, 8, "-2.2250738585072014e-308,"},
                 {SLAB_KIND_FLOAT, 2, "-5.9605e-08,"},
                 {SLAB_KIND_INT, 1, "-128,"},
                 {SLAB_KIND_INT, 2, "-32768,"},
                 {SLAB_KIND_INT, 4, "-2147483648,"},
                 {SLAB_KIND_INT, 8, "-9223372036854775808,"},
                 {SLAB_KIND_UINT, 8, "18446744073709551615,"},
                 {SLAB_KIND_COMPLEX, 16, "-2.2250738585072014e-308-2.2250738585072014e-308j,"},
                 {SLAB_KIND_BOOL, 1, "False,"},
                 {SLAB_KIND_STRING, 3, "\"\"\"\"\"\"\"\","}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slab_dtype dtype = slab_dtype_make(cases[i].kind, cases[i].size);
        ck_assert_msg(slab_csv_cells_bound(dtype, 1) >= strlen(cases[i].longest), "'%s' has %zu",
                      cases[i].longest, slab_csv_cells_bound(dtype, 1));
        ck_assert_uint_eq(slab_csv_cells_bound(dtype, 7), 7 * slab_csv_cells_bound(dtype, 1));
    }
}
END_TEST

START_TEST(a_row_of_more_columns_than_can_be_counted_takes_more_than_there_is)
{
    slab_dtype i4 = slab_dtype_make(SLAB_KIND_INT, 4);
    ck_assert_uint_gt(slab_csv_cells_bound(i4, (int64_t)1 << 62), (size_t)1 << 61);
    ck_assert_uint_gt(slab_csv_cells_bound(i4, INT64_MAX), (size_t)1 << 61);
    ck_assert_uint_eq(slab_csv_cells_bound(i4, 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *tests = tcase_create("csv");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_cell_has_room_for_the_longest_number_and_what_parts_it);
    tcase_add_test(tests, a_row_of_more_columns_than_can_be_counted_takes_more_than_there_is);
    tcase_add_test(tests, names_that_grow_while_they_are_read_are_an_error);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
