#include <check.h>
#include <math.h>
#include <slab/compute/graph/op.h>
#include <slab/compute/graph/value.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

#define T(kind, size) slab_dtype_make(SLAB_KIND_##kind, size)

static slab_value *from(slab_dtype dtype, int64_t n, const void *data)
{
    slab_shape shape = {1, {n}};
    return slab_value_from(dtype, &shape, data);
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

static slab_value *whole(int64_t x)
{
    return slab_value_literal_int(x);
}

static slab_value *real(double x)
{
    return slab_value_literal_real(x);
}

/* Evaluates all of it and gives it back. */
static void get(slab_value *value, slab_dtype dtype, void *out)
{
    slab_view view;
    ck_assert_msg(slab_value_status(value) == SLAB_OK, "%s", slab_error_last()->message);
    ck_assert(slab_dtype_equal(slab_value_dtype(value), dtype));
    slab_box box = slab_box_whole(slab_value_shape(value));
    ck_assert_int_eq(slab_value_get(value, 0, &box, &view), SLAB_OK);
    memcpy(out, view.data, (size_t)slab_box_elements(&box) * dtype.size);
    slab_value_drop(&value);
}

static void fails(slab_value *value, slab_status status, const char *says)
{
    ck_assert_int_eq(slab_value_status(value), status);
    ck_assert_msg(strstr(slab_error_last()->message, says), "%s", slab_error_last()->message);
    slab_value_drop(&value);
}

START_TEST(a_literal_takes_the_type_of_the_array)
{
    const uint8_t x[] = {1, 200};
    const float y[] = {1, 0.5F};
    uint8_t u[2];
    float f[2];
    double d[2];
    get(apply("add", from(T(UINT, 1), 2, x), whole(100)), T(UINT, 1), u);
    ck_assert(u[0] == 101 && u[1] == 44);
    get(apply("multiply", from(T(FLOAT, 4), 2, y), real(0.1)), T(FLOAT, 4), f);
    ck_assert_float_eq(f[0], 0.1F);
    get(apply("multiply", from(T(UINT, 1), 2, x), real(0.5)), T(FLOAT, 8), d);
    ck_assert(d[0] == 0.5 && d[1] == 100);
    get(apply("multiply", from(T(FLOAT, 4), 2, y), slab_value_literal_complex(0, 2)), T(COMPLEX, 8),
        d);
    memcpy(f, d, sizeof f);
    ck_assert(f[0] == 0 && f[1] == 2);
}
END_TEST

START_TEST(an_integer_the_type_cannot_hold_is_an_error_but_compares)
{
    const uint8_t x[] = {1, 200};
    uint8_t is[2];
    double d[2];
    fails(apply("add", from(T(UINT, 1), 2, x), whole(300)), SLAB_ERR_RANGE,
          "Python integer 300 out of bounds for uint8");
    fails(apply("power", from(T(UINT, 1), 2, x), whole(-1)), SLAB_ERR_RANGE,
          "Python integer -1 out of bounds for uint8");
    get(apply("less", from(T(UINT, 1), 2, x), whole(300)), T(BOOL, 1), is);
    ck_assert(is[0] && is[1]);
    get(apply("greater", whole(-1), from(T(UINT, 1), 2, x)), T(BOOL, 1), is);
    ck_assert(!is[0] && !is[1]);
    get(apply("divide", from(T(UINT, 1), 2, x), whole(400)), T(FLOAT, 8), d); /* in f64 */
    ck_assert(d[0] == 0.0025 && d[1] == 0.5);
}
END_TEST

START_TEST(pythons_operators_on_literals_give_literals)
{
    double d;
    int64_t i;
    uint64_t u;
    uint8_t truth;
    slab_value *sum = apply("add", whole(1), whole(2));
    ck_assert_int_eq(slab_value_weak(sum), SLAB_WEAK_INT);
    ck_assert(slab_value_literal_get_int(sum, &i) && i == 3);
    get(sum, T(INT, 8), &i);
    get(apply("divide", whole(7), whole(2)), T(FLOAT, 8), &d);
    ck_assert_double_eq(d, 3.5);
    get(apply("floor_divide", whole(-7), whole(2)), T(INT, 8), &i);
    ck_assert_int_eq(i, -4);
    get(apply("power", whole(2), whole(-1)), T(FLOAT, 8), &d);
    ck_assert_double_eq(d, 0.5);
    get(apply("power", whole(2), whole(63)), T(UINT, 8), &u);
    ck_assert_uint_eq(u, (uint64_t)1 << 63);
    get(apply("less", whole(INT64_MAX), real(0x1p63)), T(BOOL, 1), &truth); /* exactly */
    ck_assert_uint_eq(truth, 1);
    fails(apply("power", whole(2), whole(64)), SLAB_ERR_RANGE, "beyond 64 bits");
    fails(apply("divide", whole(1), whole(0)), SLAB_ERR_VALUE, "divided by zero");
    fails(apply("invert", real(1), NULL), SLAB_ERR_TYPE, "floats");
}
END_TEST

START_TEST(numpys_functions_of_literals_give_arrays)
{
    double d;
    int64_t i;
    slab_value *operands[] = {whole(1), whole(2)};
    slab_value *sum = slab_value_call("add", operands, 2);
    ck_assert_int_eq(slab_value_weak(sum), SLAB_WEAK_NONE);
    get(sum, T(INT, 8), &i);
    ck_assert_int_eq(i, 3);
    slab_value *root = apply("sqrt", whole(2), NULL);
    ck_assert_int_eq(slab_value_weak(root), SLAB_WEAK_NONE);
    get(root, T(FLOAT, 8), &d);
    ck_assert_double_eq(d, M_SQRT2);
    slab_value_drop(&operands[0]);
    slab_value_drop(&operands[1]);
}
END_TEST

START_TEST(the_same_operation_on_the_same_operands_is_one_node)
{
    const float x[] = {1, 2};
    size_t before = slab_memory_used();
    slab_value *v = from(T(FLOAT, 4), 2, x);
    slab_value *a = apply("add", slab_value_keep(v), whole(1));
    slab_value *b = apply("add", slab_value_keep(v), whole(1));
    slab_value *other = apply("add", slab_value_keep(v), whole(2));
    slab_value *turned = apply("add", whole(1), slab_value_keep(v));
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_ne(a, other);
    ck_assert_ptr_ne(a, turned);
    slab_value *c = slab_value_cast(v, T(FLOAT, 8)), *d = slab_value_cast(v, T(FLOAT, 8));
    slab_value *e = slab_value_cast(v, T(INT, 8));
    ck_assert_ptr_eq(c, d);
    ck_assert_ptr_ne(c, e);
    slab_value *all[] = {v, a, b, other, turned, c, d, e};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        slab_value_drop(&all[i]);
    ck_assert_uint_eq(slab_memory_used(), before); /* the table kept nothing */
}
END_TEST

START_TEST(an_integer_to_a_negative_power_is_an_error_when_it_is_met)
{
    const int32_t x[] = {2, 3}, y[] = {2, -1};
    slab_value *power = apply("power", from(T(INT, 4), 2, x), from(T(INT, 4), 2, y));
    slab_box first = {1, {0}, {1}}, both = {1, {0}, {2}};
    slab_view view;
    ck_assert_int_eq(slab_value_status(power), SLAB_OK);
    ck_assert_int_eq(slab_value_get(power, 0, &first, &view), SLAB_OK);
    ck_assert_int_eq(*(const int32_t *)view.data, 4);
    ck_assert_int_eq(slab_value_get(power, 0, &both, &view), SLAB_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "negative integer powers"));
    slab_value_drop(&power);
}
END_TEST

