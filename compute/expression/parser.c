/*
 * Tokens to statements. Python's grammar (docs/expressions.md) by precedence climbing: one function
 * for all binary operators, so that nesting costs few frames of the stack.
 */
#include <slab/compute/expression/expression_impl.h>

#include <string.h>

enum { /* how tightly operators bind */
       BINDS_OR = 1,
       BINDS_AND,
       BINDS_NOT,
       BINDS_COMPARISON,
       BINDS_BAR,
       BINDS_CARET,
       BINDS_AMPERSAND,
       BINDS_SHIFT,
       BINDS_SUM,
       BINDS_PRODUCT,
       BINDS_SIGN
};

typedef struct parser {
    slab_expression *e;
    const token *at;
    int depth;
} parser;

static slab_status parse_choice(parser *p, node **out);
static slab_status parse_sign(parser *p, node **out);

/* 0: no binary operator. */
static int binds(token_kind kind)
{
    switch (kind) {
    case TOKEN_OR:
        return BINDS_OR;
    case TOKEN_AND:
        return BINDS_AND;
    case TOKEN_IN:
    case TOKEN_IS:
    case TOKEN_NOT: /* in */
    case TOKEN_LESS:
    case TOKEN_LESS_EQUAL:
    case TOKEN_GREATER:
    case TOKEN_GREATER_EQUAL:
    case TOKEN_EQUAL:
    case TOKEN_NOT_EQUAL:
        return BINDS_COMPARISON;
    case TOKEN_BAR:
        return BINDS_BAR;
    case TOKEN_CARET:
        return BINDS_CARET;
    case TOKEN_AMPERSAND:
        return BINDS_AMPERSAND;
    case TOKEN_SHIFT_LEFT:
    case TOKEN_SHIFT_RIGHT:
        return BINDS_SHIFT;
    case TOKEN_PLUS:
    case TOKEN_MINUS:
        return BINDS_SUM;
    case TOKEN_STAR:
    case TOKEN_SLASH:
    case TOKEN_FLOOR:
    case TOKEN_PERCENT:
    case TOKEN_AT:
        return BINDS_PRODUCT;
    default:
        return 0;
    }
}

static slab_status make(parser *p, node_kind kind, const token *t, node **out)
{
    slab_status rc = SLAB_OK;
    slab_expression *e = p->e;
    *out = NULL;
    REQUIRE_AT(e->n < e->room, t->character, SLAB_ERR_INTERNAL, "more nodes than tokens make");
    node *made = &e->nodes[e->n++];
    *made = (node){
        .kind = kind, .token = t->kind, .character = t->character, .depth = 1, .text = t->text};
    *out = made;
done:
    return rc;
}

static slab_status adopt(node *parent, node *child)
{
    slab_status rc = SLAB_OK;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    if (parent->depth <= child->depth)
        parent->depth = child->depth + 1;
    REQUIRE_AT(parent->depth < EXPRESSION_DEPTH_MAX, parent->character, SLAB_ERR_RANGE,
               "an expression of more than %d operations inside each other", EXPRESSION_DEPTH_MAX);
done:
    return rc;
}

/* A node of one or two children. */
static slab_status make_over(parser *p, node_kind kind, const token *t, node *a, node *b,
                             node **out)
{
    slab_status rc = SLAB_OK;
    node *made = NULL;
    *out = NULL;
    TRY(make(p, kind, t, &made));
    TRY(adopt(made, a));
    if (b)
        TRY(adopt(made, b));
    *out = made;
done:
    return rc;
}

static bool accept(parser *p, token_kind kind)
{
    if (p->at->kind != kind)
        return false;
    p->at++;
    return true;
}

static slab_status unexpected(const parser *p, const char *wanted)
{
    const token *t = p->at;
    bool named = t->kind == TOKEN_NAME;
    bool quoted = named || t->kind > TOKEN_STRING;
    return expression_fail(t->character, SLAB_ERR_USAGE, __FILE__, __LINE__, "%s%s%s%s%s", wanted,
                           wanted[0] ? ", not " : "unexpected ", quoted ? "'" : "",
                           named ? t->text : token_spelling(t->kind), quoted ? "'" : "");
}

static slab_status expect(parser *p, token_kind kind)
{
    slab_status rc = SLAB_OK;
    char wanted[32] = "'";
    if (!accept(p, kind)) {
        strcat(strcat(wanted, token_spelling(kind)), "' is expected");
        TRY(unexpected(p, wanted));
    }
done:
    return rc;
}

