#include <slab/compute/kernel/order.h>

#include <math.h>
#include <slab/storage/base/clones.h>
#include <string.h>

int slab_order_bits(slab_dtype dtype)
{
    return dtype.kind == SLAB_KIND_FLOAT && dtype.size == 2 ? 32 : 8 * (int)dtype.size;
}

/* Floats: the sign bit decides whether all bits turn round or it alone does. */
SLAB_CLONES static void keys_f4(const uint32_t *x, int64_t n, uint64_t *keys)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t b = x[i] == 0x80000000U ? 0 : x[i];
        bool nan = (b & 0x7FFFFFFFU) > 0x7F800000U;
        uint32_t key = b ^ ((uint32_t)((int32_t)b >> 31) | 0x80000000U);
        keys[i] = nan ? SLAB_ORDER_NAN : key;
    }
}

SLAB_CLONES static void keys_f8(const uint64_t *x, int64_t n, uint64_t *keys)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t b = x[i] == 1ULL << 63 ? 0 : x[i];
        bool nan = (b & ~(1ULL << 63)) > 0x7FF0000000000000ULL;
        uint64_t key = b ^ ((uint64_t)((int64_t)b >> 63) | 1ULL << 63);
        keys[i] = nan ? SLAB_ORDER_NAN : key;
    }
}

/* Signed integers: the sign bit turned round. */
#define INTEGER_KEYS(name, T, U, flip)                                                             \
    SLAB_CLONES static void name(const T *x, int64_t n, uint64_t *keys)                            \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            keys[i] = (U)((U)x[i] ^ (U)(flip));                                                    \
    }
INTEGER_KEYS(keys_i1, int8_t, uint8_t, 1U << 7)
INTEGER_KEYS(keys_i2, int16_t, uint16_t, 1U << 15)
INTEGER_KEYS(keys_i4, int32_t, uint32_t, 1U << 31)
INTEGER_KEYS(keys_i8, int64_t, uint64_t, 1ULL << 63)
INTEGER_KEYS(keys_u1, uint8_t, uint8_t, 0)
INTEGER_KEYS(keys_u2, uint16_t, uint16_t, 0)
INTEGER_KEYS(keys_u4, uint32_t, uint32_t, 0)
INTEGER_KEYS(keys_u8, uint64_t, uint64_t, 0)

static void keys_f2(slab_dtype dtype, const char *x, int64_t n, uint64_t *keys)
{
    float part[256];
    for (int64_t i = 0; i < n; i += 256) {
        int64_t m = n - i < 256 ? n - i : 256;
        slab_dtype_convert(dtype, x + 2 * i, slab_dtype_make(SLAB_KIND_FLOAT, 4), part, (size_t)m);
        keys_f4((const uint32_t *)(const void *)part, m, keys + i);
    }
}

void slab_order_keys(slab_dtype dtype, const void *x, int64_t n, uint64_t *keys)
{
    bool is_signed = dtype.kind == SLAB_KIND_INT;
    if (dtype.kind == SLAB_KIND_FLOAT)
        dtype.size == 2   ? keys_f2(dtype, x, n, keys)
        : dtype.size == 4 ? keys_f4(x, n, keys)
                          : keys_f8(x, n, keys);
    else if (dtype.size == 1)
        is_signed ? keys_i1(x, n, keys) : keys_u1(x, n, keys);
    else if (dtype.size == 2)
        is_signed ? keys_i2(x, n, keys) : keys_u2(x, n, keys);
    else if (dtype.size == 4)
        is_signed ? keys_i4(x, n, keys) : keys_u4(x, n, keys);
    else
        is_signed ? keys_i8(x, n, keys) : keys_u8(x, n, keys);
}

/* --- keys' first digits, and runs without a candidate, right from the elements --- */

SLAB_CLONES static void tops_f4(const uint32_t *x, int64_t n, uint16_t *tops)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t b = x[i] == 0x80000000U ? 0 : x[i];
        bool nan = (b & 0x7FFFFFFFU) > 0x7F800000U;
        uint32_t key = b ^ ((uint32_t)((int32_t)b >> 31) | 0x80000000U);
        tops[i] = (uint16_t)(nan ? 0xFFFFU : key >> 16);
    }
}

