#include <slab/storage/base/dtype.h>

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/half_impl.h>
#include <slab/storage/base/try.h>

slab_dtype slab_dtype_make(slab_kind kind, uint32_t size)
{
    return (slab_dtype){.kind = kind,
                        .size = size,
                        .precision = size <= UINT16_MAX / 8 ? (uint16_t)(8 * size) : UINT16_MAX};
}

slab_dtype slab_dtype_native(slab_dtype dtype)
{
    slab_dtype native = slab_dtype_make(dtype.kind, dtype.size);
    native.is_enum = dtype.is_enum;
    return native;
}

bool slab_dtype_equal(slab_dtype a, slab_dtype b)
{
    return a.kind == b.kind && a.size == b.size && a.precision == b.precision &&
           a.offset == b.offset && a.big_endian == b.big_endian;
}

bool slab_dtype_is_native(slab_dtype dtype)
{
    return slab_dtype_equal(dtype, slab_dtype_native(dtype));
}

bool slab_dtype_is_number(slab_dtype dtype)
{
    return dtype.kind != SLAB_KIND_STRING && dtype.kind != SLAB_KIND_OTHER;
}

/* NumPy's long names and the letters of its short ones. */
static const struct {
    slab_kind kind;
    char letter;
    const char *name;
    uint32_t name_unit; /* the number behind the name counts bits; this makes them bytes */
    uint32_t sizes[5];
} kinds[] = {{SLAB_KIND_INT, 'i', "int", 8, {1, 2, 4, 8}},
             {SLAB_KIND_UINT, 'u', "uint", 8, {1, 2, 4, 8}},
             {SLAB_KIND_FLOAT, 'f', "float", 8, {2, 4, 8}},
             {SLAB_KIND_COMPLEX, 'c', "complex", 8, {4, 8, 16}}};

static bool parse_size(const char *digits, uint32_t unit, const uint32_t *sizes, uint32_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*digits))
        return false;
    unsigned long n = strtoul(digits, &end, 10);
    if (*end || n % unit != 0)
        return false;
    for (; *sizes; sizes++) {
        if (*sizes == n / unit) {
            *out = *sizes;
            return true;
        }
    }
    return false;
}

static bool parse_string(const char *text, slab_dtype *out)
{
    char *end;
    if (*text != 'S' || !isdigit((unsigned char)text[1]))
        return false;
    unsigned long n = strtoul(text + 1, &end, 10);
    if (*end || n < 1 || n > INT32_MAX)
        return false;
    *out = slab_dtype_make(SLAB_KIND_STRING, (uint32_t)n);
    return true;
}

slab_status slab_dtype_parse(const char *text, slab_dtype *out)
{
    slab_status rc = SLAB_OK;
    bool big = *text == '>';
    const char *name = text + (*text && strchr("<>=|", *text) != NULL);
    uint32_t size;
    if (!strcmp(name, "bool") || !strcmp(name, "b1") || !strcmp(name, "?")) {
        *out = slab_dtype_make(SLAB_KIND_BOOL, 1);
        return SLAB_OK;
    }
    if (parse_string(name, out))
        return SLAB_OK;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t n = strlen(kinds[k].name);
        bool is_short = name[0] == kinds[k].letter && parse_size(name + 1, 1, kinds[k].sizes, &size);
        bool is_long = !strncmp(name, kinds[k].name, n) &&
                       parse_size(name + n, kinds[k].name_unit, kinds[k].sizes, &size);
        if (is_short || is_long) {
            *out = slab_dtype_make(kinds[k].kind, size);
            out->big_endian = big && size > 1;
            return SLAB_OK;
        }
    }
    FAIL(SLAB_ERR_TYPE,
         "'%s' is no element type: bool, int8..int64, uint8..uint64, float16..float64, complex64, "
         "complex128, S<bytes>, or NumPy's short names (f4, >i2)",
         text);
done:
    return rc;
}

