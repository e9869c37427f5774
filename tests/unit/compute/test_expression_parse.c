#include "expressions.h"

static slab_status parse(const char *text)
{
    slab_expression *e = NULL;
    slab_status rc = slab_expression_parse(text, &e);
    slab_expression_destroy(&e);
    return rc;
}

START_TEST(operators_bind_as_pythons_do)
{
    assert_same("-2**2", "-(2**2)");
    assert_same("2**-1", "2**(-1)");
    assert_same("2**3**2", "2**(3**2)");
    assert_same("-x**2", "-(x**2)");
    assert_same("~i**2", "~(i**2)");
    assert_same("- - +3", "3");
    assert_same("2 - 3 - 4", "(2 - 3) - 4");
    assert_same("2 * 3 % 4 // 1", "((2 * 3) % 4) // 1");
    assert_same("1 + 2 << 3", "(1 + 2) << 3");
    assert_same("1 << 2 & 7", "(1 << 2) & 7");
    assert_same("6 & 3 ^ 1 | 8", "((6 & 3) ^ 1) | 8");
    assert_same("1 | 2 == 3", "(1 | 2) == 3");
    assert_same("not 1 == 2", "not (1 == 2)");
    assert_same("not False and False", "(not False) and False");
    assert_same("True or True and False", "True or (True and False)");
    assert_same("1 if True else 2 if True else 3", "1 if True else (2 if True else 3)");
    assert_same("1 < 2 == True", "(1 < 2) and (2 == True)");
    assert_same("-x[0]", "-(x[0])");
    assert_same("-x.T", "-(x.T)");
    assert_same("2 ** x[0]", "2 ** (x[0])");
}
END_TEST

START_TEST(numbers_are_pythons)
{
    assert_same("0xFF + 0Xf", "270");
    assert_same("0o17 + 0b1_01", "20");
    assert_same("1_000_000", "1000000");
    assert_same("00", "0");
    assert_same("0x_1", "1");
    assert_same("1e3", "1000.0");
    assert_same("1_0.2_5e-0_1", "1.025");
    assert_same(".5 + 5.", "5.5");
    assert_same("1e999", "inf");
    assert_same("012j", "12j");
    assert_same("1.5J", "1.5j");
    assert_same("18446744073709551615", "0xffffffffffffffff");
    assert_same("-9223372036854775808", "-9223372036854775807 - 1");
    assert_fails("18446744073709551616", "at character 1: an integer beyond 2**64 - 1");
    assert_fails("1 + 0x1_0000_0000_0000_0000", "at character 5");
    assert_fails("2 * 1__0", "at character 5: '1_' is not a number");
    assert_fails("1_", "is not a number");
    assert_fails("0x", "a number without digits");
    assert_fails("0b12", "at character 1: '0b12' is not a number");
    assert_fails("3x", "at character 1: '3x' is not a number");
    assert_fails("0777", "octal numbers are written 0o17");
}
END_TEST

