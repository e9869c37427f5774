#include <check.h>
#include <slab/storage/base/shape.h>
#include <stdlib.h>
#include <string.h>

START_TEST(sizes_are_multiplied_and_added_with_a_check)
{
    size_t n;
    int64_t m;
    ck_assert_int_eq(slab_size_multiply(6, 7, &n), SLAB_OK);
    ck_assert_uint_eq(n, 42);
    ck_assert_int_eq(slab_size_multiply((size_t)1 << 32, (size_t)1 << 32, &n), SLAB_ERR_OVERFLOW);
    ck_assert_int_eq(slab_size_add(SIZE_MAX - 1, 1, &n), SLAB_OK);
    ck_assert_uint_eq(n, SIZE_MAX);
    ck_assert_int_eq(slab_size_add(SIZE_MAX, 1, &n), SLAB_ERR_OVERFLOW);
    ck_assert_int_eq(slab_extent_multiply(INT64_MAX, 1, &m), SLAB_OK);
    ck_assert_int_eq(slab_extent_multiply((int64_t)1 << 32, (int64_t)1 << 31, &m),
                     SLAB_ERR_OVERFLOW);
}
END_TEST

START_TEST(elements_of_a_shape)
{
    int64_t n;
    slab_shape scalar = {0}, matrix = {2, {3000000000, 3}}, empty = {3, {5, 0, INT64_MAX}};
    slab_shape huge = {2, {INT64_MAX, 2}}, negative = {1, {-1}};
    ck_assert_int_eq(slab_shape_elements(&scalar, &n), SLAB_OK);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(slab_shape_elements(&matrix, &n), SLAB_OK);
    ck_assert_int_eq(n, 9000000000);
    ck_assert_int_eq(slab_shape_elements(&empty, &n), SLAB_OK);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(slab_shape_elements(&huge, &n), SLAB_ERR_OVERFLOW);
    ck_assert_int_eq(slab_shape_elements(&negative, &n), SLAB_ERR_RANGE);
}
END_TEST

