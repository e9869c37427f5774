#include <check.h>
#include <math.h>
#include <slab/compute/graph/value.h>
#include <slab/compute/kernel/philox_impl.h>
#include <slab/compute/kernel/random_impl.h>
#include <slab/compute/kernel/random_math_impl.h>
#include <stdlib.h>
#include <string.h>

/* Elements of a box, as bytes in C order; the caller frees them. */
static void *drawn(slab_value *value, const slab_box *box)
{
    slab_view view;
    ck_assert_int_eq(slab_value_get(value, 0, box, &view), SLAB_OK);
    size_t bytes = (size_t)slab_box_elements(box) * slab_value_dtype(value).size;
    void *copy = malloc(bytes);
    memcpy(copy, view.data, bytes);
    return copy;
}

static slab_value *make(const slab_random_spec *spec, int64_t rows, int64_t columns)
{
    slab_shape shape = {2, {rows, columns}};
    slab_value *value = slab_value_random(spec, &shape, NULL);
    ck_assert_msg(slab_value_status(value) == SLAB_OK, "%s", slab_error_last()->message);
    return value;
}

static slab_random_spec spec_number(int i)
{
    slab_random_spec spec = slab_random_defaults(
        (slab_random_kind[]){SLAB_RANDOM_UNIFORM, SLAB_RANDOM_NORMAL, SLAB_RANDOM_INTEGERS,
                             SLAB_RANDOM_INTEGERS, SLAB_RANDOM_GENOTYPES}[i]);
    spec.seed = 77;
    spec.populations = 3;
    spec.missing = 0.05;
    spec.least = -5;
    spec.bound = 100;
    if (i == 3) {
        spec.dtype = slab_dtype_make(SLAB_KIND_INT, 8);
        spec.bound = INT64_MAX;
    }
    return spec;
}

START_TEST(philox_gives_the_published_answers)
{
    /* The known answers that its authors publish with Random123. */
    uint32_t w[4];
    philox_block(&(philox_stream){0, 0, 0}, 0, w);
    ck_assert_uint_eq(w[0], 0x6627e8d5);
    ck_assert_uint_eq(w[1], 0xe169c58d);
    ck_assert_uint_eq(w[2], 0xbc57ac4c);
    ck_assert_uint_eq(w[3], 0x9b00dbd8);
    philox_block(&(philox_stream){0x299f31d0a4093822, 0x13198a2e, 0x03707344}, 0x85a308d3243f6a88,
                 w);
    ck_assert_uint_eq(w[0], 0xd16cfe09);
    ck_assert_uint_eq(w[1], 0x94fdcceb);
    ck_assert_uint_eq(w[2], 0x5001e420);
    ck_assert_uint_eq(w[3], 0x24126ea1);
}
END_TEST

START_TEST(groups_of_every_instruction_set_are_the_blocks)
{
    philox_stream stream = {12345678901234567, 3, 9};
    uint64_t first = ((uint64_t)1 << 28) - 1; /* its blocks carry into the upper counter word */
    uint32_t words[3 * PHILOX_WORDS], block[4];
    int best = philox_use(-1);
    for (int level = 0; level <= best; level++) {
        ck_assert_int_eq(philox_use(level), level);
        philox_groups(&stream, first, 3, words);
        for (int g = 0; g < 3; g++)
            for (int l = 0; l < PHILOX_LANES; l++) {
                philox_block(&stream, (first + (uint64_t)g) * 16 + (uint64_t)l, block);
                for (int k = 0; k < 4; k++)
                    ck_assert_uint_eq(words[g * PHILOX_WORDS + k * PHILOX_LANES + l], block[k]);
            }
    }
    philox_use(-1);
}
END_TEST

START_TEST(elements_do_not_depend_on_the_tiles_they_are_drawn_in)
{
    enum { ROWS = 50, COLUMNS = 2333 };
    slab_random_spec spec = spec_number(_i);
    slab_value *value = make(&spec, ROWS, COLUMNS);
    size_t size = spec.dtype.size;
    slab_box all = {2, {0, 0}, {ROWS, COLUMNS}};
    char *whole = drawn(value, &all);
    const slab_box parts[] = {{2, {0, 0}, {1, 1}},     {2, {7, 13}, {30, 2000}},
                              {2, {49, 2332}, {1, 1}}, {2, {0, 1000}, {50, 77}},
                              {2, {16, 0}, {2, 2333}}, {2, {33, 1}, {17, 2332}}};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        const slab_box *b = &parts[p];
        char *part = drawn(value, b);
        for (int64_t i = 0; i < b->count[0]; i++)
            ck_assert_mem_eq(part + (size_t)(i * b->count[1]) * size,
                             whole + (size_t)((b->start[0] + i) * COLUMNS + b->start[1]) * size,
                             (size_t)b->count[1] * size);
        free(part);
    }
    free(whole);
    slab_value_drop(&value);
}
END_TEST

