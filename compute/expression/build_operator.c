/*
 * Operators. Those on numbers alone follow Python, which compute/graph knows; here is what Python
 * does with tuples and truth. An array has no truth, so `and`, `or`, `not`, chained comparisons and
 * `if` take numbers: those that are known now decide which branch is built, as in Python.
 */
#include <slab/compute/expression/build_impl.h>

#include <string.h>

static const char *const operations[] = {
    [TOKEN_PLUS] = "add",
    [TOKEN_MINUS] = "subtract",
    [TOKEN_STAR] = "multiply",
    [TOKEN_SLASH] = "divide",
    [TOKEN_FLOOR] = "floor_divide",
    [TOKEN_PERCENT] = "remainder",
    [TOKEN_POWER] = "power",
    [TOKEN_SHIFT_LEFT] = "left_shift",
    [TOKEN_SHIFT_RIGHT] = "right_shift",
    [TOKEN_AMPERSAND] = "bitwise_and",
    [TOKEN_BAR] = "bitwise_or",
    [TOKEN_CARET] = "bitwise_xor",
    [TOKEN_LESS] = "less",
    [TOKEN_LESS_EQUAL] = "less_equal",
    [TOKEN_GREATER] = "greater",
    [TOKEN_GREATER_EQUAL] = "greater_equal",
    [TOKEN_EQUAL] = "equal",
    [TOKEN_NOT_EQUAL] = "not_equal",
};

static bool is_sequence(const slab_datum *datum)
{
    return datum->kind == SLAB_DATUM_TUPLE || datum->kind == SLAB_DATUM_LIST;
}

static bool is_scalar(const slab_datum *datum)
{
    return datum->kind == SLAB_DATUM_VALUE && slab_value_shape(datum->value)->rank == 0;
}

/* A number whose value only the data tells. */
static bool is_unknown_scalar(const slab_datum *datum)
{
    return is_scalar(datum) && !datum->known;
}

static slab_status truth(const slab_datum *datum, int at, const char *instead, bool *out)
{
    slab_status rc = SLAB_OK;
    bool array = datum->kind == SLAB_DATUM_VALUE && !is_scalar(datum);
    REQUIRE_AT(!array, at, SLAB_ERR_VALUE, "an array is neither true nor false: %s", instead);
    REQUIRE_AT(!is_unknown_scalar(datum), at, SLAB_ERR_UNSUPPORTED,
               "whether this is true is not known before the data is read: %s", instead);
    TRY_AT(at, slab_datum_to_bool(datum, out));
done:
    return rc;
}

static slab_status give_truth(bool x, slab_datum *out)
{
    return build_give(slab_value_literal_bool(x), true, out);
}

/* An operator or function of one or two operands, NumPy's array-likes among them. */
static slab_status apply(const char *name, const slab_datum *a, const slab_datum *b,
                         slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *operands[2] = {NULL, NULL};
    bool known = !(a->kind == SLAB_DATUM_VALUE && !a->known) &&
                 !(b && b->kind == SLAB_DATUM_VALUE && !b->known);
    TRY(slab_datum_to_value(a, &operands[0]));
    if (b)
        TRY(slab_datum_to_value(b, &operands[1]));
    TRY(build_give(slab_value_apply(name, operands, b ? 2 : 1), known, out));
done:
    slab_value_drop(&operands[0]);
    slab_value_drop(&operands[1]);
    return rc;
}

slab_status build_unary(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum operand = {0};
    bool is;
    TRY(build_node(b, n->first, &operand));
    if (n->token != TOKEN_NOT) {
        REQUIRE_AT(operand.kind == SLAB_DATUM_VALUE, n->character, SLAB_ERR_TYPE,
                   "'%s' takes a number or an array", token_spelling(n->token));
        const char *name = n->token == TOKEN_MINUS  ? "negative"
                           : n->token == TOKEN_PLUS ? "positive"
                                                    : "invert";
        TRY_AT(n->character, apply(name, &operand, NULL, out));
    } else if (is_unknown_scalar(&operand)) {
        TRY_AT(n->character, apply("logical_not", &operand, NULL, out));
    } else {
        TRY(truth(&operand, n->character, "use ~ or logical_not", &is));
        TRY(give_truth(!is, out));
    }
done:
    slab_datum_clear(&operand);
    return rc;
}

static bool is_unknown_truth(const slab_datum *datum)
{
    return is_unknown_scalar(datum) && slab_value_dtype(datum->value).kind == SLAB_KIND_BOOL;
}