START_TEST(an_error_points_at_its_character)
{
    static const struct {
        const char *text;
        int character;
        const char *message;
    } cases[] = {
        {"", 1, "there is no expression"},
        {" \n # nothing\n", 14, "there is no expression"},
        {"x +", 4, "a value is expected, not the end"},
        {"x y", 3, "unexpected 'y'"},
        {"x 5", 3, "unexpected a number"},
        {"(x", 1, "'(' is not closed"},
        {"[x, (i]", 7, "']' does not close the '(' at character 5"},
        {"x)", 2, "')' closes nothing"},
        {"x[", 2, "'[' is not closed"},
        {"x[]", 3, "an index is expected"},
        {"x[1:2:3:4]", 8, "']' is expected, not ':'"},
        {"sin(x i)", 7, "',' is expected, not 'i'"},
        {"1 + not 2", 5, "a value is expected, not 'not'"},
        {"2 ** not 2", 6, "a value is expected, not 'not'"},
        {"x not i", 7, "'in' is expected, not 'i'"},
        {"1 if 2", 7, "'else' is expected, not the end"},
        {"x.", 3, "a name is expected after '.'"},
        {"sum(axis=0, x)", 13, "an argument without a name"},
        {"sum(*x)", 5, "unpacks it in Python"},
        {"sum(**x)", 5, "unpacks it in Python"},
        {"3 = x", 1, "only a name"},
        {"x == 3 = i", 3, "only a name"},
        {"() = x", 1, "there is no name"},
        {"x += 1", 3, "'+=': write x = x + ..."},
        {"x **= 1", 3, "'**=': write x = x ** ..."},
        {"y := 1", 3, "write the assignment as a statement of its own"},
        {"lambda: 1", 1, "'lambda' is a word of Python's"},
        {"[a for a in x]", 4, "'for' is a word of Python's"},
        {"{1}", 1, "'{' has no meaning here"},
        {"x; y = (1;2)", 10, "';' inside brackets"},
        {"'abc", 1, "a string that is not closed"},
        {"'a\\n'", 1, "there are no escapes here"},
        {"f'a'", 1, "strings have no prefix"},
        {"x + frob(1)", 5, "there is no function 'frob'"},
        {"\xC3\xA9 + frob(1)", 5, "there is no function 'frob'"},
        {"x \xE2\x88\x92 1", 3, "'\xE2\x88\x92' has no meaning here"},
        {"x + \xFF", 5, "a byte that is not UTF-8: 0xff"},
        {"x + \x01", 5, "a control character: 0x01"},
        {"x = 1\nx $", 9, "'$' has no meaning here"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char start[40];
        ck_assert_msg(parse(cases[k].text) != SLAB_OK, "'%s' parses", cases[k].text);
        snprintf(start, sizeof start, "at character %d: ", cases[k].character);
        const char *message = slab_error_last()->message;
        ck_assert_msg(strncmp(message, start, strlen(start)) == 0 &&
                          strstr(message, cases[k].message),
                      "%s: '%s', not '%s%s'", cases[k].text, message, start, cases[k].message);
        ck_assert_int_eq(slab_expression_failed_at(), cases[k].character);
    }
}
END_TEST

START_TEST(a_caret_stands_under_the_character)
{
    char out[100];
    ck_assert_str_eq(slab_expression_point("log(x y)", 7, out, sizeof out), "log(x y)\n      ^");
    ck_assert_str_eq(slab_expression_point("a = 1\nbc d", 10, out, sizeof out), "bc d\n   ^");
    ck_assert_str_eq(slab_expression_point("\xC3\xA9 d", 3, out, sizeof out), "\xC3\xA9 d\n  ^");
    ck_assert_str_eq(slab_expression_point("ab", 99, out, sizeof out), "ab\n  ^");
    ck_assert_str_eq(slab_expression_point("abcdef", 1, out, 5), "abcd");
}
END_TEST

START_TEST(names_without_a_meaning_are_inputs_in_order_of_their_use)
{
    slab_expression *e = NULL;
    ck_assert_int_eq(slab_expression_parse("m = mean(b, axis=0) * pi; m + a - b\n"
                                           "c = np.sqrt(e) + linalg.norm(d.T); c.sum()",
                                           &e),
                     SLAB_OK);
    ck_assert_int_eq(slab_expression_inputs(e), 3);
    ck_assert_str_eq(slab_expression_input(e, 0), "b");
    ck_assert_str_eq(slab_expression_input(e, 1), "a");
    ck_assert_str_eq(slab_expression_input(e, 2), "d");
    ck_assert_ptr_null(slab_expression_input(e, 3));
    ck_assert(slab_expression_uses(e, "e")); /* which an array may replace */
    ck_assert(!slab_expression_uses(e, "m"));
    ck_assert(!slab_expression_uses(e, "axis"));
    ck_assert(!slab_expression_uses(e, "T"));
    slab_expression_destroy(&e);
    ck_assert_ptr_null(e);
    ck_assert_int_eq(slab_expression_parse("x = x + 1; x", &e), SLAB_OK);
    ck_assert_int_eq(slab_expression_inputs(e), 1);
    slab_expression_destroy(&e);
}
END_TEST

START_TEST(newlines_comments_and_blanks_separate_as_in_python)
{
    assert_same("a = (1 +\n 2) # three\n\n; a * 2 # six", "6");
    assert_same("1 + \\\n 2", "3");
    assert_same("\r\n\t[1,\r\n2]\r\n", "[1, 2]");
    assert_same("'f4' == \"f4\"", "True");
    assert_fails("1 +\n2", "at character 4: a value is expected, not the end of the statement");
}
END_TEST

static char *repeated(const char *before, int n, const char *middle, const char *after)
{
    size_t b = strlen(before), a = strlen(after);
    char *text = malloc((a + b) * (size_t)n + strlen(middle) + 1), *at = text;
    for (int k = 0; k < n; k++, at += b)
        memcpy(at, before, b);
    strcpy(at, middle);
    at += strlen(middle);
    for (int k = 0; k < n; k++, at += a)
        memcpy(at, after, a + 1);
    return text;
}

START_TEST(nesting_without_end_is_an_error_and_no_crash)
{
    static const struct {
        const char *before, *middle, *after;
    } shapes[] = {{"(", "1", ")"},           {"[", "1", "]"},    {"-", "1", ""},
                  {"not ", "1", ""},         {"1+", "1", ""},    {"2**", "1", ""},
                  {"1 if 1 else ", "1", ""}, {"abs(", "1", ")"}, {"x[", "0", "]"},
                  {"", "x", ".T"},           {"", "x", "[0:]"},  {"1<", "1", ""},
                  {"(1,", "1", ")"},         {"", "1", "+1"},    {"~-", "1", ""},
                  {"1 and ", "1", ""},       {"", "abs", "(1)"}, {"x[:,", "0", "]"}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        char *text = repeated(shapes[k].before, 4000, shapes[k].middle, shapes[k].after);
        built it;
        slab_status rc = build(text, &it);
        if (rc == SLAB_OK)
            clear(&it);
        ck_assert_msg(rc == SLAB_OK || rc == SLAB_ERR_RANGE || rc == SLAB_ERR_USAGE, "%s: %s",
                      shapes[k].before, slab_error_last()->message);
        free(text);
    }
    char *deep = repeated("(", 10000, "1", ")"), *fair = repeated("(", 300, "1", ")");
    ck_assert_int_eq(parse(deep), SLAB_ERR_RANGE);
    ck_assert_int_eq(parse(fair), SLAB_OK);
    free(deep), free(fair);
    char *sum = repeated("1+", 900, "1", "");
    assert_same(sum, "901");
    free(sum);
}
END_TEST

START_TEST(a_text_or_a_list_that_is_too_long_is_an_error)
{
    char *text = repeated("1,", 40000, "1", "");
    ck_assert_int_eq(parse(text), SLAB_ERR_RANGE);
    free(text);
    assert_fails("[0] * 100000", "lists of more than 65536 items");
    assert_fails("[0] * 2**62", "lists of more than 65536 items");
    assert_fails("a = [0] * 60000; b = [a, a]; [b] * 10", "lists of more than 65536 items");
    char names[1 << 14] = "1";
    size_t n = 1;
    for (int k = 0; k < 1100; k++)
        n += (size_t)snprintf(names + n, sizeof names - n, "+n%d", k);
    ck_assert_int_eq(parse(names), SLAB_ERR_RANGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expression_parse");
    TCase *tests = tcase_create("expression_parse");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, operators_bind_as_pythons_do);
    tcase_add_test(tests, numbers_are_pythons);
    tcase_add_test(tests, an_error_points_at_its_character);
    tcase_add_test(tests, a_caret_stands_under_the_character);
    tcase_add_test(tests, names_without_a_meaning_are_inputs_in_order_of_their_use);
    tcase_add_test(tests, newlines_comments_and_blanks_separate_as_in_python);
    tcase_add_test(tests, nesting_without_end_is_an_error_and_no_crash);
    tcase_add_test(tests, a_text_or_a_list_that_is_too_long_is_an_error);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
