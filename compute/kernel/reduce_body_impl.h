/*
 * Sums, moments and products of floats. One text for every instruction set: the compiler makes the
 * vectors of the one that TARGET names, and since lanes are fixed and nothing is contracted or
 * reordered, all compute the same thing lane by lane.
 */
#include <math.h>
#include <string.h>

#include <slab/compute/kernel/reduce_kernel_impl.h>

#define INLINE TARGET static inline __attribute__((always_inline))

enum { LANES = 16, FLUSH = 32, GROUP = 4, WIDTH = VECTOR / 8, NV = LANES / WIDTH };

/* Vectors as wide as the registers: NV of them are the sixteen lanes. */
typedef double vd __attribute__((vector_size(VECTOR)));
typedef int64_t vl __attribute__((vector_size(VECTOR))); /* also masks */
typedef double vd_memory __attribute__((vector_size(VECTOR), aligned(8), may_alias));

/* Elsewhere by hand: the compiler would convert in halves and join them. */
#ifndef WIDEN
typedef float vf_memory __attribute__((vector_size(VECTOR / 2), aligned(4), may_alias));
#define WIDEN(x) __builtin_convertvector(*(const vf_memory *)(x), vd)
#endif

typedef struct lanes {
    vd sum[NV], error[NV];
    vd m2[NV], n[NV]; /* moments; n: where NaN is left out, else all have `each` */
    double each;
} lanes;

/* Which kernel a body is made into; known when it is compiled. */
typedef struct variety {
    bool wide, skip, moments;
} variety;

INLINE void load(const char *x, bool wide, vd v[NV])
{
    for (int h = 0; h < NV; h++) {
        if (wide)
            v[h] = *(const vd_memory *)(x + h * WIDTH * 8);
        else
            v[h] = WIDEN(x + h * WIDTH * 4);
    }
}

/* The error gathers apart: *sum is what plain addition would give, so infinities stay. */
INLINE void two_sum(vd *sum, vd *error, const vd *x)
{
    vd s = *sum + *x, b = s - *sum;
    *error += (*sum - (s - b)) + (*x - b);
    *sum = s;
}

static inline void add_scalar(double *sum, double *error, double x)
{
    double s = *sum + x, b = s - *sum;
    *error += (*sum - (s - b)) + (x - b);
    *sum = s;
}

/* x where the mask is set, else 0. */
#define PICK(mask, x) ((vd)((vl)(x) & (mask)))

/* Chan et al. for all lanes of a half: a and q are the sum and second moment of n new elements. */
INLINE void join_moments(lanes *s, int h, variety kind, const vd *mean, const vd *q, const vd *n,
                         double each)
{
    const vd one = (vd){0} + 1;
    if (kind.skip) {
        vl some = (s->n[h] > 0) & (*n > 0), none = s->n[h] == 0, empty = (s->n[h] + *n) == 0;
        vd before = s->n[h] + PICK(none, one), all = s->n[h] + *n + PICK(empty, one);
        vd delta = *mean - (s->sum[h] + s->error[h]) / before;
        vd term = delta * delta * (s->n[h] * *n / all);
        s->m2[h] += *q + PICK(some, term);
        s->n[h] += *n;
    } else if (s->each == 0) {
        s->m2[h] = *q;
    } else {
        vd delta = *mean - (s->sum[h] + s->error[h]) * (1 / s->each);
        s->m2[h] += *q + delta * delta * (s->each * each / (s->each + each));
    }
}

/* Pass one: sums and how many are there. f64 is added in short groups whose sums are added with
 * their errors; f32 is exact enough in f64. */
INLINE void sum_rows(variety kind, const char *x, int64_t rows, int64_t stride, vd sum[NV],
                     vd error[NV], vd n[NV])
{
    const vd one = (vd){0} + 1;
    int64_t group = kind.wide ? GROUP : FLUSH;
    for (int64_t from = 0; from < rows; from += group) {
        int64_t to = from + group < rows ? from + group : rows;
        vd part[NV] = {{0}};
        for (int64_t i = from; i < to; i++) {
            vd v[NV];
            load(x + i * stride, kind.wide, v);
            for (int h = 0; h < NV; h++) {
                if (kind.skip) {
                    vl there = v[h] == v[h];
                    v[h] = PICK(there, v[h]);
                    n[h] += PICK(there, one);
                }
                part[h] += v[h];
            }
        }
        for (int h = 0; h < NV; h++)
            two_sum(&sum[h], &error[h], &part[h]);
    }
}

