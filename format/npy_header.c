#include <slab/format/npy_impl.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define PREFIX_BYTES 12 /* magic, version and, from version 2.0 on, 4 bytes of length */

/* Text being parsed; `offset` is where it begins in the file. */
typedef struct parser {
    const char *path, *text;
    size_t length, at;
    int64_t offset;
} parser;

#define MALFORMED(p, what) malformed((p), __LINE__, (what))

static slab_status malformed(const parser *p, int line, const char *what)
{
    return slab_error_set(SLAB_ERR_FORMAT, __FILE__, line, "'%s': byte %" PRId64 ": %s", p->path,
                          p->offset + (int64_t)p->at, what);
}

static void skip_blanks(parser *p)
{
    while (p->at < p->length && (p->text[p->at] == ' ' || p->text[p->at] == '\n'))
        p->at++;
}

static bool accept(parser *p, char c)
{
    skip_blanks(p);
    if (p->at < p->length && p->text[p->at] == c) {
        p->at++;
        return true;
    }
    return false;
}

/* A quoted string without escapes. */
static slab_status parse_string(parser *p, char *out, size_t size)
{
    slab_status rc = SLAB_OK;
    size_t n = 0;
    skip_blanks(p);
    char quote = p->at < p->length ? p->text[p->at] : '\0';
    if (quote != '\'' && quote != '"')
        return MALFORMED(p, "a quoted string is expected");
    for (p->at++; p->at < p->length && p->text[p->at] != quote; p->at++) {
        if (p->text[p->at] == '\\' || (unsigned char)p->text[p->at] < 32)
            return MALFORMED(p, "a string with an escape in it");
        if (n + 1 == size)
            return MALFORMED(p, "the string is too long");
        out[n++] = p->text[p->at];
    }
    if (p->at == p->length)
        return MALFORMED(p, "the string does not end");
    p->at++;
    out[n] = '\0';
    return rc;
}

static slab_status parse_bool(parser *p, bool *out)
{
    skip_blanks(p);
    const char *text = p->text + p->at;
    size_t left = p->length - p->at;
    *out = left >= 4 && memcmp(text, "True", 4) == 0;
    if (!*out && (left < 5 || memcmp(text, "False", 5) != 0))
        return MALFORMED(p, "True or False is expected");
    p->at += *out ? 4 : 5;
    return SLAB_OK;
}

static slab_status parse_extent(parser *p, int64_t *out)
{
    size_t begin;
    skip_blanks(p);
    *out = 0;
    for (begin = p->at; p->at < p->length && isdigit((unsigned char)p->text[p->at]); p->at++) {
        int64_t digit = p->text[p->at] - '0';
        if (*out > (INT64_MAX - digit) / 10)
            return MALFORMED(p, "an extent of more than 2^63 - 1");
        *out = *out * 10 + digit;
    }
    if (p->at == begin)
        return MALFORMED(p, "an extent is expected");
    if (p->at < p->length && p->text[p->at] == 'L') /* Python 2 wrote 5L */
        p->at++;
    return SLAB_OK;
}

static slab_status parse_shape(parser *p, slab_shape *out)
{
    slab_status rc = SLAB_OK;
    bool comma = false;
    out->rank = 0;
    if (!accept(p, '('))
        return MALFORMED(p, "a shape in parentheses is expected");
    while (!accept(p, ')')) {
        if (out->rank > 0 && !comma)
            return MALFORMED(p, "a comma or ')' is expected");
        if (out->rank == SLAB_RANK_MAX)
            return MALFORMED(p, "more than 32 axes");
        TRY(parse_extent(p, &out->extent[out->rank++]));
        comma = accept(p, ',');
    }
    if (out->rank == 1 && !comma)
        return MALFORMED(p, "a shape of one axis is written (n,)");
done:
    return rc;
}

