/*
 * How elements get their bits: see docs/decisions/random.md. A group is 16 Philox blocks, which is
 * 32 elements of 64 bits: element 32 g + 16 h + l has words 2 h and 2 h + 1 of block 16 g + l.
 */
#include <slab/compute/kernel/random.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <slab/compute/kernel/philox_impl.h>
#include <slab/compute/kernel/random_impl.h>
#include <slab/compute/kernel/random_math_impl.h>
#include <slab/storage/base/clones.h>
#include <slab/storage/base/try.h>

enum { GROUP = 32, STRIP_GROUPS = 32, STRIP = GROUP * STRIP_GROUPS };

slab_random_spec slab_random_defaults(slab_random_kind kind)
{
    slab_random_spec spec = {.kind = kind,
                             .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4),
                             .high = 1,
                             .deviation = 1,
                             .bound = 2,
                             .populations = 1,
                             .fst = 0.1};
    if (kind == SLAB_RANDOM_INTEGERS)
        spec.dtype = slab_dtype_make(SLAB_KIND_INT, 4);
    if (kind == SLAB_RANDOM_GENOTYPES)
        spec.dtype = slab_dtype_make(SLAB_KIND_UINT, 1);
    return spec;
}

static slab_status check_integers(const slab_random_spec *spec)
{
    slab_status rc = SLAB_OK;
    slab_dtype t = spec->dtype;
    char name[SLAB_DTYPE_NAME_MAX];
    bool whole = t.kind == SLAB_KIND_INT || t.kind == SLAB_KIND_UINT || t.kind == SLAB_KIND_BOOL;
    REQUIRE(whole, SLAB_ERR_TYPE, "random integers cannot be %s", slab_dtype_name(t, name));
    REQUIRE(spec->least < spec->bound, SLAB_ERR_VALUE,
            "random integers from %" PRId64 " to below %" PRId64 ": there are none", spec->least,
            spec->bound);
    int64_t low = 0, high = INT64_MAX; /* the greatest value that fits */
    if (t.kind == SLAB_KIND_BOOL)
        high = 1;
    else if (t.kind == SLAB_KIND_UINT && t.size < 8)
        high = (INT64_C(1) << (8 * t.size)) - 1;
    else if (t.kind == SLAB_KIND_INT)
        high = INT64_MAX >> (64 - 8 * t.size);
    if (t.kind == SLAB_KIND_INT)
        low = -high - 1;
    REQUIRE(spec->least >= low && spec->bound - 1 <= high, SLAB_ERR_VALUE,
            "%s does not hold integers from %" PRId64 " to %" PRId64, slab_dtype_name(t, name),
            spec->least, spec->bound - 1);
done:
    return rc;
}

static slab_status check_genotypes(const slab_random_spec *spec, const slab_shape *shape)
{
    slab_status rc = SLAB_OK;
    char text[SLAB_SHAPE_TEXT_MAX];
    REQUIRE(spec->dtype.kind == SLAB_KIND_UINT && spec->dtype.size == 1, SLAB_ERR_TYPE,
            "random genotypes are uint8 and nothing else");
    REQUIRE(shape->rank == 2, SLAB_ERR_SHAPE,
            "random genotypes have the shape [people, variants], not %s",
            slab_shape_text(shape, text));
    REQUIRE(spec->populations >= 1 && spec->populations <= 65536, SLAB_ERR_VALUE,
            "%d populations: 1 to 65536 are possible", spec->populations);
    REQUIRE(shape->extent[0] >= spec->populations || shape->extent[0] == 0, SLAB_ERR_SHAPE,
            "%d populations of %" PRId64 " people", spec->populations, shape->extent[0]);
    REQUIRE(spec->fst >= 1e-6 && spec->fst <= 0.999, SLAB_ERR_VALUE,
            "fst is %g: 0.000001 to 0.999 are possible", spec->fst);
    REQUIRE(spec->missing >= 0 && spec->missing <= 1, SLAB_ERR_VALUE,
            "a rate of %g missing calls: 0 to 1 are possible", spec->missing);
done:
    return rc;
}

