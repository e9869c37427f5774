#include <check.h>
#include <slab/compute/graph/value.h>
#include <stdlib.h>
#include <string.h>

#define I4 slab_dtype_make(SLAB_KIND_INT, 4)
#define F8 slab_dtype_make(SLAB_KIND_FLOAT, 8)

enum { PLANES = 4, ROWS = 5, COLUMNS = 6 };

/* Element (i, j, k) is 100 i + 10 j + k. */
static slab_value *cube(void)
{
    int32_t x[PLANES * ROWS * COLUMNS];
    for (int n = 0; n < PLANES * ROWS * COLUMNS; n++)
        x[n] = n / (ROWS * COLUMNS) * 100 + n / COLUMNS % ROWS * 10 + n % COLUMNS;
    return slab_value_from(I4, &(slab_shape){3, {PLANES, ROWS, COLUMNS}}, x);
}

/* A value that has to be computed, with the elements of the cube. */
static slab_value *computed_cube(void)
{
    slab_value *x = cube(), *negative = slab_value_apply("negative", &x, 1);
    slab_value *again = slab_value_apply("negative", &negative, 1);
    slab_value_drop(&x);
    slab_value_drop(&negative);
    return again;
}

static void get_all(slab_value *value, void *out)
{
    slab_box box = slab_box_whole(slab_value_shape(value));
    slab_view view;
    int64_t dense[SLAB_RANK_MAX];
    size_t size = slab_value_dtype(value).size;
    ck_assert_msg(slab_value_status(value) == SLAB_OK, "%s", slab_error_last()->message);
    ck_assert_int_eq(slab_value_get(value, 0, &box, &view), SLAB_OK);
    slab_strides_of(box.rank, box.count, size, dense);
    slab_box_copy(box.rank, box.count, view.data, view.stride, out, dense, size);
}

#define INTEGER(i)                                                                                 \
    {                                                                                              \
        .kind = SLAB_INDEX_INTEGER, .start = (i)                                                   \
    }
#define SLICE(a, b, by)                                                                            \
    {                                                                                              \
        SLAB_INDEX_SLICE, true, true, (a), (b), (by)                                               \
    }
#define EVERY(by)                                                                                  \
    {                                                                                              \
        SLAB_INDEX_SLICE, false, false, 0, 0, (by)                                                 \
    }
#define NEWAXIS                                                                                    \
    {                                                                                              \
        .kind = SLAB_INDEX_NEWAXIS                                                                 \
    }
#define DOTS                                                                                       \
    {                                                                                              \
        .kind = SLAB_INDEX_ELLIPSIS                                                                \
    }

static void is_shape(const slab_value *value, int rank, const int64_t *extent)
{
    const slab_shape *shape = slab_value_shape(value);
    ck_assert_int_eq(shape->rank, rank);
    for (int a = 0; a < rank; a++)
        ck_assert_int_eq(shape->extent[a], extent[a]);
}

static void check_index(slab_value *x)
{
    /* x[1, None, ::-2, ..., 4:0:-3] of [4, 5, 6]: rows 4 2 0, columns 4 1 */
    const slab_index items[] = {INTEGER(1), NEWAXIS, EVERY(-2), DOTS, SLICE(4, 0, -3)};
    int32_t out[6];
    const int32_t expected[] = {144, 141, 124, 121, 104, 101};
    slab_value *y = slab_value_index(x, items, 5);
    is_shape(y, 3, (int64_t[]){1, 3, 2});
    get_all(y, out);
    ck_assert_mem_eq(out, expected, sizeof expected);
    /* y[0, 1:, -1]: the view of a view */
    const slab_index more[] = {INTEGER(0), {SLAB_INDEX_SLICE, true, false, 1, 0, 1}, INTEGER(-1)};
    slab_value *z = slab_value_index(y, more, 3);
    is_shape(z, 1, (int64_t[]){2});
    get_all(z, out);
    ck_assert_int_eq(out[0], 121);
    ck_assert_int_eq(out[1], 101);
    slab_value_drop(&z);
    slab_value_drop(&y);
    slab_value_drop(&x);
}

START_TEST(an_index_takes_what_numpy_takes)
{
    check_index(cube());
    check_index(computed_cube());
}
END_TEST

