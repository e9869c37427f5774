/* What a table's text takes, and the fields of a line wherever a window over it begins. */
#include <check.h>
#include <slab/format/csv_export_impl.h>
#include <slab/format/number_impl.h>
#include <string.h>

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
    tcase_add_test(tests, a_cell_has_room_for_the_longest_number_and_what_parts_it);
    tcase_add_test(tests, a_row_of_more_columns_than_can_be_counted_takes_more_than_there_is);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
