#include <check.h>
#include <math.h>
#include <slab/compute/graph/op.h>
#include <slab/compute/graph/value.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

#define T(kind, size) slab_dtype_make(SLAB_KIND_##kind, size)

static slab_value *from(slab_dtype dtype, slab_shape shape, const void *data)
{
    slab_value *value = slab_value_from(dtype, &shape, data);
    ck_assert_msg(slab_value_status(value) == SLAB_OK, "%s", slab_error_last()->message);
    return value;
}

/* Applies and gives the operands back. */
static slab_value *apply(const char *op, slab_value *a, slab_value *b)
{
    slab_value *operands[2] = {a, b};
    slab_value *value = slab_value_apply(op, operands, b ? 2 : 1);
    slab_value_drop(&a);
    slab_value_drop(&b);
    return value;
}

/* Evaluates a box into dense memory. */
static void get(slab_value *value, const slab_box *box, void *out)
{
    slab_view view;
    int64_t dense[SLAB_RANK_MAX];
    size_t size = slab_value_dtype(value).size;
    ck_assert_msg(slab_value_status(value) == SLAB_OK, "%s", slab_error_last()->message);
    ck_assert_int_eq(slab_value_get(value, 0, box, &view), SLAB_OK);
    slab_strides_of(box->rank, box->count, size, dense);
    slab_box_copy(box->rank, box->count, view.data, view.stride, out, dense, size);
}

static void get_all(slab_value *value, void *out)
{
    slab_box box = slab_box_whole(slab_value_shape(value));
    get(value, &box, out);
}

START_TEST(a_value_from_memory_gives_any_box_of_it)
{
    const int32_t x[] = {0, 1, 2, 10, 11, 12, 20, 21, 22};
    int32_t out[4];
    slab_value *value = from(T(INT, 4), (slab_shape){2, {3, 3}}, x);
    slab_box box = {2, {1, 1}, {2, 2}};
    get(value, &box, out);
    ck_assert_int_eq(out[0], 11);
    ck_assert_int_eq(out[1], 12);
    ck_assert_int_eq(out[2], 21);
    ck_assert_int_eq(out[3], 22);
    slab_value_drop(&value);
    ck_assert_ptr_null(value);
}
END_TEST

START_TEST(operands_are_broadcast_by_numpys_rules)
{
    /* [2, 1, 3] + [4, 1] has the shape [2, 4, 3] */
    const double a[] = {1, 2, 3, 4, 5, 6}, b[] = {10, 20, 30, 40};
    double out[24];
    slab_value *sum = apply("add", from(T(FLOAT, 8), (slab_shape){3, {2, 1, 3}}, a),
                            from(T(FLOAT, 8), (slab_shape){2, {4, 1}}, b));
    ck_assert_int_eq(slab_value_shape(sum)->rank, 3);
    get_all(sum, out);
    for (int i = 0; i < 24; i++)
        ck_assert_double_eq(out[i], a[i / 12 * 3 + i % 3] + b[i / 3 % 4]);
    slab_box box = {3, {1, 2, 1}, {1, 2, 2}};
    get(sum, &box, out);
    ck_assert_double_eq(out[0], 35);
    ck_assert_double_eq(out[3], 46);
    slab_value_drop(&sum);
}
END_TEST

START_TEST(shapes_that_do_not_fit_poison_every_value_above)
{
    const float x[6] = {0};
    slab_value *bad = apply("add", from(T(FLOAT, 4), (slab_shape){1, {3}}, x),
                            from(T(FLOAT, 4), (slab_shape){1, {2}}, x));
    ck_assert_int_eq(slab_value_status(bad), SLAB_ERR_SHAPE);
    slab_value *above = apply("sqrt", apply("negative", bad, NULL), NULL);
    ck_assert_int_eq(slab_value_status(above), SLAB_ERR_SHAPE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "[3] and [2]"));
    slab_view view;
    slab_box box = {0};
    ck_assert_int_eq(slab_value_get(above, 0, &box, &view), SLAB_ERR_SHAPE);
    slab_value_drop(&above);
    slab_value *none = slab_value_apply("frobnicate", &above, 1);
    ck_assert_int_eq(slab_value_status(none), SLAB_ERR_VALUE);
    slab_value_drop(&none);
}
END_TEST