START_TEST(another_seed_gives_another_array_and_the_same_seed_the_same)
{
    slab_random_spec spec = spec_number(_i);
    slab_box all = {2, {0, 0}, {30, 100}};
    slab_value *a = make(&spec, 30, 100), *b = make(&spec, 30, 100);
    spec.seed++;
    slab_value *c = make(&spec, 30, 100);
    void *x = drawn(a, &all), *y = drawn(b, &all), *z = drawn(c, &all);
    ck_assert_mem_eq(x, y, 3000 * spec.dtype.size);
    ck_assert_mem_ne(x, z, 3000 * spec.dtype.size);
    free(x), free(y), free(z);
    slab_value_drop(&a), slab_value_drop(&b), slab_value_drop(&c);
}
END_TEST

START_TEST(every_instruction_set_draws_the_same_bits)
{
    slab_random_spec spec = spec_number(_i);
    slab_box all = {2, {0, 0}, {30, 1000}};
    slab_value *value = make(&spec, 30, 1000);
    int best = philox_use(-1);
    void *x = drawn(value, &all);
    for (int level = 0; level < best; level++) {
        philox_use(level);
        void *y = drawn(value, &all);
        ck_assert_mem_eq(x, y, 30000 * spec.dtype.size);
        free(y);
    }
    philox_use(-1);
    free(x);
    slab_value_drop(&value);
}
END_TEST

START_TEST(uniform_numbers_fill_their_interval_evenly)
{
    enum { N = 1000000, BINS = 20 };
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_UNIFORM);
    spec.low = -1;
    spec.high = 3;
    slab_value *value = make(&spec, 1, N);
    slab_box all = {2, {0, 0}, {1, N}};
    float *x = drawn(value, &all);
    int bins[BINS] = {0};
    for (int i = 0; i < N; i++) {
        ck_assert(x[i] >= -1 && x[i] < 3);
        bins[(int)((x[i] + 1) / 4 * BINS)]++;
    }
    double chi = 0;
    for (int b = 0; b < BINS; b++)
        chi += (bins[b] - N / BINS) * (double)(bins[b] - N / BINS) / (N / (double)BINS);
    ck_assert_double_lt(chi, 50); /* 19 degrees of freedom: beyond 50 once in 10,000 */
    ck_assert_double_gt(chi, 4);
    free(x);
    slab_value_drop(&value);
}
END_TEST

START_TEST(rounding_never_reaches_the_upper_end)
{
    /* Every value above 1 - 2^-12 rounds up to 1 in f16; f32 between 1 and 1 + 2^-23 has one. */
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_UNIFORM);
    spec.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 2);
    slab_value *value = make(&spec, 1, 100000);
    slab_box all = {2, {0, 0}, {1, 100000}};
    uint16_t *x = drawn(value, &all), most = 0;
    for (int i = 0; i < 100000; i++)
        most = x[i] > most ? x[i] : most;
    ck_assert_uint_eq(most, 0x3bff); /* the f16 below 1 */
    free(x);
    slab_value_drop(&value);
    spec.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4);
    spec.low = 1;
    spec.high = 1 + 0x1p-23;
    value = make(&spec, 1, 1000);
    all.count[1] = 1000;
    float *y = drawn(value, &all);
    for (int i = 0; i < 1000; i++)
        ck_assert(y[i] == 1);
    free(y);
    slab_value_drop(&value);
}
END_TEST

