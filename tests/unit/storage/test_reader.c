/* Views of arrays: what they hold, how their tiles lie, and what reading them costs. */
#include "reading.h"

#include <pthread.h>

static const made arrays[] = {
    {"packed", 2, {10, 12}, {4, 5}, true, true, 0},
    {"raw", 2, {10, 12}, {4, 5}, false, false, 0},
    {"contiguous", 2, {10, 12}, {0}, false, false, 0},
    {"row", 1, {100000}, {1000}, true, false, 0},
    {"deep", 3, {6, 7, 8}, {2, 3, 5}, true, false, 0},
    {"wide", 2, {4, 400000}, {0}, false, false, 0},
};

static void setup(void)
{
    made big = {"big", 2, {10, 12}, {4, 5}, true, false, 0};
    scratch_begin();
    big.stored = H5T_STD_I16BE;
    made all[sizeof arrays / sizeof *arrays + 1];
    memcpy(all, arrays, sizeof arrays);
    all[sizeof arrays / sizeof *arrays] = big;
    make_file("x.h5", all, sizeof all / sizeof *all);
}

static bool counts_up(const int32_t *x, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (x[i] != i)
            return false;
    return true;
}

/* Element n of the arrays is n: what a selection of [10, 12] holds is worked out from its axes. */
typedef struct expected {
    const char *text;
    int64_t start[2], step[2], count[2];
} expected;

static const expected views[] = {
    {"", {0, 0}, {1, 1}, {10, 12}},
    {"3:9, 4:5", {3, 4}, {1, 1}, {6, 1}},
    {"::-1, ::-1", {9, 11}, {-1, -1}, {10, 12}},
    {"::3, 1::2", {0, 1}, {3, 2}, {4, 6}},
    {"8:1:-3, 10:2:-4", {8, 10}, {-3, -4}, {3, 2}},
    {"7", {7, 0}, {1, 1}, {1, 12}},
    {":, 11", {0, 11}, {1, 1}, {10, 1}},
    {"9, 0", {9, 0}, {1, 1}, {1, 1}},
    {"::9, ::11", {0, 0}, {9, 11}, {2, 2}},
    {"5:5", {0, 0}, {1, 1}, {0, 12}},
    {"4:8, 5:10", {4, 5}, {1, 1}, {4, 5}},
    {"1:2, ::5", {1, 0}, {1, 5}, {1, 3}},
};
static const char *const layouts[] = {"/packed", "/raw", "/contiguous", "/big"};

START_TEST(a_view_holds_the_selected_elements)
{
    const expected *e = &views[_i / 4];
    opened o;
    open_view(&o, "x.h5", layouts[_i % 4], e->text, "i4", 1);
    int32_t *x = read_tiles(o.reader), *y = calloc(121, sizeof *y);
    slab_box whole = slab_box_whole(slab_reader_shape(o.reader));
    ok(slab_reader_copy(o.reader, 0, &whole, y));
    for (int64_t i = 0, n = 0; i < e->count[0]; i++) {
        for (int64_t j = 0; j < e->count[1]; j++, n++) {
            int64_t want = 12 * (e->start[0] + i * e->step[0]) + e->start[1] + j * e->step[1];
            ck_assert_msg(x[n] == want && y[n] == want, "[%s] of %s, element %ld: %d and %d",
                          e->text, layouts[_i % 4], (long)n, x[n], y[n]);
        }
    }
    free(x);
    free(y);
    shut(&o);
}
END_TEST

START_TEST(natural_tiles_lie_on_chunks)
{
    opened o;
    slab_box box;
    open_view(&o, "x.h5", "/packed", "3:, 11:2:-1", NULL, 1);
    slab_grid grid = *slab_reader_grid(o.reader);
    /* 160 bytes a chunk: joined along the last axis, then along the first. */
    ck_assert_int_eq(grid.ntiles, 1);
    shut(&o);
    made one = {"x", 2, {1000, 1200}, {400, 500}, false, false, 0};
    make_file("one.h5", &one, 1);
    open_view(&o, "one.h5", "/x", "300:, 1100:200:-1", NULL, 1);
    grid = *slab_reader_grid(o.reader);
    ck_assert_int_eq(grid.count.extent[0], 3); /* 300..399, 400..799, 800..999 */
    ck_assert_int_eq(grid.count.extent[1], 3); /* 1100..1000, 999..500, 499..201 */
    slab_grid_box(&grid, 0, &box);
    ck_assert_int_eq(box.count[0], 100);
    ck_assert_int_eq(box.count[1], 101);
    slab_grid_box(&grid, 4, &box);
    ck_assert_int_eq(box.start[0], 100);
    ck_assert_int_eq(box.count[0], 400);
    ck_assert_int_eq(box.start[1], 101);
    ck_assert_int_eq(box.count[1], 500);
    shut(&o);
}
END_TEST