slab_status slab_random_check(const slab_random_spec *spec, const slab_shape *shape)
{
    slab_status rc = SLAB_OK;
    int64_t elements = 0;
    char name[SLAB_DTYPE_NAME_MAX];
    TRY(slab_shape_elements(shape, &elements));
    if (spec->kind == SLAB_RANDOM_GENOTYPES)
        return check_genotypes(spec, shape);
    if (spec->kind == SLAB_RANDOM_INTEGERS)
        return check_integers(spec);
    REQUIRE(spec->dtype.kind == SLAB_KIND_FLOAT, SLAB_ERR_TYPE, "these random numbers cannot be %s",
            slab_dtype_name(spec->dtype, name));
    if (spec->kind == SLAB_RANDOM_NORMAL) {
        REQUIRE(isfinite(spec->mean) && isfinite(spec->deviation) && spec->deviation >= 0,
                SLAB_ERR_VALUE, "a mean of %g and a deviation of %g are not possible", spec->mean,
                spec->deviation);
    } else {
        REQUIRE(isfinite(spec->low) && isfinite(spec->high) && spec->low < spec->high &&
                    isfinite(spec->high - spec->low),
                SLAB_ERR_VALUE, "there is nothing from %g to below %g", spec->low, spec->high);
    }
done:
    return rc;
}

/* The 64 bits of every element of n groups. */
SLAB_CLONES static void strip_words(uint64_t seed, uint32_t stream, uint64_t first, int n,
                                    uint64_t *out)
{
    uint32_t words[STRIP_GROUPS * PHILOX_WORDS];
    philox_groups(&(philox_stream){seed, stream, 0}, first, n, words);
    for (int g = 0; g < n; g++) {
        for (int h = 0; h < 2; h++) {
            const uint32_t *low = words + g * PHILOX_WORDS + 2 * h * PHILOX_LANES;
            const uint32_t *high = low + PHILOX_LANES;
            for (int l = 0; l < PHILOX_LANES; l++)
                out[g * GROUP + h * PHILOX_LANES + l] = (uint64_t)high[l] << 32 | low[l];
        }
    }
}

/* Uniform, before the last rounding kept below `high` by `top`, the greatest number below it. */
SLAB_CLONES static void uniform_groups(const slab_random_spec *spec, double top, uint64_t first,
                                       int n, double *out)
{
    double low = spec->low, width = spec->high - spec->low;
    uint64_t bits[STRIP];
    strip_words(spec->seed, STREAM_ELEMENTS, first, n, bits);
    for (int i = 0; i < n * GROUP; i++) {
        double x = low + width * unit(bits[i]);
        out[i] = x < top ? x : top;
    }
}

/* Box & Muller (1958): elements l and l + 16 of a group share a radius. */
SLAB_CLONES static void normal_groups(const slab_random_spec *spec, uint64_t first, int n,
                                      double *out)
{
    double mean = spec->mean, deviation = spec->deviation;
    uint64_t strip[STRIP];
    strip_words(spec->seed, STREAM_ELEMENTS, first, n, strip);
    for (int g = 0; g < n; g++) {
        const uint64_t *bits = strip + g * GROUP;
        for (int l = 0; l < PHILOX_LANES; l++) {
            double c, s, radius = sqrt(-2 * math_log(1 - unit(bits[l])));
            math_turn(unit(bits[PHILOX_LANES + l]), &c, &s);
            out[g * GROUP + l] = mean + deviation * (radius * c);
            out[g * GROUP + PHILOX_LANES + l] = mean + deviation * (radius * s);
        }
    }
}

/* floor(w range / 2^64), for ranges up to 2^32: a value's probability is off by 2^-32 of itself at
 * most. */
SLAB_CLONES static void integer_groups(const slab_random_spec *spec, uint64_t range, uint64_t first,
                                       int n, int64_t *out)
{
    int64_t least = spec->least;
    uint64_t bits[STRIP];
    strip_words(spec->seed, STREAM_ELEMENTS, first, n, bits);
    for (int i = 0; i < n * GROUP; i++) {
        uint64_t low = (bits[i] & UINT32_MAX) * range >> 32;
        out[i] = least + (int64_t)(((bits[i] >> 32) * range + low) >> 32);
    }
}