static slab_status enter(parser *p)
{
    slab_status rc = SLAB_OK;
    REQUIRE_AT(p->depth < EXPRESSION_DEPTH_MAX, p->at->character, SLAB_ERR_RANGE,
               "more than %d operations inside each other", EXPRESSION_DEPTH_MAX);
    p->depth++;
done:
    return rc;
}

static slab_status refuse_star(const parser *p)
{
    slab_status rc = SLAB_OK;
    REQUIRE_AT(p->at->kind != TOKEN_STAR && p->at->kind != TOKEN_POWER, p->at->character,
               SLAB_ERR_USAGE, "'%s' before a value unpacks it in Python: that is not available",
               token_spelling(p->at->kind));
done:
    return rc;
}

/* The items of a list or tuple up to `close`, which is consumed; commas: whether there was any. */
static slab_status parse_items(parser *p, node *list, token_kind close, bool *commas)
{
    slab_status rc = SLAB_OK;
    *commas = false;
    while (!accept(p, close)) {
        node *item = NULL;
        TRY(refuse_star(p));
        TRY(parse_choice(p, &item));
        TRY(adopt(list, item));
        if (p->at->kind != close) {
            TRY(expect(p, TOKEN_COMMA));
            *commas = true;
        }
        *commas |= p->at[-1].kind == TOKEN_COMMA;
    }
done:
    return rc;
}

static slab_status parse_brackets(parser *p, node **out)
{
    slab_status rc = SLAB_OK;
    node *list = NULL;
    bool commas, paren = p->at->kind == TOKEN_LEFT_PAREN;
    TRY(make(p, paren ? NODE_TUPLE : NODE_LIST, p->at++, &list));
    TRY(parse_items(p, list, paren ? TOKEN_RIGHT_PAREN : TOKEN_RIGHT_BRACKET, &commas));
    bool grouped = paren && !commas && list->first;
    *out = grouped ? list->first : list;
done:
    return rc;
}

static slab_status parse_atom(parser *p, node **out)
{
    slab_status rc = SLAB_OK;
    const token *t = p->at;
    switch (t->kind) {
    case TOKEN_NAME:
        p->at++;
        return make(p, NODE_NAME, t, out);
    case TOKEN_INTEGER:
    case TOKEN_REAL:
    case TOKEN_IMAGINARY:
    case TOKEN_STRING:
    case TOKEN_ELLIPSIS:
    case TOKEN_NONE:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        p->at++;
        TRY(make(p, NODE_CONSTANT, t, out));
        (*out)->integer = t->integer; /* and the real, which lies in the same place */
        break;
    case TOKEN_LEFT_PAREN:
    case TOKEN_LEFT_BRACKET:
        return parse_brackets(p, out);
    default:
        TRY(unexpected(p, "a value is expected"));
    }
done:
    return rc;
}

static slab_status parse_argument(parser *p, node *call)
{
    slab_status rc = SLAB_OK;
    node *value = NULL, *keyword = NULL;
    const token *name = p->at;
    bool named = name->kind == TOKEN_NAME && name[1].kind == TOKEN_ASSIGN;
    TRY(refuse_star(p));
    p->at += named ? 2 : 0;
    TRY(parse_choice(p, &value));
    if (named) {
        TRY(make_over(p, NODE_KEYWORD, name, value, NULL, &keyword));
        return adopt(call, keyword);
    }
    REQUIRE_AT(call->last->kind != NODE_KEYWORD, value->character, SLAB_ERR_USAGE,
               "an argument without a name after one with a name");
    TRY(adopt(call, value));
done:
    return rc;
}

static slab_status parse_call(parser *p, node **operand)
{
    slab_status rc = SLAB_OK;
    node *call = NULL;
    TRY(make_over(p, NODE_CALL, p->at++, *operand, NULL, &call));
    while (!accept(p, TOKEN_RIGHT_PAREN)) {
        TRY(parse_argument(p, call));
        if (p->at->kind != TOKEN_RIGHT_PAREN)
            TRY(expect(p, TOKEN_COMMA));
    }
    *operand = call;
done:
    return rc;
}

static bool ends_slice_part(token_kind kind)
{
    return kind == TOKEN_COLON || kind == TOKEN_COMMA || kind == TOKEN_RIGHT_BRACKET;
}

