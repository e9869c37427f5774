/* Running totals, covariances, greatest elements: answers worked out by hand. */
#include "computing.h"

#include <math.h>
#include <slab/compute/computation/covariance.h>
#include <slab/compute/computation/scan.h>
#include <slab/compute/computation/topk.h>
#include <stdlib.h>

START_TEST(running_sums_go_along_either_axis)
{
    const double x[] = {1, 2, 3, 10, 20, 30};
    const double down[] = {1, 2, 3, 11, 22, 33}, right[] = {1, 3, 6, 10, 30, 60};
    double out[6];
    slab_value *value = slab_value_from(T(FLOAT, 8), SHAPE(2, 3), x);
    fetch_one(slab_value_scan(value, SLAB_SCAN_ADD, 0, NULL), out);
    ck_assert_mem_eq(out, down, sizeof down);
    fetch_one(slab_value_scan(value, SLAB_SCAN_ADD, 1, NULL), out);
    ck_assert_mem_eq(out, right, sizeof right);
    slab_value_drop(&value);
}
END_TEST

START_TEST(products_maxima_and_minima_run_too)
{
    const double x[] = {2, -3, 0.5, 4};
    const double product[] = {2, -6, -3, -12}, most[] = {2, 2, 2, 4}, least[] = {2, -3, -3, -3};
    double out[4];
    slab_value *value = slab_value_from(T(FLOAT, 8), SHAPE(4), x);
    fetch_one(slab_value_scan(value, SLAB_SCAN_MULTIPLY, 0, NULL), out);
    ck_assert_mem_eq(out, product, sizeof product);
    fetch_one(slab_value_scan(value, SLAB_SCAN_MAX, 0, NULL), out);
    ck_assert_mem_eq(out, most, sizeof most);
    fetch_one(slab_value_scan(value, SLAB_SCAN_MIN, 0, NULL), out);
    ck_assert_mem_eq(out, least, sizeof least);
    slab_value_drop(&value);
}
END_TEST

START_TEST(running_sums_of_small_integers_are_kept_in_64_bits)
{
    const int8_t x[] = {100, 100, -1};
    const uint8_t u[] = {255, 1};
    int64_t out[3];
    uint64_t wide[2];
    slab_value *value = slab_value_from(T(INT, 1), SHAPE(3), x);
    slab_value *plain = slab_value_from(T(UINT, 1), SHAPE(2), u);
    fetch_one(slab_value_scan(value, SLAB_SCAN_ADD, 0, NULL), out);
    ck_assert(out[0] == 100 && out[1] == 200 && out[2] == 199);
    fetch_one(slab_value_scan(plain, SLAB_SCAN_ADD, 0, NULL), wide);
    ck_assert(wide[0] == 255 && wide[1] == 256);
    slab_value_drop(&value);
    slab_value_drop(&plain);
}
END_TEST

START_TEST(a_running_sum_goes_on_where_the_tile_before_it_ends)
{
    enum { N = 300000 }; /* more than two tiles of float64 */
    int64_t wrong = 0;
    double *out = malloc(N * sizeof *out);
    slab_value *value = slab_value_arange(T(FLOAT, 8), N, 0, 1);
    ck_assert_int_gt(slab_value_grid(value)->ntiles, 2);
    fetch_one(slab_value_scan(value, SLAB_SCAN_ADD, 0, NULL), out);
    for (int64_t i = 0; i < N; i++)
        wrong += out[i] != (double)(i * (i + 1) / 2); /* below 2^53: exact */
    ck_assert_int_eq(wrong, 0);
    free(out);
    slab_value_drop(&value);
}
END_TEST

START_TEST(a_running_sum_needs_an_axis_that_there_is_and_numbers)
{
    const double x[] = {1, 2};
    slab_value *value = slab_value_from(T(FLOAT, 8), SHAPE(2), x);
    slab_value *complex_one = slab_value_cast(value, T(COMPLEX, 16));
    assert_poisoned(slab_value_scan(value, SLAB_SCAN_ADD, 1, NULL), SLAB_ERR_RANGE,
                    "axis 1 of an array of 1 axes");
    assert_poisoned(slab_value_scan(complex_one, SLAB_SCAN_MAX, 0, NULL), SLAB_ERR_TYPE,
                    "no running maximum");
    slab_value_drop(&complex_one);
    slab_value_drop(&value);
}
END_TEST

START_TEST(nothing_has_running_sums_of_nothing)
{
    double out[1] = {7};
    slab_value *value = slab_value_from(T(FLOAT, 8), SHAPE(0, 3), NULL);
    slab_value *sums = slab_value_scan(value, SLAB_SCAN_ADD, 0, NULL);
    ck_assert_int_eq(slab_value_shape(sums)->extent[0], 0);
    fetch_one(sums, out);
    ck_assert(out[0] == 7);
    slab_value_drop(&value);
}
END_TEST

/* Rows 1 2 3 and 2 4 9: means 2 and 5; sums of products of differences 2, 7, 26. */
static const double two_rows[] = {1, 2, 3, 2, 4, 9};

