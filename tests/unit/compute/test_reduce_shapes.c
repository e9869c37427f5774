/* Reductions along every axis, in tiles that do not divide, against plain loops; and their bits. */
#include "reducing.h"

#include <math.h>
#include <slab/compute/kernel/reduce_kernel.h>
#include <slab/compute/sink/statistics.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    slab_kind kind;
    uint32_t size;
} types[] = {{SLAB_KIND_BOOL, 1}, {SLAB_KIND_INT, 1},   {SLAB_KIND_INT, 2},   {SLAB_KIND_INT, 4},
             {SLAB_KIND_INT, 8},  {SLAB_KIND_UINT, 1},  {SLAB_KIND_UINT, 2},  {SLAB_KIND_UINT, 4},
             {SLAB_KIND_UINT, 8}, {SLAB_KIND_FLOAT, 2}, {SLAB_KIND_FLOAT, 4}, {SLAB_KIND_FLOAT, 8}};
enum { TYPES = sizeof types / sizeof *types };

static const struct {
    slab_shape shape, tile;
} layouts[] = {
    {{1, {1037}}, {1, {100}}},
    {{2, {131, 67}}, {2, {50, 19}}},
    {{2, {131, 67}}, {2, {17, 1}}},
    {{2, {700, 3}}, {2, {333, 3}}},
    {{2, {3, 700}}, {2, {2, 700}}},
    {{3, {5, 7, 43}}, {3, {2, 7, 20}}},
    {{3, {40, 9, 5}}, {3, {40, 2, 5}}},
    {{4, {3, 4, 5, 6}}, {4, {2, 3, 1, 4}}},
    {{5, {2, 1, 7, 1, 33}}, {5, {1, 1, 4, 1, 32}}},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

/* Small integers fit every type and add up exactly; with NaN here and there. */
static double *small_numbers(int64_t n, int span, bool holes)
{
    double *x = malloc(sizeof *x * (size_t)n);
    uint64_t seed = 7;
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (double)((seed >> 40) % (uint64_t)span);
        if (holes && (seed >> 33) % 5 == 0)
            x[i] = NAN;
    }
    return x;
}

static int64_t elements(const slab_shape *shape)
{
    int64_t n = 1;
    for (int a = 0; a < shape->rank; a++)
        n *= shape->extent[a];
    return n;
}

/* Slot of an element, and its place in it, both in C order. */
static int64_t slot_of(const slab_shape *shape, uint32_t axes, int64_t i, int64_t *place)
{
    int64_t at[SLAB_RANK_MAX], slot = 0;
    *place = 0;
    for (int a = shape->rank - 1; a >= 0; a--) {
        at[a] = i % shape->extent[a];
        i /= shape->extent[a];
    }
    for (int a = 0; a < shape->rank; a++) {
        int64_t *to = axes >> a & 1 ? place : &slot;
        *to = *to * shape->extent[a] + at[a];
    }
    return slot;
}

/* What a loop finds in a slot. */
typedef struct found {
    double n, sum, low, high, nonzero;
    long double m2;
    int64_t low_at, high_at;
} found;

static found *look(const slab_shape *shape, uint32_t axes, const double *x, int64_t nslots)
{
    int64_t n = elements(shape), place;
    found *f = calloc((size_t)nslots, sizeof *f);
    for (int64_t i = 0; i < n; i++) {
        found *s = &f[slot_of(shape, axes, i, &place)];
        s->nonzero += x[i] != 0;
        if (isnan(x[i]))
            continue;
        if (s->n == 0 || x[i] < s->low || (x[i] == s->low && place < s->low_at)) {
            s->low = x[i];
            s->low_at = place;
        }
        if (s->n == 0 || x[i] > s->high || (x[i] == s->high && place < s->high_at)) {
            s->high = x[i];
            s->high_at = place;
        }
        s->n++;
        s->sum += x[i];
    }
    for (int64_t i = 0; i < n; i++) {
        found *s = &f[slot_of(shape, axes, i, &place)];
        long double d = x[i] - (long double)s->sum / s->n;
        s->m2 += isnan(x[i]) ? 0 : d * d;
    }
    return f;
}

static void near(double got, double is, slab_dtype dtype)
{
    if (dtype.size == 2 && is > 65504) /* beyond halves */
        is = INFINITY;
    if (is == INFINITY) {
        ck_assert(got == INFINITY);
        return;
    }
    double eps = dtype.kind != SLAB_KIND_FLOAT || dtype.size == 8 ? 1e-14
                 : dtype.size == 4                                ? 1e-6
                                                                  : 1e-3;
    ck_assert_msg(fabs(got - is) <= eps * fabs(is), "%.17g, not %.17g", got, is);
}