/* Pass two, while they are in the nearest cache: squares of deviations from their mean. */
INLINE void square_rows(variety kind, const char *x, int64_t rows, int64_t stride,
                        const vd mean[NV], vd q[NV])
{
    for (int64_t i = 0; i < rows; i++) {
        vd v[NV];
        load(x + i * stride, kind.wide, v);
        for (int h = 0; h < NV; h++) {
            vd d = v[h] - mean[h];
            if (kind.skip) {
                vl there = v[h] == v[h];
                d = PICK(there, d);
            }
            q[h] += d * d;
        }
    }
}

/* Up to FLUSH rows of sixteen elements. */
INLINE void add_rows(lanes *s, variety kind, const char *x, int64_t rows, int64_t stride)
{
    const vd one = (vd){0} + 1;
    vd sum[NV] = {{0}}, error[NV] = {{0}}, n[NV] = {{0}}, q[NV] = {{0}}, mean[NV];
    sum_rows(kind, x, rows, stride, sum, error, n);
    if (kind.moments) {
        for (int h = 0; h < NV; h++) {
            vl none = n[h] == 0;
            mean[h] = sum[h] + error[h];
            mean[h] = kind.skip ? mean[h] / (n[h] + PICK(none, one)) : mean[h] * (1 / (double)rows);
        }
        square_rows(kind, x, rows, stride, mean, q);
        for (int h = 0; h < NV; h++)
            join_moments(s, h, kind, &mean[h], &q[h], &n[h], (double)rows);
        s->each += (double)rows;
    }
    for (int h = 0; h < NV; h++) {
        two_sum(&s->sum[h], &s->error[h], &sum[h]);
        s->error[h] += error[h];
    }
}

static inline void add_slot(slab_moments_slot *into, const slab_moments_slot *from, bool moments)
{
    if (moments && into->n == 0) {
        into->m2 = from->m2;
        into->n = from->n;
    } else if (moments && from->n > 0) {
        double delta = (from->sum + from->error) / from->n - (into->sum + into->error) / into->n;
        into->m2 += from->m2 + delta * delta * (into->n * (from->n / (into->n + from->n)));
        into->n += from->n;
    }
    add_scalar(&into->sum, &into->error, from->sum);
    into->error += from->error;
}

/* All lanes, and what is left of a row behind them, in a fixed tree. */
INLINE void collapse(const lanes *s, variety kind, const double *tail, int ntail,
                     slab_moments_slot *out)
{
    double sum[LANES], error[LANES], m2[LANES], n[LANES], total = 0;
    for (int h = 0; h < NV; h++) {
        memcpy(sum + h * WIDTH, &s->sum[h], sizeof(vd));
        memcpy(error + h * WIDTH, &s->error[h], sizeof(vd));
        memcpy(m2 + h * WIDTH, &s->m2[h], sizeof(vd));
        memcpy(n + h * WIDTH, &s->n[h], sizeof(vd));
    }
    double lane_sum[LANES];
    for (int l = 0; l < LANES; l++)
        lane_sum[l] = sum[l] + error[l];
    for (int width = LANES / 2; width > 0; width /= 2) {
        for (int l = 0; l < width; l++) {
            error[l] += error[l + width];
            add_scalar(&sum[l], &error[l], sum[l + width]);
        }
    }
    for (int l = 0; l < ntail; l++)
        add_scalar(&sum[0], &error[0], tail[l]);
    out->sum = sum[0];
    out->error = error[0];
    if (!kind.moments)
        return;
    for (int l = 0; l < LANES; l++) {
        n[l] = kind.skip ? n[l] : s->each;
        total += n[l];
    }
    out->n = total + ntail;
    double mean = out->n > 0 ? (out->sum + out->error) / out->n : 0;
    for (int l = 0; l < LANES; l++) {
        double delta = (n[l] > 0 ? lane_sum[l] / n[l] : mean) - mean;
        m2[l] += n[l] > 0 ? delta * delta * n[l] : 0;
    }
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++)
            m2[l] += m2[l + width];
    for (int l = 0; l < ntail; l++)
        m2[0] += (tail[l] - mean) * (tail[l] - mean);
    out->m2 = m2[0];
}

INLINE void clear(lanes *s)
{
    memset(s, 0, sizeof *s);
}

static inline double element(const char *x, bool wide, int64_t j)
{
    return wide ? ((const double *)(const void *)x)[j]
                : (double)((const float *)(const void *)x)[j];
}

