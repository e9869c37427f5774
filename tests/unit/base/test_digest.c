#include <check.h>
#include <slab/storage/base/digest.h>
#include <stdlib.h>
#include <string.h>

static slab_digest of_bytes(const char *bytes)
{
    slab_hash h;
    slab_hash_begin(&h);
    slab_hash_bytes(&h, bytes, strlen(bytes));
    return slab_hash_end(&h);
}

/* XXH3_128bits of nothing, as xxHash's own tests have it. */
START_TEST(the_digest_of_nothing_is_the_published_one)
{
    slab_digest none = of_bytes("");
    ck_assert_uint_eq(none.low, 0x6001C324468D497Fu);
    ck_assert_uint_eq(none.high, 0x99AA06D3014798D8u);
}
END_TEST

START_TEST(bytes_in_pieces_give_the_digest_of_the_whole)
{
    slab_hash h;
    slab_hash_begin(&h);
    slab_hash_bytes(&h, "out of ", 7);
    slab_hash_bytes(&h, "core", 4);
    ck_assert(slab_digest_equal(slab_hash_end(&h), of_bytes("out of core")));
}
END_TEST

START_TEST(texts_can_be_taken_apart_again)
{
    slab_hash a, b;
    slab_hash_begin(&a);
    slab_hash_text(&a, "ab");
    slab_hash_text(&a, "c");
    slab_hash_begin(&b);
    slab_hash_text(&b, "a");
    slab_hash_text(&b, "bc");
    ck_assert(!slab_digest_equal(slab_hash_end(&a), slab_hash_end(&b)));
}
END_TEST

START_TEST(a_sum_carries_and_is_taken_back)
{
    slab_digest most = {UINT64_MAX, 7}, one = {1, 0};
    slab_digest sum = slab_digest_add(most, one);
    ck_assert_uint_eq(sum.low, 0);
    ck_assert_uint_eq(sum.high, 8);
    ck_assert(slab_digest_equal(slab_digest_subtract(sum, one), most));
    ck_assert(slab_digest_is_zero(slab_digest_subtract(sum, sum)));
    ck_assert(!slab_digest_is_zero(one));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digest");
    TCase *tests = tcase_create("digest");
    tcase_add_test(tests, the_digest_of_nothing_is_the_published_one);
    tcase_add_test(tests, bytes_in_pieces_give_the_digest_of_the_whole);
    tcase_add_test(tests, texts_can_be_taken_apart_again);
    tcase_add_test(tests, a_sum_carries_and_is_taken_back);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
