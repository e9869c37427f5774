#include <check.h>
#include <math.h>
#include <slab/compute/kernel/digits.h>
#include <slab/compute/sink/product.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

enum { N = 83, D = 150, L = 32, TILE_ROWS = 40, TILE_COLS = 70 };

/* Small integers without a pattern; 3 where missing, about one in nine. */
static int element(int i, int c)
{
    int r = (i * 1103 + c * 7919 + i * c * 31) % 9973;
    return r % 9 == 0 ? 3 : r % 3;
}

static double entry(int64_t i, int v)
{
    return sin(1.0 + 12.9898 * (double)i + 78.233 * v) * (v == 5 ? 1e-6 : 1 + v);
}

/* The same numbers as u8, f32 or f64, with rows apart by more than their length. */
typedef struct matrix {
    slab_standard z;
    double mean[D], scale[D];
    char *data;
    int64_t stride[2];
} matrix;

static void store_element(matrix *m, int i, int c, double value)
{
    char *at = m->data + i * m->stride[0] + c * m->stride[1];
    float single = (float)value;
    if (m->z.dtype.kind == SLAB_KIND_UINT)
        *(uint8_t *)at = (uint8_t)value;
    else
        memcpy(at, m->z.dtype.size == 4 ? (void *)&single : (void *)&value, m->z.dtype.size);
}

static double z_of(const matrix *m, int i, int c)
{
    int x = element(i, c);
    return x == 3 ? 0 : (x - m->mean[c]) * m->scale[c];
}

static void matrix_make(matrix *m, slab_kind kind, uint32_t size, bool backwards)
{
    memset(m, 0, sizeof *m);
    m->z = (slab_standard){.n = N, .d = D, .dtype = slab_dtype_make(kind, size)};
    m->z.mean = m->mean;
    m->z.scale = m->scale;
    m->z.has_missing = true;
    m->z.missing = 3;
    m->data = malloc((size_t)N * (D + 8) * size);
    m->stride[0] = (D + 8) * (int64_t)size;
    m->stride[1] = size;
    if (backwards) { /* columns lie in reverse */
        m->data += (size_t)(D - 1) * size;
        m->stride[1] = -(int64_t)size;
    }
    for (int c = 0; c < D; c++) {
        m->mean[c] = 0.3 + c * 0.01;
        m->scale[c] = c % 10 == 7 ? 0 : 1 / (1 + c * 0.05);
        for (int i = 0; i < N; i++)
            store_element(m, i, c, element(i, c));
        for (int i = 0; i < N; i++)
            m->z.squares += z_of(m, i, c) * z_of(m, i, c);
    }
}

static void matrix_free(matrix *m)
{
    free(m->stride[1] < 0 ? m->data - (size_t)(D - 1) * m->z.dtype.size : m->data);
}

static void show_tile(const slab_product *p, const matrix *m, const slab_span *span, void *scratch,
                      int phase, int64_t i, int64_t c)
{
    slab_tile tile = {.dtype = m->z.dtype,
                      .box = {.rank = 2, .start = {i, c}, .count = {TILE_ROWS, TILE_COLS}}};
    if (i + TILE_ROWS > N)
        tile.box.count[0] = N - i;
    if (c + TILE_COLS > D)
        tile.box.count[1] = D - c;
    tile.view.data = m->data + i * m->stride[0] + c * m->stride[1];
    memcpy(tile.view.stride, m->stride, sizeof m->stride);
    ck_assert_int_eq(slab_sink_product.accumulate(p, span, NULL, phase, &tile, scratch), SLAB_OK);
}

/* One band as a task of its own, as a pass shows it. */
static void show_band(const slab_product *p, const matrix *m, const slab_span *span, void *scratch)
{
    int axis = 1 - p->side;
    for (int phase = 0; phase < slab_sink_product.wants(p).nphases; phase++) {
        if (axis == 1)
            for (int64_t i = 0; i < N; i += TILE_ROWS)
                show_tile(p, m, span, scratch, phase, i, span->start[1]);
        else
            for (int64_t c = 0; c < D; c += TILE_COLS)
                show_tile(p, m, span, scratch, phase, span->start[0], c);
        ck_assert_int_eq(slab_sink_product.turn(p, span, NULL, phase, scratch), SLAB_OK);
    }
}

