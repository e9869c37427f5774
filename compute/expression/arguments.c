/* Binding what a call gives to what a function takes, as Python binds it. */
#include <slab/compute/expression/expression_impl.h>
#include <slab/compute/expression/function_impl.h>

#include <slab/compute/computation/computation.h>
#include <string.h>

enum { PARAMETERS_MAX = 24 };

typedef enum parameter_kind {
    KIND_ARRAY,
    KIND_INT,
    KIND_REAL,
    KIND_BOOL,
    KIND_STRING,
    KIND_DTYPE,
    KIND_AXES,
    KIND_SHAPE,
    KIND_ANY,
    KIND_NO
} parameter_kind;

static const struct {
    const char *name, *what;
} kinds[] = {
    [KIND_ARRAY] = {"array", "an array"},
    [KIND_INT] = {"int", "an integer"},
    [KIND_REAL] = {"real", "a number"},
    [KIND_BOOL] = {"bool", "True or False"},
    [KIND_STRING] = {"string", "a string"},
    [KIND_DTYPE] = {"dtype", "a type such as float32 or 'f4'"},
    [KIND_AXES] = {"axes", "an integer or a tuple of integers"},
    [KIND_SHAPE] = {"shape", "an integer or a tuple of integers, none negative"},
    [KIND_ANY] = {"any", "a value"},
    [KIND_NO] = {"no", "its default"},
};

typedef struct parameter {
    const char *name;
    parameter_kind kind;
    bool by_position, by_name, rest, required;
    slab_datum otherwise; /* the default */
} parameter;

static slab_status parse_default(const token **at, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    bool minus = (*at)->kind == TOKEN_MINUS;
    *at += minus;
    const token *t = (*at)++;
    switch (t->kind) {
    case TOKEN_NONE:
        break;
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        *out = (slab_datum){.kind = SLAB_DATUM_BOOL, .boolean = t->kind == TOKEN_TRUE};
        break;
    case TOKEN_INTEGER:
        *out = (slab_datum){.kind = SLAB_DATUM_INT, .integer = (int64_t)t->integer};
        out->integer = minus ? -out->integer : out->integer;
        break;
    case TOKEN_REAL:
        *out = (slab_datum){.kind = SLAB_DATUM_REAL, .real = minus ? -t->real : t->real};
        break;
    case TOKEN_STRING:
        *out = (slab_datum){.kind = SLAB_DATUM_STRING, .string = t->text};
        break;
    default:
        out->kind = SLAB_DATUM_DTYPE;
        REQUIRE(t->kind == TOKEN_NAME && expression_dtype_by_name(t->text, &out->dtype),
                SLAB_ERR_INTERNAL, "a default that is no constant");
    }
done:
    return rc;
}

static slab_status parse_parameter(const token **at, bool by_position, parameter *out)
{
    slab_status rc = SLAB_OK;
    const token *t = *at;
    out->rest = t->kind == TOKEN_STAR;
    t += out->rest;
    bool named = t[0].kind == TOKEN_NAME && t[1].kind == TOKEN_COLON && t[2].kind == TOKEN_NAME;
    REQUIRE(named, SLAB_ERR_INTERNAL, "a parameter that is not 'name: kind'");
    out->name = t->text;
    out->by_position = by_position && !out->rest;
    out->by_name = !out->rest;
    size_t k = 0;
    while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k].name, t[2].text) != 0)
        k++;
    REQUIRE(k < sizeof kinds / sizeof *kinds, SLAB_ERR_INTERNAL, "no kind '%s'", t[2].text);
    out->kind = (parameter_kind)k;
    *at = t + 3;
    out->required = (*at)->kind != TOKEN_ASSIGN && !out->rest;
    if ((*at)->kind == TOKEN_ASSIGN) {
        ++*at;
        TRY(parse_default(at, &out->otherwise));
    }
done:
    return rc;
}

