/*
 * Three steps, each only where the one before found something: are all pairs of a block equal (at
 * the speed of memory, on the elements as they are); how far are they apart (vectorised, in double
 * precision); which ones are it (one by one).
 */
#include <slab/compute/kernel/difference_kernel.h>
#include <slab/storage/base/clones.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include <slab/storage/base/try.h>

_Static_assert(LDBL_MANT_DIG >= 64, "64-bit integers are compared in long double");

enum { BLOCK = 512, ELEMENT_MOST = 16 };

static bool is_wide(slab_dtype d)
{
    return (d.kind == SLAB_KIND_INT || d.kind == SLAB_KIND_UINT) && d.size == 8;
}

slab_status slab_difference_rule_make(slab_dtype a, slab_dtype b, slab_difference_rule *out)
{
    slab_status rc = SLAB_OK;
    char x[SLAB_DTYPE_NAME_MAX], y[SLAB_DTYPE_NAME_MAX];
    bool texts = a.kind == SLAB_KIND_STRING && b.kind == SLAB_KIND_STRING;
    *out = (slab_difference_rule){.a = a, .b = b};
    REQUIRE(texts || (slab_dtype_is_number(a) && slab_dtype_is_number(b)), SLAB_ERR_TYPE,
            "elements of %s and %s cannot be compared", slab_dtype_name(a, x),
            slab_dtype_name(b, y));
    if (texts)
        out->way = SLAB_DIFFERENCE_TEXT;
    else if (a.kind == SLAB_KIND_COMPLEX || b.kind == SLAB_KIND_COMPLEX)
        out->way = SLAB_DIFFERENCE_COMPLEX;
    else
        out->way = is_wide(a) || is_wide(b) ? SLAB_DIFFERENCE_WIDE : SLAB_DIFFERENCE_REAL;
done:
    return rc;
}

/* --- are they equal? --- */

SLAB_CLONES static bool f4_unequal(const float *a, const float *b, int64_t n)
{
    int32_t any = 0;
    for (int64_t i = 0; i < n; i++)
        any |= !(a[i] == b[i]);
    return any;
}

SLAB_CLONES static bool f8_unequal(const double *a, const double *b, int64_t n)
{
    int64_t any = 0;
    for (int64_t i = 0; i < n; i++)
        any |= !(a[i] == b[i]);
    return any;
}

/* Of two dense blocks; false also where that is not known. */
static bool all_equal(const slab_difference_rule *rule, const void *a, const void *b, int64_t n)
{
    slab_dtype d = rule->a;
    if (!slab_dtype_equal(d, rule->b))
        return false;
    size_t part = d.kind == SLAB_KIND_COMPLEX ? d.size / 2 : d.size;
    int64_t parts = d.kind == SLAB_KIND_COMPLEX ? 2 * n : n;
    if (d.kind != SLAB_KIND_FLOAT && d.kind != SLAB_KIND_COMPLEX)
        return memcmp(a, b, (size_t)n * d.size) == 0;
    if (part == 4)
        return !f4_unequal(a, b, parts);
    return part == 8 && !f8_unequal(a, b, parts);
}

/* --- how far apart? --- */

/* NaN is larger than infinity here: the bits of numbers >= 0 are ordered as they are. */
typedef struct measured {
    int64_t differ, unequal;
    int64_t absolute, relative; /* bits of doubles */
} measured;

static const int64_t infinity_bits = INT64_C(0x7ff0000000000000);

