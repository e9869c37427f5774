#include <check.h>
#include <math.h>
#include <slab/storage/base/dtype.h>
#include <slab/storage/base/half_impl.h>
#include <stdlib.h>
#include <string.h>

static slab_dtype parsed(const char *text)
{
    slab_dtype d;
    ck_assert_msg(slab_dtype_parse(text, &d) == SLAB_OK, "'%s'", text);
    return d;
}

START_TEST(numpys_spellings_are_parsed_and_named)
{
    static const char *const rows[][2] = {
        {"f4", "float32"},       {"float64", "float64"},
        {"<f2", "float16"},      {">i2", ">int16"},
        {"u1", "uint8"},         {"uint8", "uint8"},
        {"int64", "int64"},      {">u8", ">uint64"},
        {"bool", "bool"},        {"c8", "complex64"},
        {"S12", "S12"},          {"i1", "int8"},
        {">u1", "uint8"},        {"complex128", "complex128"},
        {">c16", ">complex128"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[SLAB_DTYPE_NAME_MAX];
        ck_assert_str_eq(slab_dtype_name(parsed(rows[i][0]), name), rows[i][1]);
    }
    static const char *const wrong[] = {"",      "f",        "f3",  "f16",         "int",
                                        "int12", "S",        "S0",  "q4",          ">",
                                        "f4 ",   "float32x", "S-1", "S99999999999"};
    slab_dtype d;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(slab_dtype_parse(wrong[i], &d) == SLAB_ERR_TYPE, "'%s'", wrong[i]);
}
END_TEST

START_TEST(reduced_precision_is_named_and_not_native)
{
    char name[SLAB_DTYPE_NAME_MAX];
    slab_dtype d = parsed("u1");
    ck_assert(slab_dtype_is_native(d));
    d.precision = 2;
    ck_assert_str_eq(slab_dtype_name(d, name), "uint8 (2 bits)");
    ck_assert(!slab_dtype_is_native(d));
    ck_assert(slab_dtype_equal(slab_dtype_native(d), parsed("u1")));
    ck_assert(!slab_dtype_is_native(parsed(">f4")));
    ck_assert(slab_dtype_is_number(parsed("c8")) && slab_dtype_is_number(parsed("bool")));
    ck_assert(!slab_dtype_is_number(parsed("S4")));
}
END_TEST

START_TEST(big_endian_numbers_are_swapped_both_ways)
{
    const unsigned char stored[4] = {0x3f, 0x80, 0, 0}; /* 1.0f */
    unsigned char back[4];
    float x;
    ck_assert_int_eq(slab_dtype_convert(parsed(">f4"), stored, parsed("f4"), &x, 1), SLAB_OK);
    ck_assert_float_eq(x, 1.0F);
    ck_assert_int_eq(slab_dtype_convert(parsed("f4"), &x, parsed(">f4"), back, 1), SLAB_OK);
    ck_assert_mem_eq(stored, back, 4);
    const unsigned char pair[8] = {0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0}; /* 1 - 2i */
    float z[2];
    ck_assert_int_eq(slab_dtype_convert(parsed(">c8"), pair, parsed("c8"), z, 1), SLAB_OK);
    ck_assert(z[0] == 1.0F && z[1] == -2.0F);
}
END_TEST

START_TEST(integers_of_reduced_precision_are_shifted_and_sign_extended)
{
    slab_dtype d = parsed(">i2");
    const unsigned char stored[6] = {0x0f, 0xf8, 0x00, 0x08, 0x07, 0xf8}; /* 9 bits at offset 3 */
    int16_t x[3];
    unsigned char back[6];
    d.precision = 9;
    d.offset = 3;
    ck_assert_int_eq(slab_dtype_convert(d, stored, parsed("i2"), x, 3), SLAB_OK);
    ck_assert(x[0] == -1 && x[1] == 1 && x[2] == 255);
    ck_assert_int_eq(slab_dtype_convert(parsed("i2"), x, d, back, 3), SLAB_OK);
    ck_assert_mem_eq(back, stored, 6);
    d.kind = SLAB_KIND_UINT;
    ck_assert_int_eq(slab_dtype_convert(d, stored, parsed("u2"), x, 3), SLAB_OK);
    ck_assert(x[0] == 511 && x[1] == 1 && x[2] == 255);
}
END_TEST

START_TEST(floats_become_integers_as_the_processor_has_them)
{
    /* numpy.array(x).astype(...), NumPy 2.4 on x86-64 */
    const double x[] = {1.9, -1.9, 300, -300, NAN, INFINITY, -INFINITY, -0.5, 3e9, 1e19, 2e19};
    int8_t i[11];
    uint8_t u[11];
    int32_t k[11];
    int64_t l[11];
    uint64_t m[11];
    ck_assert_int_eq(slab_dtype_convert(parsed("f8"), x, parsed("i1"), i, 11), SLAB_OK);
    ck_assert_int_eq(slab_dtype_convert(parsed("f8"), x, parsed("u1"), u, 11), SLAB_OK);
    ck_assert_int_eq(slab_dtype_convert(parsed("f8"), x, parsed("i4"), k, 11), SLAB_OK);
    ck_assert_int_eq(slab_dtype_convert(parsed("f8"), x, parsed("i8"), l, 11), SLAB_OK);
    ck_assert_int_eq(slab_dtype_convert(parsed("f8"), x, parsed("u8"), m, 11), SLAB_OK);
    static const int8_t as_i1[] = {1, -1, 44, -44, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t as_u1[] = {1, 255, 44, 212, 0, 0, 0, 0, 0, 0, 0};
    static const int32_t as_i4[] = {1,         -1, 300,       -300,      INT32_MIN, INT32_MIN,
                                    INT32_MIN, 0,  INT32_MIN, INT32_MIN, INT32_MIN};
    static const int64_t as_i8[] = {1,         -1, 300,        -300,      INT64_MIN, INT64_MIN,
                                    INT64_MIN, 0,  3000000000, INT64_MIN, INT64_MIN};
    static const uint64_t as_u8[] = {
        1, UINT64_MAX,        300, (uint64_t)-300, (uint64_t)1 << 63,
        0, (uint64_t)1 << 63, 0,   3000000000,     UINT64_C(10000000000000000000),
        0};
    ck_assert_mem_eq(i, as_i1, sizeof i);
    ck_assert_mem_eq(u, as_u1, sizeof u);
    ck_assert_mem_eq(k, as_i4, sizeof k);
    ck_assert_mem_eq(l, as_i8, sizeof l);
    ck_assert_mem_eq(m, as_u8, sizeof m);
}
END_TEST

START_TEST(doubles_are_rounded_to_halves_once)
{
    /* 1 + 2^-11 + 2^-40: as a float it is the tie 1 + 2^-11, which would go down to 1 */
    const double x[] = {65519.99, 65520, 1 + 0x1p-11 + 0x1p-40, 0x1.0000001p-25, -0x1p-30};
    static const uint16_t halves[] = {31743, 31744, 15361, 1, 0x8000};
    uint16_t h[5];
    ck_assert_int_eq(slab_dtype_convert(parsed("f8"), x, parsed("f2"), h, 5), SLAB_OK);
    ck_assert_mem_eq(h, halves, sizeof h);
}
END_TEST

START_TEST(numbers_at_odd_addresses_convert_too)
{
    _Alignas(8) char from[20] = {0}, to[20] = {0};
    const int32_t x[] = {7, -9};
    double y[2];
    memcpy(from + 1, x, sizeof x);
    ck_assert_int_eq(slab_dtype_convert(parsed("i4"), from + 1, parsed("f8"), to + 3, 2), SLAB_OK);
    memcpy(y, to + 3, sizeof y);
    ck_assert(y[0] == 7 && y[1] == -9);
}
END_TEST

START_TEST(integers_keep_all_their_64_bits)
{
    const uint64_t most = UINT64_MAX - 1;
    const int64_t least = INT64_MIN + 1;
    int64_t back;
    double x;
    ck_assert_int_eq(slab_dtype_convert(parsed("i8"), &least, parsed(">i8"), &back, 1), SLAB_OK);
    ck_assert_int_eq((int64_t)__builtin_bswap64((uint64_t)back), least);
    ck_assert_int_eq(slab_dtype_convert(parsed("u8"), &most, parsed("f8"), &x, 1), SLAB_OK);
    ck_assert_double_eq(x, 18446744073709551615.0);
    const int8_t minus = -3;
    ck_assert_int_eq(slab_dtype_convert(parsed("i1"), &minus, parsed("i8"), &back, 1), SLAB_OK);
    ck_assert_int_eq(back, -3);
}
END_TEST

START_TEST(halves_widen_exactly_and_round_to_even)
{
    for (unsigned h = 0; h < 65536; h++) {
        float f = slab_half_to_float((uint16_t)h);
        if (!isnan(f) && slab_float_to_half(f) != h)
            ck_abort_msg("%04x", h);
        if (isnan(f) && !isnan(slab_half_to_float(slab_float_to_half(f))))
            ck_abort_msg("%04x loses its NaN", h);
    }
    ck_assert_uint_eq(slab_float_to_half(1.0F), 0x3c00);
    ck_assert_uint_eq(slab_float_to_half(1.0F + 0x1p-11F), 0x3c00); /* a tie, down to even */
    ck_assert_uint_eq(slab_float_to_half(1.0F + 0x3p-11F), 0x3c02); /* a tie, up to even */
    ck_assert_uint_eq(slab_float_to_half(65504.0F), 0x7bff);
    ck_assert_uint_eq(slab_float_to_half(65519.0F), 0x7bff);
    ck_assert_uint_eq(slab_float_to_half(65520.0F), 0x7c00);
    ck_assert_uint_eq(slab_float_to_half(-0.0F), 0x8000);
    ck_assert_uint_eq(slab_float_to_half(0x1p-25F), 0); /* a tie between 0 and the least */
    ck_assert_uint_eq(slab_float_to_half(0x1.8p-25F), 1);
}
END_TEST

START_TEST(complex_keeps_its_real_part_and_bool_is_not_zero)
{
    const float z[4] = {2.5F, 9, -1, 0};
    double x[2];
    uint8_t b[3];
    ck_assert_int_eq(slab_dtype_convert(parsed("c8"), z, parsed("f8"), x, 2), SLAB_OK);
    ck_assert(x[0] == 2.5 && x[1] == -1);
    double w[2];
    ck_assert_int_eq(slab_dtype_convert(parsed("c8"), z, parsed("c16"), w, 1), SLAB_OK);
    ck_assert(w[0] == 2.5 && w[1] == 9);
    const float i[2] = {0, 1};
    ck_assert_int_eq(slab_dtype_convert(parsed("c8"), i, parsed("bool"), b, 1), SLAB_OK);
    ck_assert_uint_eq(b[0], 1);
    const float f[3] = {0, 0.25F, -3};
    ck_assert_int_eq(slab_dtype_convert(parsed("f4"), f, parsed("bool"), b, 3), SLAB_OK);
    ck_assert_mem_eq(b, "\0\1\1", 3);
    const uint16_t k[3] = {0, 256, 1};
    ck_assert_int_eq(slab_dtype_convert(parsed("u2"), k, parsed("bool"), b, 3), SLAB_OK);
    ck_assert_mem_eq(b, "\0\1\1", 3);
}
END_TEST

START_TEST(many_elements_convert_like_one_and_in_place)
{
    enum { N = 1300 }; /* more than two blocks */
    int32_t *x = malloc(N * sizeof *x);
    float *y = malloc(N * sizeof *y);
    for (int i = 0; i < N; i++)
        x[i] = i * 7919 - 4000000;
    ck_assert_int_eq(slab_dtype_convert(parsed("i4"), x, parsed("f4"), y, N), SLAB_OK);
    for (int i = 0; i < N; i++)
        ck_assert_float_eq(y[i], (float)(i * 7919 - 4000000));
    ck_assert_int_eq(slab_dtype_convert(parsed("i4"), x, parsed(">i4"), x, N), SLAB_OK);
    ck_assert_int_eq(slab_dtype_convert(parsed(">i4"), x, parsed("f4"), x, N), SLAB_OK);
    ck_assert_mem_eq(x, y, N * sizeof *y);
    free(x);
    free(y);
}
END_TEST

START_TEST(texts_convert_only_to_texts_of_their_length)
{
    char out[4];
    ck_assert_int_eq(slab_dtype_convert(parsed("S4"), "abcd", parsed("S4"), out, 1), SLAB_OK);
    ck_assert_mem_eq(out, "abcd", 4);
    ck_assert_int_eq(slab_dtype_convert(parsed("S4"), "abcd", parsed("S3"), out, 1), SLAB_ERR_TYPE);
    ck_assert_int_eq(slab_dtype_convert(parsed("S4"), "abcd", parsed("f4"), out, 1), SLAB_ERR_TYPE);
    ck_assert_int_eq(slab_dtype_convert(parsed("f4"), "abcd", parsed("S4"), out, 1), SLAB_ERR_TYPE);
}
END_TEST

static const char *printed(const char *dtype, const void *element)
{
    static char text[64];
    slab_dtype_print(parsed(dtype), element, text, sizeof text);
    return text;
}

START_TEST(numbers_print_so_that_they_read_back)
{
    float f = 0.1F;
    double d = 0.1, third = 1.0 / 3, tiny = 5e-324, inf = -INFINITY, nan = NAN;
    uint16_t half = 0x2e66; /* 0.1 in half precision */
    uint64_t u = UINT64_MAX;
    int8_t i = -128;
    float z[2] = {1, -0.5F};
    ck_assert_str_eq(printed("f4", &f), "0.1");
    ck_assert_str_eq(printed("f8", &d), "0.1");
    ck_assert_double_eq(strtod(printed("f8", &third), NULL), third);
    ck_assert_double_eq(strtod(printed("f8", &tiny), NULL), tiny);
    ck_assert_str_eq(printed("f8", &inf), "-inf");
    ck_assert_str_eq(printed("f8", &nan), "nan");
    ck_assert_str_eq(printed("f2", &half), "0.1");
    ck_assert_str_eq(printed("u8", &u), "18446744073709551615");
    ck_assert_str_eq(printed("i1", &i), "-128");
    ck_assert_str_eq(printed("c8", z), "1-0.5j");
    ck_assert_str_eq(printed("bool", "\1"), "True");
    ck_assert_str_eq(printed("S4", "ab\0\0"), "ab");
    ck_assert_str_eq(printed("S2", "abcd"), "ab");
}
END_TEST

START_TEST(one_element_as_a_double)
{
    int16_t i = -7;
    uint64_t u = (uint64_t)1 << 63;
    float z[2] = {2.5F, 1};
    ck_assert_double_eq(slab_dtype_get_double(parsed("i2"), &i), -7);
    ck_assert_double_eq(slab_dtype_get_double(parsed("u8"), &u), 9223372036854775808.0);
    ck_assert_double_eq(slab_dtype_get_double(parsed("c8"), z), 2.5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dtype");
    TCase *tests = tcase_create("dtype");
    tcase_add_test(tests, numpys_spellings_are_parsed_and_named);
    tcase_add_test(tests, reduced_precision_is_named_and_not_native);
    tcase_add_test(tests, big_endian_numbers_are_swapped_both_ways);
    tcase_add_test(tests, integers_of_reduced_precision_are_shifted_and_sign_extended);
    tcase_add_test(tests, floats_become_integers_as_the_processor_has_them);
    tcase_add_test(tests, doubles_are_rounded_to_halves_once);
    tcase_add_test(tests, numbers_at_odd_addresses_convert_too);
    tcase_add_test(tests, integers_keep_all_their_64_bits);
    tcase_add_test(tests, halves_widen_exactly_and_round_to_even);
    tcase_add_test(tests, complex_keeps_its_real_part_and_bool_is_not_zero);
    tcase_add_test(tests, many_elements_convert_like_one_and_in_place);
    tcase_add_test(tests, texts_convert_only_to_texts_of_their_length);
    tcase_add_test(tests, numbers_print_so_that_they_read_back);
    tcase_add_test(tests, one_element_as_a_double);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
