#include <check.h>
#include <pthread.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What is counted may exceed what was asked for by the block's header and whole pages. */
enum { SLACK = 8192 };

START_TEST(blocks_are_zeroed_aligned_and_counted)
{
    static const size_t sizes[] = {1, 63, 4096, 262143, 262144, 1048576, 3000001};
    size_t before = slab_memory_used();
    for (int i = 0; i < 7; i++) {
        void *block;
        ck_assert_int_eq(slab_memory_alloc(&block, sizes[i], 1, "a block"), SLAB_OK);
        ck_assert_uint_eq((uintptr_t)block % (sizes[i] >= 262144 ? 4096 : 64), 0);
        ck_assert_uint_ge(slab_memory_used() - before, sizes[i]);
        ck_assert_uint_le(slab_memory_used() - before, sizes[i] + SLACK);
        size_t zeros = 0;
        while (zeros < sizes[i] && ((char *)block)[zeros] == 0)
            zeros++;
        ck_assert_uint_eq(zeros, sizes[i]);
        memset(block, 0xa5, sizes[i]);
        slab_memory_free(block);
        ck_assert_uint_eq(slab_memory_used(), before);
    }
    slab_memory_free(NULL);
}
END_TEST

START_TEST(nothing_is_null)
{
    void *block = &block;
    ck_assert_int_eq(slab_memory_alloc(&block, 0, 8, "nothing"), SLAB_OK);
    ck_assert_ptr_null(block);
    block = &block;
    ck_assert_int_eq(slab_memory_alloc(&block, 8, 0, "nothing"), SLAB_OK);
    ck_assert_ptr_null(block);
}
END_TEST

START_TEST(the_cap_is_hard_and_the_message_names_what_did_not_fit)
{
    void *a, *b;
    slab_memory_limit_set(slab_memory_used() + 1000000);
    ck_assert_int_eq(slab_memory_alloc(&a, 700000, 1, "tiles"), SLAB_OK);
    ck_assert_int_eq(slab_memory_alloc(&b, 400000, 1, "panels"), SLAB_ERR_MEMORY);
    ck_assert_ptr_null(b);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "panels"));
    ck_assert_int_eq(slab_memory_alloc(&b, 200000, 1, "panels"), SLAB_OK);
    ck_assert_uint_le(slab_memory_used(), slab_memory_limit());
    slab_memory_free(a);
    ck_assert_int_eq(slab_memory_alloc(&a, 700000, 1, "tiles"), SLAB_OK);
    slab_memory_free(a);
    slab_memory_free(b);
    slab_memory_limit_set(0);
    ck_assert_int_eq(slab_memory_alloc(&a, 2000000, 1, "tiles"), SLAB_OK);
    slab_memory_free(a);
}
END_TEST

START_TEST(a_cap_below_what_is_in_use_refuses_everything)
{
    void *a, *b;
    ck_assert_int_eq(slab_memory_alloc(&a, 100000, 1, "a block"), SLAB_OK);
    slab_memory_limit_set(1000);
    ck_assert_int_eq(slab_memory_alloc(&b, 1, 1, "a byte"), SLAB_ERR_MEMORY);
    slab_memory_limit_set(0);
    slab_memory_free(a);
}
END_TEST

START_TEST(products_that_overflow_are_refused)
{
    void *block = &block;
    size_t before = slab_memory_used();
    ck_assert_int_eq(slab_memory_alloc(&block, SIZE_MAX / 4, 8, "wrap"), SLAB_ERR_OVERFLOW);
    ck_assert_ptr_null(block);
    ck_assert_int_ne(slab_memory_alloc(&block, SIZE_MAX, 1, "all"), SLAB_OK);
    ck_assert_int_ne(slab_memory_alloc(&block, SIZE_MAX - 100, 1, "nearly all"), SLAB_OK);
    ck_assert_int_ne(slab_memory_alloc(&block, (size_t)1 << 60, 1, "an exabyte"), SLAB_OK);
    ck_assert_ptr_null(block);
    ck_assert_uint_eq(slab_memory_used(), before);
}
END_TEST

START_TEST(the_peak_is_the_most_that_was_in_use_since_the_reset)
{
    void *a, *b;
    slab_memory_peak_reset();
    size_t before = slab_memory_used();
    ck_assert_int_eq(slab_memory_alloc(&a, 500000, 1, "a"), SLAB_OK);
    ck_assert_int_eq(slab_memory_alloc(&b, 300000, 1, "b"), SLAB_OK);
    slab_memory_free(a);
    slab_memory_free(b);
    ck_assert_uint_ge(slab_memory_peak() - before, 800000);
    ck_assert_uint_le(slab_memory_peak() - before, 800000 + 2 * SLACK);
    slab_memory_peak_reset();
    ck_assert_uint_eq(slab_memory_peak(), slab_memory_used());
}
END_TEST

