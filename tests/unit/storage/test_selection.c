/* Selections: expected triples are what Python's slice.indices() and NumPy give. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/selection.h>

static const slab_shape shape = {3, {10, 5, 7}};

typedef struct expected {
    const char *text;
    int64_t start[3], step[3], count[3];
    bool drop[3];
} expected;

static const expected table[] = {
    {"", {0, 0, 0}, {1, 1, 1}, {10, 5, 7}, {0}},
    {"  ", {0, 0, 0}, {1, 1, 1}, {10, 5, 7}, {0}},
    {"...", {0, 0, 0}, {1, 1, 1}, {10, 5, 7}, {0}},
    {"3", {3, 0, 0}, {1, 1, 1}, {1, 5, 7}, {true}},
    {"-1, -5, 6", {9, 0, 6}, {1, 1, 1}, {1, 1, 1}, {true, true, true}},
    {"+3", {3, 0, 0}, {1, 1, 1}, {1, 5, 7}, {true}},
    {"2:8", {2, 0, 0}, {1, 1, 1}, {6, 5, 7}, {0}},
    {" 2 : 8 : 3 ,1 ", {2, 1, 0}, {3, 1, 1}, {2, 1, 7}, {false, true}},
    {"::-1", {9, 0, 0}, {-1, 1, 1}, {10, 5, 7}, {0}},
    {"::-3", {9, 0, 0}, {-3, 1, 1}, {4, 5, 7}, {0}},
    {"8:2:-2", {8, 0, 0}, {-2, 1, 1}, {3, 5, 7}, {0}},
    {"8::-2", {8, 0, 0}, {-2, 1, 1}, {5, 5, 7}, {0}},
    {":2:-2", {9, 0, 0}, {-2, 1, 1}, {4, 5, 7}, {0}},
    {"-3:", {7, 0, 0}, {1, 1, 1}, {3, 5, 7}, {0}},
    {":-3", {0, 0, 0}, {1, 1, 1}, {7, 5, 7}, {0}},
    {"-100:100", {0, 0, 0}, {1, 1, 1}, {10, 5, 7}, {0}},
    {"100:-100:-1", {9, 0, 0}, {-1, 1, 1}, {10, 5, 7}, {0}},
    {"5:5", {0, 0, 0}, {1, 1, 1}, {0, 5, 7}, {0}},
    {"8:2", {0, 0, 0}, {1, 1, 1}, {0, 5, 7}, {0}},
    {"2:8:-1", {0, 0, 0}, {-1, 1, 1}, {0, 5, 7}, {0}},
    {"20:", {0, 0, 0}, {1, 1, 1}, {0, 5, 7}, {0}},
    {"::100", {0, 0, 0}, {100, 1, 1}, {1, 5, 7}, {0}},
    {"..., 2", {0, 0, 2}, {1, 1, 1}, {10, 5, 1}, {false, false, true}},
    {"1, ..., 2", {1, 0, 2}, {1, 1, 1}, {1, 5, 1}, {true, false, true}},
    {"1, 2, ..., 3", {1, 2, 3}, {1, 1, 1}, {1, 1, 1}, {true, true, true}},
    {"..., 1:3, 2:3", {0, 1, 2}, {1, 1, 1}, {10, 2, 1}, {0}},
    {"1:3,", {1, 0, 0}, {1, 1, 1}, {2, 5, 7}, {0}},
    {"0:99999999999999999999", {0, 0, 0}, {1, 1, 1}, {10, 5, 7}, {0}},
    {"::99999999999999999999", {0, 0, 0}, {INT64_MAX, 1, 1}, {1, 5, 7}, {0}},
    {"-99999999999999999999:", {0, 0, 0}, {1, 1, 1}, {10, 5, 7}, {0}},
};

START_TEST(selections_follow_numpy)
{
    const expected *e = &table[_i];
    slab_selection s;
    ck_assert_msg(slab_selection_parse(e->text, &shape, &s) == SLAB_OK, "[%s]: %s", e->text,
                  slab_error_last()->message);
    ck_assert_int_eq(s.rank, 3);
    for (int a = 0; a < 3; a++) {
        ck_assert_msg(s.start[a] == e->start[a] && s.step[a] == e->step[a] &&
                          s.count[a] == e->count[a] && s.drop[a] == e->drop[a],
                      "[%s] axis %d: %ld, %ld, %ld", e->text, a, (long)s.start[a], (long)s.step[a],
                      (long)s.count[a]);
    }
}
END_TEST

typedef struct mistake {
    const char *text;
    slab_status code;
    const char *says;
} mistake;

static const mistake mistakes[] = {
    {"a", SLAB_ERR_USAGE, "at character 1"},
    {"0, x", SLAB_ERR_USAGE, "at character 4"},
    {"0:1:0", SLAB_ERR_USAGE, "step of zero at character 5"},
    {"0:1:1:1", SLAB_ERR_USAGE, "':' at character 6"},
    {"1 2", SLAB_ERR_USAGE, "'2' at character 3"},
    {",", SLAB_ERR_USAGE, "at character 1"},
    {"1,,2", SLAB_ERR_USAGE, "at character 3"},
    {"..., ...", SLAB_ERR_USAGE, "second ... at character 6"},
    {"..", SLAB_ERR_USAGE, "at character 1"},
    {"1.5", SLAB_ERR_USAGE, "'.' at character 2"},
    {"-", SLAB_ERR_USAGE, "at character 2"},
    {"0:-", SLAB_ERR_USAGE, "at character 4"},
    {"0, 0, 0, 0", SLAB_ERR_USAGE, "4 axes, but the array has 3"},
    {"10", SLAB_ERR_RANGE, "index 10 is outside axis 0 of extent 10"},
    {":, -6", SLAB_ERR_RANGE, "index -6 is outside axis 1 of extent 5"},
    {"99999999999999999999", SLAB_ERR_RANGE, "outside axis 0"},
};

START_TEST(mistakes_are_pointed_at)
{
    const mistake *m = &mistakes[_i];
    slab_selection s;
    ck_assert_msg(slab_selection_parse(m->text, &shape, &s) == m->code, "[%s]", m->text);
    ck_assert_msg(strstr(slab_error_last()->message, m->says), "[%s]: %s", m->text,
                  slab_error_last()->message);
}
END_TEST

START_TEST(dropped_axes_are_not_in_the_shape_of_the_result)
{
    slab_selection s;
    ck_assert_int_eq(slab_selection_parse("2:4, 3, ::2", &shape, &s), SLAB_OK);
    slab_shape result = slab_selection_shape(&s);
    ck_assert_int_eq(result.rank, 2);
    ck_assert_int_eq(result.extent[0], 2);
    ck_assert_int_eq(result.extent[1], 4);
}
END_TEST

START_TEST(a_scalar_is_selected_by_nothing_or_dots)
{
    slab_shape scalar = {0};
    slab_selection s;
    ck_assert_int_eq(slab_selection_parse("", &scalar, &s), SLAB_OK);
    ck_assert_int_eq(slab_selection_parse("...", &scalar, &s), SLAB_OK);
    ck_assert_int_eq(slab_selection_shape(&s).rank, 0);
    ck_assert_int_eq(slab_selection_parse("0", &scalar, &s), SLAB_ERR_USAGE);
}
END_TEST

START_TEST(slices_of_an_empty_axis_are_empty)
{
    slab_shape empty = {1, {0}};
    slab_selection s;
    ck_assert_int_eq(slab_selection_parse("::-1", &empty, &s), SLAB_OK);
    ck_assert_int_eq(s.count[0], 0);
    ck_assert_int_eq(slab_selection_parse("0", &empty, &s), SLAB_ERR_RANGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selection");
    TCase *tests = tcase_create("parse");
    tcase_add_loop_test(tests, selections_follow_numpy, 0, sizeof table / sizeof *table);
    tcase_add_loop_test(tests, mistakes_are_pointed_at, 0, sizeof mistakes / sizeof *mistakes);
    tcase_add_test(tests, dropped_axes_are_not_in_the_shape_of_the_result);
    tcase_add_test(tests, a_scalar_is_selected_by_nothing_or_dots);
    tcase_add_test(tests, slices_of_an_empty_axis_are_empty);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