/* The signature's text to parameters; names and strings live in call->words. */
static slab_status parse_parameters(slab_bound *call)
{
    slab_status rc = SLAB_OK;
    bool by_position = true;
    ALLOC(call->words, 1, "a signature");
    ALLOC(call->parameters, PARAMETERS_MAX, "a signature");
    TRY(expression_lex(call->function->parameters, call->words));
    const token *at = call->words->tokens;
    while (at->kind != TOKEN_END) {
        if (at->kind == TOKEN_SLASH) {
            for (int i = 0; i < call->n; i++)
                call->parameters[i].by_name = false;
            at++;
        } else if (at->kind == TOKEN_STAR && at[1].kind != TOKEN_NAME) {
            by_position = false;
            at++;
        } else {
            REQUIRE(call->n < PARAMETERS_MAX, SLAB_ERR_INTERNAL, "too many parameters");
            TRY(parse_parameter(&at, by_position, &call->parameters[call->n++]));
        }
        at += at->kind == TOKEN_COMMA;
    }
    ALLOC(call->arguments, call->n, "arguments");
done:
    return rc;
}

static slab_status to_integers(const slab_datum *datum, bool negatives, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    bool several = datum->kind == SLAB_DATUM_TUPLE || datum->kind == SLAB_DATUM_LIST;
    int n = several ? datum->n : 1;
    slab_datum list = {.kind = SLAB_DATUM_TUPLE};
    REQUIRE(n <= SLAB_RANK_MAX, SLAB_ERR_SHAPE, "more than %d axes", SLAB_RANK_MAX);
    ALLOC(list.items, n, "a list");
    list.n = n;
    for (int i = 0; i < n; i++) {
        list.items[i].kind = SLAB_DATUM_INT;
        TRY(slab_datum_to_int(several ? &datum->items[i] : datum, &list.items[i].integer));
        REQUIRE(negatives || list.items[i].integer >= 0, SLAB_ERR_RANGE, "a negative extent");
    }
    *out = list;
    list = (slab_datum){0};
done:
    slab_datum_clear(&list);
    return rc;
}

static slab_status to_dtype(const slab_datum *datum, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    out->kind = SLAB_DATUM_DTYPE;
    if (datum->kind == SLAB_DATUM_STRING) {
        if (!expression_dtype_by_name(datum->string, &out->dtype))
            TRY(slab_dtype_parse(datum->string, &out->dtype));
        out->dtype = slab_dtype_native(out->dtype);
        REQUIRE(slab_dtype_is_number(out->dtype), SLAB_ERR_TYPE, "'%s' is not a type of numbers",
                datum->string);
    } else {
        REQUIRE(datum->kind == SLAB_DATUM_DTYPE, SLAB_ERR_TYPE, "not a type");
        out->dtype = datum->dtype;
    }
done:
    return rc;
}

static slab_status convert(parameter_kind kind, slab_datum *datum, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum made = {0};
    switch (kind) {
    case KIND_ARRAY:
        TRY(slab_datum_to_value(datum, &made.value));
        made.kind = SLAB_DATUM_VALUE;
        made.known = datum->kind != SLAB_DATUM_VALUE || datum->known;
        break;
    case KIND_INT:
        made.kind = SLAB_DATUM_INT;
        TRY(slab_datum_to_int(datum, &made.integer));
        break;
    case KIND_REAL:
        made.kind = SLAB_DATUM_REAL;
        TRY(slab_datum_to_real(datum, &made.real));
        break;
    case KIND_BOOL:
        made.kind = SLAB_DATUM_BOOL;
        TRY(slab_datum_to_bool(datum, &made.boolean));
        break;
    case KIND_STRING:
        REQUIRE(datum->kind == SLAB_DATUM_STRING, SLAB_ERR_TYPE, "not a string");
        TRY(slab_datum_copy(datum, &made));
        break;
    case KIND_DTYPE:
        TRY(to_dtype(datum, &made));
        break;
    case KIND_AXES:
    case KIND_SHAPE:
        TRY(to_integers(datum, kind == KIND_AXES, &made));
        break;
    default:
        TRY(slab_datum_copy(datum, &made));
    }
    made.character = datum->character;
    *out = made;
done:
    return rc;
}