/* Keeps the rows of half a product. */
static slab_status keep_rows(void *context, int thread, int64_t first, int64_t count, double *rows)
{
    double *y = context;
    ck_assert_int_eq(thread, 0);
    memcpy(y + first * L, rows, (size_t)(count * L) * sizeof *y);
    return SLAB_OK;
}

/* A whole pass, and y. Bands in either order: that must not matter. */
static void run_pass_in_order(slab_product *p, const matrix *m, bool last_first)
{
    slab_shape tile = {.rank = 2, .extent = {TILE_ROWS, TILE_COLS}};
    slab_span all = {.rank = 2, .start = {0, 0}, .count = {N, D}};
    int axis = 1 - p->side;
    void *scratch = aligned_alloc(64, (slab_sink_product.scratch_bytes(p, &tile) + 63) / 64 * 64);
    memset(scratch, 0xa5, slab_sink_product.scratch_bytes(p, &tile));
    ck_assert_int_eq(slab_product_prepare(p), SLAB_OK);
    int64_t nbands = (all.count[axis] + tile.extent[axis] - 1) / tile.extent[axis];
    for (int64_t b = 0; b < nbands; b++) {
        slab_span span = all;
        int64_t at = (last_first ? nbands - 1 - b : b) * tile.extent[axis];
        span.start[axis] = at;
        span.count[axis] = tile.extent[axis];
        if (at + span.count[axis] > all.count[axis])
            span.count[axis] = all.count[axis] - at;
        show_band(p, m, &span, scratch);
    }
    if (!p->emit)
        ck_assert_int_eq(slab_product_collect(p, slab_ranks_alone()), SLAB_OK);
    slab_product_clear(p);
    free(scratch);
}

static void run_pass(slab_product *p, const matrix *m)
{
    run_pass_in_order(p, m, false);
}

/* w = Z^T q or Z q, then y = Z w or Z^T w, in double. */
static void by_hand(const matrix *m, int side, bool half, const float *q, double *y)
{
    int mine = side == 0 ? N : D, other = side == 0 ? D : N;
    for (int v = 0; v < L; v++) {
        double w[D + N];
        for (int k = 0; k < other; k++) {
            w[k] = 0;
            for (int i = 0; i < mine; i++)
                w[k] += (side == 0 ? z_of(m, i, k) : z_of(m, k, i)) * q[i * L + v];
        }
        for (int i = 0; half && i < other; i++)
            y[i * L + v] = w[i];
        for (int i = 0; !half && i < mine; i++) {
            y[i * L + v] = 0;
            for (int k = 0; k < other; k++)
                y[i * L + v] += (side == 0 ? z_of(m, i, k) : z_of(m, k, i)) * w[k];
        }
    }
}

/* Entries are near those by hand, relative to the largest of their vector. */
static void compare(const double *y, const double *right, int rows, double tolerance)
{
    for (int v = 0; v < L; v++) {
        double largest = 0;
        for (int i = 0; i < rows; i++)
            largest = fmax(largest, fabs(right[i * L + v]));
        ck_assert(largest > 0);
        for (int i = 0; i < rows; i++)
            ck_assert_double_eq_tol(y[i * L + v] / largest, right[i * L + v] / largest, tolerance);
    }
}

static void check_products(slab_kind kind, uint32_t size, bool backwards, double tolerance)
{
    static float q[D * L];
    static double y[D * L], right[D * L];
    matrix m;
    matrix_make(&m, kind, size, backwards);
    for (int side = 0; side < 2; side++)
        for (int half = 0; half < 2; half++) {
            int mine = side == 0 ? N : D;
            slab_product p = {.z = &m.z, .side = side, .l = L, .q = q, .y = y};
            p.emit = half ? keep_rows : NULL;
            p.context = y;
            for (int i = 0; i < mine; i++)
                for (int v = 0; v < L; v++)
                    q[i * L + v] = (float)entry(i, v);
            run_pass(&p, &m);
            by_hand(&m, side, half, q, right);
            compare(y, right, half ? D + N - mine : mine, tolerance);
        }
    matrix_free(&m);
}

