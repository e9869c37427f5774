#include "expressions.h"

START_TEST(numbers_without_arrays_are_pythons)
{
    assert_same("2**10", "1024");
    assert_same("7//2, -7//2, 7//-2", "[3, -4, -4]");
    assert_same("7%3, -7%3, 7%-3", "[1, 2, -2]");
    assert_same("-7.5//2", "-4.0");
    assert_same("6/3", "2.0");
    assert_same("True + True", "2");
    assert_same("True & False", "False");
    assert_same("~5", "-6");
    assert_same("5 and 0 or 3", "3");
    assert_same("1 == 1.0", "True");
    assert_same("2 in (1, 2)", "True");
    assert_same("3 not in [1, 2]", "True");
    assert_same("None is None", "True");
    assert_same("x is not None", "True");
    assert_same("x.shape == (2, 3)", "True");
    assert_same("x.dtype == float64", "True");
    assert_same("'a' != 'b'", "True");
    assert_same("1 > 2 < 3", "False");
    assert_same("int(-3.7) + float(1)", "-2.0");
    assert_same("0j**0.5", "0j");
    assert_same("0j**1e300", "0j");
    assert_same("0j**0j", "1 + 0j");
    assert_same("2j**-2", "-(0.25 + 0j)");
    assert_same("2j / 5e-324 == 1e999j", "True");
    assert_fails("(1e300 + 0j)**2", "at character 13: the power of complex literals is too large");
    assert_fails("1 / 0", "at character 3: a literal is divided by zero");
    assert_fails("2**100", "at character 2");
    assert_fails("1 << -1", "at character 3");
}
END_TEST

START_TEST(literals_take_the_type_of_the_array_beside_them)
{
    assert_same("(u + 1).dtype == uint8", "True");
    assert_same("(i + 1).dtype == int32", "True");
    assert_same("(i * 1.5).dtype == float64", "True");
    assert_same("(float32(1) * 1.5).dtype == float32", "True");
    assert_same("(float32([1]) * pi).dtype == float32", "True");
    assert_same("(float32(1) * sqrt(2)).dtype == float64", "True");
    assert_same("(u + int32(1)).dtype == int32", "True");
    assert_same("add(1, 2).dtype == int64", "True");
    assert_same("u + 1", "array([1, 201, 0], dtype=uint8)");
    assert_fails("u + 256", "at character 3");
}
END_TEST

START_TEST(results_are_named_and_the_last_of_a_name_counts)
{
    built it = build_ok("a = x[0]; a * 2; c, d = divmod(i, 2); a = i; (x, 1); [1, 2]; t = float32");
    const char *names[] = {"", "c", "d", "a", "", "", ""};
    const int parts[] = {-1, -1, -1, -1, 0, 1, -1};
    ck_assert_int_eq(it.outputs.n, 7);
    for (int k = 0; k < 7; k++) {
        ck_assert_str_eq(it.outputs.output[k].name, names[k]);
        ck_assert_int_eq(it.outputs.output[k].part, parts[k]);
    }
    ck_assert_int_eq(slab_value_shape(it.outputs.output[3].value)->extent[0], 3);
    clear(&it);
    ck_assert_int_eq(it.outputs.n, 0);
    assert_fails("t = float32", "no array as its result");
    assert_fails("'abc'", "at character 1: an array is expected, not a string");
    assert_fails("None", "an array is expected, not None");
}
END_TEST

START_TEST(names_are_unpacked_from_tuples_and_first_axes)
{
    assert_same("(a, (p, q)) = 1, (2, 3); a + 10 * p + 100 * q", "321");
    assert_same("a = p = 2; a + p", "4");
    assert_same("p, q = x; q", "x[1]");
    assert_fails("p, q = 1, 2, 3", "at character 2: 3 values for 2 names");
    assert_fails("p, q = i", "at character 2: 3 values for 2 names");
    assert_fails("p, q = 3", "one number for 2 names");
}
END_TEST

