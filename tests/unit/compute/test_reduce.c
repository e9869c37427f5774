/* What reductions give, worked out by hand. */
#include "reducing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double of_floats(const char *name, int64_t n, const float *x)
{
    return take_double(reduce_vector(name, F4, n, x), F4);
}

static double of_doubles(const char *name, int64_t n, const double *x)
{
    return take_double(reduce_vector(name, F8, n, x), F8);
}

START_TEST(four_floats_have_the_reductions_worked_out_by_hand)
{
    const float x[] = {4, 1, 3, 2};
    const struct {
        const char *name;
        double is;
    } expected[] = {{"sum", 10},     {"prod", 24},     {"mean", 2.5},    {"var", 1.25},
                    {"min", 1},      {"max", 4},       {"ptp", 3},       {"nansum", 10},
                    {"nanprod", 24}, {"nanmean", 2.5}, {"nanvar", 1.25}, {"nanmin", 1},
                    {"nanmax", 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_msg(of_floats(expected[i].name, 4, x) == expected[i].is, "%s", expected[i].name);
    ck_assert(of_floats("std", 4, x) == (float)sqrt(1.25));
    ck_assert(of_floats("nanstd", 4, x) == (float)sqrt(1.25));
    ck_assert_int_eq((int)take_double(reduce_vector("argmin", F4, 4, x), I(8)), 1);
    ck_assert_int_eq((int)take_double(reduce_vector("argmax", F4, 4, x), I(8)), 0);
    ck_assert_int_eq((int)take_double(reduce_vector("nanargmin", F4, 4, x), I(8)), 1);
    ck_assert_int_eq((int)take_double(reduce_vector("nanargmax", F4, 4, x), I(8)), 0);
    ck_assert_int_eq((int)take_double(reduce_vector("any", F4, 4, x), B1), 1);
    ck_assert_int_eq((int)take_double(reduce_vector("all", F4, 4, x), B1), 1);
    ck_assert_int_eq((int)take_double(reduce_vector("count_nonzero", F4, 4, x), I(8)), 4);
}
END_TEST

START_TEST(every_reduction_of_the_list_has_a_type_and_runs)
{
    const double x[] = {1, 2};
    slab_shape shape = {1, {2}};
    int n = 0;
    for (; slab_reduction_at(n); n++) {
        slab_value *value = slab_value_from(F8, &shape, x);
        slab_reduce_spec spec = {.name = slab_reduction_at(n), .order = 2};
        slab_dtype type;
        ck_assert_int_eq(slab_reduction_types(spec.name, value, &spec, &type), SLAB_OK);
        ck_assert(type.size == 8 || type.kind == SLAB_KIND_BOOL);
        slab_value_drop(&value);
        slab_reduce *r = reduce_spec(F8, shape, x, spec);
        ck_assert_ptr_nonnull(slab_reduce_get(r));
        slab_reduce_destroy(&r);
    }
    ck_assert_int_eq(n, 23);
}
END_TEST

START_TEST(results_have_numpys_types)
{
    static const struct {
        const char *name, *from, *to;
    } rules[] = {{"sum", "bool", "i8"},         {"sum", "i1", "i8"},     {"sum", "u2", "u8"},
                 {"sum", "f2", "f2"},           {"sum", "c8", "c8"},     {"prod", "u1", "u8"},
                 {"prod", "bool", "i8"},        {"mean", "i4", "f8"},    {"mean", "f2", "f2"},
                 {"mean", "c16", "c16"},        {"var", "c8", "f4"},     {"std", "u1", "f8"},
                 {"std", "f4", "f4"},           {"min", "u2", "u2"},     {"max", "bool", "bool"},
                 {"ptp", "i1", "i1"},           {"argmin", "f4", "i8"},  {"any", "c16", "bool"},
                 {"count_nonzero", "u1", "i8"}, {"norm", "i4", "f8"},    {"norm", "c8", "f4"},
                 {"norm", "f2", "f2"},          {"nanmean", "u1", "f8"}, {"nanmin", "f2", "f2"}};
    static const char zeros[16];
    slab_shape shape = {1, {1}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        slab_dtype from, to, type;
        ck_assert_int_eq(slab_dtype_parse(rules[i].from, &from), SLAB_OK);
        ck_assert_int_eq(slab_dtype_parse(rules[i].to, &to), SLAB_OK);
        slab_value *value = slab_value_from(from, &shape, zeros);
        slab_reduce_spec spec = {.name = rules[i].name, .order = 2};
        ck_assert_int_eq(slab_reduction_types(spec.name, value, &spec, &type), SLAB_OK);
        ck_assert_msg(slab_dtype_equal(type, to), "%s of %s", rules[i].name, rules[i].from);
        slab_value_drop(&value);
    }
}
END_TEST

START_TEST(sums_and_products_of_integers_are_exact_and_wrap_around)
{
    const int8_t x[] = {100, 100, 100, -128};
    ck_assert_int_eq((int)take_double(reduce_vector("sum", I(1), 4, x), I(8)), 172);
    ck_assert_int_eq((int)take_double(reduce_vector("prod", I(1), 4, x), I(8)), -128000000);
    const int64_t big[] = {INT64_MAX, 1, 0, 2};
    slab_reduce *r = reduce_vector("sum", I(8), 4, big);
    ck_assert(*(const int64_t *)slab_reduce_get(r) == INT64_MIN + 2);
    slab_reduce_destroy(&r);
    const uint64_t huge[] = {UINT64_MAX, UINT64_MAX};
    r = reduce_vector("sum", U(8), 2, huge);
    ck_assert(*(const uint64_t *)slab_reduce_get(r) == UINT64_MAX - 1);
    slab_reduce_destroy(&r);
    r = reduce_vector("prod", U(8), 2, huge); /* (-1)^2 */
    ck_assert(*(const uint64_t *)slab_reduce_get(r) == 1);
    slab_reduce_destroy(&r);
    /* the mean does not wrap: (2^64 - 1) */
    ck_assert(take_double(reduce_vector("mean", U(8), 2, huge), F8) == 18446744073709551615.0);
}
END_TEST

START_TEST(the_callers_type_is_what_elements_become)
{
    const uint8_t x[] = {200, 100};
    slab_reduce_spec spec = {.name = "sum", .has_dtype = true, .dtype = U(1)};
    slab_shape shape = {1, {2}};
    ck_assert_int_eq((int)take_double(reduce_spec(U(1), shape, x, spec), U(1)), 44);
    spec.dtype = F4;
    ck_assert_double_eq(take_double(reduce_spec(U(1), shape, x, spec), F4), 300);
    const double y[] = {1.0 + 0x1p-40, 1.0 + 0x1p-40}; /* 1 as floats */
    ck_assert_double_eq(take_double(reduce_spec(F8, shape, y, spec), F4), 2);
    spec.name = "mean";
    const float z[] = {16777216, 16777218}; /* no float is the mean */
    spec.dtype = F8;
    ck_assert_double_eq(take_double(reduce_spec(F4, shape, z, spec), F8), 16777217);
    spec = (slab_reduce_spec){.name = "sum", .has_dtype = true, .dtype = I(8)};
    ck_assert_int_eq(refusal(F4, shape, spec), SLAB_ERR_TYPE);
    spec = (slab_reduce_spec){.name = "var", .has_dtype = true, .dtype = I(8)};
    ck_assert_int_eq(refusal(I(4), shape, spec), SLAB_ERR_TYPE);
}
END_TEST

START_TEST(nan_spreads_or_is_left_out)
{
    const float x[] = {3, NAN, 1, NAN, 2};
    static const char *const spread[] = {"sum", "prod", "mean", "var", "std", "min", "max", "ptp"};
    for (size_t i = 0; i < sizeof spread / sizeof *spread; i++)
        ck_assert_msg(isnan(of_floats(spread[i], 5, x)), "%s", spread[i]);
    ck_assert_double_eq(of_floats("nansum", 5, x), 6);
    ck_assert_double_eq(of_floats("nanprod", 5, x), 6);
    ck_assert_double_eq(of_floats("nanmean", 5, x), 2);
    ck_assert_double_eq(of_floats("nanvar", 5, x), (float)(2.0 / 3));
    ck_assert_double_eq(of_floats("nanmin", 5, x), 1);
    ck_assert_double_eq(of_floats("nanmax", 5, x), 3);
    ck_assert_int_eq((int)take_double(reduce_vector("argmin", F4, 5, x), I(8)), 1);
    ck_assert_int_eq((int)take_double(reduce_vector("argmax", F4, 5, x), I(8)), 1);
    ck_assert_int_eq((int)take_double(reduce_vector("nanargmin", F4, 5, x), I(8)), 2);
    ck_assert_int_eq((int)take_double(reduce_vector("nanargmax", F4, 5, x), I(8)), 0);
    ck_assert_int_eq((int)take_double(reduce_vector("count_nonzero", F4, 5, x), I(8)), 5);
    const float negative[] = {-NAN, 1};
    ck_assert(isnan(of_floats("max", 2, negative)) && isnan(of_floats("min", 2, negative)));
}
END_TEST

START_TEST(nothing_but_nan_gives_nan_and_no_place)
{
    const double x[] = {NAN, NAN, NAN};
    slab_shape shape = {1, {3}};
    ck_assert_double_eq(of_doubles("nansum", 3, x), 0);
    ck_assert_double_eq(of_doubles("nanprod", 3, x), 1);
    ck_assert(isnan(of_doubles("nanmean", 3, x)) && isnan(of_doubles("nanvar", 3, x)));
    ck_assert(isnan(of_doubles("nanmin", 3, x)) && isnan(of_doubles("nanmax", 3, x)));
    slab_value *value = slab_value_from(F8, &shape, x);
    slab_reduce *r = NULL;
    ck_assert_int_eq(slab_reduce_create(value, &(slab_reduce_spec){.name = "nanargmin"}, &r),
                     SLAB_OK);
    ck_assert_int_eq(run_reduce(value, r, NULL, 1), SLAB_ERR_VALUE);
    ck_assert_ptr_null(slab_reduce_get(r));
    slab_reduce_destroy(&r);
    slab_value_drop(&value);
}
END_TEST

START_TEST(infinities_and_signed_zeros_keep_their_place)
{
    const double x[] = {1, INFINITY, -INFINITY}, up[] = {1, INFINITY};
    ck_assert(isnan(of_doubles("sum", 3, x)));
    ck_assert(of_doubles("min", 3, x) == -INFINITY && of_doubles("max", 3, x) == INFINITY);
    ck_assert(of_doubles("sum", 2, up) == INFINITY && of_doubles("mean", 2, up) == INFINITY);
    ck_assert(isnan(of_doubles("var", 2, up)));
    const double zeros[] = {0.0, -0.0}, negative[] = {-0.0, -0.0};
    ck_assert(signbit(of_doubles("min", 2, zeros)) && !signbit(of_doubles("max", 2, zeros)));
    ck_assert(signbit(of_doubles("max", 2, negative)));
    ck_assert_int_eq((int)take_double(reduce_vector("argmin", F8, 2, zeros), I(8)), 0);
    ck_assert_int_eq((int)take_double(reduce_vector("any", F8, 2, zeros), B1), 0);
}
END_TEST

START_TEST(of_equals_the_first_is_the_place)
{
    enum { N = 1000 };
    static uint16_t x[N];
    memset(x, 0, sizeof x);
    x[300] = x[301] = x[999] = 7;
    ck_assert_int_eq((int)take_double(reduce_vector("argmax", U(2), N, x), I(8)), 300);
    ck_assert_int_eq((int)take_double(reduce_vector("argmin", U(2), N, x), I(8)), 0);
    static const int64_t most[] = {INT64_MAX, INT64_MAX};
    ck_assert_int_eq((int)take_double(reduce_vector("argmin", I(8), 2, most), I(8)), 0);
}
END_TEST

START_TEST(no_elements_have_a_sum_but_no_least)
{
    slab_shape none = {1, {0}}, flat = {2, {0, 3}};
    ck_assert_double_eq(of_doubles("sum", 0, NULL), 0);
    ck_assert_double_eq(of_doubles("prod", 0, NULL), 1);
    ck_assert(isnan(of_doubles("mean", 0, NULL)) && isnan(of_doubles("var", 0, NULL)));
    ck_assert_int_eq((int)take_double(reduce_vector("all", F8, 0, NULL), B1), 1);
    ck_assert_int_eq((int)take_double(reduce_vector("any", F8, 0, NULL), B1), 0);
    static const char *const fail[] = {"min",    "max",    "ptp",      "argmin",
                                       "argmax", "nanmin", "nanargmax"};
    for (size_t i = 0; i < sizeof fail / sizeof *fail; i++) {
        ck_assert_int_eq(refusal(F4, none, (slab_reduce_spec){.name = fail[i]}), SLAB_ERR_VALUE);
        ck_assert_int_eq(refusal(F4, flat, (slab_reduce_spec){.name = fail[i], .axes = 1}),
                         SLAB_ERR_VALUE);
        ck_assert_int_eq(refusal(F4, flat, (slab_reduce_spec){.name = fail[i], .axes = 2}),
                         SLAB_OK);
    }
    ck_assert_int_eq(refusal(F4, none, (slab_reduce_spec){.name = "norm", .order = 2}), SLAB_OK);
    ck_assert_int_eq(refusal(F4, none, (slab_reduce_spec){.name = "norm", .order = INFINITY}),
                     SLAB_ERR_VALUE);
    slab_reduce *r = reduce_spec(F8, flat, NULL, (slab_reduce_spec){.name = "sum", .axes = 1});
    const double *sums = slab_reduce_get(r);
    ck_assert(sums[0] == 0 && sums[1] == 0 && sums[2] == 0);
    slab_reduce_destroy(&r);
}
END_TEST

START_TEST(what_does_not_exist_is_refused)
{
    slab_shape shape = {2, {2, 2}};
    ck_assert_int_eq(refusal(F4, shape, (slab_reduce_spec){.name = "median"}), SLAB_ERR_VALUE);
    ck_assert_int_eq(refusal(F4, shape, (slab_reduce_spec){.name = "sum", .axes = 4}),
                     SLAB_ERR_RANGE);
    ck_assert_int_eq(
        refusal(slab_dtype_make(SLAB_KIND_STRING, 3), shape, (slab_reduce_spec){.name = "sum"}),
        SLAB_ERR_TYPE);
    ck_assert_int_eq(refusal(B1, shape, (slab_reduce_spec){.name = "ptp"}), SLAB_ERR_TYPE);
    slab_reduce_spec apart[] = {{.name = "sum", .axes = 1}, {.name = "sum", .axes = 2}};
    ck_assert(!slab_reduce_can_share(&apart[0], &apart[1]));
    const float x[4] = {0};
    slab_value *value = slab_value_from(F4, &shape, x);
    slab_reduce *r = NULL;
    ck_assert_int_eq(slab_reduce_create_many(value, apart, 2, &r), SLAB_ERR_VALUE);
    ck_assert_ptr_null(r);
    slab_value_drop(&value);
}
END_TEST

START_TEST(complex_numbers_are_summed_by_halves_and_ordered_by_dictionary)
{
    const float x[] = {1, 2, 3, -2, 1, 3}; /* 1+2i, 3-2i, 1+3i */
    slab_reduce *r = reduce_vector("sum", C8, 3, x);
    const float *f = slab_reduce_get(r);
    ck_assert(f[0] == 5 && f[1] == 3);
    slab_reduce_destroy(&r);
    r = reduce_vector("min", C8, 3, x);
    f = slab_reduce_get(r);
    ck_assert(f[0] == 1 && f[1] == 2);
    slab_reduce_destroy(&r);
    r = reduce_vector("max", C8, 3, x);
    f = slab_reduce_get(r);
    ck_assert(f[0] == 3 && f[1] == -2);
    slab_reduce_destroy(&r);
    ck_assert_int_eq((int)take_double(reduce_vector("argmin", C8, 3, x), I(8)), 0);
    const double y[] = {1, 1, 3, -1}; /* product 4 + 2i, variance 1 + 1 */
    r = reduce_vector("prod", C16, 2, y);
    const double *d = slab_reduce_get(r);
    ck_assert(d[0] == 4 && d[1] == 2);
    slab_reduce_destroy(&r);
    ck_assert_double_eq(take_double(reduce_vector("var", C16, 2, y), F8), 2);
    const double holes[] = {NAN, 1, 2, 5, 7, NAN};
    r = reduce_vector("nansum", C16, 3, holes);
    d = slab_reduce_get(r);
    ck_assert(d[0] == 2 && d[1] == 5);
    slab_reduce_destroy(&r);
    ck_assert_int_eq((int)take_double(reduce_vector("argmax", C16, 3, holes), I(8)), 0);
    ck_assert_int_eq((int)take_double(reduce_vector("nanargmax", C16, 3, holes), I(8)), 1);
}
END_TEST

START_TEST(norms_of_every_order)
{
    const float x[] = {3, -4, 0};
    const struct {
        double order, is;
    } expected[] = {{2, 5}, {1, 7}, {0, 2}, {INFINITY, 4}, {-INFINITY, 0}};
    slab_shape shape = {1, {3}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        slab_reduce_spec spec = {.name = "norm", .order = expected[i].order};
        ck_assert_double_eq(take_double(reduce_spec(F4, shape, x, spec), F4), expected[i].is);
    }
    slab_reduce_spec cubic = {.name = "norm", .order = 3};
    ck_assert_double_eq_tol(take_double(reduce_spec(F4, shape, x, cubic), F4), cbrt(27 + 64), 1e-6);
    const double z[] = {3, 4, 0, 12}; /* |3+4i| = 5, |12i| = 12 */
    slab_reduce_spec two = {.name = "norm", .order = 2};
    ck_assert_double_eq(take_double(reduce_spec(C16, (slab_shape){1, {2}}, z, two), F8), 13);
    const int16_t n[] = {300, -400};
    ck_assert_double_eq(take_double(reduce_spec(I(2), (slab_shape){1, {2}}, n, two), F8), 500);
}
END_TEST

START_TEST(ddof_is_taken_off_the_count)
{
    const double x[] = {1, 2, 3, 4};
    slab_shape shape = {1, {4}};
    slab_reduce_spec spec = {.name = "var", .ddof = 1};
    ck_assert_double_eq(take_double(reduce_spec(F8, shape, x, spec), F8), 5.0 / 3);
    spec.ddof = 4;
    ck_assert(take_double(reduce_spec(F8, shape, x, spec), F8) == INFINITY);
    spec.name = "nanvar";
    ck_assert(isnan(take_double(reduce_spec(F8, shape, x, spec), F8)));
}
END_TEST

START_TEST(a_far_mean_does_not_drown_the_variance)
{
    enum { N = 30000 };
    double *x = malloc(sizeof *x * N);
    for (int i = 0; i < N; i++)
        x[i] = 1e9 + i % 3;
    ck_assert_double_eq_tol(of_doubles("var", N, x), 2.0 / 3, 1e-9);
    ck_assert_double_eq(of_doubles("mean", N, x), 1e9 + 1);
    free(x);
}
END_TEST

START_TEST(small_numbers_are_not_lost_beside_large_ones)
{
    /* 1e16 and -1e16 with a thousand ones between: plain addition keeps none of them. */
    enum { N = 1002 * 64 };
    double *x = malloc(sizeof *x * N);
    for (int i = 0; i < N; i++)
        x[i] = i < 64 ? 1e16 : i >= N - 64 ? -1e16 : 1;
    ck_assert_double_eq(of_doubles("sum", N, x), 64000);
    free(x);
}
END_TEST

START_TEST(half_precision_is_summed_in_more_and_rounded_once)
{
    static uint16_t x[4096]; /* 1.0: a running half sum would stop at 2048 */
    for (int i = 0; i < 4096; i++)
        x[i] = 0x3c00;
    ck_assert_double_eq(take_double(reduce_vector("sum", F2, 4096, x), F2), 4096);
    x[5] = 0xc000; /* -2 */
    ck_assert_double_eq(take_double(reduce_vector("min", F2, 4096, x), F2), -2);
    ck_assert_int_eq((int)take_double(reduce_vector("argmin", F2, 4096, x), I(8)), 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reduce");
    TCase *tests = tcase_create("reduce");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, four_floats_have_the_reductions_worked_out_by_hand);
    tcase_add_test(tests, every_reduction_of_the_list_has_a_type_and_runs);
    tcase_add_test(tests, results_have_numpys_types);
    tcase_add_test(tests, sums_and_products_of_integers_are_exact_and_wrap_around);
    tcase_add_test(tests, the_callers_type_is_what_elements_become);
    tcase_add_test(tests, nan_spreads_or_is_left_out);
    tcase_add_test(tests, nothing_but_nan_gives_nan_and_no_place);
    tcase_add_test(tests, infinities_and_signed_zeros_keep_their_place);
    tcase_add_test(tests, of_equals_the_first_is_the_place);
    tcase_add_test(tests, no_elements_have_a_sum_but_no_least);
    tcase_add_test(tests, what_does_not_exist_is_refused);
    tcase_add_test(tests, complex_numbers_are_summed_by_halves_and_ordered_by_dictionary);
    tcase_add_test(tests, norms_of_every_order);
    tcase_add_test(tests, ddof_is_taken_off_the_count);
    tcase_add_test(tests, a_far_mean_does_not_drown_the_variance);
    tcase_add_test(tests, small_numbers_are_not_lost_beside_large_ones);
    tcase_add_test(tests, half_precision_is_summed_in_more_and_rounded_once);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