/* and, or: the left operand when it decides, else the right one. */
static slab_status build_and_or(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum left = {0};
    bool is, both = n->token == TOKEN_AND;
    const char *instead = both ? "use & or logical_and" : "use | or logical_or";
    TRY(build_node(b, n->first, &left));
    if (is_unknown_truth(&left)) {
        slab_datum right = {0};
        rc = build_node(b, n->last, &right);
        if (rc == SLAB_OK && is_scalar(&right) &&
            slab_value_dtype(right.value).kind == SLAB_KIND_BOOL)
            rc = apply(both ? "logical_and" : "logical_or", &left, &right, out);
        else if (rc == SLAB_OK)
            rc = truth(&left, n->character, instead, &is);
        slab_datum_clear(&right);
        TRY(rc);
    } else {
        TRY(truth(&left, n->character, instead, &is));
        if (is == both)
            TRY(build_node(b, n->last, out));
        else
            TRY(slab_datum_copy(&left, out));
    }
done:
    slab_datum_clear(&left);
    return rc;
}

/* (1, 2) + (3,) */
static slab_status join(const slab_datum *a, const slab_datum *b, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum made = {.kind = a->kind};
    TRY(build_check_items(build_count_items(a) + build_count_items(b)));
    ALLOC(made.items, a->n + b->n, "a list");
    for (; made.n < a->n + b->n; made.n++)
        TRY(slab_datum_copy(made.n < a->n ? &a->items[made.n] : &b->items[made.n - a->n],
                            &made.items[made.n]));
    *out = made;
    made = (slab_datum){0};
done:
    slab_datum_clear(&made);
    return rc;
}

/* [0] * 3 */
static slab_status repeat(const slab_datum *list, const slab_datum *times, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum made = {.kind = list->kind};
    int64_t n;
    TRY(slab_datum_to_int(times, &n));
    n = n < 0 || list->n == 0 ? 0 : n;
    TRY(build_check_items(n));
    TRY(build_check_items(n * build_count_items(list)));
    ALLOC(made.items, n * list->n, "a list");
    for (; made.n < n * list->n; made.n++)
        TRY(slab_datum_copy(&list->items[made.n % list->n], &made.items[made.n]));
    *out = made;
    made = (slab_datum){0};
done:
    slab_datum_clear(&made);
    return rc;
}

static bool is_python_number(const slab_datum *datum)
{
    return datum->kind == SLAB_DATUM_VALUE && slab_value_weak(datum->value) != SLAB_WEAK_NONE;
}

/* What Python does with tuples and lists alone; an array makes an array of the other operand. */
static slab_status apply_binary(token_kind sign, const slab_datum *a, const slab_datum *b,
                                slab_datum *out)
{
    slab_status rc = SLAB_OK;
    bool lists = is_sequence(a) || is_sequence(b);
    bool arrays = (a->kind == SLAB_DATUM_VALUE && !is_python_number(a)) ||
                  (b->kind == SLAB_DATUM_VALUE && !is_python_number(b));
    if (!lists || arrays)
        return apply(operations[sign], a, b, out);
    if (sign == TOKEN_PLUS && a->kind == b->kind)
        return join(a, b, out);
    if (sign == TOKEN_STAR && is_sequence(a) && is_python_number(b))
        return repeat(a, b, out);
    if (sign == TOKEN_STAR && is_sequence(b) && is_python_number(a))
        return repeat(b, a, out);
    FAIL(SLAB_ERR_TYPE, "'%s' is not defined for lists: write array([...])", token_spelling(sign));
done:
    return rc;
}

slab_status build_binary(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum left = {0}, right = {0};
    if (n->token == TOKEN_AND || n->token == TOKEN_OR)
        return build_and_or(b, n, out);
    REQUIRE_AT(n->token != TOKEN_AT, n->character, SLAB_ERR_UNSUPPORTED,
               "there is no matrix product here");
    TRY(build_node(b, n->first, &left));
    TRY(build_node(b, n->last, &right));
    TRY_AT(n->character, apply_binary(n->token, &left, &right, out));
done:
    slab_datum_clear(&left);
    slab_datum_clear(&right);
    return rc;
}