START_TEST(inputs_have_to_be_bound_once_and_to_be_used)
{
    slab_expression *e = NULL;
    slab_expression_outputs out;
    slab_value *values[INPUTS];
    make_inputs(values);
    const char *names[] = {"x", "x", "e", "y"};
    ck_assert_int_eq(slab_expression_parse("x + e", &e), SLAB_OK);
    ck_assert_int_eq(slab_expression_build(e, NULL, NULL, 0, NULL, &out), SLAB_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "'x' is not defined"));
    ck_assert_int_eq(slab_expression_build(e, names, values, 2, NULL, &out), SLAB_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "'x' is given twice"));
    ck_assert_int_eq(slab_expression_build(e, names + 2, values, 2, NULL, &out), SLAB_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "no name 'y'"));
    ck_assert_int_eq(slab_expression_build(e, names, values, 1, NULL, &out), SLAB_OK);
    ck_assert_int_eq(out.n, 1);
    slab_expression_outputs_clear(&out);
    /* e is the array now, not 2.718...: x + i is the shape of x, of float64 */
    ck_assert_int_eq(slab_expression_build(e, names + 1, values, 2, NULL, &out), SLAB_OK);
    size_t bytes;
    char *elements = elements_of(out.output[0].value, &bytes);
    double first;
    memcpy(&first, elements, sizeof first);
    ck_assert_double_eq(first, 7.5);
    free(elements);
    slab_expression_outputs_clear(&out);
    slab_expression_destroy(&e);
    for (int k = 0; k < INPUTS; k++)
        slab_value_drop(&values[k]);
}
END_TEST

START_TEST(a_poisoned_input_is_the_error_that_it_carries)
{
    slab_expression *e = NULL;
    slab_expression_outputs out;
    const char *name = "y";
    slab_value *bad = slab_value_apply("frobnicate", NULL, 0);
    ck_assert_int_eq(slab_expression_parse("y + 1", &e), SLAB_OK);
    ck_assert_int_eq(slab_expression_build(e, &name, &bad, 1, NULL, &out), SLAB_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "frobnicate"));
    slab_value_drop(&bad);
    slab_expression_destroy(&e);
}
END_TEST

START_TEST(brackets_index_as_numpys)
{
    assert_same("x[1]", "array([3, 0.25, -4])");
    assert_same("x[-1, 0]", "float64(3)");
    assert_same("x[:, 1]", "array([-1.5, 0.25])");
    assert_same("x[:, ::-2]", "array([[2, 0.5], [-4.0, 3]])");
    assert_same("x[..., 0]", "x[:, 0]");
    assert_same("x[(0, 1)]", "x[0, 1]");
    assert_same("x[()]", "x");
    assert_same("x[0,]", "x[0]");
    assert_same("x[None].shape", "(1, 2, 3)");
    assert_same("x[:, newaxis, ...].shape", "(2, 1, 3)");
    assert_same("x[5:]", "zeros((0, 3))");
    assert_same("x[int32(1)]", "x[1]");
    assert_same("x[1 - 2, 2 * 1]", "x[1, 2]");
    assert_same("(1, 2, 3)[::-1]", "[3, 2, 1]");
    assert_same("[1, 2, 3][-2]", "2");
    assert_same("(5, 6, 7, 8)[3:0:-2]", "[8, 6]");
    assert_same("len((1, 2, 3)[10:])", "0");
    assert_fails("x[2]", "at character 2");
    assert_fails("x[0, 0, 0]", "at character 2");
    assert_fails("x[0, 1.5]", "at character 6: an integer is expected");
    assert_fails("x[::0]", "at character 5: a slice of step 0");
    assert_fails("x[..., ...]", "at character 8: more than one ...");
    assert_fails("x[i]", "at character 3: an array as an index");
    assert_fails("x[b]", "at character 3: an array as an index");
    assert_fails("x[[0]]", "at character 3: only integers, slices");
    assert_fails("x['a']", "at character 3: only integers, slices");
    assert_fails("3[0]", "at character 2: a number has no elements");
    assert_fails("(1, 2)[2]", "at character 8: item 2 of 2");
    assert_fails("(1, 2)[0, 0]", "at character 7: a tuple or list takes one index");
    assert_fails("float32[0]", "at character 8: this has no elements");
}
END_TEST

