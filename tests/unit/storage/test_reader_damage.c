/* Files that are damaged, cut off or hold something else; memory that is not there. */
#include "reading.h"

#include <slab/storage/base/try.h>
#include <slab/storage/reader_impl.h>

static void setup(void)
{
    static const made arrays[] = {
        {"checked", 2, {10, 12}, {4, 5}, true, true, 0},
        {"raw", 2, {600, 400}, {100, 200}, false, false, 0},
        {"contiguous", 2, {300, 400}, {0}, false, false, 0},
    };
    scratch_begin();
    make_file("x.h5", arrays, sizeof arrays / sizeof *arrays);
}

/* Changes one byte of chunk number c. */
static void damage(const char *path, int64_t c, uint64_t at)
{
    opened o;
    slab_grid grid;
    const slab_chunk *chunks;
    open_array(&o, "x.h5", path);
    ok(slab_array_chunks(o.array, &grid, &chunks));
    FILE *f = fopen("x.h5", "r+b");
    ck_assert_ptr_nonnull(f);
    fseek(f, (long)(chunks[c].address + at), SEEK_SET);
    int byte = fgetc(f);
    fseek(f, (long)(chunks[c].address + at), SEEK_SET);
    fputc(byte ^ 0x10, f);
    fclose(f);
    shut(&o);
}

START_TEST(a_damaged_chunk_is_named_and_the_others_are_read)
{
    opened o;
    slab_view view;
    slab_box bad = {2, {4, 10}, {2, 1}}, good = {2, {0, 0}, {4, 5}};
    damage("/checked", 5, 12); /* chunk [1, 2] */
    open_view(&o, "x.h5", "/checked", "", NULL, 1);
    ok(slab_reader_get(o.reader, 0, &good, &view));
    slab_status rc = slab_reader_get(o.reader, 0, &bad, &view);
    ck_assert(rc == SLAB_ERR_CHECKSUM || rc == SLAB_ERR_FORMAT);
    says("cannot read chunk [1, 2] of 'x.h5:/checked': ");
    ck_assert_int_ne(slab_reader_get(o.reader, 0, &bad, &view), SLAB_OK); /* nor later */
    ok(slab_reader_get(o.reader, 0, &good, &view));
    ck_assert_int_eq(*(const int32_t *)view.data, 0);
    shut(&o);
}
END_TEST

START_TEST(a_file_that_shrinks_while_it_is_read_is_an_error)
{
    static const char *const paths[] = {"/raw", "/contiguous", "/checked"};
    for (int p = 0; p < 3; p++) {
        opened o;
        slab_view view;
        open_view(&o, "x.h5", paths[p], "", NULL, 1);
        slab_box box = slab_box_whole(slab_reader_shape(o.reader));
        FILE *f = fopen("x.h5", "r+b");
        fseek(f, 0, SEEK_END);
        long size = ftell(f);
        char *copy = malloc((size_t)size);
        rewind(f);
        ck_assert_uint_eq(fread(copy, 1, (size_t)size, f), size);
        ck_assert_int_eq(ftruncate(fileno(f), 100), 0);
        fails(slab_reader_get(o.reader, 0, &box, &view), SLAB_ERR_FORMAT);
        says("the file ends before");
        says(paths[p]);
        rewind(f);
        ck_assert_uint_eq(fwrite(copy, 1, (size_t)size, f), size);
        fclose(f);
        free(copy);
        ok(slab_reader_get(o.reader, 0, &box, &view));
        shut(&o);
    }
}
END_TEST