START_TEST(a_long_expression_is_evaluated_in_strips)
{
    /* sqrt(x * x + y) - log1p(exp(y)) over 3 rows of 5000, x broadcast from one row */
    enum { ROWS = 3, COLUMNS = 5000 };
    double *x = malloc(sizeof *x * COLUMNS), *y = malloc(sizeof *y * ROWS * COLUMNS);
    double *out = malloc(sizeof *out * ROWS * COLUMNS);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        x[i % COLUMNS] = i % COLUMNS * 0.01;
        y[i] = i % 17 * 0.1;
    }
    slab_value *vx = from(T(FLOAT, 8), (slab_shape){1, {COLUMNS}}, x);
    slab_value *vy = from(T(FLOAT, 8), (slab_shape){2, {ROWS, COLUMNS}}, y);
    slab_value *square = apply("multiply", slab_value_keep(vx), vx);
    slab_value *root = apply("sqrt", apply("add", square, slab_value_keep(vy)), NULL);
    slab_value *all = apply("subtract", root, apply("log1p", apply("exp", vy, NULL), NULL));
    get_all(all, out);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        double a = x[i % COLUMNS];
        ck_assert_double_eq_tol(out[i], sqrt(a * a + y[i]) - log1p(exp(y[i])), 1e-13);
    }
    slab_box part = {2, {1, 4990}, {2, 7}};
    get(all, &part, out);
    double a = x[4996], b = y[2 * COLUMNS + 4996];
    ck_assert_double_eq_tol(out[13], sqrt(a * a + b) - log1p(exp(b)), 1e-13);
    slab_value_drop(&all);
    free(x), free(y), free(out);
}
END_TEST

START_TEST(types_are_promoted_as_numpy_does)
{
    static const struct {
        slab_kind a;
        uint32_t an;
        slab_kind b;
        uint32_t bn;
        slab_kind to;
        uint32_t n;
    } rules[] = {
        /* numpy.promote_types, asked in NumPy 2 */
        {SLAB_KIND_BOOL, 1, SLAB_KIND_BOOL, 1, SLAB_KIND_BOOL, 1},
        {SLAB_KIND_BOOL, 1, SLAB_KIND_INT, 1, SLAB_KIND_INT, 1},
        {SLAB_KIND_UINT, 1, SLAB_KIND_INT, 1, SLAB_KIND_INT, 2},
        {SLAB_KIND_UINT, 1, SLAB_KIND_INT, 4, SLAB_KIND_INT, 4},
        {SLAB_KIND_UINT, 4, SLAB_KIND_INT, 4, SLAB_KIND_INT, 8},
        {SLAB_KIND_UINT, 8, SLAB_KIND_INT, 8, SLAB_KIND_FLOAT, 8},
        {SLAB_KIND_UINT, 8, SLAB_KIND_UINT, 2, SLAB_KIND_UINT, 8},
        {SLAB_KIND_INT, 1, SLAB_KIND_FLOAT, 2, SLAB_KIND_FLOAT, 2},
        {SLAB_KIND_INT, 2, SLAB_KIND_FLOAT, 2, SLAB_KIND_FLOAT, 4},
        {SLAB_KIND_INT, 2, SLAB_KIND_FLOAT, 4, SLAB_KIND_FLOAT, 4},
        {SLAB_KIND_INT, 4, SLAB_KIND_FLOAT, 4, SLAB_KIND_FLOAT, 8},
        {SLAB_KIND_FLOAT, 2, SLAB_KIND_FLOAT, 4, SLAB_KIND_FLOAT, 4},
        {SLAB_KIND_BOOL, 1, SLAB_KIND_FLOAT, 2, SLAB_KIND_FLOAT, 2},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        slab_dtype a = slab_dtype_make(rules[i].a, rules[i].an), out;
        slab_dtype b = slab_dtype_make(rules[i].b, rules[i].bn);
        slab_dtype to = slab_dtype_make(rules[i].to, rules[i].n);
        ck_assert_int_eq(slab_dtype_promote(a, b, &out), SLAB_OK);
        ck_assert(slab_dtype_equal(out, to));
        ck_assert_int_eq(slab_dtype_promote(b, a, &out), SLAB_OK);
        ck_assert(slab_dtype_equal(out, to));
    }
}
END_TEST

