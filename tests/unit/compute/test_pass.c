#include <check.h>
#include <slab/compute/pass/pass.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

/* A sink whose result depends on the order of its additions: sums in f32 and a trace of merges. */
typedef struct adder {
    slab_sink_wants wants;
    size_t padding; /* bytes that make the state large */
    float sum;
    int64_t tiles, turns;
    int finished;
} adder;

typedef struct adder_state {
    float sum;
    int64_t tiles, turns;
} adder_state;

static slab_sink_wants adder_wants(const void *sink)
{
    return ((const adder *)sink)->wants;
}

static size_t adder_bytes(const void *sink, const slab_span *span)
{
    (void)span;
    return sizeof(adder_state) + ((const adder *)sink)->padding;
}

static slab_status adder_take(const void *sink, const slab_span *span, void *state, int phase,
                              const slab_tile *tile, void *scratch)
{
    adder_state *s = state;
    (void)sink, (void)scratch, (void)span;
    int64_t rows = tile->box.rank > 1 ? tile->box.count[0] : 1;
    int64_t columns = tile->box.count[tile->box.rank - 1];
    int64_t down = tile->box.rank > 1 ? tile->view.stride[0] : 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            s->sum += *(const float *)((const char *)tile->view.data + i * down +
                                       j * tile->view.stride[tile->box.rank - 1]) *
                      (float)(phase + 1);
    s->tiles++;
    return SLAB_OK;
}

static slab_status adder_turn(const void *sink, const slab_span *span, void *state, int phase,
                              void *scratch)
{
    (void)sink, (void)span, (void)phase, (void)scratch;
    ((adder_state *)state)->turns++;
    return SLAB_OK;
}

static slab_status adder_merge(const void *sink, const slab_span *into_span, void *into,
                               const slab_span *from_span, const void *from)
{
    adder_state *a = into;
    const adder_state *b = from;
    (void)sink, (void)into_span, (void)from_span;
    a->sum += b->sum;
    a->tiles += b->tiles;
    a->turns += b->turns;
    return SLAB_OK;
}

static slab_status adder_finish(void *sink, const slab_span *span, void *state)
{
    adder *a = sink;
    const adder_state *s = state;
    (void)span;
    a->sum = s->sum;
    a->tiles = s->tiles;
    a->turns = s->turns;
    a->finished++;
    return SLAB_OK;
}

static const slab_sink_class adder_class = {.name = "adder",
                                            .wants = adder_wants,
                                            .state_bytes = adder_bytes,
                                            .accumulate = adder_take,
                                            .turn = adder_turn,
                                            .merge = adder_merge,
                                            .finish = adder_finish};

static adder plain_adder(void)
{
    return (adder){.wants = {.nphases = 1, .band_axis = -1}};
}

/* f32 [5 * 1024 * 1024 / 4 * 3]: 15 MiB, thirteen whole tiles of 1 MiB and more. */
enum { ELEMENTS = 5 * 262144 * 3 - 1000, TILE = 262144 };

static slab_value *vector(void)
{
    float *data = malloc(sizeof(float) * ELEMENTS);
    uint32_t x = 1;
    for (int i = 0; i < ELEMENTS; i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (float)(x >> 8) * 1e-3F;
    }
    slab_shape shape = {1, {ELEMENTS}};
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &shape, data);
    free(data);
    return value;
}

static slab_status run(slab_value *value, int threads, size_t budget, adder *sink,
                       slab_pass_plan *plan)
{
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), threads, &crew), SLAB_OK);
    ck_assert_int_eq(slab_pass_create(crew, "adding", value, &pass), SLAB_OK);
    ck_assert_int_eq(slab_pass_add(pass, &adder_class, sink), SLAB_OK);
    slab_status rc = slab_pass_plan_make(pass, budget, plan);
    if (rc == SLAB_OK)
        rc = slab_pass_run(pass, budget);
    slab_pass_destroy(&pass);
    slab_crew_destroy(&crew);
    return rc;
}

/* The fixed tree, written down independently: sums of tiles 0..n-1 below 2^level leaves. */
static float tree(const float *leaf, int n, int size)
{
    if (size == 1)
        return leaf[0];
    float left = tree(leaf, n < size / 2 ? n : size / 2, size / 2);
    return n > size / 2 ? left + tree(leaf + size / 2, n - size / 2, size / 2) : left;
}

