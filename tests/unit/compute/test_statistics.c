#include <check.h>
#include <float.h>
#include <math.h>
#include <slab/compute/graph/value.h>
#include <slab/compute/kernel/statistics_kernel.h>
#include <slab/compute/pass/pass.h>
#include <slab/compute/sink/statistics.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

#define F4   slab_dtype_make(SLAB_KIND_FLOAT, 4)
#define F8   slab_dtype_make(SLAB_KIND_FLOAT, 8)
#define I(n) slab_dtype_make(SLAB_KIND_INT, n)
#define U(n) slab_dtype_make(SLAB_KIND_UINT, n)

static slab_statistics *run_grid(slab_dtype dtype, slab_shape shape, const void *data,
                                 uint32_t axes, int threads)
{
    slab_value *value = slab_value_from(dtype, &shape, data);
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    slab_statistics *s = NULL;
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), threads, &crew), SLAB_OK);
    ck_assert_int_eq(slab_pass_create(crew, "statistics", value, &pass), SLAB_OK);
    ck_assert_int_eq(slab_statistics_create(value, axes, &s), SLAB_OK);
    ck_assert_int_eq(slab_pass_add(pass, &slab_sink_statistics, s), SLAB_OK);
    ck_assert_msg(slab_pass_run(pass, 1 << 30) == SLAB_OK, "%s", slab_error_last()->message);
    slab_pass_destroy(&pass);
    slab_crew_destroy(&crew);
    slab_value_drop(&value);
    return s;
}

static slab_statistics *of_vector(slab_dtype dtype, int64_t n, const void *data)
{
    return run_grid(dtype, (slab_shape){1, {n}}, data, SLAB_AXES_ALL, 1);
}

/* The kernels alone, with a missing code. */
static slab_statistics_slot slot_of(slab_dtype dtype, const void *data, int64_t n, int64_t missing)
{
    slab_statistics_type type = {.dtype = dtype, .has_missing = missing >= 0};
    slab_statistics_slot slot = {0};
    slab_strip_block block = {data, 1, n, n * (int64_t)dtype.size};
    type.missing = missing < 0 ? 0 : (uint64_t)missing;
    slab_statistics_all(&type, &block, &slot);
    return slot;
}

START_TEST(four_floats_have_the_moments_worked_out_by_hand)
{
    /* mean 2.5, variance (2.25 + 0.25 + 0.25 + 2.25) / 4 = 1.25 */
    const float x[] = {1, 2, 3, 4};
    slab_statistics *s = of_vector(F4, 4, x);
    const slab_statistics_result *r = slab_statistics_get(s);
    ck_assert_int_eq(r->n, 1);
    ck_assert_int_eq(r->shape.rank, 0);
    ck_assert_int_eq(r->count[0], 4);
    ck_assert_int_eq(r->missing[0], 0);
    ck_assert_int_eq(r->zeros[0], 0);
    ck_assert_double_eq(r->mean[0], 2.5);
    ck_assert_double_eq(r->var[0], 1.25);
    ck_assert_double_eq(r->std[0], sqrt(1.25));
    ck_assert_float_eq(*(float *)r->min, 1);
    ck_assert_float_eq(*(float *)r->max, 4);
    slab_statistics_destroy(&s);
}
END_TEST

START_TEST(nan_is_missing_and_zeros_of_both_signs_are_zeros)
{
    const double x[] = {0.0, -0.0, NAN, 6.0, NAN};
    slab_statistics *s = of_vector(F8, 5, x);
    const slab_statistics_result *r = slab_statistics_get(s);
    ck_assert_int_eq(r->count[0], 3);
    ck_assert_int_eq(r->missing[0], 2);
    ck_assert_int_eq(r->zeros[0], 2);
    ck_assert_double_eq(r->mean[0], 2);
    ck_assert_double_eq(r->var[0], 8); /* (4 + 4 + 16) / 3 */
    ck_assert_double_eq(*(double *)r->min, 0);
    ck_assert_int_eq(signbit(*(double *)r->min), 0);
    slab_statistics_destroy(&s);
}
END_TEST