/* start:stop:step, each of which may be missing, or a plain expression. */
static slab_status parse_slice(parser *p, node **out)
{
    slab_status rc = SLAB_OK;
    node *slice = NULL, *part = NULL;
    const token *begin = p->at;
    TRY(refuse_star(p));
    for (int i = 0; i < 3; i++) {
        if (ends_slice_part(p->at->kind))
            TRY(make(p, NODE_ABSENT, p->at, &part));
        else
            TRY(parse_choice(p, &part));
        if (!slice && p->at->kind != TOKEN_COLON) {
            *out = part;
            return SLAB_OK;
        }
        if (!slice)
            TRY(make(p, NODE_SLICE, begin, &slice));
        TRY(adopt(slice, part));
        if (i < 2 && !accept(p, TOKEN_COLON)) {
            TRY(make(p, NODE_ABSENT, p->at, &part));
            TRY(adopt(slice, part));
            break;
        }
    }
    *out = slice;
done:
    return rc;
}

static slab_status parse_subscript(parser *p, node **operand)
{
    slab_status rc = SLAB_OK;
    node *subscript = NULL, *item = NULL, *items = NULL;
    TRY(make_over(p, NODE_SUBSCRIPT, p->at++, *operand, NULL, &subscript));
    if (p->at->kind == TOKEN_RIGHT_BRACKET)
        TRY(unexpected(p, "an index is expected"));
    TRY(parse_slice(p, &item));
    if (p->at->kind == TOKEN_COMMA) {
        TRY(make_over(p, NODE_TUPLE, p->at, item, NULL, &items));
        while (accept(p, TOKEN_COMMA) && p->at->kind != TOKEN_RIGHT_BRACKET) {
            TRY(parse_slice(p, &item));
            TRY(adopt(items, item));
        }
    }
    TRY(expect(p, TOKEN_RIGHT_BRACKET));
    TRY(adopt(subscript, items ? items : item));
    *operand = subscript;
done:
    return rc;
}

static slab_status parse_attribute(parser *p, node **operand)
{
    slab_status rc = SLAB_OK;
    p->at++;
    if (p->at->kind != TOKEN_NAME)
        TRY(unexpected(p, "a name is expected after '.'"));
    TRY(make_over(p, NODE_ATTRIBUTE, p->at++, *operand, NULL, operand));
done:
    return rc;
}

/* An atom with what follows it: (...), [...], .name */
static slab_status parse_primary(parser *p, node **out)
{
    slab_status rc = SLAB_OK;
    TRY(parse_atom(p, out));
    for (;;) {
        token_kind kind = p->at->kind;
        if (kind == TOKEN_LEFT_PAREN)
            TRY(parse_call(p, out));
        else if (kind == TOKEN_LEFT_BRACKET)
            TRY(parse_subscript(p, out));
        else if (kind == TOKEN_DOT)
            TRY(parse_attribute(p, out));
        else
            break;
    }
done:
    return rc;
}

/* ** binds more tightly than a sign at its left, less than one at its right: -x ** -y. */
static slab_status parse_power(parser *p, node **out)
{
    slab_status rc = SLAB_OK;
    TRY(parse_primary(p, out));
    if (p->at->kind == TOKEN_POWER) {
        const token *t = p->at++;
        node *right = NULL;
        TRY(parse_sign(p, &right));
        TRY(make_over(p, NODE_BINARY, t, *out, right, out));
    }
done:
    return rc;
}

static slab_status parse_sign(parser *p, node **out)
{
    slab_status rc = SLAB_OK;
    const token *t = p->at;
    TRY(enter(p));
    if (t->kind == TOKEN_PLUS || t->kind == TOKEN_MINUS || t->kind == TOKEN_TILDE) {
        p->at++;
        TRY(parse_sign(p, out));
        TRY(make_over(p, NODE_UNARY, t, *out, NULL, out));
    } else {
        TRY(parse_power(p, out));
    }
    p->depth--;
done:
    return rc;
}

/* The operator at p->at, with `not in` and `is not` as one; consumed. */
static slab_status take_comparison(parser *p, token *out)
{
    slab_status rc = SLAB_OK;
    *out = *p->at++;
    if (out->kind == TOKEN_NOT) {
        TRY(expect(p, TOKEN_IN));
        out->kind = TOKEN_NOT_IN;
    } else if (out->kind == TOKEN_IS && accept(p, TOKEN_NOT)) {
        out->kind = TOKEN_IS_NOT;
    }
done:
    return rc;
}

static slab_status parse_binary(parser *p, int least, node **out);

