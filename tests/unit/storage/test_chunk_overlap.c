#include <check.h>
#include <slab/storage/array_impl.h>
#include <slab/storage/base/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 10000 };

static slab_chunk chunks[CHUNKS];
static int place[CHUNKS]; /* the chunk at the i-th place of the file */
static slab_grid grid;

/* Chunks of 1 to `most` bytes one behind the other, in an order drawn at random; each seventh is
 * not stored. `far`: the last one lies at the other end of a huge file. */
static void scatter(unsigned seed, uint64_t most, bool far)
{
    uint64_t at = 2048;
    slab_shape shape = {.rank = 1, .extent = {CHUNKS}}, one = {.rank = 1, .extent = {1}};
    ck_assert_int_eq(slab_grid_make(&shape, &one, NULL, &grid), SLAB_OK);
    srand(seed);
    for (int i = 0; i < CHUNKS; i++)
        place[i] = i;
    for (int i = CHUNKS - 1; i > 0; i--) {
        int j = rand() % (i + 1), was = place[i];
        place[i] = place[j];
        place[j] = was;
    }
    memset(chunks, 0, sizeof chunks);
    for (int i = 0; i < CHUNKS; i++) {
        if (i % 7 == 0)
            continue;
        if (far && i == CHUNKS - 1)
            at = (uint64_t)1 << 60;
        chunks[place[i]].address = at;
        at += chunks[place[i]].size = 1 + (uint64_t)rand() % most;
    }
}

static void expect_overlap(int a, int b)
{
    char text[64];
    snprintf(text, sizeof text, "chunks [%d] and [%d] have", a < b ? a : b, a < b ? b : a);
    ck_assert_int_eq(slab_chunks_are_apart(chunks, &grid), SLAB_ERR_FORMAT);
    ck_assert_msg(strstr(slab_error_last()->message, text) != NULL, "%s: %s", text,
                  slab_error_last()->message);
    slab_error_clear();
}

START_TEST(chunks_in_any_order_are_apart)
{
    for (unsigned seed = 0; seed < 20; seed++) {
        scatter(seed, seed % 2 ? 1 : 5000, seed % 3 == 0);
        ck_assert_int_eq(slab_chunks_are_apart(chunks, &grid), SLAB_OK);
    }
}
END_TEST

START_TEST(a_byte_in_common_is_found_wherever_it_is)
{
    for (int i = 1; i < CHUNKS - 2; i += 97) {
        if (i % 7 == 0)
            continue;
        scatter((unsigned)i, 900, i % 2);
        int one = place[i], other = place[(i + 1) % 7 ? i + 1 : i + 2];
        chunks[one].size++;
        expect_overlap(one, other);
    }
}
END_TEST

/* All chunks but one lie in one part of the file out of thousands. */
START_TEST(a_crowd_is_sorted_too)
{
    scatter(5, 1, true);
    int one = place[CHUNKS / 2 + 1], other = place[8];
    chunks[one].address = chunks[other].address;
    expect_overlap(one, other);
}
END_TEST

START_TEST(chunks_at_one_address_are_found)
{
    scatter(6, 1, false);
    for (int i = 0; i < CHUNKS; i++)
        chunks[i].address = 4096;
    ck_assert_int_eq(slab_chunks_are_apart(chunks, &grid), SLAB_ERR_FORMAT);
    slab_error_clear();
}
END_TEST

START_TEST(without_memory_nothing_is_looked_at)
{
    scatter(7, 100, false);
    slab_memory_limit_set(slab_memory_used() + 100);
    ck_assert_int_eq(slab_chunks_are_apart(chunks, &grid), SLAB_OK);
    slab_memory_limit_set(SIZE_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chunk_overlap");
    TCase *tests = tcase_create("chunk_overlap");
    tcase_add_test(tests, chunks_in_any_order_are_apart);
    tcase_add_test(tests, a_byte_in_common_is_found_wherever_it_is);
    tcase_add_test(tests, a_crowd_is_sorted_too);
    tcase_add_test(tests, chunks_at_one_address_are_found);
    tcase_add_test(tests, without_memory_nothing_is_looked_at);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
