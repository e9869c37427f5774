/* Deferred values, and programs: which passes there are, what they need, and how they are drawn. */
#include "computing.h"

#include <slab/compute/computation/histogram.h>
#include <slab/compute/computation/quantile.h>
#include <slab/compute/graph/deferred.h>
#include <slab/compute/graph/reduction.h>
#include <stdlib.h>

static const double six[] = {1, 2, 3, 4, 5, 9};

/* --- deferred values --- */

static int dropped;

static void drop(void *self)
{
    dropped++;
    *(int *)self = 0;
}

START_TEST(a_deferred_value_has_no_elements_until_it_is_settled)
{
    int maker = 1;
    slab_view view;
    slab_value *value = slab_value_defer((slab_maker){&maker, drop}, SHAPE(2, 3), T(FLOAT, 8));
    slab_value *elements = slab_value_from(T(FLOAT, 8), SHAPE(2, 3), six);
    slab_box all = slab_box_whole(slab_value_shape(value)), last = {2, {1, 2}, {1, 1}};
    ck_assert_ptr_eq(slab_value_pending(value), &maker);
    ck_assert_int_eq(slab_value_get(value, 0, &all, &view), SLAB_ERR_INTERNAL);
    must(slab_value_settle(value, elements));
    ck_assert_ptr_null(slab_value_pending(value));
    must(slab_value_get(value, 0, &last, &view));
    ck_assert(*(const double *)view.data == 9);
    slab_value_drop(&elements);
    dropped = 0;
    slab_value_drop(&value);
    ck_assert_int_eq(dropped, 1);
    ck_assert_int_eq(maker, 0);
}
END_TEST

START_TEST(a_deferred_value_takes_no_elements_of_another_shape_or_type)
{
    slab_value *value = slab_value_expected(SHAPE(2, 3), T(FLOAT, 8));
    slab_value *longer = slab_value_from(T(FLOAT, 8), SHAPE(6), six);
    slab_value *narrow = slab_value_cast(longer, T(FLOAT, 4));
    ck_assert_int_eq(slab_value_settle(value, longer), SLAB_ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "shape [6] was announced as [2, 3]"));
    slab_value *six_long = slab_value_expected(SHAPE(6), T(FLOAT, 8));
    ck_assert_int_eq(slab_value_settle(six_long, narrow), SLAB_ERR_INTERNAL);
    slab_value_drop(&six_long);
    slab_value_drop(&narrow);
    slab_value_drop(&longer);
    slab_value_drop(&value);
}
END_TEST

START_TEST(values_give_their_buffers_back_when_they_rest)
{
    slab_value *value = slab_value_arange(T(FLOAT, 8), 100000, 0, 1);
    slab_value *root = slab_value_apply("sqrt", &value, 1);
    slab_box box = {1, {0}, {100000}};
    slab_view view;
    size_t before = slab_memory_used();
    must(slab_value_get(root, 0, &box, &view));
    ck_assert_uint_ge(slab_memory_used(), before + 800000);
    slab_value_rest(&root, 1);
    ck_assert_uint_lt(slab_memory_used(), before + 100000); /* what was compiled stays */
    must(slab_value_get(root, 0, &box, &view));
    ck_assert(((const double *)view.data)[81] == 9);
    slab_value_drop(&root);
    slab_value_drop(&value);
}
END_TEST

START_TEST(a_value_in_a_scratch_file_is_read_box_by_box)
{
    slab_scratch *file;
    slab_view view;
    must(slab_scratch_create(NULL, NULL, &file));
    must(slab_scratch_write(file, 0, six, sizeof six));
    slab_value *value = slab_value_from_scratch(T(FLOAT, 8), SHAPE(2, 3), &file);
    ck_assert_ptr_null(file);
    slab_box corner = {2, {0, 1}, {2, 2}};
    must(slab_value_get(value, 0, &corner, &view));
    const char *at = view.data;
    ck_assert(*(const double *)(const void *)at == 2);
    ck_assert(*(const double *)(const void *)(at + view.stride[1]) == 3);
    ck_assert(*(const double *)(const void *)(at + view.stride[0]) == 5);
    ck_assert(*(const double *)(const void *)(at + view.stride[0] + view.stride[1]) == 9);
    slab_value_drop(&value);
}
END_TEST

