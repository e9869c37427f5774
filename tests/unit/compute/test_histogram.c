#include <check.h>
#include <math.h>
#include <slab/compute/computation/histogram.h>
#include <slab/compute/program/program.h>
#include <string.h>

#define F8 slab_dtype_make(SLAB_KIND_FLOAT, 8)
#define F4 slab_dtype_make(SLAB_KIND_FLOAT, 4)

/* Brings n values into memory with one program; drops them. */
static void fetch(slab_value **values, int n, void **out)
{
    slab_crew *crew;
    slab_program *program;
    int number[4];
    int64_t elements;
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &crew), SLAB_OK);
    ck_assert_int_eq(slab_program_create(crew, NULL, &program), SLAB_OK);
    for (int i = 0; i < n; i++)
        ck_assert_msg(slab_program_fetch(program, "x", values[i], &number[i]) == SLAB_OK, "%s",
                      slab_error_last()->message);
    ck_assert_msg(slab_program_run(program, 1 << 28) == SLAB_OK, "%s", slab_error_last()->message);
    for (int i = 0; i < n; i++) {
        slab_shape_elements(slab_value_shape(values[i]), &elements);
        memcpy(out[i], slab_program_data(program, number[i]),
               (size_t)elements * slab_value_dtype(values[i]).size);
        slab_value_drop(&values[i]);
    }
    slab_program_destroy(&program);
    slab_crew_destroy(&crew);
}

START_TEST(a_histogram_finds_its_range_and_keeps_the_last_edge)
{
    /* np.histogram([0, 1, 1.5, 3, 4], bins=4): [1, 2, 0, 2], edges 0 1 2 3 4 */
    const double x[] = {0, 1, 1.5, 3, 4};
    slab_value *value = slab_value_from(F8, &(slab_shape){1, {5}}, x), *out[2];
    int64_t counts[4];
    double edges[5];
    slab_value_histogram(&value, 1, NULL, &(slab_histogram_axis){.n = 4}, false, out);
    fetch(out, 2, (void *[]){counts, edges});
    const int64_t expected[] = {1, 2, 0, 2};
    ck_assert_mem_eq(counts, expected, sizeof expected);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq(edges[i], i);
    slab_value_drop(&value);
}
END_TEST

START_TEST(elements_on_an_edge_lie_in_the_bin_above_it)
{
    /* 0.1 k for k = 0..10 in ten bins of 0..1: rounding must not decide */
    double x[11];
    for (int i = 0; i < 11; i++)
        x[i] = i == 10 ? 1 : i * (1.0 / 10);
    slab_value *value = slab_value_from(F8, &(slab_shape){1, {11}}, x), *out[2];
    int64_t counts[10];
    double edges[11];
    slab_histogram_axis axis = {.n = 10, .has_range = true, .low = 0, .high = 1};
    slab_value_histogram(&value, 1, NULL, &axis, false, out);
    fetch(out, 2, (void *[]){counts, edges});
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(counts[i], i == 9 ? 2 : 1);
    slab_value_drop(&value);
}
END_TEST

START_TEST(stated_edges_weights_and_density_are_numpys)
{
    /* np.histogram([1, 2, 2, 9], bins=[0, 2, 3, 4], weights=[1, 2, 3, 4]): [1, 5, 0] */
    const float x[] = {1, 2, 2, 9};
    const double w[] = {1, 2, 3, 4}, bounds[] = {0, 2, 3, 4};
    slab_value *value = slab_value_from(F4, &(slab_shape){2, {2, 2}}, x), *out[2];
    slab_value *weights = slab_value_from(F8, &(slab_shape){2, {2, 2}}, w);
    slab_histogram_axis axis = {.n = 3, .edges = bounds};
    double sums[3], edges[4];
    slab_value_histogram(&value, 1, weights, &axis, false, out);
    fetch(out, 2, (void *[]){sums, edges});
    ck_assert_double_eq(sums[0], 1);
    ck_assert_double_eq(sums[1], 5);
    ck_assert_double_eq(sums[2], 0);
    slab_value_histogram(&value, 1, NULL, &axis, true, out);
    fetch(out, 2, (void *[]){sums, edges});
    ck_assert_double_eq_tol(sums[0], 1.0 / 3 / 2, 1e-15);
    ck_assert_double_eq_tol(sums[1], 2.0 / 3, 1e-15);
    slab_value_drop(&value);
    slab_value_drop(&weights);
}
END_TEST

