/*
 * The statistics kernels over vector operations that the including file defines (f_... on sixteen
 * f32, d_... on eight f64, n_... on sixteen counters, b_... on BYTES bytes): one text for every
 * instruction set, so that all compute the same thing lane by lane.
 */
#include <math.h>
#include <string.h>

typedef struct PATH(sums) {
    vd sum[2], square[2];
    vf low4, high4;
    vd low8[2], high8[2];
} PATH(sums);

INLINE void PATH(begin)(PATH(sums) * s)
{
    for (int h = 0; h < 2; h++) {
        s->sum[h] = s->square[h] = d_set(0);
        s->low8[h] = d_set(INFINITY);
        s->high8[h] = d_set(-INFINITY);
    }
    s->low4 = f_set(INFINITY);
    s->high4 = f_set(-INFINITY);
}

INLINE void PATH(end)(const PATH(sums) * s, bool wide, moments_lanes *out)
{
    for (int h = 0; h < 2; h++) {
        d_store(out->sum + 8 * h, s->sum[h]);
        d_store(out->square + 8 * h, s->square[h]);
    }
    d_store(out->low, wide ? s->low8[0] : f_front(s->low4));
    d_store(out->low + 8, wide ? s->low8[1] : f_back(s->low4));
    d_store(out->high, wide ? s->high8[0] : f_front(s->high4));
    d_store(out->high + 8, wide ? s->high8[1] : f_back(s->high4));
}

/* One eighth step of the careful way: x where m is true, shifted. */
INLINE void PATH(add_careful)(PATH(sums) * s, int h, vd x, md m, vd shift)
{
    vd d = d_pick(m, d_subtract(x, shift), d_set(0));
    s->sum[h] = d_add(s->sum[h], d);
    s->square[h] = d_add(s->square[h], d_multiply(d, d));
}

INLINE void PATH(extremes4)(PATH(sums) * s, vf x, mf m)
{
    s->low4 = f_min(f_pick(m, x, f_set(INFINITY)), s->low4);
    s->high4 = f_max(f_pick(m, x, f_set(-INFINITY)), s->high4);
}

INLINE void PATH(extremes8)(PATH(sums) * s, int h, vd x, md m)
{
    s->low8[h] = d_min(d_pick(m, x, d_set(INFINITY)), s->low8[h]);
    s->high8[h] = d_max(d_pick(m, x, d_set(-INFINITY)), s->high8[h]);
}

/* The end of a row, lane by lane, element l into lane l. */
INLINE void PATH(tail)(const void *row, bool wide, int64_t from, int64_t to, bool careful,
                       double shift, moments_lanes *out)
{
    for (int64_t j = from; j < to; j++) {
        double x = wide ? ((const double *)row)[j] : (double)((const float *)row)[j];
        int l = (int)(j - from);
        out->zeros[0] += x == 0;
        if (careful && !isfinite(x)) {
            out->nans[0] += isnan(x) != 0;
            continue;
        }
        out->finite[0]++;
        double d = careful ? x - shift : x;
        out->sum[l] += d;
        out->square[l] += d * d;
        out->low[l] = x < out->low[l] ? x : out->low[l];
        out->high[l] = x > out->high[l] ? x : out->high[l];
    }
}

INLINE void PATH(row4)(PATH(sums) * s, const float *x, int64_t n, bool careful, vd shift,
                       moments_lanes *out)
{
    int64_t zeros = 0, finite = 0, nans = 0;
    for (int64_t j = 0; j < n; j += LANES) {
        vf v = f_load(x + j);
        zeros += f_bits(f_zero(v));
        if (careful) {
            mf m = f_finite(v);
            finite += f_bits(m);
            nans += f_bits(f_nan(v));
            PATH(add_careful)(s, 0, f_front(v), f_mask_front(m), shift);
            PATH(add_careful)(s, 1, f_back(v), f_mask_back(m), shift);
            PATH(extremes4)(s, v, m);
        } else {
            vd a = f_load_front(x + j), b = f_load_back(x + j);
            s->sum[0] = d_add(s->sum[0], a);
            s->sum[1] = d_add(s->sum[1], b);
            s->square[0] = d_exact_square_add(a, s->square[0]);
            s->square[1] = d_exact_square_add(b, s->square[1]);
            s->low4 = f_min(v, s->low4);
            s->high4 = f_max(v, s->high4);
        }
    }
    out->zeros[0] += zeros;
    out->nans[0] += nans;
    out->finite[0] += careful ? finite : n;
}