START_TEST(infinities_make_the_mean_infinite_or_undefined)
{
    const float up[] = {1, INFINITY, 2}, both[] = {-INFINITY, 0, INFINITY};
    slab_statistics *s = of_vector(F4, 3, up);
    const slab_statistics_result *r = slab_statistics_get(s);
    ck_assert_int_eq(r->count[0], 3);
    ck_assert(r->mean[0] == INFINITY);
    ck_assert(isnan(r->var[0]));
    ck_assert_float_eq(*(float *)r->min, 1);
    ck_assert(*(float *)r->max == INFINITY);
    slab_statistics_destroy(&s);
    s = of_vector(F4, 3, both);
    r = slab_statistics_get(s);
    ck_assert(isnan(r->mean[0]));
    ck_assert(*(float *)r->min == -INFINITY);
    ck_assert_int_eq(r->zeros[0], 1);
    slab_statistics_destroy(&s);
}
END_TEST

START_TEST(nothing_but_missing_gives_nan)
{
    const float x[] = {NAN, NAN};
    slab_statistics *s = of_vector(F4, 2, x);
    const slab_statistics_result *r = slab_statistics_get(s);
    ck_assert_int_eq(r->count[0], 0);
    ck_assert_int_eq(r->missing[0], 2);
    ck_assert(isnan(r->mean[0]) && isnan(r->var[0]) && isnan(*(float *)r->min));
    slab_statistics_destroy(&s);
    s = of_vector(I(4), 0, NULL);
    r = slab_statistics_get(s);
    ck_assert_int_eq(r->count[0], 0);
    ck_assert(isnan(r->mean[0]));
    ck_assert_int_eq(*(int32_t *)r->max, 0);
    slab_statistics_destroy(&s);
}
END_TEST

START_TEST(a_far_mean_does_not_drown_the_variance)
{
    /* 1e9 + {0, 1, 2} over and over: variance 2/3; naive sums of squares lose it all. */
    enum { N = 30000 };
    double *x = malloc(sizeof *x * N);
    for (int i = 0; i < N; i++)
        x[i] = 1e9 + i % 3;
    slab_statistics *s = of_vector(F8, N, x);
    const slab_statistics_result *r = slab_statistics_get(s);
    ck_assert_double_eq_tol(r->mean[0], 1e9 + 1, 1e-6);
    ck_assert_double_eq_tol(r->var[0], 2.0 / 3, 1e-10);
    slab_statistics_destroy(&s);
    float *y = malloc(sizeof *y * N);
    for (int i = 0; i < N; i++)
        y[i] = (float)(8388608 + i % 3);
    s = of_vector(F4, N, y);
    r = slab_statistics_get(s);
    ck_assert_double_eq_tol(r->var[0], 2.0 / 3, 1e-10);
    slab_statistics_destroy(&s);
    free(x);
    free(y);
}
END_TEST

START_TEST(sums_beyond_the_range_of_doubles_still_have_a_mean)
{
    const double x[] = {1.5e308, 1.5e308, 1.5e308, 1.5e308};
    slab_statistics *s = of_vector(F8, 4, x);
    const slab_statistics_result *r = slab_statistics_get(s);
    ck_assert_double_eq(r->mean[0], 1.5e308);
    ck_assert_double_eq(r->var[0], 0);
    slab_statistics_destroy(&s);
}
END_TEST

START_TEST(integers_are_summed_exactly)
{
    /* 2^31 - 1 a thousand times and -2^31 once */
    int32_t x[1001];
    for (int i = 0; i < 1000; i++)
        x[i] = INT32_MAX;
    x[1000] = INT32_MIN;
    slab_statistics *s = of_vector(I(4), 1001, x);
    const slab_statistics_result *r = slab_statistics_get(s);
    /* sum = 1000 (2^31 - 1) - 2^31 = 2145336163352; n^2 var = 1000 (2^32 - 1)^2 */
    ck_assert_double_eq(r->mean[0], 2145336163352.0 / 1001);
    ck_assert_double_eq_tol(r->var[0] / (1000.0 * 4294967295.0 * 4294967295.0 / 1002001.0), 1,
                            1e-15);
    ck_assert_int_eq(*(int32_t *)r->min, INT32_MIN);
    ck_assert_int_eq(*(int32_t *)r->max, INT32_MAX);
    slab_statistics_destroy(&s);
}
END_TEST