START_TEST(mixed_types_meet_in_their_common_type)
{
    const uint8_t a[] = {200, 255};
    const int8_t b[] = {-1, 100};
    int16_t sum[2];
    double ratio[2];
    slab_shape two = {1, {2}};
    slab_value *x = from(T(UINT, 1), two, a), *y = from(T(INT, 1), two, b);
    slab_value *s = apply("add", slab_value_keep(x), slab_value_keep(y));
    slab_value *r = apply("divide", x, y);
    ck_assert(slab_dtype_equal(slab_value_dtype(s), T(INT, 2)));
    ck_assert(slab_dtype_equal(slab_value_dtype(r), T(FLOAT, 8)));
    get_all(s, sum);
    get_all(r, ratio);
    ck_assert_int_eq(sum[0], 199);
    ck_assert_int_eq(sum[1], 355);
    ck_assert_double_eq(ratio[0], -200);
    ck_assert_double_eq(ratio[1], 2.55);
    slab_value_drop(&s);
    slab_value_drop(&r);
}
END_TEST

START_TEST(integers_wrap_around_and_bools_are_logic)
{
    const int8_t x[] = {127, -128, 5};
    const uint8_t p[] = {1, 1, 0}, q[] = {1, 0, 0};
    int8_t out[3];
    uint8_t logic[3];
    slab_shape three = {1, {3}};
    slab_value *v = from(T(INT, 1), three, x);
    slab_value *twice = apply("add", slab_value_keep(v), slab_value_keep(v));
    slab_value *magnitude = apply("abs", v, NULL);
    get_all(twice, out);
    ck_assert_int_eq(out[0], -2);
    ck_assert_int_eq(out[1], 0);
    get_all(magnitude, out);
    ck_assert_int_eq(out[1], -128);
    ck_assert_int_eq(out[2], 5);
    slab_value_drop(&twice);
    slab_value_drop(&magnitude);
    slab_value *a = from(T(BOOL, 1), three, p), *b = from(T(BOOL, 1), three, q);
    slab_value *both = apply("multiply", slab_value_keep(a), slab_value_keep(b));
    get_all(both, logic);
    ck_assert(logic[0] == 1 && logic[1] == 0 && logic[2] == 0);
    slab_value_drop(&both);
    slab_value *bad = apply("subtract", a, b);
    ck_assert_int_eq(slab_value_status(bad), SLAB_ERR_TYPE);
    slab_value_drop(&bad);
}
END_TEST

START_TEST(nan_is_kept_by_extremes_and_found_by_isnan)
{
    const float x[] = {1, NAN, 3, NAN}, y[] = {2, 5, NAN, NAN};
    float out[4];
    uint8_t is[4];
    slab_shape four = {1, {4}};
    slab_value *a = from(T(FLOAT, 4), four, x), *b = from(T(FLOAT, 4), four, y);
    slab_value *low = apply("minimum", slab_value_keep(a), slab_value_keep(b));
    get_all(low, out);
    ck_assert(out[0] == 1 && isnan(out[1]) && isnan(out[2]) && isnan(out[3]));
    slab_value_drop(&low);
    slab_value *question = apply("isnan", slab_value_keep(a), NULL);
    ck_assert_int_eq(slab_value_dtype(question).kind, SLAB_KIND_BOOL);
    get_all(question, is);
    ck_assert(is[0] == 0 && is[1] == 1 && is[2] == 0 && is[3] == 1);
    slab_value *operands[3] = {question, b, a};
    slab_value *filled = slab_value_apply("where", operands, 3); /* y where x is NaN */
    get_all(filled, out);
    ck_assert(out[0] == 1 && out[1] == 5 && out[2] == 3 && isnan(out[3]));
    slab_value_drop(&filled);
    slab_value_drop(&question);
    slab_value_drop(&a);
    slab_value_drop(&b);
}
END_TEST