START_TEST(every_tile_is_summed_once_and_merged_in_the_fixed_tree)
{
    slab_value *value = vector();
    adder sink = plain_adder();
    slab_pass_plan plan;
    ck_assert_int_eq(run(value, 2, 64 << 20, &sink, &plan), SLAB_OK);
    ck_assert_int_eq(plan.ntiles, 15);
    ck_assert_int_eq(plan.ntasks, 15);
    ck_assert_int_eq(sink.tiles, 15);
    ck_assert_int_eq(sink.finished, 1);
    slab_view view;
    slab_box all = slab_box_whole(slab_value_shape(value));
    ck_assert_int_eq(slab_value_get(value, 0, &all, &view), SLAB_OK);
    float leaves[15] = {0};
    for (int i = 0; i < ELEMENTS; i++)
        leaves[i / TILE] += ((const float *)view.data)[i];
    ck_assert(sink.sum == tree(leaves, 15, 16));
    slab_value_drop(&value);
}
END_TEST

START_TEST(threads_and_budgets_leave_the_bits_alone)
{
    slab_value *value = vector();
    adder sinks[4];
    slab_pass_plan plan;
    for (int i = 0; i < 4; i++) {
        sinks[i] = plain_adder();
        sinks[i].padding = i == 3 ? 0 : 1000;
        ck_assert_int_eq(run(value, 1 + 2 * i, i == 1 ? 24 << 10 : 1 << 30, &sinks[i], &plan),
                         SLAB_OK);
        ck_assert_int_eq(sinks[i].tiles, 15);
        ck_assert(sinks[i].sum == sinks[0].sum);
    }
    slab_value_drop(&value);
}
END_TEST

START_TEST(a_small_budget_lets_fewer_threads_work)
{
    slab_value *value = vector();
    adder sink = plain_adder();
    slab_pass_plan plan;
    sink.padding = 50000;
    ck_assert_int_eq(run(value, 8, 1 << 30, &sink, &plan), SLAB_OK);
    ck_assert_int_eq(plan.threads, 8);
    size_t two = plan.memory_least + plan.memory_thread;
    adder again = plain_adder();
    again.padding = 50000;
    ck_assert_int_eq(run(value, 8, two + 100, &again, &plan), SLAB_OK);
    ck_assert_int_eq(plan.threads, 2);
    ck_assert_uint_le(plan.memory, two + 100);
    ck_assert(again.sum == sink.sum);
    slab_value_drop(&value);
}
END_TEST

START_TEST(a_pass_stays_within_the_memory_it_plans)
{
    slab_value *value = vector();
    adder sink = plain_adder();
    slab_pass_plan plan;
    sink.padding = 90000;
    ck_assert_int_eq(run(value, 4, 1 << 30, &sink, &plan), SLAB_OK);
    slab_memory_peak_reset();
    size_t before = slab_memory_used();
    ck_assert_int_eq(run(value, 4, 1 << 30, &sink, &plan), SLAB_OK);
    ck_assert_uint_ge(slab_memory_peak() - before, 90000);
    ck_assert_uint_le(slab_memory_peak() - before, plan.memory + 65536);
    slab_value_drop(&value);
}
END_TEST

START_TEST(a_budget_too_small_for_one_thread_names_one_that_would_do)
{
    slab_value *value = vector();
    adder sink = plain_adder();
    slab_pass_plan plan;
    sink.padding = (size_t)36 << 20;
    ck_assert_int_eq(run(value, 2, 20 << 20, &sink, &plan), SLAB_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "needs at least 37 MiB"));
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "--memory "));
    ck_assert_int_eq(sink.finished, 0);
    slab_value_drop(&value);
}
END_TEST

