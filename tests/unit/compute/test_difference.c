#include <check.h>
#include <math.h>
#include <slab/compute/kernel/difference_kernel.h>
#include <slab/compute/pass/pass.h>
#include <slab/compute/sink/difference.h>
#include <slab/storage/joint_grid.h>
#include <stdlib.h>

#define F4   slab_dtype_make(SLAB_KIND_FLOAT, 4)
#define F8   slab_dtype_make(SLAB_KIND_FLOAT, 8)
#define I(n) slab_dtype_make(SLAB_KIND_INT, n)
#define U(n) slab_dtype_make(SLAB_KIND_UINT, n)

static void see_nothing(void *context, int64_t i, double absolute)
{
    (void)context, (void)i, (void)absolute;
}

static slab_difference_sums sums_of(slab_dtype p, const void *a, slab_dtype q, const void *b,
                                    int64_t n, double atol, bool equal_nan)
{
    slab_difference_rule rule;
    slab_difference_sums sums = {0};
    double least = INFINITY;
    slab_difference_found found = {.see = see_nothing, .least = &least};
    ck_assert_int_eq(slab_difference_rule_make(p, q, &rule), SLAB_OK);
    rule.atol = atol;
    rule.equal_nan = equal_nan;
    ck_assert_int_eq(slab_difference_run(&rule, a, p.size, b, q.size, n, &sums, &found), SLAB_OK);
    return sums;
}

START_TEST(nan_differs_from_all_and_infinity_from_all_but_itself)
{
    const double a[] = {NAN, 1, NAN, INFINITY, INFINITY, 3}, b[] = {NAN, NAN, 1, INFINITY, 2, 3};
    slab_difference_sums s = sums_of(F8, a, F8, b, 6, 0, false);
    ck_assert_int_eq(s.differ, 4);
    ck_assert_int_eq(s.nan, 3);
    ck_assert_double_eq(s.absolute, INFINITY);
    s = sums_of(F8, a, F8, b, 6, 1e300, true);
    ck_assert_int_eq(s.differ, 3);
    ck_assert_int_eq(s.nan, 2);
}
END_TEST

START_TEST(neighbours_among_64_bit_integers_differ_by_one)
{
    const uint64_t a[] = {UINT64_MAX, 5}, b[] = {UINT64_MAX - 1, 5};
    const int64_t c[] = {INT64_MIN, 5};
    slab_difference_sums s = sums_of(U(8), a, U(8), b, 2, 0, false);
    ck_assert_int_eq(s.differ, 1);
    ck_assert_double_eq(s.absolute, 1);
    s = sums_of(U(8), a, U(8), b, 2, 1, false);
    ck_assert_int_eq(s.differ, 0);
    ck_assert_int_eq(s.unequal, 1);
    s = sums_of(U(8), a, I(8), c, 2, 0, false);
    ck_assert_int_eq(s.differ, 1);
    ck_assert_double_eq(s.absolute, 0x1.8p64); /* 2^64 - 1 + 2^63, rounded */
}
END_TEST

START_TEST(an_integer_next_to_a_float_is_not_rounded_to_it)
{
    const int64_t a[] = {(INT64_C(1) << 53) + 1};
    const double b[] = {0x1p53};
    ck_assert_int_eq(sums_of(I(8), a, F8, b, 1, 0, false).differ, 1);
}
END_TEST

START_TEST(long_runs_count_the_same_as_short_ones)
{
    enum { N = 10000 };
    static float a[N], b[N];
    for (int i = 0; i < N; i++) {
        a[i] = (float)i;
        b[i] = i % 97 == 3 ? (float)i + 2 : (float)i;
    }
    slab_difference_sums s = sums_of(F4, a, F4, b, N, 1, false);
    ck_assert_int_eq(s.differ, 104); /* 3, 100, ... 9994 */
    ck_assert_int_eq(s.unequal, 104);
    ck_assert_double_eq(s.absolute, 2);
    ck_assert_double_eq(s.relative, 2.0 / 5); /* at 3: b is 5 */
}
END_TEST

START_TEST(texts_are_compared_without_their_padding)
{
    const char a[] = "ab\0\0cd\0\0", b[] = "ab\0cde";
    slab_difference_sums s = sums_of(slab_dtype_make(SLAB_KIND_STRING, 4), a,
                                     slab_dtype_make(SLAB_KIND_STRING, 3), b, 2, 0, false);
    ck_assert_int_eq(s.differ, 1);
}
END_TEST