INLINE void float_run(const slab_reduce_block *block, void *slot, variety kind)
{
    int64_t size = kind.wide ? 8 : 4, whole = block->columns / LANES;
    const char *x = block->data;
    lanes s;
    slab_moments_slot all;
    double tail[LANES];
    int ntail = 0;
    clear(&s);
    for (int64_t i = 0; i < whole; i += FLUSH)
        add_rows(&s, kind, x + i * LANES * size, whole - i < FLUSH ? whole - i : FLUSH,
                 LANES * size);
    for (int64_t j = whole * LANES; j < block->columns; j++) {
        double v = element(x, kind.wide, j);
        tail[ntail] = v;
        ntail += !kind.skip || v == v;
    }
    collapse(&s, kind, tail, ntail, &all);
    add_slot(slot, &all, kind.moments);
}

/* The sums of a group of columns while rows pass by. */
typedef struct group {
    double sum[REDUCE_STRIPE], error[REDUCE_STRIPE], m2[REDUCE_STRIPE], n[REDUCE_STRIPE];
} group;

INLINE void group_rows(group *g, int j, variety kind, double each, const char *x, int64_t rows,
                       int64_t stride)
{
    lanes s = {.each = each};
    for (int h = 0; h < NV; h++) {
        s.sum[h] = *(const vd_memory *)(g->sum + j + h * WIDTH);
        s.error[h] = *(const vd_memory *)(g->error + j + h * WIDTH);
        if (kind.moments) {
            s.m2[h] = *(const vd_memory *)(g->m2 + j + h * WIDTH);
            s.n[h] = *(const vd_memory *)(g->n + j + h * WIDTH);
        }
    }
    add_rows(&s, kind, x, rows, stride);
    for (int h = 0; h < NV; h++) {
        *(vd_memory *)(g->sum + j + h * WIDTH) = s.sum[h];
        *(vd_memory *)(g->error + j + h * WIDTH) = s.error[h];
        if (kind.moments) {
            *(vd_memory *)(g->m2 + j + h * WIDTH) = s.m2[h];
            *(vd_memory *)(g->n + j + h * WIDTH) = s.n[h];
        }
    }
}

/* A few rows across a group; columns at the edge are copied to rows of their own. */
INLINE void group_strip(group *g, variety kind, double each, const char *x, int64_t rows,
                        int columns, int64_t stride)
{
    int64_t size = kind.wide ? 8 : 4;
    int j = 0;
    for (; j + LANES <= columns; j += LANES)
        group_rows(g, j, kind, each, x + j * size, rows, stride);
    if (j == columns)
        return;
    double edge[FLUSH * LANES];
    memset(edge, 0, sizeof edge);
    for (int64_t i = 0; i < rows; i++)
        memcpy((char *)edge + i * LANES * size, x + i * stride + j * size,
               (size_t)(columns - j) * (size_t)size);
    group_rows(g, j, kind, each, (const char *)edge, rows, LANES * size);
}

INLINE void float_columns(const slab_reduce_block *block, void *slots, variety kind)
{
    int64_t size = kind.wide ? 8 : 4,
            slot_bytes = kind.moments ? sizeof(slab_moments_slot) : sizeof(slab_sum_slot);
    for (int64_t j = 0; j < block->columns; j += REDUCE_STRIPE) {
        group g;
        int n = block->columns - j < REDUCE_STRIPE ? (int)(block->columns - j) : REDUCE_STRIPE;
        memset(&g, 0, sizeof g);
        for (int64_t i = 0; i < block->rows; i += FLUSH)
            group_strip(&g, kind, (double)i,
                        (const char *)block->data + i * block->row_stride + j * size,
                        block->rows - i < FLUSH ? block->rows - i : FLUSH, n, block->row_stride);
        for (int k = 0; k < n; k++) {
            slab_moments_slot one = {.sum = g.sum[k], .error = g.error[k]};
            if (kind.moments) {
                one.m2 = g.m2[k];
                one.n = kind.skip ? g.n[k] : (double)block->rows;
            }
            add_slot((void *)((char *)slots + (j + k) * slot_bytes), &one, kind.moments);
        }
    }
}

/* Products: NaN that is left out counts as 1. */
INLINE void multiply(vd p[NV], const char *x, variety kind)
{
    const vd one = (vd){0} + 1;
    vd v[NV];
    load(x, kind.wide, v);
    for (int h = 0; h < NV; h++) {
        if (kind.skip) {
            vl there = v[h] == v[h];
            vd kept = PICK(there, v[h]), ones = one - PICK(there, one);
            v[h] = (vd)((vl)kept | (vl)ones);
        }
        p[h] *= v[h];
    }
}

INLINE void begin_product(vd p[NV])
{
    for (int h = 0; h < NV; h++)
        p[h] = (vd){0} + 1;
}

