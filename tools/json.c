#include <slab/tools/json.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *slab_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *slab_json_text(const char *text)
{
    json_t *out = json_string(text);
    if (out)
        return out;
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    out = copy ? json_string(copy) : NULL;
    free(copy);
    return out ? out : json_null();
}

void slab_json_set_named(json_t *object, const char *name, json_t *value)
{
    json_t *key = slab_json_text(name);
    const char *text = json_is_string(key) ? json_string_value(key) : "?";
    size_t room = strlen(text) + 24;
    char *unique = malloc(room);
    if (unique) {
        snprintf(unique, room, "%s", text);
        for (int n = 2; json_object_get(object, unique); n++)
            snprintf(unique, room, "%s (%d)", text, n);
        json_object_set_new(object, unique, value);
    } else {
        json_decref(value);
    }
    free(unique);
    json_decref(key);
}

json_t *slab_json_shape(const slab_shape *shape)
{
    json_t *out = json_array();
    for (int i = 0; i < shape->rank; i++)
        json_array_append_new(
            out, shape->extent[i] == SLAB_UNLIMITED ? json_null() : json_integer(shape->extent[i]));
    return out;
}

static json_t *complex_element(slab_dtype native, const char *element)
{
    slab_dtype half = slab_dtype_make(SLAB_KIND_FLOAT, native.size / 2);
    json_t *out = json_array();
    json_array_append_new(out, slab_json_real(slab_dtype_get_double(half, element)));
    json_array_append_new(out, slab_json_real(slab_dtype_get_double(half, element + half.size)));
    return out;
}

json_t *slab_json_element(slab_dtype native, const void *element)
{
    char text[64];
    switch (native.kind) {
    case SLAB_KIND_BOOL:
        return json_boolean(*(const char *)element != 0);
    case SLAB_KIND_INT:
        slab_dtype_print(native, element, text, sizeof text);
        return json_integer(strtoll(text, NULL, 10));
    case SLAB_KIND_UINT:
        text[0] = '\0'; /* print_exact() */
        slab_dtype_print(native, element, text + 1, sizeof text - 1);
        if (strtoull(text + 1, NULL, 10) > INT64_MAX)
            return json_stringn(text, 1 + strlen(text + 1));
        return json_integer(strtoll(text + 1, NULL, 10));
    case SLAB_KIND_FLOAT:
        return slab_json_real(slab_dtype_get_double(native, element));
    case SLAB_KIND_COMPLEX:
        return complex_element(native, element);
    default:
        return json_null();
    }
}

/* Lists of texts are JSON as they are, where they are UTF-8 and not cut short. */
static json_t *texts_json(const slab_attribute *a)
{
    json_t *text = slab_json_text(a->text), *list = NULL;
    if (a->shape.rank > 0 && json_is_string(text))
        list = json_loads(json_string_value(text), 0, NULL);
    if (!list)
        return text;
    json_decref(text);
    return list;
}

json_t *slab_json_attribute(const slab_attribute *a)
{
    int64_t n = 0;
    if (!a->data || slab_shape_elements(&a->shape, &n) != SLAB_OK)
        return texts_json(a);
    if (a->shape.rank == 0)
        return slab_json_element(a->dtype, a->data);
    json_t *out = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(
            out, slab_json_element(a->dtype, (const char *)a->data + (size_t)i * a->dtype.size));
    return out;
}

/* jansson's integers are signed. Those above are texts that begin with NUL, which no other text
 * holds: on their way out they lose it and their quotes. */
typedef struct exact {
    size_t matched; /* bytes of the mark that were met */
    bool inside;    /* behind it, up to the next quote */
} exact;

static int print_exact(const char *bytes, size_t n, void *context)
{
    static const char mark[] = "\"\\u0000";
    exact *e = context;
    for (size_t i = 0; i < n; i++) {
        if (e->inside) {
            e->inside = bytes[i] != '"';
            if (e->inside)
                putc_unlocked(bytes[i], stdout);
            continue;
        }
        if (bytes[i] != mark[e->matched]) {
            fwrite_unlocked(mark, 1, e->matched, stdout);
            e->matched = 0;
        }
        if (bytes[i] != mark[e->matched])
            putc_unlocked(bytes[i], stdout);
        else if (++e->matched == sizeof mark - 1)
            *e = (exact){.inside = true};
    }
    return 0;
}

void slab_print_json(slab_call *call, json_t *value)
{
    if (slab_ranks_me(slab_call_ranks(call)) == 0) {
        exact state = {0};
        json_dump_callback(value, print_exact, &state,
                           JSON_INDENT(2) | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY);
        fwrite("\"", 1, state.matched, stdout); /* the last byte, if it was a quote */
        putc('\n', stdout);
    }
    json_decref(value);
}
