/* From slots to results. */
#include <slab/compute/sink/reduce_impl.h>

#include <math.h>
#include <slab/storage/base/try.h>
#include <string.h>

static const void *slots_of(const reduce_slots *s, int part, int64_t first)
{
    const reduce_part *p = &s->reduce->parts[s->output->part[part]];
    return s->slots[part] + first * (int64_t)p->kernel->slot_bytes;
}

static slab_reduce_family family_of(const reduce_slots *s, int part)
{
    return s->reduce->parts[s->output->part[part]].family;
}

static bool has(const reduce_slots *s, int part)
{
    return s->output->part[part] >= 0;
}

/* n doubles become results; complex ones with imaginary parts (NULL: all 0). */
static slab_status put(const reduce_slots *s, const double *re, const double *im, int64_t n,
                       void *out)
{
    double both[2 * FINISH_MOST];
    slab_dtype result = s->output->result;
    if (result.kind != SLAB_KIND_COMPLEX)
        return slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 8), re, result, out, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        both[2 * i] = re[i];
        both[2 * i + 1] = im ? im[i] : 0;
    }
    return slab_dtype_convert(slab_dtype_make(SLAB_KIND_COMPLEX, 16), both, result, out, (size_t)n);
}

/* What the family SUM or MOMENTS added up; false: the reduction has no such part. */
static bool get_sums(const reduce_slots *s, int part, int64_t first, int64_t n, double *out)
{
    if (!has(s, part))
        return false;
    const char *slot = slots_of(s, part, first);
    size_t bytes = s->reduce->parts[s->output->part[part]].kernel->slot_bytes;
    for (int64_t i = 0; i < n; i++, slot += bytes) {
        const slab_sum_slot *sum = (const void *)slot; /* moments start with it */
        out[i] = isfinite(sum->sum) ? sum->sum + sum->error : sum->sum;
    }
    return true;
}

/* Little-endian: the low bytes are the number modulo 2^(8 size). */
static void put_wrapped(slab_dtype result, uint64_t x, int64_t i, void *out)
{
    uint8_t truth = x != 0;
    const void *from = result.kind == SLAB_KIND_BOOL ? (const void *)&truth : &x;
    memcpy((char *)out + i * result.size, from, result.size);
}

slab_status reduce_finish_sum(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    double re[FINISH_MOST], im[FINISH_MOST];
    if (family_of(s, 0) == SLAB_REDUCE_EXACT) {
        const __int128 *sum = slots_of(s, 0, first);
        for (int64_t i = 0; i < n; i++)
            put_wrapped(s->output->result, (uint64_t)sum[i], i, out);
        return SLAB_OK;
    }
    get_sums(s, 0, first, n, re);
    return put(s, re, get_sums(s, 1, first, n, im) ? im : NULL, n, out);
}

slab_status reduce_finish_product(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    double re[FINISH_MOST], im[FINISH_MOST];
    const void *slots = slots_of(s, 0, first);
    slab_kind kind = s->output->from.kind;
    if (kind == SLAB_KIND_FLOAT)
        return put(s, slots, NULL, n, out);
    for (int64_t i = 0; i < n; i++) {
        if (kind == SLAB_KIND_COMPLEX) {
            re[i] = ((const double *)slots)[2 * i];
            im[i] = ((const double *)slots)[2 * i + 1];
        } else {
            put_wrapped(s->output->result, ((const uint64_t *)slots)[i], i, out);
        }
    }
    return kind == SLAB_KIND_COMPLEX ? put(s, re, im, n, out) : SLAB_OK;
}

/* How many elements each slot has. */
static void get_counts(const reduce_slots *s, int64_t first, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (double)s->reduce->per_slot;
    if (has(s, 2)) {
        const int64_t *present = slots_of(s, 2, first);
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)present[i];
    } else if (family_of(s, 0) == SLAB_REDUCE_MOMENTS) {
        const slab_moments_slot *slot = slots_of(s, 0, first);
        for (int64_t i = 0; i < n; i++)
            out[i] = slot[i].n;
    }
}