START_TEST(large_states_make_large_tasks)
{
    slab_value *value = vector();
    adder sink = plain_adder();
    slab_pass_plan plan;
    sink.padding = 400000; /* a tenth of 4 MiB is more, of 2 MiB less */
    ck_assert_int_eq(run(value, 2, 1 << 30, &sink, &plan), SLAB_OK);
    ck_assert_int_eq(plan.ntasks, 4);
    ck_assert_int_eq(sink.tiles, 15);
    adder busy = sink;
    busy.wants.intensity = 2;
    ck_assert_int_eq(run(value, 2, 1 << 30, &busy, &plan), SLAB_OK);
    ck_assert_int_eq(plan.ntasks, 8);
    slab_value_drop(&value);
}
END_TEST

static slab_value *matrix(float *data)
{
    slab_shape shape = {2, {1000, 3000}}; /* ~12 MB, tiles of 87 rows */
    for (int i = 0; i < 3000000; i++)
        data[i] = (float)(i % 7);
    return slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &shape, data);
}

START_TEST(bands_are_shown_once_per_phase)
{
    float *data = malloc(sizeof(float) * 3000000);
    slab_value *value = matrix(data);
    adder sink = plain_adder();
    slab_pass_plan plan;
    slab_grid grid;
    slab_shape tile = {2, {500, 500}};
    ck_assert_int_eq(slab_grid_make(slab_value_shape(value), &tile, NULL, &grid), SLAB_OK);
    sink.wants = (slab_sink_wants){.nphases = 2, .band_axis = 1, .grid = &grid};
    ck_assert_int_eq(run(value, 2, 1 << 30, &sink, &plan), SLAB_OK);
    ck_assert_int_eq(plan.ntiles, 12);
    ck_assert_int_eq(plan.ntasks, 6); /* a band is two tiles of 1 MB: a task */
    ck_assert_int_eq(sink.tiles, 24);
    ck_assert_int_eq(sink.turns, 12); /* six bands, two phases */
    ck_assert_int_eq(plan.plain_bytes, 24000000);
    slab_value_drop(&value);
    free(data);
}
END_TEST

START_TEST(whole_axes_make_tiles_that_span_them)
{
    float *data = malloc(sizeof(float) * 3000000);
    slab_value *value = matrix(data);
    adder sink = plain_adder();
    slab_pass_plan plan;
    sink.wants.whole_axes = 1;
    ck_assert_int_eq(run(value, 1, 1 << 30, &sink, &plan), SLAB_OK);
    ck_assert_int_eq(plan.tile.extent[0], 1000);
    slab_value_drop(&value);
    free(data);
}
END_TEST

START_TEST(an_array_without_elements_still_finishes)
{
    slab_shape shape = {2, {0, 4}};
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &shape, NULL);
    adder sink = plain_adder();
    slab_pass_plan plan;
    ck_assert_int_eq(run(value, 2, 1 << 20, &sink, &plan), SLAB_OK);
    ck_assert_int_eq(plan.ntasks, 0);
    ck_assert_int_eq(sink.finished, 1);
    ck_assert(sink.sum == 0);
    slab_value_drop(&value);
}
END_TEST

/* Tile numbers in the order they are shown, on one thread. */
static int64_t shown[16];
static int nshown;

static slab_status trace(const void *sink, const slab_span *span, void *state, int phase,
                         const slab_tile *tile, void *scratch)
{
    (void)sink, (void)span, (void)state, (void)phase, (void)scratch;
    shown[nshown++ % 16] = tile->number;
    return SLAB_OK;
}

START_TEST(tiles_come_along_the_axes_a_sink_runs_along)
{
    const float x[24] = {0};
    const int64_t plain[] = {0, 1, 2, 3, 4, 5}, down[] = {0, 3, 1, 4, 2, 5};
    slab_shape shape = {2, {4, 6}}, tile = {2, {2, 2}};
    slab_grid grid;
    slab_crew *crew = NULL;
    slab_sink_class tracing = adder_class;
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_FLOAT, 4), &shape, x);
    tracing.accumulate = trace;
    ck_assert_int_eq(slab_grid_make(&shape, &tile, NULL, &grid), SLAB_OK);
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 1, &crew), SLAB_OK);
    for (uint32_t run_axes = 0; run_axes < 3; run_axes++) {
        slab_pass *pass = NULL;
        adder sink = plain_adder();
        sink.wants.grid = &grid;
        sink.wants.run_axes = run_axes;
        nshown = 0;
        ck_assert_int_eq(slab_pass_create(crew, "tracing", value, &pass), SLAB_OK);
        ck_assert_int_eq(slab_pass_add(pass, &tracing, &sink), SLAB_OK);
        ck_assert_int_eq(slab_pass_run(pass, 1 << 20), SLAB_OK);
        ck_assert_int_eq(slab_pass_tasks(pass), 1); /* all of it is far below 1 MiB */
        ck_assert_int_eq(nshown, 6);
        ck_assert_mem_eq(shown, run_axes == 1 ? down : plain, sizeof plain);
        slab_pass_destroy(&pass);
    }
    slab_crew_destroy(&crew);
    slab_value_drop(&value);
}
END_TEST

