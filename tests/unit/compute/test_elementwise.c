#include <check.h>
#include <math.h>
#include <slab/compute/kernel/elementwise.h>
#include <slab/compute/kernel/vector_math_impl.h>
#include <stdlib.h>
#include <string.h>

enum { N = 20011 }; /* whole vectors and some over */

static double inputs[N], others[N];

/* Numbers of all sizes between 2^-40 and 2^most, of either sign. */
static void fill(double *x, int most, uint64_t state)
{
    for (int i = 0; i < N; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        double fraction = 1 + (double)(state >> 12) * 0x1p-52;
        x[i] = ldexp(state >> 11 & 1 ? -fraction : fraction, (int)(state >> 33) % (40 + most) - 40);
    }
}

/* How far from the truth, in units of the last place of a number with so many digits. */
static double ulps(double got, long double want, int digits, int least)
{
    int exponent;
    if (!(fabsl(want) <= 1.7e308L))
        return (isnan((double)want) ? isnan(got) : got == (double)want) ? 0 : INFINITY;
    frexpl(want, &exponent);
    exponent = exponent < least ? least : exponent;
    return (double)(fabsl((long double)got - want) / ldexpl(1, exponent - digits));
}

typedef long double truth(long double x);

static void check_f8(const char *name, const slab_strip_kernel *kernels, truth *f, double most)
{
    static double out[N];
    const void *in[] = {inputs};
    kernels[SLAB_STRIP_F8](N, in, out);
    for (int i = 0; i < N; i++) {
        double error = ulps(out[i], f((long double)inputs[i]), 53, -1021);
        if (!(error <= most))
            ck_abort_msg("%s(%a) is %a: %.2f units off", name, inputs[i], out[i], error);
    }
}

static void check_f4(const char *name, const slab_strip_kernel *kernels, truth *f)
{
    static float x[N], out[N];
    const void *in[] = {x};
    for (int i = 0; i < N; i++)
        x[i] = (float)inputs[i];
    kernels[SLAB_STRIP_F4](N, in, out);
    for (int i = 0; i < N; i++) {
        long double want = f((long double)x[i]);
        if (fabsl(want) > 3.4e38L)
            continue;
        double error = ulps((double)out[i], want, 24, -125);
        if (!(error <= 0.51))
            ck_abort_msg("%s(%a) is %a: %.3f units off", name, (double)x[i], (double)out[i], error);
    }
}

static const struct function {
    const char *name;
    const slab_strip_kernel *kernels;
    truth *truth;
    double most; /* units in the last place */
    int size;    /* of the largest operands: 2^size */
    bool positive;
} functions[] = {
    {"exp", slab_strip_exp, expl, 1, 10, false},
    {"expm1", slab_strip_expm1, expm1l, 1.7, 10, false},
    {"log", slab_strip_log, logl, 1, 1000, true},
    {"log1p", slab_strip_log1p, log1pl, 1, 100, true},
    {"sin", slab_strip_sin, sinl, 1, 20, false},
    {"cos", slab_strip_cos, cosl, 1, 20, false},
    {"tanh", slab_strip_tanh, tanhl, 2, 5, false},
};

START_TEST(vectorised_functions_are_as_near_as_they_say)
{
    const struct function *f = &functions[_i];
    fill(inputs, f->size, 1 + (uint64_t)_i);
    for (int i = 0; f->positive && i < N; i++)
        inputs[i] = fabs(inputs[i]);
    check_f8(f->name, f->kernels, f->truth, f->most);
    for (int i = 0; i < N; i++)
        inputs[i] = fabs(inputs[i]) < 0x1p-100 || fabs(inputs[i]) > 0x1p100 ? 1.5 : inputs[i];
    check_f4(f->name, f->kernels, f->truth);
}
END_TEST

START_TEST(logarithms_near_1_keep_their_digits)
{
    for (int i = 0; i < N; i++)
        inputs[i] = 1 + ldexp(i % 2 ? -1.37 : 1.37, -1 - i % 50);
    check_f8("log", slab_strip_log, logl, 1);
    for (int i = 0; i < N; i++)
        inputs[i] = -ldexp(1 - (double)i / (2 * N), -i % 40);
    inputs[0] = -0.75;
    check_f8("log1p", slab_strip_log1p, log1pl, 1);
}
END_TEST

START_TEST(sines_near_their_zeros_and_of_huge_numbers_keep_their_digits)
{
    for (int i = 0; i < N; i++)
        inputs[i] = (double)(i * 31) * M_PI_2;
    check_f8("sin", slab_strip_sin, sinl, 1.1);
    check_f8("cos", slab_strip_cos, cosl, 1.1);
    inputs[7] = 1e22; /* glibc's: sin(10^22) is -0.8522008497671888... */
    static double out[N];
    const void *in[] = {inputs};
    slab_strip_sin[SLAB_STRIP_F8](N, in, out);
    ck_assert_double_eq_tol(out[7], -0.8522008497671888, 1e-15);
    ck_assert_double_eq(out[8], vm_sin(inputs[8])); /* beside a huge one: the same bits */
}
END_TEST

