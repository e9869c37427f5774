/*
 * Conversions between element types, block by block: stored -> native, native -> native,
 * native -> stored. Each step that changes nothing is left out.
 */
#include <slab/storage/base/dtype.h>

#include <math.h>
#include <string.h>

#include <slab/storage/base/half_impl.h>
#include <slab/storage/base/try.h>

#define BLOCK 512 /* elements in flight: three buffers of at most 8 KiB stay in L1 */

/* Reverses the bytes of every number of `size` bytes. */
static void swap_bytes(void *data, size_t n, size_t size)
{
#define SWAP(type, swap)                                                                           \
    for (size_t i = 0; i < n; i++) {                                                               \
        type x;                                                                                    \
        memcpy(&x, (char *)data + i * sizeof x, sizeof x);                                         \
        x = swap(x);                                                                               \
        memcpy((char *)data + i * sizeof x, &x, sizeof x);                                         \
    }
    switch (size) {
    case 2:
        SWAP(uint16_t, __builtin_bswap16) break;
    case 4:
        SWAP(uint32_t, __builtin_bswap32) break;
    case 8:
        SWAP(uint64_t, __builtin_bswap64) break;
    default:
        break;
    }
#undef SWAP
}

static bool is_integer(slab_dtype d)
{
    return d.kind == SLAB_KIND_INT || d.kind == SLAB_KIND_UINT;
}

static bool has_spare_bits(slab_dtype d)
{
    return is_integer(d) && (d.precision != 8 * d.size || d.offset != 0);
}

/* Stored integers of reduced precision become full ones: shift down, extend the sign. */
static void widen_bits(slab_dtype from, void *data, size_t n)
{
    unsigned up = 64u - from.offset - from.precision, down = 64u - from.precision;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = 0;
        char *at = (char *)data + i * from.size;
        memcpy(&x, at, from.size);
        x <<= up;
        x = from.kind == SLAB_KIND_INT ? (uint64_t)((int64_t)x >> down) : x >> down;
        memcpy(at, &x, from.size);
    }
}

static void narrow_bits(slab_dtype to, void *data, size_t n)
{
    uint64_t mask = to.precision >= 64 ? UINT64_MAX : ((uint64_t)1 << to.precision) - 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = 0;
        char *at = (char *)data + i * to.size;
        memcpy(&x, at, to.size);
        x = (x & mask) << to.offset;
        memcpy(at, &x, to.size);
    }
}

static void to_native(slab_dtype from, void *data, size_t n)
{
    bool pair = from.kind == SLAB_KIND_COMPLEX;
    if (from.big_endian)
        swap_bytes(data, pair ? 2 * n : n, pair ? from.size / 2 : from.size);
    if (has_spare_bits(from))
        widen_bits(from, data, n);
}

static void to_stored(slab_dtype to, void *data, size_t n)
{
    bool pair = to.kind == SLAB_KIND_COMPLEX;
    if (has_spare_bits(to))
        narrow_bits(to, data, n);
    if (to.big_endian)
        swap_bytes(data, pair ? 2 * n : n, pair ? to.size / 2 : to.size);
}

/* A real number on its way between types: integers keep all 64 bits. */
typedef enum carrier { CARRY_SIGNED, CARRY_UNSIGNED, CARRY_DOUBLE } carrier;

static carrier carrier_of(slab_dtype d)
{
    if (d.kind == SLAB_KIND_FLOAT || d.kind == SLAB_KIND_COMPLEX)
        return CARRY_DOUBLE;
    return d.kind == SLAB_KIND_INT ? CARRY_SIGNED : CARRY_UNSIGNED;
}

#define LOAD(type, carried)                                                                        \
    for (size_t i = 0; i < n; i++) {                                                               \
        type x;                                                                                    \
        memcpy(&x, src + i * stride, sizeof x);                                                    \
        out[i].carried = x;                                                                        \
    }                                                                                              \
    break;

typedef union number {
    int64_t s;
    uint64_t u;
    double d;
} number;

static void load_floats(uint32_t size, const char *src, size_t stride, number *out, size_t n)
{
    switch (size) {
    case 2:
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, src + i * stride, sizeof h);
            out[i].d = (double)slab_half_to_float(h);
        }
        break;
    case 4:
        LOAD(float, d)
    default:
        LOAD(double, d)
    }
}

static void load(slab_dtype from, const char *src, number *out, size_t n)
{
    size_t stride = from.size;
    switch (from.kind) {
    case SLAB_KIND_FLOAT:
        load_floats(from.size, src, stride, out, n);
        break;
    case SLAB_KIND_COMPLEX:
        load_floats(from.size / 2, src, stride, out, n);
        break;
    case SLAB_KIND_INT:
        switch (from.size) {
        case 1:
            LOAD(int8_t, s)
        case 2:
            LOAD(int16_t, s)
        case 4:
            LOAD(int32_t, s)
        default:
            LOAD(int64_t, s)
        }
        break;
    default:
        switch (from.size) {
        case 1:
            LOAD(uint8_t, u)
        case 2:
            LOAD(uint16_t, u)
        case 4:
            LOAD(uint32_t, u)
        default:
            LOAD(uint64_t, u)
        }
    }
}
#undef LOAD

