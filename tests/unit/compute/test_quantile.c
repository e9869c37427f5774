#include <check.h>
#include <math.h>
#include <slab/compute/computation/quantile.h>
#include <slab/compute/program/program.h>
#include <slab/compute/sink/selector.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

#define T(kind, size) slab_dtype_make(SLAB_KIND_##kind, size)

static void must(slab_status rc)
{
    ck_assert_msg(rc == SLAB_OK, "%s", slab_error_last()->message);
}

/* Brings a value into memory; drops it. */
static void fetch(slab_value *value, int threads, void *out)
{
    slab_crew *crew;
    slab_program *program;
    int output;
    int64_t elements;
    must(slab_value_status(value));
    must(slab_crew_create(slab_ranks_world(), threads, &crew));
    must(slab_program_create(crew, NULL, &program));
    must(slab_program_fetch(program, "result", value, &output));
    must(slab_program_run(program, (size_t)1 << 30));
    must(slab_shape_elements(slab_value_shape(value), &elements));
    memcpy(out, slab_program_data(program, output),
           (size_t)elements * slab_value_dtype(value).size);
    slab_program_destroy(&program);
    slab_crew_destroy(&crew);
    slab_value_drop(&value);
}

/* Numbers without order, from a fixed seed. */
static double draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(*seed >> 20) * 0x1p-40 - 8;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

START_TEST(quantiles_of_few_elements_are_numpys)
{
    /* np.quantile([3, 1, 2, 10], q, method=...) */
    const double x[] = {3, 1, 2, 10};
    const struct {
        const char *method;
        double at[3]; /* q = 0.1, 0.5, 0.9 */
    } known[] = {{"linear", {1.3, 2.5, 7.9}},
                 {"lower", {1, 2, 3}},
                 {"higher", {2, 3, 10}},
                 {"midpoint", {1.5, 2.5, 6.5}},
                 {"nearest", {1, 3, 10}},
                 {"inverted_cdf", {1, 2, 10}},
                 {"averaged_inverted_cdf", {1, 2.5, 10}},
                 {"closest_observation", {1, 2, 10}},
                 {"interpolated_inverted_cdf", {1, 2, 7.2}},
                 {"hazen", {1, 2.5, 10}},
                 {"weibull", {1, 2.5, 10}},
                 {"median_unbiased", {1, 2.5, 10}},
                 {"normal_unbiased", {1, 2.5, 10}}};
    double out[3];
    for (size_t m = 0; m < sizeof known / sizeof *known; m++) {
        slab_value *value = slab_value_from(T(FLOAT, 8), &(slab_shape){1, {4}}, x);
        slab_quantile_options options = {.method = known[m].method};
        const double q[] = {0.1, 0.5, 0.9};
        fetch(slab_value_quantile(value, q, 3, false, &options), 1, out);
        for (int i = 0; i < 3; i++)
            ck_assert_msg(fabs(out[i] - known[m].at[i]) < 1e-12, "%s, %g: %.17g, not %g",
                          known[m].method, q[i], out[i], known[m].at[i]);
        slab_value_drop(&value);
    }
}
END_TEST

/* slab_ranks_wanted */
static void middle(const void *context, int64_t n, int64_t *ranks)
{
    (void)context;
    ranks[0] = n / 2;
}

START_TEST(a_quantile_that_falls_on_an_element_is_that_element)
{
    /* (n - 1) q is 5 and 95 to the last bit, n q + 1 - q - 1 is not */
    const double q[] = {0.05, 0.1, 0.95};
    double out[3];
    slab_value *x = slab_value_arange(T(FLOAT, 8), 101, 0, 1);
    fetch(slab_value_quantile(x, q, 3, false, &(slab_quantile_options){0}), 1, out);
    ck_assert(out[0] == 5 && out[1] == 10 && out[2] == 95);
    slab_value_drop(&x);
}
END_TEST

START_TEST(a_selection_takes_no_more_passes_than_it_says)
{
    enum { N = 300000 };          /* a fourth is more than a pass gathers */
    const int repeats[] = {N, 4}; /* elements all different; four numbers */
    for (int i = 0; i < 2; i++) {
        slab_selector *s = NULL;
        slab_pass *pass = NULL;
        slab_crew *crew = NULL;
        double *x = malloc(N * sizeof *x);
        for (int k = 0; k < N; k++)
            x[k] = k % repeats[i];
        slab_value *value = slab_value_from(T(FLOAT, 8), &(slab_shape){1, {N}}, x);
        must(slab_crew_create(slab_ranks_world(), 2, &crew));
        must(slab_selector_create(value, 0, 1, middle, NULL, &s));
        int most = slab_selector_passes(s), passes = 0;
        do {
            must(slab_pass_create(crew, "selection", value, &pass));
            must(slab_pass_add(pass, &slab_sink_selection, s));
            must(slab_pass_run(pass, 1 << 30));
            slab_pass_destroy(&pass);
            passes++;
        } while (slab_selector_again(s));
        ck_assert_int_le(passes, most);
        ck_assert_int_eq(passes, i == 0 ? 2 : 4);
        slab_selector_destroy(&s);
        slab_value_drop(&value);
        slab_crew_destroy(&crew);
        free(x);
    }
}
END_TEST