START_TEST(lists_are_arrays_beside_arrays_and_lists_alone)
{
    assert_same("x + [1, 2, 3]", "x + array([1, 2, 3])");
    assert_same("(1, 2, 3) - x", "array([1, 2, 3]) - x");
    assert_same("[1, 2] + [3]", "[1, 2, 3]");
    assert_same("2 * (1, 2)", "[1, 2, 1, 2]");
    assert_same("[1] * -1 + [4]", "[4]");
    assert_same("array([1, True])", "array([1, 1])");
    assert_same("array([[1], [2.5]])", "float64([[1], [2.5]])");
    assert_same("array([])", "zeros(0)");
    assert_same("array([[], []])", "zeros((2, 0))");
    assert_same("[1, 2j]", "complex128([1, 2j])");
    assert_same("array([2**63]).dtype == uint64", "True");
    assert_same("array([2**63, -1]).dtype == float64", "True");
    assert_same("array([float32(1), 2]).dtype == float64", "True");
    assert_fails("array([[1, 2], [3]])", "lists of different lengths");
    assert_fails("array([1, [2]])", "lists of different lengths");
    assert_fails("array([[1], 2])", "lists of different lengths");
    assert_fails("array([x, x])", "would have to be stacked");
    assert_fails("(1, 2) + [3]", "at character 8: '+' is not defined for lists");
    assert_fails("-[1]", "at character 1: '-' takes a number or an array");
    assert_fails("[1] * 2.0", "at character 5: an integer is expected");
}
END_TEST

START_TEST(an_array_has_no_truth)
{
    assert_fails("x and b", "at character 3: an array is neither true nor false: use & or");
    assert_fails("x or b", "use | or logical_or");
    assert_fails("not x", "at character 1: an array is neither true nor false: use ~ or");
    assert_fails("0 < x < 1", "at character 7: an array is neither true nor false: write (a < b)");
    assert_fails("1 if x else 2", "use where(condition, a, b)");
    assert_same("(x > 0) & ~b", "logical_and(x > 0, logical_not(b))");
    assert_same("1 or x", "1");
    assert_same("0 and x", "0");
    assert_same("2 and x", "x");
}
END_TEST

/* x[0, 0] is one number, and only the data tell which. */
START_TEST(a_number_that_the_data_tell_can_be_compared_but_decides_nothing)
{
    assert_same("0 < x[0, 0] < 1", "bool_(1)");
    assert_same("1 < x[0, 0] < 2", "bool_(0)");
    assert_same("not x[0, 0] > 1", "bool_(1)");
    assert_same("x[0, 0] > 0 and x[0, 1] > 0", "bool_(0)");
    assert_same("x[0, 0] > 0 or x[0, 1] > 0", "bool_(1)");
    assert_fails("1 if x[0, 0] > 0 else 2", "not known before the data is read");
    assert_fails("zeros(i[0])", "does not depend on the elements of an array");
    assert_fails("x[0, 0] and 3", "not known before the data is read");
    assert_fails("zeros(sum([1, 2]))", "does not depend on the elements of an array");
    assert_fails("1 if max([1, 2]) else 2", "not known before the data is read");
    assert_same("zeros(int32(2) + 1)", "zeros(3)");
    assert_same("1 if sqrt(4) == 2 else 0", "1");
}
END_TEST

START_TEST(attributes_and_methods_are_numpys)
{
    assert_same("x.T", "transpose(x)");
    assert_same("x.mT", "swapaxes(x, -1, -2)");
    assert_same("x.shape", "(2, 3)");
    assert_same("x.ndim, x.size, x.itemsize, x.nbytes", "(2, 6, 8, 48)");
    assert_same("x.real", "x");
    assert_same("i.imag", "zeros_like(i)");
    assert_same("(1 + 2j).imag", "2.0");
    assert_same("x.astype(int32)", "astype(x, 'i4')");
    assert_same("x.clip(0, 1)", "clip(x, 0, 1)");
    assert_same("x.clip(max=1)", "minimum(x, 1)");
    assert_same("x.transpose(1, 0)", "x.T");
    assert_same("x.transpose((0, 1))", "x");
    assert_same("x.round(1)", "round(x, decimals=1)");
    assert_same("(x * 1j).conj()", "conjugate(x * 1j)");
    assert_same("np.sqrt(numpy.float64(4))", "sqrt(4)");
    assert_same("np.pi", "pi");
    assert_fails("x.foo", "at character 3: arrays have no attribute 'foo'");
    assert_fails("x.foo()", "at character 3: arrays have no method 'foo'");
    assert_fails("x.sqrt()", "arrays have no method 'sqrt'");
    assert_fails("x.sum", "a method needs brackets");
    assert_fails("np.foo", "at character 4: 'foo' is not defined");
    assert_fails("np.foo(1)", "at character 4: there is no function 'foo'");
    assert_fails("[1].sum()", "only arrays have methods");
    assert_fails("sin", "at character 1: 'sin' is a function");
    assert_fails("linalg", "'linalg' is not a value");
    assert_fails("(1)(2)", "this cannot be called");
    assert_fails("sqrt = 2; sqrt(4)", "at character 11: 'sqrt' is not a function here");
}
END_TEST