START_TEST(products_of_bytes_are_those_of_a_naive_loop_to_24_bits)
{
    for (int way = 0; way < slab_digits_ways(); way++) {
        slab_digits_use(way);
        check_products(SLAB_KIND_UINT, 1, false, 1e-6);
        check_products(SLAB_KIND_UINT, 1, true, 1e-6);
    }
    slab_digits_use(0);
}
END_TEST

START_TEST(products_of_floats_are_those_of_a_naive_loop)
{
    check_products(SLAB_KIND_FLOAT, 4, false, 2e-6);
    check_products(SLAB_KIND_FLOAT, 4, true, 2e-6);
    check_products(SLAB_KIND_FLOAT, 8, false, 1e-13);
    check_products(SLAB_KIND_FLOAT, 8, true, 1e-13);
}
END_TEST

START_TEST(every_instruction_set_gives_the_same_bits)
{
    static float q[D * L];
    static double first[D * L], y[D * L];
    matrix m;
    matrix_make(&m, SLAB_KIND_UINT, 1, false);
    for (int way = 0; way < slab_digits_ways(); way++) {
        slab_product p = {.z = &m.z, .side = 1, .l = L, .q = q, .y = way == 0 ? first : y};
        for (int i = 0; i < D * L; i++)
            q[i] = (float)entry(i / L, i % L);
        slab_digits_use(way);
        run_pass(&p, &m);
        ck_assert(way == 0 || memcmp(first, y, sizeof y) == 0);
    }
    slab_digits_use(0);
    matrix_free(&m);
}
END_TEST

START_TEST(sixteen_vectors_at_a_time_give_the_bits_of_all_at_once)
{
    static float q[D * L], again[D * L];
    static double y[D * L], y_part[D * L];
    slab_kind kinds[] = {SLAB_KIND_UINT, SLAB_KIND_FLOAT, SLAB_KIND_FLOAT};
    uint32_t sizes[] = {1, 4, 8};
    for (int t = 0; t < 3; t++) {
        matrix m;
        matrix_make(&m, kinds[t], sizes[t], false);
        for (int i = 0; i < D * L; i++)
            q[i] = (float)entry(i / L, i % L);
        memcpy(again, q, sizeof q);
        slab_product all = {.z = &m.z, .l = L, .q = q, .y = y};
        run_pass(&all, &m);
        for (int v = 0; v < L; v += 16) {
            slab_product some = {.z = &m.z, .l = 16, .ld = L, .q = again + v, .y = y_part + v};
            run_pass(&some, &m);
        }
        ck_assert(memcmp(q, again, sizeof q) == 0);
        ck_assert(memcmp(y, y_part, N * L * sizeof *y) == 0);
        matrix_free(&m);
    }
}
END_TEST

START_TEST(bands_in_any_order_give_the_same_bits)
{
    static float q[D * L];
    static double y[D * L], other[D * L];
    slab_kind kinds[] = {SLAB_KIND_UINT, SLAB_KIND_FLOAT, SLAB_KIND_FLOAT};
    uint32_t sizes[] = {1, 4, 8};
    for (int t = 0; t < 6; t++) {
        matrix m;
        matrix_make(&m, kinds[t / 2], sizes[t / 2], false);
        for (int i = 0; i < D * L; i++)
            q[i] = (float)entry(i / L, i % L);
        slab_product forth = {.z = &m.z, .side = t % 2, .l = L, .q = q, .y = y};
        slab_product back = {.z = &m.z, .side = t % 2, .l = L, .q = q, .y = other};
        run_pass_in_order(&forth, &m, false);
        run_pass_in_order(&back, &m, true);
        ck_assert(memcmp(y, other, (t % 2 ? D : N) * L * sizeof *y) == 0);
        matrix_free(&m);
    }
}
END_TEST

START_TEST(a_product_has_no_state_but_its_result)
{
    slab_standard z = {.n = 1 << 20, .d = 1 << 20, .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4)};
    slab_product p = {.z = &z, .l = 16};
    slab_shape tile = {.rank = 2, .extent = {512, 512}};
    ck_assert(!slab_sink_product.merge);
    ck_assert_uint_eq(slab_product_prepared_bytes(&p), 0);
    ck_assert_uint_lt(slab_sink_product.scratch_bytes(&p, &tile), 2 << 20);
}
END_TEST