START_TEST(the_nth_allocation_fails_once)
{
    void *a, *b, *c;
    slab_memory_fail_at(2);
    ck_assert_int_eq(slab_memory_alloc(&a, 10, 1, "a"), SLAB_OK);
    ck_assert_int_eq(slab_memory_alloc(&b, 10, 1, "b"), SLAB_ERR_MEMORY);
    ck_assert_ptr_null(b);
    ck_assert_int_eq(slab_memory_alloc(&c, 10, 1, "c"), SLAB_OK);
    slab_memory_fail_at(1);
    slab_memory_fail_at(0);
    ck_assert_int_eq(slab_memory_alloc(&b, 10, 1, "b"), SLAB_OK);
    slab_memory_free(a);
    slab_memory_free(b);
    slab_memory_free(c);
}
END_TEST

START_TEST(resizing_keeps_the_front_and_zeroes_what_is_new)
{
    void *block = NULL;
    size_t before = slab_memory_used();
    ck_assert_int_eq(slab_memory_resize(&block, 3, 1, "text"), SLAB_OK);
    memcpy(block, "abc", 3);
    ck_assert_int_eq(slab_memory_resize(&block, 300000, 1, "text"), SLAB_OK);
    ck_assert_mem_eq(block, "abc\0\0", 5);
    ck_assert_int_eq(((char *)block)[299999], 0);
    void *same = block;
    slab_memory_fail_at(1);
    ck_assert_int_eq(slab_memory_resize(&block, 400000, 1, "text"), SLAB_ERR_MEMORY);
    ck_assert_ptr_eq(block, same);
    ck_assert_int_eq(slab_memory_resize(&block, SIZE_MAX, 2, "text"), SLAB_ERR_OVERFLOW);
    ck_assert_ptr_eq(block, same);
    ck_assert_int_eq(slab_memory_resize(&block, 2, 1, "text"), SLAB_OK);
    ck_assert_mem_eq(block, "ab", 2);
    ck_assert_int_eq(slab_memory_resize(&block, 0, 1, "text"), SLAB_OK);
    ck_assert_ptr_null(block);
    ck_assert_uint_eq(slab_memory_used(), before);
}
END_TEST

static long resident_pages(void)
{
    long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &all, &resident) != 2)
        resident = -1;
    if (f)
        fclose(f);
    return resident;
}

START_TEST(large_blocks_go_back_to_the_system)
{
    void *block;
    long before = resident_pages();
    ck_assert_int_eq(slab_memory_alloc(&block, 64 << 20, 1, "much"), SLAB_OK);
    memset(block, 1, 64 << 20);
    ck_assert_int_gt(resident_pages() - before, 15000);
    slab_memory_free(block);
    ck_assert_int_lt(resident_pages() - before, 1000);
}
END_TEST

static void *allocate_often(void *unused)
{
    for (int i = 0; i < 2000; i++) {
        void *block;
        if (slab_memory_alloc(&block, (size_t)(i % 7 * 50000 + 1), 1, "a block") != SLAB_OK)
            return unused;
        slab_memory_free(block);
    }
    return NULL;
}

START_TEST(threads_count_together)
{
    pthread_t threads[4];
    size_t before = slab_memory_used();
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, allocate_often, &before), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_eq(slab_memory_used(), before);
}
END_TEST

START_TEST(texts_are_copied)
{
    char *copy = NULL, text[] = "chunk";
    ck_assert_int_eq(slab_memory_strdup(&copy, text), SLAB_OK);
    text[0] = 'x';
    ck_assert_str_eq(copy, "chunk");
    FREE(copy);
    ck_assert_ptr_null(copy);
    ck_assert_int_eq(slab_memory_strdup(&copy, ""), SLAB_OK);
    ck_assert_str_eq(copy, "");
    FREE(copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_test(tests, blocks_are_zeroed_aligned_and_counted);
    tcase_add_test(tests, nothing_is_null);
    tcase_add_test(tests, the_cap_is_hard_and_the_message_names_what_did_not_fit);
    tcase_add_test(tests, a_cap_below_what_is_in_use_refuses_everything);
    tcase_add_test(tests, products_that_overflow_are_refused);
    tcase_add_test(tests, the_peak_is_the_most_that_was_in_use_since_the_reset);
    tcase_add_test(tests, the_nth_allocation_fails_once);
    tcase_add_test(tests, resizing_keeps_the_front_and_zeroes_what_is_new);
    tcase_add_test(tests, large_blocks_go_back_to_the_system);
    tcase_add_test(tests, threads_count_together);
    tcase_add_test(tests, texts_are_copied);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
