/* Seals as text: what is printed is read back, and nothing else is. */
#include <check.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/seal_impl.h>
#include <stdlib.h>
#include <string.h>

static slab_seal example(size_t nattributes)
{
    slab_seal seal = {.id = {1, UINT64_MAX}, .made = 3};
    seal.has[SLAB_SEAL_LINKS] = true;
    seal.part[SLAB_SEAL_LINKS] = (slab_digest){0xabc, 0xdef};
    for (size_t i = 0; i < nattributes; i++)
        ck_assert_int_eq(slab_seal_attribute_set(&seal, 1000 - i, i), SLAB_OK);
    return seal;
}

START_TEST(a_seal_that_is_printed_is_read_back)
{
    slab_seal seal = example(5), back = {0};
    char *text;
    ck_assert_int_eq(slab_seal_print(&seal, &text), SLAB_OK);
    ck_assert_int_eq(slab_seal_parse(text, &back), SLAB_OK);
    ck_assert(slab_digest_equal(back.id, seal.id));
    ck_assert_uint_eq(back.made, 3);
    ck_assert(back.has[SLAB_SEAL_LINKS] && !back.has[SLAB_SEAL_TYPE]);
    ck_assert(slab_digest_equal(back.part[SLAB_SEAL_LINKS], seal.part[SLAB_SEAL_LINKS]));
    ck_assert_uint_eq(back.nattributes, 5);
    ck_assert_uint_eq(slab_seal_attribute_find(&back, 997)->value, 3);
    ck_assert_ptr_null(slab_seal_attribute_find(&back, 1001));
    slab_memory_free(text);
    slab_seal_clear(&seal);
    slab_seal_clear(&back);
}
END_TEST

START_TEST(a_text_with_any_other_letter_is_no_seal)
{
    slab_seal seal = example(2);
    char *text;
    ck_assert_int_eq(slab_seal_print(&seal, &text), SLAB_OK);
    for (size_t i = 0; i < strlen(text); i++)
        for (int bit = 0; bit < 8; bit++) {
            slab_seal back = {0};
            char was = text[i];
            text[i] = (char)(was ^ (1 << bit));
            ck_assert_msg(slab_seal_parse(text, &back) == SLAB_ERR_CHECKSUM, "letter %zu, bit %d",
                          i, bit);
            text[i] = was;
            slab_seal_clear(&back);
        }
    slab_memory_free(text);
    slab_seal_clear(&seal);
}
END_TEST

START_TEST(an_attribute_is_replaced_and_removed_by_name)
{
    slab_seal seal = example(3);
    ck_assert_int_eq(slab_seal_attribute_set(&seal, 999, 77), SLAB_OK);
    ck_assert_uint_eq(seal.nattributes, 3);
    ck_assert_uint_eq(slab_seal_attribute_find(&seal, 999)->value, 77);
    slab_seal_attribute_remove(&seal, 999);
    slab_seal_attribute_remove(&seal, 999);
    ck_assert_uint_eq(seal.nattributes, 2);
    ck_assert_ptr_null(slab_seal_attribute_find(&seal, 999));
    slab_seal_clear(&seal);
}
END_TEST

START_TEST(more_attributes_than_a_seal_holds_are_not_sealed)
{
    slab_seal seal = example(SLAB_SEAL_ATTRIBUTES_MAX), back = {0};
    char *text;
    ck_assert_int_eq(slab_seal_print(&seal, &text), SLAB_OK);
    ck_assert_uint_lt(strlen(text), 64000);
    slab_memory_free(text);
    ck_assert(!seal.many);
    ck_assert_int_eq(slab_seal_attribute_set(&seal, 5000, 1), SLAB_OK);
    ck_assert(seal.many);
    ck_assert_int_eq(slab_seal_print(&seal, &text), SLAB_OK);
    ck_assert_int_eq(slab_seal_parse(text, &back), SLAB_OK);
    ck_assert(back.many && back.nattributes == 0);
    slab_memory_free(text);
    slab_seal_clear(&seal);
    slab_seal_clear(&back);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seal text");
    TCase *tests = tcase_create("seal text");
    tcase_add_test(tests, a_seal_that_is_printed_is_read_back);
    tcase_add_test(tests, a_text_with_any_other_letter_is_no_seal);
    tcase_add_test(tests, an_attribute_is_replaced_and_removed_by_name);
    tcase_add_test(tests, more_attributes_than_a_seal_holds_are_not_sealed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
