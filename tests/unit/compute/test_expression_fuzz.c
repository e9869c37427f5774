/* Texts that nobody would write: sentences of the grammar, and broken ones. */
#include "expressions.h"

static uint64_t state = 1;

static uint32_t draw(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

/* The grammar of docs/expressions.md as text; a rule is what stands behind "name:". */
static char grammar[1 << 14];

static void keep_line(const char *line)
{
    strcat(strcat(grammar, line), "\n");
}

static void read_grammar(void)
{
    char *page = source_file("docs/expressions.md");
    char *begin = strstr(page, "```grammar\n");
    ck_assert_ptr_nonnull(begin);
    begin += strlen("```grammar\n");
    char *end = strstr(begin, "```");
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    grammar[0] = '\0';
    keep_line(begin);
    free(page);
}

/* A rule's body: up to the next line that begins with a letter. */
static const char *rule_of(const char *name, int length)
{
    for (const char *at = grammar; *at; at = strchr(at, '\n') + 1)
        if (strncmp(at, name, (size_t)length) == 0 && at[length] == ':')
            return at + length + 1;
    return NULL;
}

typedef struct writer {
    char *out;
    size_t n, room;
    int depth;
} writer;

static void put(writer *w, const char *text, int length)
{
    if (w->n + (size_t)length + 2 > w->room)
        return;
    memcpy(w->out + w->n, text, (size_t)length);
    w->n += (size_t)length;
    w->out[w->n++] = ' ';
    w->out[w->n] = '\0';
}

/* The sentence is long or deep enough: repetitions end, first alternatives are taken. */
static bool is_enough(const writer *w)
{
    return w->depth > 40 || w->n > 400;
}

static const char *write_choices(writer *w, const char *at, bool wanted);

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || (*at == '\n' && at[1] == ' '))
        at++;
    return at;
}

static void write_name(writer *w, const char *name, int length)
{
    static const char *const names[] = {"abs", "pi", "sqrt", "mean"};
    static const char *const numbers[] = {"7", "0x1F", "1.5e3", ".5", "2j", "1_000"};
    const char *rule = rule_of(name, length);
    if (rule) {
        w->depth++;
        write_choices(w, rule, true);
        w->depth--;
        return;
    }
    const char *word = NULL;
    if (strncmp(name, "NAME", 4) == 0)
        word = names[draw(4)];
    else if (strncmp(name, "NUMBER", 6) == 0)
        word = numbers[draw(6)];
    else if (strncmp(name, "STRING", 6) == 0)
        word = "'fro'";
    else if (strncmp(name, "NEWLINE", 7) == 0)
        word = "\n";
    ck_assert_msg(word != NULL, "the grammar has no rule '%.*s'", length, name);
    put(w, word, (int)strlen(word));
}

/* One item and its repetitions; writes it when it is wanted. Returns what follows. */
static const char *write_item(writer *w, const char *at, bool wanted)
{
    const char *end;
    int times = 1;
    bool enough = is_enough(w);
    if (*at == '\'') {
        end = strchr(at + 1, '\'') + 1;
    } else if (*at == '(' || *at == '[') {
        end = write_choices(w, at + 1, false) + 1;
    } else {
        end = at + strcspn(at, " \n*)]|");
    }
    if (*at == '[')
        times = enough ? 0 : (int)draw(2);
    if (*end == '*')
        times = enough ? 0 : (int)draw(3);
    for (int k = 0; wanted && k < times; k++) {
        if (*at == '\'')
            put(w, at + 1, (int)(end - at) - 2);
        else if (*at == '(' || *at == '[')
            write_choices(w, at + 1, true);
        else
            write_name(w, at, (int)(end - at));
    }
    return end + (*end == '*');
}

static bool ends_choice(char c)
{
    return c == '\0' || c == '\n' || c == ')' || c == ']' || c == '|';
}

/* Alternatives up to a closing bracket or the rule's end; one of them is written: the first, which
 * the page keeps free of recursion, when the sentence is long enough. */
static const char *write_choices(writer *w, const char *at, bool wanted)
{
    const char *scan = at;
    int n = 1;
    for (scan = skip_blanks(scan); !ends_choice(*scan) || *scan == '|'; scan = skip_blanks(scan)) {
        if (*scan == '|') {
            n++;
            scan++;
        } else {
            scan = write_item(w, scan, false);
        }
    }
    int chosen = !wanted ? -1 : is_enough(w) ? 0 : (int)draw((uint32_t)n), k = 0;
    for (at = skip_blanks(at); !ends_choice(*at) || *at == '|'; at = skip_blanks(at)) {
        if (*at == '|') {
            k++;
            at++;
        } else {
            at = write_item(w, at, k == chosen);
        }
    }
    return at;
}

