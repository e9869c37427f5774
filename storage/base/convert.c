/*
 * Conversions between element types, block by block: stored -> native, native -> native,
 * native -> stored. Each step that changes nothing is left out.
 */
#include <slab/storage/base/dtype.h>

#include <string.h>

#include <slab/storage/base/convert_impl.h>
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

static bool aligned(const void *data, slab_dtype dtype)
{
    size_t unit = dtype.kind == SLAB_KIND_COMPLEX ? dtype.size / 2 : dtype.size;
    return (uintptr_t)data % unit == 0;
}

/* Block by block, through memory that is aligned and that nothing else overlaps. */
static void convert_blocks(slab_dtype from, const char *src, slab_dtype to, char *dst, size_t n)
{
    _Alignas(64) char plain[BLOCK * 16], made[BLOCK * 16];
    slab_dtype a = slab_dtype_native(from), b = slab_dtype_native(to);
    bool same = a.kind == b.kind && a.size == b.size;
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t some = n - at < BLOCK ? n - at : BLOCK;
        memcpy(plain, src + at * from.size, some * from.size);
        to_native(from, plain, some);
        if (!same)
            convert_native(a, plain, b, made, some);
        to_stored(to, same ? plain : made, some);
        memcpy(dst + at * to.size, same ? plain : made, some * to.size);
    }
}

slab_status slab_dtype_convert(slab_dtype from, const void *src, slab_dtype to, void *dst, size_t n)
{
    slab_status rc = SLAB_OK;
    bool same = from.kind == to.kind && from.size == to.size;
    bool native = slab_dtype_is_native(from) && slab_dtype_is_native(to);
    TRY(check(from, to));
    if (n == 0) /* then src and dst may be NULL */
        return SLAB_OK;
    if (same && (native || slab_dtype_equal(from, to) || !slab_dtype_is_number(from)))
        memmove(dst, src, n * from.size);
    else if (!same && native && src != dst && aligned(src, from) && aligned(dst, to))
        convert_native(from, src, to, dst, n);
    else
        convert_blocks(from, src, to, dst, n);
done:
    return rc;
}
