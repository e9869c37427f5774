#include <slab/tools/command.h>

#include <slab/compute/expression/expression.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/evaluation.h>
#include <slab/tools/talk.h>
#include <stdio.h>
#include <string.h>

static const slab_option options[] = {
    {"dtype", 0, 't', "TYPE", NULL, "element type to store results in (default: their own)"},
    {NULL, 0, 0, NULL, NULL, NULL}};

/* Inputs as NAME=LOCATOR arguments bind them. */
typedef struct binding {
    char **names;
    slab_value **values;
    int n;
} binding;

static void clear_binding(binding *b)
{
    for (int i = 0; i < b->n; i++) {
        FREE(b->names[i]);
        slab_value_drop(&b->values[i]);
    }
    FREE(b->names);
    FREE(b->values);
}

static slab_status bind_inputs(slab_call *call, const slab_expression *e, binding *b)
{
    slab_status rc = SLAB_OK;
    int n = slab_call_count(call) - 1;
    ALLOC(b->names, n, "inputs");
    ALLOC(b->values, n, "inputs");
    for (int i = 0; i < n; i++) {
        const char *word = slab_call_argument(call, i + 1);
        size_t length = strcspn(word, "=");
        REQUIRE(word[length] == '=' && length > 0, SLAB_ERR_USAGE,
                "an input is written NAME=FILE.h5:/ARRAY, not '%s'", word);
        TRY(slab_memory_alloc((void **)&b->names[i], length + 1, 1, "inputs"));
        memcpy(b->names[i], word, length);
        b->n = i + 1;
        for (int k = 0; k < i; k++)
            REQUIRE(strcmp(b->names[k], b->names[i]) != 0, SLAB_ERR_USAGE, "'%s' is given twice",
                    b->names[i]);
        REQUIRE(slab_expression_uses(e, b->names[i]), SLAB_ERR_USAGE,
                "the expression does not use '%s'", b->names[i]);
        TRY(slab_call_load(call, word + length + 1, &b->values[i]));
    }
done:
    return rc;
}

/* Names that clash in the output get numbers behind them: the parts of a tuple. */
static slab_status name_results(const slab_expression_outputs *out, slab_result *results,
                                char (*names)[80])
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < out->n; i++) {
        const slab_expression_output *o = &out->output[i];
        if (o->part >= 0)
            snprintf(names[i], sizeof names[i], "%.60s%s%d", o->name, o->name[0] ? "_" : "",
                     o->part);
        else if (!o->name[0] && out->n > 1)
            snprintf(names[i], sizeof names[i], "result%d", i);
        else
            snprintf(names[i], sizeof names[i], "%.79s", o->name);
        results[i] = (slab_result){names[i], o->value};
    }
    for (int i = 0; i < out->n; i++)
        for (int k = 0; k < i; k++)
            REQUIRE(strcmp(names[i], names[k]) != 0, SLAB_ERR_USAGE, "two results are called '%s'",
                    names[i]);
done:
    return rc;
}

/* Where the text went wrong, on a terminal or in a log: the line and a caret. */
static void point_at(slab_call *call, const char *text)
{
    char lines[400];
    slab_error error = *slab_error_last();
    int at = slab_expression_failed_at();
    if (at > 0 && slab_ranks_me(slab_call_ranks(call)) == 0 && !slab_call_flag(call, "quiet")) {
        const char *pointed = slab_expression_point(text, at, lines, sizeof lines);
        if (slab_talk_is_json())
            slab_talk("note", pointed, NULL);
        else
            fprintf(stderr, "%s\n", pointed);
    }
    slab_error_restore(&error);
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    const char *text = slab_call_argument(call, 0);
    slab_expression *e = NULL;
    slab_expression_outputs out = {0};
    slab_expression_options given = {.seed = slab_call_seed(call)};
    slab_result *results = NULL;
    char(*names)[80] = NULL;
    binding b = {0};
    *exit_code = 0;
    rc = slab_expression_parse(text, &e);
    if (rc != SLAB_OK)
        point_at(call, text);
    TRY(rc);
    TRY(bind_inputs(call, e, &b));
    rc = slab_expression_build(e, (const char *const *)b.names, b.values, b.n, &given, &out);
    if (rc != SLAB_OK)
        point_at(call, text);
    TRY(rc);
    ALLOC(results, out.n, "results");
    ALLOC(names, out.n, "results");
    TRY(name_results(&out, results, names));
    TRY(slab_evaluate(call, "/result", results, out.n));
done:
    FREE(names);
    FREE(results);
    slab_expression_outputs_clear(&out);
    clear_binding(&b);
    slab_expression_destroy(&e);
    return rc;
}

const slab_command slab_command_calc = {
    .name = "calc",
    .arguments = "EXPRESSION [NAME=FILE.h5:/ARRAY[SELECTION] ...]",
    .summary = "compute with arrays: NumPy's expressions, larger than memory",
    .description =
        "Evaluates an expression in Python's grammar over NumPy's names. The same text in NumPy 2 "
        "says what comes out: values, type and shape. Arrays may be larger than memory; what can "
        "be computed together is read once, reductions inside an expression add passes, which "
        "--dry-run lists.\n\n"
        "Several results are statements: 'm = mean(x, axis=0); s = std(x, axis=0)', stored as /m "
        "and /s. Results print when they are small, or are stored with -o. 'slab help "
        "functions' lists the functions; operators and grammar are in docs/expressions.md.\n\n"
        "The result is the same bit for bit on any number of ranks and threads and with any "
        "--memory.",
    .examples =
        "  slab calc 'log1p(x) - mean(x, axis=0, keepdims=True)' x=in.h5:/counts -o out.h5:/norm\n"
        "  slab calc 'm = mean(x, axis=0); s = std(x, axis=0)' x=in.h5:/counts -o stats.h5\n"
        "  slab calc 'sqrt(a*a + b*b)' a=v.h5:/x b=v.h5:/y -o speed.h5:/v --dry-run\n"
        "  slab calc 'sum(where(isnan(x), 0, x))' x=sky.h5:/cube\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_ARRAY_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST |
             SLAB_TAKES_JSON | SLAB_TAKES_SEED | SLAB_TAKES_RANKS,
    .least = 1,
    .most = -1,
    .options = options,
    .run = run,
};