START_TEST(extremes_of_64_bit_integers_are_exact)
{
    const int64_t x[] = {INT64_MAX - 1, INT64_MAX, INT64_MIN, 0, INT64_MIN + 1};
    slab_statistics *s = of_vector(I(8), 5, x);
    const slab_statistics_result *r = slab_statistics_get(s);
    ck_assert(*(int64_t *)r->min == INT64_MIN);
    ck_assert(*(int64_t *)r->max == INT64_MAX);
    ck_assert_double_eq(r->mean[0], -0.4); /* the sum is -2 */
    ck_assert_int_eq(r->zeros[0], 1);
    slab_statistics_destroy(&s);
    const uint64_t y[] = {UINT64_MAX, UINT64_MAX - 2, UINT64_MAX - 4};
    s = of_vector(U(8), 3, y);
    r = slab_statistics_get(s);
    ck_assert(*(uint64_t *)r->max == UINT64_MAX);
    ck_assert(*(uint64_t *)r->min == UINT64_MAX - 4);
    ck_assert_double_eq(r->mean[0], 18446744073709551613.0);
    ck_assert_double_eq(r->var[0], 8.0 / 3);
    slab_statistics_destroy(&s);
}
END_TEST

START_TEST(a_missing_code_is_left_out)
{
    const uint8_t x[] = {0, 1, 2, 3, 3, 2, 0, 1, 3};
    slab_statistics_slot s = slot_of(U(1), x, 9, 3);
    ck_assert_int_eq(s.count, 6);
    ck_assert_int_eq(s.missing, 3);
    ck_assert_int_eq(s.zeros, 2);
    ck_assert_int_eq((int)s.first.sum, 6);
    ck_assert_int_eq((int)s.second.squares, 10);
    ck_assert_uint_eq(s.high.u, 2);
    const uint8_t big[] = {200, 1, 2, 255, 255};
    s = slot_of(U(1), big, 5, 255);
    ck_assert_int_eq(s.count, 3);
    ck_assert_int_eq((int)s.first.sum, 203);
    ck_assert_uint_eq(s.high.u, 200);
    ck_assert_uint_eq(s.low.u, 1);
    const int16_t y[] = {-5, 7, 7, 0};
    s = slot_of(I(2), y, 4, 7);
    ck_assert_int_eq(s.count, 2);
    ck_assert_int_eq((int)s.first.sum, -5);
    ck_assert_int_eq(s.low.i, -5);
    ck_assert_int_eq(s.high.i, 0);
    const int64_t z[] = {9, 9, 4};
    s = slot_of(I(8), z, 3, 9);
    ck_assert_int_eq(s.count, 1);
    ck_assert_int_eq(s.missing, 2);
    ck_assert_int_eq(s.high.i, 4);
}
END_TEST

START_TEST(every_axis_of_a_cube_can_be_reduced)
{
    /* x[i][j][k] = 100 i + 10 j + k, shape [2, 3, 4] */
    int16_t x[24];
    for (int i = 0; i < 24; i++)
        x[i] = (int16_t)(100 * (i / 12) + 10 * (i / 4 % 3) + i % 4);
    slab_shape shape = {3, {2, 3, 4}};
    slab_statistics *s = run_grid(I(2), shape, x, 1 << 1, 1); /* over j */
    const slab_statistics_result *r = slab_statistics_get(s);
    ck_assert_int_eq(r->n, 8);
    ck_assert_int_eq(r->shape.rank, 2);
    ck_assert_int_eq(r->shape.extent[1], 4);
    for (int i = 0; i < 8; i++) {
        ck_assert_double_eq(r->mean[i], 100 * (i / 4) + 10 + i % 4);
        ck_assert_int_eq(((int16_t *)r->max)[i], 100 * (i / 4) + 20 + i % 4);
    }
    slab_statistics_destroy(&s);
    s = run_grid(I(2), shape, x, 1 << 0 | 1 << 2, 1); /* over i and k */
    r = slab_statistics_get(s);
    ck_assert_int_eq(r->n, 3);
    for (int j = 0; j < 3; j++) {
        ck_assert_int_eq(r->count[j], 8);
        ck_assert_double_eq(r->mean[j], 51.5 + 10 * j);
        ck_assert_double_eq(r->var[j], 2501.25); /* 50^2 + 1.25 */
    }
    slab_statistics_destroy(&s);
    s = run_grid(I(2), shape, x, 1 << 2, 1); /* over k */
    r = slab_statistics_get(s);
    ck_assert_int_eq(r->n, 6);
    ck_assert_double_eq(r->mean[5], 121.5);
    ck_assert_int_eq(r->zeros[0], 1);
    slab_statistics_destroy(&s);
}
END_TEST