START_TEST(normal_numbers_have_the_moments_and_tails_of_the_normal_law)
{
    enum { N = 2000000 };
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_NORMAL);
    spec.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    slab_value *value = make(&spec, 1, N);
    slab_box all = {2, {0, 0}, {1, N}};
    double *x = drawn(value, &all), m[5] = {0};
    int beyond3 = 0;
    for (int i = 0; i < N; i++) {
        double p = 1;
        for (int k = 0; k < 5; k++, p *= x[i])
            m[k] += p / N;
        beyond3 += fabs(x[i]) > 3;
    }
    /* Five standard errors: sqrt(var(x^k) / N), var = 1, 2, 15, 96. */
    ck_assert_double_lt(fabs(m[1]), 5 * sqrt(1.0 / N));
    ck_assert_double_lt(fabs(m[2] - 1), 5 * sqrt(2.0 / N));
    ck_assert_double_lt(fabs(m[3]), 5 * sqrt(15.0 / N));
    ck_assert_double_lt(fabs(m[4] - 3), 5 * sqrt(96.0 / N));
    ck_assert_double_lt(fabs(beyond3 - 0.0026998 * N), 5 * sqrt(0.0027 * N));
    free(x);
    slab_value_drop(&value);
}
END_TEST

START_TEST(single_precision_normals_are_the_double_ones_rounded)
{
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_NORMAL);
    slab_box all = {2, {0, 0}, {1, 1000}};
    slab_value *a = make(&spec, 1, 1000);
    spec.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    slab_value *b = make(&spec, 1, 1000);
    float *x = drawn(a, &all);
    double *y = drawn(b, &all);
    for (int i = 0; i < 1000; i++)
        ck_assert(x[i] == (float)y[i]);
    free(x), free(y);
    slab_value_drop(&a), slab_value_drop(&b);
}
END_TEST

START_TEST(own_functions_agree_with_the_c_librarys)
{
    uint64_t seed = 9;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double u = 1 - unit(seed), c, s;
        ck_assert_double_le(fabs(math_log(u) - log(u)), 4e-16 * fabs(log(u)));
        math_turn(1 - u, &c, &s);
        ck_assert_double_le(fabs(c - cos(2 * M_PI * (1 - u))), 1e-15);
        ck_assert_double_le(fabs(s - sin(2 * M_PI * (1 - u))), 1e-15);
        double x = 1300 * u - 650;
        ck_assert_double_le(fabs(math_exp(x) / exp(x) - 1), 1e-15);
    }
    ck_assert_double_eq(math_log(1), 0);
    ck_assert_double_eq_tol(math_log(0x1p-52), -52 * M_LN2, 1e-14);
}
END_TEST

START_TEST(integers_are_equally_likely)
{
    enum { N = 700000 };
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_INTEGERS);
    spec.dtype = slab_dtype_make(SLAB_KIND_INT, 1);
    spec.least = -3;
    spec.bound = 4;
    slab_value *value = make(&spec, 7, N / 7);
    slab_box all = {2, {0, 0}, {7, N / 7}};
    int8_t *x = drawn(value, &all);
    int count[7] = {0};
    for (int i = 0; i < N; i++) {
        ck_assert(x[i] >= -3 && x[i] < 4);
        count[x[i] + 3]++;
    }
    for (int k = 0; k < 7; k++)
        ck_assert_int_lt(abs(count[k] - N / 7), 1500); /* five standard errors: 1464 */
    free(x);
    slab_value_drop(&value);
}
END_TEST

START_TEST(populations_drift_from_their_ancestors_as_fst_says)
{
    enum { VARIANTS = 40000 };
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_GENOTYPES);
    double p, bias = 0, drift = 0, same = 0, least = 1, most = 0;
    spec.fst = 0.2;
    for (int j = 0; j < VARIANTS; j++) {
        double a = genotypes_frequency(&spec, 0, j, &p), b = genotypes_frequency(&spec, 1, j, NULL);
        ck_assert(a >= 0 && a <= 1 && p >= 0.05 && p < 0.95);
        bias += (a - p) / VARIANTS;
        drift += (a - p) * (a - p) / (p * (1 - p)) / VARIANTS;
        same += (a - p) * (b - p) / (p * (1 - p)) / VARIANTS;
        least = p < least ? p : least;
        most = p > most ? p : most;
    }
    ck_assert_double_lt(fabs(bias), 0.005);
    ck_assert_double_lt(fabs(drift - 0.2), 0.006);
    ck_assert_double_lt(fabs(same), 0.006); /* populations drift independently */
    ck_assert_double_lt(least, 0.051);
    ck_assert_double_gt(most, 0.949);
}
END_TEST