START_TEST(a_slice_is_clipped_and_may_be_empty)
{
    slab_value *x = cube(), *y;
    const slab_index beyond[] = {SLICE(-100, 100, 3)}, empty[] = {SLICE(3, 1, 1)};
    const slab_index far[] = {SLICE(100, -100, -1)};
    y = slab_value_index(x, beyond, 1);
    is_shape(y, 3, (int64_t[]){2, ROWS, COLUMNS});
    slab_value_drop(&y);
    y = slab_value_index(x, empty, 1);
    is_shape(y, 3, (int64_t[]){0, ROWS, COLUMNS});
    slab_value_drop(&y);
    y = slab_value_index(x, far, 1);
    is_shape(y, 3, (int64_t[]){PLANES, ROWS, COLUMNS});
    int32_t out[PLANES * ROWS * COLUMNS];
    get_all(y, out);
    ck_assert_int_eq(out[0], 300);
    slab_value_drop(&y);
    slab_value_drop(&x);
}
END_TEST

START_TEST(a_wrong_index_poisons)
{
    slab_value *x = cube(), *y;
    const slab_index high[] = {INTEGER(4)}, low[] = {INTEGER(-5)}, zero[] = {EVERY(0)};
    const slab_index many[] = {INTEGER(0), INTEGER(0), INTEGER(0), INTEGER(0)};
    const slab_index dots[] = {DOTS, DOTS};
    const struct {
        const slab_index *items;
        int n;
    } wrong[] = {{high, 1}, {low, 1}, {zero, 1}, {many, 4}, {dots, 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        y = slab_value_index(x, wrong[i].items, wrong[i].n);
        ck_assert_int_eq(slab_value_status(y), SLAB_ERR_RANGE);
        slab_value_drop(&y);
    }
    slab_value_drop(&x);
}
END_TEST

START_TEST(a_transpose_orders_axes_and_a_broadcast_repeats)
{
    slab_value *x = computed_cube(), *t = slab_value_transpose(x, (int[]){2, 0, 1});
    int32_t out[2 * PLANES * ROWS * COLUMNS];
    is_shape(t, 3, (int64_t[]){COLUMNS, PLANES, ROWS});
    get_all(t, out);
    ck_assert_int_eq(out[1], 10);
    ck_assert_int_eq(out[ROWS], 100);
    ck_assert_int_eq(out[PLANES * ROWS], 1);
    slab_value *b = slab_value_broadcast_to(t, &(slab_shape){4, {2, COLUMNS, PLANES, ROWS}});
    get_all(b, out);
    ck_assert_int_eq(out[PLANES * ROWS], 1);
    ck_assert_int_eq(out[PLANES * ROWS * COLUMNS + PLANES * ROWS], 1);
    slab_value *bad = slab_value_broadcast_to(t, &(slab_shape){3, {COLUMNS, 2, ROWS}});
    ck_assert_int_eq(slab_value_status(bad), SLAB_ERR_SHAPE);
    slab_value *twice = slab_value_transpose(x, (int[]){0, 0, 1});
    ck_assert_int_eq(slab_value_status(twice), SLAB_ERR_RANGE);
    slab_value_drop(&twice);
    slab_value_drop(&bad);
    slab_value_drop(&b);
    slab_value_drop(&t);
    slab_value_drop(&x);
}
END_TEST

START_TEST(views_of_one_value_stand_side_by_side)
{
    /* y[:, 1:] - y[:, :-1] of a computed y is 10 everywhere */
    slab_value *y = computed_cube();
    const slab_index later[] = {EVERY(1), {SLAB_INDEX_SLICE, true, false, 1, 0, 1}};
    const slab_index earlier[] = {EVERY(1), {SLAB_INDEX_SLICE, false, true, 0, -1, 1}};
    slab_value *pair[] = {slab_value_index(y, later, 2), slab_value_index(y, earlier, 2)};
    slab_value *difference = slab_value_apply("subtract", pair, 2);
    int32_t out[PLANES * ROWS * COLUMNS];
    get_all(difference, out);
    for (int i = 0; i < PLANES * (ROWS - 1) * COLUMNS; i++)
        ck_assert_int_eq(out[i], 10);
    slab_value_drop(&difference);
    slab_value_drop(&pair[0]);
    slab_value_drop(&pair[1]);
    slab_value_drop(&y);
}
END_TEST

START_TEST(tiles_of_a_view_lie_on_those_below)
{
    /* 300,000 elements in tiles of 131,072 doubles, from element 1000 on: the first tile is cut */
    slab_value *x = slab_value_arange(F8, 300000, 0, 1);
    const slab_index tail[] = {{SLAB_INDEX_SLICE, true, false, 1000, 0, 1}}, back[] = {EVERY(-1)};
    slab_value *y = slab_value_index(x, tail, 1), *z = slab_value_index(x, back, 1);
    slab_box box;
    slab_grid_box(slab_value_grid(y), 1, &box);
    ck_assert_int_eq(box.start[0] + 1000, 131072);
    slab_grid_box(slab_value_grid(z), 0, &box); /* backwards: begins with the last, short tile */
    ck_assert_int_eq(box.count[0], 300000 - 2 * 131072);
    slab_value_drop(&z);
    slab_value_drop(&y);
    slab_value_drop(&x);
}
END_TEST

START_TEST(made_values_hold_what_numpy_makes)
{
    double out[6];
    slab_value *x = slab_value_arange(F8, 4, 0.1, 0.2);
    get_all(x, out);
    ck_assert_double_eq(out[3], 0.1 + 3 * ((0.1 + 0.2) - 0.1));
    slab_value_drop(&x);
    x = slab_value_linspace(F8, 4, 0, 0.3, true);
    get_all(x, out);
    ck_assert_double_eq(out[1], 0.3 / 3);
    ck_assert_double_eq(out[3], 0.3);
    slab_value_drop(&x);
    x = slab_value_linspace(F8, 4, 0, 2, false);
    get_all(x, out);
    ck_assert_double_eq(out[3], 1.5);
    slab_value_drop(&x);
    x = slab_value_eye(F8, 2, 3, 1);
    get_all(x, out);
    const double eye[] = {0, 1, 0, 0, 0, 1};
    ck_assert_mem_eq(out, eye, sizeof eye);
    slab_value_drop(&x);
    x = slab_value_full(&(slab_shape){2, {2, 3}}, F8, &(double){2.5});
    get_all(x, out);
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(out[i], 2.5);
    slab_value_drop(&x);
    int64_t whole[3];
    x = slab_value_arange_int(slab_dtype_make(SLAB_KIND_INT, 8), 3, INT64_MAX, -2);
    get_all(x, whole);
    ck_assert_int_eq(whole[2], INT64_MAX - 4);
    slab_value_drop(&x);
}
END_TEST

/* x[::-1] + (twice ? x : 1), n times said; elements 0, 1, ... 999 at first. */
static slab_value *reversed_again_and_again(int n, bool twice)
{
    slab_index backwards = EVERY(-1);
    slab_value *x = slab_value_arange(F8, 1000, 0, 1), *one = slab_value_literal_int(1);
    for (int i = 0; i < n; i++) {
        slab_value *operands[2] = {slab_value_index(x, &backwards, 1), twice ? x : one};
        slab_value *sum = slab_value_apply("add", operands, 2);
        slab_value_drop(&operands[0]);
        slab_value_drop(&x);
        x = sum;
    }
    slab_value_drop(&one);
    return x;
}

START_TEST(slices_may_lie_in_each_other_but_not_too_deep)
{
    double out[1000];
    slab_value *x = reversed_again_and_again(200, false);
    get_all(x, out);
    for (int i = 0; i < 1000; i++)
        ck_assert_double_eq(out[i], 200 + i);
    slab_value_drop(&x);
    x = reversed_again_and_again(3000, false);
    ck_assert_int_eq(slab_value_status(x), SLAB_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "inside each other"));
    slab_value_drop(&x);
}
END_TEST

