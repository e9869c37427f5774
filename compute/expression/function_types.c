/* Which types functions give: found out by building a call, which touches no elements. */
#include <slab/compute/expression/function_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

enum { OPERANDS_MOST = 3 };

/* How many arrays a call must have: parameters without a default, all of kind `array`. 0: it takes
 * something else too. "a: array, axis: axes = None, *, keepdims: bool = False" takes one. */
static int arrays_of(const char *parameters)
{
    static const char kind[] = ": array";
    int n = 0;
    for (const char *at = parameters; *at;) {
        size_t length = strcspn(at, ",");
        const char *colon = memchr(at, ':', length);
        bool has_default = memchr(at, '=', length) != NULL;
        if (colon && !has_default) {
            size_t left = length - (size_t)(colon - at);
            if (*at == '*' || left != sizeof kind - 1 || memcmp(colon, kind, left) != 0)
                return 0;
            n++;
        }
        at += length;
        at += strspn(at, ", ");
    }
    return n <= OPERANDS_MOST ? n : 0;
}

/* An array of two axes, or of one, for functions that take no more. */
static slab_value *operand_of(slab_dtype dtype, int rank)
{
    static const uint64_t zero[4];
    slab_shape shape = {rank, {2, 2}};
    return slab_value_full(&shape, dtype, zero);
}

static void name_types(const slab_expression_outputs *out, char *text)
{
    char name[SLAB_DTYPE_NAME_MAX];
    size_t used = 0;
    for (int i = 0; i < out->n && used < SLAB_FUNCTION_TYPE_MAX; i++)
        used +=
            (size_t)snprintf(text + used, SLAB_FUNCTION_TYPE_MAX - used, "%s%s", i ? " and " : "",
                             slab_dtype_name(slab_value_dtype(out->output[i].value), name));
}

static bool type_with(const char *call, slab_dtype dtype, int rank, char *text)
{
    static const char *const names[] = {"x"};
    slab_expression *e = NULL;
    slab_expression_outputs out = {0};
    slab_value *x = operand_of(dtype, rank);
    bool built = slab_expression_parse(call, &e) == SLAB_OK &&
                 slab_expression_build(e, names, &x, 1, NULL, &out) == SLAB_OK;
    if (built)
        name_types(&out, text);
    built = built && out.n > 0;
    slab_expression_outputs_clear(&out);
    slab_expression_destroy(&e);
    slab_value_drop(&x);
    slab_error_clear();
    return built;
}

bool slab_expression_function_type(const slab_function_info *function, slab_dtype operand,
                                   char *text)
{
    static const char method[] = "ndarray.";
    char call[128];
    int n = arrays_of(function->parameters);
    if (n == 0)
        return false;
    if (strncmp(function->name, method, sizeof method - 1) == 0)
        snprintf(call, sizeof call, "x.%s()", function->name + sizeof method - 1);
    else
        snprintf(call, sizeof call, "%s(x%s%s)", function->name, n > 1 ? ", x" : "",
                 n > 2 ? ", x" : "");
    return type_with(call, operand, 2, text) || type_with(call, operand, 1, text);
}