START_TEST(hypotenuses_neither_overflow_nor_vanish)
{
    static double out[N];
    const void *in[] = {inputs, others};
    fill(inputs, 900, 3);
    fill(others, 900, 4);
    inputs[0] = inputs[1] = 1e308, others[0] = 1e308, others[1] = 1;
    inputs[2] = 3e-320, others[2] = 4e-320;
    inputs[3] = (double)INFINITY, others[3] = (double)NAN;
    inputs[4] = (double)NAN, others[4] = 1;
    slab_strip_hypot[SLAB_STRIP_F8](N, in, out);
    for (int i = 5; i < N; i++)
        ck_assert_double_le(
            ulps(out[i], hypotl((long double)inputs[i], (long double)others[i]), 53, -1021), 1.3);
    ck_assert_double_eq_tol(out[0] / 1e308, M_SQRT2, 1e-15);
    ck_assert_double_eq(out[1], 1e308);
    ck_assert_double_eq(out[2], 5e-320);
    ck_assert(isinf(out[3]) && isnan(out[4]));
}
END_TEST

/* This file is compiled for the oldest processors, the kernels for this one too. */
START_TEST(the_instruction_set_does_not_change_a_bit)
{
    static double out[N], plain[N];
    static const struct {
        const slab_strip_kernel *kernels;
        int which;
    } all[] = {{slab_strip_exp, 0},   {slab_strip_expm1, 1}, {slab_strip_log, 2},
               {slab_strip_log1p, 3}, {slab_strip_sin, 4},   {slab_strip_cos, 5},
               {slab_strip_tanh, 6}};
    const void *in[] = {inputs};
    fill(inputs, 10, 5);
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        all[k].kernels[SLAB_STRIP_F8](N, in, out);
        for (int i = 0; i < N; i++) {
            double x = inputs[i];
            double y[] = {vm_exp(x), vm_expm1(x), vm_log(x), vm_log1p(x),
                          vm_sin(x), vm_cos(x),   vm_tanh(x)};
            plain[i] = y[all[k].which];
            if (isnan(plain[i]) && isnan(out[i]))
                out[i] = plain[i]; /* of NaN the sign is nobody's */
        }
        ck_assert_mem_eq(out, plain, sizeof out);
    }
}
END_TEST

START_TEST(powers_of_floats_are_rounded_once)
{
    static const float x[] = {2, 2, 10, 0.5F, 1.5F, -8, 0, -2, INFINITY, 7};
    static const float y[] = {10, -149, 38, 3, 2.5F, 3, -1, 0.5F, -1, 0};
    float out[10];
    const void *in[] = {x, y};
    slab_strip_power[SLAB_STRIP_F4](10, in, out);
    static const float expected[] = {1024, 0x1p-149F, 1e38F, 0.125F, 2.75567605F,
                                     -512, INFINITY,  NAN,   0,      1};
    for (int i = 0; i < 10; i++)
        ck_assert(out[i] == expected[i] || (isnan(out[i]) && isnan(expected[i])));
}
END_TEST

START_TEST(a_negative_exponent_is_seen_in_any_place)
{
    int32_t x[100] = {0}, y[100] = {0};
    const void *in[] = {x, y};
    ck_assert(slab_strip_power_check[SLAB_STRIP_I4](100, in));
    for (int i = 0; i < 100; i++) {
        y[i] = -1;
        ck_assert(!slab_strip_power_check[SLAB_STRIP_I4](100, in));
        y[i] = 3;
    }
    ck_assert(slab_strip_power_check[SLAB_STRIP_I4](100, in));
    ck_assert_ptr_null(slab_strip_power_check[SLAB_STRIP_U4]);
}
END_TEST

START_TEST(whole_numbers_divide_as_pythons_do)
{
    static const int8_t x[] = {7, -7, 7, -7, -128, 5, 0}, y[] = {2, 2, -2, -2, -1, 0, 3};
    int8_t quotient[7], rest[7];
    const void *in[] = {x, y};
    slab_strip_floor_divide[SLAB_STRIP_I1](7, in, quotient);
    slab_strip_remainder[SLAB_STRIP_I1](7, in, rest);
    static const int8_t quotients[] = {3, -4, -4, 3, -128, 0, 0}, rests[] = {1, 1, -1, -1, 0, 0, 0};
    ck_assert_mem_eq(quotient, quotients, 7);
    ck_assert_mem_eq(rest, rests, 7);
}
END_TEST

START_TEST(signed_and_unsigned_words_compare_exactly)
{
    static const int64_t x[] = {-1, 5, INT64_MAX, INT64_MIN};
    static const uint64_t y[] = {UINT64_MAX, 5, (uint64_t)1 << 63, 0};
    uint8_t less[4], equal[4], above[4];
    const void *in[] = {x, y}, *back[] = {y, x};
    slab_strip_less[SLAB_STRIP_I8U8](4, in, less);
    slab_strip_equal[SLAB_STRIP_I8U8](4, in, equal);
    slab_strip_greater[SLAB_STRIP_U8I8](4, back, above);
    ck_assert_mem_eq(less, "\1\0\1\1", 4);
    ck_assert_mem_eq(equal, "\0\1\0\0", 4);
    ck_assert_mem_eq(above, "\1\0\1\1", 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("elementwise");
    TCase *tests = tcase_create("elementwise");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, vectorised_functions_are_as_near_as_they_say, 0,
                        (int)(sizeof functions / sizeof *functions));
    tcase_add_test(tests, logarithms_near_1_keep_their_digits);
    tcase_add_test(tests, sines_near_their_zeros_and_of_huge_numbers_keep_their_digits);
    tcase_add_test(tests, hypotenuses_neither_overflow_nor_vanish);
    tcase_add_test(tests, the_instruction_set_does_not_change_a_bit);
    tcase_add_test(tests, powers_of_floats_are_rounded_once);
    tcase_add_test(tests, a_negative_exponent_is_seen_in_any_place);
    tcase_add_test(tests, whole_numbers_divide_as_pythons_do);
    tcase_add_test(tests, signed_and_unsigned_words_compare_exactly);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