START_TEST(pages_that_vanish_while_they_are_decoded_are_noticed)
{
    enum { BYTES = 400000 };
    slab_pipeline pipeline = {.type = {slab_dtype_make(SLAB_KIND_INT, 4), BYTES}};
    slab_lane *lane = NULL;
    char *plain = malloc(BYTES);
    bool in_parts, gone;
    opened o;
    slab_chunk chunk = {.address = 5000, .size = BYTES};
    open_view(&o, "x.h5", "/raw", "", NULL, 1);
    slab_reader_window window = {0};
    ok(slab_lane_create(&pipeline, false, &lane));
    const void *packed = slab_reader_window_get(o.reader, &window, &chunk);
    if (packed) { /* else this system cannot map: nothing to guard */
        ok(slab_reader_window_begin(lane, 0, packed, BYTES, plain, &in_parts, &gone));
        ck_assert(!gone);
        ck_assert_int_eq(truncate("x.h5", 8192), 0);
        ok(slab_reader_window_begin(lane, 0, packed, BYTES, plain, &in_parts, &gone));
        ck_assert(gone);
    }
    slab_reader_window_clear(&window);
    slab_lane_destroy(&lane);
    free(plain);
    shut(&o);
}
END_TEST

/* Everything a user does with an array. */
static slab_status read_all(const char *path)
{
    slab_status rc = SLAB_OK;
    slab_file *file = NULL;
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    slab_attribute *attributes = NULL;
    slab_dtype as = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    slab_view view;
    size_t n = 0;
    TRY(slab_file_open(slab_ranks_world(), "x.h5", &file));
    TRY(slab_array_open(file, path, &array));
    TRY(slab_file_attributes(file, path, &attributes, &n));
    TRY(slab_reader_open(array, NULL, &as, 2, &reader));
    TRY(slab_reader_keep(reader, 0, 10000));
    slab_box box = slab_box_whole(slab_reader_shape(reader));
    TRY(slab_reader_get(reader, 0, &box, &view));
    TRY(slab_reader_get(reader, 1, &box, &view));
done:
    slab_attributes_free(&attributes, n);
    slab_reader_close(&reader);
    slab_array_close(&array);
    slab_file_close(&file);
    return rc;
}

START_TEST(an_allocation_that_fails_is_an_error_and_leaves_nothing)
{
    static const char *const paths[] = {"/checked", "/raw", "/contiguous"};
    const char *path = paths[_i];
    for (long n = 1;; n++) {
        slab_memory_fail_at(n);
        slab_status rc = read_all(path);
        slab_memory_fail_at(0);
        ck_assert_uint_eq(slab_memory_used(), 0);
        if (rc == SLAB_OK) {
            ck_assert_int_gt(n, 10);
            break;
        }
        ck_assert_int_eq(rc, SLAB_ERR_MEMORY);
    }
}
END_TEST

START_TEST(a_budget_that_is_too_small_is_a_memory_error)
{
    opened o;
    slab_view view;
    open_view(&o, "x.h5", "/raw", "", NULL, 1);
    slab_box box = slab_box_whole(slab_reader_shape(o.reader));
    slab_memory_limit_set(slab_memory_used() + 100000);
    fails(slab_reader_get(o.reader, 0, &box, &view), SLAB_ERR_MEMORY);
    slab_memory_limit_set(0);
    ok(slab_reader_get(o.reader, 0, &box, &view));
    shut(&o);
}
END_TEST

START_TEST(what_is_not_there_is_told_with_what_is)
{
    opened o = {0};
    fails(slab_file_open(slab_ranks_world(), "none.h5", &o.file), SLAB_ERR_NOT_FOUND);
    says("none.h5");
    FILE *f = fopen("text.h5", "w");
    fputs("this is text", f);
    fclose(f);
    fails(slab_file_open(slab_ranks_world(), "text.h5", &o.file), SLAB_ERR_FORMAT);
    ok(slab_file_open(slab_ranks_world(), "x.h5", &o.file));
    fails(slab_array_open(o.file, "/nothing", &o.array), SLAB_ERR_NOT_FOUND);
    says("checked");
    says("contiguous");
    fails(slab_array_open(o.file, "/", &o.array), SLAB_ERR_TYPE);
    ck_assert_ptr_null(o.array);
    shut(&o);
}
END_TEST

