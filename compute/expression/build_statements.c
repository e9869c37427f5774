/* Statements: names are bound, one statement after the other is built, results are handed out. */
#include <slab/compute/expression/build_impl.h>

#include <string.h>

/* A result until it is known that no later statement replaces it. */
typedef struct one_result {
    int name; /* the symbol's number; -1: without a name */
    int character;
    slab_datum datum; /* of a result without a name; others are what the symbol means at the end */
} one_result;

typedef struct results {
    one_result *result;
    int n, room;
} results;

static slab_status add_result(results *all, int name, int character, slab_datum *datum)
{
    slab_status rc = SLAB_OK;
    if (all->n == all->room) {
        int room = all->room > 0 ? 2 * all->room : 8;
        TRY(slab_memory_resize((void **)&all->result, (size_t)room, sizeof *all->result,
                               "the results of an expression"));
        all->room = room;
    }
    one_result *r = &all->result[all->n++];
    *r = (one_result){.name = name, .character = character};
    if (datum) {
        r->datum = *datum;
        *datum = (slab_datum){0};
    }
done:
    return rc;
}

/* The parts of what is assigned to several names: of a tuple, or along an array's first axis. */
static slab_status part_of(const slab_datum *datum, int i, int n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    bool sequence = datum->kind == SLAB_DATUM_TUPLE || datum->kind == SLAB_DATUM_LIST;
    int64_t length = datum->n;
    REQUIRE(sequence || datum->kind == SLAB_DATUM_VALUE, SLAB_ERR_TYPE, "one thing for %d names",
            n);
    if (!sequence) {
        const slab_shape *shape = slab_value_shape(datum->value);
        REQUIRE(shape->rank > 0, SLAB_ERR_TYPE, "one number for %d names", n);
        length = shape->extent[0];
    }
    REQUIRE(length == n, SLAB_ERR_VALUE, "%lld values for %d names", (long long)length, n);
    if (sequence)
        return slab_datum_copy(&datum->items[i], out);
    slab_index index = {.kind = SLAB_INDEX_INTEGER, .start = i};
    TRY(build_give(slab_value_index(datum->value, &index, 1), datum->known, out));
done:
    return rc;
}

static slab_status assign(builder *b, const node *target, const slab_datum *datum, results *all)
{
    slab_status rc = SLAB_OK;
    slab_datum part = {0};
    int n = 0, i = 0;
    if (target->kind == NODE_NAME) {
        TRY(slab_datum_copy(datum, &part));
        slab_datum_clear(&b->meaning[target->symbol]);
        b->meaning[target->symbol] = part;
        b->has_meaning[target->symbol] = true;
        part = (slab_datum){0};
        TRY(add_result(all, target->symbol, target->character, NULL));
    }
    for (const node *t = target->first; t; t = t->next)
        n++;
    for (const node *t = target->first; t; t = t->next) {
        TRY_AT(target->character, part_of(datum, i++, n, &part));
        TRY(assign(b, t, &part, all));
        slab_datum_clear(&part);
    }
done:
    slab_datum_clear(&part);
    return rc;
}

static slab_status build_statement(builder *b, const node *statement, results *all)
{
    slab_status rc = SLAB_OK;
    slab_datum datum = {0};
    TRY(build_node(b, statement->last, &datum));
    if (statement->first == statement->last)
        TRY(add_result(all, -1, statement->last->character, &datum));
    for (const node *t = statement->first; t != statement->last; t = t->next)
        TRY(assign(b, t, &datum, all));
done:
    slab_datum_clear(&datum);
    return rc;
}

static slab_status bind_names(builder *b, const char *const *names, slab_value *const *values,
                              int n)
{
    slab_status rc = SLAB_OK;
    const slab_expression *e = b->e;
    for (int i = 0; i < n; i++) {
        REQUIRE(slab_expression_uses(e, names[i]), SLAB_ERR_USAGE,
                "the expression has no name '%s'", names[i]);
        TRY_SAYING(slab_value_status(values[i]), "%s", names[i]);
        for (int s = 0; s < e->nsymbols; s++) {
            if (strcmp(e->symbols[s].name, names[i]) != 0)
                continue;
            REQUIRE(!b->has_meaning[s], SLAB_ERR_USAGE, "'%s' is given twice", names[i]);
            b->meaning[s] =
                (slab_datum){.kind = SLAB_DATUM_VALUE, .value = slab_value_keep(values[i])};
            b->has_meaning[s] = true;
        }
    }
done:
    return rc;
}

