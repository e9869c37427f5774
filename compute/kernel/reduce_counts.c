/* How many elements are not zero, and how many are not NaN. */
#include <slab/compute/kernel/reduce_kernel_impl.h>

#include <slab/storage/base/clones.h>

enum { PART = 16384 }; /* counted in 32 bits */

/* `test`: of x, the row's elements, and j; complex numbers are two of them. */
#define COUNT(T, name, test)                                                                       \
    SLAB_CLONES static int64_t count_##name(const T *x, int64_t n)                                 \
    {                                                                                              \
        int32_t count = 0;                                                                         \
        for (int64_t j = 0; j < n; j++)                                                            \
            count += (test);                                                                       \
        return count;                                                                              \
    }                                                                                              \
    static void run_##name(const slab_reduce_block *block, void *slot)                             \
    {                                                                                              \
        int64_t *total = slot, per = (int64_t)(sizeof(ELEMENT_##name) / sizeof(T));                \
        const T *x = block->data;                                                                  \
        for (int64_t j = 0; j < block->columns; j += PART)                                         \
            *total +=                                                                              \
                count_##name(x + j * per, block->columns - j < PART ? block->columns - j : PART);  \
    }                                                                                              \
    SLAB_CLONES static void down_##name(const slab_reduce_block *block, int64_t at, int64_t n,     \
                                        int64_t rows, int32_t *restrict counts)                    \
    {                                                                                              \
        for (int64_t i = 0; i < rows; i++) {                                                       \
            const T *x = (const void *)((const char *)block->data + i * block->row_stride +        \
                                        at * (int64_t)sizeof(ELEMENT_##name));                     \
            for (int64_t j = 0; j < n; j++)                                                        \
                counts[j] += (test);                                                               \
        }                                                                                          \
    }                                                                                              \
    static void columns_##name(const slab_reduce_block *block, void *slots)                        \
    {                                                                                              \
        count_stripes(block, down_##name, slots);                                                  \
    }

typedef void (*count_down)(const slab_reduce_block *block, int64_t at, int64_t n, int64_t rows,
                           int32_t *counts);

static void count_stripes(const slab_reduce_block *block, count_down down, int64_t *total)
{
    slab_reduce_block part = *block;
    for (int64_t i = 0; i < block->rows; i += PART) {
        part.data = (const char *)block->data + i * block->row_stride;
        int64_t rows = block->rows - i < PART ? block->rows - i : PART;
        for (int64_t j = 0; j < block->columns; j += REDUCE_STRIPE) {
            int32_t counts[REDUCE_STRIPE] = {0};
            int64_t n = block->columns - j < REDUCE_STRIPE ? block->columns - j : REDUCE_STRIPE;
            down(&part, j, n, rows, counts);
            for (int64_t k = 0; k < n; k++)
                total[j + k] += counts[k];
        }
    }
}

typedef uint8_t ELEMENT_n1;
typedef uint16_t ELEMENT_n2, ELEMENT_nh;
typedef uint32_t ELEMENT_n4;
typedef uint64_t ELEMENT_n8;
typedef float ELEMENT_nf, ELEMENT_pf;
typedef double ELEMENT_nd, ELEMENT_pd;
typedef float ELEMENT_nc[2], ELEMENT_pc[2];
typedef double ELEMENT_nz[2], ELEMENT_pz[2];

COUNT(uint8_t, n1, x[j] != 0)
COUNT(uint16_t, n2, x[j] != 0)
COUNT(uint32_t, n4, x[j] != 0)
COUNT(uint64_t, n8, x[j] != 0)
COUNT(uint16_t, nh, (x[j] & 0x7fff) != 0)
COUNT(float, nf, x[j] != 0)
COUNT(double, nd, x[j] != 0)
COUNT(float, nc, (x[2 * j] != 0) | (x[2 * j + 1] != 0))
COUNT(double, nz, (x[2 * j] != 0) | (x[2 * j + 1] != 0))
COUNT(float, pf, x[j] == x[j])
COUNT(double, pd, x[j] == x[j])
COUNT(float, pc, (x[2 * j] == x[2 * j]) & (x[2 * j + 1] == x[2 * j + 1]))
COUNT(double, pz, (x[2 * j] == x[2 * j]) & (x[2 * j + 1] == x[2 * j + 1]))

static void merge(void *into, const void *from, int64_t n)
{
    int64_t *s = into;
    const int64_t *t = from;
    for (int64_t i = 0; i < n; i++)
        s[i] += t[i];
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        .slot_bytes = sizeof(int64_t), .run = run_##name, .columns = columns_##name,               \
        .merge = merge                                                                             \
    }

static const slab_reduce_kernel integers[] = {ROW(n1), ROW(n2), ROW(n4), ROW(n8)};
static const slab_reduce_kernel reals[] = {ROW(nh), ROW(nf), ROW(nd)};
static const slab_reduce_kernel complexes[] = {ROW(nc), ROW(nz)};
static const slab_reduce_kernel present_reals[] = {ROW(pf), ROW(pd)};
static const slab_reduce_kernel present_complexes[] = {ROW(pc), ROW(pz)};

const slab_reduce_kernel *reduce_nonzero_of(slab_dtype dtype)
{
    int row = reduce_row_of(dtype);
    if (dtype.kind == SLAB_KIND_COMPLEX)
        return dtype.size < 8 ? NULL : &complexes[dtype.size == 16];
    if (row < 0)
        return NULL;
    return row < REDUCE_INTEGERS ? &integers[row / 2] : &reals[row - REDUCE_INTEGERS];
}

const slab_reduce_kernel *reduce_present_of(slab_dtype dtype)
{
    if (dtype.kind == SLAB_KIND_COMPLEX)
        return dtype.size < 8 ? NULL : &present_complexes[dtype.size == 16];
    if (dtype.kind != SLAB_KIND_FLOAT || dtype.size < 4)
        return NULL;
    return &present_reals[dtype.size == 8];
}
