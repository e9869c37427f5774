/* What names mean: those of the language, and those that have to come from outside. */
#include <slab/compute/expression/expression_impl.h>

#include <math.h>
#include <slab/compute/expression/function_impl.h>
#include <slab/compute/graph/op.h>
#include <string.h>

static const struct {
    const char *name;
    double value;
} constants[] = {{"pi", M_PI},
                 {"e", M_E},
                 {"inf", INFINITY},
                 {"nan", NAN},
                 {"euler_gamma", 0.57721566490153286060651209008240243}};

/* Each with the spellings that NumPy 2 has for it on 64-bit Linux. */
static const struct {
    slab_kind kind;
    uint32_t size;
    const char *names;
} types[] = {{SLAB_KIND_BOOL, 1, "bool bool_"},
             {SLAB_KIND_INT, 1, "int8 byte"},
             {SLAB_KIND_INT, 2, "int16 short"},
             {SLAB_KIND_INT, 4, "int32 intc"},
             {SLAB_KIND_INT, 8, "int64 int int_ intp long longlong"},
             {SLAB_KIND_UINT, 1, "uint8 ubyte"},
             {SLAB_KIND_UINT, 2, "uint16 ushort"},
             {SLAB_KIND_UINT, 4, "uint32 uintc"},
             {SLAB_KIND_UINT, 8, "uint64 uint uintp ulong ulonglong"},
             {SLAB_KIND_FLOAT, 2, "float16 half"},
             {SLAB_KIND_FLOAT, 4, "float32 single"},
             {SLAB_KIND_FLOAT, 8, "float64 double float"},
             {SLAB_KIND_COMPLEX, 8, "complex64 csingle"},
             {SLAB_KIND_COMPLEX, 16, "complex128 cdouble complex"}};

bool expression_constant_by_name(const char *name, double *out)
{
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (strcmp(constants[i].name, name) == 0) {
            *out = constants[i].value;
            return true;
        }
    return false;
}

bool expression_dtype_by_name(const char *name, slab_dtype *out)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (expression_word_in(name, types[i].names)) {
            *out = slab_dtype_make(types[i].kind, types[i].size);
            return true;
        }
    return false;
}

bool expression_is_known(const char *name)
{
    double x;
    slab_dtype dtype;
    return expression_word_in(name, "np numpy newaxis Ellipsis") ||
           expression_constant_by_name(name, &x) || expression_dtype_by_name(name, &dtype) ||
           slab_function_by_name(name) || slab_op_by_name(name) || expression_is_module(name);
}

/* -1: there is none yet. */
static int find(const slab_expression *e, const char *name)
{
    for (int i = 0; i < e->nsymbols; i++)
        if (strcmp(e->symbols[i].name, name) == 0)
            return i;
    return -1;
}

static slab_status enter(slab_expression *e, node *name)
{
    slab_status rc = SLAB_OK;
    int i = find(e, name->text);
    REQUIRE_AT(i >= 0 || e->nsymbols < EXPRESSION_SYMBOLS_MAX, name->character, SLAB_ERR_RANGE,
               "more than %d names", EXPRESSION_SYMBOLS_MAX);
    if (i < 0) {
        i = e->nsymbols++;
        e->symbols[i].name = name->text;
    }
    name->symbol = i;
done:
    return rc;
}

static slab_status use(slab_expression *e, node *n)
{
    slab_status rc = SLAB_OK;
    if (n->kind == NODE_NAME) {
        TRY(enter(e, n));
        symbol *s = &e->symbols[n->symbol];
        s->free |= !s->assigned;
    }
    if (n->kind == NODE_CALL && n->first->kind == NODE_NAME) {
        int i = find(e, n->first->text);
        REQUIRE_AT((i >= 0 && e->symbols[i].assigned) || expression_is_known(n->first->text),
                   n->first->character, SLAB_ERR_USAGE, "there is no function '%s'",
                   n->first->text);
    }
    for (node *child = n->first; child; child = child->next)
        TRY(use(e, child));
done:
    return rc;
}

static slab_status assign(slab_expression *e, node *target)
{
    slab_status rc = SLAB_OK;
    if (target->kind == NODE_NAME) {
        TRY(enter(e, target));
        e->symbols[target->symbol].assigned = true;
    }
    for (node *child = target->first; child; child = child->next)
        TRY(assign(e, child));
done:
    return rc;
}

slab_status expression_find_symbols(slab_expression *e)
{
    slab_status rc = SLAB_OK;
    ALLOC(e->symbols, EXPRESSION_SYMBOLS_MAX, "the names of an expression");
    for (node *statement = e->first; statement; statement = statement->next) {
        TRY(use(e, statement->last));
        for (node *target = statement->first; target != statement->last; target = target->next)
            TRY(assign(e, target));
    }
done:
    return rc;
}