static slab_status check_inputs(const builder *b)
{
    slab_status rc = SLAB_OK;
    const slab_expression *e = b->e;
    for (int s = 0; s < e->nsymbols; s++)
        REQUIRE(b->has_meaning[s] || !e->symbols[s].free || expression_is_known(e->symbols[s].name),
                SLAB_ERR_USAGE, "'%s' is not defined: give it as %s=FILE:/PATH", e->symbols[s].name,
                e->symbols[s].name);
done:
    return rc;
}

static bool is_replaced(const results *all, int i)
{
    for (int later = i + 1; all->result[i].name >= 0 && later < all->n; later++)
        if (all->result[later].name == all->result[i].name)
            return true;
    return false;
}

static slab_status hand_out(const slab_datum *datum, const char *name, int part,
                            slab_expression_outputs *out)
{
    slab_status rc = SLAB_OK;
    slab_expression_output *o = &out->output[out->n];
    TRY(slab_datum_to_array(datum, &o->value));
    o->name = name;
    o->part = part;
    out->n++;
done:
    return rc;
}

/* A tuple of numbers is one array, as NumPy would make it; one with arrays in it is several. */
static bool has_parts(const slab_datum *datum)
{
    if (datum->kind != SLAB_DATUM_TUPLE)
        return false;
    for (int i = 0; i < datum->n; i++) {
        const slab_datum *item = &datum->items[i];
        if (item->kind == SLAB_DATUM_VALUE &&
            (!item->known || slab_value_shape(item->value)->rank > 0))
            return true;
    }
    return false;
}

/* A name for a type, a string or None serves later statements and is no result. */
static bool is_result(const results *all, int i, const slab_datum *datum)
{
    bool array = datum->kind == SLAB_DATUM_VALUE || datum->kind == SLAB_DATUM_TUPLE ||
                 datum->kind == SLAB_DATUM_LIST;
    return (array || all->result[i].name < 0) && !is_replaced(all, i);
}

static slab_status hand_out_all(const builder *b, const results *all, slab_expression_outputs *out)
{
    slab_status rc = SLAB_OK;
    int room = 0;
    for (int i = 0; i < all->n; i++) {
        const one_result *r = &all->result[i];
        const slab_datum *datum = r->name < 0 ? &r->datum : &b->meaning[r->name];
        room += !is_result(all, i, datum) ? 0 : has_parts(datum) ? datum->n : 1;
    }
    REQUIRE(room > 0, SLAB_ERR_USAGE, "the expression has no array as its result");
    ALLOC(out->output, room, "the results of an expression");
    for (int i = 0; i < all->n; i++) {
        const one_result *r = &all->result[i];
        const slab_datum *datum = r->name < 0 ? &r->datum : &b->meaning[r->name];
        const char *name = r->name < 0 ? "" : b->e->symbols[r->name].name;
        if (!is_result(all, i, datum))
            continue;
        if (!has_parts(datum))
            TRY_AT(r->character, hand_out(datum, name, -1, out));
        for (int k = 0; has_parts(datum) && k < datum->n; k++)
            TRY_AT(r->character, hand_out(&datum->items[k], name, k, out));
    }
done:
    return rc;
}

slab_status slab_expression_build(slab_expression *e, const char *const *names,
                                  slab_value *const *values, int n,
                                  const slab_expression_options *options,
                                  slab_expression_outputs *out)
{
    slab_status rc = SLAB_OK;
    builder b = {.e = e};
    results all = {0};
    *out = (slab_expression_outputs){0};
    if (options)
        b.context.options = *options;
    ALLOC(b.meaning, e->nsymbols, "the names of an expression");
    ALLOC(b.has_meaning, e->nsymbols, "the names of an expression");
    TRY(bind_names(&b, names, values, n));
    TRY(check_inputs(&b));
    for (const node *s = e->first; s; s = s->next)
        TRY(build_statement(&b, s, &all));
    TRY(hand_out_all(&b, &all, out));
done:
    for (int s = 0; b.meaning && s < e->nsymbols; s++)
        slab_datum_clear(&b.meaning[s]);
    for (int i = 0; i < all.n; i++)
        slab_datum_clear(&all.result[i].datum);
    FREE(all.result);
    FREE(b.meaning);
    FREE(b.has_meaning);
    if (rc != SLAB_OK)
        slab_expression_outputs_clear(out);
    return rc;
}

void slab_expression_outputs_clear(slab_expression_outputs *outputs)
{
    for (int i = 0; i < outputs->n; i++)
        slab_value_drop(&outputs->output[i].value);
    FREE(outputs->output);
    outputs->n = 0;
}