START_TEST(half_precision_is_computed_in_single_and_delivered_as_half)
{
    const uint16_t x[] = {0x3c00, 0x4000, 0x4200}; /* 1, 2, 3 */
    uint16_t out[3];
    slab_value *v = from(T(FLOAT, 2), (slab_shape){1, {3}}, x);
    slab_value *square = apply("multiply", slab_value_keep(v), v);
    ck_assert(slab_dtype_equal(slab_value_dtype(square), T(FLOAT, 2)));
    get_all(square, out);
    ck_assert_uint_eq(out[1], 0x4400); /* 4 */
    ck_assert_uint_eq(out[2], 0x4880); /* 9 */
    slab_value_drop(&square);
}
END_TEST

START_TEST(a_cast_converts_and_a_cast_to_the_same_type_is_the_value_itself)
{
    const double x[] = {1.9, -1.9, 300, NAN};
    int8_t out[4];
    slab_value *v = from(T(FLOAT, 8), (slab_shape){1, {4}}, x);
    slab_value *same = slab_value_cast(v, T(FLOAT, 8));
    ck_assert_ptr_eq(same, v);
    slab_value *small = slab_value_cast(v, T(INT, 1));
    get_all(small, out);
    ck_assert(out[0] == 1 && out[1] == -1 && out[2] == 44 && out[3] == 0);
    slab_value_drop(&small);
    slab_value *text = slab_value_cast(v, (slab_dtype){SLAB_KIND_STRING, 4, 32, 0, false, false});
    ck_assert_int_eq(slab_value_status(text), SLAB_ERR_TYPE);
    slab_value_drop(&text);
    slab_value_drop(&same);
    slab_value_drop(&v);
}
END_TEST

START_TEST(a_scalar_and_an_empty_array_are_values_too)
{
    const double two = 2, x[] = {1, 2, 3};
    double out[3];
    slab_value *scalar = from(T(FLOAT, 8), (slab_shape){.rank = 0}, &two);
    slab_value *v = from(T(FLOAT, 8), (slab_shape){1, {3}}, x);
    slab_value *product = apply("multiply", slab_value_keep(scalar), v);
    get_all(product, out);
    ck_assert(out[0] == 2 && out[1] == 4 && out[2] == 6);
    slab_value_drop(&product);
    slab_value *four = apply("square", slab_value_keep(scalar), NULL);
    get_all(four, out);
    ck_assert_double_eq(out[0], 4);
    slab_value_drop(&four);
    slab_value *none = from(T(FLOAT, 8), (slab_shape){2, {0, 3}}, NULL);
    slab_value *nothing = apply("add", none, scalar);
    get_all(nothing, out);
    ck_assert_int_eq(slab_value_shape(nothing)->extent[0], 0);
    slab_value_drop(&nothing);
}
END_TEST

START_TEST(a_hundred_thousand_operations_deep_are_evaluated_and_dropped)
{
    const double one = 1;
    double out;
    slab_value *x = from(T(FLOAT, 8), (slab_shape){.rank = 0}, &one), *v = slab_value_keep(x);
    for (int i = 0; i < 100000; i++)
        v = apply("add", v, slab_value_keep(x));
    get_all(v, &out);
    ck_assert_double_eq(out, 100001);
    slab_value_drop(&v);
    slab_value_drop(&x);
    ck_assert_uint_eq(slab_memory_used(), 0);
}
END_TEST

START_TEST(a_node_that_is_its_own_neighbour_is_evaluated_once)
{
    /* Doubled 60 times: a tree of 2^60 leaves, a graph of 61 nodes. */
    const double one = 1;
    double out;
    slab_value *v = from(T(FLOAT, 8), (slab_shape){.rank = 0}, &one);
    for (int i = 0; i < 60; i++)
        v = apply("add", slab_value_keep(v), v);
    get_all(v, &out);
    ck_assert_double_eq(out, 0x1p60);
    slab_value_drop(&v);
}
END_TEST