static slab_status same(const slab_datum *a, const slab_datum *b, bool *out)
{
    slab_status rc = SLAB_OK;
    slab_datum equal = {0};
    *out = false;
    if (a->kind == SLAB_DATUM_VALUE && b->kind == SLAB_DATUM_VALUE) {
        TRY(apply("equal", a, b, &equal));
        TRY(slab_datum_to_bool(&equal, out));
    } else if (a->kind == b->kind && is_sequence(a)) {
        *out = a->n == b->n;
        for (int i = 0; *out && i < a->n; i++)
            TRY(same(&a->items[i], &b->items[i], out));
    } else if (a->kind == b->kind && a->kind == SLAB_DATUM_DTYPE) {
        *out = slab_dtype_equal(a->dtype, b->dtype);
    } else if (a->kind == b->kind && a->kind == SLAB_DATUM_STRING) {
        *out = strcmp(a->string, b->string) == 0;
    } else {
        *out = a->kind == b->kind && a->kind != SLAB_DATUM_VALUE;
    }
done:
    slab_datum_clear(&equal);
    return rc;
}

static slab_status contains(const slab_datum *item, const slab_datum *list, bool *out)
{
    slab_status rc = SLAB_OK;
    *out = false;
    REQUIRE(is_sequence(list), SLAB_ERR_TYPE, "'in' looks through a tuple or a list of numbers");
    for (int i = 0; !*out && i < list->n; i++)
        TRY(same(item, &list->items[i], out));
done:
    return rc;
}

static slab_status compare(token_kind sign, const slab_datum *a, const slab_datum *b,
                           slab_datum *out)
{
    slab_status rc = SLAB_OK;
    bool is, none = a->kind == SLAB_DATUM_NONE || b->kind == SLAB_DATUM_NONE;
    bool array = (a->kind == SLAB_DATUM_VALUE) != (b->kind == SLAB_DATUM_VALUE) &&
                 (is_sequence(a) || is_sequence(b)) && !is_python_number(a) && !is_python_number(b);
    bool equality = sign == TOKEN_EQUAL || sign == TOKEN_NOT_EQUAL;
    if (sign == TOKEN_IS || sign == TOKEN_IS_NOT) {
        REQUIRE(none, SLAB_ERR_USAGE, "'is' compares with None here: use ==");
        return give_truth((a->kind == b->kind) == (sign == TOKEN_IS), out);
    }
    if (sign == TOKEN_IN || sign == TOKEN_NOT_IN) {
        TRY(contains(a, b, &is));
        return give_truth(is == (sign == TOKEN_IN), out);
    }
    if (array || (a->kind == SLAB_DATUM_VALUE && b->kind == SLAB_DATUM_VALUE))
        return apply(operations[sign], a, b, out);
    REQUIRE(equality, SLAB_ERR_TYPE, "'%s' compares numbers and arrays", token_spelling(sign));
    TRY(same(a, b, &is));
    return give_truth(is == (sign == TOKEN_EQUAL), out);
done:
    return rc;
}

/* One comparison more: *so_far and it. `done` when it decides. */
static slab_status chain(const node *part, slab_datum *so_far, slab_datum *next, bool *decided)
{
    slab_status rc = SLAB_OK;
    slab_datum both = {0};
    bool is;
    *decided = false;
    if (is_unknown_truth(so_far) && is_scalar(next)) {
        TRY_AT(part->character, apply("logical_and", so_far, next, &both));
        slab_datum_clear(next);
        *next = both;
    } else {
        TRY(truth(so_far, part->character, "write (a < b) & (b < c) instead of a < b < c", &is));
        *decided = !is;
    }
done:
    return rc;
}

slab_status build_compare(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum left = {0}, right = {0}, result = {0}, next = {0};
    bool decided = false;
    TRY(build_node(b, n->first, &left));
    for (const node *part = n->first->next; part && !decided; part = part->next) {
        bool first = part == n->first->next;
        TRY(build_node(b, part->first, &right));
        TRY_AT(part->character, compare(part->token, &left, &right, &next));
        if (!first)
            TRY(chain(part, &result, &next, &decided));
        if (!decided) {
            slab_datum_clear(&result);
            result = next;
            next = (slab_datum){0};
        }
        slab_datum_clear(&left);
        left = right;
        right = (slab_datum){0};
    }
    *out = result;
    result = (slab_datum){0};
done:
    slab_datum_clear(&left);
    slab_datum_clear(&right);
    slab_datum_clear(&result);
    slab_datum_clear(&next);
    return rc;
}

slab_status build_choice(builder *b, const node *n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum condition = {0};
    const node *yes = n->first, *asks = yes->next, *no = n->last;
    bool is;
    TRY(build_node(b, asks, &condition));
    TRY(truth(&condition, n->character, "use where(condition, a, b)", &is));
    TRY(build_node(b, is ? yes : no, out));
done:
    slab_datum_clear(&condition);
    return rc;
}
