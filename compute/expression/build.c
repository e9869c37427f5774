/* The tree to lazy values: statements, names, constants, lists. */
#include <slab/compute/expression/build_impl.h>

#include <slab/compute/graph/op.h>
#include <string.h>

slab_status build_give(slab_value *value, bool known, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    TRY(slab_value_status(value));
    *out = (slab_datum){.kind = SLAB_DATUM_VALUE, .value = value, .known = known};
    value = NULL;
done:
    slab_value_drop(&value);
    return rc;
}

int64_t build_count_items(const slab_datum *datum)
{
    int64_t n = 1;
    if (datum->kind == SLAB_DATUM_TUPLE || datum->kind == SLAB_DATUM_LIST)
        for (int i = 0; i < datum->n; i++)
            n += build_count_items(&datum->items[i]);
    return n;
}

slab_status build_check_items(int64_t n)
{
    slab_status rc = SLAB_OK;
    REQUIRE(n <= EXPRESSION_ITEMS_MAX, SLAB_ERR_RANGE, "lists of more than %d items",
            EXPRESSION_ITEMS_MAX);
done:
    return rc;
}

static slab_status build_constant(const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    switch (n->token) {
    case TOKEN_INTEGER:
        value = n->integer <= INT64_MAX ? slab_value_literal_int((int64_t)n->integer)
                                        : slab_value_literal_uint(n->integer);
        break;
    case TOKEN_REAL:
        value = slab_value_literal_real(n->real);
        break;
    case TOKEN_IMAGINARY:
        value = slab_value_literal_complex(0, n->real);
        break;
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        value = slab_value_literal_bool(n->token == TOKEN_TRUE);
        break;
    case TOKEN_STRING:
        *out = (slab_datum){.kind = SLAB_DATUM_STRING, .string = n->text};
        return SLAB_OK;
    default:
        out->kind = n->token == TOKEN_ELLIPSIS ? SLAB_DATUM_ELLIPSIS : SLAB_DATUM_NONE;
        return SLAB_OK;
    }
    TRY_AT(n->character, build_give(value, true, out));
done:
    return rc;
}

slab_status build_language_name(const char *name, int at, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    double constant;
    if (strcmp(name, "newaxis") == 0)
        return SLAB_OK; /* which is None, as in NumPy */
    if (strcmp(name, "Ellipsis") == 0) {
        out->kind = SLAB_DATUM_ELLIPSIS;
        return SLAB_OK;
    }
    if (expression_constant_by_name(name, &constant))
        return build_give(slab_value_literal_real(constant), true, out);
    if (expression_dtype_by_name(name, &out->dtype)) {
        out->kind = SLAB_DATUM_DTYPE;
        return SLAB_OK;
    }
    REQUIRE_AT(!slab_function_by_name(name) && !slab_op_by_name(name), at, SLAB_ERR_USAGE,
               "'%s' is a function: it needs its arguments, %s(...)", name, name);
    REQUIRE_AT(!expression_is_known(name), at, SLAB_ERR_USAGE, "'%s' is not a value", name);
    FAIL_AT(at, SLAB_ERR_USAGE, "'%s' is not defined", name);
done:
    return rc;
}

static slab_status build_name(builder *b, const node *n, slab_datum *out)
{
    if (b->has_meaning[n->symbol])
        return slab_datum_copy(&b->meaning[n->symbol], out);
    return build_language_name(n->text, n->character, out);
}

static slab_status build_list(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum list = {.kind = n->kind == NODE_LIST ? SLAB_DATUM_LIST : SLAB_DATUM_TUPLE};
    int length = 0;
    int64_t items = 1;
    for (const node *item = n->first; item; item = item->next)
        length++;
    ALLOC(list.items, length, "a list");
    for (const node *item = n->first; item; item = item->next) {
        TRY(build_node(b, item, &list.items[list.n]));
        items += build_count_items(&list.items[list.n++]);
        TRY_AT(item->character, build_check_items(items));
    }
    *out = list;
    list = (slab_datum){0};
done:
    slab_datum_clear(&list);
    return rc;
}

static slab_status build_item(builder *b, const node *n, subscript_item *out)
{
    slab_status rc = SLAB_OK;
    int i = 0;
    out->character = n->character;
    out->is_slice = n->kind == NODE_SLICE;
    for (const node *part = out->is_slice ? n->first : n; part && i < 3; part = part->next) {
        if (part->kind != NODE_ABSENT)
            TRY(build_node(b, part, &out->part[i]));
        i++;
        if (!out->is_slice)
            break;
    }
done:
    return rc;
}

/* x[(1, 2)] is x[1, 2]: a tuple is taken apart, however it came about. */
static slab_status spread_items(subscript_item **items, int *n, bool *is_tuple)
{
    slab_status rc = SLAB_OK;
    subscript_item *spread = NULL;
    slab_datum *tuple = &(*items)[0].part[0];
    if (*n != 1 || *is_tuple || (*items)[0].is_slice || tuple->kind != SLAB_DATUM_TUPLE)
        return SLAB_OK;
    *is_tuple = true;
    ALLOC(spread, tuple->n > 0 ? tuple->n : 1, "an index");
    for (int i = 0; i < tuple->n; i++) {
        spread[i].character = (*items)[0].character;
        spread[i].part[0] = tuple->items[i];
        tuple->items[i] = (slab_datum){0};
    }
    *n = tuple->n;
    slab_datum_clear(tuple);
    FREE(*items);
    *items = spread;
done:
    return rc;
}

static slab_status build_subscript(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum object = {0};
    subscript_item *items = NULL;
    int count = 0;
    const node *index = n->last;
    bool is_tuple = index->kind == NODE_TUPLE;
    const node *first = is_tuple && index->first ? index->first : index;
    for (const node *item = first; item; item = item->next)
        count++;
    TRY(build_node(b, n->first, &object));
    ALLOC(items, count, "an index");
    is_tuple &= index->first != NULL;
    int i = 0;
    for (const node *item = first; item; item = item->next)
        TRY(build_item(b, item, &items[i++]));
    TRY(spread_items(&items, &count, &is_tuple));
    /* an item that is wrong has said where already */
    TRY(subscript_datum(&object, items, count, is_tuple, n->character, out));
done:
    slab_datum_clear(&object);
    for (i = 0; items && i < count; i++)
        for (int k = 0; k < 3; k++)
            slab_datum_clear(&items[i].part[k]);
    FREE(items);
    return rc;
}

slab_status build_node(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    *out = (slab_datum){0};
    switch (n->kind) {
    case NODE_NAME:
        rc = build_name(b, n, out);
        break;
    case NODE_CONSTANT:
        rc = build_constant(n, out);
        break;
    case NODE_TUPLE:
    case NODE_LIST:
        rc = build_list(b, n, out);
        break;
    case NODE_UNARY:
        rc = build_unary(b, n, out);
        break;
    case NODE_BINARY:
        rc = build_binary(b, n, out);
        break;
    case NODE_COMPARE:
        rc = build_compare(b, n, out);
        break;
    case NODE_CHOICE:
        rc = build_choice(b, n, out);
        break;
    case NODE_ATTRIBUTE:
        rc = build_attribute(b, n, out);
        break;
    case NODE_CALL:
        rc = build_call(b, n, out);
        break;
    case NODE_SUBSCRIPT:
        rc = build_subscript(b, n, out);
        break;
    default:
        rc = expression_fail(n->character, SLAB_ERR_INTERNAL, __FILE__, __LINE__,
                             "a node of kind %d has no value", (int)n->kind);
    }
    out->character = n->character;
    return rc;
}
