/* Selections by NumPy's rules: what slice.indices() and basic indexing do. */
#include <slab/storage/selection.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/try.h>

slab_selection slab_selection_all(const slab_shape *shape)
{
    slab_selection all = {.rank = shape->rank};
    for (int i = 0; i < shape->rank; i++) {
        all.step[i] = 1;
        all.count[i] = shape->extent[i];
    }
    return all;
}

slab_shape slab_selection_shape(const slab_selection *selection)
{
    slab_shape shape = {0};
    for (int i = 0; i < selection->rank; i++)
        if (!selection->drop[i])
            shape.extent[shape.rank++] = selection->count[i];
    return shape;
}

/* One of the comma-separated items: an integer, or a slice with what was left out. */
typedef struct item {
    bool slice, has_start, has_stop;
    int64_t start, stop, step;
} item;

typedef struct scanner {
    const char *text, *at;
} scanner;

static void skip_space(scanner *s)
{
    while (isspace((unsigned char)*s->at))
        s->at++;
}

static int position(const scanner *s)
{
    return (int)(s->at - s->text) + 1;
}

static bool starts_number(const scanner *s)
{
    return isdigit((unsigned char)*s->at) || *s->at == '-' || *s->at == '+';
}

/* An integer of any length: one beyond int64 is cut to +-INT64_MAX, which clips alike. */
static slab_status scan_integer(scanner *s, int64_t *out)
{
    slab_status rc = SLAB_OK;
    bool negative = *s->at == '-';
    int64_t n = 0;
    if (*s->at == '-' || *s->at == '+')
        s->at++;
    skip_space(s);
    REQUIRE(isdigit((unsigned char)*s->at), SLAB_ERR_USAGE,
            "selection [%s]: a digit is missing at character %d", s->text, position(s));
    for (; isdigit((unsigned char)*s->at); s->at++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s->at - '0', &n))
            n = INT64_MAX;
    *out = negative ? -n : n;
done:
    return rc;
}

static slab_status scan_item(scanner *s, item *out)
{
    slab_status rc = SLAB_OK;
    *out = (item){.step = 1};
    if (starts_number(s)) {
        TRY(scan_integer(s, &out->start));
        out->has_start = true;
        skip_space(s);
    }
    if (*s->at == ':') {
        out->slice = true;
        s->at++;
        skip_space(s);
        if (starts_number(s)) {
            TRY(scan_integer(s, &out->stop));
            out->has_stop = true;
            skip_space(s);
        }
    }
    if (out->slice && *s->at == ':') {
        s->at++;
        skip_space(s);
        if (starts_number(s)) {
            const char *at = s->at;
            TRY(scan_integer(s, &out->step));
            REQUIRE(out->step != 0, SLAB_ERR_USAGE,
                    "selection [%s]: a step of zero at character %d", s->text,
                    (int)(at - s->text) + 1);
            skip_space(s);
        }
    }
    REQUIRE(out->slice || out->has_start, SLAB_ERR_USAGE,
            "selection [%s]: %s at character %d: write numbers, slices a:b:c or ...", s->text,
            *s->at ? "neither a number nor a slice" : "something is missing", position(s));
done:
    return rc;
}

static int64_t clip(int64_t index, int64_t extent, int64_t least, int64_t most)
{
    if (index < 0)
        index += extent;
    return index < least ? least : index > most ? most : index;
}

static slab_status apply_item(const char *text, const item *one, const slab_shape *shape, int axis,
                              slab_selection *out)
{
    slab_status rc = SLAB_OK;
    int64_t n = shape->extent[axis], step = one->step;
    if (!one->slice) {
        REQUIRE(one->start >= -n && one->start < n, SLAB_ERR_RANGE,
                "selection [%s]: index %" PRId64 " is outside axis %d of extent %" PRId64, text,
                one->start, axis, n);
        out->start[axis] = one->start < 0 ? one->start + n : one->start;
        out->step[axis] = 1;
        out->count[axis] = 1;
        out->drop[axis] = true;
        goto done;
    }
    int64_t least = step > 0 ? 0 : -1, most = step > 0 ? n : n - 1;
    int64_t start = one->has_start ? clip(one->start, n, least, most) : step > 0 ? 0 : n - 1;
    int64_t stop = one->has_stop ? clip(one->stop, n, least, most) : step > 0 ? n : -1;
    int64_t span = step > 0 ? stop - start : start - stop, stride = step > 0 ? step : -step;
    out->count[axis] = span > 0 ? (span - 1) / stride + 1 : 0;
    out->start[axis] = out->count[axis] > 0 ? start : 0;
    out->step[axis] = step;
done:
    return rc;
}

/* Splits the text into items. *dots: the item before which "..." stands, -1: nowhere. */
static slab_status scan_items(const char *text, item items[SLAB_RANK_MAX], int *n, int *dots)
{
    slab_status rc = SLAB_OK;
    scanner s = {text, text};
    *n = 0;
    *dots = -1;
    skip_space(&s);
    while (*s.at) {
        if (strncmp(s.at, "...", 3) == 0) {
            REQUIRE(*dots < 0, SLAB_ERR_USAGE, "selection [%s]: a second ... at character %d", text,
                    position(&s));
            *dots = *n;
            s.at += 3;
        } else {
            item one;
            TRY(scan_item(&s, &one));
            REQUIRE(*n < SLAB_RANK_MAX, SLAB_ERR_USAGE, "selection [%s]: more than %d axes", text,
                    SLAB_RANK_MAX);
            items[(*n)++] = one;
        }
        skip_space(&s);
        REQUIRE(*s.at == ',' || !*s.at, SLAB_ERR_USAGE,
                "selection [%s]: '%c' at character %d is not understood", text, *s.at,
                position(&s));
        if (*s.at == ',') /* one comma at the end is allowed, as in Python */
            s.at++;
        skip_space(&s);
    }
done:
    return rc;
}

slab_status slab_selection_parse(const char *text, const slab_shape *shape, slab_selection *out)
{
    slab_status rc = SLAB_OK;
    item items[SLAB_RANK_MAX];
    int n, dots;
    *out = slab_selection_all(shape);
    TRY(scan_items(text, items, &n, &dots));
    REQUIRE(n <= shape->rank, SLAB_ERR_USAGE, "selection [%s] has %d axes, but the array has %d",
            text, n, shape->rank);
    for (int i = 0; i < n; i++) {
        int axis = dots >= 0 && i >= dots ? shape->rank - n + i : i;
        TRY(apply_item(text, &items[i], shape, axis, out));
    }
done:
    return rc;
}