/* A plain double loop in long double: what the kernels must come near. */
static void check_column(const slab_statistics_result *r, int64_t at, const double *x, int64_t n,
                         int64_t stride, double tolerance)
{
    long double sum = 0, m2 = 0;
    int64_t count = 0, zeros = 0;
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double v = x[i * stride];
        if (isnan(v))
            continue;
        count++;
        zeros += v == 0;
        sum += v;
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[i * stride]))
            m2 += (x[i * stride] - sum / count) * (x[i * stride] - sum / count);
    ck_assert_int_eq(r->count[at], count);
    ck_assert_int_eq(r->missing[at], n - count);
    ck_assert_int_eq(r->zeros[at], zeros);
    double spread = sqrt((double)(m2 / count)) + 1e-300;
    ck_assert_double_le(fabs(r->mean[at] - (double)(sum / count)),
                        tolerance * (spread + fabs(r->mean[at])));
    ck_assert_double_eq_tol(r->var[at] / (double)(m2 / count), 1, tolerance);
    ck_assert_double_eq(slab_dtype_get_double(r->dtype, (char *)r->min + at * r->dtype.size), low);
    ck_assert_double_eq(slab_dtype_get_double(r->dtype, (char *)r->max + at * r->dtype.size), high);
}

static const struct {
    slab_kind kind;
    uint32_t size;
} number_types[] = {{SLAB_KIND_INT, 1},   {SLAB_KIND_INT, 2},  {SLAB_KIND_INT, 4},
                    {SLAB_KIND_INT, 8},   {SLAB_KIND_UINT, 1}, {SLAB_KIND_UINT, 2},
                    {SLAB_KIND_UINT, 4},  {SLAB_KIND_UINT, 8}, {SLAB_KIND_FLOAT, 2},
                    {SLAB_KIND_FLOAT, 4}, {SLAB_KIND_FLOAT, 8}};

/* Shapes whose sizes miss every vector length, several tiles and tasks in the larger type. */
enum { ROWS = 1531, COLUMNS = 777 };

static double *random_matrix(bool holes)
{
    double *x = malloc(sizeof *x * ROWS * COLUMNS);
    uint64_t seed = 1;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (double)(seed >> 57); /* 0..127 fits every type */
        if (holes && seed >> 32 & 1)
            x[i] = NAN;
    }
    return x;
}

START_TEST(every_type_and_axis_agrees_with_a_plain_loop)
{
    slab_dtype dtype = slab_dtype_make(number_types[_i].kind, number_types[_i].size);
    slab_shape shape = {2, {ROWS, COLUMNS}};
    bool is_float = dtype.kind == SLAB_KIND_FLOAT;
    double *x = random_matrix(is_float);
    char *data = malloc((size_t)ROWS * COLUMNS * dtype.size);
    ck_assert_int_eq(slab_dtype_convert(F8, x, dtype, data, (size_t)ROWS * COLUMNS), SLAB_OK);
    slab_statistics *all = run_grid(dtype, shape, data, SLAB_AXES_ALL, 2);
    slab_statistics *down = run_grid(dtype, shape, data, 1, 2);
    slab_statistics *along = run_grid(dtype, shape, data, 2, 2);
    check_column(slab_statistics_get(all), 0, x, ROWS * COLUMNS, 1, 1e-13);
    for (int j = 0; j < COLUMNS; j++)
        check_column(slab_statistics_get(down), j, x + j, ROWS, COLUMNS, 1e-13);
    for (int i = 0; i < ROWS; i++)
        check_column(slab_statistics_get(along), i, x + i * COLUMNS, COLUMNS, 1, 1e-13);
    slab_statistics_destroy(&all);
    slab_statistics_destroy(&down);
    slab_statistics_destroy(&along);
    free(data);
    free(x);
}
END_TEST

