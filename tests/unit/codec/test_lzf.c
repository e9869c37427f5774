/* The lzf decoder, on streams made by hand. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/codec/codec.h>

static const slab_filter filter = {.id = SLAB_FILTER_LZF};
static const slab_chunk_type type = {.bytes = 16};

static slab_status decode(const void *src, size_t n, char *dst, size_t capacity, size_t *written)
{
    const slab_codec *lzf = slab_codec_by_name("lzf");
    return lzf->decode(&filter, &type, NULL, src, n, dst, capacity, written);
}

START_TEST(literals_and_matches_give_the_text_back)
{
    /* "abc", then 6 bytes from 3 back: "abcabc", which overlaps itself; then "!". */
    static const unsigned char stream[] = {2, 'a', 'b', 'c', 4 << 5, 2, 0, '!'};
    char out[16] = "";
    size_t n = 0;
    ck_assert_int_eq(decode(stream, sizeof stream, out, sizeof out, &n), SLAB_OK);
    ck_assert_uint_eq(n, 10);
    ck_assert_mem_eq(out, "abcabcabc!", 10);
}
END_TEST

START_TEST(a_long_match_takes_its_length_from_a_byte_of_its_own)
{
    /* 'x', then 7 + 4 + 2 = 13 bytes from 1 back. */
    static const unsigned char stream[] = {0, 'x', 7 << 5, 4, 0};
    char out[16] = "";
    size_t n = 0;
    ck_assert_int_eq(decode(stream, sizeof stream, out, sizeof out, &n), SLAB_OK);
    ck_assert_uint_eq(n, 14);
    ck_assert_mem_eq(out, "xxxxxxxxxxxxxx", 14);
}
END_TEST

START_TEST(damaged_streams_are_format_errors)
{
    static const unsigned char cut_literals[] = {5, 'a', 'b'};
    static const unsigned char cut_match[] = {0, 'a', 1 << 5};
    static const unsigned char cut_length[] = {0, 'a', 7 << 5, 200};
    static const unsigned char before_start[] = {0, 'a', 1 << 5, 1};
    static const unsigned char too_long[] = {0, 'a', 7 << 5, 200, 0};
    char out[16];
    size_t n;
    ck_assert_int_eq(decode(cut_literals, 3, out, 16, &n), SLAB_ERR_FORMAT);
    ck_assert_int_eq(decode(cut_match, 3, out, 16, &n), SLAB_ERR_FORMAT);
    ck_assert_int_eq(decode(cut_length, 4, out, 16, &n), SLAB_ERR_FORMAT);
    ck_assert_int_eq(decode(before_start, 4, out, 16, &n), SLAB_ERR_FORMAT);
    ck_assert_int_eq(decode(too_long, 5, out, 16, &n), SLAB_ERR_FORMAT);
    ck_assert_int_eq(decode("\2abc", 4, out, 2, &n), SLAB_ERR_FORMAT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lzf");
    TCase *tests = tcase_create("decode");
    tcase_add_test(tests, literals_and_matches_give_the_text_back);
    tcase_add_test(tests, a_long_match_takes_its_length_from_a_byte_of_its_own);
    tcase_add_test(tests, damaged_streams_are_format_errors);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
