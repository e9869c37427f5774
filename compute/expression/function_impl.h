/* The registry of functions and the binding of calls, as the builder of expressions sees them. */
#ifndef SLAB_COMPUTE_EXPRESSION_FUNCTION_IMPL_H
#define SLAB_COMPUTE_EXPRESSION_FUNCTION_IMPL_H

#include <slab/compute/expression/function.h>

/* True when the word is one of those between blanks; words may be NULL. */
bool expression_word_in(const char *word, const char *words);
/* linalg, random: what stands before the dot of a function's name. */
bool expression_is_module(const char *name);

/* An argument as it was written. */
typedef struct given_argument {
    const char *name; /* NULL: by position */
    int character;
    slab_datum datum; /* the binding takes what it uses */
} given_argument;

/* What random draws and errors need to know while an expression is built. */
typedef struct build_context {
    slab_expression_options options;
    int draws;
} build_context;

struct slab_bound {
    const slab_function *function;
    build_context *context;
    struct parameter *parameters;
    slab_datum *arguments; /* [n] */
    int n;
    bool known;               /* every value among the arguments is */
    struct token_list *words; /* of the signature: names and strings of defaults */
};

/* arguments.c: what is given to a function's parameters. @param at  the call's character */
slab_status call_bind(slab_bound *call, given_argument *given, int n, int at);
void call_clear(slab_bound *call);

/* subscript.c: object[items]. @param at  the bracket's character */
typedef struct subscript_item {
    bool is_slice;
    int character;
    slab_datum part[3]; /* start, stop, step (None: left out); or the item alone */
} subscript_item;
slab_status subscript_datum(const slab_datum *object, const subscript_item *items, int n,
                            bool is_tuple, int at, slab_datum *out);

#endif