START_TEST(steps_give_tiles_that_decode_every_chunk_once)
{
    /* chunks of 200000 elements, 800 kB: not joined */
    made one = {"x", 1, {2000000}, {200000}, false, false, 0};
    static const struct {
        const char *text;
        int64_t tile, chunks;
    } steps[] = {{"::2", 100000, 10},          {"::3", 200000, 10}, {"::-3", 200000, 10},
                 {"::300000", 1, 7},           {"7::400000", 1, 5}, {"1999999::-80000", 5, 10},
                 {"246912:1308642", 200000, 6}};
    make_file("one.h5", &one, 1);
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        opened o;
        open_view(&o, "one.h5", "/x", steps[s].text, NULL, 1);
        ck_assert_int_eq(slab_reader_grid(o.reader)->tile.extent[0], steps[s].tile);
        free(read_tiles(o.reader));
        slab_read_counts counts = slab_reader_counts(o.reader);
        ck_assert_int_eq(counts.chunks, steps[s].chunks);
        ck_assert_int_eq(counts.packed_bytes, 800000 * steps[s].chunks);
        ck_assert_int_eq(slab_reader_packed_bytes(o.reader), 800000 * steps[s].chunks);
        shut(&o);
    }
}
END_TEST

START_TEST(a_pass_asks_for_the_bytes_of_the_touched_chunks_and_no_more)
{
    opened o;
    slab_grid grid;
    const slab_chunk *chunks;
    int64_t column = 0;
    open_view(&o, "x.h5", "/packed", ":, 6:9", NULL, 1);
    ok(slab_array_chunks(o.array, &grid, &chunks));
    ck_assert_int_eq(grid.ntiles, 9);
    for (int64_t c = 1; c < 9; c += 3)
        column += (int64_t)chunks[c].size;
    free(read_tiles(o.reader));
    ck_assert_int_eq(slab_reader_counts(o.reader).packed_bytes, column);
    ck_assert_int_eq(slab_reader_packed_bytes(o.reader), column);
    ck_assert_int_eq(slab_reader_counts(o.reader).chunks, 3);
    ck_assert_int_eq(slab_array_describe(o.array)->stored_chunks, 9);
    shut(&o);
}
END_TEST