static double result(const slab_reduce *r, int which, slab_dtype dtype, int64_t i)
{
    return slab_dtype_get_double(dtype,
                                 (const char *)slab_reduce_get_at(r, which) + i * dtype.size);
}

static const char *const names[2][10] = {
    {"sum", "mean", "var", "min", "max", "argmin", "argmax", "count_nonzero", "std", "ptp"},
    {"nansum", "nanmean", "nanvar", "nanmin", "nanmax", "nanargmin", "nanargmax", "count_nonzero",
     "nanstd", "nanmax"}};
enum { NAMES = 10 };

static void check_axes(slab_dtype dtype, const slab_shape *shape, const slab_shape *tile,
                       uint32_t axes, const double *x, const void *data, bool holes)
{
    slab_reduce_spec specs[NAMES];
    slab_dtype type[NAMES];
    int n = dtype.kind == SLAB_KIND_BOOL ? NAMES - 1 : NAMES; /* no ptp */
    slab_value *value = slab_value_from(dtype, shape, data);
    for (int i = 0; i < n; i++) {
        specs[i] = (slab_reduce_spec){.name = names[holes][i], .axes = axes};
        ck_assert_int_eq(slab_reduction_types(specs[i].name, value, &specs[i], &type[i]), SLAB_OK);
    }
    slab_value_drop(&value);
    slab_reduce *r = reduce_many(dtype, *shape, data, specs, n, tile, 2);
    int64_t nslots = 1;
    for (int a = 0; a < shape->rank; a++)
        nslots *= axes >> a & 1 ? 1 : shape->extent[a];
    found *f = look(shape, axes, x, nslots);
    for (int64_t i = 0; i < nslots; i++) {
        double var = (double)(f[i].m2 / f[i].n);
        near(result(r, 0, type[0], i), f[i].sum, type[0]);
        near(result(r, 1, type[1], i), f[i].sum / f[i].n, type[1]);
        near(result(r, 2, type[2], i), var, type[2]);
        ck_assert_double_eq(result(r, 3, type[3], i), f[i].low);
        ck_assert_double_eq(result(r, 4, type[4], i), f[i].high);
        ck_assert_double_eq(result(r, 5, type[5], i), (double)f[i].low_at);
        ck_assert_double_eq(result(r, 6, type[6], i), (double)f[i].high_at);
        ck_assert_double_eq(result(r, 7, type[7], i), f[i].nonzero);
        near(result(r, 8, type[8], i), sqrt(var), type[8]);
        if (n == NAMES)
            ck_assert_double_eq(result(r, 9, type[9], i), f[i].high - (holes ? 0 : f[i].low));
    }
    free(f);
    slab_reduce_destroy(&r);
}

START_TEST(every_type_shape_and_axis_agrees_with_a_plain_loop)
{
    slab_dtype dtype = slab_dtype_make(types[_i].kind, types[_i].size);
    for (int l = 0; l < LAYOUTS; l++) {
        const slab_shape *shape = &layouts[l].shape;
        int64_t n = elements(shape);
        for (int holes = 0; holes <= (dtype.kind == SLAB_KIND_FLOAT); holes++) {
            /* Slots are long enough, in a first axis, not to be all NaN. */
            double *x = small_numbers(n, dtype.kind == SLAB_KIND_BOOL ? 2 : 40, holes);
            void *data = malloc((size_t)n * dtype.size);
            ck_assert_int_eq(slab_dtype_convert(F8, x, dtype, data, (size_t)n), SLAB_OK);
            uint32_t all = (1U << shape->rank) - 1;
            for (uint32_t axes = holes ? all : 1; axes <= all; axes++)
                check_axes(dtype, shape, &layouts[l].tile, axes, x, data, holes);
            if (holes && shape->rank == 2 && shape->extent[0] > 100)
                check_axes(dtype, shape, &layouts[l].tile, 1, x, data, true);
            if (holes && shape->rank == 2 && shape->extent[1] > 60)
                check_axes(dtype, shape, &layouts[l].tile, 2, x, data, true);
            free(data);
            free(x);
        }
    }
}
END_TEST