START_TEST(types_cast_and_refuse_integers_that_do_not_fit)
{
    assert_same("float32(i)", "i.astype(float32)");
    assert_same("int8(3.7)", "array(3, dtype=int8)");
    assert_same("u.astype(int8)", "array([0, -56, -1], dtype=int8)");
    assert_same("t = float32; t(3)", "float32(3)");
    assert_same("dtype('>f4') == float32", "True");
    assert_same("zeros(2, dtype='single')", "float32([0, 0])");
    assert_same("bool_(2)", "True");
    assert_fails("uint8(256)", "at character 1: the integer 256 is out of bounds for uint8");
    assert_fails("uint8(-1)", "out of bounds for uint8");
    assert_fails("uint64(-1)", "out of bounds for uint64");
    assert_fails("int64(2**63)", "out of bounds for int64");
    assert_fails("array([1, 300], dtype=uint8)", "out of bounds for uint8");
    assert_fails("full(2, 300, dtype=int8)", "out of bounds for int8");
    assert_fails("float32(1, 2)", "at character 12: float32() takes one value");
    assert_fails("float(x)", "x.astype(float)");
    assert_fails("x.astype('S4')", "at character 10");
    assert_fails("x.astype('nothing')", "at character 10");
}
END_TEST

START_TEST(a_failed_allocation_anywhere_is_an_error_without_a_leak)
{
    static const char text[] = "m = (x - [1, 2, 3])[1:, ::2].clip(0, 1); a, c = divmod(m.T, 2)\n"
                               "(x.shape + (1,))[0] * 2 if x.ndim == 2 else 'f4'; 0 < 1 < 2";
    built it = build_ok(text);
    clear(&it);
    size_t before = slab_memory_used();
    int failures = 0;
    for (long n = 1; n < 400; n++) {
        slab_memory_fail_at(n);
        slab_status rc = build(text, &it);
        slab_memory_fail_at(0);
        if (rc == SLAB_OK)
            clear(&it); /* past the last allocation, or one that can be done without */
        else
            ck_assert_int_eq(rc, SLAB_ERR_MEMORY);
        failures += rc != SLAB_OK;
        ck_assert_uint_eq(slab_memory_used(), before);
    }
    ck_assert_int_gt(failures, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expression_build");
    TCase *tests = tcase_create("expression_build");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, numbers_without_arrays_are_pythons);
    tcase_add_test(tests, literals_take_the_type_of_the_array_beside_them);
    tcase_add_test(tests, results_are_named_and_the_last_of_a_name_counts);
    tcase_add_test(tests, names_are_unpacked_from_tuples_and_first_axes);
    tcase_add_test(tests, inputs_have_to_be_bound_once_and_to_be_used);
    tcase_add_test(tests, a_poisoned_input_is_the_error_that_it_carries);
    tcase_add_test(tests, brackets_index_as_numpys);
    tcase_add_test(tests, lists_are_arrays_beside_arrays_and_lists_alone);
    tcase_add_test(tests, an_array_has_no_truth);
    tcase_add_test(tests, a_number_that_the_data_tell_can_be_compared_but_decides_nothing);
    tcase_add_test(tests, attributes_and_methods_are_numpys);
    tcase_add_test(tests, types_cast_and_refuse_integers_that_do_not_fit);
    tcase_add_test(tests, a_failed_allocation_anywhere_is_an_error_without_a_leak);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
