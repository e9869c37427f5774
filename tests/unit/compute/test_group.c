/* Distinct elements and groups: answers worked out by hand. */
#include "computing.h"

#include <math.h>
#include <slab/compute/computation/group.h>
#include <stdlib.h>

static slab_crew *crew;
static slab_workshop workshop;

static void open_workshop(void)
{
    must(slab_crew_create(slab_ranks_world(), 2, &crew));
    workshop = (slab_workshop){.crew = crew};
}

static void close_workshop(void)
{
    slab_crew_destroy(&crew);
}

static void distinct(slab_value *value, size_t budget, int64_t n, void *elements, int64_t *counts)
{
    slab_distinct found;
    must(slab_distinct_find(&workshop, value, budget, &found));
    ck_assert_int_eq(found.n, n);
    slab_value *both[] = {slab_value_keep(found.elements), slab_value_keep(found.counts)};
    slab_distinct_clear(&found);
    fetch(both, 2, (void *[]){elements, counts});
    slab_value_drop(&value);
}

START_TEST(near_elements_are_counted_in_a_table)
{
    const int16_t x[] = {7, -2, 7, 0, -2, 7};
    int16_t elements[3];
    int64_t counts[3];
    distinct(slab_value_from(T(INT, 2), SHAPE(2, 3), x), 64 << 20, 3, elements, counts);
    ck_assert(elements[0] == -2 && elements[1] == 0 && elements[2] == 7);
    ck_assert(counts[0] == 2 && counts[1] == 1 && counts[2] == 3);
}
END_TEST

START_TEST(far_elements_go_through_scratch_and_nan_is_one_and_last)
{
    const double x[] = {1e300, NAN, -0.0, 0.0, 1e300, NAN, -INFINITY};
    double elements[4];
    int64_t counts[4];
    distinct(slab_value_from(T(FLOAT, 8), SHAPE(7), x), 64 << 20, 4, elements, counts);
    ck_assert(elements[0] == -INFINITY && elements[1] == 0 && elements[2] == 1e300);
    ck_assert(isnan(elements[3]));
    ck_assert(counts[0] == 1 && counts[1] == 2 && counts[2] == 2 && counts[3] == 2);
}
END_TEST

/* i * 7919 mod 600011 for i < 600011 is a permutation; times 2^40 it is far apart. */
START_TEST(any_budget_finds_the_same_elements)
{
    enum { P = 600011 };
    const int64_t prime = P, step = 7919, far = (int64_t)1 << 40;
    int64_t *elements = malloc(P * sizeof *elements), *counts = malloc(P * sizeof *counts);
    for (int round = 0; round < 2; round++) {
        slab_value *i = slab_value_arange_int(T(INT, 8), P, 0, 1);
        slab_value *by[] = {i, slab_value_literal_int(step)};
        slab_value *mixed[] = {slab_value_apply("multiply", by, 2), slab_value_literal_int(prime)};
        slab_value *rest[] = {slab_value_apply("remainder", mixed, 2), slab_value_literal_int(far)};
        slab_value *spread = slab_value_apply("multiply", rest, 2);
        distinct(spread, round ? (size_t)30 << 20 : (size_t)300 << 20, P, elements, counts);
        int64_t wrong = 0;
        for (int64_t k = 0; k < P; k++)
            wrong += elements[k] != k * far || counts[k] != 1;
        ck_assert_int_eq(wrong, 0);
        for (int k = 0; k < 2; k++) {
            slab_value_drop(&by[k]);
            slab_value_drop(&mixed[k]);
            slab_value_drop(&rest[k]);
        }
    }
    free(counts);
    free(elements);
}
END_TEST

START_TEST(a_budget_is_too_small_for_distinct_elements_before_anything_is_read)
{
    slab_value *value = slab_value_arange_int(T(INT, 8), 1000000, 0, 1);
    slab_plan plan = {0};
    slab_distinct found;
    must(slab_distinct_plan(&workshop, value, 1 << 20, &plan));
    ck_assert_int_eq(slab_plan_fits(&plan, plan.memory_least), SLAB_OK);
    ck_assert_int_eq(slab_plan_fits(&plan, plan.memory_least - 1), SLAB_ERR_MEMORY);
    must(slab_distinct_find(&workshop, value, plan.memory_least, &found));
    ck_assert_int_eq(found.n, 1000000);
    slab_distinct_clear(&found);
    slab_value_drop(&value);
}
END_TEST