/* "<f8", "|b1", "|S12": byte order, kind, size. */
static slab_status parse_descr(parser *p, slab_dtype *out)
{
    slab_status rc = SLAB_OK;
    char text[32], *rest;
    skip_blanks(p);
    parser at = *p;
    if (p->at < p->length && (p->text[p->at] == '[' || p->text[p->at] == '('))
        FAIL(SLAB_ERR_UNSUPPORTED,
             "'%s': byte %" PRId64 ": records have several fields: save them one by one", p->path,
             p->offset + (int64_t)p->at);
    TRY(parse_string(p, text, sizeof text));
    char order = text[0], kind = order ? text[1] : '\0';
    long size = kind && isdigit((unsigned char)text[2]) ? strtol(text + 2, &rest, 10) : -1;
    if (!order || !strchr("<>|=", order) || size < 0 || *rest)
        return MALFORMED(&at, "the element type is not written as '<f8'");
    bool known =
        (kind == 'b' && size == 1) || (kind == 'S' && size >= 1 && size <= INT32_MAX) ||
        ((kind == 'i' || kind == 'u') && (size == 1 || size == 2 || size == 4 || size == 8)) ||
        (kind == 'f' && (size == 2 || size == 4 || size == 8)) ||
        (kind == 'c' && (size == 8 || size == 16));
    REQUIRE(known, SLAB_ERR_UNSUPPORTED,
            "'%s': byte %" PRId64 ": elements of type '%s' have no counterpart here%s", p->path,
            at.offset + (int64_t)at.at, text, kind == 'U' ? ": convert to bytes, astype('S')" : "");
    if ((order == '|' || order == '=') && size > 1 && kind != 'S')
        return MALFORMED(&at, "the element type tells no byte order");
    slab_kind kinds = kind == 'b'   ? SLAB_KIND_BOOL
                      : kind == 'S' ? SLAB_KIND_STRING
                      : kind == 'i' ? SLAB_KIND_INT
                      : kind == 'u' ? SLAB_KIND_UINT
                      : kind == 'f' ? SLAB_KIND_FLOAT
                                    : SLAB_KIND_COMPLEX;
    *out = slab_dtype_make(kinds, (uint32_t)size);
    out->big_endian = order == '>' && size > 1 && kind != 'S';
done:
    return rc;
}

static slab_status parse_dictionary(parser *p, slab_npy_header *out)
{
    static const char *const keys[3] = {"descr", "fortran_order", "shape"};
    slab_status rc = SLAB_OK;
    bool seen[3] = {false, false, false}, comma = true;
    char key[32];
    if (!accept(p, '{'))
        return MALFORMED(p, "a dictionary is expected");
    while (!accept(p, '}')) {
        int k = 0;
        if (!comma)
            return MALFORMED(p, "a comma or '}' is expected");
        TRY(parse_string(p, key, sizeof key));
        while (k < 3 && strcmp(key, keys[k]) != 0)
            k++;
        if (k == 3 || seen[k])
            return MALFORMED(p, k == 3 ? "an entry other than descr, fortran_order and shape"
                                       : "an entry stands there twice");
        seen[k] = true;
        if (!accept(p, ':'))
            return MALFORMED(p, "a colon is expected");
        TRY(k == 0   ? parse_descr(p, &out->dtype)
            : k == 1 ? parse_bool(p, &out->fortran_order)
                     : parse_shape(p, &out->shape));
        comma = accept(p, ',');
    }
    skip_blanks(p);
    if (p->at != p->length)
        return MALFORMED(p, "something stands behind the dictionary");
    if (!seen[0] || !seen[1] || !seen[2])
        return MALFORMED(p, "descr, fortran_order or shape is missing");
done:
    return rc;
}

static slab_status check_length(const slab_input *in, const slab_npy_header *h)
{
    slab_status rc = SLAB_OK;
    int64_t elements, bytes;
    char text[SLAB_SHAPE_TEXT_MAX], name[SLAB_DTYPE_NAME_MAX];
    TRY_SAYING(slab_shape_elements(&h->shape, &elements), "'%s'", in->path);
    TRY_SAYING(slab_extent_multiply(elements, h->dtype.size, &bytes), "'%s'", in->path);
    REQUIRE(in->bytes - h->data == bytes, SLAB_ERR_FORMAT,
            "'%s' is %s: a shape of %s of %s takes %" PRId64 " bytes behind byte %" PRId64
            ", there are %" PRId64,
            in->path, in->bytes - h->data < bytes ? "truncated" : "too long",
            slab_shape_text(&h->shape, text), slab_dtype_name(h->dtype, name), bytes, h->data,
            in->bytes - h->data);
done:
    return rc;
}