static int64_t bits_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_of(int64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

SLAB_CLONES static void measure(const double *a, const double *b, int64_t n, double atol,
                                double rtol, measured *out)
{
    int64_t differ = 0, unequal = 0, absolute = 0, relative = 0;
    for (int64_t i = 0; i < n; i++) {
        double size = fabs(b[i]), d = fabs(a[i] - b[i]), r;
        int64_t same = a[i] == b[i], finite = size <= DBL_MAX;
        d = same ? 0 : d; /* inf - inf is NaN */
        int64_t close = same | (finite & (d <= atol + rtol * size));
        r = d / (size == 0 ? 1 : size);
        r = size == 0 ? 0 : finite ? r : d;
        int64_t d_bits, r_bits;
        memcpy(&d_bits, &d, sizeof d_bits);
        memcpy(&r_bits, &r, sizeof r_bits);
        d_bits &= INT64_MAX; /* a NaN may have a sign */
        r_bits &= INT64_MAX;
        differ += 1 - close;
        unequal += 1 - same;
        absolute = d_bits > absolute ? d_bits : absolute;
        relative = r_bits > relative ? r_bits : relative;
    }
    *out = (measured){differ, unequal, absolute, relative};
}

/* --- which ones? --- */

typedef struct judged {
    bool same, close, nan;
    double absolute, relative;
} judged;

/* The same as measure(), of one pair; `real` is double or long double. */
#define JUDGE(name, real, magnitude)                                                               \
    static judged name(const slab_difference_rule *rule, real a, real b)                           \
    {                                                                                              \
        real size = magnitude(b), d = magnitude(a - b), limit = rule->atol + rule->rtol * size;    \
        bool nan = a != a || b != b, both = a != a && b != b, finite = size <= DBL_MAX;            \
        bool same = a == b || (both && rule->equal_nan);                                           \
        judged j = {.same = same, .close = same || (finite && d <= limit), .nan = nan};            \
        j.absolute = same ? 0 : nan ? INFINITY : (double)d;                                        \
        j.relative = same || size == 0 ? 0 : nan || !finite ? INFINITY : (double)(d / size);       \
        return j;                                                                                  \
    }

JUDGE(judge_real, double, fabs)
JUDGE(judge_wide, long double, fabsl)

static judged judge_complex(const slab_difference_rule *rule, const double *a, const double *b)
{
    double size = hypot(b[0], b[1]), d = hypot(a[0] - b[0], a[1] - b[1]);
    bool a_nan = isnan(a[0]) || isnan(a[1]), b_nan = isnan(b[0]) || isnan(b[1]);
    bool nan = a_nan || b_nan, finite = size <= DBL_MAX;
    bool same = (a[0] == b[0] && a[1] == b[1]) || (a_nan && b_nan && rule->equal_nan);
    judged j = {.same = same, .nan = nan};
    j.close = same || (finite && !nan && d <= rule->atol + rule->rtol * size);
    j.absolute = same ? 0 : nan || isnan(d) ? INFINITY : d;
    j.relative = same || size == 0 ? 0 : nan || !finite || isnan(d) ? INFINITY : d / size;
    return j;
}

/* Texts that differ have no distance: 1, to be listed in their order. */
static judged judge_text(const slab_difference_rule *rule, const char *a, const char *b)
{
    size_t n = strnlen(a, rule->a.size), m = strnlen(b, rule->b.size);
    bool same = n == m && memcmp(a, b, n) == 0;
    return (judged){.same = same, .close = same, .absolute = same ? 0 : 1};
}

/* A block as it is compared. */
typedef union block {
    double real[BLOCK];
    double complex[2 * BLOCK];
    long double wide[BLOCK];
    char raw[BLOCK * ELEMENT_MOST];
} block;

static judged judge(const slab_difference_rule *rule, const void *a, const void *b, int64_t i)
{
    switch (rule->way) {
    case SLAB_DIFFERENCE_REAL:
        return judge_real(rule, ((const double *)a)[i], ((const double *)b)[i]);
    case SLAB_DIFFERENCE_WIDE:
        return judge_wide(rule, ((const long double *)a)[i], ((const long double *)b)[i]);
    default:
        return judge_complex(rule, (const double *)a + 2 * i, (const double *)b + 2 * i);
    }
}

static void count(const judged *j, slab_difference_sums *sums)
{
    sums->differ += !j->close;
    sums->unequal += !j->same;
    sums->nan += j->nan && !j->close;
    if (j->nan)
        return;
    sums->absolute = j->absolute > sums->absolute ? j->absolute : sums->absolute;
    sums->relative = j->relative > sums->relative ? j->relative : sums->relative;
}

static void tell(const judged *j, int64_t i, const slab_difference_found *found)
{
    if (!j->close && j->absolute >= *found->least)
        found->see(found->context, i, j->absolute);
}

/* --- blocks --- */

/* Elements of one side, made dense. @param[out] out  the elements themselves, or `room` */
static void gather(const char *from, int64_t stride, int64_t n, uint32_t size, char *room,
                   const void **out)
{
    *out = from;
    if (stride == size || n == 1)
        return;
    for (int64_t i = 0; i < n; i++)
        memcpy(room + (size_t)i * size, from + i * stride, size);
    *out = room;
}

/* In the type of the way; @param[out] out  the elements themselves where they have it */
static slab_status as_way(const slab_difference_rule *rule, slab_dtype from, const void *raw,
                          int64_t n, block *room, const void **out)
{
    slab_status rc = SLAB_OK;
    bool complex = rule->way == SLAB_DIFFERENCE_COMPLEX;
    slab_dtype to =
        slab_dtype_make(complex ? SLAB_KIND_COMPLEX : SLAB_KIND_FLOAT, complex ? 16 : 8);
    *out = room;
    if (rule->way != SLAB_DIFFERENCE_WIDE) {
        if (slab_dtype_equal(from, to))
            *out = raw;
        else
            TRY(slab_dtype_convert(from, raw, to, room, (size_t)n));
    } else if (is_wide(from)) {
        for (int64_t i = 0; i < n; i++)
            room->wide[i] = from.kind == SLAB_KIND_INT ? (long double)((const int64_t *)raw)[i]
                                                       : (long double)((const uint64_t *)raw)[i];
    } else {
        double narrow[BLOCK];
        TRY(slab_dtype_convert(from, raw, to, narrow, (size_t)n));
        for (int64_t i = 0; i < n; i++)
            room->wide[i] = narrow[i];
    }
done:
    return rc;
}

static void compare_block(const slab_difference_rule *rule, const void *a, const void *b,
                          int64_t first, int64_t n, slab_difference_sums *sums,
                          const slab_difference_found *found)
{
    measured m = {.absolute = INT64_MAX};
    if (rule->way == SLAB_DIFFERENCE_REAL)
        measure(a, b, n, rule->atol, rule->rtol, &m);
    bool counted = m.absolute <= infinity_bits && m.relative <= infinity_bits;
    if (counted) {
        sums->differ += m.differ;
        sums->unequal += m.unequal;
        if (m.absolute > bits_of(sums->absolute))
            sums->absolute = double_of(m.absolute);
        if (m.relative > bits_of(sums->relative))
            sums->relative = double_of(m.relative);
        if (m.differ == 0 || double_of(m.absolute) < *found->least)
            return;
    }
    for (int64_t i = 0; i < n; i++) {
        judged j = judge(rule, a, b, i);
        if (!counted)
            count(&j, sums);
        tell(&j, first + i, found);
    }
}

static void compare_texts(const slab_difference_rule *rule, const char *a, int64_t stride_a,
                          const char *b, int64_t stride_b, int64_t n, slab_difference_sums *sums,
                          const slab_difference_found *found)
{
    for (int64_t i = 0; i < n; i++) {
        judged j = judge_text(rule, a + i * stride_a, b + i * stride_b);
        sums->differ += !j.close;
        sums->unequal += !j.same;
        tell(&j, i, found);
    }
}

slab_status slab_difference_run(const slab_difference_rule *rule, const void *a, int64_t stride_a,
                                const void *b, int64_t stride_b, int64_t n,
                                slab_difference_sums *sums, const slab_difference_found *found)
{
    slab_status rc = SLAB_OK;
    block dense_a, dense_b, room_a, room_b;
    const char *at_a = a, *at_b = b;
    if (rule->way == SLAB_DIFFERENCE_TEXT) {
        compare_texts(rule, a, stride_a, b, stride_b, n, sums, found);
        return SLAB_OK;
    }
    /* A long dense run of equal elements is the usual case: look at more at once. */
    int64_t most = stride_a == rule->a.size && stride_b == rule->b.size ? 8 * BLOCK : BLOCK;
    for (int64_t i = 0; i < n; i += most) {
        int64_t some = n - i < most ? n - i : most;
        const void *raw_a, *raw_b, *x, *y;
        if (most > BLOCK && all_equal(rule, at_a + i * stride_a, at_b + i * stride_b, some))
            continue;
        for (int64_t k = i; k < i + some; k += BLOCK) {
            int64_t few = i + some - k < BLOCK ? i + some - k : BLOCK;
            gather(at_a + k * stride_a, stride_a, few, rule->a.size, dense_a.raw, &raw_a);
            gather(at_b + k * stride_b, stride_b, few, rule->b.size, dense_b.raw, &raw_b);
            if (all_equal(rule, raw_a, raw_b, few))
                continue;
            TRY(as_way(rule, rule->a, raw_a, few, &room_a, &x));
            TRY(as_way(rule, rule->b, raw_b, few, &room_b, &y));
            compare_block(rule, x, y, k, few, sums, found);
        }
    }
done:
    return rc;
}