INLINE void float_product_run(const slab_reduce_block *block, void *slot, variety kind)
{
    int64_t size = kind.wide ? 8 : 4, whole = block->columns / LANES * LANES;
    const char *x = block->data;
    double t[LANES], *total = slot;
    vd p[NV];
    begin_product(p);
    for (int64_t j = 0; j < whole; j += LANES)
        multiply(p, x + j * size, kind);
    memcpy(t, p, sizeof t);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++)
            t[l] *= t[l + width];
    for (int64_t j = whole; j < block->columns; j++) {
        double v = element(x, kind.wide, j);
        t[0] *= kind.skip && v != v ? 1 : v;
    }
    *total *= t[0];
}

INLINE void float_product_columns(const slab_reduce_block *block, void *slots, variety kind)
{
    int64_t size = kind.wide ? 8 : 4;
    double *total = slots;
    for (int64_t j = 0; j < block->columns; j += LANES) {
        int64_t n = block->columns - j < LANES ? block->columns - j : LANES;
        vd p[NV];
        double t[LANES], edge[LANES] = {0};
        begin_product(p);
        for (int64_t i = 0; i < block->rows; i++) {
            const char *x = (const char *)block->data + i * block->row_stride + j * size;
            if (n < LANES)
                x = memcpy(edge, x, (size_t)(n * size));
            multiply(p, x, kind);
        }
        memcpy(t, p, sizeof t);
        for (int64_t k = 0; k < n; k++)
            total[j + k] *= t[k];
    }
}

TARGET static void product_init(void *slots, int64_t n)
{
    double *p = slots;
    for (int64_t i = 0; i < n; i++)
        p[i] = 1;
}

TARGET static void product_merge(void *into, const void *from, int64_t n)
{
    double *p = into;
    const double *q = from;
    for (int64_t i = 0; i < n; i++)
        p[i] *= q[i];
}

TARGET static void sum_merge(void *into, const void *from, int64_t n)
{
    slab_sum_slot *a = into;
    const slab_sum_slot *b = from;
    for (int64_t i = 0; i < n; i++) {
        add_scalar(&a[i].sum, &a[i].error, b[i].sum);
        a[i].error += b[i].error;
    }
}

TARGET static void moments_merge(void *into, const void *from, int64_t n)
{
    slab_moments_slot *a = into;
    const slab_moments_slot *b = from;
    for (int64_t i = 0; i < n; i++)
        add_slot(&a[i], &b[i], true);
}

#define KERNELS(suffix, is_wide, skips)                                                            \
    static const variety sum_kind##suffix = {is_wide, skips, false};                               \
    static const variety moments_kind##suffix = {is_wide, skips, true};                            \
    TARGET static void sum_run##suffix(const slab_reduce_block *block, void *slot)                 \
    {                                                                                              \
        float_run(block, slot, sum_kind##suffix);                                                  \
    }                                                                                              \
    TARGET static void sum_columns##suffix(const slab_reduce_block *block, void *slots)            \
    {                                                                                              \
        float_columns(block, slots, sum_kind##suffix);                                             \
    }                                                                                              \
    TARGET static void moments_run##suffix(const slab_reduce_block *block, void *slot)             \
    {                                                                                              \
        float_run(block, slot, moments_kind##suffix);                                              \
    }                                                                                              \
    TARGET static void moments_columns##suffix(const slab_reduce_block *block, void *slots)        \
    {                                                                                              \
        float_columns(block, slots, moments_kind##suffix);                                         \
    }                                                                                              \
    TARGET static void product_run##suffix(const slab_reduce_block *block, void *slot)             \
    {                                                                                              \
        float_product_run(block, slot, sum_kind##suffix);                                          \
    }                                                                                              \
    TARGET static void product_columns##suffix(const slab_reduce_block *block, void *slots)        \
    {                                                                                              \
        float_product_columns(block, slots, sum_kind##suffix);                                     \
    }
KERNELS(4, false, false)
KERNELS(4s, false, true)
KERNELS(8, true, false)
KERNELS(8s, true, true)

#define ROW(family, start, slot, suffix)                                                           \
    {                                                                                              \
        .slot_bytes = sizeof(slot), .init = start, .run = family##_run##suffix,                    \
        .columns = family##_columns##suffix, .merge = family##_merge                               \
    }
#define ROWS(family, start, slot)                                                                  \
    {                                                                                              \
        {ROW(family, start, slot, 4), ROW(family, start, slot, 4s)},                               \
            {ROW(family, start, slot, 8), ROW(family, start, slot, 8s)},                           \
    }

const reduce_path PATH(reduce) = {.sum = ROWS(sum, NULL, slab_sum_slot),
                                  .moments = ROWS(moments, NULL, slab_moments_slot),
                                  .product = ROWS(product, product_init, double)};