START_TEST(covariances_of_two_variables)
{
    double out[4];
    slab_value *value = slab_value_from(T(FLOAT, 8), SHAPE(2, 3), two_rows);
    fetch_one(slab_value_cov(value, NULL, true, 1), out);
    ck_assert(out[0] == 1 && out[1] == 3.5 && out[2] == 3.5 && out[3] == 13);
    fetch_one(slab_value_cov(value, NULL, true, 0), out);
    ck_assert_double_eq_tol(out[1], 7.0 / 3, 1e-15);
    fetch_one(slab_value_corrcoef(value, NULL, true), out);
    ck_assert_double_eq_tol(out[0], 1, 1e-15);
    ck_assert_double_eq_tol(out[3], 1, 1e-15);
    ck_assert_double_eq_tol(out[1], 7 / sqrt(52), 1e-15);
    slab_value_drop(&value);
}
END_TEST

START_TEST(variables_may_be_columns_or_two_vectors)
{
    const double columns[] = {1, 2, 2, 4, 3, 9};
    double out[4];
    slab_value *value = slab_value_from(T(FLOAT, 8), SHAPE(3, 2), columns);
    slab_value *x = slab_value_from(T(FLOAT, 8), SHAPE(3), two_rows);
    slab_value *y = slab_value_from(T(FLOAT, 8), SHAPE(3), two_rows + 3);
    fetch_one(slab_value_cov(value, NULL, false, 1), out);
    ck_assert(out[0] == 1 && out[1] == 3.5 && out[2] == 3.5 && out[3] == 13);
    fetch_one(slab_value_cov(x, y, true, 1), out);
    ck_assert(out[0] == 1 && out[1] == 3.5 && out[2] == 3.5 && out[3] == 13);
    slab_value *alone = slab_value_cov(y, NULL, true, 1);
    ck_assert_int_eq(slab_value_shape(alone)->rank, 0);
    fetch_one(alone, out);
    ck_assert(out[0] == 13);
    slab_value_drop(&y);
    slab_value_drop(&x);
    slab_value_drop(&value);
}
END_TEST

START_TEST(what_does_not_vary_correlates_with_nothing)
{
    const double x[] = {1, 2, 3, 5, 5, 5};
    double out[4];
    slab_value *value = slab_value_from(T(FLOAT, 8), SHAPE(2, 3), x);
    fetch_one(slab_value_corrcoef(value, NULL, true), out);
    ck_assert_double_eq_tol(out[0], 1, 1e-15);
    ck_assert(isnan(out[1]) && isnan(out[2]) && isnan(out[3]));
    slab_value_drop(&value);
}
END_TEST

START_TEST(covariances_refuse_other_shapes_and_complex_numbers)
{
    slab_value *x = slab_value_from(T(FLOAT, 8), SHAPE(3), two_rows);
    slab_value *y = slab_value_from(T(FLOAT, 8), SHAPE(2), two_rows);
    slab_value *z = slab_value_cast(x, T(COMPLEX, 16));
    assert_poisoned(slab_value_cov(x, y, true, 1), SLAB_ERR_SHAPE, "[3] and [2]");
    assert_poisoned(slab_value_corrcoef(z, NULL, true), SLAB_ERR_TYPE, "complex128");
    slab_value_drop(&z);
    slab_value_drop(&y);
    slab_value_drop(&x);
}
END_TEST

START_TEST(the_greatest_elements_come_first_and_equal_ones_by_place)
{
    const int32_t x[] = {5, 1, 9, 5, -3, 9};
    int32_t greatest[4], least[2];
    int64_t places[4], low[2];
    slab_value *value = slab_value_from(T(INT, 4), SHAPE(2, 3), x), *out[2];
    slab_value_topk(value, 4, false, out);
    fetch(out, 2, (void *[]){greatest, places});
    ck_assert(greatest[0] == 9 && greatest[1] == 9 && greatest[2] == 5 && greatest[3] == 5);
    ck_assert(places[0] == 2 && places[1] == 5 && places[2] == 0 && places[3] == 3);
    slab_value_topk(value, 2, true, out);
    fetch(out, 2, (void *[]){least, low});
    ck_assert(least[0] == -3 && least[1] == 1 && low[0] == 4 && low[1] == 1);
    slab_value_drop(&value);
}
END_TEST

START_TEST(no_more_elements_are_asked_for_than_there_are)
{
    const double x[] = {1, 2};
    slab_value *value = slab_value_from(T(FLOAT, 8), SHAPE(2), x), *out[2];
    slab_value_topk(value, 3, false, out);
    assert_poisoned(out[0], SLAB_ERR_VALUE, "3 of the elements are asked for, there are 2");
    slab_value_drop(&out[1]);
    slab_value_topk(value, 0, false, out);
    fetch(out, 2, (void *[]){NULL, NULL});
    slab_value_drop(&value);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("computations");
    tcase_add_test(tc, running_sums_go_along_either_axis);
    tcase_add_test(tc, products_maxima_and_minima_run_too);
    tcase_add_test(tc, running_sums_of_small_integers_are_kept_in_64_bits);
    tcase_add_test(tc, a_running_sum_goes_on_where_the_tile_before_it_ends);
    tcase_add_test(tc, a_running_sum_needs_an_axis_that_there_is_and_numbers);
    tcase_add_test(tc, nothing_has_running_sums_of_nothing);
    tcase_add_test(tc, covariances_of_two_variables);
    tcase_add_test(tc, variables_may_be_columns_or_two_vectors);
    tcase_add_test(tc, what_does_not_vary_correlates_with_nothing);
    tcase_add_test(tc, covariances_refuse_other_shapes_and_complex_numbers);
    tcase_add_test(tc, the_greatest_elements_come_first_and_equal_ones_by_place);
    tcase_add_test(tc, no_more_elements_are_asked_for_than_there_are);
    return run_cases("computations", tc);
}