SLAB_CLONES static void tops_f8(const uint64_t *x, int64_t n, uint16_t *tops)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t b = x[i] == 1ULL << 63 ? 0 : x[i];
        bool nan = (b & ~(1ULL << 63)) > 0x7FF0000000000000ULL;
        uint64_t key = b ^ ((uint64_t)((int64_t)b >> 63) | 1ULL << 63);
        tops[i] = (uint16_t)(nan ? 0xFFFFU : key >> 48);
    }
}

#define INTEGER_TOPS(name, U, flip)                                                                \
    SLAB_CLONES static void name(const U *x, int64_t n, uint16_t *tops)                            \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            tops[i] = (uint16_t)((x[i] ^ (U)(flip)) >> (8 * sizeof(U) - 16));                      \
    }
INTEGER_TOPS(tops_i4, uint32_t, 1U << 31)
INTEGER_TOPS(tops_i8, uint64_t, 1ULL << 63)
INTEGER_TOPS(tops_u4, uint32_t, 0)
INTEGER_TOPS(tops_u8, uint64_t, 0)

void slab_order_tops(slab_dtype dtype, const void *x, int64_t n, uint16_t *tops)
{
    bool wide = dtype.size == 8;
    if (dtype.kind == SLAB_KIND_FLOAT)
        wide ? tops_f8(x, n, tops) : tops_f4(x, n, tops);
    else if (dtype.kind == SLAB_KIND_INT)
        wide ? tops_i8(x, n, tops) : tops_i4(x, n, tops);
    else
        wide ? tops_u8(x, n, tops) : tops_u4(x, n, tops);
}

#define FIND(name, T, U)                                                                           \
    SLAB_CLONES static int64_t name(const T *x, int64_t from, int64_t n, T low, T high)            \
    {                                                                                              \
        for (int64_t i = from; i < n; i += SLAB_ORDER_RUN) {                                       \
            int64_t m = n - i < SLAB_ORDER_RUN ? n - i : SLAB_ORDER_RUN;                           \
            U hits = 0;                                                                            \
            for (int64_t k = 0; k < m; k++)                                                        \
                hits |= (U)((x[i + k] >= low) & (x[i + k] <= high));                               \
            if (hits)                                                                              \
                return i;                                                                          \
        }                                                                                          \
        return n;                                                                                  \
    }
FIND(find_f4, float, uint32_t)
FIND(find_f8, double, uint64_t)
FIND(find_i1, int8_t, uint8_t)
FIND(find_i2, int16_t, uint16_t)
FIND(find_i4, int32_t, uint32_t)
FIND(find_i8, int64_t, uint64_t)
FIND(find_u1, uint8_t, uint8_t)
FIND(find_u2, uint16_t, uint16_t)
FIND(find_u4, uint32_t, uint32_t)
FIND(find_u8, uint64_t, uint64_t)

/* A range of keys may begin before that of -inf, or end behind that of inf: NaN, as elements. */
static int64_t find_float(slab_dtype dtype, const void *x, int64_t from, int64_t n, uint64_t low,
                          uint64_t high)
{
    if (dtype.size == 2)
        return from; /* its keys are those of f32 */
    if (dtype.size == 4) {
        float a, b;
        slab_order_element(dtype, low, &a);
        slab_order_element(dtype, high, &b);
        return find_f4(x, from, n, isnan(a) ? -INFINITY : a, isnan(b) ? INFINITY : b);
    }
    double a, b;
    slab_order_element(dtype, low, &a);
    slab_order_element(dtype, high, &b);
    return find_f8(x, from, n, isnan(a) ? -(double)INFINITY : a, isnan(b) ? (double)INFINITY : b);
}

int64_t slab_order_find(slab_dtype dtype, const void *x, int64_t from, int64_t n, uint64_t low,
                        uint64_t high)
{
    uint64_t a = 0, b = 0;
    if (dtype.kind == SLAB_KIND_FLOAT)
        return find_float(dtype, x, from, n, low, high);
    slab_order_element(dtype, low, &a);
    slab_order_element(dtype, high, &b);
    if (dtype.kind == SLAB_KIND_INT)
        return dtype.size == 1   ? find_i1(x, from, n, (int8_t)a, (int8_t)b)
               : dtype.size == 2 ? find_i2(x, from, n, (int16_t)a, (int16_t)b)
               : dtype.size == 4 ? find_i4(x, from, n, (int32_t)a, (int32_t)b)
                                 : find_i8(x, from, n, (int64_t)a, (int64_t)b);
    return dtype.size == 1   ? find_u1(x, from, n, (uint8_t)a, (uint8_t)b)
           : dtype.size == 2 ? find_u2(x, from, n, (uint16_t)a, (uint16_t)b)
           : dtype.size == 4 ? find_u4(x, from, n, (uint32_t)a, (uint32_t)b)
                             : find_u8(x, from, n, a, b);
}