START_TEST(products_along_every_axis)
{
    static const double x[2][3] = {{1, 2, 3}, {4, 5, NAN}};
    slab_shape shape = {2, {2, 3}}, tile = {2, {1, 2}};
    slab_reduce_spec specs[] = {{.name = "prod", .axes = 1}, {.name = "nanprod", .axes = 1}};
    slab_reduce *r = reduce_many(F8, shape, x, specs, 2, &tile, 1);
    const double *p = slab_reduce_get_at(r, 0), *q = slab_reduce_get_at(r, 1);
    ck_assert(p[0] == 4 && p[1] == 10 && isnan(p[2]));
    ck_assert(q[0] == 4 && q[1] == 10 && q[2] == 3);
    slab_reduce_destroy(&r);
    specs[0].axes = specs[1].axes = 2;
    r = reduce_many(F8, shape, x, specs, 2, &tile, 1);
    q = slab_reduce_get_at(r, 1);
    ck_assert(q[0] == 6 && q[1] == 20);
    slab_reduce_destroy(&r);
    static const uint8_t u[2][3] = {{1, 2, 3}, {4, 5, 6}};
    specs[0].axes = 1;
    r = reduce_many(U(1), shape, u, specs, 1, &tile, 1);
    const uint64_t *w = slab_reduce_get(r);
    ck_assert(w[0] == 4 && w[1] == 10 && w[2] == 18);
    slab_reduce_destroy(&r);
}
END_TEST

START_TEST(a_view_with_its_axes_turned_gives_the_same)
{
    enum { R = 61, C = 45 };
    double *x = small_numbers(R * C, 100, false);
    slab_shape shape = {2, {R, C}};
    slab_reduce_spec down = {.name = "sum", .axes = 1}, along = {.name = "sum", .axes = 2};
    slab_reduce *straight = reduce_spec(F8, shape, x, down), *turned = NULL;
    slab_value *value = slab_value_from(F8, &shape, x);
    slab_value *view = slab_value_transpose(value, NULL);
    ck_assert_int_eq(slab_reduce_create(view, &along, &turned), SLAB_OK);
    ck_assert_int_eq(run_reduce(view, turned, NULL, 1), SLAB_OK);
    ck_assert_mem_eq(slab_reduce_get(straight), slab_reduce_get(turned), C * sizeof(double));
    slab_reduce_destroy(&straight);
    slab_reduce_destroy(&turned);
    slab_value_drop(&view);
    slab_value_drop(&value);
    free(x);
}
END_TEST

START_TEST(slots_of_a_narrow_tile_in_a_wider_span_are_not_neighbours)
{
    /* x[i][j][k] of [2, 3, 1] at k = 1 of a span two wide: slots 1, 3, 5. */
    static const double x[6] = {1, 2, 3, 10, 20, 30};
    slab_shape shape = {3, {2, 3, 2}};
    static const double zeros[12];
    slab_value *value = slab_value_from(F8, &shape, zeros);
    slab_statistics *s = NULL;
    slab_reduce *r = NULL;
    ck_assert_int_eq(slab_statistics_create(value, 1, &s), SLAB_OK);
    ck_assert_int_eq(slab_reduce_create(value, &(slab_reduce_spec){.name = "sum", .axes = 1}, &r),
                     SLAB_OK);
    slab_span span = {3, {0, 0, 0}, {2, 3, 2}};
    slab_tile tile = {.box = {3, {0, 0, 1}, {2, 3, 1}}, .dtype = F8};
    tile.view = (slab_view){.data = x, .stride = {24, 8, 8}};
    void *state, *scratch, *sums;
    const slab_sink_class *reduce = &slab_sink_reduce, *stat = &slab_sink_statistics;
    ck_assert_int_eq(slab_memory_alloc(&state, 1, 4096, "test"), SLAB_OK);
    ck_assert_int_eq(slab_memory_alloc(&scratch, 1, 1 << 20, "test"), SLAB_OK);
    ck_assert_int_eq(slab_memory_alloc(&sums, 6, 8, "test"), SLAB_OK);
    ck_assert_uint_le(reduce->state_bytes(r, &span), 4096);
    ck_assert_uint_le(reduce->scratch_bytes(r, &shape), 1 << 20);
    ck_assert_int_eq(reduce->accumulate(r, &span, state, 0, &tile, scratch), SLAB_OK);
    ck_assert_int_eq(slab_reduce_convert(r, &span, state, sums), SLAB_OK);
    const double expected[6] = {0, 11, 0, 22, 0, 33};
    ck_assert_mem_eq(sums, expected, sizeof expected);
    memset(state, 0, 4096);
    ck_assert_int_eq(stat->accumulate(s, &span, state, 0, &tile, scratch), SLAB_OK);
    ck_assert_int_eq(stat->finish(s, &span, state), SLAB_OK);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(slab_statistics_get(s)->count[i], i % 2 ? 2 : 0);
    slab_memory_free(state);
    slab_memory_free(scratch);
    slab_memory_free(sums);
    slab_reduce_destroy(&r);
    slab_statistics_destroy(&s);
    slab_value_drop(&value);
}
END_TEST