START_TEST(shapes_are_parsed_and_printed)
{
    slab_shape s;
    char text[SLAB_SHAPE_TEXT_MAX];
    ck_assert_int_eq(slab_shape_parse("20000x100000", &s), SLAB_OK);
    ck_assert_str_eq(slab_shape_text(&s, text), "[20000, 100000]");
    ck_assert_int_eq(slab_shape_parse("2,3,4", &s), SLAB_OK);
    ck_assert_str_eq(slab_shape_text(&s, text), "[2, 3, 4]");
    ck_assert_int_eq(slab_shape_parse("", &s), SLAB_OK);
    ck_assert_str_eq(slab_shape_text(&s, text), "[]");
    static const char *const wrong[] = {
        "x", "3x", "3xx4", "-3", "3x-1", "3 4", "a", "99999999999999999999", "3x4y"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(slab_shape_parse(wrong[i], &s) == SLAB_ERR_SHAPE, "'%s'", wrong[i]);
}
END_TEST

START_TEST(the_longest_shape_fits_its_text)
{
    slab_shape s = {SLAB_RANK_MAX, {0}};
    char text[SLAB_SHAPE_TEXT_MAX], many[200] = "1";
    for (int i = 0; i < SLAB_RANK_MAX; i++)
        s.extent[i] = INT64_MAX;
    ck_assert_uint_lt(strlen(slab_shape_text(&s, text)), SLAB_SHAPE_TEXT_MAX);
    for (int i = 1; i < SLAB_RANK_MAX; i++)
        strcat(many, "x1");
    ck_assert_int_eq(slab_shape_parse(many, &s), SLAB_OK);
    ck_assert_int_eq(s.rank, 32);
    strcat(many, "x1");
    ck_assert_int_eq(slab_shape_parse(many, &s), SLAB_ERR_SHAPE);
}
END_TEST

START_TEST(shapes_are_equal_in_rank_and_extents)
{
    slab_shape a = {2, {3, 4, 99}}, b = {2, {3, 4, 7}}, c = {2, {3, 5}}, d = {1, {3}};
    ck_assert(slab_shape_equal(&a, &b));
    ck_assert(!slab_shape_equal(&a, &c));
    ck_assert(!slab_shape_equal(&a, &d));
}
END_TEST

START_TEST(edge_tiles_are_clipped)
{
    slab_shape shape = {2, {5, 7}}, tile = {2, {2, 3}};
    slab_grid grid;
    slab_box box;
    ck_assert_int_eq(slab_grid_make(&shape, &tile, NULL, &grid), SLAB_OK);
    ck_assert_int_eq(grid.ntiles, 9);
    slab_grid_box(&grid, 0, &box);
    ck_assert(box.start[0] == 0 && box.start[1] == 0 && box.count[0] == 2 && box.count[1] == 3);
    slab_grid_box(&grid, 5, &box); /* coordinates 1, 2 */
    ck_assert(box.start[0] == 2 && box.start[1] == 6 && box.count[0] == 2 && box.count[1] == 1);
    slab_grid_box(&grid, 8, &box);
    ck_assert(box.start[0] == 4 && box.start[1] == 6 && box.count[0] == 1 && box.count[1] == 1);
}
END_TEST

/* x[4:11] of an x with tiles of 3: the first tile lacks one element, 1 2 | 3 ... of the part. */
START_TEST(a_phase_cuts_the_first_tile)
{
    slab_shape shape = {1, {7}}, tile = {1, {3}};
    int64_t phase[1] = {1};
    static const int64_t starts[] = {0, 2, 5}, counts[] = {2, 3, 2};
    slab_grid grid;
    ck_assert_int_eq(slab_grid_make(&shape, &tile, phase, &grid), SLAB_OK);
    ck_assert_int_eq(grid.ntiles, 3);
    for (int t = 0; t < 3; t++) {
        slab_box box;
        slab_grid_box(&grid, t, &box);
        ck_assert_int_eq(box.start[0], starts[t]);
        ck_assert_int_eq(box.count[0], counts[t]);
    }
}
END_TEST

START_TEST(a_part_smaller_than_its_cut_tile_is_one_tile)
{
    slab_shape shape = {1, {2}}, tile = {1, {10}};
    int64_t phase[1] = {4};
    slab_grid grid;
    slab_box box;
    ck_assert_int_eq(slab_grid_make(&shape, &tile, phase, &grid), SLAB_OK);
    ck_assert_int_eq(grid.ntiles, 1);
    slab_grid_box(&grid, 0, &box);
    ck_assert(box.start[0] == 0 && box.count[0] == 2);
}
END_TEST

START_TEST(the_tiles_of_every_grid_cover_each_element_once)
{
    for (int64_t a = 0; a < 8; a++)
        for (int64_t b = 1; b < 6; b++)
            for (int64_t p = 0; p < b; p++) {
                slab_shape shape = {2, {a, 5}}, tile = {2, {b, 2}};
                int64_t phase[2] = {p, 1}, seen[8][5] = {{0}};
                slab_grid grid;
                ck_assert_int_eq(slab_grid_make(&shape, &tile, phase, &grid), SLAB_OK);
                for (int64_t t = 0; t < grid.ntiles; t++) {
                    slab_box box;
                    int64_t coords[SLAB_RANK_MAX];
                    slab_grid_coords(&grid, t, coords);
                    ck_assert_int_eq(slab_grid_number(&grid, coords), t);
                    slab_grid_box(&grid, t, &box);
                    ck_assert(box.count[0] > 0 && box.count[1] > 0);
                    for (int64_t i = 0; i < box.count[0]; i++)
                        for (int64_t j = 0; j < box.count[1]; j++)
                            seen[box.start[0] + i][box.start[1] + j]++;
                }
                for (int64_t i = 0; i < a; i++)
                    for (int64_t j = 0; j < 5; j++)
                        ck_assert_int_eq(seen[i][j], 1);
            }
}
END_TEST

START_TEST(grids_that_cannot_be_are_refused)
{
    slab_shape shape = {1, {INT64_MAX}}, flat = {2, {4, 4}}, one = {1, {1}}, none = {1, {0}};
    slab_shape plane = {2, {INT64_MAX, INT64_MAX}}, ones = {2, {1, 1}}, ten = {1, {10}};
    int64_t ahead[1] = {10}, behind[1] = {-1}, far[1] = {9};
    slab_grid grid;
    ck_assert_int_eq(slab_grid_make(&flat, &one, NULL, &grid), SLAB_ERR_SHAPE);
    ck_assert_int_eq(slab_grid_make(&shape, &none, NULL, &grid), SLAB_ERR_SHAPE);
    ck_assert_int_eq(slab_grid_make(&ten, &ten, ahead, &grid), SLAB_ERR_SHAPE);
    ck_assert_int_eq(slab_grid_make(&ten, &ten, behind, &grid), SLAB_ERR_SHAPE);
    ck_assert_int_eq(slab_grid_make(&plane, &ones, NULL, &grid), SLAB_ERR_OVERFLOW);
    ck_assert_int_eq(slab_grid_make(&shape, &ten, far, &grid), SLAB_ERR_OVERFLOW);
    ck_assert_int_eq(slab_grid_make(&shape, &one, NULL, &grid), SLAB_OK);
    ck_assert_int_eq(grid.ntiles, INT64_MAX);
}
END_TEST

START_TEST(a_scalar_has_one_tile_and_an_empty_shape_none)
{
    slab_shape scalar = {0}, empty = {2, {0, 4}}, tile = {2, {2, 2}};
    slab_grid grid;
    slab_box box;
    ck_assert_int_eq(slab_grid_make(&scalar, &scalar, NULL, &grid), SLAB_OK);
    ck_assert_int_eq(grid.ntiles, 1);
    slab_grid_box(&grid, 0, &box);
    ck_assert_int_eq(box.rank, 0);
    ck_assert_int_eq(slab_box_elements(&box), 1);
    ck_assert_int_eq(slab_grid_make(&empty, &tile, NULL, &grid), SLAB_OK);
    ck_assert_int_eq(grid.ntiles, 0);
}
END_TEST

START_TEST(boxes_intersect_where_both_are)
{
    slab_box a = {2, {0, 0}, {4, 4}}, b = {2, {2, 3}, {5, 5}}, c = {2, {4, 0}, {1, 1}}, r;
    slab_shape shape = {2, {3, 4}};
    ck_assert(slab_box_intersect(&a, &b, &r));
    ck_assert(r.start[0] == 2 && r.start[1] == 3 && r.count[0] == 2 && r.count[1] == 1);
    ck_assert(!slab_box_intersect(&a, &c, &r));
    ck_assert_int_eq(slab_box_elements(&r), 0);
    r = slab_box_whole(&shape);
    ck_assert(r.rank == 2 && r.start[1] == 0 && r.count[1] == 4);
}
END_TEST

/* 4 bytes an element: what is the cut along, and how many parts are there? */
static int64_t parts_of(slab_box box, size_t most, int64_t first[3])
{
    slab_box part, again;
    int64_t n = 0, elements = 0;
    bool more = slab_box_first_part(&box, 4, most, &part);
    for (; more; more = slab_box_next_part(&box, 4, most, &part)) {
        if (n++ == 0)
            memcpy(first, part.count, 3 * sizeof *first);
        elements += slab_box_elements(&part);
        ck_assert(slab_box_first_part(&part, 4, most, &again));
        ck_assert_mem_eq(&again, &part, sizeof part);
        ck_assert(!slab_box_next_part(&part, 4, most, &again));
    }
    ck_assert_int_eq(elements, slab_box_elements(&box));
    return n;
}

START_TEST(parts_are_as_many_whole_rows_as_fit)
{
    slab_box box = {3, {7, 8, 9}, {5, 10, 20}}, empty = {2, {0, 0}, {3, 0}}, scalar = {0};
    int64_t first[3];
    ck_assert_int_eq(parts_of(box, 4000, first), 1); /* 1000 elements */
    ck_assert_int_eq(parts_of(box, 1700, first), 3); /* two planes, two, one */
    ck_assert_int_eq(first[0], 2);
    ck_assert_int_eq(parts_of(box, 320, first), 15); /* 4 rows of 20, 4, 2 in each plane */
    ck_assert(first[0] == 1 && first[1] == 4 && first[2] == 20);
    ck_assert_int_eq(parts_of(box, 32, first), 150); /* 8 elements, 8, 4 in each row */
    ck_assert(first[1] == 1 && first[2] == 8);
    ck_assert_int_eq(parts_of(box, 1, first), 1000);
    ck_assert_int_eq(parts_of(empty, 100, first), 0);
    ck_assert_int_eq(parts_of(scalar, 100, first), 1);
}
END_TEST

START_TEST(strides_are_those_of_rows)
{
    int64_t count[3] = {2, 3, 5}, stride[3];
    slab_strides_of(3, count, 8, stride);
    ck_assert(stride[0] == 120 && stride[1] == 40 && stride[2] == 8);
}
END_TEST

/* Every element by its index, against the copy; blocks of every size and both orders of axes. */
static void check_copy(size_t size, bool transposed)
{
    enum { A = 3, B = 4, C = 5, ROOM = 2 * A * B * C * 16 };
    int64_t count[3] = {A, B, C}, whole[3] = {A, B + 1, C + 2}, from[3], to[3];
    char *src = calloc(ROOM, 2), *dst = calloc(ROOM, 2);
    for (size_t i = 0; i < ROOM; i++)
        src[i] = (char)(i * 37 % 251);
    slab_strides_of(3, whole, size, from);
    slab_strides_of(3, count, size, to);
    if (transposed) {
        to[0] = (int64_t)size;
        to[1] = (int64_t)size * A;
        to[2] = (int64_t)size * A * B;
    }
    slab_box_copy(3, count, src, from, dst, to, size);
    for (int64_t i = 0; i < A; i++)
        for (int64_t j = 0; j < B; j++)
            for (int64_t k = 0; k < C; k++)
                ck_assert_mem_eq(dst + i * to[0] + j * to[1] + k * to[2],
                                 src + i * from[0] + j * from[1] + k * from[2], size);
    for (size_t i = A * B * C * size; i < ROOM; i++)
        if (dst[i] != 0)
            ck_abort_msg("written past the end");
    free(src);
    free(dst);
}

START_TEST(boxes_are_copied_between_strides)
{
    static const size_t sizes[] = {1, 2, 3, 4, 8, 16};
    for (int i = 0; i < 6; i++) {
        check_copy(sizes[i], false);
        check_copy(sizes[i], true);
    }
}
END_TEST

START_TEST(a_scalar_and_nothing_are_copied)
{
    int64_t count[2] = {3, 0}, stride[2] = {0, 4};
    int a = 5, b = 0, c = 7;
    slab_box_copy(0, NULL, &a, NULL, &b, NULL, sizeof a);
    ck_assert_int_eq(b, 5);
    slab_box_copy(2, count, &a, stride, &c, stride, sizeof a);
    ck_assert_int_eq(c, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shape");
    TCase *tests = tcase_create("shape");
    tcase_add_test(tests, sizes_are_multiplied_and_added_with_a_check);
    tcase_add_test(tests, elements_of_a_shape);
    tcase_add_test(tests, shapes_are_parsed_and_printed);
    tcase_add_test(tests, the_longest_shape_fits_its_text);
    tcase_add_test(tests, shapes_are_equal_in_rank_and_extents);
    tcase_add_test(tests, edge_tiles_are_clipped);
    tcase_add_test(tests, a_phase_cuts_the_first_tile);
    tcase_add_test(tests, a_part_smaller_than_its_cut_tile_is_one_tile);
    tcase_add_test(tests, the_tiles_of_every_grid_cover_each_element_once);
    tcase_add_test(tests, grids_that_cannot_be_are_refused);
    tcase_add_test(tests, a_scalar_has_one_tile_and_an_empty_shape_none);
    tcase_add_test(tests, boxes_intersect_where_both_are);
    tcase_add_test(tests, parts_are_as_many_whole_rows_as_fit);
    tcase_add_test(tests, strides_are_those_of_rows);
    tcase_add_test(tests, boxes_are_copied_between_strides);
    tcase_add_test(tests, a_scalar_and_nothing_are_copied);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