/* --- programs --- */

static slab_crew *crew;

static void open_crew(void)
{
    must(slab_crew_create(slab_ranks_world(), 2, &crew));
}

static void close_crew(void)
{
    slab_crew_destroy(&crew);
}

/* x - mean(x), and a histogram of x whose range has to be found. */
typedef struct example {
    slab_value *x, *mean, *difference, *histogram[2];
    slab_program *program;
    int output[2];
} example;

static void example_open(example *e, int64_t n, int64_t nbins)
{
    e->x = slab_value_arange(T(FLOAT, 8), n, 0, 1);
    e->mean = slab_value_reduce("mean", e->x, NULL);
    slab_value *both[] = {e->x, e->mean};
    e->difference = slab_value_apply("subtract", both, 2);
    slab_value_histogram(&e->x, 1, NULL, &(slab_histogram_axis){.n = nbins}, false, e->histogram);
    must(slab_program_create(crew, NULL, &e->program));
    must(slab_program_fetch(e->program, "centred", e->difference, &e->output[0]));
    must(slab_program_fetch(e->program, "counts", e->histogram[0], &e->output[1]));
}

static void example_close(example *e)
{
    slab_program_destroy(&e->program);
    slab_value_drop(&e->histogram[0]);
    slab_value_drop(&e->histogram[1]);
    slab_value_drop(&e->difference);
    slab_value_drop(&e->mean);
    slab_value_drop(&e->x);
}

START_TEST(what_can_share_a_reading_does)
{
    example e;
    slab_plan plan = {0};
    example_open(&e, 10, 5);
    must(slab_program_plan(e.program, 1 << 26, &plan));
    /* mean and range; difference and counting; the counts, which lie in memory by then */
    ck_assert_int_eq(plan.nsteps, 3);
    ck_assert_str_eq(plan.steps[0].name, "reduction, histogram");
    ck_assert_str_eq(plan.steps[1].name, "histogram, centred");
    ck_assert_str_eq(plan.steps[2].name, "counts");
    must(slab_program_run(e.program, 1 << 26));
    const double *centred = slab_program_data(e.program, e.output[0]);
    const int64_t *counts = slab_program_data(e.program, e.output[1]);
    for (int i = 0; i < 10; i++)
        ck_assert(centred[i] == i - 4.5);
    for (int b = 0; b < 5; b++)
        ck_assert_int_eq(counts[b], 2);
    example_close(&e);
}
END_TEST

START_TEST(the_same_program_is_drawn_with_the_same_text)
{
    static const char expected[] =
        "digraph slab {\n"
        "  pass1 [shape=box, label=\"pass 1: reduction, histogram\\n[10]\"];\n"
        "  node0 [shape=ellipse, label=\"reduction\"];\n"
        "  pass1 -> node0;\n"
        "  node1 [shape=ellipse, label=\"histogram\"];\n"
        "  pass1 -> node1;\n"
        "  pass2 [shape=box, label=\"pass 2: histogram, centred\\n[10]\"];\n"
        "  node0 -> pass2;\n"
        "  pass2 -> node1;\n"
        "  node2 [shape=note, label=\"centred\\n[10]\"];\n"
        "  pass2 -> node2;\n"
        "  pass3 [shape=box, label=\"pass 3: counts\\n[5]\"];\n"
        "  node1 -> pass3;\n"
        "  node3 [shape=note, label=\"counts\\n[5]\"];\n"
        "  pass3 -> node3;\n"
        "}\n";
    void *space[2];
    for (int round = 0; round < 2; round++) {
        example e;
        slab_plan plan = {0};
        char *text;
        space[round] = malloc(1000); /* so that values lie elsewhere the second time */
        example_open(&e, 10, 5);
        must(slab_program_plan(e.program, 1 << 26, &plan));
        must(slab_program_dot(e.program, &text));
        ck_assert_str_eq(text, expected);
        slab_memory_free(text);
        example_close(&e);
    }
    free(space[0]);
    free(space[1]);
}
END_TEST

