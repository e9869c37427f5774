/* Chunks that are taken in parts. */
#include "reading.h"

#include <slab/storage/reader_impl.h>
#include <slab/storage/transaction.h>

enum { ROWS = 650, COLUMNS = 430, PART = 7000 };

static int32_t element(int64_t i, int64_t j)
{
    return (int32_t)((uint32_t)(i * COLUMNS + j) * 2654435761u); /* noise: stored as it is */
}

/* i32 [650, 430] in chunks of [100, 200], shuffle + zstd. */
static void setup(void)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_INT, 4),
                            .shape = {2, {ROWS, COLUMNS}},
                            .chunk = {2, {100, 200}}};
    slab_txn_options options = slab_txn_defaults();
    slab_txn *txn = NULL;
    slab_writer *writer = NULL;
    static int32_t chunk[100 * 200];
    scratch_begin();
    ok(slab_txn_begin(slab_ranks_world(), "x.h5", &options, &txn));
    ok(slab_txn_create(txn, "/x", &spec, &writer));
    const slab_grid *grid = slab_writer_grid(writer);
    for (int64_t c = 0; c < grid->ntiles; c++) {
        slab_box box;
        slab_grid_box(grid, c, &box);
        for (int64_t i = 0, at = 0; i < box.count[0]; i++)
            for (int64_t j = 0; j < box.count[1]; j++)
                chunk[at++] = element(box.start[0] + i, box.start[1] + j);
        ok(slab_writer_put(writer, 0, c, chunk));
    }
    ok(slab_writer_close(&writer));
    ok(slab_txn_commit(&txn));
}

static void check_view(const slab_view *view, const slab_box *box, const char *as, int64_t row0,
                       int64_t row_step, int64_t column_step)
{
    for (int64_t i = 0; i < box->count[0]; i++)
        for (int64_t j = 0; j < box->count[1]; j++) {
            const char *at = (const char *)view->data + i * view->stride[0] + j * view->stride[1];
            int32_t x =
                element(row0 + (box->start[0] + i) * row_step, (box->start[1] + j) * column_step);
            if (as)
                ck_assert_double_eq(*(const double *)at, x);
            else
                ck_assert_int_eq(*(const int32_t *)at, x);
        }
}

/* Views, and grids over them that lie on chunks. */
static const struct {
    const char *brackets, *as;
    int64_t row0, row_step, column_step;
    slab_shape tile;
    int64_t phase[2];
} views[] = {{"", NULL, 0, 1, 1, {2, {100, 200}}, {0}},
             {"", "f8", 0, 1, 1, {2, {100, 200}}, {0}},
             {"::-1", NULL, ROWS - 1, -1, 1, {2, {100, 200}}, {50, 0}},
             {"3::2, ::5", NULL, 3, 2, 5, {2, {50, 40}}, {1, 0}}};

START_TEST(parts_hold_the_elements_and_decode_every_chunk_once)
{
    opened o;
    slab_grid grid;
    slab_box box, part;
    open_view(&o, "x.h5", "/x", views[_i].brackets, views[_i].as, 1);
    ok(slab_grid_make(slab_reader_shape(o.reader), &views[_i].tile, views[_i].phase, &grid));
    ck_assert_int_eq(grid.ntiles, 21);
    for (int64_t t = 0; t < grid.ntiles; t++) {
        slab_view view;
        slab_grid_box(&grid, t, &box);
        ck_assert(slab_reader_in_parts(o.reader, 0, &box));
        bool more = slab_box_first_part(&box, 4, PART, &part);
        for (; more; more = slab_box_next_part(&box, 4, PART, &part)) {
            ok(slab_reader_get(o.reader, 0, &part, &view));
            check_view(&view, &part, views[_i].as, views[_i].row0, views[_i].row_step,
                       views[_i].column_step);
        }
    }
    ck_assert_int_eq(slab_reader_counts(o.reader).chunks, 21);
    shut(&o);
}
END_TEST

