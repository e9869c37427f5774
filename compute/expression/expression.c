/* An expression as a whole: parsing it, what it needs, where it went wrong. */
#include <slab/compute/expression/expression_impl.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local int failed_at;

int slab_expression_failed_at(void)
{
    return failed_at;
}

slab_status expression_fail(int character, slab_status code, const char *file, int line,
                            const char *format, ...)
{
    char message[SLAB_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    slab_error_set(code, file, line, "%s", message);
    return expression_fail_at(character, code);
}

slab_status expression_fail_at(int character, slab_status code)
{
    failed_at = character;
    return slab_error_prefix(code, "at character %d", character);
}

slab_status slab_expression_parse(const char *text, slab_expression **out)
{
    slab_status rc = SLAB_OK;
    slab_expression *e = NULL;
    *out = NULL;
    failed_at = 0;
    ALLOC(e, 1, "an expression");
    TRY(expression_lex(text, &e->tokens));
    e->room = 4 * e->tokens.n; /* x[:] makes the most: a slice and its three parts of one token */
    ALLOC(e->nodes, e->room, "an expression");
    TRY(expression_parse_tokens(e));
    TRY(expression_find_symbols(e));
    *out = e;
    e = NULL;
done:
    slab_expression_destroy(&e);
    return rc;
}

void slab_expression_destroy(slab_expression **e)
{
    slab_expression *x = e ? *e : NULL;
    if (!x)
        return;
    token_list_clear(&x->tokens);
    FREE(x->nodes);
    FREE(x->symbols);
    FREE(*e);
}

static bool is_input(const symbol *s)
{
    return s->free && !expression_is_known(s->name);
}

int slab_expression_inputs(const slab_expression *e)
{
    int n = 0;
    for (int i = 0; i < e->nsymbols; i++)
        n += is_input(&e->symbols[i]);
    return n;
}

const char *slab_expression_input(const slab_expression *e, int i)
{
    for (int s = 0; s < e->nsymbols; s++)
        if (is_input(&e->symbols[s]) && i-- == 0)
            return e->symbols[s].name;
    return NULL;
}

bool slab_expression_uses(const slab_expression *e, const char *name)
{
    for (int i = 0; i < e->nsymbols; i++)
        if (e->symbols[i].free && strcmp(e->symbols[i].name, name) == 0)
            return true;
    return false;
}

char *slab_expression_point(const char *text, int character, char *out, size_t size)
{
    const char *at = text, *line = text;
    int column = 0;
    for (int n = 1; n < character && *at; n++) {
        bool newline = *at++ == '\n';
        while (((unsigned char)*at & 0xC0) == 0x80)
            at++;
        line = newline ? at : line;
        column = newline ? 0 : column + 1;
    }
    snprintf(out, size, "%.*s\n%*s", (int)strcspn(line, "\n"), line, column + 1, "^");
    return out;
}