static bool same_result(const slab_statistics_result *a, const slab_statistics_result *b)
{
    size_t n = (size_t)a->n * 8, m = (size_t)a->n * a->dtype.size;
    return a->n == b->n && memcmp(a->mean, b->mean, n) == 0 && memcmp(a->var, b->var, n) == 0 &&
           memcmp(a->zeros, b->zeros, n) == 0 && memcmp(a->count, b->count, n) == 0 &&
           memcmp(a->min, b->min, m) == 0 && memcmp(a->max, b->max, m) == 0;
}

START_TEST(every_instruction_set_gives_the_same_bits)
{
    slab_shape shape = {2, {ROWS, COLUMNS}};
    for (int variant = 0; variant < 6; variant++) { /* f4, f8, u1 of 0..3; without and with NaN */
        slab_dtype dtype = variant % 3 == 0 ? F4 : variant % 3 == 1 ? F8 : U(1);
        double *x = random_matrix(variant > 2);
        for (int i = 0; i < ROWS * COLUMNS; i++)
            x[i] = variant % 3 == 2 ? (double)((int)(isnan(x[i]) ? 3 : x[i]) % 4) : x[i] * 0.1;
        char *data = malloc((size_t)ROWS * COLUMNS * dtype.size);
        ck_assert_int_eq(slab_dtype_convert(F8, x, dtype, data, (size_t)ROWS * COLUMNS), SLAB_OK);
        for (uint32_t axes = 1; axes < 4; axes++) {
            int best = slab_statistics_use(-1);
            slab_statistics *first = run_grid(dtype, shape, data, axes, 2);
            for (int level = 0; level < best; level++) {
                ck_assert_int_eq(slab_statistics_use(level), level);
                slab_statistics *other = run_grid(dtype, shape, data, axes, 1);
                ck_assert(same_result(slab_statistics_get(first), slab_statistics_get(other)));
                slab_statistics_destroy(&other);
            }
            slab_statistics_destroy(&first);
        }
        free(data);
        free(x);
    }
    slab_statistics_use(-1);
}
END_TEST

/* The statistics sink's state after a tile shown at once, or part by part. */
static void show(slab_statistics *s, const slab_tile *tile, bool in_parts, void *state)
{
    const slab_sink_class *sink = &slab_sink_statistics;
    void *scratch = malloc(sink->scratch_bytes(s, NULL));
    size_t most = in_parts ? SLAB_PART_BYTES : SIZE_MAX;
    slab_tile part = *tile;
    int parts = 0;
    bool more = slab_box_first_part(&tile->box, 4, most, &part.box);
    for (; more; more = slab_box_next_part(&tile->box, 4, most, &part.box)) {
        part.view.data = (const char *)tile->view.data + part.box.start[0] * tile->view.stride[0] +
                         part.box.start[1] * tile->view.stride[1];
        ck_assert_int_eq(sink->accumulate(s, &tile->box, state, 0, &part, scratch), SLAB_OK);
        parts++;
    }
    ck_assert_int_eq(parts > 1, in_parts);
    free(scratch);
}

