/* The overlay: exactly the bytes that were written, and no others. */
#include "scratch_impl.h"

#include <slab/storage/hdf5/overlay_impl.h>

START_TEST(bytes_never_written_stay_those_of_the_file)
{
    slab_overlay *o;
    char bytes[21] = "....................";
    ck_ok(slab_overlay_create(&o));
    ck_ok(slab_overlay_write(o, 4090, 3, "abc"));
    ck_ok(slab_overlay_write(o, 4095, 4, "wxyz"));
    ck_ok(slab_overlay_write(o, 4091, 1, "B"));
    slab_overlay_read(o, 4085, 20, bytes);
    ck_assert_str_eq(bytes, ".....aBc..wxyz......");
    ck_assert(slab_overlay_covers(o, 4090, 3));
    ck_assert(slab_overlay_covers(o, 4095, 4));
    ck_assert(!slab_overlay_covers(o, 4090, 4));
    ck_assert(!slab_overlay_covers(o, 4095, 5));
    ck_assert(!slab_overlay_covers(o, 1 << 30, 1));
    slab_overlay_destroy(&o);
    ck_assert_ptr_null(o);
    ck_assert_uint_eq(slab_memory_used(), 0);
}
END_TEST

START_TEST(patches_are_the_written_runs_in_order_of_address)
{
    slab_overlay *o;
    slab_patch *p;
    size_t n;
    ck_ok(slab_overlay_create(&o));
    ck_ok(slab_overlay_write(o, 1 << 20, 2, "yz"));
    ck_ok(slab_overlay_write(o, 8190, 4, "abcd"));
    ck_ok(slab_overlay_write(o, 64, 64, (char[64]){0}));
    ck_ok(slab_overlay_write(o, 130, 1, "x"));
    ck_ok(slab_overlay_patches(o, &p, &n));
    static const slab_patch expected[] = {
        {64, 64, ""}, {130, 1, "x"}, {8190, 2, "ab"}, {8192, 2, "cd"}, {1 << 20, 2, "yz"}};
    ck_assert_uint_eq(n, 5);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(p[i].address, expected[i].address);
        ck_assert_uint_eq(p[i].size, expected[i].size);
        ck_assert_mem_eq(p[i].bytes, expected[i].bytes, i == 0 ? 1 : p[i].size);
    }
    slab_memory_free(p);
    slab_overlay_destroy(&o);
}
END_TEST

/* Against a plain array: random writes of all lengths over 64 KiB. */
START_TEST(random_writes_read_back_as_in_an_array)
{
    enum { SPAN = 1 << 16 };
    static uint8_t truth[SPAN], got[SPAN], bytes[5000];
    static bool written[SPAN];
    slab_overlay *o;
    slab_patch *p;
    size_t n, total = 0, count = 0;
    unsigned seed = 7;
    memset(truth, 0xEE, SPAN);
    ck_ok(slab_overlay_create(&o));
    for (int i = 0; i < 60; i++) {
        size_t size = (size_t)rand_r(&seed) % (i % 3 == 0 ? 5000 : 20) + 1;
        size_t at = (size_t)rand_r(&seed) % (SPAN - size);
        memset(bytes, i, size);
        ck_ok(slab_overlay_write(o, at, size, bytes));
        memset(truth + at, i, size);
        memset(written + at, 1, size);
    }
    memset(got, 0xEE, SPAN);
    slab_overlay_read(o, 0, SPAN, got);
    ck_assert_mem_eq(got, truth, SPAN);
    ck_ok(slab_overlay_patches(o, &p, &n));
    for (size_t i = 0; i < n; i++) {
        ck_assert_mem_eq(p[i].bytes, truth + p[i].address, p[i].size);
        for (size_t k = 0; k < p[i].size; k++)
            ck_assert(written[p[i].address + k]);
        total += p[i].size;
    }
    for (size_t i = 0; i < SPAN; i++)
        count += written[i];
    ck_assert_uint_eq(total, count);
    slab_memory_free(p);
    slab_overlay_destroy(&o);
}
END_TEST

START_TEST(memory_is_in_the_budget)
{
    slab_overlay *o;
    slab_status rc = SLAB_OK;
    ck_ok(slab_overlay_create(&o));
    slab_memory_limit_set(slab_memory_used() + (2 << 20));
    for (uint64_t at = 0; at < 4 << 20 && rc == SLAB_OK; at += 4096)
        rc = slab_overlay_write(o, at, 1, "x");
    ck_assert_int_eq(rc, SLAB_ERR_MEMORY);
    slab_memory_limit_set(0);
    slab_overlay_destroy(&o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("overlay");
    TCase *c = tcase_create("overlay");
    tcase_add_test(c, bytes_never_written_stay_those_of_the_file);
    tcase_add_test(c, patches_are_the_written_runs_in_order_of_address);
    tcase_add_test(c, random_writes_read_back_as_in_an_array);
    tcase_add_test(c, memory_is_in_the_budget);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
