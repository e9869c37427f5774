#include "expressions.h"

#include <ctype.h>

START_TEST(creation_follows_numpy)
{
    assert_same("zeros((2, 3), dtype=int)", "array([[0, 0, 0], [0, 0, 0]])");
    assert_same("ones(2, 'u1')", "array([1, 1], dtype=uint8)");
    assert_same("empty(0)", "array([])");
    assert_same("full((1, 2), 7)", "array([[7, 7]])");
    assert_same("full(2, 7, dtype=float32)", "float32([7, 7])");
    assert_same("full((2, 3), i)", "array([[7, -2, 3], [7, -2, 3]], dtype=int32)");
    assert_same("zeros_like(i)", "array([0, 0, 0], dtype=int32)");
    assert_same("ones_like(x, shape=2)", "array([1.0, 1.0])");
    assert_same("full_like(u, 3, dtype=float)", "array([3.0, 3.0, 3.0])");
    assert_same("arange(3)", "array([0, 1, 2])");
    assert_same("arange(5, 0, -2)", "array([5, 3, 1])");
    assert_same("arange(1, 2, 0.5)", "array([1.0, 1.5])");
    assert_same("arange(3, dtype=float32)", "float32([0, 1, 2])");
    assert_same("arange(2, 0)", "array([], dtype=int64)");
    assert_same("linspace(0, 1, 3)", "array([0, 0.5, 1])");
    assert_same("linspace(0, 1, 2, endpoint=False)", "array([0, 0.5])");
    assert_same("linspace(-1, 1, 4, dtype=int)", "array([-1, -1, 0, 1])");
    assert_same("eye(2, 3, k=1)", "array([[0.0, 1, 0], [0, 0, 1]])");
    assert_same("identity(2, dtype=bool)", "array([[True, False], [False, True]])");
    assert_fails("arange(-2**63, 2**63 - 1)", "too many elements");
    assert_fails("arange(0, 1, 0)", "a step of 0");
    assert_fails("arange(0.0, inf)", "too many elements");
    assert_fails("zeros(-1)", "a negative extent");
    assert_fails("zeros((2**40, 2**40))", "at character 1: zeros()");
    assert_fails("zeros((1,) * 33)", "more than 32 axes");
}
END_TEST

START_TEST(shapes_follow_numpy)
{
    assert_same("transpose(x, (1, 0))", "x.T");
    assert_same("moveaxis(x[None], 0, -1).shape", "(2, 3, 1)");
    assert_same("moveaxis(x[None], (0, 1), (1, 2)).shape", "(3, 1, 2)");
    assert_same("swapaxes(x[None], 0, -1).shape", "(3, 2, 1)");
    assert_same("expand_dims(x, (0, -1)).shape", "(1, 2, 3, 1)");
    assert_same("squeeze(x[None, :, None]).shape", "(2, 3)");
    assert_same("squeeze(x[None, :, None], axis=-2).shape", "(1, 2, 3)");
    assert_same("broadcast_to(i, (2, 3))", "array([[7, -2, 3], [7, -2, 3]], dtype=int32)");
    assert_same("flip(x)", "x[::-1, ::-1]");
    assert_same("flip(x, -1)", "x[:, ::-1]");
    assert_same("flipud(x)", "x[::-1]");
    assert_same("fliplr(x)", "x[:, ::-1]");
    assert_same("diff(i)", "array([-9, 5], dtype=int32)");
    assert_same("diff(i, n=2)", "array([14], dtype=int32)");
    assert_same("diff(x, axis=0)", "x[1:] - x[:-1]");
    assert_same("diff(b, axis=0)", "array([[False, True, False]])");
    assert_same("diff(i, 9)", "array([], dtype=int32)");
    assert_same("size(x), size(x, 0), ndim(x), len(x)", "(6, 2, 2, 2)");
    assert_fails("transpose(x, (0, 0))", "axis 0 stands twice");
    assert_fails("transpose(x, (0,))", "1 axes for an array of 2");
    assert_fails("squeeze(x, 0)", "axis 0 has 2 elements, not one");
    assert_fails("expand_dims(x, 5)", "axis 5 is outside an array of 3 axes");
    assert_fails("swapaxes(x, 0, 2)", "axis 2 is outside");
    assert_fails("reshape(x, 6)", "not available");
    assert_fails("x.ravel()", "not available");
}
END_TEST

