/* Calls and attributes: functions by name, types that cast, methods of arrays. */
#include <slab/compute/expression/build_impl.h>

#include <slab/compute/graph/op.h>
#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 64 };

/* The name that np.linalg.norm or linalg.norm has in the table; false: no path of names that
 * belongs to the language. */
static bool path_of(const builder *b, const node *n, char *path)
{
    if (n->kind == NODE_NAME) {
        if (b->has_meaning[n->symbol])
            return false;
        bool numpy = expression_word_in(n->text, "np numpy");
        return (numpy || expression_is_module(n->text)) &&
               snprintf(path, PATH_MAX_BYTES, "%s", numpy ? "" : n->text) < PATH_MAX_BYTES;
    }
    if (n->kind != NODE_ATTRIBUTE || !path_of(b, n->first, path))
        return false;
    size_t length = strlen(path);
    return snprintf(path + length, PATH_MAX_BYTES - length, "%s%s", length > 0 ? "." : "",
                    n->text) < PATH_MAX_BYTES - (int)length;
}

/* Python's own: numbers in, a literal out. */
static slab_status call_python_type(const char *name, const slab_datum *datum, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    slab_view view;
    slab_box box = {.rank = 0};
    slab_dtype dtype;
    expression_dtype_by_name(name, &dtype);
    REQUIRE(datum->kind == SLAB_DATUM_VALUE && datum->known &&
                slab_value_shape(datum->value)->rank == 0,
            SLAB_ERR_TYPE, "%s() makes a number of Python's: for an array write x.astype(%s)", name,
            name);
    REQUIRE(slab_value_dtype(datum->value).kind != SLAB_KIND_COMPLEX ||
                dtype.kind == SLAB_KIND_COMPLEX,
            SLAB_ERR_TYPE, "%s() takes no complex number", name);
    value = slab_value_cast(datum->value, dtype);
    TRY(slab_value_status(value));
    TRY(slab_value_get(value, 0, &box, &view));
    slab_value *made = dtype.kind == SLAB_KIND_INT
                           ? slab_value_literal_int(*(const int64_t *)view.data)
                       : dtype.kind == SLAB_KIND_FLOAT
                           ? slab_value_literal_real(*(const double *)view.data)
                           : slab_value_literal_complex(((const double *)view.data)[0],
                                                        ((const double *)view.data)[1]);
    TRY(build_give(made, true, out));
done:
    slab_value_drop(&value);
    return rc;
}

static slab_status call_type(const char *name, slab_dtype dtype, given_argument *given, int n,
                             int at, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    REQUIRE_AT(n == 1 && !given[0].name, n > 1 ? given[1].character : at, SLAB_ERR_USAGE,
               "%s() takes one value", name);
    const slab_datum *datum = &given[0].datum;
    if (expression_word_in(name, "int float complex")) {
        TRY_AT(at, call_python_type(name, datum, out));
        return SLAB_OK;
    }
    TRY_AT(at, slab_datum_cast(datum, dtype, &value));
    return build_give(value, datum->kind != SLAB_DATUM_VALUE || datum->known, out);
done:
    return rc;
}

static slab_status call_op(const slab_op *op, const char *name, given_argument *given, int n,
                           int at, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *operands[SLAB_OP_ARITY_MAX] = {NULL};
    bool known = true;
    int least = op->arity_least > 0 ? op->arity_least : op->arity;
    for (int i = 0; i < n; i++)
        REQUIRE_AT(!given[i].name, given[i].character, SLAB_ERR_UNSUPPORTED,
                   "%s() has no %s= here: element-wise functions take their operands by position",
                   name, given[i].name);
    REQUIRE_AT(n >= least && n <= op->arity, n > op->arity ? given[op->arity].character : at,
               SLAB_ERR_USAGE, "%s() takes %d argument%s, not %d", name, op->arity,
               op->arity == 1 ? "" : "s", n);
    for (int i = 0; i < n; i++) {
        bool left_out = given[i].datum.kind == SLAB_DATUM_NONE && i >= least;
        if (!left_out)
            TRY_AT(given[i].character, slab_datum_to_value(&given[i].datum, &operands[i]));
        known &= given[i].datum.kind != SLAB_DATUM_VALUE || given[i].datum.known;
    }
    TRY_AT(at, build_give(slab_value_call(name, operands, n), known, out));
done:
    for (int i = 0; i < SLAB_OP_ARITY_MAX; i++)
        slab_value_drop(&operands[i]);
    return rc;
}