START_TEST(operands_that_are_left_out_have_numpys_defaults)
{
    const double x[] = {1.25, NAN, INFINITY};
    double out[3];
    slab_value *v = from(T(FLOAT, 8), 3, x), *low = real(1.5), *decimals = whole(1);
    slab_value *finite[] = {v, NULL, low}, *above[] = {v, low, NULL}, *digits[] = {v, decimals};
    get(slab_value_apply("nan_to_num", finite, 3), T(FLOAT, 8), out);
    ck_assert(out[0] == 1.25 && out[1] == 0 && out[2] == 1.5);
    get(slab_value_apply("clip", above, 3), T(FLOAT, 8), out);
    ck_assert(out[0] == 1.5 && isnan(out[1]) && isinf(out[2]));
    get(slab_value_apply("round", digits, 2), T(FLOAT, 8), out);
    ck_assert_double_eq(out[0], 1.2);
    get(slab_value_apply("round", &v, 1), T(FLOAT, 8), out);
    ck_assert_double_eq(out[0], 1);
    fails(slab_value_apply("round", digits, 3), SLAB_ERR_VALUE, "1 to 2 operands");
    fails(slab_value_apply("sqrt", digits, 2), SLAB_ERR_VALUE, "1 operands, not 2");
    slab_value_drop(&v);
    slab_value_drop(&low);
    slab_value_drop(&decimals);
}
END_TEST

