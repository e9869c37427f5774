#include "writing.h"

#include <slab/storage/space.h>

static slab_space *space;

static void open_space(void)
{
    ok(slab_space_create(slab_ranks_alone(), &space));
}

static void close_space(void)
{
    slab_space_destroy(&space);
    ck_assert_ptr_null(space);
    ck_assert_uint_eq(slab_memory_used(), 0);
}

static uint64_t reserve(uint64_t bytes, uint64_t align)
{
    uint64_t address;
    ok(slab_space_reserve(space, bytes, align, &address));
    return address;
}

START_TEST(space_comes_in_whole_pages_one_after_another)
{
    uint64_t end;
    ck_assert_uint_eq(reserve(1, 1), 0);
    ck_assert_uint_eq(reserve(4096, 4096), 4096);
    ck_assert_uint_eq(reserve(4097, 0), 8192);
    ok(slab_space_end(space, &end));
    ck_assert_uint_eq(end, 16384);
}
END_TEST

START_TEST(a_larger_alignment_is_kept)
{
    ck_assert_uint_eq(reserve(10, 8), 0);
    ck_assert_uint_eq(reserve(10, 1 << 20), 1 << 20);
    uint64_t next = reserve(10, 8);
    ck_assert_uint_ge(next, (1 << 20) + 10);
    ck_assert_uint_eq(next % 4096, 0);
}
END_TEST

START_TEST(raising_moves_the_end_up_and_never_down)
{
    ok(slab_space_raise(space, 5000));
    ck_assert_uint_eq(reserve(1, 1), 8192);
    ok(slab_space_raise(space, 100));
    ck_assert_uint_eq(reserve(1, 1), 12288);
}
END_TEST

START_TEST(what_no_file_can_hold_is_an_overflow)
{
    uint64_t address;
    fails(slab_space_reserve(space, UINT64_MAX, 1, &address), SLAB_ERR_OVERFLOW);
    fails(slab_space_reserve(space, INT64_MAX, 1, &address), SLAB_ERR_OVERFLOW);
    fails(slab_space_raise(space, UINT64_MAX), SLAB_ERR_OVERFLOW);
    ck_assert_uint_eq(reserve(1, 1), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("space");
    tcase_add_checked_fixture(tests, open_space, close_space);
    tcase_add_test(tests, space_comes_in_whole_pages_one_after_another);
    tcase_add_test(tests, a_larger_alignment_is_kept);
    tcase_add_test(tests, raising_moves_the_end_up_and_never_down);
    tcase_add_test(tests, what_no_file_can_hold_is_an_overflow);
    Suite *suite = suite_create("space");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