/* What stands for a parameter that NumPy has and slab has not: its default alone. */
static bool is_default(const slab_datum *datum, const slab_datum *otherwise)
{
    bool truth, wanted = otherwise->kind == SLAB_DATUM_BOOL && otherwise->boolean;
    switch (otherwise->kind) {
    case SLAB_DATUM_NONE:
        return datum->kind == SLAB_DATUM_NONE;
    case SLAB_DATUM_STRING:
        return datum->kind == SLAB_DATUM_STRING && strcmp(datum->string, otherwise->string) == 0;
    case SLAB_DATUM_BOOL:
        return datum->kind == SLAB_DATUM_VALUE && slab_datum_to_bool(datum, &truth) == SLAB_OK &&
               truth == wanted;
    default:
        return false;
    }
}

static slab_status bind_one(slab_bound *call, int i, given_argument *given)
{
    slab_status rc = SLAB_OK;
    const parameter *p = &call->parameters[i];
    slab_datum *datum = &given->datum;
    const char *function = call->function->name;
    if (p->kind == KIND_NO) {
        REQUIRE_AT(is_default(datum, &p->otherwise), given->character, SLAB_ERR_UNSUPPORTED,
                   "%s() has no %s= here, though NumPy's has", function, p->name);
        return SLAB_OK;
    }
    if (datum->kind == SLAB_DATUM_NONE && !p->required && p->otherwise.kind == SLAB_DATUM_NONE)
        return SLAB_OK;
    rc = convert(p->kind, datum, &call->arguments[i]);
    if (rc != SLAB_OK) {
        rc = slab_error_prefix(rc, "%s(): %s is %s", function, p->name, kinds[p->kind].what);
        return expression_fail_at(given->character, rc);
    }
    if (call->arguments[i].kind == SLAB_DATUM_VALUE)
        call->known &= call->arguments[i].known;
done:
    return rc;
}

/* -1: there is none. */
static int find_parameter(const slab_bound *call, const char *name)
{
    for (int i = 0; i < call->n; i++)
        if (call->parameters[i].by_name && strcmp(call->parameters[i].name, name) == 0)
            return i;
    return -1;
}

/* What is left by position goes to the parameter `*name`, as a tuple. */
static slab_status bind_rest(slab_bound *call, int i, given_argument *given, int n)
{
    slab_status rc = SLAB_OK;
    slab_datum *rest = &call->arguments[i];
    rest->kind = SLAB_DATUM_TUPLE;
    ALLOC(rest->items, n, "arguments");
    for (; rest->n < n; rest->n++)
        TRY_AT(given[rest->n].character,
               convert(call->parameters[i].kind, &given[rest->n].datum, &rest->items[rest->n]));
done:
    return rc;
}

static slab_status bind_positions(slab_bound *call, given_argument *given, int n, bool *bound,
                                  int *used)
{
    slab_status rc = SLAB_OK;
    int positions = 0;
    while (positions < n && !given[positions].name)
        positions++;
    *used = positions;
    for (int i = 0, g = 0; g < positions; i++, g++) {
        bool rest = i < call->n && call->parameters[i].rest;
        REQUIRE_AT(i < call->n && (rest || call->parameters[i].by_position), given[g].character,
                   SLAB_ERR_USAGE, "%s() takes %d argument%s by position, not %d",
                   call->function->name, i, i == 1 ? "" : "s", positions);
        bound[i] = true;
        if (rest)
            return bind_rest(call, i, given + g, positions - g);
        TRY(bind_one(call, i, &given[g]));
    }
done:
    return rc;
}