START_TEST(evaluation_takes_no_more_memory_than_it_says)
{
    enum { N = 100000 };
    float *x = calloc(N, sizeof *x);
    slab_shape shape = {1, {N}}, box = {1, {N}};
    slab_value *v = from(T(FLOAT, 4), shape, x);
    slab_value *w = apply("exp", apply("add", slab_value_keep(v), slab_value_keep(v)), NULL);
    slab_view view;
    slab_box all = slab_box_whole(&shape);
    size_t said = slab_value_memory(w, &box), before = slab_memory_used();
    ck_assert_int_eq(slab_value_get(w, 0, &all, &view), SLAB_OK);
    size_t took = slab_memory_used() - before;
    ck_assert_uint_ge(took, N * 4);
    ck_assert_uint_le(took, said + 16384);
    ck_assert_uint_le(said, 2 * N * 4 + 400000);
    slab_value_drop(&w);
    slab_value_drop(&v);
    free(x);
}
END_TEST

START_TEST(a_failed_allocation_anywhere_poisons_or_fails_without_a_leak)
{
    const float x[4] = {1, 2, 3, 4};
    size_t before = slab_memory_used();
    int failures = 0;
    for (long n = 1; n < 40; n++) {
        slab_memory_fail_at(n);
        slab_shape shape = {1, {4}};
        slab_value *v = slab_value_from(T(FLOAT, 4), &shape, x);
        slab_value *w = apply("sqrt", apply("add", slab_value_keep(v), v), NULL);
        slab_status rc = slab_value_status(w);
        slab_box all = slab_box_whole(&shape);
        slab_view view = {0};
        if (rc == SLAB_OK)
            rc = slab_value_get(w, 0, &all, &view);
        slab_memory_fail_at(0);
        ck_assert(rc == SLAB_ERR_MEMORY || rc == SLAB_OK);
        if (rc == SLAB_OK)
            ck_assert_float_eq(((const float *)view.data)[1], 2);
        failures += rc != SLAB_OK;
        slab_value_drop(&w);
        ck_assert_uint_eq(slab_memory_used(), before);
    }
    ck_assert_int_gt(failures, 10);
}
END_TEST

START_TEST(every_operation_has_a_name_a_summary_and_kernels_for_floats)
{
    int n = 0;
    for (; slab_op_at(n); n++) {
        const slab_op *op = slab_op_at(n);
        ck_assert_ptr_eq(slab_op_by_name(op->name), op);
        ck_assert_int_ge((int)strlen(op->summary), 3);
        ck_assert(op->arity >= 1 && op->arity <= SLAB_OP_ARITY_MAX);
        ck_assert(op->build || op->types);
    }
    ck_assert_int_ge(n, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("value");
    TCase *tests = tcase_create("value");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_value_from_memory_gives_any_box_of_it);
    tcase_add_test(tests, operands_are_broadcast_by_numpys_rules);
    tcase_add_test(tests, shapes_that_do_not_fit_poison_every_value_above);
    tcase_add_test(tests, a_long_expression_is_evaluated_in_strips);
    tcase_add_test(tests, types_are_promoted_as_numpy_does);
    tcase_add_test(tests, mixed_types_meet_in_their_common_type);
    tcase_add_test(tests, integers_wrap_around_and_bools_are_logic);
    tcase_add_test(tests, nan_is_kept_by_extremes_and_found_by_isnan);
    tcase_add_test(tests, half_precision_is_computed_in_single_and_delivered_as_half);
    tcase_add_test(tests, a_cast_converts_and_a_cast_to_the_same_type_is_the_value_itself);
    tcase_add_test(tests, a_scalar_and_an_empty_array_are_values_too);
    tcase_add_test(tests, a_hundred_thousand_operations_deep_are_evaluated_and_dropped);
    tcase_add_test(tests, a_node_that_is_its_own_neighbour_is_evaluated_once);
    tcase_add_test(tests, evaluation_takes_no_more_memory_than_it_says);
    tcase_add_test(tests, a_failed_allocation_anywhere_poisons_or_fails_without_a_leak);
    tcase_add_test(tests, every_operation_has_a_name_a_summary_and_kernels_for_floats);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