START_TEST(what_evaluates_itself_more_often_with_every_slice_is_refused)
{
    double out[1000];
    slab_value *x = reversed_again_and_again(10, true);
    get_all(x, out);
    for (int i = 0; i < 1000; i++)
        ck_assert_double_eq(out[i], 999 * 512);
    slab_value_drop(&x);
    x = reversed_again_and_again(40, true);
    ck_assert_int_eq(slab_value_status(x), SLAB_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "evaluated anew"));
    slab_value_drop(&x);
}
END_TEST

START_TEST(a_node_that_is_evaluated_often_has_one_buffer)
{
    slab_shape box = {1, {1000}};
    slab_value *few = reversed_again_and_again(4, true), *many = reversed_again_and_again(12, true);
    size_t less = slab_value_memory(few, &box), more = slab_value_memory(many, &box);
    ck_assert_uint_ge(less, 8 * 8000); /* a sum and a slice for each time */
    ck_assert_uint_le(more, 6 * less);
    slab_value_drop(&few);
    slab_value_drop(&many);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("views");
    tcase_add_test(tc, slices_may_lie_in_each_other_but_not_too_deep);
    tcase_add_test(tc, what_evaluates_itself_more_often_with_every_slice_is_refused);
    tcase_add_test(tc, a_node_that_is_evaluated_often_has_one_buffer);
    tcase_add_test(tc, an_index_takes_what_numpy_takes);
    tcase_add_test(tc, a_slice_is_clipped_and_may_be_empty);
    tcase_add_test(tc, a_wrong_index_poisons);
    tcase_add_test(tc, a_transpose_orders_axes_and_a_broadcast_repeats);
    tcase_add_test(tc, views_of_one_value_stand_side_by_side);
    tcase_add_test(tc, tiles_of_a_view_lie_on_those_below);
    tcase_add_test(tc, made_values_hold_what_numpy_makes);
    Suite *suite = suite_create("view");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