static slab_status bind_names(slab_bound *call, given_argument *given, int n, bool *bound)
{
    slab_status rc = SLAB_OK;
    for (int g = 0; g < n; g++) {
        int i = find_parameter(call, given[g].name);
        REQUIRE_AT(i >= 0, given[g].character, SLAB_ERR_USAGE, "%s() has no argument '%s'",
                   call->function->name, given[g].name);
        REQUIRE_AT(!bound[i], given[g].character, SLAB_ERR_USAGE,
                   "%s() is given the argument '%s' twice", call->function->name, given[g].name);
        bound[i] = true;
        TRY(bind_one(call, i, &given[g]));
    }
done:
    return rc;
}

slab_status call_bind(slab_bound *call, given_argument *given, int n, int at)
{
    slab_status rc = SLAB_OK;
    bool bound[PARAMETERS_MAX] = {false};
    int used = 0;
    call->known = true;
    TRY(parse_parameters(call));
    TRY(bind_positions(call, given, n, bound, &used));
    TRY(bind_names(call, given + used, n - used, bound));
    for (int i = 0; i < call->n; i++) {
        REQUIRE_AT(bound[i] || !call->parameters[i].required, at, SLAB_ERR_USAGE,
                   "%s() misses its argument '%s'", call->function->name, call->parameters[i].name);
        if (!bound[i] && call->parameters[i].rest)
            call->arguments[i].kind = SLAB_DATUM_TUPLE;
        else if (!bound[i])
            call->arguments[i] = call->parameters[i].otherwise;
        if (call->arguments[i].kind == SLAB_DATUM_INT && call->parameters[i].kind == KIND_REAL)
            call->arguments[i] =
                (slab_datum){.kind = SLAB_DATUM_REAL, .real = (double)call->arguments[i].integer};
    }
done:
    return rc;
}

void call_clear(slab_bound *call)
{
    for (int i = 0; call->arguments && i < call->n; i++)
        slab_datum_clear(&call->arguments[i]);
    FREE(call->arguments);
    FREE(call->parameters);
    if (call->words)
        token_list_clear(call->words);
    FREE(call->words);
    call->n = 0;
}

const slab_datum *slab_bound_argument(const slab_bound *call, const char *name)
{
    static const slab_datum none;
    for (int i = 0; i < call->n; i++)
        if (strcmp(call->parameters[i].name, name) == 0)
            return &call->arguments[i];
    return &none;
}

bool slab_bound_given(const slab_bound *call, const char *name)
{
    return slab_bound_argument(call, name)->kind != SLAB_DATUM_NONE;
}

slab_value *slab_bound_value(const slab_bound *call, const char *name)
{
    const slab_datum *datum = slab_bound_argument(call, name);
    return datum->kind == SLAB_DATUM_VALUE ? datum->value : NULL;
}

int64_t slab_bound_int(const slab_bound *call, const char *name)
{
    const slab_datum *datum = slab_bound_argument(call, name);
    return datum->kind == SLAB_DATUM_INT ? datum->integer : 0;
}

double slab_bound_real(const slab_bound *call, const char *name)
{
    const slab_datum *datum = slab_bound_argument(call, name);
    return datum->kind == SLAB_DATUM_REAL ? datum->real : 0;
}

bool slab_bound_bool(const slab_bound *call, const char *name)
{
    const slab_datum *datum = slab_bound_argument(call, name);
    return datum->kind == SLAB_DATUM_BOOL && datum->boolean;
}

const char *slab_bound_string(const slab_bound *call, const char *name)
{
    const slab_datum *datum = slab_bound_argument(call, name);
    return datum->kind == SLAB_DATUM_STRING ? datum->string : NULL;
}

slab_dtype slab_bound_dtype(const slab_bound *call, const char *name, slab_dtype otherwise)
{
    const slab_datum *datum = slab_bound_argument(call, name);
    return datum->kind == SLAB_DATUM_DTYPE ? datum->dtype : otherwise;
}