static slab_status fail_late(const void *sink, const slab_span *span, void *state, int phase,
                             const slab_tile *tile, void *scratch)
{
    (void)sink, (void)span, (void)state, (void)phase, (void)scratch;
    return tile->number == 7 ? slab_error_set(SLAB_ERR_CHECKSUM, "x.c", 1, "tile 7 is bad")
                             : SLAB_OK;
}

START_TEST(a_failing_tile_ends_the_pass_with_its_message)
{
    slab_value *value = vector();
    adder sink = plain_adder();
    slab_sink_class failing = adder_class;
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    failing.accumulate = fail_late;
    size_t before = slab_memory_used();
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &crew), SLAB_OK);
    ck_assert_int_eq(slab_pass_create(crew, "failing", value, &pass), SLAB_OK);
    ck_assert_int_eq(slab_pass_add(pass, &failing, &sink), SLAB_OK);
    ck_assert_int_eq(slab_pass_run(pass, 1 << 30), SLAB_ERR_CHECKSUM);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "tile 7 is bad"));
    ck_assert_int_eq(sink.finished, 0);
    slab_pass_destroy(&pass);
    slab_crew_destroy(&crew);
    ck_assert_uint_eq(slab_memory_used(), before);
    slab_value_drop(&value);
}
END_TEST

START_TEST(a_failed_allocation_anywhere_is_an_error_without_a_leak)
{
    slab_value *value = vector();
    size_t before = slab_memory_used();
    slab_pass_plan plan;
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    int failures = 0;
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 1, &crew), SLAB_OK);
    for (long n = 1; n < 30; n++) {
        adder sink = plain_adder();
        ck_assert_int_eq(slab_pass_create(crew, "short of memory", value, &pass), SLAB_OK);
        ck_assert_int_eq(slab_pass_add(pass, &adder_class, &sink), SLAB_OK);
        ck_assert_int_eq(slab_pass_plan_make(pass, 1 << 30, &plan), SLAB_OK);
        slab_memory_fail_at(n);
        slab_status rc = slab_pass_run(pass, 1 << 30);
        slab_memory_fail_at(0);
        ck_assert(rc == SLAB_ERR_MEMORY || (rc == SLAB_OK && sink.tiles == 15));
        failures += rc != SLAB_OK;
        slab_pass_destroy(&pass);
    }
    ck_assert_int_gt(failures, 15);
    slab_crew_destroy(&crew);
    ck_assert_uint_eq(slab_memory_used(), before);
    slab_value_drop(&value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pass");
    TCase *tests = tcase_create("pass");
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, every_tile_is_summed_once_and_merged_in_the_fixed_tree);
    tcase_add_test(tests, threads_and_budgets_leave_the_bits_alone);
    tcase_add_test(tests, a_small_budget_lets_fewer_threads_work);
    tcase_add_test(tests, a_pass_stays_within_the_memory_it_plans);
    tcase_add_test(tests, a_budget_too_small_for_one_thread_names_one_that_would_do);
    tcase_add_test(tests, large_states_make_large_tasks);
    tcase_add_test(tests, bands_are_shown_once_per_phase);
    tcase_add_test(tests, whole_axes_make_tiles_that_span_them);
    tcase_add_test(tests, tiles_come_along_the_axes_a_sink_runs_along);
    tcase_add_test(tests, an_array_without_elements_still_finishes);
    tcase_add_test(tests, a_failing_tile_ends_the_pass_with_its_message);
    tcase_add_test(tests, a_failed_allocation_anywhere_is_an_error_without_a_leak);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