START_TEST(genotypes_follow_their_populations_frequencies)
{
    enum { PEOPLE = 20000, VARIANTS = 64 };
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_GENOTYPES);
    spec.populations = 2;
    spec.missing = 0.1;
    spec.seed = 4;
    slab_value *value = make(&spec, PEOPLE, VARIANTS);
    slab_box all = {2, {0, 0}, {PEOPLE, VARIANTS}};
    uint8_t *g = drawn(value, &all);
    ck_assert_int_eq(*(const uint8_t *)slab_value_missing(value), 3);
    for (int j = 0; j < VARIANTS; j++) {
        for (int k = 0; k < 2; k++) { /* ten thousand people each, one block after the other */
            int n[4] = {0};
            for (int i = k * PEOPLE / 2; i < (k + 1) * PEOPLE / 2; i++)
                n[g[i * VARIANTS + j]]++;
            double p = genotypes_frequency(&spec, k, j, NULL), q = 1 - p;
            double expected[4] = {0.9 * q * q, 0.9 * 2 * p * q, 0.9 * p * p, 0.1};
            for (int x = 0; x < 4; x++) {
                double mean = expected[x] * PEOPLE / 2;
                ck_assert_double_lt(fabs(n[x] - mean), 5 * sqrt(mean) + 5);
            }
        }
    }
    free(g);
    slab_value_drop(&value);
}
END_TEST

static slab_status status_of(const slab_random_spec *spec, int rank)
{
    slab_shape shape = {rank, {4, 4, 4}};
    slab_value *value = slab_value_random(spec, &shape, NULL);
    slab_status rc = slab_value_status(value);
    slab_value_drop(&value);
    return rc;
}

START_TEST(impossible_parameters_poison_the_value)
{
    slab_random_spec s = slab_random_defaults(SLAB_RANDOM_UNIFORM);
    s.high = 0;
    ck_assert_int_eq(status_of(&s, 2), SLAB_ERR_VALUE);
    s = slab_random_defaults(SLAB_RANDOM_UNIFORM);
    s.dtype = slab_dtype_make(SLAB_KIND_INT, 4);
    ck_assert_int_eq(status_of(&s, 2), SLAB_ERR_TYPE);
    s = slab_random_defaults(SLAB_RANDOM_NORMAL);
    s.deviation = -1;
    ck_assert_int_eq(status_of(&s, 2), SLAB_ERR_VALUE);
    s = slab_random_defaults(SLAB_RANDOM_INTEGERS);
    s.dtype = slab_dtype_make(SLAB_KIND_UINT, 1);
    s.bound = 257;
    ck_assert_int_eq(status_of(&s, 2), SLAB_ERR_VALUE);
    s.bound = 256;
    ck_assert_int_eq(status_of(&s, 2), SLAB_OK);
    s.least = -1;
    ck_assert_int_eq(status_of(&s, 2), SLAB_ERR_VALUE);
    s = slab_random_defaults(SLAB_RANDOM_GENOTYPES);
    ck_assert_int_eq(status_of(&s, 3), SLAB_ERR_SHAPE);
    s.populations = 5;
    ck_assert_int_eq(status_of(&s, 2), SLAB_ERR_SHAPE);
    s.populations = 4;
    s.fst = 1;
    ck_assert_int_eq(status_of(&s, 2), SLAB_ERR_VALUE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *tests = tcase_create("random");
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, philox_gives_the_published_answers);
    tcase_add_test(tests, groups_of_every_instruction_set_are_the_blocks);
    tcase_add_loop_test(tests, elements_do_not_depend_on_the_tiles_they_are_drawn_in, 0, 5);
    tcase_add_loop_test(tests, another_seed_gives_another_array_and_the_same_seed_the_same, 0, 5);
    tcase_add_loop_test(tests, every_instruction_set_draws_the_same_bits, 0, 5);
    tcase_add_test(tests, uniform_numbers_fill_their_interval_evenly);
    tcase_add_test(tests, rounding_never_reaches_the_upper_end);
    tcase_add_test(tests, normal_numbers_have_the_moments_and_tails_of_the_normal_law);
    tcase_add_test(tests, single_precision_normals_are_the_double_ones_rounded);
    tcase_add_test(tests, own_functions_agree_with_the_c_librarys);
    tcase_add_test(tests, integers_are_equally_likely);
    tcase_add_test(tests, populations_drift_from_their_ancestors_as_fst_says);
    tcase_add_test(tests, genotypes_follow_their_populations_frequencies);
    tcase_add_test(tests, impossible_parameters_poison_the_value);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
