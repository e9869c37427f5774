/*
 * Sums and products of integers: exact, and wrapped around at 64 bits, so that order cannot matter
 * and the compiler may vectorise as it likes.
 */
#include <slab/compute/kernel/reduce_kernel_impl.h>

#include <slab/storage/base/clones.h>
#include <string.h>

enum { ROWS_MOST = 32768 }; /* so many 16-bit numbers fit an int32_t */

/* Numbers of up to 32 bits: P holds ROWS_MOST of them. */
#define SUM(T, P, name)                                                                            \
    SLAB_CLONES static int64_t total_##name(const T *x, int64_t n)                                 \
    {                                                                                              \
        P sum = 0;                                                                                 \
        for (int64_t j = 0; j < n; j++)                                                            \
            sum += x[j];                                                                           \
        return sum;                                                                                \
    }                                                                                              \
    static void sum_run_##name(const slab_reduce_block *block, void *slot)                         \
    {                                                                                              \
        __int128 *s = slot;                                                                        \
        const T *x = block->data;                                                                  \
        for (int64_t j = 0; j < block->columns; j += ROWS_MOST)                                    \
            *s += total_##name(x + j,                                                              \
                               block->columns - j < ROWS_MOST ? block->columns - j : ROWS_MOST);   \
    }                                                                                              \
    SLAB_CLONES static void down_##name(const char *x, int64_t rows, int n, int64_t stride,        \
                                        int64_t *out)                                              \
    {                                                                                              \
        P sums[REDUCE_STRIPE] = {0};                                                               \
        for (int64_t i = 0; i < rows; i++) {                                                       \
            const T *row = (const void *)(x + i * stride);                                         \
            for (int j = 0; j < n; j++)                                                            \
                sums[j] += row[j];                                                                 \
        }                                                                                          \
        for (int j = 0; j < n; j++)                                                                \
            out[j] = sums[j];                                                                      \
    }                                                                                              \
    static void sum_columns_##name(const slab_reduce_block *block, void *slots)                    \
    {                                                                                              \
        add_stripes(block, sizeof(T), down_##name, slots);                                         \
    }

typedef void (*sum_down)(const char *x, int64_t rows, int n, int64_t stride, int64_t *out);

static void add_stripes(const slab_reduce_block *block, int64_t size, sum_down down, void *slots)
{
    __int128 *s = slots;
    int64_t sums[REDUCE_STRIPE];
    for (int64_t i = 0; i < block->rows; i += ROWS_MOST) {
        for (int64_t j = 0; j < block->columns; j += REDUCE_STRIPE) {
            int64_t rows = block->rows - i < ROWS_MOST ? block->rows - i : ROWS_MOST;
            int64_t n = block->columns - j < REDUCE_STRIPE ? block->columns - j : REDUCE_STRIPE;
            down((const char *)block->data + i * block->row_stride + j * size, rows, (int)n,
                 block->row_stride, sums);
            for (int64_t k = 0; k < n; k++)
                s[j + k] += sums[k];
        }
    }
}

SUM(uint8_t, int32_t, u1)
SUM(int8_t, int32_t, i1)
SUM(uint16_t, int32_t, u2)
SUM(int16_t, int32_t, i2)
SUM(uint32_t, int64_t, u4)
SUM(int32_t, int64_t, i4)

/* 64 bits: the halves are summed apart. */
#define SUM_WIDE(T, name)                                                                          \
    SLAB_CLONES static void total_##name(const T *x, int64_t n, uint64_t *low, int64_t *high)      \
    {                                                                                              \
        uint64_t l = 0;                                                                            \
        int64_t h = 0;                                                                             \
        for (int64_t j = 0; j < n; j++) {                                                          \
            l += (uint32_t)x[j];                                                                   \
            h += (int64_t)(x[j] >> 32);                                                            \
        }                                                                                          \
        *low = l;                                                                                  \
        *high = h;                                                                                 \
    }                                                                                              \
    static void sum_run_##name(const slab_reduce_block *block, void *slot)                         \
    {                                                                                              \
        __int128 *s = slot;                                                                        \
        const T *x = block->data;                                                                  \
        for (int64_t j = 0; j < block->columns; j += ROWS_MOST) {                                  \
            uint64_t low;                                                                          \
            int64_t high;                                                                          \
            total_##name(x + j, block->columns - j < ROWS_MOST ? block->columns - j : ROWS_MOST,   \
                         &low, &high);                                                             \
            *s += ((__int128)high << 32) + low;                                                    \
        }                                                                                          \
    }                                                                                              \
    SLAB_CLONES static void down_##name(const char *x, int64_t rows, int n, int64_t stride,        \
                                        uint64_t *restrict low, int64_t *restrict high)            \
    {                                                                                              \
        for (int64_t i = 0; i < rows; i++) {                                                       \
            const T *row = (const void *)(x + i * stride);                                         \
            for (int j = 0; j < n; j++) {                                                          \
                low[j] += (uint32_t)row[j];                                                        \
                high[j] += (int64_t)(row[j] >> 32);                                                \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void sum_columns_##name(const slab_reduce_block *block, void *slots)                    \
    {                                                                                              \
        __int128 *s = slots;                                                                       \
        for (int64_t j = 0; j < block->columns; j += REDUCE_STRIPE) {                              \
            uint64_t low[REDUCE_STRIPE] = {0};                                                     \
            int64_t high[REDUCE_STRIPE] = {0};                                                     \
            int64_t n = block->columns - j < REDUCE_STRIPE ? block->columns - j : REDUCE_STRIPE;   \
            down_##name((const char *)block->data + j * 8, block->rows, (int)n, block->row_stride, \
                        low, high);                                                                \
            for (int64_t k = 0; k < n; k++)                                                        \
                s[j + k] += ((__int128)high[k] << 32) + low[k];                                    \
        }                                                                                          \
    }

SUM_WIDE(uint64_t, u8)
SUM_WIDE(int64_t, i8)

static void sum_merge(void *into, const void *from, int64_t n)
{
    __int128 *s = into;
    const __int128 *t = from;
    for (int64_t i = 0; i < n; i++)
        s[i] += t[i];
}

#define SUM_ROW(name)                                                                              \
    {                                                                                              \
        .slot_bytes = sizeof(__int128), .run = sum_run_##name, .columns = sum_columns_##name,      \
        .merge = sum_merge                                                                         \
    }

static const slab_reduce_kernel sums[REDUCE_INTEGERS] = {SUM_ROW(u1), SUM_ROW(i1), SUM_ROW(u2),
                                                         SUM_ROW(i2), SUM_ROW(u4), SUM_ROW(i4),
                                                         SUM_ROW(u8), SUM_ROW(i8)};

const slab_reduce_kernel *reduce_exact_of(slab_dtype dtype)
{
    int row = reduce_row_of(dtype);
    return row >= 0 && row < REDUCE_INTEGERS ? &sums[row] : NULL;
}

#define PRODUCT(T, name)                                                                           \
    SLAB_CLONES static void product_run_##name(const slab_reduce_block *block, void *slot)         \
    {                                                                                              \
        uint64_t *total = slot, product = 1;                                                       \
        const T *x = block->data;                                                                  \
        for (int64_t j = 0; j < block->columns; j++)                                               \
            product *= (uint64_t)x[j];                                                             \
        *total *= product;                                                                         \
    }                                                                                              \
    SLAB_CLONES static void product_columns_##name(const slab_reduce_block *block, void *slots)    \
    {                                                                                              \
        uint64_t *total = slots;                                                                   \
        for (int64_t i = 0; i < block->rows; i++) {                                                \
            const T *row = (const void *)((const char *)block->data + i * block->row_stride);      \
            for (int64_t j = 0; j < block->columns; j++)                                           \
                total[j] *= (uint64_t)row[j];                                                      \
        }                                                                                          \
    }

PRODUCT(uint8_t, u1)
PRODUCT(int8_t, i1)
PRODUCT(uint16_t, u2)
PRODUCT(int16_t, i2)
PRODUCT(uint32_t, u4)
PRODUCT(int32_t, i4)
PRODUCT(uint64_t, u8)
PRODUCT(int64_t, i8)

static void product_init(void *slots, int64_t n)
{
    uint64_t *p = slots;
    for (int64_t i = 0; i < n; i++)
        p[i] = 1;
}

static void product_merge(void *into, const void *from, int64_t n)
{
    uint64_t *p = into;
    const uint64_t *q = from;
    for (int64_t i = 0; i < n; i++)
        p[i] *= q[i];
}

#define PRODUCT_ROW(name)                                                                          \
    {                                                                                              \
        .slot_bytes = sizeof(uint64_t), .init = product_init, .run = product_run_##name,           \
        .columns = product_columns_##name, .merge = product_merge                                  \
    }

static const slab_reduce_kernel products[REDUCE_INTEGERS] = {
    PRODUCT_ROW(u1), PRODUCT_ROW(i1), PRODUCT_ROW(u2), PRODUCT_ROW(i2),
    PRODUCT_ROW(u4), PRODUCT_ROW(i4), PRODUCT_ROW(u8), PRODUCT_ROW(i8)};

const slab_reduce_kernel *reduce_wrapped_of(slab_dtype dtype)
{
    int row = reduce_row_of(dtype);
    return row >= 0 && row < REDUCE_INTEGERS ? &products[row] : NULL;
}