START_TEST(parts_in_any_order_and_the_whole_box_agree)
{
    opened o;
    slab_view view;
    slab_box low = {2, {90, 10}, {5, 20}}, high = {2, {2, 150}, {9, 50}},
             all = {2, {0, 0}, {100, 200}};
    open_view(&o, "x.h5", "/x", "", NULL, 1);
    for (int round = 0; round < 2; round++) {
        ok(slab_reader_get(o.reader, 0, &low, &view));
        check_view(&view, &low, NULL, 0, 1, 1);
        ok(slab_reader_get(o.reader, 0, &high, &view));
        check_view(&view, &high, NULL, 0, 1, 1);
        ok(slab_reader_get(o.reader, 0, &all, &view));
        check_view(&view, &all, NULL, 0, 1, 1);
    }
    ck_assert_int_eq(slab_reader_counts(o.reader).chunks, 1);
    shut(&o);
}
END_TEST

/* Changes a byte in the middle of chunk [0, 0]: of noise, which only the checksum covers. */
static void damage(void)
{
    opened o;
    slab_grid grid;
    const slab_chunk *chunks;
    open_array(&o, "x.h5", "/x");
    ok(slab_array_chunks(o.array, &grid, &chunks));
    FILE *f = fopen("x.h5", "r+b");
    long at = (long)(chunks[0].address + chunks[0].size / 2);
    fseek(f, at, SEEK_SET);
    int byte = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(byte ^ 0x10, f);
    fclose(f);
    shut(&o);
}

START_TEST(damage_is_reported_with_the_last_of_the_promised_parts)
{
    opened o;
    slab_view view;
    slab_box box = {2, {0, 0}, {100, 200}}, part;
    slab_status rc = SLAB_OK;
    damage();
    open_view(&o, "x.h5", "/x", "", NULL, 1);
    for (int round = 0; round < 2; round++) { /* and again */
        ck_assert(slab_reader_in_parts(o.reader, 0, &box));
        bool more = slab_box_first_part(&box, 4, PART, &part);
        while (more && (rc = slab_reader_get(o.reader, 0, &part, &view)) == SLAB_OK)
            more = slab_box_next_part(&box, 4, PART, &part);
        ck_assert_int_eq(rc, SLAB_ERR_CHECKSUM);
        says("cannot read chunk [0, 0] of 'x.h5:/x': ");
        ck_assert_int_eq(part.start[0] + part.count[0], 100);
    }
    shut(&o);
}
END_TEST

START_TEST(a_part_of_a_damaged_chunk_alone_is_refused)
{
    opened o;
    slab_view view;
    slab_box few = {2, {0, 0}, {3, 200}};
    damage();
    open_view(&o, "x.h5", "/x", "", NULL, 1);
    fails(slab_reader_get(o.reader, 0, &few, &view), SLAB_ERR_CHECKSUM);
    fails(slab_reader_get(o.reader, 0, &few, &view), SLAB_ERR_CHECKSUM);
    shut(&o);
}
END_TEST

START_TEST(boxes_of_several_chunks_are_not_given_in_parts)
{
    opened o;
    open_view(&o, "x.h5", "/x", "", NULL, 1);
    slab_box two = {2, {50, 0}, {100, 200}}, one = {2, {100, 0}, {100, 200}},
             far = {2, {700, 0}, {1, 1}};
    ck_assert(!slab_reader_in_parts(o.reader, 0, &two));
    ck_assert(slab_reader_in_parts(o.reader, 0, &one));
    ck_assert(!slab_reader_in_parts(o.reader, 0, &far));
    shut(&o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parts of chunks");
    TCase *tests = tcase_create("parts of chunks");
    tcase_add_checked_fixture(tests, setup, scratch_end);
    tcase_add_loop_test(tests, parts_hold_the_elements_and_decode_every_chunk_once, 0, 4);
    tcase_add_test(tests, parts_in_any_order_and_the_whole_box_agree);
    tcase_add_test(tests, damage_is_reported_with_the_last_of_the_promised_parts);
    tcase_add_test(tests, a_part_of_a_damaged_chunk_alone_is_refused);
    tcase_add_test(tests, boxes_of_several_chunks_are_not_given_in_parts);
    suite_add_tcase(suite, tests);
    return run(suite);
}