/* Truncates towards zero; what does not fit becomes the nearest end of the range, NaN 0. */
static int64_t double_to_int(double x, double low, double high, int64_t most)
{
    if (isnan(x))
        return 0;
    return x >= high ? most : (x <= low ? (int64_t)low : (int64_t)x);
}

static uint64_t double_to_uint(double x, double high, uint64_t most)
{
    if (isnan(x) || x <= 0)
        return 0;
    return x >= high ? most : (uint64_t)x;
}

static void doubles_to_integers(slab_dtype to, number *x, size_t n)
{
    unsigned bits = 8 * to.size;
    double span = ldexp(1, (int)bits), half = ldexp(1, (int)bits - 1);
    for (size_t i = 0; i < n; i++) {
        if (to.kind == SLAB_KIND_BOOL)
            x[i].u = x[i].d != 0;
        else if (to.kind == SLAB_KIND_INT)
            x[i].s = double_to_int(x[i].d, -half, half, INT64_MAX >> (64 - bits));
        else
            x[i].u = double_to_uint(x[i].d, span, UINT64_MAX >> (64 - bits));
    }
}

/* Changes the carrier from that of `from` to that of `to`. Integers wrap, as a C cast does. */
static void carry(slab_dtype from, slab_dtype to, number *x, size_t n)
{
    carrier a = carrier_of(from), b = carrier_of(to);
    if (a == CARRY_DOUBLE && b != CARRY_DOUBLE) {
        doubles_to_integers(to, x, n);
    } else if (b == CARRY_DOUBLE && a == CARRY_SIGNED) {
        for (size_t i = 0; i < n; i++)
            x[i].d = (double)x[i].s;
    } else if (b == CARRY_DOUBLE && a == CARRY_UNSIGNED) {
        for (size_t i = 0; i < n; i++)
            x[i].d = (double)x[i].u;
    } else if (to.kind == SLAB_KIND_BOOL) {
        for (size_t i = 0; i < n; i++)
            x[i].u = x[i].u != 0;
    }
}

static void store_floats(uint32_t size, const number *x, char *dst, size_t stride, size_t n)
{
    for (size_t i = 0; i < n; i++, dst += stride) {
        float f = (float)x[i].d;
        uint16_t h;
        switch (size) {
        case 2:
            h = slab_float_to_half(f);
            memcpy(dst, &h, sizeof h);
            break;
        case 4:
            memcpy(dst, &f, sizeof f);
            break;
        default:
            memcpy(dst, &x[i].d, sizeof(double));
        }
    }
}

static void store(slab_dtype to, const number *x, char *dst, size_t n)
{
    if (to.kind == SLAB_KIND_FLOAT) {
        store_floats(to.size, x, dst, to.size, n);
    } else if (to.kind == SLAB_KIND_COMPLEX) {
        memset(dst, 0, n * to.size); /* the imaginary parts */
        store_floats(to.size / 2, x, dst, to.size, n);
    } else {
        for (size_t i = 0; i < n; i++)
            memcpy(dst + i * to.size, &x[i].u, to.size); /* little-endian: the low bytes */
    }
}

/* Between native types of different kind or size. */
static void convert_native(slab_dtype from, const char *src, slab_dtype to, char *dst, size_t n)
{
    number x[BLOCK];
    if (from.kind == SLAB_KIND_COMPLEX && to.kind == SLAB_KIND_COMPLEX) {
        from = slab_dtype_make(SLAB_KIND_FLOAT, from.size / 2);
        to = slab_dtype_make(SLAB_KIND_FLOAT, to.size / 2);
        convert_native(from, src, to, dst, n); /* 2 n numbers, in two blocks */
        convert_native(from, src + n * from.size, to, dst + n * to.size, n);
        return;
    }
    load(from, src, x, n);
    carry(from, to, x, n);
    store(to, x, dst, n);
}

static slab_status check(slab_dtype from, slab_dtype to)
{
    slab_status rc = SLAB_OK;
    char a[SLAB_DTYPE_NAME_MAX], b[SLAB_DTYPE_NAME_MAX];
    bool numbers = slab_dtype_is_number(from) && slab_dtype_is_number(to);
    bool same = from.kind == to.kind && from.size == to.size;
    REQUIRE(numbers || same, SLAB_ERR_TYPE, "%s does not convert to %s", slab_dtype_name(from, a),
            slab_dtype_name(to, b));
done:
    return rc;
}

slab_status slab_dtype_convert(slab_dtype from, const void *src, slab_dtype to, void *dst, size_t n)
{
    slab_status rc = SLAB_OK;
    _Alignas(64) char plain[BLOCK * 16];
    slab_dtype a = slab_dtype_native(from), b = slab_dtype_native(to);
    bool same = a.kind == b.kind && a.size == b.size;
    TRY(check(from, to));
    if (same && (slab_dtype_equal(from, to) || !slab_dtype_is_number(from))) {
        memmove(dst, src, n * from.size);
        return SLAB_OK;
    }
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t some = n - at < BLOCK ? n - at : BLOCK;
        char *out = (char *)dst + at * to.size;
        memcpy(plain, (const char *)src + at * from.size, some * from.size);
        to_native(from, plain, some);
        if (same)
            memcpy(out, plain, some * from.size);
        else
            convert_native(a, plain, b, out, some);
        to_stored(to, out, some);
    }
done:
    return rc;
}