/* The same with 128 bits for wider ranges: off by 2^-64 at most. */
static void wide_integer_groups(const slab_random_spec *spec, uint64_t range, uint64_t first, int n,
                                int64_t *out)
{
    uint64_t high[STRIP], low[STRIP];
    strip_words(spec->seed, STREAM_ELEMENTS, first, n, high);
    strip_words(spec->seed, STREAM_ELEMENTS_LOW, first, n, low);
    for (int i = 0; i < n * GROUP; i++) {
        unsigned __int128 carry = (unsigned __int128)low[i] * range >> 64;
        unsigned __int128 x = (unsigned __int128)high[i] * range + carry;
        out[i] = (int64_t)((uint64_t)spec->least + (uint64_t)(x >> 64));
    }
}

/* The greatest number of a float type below high. */
static double below(double high, uint32_t size)
{
    if (size == 8)
        return nextafter(high, -INFINITY);
    if (size == 4) {
        float nearest = (float)high;
        return (double)nearest < high ? nearest : nextafterf(nearest, -INFINITY);
    }
    /* f16: steps of 2^-10 of the power of two below, 2^-24 at least. */
    int e;
    frexp(high, &e);
    double step = ldexp(1, e - 11 < -24 ? -24 : e - 11);
    double x = floor(high / step) * step;
    if (x < high)
        return x;
    frexp(x - step / 4, &e); /* below a power of two steps are halved */
    step = ldexp(1, e - 11 < -24 ? -24 : e - 11);
    return x - step;
}

static void fill_groups(const slab_random_spec *spec, uint64_t first, int n, void *out)
{
    uint64_t range = (uint64_t)spec->bound - (uint64_t)spec->least;
    if (spec->kind == SLAB_RANDOM_NORMAL)
        normal_groups(spec, first, n, out);
    else if (spec->kind == SLAB_RANDOM_UNIFORM)
        uniform_groups(spec, below(spec->high, spec->dtype.size), first, n, out);
    else if (range <= UINT64_C(1) << 32)
        integer_groups(spec, range, first, n, out);
    else
        wide_integer_groups(spec, range, first, n, out);
}

/* Elements first .. first + n - 1 of the whole array. */
static void fill_run(const slab_random_spec *spec, int64_t first, int64_t n, char *out)
{
    bool whole = spec->kind == SLAB_RANDOM_INTEGERS;
    slab_dtype wide = slab_dtype_make(whole ? SLAB_KIND_INT : SLAB_KIND_FLOAT, 8);
    _Alignas(64) unsigned char strip[STRIP * 8];
    while (n > 0) {
        int64_t group = first / GROUP, skip = first % GROUP;
        int64_t take = STRIP - skip < n ? STRIP - skip : n;
        fill_groups(spec, (uint64_t)group, (int)((skip + take + GROUP - 1) / GROUP), strip);
        slab_dtype_convert(wide, strip + 8 * skip, spec->dtype, out, (size_t)take);
        out += take * (int64_t)spec->dtype.size;
        first += take;
        n -= take;
    }
}

size_t slab_random_scratch(const slab_random_spec *spec, const slab_shape *box)
{
    return spec->kind == SLAB_RANDOM_GENOTYPES ? genotypes_scratch(box->extent[1]) : 0;
}

void slab_random_box(const slab_random_spec *spec, const slab_shape *shape, const slab_box *box,
                     void *out, void *scratch)
{
    char *to = out;
    int last = box->rank - 1;
    int64_t at[SLAB_RANK_MAX] = {0}, stride[SLAB_RANK_MAX];
    if (slab_box_elements(box) == 0)
        return;
    if (spec->kind == SLAB_RANDOM_GENOTYPES) {
        genotypes_box(spec, shape, box, out, scratch);
        return;
    }
    slab_strides_of(shape->rank, shape->extent, 1, stride);
    int64_t run = box->rank ? box->count[last] : 1, first = 0;
    for (int a = 0; a < box->rank; a++)
        first += box->start[a] * stride[a];
    for (;;) {
        fill_run(spec, first, run, to);
        to += run * (int64_t)spec->dtype.size;
        int a = last - 1;
        for (; a >= 0; a--) {
            first += stride[a];
            if (++at[a] < box->count[a])
                break;
            first -= stride[a] * box->count[a];
            at[a] = 0;
        }
        if (a < 0)
            break;
    }
}