START_TEST(squares_that_do_not_fit_double_precision_are_an_error)
{
    static float q[D * L];
    static double y[D * L];
    matrix m;
    matrix_make(&m, SLAB_KIND_FLOAT, 8, false);
    m.z.squares = INFINITY;
    slab_product p = {.z = &m.z, .l = L, .q = q, .y = y};
    ck_assert_int_eq(slab_product_prepare(&p), SLAB_ERR_NUMERIC);
    slab_product_clear(&p);
    matrix_free(&m);
}
END_TEST

START_TEST(keeping_a_band_of_two_bits_gives_the_bits_of_showing_it_twice)
{
    static float q[N * L];
    static double y[N * L], kept[N * L];
    for (int backwards = 0; backwards < 2; backwards++) {
        matrix m;
        matrix_make(&m, SLAB_KIND_UINT, 1, backwards);
        for (int i = 0; i < N * L; i++)
            q[i] = (float)entry(i / L, i % L);
        slab_product twice = {.z = &m.z, .l = L, .q = q, .y = y};
        slab_product once = {.z = &m.z, .l = L, .q = q, .y = kept, .keep = true};
        run_pass(&twice, &m);
        run_pass(&once, &m);
        ck_assert(memcmp(y, kept, sizeof y) == 0);
        matrix_free(&m);
    }
}
END_TEST

START_TEST(rounding_leaves_vectors_that_prepare_rounds_no_further)
{
    static float q[D * L], once[D * L];
    static double y[D * L];
    matrix m;
    matrix_make(&m, SLAB_KIND_UINT, 1, false);
    for (int i = 0; i < D * L; i++)
        q[i] = (float)entry(i / L, i % L);
    slab_product p = {.z = &m.z, .l = L, .q = q, .y = y};
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(slab_product_prepare(&p), SLAB_OK);
        slab_product_clear(&p);
        if (round == 0)
            memcpy(once, q, sizeof q);
    }
    ck_assert(memcmp(once, q, sizeof q) == 0);
    for (int i = 0; i < N * L; i++)
        ck_assert_double_eq_tol(q[i], entry(i / L, i % L), 2e-7 * (1 + i % L));
    matrix_free(&m);
}
END_TEST

START_TEST(a_block_that_is_no_multiple_of_16_is_refused)
{
    static float q[N * 17];
    matrix m;
    matrix_make(&m, SLAB_KIND_UINT, 1, false);
    slab_product p = {.z = &m.z, .l = 17, .q = q};
    ck_assert_int_eq(slab_product_prepare(&p), SLAB_ERR_RANGE);
    matrix_free(&m);
}
END_TEST

START_TEST(the_largest_entry_fills_three_digits_and_does_not_overflow_them)
{
    const double most = 127.0 * (1 + 256 + 65536);
    double largest[] = {1, 0.999999, 1e-30, 3e20, 127.5 / 128, 0.9999999999};
    for (int i = 0; i < 6; i++) {
        double scaled = largest[i] * slab_digits_scale(largest[i]);
        ck_assert(slab_digits_round(scaled) <= most && scaled > most / 2.1);
    }
    ck_assert(slab_digits_scale(0) == 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("product");
    TCase *tests = tcase_create("product");
    tcase_add_test(tests, products_of_bytes_are_those_of_a_naive_loop_to_24_bits);
    tcase_add_test(tests, products_of_floats_are_those_of_a_naive_loop);
    tcase_add_test(tests, every_instruction_set_gives_the_same_bits);
    tcase_add_test(tests, sixteen_vectors_at_a_time_give_the_bits_of_all_at_once);
    tcase_add_test(tests, bands_in_any_order_give_the_same_bits);
    tcase_add_test(tests, a_product_has_no_state_but_its_result);
    tcase_add_test(tests, squares_that_do_not_fit_double_precision_are_an_error);
    tcase_add_test(tests, keeping_a_band_of_two_bits_gives_the_bits_of_showing_it_twice);
    tcase_add_test(tests, rounding_leaves_vectors_that_prepare_rounds_no_further);
    tcase_add_test(tests, a_block_that_is_no_multiple_of_16_is_refused);
    tcase_add_test(tests, the_largest_entry_fills_three_digits_and_does_not_overflow_them);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
