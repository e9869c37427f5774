/*
 * Sums, moments and products of floats. One text for every instruction set: the compiler makes the
 * vectors of the one that TARGET names, and since lanes are fixed and nothing is contracted or
 * reordered, all compute the same thing lane by lane.
 */
#include <math.h>
#include <string.h>

#include <slab/compute/kernel/reduce_kernel_impl.h>

#define INLINE TARGET static inline __attribute__((always_inline))

enum { LANES = 16, FLUSH = 32, GROUP = 4, TRACKS = 2, WIDTH = VECTOR / 8, NV = LANES / WIDTH };

/* Vectors as wide as the registers: NV of them are the sixteen lanes. */
typedef double vd __attribute__((vector_size(VECTOR)));
typedef int64_t vl __attribute__((vector_size(VECTOR))); /* also masks */
typedef double vd_memory __attribute__((vector_size(VECTOR), aligned(8), may_alias));

/* Elsewhere by hand: the compiler would convert in halves and join them. */
#ifndef WIDEN
typedef float vf_memory __attribute__((vector_size(VECTOR / 2), aligned(4), may_alias));
#define WIDEN(x) __builtin_convertvector(*(const vf_memory *)(x), vd)
#endif

/* Lane i gets lane i + WIDTH / 2, i + WIDTH / 4 ...: what is beyond the end does not matter. */
#if VECTOR == 64
#define TURNS(of) of(4, 5, 6, 7, 0, 1, 2, 3) of(2, 3, 4, 5, 6, 7, 0, 1) of(1, 2, 3, 4, 5, 6, 7, 0)
#elif VECTOR == 32
#define TURNS(of) of(2, 3, 0, 1) of(1, 2, 3, 0)
#else
#define TURNS(of) of(1, 0)
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
INLINE void sum_rows(variety kind, int tracks, const char *const *x, int64_t rows, int64_t stride,
                     vd sum[][NV], vd error[][NV], vd n[][NV])
{
    const vd one = (vd){0} + 1;
    int64_t group = kind.wide ? GROUP : FLUSH;
    for (int64_t from = 0; from < rows; from += group) {
        int64_t to = from + group < rows ? from + group : rows;
        vd part[TRACKS][NV] = {{{0}}};
        for (int64_t i = from; i < to; i++) {
            for (int t = 0; t < tracks; t++) {
                vd v[NV];
                load(x[t] + i * stride, kind.wide, v);
                for (int h = 0; h < NV; h++) {
                    if (kind.skip) {
                        vl there = v[h] == v[h];
                        v[h] = PICK(there, v[h]);
                        n[t][h] += PICK(there, one);
                    }
                    part[t][h] += v[h];
                }
            }
        }
        for (int t = 0; t < tracks; t++)
            for (int h = 0; h < NV; h++)
                two_sum(&sum[t][h], &error[t][h], &part[t][h]);
    }
}

/* Pass two, while they are in the nearest cache: squares of deviations from their mean. */
INLINE void square_rows(variety kind, int tracks, const char *const *x, int64_t rows,
                        int64_t stride, vd mean[][NV], vd q[][NV])
{
    for (int64_t i = 0; i < rows; i++) {
        for (int t = 0; t < tracks; t++) {
            vd v[NV];
            load(x[t] + i * stride, kind.wide, v);
            for (int h = 0; h < NV; h++) {
                vd d = v[h] - mean[t][h];
                if (kind.skip) {
                    vl there = v[h] == v[h];
                    d = PICK(there, d);
                }
                q[t][h] += d * d;
            }
        }
    }
}

/*
 * Both in one pass, for f32, whose conversion is what costs most. Deviations are those from a
 * lane's first element c: (mean - c)^2 is at most FLUSH times the variance, because c is one of the
 * lane's elements, so that q - s^2 / rows loses five bits of f64 at the worst. The sum is of the
 * elements themselves: infinities stay.
 */
