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

/* One state a tile, all merged in order. */
static void run_gram(slab_gram *g, const float *x)
{
    slab_shape tile = {.rank = 2, .extent = {g->side == 0 ? N : TILE, g->side == 0 ? TILE : D}};
    slab_span all = {.rank = 2, .count = {N, D}};
    int axis = 1 - g->side;
    size_t bytes = slab_sink_gram.state_bytes(g, &all);
    void *total = aligned_alloc(64, (bytes + 63) / 64 * 64);
    void *state = aligned_alloc(64, (bytes + 63) / 64 * 64);
    void *scratch = aligned_alloc(64, slab_sink_gram.scratch_bytes(g, &tile) + 64);
    slab_sink_gram.init(g, &all, total);
    for (int64_t at = 0; at < all.count[axis]; at += TILE) {
        slab_span span = all;
        span.start[axis] = at;
        span.count[axis] = all.count[axis] - at < TILE ? all.count[axis] - at : TILE;
        slab_tile t = {.dtype = g->z->dtype, .box = span};
        t.view.data = x + span.start[0] * D + span.start[1];
        t.view.stride[0] = D * sizeof *x;
        t.view.stride[1] = sizeof *x;
        slab_sink_gram.init(g, &span, state);
        ck_assert_int_eq(slab_sink_gram.accumulate(g, &span, state, 0, &t, scratch), SLAB_OK);
        slab_sink_gram.merge(g, &all, total, &span, state);
    }
    ck_assert_int_eq(slab_sink_gram.finish(g, &all, total), SLAB_OK);
    free(scratch);
    free(state);
    free(total);
}

START_TEST(both_gram_matrices_are_those_of_a_naive_loop)
{
    static float x[N * D];
    static double g[D * D];
    slab_standard z = {
        .n = N, .d = D, .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4), .mean = mean, .scale = scale};
    for (int c = 0; c < D; c++) {
        mean[c] = 0.25 * (c % 7) - 1;
        scale[c] = c == 5 ? 0 : 1 + 0.125 * (c % 5);
        for (int i = 0; i < N; i++)
            x[i * D + c] = (float)element(i, c);
    }
    for (int side = 0; side < 2; side++) {
        int m = side == 0 ? N : D, other = side == 0 ? D : N;
        slab_gram gram = {.z = &z, .side = side, .out = g};
        run_gram(&gram, x);
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

START_TEST(a_state_is_one_triangle)
{
    slab_standard z = {.n = 1000, .d = 3, .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8)};
    slab_gram g = {.z = &z};
    slab_span span = {.rank = 2, .count = {1000, 3}};
    ck_assert_uint_eq(slab_sink_gram.state_bytes(&g, &span), 1000 * 1001 / 2 * 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gram");
    TCase *tests = tcase_create("gram");
    tcase_add_test(tests, both_gram_matrices_are_those_of_a_naive_loop);
    tcase_add_test(tests, a_state_is_one_triangle);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