START_TEST(names_and_aliases_are_found_and_stand_once)
{
    static const char *const aliases[][2] = {
        {"abs", "absolute"},       {"conj", "conjugate"},     {"acos", "arccos"},
        {"pow", "power"},          {"bitwise_not", "invert"}, {"mod", "remainder"},
        {"true_divide", "divide"}, {"radians", "deg2rad"},    {"around", "round"},
        {"lgamma", "gammaln"},
    };
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        ck_assert_str_eq(slab_op_by_name(aliases[i][0])->name, aliases[i][1]);
    for (int i = 0; slab_op_at(i); i++) {
        const slab_op *op = slab_op_at(i);
        ck_assert_ptr_eq(slab_op_by_name(op->name), op);
        ck_assert(op->formula && op->formula[0] && op->summary && op->summary[0]);
    }
    ck_assert_ptr_null(slab_op_by_name("ab"));
    ck_assert_ptr_null(slab_op_by_name("bitwise_not bitwise_invert"));
    ck_assert_ptr_null(slab_op_by_name(""));
}
END_TEST

START_TEST(what_has_no_meaning_for_a_type_is_refused_with_both_names)
{
    const double x[] = {1};
    const uint8_t b[] = {1};
    fails(apply("left_shift", from(T(FLOAT, 8), 1, x), whole(1)), SLAB_ERR_TYPE,
          "'left_shift' is not defined for float64");
    fails(apply("negative", from(T(BOOL, 1), 1, b), NULL), SLAB_ERR_TYPE,
          "'negative' is not defined for bool");
    slab_value *z = from(T(COMPLEX, 8), 1, x);
    fails(apply("floor", slab_value_keep(z), NULL), SLAB_ERR_TYPE,
          "'floor' is not defined for complex64");
    slab_value_drop(&z);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("literal");
    TCase *tests = tcase_create("literal");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_literal_takes_the_type_of_the_array);
    tcase_add_test(tests, an_integer_the_type_cannot_hold_is_an_error_but_compares);
    tcase_add_test(tests, pythons_operators_on_literals_give_literals);
    tcase_add_test(tests, numpys_functions_of_literals_give_arrays);
    tcase_add_test(tests, the_same_operation_on_the_same_operands_is_one_node);
    tcase_add_test(tests, an_integer_to_a_negative_power_is_an_error_when_it_is_met);
    tcase_add_test(tests, operands_that_are_left_out_have_numpys_defaults);
    tcase_add_test(tests, names_and_aliases_are_found_and_stand_once);
    tcase_add_test(tests, what_has_no_meaning_for_a_type_is_refused_with_both_names);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