START_TEST(arguments_are_bound_as_python_binds_them)
{
    assert_same("full(fill_value=1, shape=2)", "array([1, 1])");
    assert_same("clip(x, 0, a_max=1)", "x.clip(0, 1)");
    assert_same("linspace(0, num=2, stop=4)", "array([0.0, 4])");
    assert_same("round(x, decimals=1)", "round(x, 1)");
    assert_same("clip(x, out=None, min=0)", "maximum(x, 0)");
    assert_same("zeros(2, order='C')", "zeros(2)");
    assert_fails("zeros()", "at character 1: zeros() misses its argument 'shape'");
    assert_fails("x + zeros()", "at character 5: zeros() misses");
    assert_fails("zeros(2, dtpe=int)", "at character 10: zeros() has no argument 'dtpe'");
    assert_fails("zeros(2, shape=2)",
                 "at character 10: zeros() is given the argument 'shape' twice");
    assert_fails("identity(2, int, 3)",
                 "at character 18: identity() takes 2 arguments by position");
    assert_fails("zeros('a')", "at character 7: zeros(): shape is an integer or a tuple");
    assert_fails("zeros(2, dtype=3)", "at character 10: zeros(): dtype is a type such as");
    assert_fails("eye(2, k=0.5)", "at character 8: eye(): k is an integer: an integer is expected");
    assert_fails("linspace(0, x)", "at character 13: linspace(): stop is a number");
    assert_fails("clip(x, 0, 1, x)", "at character 15: clip() has no out= here");
    assert_fails("divmod(x1=x, x2=i)", "at character 8: divmod() has no argument 'x1'");
    assert_fails("sin()", "sin() takes 1 argument, not 0");
    assert_fails("sin(x, x)", "at character 8: sin() takes 1 argument, not 2");
    assert_fails("sin(x, dtype='f4')", "at character 8: sin() has no dtype= here");
    assert_fails("sin(None)", "at character 5: an array is expected, not None");
    assert_fails("sin('a')", "at character 5: an array is expected, not a string");
    assert_fails("sin(x, where=b)", "at character 8: sin() has no where= here");
}
END_TEST

START_TEST(several_results_are_a_tuple)
{
    assert_same("divmod(i, 4)[0]", "i // 4");
    assert_same("q, r = divmod(i, 4); 4 * q + r", "i");
    assert_same("f, w = modf(x); f + w", "x");
    assert_same("m, k = frexp(x); ldexp(m, k)", "x");
    assert_same("len(divmod(i, 4))", "2");
}
END_TEST

START_TEST(draws_differ_unless_a_seed_says_that_they_are_the_same)
{
    assert_same("random_uniform(5, seed=3)", "random_uniform(shape=(5,), seed=3)");
    assert_same("random_normal((2, 3), 1, 2, seed=3).shape", "(2, 3)");
    assert_same("random_integers(4, shape=3, seed=1).dtype == int64", "True");
    assert_same("random_integers(5, 6, 3)", "array([5, 5, 5])");
    assert_same("a = random_uniform(4); c = random_uniform(4); (a == c)", "array([False] * 4)");
    /* the same text draws the same, for another seed of the whole something else */
    slab_expression *e = NULL;
    slab_expression_outputs out[3];
    slab_expression_options options[3] = {{7}, {7}, {8}};
    char *elements[3];
    size_t bytes;
    ck_assert_int_eq(slab_expression_parse("random_normal(8)", &e), SLAB_OK);
    for (int k = 0; k < 3; k++) {
        ck_assert_int_eq(slab_expression_build(e, NULL, NULL, 0, &options[k], &out[k]), SLAB_OK);
        elements[k] = elements_of(out[k].output[0].value, &bytes);
    }
    ck_assert_uint_eq(bytes, 64);
    ck_assert(memcmp(elements[0], elements[1], bytes) == 0);
    ck_assert(memcmp(elements[0], elements[2], bytes) != 0);
    for (int k = 0; k < 3; k++) {
        slab_expression_outputs_clear(&out[k]);
        free(elements[k]);
    }
    slab_expression_destroy(&e);
}
END_TEST

