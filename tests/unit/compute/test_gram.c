#include <check.h>
#include <math.h>
#include <slab/compute/sink/gram.h>
#include <stdlib.h>
#include <string.h>

enum { N = 37, D = 53, TILE = 20 };

/* Without a pattern; NaN where missing. */
static double element(int i, int c)
{
    int r = (i * 1103 + c * 7919 + i * c * 31) % 9973;
    return r % 11 == 0 ? (double)NAN : r % 17 - 8;
}

static double mean[D], scale[D];

static double z_of(int i, int c)
{
    double x = element(i, c);
    return isnan(x) ? 0 : (x - mean[c]) * scale[c];
}

/* Tiles in either order. */
static void run_gram(slab_gram *g, const float *x, bool last_first)
{
    slab_shape tile = {.rank = 2, .extent = {g->side == 0 ? N : TILE, g->side == 0 ? TILE : D}};
    slab_span all = {.rank = 2, .count = {N, D}};
    int axis = 1 - g->side;
    int64_t ntiles = (all.count[axis] + TILE - 1) / TILE;
    void *scratch = aligned_alloc(64, (slab_sink_gram.scratch_bytes(g, &tile) + 63) / 64 * 64);
    ck_assert_int_eq(slab_gram_prepare(g), SLAB_OK);
    for (int64_t t = 0; t < ntiles; t++) {
        int64_t at = (last_first ? ntiles - 1 - t : t) * TILE;
        slab_span span = all;
        span.start[axis] = at;
        span.count[axis] = all.count[axis] - at < TILE ? all.count[axis] - at : TILE;
        slab_tile shown = {.dtype = g->z->dtype, .box = span};
        shown.view.data = x + span.start[0] * D + span.start[1];
        shown.view.stride[0] = D * sizeof *x;
        shown.view.stride[1] = sizeof *x;
        ck_assert_int_eq(slab_sink_gram.accumulate(g, &span, NULL, 0, &shown, scratch), SLAB_OK);
    }
    ck_assert_int_eq(slab_gram_collect(g, slab_ranks_alone()), SLAB_OK);
    slab_gram_clear(g);
    free(scratch);
}

START_TEST(both_gram_matrices_are_those_of_a_naive_loop)
{
    static float x[N * D];
    static double g[D * D], again[D * D];
    slab_standard z = {
        .n = N, .d = D, .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4), .mean = mean, .scale = scale};
    for (int c = 0; c < D; c++) {
        mean[c] = 0.25 * (c % 7) - 1;
        scale[c] = c == 5 ? 0 : 1 + 0.125 * (c % 5);
        for (int i = 0; i < N; i++)
            x[i * D + c] = (float)element(i, c);
        for (int i = 0; i < N; i++)
            z.squares += z_of(i, c) * z_of(i, c);
    }
    for (int side = 0; side < 2; side++) {
        int m = side == 0 ? N : D, other = side == 0 ? D : N;
        slab_gram gram = {.z = &z, .side = side, .out = again};
        run_gram(&gram, x, true);
        gram.out = g;
        run_gram(&gram, x, false);
        ck_assert(memcmp(g, again, (size_t)(m * m) * sizeof *g) == 0);
        for (int a = 0; a < m; a++)
            for (int b = 0; b < m; b++) {
                double sum = 0;
                for (int k = 0; k < other; k++)
                    sum += side == 0 ? z_of(a, k) * z_of(b, k) : z_of(k, a) * z_of(k, b);
                ck_assert_double_eq_tol(g[a * m + b], sum, 1e-9);
            }
    }
}
END_TEST

START_TEST(there_is_one_matrix_and_a_triangle_for_every_thread)
{
    slab_standard z = {.n = 2000, .d = 3, .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8)};
    slab_gram g = {.z = &z};
    slab_shape tile = {.rank = 2, .extent = {2000, 3}};
    size_t triangle = 2000 * 2001 / 2 * 8, strip = 2 << 20;
    ck_assert(!slab_sink_gram.merge);
    ck_assert_uint_ge(slab_sink_gram.scratch_bytes(&g, &tile), triangle);
    ck_assert_uint_le(slab_sink_gram.scratch_bytes(&g, &tile), triangle + strip + 64);
    ck_assert_uint_eq(slab_gram_collect_bytes(&g), triangle);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gram");
    TCase *tests = tcase_create("gram");
    tcase_add_test(tests, both_gram_matrices_are_those_of_a_naive_loop);
    tcase_add_test(tests, there_is_one_matrix_and_a_triangle_for_every_thread);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