START_TEST(rows_are_reduced_by_label)
{
    /* label 3: rows 0 and 3; label -1: row 1; NaN: no group */
    const double x[] = {1, 10, 5, 50, 7, 70, 3, 30}, labels[] = {3, -1, NAN, 3};
    const char *names[] = {"mean", "var", "max", "count"};
    slab_group_options options = {.names = names, .n = 4, .ddof = 1};
    slab_value *rows = slab_value_from(T(FLOAT, 8), SHAPE(4, 2), x);
    slab_value *by = slab_value_from(T(FLOAT, 8), SHAPE(4), labels);
    slab_group_result found;
    double label[2], mean[4], var[4], most[4];
    int64_t count[2];
    must(slab_group_find(&workshop, rows, by, &options, 64 << 20, &found));
    ck_assert_int_eq(found.ngroups, 2);
    fetch_one(slab_value_keep(found.labels), label);
    fetch_one(slab_value_keep(found.results[0]), mean);
    fetch_one(slab_value_keep(found.results[1]), var);
    fetch_one(slab_value_keep(found.results[2]), most);
    fetch_one(slab_value_keep(found.results[3]), count);
    ck_assert(label[0] == -1 && label[1] == 3);
    ck_assert(mean[0] == 5 && mean[1] == 50 && mean[2] == 2 && mean[3] == 20);
    ck_assert(isnan(var[0]) && isnan(var[1]) && var[2] == 2 && var[3] == 200);
    ck_assert(most[0] == 5 && most[1] == 50 && most[2] == 3 && most[3] == 30);
    ck_assert(count[0] == 1 && count[1] == 2);
    slab_group_clear(&found);
    slab_value_drop(&by);
    slab_value_drop(&rows);
}
END_TEST

START_TEST(groups_refuse_labels_that_do_not_fit_and_names_that_there_are_not)
{
    const double x[] = {1, 2, 3, 4};
    const char *good[] = {"mean"}, *bad[] = {"middle"};
    slab_group_options options = {.names = good, .n = 1};
    slab_value *rows = slab_value_from(T(FLOAT, 8), SHAPE(4), x);
    slab_value *by = slab_value_from(T(FLOAT, 8), SHAPE(3), x);
    slab_group_result found;
    ck_assert_int_eq(slab_group_find(&workshop, rows, by, &options, 64 << 20, &found),
                     SLAB_ERR_SHAPE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "[3] for an array of shape [4]"));
    options.names = bad;
    ck_assert_int_eq(slab_group_find(&workshop, rows, rows, &options, 64 << 20, &found),
                     SLAB_ERR_VALUE);
    slab_value_drop(&by);
    slab_value_drop(&rows);
}
END_TEST

START_TEST(groups_that_are_too_many_for_the_budget_are_counted_in_the_message)
{
    const char *names[] = {"mean"};
    slab_group_options options = {.names = names, .n = 1};
    slab_value *by = slab_value_arange_int(T(INT, 8), 1000000, 0, 1);
    slab_value *rows = slab_value_arange(T(FLOAT, 8), 1000000, 0, 1);
    slab_plan plan = {0};
    slab_group_result found, expected;
    must(slab_group_plan(&workshop, rows, by, &options, 1, 64 << 20, &plan, &expected));
    slab_group_clear(&expected);
    ck_assert_int_eq(slab_group_find(&workshop, rows, by, &options, plan.memory_least, &found),
                     SLAB_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "1000000 groups"));
    slab_value_drop(&rows);
    slab_value_drop(&by);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("group");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, open_workshop, close_workshop);
    tcase_add_test(tc, near_elements_are_counted_in_a_table);
    tcase_add_test(tc, far_elements_go_through_scratch_and_nan_is_one_and_last);
    tcase_add_test(tc, any_budget_finds_the_same_elements);
    tcase_add_test(tc, a_budget_is_too_small_for_distinct_elements_before_anything_is_read);
    tcase_add_test(tc, rows_are_reduced_by_label);
    tcase_add_test(tc, groups_refuse_labels_that_do_not_fit_and_names_that_there_are_not);
    tcase_add_test(tc, groups_that_are_too_many_for_the_budget_are_counted_in_the_message);
    return run_cases("group", tc);
}