/* Types and shapes only: elements come from a pass. */
START_TEST(reductions_have_numpys_shapes)
{
    assert_same("mean(x).shape", "()");
    assert_same("mean(x, axis=0).shape", "(3,)");
    assert_same("x.mean(axis=-1).shape", "(2,)");
    assert_same("x.sum(axis=(0, 1)).shape", "()");
    assert_same("sum(x, 0, keepdims=True).shape", "(1, 3)");
    assert_same("max(x, axis=()).shape", "(2, 3)");
    assert_same("argmax(x, axis=1, keepdims=True).shape", "(2, 1)");
    assert_same("std(x, ddof=1, axis=1 - 2).shape", "(2,)");
    assert_same("var(x, correction=1, keepdims=True).shape", "(1, 1)");
    assert_same("average(x, axis=1, weights=i).shape", "(2,)");
    assert_same("norm(x).shape", "()");
    assert_same("np.linalg.norm(x, axis=0).shape", "(3,)");
    assert_same("linalg.norm(x, ord=1, keepdims=True).shape", "(1, 1)");
    assert_same("linalg.norm(x[None], ord=-inf, axis=(1, 2)).shape", "(1,)");
    assert_same("median(x, axis=1).shape", "(2,)");
    assert_same("quantile(x, [0.25, 0.5], axis=0).shape", "(2, 3)");
    assert_same("percentile(x, linspace(0, 100, 5)).shape", "(5,)");
    assert_same("histogram(x, bins=4)[0].shape", "(4,)");
    assert_same("h, e = histogram(x, linspace(0, 1, 11)); e.shape", "(11,)");
    assert_same("histogram2d(x, x, (2, 3))[0].shape", "(2, 3)");
    assert_same("cumsum(i).dtype == int64", "True");
    assert_same("x.cumprod(axis=0).shape", "(2, 3)");
    assert_same("cumsum(5).shape", "(1,)");
    assert_same("maximum.accumulate(x).shape", "(2, 3)");
    assert_same("np.minimum.accumulate(x, axis=1).shape", "(2, 3)");
    assert_same("maximum(i, 3)", "array([7, 3, 3], dtype=int32)");
    assert_same("nancumsum(x, 1).shape", "(2, 3)");
    assert_same("cov(x).shape", "(2, 2)");
    assert_same("corrcoef(x, rowvar=False).shape", "(3, 3)");
    assert_fails("cumsum(x)", "state an axis");
    assert_fails("mean(x, axis=2)", "axis 2 is outside an array of 2 axes");
    assert_fails("mean(x, axis=(0, -2))", "axis 0 stands twice");
    assert_fails("mean(x, axis=1.5)", "at character 9: mean(): axis is an integer or a tuple");
    assert_fails("mean(x, where=b)", "at character 9: mean() has no where= here");
    assert_fails("sum(x, initial=1)", "at character 8: sum() has no initial= here");
    assert_fails("argmax(x, axis=(0, 1))", "at character 11: argmax(): axis is an integer");
    assert_fails("norm(x, 'nuc')", "no norm 'nuc' of matrices");
    assert_fails("norm(x, 2)", "needs singular values");
    assert_fails("average(x, weights=i)", "weights are as many as");
    assert_fails("histogram(x, 'auto')", "state how many");
}
END_TEST

static bool is_text(const char *text)
{
    return text && text[0] && !isspace((unsigned char)text[0]);
}

/* Every function is found, says what it is, and fails with its name and a place when it is called
 * with an argument that no function has. */