START_TEST(every_sentence_of_the_documented_grammar_parses)
{
    enum { ROOM = 40000 };
    char *text = malloc(ROOM);
    size_t longest = 0;
    int sentences = 0;
    read_grammar();
    for (int k = 0; k < 4000; k++) {
        writer w = {.out = text, .room = ROOM};
        text[0] = '\0';
        write_name(&w, "statement", 9);
        if (w.n + 100 > ROOM)
            continue; /* cut off */
        slab_expression *e = NULL;
        slab_status rc = slab_expression_parse(text, &e);
        slab_expression_destroy(&e);
        ck_assert_msg(rc == SLAB_OK, "%s: %s", text, slab_error_last()->message);
        longest = w.n > longest ? w.n : longest;
        sentences++;
    }
    ck_assert_int_gt(sentences, 3000);
    ck_assert_uint_gt(longest, 200);
    free(text);
}
END_TEST

static const char *const seeds[] = {
    "log1p(x) - mean(x, axis=0, keepdims=True)",
    "m = mean(x, axis=0); s = std(x, axis=0, ddof=1); (x - m) / s",
    "h, e = histogram(x, bins=[0, 1, 2]); h / sum(h)",
    "where((x > 0) & ~b, x ** 2, -x // 3 % 2)",
    "x[..., None, ::-1][1:, 0] + [1, 2.5e-3, 0x1f]",
    "a, (c, d) = 1, (2, 3)\na if x.ndim == 2 else c",
    "np.linalg.norm(x.T[0], ord=2) * 1j - float32(pi)",
    "zeros((2, 3) + x.shape, dtype='f4').transpose(1, 0, 3, 2)",
    "arange(10)[2:8:3] << 2 | 7 ^ 3 & u[0]",
    "quantile(x, linspace(0, 1, 5), axis=-1); clip(i, min=-1, max=2)",
    "not 1 < 2 <= 3 != 4 or 5 in (1, 2) and None is not None",
    "random_normal((4,), 0, 1, seed=3) + random_integers(0, 9, 4)",
    "array([[1, 2], [3, 4]]).mT.astype(int8).round(1).sum(axis=(0, 1))",
};

static const char *const pieces[] = {
    "(",     ")",        "[",    "]",    ",",      ":",        ";",
    "\n",    "=",        "==",   "**",   "-",      "~",        "...",
    "None",  "True",     "x",    "i",    "'f4'",   "1e9",      "0",
    "-1",    "not ",     " in ", " if ", " else ", "axis=",    ".T",
    "2**62", "\xC3\xA9", "\xFF", "\\",   "@",      "*1000000", "99999999999999999999",
    ".",     "1.",       "j",    "# ",   "\"",     "np.",      "\t"};

/* Changes a text in one to four places. */
static void mutate(char *text, size_t room)
{
    for (uint32_t changes = 1 + draw(4); changes > 0; changes--) {
        size_t n = strlen(text), at = n > 0 ? draw((uint32_t)n) : 0, cut = n > 0 ? draw(4) : 0;
        const char *piece = pieces[draw(sizeof pieces / sizeof *pieces)];
        cut = at + cut > n ? n - at : cut;
        size_t added = draw(3) > 0 ? strlen(piece) : 0;
        if (n - cut + added + 1 > room)
            continue;
        memmove(text + at + added, text + at + cut, n - at - cut + 1);
        memcpy(text + at, piece, added);
    }
}

START_TEST(broken_texts_are_errors_with_a_place_and_leak_nothing)
{
    char text[400];
    int good = 0, bad = 0;
    const char *rounds = getenv("SLAB_FUZZ_ROUNDS");
    long most = rounds ? atol(rounds) : 20000;
    built warm = build_ok("x");
    clear(&warm);
    size_t before = slab_memory_used();
    for (long k = 0; k < most; k++) {
        built it;
        strcpy(text, seeds[draw(sizeof seeds / sizeof *seeds)]);
        mutate(text, sizeof text);
        slab_status rc = build(text, &it);
        if (rc == SLAB_OK)
            clear(&it);
        good += rc == SLAB_OK;
        bad += rc != SLAB_OK;
        ck_assert_msg(slab_memory_used() == before, "'%s' leaks", text);
        if (rc == SLAB_OK)
            continue;
        const char *message = slab_error_last()->message;
        int at = slab_expression_failed_at();
        ck_assert_msg(rc != SLAB_ERR_INTERNAL, "%s: %s", text, message);
        ck_assert_msg(at >= 0 && at <= (int)strlen(text) + 1, "%s: %s", text, message);
        ck_assert_msg(at == 0 || strncmp(message, "at character ", 13) == 0, "%s: %s", text,
                      message);
        ck_assert_msg(!strstr(message + 1, "at character ") || strstr(message, "does not close"),
                      "%s: %s", text, message);
    }
    ck_assert_int_gt(good, most > 10 ? 10 : 0);
    ck_assert_int_gt(bad, most > 10 ? 10 : 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expression_fuzz");
    TCase *tests = tcase_create("expression_fuzz");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, every_sentence_of_the_documented_grammar_parses);
    tcase_add_test(tests, broken_texts_are_errors_with_a_place_and_leak_nothing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