void slab_order_element(slab_dtype dtype, uint64_t key, void *element)
{
    int bits = slab_order_bits(dtype);
    uint64_t sign = 1ULL << (bits - 1);
    if (dtype.kind == SLAB_KIND_INT) {
        key ^= sign;
    } else if (dtype.kind == SLAB_KIND_FLOAT) {
        uint64_t all = bits == 64 ? UINT64_MAX : (1ULL << bits) - 1;
        key = key & sign ? key ^ sign : ~key & all;
    }
    if (dtype.kind == SLAB_KIND_FLOAT && dtype.size == 2) {
        float real;
        memcpy(&real, &key, sizeof real);
        slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 4), &real, dtype, element, 1);
    } else {
        memcpy(element, &key, dtype.size); /* little-endian: the low bytes */
    }
}

static void count_all(const uint64_t *keys, int64_t n, uint64_t left_out, int shift, uint64_t mask,
                      uint64_t *counters)
{
    for (int64_t i = 0; i < n; i++)
        if (!left_out || keys[i] != left_out)
            counters[keys[i] >> shift & mask]++;
}

/* Few keys have the prefix: whole runs without one are passed over, which a vector test sees. */
SLAB_CLONES static void count_prefix(const uint64_t *keys, int64_t n, uint64_t left_out, int shift,
                                     int bits, uint64_t prefix, uint64_t *counters)
{
    enum { RUN = 32 };
    uint64_t mask = (1ULL << bits) - 1;
    int above = shift + bits;
    for (int64_t i = 0; i < n; i += RUN) {
        int64_t m = n - i < RUN ? n - i : RUN;
        uint64_t hits = 0;
        for (int64_t k = 0; k < m; k++)
            hits += keys[i + k] >> above == prefix;
        for (int64_t k = 0; hits && k < m; k++)
            if (keys[i + k] >> above == prefix && (!left_out || keys[i + k] != left_out))
                counters[keys[i + k] >> shift & mask]++;
    }
}

void slab_order_count(const uint64_t *keys, int64_t n, bool nan, int shift, int bits,
                      const uint64_t *prefixes, int nprefixes, uint64_t *counters)
{
    uint64_t left_out = nan ? SLAB_ORDER_NAN : 0;
    if (!prefixes || shift + bits >= 64) {
        count_all(keys, n, left_out, shift, (1ULL << bits) - 1, counters);
        return;
    }
    for (int p = 0; p < nprefixes; p++)
        count_prefix(keys, n, left_out, shift, bits, prefixes[p], counters + ((size_t)p << bits));
}

static void swap_keys(uint64_t *a, uint64_t *b)
{
    uint64_t t = *a;
    *a = *b;
    *b = t;
}

/* Hoare's selection with the median of three; ends with the few elements around k sorted. */
void slab_order_select(uint64_t *keys, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;
    while (high - low > 16) {
        int64_t middle = low + (high - low) / 2;
        if (keys[middle] < keys[low])
            swap_keys(&keys[middle], &keys[low]);
        if (keys[high] < keys[low])
            swap_keys(&keys[high], &keys[low]);
        if (keys[high] < keys[middle])
            swap_keys(&keys[high], &keys[middle]);
        uint64_t pivot = keys[middle];
        int64_t i = low, j = high;
        while (i <= j) {
            while (keys[i] < pivot)
                i++;
            while (keys[j] > pivot)
                j--;
            if (i <= j)
                swap_keys(&keys[i++], &keys[j--]);
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            return; /* between them all are equal to the pivot */
    }
    for (int64_t i = low + 1; i <= high; i++) {
        uint64_t key = keys[i];
        int64_t j = i;
        for (; j > low && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}