START_TEST(every_function_has_a_signature_and_says_what_is_wrong_with_a_call)
{
    slab_function_info f;
    char text[200], name[100];
    int n = 0;
    for (; slab_expression_function_at(n, &f); n++) {
        ck_assert(is_text(f.name) && is_text(f.summary) && is_text(f.parameters));
        bool method = strncmp(f.name, "ndarray.", 8) == 0;
        snprintf(name, sizeof name, "%s", method ? f.name + 8 : f.name);
        snprintf(text, sizeof text, method ? "x.%s(frobnicate=1)" : "%s(frobnicate=1)", name);
        assert_fails(text, method ? "at character" : name);
        assert_fails(text, "frobnicate");
        built it;
        snprintf(text, sizeof text, method ? "x.%s()" : "%s()", name);
        if (build(text, &it) == SLAB_OK)
            clear(&it);
        for (int other = 0; other < n; other++) {
            slab_function_info g;
            ck_assert(slab_expression_function_at(other, &g));
            ck_assert_str_ne(f.name, g.name);
        }
    }
    ck_assert_int_gt(n, 150);
    ck_assert(!slab_expression_function_at(-1, &f));
}
END_TEST

/* What the page says of the text in `line`: "text  WORD  what"; NULL when it says nothing. */
static char *split(char *line, const char *word)
{
    char *at = strstr(line, word);
    if (!at)
        return NULL;
    char *what = at + strlen(word);
    what += strspn(what, " ");
    *at = '\0';
    while (at > line && at[-1] == ' ')
        *--at = '\0';
    return what;
}

/* Calls `each` for the lines of all blocks ```kind of the page. */
static int for_each_line(const char *kind, void (*each)(char *line))
{
    char *page = source_file("docs/expressions.md"), *rest = NULL, fence[40];
    bool inside = false;
    int n = 0;
    snprintf(fence, sizeof fence, "```%s", kind);
    for (char *line = strtok_r(page, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        bool edge = strncmp(line, "```", 3) == 0;
        if (inside && !edge) {
            each(line);
            n++;
        }
        inside = edge ? !inside && strcmp(line, fence) == 0 : inside;
    }
    free(page);
    return n;
}

static void check_same(char *line)
{
    char *as = split(line, "  is  ");
    as = as ? as : split(line, " is  ");
    ck_assert_msg(as != NULL, "%s", line);
    assert_same(line, as);
}

static void check_error(char *line)
{
    char *message = split(line, "  at character");
    ck_assert_msg(message != NULL, "%s", line);
    assert_fails(line, message);
    char place[40];
    snprintf(place, sizeof place, "at character %s", message);
    assert_fails(line, place);
}

START_TEST(the_pages_examples_are_true)
{
    ck_assert_int_gt(for_each_line("same", check_same), 20);
    ck_assert_int_gt(for_each_line("error", check_error), 10);
}
END_TEST

START_TEST(the_page_names_every_function)
{
    char *page = source_file("docs/expressions.md"), name[100];
    slab_function_info f;
    for (int n = 0; slab_expression_function_at(n, &f); n++) {
        if (f.elementwise)
            continue;
        snprintf(name, sizeof name, "`%s`", f.name);
        bool there = strstr(page, name) != NULL;
        snprintf(name, sizeof name, "`%s(", f.name);
        ck_assert_msg(there || strstr(page, name), "docs/expressions.md does not name %s", f.name);
    }
    free(page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expression_functions");
    TCase *tests = tcase_create("expression_functions");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, creation_follows_numpy);
    tcase_add_test(tests, shapes_follow_numpy);
    tcase_add_test(tests, arguments_are_bound_as_python_binds_them);
    tcase_add_test(tests, several_results_are_a_tuple);
    tcase_add_test(tests, draws_differ_unless_a_seed_says_that_they_are_the_same);
    tcase_add_test(tests, reductions_have_numpys_shapes);
    tcase_add_test(tests, every_function_has_a_signature_and_says_what_is_wrong_with_a_call);
    tcase_add_test(tests, the_pages_examples_are_true);
    tcase_add_test(tests, the_page_names_every_function);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