INLINE void PATH(row8)(PATH(sums) * s, const double *x, int64_t n, bool careful, vd shift,
                       moments_lanes *out)
{
    int64_t zeros = 0, finite = 0, nans = 0;
    for (int64_t j = 0; j < n; j += LANES) {
        for (int h = 0; h < 2; h++) {
            vd v = d_load(x + j + 8 * h);
            zeros += d_bits(d_zero(v));
            if (careful) {
                md m = d_finite(v);
                finite += d_bits(m);
                nans += d_bits(d_nan(v));
                PATH(add_careful)(s, h, v, m, shift);
                PATH(extremes8)(s, h, v, m);
            } else {
                s->sum[h] = d_add(s->sum[h], v);
                s->square[h] = d_add(s->square[h], d_multiply(v, v));
                s->low8[h] = d_min(v, s->low8[h]);
                s->high8[h] = d_max(v, s->high8[h]);
            }
        }
    }
    out->zeros[0] += zeros;
    out->nans[0] += nans;
    out->finite[0] += careful ? finite : n;
}

INLINE void PATH(rows)(const slab_strip_block *block, bool wide, bool careful, double shift,
                       moments_lanes *out)
{
    int64_t whole = block->columns / LANES * LANES;
    PATH(sums) s;
    memset(out, 0, sizeof *out);
    PATH(begin)(&s);
    for (int64_t i = 0; i < block->rows; i++) {
        const char *row = (const char *)block->data + i * block->row_stride;
        if (wide)
            PATH(row8)(&s, (const double *)row, whole, careful, d_set(shift), out);
        else
            PATH(row4)(&s, (const float *)row, whole, careful, d_set(shift), out);
    }
    PATH(end)(&s, wide, out);
    for (int64_t i = 0; whole < block->columns && i < block->rows; i++)
        PATH(tail)
    ((const char *)block->data + i * block->row_stride, wide, whole, block->columns, careful, shift,
     out);
}

typedef struct PATH(tallies) {
    vn zeros, finite, nans;
} PATH(tallies);

INLINE void PATH(down4)(PATH(sums) * s, PATH(tallies) * n, const float *x, bool careful,
                        const vd *shift)
{
    vf v = f_load(x);
    n->zeros = n_count(n->zeros, f_zero(v));
    if (careful) {
        mf m = f_finite(v);
        n->finite = n_count(n->finite, m);
        n->nans = n_count(n->nans, f_nan(v));
        PATH(add_careful)(s, 0, f_front(v), f_mask_front(m), shift[0]);
        PATH(add_careful)(s, 1, f_back(v), f_mask_back(m), shift[1]);
        PATH(extremes4)(s, v, m);
        return;
    }
    vd a = d_subtract(f_load_front(x), shift[0]), b = d_subtract(f_load_back(x), shift[1]);
    s->sum[0] = d_add(s->sum[0], a);
    s->sum[1] = d_add(s->sum[1], b);
    s->square[0] = d_add(s->square[0], d_multiply(a, a));
    s->square[1] = d_add(s->square[1], d_multiply(b, b));
    s->low4 = f_min(v, s->low4);
    s->high4 = f_max(v, s->high4);
}

INLINE void PATH(down8)(PATH(sums) * s, PATH(tallies) * n, const vd *v, bool careful,
                        const vd *shift)
{
    n->zeros = n_count2(n->zeros, d_zero(v[0]), d_zero(v[1]));
    if (careful) {
        md m[2] = {d_finite(v[0]), d_finite(v[1])};
        n->finite = n_count2(n->finite, m[0], m[1]);
        n->nans = n_count2(n->nans, d_nan(v[0]), d_nan(v[1]));
        for (int h = 0; h < 2; h++) {
            PATH(add_careful)(s, h, v[h], m[h], shift[h]);
            PATH(extremes8)(s, h, v[h], m[h]);
        }
        return;
    }
    for (int h = 0; h < 2; h++) {
        vd d = d_subtract(v[h], shift[h]);
        s->sum[h] = d_add(s->sum[h], d);
        s->square[h] = d_add(s->square[h], d_multiply(d, d));
        s->low8[h] = d_min(v[h], s->low8[h]);
        s->high8[h] = d_max(v[h], s->high8[h]);
    }
}