static slab_status parse_operation(parser *p, int level, node **left)
{
    slab_status rc = SLAB_OK;
    node *right = NULL, *part = NULL;
    token t = *p->at;
    if (level != BINDS_COMPARISON) {
        p->at++;
        TRY(parse_binary(p, level + 1, &right));
        return make_over(p, NODE_BINARY, &t, *left, right, left);
    }
    node *compare = NULL;
    TRY(make_over(p, NODE_COMPARE, &t, *left, NULL, &compare));
    while (binds(p->at->kind) == BINDS_COMPARISON) {
        TRY(take_comparison(p, &t));
        TRY(parse_binary(p, level + 1, &right));
        TRY(make_over(p, NODE_COMPARISON, &t, right, NULL, &part));
        TRY(adopt(compare, part));
    }
    *left = compare;
done:
    return rc;
}

/* Operators that bind at least as tightly as `least`. */
static slab_status parse_binary(parser *p, int least, node **out)
{
    slab_status rc = SLAB_OK;
    const token *t = p->at;
    TRY(enter(p));
    if (t->kind == TOKEN_NOT && least <= BINDS_NOT) {
        p->at++;
        TRY(parse_binary(p, BINDS_NOT, out));
        TRY(make_over(p, NODE_UNARY, t, *out, NULL, out));
    } else {
        TRY(parse_sign(p, out));
    }
    for (int level = binds(p->at->kind); level > 0 && level >= least; level = binds(p->at->kind))
        TRY(parse_operation(p, level, out));
    p->depth--;
done:
    return rc;
}

/* yes if condition else no */
static slab_status parse_choice(parser *p, node **out)
{
    slab_status rc = SLAB_OK;
    node *condition = NULL, *no = NULL;
    TRY(enter(p));
    TRY(parse_binary(p, BINDS_OR, out));
    const token *t = p->at;
    if (accept(p, TOKEN_IF)) {
        TRY(parse_binary(p, BINDS_OR, &condition));
        TRY(expect(p, TOKEN_ELSE));
        TRY(parse_choice(p, &no));
        TRY(make_over(p, NODE_CHOICE, t, *out, condition, out));
        TRY(adopt(*out, no));
    }
    p->depth--;
done:
    return rc;
}

/* An expression, or a tuple without brackets. */
static slab_status parse_whole(parser *p, node **out)
{
    slab_status rc = SLAB_OK;
    node *item = NULL;
    TRY(refuse_star(p));
    TRY(parse_choice(p, out));
    if (p->at->kind != TOKEN_COMMA)
        return SLAB_OK;
    TRY(make_over(p, NODE_TUPLE, p->at, *out, NULL, out));
    while (accept(p, TOKEN_COMMA) && p->at->kind != TOKEN_NEWLINE && p->at->kind != TOKEN_END &&
           p->at->kind != TOKEN_ASSIGN) {
        TRY(refuse_star(p));
        TRY(parse_choice(p, &item));
        TRY(adopt(*out, item));
    }
done:
    return rc;
}

static slab_status check_target(const node *target)
{
    slab_status rc = SLAB_OK;
    bool several = target->kind == NODE_TUPLE || target->kind == NODE_LIST;
    REQUIRE_AT(several || target->kind == NODE_NAME, target->character, SLAB_ERR_USAGE,
               "only a name, or names with commas between, can stand before '=' "
               "(comparing is written '==')");
    REQUIRE_AT(!several || target->first, target->character, SLAB_ERR_USAGE,
               "there is no name before '='");
    for (const node *n = target->first; several && n; n = n->next)
        TRY(check_target(n));
done:
    return rc;
}

static slab_status parse_statement(parser *p)
{
    slab_status rc = SLAB_OK;
    node *statement = NULL, *value = NULL;
    slab_expression *e = p->e;
    TRY(make(p, NODE_STATEMENT, p->at, &statement));
    do {
        TRY(parse_whole(p, &value));
        TRY(adopt(statement, value));
        if (p->at->kind == TOKEN_ASSIGN)
            TRY(check_target(value));
    } while (accept(p, TOKEN_ASSIGN));
    if (p->at->kind != TOKEN_END && !accept(p, TOKEN_NEWLINE))
        TRY(unexpected(p, ""));
    if (e->last)
        e->last->next = statement;
    else
        e->first = statement;
    e->last = statement;
done:
    return rc;
}

slab_status expression_parse_tokens(slab_expression *e)
{
    slab_status rc = SLAB_OK;
    parser p = {.e = e, .at = e->tokens.tokens};
    for (;;) {
        while (accept(&p, TOKEN_NEWLINE))
            continue;
        if (p.at->kind == TOKEN_END)
            break;
        TRY(parse_statement(&p));
    }
    REQUIRE_AT(e->first, p.at->character, SLAB_ERR_USAGE, "there is no expression");
done:
    return rc;
}
