/**
 * The language of `slab calc`: Python's expressions over NumPy's names (docs/expressions.md).
 *
 * A text is parsed once, without any data; it says which names it needs, and builds lazy values
 * once those are bound. What NumPy 2 gives for the same text is what the values are.
 */
#ifndef SLAB_COMPUTE_EXPRESSION_EXPRESSION_H
#define SLAB_COMPUTE_EXPRESSION_EXPRESSION_H

#include <slab/compute/graph/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_expression slab_expression;

/**
 * Parses statements `name = expression` or expressions, separated by `;` or newlines.
 *
 * @param text  UTF-8, up to 64 KiB
 * @retval SLAB_ERR_USAGE  not in the language (message: "at character 12: ..."; see
 *                         slab_expression_failed_at())
 */
slab_status slab_expression_parse(const char *text, slab_expression **out);
void slab_expression_destroy(slab_expression **e);

/** Names that the caller has to supply, in order of first use. */
int slab_expression_inputs(const slab_expression *e);
const char *slab_expression_input(const slab_expression *e, int i);

/** True when the text takes this name from outside: an input, or a name of the language's own such
 * as `e` that an input of that name would stand in front of. */
bool slab_expression_uses(const slab_expression *e, const char *name);

/** What builders need to know besides the values. Zeroed: defaults. */
typedef struct slab_expression_options {
    uint64_t seed; /* of random draws that state none */
} slab_expression_options;

typedef struct slab_expression_output {
    const char *name;  /* "" for an expression without a name; lives as long as the expression */
    int part;          /* of a tuple: 0 and up; else -1 */
    slab_value *value; /* sound */
} slab_expression_output;

typedef struct slab_expression_outputs {
    slab_expression_output *output; /* [n], in order of the statements; a name once, at its last */
    int n;
} slab_expression_outputs;

/**
 * Builds all statements. A name that is bound stands in front of the language's own.
 *
 * @param names    bound to values[0 .. n); values are borrowed
 * @param options  NULL: defaults
 * @param out      the caller clears it with slab_expression_outputs_clear()
 * @retval SLAB_ERR_USAGE  an input is not bound, or a bound name is not used
 * @retval any other       what the failing function says, behind "at character N: "
 */
slab_status slab_expression_build(slab_expression *e, const char *const *names,
                                  slab_value *const *values, int n,
                                  const slab_expression_options *options,
                                  slab_expression_outputs *out);
void slab_expression_outputs_clear(slab_expression_outputs *outputs);

/** The character (1 and up) that the last failure on this thread was about; 0: none. */
int slab_expression_failed_at(void);

/** The line of the text that holds a character, and a line with a caret below it:
 * "log(x y)\n      ^". Cut to `size` bytes. Returns `out`. */
char *slab_expression_point(const char *text, int character, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