START_TEST(boxes_outside_of_the_view_are_refused)
{
    opened o;
    slab_view view;
    slab_box box = {2, {0, 0}, {11, 1}}, negative = {2, {-1, 0}, {1, 1}}, line = {1, {0}, {1}};
    open_view(&o, "x.h5", "/checked", "", NULL, 1);
    fails(slab_reader_get(o.reader, 0, &box, &view), SLAB_ERR_RANGE);
    fails(slab_reader_get(o.reader, 0, &negative, &view), SLAB_ERR_RANGE);
    fails(slab_reader_get(o.reader, 0, &line, &view), SLAB_ERR_SHAPE);
    box.count[0] = 1;
    fails(slab_reader_get(o.reader, 1, &box, &view), SLAB_ERR_RANGE);
    shut(&o);
}
END_TEST

START_TEST(selections_that_do_not_suit_are_refused)
{
    opened o;
    open_array(&o, "x.h5", "/checked");
    slab_selection s = slab_selection_all(&slab_array_describe(o.array)->shape);
    s.start[0] = 1;
    fails(slab_reader_open(o.array, &s, NULL, 1, &o.reader), SLAB_ERR_RANGE);
    s.start[0] = 0;
    s.step[1] = INT64_MAX;
    fails(slab_reader_open(o.array, &s, NULL, 1, &o.reader), SLAB_ERR_RANGE);
    s.step[1] = 0;
    fails(slab_reader_open(o.array, &s, NULL, 1, &o.reader), SLAB_ERR_USAGE);
    s.rank = 1;
    fails(slab_reader_open(o.array, &s, NULL, 1, &o.reader), SLAB_ERR_SHAPE);
    slab_dtype text = slab_dtype_make(SLAB_KIND_STRING, 4);
    fails(slab_reader_open(o.array, NULL, &text, 1, &o.reader), SLAB_ERR_TYPE);
    shut(&o);
}
END_TEST

START_TEST(chunks_that_do_not_exist_read_as_the_fill_value)
{
    hid_t file = H5Fcreate("sparse.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t extent[2] = {6, 6}, chunk[2] = {4, 4}, start[2] = {0, 4}, count[2] = {1, 1};
    int32_t fill = 77, one = 1;
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, extent, NULL);
    H5Pset_chunk(dcpl, 2, chunk);
    H5Pset_fill_value(dcpl, H5T_NATIVE_INT32, &fill);
    hid_t set = H5Dcreate2(file, "x", H5T_STD_I32BE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    hid_t memory = H5Screate_simple(2, count, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    H5Dwrite(set, H5T_NATIVE_INT32, memory, space, H5P_DEFAULT, &one);
    H5Sclose(memory);
    H5Sclose(space);
    H5Pclose(dcpl);
    H5Dclose(set);
    H5Fclose(file);
    opened o;
    open_view(&o, "sparse.h5", "/x", "", NULL, 1);
    int32_t *x = read_tiles(o.reader);
    for (int n = 0; n < 36; n++)
        ck_assert_int_eq(x[n], n == 4 ? 1 : 77);
    free(x);
    ck_assert_int_eq(slab_reader_counts(o.reader).chunks, 1);
    ck_assert_int_eq(slab_array_describe(o.array)->stored_chunks, 1);
    shut(&o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reader damage");
    TCase *tests = tcase_create("damage");
    tcase_add_checked_fixture(tests, setup, scratch_end);
    tcase_add_test(tests, a_damaged_chunk_is_named_and_the_others_are_read);
    tcase_add_test(tests, a_file_that_shrinks_while_it_is_read_is_an_error);
    tcase_add_test(tests, pages_that_vanish_while_they_are_decoded_are_noticed);
    tcase_add_loop_test(tests, an_allocation_that_fails_is_an_error_and_leaves_nothing, 0, 3);
    tcase_add_test(tests, a_budget_that_is_too_small_is_a_memory_error);
    tcase_add_test(tests, what_is_not_there_is_told_with_what_is);
    tcase_add_test(tests, boxes_outside_of_the_view_are_refused);
    tcase_add_test(tests, selections_that_do_not_suit_are_refused);
    tcase_add_test(tests, chunks_that_do_not_exist_read_as_the_fill_value);
    suite_add_tcase(suite, tests);
    return run(suite);
}