slab_status slab_npy_read_header(const slab_input *in, slab_npy_header *out)
{
    slab_status rc = SLAB_OK;
    uint8_t prefix[PREFIX_BYTES] = {0};
    char *text = NULL;
    *out = (slab_npy_header){0};
    REQUIRE(in->bytes >= PREFIX_BYTES, SLAB_ERR_FORMAT,
            "'%s' has %" PRId64 " bytes: too few for an NPY file", in->path, in->bytes);
    TRY(slab_input_read(in, 0, prefix, sizeof prefix));
    REQUIRE(memcmp(prefix, "\x93NUMPY", 6) == 0, SLAB_ERR_FORMAT,
            "'%s' is no NPY file: it does not begin with \\x93NUMPY", in->path);
    REQUIRE(prefix[6] >= 1 && prefix[6] <= 3 && prefix[7] == 0, SLAB_ERR_UNSUPPORTED,
            "'%s': byte 6: NPY version %d.%d; known are 1.0, 2.0 and 3.0", in->path, prefix[6],
            prefix[7]);
    bool wide = prefix[6] >= 2;
    int64_t begin = wide ? 12 : 10, length = prefix[8] | prefix[9] << 8;
    if (wide)
        length |= (int64_t)prefix[10] << 16 | (int64_t)prefix[11] << 24;
    REQUIRE(length <= in->bytes - begin, SLAB_ERR_FORMAT,
            "'%s': byte 8: a header of %" PRId64 " bytes, the file has %" PRId64, in->path, length,
            in->bytes);
    REQUIRE(length <= SLAB_NPY_HEADER_MAX, SLAB_ERR_UNSUPPORTED,
            "'%s': byte 8: a header of %" PRId64 " bytes; up to %d are read", in->path, length,
            SLAB_NPY_HEADER_MAX);
    ALLOC(text, length + 1, "a header");
    TRY(slab_input_read(in, begin, text, (size_t)length));
    parser p = {.path = in->path, .text = text, .length = (size_t)length, .offset = begin};
    TRY(parse_dictionary(&p, out));
    out->data = begin + length;
    TRY(check_length(in, out));
done:
    FREE(text);
    return rc;
}

slab_status slab_npy_make_header(slab_dtype dtype, const slab_shape *shape, char *text,
                                 size_t *length)
{
    slab_status rc = SLAB_OK;
    static const char kinds[] = {'b', 'i', 'u', 'f', 'c', 'S'};
    char dictionary[SLAB_NPY_TEXT_MAX - 128], name[SLAB_DTYPE_NAME_MAX];
    bool known =
        dtype.kind <= SLAB_KIND_STRING && !(dtype.kind == SLAB_KIND_COMPLEX && dtype.size == 4);
    REQUIRE(known, SLAB_ERR_TYPE, "NumPy has no element type for %s", slab_dtype_name(dtype, name));
    bool ordered = dtype.size > 1 && dtype.kind != SLAB_KIND_STRING;
    int n = snprintf(dictionary, sizeof dictionary,
                     "{'descr': '%c%c%" PRIu32 "', 'fortran_order': False, 'shape': (",
                     ordered ? '<' : '|', kinds[dtype.kind], dtype.size);
    for (int i = 0; i < shape->rank; i++)
        n += snprintf(dictionary + n, sizeof dictionary - (size_t)n, "%s%" PRId64, i ? ", " : "",
                      shape->extent[i]);
    n += snprintf(dictionary + n, sizeof dictionary - (size_t)n, "%s), }",
                  shape->rank == 1 ? "," : "");
    /* 32 extents of 20 digits: a header never outgrows the 65535 bytes of version 1.0 */
    size_t total = (10 + (size_t)n + 1 + 63) / 64 * 64, body = total - 10;
    memset(text, ' ', total);
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    text[8] = (char)(body & 0xff);
    text[9] = (char)(body >> 8);
    memcpy(text + 10, dictionary, (size_t)n);
    text[total - 1] = '\n';
    *length = total;
done:
    return rc;
}