INLINE void shifted_rows(int tracks, const char *const *x, int64_t rows, int64_t stride,
                         vd sum[][NV], vd q[][NV])
{
    vd first[TRACKS][NV];
    for (int t = 0; t < tracks; t++)
        load(x[t], false, first[t]);
    for (int64_t i = 0; i < rows; i++) {
        for (int t = 0; t < tracks; t++) {
            vd v[NV];
            load(x[t] + i * stride, false, v);
            for (int h = 0; h < NV; h++) {
                vd d = v[h] - first[t][h];
                sum[t][h] += v[h];
                q[t][h] += d * d;
            }
        }
    }
    for (int t = 0; t < tracks; t++) {
        for (int h = 0; h < NV; h++) {
            vd s = sum[t][h] - first[t][h] * (double)rows;
            q[t][h] -= s * s * (1 / (double)rows);
        }
    }
}

/* Up to FLUSH rows of sixteen elements, in several tracks: the additions of one wait for each
 * other, those of another need not. */
INLINE void add_rows(lanes *s, variety kind, int tracks, const char *const *x, int64_t rows,
                     int64_t stride)
{
    const vd one = (vd){0} + 1;
    vd sum[TRACKS][NV] = {{{0}}}, error[TRACKS][NV] = {{{0}}}, n[TRACKS][NV] = {{{0}}};
    vd q[TRACKS][NV] = {{{0}}}, mean[TRACKS][NV];
    bool shifted = kind.moments && !kind.wide && !kind.skip;
    if (shifted)
        shifted_rows(tracks, x, rows, stride, sum, q);
    else
        sum_rows(kind, tracks, x, rows, stride, sum, error, n);
    for (int t = 0; kind.moments && t < tracks; t++) {
        for (int h = 0; h < NV; h++) {
            vl none = n[t][h] == 0;
            vd total = sum[t][h] + error[t][h];
            mean[t][h] =
                kind.skip ? total / (n[t][h] + PICK(none, one)) : total * (1 / (double)rows);
        }
    }
    if (kind.moments && !shifted)
        square_rows(kind, tracks, x, rows, stride, mean, q);
    for (int t = 0; kind.moments && t < tracks; t++) {
        for (int h = 0; h < NV; h++)
            join_moments(&s[t], h, kind, &mean[t][h], &q[t][h], &n[t][h], (double)rows);
        s[t].each += (double)rows;
    }
    for (int t = 0; t < tracks; t++) {
        for (int h = 0; h < NV; h++) {
            two_sum(&s[t].sum[h], &s[t].error[h], &sum[t][h]);
            s[t].error[h] += error[t][h];
        }
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

/* All lanes into the first, in a fixed tree: halves of what is left are added. */
INLINE void fold_sums(vd sum[NV], vd error[NV])
{
    for (int half = NV / 2; half > 0; half /= 2) {
        for (int h = 0; h < half; h++) {
            error[h] += error[h + half];
            two_sum(&sum[h], &error[h], &sum[h + half]);
        }
    }
#define FOLD_SUM(...)                                                                              \
    {                                                                                              \
        vd other = __builtin_shufflevector(sum[0], sum[0], __VA_ARGS__);                           \
        error[0] += __builtin_shufflevector(error[0], error[0], __VA_ARGS__);                      \
        two_sum(&sum[0], &error[0], &other);                                                       \
    }
    TURNS(FOLD_SUM)
#undef FOLD_SUM
}

INLINE double fold(vd v[NV])
{
    for (int half = NV / 2; half > 0; half /= 2)
        for (int h = 0; h < half; h++)
            v[h] += v[h + half];
#define FOLD(...) v[0] += __builtin_shufflevector(v[0], v[0], __VA_ARGS__);
    TURNS(FOLD)
#undef FOLD
    return v[0][0];
}

/* All lanes, and what is left of a row behind them. */
INLINE void collapse(const lanes *s, variety kind, const double *tail, int ntail,
                     slab_moments_slot *out)
{
    const vd one = (vd){0} + 1;
    vd sum[NV], error[NV], n[NV], m2[NV];
    for (int h = 0; h < NV; h++) {
        sum[h] = s->sum[h];
        error[h] = s->error[h];
        n[h] = s->n[h];
    }
    fold_sums(sum, error);
    out->sum = sum[0][0];
    out->error = error[0][0];
    for (int l = 0; l < ntail; l++)
        add_scalar(&out->sum, &out->error, tail[l]);
    if (!kind.moments)
        return;
    double lanes_n = kind.skip ? fold(n) : s->each * LANES;
    out->n = lanes_n + ntail;
    out->m2 = 0;
    double mean = out->n > 0 ? (out->sum + out->error) / out->n : 0;
    if (lanes_n > 0) {
        for (int h = 0; h < NV; h++) {
            vd of_lane = s->sum[h] + s->error[h];
            vl some = s->n[h] > 0;
            vd count = kind.skip ? s->n[h] : (vd){0} + s->each;
            of_lane = kind.skip ? of_lane / (s->n[h] + PICK(~some, one)) : of_lane * (1 / s->each);
            vd delta = of_lane - mean, term = delta * delta * count;
            m2[h] = s->m2[h] + (kind.skip ? PICK(some, term) : term);
        }
        out->m2 = fold(m2);
    }
    for (int l = 0; l < ntail; l++)
        out->m2 += (tail[l] - mean) * (tail[l] - mean);
}

static inline double element(const char *x, bool wide, int64_t j)
{
    return wide ? ((const double *)(const void *)x)[j]
                : (double)((const float *)(const void *)x)[j];
}

/* One row, or several at once, each to a slot of its own. */
INLINE void float_tracks(variety kind, int tracks, const char *const *x, int64_t columns,
                         slab_moments_slot *const *slots)
{
    int64_t size = kind.wide ? 8 : 4, whole = columns / LANES;
    lanes s[TRACKS];
    memset(s, 0, (size_t)tracks * sizeof *s);
    for (int64_t i = 0; i < whole; i += FLUSH) {
        const char *at[TRACKS];
        for (int t = 0; t < tracks; t++)
            at[t] = x[t] + i * LANES * size;
        add_rows(s, kind, tracks, at, whole - i < FLUSH ? whole - i : FLUSH, LANES * size);
    }
    for (int t = 0; t < tracks; t++) {
        slab_moments_slot all;
        double tail[LANES];
        int ntail = 0;
        for (int64_t j = whole * LANES; j < columns; j++) {
            double v = element(x[t], kind.wide, j);
            tail[ntail] = v;
            ntail += !kind.skip || v == v;
        }
        collapse(&s[t], kind, tail, ntail, &all);
        add_slot(slots[t], &all, kind.moments);
    }
}

INLINE void float_run(const slab_reduce_block *block, void *slot, variety kind)
{
    const char *x = block->data;
    slab_moments_slot *one = slot;
    float_tracks(kind, 1, &x, block->columns, &one);
}

INLINE void float_rows(const slab_reduce_block *block, void *slots, int64_t slot_stride,
                       variety kind)
{
    for (int64_t i = 0; i < block->rows;) {
        int n = block->rows - i < TRACKS ? 1 : TRACKS;
        const char *rows[TRACKS];
        slab_moments_slot *own[TRACKS];
        for (int t = 0; t < n; t++, i++) {
            rows[t] = (const char *)block->data + i * block->row_stride;
            own[t] = (void *)((char *)slots + i * slot_stride);
        }
        if (n == TRACKS)
            float_tracks(kind, TRACKS, rows, block->columns, own);
        else
            float_tracks(kind, 1, rows, block->columns, own);
    }
}

/* The sums of a group of columns while rows pass by. */
typedef struct group {
    double sum[REDUCE_STRIPE], error[REDUCE_STRIPE], m2[REDUCE_STRIPE], n[REDUCE_STRIPE];
} group;

INLINE void group_rows(group *g, int j, variety kind, double each, int tracks, const char *x,
                       int64_t rows, int64_t stride)
{
    lanes s[TRACKS];
    const char *at[TRACKS];
    for (int t = 0; t < tracks; t++) {
        s[t].each = each;
        at[t] = x + t * LANES * (kind.wide ? 8 : 4);
        for (int h = 0; h < NV; h++) {
            int k = j + t * LANES + h * WIDTH;
            s[t].sum[h] = *(const vd_memory *)(g->sum + k);
            s[t].error[h] = *(const vd_memory *)(g->error + k);
            if (kind.moments) {
                s[t].m2[h] = *(const vd_memory *)(g->m2 + k);
                s[t].n[h] = *(const vd_memory *)(g->n + k);
            }
        }
    }
    add_rows(s, kind, tracks, at, rows, stride);
    for (int t = 0; t < tracks; t++) {
        for (int h = 0; h < NV; h++) {
            int k = j + t * LANES + h * WIDTH;
            *(vd_memory *)(g->sum + k) = s[t].sum[h];
            *(vd_memory *)(g->error + k) = s[t].error[h];
            if (kind.moments) {
                *(vd_memory *)(g->m2 + k) = s[t].m2[h];
                *(vd_memory *)(g->n + k) = s[t].n[h];
            }
        }
    }
}

/* A few rows across a group; columns at the edge are copied to rows of their own. */
INLINE void group_strip(group *g, variety kind, double each, const char *x, int64_t rows,
                        int columns, int64_t stride)
{
    int64_t size = kind.wide ? 8 : 4;
    int j = 0;
    for (; j + TRACKS * LANES <= columns; j += TRACKS * LANES)
        group_rows(g, j, kind, each, TRACKS, x + j * size, rows, stride);
    for (; j + LANES <= columns; j += LANES)
        group_rows(g, j, kind, each, 1, x + j * size, rows, stride);
    if (j == columns)
        return;
    double edge[FLUSH * LANES];
    memset(edge, 0, sizeof edge);
    for (int64_t i = 0; i < rows; i++)
        memcpy((char *)edge + i * LANES * size, x + i * stride + j * size,
               (size_t)(columns - j) * (size_t)size);
    group_rows(g, j, kind, each, 1, (const char *)edge, rows, LANES * size);
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
    TARGET static void sum_rows##suffix(const slab_reduce_block *block, void *slots,               \
                                        int64_t slot_stride)                                       \
    {                                                                                              \
        float_rows(block, slots, slot_stride, sum_kind##suffix);                                   \
    }                                                                                              \
    TARGET static void moments_rows##suffix(const slab_reduce_block *block, void *slots,           \
                                            int64_t slot_stride)                                   \
    {                                                                                              \
        float_rows(block, slots, slot_stride, moments_kind##suffix);                               \
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

#define ROW(family, start, slot, by_rows, suffix)                                                  \
    {                                                                                              \
        .slot_bytes = sizeof(slot), .init = start, .run = family##_run##suffix, .rows = by_rows,   \
        .columns = family##_columns##suffix, .merge = family##_merge                               \
    }
#define ROWS(family, start, slot, by_rows)                                                         \
    {                                                                                              \
        {ROW(family, start, slot, by_rows(4), 4), ROW(family, start, slot, by_rows(4s), 4s)},      \
            {ROW(family, start, slot, by_rows(8), 8), ROW(family, start, slot, by_rows(8s), 8s)},  \
    }
#define SUM_ROWS(suffix)     sum_rows##suffix
#define MOMENTS_ROWS(suffix) moments_rows##suffix
#define NO_ROWS(suffix)      NULL

const reduce_path PATH(reduce) = {.sum = ROWS(sum, NULL, slab_sum_slot, SUM_ROWS),
                                  .moments = ROWS(moments, NULL, slab_moments_slot, MOMENTS_ROWS),
                                  .product = ROWS(product, product_init, double, NO_ROWS)};
