/* The registry of functions. */
#include <slab/compute/expression/function_impl.h>

#include <slab/compute/graph/op.h>
#include <stdio.h>
#include <string.h>

#define SLAB_FUNCTION(row) extern const slab_function slab_function_##row;
#include <slab/compute/expression/function_list.h>
#undef SLAB_FUNCTION

static const slab_function *const functions[] = {
#define SLAB_FUNCTION(row) &slab_function_##row,
#include <slab/compute/expression/function_list.h>
#undef SLAB_FUNCTION
};

enum { NFUNCTIONS = sizeof functions / sizeof *functions };

bool expression_word_in(const char *word, const char *words)
{
    size_t length = strlen(word);
    for (const char *at = words; at && *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n == length && memcmp(at, word, n) == 0)
            return true;
        at += n;
    }
    return false;
}

/* The module among blank-separated names: "linalg" in "norm linalg.norm". */
static bool has_module(const char *names, const char *module)
{
    size_t length = strlen(module);
    for (const char *at = names; at && *at; at += strspn(at, " ")) {
        if (strncmp(at, module, length) == 0 && at[length] == '.')
            return true;
        at += strcspn(at, " ");
    }
    return false;
}

bool expression_is_module(const char *name)
{
    for (int i = 0; i < NFUNCTIONS; i++)
        if (has_module(functions[i]->name, name) || has_module(functions[i]->aliases, name))
            return strcmp(name, "ndarray") != 0; /* which only methods stand under */
    return false;
}

const slab_function *slab_function_by_name(const char *name)
{
    for (int i = 0; i < NFUNCTIONS; i++)
        if (strcmp(functions[i]->name, name) == 0 ||
            expression_word_in(name, functions[i]->aliases))
            return functions[i];
    return NULL;
}

/* An operation's operands, as one would state them: "x1: array, x2: array, /". */
static const char *operands_of(const slab_op *op)
{
    static const char *const texts[] = {
        "",
        "x: array, /",
        "x1: array, x2: array, /",
        "x1: array, x2: array, x3: array, /",
        "x1: array, x2: array, x3: array, x4: array, /",
        "x1: array, x2: array, x3: array, x4: array, x5: array, /",
    };
    return texts[op->arity < (int)(sizeof texts / sizeof *texts) ? op->arity : 0];
}

bool slab_expression_function_at(int i, slab_function_info *out)
{
    if (i < 0)
        return false;
    if (i < NFUNCTIONS) {
        const slab_function *f = functions[i];
        *out = (slab_function_info){.name = f->name,
                                    .aliases = f->aliases ? f->aliases : "",
                                    .parameters = f->parameters,
                                    .summary = f->summary,
                                    .method = f->method,
                                    .formula = ""};
        return true;
    }
    const slab_op *op = NULL;
    for (int k = 0, left = i - NFUNCTIONS; left >= 0; k++) {
        op = slab_op_at(k);
        if (!op)
            return false;
        left -= !slab_function_by_name(op->name); /* a row stands for the operation too */
    }
    *out = (slab_function_info){.name = op->name,
                                .aliases = op->aliases ? op->aliases : "",
                                .parameters = operands_of(op),
                                .summary = op->summary,
                                .elementwise = true,
                                .formula = op->formula};
    return true;
}

bool slab_expression_function_named(const char *name, slab_function_info *out)
{
    for (int i = 0; slab_expression_function_at(i, out); i++)
        if (strcmp(out->name, name) == 0 || expression_word_in(name, out->aliases))
            return true;
    return false;
}

/* Applies an operation to operands that are handed over. */
static slab_value *apply(const char *op, slab_value **operands, int n)
{
    slab_value *made = slab_value_call(op, operands, n);
    for (int i = 0; i < n; i++)
        slab_value_drop(&operands[i]);
    return made;
}

slab_value *slab_apply1(const char *op, slab_value *a)
{
    return apply(op, (slab_value *[]){a}, 1);
}

slab_value *slab_apply2(const char *op, slab_value *a, slab_value *b)
{
    return apply(op, (slab_value *[]){a, b}, 2);
}

slab_value *slab_apply3(const char *op, slab_value *a, slab_value *b, slab_value *c)
{
    return apply(op, (slab_value *[]){a, b, c}, 3);
}