char *slab_dtype_name(slab_dtype dtype, char *text)
{
    const char *order = dtype.big_endian ? ">" : "";
    char bits[24] = "";
    if (dtype.kind == SLAB_KIND_INT || dtype.kind == SLAB_KIND_UINT)
        if (dtype.precision != 8 * dtype.size)
            snprintf(bits, sizeof bits, " (%u bits)", dtype.precision);
    switch (dtype.kind) {
    case SLAB_KIND_BOOL:
        snprintf(text, SLAB_DTYPE_NAME_MAX, "bool");
        break;
    case SLAB_KIND_STRING:
        snprintf(text, SLAB_DTYPE_NAME_MAX, "S%" PRIu32, dtype.size);
        break;
    case SLAB_KIND_OTHER:
        snprintf(text, SLAB_DTYPE_NAME_MAX, "other (%" PRIu32 " bytes)", dtype.size);
        break;
    default:
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (kinds[k].kind == dtype.kind)
                snprintf(text, SLAB_DTYPE_NAME_MAX, "%s%s%" PRIu32 "%s", order, kinds[k].name,
                         8 * dtype.size, bits);
    }
    return text;
}

static int64_t get_int(slab_dtype native, const void *element)
{
    int64_t x = 0; /* little-endian: the low bytes come first */
    memcpy(&x, element, native.size);
    unsigned shift = 64 - 8 * native.size;
    return native.kind == SLAB_KIND_INT ? (int64_t)((uint64_t)x << shift) >> shift : x;
}

static double get_float(uint32_t size, const void *element)
{
    uint16_t h;
    float f;
    double d;
    switch (size) {
    case 2:
        memcpy(&h, element, sizeof h);
        return (double)slab_half_to_float(h);
    case 4:
        memcpy(&f, element, sizeof f);
        return (double)f;
    default:
        memcpy(&d, element, sizeof d);
        return d;
    }
}

double slab_dtype_get_double(slab_dtype native, const void *element)
{
    switch (native.kind) {
    case SLAB_KIND_FLOAT:
        return get_float(native.size, element);
    case SLAB_KIND_COMPLEX:
        return get_float(native.size / 2, element);
    case SLAB_KIND_INT:
        return (double)get_int(native, element);
    case SLAB_KIND_UINT:
    case SLAB_KIND_BOOL:
        return (double)(uint64_t)get_int(native, element);
    default:
        return (double)NAN;
    }
}

/* The fewest digits that read back as the same value of this width. */
static int print_float(uint32_t size, double x, char *text, size_t room)
{
    static const int first[] = {[2] = 3, [4] = 6, [8] = 15}, last[] = {[2] = 5, [4] = 9, [8] = 17};
    int n = 0;
    if (isnan(x))
        return snprintf(text, room, "nan");
    if (isinf(x))
        return snprintf(text, room, x < 0 ? "-inf" : "inf");
    for (int digits = first[size]; digits <= last[size]; digits++) {
        char trial[40];
        n = snprintf(trial, sizeof trial, "%.*g", digits, x);
        double back = size == 8 ? strtod(trial, NULL) : (double)strtof(trial, NULL);
        if (size == 2)
            back = (double)slab_half_to_float(slab_float_to_half((float)back));
        if (back == x || digits == last[size]) {
            n = snprintf(text, room, "%s", trial);
            break;
        }
    }
    return n;
}

static int print_complex(slab_dtype native, const void *element, char *text, size_t size)
{
    char re[40], im[40];
    uint32_t half = native.size / 2;
    double y = get_float(half, (const char *)element + half);
    print_float(half, get_float(half, element), re, sizeof re);
    print_float(half, y, im, sizeof im);
    return snprintf(text, size, "%s%s%sj", re, im[0] == '-' ? "" : "+", im);
}

int slab_dtype_print(slab_dtype native, const void *element, char *text, size_t size)
{
    switch (native.kind) {
    case SLAB_KIND_FLOAT:
        return print_float(native.size, get_float(native.size, element), text, size);
    case SLAB_KIND_COMPLEX:
        return print_complex(native, element, text, size);
    case SLAB_KIND_INT:
        return snprintf(text, size, "%" PRId64, get_int(native, element));
    case SLAB_KIND_UINT:
        return snprintf(text, size, "%" PRIu64, (uint64_t)get_int(native, element));
    case SLAB_KIND_BOOL:
        return snprintf(text, size, "%s", *(const uint8_t *)element ? "True" : "False");
    case SLAB_KIND_STRING:
        return snprintf(text, size, "%.*s", native.size < INT_MAX ? (int)native.size : INT_MAX,
                        (const char *)element);
    case SLAB_KIND_OTHER:
        break;
    }
    return snprintf(text, size, "?");
}