static slab_status call_function(builder *b, const slab_function *function, given_argument *given,
                                 int n, int at, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_bound call = {.function = function, .context = &b->context};
    TRY(call_bind(&call, given, n, at));
    rc = function->build(&call, out);
    if (rc != SLAB_OK) {
        rc = slab_error_prefix(rc, "%s()", function->name);
        rc = expression_fail_at(at, rc);
    }
done:
    call_clear(&call);
    return rc;
}

/* A function, type or operation of the language by its name in the table. */
static slab_status call_name(builder *b, const char *name, given_argument *given, int n, int at,
                             slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype dtype;
    const slab_function *function = slab_function_by_name(name);
    if (function)
        return call_function(b, function, given, n, at, out);
    if (expression_dtype_by_name(name, &dtype))
        return call_type(name, dtype, given, n, at, out);
    const slab_op *op = slab_op_by_name(name);
    REQUIRE_AT(op, at, SLAB_ERR_USAGE, "there is no function '%s'", name);
    return call_op(op, name, given, n, at, out);
done:
    return rc;
}

/* x.name(...): the function of that name, x in front. */
static slab_status call_method(builder *b, const char *name, given_argument *given, int n, int at,
                               slab_datum *out)
{
    slab_status rc = SLAB_OK;
    char own[PATH_MAX_BYTES];
    const slab_datum *object = &given[0].datum;
    snprintf(own, sizeof own, "ndarray.%s", name);
    const slab_function *function = slab_function_by_name(own);
    if (!function)
        function = slab_function_by_name(name);
    bool conjugate = expression_word_in(name, "conj conjugate") && slab_op_by_name(name);
    REQUIRE_AT(object->kind == SLAB_DATUM_VALUE, at, SLAB_ERR_TYPE,
               "only arrays have methods: write array(...).%s()", name);
    REQUIRE_AT((function && function->method) || conjugate, at, SLAB_ERR_USAGE,
               "arrays have no method '%s'", name);
    REQUIRE_AT(slab_value_weak(object->value) == SLAB_WEAK_NONE || conjugate, at, SLAB_ERR_TYPE,
               "a number has no method '%s'", name);
    return conjugate ? call_op(slab_op_by_name(name), name, given, n, at, out)
                     : call_function(b, function, given, n, at, out);
done:
    return rc;
}

/* A name that was given a meaning: a type can still be called. */
static slab_status call_meaning(const slab_datum *callee, const char *name, given_argument *given,
                                int n, int at, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    REQUIRE_AT(callee->kind == SLAB_DATUM_DTYPE, at, SLAB_ERR_USAGE,
               "'%s' is not a function here: it was given a value", name);
    return call_type(name, callee->dtype, given, n, at, out);
done:
    return rc;
}

static slab_status dispatch(builder *b, const node *callee, given_argument *given, int n,
                            slab_datum *out)
{
    slab_status rc = SLAB_OK;
    char path[PATH_MAX_BYTES] = "";
    bool name = callee->kind == NODE_NAME;
    if (name && b->has_meaning[callee->symbol])
        return call_meaning(&b->meaning[callee->symbol], callee->text, given + 1, n - 1,
                            callee->character, out);
    if (name)
        return call_name(b, callee->text, given + 1, n - 1, callee->character, out);
    REQUIRE_AT(callee->kind == NODE_ATTRIBUTE, callee->character, SLAB_ERR_USAGE,
               "this cannot be called: only a name can");
    if (path_of(b, callee, path))
        return call_name(b, path, given + 1, n - 1, callee->character, out);
    TRY(build_node(b, callee->first, &given[0].datum));
    return call_method(b, callee->text, given, n, callee->character, out);
done:
    return rc;
}

slab_status build_call(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    given_argument *given = NULL; /* [0] is for the object of a method */
    int count = 1, i = 0;
    for (const node *a = n->first->next; a; a = a->next)
        count++;
    ALLOC(given, count, "arguments");
    given[0].character = n->first->character;
    for (const node *a = n->first->next; a; a = a->next) {
        bool named = a->kind == NODE_KEYWORD;
        given[++i].name = named ? a->text : NULL;
        given[i].character = a->character;
        TRY(build_node(b, named ? a->first : a, &given[i].datum));
    }
    TRY(dispatch(b, n->first, given, count, out));
done:
    for (i = 0; given && i < count; i++)
        slab_datum_clear(&given[i].datum);
    FREE(given);
    return rc;
}

