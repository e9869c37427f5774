/* What tests of expressions share: inputs, building a text, and looking at what comes out. */
#ifndef SLAB_TESTS_UNIT_COMPUTE_EXPRESSIONS_H
#define SLAB_TESTS_UNIT_COMPUTE_EXPRESSIONS_H

#include <check.h>
#include <slab/compute/expression/expression.h>
#include <slab/compute/expression/function.h>
#include <slab/storage/base/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DTYPE(kind, size) slab_dtype_make(SLAB_KIND_##kind, size)

typedef struct built {
    slab_expression *expression;
    slab_expression_outputs outputs;
} built;

/* x: f64 [2, 3], i: int32 [3], u: uint8 [3], b: bool [2, 3] */
enum { INPUTS = 4 };
static const char *const input_names[INPUTS] = {"x", "i", "u", "b"};

static inline void make_inputs(slab_value *values[INPUTS])
{
    static const double x[] = {0.5, -1.5, 2, 3, 0.25, -4};
    static const int32_t i[] = {7, -2, 3};
    static const uint8_t u[] = {0, 200, 255}, b[] = {1, 0, 0, 1, 1, 0};
    slab_shape two_three = {2, {2, 3}}, three = {1, {3}};
    values[0] = slab_value_from(DTYPE(FLOAT, 8), &two_three, x);
    values[1] = slab_value_from(DTYPE(INT, 4), &three, i);
    values[2] = slab_value_from(DTYPE(UINT, 1), &three, u);
    values[3] = slab_value_from(DTYPE(BOOL, 1), &two_three, b);
}

static inline void clear(built *it)
{
    slab_expression_outputs_clear(&it->outputs);
    slab_expression_destroy(&it->expression);
}

/* Parses and builds with those inputs that the text uses. On failure there is nothing to clear. */
static inline slab_status build(const char *text, built *out)
{
    slab_value *values[INPUTS], *used[INPUTS];
    const char *names[INPUTS];
    int n = 0;
    *out = (built){0};
    slab_status rc = slab_expression_parse(text, &out->expression);
    if (rc != SLAB_OK)
        return rc;
    make_inputs(values);
    for (int k = 0; k < INPUTS; k++)
        if (slab_expression_uses(out->expression, input_names[k])) {
            names[n] = input_names[k];
            used[n++] = values[k];
        }
    rc = slab_expression_build(out->expression, names, used, n, NULL, &out->outputs);
    for (int k = 0; k < INPUTS; k++)
        slab_value_drop(&values[k]);
    if (rc != SLAB_OK)
        clear(out);
    return rc;
}

static inline built build_ok(const char *text)
{
    built it;
    slab_status rc = build(text, &it);
    ck_assert_msg(rc == SLAB_OK, "%s: %s", text, slab_error_last()->message);
    return it;
}

/* The last result. */
static inline slab_value *last_of(const built *it)
{
    ck_assert_int_gt(it->outputs.n, 0);
    return it->outputs.output[it->outputs.n - 1].value;
}

/* Elements in C order; free() them. */
static inline char *elements_of(slab_value *value, size_t *bytes)
{
    int64_t dense[SLAB_RANK_MAX];
    slab_box box = slab_box_whole(slab_value_shape(value));
    size_t size = slab_value_dtype(value).size;
    slab_view view;
    *bytes = (size_t)slab_box_elements(&box) * size;
    char *out = malloc(*bytes + 1);
    if (*bytes == 0)
        return out;
    ck_assert_msg(slab_value_get(value, 0, &box, &view) == SLAB_OK, "%s",
                  slab_error_last()->message);
    slab_strides_of(box.rank, box.count, size, dense);
    slab_box_copy(box.rank, box.count, view.data, view.stride, out, dense, size);
    return out;
}

/* Both texts give the same type, shape and elements. */
static inline void assert_same(const char *text, const char *as)
{
    char a[SLAB_DTYPE_NAME_MAX], b[SLAB_DTYPE_NAME_MAX];
    char m[SLAB_SHAPE_TEXT_MAX], n[SLAB_SHAPE_TEXT_MAX];
    built one = build_ok(text), other = build_ok(as);
    slab_value *x = last_of(&one), *y = last_of(&other);
    ck_assert_msg(slab_dtype_equal(slab_value_dtype(x), slab_value_dtype(y)), "%s: %s, %s: %s",
                  text, slab_dtype_name(slab_value_dtype(x), a), as,
                  slab_dtype_name(slab_value_dtype(y), b));
    ck_assert_msg(slab_shape_equal(slab_value_shape(x), slab_value_shape(y)), "%s: %s, %s: %s",
                  text, slab_shape_text(slab_value_shape(x), m), as,
                  slab_shape_text(slab_value_shape(y), n));
    size_t nx, ny;
    char *ex = elements_of(x, &nx), *ey = elements_of(y, &ny);
    ck_assert_msg(nx == ny && memcmp(ex, ey, nx) == 0, "'%s' is not '%s'", text, as);
    free(ex), free(ey);
    clear(&one), clear(&other);
}

/* The text fails, with this in its message. */
static inline void assert_fails(const char *text, const char *message)
{
    built it;
    slab_status rc = build(text, &it);
    if (rc == SLAB_OK)
        clear(&it);
    ck_assert_msg(rc != SLAB_OK, "'%s' succeeds", text);
    ck_assert_msg(strstr(slab_error_last()->message, message) != NULL, "%s: '%s', not '%s'", text,
                  slab_error_last()->message, message);
}

/* A file of the source tree; free() it. */
static inline char *source_file(const char *name)
{
    char path[4096];
    const char *top = getenv("SLAB_SOURCE");
    snprintf(path, sizeof path, "%s/%s", top ? top : ".", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "there is no %s", path);
    char *text = calloc(1, 1 << 20);
    ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 0);
    fclose(file);
    return text;
}

#endif
