/* Least and greatest, as keys (reduce_keys_impl.h). */
#include <slab/compute/kernel/reduce_kernel_impl.h>

#include <slab/compute/kernel/reduce_keys_impl.h>
#include <slab/storage/base/clones.h>
#include <string.h>

#define LOWER(a, b)  ((a) < (b) ? (a) : (b))
#define HIGHER(a, b) ((a) > (b) ? (a) : (b))

#define STRAIGHT(T, name, low_key, high_key)                                                       \
    SLAB_CLONES static void run_##name(const slab_reduce_block *block, void *slot)                 \
    {                                                                                              \
        pair_##name *p = slot;                                                                     \
        const T *row = block->data;                                                                \
        T low = p->low, high = p->high;                                                            \
        for (int64_t j = 0; j < block->columns; j++) {                                             \
            T x = row[j], l = low_key, h = high_key;                                               \
            low = LOWER(low, l);                                                                   \
            high = HIGHER(high, h);                                                                \
        }                                                                                          \
        *p = (pair_##name){low, high};                                                             \
    }

/* Keys that take a choice are made first and compared then: together, the compiler would not
 * vectorise either. */
#define IN_STEPS(T, name, low_key, high_key)                                                       \
    SLAB_CLONES static void run_##name(const slab_reduce_block *block, void *slot)                 \
    {                                                                                              \
        pair_##name *p = slot;                                                                     \
        T lows[REDUCE_STRIPE], highs[REDUCE_STRIPE], low = p->low, high = p->high;                 \
        for (int64_t at = 0; at < block->columns; at += REDUCE_STRIPE) {                           \
            const T *row = (const T *)block->data + at;                                            \
            int64_t left = block->columns - at;                                                    \
            int n = left < REDUCE_STRIPE ? (int)left : REDUCE_STRIPE;                              \
            for (int j = 0; j < n; j++) {                                                          \
                T x = row[j];                                                                      \
                lows[j] = low_key;                                                                 \
                highs[j] = high_key;                                                               \
            }                                                                                      \
            for (int j = 0; j < n; j++) {                                                          \
                low = LOWER(low, lows[j]);                                                         \
                high = HIGHER(high, highs[j]);                                                     \
            }                                                                                      \
        }                                                                                          \
        *p = (pair_##name){low, high};                                                             \
    }

/* Elements are read as T; `low` and `high` are their keys for either purpose. */
#define EXTREMES(RUN, T, name, least, most, low_key, high_key)                                     \
    typedef struct pair_##name {                                                                   \
        T low, high;                                                                               \
    } pair_##name;                                                                                 \
    static void init_##name(void *slots, int64_t n)                                                \
    {                                                                                              \
        pair_##name *p = slots;                                                                    \
        for (int64_t i = 0; i < n; i++)                                                            \
            p[i] = (pair_##name){most, least};                                                     \
    }                                                                                              \
    RUN(T, name, low_key, high_key)                                                                \
    SLAB_CLONES static void down_##name(const char *data, int64_t rows, int n, int64_t stride,     \
                                        T *restrict low, T *restrict high)                         \
    {                                                                                              \
        for (int64_t i = 0; i < rows; i++) {                                                       \
            const T *row = (const void *)(data + i * stride);                                      \
            for (int j = 0; j < n; j++) {                                                          \
                T x = row[j], l = low_key, h = high_key;                                           \
                low[j] = LOWER(low[j], l);                                                         \
                high[j] = HIGHER(high[j], h);                                                      \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void columns_##name(const slab_reduce_block *block, void *slots)                        \
    {                                                                                              \
        pair_##name *p = slots;                                                                    \
        for (int64_t j = 0; j < block->columns; j += REDUCE_STRIPE) {                              \
            T low[REDUCE_STRIPE], high[REDUCE_STRIPE];                                             \
            int64_t n = block->columns - j < REDUCE_STRIPE ? block->columns - j : REDUCE_STRIPE;   \
            for (int64_t k = 0; k < n; k++) {                                                      \
                low[k] = p[j + k].low;                                                             \
                high[k] = p[j + k].high;                                                           \
            }                                                                                      \
            down_##name((const char *)block->data + j * (int64_t)sizeof(T), block->rows, (int)n,   \
                        block->row_stride, low, high);                                             \
            for (int64_t k = 0; k < n; k++)                                                        \
                p[j + k] = (pair_##name){low[k], high[k]};                                         \
        }                                                                                          \
    }                                                                                              \
    static void merge_##name(void *into, const void *from, int64_t n)                              \
    {                                                                                              \
        pair_##name *p = into;                                                                     \
        const pair_##name *q = from;                                                               \
        for (int64_t i = 0; i < n; i++) {                                                          \
            p[i].low = LOWER(p[i].low, q[i].low);                                                  \
            p[i].high = HIGHER(p[i].high, q[i].high);                                              \
        }                                                                                          \
    }

EXTREMES(STRAIGHT, uint8_t, u1, 0, UINT8_MAX, x, x)
EXTREMES(STRAIGHT, int8_t, i1, INT8_MIN, INT8_MAX, x, x)
EXTREMES(STRAIGHT, uint16_t, u2, 0, UINT16_MAX, x, x)
EXTREMES(STRAIGHT, int16_t, i2, INT16_MIN, INT16_MAX, x, x)
EXTREMES(STRAIGHT, uint32_t, u4, 0, UINT32_MAX, x, x)
EXTREMES(STRAIGHT, int32_t, i4, INT32_MIN, INT32_MAX, x, x)
EXTREMES(STRAIGHT, uint64_t, u8, 0, UINT64_MAX, x, x)
EXTREMES(STRAIGHT, int64_t, i8, INT64_MIN, INT64_MAX, x, x)
EXTREMES(STRAIGHT, int16_t, f2, INT16_MIN, INT16_MAX, KEY_2(x), KEY_2(x))
EXTREMES(STRAIGHT, int32_t, f4, INT32_MIN, INT32_MAX, KEY_4(x), KEY_4(x))
EXTREMES(STRAIGHT, int64_t, f8, INT64_MIN, INT64_MAX, KEY_8(x), KEY_8(x))
EXTREMES(IN_STEPS, int16_t, s2, INT16_MIN, INT16_MAX,
         PICK_KEY(int16_t, NAN_BITS_2(x), INT16_MAX, KEY_2(x)),
         PICK_KEY(int16_t, NAN_BITS_2(x), INT16_MIN, KEY_2(x)))
EXTREMES(IN_STEPS, int32_t, s4, INT32_MIN, INT32_MAX,
         PICK_KEY(int32_t, NAN_BITS_4(x), INT32_MAX, KEY_4(x)),
         PICK_KEY(int32_t, NAN_BITS_4(x), INT32_MIN, KEY_4(x)))
EXTREMES(IN_STEPS, int64_t, s8, INT64_MIN, INT64_MAX,
         PICK_KEY(int64_t, NAN_BITS_8(x), INT64_MAX, KEY_8(x)),
         PICK_KEY(int64_t, NAN_BITS_8(x), INT64_MIN, KEY_8(x)))

#define ROW(name)                                                                                  \
    {                                                                                              \
        .slot_bytes = sizeof(pair_##name), .init = init_##name, .run = run_##name,                 \
        .columns = columns_##name, .merge = merge_##name                                           \
    }

static const slab_reduce_kernel plain[REDUCE_REALS] = {ROW(u1), ROW(i1), ROW(u2), ROW(i2),
                                                       ROW(u4), ROW(i4), ROW(u8), ROW(i8),
                                                       ROW(f2), ROW(f4), ROW(f8)};
static const slab_reduce_kernel skipping[] = {ROW(s2), ROW(s4), ROW(s8)};

const slab_reduce_kernel *reduce_extremes_of(slab_dtype dtype, bool skip)
{
    int row = reduce_row_of(dtype);
    if (row < 0)
        return NULL;
    return skip && row >= REDUCE_INTEGERS ? &skipping[row - REDUCE_INTEGERS] : &plain[row];
}

#define FROM_KEY(T, size)                                                                          \
    do {                                                                                           \
        T k, x;                                                                                    \
        memcpy(&k, key, sizeof k);                                                                 \
        x = KEY_##size(k);                                                                         \
        memcpy(element, &x, sizeof x);                                                             \
        return !NAN_KEY_##size(k);                                                                 \
    } while (0)

bool slab_reduce_from_key(slab_dtype dtype, const void *key, void *element)
{
    if (dtype.kind == SLAB_KIND_FLOAT) {
        if (dtype.size == 2)
            FROM_KEY(int16_t, 2);
        if (dtype.size == 4)
            FROM_KEY(int32_t, 4);
        FROM_KEY(int64_t, 8);
    }
    memcpy(element, key, dtype.size);
    return true;
}