static slab_status shape_datum(const slab_shape *shape, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum tuple = {.kind = SLAB_DATUM_TUPLE};
    ALLOC(tuple.items, shape->rank, "a shape");
    for (; tuple.n < shape->rank; tuple.n++)
        TRY(build_give(slab_value_literal_int(shape->extent[tuple.n]), true,
                       &tuple.items[tuple.n]));
    *out = tuple;
    tuple = (slab_datum){0};
done:
    slab_datum_clear(&tuple);
    return rc;
}

/* x.mT: the last two axes the other way round. */
static slab_value *matrix_transpose(slab_value *value)
{
    int axes[SLAB_RANK_MAX], rank = slab_value_shape(value)->rank;
    for (int a = 0; a < rank; a++)
        axes[a] = a < rank - 2 ? a : 2 * rank - 3 - a;
    return slab_value_transpose(value, axes);
}

static slab_status count_attribute(const char *name, slab_value *value, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int64_t n = 0, size = slab_value_dtype(value).size;
    if (strcmp(name, "ndim") == 0)
        n = slab_value_shape(value)->rank;
    else if (strcmp(name, "itemsize") == 0)
        n = size;
    else
        TRY(slab_shape_elements(slab_value_shape(value), &n));
    if (strcmp(name, "nbytes") == 0)
        TRY(slab_extent_multiply(n, size, &n));
    TRY(build_give(slab_value_literal_int(n), true, out));
done:
    return rc;
}

/* Real numbers are their own real part. */
static slab_status part_attribute(const char *name, const slab_datum *object, slab_datum *out)
{
    static const char zeros[16];
    slab_value *value = object->value;
    bool complex = slab_value_dtype(value).kind == SLAB_KIND_COMPLEX;
    if (complex)
        return build_give(slab_value_call(name, &value, 1), object->known, out);
    if (strcmp(name, "real") == 0)
        return build_give(slab_value_keep(value), object->known, out);
    return build_give(slab_value_full(slab_value_shape(value), slab_value_dtype(value), zeros),
                      object->known, out);
}

static slab_status value_attribute(const char *name, const slab_datum *object, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = object->value;
    if (expression_word_in(name, "real imag"))
        return part_attribute(name, object, out);
    REQUIRE(slab_value_weak(value) == SLAB_WEAK_NONE, SLAB_ERR_USAGE,
            "a number has no attribute '%s'", name);
    if (strcmp(name, "shape") == 0)
        return shape_datum(slab_value_shape(value), out);
    if (expression_word_in(name, "ndim size itemsize nbytes"))
        return count_attribute(name, value, out);
    if (strcmp(name, "dtype") == 0) {
        *out = (slab_datum){.kind = SLAB_DATUM_DTYPE, .dtype = slab_value_dtype(value)};
        return SLAB_OK;
    }
    if (strcmp(name, "T") == 0)
        return build_give(slab_value_transpose(value, NULL), object->known, out);
    REQUIRE(strcmp(name, "mT") == 0, SLAB_ERR_USAGE, "arrays have no attribute '%s'%s", name,
            slab_function_by_name(name) ? ": a method needs brackets, ()" : "");
    REQUIRE(slab_value_shape(value)->rank >= 2, SLAB_ERR_SHAPE, "mT wants two axes or more");
    return build_give(matrix_transpose(value), object->known, out);
done:
    return rc;
}

slab_status build_attribute(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    char path[PATH_MAX_BYTES] = "";
    slab_datum object = {0};
    if (path_of(b, n, path))
        return build_language_name(path, n->character, out);
    TRY(build_node(b, n->first, &object));
    REQUIRE_AT(object.kind == SLAB_DATUM_VALUE, n->character, SLAB_ERR_USAGE,
               "only arrays have attributes, such as .%s", n->text);
    TRY_AT(n->character, value_attribute(n->text, &object, out));
done:
    slab_datum_clear(&object);
    return rc;
}