START_TEST(a_long_array_is_opened_without_a_walk_along_it)
{
    opened o;
    hsize_t extent = (hsize_t)1 << 60;
    hid_t file = H5Fcreate("long.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, &extent, NULL);
    hid_t array = H5Dcreate2(file, "x", H5T_STD_I8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(array >= 0); /* nothing is written: it has no elements in the file */
    H5Dclose(array);
    H5Sclose(space);
    H5Fclose(file);
    open_view(&o, "long.h5", "/x", "", NULL, 1);
    ck_assert_int_eq(slab_reader_packed_bytes(o.reader), (int64_t)1 << 60);
    shut(&o);
    open_view(&o, "long.h5", "/x", "-3::-2", NULL, 1);
    ck_assert_int_eq(slab_reader_shape(o.reader)->extent[0], ((int64_t)1 << 59) - 1);
    shut(&o);
}
END_TEST

START_TEST(columns_of_a_contiguous_array_are_read_alone)
{
    opened o;
    open_view(&o, "x.h5", "/wide", ":, 100000:101000", NULL, 1);
    int32_t *x = read_tiles(o.reader);
    ck_assert_int_eq(x[0], 100000);
    ck_assert_int_eq(x[3999], 3 * 400000 + 100999);
    ck_assert_int_eq(slab_reader_counts(o.reader).packed_bytes, 16000);
    ck_assert_int_eq(slab_reader_packed_bytes(o.reader), 16000);
    free(x);
    shut(&o);
    open_view(&o, "x.h5", "/wide", "::2, ::100000", NULL, 1); /* 8 elements far from each other */
    x = read_tiles(o.reader);
    ck_assert_int_eq(x[7], 2 * 400000 + 300000);
    ck_assert_int_eq(slab_reader_counts(o.reader).packed_bytes, 32);
    free(x);
    shut(&o);
}
END_TEST

START_TEST(a_chunk_asked_for_again_is_not_decoded_again)
{
    opened o;
    slab_box a = {2, {4, 5}, {2, 2}}, b = {2, {6, 7}, {1, 3}};
    slab_view first, second;
    open_view(&o, "x.h5", "/packed", "", NULL, 1);
    ok(slab_reader_get(o.reader, 0, &a, &first));
    ok(slab_reader_get(o.reader, 0, &b, &second));
    ck_assert_int_eq(slab_reader_counts(o.reader).chunks, 1);
    ck_assert_ptr_eq((const char *)first.data + 2 * first.stride[0] + 2 * first.stride[1],
                     second.data);
    ck_assert_int_eq(*(const int32_t *)second.data, 6 * 12 + 7);
    shut(&o);
}
END_TEST

START_TEST(a_box_of_several_chunks_is_put_together_once)
{
    opened o;
    slab_box a = {2, {2, 3}, {4, 6}}, b = {2, {2, 3}, {4, 7}};
    slab_view view;
    open_view(&o, "x.h5", "/packed", "", NULL, 1);
    for (int again = 0; again < 2; again++) {
        ok(slab_reader_get(o.reader, 0, &a, &view));
        ck_assert_int_eq(slab_reader_counts(o.reader).chunks, 4);
        ck_assert_int_eq(*(const int32_t *)view.data, 2 * 12 + 3);
    }
    ok(slab_reader_get(o.reader, 0, &b, &view));
    ck_assert_int_eq(((const int32_t *)view.data)[6], 2 * 12 + 9);
    shut(&o);
}
END_TEST

START_TEST(kept_chunks_cost_no_second_reading)
{
    made one = {"x", 2, {512, 4096}, {512, 512}, true, false, 0};
    opened o;
    make_file("one.h5", &one, 1);
    open_view(&o, "one.h5", "/x", "", NULL, 1);
    int64_t bytes = slab_reader_packed_bytes(o.reader);
    ok(slab_reader_keep(o.reader, 0, (size_t)bytes + 4096));
    for (int pass = 0; pass < 3; pass++) {
        int32_t *x = read_tiles(o.reader);
        ck_assert_int_eq(x[512 * 4096 - 1], 512 * 4096 - 1);
        free(x);
    }
    ck_assert_int_eq(slab_reader_counts(o.reader).packed_bytes, bytes);
    ck_assert_int_eq(slab_reader_counts(o.reader).chunks, 24);
    ok(slab_reader_keep(o.reader, 0, 0));
    free(read_tiles(o.reader));
    ck_assert_int_eq(slab_reader_counts(o.reader).packed_bytes, 2 * bytes);
    shut(&o);
}
END_TEST

START_TEST(keeping_fewer_bytes_than_a_pass_has_still_reads_right)
{
    for (size_t keep = 1; keep < 200000; keep = keep * 3 + 1) {
        opened o;
        open_view(&o, "x.h5", "/row", "", NULL, 1);
        ok(slab_reader_keep(o.reader, 0, keep));
        for (int pass = 0; pass < 2; pass++) {
            int32_t *x = read_tiles(o.reader);
            ck_assert_int_eq(counts_up(x, 100000), 1);
            free(x);
        }
        shut(&o);
    }
}
END_TEST

START_TEST(small_chunks_are_joined_to_tiles)
{
    opened o;
    open_view(&o, "x.h5", "/row", "", NULL, 1);
    ck_assert_int_eq(slab_reader_grid(o.reader)->ntiles, 1); /* 400 kB in all */
    shut(&o);
    made small = {"x", 1, {1000000}, {1000}, false, false, 0};
    make_file("small.h5", &small, 1);
    open_view(&o, "small.h5", "/x", "", NULL, 1);
    ck_assert_int_eq(slab_reader_grid(o.reader)->tile.extent[0], 262000); /* below 1 MiB */
    ck_assert_int_eq(slab_reader_grid(o.reader)->ntiles, 4);
    int32_t *x = read_tiles(o.reader);
    ck_assert_int_eq(counts_up(x, 1000000), 1);
    free(x);
    ck_assert_int_eq(slab_reader_counts(o.reader).packed_bytes, 4000000);
    shut(&o);
}
END_TEST

START_TEST(reading_takes_no_more_memory_than_it_says)
{
    static const char *const paths[] = {"/packed", "/raw",  "/contiguous", "/row",
                                        "/deep",   "/wide", "/big"};
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
        for (int wide = 0; wide < 2; wide++) {
            opened o;
            open_view(&o, "x.h5", paths[p], "", wide ? "f8" : NULL, 1);
            const slab_grid *grid = slab_reader_grid(o.reader);
            size_t before = slab_memory_used(), allowed;
            slab_view view;
            slab_box box;
            allowed = slab_reader_memory(o.reader, &grid->tile);
            slab_memory_peak_reset();
            for (int64_t t = 0; t < grid->ntiles; t++) {
                slab_grid_box(grid, t, &box);
                ok(slab_reader_get(o.reader, 0, &box, &view));
            }
            ck_assert_uint_le(slab_memory_peak() - before, allowed);
            box = slab_box_whole(slab_reader_shape(o.reader));
            allowed = slab_reader_memory(o.reader, slab_reader_shape(o.reader));
            ok(slab_reader_get(o.reader, 0, &box, &view));
            ck_assert_uint_le(slab_memory_peak() - before, allowed);
            shut(&o);
        }
    }
}
END_TEST

typedef struct worker {
    slab_reader *reader;
    int thread;
    int64_t sum;
} worker;

static void *work(void *context)
{
    worker *w = context;
    const slab_grid *grid = slab_reader_grid(w->reader);
    for (int64_t t = w->thread; t < grid->ntiles; t += 3) {
        slab_box box;
        slab_view view;
        slab_grid_box(grid, t, &box);
        slab_reader_prefetch(w->reader, &box);
        if (slab_reader_get(w->reader, w->thread, &box, &view) != SLAB_OK)
            return NULL;
        for (int64_t i = 0; i < box.count[0]; i++)
            w->sum += *(const int32_t *)((const char *)view.data + i * view.stride[0]);
    }
    return NULL;
}

START_TEST(threads_read_side_by_side)
{
    made one = {"x", 1, {3000000}, {100000}, true, false, 0};
    opened o;
    worker workers[3];
    pthread_t threads[3];
    int64_t sum = 0;
    make_file("one.h5", &one, 1);
    open_view(&o, "one.h5", "/x", "", NULL, 3);
    for (int t = 0; t < 3; t++) {
        workers[t] = (worker){o.reader, t, 0};
        ck_assert_int_eq(pthread_create(&threads[t], NULL, work, &workers[t]), 0);
    }
    for (int t = 0; t < 3; t++) {
        pthread_join(threads[t], NULL);
        sum += workers[t].sum;
    }
    ck_assert_int_eq(sum, (int64_t)3000000 * 2999999 / 2);
    ck_assert_int_eq(slab_reader_counts(o.reader).chunks, 30);
    shut(&o);
}
END_TEST

START_TEST(boxes_across_chunks_are_put_together)
{
    opened o;
    slab_view view;
    open_view(&o, "x.h5", "/deep", "", NULL, 1);
    slab_box box = {3, {1, 2, 3}, {4, 3, 4}};
    ok(slab_reader_get(o.reader, 0, &box, &view));
    const int32_t *x = view.data;
    ck_assert_int_eq(view.stride[2], 4);
    ck_assert_int_eq(view.stride[0], 48);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                ck_assert_int_eq(*x++, (i + 1) * 56 + (j + 2) * 8 + k + 3);
    shut(&o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reader");
    TCase *tests = tcase_create("views");
    tcase_add_checked_fixture(tests, setup, scratch_end);
    tcase_add_loop_test(tests, a_view_holds_the_selected_elements, 0,
                        4 * sizeof views / sizeof *views);
    tcase_add_test(tests, natural_tiles_lie_on_chunks);
    tcase_add_test(tests, steps_give_tiles_that_decode_every_chunk_once);
    tcase_add_test(tests, a_pass_asks_for_the_bytes_of_the_touched_chunks_and_no_more);
    tcase_add_test(tests, a_long_array_is_opened_without_a_walk_along_it);
    tcase_add_test(tests, columns_of_a_contiguous_array_are_read_alone);
    tcase_add_test(tests, a_chunk_asked_for_again_is_not_decoded_again);
    tcase_add_test(tests, a_box_of_several_chunks_is_put_together_once);
    tcase_add_test(tests, kept_chunks_cost_no_second_reading);
    tcase_add_test(tests, keeping_fewer_bytes_than_a_pass_has_still_reads_right);
    tcase_add_test(tests, small_chunks_are_joined_to_tiles);
    tcase_add_test(tests, reading_takes_no_more_memory_than_it_says);
    tcase_add_test(tests, threads_read_side_by_side);
    tcase_add_test(tests, boxes_across_chunks_are_put_together);
    suite_add_tcase(suite, tests);
    return run(suite);
}