slab_status slab_bound_shape(const slab_bound *call, const char *name, slab_shape *out)
{
    slab_status rc = SLAB_OK;
    int64_t elements;
    const slab_datum *datum = slab_bound_argument(call, name);
    *out = (slab_shape){.rank = 0};
    if (datum->kind == SLAB_DATUM_NONE)
        return SLAB_OK;
    out->rank = datum->n;
    for (int i = 0; i < datum->n; i++)
        out->extent[i] = datum->items[i].integer;
    TRY(slab_shape_elements(out, &elements));
done:
    return rc;
}

static slab_status normalize_axis(int64_t axis, int rank, int *out)
{
    slab_status rc = SLAB_OK;
    REQUIRE(axis >= -rank && axis < rank, SLAB_ERR_RANGE,
            "axis %lld is outside an array of %d axes", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
done:
    return rc;
}

slab_status slab_bound_axes(const slab_bound *call, const char *name, int rank,
                            int axes[SLAB_RANK_MAX], int *n)
{
    slab_status rc = SLAB_OK;
    const slab_datum *datum = slab_bound_argument(call, name);
    uint32_t seen = 0;
    *n = 0;
    if (datum->kind == SLAB_DATUM_NONE)
        for (; *n < rank; ++*n)
            axes[*n] = *n;
    if (datum->kind != SLAB_DATUM_TUPLE)
        return SLAB_OK;
    for (; *n < datum->n; ++*n) {
        TRY(normalize_axis(datum->items[*n].integer, rank, &axes[*n]));
        REQUIRE(!(seen >> axes[*n] & 1), SLAB_ERR_VALUE, "axis %d stands twice", axes[*n]);
        seen |= 1u << axes[*n];
    }
done:
    return rc;
}

slab_status slab_bound_axis(const slab_bound *call, const char *name, int rank, int *out)
{
    return normalize_axis(slab_bound_int(call, name), rank, out);
}

const void *slab_bound_detail(const slab_bound *call)
{
    return call->function->detail;
}

uint64_t slab_bound_seed(const slab_bound *call)
{
    if (slab_bound_given(call, "seed"))
        return (uint64_t)slab_bound_int(call, "seed");
    /* Far apart, so that streams of neighbouring seeds of the whole do not meet. */
    uint64_t draw = (uint64_t)++call->context->draws;
    return call->context->options.seed ^ (draw * 0x9E3779B97F4A7C15u);
}

/* True when elements come from a pass: they are not there while an expression is built, even if
 * nothing is read for them. */
static slab_status is_deferred(slab_value *value, bool *out)
{
    slab_status rc = SLAB_OK;
    slab_value **sources = NULL;
    int n = 0;
    *out = false;
    TRY(slab_value_sources(&value, 1, &sources, &n));
    for (int i = 0; i < n && !*out; i++)
        *out = slab_computation_of(sources[i]) != NULL;
done:
    FREE(sources);
    return rc;
}

slab_status slab_bound_give(slab_bound *call, slab_value *value, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    bool deferred = false;
    TRY(slab_value_status(value));
    if (call->known)
        TRY(is_deferred(value, &deferred));
    *out =
        (slab_datum){.kind = SLAB_DATUM_VALUE, .value = value, .known = call->known && !deferred};
    value = NULL;
done:
    slab_value_drop(&value);
    return rc;
}

slab_status slab_bound_give_tuple(slab_bound *call, slab_value *const *values, int n,
                                  slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum tuple = {.kind = SLAB_DATUM_TUPLE};
    int given = 0;
    ALLOC(tuple.items, n, "a tuple");
    while (given < n) {
        TRY(slab_bound_give(call, values[given++], &tuple.items[tuple.n]));
        tuple.n++;
    }
    *out = tuple;
    tuple = (slab_datum){0};
done:
    for (; given < n; given++) {
        slab_value *value = values[given];
        slab_value_drop(&value);
    }
    slab_datum_clear(&tuple);
    return rc;
}