/* Exact up to the division, or nearly so where the sum is no double. */
static double exact_mean(__int128 sum, double n)
{
    const __int128 most = (__int128)1 << 53;
    if (-most <= sum && sum <= most)
        return (double)sum / n;
    return (double)((long double)sum / (long double)n);
}

slab_status reduce_finish_mean(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    double re[FINISH_MOST], im[FINISH_MOST], count[FINISH_MOST];
    bool is_complex = false;
    get_counts(s, first, n, count);
    if (family_of(s, 0) == SLAB_REDUCE_EXACT) {
        const __int128 *sum = slots_of(s, 0, first);
        for (int64_t i = 0; i < n; i++)
            re[i] = exact_mean(sum[i], count[i]);
        return put(s, re, NULL, n, out);
    }
    get_sums(s, 0, first, n, re);
    is_complex = get_sums(s, 1, first, n, im);
    for (int64_t i = 0; i < n; i++) {
        re[i] /= count[i];
        im[i] = is_complex ? im[i] / count[i] : 0;
    }
    return put(s, re, im, n, out);
}

/* As NumPy divides: by n - ddof, which is not less than 0; nanvar knows no variance then. */
static void get_variances(const reduce_slots *s, int64_t first, int64_t n, double *out)
{
    const slab_moments_slot *re = slots_of(s, 0, first);
    const slab_moments_slot *im = has(s, 1) ? slots_of(s, 1, first) : NULL;
    for (int64_t i = 0; i < n; i++) {
        double m2 = re[i].m2 + (im ? im[i].m2 : 0), by = re[i].n - s->output->spec.ddof;
        out[i] = m2 / (by > 0 ? by : 0);
        if (s->output->is->skip && !(by > 0))
            out[i] = NAN;
    }
}

slab_status reduce_finish_var(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    double x[FINISH_MOST];
    get_variances(s, first, n, x);
    return put(s, x, NULL, n, out);
}

slab_status reduce_finish_std(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    double x[FINISH_MOST];
    get_variances(s, first, n, x);
    for (int64_t i = 0; i < n; i++)
        x[i] = sqrt(x[i]);
    return put(s, x, NULL, n, out);
}

/* Bits of NaN in a native float type. */
static void put_nan(slab_dtype dtype, void *out)
{
    const double nan = NAN;
    slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 8), &nan, dtype, out, 1);
}

/* The least or greatest of slot i, as an element of `work`. */
static void get_extreme(slab_dtype work, const void *slots, int64_t i, bool greatest, void *out)
{
    const char *pair = (const char *)slots + i * 2 * work.size;
    char other[16];
    bool low = slab_reduce_from_key(work, pair, greatest ? other : out);
    bool high = slab_reduce_from_key(work, pair + work.size, greatest ? out : other);
    if (!low || !high)
        put_nan(work, out);
}

/* Complex: either end of slot i; NaN where all were left out. */
static void get_order(const slab_order_slot *slot, bool greatest, double *re, double *im)
{
    bool none = slot->low.place == INT64_MAX;
    *re = none ? NAN : greatest ? slot->high.re : slot->low.re;
    *im = none ? NAN : greatest ? slot->high.im : slot->low.im;
}

static slab_status extreme(const reduce_slots *s, int64_t first, int64_t n, bool greatest,
                           void *out)
{
    double re[FINISH_MOST], im[FINISH_MOST];
    const void *slots = slots_of(s, 0, first);
    slab_dtype dtype = s->output->from;
    for (int64_t i = 0; i < n; i++) {
        if (dtype.kind == SLAB_KIND_COMPLEX)
            get_order((const slab_order_slot *)slots + i, greatest, &re[i], &im[i]);
        else
            get_extreme(dtype, slots, i, greatest, (char *)out + i * dtype.size);
    }
    return dtype.kind == SLAB_KIND_COMPLEX ? put(s, re, im, n, out) : SLAB_OK;
}