START_TEST(a_plan_foresees_the_pass_that_needs_most)
{
    enum { BINS = 500000 };
    example few, many;
    slab_plan small = {0}, large = {0};
    example_open(&few, 1000000, 5);
    example_open(&many, 1000000, BINS);
    must(slab_program_plan(few.program, 1 << 26, &small));
    must(slab_program_plan(many.program, 1 << 26, &large));
    /* the second pass counts: two states of a task, and what is merged, of 4 MB each */
    ck_assert_uint_ge(large.memory_least, small.memory_least + (size_t)BINS * 8 * 3);
    ck_assert_str_eq(large.greediest, "histogram, centred");
    example_close(&few);
    example_close(&many);
}
END_TEST

START_TEST(the_budget_that_a_plan_names_is_enough_and_less_is_refused)
{
    enum { N = 1000000 };
    for (int less = 0; less < 2; less++) {
        example e;
        slab_plan plan = {0};
        example_open(&e, N, 100000);
        size_t before = slab_memory_used();
        must(slab_program_plan(e.program, 0, &plan));
        ck_assert_int_eq(slab_plan_fits(&plan, 0), SLAB_ERR_MEMORY);
        ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "--memory"));
        must(slab_plan_fits(&plan, plan.memory_least));
        slab_memory_limit_set(before + plan.memory_least - (less ? (size_t)2 << 20 : 0));
        slab_status rc =
            slab_program_run(e.program, plan.memory_least - (less ? (size_t)2 << 20 : 0));
        slab_memory_limit_set(0);
        ck_assert_int_eq(rc, less ? SLAB_ERR_MEMORY : SLAB_OK);
        if (!less)
            ck_assert(((const double *)slab_program_data(e.program, e.output[0]))[N - 1] ==
                      (N - 1) / 2.0);
        example_close(&e);
    }
}
END_TEST

START_TEST(a_quantile_is_planned_with_the_counters_of_its_later_passes)
{
    const double q[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7};
    slab_value *x = slab_value_arange(T(FLOAT, 8), 1000000, 0, 1);
    slab_value *all = slab_value_quantile(x, q, 7, false, NULL);
    slab_program *program;
    slab_plan plan = {0};
    int output;
    must(slab_program_create(crew, NULL, &program));
    must(slab_program_fetch(program, "q", all, &output));
    must(slab_program_plan(program, 0, &plan));
    ck_assert_int_ge(plan.nsteps, 4); /* three digits at least, and the result */
    for (int i = 0; i < plan.nsteps - 1; i++)
        ck_assert_str_eq(plan.steps[i].name, "quantile");
    ck_assert_str_eq(plan.steps[plan.nsteps - 1].name, "q");
    slab_memory_limit_set(slab_memory_used() + plan.memory_least);
    slab_status rc = slab_program_run(program, plan.memory_least);
    slab_memory_limit_set(0);
    must(rc);
    const double *data = slab_program_data(program, output);
    for (int i = 0; i < 7; i++)
        ck_assert_double_eq_tol(data[i], q[i] * 999999, 1e-9);
    slab_program_destroy(&program);
    slab_value_drop(&all);
    slab_value_drop(&x);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("program");
    tcase_add_checked_fixture(tc, open_crew, close_crew);
    tcase_add_test(tc, a_deferred_value_has_no_elements_until_it_is_settled);
    tcase_add_test(tc, a_deferred_value_takes_no_elements_of_another_shape_or_type);
    tcase_add_test(tc, values_give_their_buffers_back_when_they_rest);
    tcase_add_test(tc, a_value_in_a_scratch_file_is_read_box_by_box);
    tcase_add_test(tc, what_can_share_a_reading_does);
    tcase_add_test(tc, the_same_program_is_drawn_with_the_same_text);
    tcase_add_test(tc, a_plan_foresees_the_pass_that_needs_most);
    tcase_add_test(tc, the_budget_that_a_plan_names_is_enough_and_less_is_refused);
    tcase_add_test(tc, a_quantile_is_planned_with_the_counters_of_its_later_passes);
    return run_cases("program", tc);
}