START_TEST(a_text_and_a_number_cannot_be_compared)
{
    slab_difference_rule rule;
    ck_assert_int_eq(slab_difference_rule_make(slab_dtype_make(SLAB_KIND_STRING, 4), F8, &rule),
                     SLAB_ERR_TYPE);
}
END_TEST

START_TEST(the_worst_come_first_and_ties_by_place)
{
    const double a[] = {1, 2, 3, 4, 5, NAN}, b[] = {2, 2, 1, 5, 3, 0};
    slab_shape shape = {2, {2, 3}};
    slab_value *both[2] = {slab_value_from(F8, &shape, a), slab_value_from(F8, &shape, b)};
    slab_difference_options options = {.worst = 4, .tile_bytes = 1 << 20};
    slab_difference *d = NULL;
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &crew), SLAB_OK);
    ck_assert_int_eq(slab_difference_create(both[0], both[1], &options, &d), SLAB_OK);
    ck_assert_int_eq(slab_pass_create(crew, "difference", both[0], &pass), SLAB_OK);
    ck_assert_int_eq(slab_pass_feed_many(pass, both, 2, &slab_sink_difference, d), SLAB_OK);
    ck_assert_int_eq(slab_pass_run(pass, 1 << 30), SLAB_OK);
    const slab_difference_result *r = slab_difference_get(d);
    ck_assert_int_eq(r->sums.differ, 5);
    ck_assert_int_eq(r->noffenders, 4);
    const int64_t order[] = {5, 2, 4, 0}; /* NaN; 2 apart, 2 apart; 1 apart, as 3 is */
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(r->offenders[i].index, order[i]);
    ck_assert_double_eq(*(const double *)(const void *)r->offenders[1].a, 3);
    ck_assert_double_eq(*(const double *)(const void *)r->offenders[1].b, 1);
    slab_pass_destroy(&pass);
    slab_difference_destroy(&d);
    slab_crew_destroy(&crew);
    slab_value_drop(&both[0]);
    slab_value_drop(&both[1]);
}
END_TEST

static slab_grid grid_of(int64_t rows, int64_t columns)
{
    slab_shape shape = {2, {1000, 1000}}, tile = {2, {rows, columns}};
    slab_grid grid;
    ck_assert_int_eq(slab_grid_make(&shape, &tile, NULL, &grid), SLAB_OK);
    return grid;
}

START_TEST(tiles_for_two_grids_hold_whole_chunks_of_both_where_there_is_room)
{
    slab_grid a = grid_of(30, 50), b = grid_of(20, 1000), out;
    ck_assert_int_eq(slab_joint_grid(&a, 4, &b, 4, false, 8 * 60 * 1000, &out), SLAB_OK);
    ck_assert_int_eq(out.tile.extent[0], 60);
    ck_assert_int_eq(out.tile.extent[1], 1000);
    /* rows against columns, with room for a hundredth: as many of one as of the other */
    a = grid_of(1, 1000);
    b = grid_of(1000, 1);
    ck_assert_int_eq(slab_joint_grid(&a, 4, &b, 4, false, 8 * 10000, &out), SLAB_OK);
    ck_assert_int_ge(out.tile.extent[0], 64);
    ck_assert_int_ge(out.tile.extent[1], 64);
    ck_assert_int_le(out.tile.extent[0] * out.tile.extent[1], 10000);
}
END_TEST

START_TEST(tiles_that_are_written_hold_whole_chunks_of_the_output)
{
    slab_grid a = grid_of(1000, 7), b = grid_of(64, 48), out;
    for (size_t limit = 1; limit < 16u << 20; limit *= 4) {
        ck_assert_int_eq(slab_joint_grid(&a, 4, &b, 4, true, limit, &out), SLAB_OK);
        for (int i = 0; i < 2; i++)
            ck_assert(out.tile.extent[i] % b.tile.extent[i] == 0 || out.tile.extent[i] == 1000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("difference");
    TCase *t = tcase_create("all");
    tcase_add_test(t, nan_differs_from_all_and_infinity_from_all_but_itself);
    tcase_add_test(t, neighbours_among_64_bit_integers_differ_by_one);
    tcase_add_test(t, an_integer_next_to_a_float_is_not_rounded_to_it);
    tcase_add_test(t, long_runs_count_the_same_as_short_ones);
    tcase_add_test(t, texts_are_compared_without_their_padding);
    tcase_add_test(t, a_text_and_a_number_cannot_be_compared);
    tcase_add_test(t, the_worst_come_first_and_ties_by_place);
    tcase_add_test(t, tiles_for_two_grids_hold_whole_chunks_of_both_where_there_is_room);
    tcase_add_test(t, tiles_that_are_written_hold_whole_chunks_of_the_output);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