slab_status reduce_finish_min(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    return extreme(s, first, n, false, out);
}

slab_status reduce_finish_max(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    return extreme(s, first, n, true, out);
}

slab_status reduce_finish_ptp(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    double re[FINISH_MOST], im[FINISH_MOST];
    const void *slots = slots_of(s, 0, first);
    slab_dtype dtype = s->output->from;
    for (int64_t i = 0; i < n; i++) {
        if (dtype.kind == SLAB_KIND_COMPLEX) {
            double low[2];
            get_order((const slab_order_slot *)slots + i, true, &re[i], &im[i]);
            get_order((const slab_order_slot *)slots + i, false, &low[0], &low[1]);
            re[i] -= low[0];
            im[i] -= low[1];
            continue;
        }
        uint64_t low = 0, high = 0;
        get_extreme(dtype, slots, i, false, &low);
        get_extreme(dtype, slots, i, true, &high);
        if (dtype.kind == SLAB_KIND_FLOAT)
            re[i] = slab_dtype_get_double(dtype, &high) - slab_dtype_get_double(dtype, &low);
        else
            put_wrapped(dtype, high - low, i, out);
    }
    return dtype.kind >= SLAB_KIND_FLOAT ? put(s, re, im, n, out) : SLAB_OK;
}

static slab_status places(const reduce_slots *s, int64_t first, int64_t n, bool greatest, void *out)
{
    slab_status rc = SLAB_OK;
    const reduce_output *o = s->output;
    const void *slots = slots_of(s, 0, first);
    int64_t *place = out;
    for (int64_t i = 0; i < n; i++) {
        bool none;
        if (o->from.kind == SLAB_KIND_COMPLEX) {
            const slab_order_slot *slot = (const slab_order_slot *)slots + i;
            place[i] = greatest ? slot->high.place : slot->low.place;
            none = place[i] == INT64_MAX;
        } else {
            const slab_place_slot *slot = (const slab_place_slot *)slots + i;
            place[i] = slot->place;
            none = o->from.kind == SLAB_KIND_FLOAT && slab_reduce_is_no_key(o->from, slot->key);
        }
        REQUIRE(!none || !o->is->skip, SLAB_ERR_VALUE,
                "%s: a slice holds nothing but NaN (result %lld of those at hand)", o->is->name,
                (long long)(first + i));
    }
done:
    return rc;
}

slab_status reduce_finish_argmin(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    return places(s, first, n, false, out);
}

slab_status reduce_finish_argmax(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    return places(s, first, n, true, out);
}

slab_status reduce_finish_count(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    memcpy(out, slots_of(s, 0, first), (size_t)n * sizeof(int64_t));
    return SLAB_OK;
}

slab_status reduce_finish_any(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    const int64_t *count = slots_of(s, 0, first);
    for (int64_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = count[i] > 0;
    return SLAB_OK;
}

slab_status reduce_finish_all(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    const int64_t *count = slots_of(s, 0, first);
    for (int64_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = count[i] == s->reduce->per_slot;
    return SLAB_OK;
}

slab_status reduce_finish_norm(const reduce_slots *s, int64_t first, int64_t n, void *out)
{
    double x[FINISH_MOST], p = s->output->spec.order;
    slab_reduce_family family = family_of(s, 0);
    const void *slots = slots_of(s, 0, first);
    if (family == SLAB_REDUCE_SUM)
        get_sums(s, 0, first, n, x);
    for (int64_t i = 0; i < n; i++) {
        if (family == SLAB_REDUCE_NONZERO)
            x[i] = (double)((const int64_t *)slots)[i];
        else if (family == SLAB_REDUCE_EXTREMES)
            get_extreme(slab_dtype_make(SLAB_KIND_FLOAT, 8), slots, i, p > 0, &x[i]);
        else if (p == 2)
            x[i] = sqrt(x[i]);
        else if (p != 1)
            x[i] = pow(x[i], 1 / p);
    }
    return put(s, x, NULL, n, out);
}
