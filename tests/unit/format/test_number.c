#include <check.h>
#include <math.h>
#include <slab/format/number_impl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static const char *printed(double x, int bits)
{
    static char text[SLAB_NUMBER_MAX + 1];
    text[slab_number_print(x, bits, text)] = '\0';
    return text;
}

START_TEST(numbers_are_written_as_short_as_they_can_be)
{
    static const struct {
        double x;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {-0.0, "-0"},
                 {100, "100"},
                 {1e22, "1e+22"},
                 {0.0001, "0.0001"},
                 {0.00001, "1e-05"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {2.2018153979908035e-19, "2.2018153979908035e-19"},
                 {9007199254740992, "9007199254740992"},
                 {1.0 / 3, "0.3333333333333333"},
                 {-INFINITY, "-inf"},
                 {NAN, "nan"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(printed(cases[i].x, 53), cases[i].text);
    ck_assert_str_eq(printed(0.1f, 24), "0.1");
    ck_assert_str_eq(printed(16777216.0f, 24), "16777216");
    ck_assert_str_eq(printed(1e-45f, 24), "1e-45");
}
END_TEST

START_TEST(what_is_written_reads_back_as_the_same_bits_also_by_the_c_library)
{
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next();
        double x, back;
        memcpy(&x, &bits, sizeof x);
        if (i % 2)
            x = ldexp((double)(int64_t)bits, -(int)(next() % 110));
        if (!isfinite(x))
            continue;
        const char *text = printed(x, 53), *end = text + strlen(text);
        ck_assert_msg(slab_number_real(text, end, 53, &back) == end &&
                          memcmp(&x, &back, sizeof x) == 0,
                      "%.17g became %s", x, text);
        back = strtod(text, NULL);
        ck_assert_msg(memcmp(&x, &back, sizeof x) == 0, "%.17g became %s", x, text);
        float f = (float)x;
        if (isfinite(f))
            ck_assert_msg(strtof(printed(f, 24), NULL) == f, "%.9g became %s", f, printed(f, 24));
    }
}
END_TEST

static size_t longest_f8(void)
{
    size_t longest = 0;
    for (uint64_t exponent = 0; exponent <= 2047; exponent++)
        for (int i = 0; i < 300; i++) {
            uint64_t bits = (uint64_t)(i & 1) << 63 | exponent << 52 | next() >> 12;
            char text[SLAB_NUMBER_MAX];
            double x;
            memcpy(&x, &bits, sizeof x);
            size_t n = slab_number_print(x, 53, text);
            longest = n > longest ? n : longest;
        }
    return longest;
}

static size_t longest_f4(void)
{
    size_t longest = 0;
    for (uint32_t exponent = 0; exponent <= 255; exponent++)
        for (int i = 0; i < 3000; i++) {
            uint32_t bits = (uint32_t)(i & 1) << 31 | exponent << 23 | (uint32_t)(next() >> 41);
            char text[SLAB_NUMBER_MAX];
            float x;
            memcpy(&x, &bits, sizeof x);
            size_t n = slab_number_print((double)x, 24, text);
            longest = n > longest ? n : longest;
        }
    return longest;
}

START_TEST(no_number_is_longer_than_the_most_and_some_are_as_long)
{
    ck_assert_uint_eq(longest_f8(), SLAB_NUMBER_MOST(53));
    ck_assert_uint_eq(longest_f4(), SLAB_NUMBER_MOST(24));
    ck_assert_str_eq(printed(-1.2345679e16f, 24), "-12345680000000000");
    ck_assert_str_eq(printed(-1.2345678901234567e-308, 53), "-1.2345678901234567e-308");
}
END_TEST

START_TEST(decimals_are_rounded_as_the_c_library_does)
{
    for (int i = 0; i < 200000; i++) {
        char text[96];
        double got, single;
        int n =
            snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)(next() >> next() % 64),
                     (unsigned long long)(next() >> next() % 64), (int)(next() % 80) - 40);
        ck_assert_ptr_eq(slab_number_real(text, text + n, 53, &got), text + n);
        ck_assert_msg(got == strtod(text, NULL), "%s was read as %.17g", text, got);
        slab_number_real(text, text + n, 24, &single);
        ck_assert_msg((float)single == strtof(text, NULL), "%s was read as %.9g", text, single);
    }
}
END_TEST

START_TEST(ties_go_to_even)
{
    double got;
    const char *tie = "9007199254740993", *above = "9007199254740993.00000000000001";
    slab_number_real(tie, tie + strlen(tie), 53, &got);
    ck_assert_double_eq(got, 9007199254740992.0);
    slab_number_real(above, above + strlen(above), 53, &got);
    ck_assert_double_eq(got, 9007199254740994.0);
}
END_TEST

START_TEST(what_is_no_number_is_told_apart)
{
    static const char *const none[] = {"", ".", "-", "+.", "e5", "-.e1", "x", "NA", "--1", "in"};
    static const struct {
        const char *text;
        int length;
        double x;
    } some[] = {{"1e", 1, 1},           {"1.e2", 4, 100}, {".5", 2, 0.5},   {"5.", 2, 5},
                {"0x10", 1, 0},         {"1,2", 1, 1},    {"+7", 2, 7},     {"inf", 3, INFINITY},
                {"1e999", 5, INFINITY}, {"1e-999", 6, 0}, {"00012", 5, 12}, {"1e+", 1, 1}};
    double got;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_msg(!slab_number_real(none[i], none[i] + strlen(none[i]), 53, &got), "'%s'",
                      none[i]);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        const char *text = some[i].text;
        const char *end = slab_number_real(text, text + strlen(text), 53, &got);
        ck_assert_msg(end == text + some[i].length && got == some[i].x, "'%s'", text);
    }
}
END_TEST

START_TEST(whole_numbers_say_when_they_overflow)
{
    static const char *const most = "18446744073709551615", *more = "18446744073709551616";
    bool negative, overflow;
    uint64_t magnitude;
    slab_number_whole(most, most + 20, &negative, &magnitude, &overflow);
    ck_assert(!overflow && !negative && magnitude == UINT64_MAX);
    slab_number_whole(more, more + 20, &negative, &magnitude, &overflow);
    ck_assert(overflow);
    const char *negated = "-12", *sign = "-";
    slab_number_whole(negated, negated + 3, &negative, &magnitude, &overflow);
    ck_assert(!overflow && negative && magnitude == 12);
    ck_assert_ptr_null(slab_number_whole(sign, sign + 1, &negative, &magnitude, &overflow));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("number");
    TCase *tests = tcase_create("number");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, numbers_are_written_as_short_as_they_can_be);
    tcase_add_test(tests, what_is_written_reads_back_as_the_same_bits_also_by_the_c_library);
    tcase_add_test(tests, no_number_is_longer_than_the_most_and_some_are_as_long);
    tcase_add_test(tests, decimals_are_rounded_as_the_c_library_does);
    tcase_add_test(tests, ties_go_to_even);
    tcase_add_test(tests, what_is_no_number_is_told_apart);
    tcase_add_test(tests, whole_numbers_say_when_they_overflow);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