START_TEST(a_tile_and_its_parts_give_the_same_bits)
{
    enum { WIDE = 900 };
    static float x[700 * WIDE];
    for (int i = 0; i < 700 * WIDE; i++)
        x[i] = (float)(i % 8191) * 0.1F;
    static const int64_t widths[] = {WIDE, 123, 1};
    for (int w = 0; w < 3; w++) {
        slab_shape shape = {2, {700, widths[w]}};
        slab_value *value = slab_value_from(F4, &shape, x);
        for (uint32_t axes = 2; axes <= 3; axes++) { /* along rows; all */
            slab_statistics *s = NULL;
            slab_tile tile = {
                .box = slab_box_whole(&shape), .dtype = F4, .view = {x, {4 * WIDE, 4}}};
            ck_assert_int_eq(slab_statistics_create(value, axes, &s), SLAB_OK);
            ck_assert(slab_sink_statistics.wants(s).in_parts);
            size_t bytes = slab_sink_statistics.state_bytes(s, &tile.box);
            void *whole = calloc(1, bytes), *parts = calloc(1, bytes);
            show(s, &tile, false, whole);
            show(s, &tile, widths[w] > 100, parts);
            ck_assert_mem_eq(whole, parts, bytes);
            ck_assert_int_eq(((slab_statistics_slot *)whole)->zeros > 0, 1);
            free(whole);
            free(parts);
            slab_statistics_destroy(&s);
        }
        slab_value_drop(&value);
    }
}
END_TEST

START_TEST(columns_next_to_genotypes_may_hold_other_values)
{
    /* Column 300 has a 4 at row 99: its stripe takes the general way, and adds nothing twice. */
    enum { R = 100, C = 700 };
    static uint8_t x[R * C];
    for (int i = 0; i < R * C; i++)
        x[i] = (uint8_t)(i % C % 4);
    x[99 * C + 300] = 4;
    slab_statistics *s = run_grid(U(1), (slab_shape){2, {R, C}}, x, 1, 1);
    const slab_statistics_result *r = slab_statistics_get(s);
    for (int j = 0; j < C; j++) {
        ck_assert_int_eq(r->count[j], R);
        ck_assert_double_eq(r->mean[j], j == 300 ? 0.04 : j % 4);
        ck_assert_int_eq(((uint8_t *)r->max)[j], j == 300 ? 4 : j % 4);
        ck_assert_int_eq(r->zeros[j], j == 300 ? 99 : j % 4 ? 0 : R);
    }
    slab_statistics_destroy(&s);
}
END_TEST

START_TEST(complex_numbers_and_wrong_axes_are_refused)
{
    const double x[2] = {1, 2};
    slab_shape shape = {1, {1}};
    slab_statistics *s = NULL;
    slab_value *value = slab_value_from(slab_dtype_make(SLAB_KIND_COMPLEX, 16), &shape, x);
    ck_assert_int_eq(slab_statistics_create(value, SLAB_AXES_ALL, &s), SLAB_ERR_TYPE);
    ck_assert_ptr_null(s);
    slab_value_drop(&value);
    value = slab_value_from(F8, &shape, x);
    ck_assert_int_eq(slab_statistics_create(value, 2, &s), SLAB_ERR_RANGE);
    ck_assert_int_eq(slab_statistics_create(value, 0, &s), SLAB_ERR_RANGE);
    slab_value_drop(&value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statistics");
    TCase *tests = tcase_create("statistics");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, four_floats_have_the_moments_worked_out_by_hand);
    tcase_add_test(tests, nan_is_missing_and_zeros_of_both_signs_are_zeros);
    tcase_add_test(tests, infinities_make_the_mean_infinite_or_undefined);
    tcase_add_test(tests, nothing_but_missing_gives_nan);
    tcase_add_test(tests, a_far_mean_does_not_drown_the_variance);
    tcase_add_test(tests, sums_beyond_the_range_of_doubles_still_have_a_mean);
    tcase_add_test(tests, integers_are_summed_exactly);
    tcase_add_test(tests, extremes_of_64_bit_integers_are_exact);
    tcase_add_test(tests, a_missing_code_is_left_out);
    tcase_add_test(tests, every_axis_of_a_cube_can_be_reduced);
    tcase_add_loop_test(tests, every_type_and_axis_agrees_with_a_plain_loop, 0, 11);
    tcase_add_test(tests, every_instruction_set_gives_the_same_bits);
    tcase_add_test(tests, a_tile_and_its_parts_give_the_same_bits);
    tcase_add_test(tests, columns_next_to_genotypes_may_hold_other_values);
    tcase_add_test(tests, complex_numbers_and_wrong_axes_are_refused);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