enum { ROWS = 1531, COLUMNS = 777 };

static void *ugly_matrix(slab_dtype dtype, bool holes)
{
    double *x = small_numbers(ROWS * COLUMNS, 1 << 20, holes);
    char *data = malloc((size_t)ROWS * COLUMNS * dtype.size);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        x[i] = (x[i] - 1000) * (i % 3 ? 0.1 : 1e-7);
    ck_assert_int_eq(slab_dtype_convert(F8, x, dtype, data, (size_t)ROWS * COLUMNS), SLAB_OK);
    free(x);
    return data;
}

static void check_same(const slab_reduce *a, const slab_reduce *b, int n, size_t bytes)
{
    for (int i = 0; i < n; i++)
        ck_assert_mem_eq(slab_reduce_get_at(a, i), slab_reduce_get_at(b, i), bytes);
}

START_TEST(threads_and_instruction_sets_give_the_same_bits)
{
    static const char *const of[2][4] = {{"sum", "mean", "var", "prod"},
                                         {"nansum", "nanmean", "nanvar", "nanprod"}};
    slab_shape shape = {2, {ROWS, COLUMNS}};
    for (int variant = 0; variant < 4; variant++) {
        slab_dtype dtype = variant % 2 ? F8 : F4;
        void *data = ugly_matrix(dtype, variant > 1);
        for (uint32_t axes = 1; axes < 4; axes++) {
            slab_reduce_spec specs[4];
            for (int i = 0; i < 4; i++)
                specs[i] = (slab_reduce_spec){.name = of[variant > 1][i], .axes = axes};
            size_t bytes = dtype.size * (axes == 1 ? COLUMNS : axes == 2 ? ROWS : 1);
            int best = slab_reduce_use(-1);
            slab_reduce *first = reduce_many(dtype, shape, data, specs, 4, NULL, 2);
            for (int level = 0; level <= best; level++) {
                ck_assert_int_eq(slab_reduce_use(level), level);
                slab_reduce *other = reduce_many(dtype, shape, data, specs, 4, NULL, 1);
                check_same(first, other, 4, bytes);
                slab_reduce_destroy(&other);
            }
            slab_reduce_destroy(&first);
        }
        free(data);
    }
    slab_reduce_use(-1);
}
END_TEST

START_TEST(a_mean_is_the_same_bits_alone_and_with_a_std)
{
    slab_shape shape = {2, {ROWS, COLUMNS}};
    slab_reduce_spec specs[] = {{.name = "mean", .axes = 1}, {.name = "std", .axes = 1}};
    void *data = ugly_matrix(F8, false);
    slab_reduce *alone = reduce_many(F8, shape, data, specs, 1, NULL, 1);
    slab_reduce *both = reduce_many(F8, shape, data, specs, 2, NULL, 1);
    check_same(alone, both, 1, COLUMNS * sizeof(double));
    slab_span whole = slab_box_whole(&shape);
    ck_assert_uint_eq(slab_sink_reduce.state_bytes(alone, &whole) / 64, COLUMNS * 16 / 64 + 1);
    ck_assert_uint_eq(slab_sink_reduce.state_bytes(both, &whole) / 64, COLUMNS * 32 / 64 + 1);
    slab_reduce_destroy(&alone);
    slab_reduce_destroy(&both);
    free(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reduce shapes");
    TCase *tests = tcase_create("reduce shapes");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, every_type_shape_and_axis_agrees_with_a_plain_loop, 0, TYPES);
    tcase_add_test(tests, products_along_every_axis);
    tcase_add_test(tests, a_view_with_its_axes_turned_gives_the_same);
    tcase_add_test(tests, slots_of_a_narrow_tile_in_a_wider_span_are_not_neighbours);
    tcase_add_test(tests, threads_and_instruction_sets_give_the_same_bits);
    tcase_add_test(tests, a_mean_is_the_same_bits_alone_and_with_a_std);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