/* Sixteen columns or, at the right edge, fewer: those are copied to a row of their own. */
INLINE void PATH(columns)(const slab_strip_block *block, bool wide, bool careful,
                          const double *shift, moments_lanes *out)
{
    PATH(sums) s;
    PATH(tallies) n = {n_none(), n_none(), n_none()};
    vd by[2] = {d_load(shift), d_load(shift + 8)};
    int32_t zeros[LANES], finite[LANES], nans[LANES];
    double edge[LANES] = {0};
    bool partial = block->columns < LANES;
    size_t bytes = (size_t)block->columns * (wide ? 8 : 4);
    PATH(begin)(&s);
    for (int64_t i = 0; i < block->rows; i++) {
        const void *row = (const char *)block->data + i * block->row_stride;
        row = partial ? memcpy(edge, row, bytes) : row;
        if (wide) {
            vd v[2] = {d_load(row), d_load((const double *)row + 8)};
            PATH(down8)(&s, &n, v, careful, by);
        } else {
            PATH(down4)(&s, &n, row, careful, by);
        }
    }
    PATH(end)(&s, wide, out);
    n_store(zeros, n.zeros);
    n_store(finite, n.finite);
    n_store(nans, n.nans);
    for (int l = 0; l < LANES; l++) {
        out->zeros[l] = zeros[l];
        out->finite[l] = careful ? finite[l] : block->rows;
        out->nans[l] = nans[l];
    }
}

TARGET static void PATH(rows4)(const slab_strip_block *block, bool careful, double shift,
                               moments_lanes *out)
{
    if (careful)
        PATH(rows)(block, false, true, shift, out);
    else
        PATH(rows)(block, false, false, shift, out);
}

TARGET static void PATH(rows8)(const slab_strip_block *block, bool careful, double shift,
                               moments_lanes *out)
{
    if (careful)
        PATH(rows)(block, true, true, shift, out);
    else
        PATH(rows)(block, true, false, shift, out);
}

TARGET static void PATH(columns4)(const slab_strip_block *block, bool careful, const double *shift,
                                  moments_lanes *out)
{
    if (careful)
        PATH(columns)(block, false, true, shift, out);
    else
        PATH(columns)(block, false, false, shift, out);
}

TARGET static void PATH(columns8)(const slab_strip_block *block, bool careful, const double *shift,
                                  moments_lanes *out)
{
    if (careful)
        PATH(columns)(block, true, true, shift, out);
    else
        PATH(columns)(block, true, false, shift, out);
}

TARGET static bool PATH(count_rows)(const uint8_t *x, int64_t n, int64_t counts[4])
{
    int64_t one = 0, two = 0, three = 0, j = 0;
    vb any = b_none();
    for (; j + BYTES <= n; j += BYTES) {
        vb v = b_load(x + j);
        any = b_or(any, v);
        one += b_equal(v, 1);
        two += b_equal(v, 2);
        three += b_equal(v, 3);
    }
    uint8_t rest = 0;
    for (; j < n; j++) {
        rest |= x[j];
        one += x[j] == 1;
        two += x[j] == 2;
        three += x[j] == 3;
    }
    counts[0] = n - one - two - three;
    counts[1] = one;
    counts[2] = two;
    counts[3] = three;
    return rest <= 3 && b_small(any);
}

/* Two vectors of columns at a time: three counters each stay in registers down the rows. */
INLINE vb PATH(count_stripe)(const slab_strip_block *block, int64_t at, int64_t width,
                             uint8_t *zeros, uint8_t *threes, uint8_t *sums)
{
    vb none = b_none(), any = none, z[2] = {none, none}, t[2] = {none, none}, s[2] = {none, none};
    uint8_t edge[2 * BYTES];
    bool partial = width < 2 * BYTES;
    memset(edge, 0, sizeof edge);
    for (int64_t i = 0; i < block->rows; i++) {
        const uint8_t *row = (const uint8_t *)block->data + i * block->row_stride + at;
        row = partial ? memcpy(edge, row, (size_t)width) : row;
        for (int h = 0; h < 2; h++) {
            vb v = b_load(row + h * BYTES);
            any = b_or(any, v);
            z[h] = b_count(z[h], v, 0);
            t[h] = b_count(t[h], v, 3);
            s[h] = b_add(s[h], v);
        }
    }
    for (int h = 0; h < 2; h++) {
        b_store(zeros + at + h * BYTES, z[h]);
        b_store(threes + at + h * BYTES, t[h]);
        b_store(sums + at + h * BYTES, s[h]);
    }
    return any;
}

TARGET static bool PATH(count_columns)(const slab_strip_block *block, uint8_t *zeros,
                                       uint8_t *threes, uint8_t *sums)
{
    vb any = b_none();
    for (int64_t j = 0; j < block->columns; j += 2 * BYTES) {
        int64_t width = block->columns - j < 2 * BYTES ? block->columns - j : 2 * BYTES;
        any = b_or(any, PATH(count_stripe)(block, j, width, zeros, threes, sums));
    }
    return b_small(any);
}

const statistics_path PATH(statistics) = {
    .rows4 = PATH(rows4),
    .rows8 = PATH(rows8),
    .columns4 = PATH(columns4),
    .columns8 = PATH(columns8),
    .count_rows = PATH(count_rows),
    .count_columns = PATH(count_columns),
};