START_TEST(two_values_make_a_histogram_of_two_axes)
{
    /* np.histogram2d([0, 0, 1, 2], [5, 6, 5, 7], bins=2) */
    const double x[] = {0, 0, 1, 2}, y[] = {5, 6, 5, 7};
    slab_value *values[] = {slab_value_from(F8, &(slab_shape){1, {4}}, x),
                            slab_value_from(F8, &(slab_shape){1, {4}}, y)};
    slab_value *out[3];
    slab_histogram_axis axes[] = {{.n = 2}, {.n = 2}};
    double counts[4], xs[3], ys[3];
    slab_value_histogram(values, 2, NULL, axes, false, out);
    fetch(out, 3, (void *[]){counts, xs, ys});
    const double expected[] = {1, 1, 1, 1};
    ck_assert_mem_eq(counts, expected, sizeof expected);
    ck_assert_double_eq(xs[1], 1);
    ck_assert_double_eq(ys[0], 5);
    ck_assert_double_eq(ys[2], 7);
    slab_value_drop(&values[0]);
    slab_value_drop(&values[1]);
}
END_TEST

START_TEST(elements_of_a_byte_are_counted_as_others_are)
{
    /* Every value of i8, odd ones twice, in a row and in a column of a wider array. */
    int8_t x[384];
    double as_real[384];
    for (int i = 0; i < 384; i++)
        as_real[i] = x[i] = (int8_t)(i < 256 ? i : 2 * (i - 256) + 1);
    slab_histogram_axis axes[] = {{.n = 7},
                                  {.n = 5, .has_range = true, .low = -20, .high = 33},
                                  {.n = 3, .edges = (double[]){-3, 0, 0.5, 127}}};
    slab_shape shapes[] = {{1, {384}}, {2, {384, 1}}, {3, {8, 4, 12}}};
    for (int s = 0; s < 3; s++) {
        for (int a = 0; a < 3; a++) {
            slab_value *bytes = slab_value_from(slab_dtype_make(SLAB_KIND_INT, 1), &shapes[s], x);
            slab_value *reals = slab_value_from(F8, &shapes[s], as_real), *out[4];
            int64_t counts[2][7];
            double edges[2][8];
            slab_value_histogram(&bytes, 1, NULL, &axes[a], false, out);
            slab_value_histogram(&reals, 1, NULL, &axes[a], false, out + 2);
            fetch(out, 4, (void *[]){counts[0], edges[0], counts[1], edges[1]});
            ck_assert_mem_eq(counts[0], counts[1], (size_t)axes[a].n * sizeof(int64_t));
            ck_assert_int_gt(counts[0][0], 0);
            slab_value_drop(&bytes);
            slab_value_drop(&reals);
        }
    }
}
END_TEST

START_TEST(a_range_that_is_not_finite_is_an_error_that_says_so)
{
    const double x[] = {1, NAN};
    slab_crew *crew;
    slab_program *program;
    int number;
    slab_value *value = slab_value_from(F8, &(slab_shape){1, {2}}, x), *out[2];
    slab_value_histogram(&value, 1, NULL, &(slab_histogram_axis){.n = 4}, false, out);
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 1, &crew), SLAB_OK);
    ck_assert_int_eq(slab_program_create(crew, NULL, &program), SLAB_OK);
    ck_assert_int_eq(slab_program_fetch(program, "x", out[0], &number), SLAB_OK);
    ck_assert_int_eq(slab_program_run(program, 1 << 28), SLAB_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "not finite"));
    slab_program_destroy(&program);
    slab_crew_destroy(&crew);
    slab_value_drop(&out[0]);
    slab_value_drop(&out[1]);
    slab_value_histogram(&value, 1, NULL, &(slab_histogram_axis){.n = 0}, false, out);
    ck_assert_int_eq(slab_value_status(out[1]), SLAB_ERR_VALUE);
    slab_value_drop(&out[0]);
    slab_value_drop(&out[1]);
    slab_value_drop(&value);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("histogram");
    tcase_add_test(tc, a_histogram_finds_its_range_and_keeps_the_last_edge);
    tcase_add_test(tc, elements_on_an_edge_lie_in_the_bin_above_it);
    tcase_add_test(tc, stated_edges_weights_and_density_are_numpys);
    tcase_add_test(tc, two_values_make_a_histogram_of_two_axes);
    tcase_add_test(tc, elements_of_a_byte_are_counted_as_others_are);
    tcase_add_test(tc, a_range_that_is_not_finite_is_an_error_that_says_so);
    Suite *suite = suite_create("histogram");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