START_TEST(a_median_of_many_elements_is_the_middle_of_them_sorted)
{
    enum { N = 700007 };
    double *x = malloc(sizeof *x * N), middle;
    float *f = malloc(sizeof *f * N), single;
    uint64_t seed = 1;
    for (int i = 0; i < N; i++)
        f[i] = (float)(x[i] = draw(&seed));
    slab_value *value = slab_value_from(T(FLOAT, 8), &(slab_shape){1, {N}}, x);
    slab_value *singles = slab_value_from(T(FLOAT, 4), &(slab_shape){2, {N / 7, 7}}, f);
    fetch(slab_value_median(value, NULL), 2, &middle);
    fetch(slab_value_median(singles, NULL), 2, &single);
    qsort(x, N, sizeof *x, by_value);
    ck_assert_double_eq(middle, x[N / 2]);
    ck_assert_float_eq(single, (float)x[N / 2]);
    slab_value_drop(&value);
    slab_value_drop(&singles);
    free(f);
    free(x);
}
END_TEST

/* Medians along an axis of [rows, columns] against sorting every line. */
static void check_axis(int64_t rows, int64_t columns, int axis, int threads)
{
    double *x = malloc(sizeof *x * (size_t)(rows * columns)), *line;
    uint64_t seed = 3;
    for (int64_t i = 0; i < rows * columns; i++)
        x[i] = draw(&seed);
    int64_t n = axis ? columns : rows, slots = axis ? rows : columns;
    double *out = malloc(sizeof *out * (size_t)slots);
    line = malloc(sizeof *line * (size_t)n);
    slab_value *value = slab_value_from(T(FLOAT, 8), &(slab_shape){2, {rows, columns}}, x);
    slab_quantile_options options = {.axes = 1U << axis};
    fetch(slab_value_median(value, &options), threads, out);
    for (int64_t slot = 0; slot < slots; slot++) {
        for (int64_t i = 0; i < n; i++)
            line[i] = axis ? x[slot * columns + i] : x[i * columns + slot];
        qsort(line, (size_t)n, sizeof *line, by_value);
        ck_assert_double_eq(out[slot], n % 2 ? line[n / 2] : (line[n / 2 - 1] + line[n / 2]) / 2);
    }
    slab_value_drop(&value);
    free(out);
    free(line);
    free(x);
}

START_TEST(medians_along_axes_are_those_of_the_lines)
{
    check_axis(301, 77, 0, 2);
    check_axis(301, 77, 1, 2);
    check_axis(3, 300000, 0, 2);  /* short lines */
    check_axis(5, 1500000, 0, 2); /* so many that their results are emitted */
    check_axis(1100000, 5, 0, 2); /* long lines: digits */
}
END_TEST

START_TEST(nan_makes_a_slot_nan_unless_it_is_skipped)
{
    const float x[] = {1, NAN, 3, 2, -INFINITY, INFINITY, 0, -0.0F};
    float out[2];
    slab_value *value = slab_value_from(T(FLOAT, 4), &(slab_shape){2, {2, 4}}, x);
    slab_quantile_options options = {.axes = 2};
    fetch(slab_value_median(value, &options), 1, out);
    ck_assert(isnan(out[0]));
    ck_assert_float_eq(out[1], 0);
    options.skip_nan = true;
    fetch(slab_value_median(value, &options), 1, out);
    ck_assert_float_eq(out[0], 2);
    options.axes = 0;
    fetch(slab_value_median(value, &options), 1, out);
    ck_assert_float_eq(out[0], 1);
    slab_value_drop(&value);
}
END_TEST

START_TEST(integers_of_any_width_are_selected_exactly)
{
    const int64_t x[] = {INT64_MAX, INT64_MIN, 0, -1, INT64_MAX - 1};
    const uint8_t bytes[] = {255, 0, 128};
    int64_t out;
    double real;
    slab_value *value = slab_value_from(T(INT, 8), &(slab_shape){1, {5}}, x);
    slab_quantile_options lower = {.method = "lower"};
    fetch(slab_value_quantile(value, (double[]){1}, 1, true, &lower), 1, &out);
    ck_assert_int_eq(out, INT64_MAX);
    fetch(slab_value_quantile(value, (double[]){0.75}, 1, true, &lower), 1, &out);
    ck_assert_int_eq(out, INT64_MAX - 1);
    slab_value_drop(&value);
    value = slab_value_from(T(UINT, 1), &(slab_shape){1, {3}}, bytes);
    fetch(slab_value_median(value, NULL), 1, &real);
    ck_assert_double_eq(real, 128);
    slab_value_drop(&value);
}
END_TEST

START_TEST(a_quantile_outside_0_to_1_poisons)
{
    const double x[] = {1, 2};
    slab_value *value = slab_value_from(T(FLOAT, 8), &(slab_shape){1, {2}}, x);
    slab_quantile_options unknown = {.method = "best"};
    slab_value *high = slab_value_quantile(value, (double[]){1.5}, 1, true, NULL);
    slab_value *method = slab_value_quantile(value, (double[]){0.5}, 1, true, &unknown);
    ck_assert_int_eq(slab_value_status(high), SLAB_ERR_VALUE);
    ck_assert_int_eq(slab_value_status(method), SLAB_ERR_VALUE);
    slab_value_drop(&high);
    slab_value_drop(&method);
    slab_value_drop(&value);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("quantile");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, quantiles_of_few_elements_are_numpys);
    tcase_add_test(tc, a_quantile_that_falls_on_an_element_is_that_element);
    tcase_add_test(tc, a_selection_takes_no_more_passes_than_it_says);
    tcase_add_test(tc, a_median_of_many_elements_is_the_middle_of_them_sorted);
    tcase_add_test(tc, medians_along_axes_are_those_of_the_lines);
    tcase_add_test(tc, nan_makes_a_slot_nan_unless_it_is_skipped);
    tcase_add_test(tc, integers_of_any_width_are_selected_exactly);
    tcase_add_test(tc, a_quantile_outside_0_to_1_poisons);
    Suite *suite = suite_create("quantile");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
