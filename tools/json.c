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
        /* jansson's integers are signed: the upper half of uint64 becomes a real. */
        slab_dtype_print(native, element, text, sizeof text);
        if (strtoull(text, NULL, 10) > INT64_MAX)
            return json_real(strtod(text, NULL));
        return json_integer(strtoll(text, NULL, 10));
    case SLAB_KIND_FLOAT:
        return slab_json_real(slab_dtype_get_double(native, element));
    case SLAB_KIND_COMPLEX:
        return complex_element(native, element);
    default:
        return json_null();
    }
}

/* Lists of texts are quoted, and mostly JSON as they are. */
static json_t *texts_json(const slab_attribute *a)
{
    json_t *list = a->shape.rank > 0 ? json_loads(a->text, 0, NULL) : NULL;
    return list ? list : slab_json_text(a->text);
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

void slab_print_json(slab_call *call, json_t *value)
{
    if (slab_ranks_me(slab_call_ranks(call)) == 0) {
        json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY);
        putc('\n', stdout);
    }
    json_decref(value);
}
