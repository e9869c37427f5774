/*
 * Where quantiles lie: Hyndman & Fan, Sample Quantiles in Statistical Packages, The American
 * Statistician 50 (1996), with NumPy's names.
 */
#include <slab/compute/computation/quantile.h>

#include <math.h>
#include <slab/compute/computation/results.h>
#include <slab/compute/kernel/order.h>
#include <slab/compute/sink/lines.h>
#include <slab/compute/sink/selector.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

#define LINE_TILE   ((double)(32 << 20)) /* lines in tiles up to this are selected in memory */
#define APPROXIMATE 18 /* bits of a double: its sign, exponent and six of its mantissa */

/* Position of quantile q among n sorted elements, from 0; fractions lie between two of them. */
typedef struct method {
    const char *name;
    double alpha,
        beta;  /* of the continuous ones: position n q + alpha + q (1 - alpha - beta) - 1 */
    char kind; /* 'c' continuous; 'l' lower 'h' higher 'm' midpoint 'n' nearest of linear's
                  position; '1' '2' '3' Hyndman & Fan's discontinuous ones */
} method;

static const method methods[] = {
    {"linear", 1, 1, 'i'},
    {"lower", 1, 1, 'l'},
    {"higher", 1, 1, 'h'},
    {"midpoint", 1, 1, 'm'},
    {"nearest", 1, 1, 'n'},
    {"inverted_cdf", 0, 1, '1'},
    {"averaged_inverted_cdf", 0, 1, '2'},
    {"closest_observation", 0, 0, '3'},
    {"interpolated_inverted_cdf", 0, 1, 'c'},
    {"hazen", 0.5, 0.5, 'c'},
    {"weibull", 0, 0, 'c'},
    {"median_unbiased", 1.0 / 3, 1.0 / 3, 'c'},
    {"normal_unbiased", 0.375, 0.375, 'c'},
};
enum { NMETHODS = sizeof methods / sizeof *methods };

const char *slab_quantile_method_at(int i)
{
    return i >= 0 && i < NMETHODS ? methods[i].name : NULL;
}

/* The two elements around a quantile, and how far between them it lies. */
typedef struct place {
    int64_t below, above;
    double share;
} place;

static place place_at(double position, int64_t n)
{
    double floor_of = floor(position);
    place p = {.share = position - floor_of};
    p.below = position <= 0 ? 0 : position >= (double)(n - 1) ? n - 1 : (int64_t)floor_of;
    p.above = p.below + 1 < n && position >= 0 ? p.below + 1 : p.below;
    return p;
}

static place place_of(const method *m, double q, int64_t n)
{
    double nq = (double)n * q, linear = (double)(n - 1) * q, t;
    switch (m->kind) {
    case 'l':
        return place_at(floor(linear), n);
    case 'h':
        return place_at(ceil(linear), n);
    case 'n':
        return place_at(rint(linear), n);
    case 'm':
        t = 0.5 * (floor(linear) + ceil(linear));
        return place_at(t, n);
    case '1':
        t = floor(nq - 1);
        return place_at(nq - 1 > t ? t + 1 : t, n);
    case '2': {
        t = floor(nq - 1);
        place p = place_at(t, n);
        p.share = nq - 1 > t ? 1 : 0.5;
        if (nq - 1 < 0)
            p.above = p.below;
        return p;
    }
    case '3': {
        double position = nq - 1 - 0.5, down = floor(position);
        bool even = position == down && fmod(down, 2) == 1;
        return place_at(even ? down : down + 1, n);
    }
    case 'i': /* what the formula below is for alpha = beta = 1, with less rounding */
        return place_at(linear, n);
    default:
        return place_at(nq + (m->alpha + q * (1 - m->alpha - m->beta)) - 1, n);
    }
}

typedef struct quantile_self {
    slab_dtype dtype, result;
    uint32_t axes;
    bool keepdims, skip_nan, median, lines_only, large, approximate;
    const method *method;
    int nq;
    double *q;       /* [nq] */
    slab_shape kept; /* of the slots, as in the result */
    slab_selector *selector;
    slab_lines *lines;
    slab_results results; /* large results: [kept..., nq] */
    slab_computation *of;
} quantile_self;

/* --- which ranks, and what is made of them --- */

static int by_rank(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static place place_number(const quantile_self *s, int i, int64_t n)
{
    if (s->median)
        return (place){(n - 1) / 2, n / 2, 0.5};
    return place_of(s->method, s->q[i], n);
}

/* slab_ranks_wanted: two for every quantile, in order. */
static void ranks_wanted(const void *context, int64_t n, int64_t *ranks)
{
    const quantile_self *s = context;
    for (int i = 0; i < s->nq; i++) {
        place p = place_number(s, i, n);
        ranks[2 * i] = p.below;
        ranks[2 * i + 1] = p.above;
    }
    if (s->nq > 0)
        qsort(ranks, 2 * (size_t)s->nq, sizeof *ranks, by_rank);
}

static double real_of(const quantile_self *s, uint64_t key)
{
    _Alignas(16) uint8_t element[16];
    slab_order_element(s->dtype, key, element);
    return slab_dtype_get_double(s->dtype, element);
}

/* As NumPy's _lerp: from the nearer end, so that equal ends give themselves. */
static double between(const quantile_self *s, double a, double b, double t)
{
    double difference;
    bool single = s->result.size < 8;
    if (s->median)
        return a == b ? a : single ? (double)(((float)a + (float)b) / 2) : (a + b) / 2;
    difference = single ? (double)((float)b - (float)a) : b - a;
    return t >= 0.5 ? b - difference * (1 - t) : a + difference * t;
}

static slab_status put(const quantile_self *s, double real, void *out)
{
    return slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 8), &real, s->result, out, 1);
}

/* Whether a choice of one element suffices: then integers stay what they are. */
static bool chooses(const method *m)
{
    return m->kind == 'l' || m->kind == 'h' || m->kind == 'n' || m->kind == '1' || m->kind == '3';
}

/* Key of a rank, where quantiles are being made of. */
typedef uint64_t (*key_of_rank)(const void *source, int64_t slot, int64_t rank);

static slab_status make_slot(const quantile_self *s, int64_t slot, int64_t n, int64_t nans,
                             key_of_rank key, const void *source, char *out)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < s->nq; i++, out += s->result.size) {
        REQUIRE(n > 0 || s->median || s->skip_nan, SLAB_ERR_VALUE, "a quantile of no elements");
        if (n - nans == 0 || (nans > 0 && !s->skip_nan)) {
            TRY(put(s, NAN, out));
            continue;
        }
        place p = place_number(s, i, n - nans);
        uint64_t below = key(source, slot, p.below);
        if (!s->median && chooses(s->method)) {
            slab_order_element(s->dtype, below, out);
            continue;
        }
        TRY(put(s, between(s, real_of(s, below), real_of(s, key(source, slot, p.above)), p.share),
                out));
    }
done:
    return rc;
}

/* --- by selection over passes --- */

static uint64_t selected_key(const void *source, int64_t slot, int64_t rank)
{
    const quantile_self *s = source;
    int64_t n = slab_selector_count(s->selector, slot) - slab_selector_nans(s->selector, slot);
    int64_t ranks[2 * SLAB_QUANTILES_MAX];
    ranks_wanted(s, n, ranks);
    int r = 0;
    while (ranks[r] != rank)
        r++;
    return slab_selector_key(s->selector, slot, r);
}

/* Results lie with the quantiles' axis last; the value that is settled has it in front. */
static slab_status settle(slab_computation *c, slab_value *last)
{
    slab_status rc = SLAB_OK;
    slab_value *result = NULL;
    int order[SLAB_RANK_MAX], rank = slab_value_shape(last)->rank;
    for (int a = 0; a < rank; a++)
        order[a] = a == 0 ? rank - 1 : a - 1;
    result = slab_value_transpose(last, order);
    TRY(slab_computation_settle_value(c, 0, result));
done:
    slab_value_drop(&result);
    return rc;
}

static slab_shape results_shape(const quantile_self *s)
{
    slab_shape shape = s->kept;
    shape.extent[shape.rank++] = s->nq;
    return shape;
}

static slab_status end_selection(slab_computation *c)
{
    slab_status rc = SLAB_OK;
    quantile_self *s = c->self;
    slab_shape shape = results_shape(s);
    slab_value *value = NULL;
    char *out = NULL;
    int64_t slots = slab_selector_slots(s->selector);
    size_t bytes = (size_t)s->nq * s->result.size;
    TRY(slab_memory_alloc((void **)&out, (size_t)slots, bytes, "quantiles"));
    for (int64_t slot = 0; slot < slots; slot++)
        TRY(make_slot(s, slot, slab_selector_count(s->selector, slot),
                      slab_selector_nans(s->selector, slot), selected_key, s,
                      out + (size_t)slot * bytes));
    value = slab_value_from(s->result, &shape, out);
    TRY(settle(c, value));
done:
    slab_value_drop(&value);
    FREE(out);
    return rc;
}

/* --- by selection within lines --- */

static uint64_t sorted_key(const void *source, int64_t slot, int64_t rank)
{
    (void)slot;
    return ((const uint64_t *)source)[rank];
}

/* slab_lines_task.line */
static slab_status one_line(void *context, const void *elements, int64_t n, void *scratch,
                            void *result)
{
    const quantile_self *s = context;
    uint64_t *keys = scratch;
    int64_t nans = 0, ranks[2 * SLAB_QUANTILES_MAX], from = 0;
    slab_order_keys(s->dtype, elements, n, keys);
    for (int64_t i = 0; s->dtype.kind == SLAB_KIND_FLOAT && i < n - nans; i++) {
        while (keys[i] == SLAB_ORDER_NAN && i < n - nans)
            keys[i] = keys[n - ++nans];
    }
    if (n - nans > 0 && (nans == 0 || s->skip_nan)) {
        ranks_wanted(s, n - nans, ranks);
        for (int r = 0; r < 2 * s->nq; r++) {
            if (r > 0 && ranks[r] == ranks[r - 1])
                continue;
            slab_order_select(keys + from, n - nans - from, ranks[r] - from);
            from = ranks[r];
        }
    }
    return make_slot(s, 0, n, nans, sorted_key, keys, result);
}

/* slab_lines_task.take */
static slab_status take_lines(void *context, const slab_span *span, const void *lines)
{
    slab_status rc = SLAB_OK;
    quantile_self *s = context;
    slab_box box;
    if (s->large) {
        slab_span_kept(span, s->axes, s->keepdims, &box);
        box.start[box.rank] = 0;
        box.count[box.rank++] = s->nq;
        return slab_results_put(&s->results, &box, lines);
    }
    slab_shape shape = results_shape(s);
    slab_value *value = slab_value_from(s->result, &shape, lines);
    TRY(settle(s->of, value));
done:
    slab_value_drop(&value);
    return rc;
}

static slab_status end_lines(slab_computation *c, const slab_workshop *workshop)
{
    slab_status rc = SLAB_OK;
    quantile_self *s = c->self;
    slab_value *value = NULL;
    if (!s->large)
        return SLAB_OK;
    TRY(slab_results_value(&s->results, workshop, &value));
    TRY(settle(c, value));
done:
    slab_value_drop(&value);
    return rc;
}

/* --- the computation --- */

static slab_status quantile_begin(slab_computation *c, const slab_workshop *workshop,
                                  const slab_sink_class **cls, void **sink)
{
    slab_status rc = SLAB_OK;
    quantile_self *s = c->self;
    slab_value *value = c->operands[0];
    if (!s->lines_only) {
        if (!s->selector)
            TRY(slab_selector_create(value, s->axes, 2 * s->nq, ranks_wanted, s, &s->selector));
        if (s->approximate)
            slab_selector_approximate(s->selector, APPROXIMATE);
        slab_selector_foresee(s->selector, false);
        *cls = &slab_sink_selection;
        *sink = s->selector;
        goto done;
    }
    int64_t n = 1;
    for (int a = 0; a < slab_value_shape(value)->rank; a++)
        n *= s->axes >> a & 1 ? slab_value_shape(value)->extent[a] : 1;
    slab_lines_task task = {.context = s,
                            .result_bytes = (size_t)s->nq * s->result.size,
                            .scratch_bytes = (size_t)n * sizeof(uint64_t),
                            .line = one_line,
                            .take = take_lines,
                            .emits = s->large};
    slab_lines_destroy(&s->lines);
    TRY(slab_lines_create(value, s->axes, &task, &s->lines));
    slab_shape shape = results_shape(s);
    if (s->large && !s->results.file)
        TRY(slab_results_open(&s->results, workshop, &shape, s->result));
    *cls = &slab_sink_lines;
    *sink = s->lines;
done:
    return rc;
}

static slab_status quantile_end(slab_computation *c, const slab_workshop *workshop, bool *again)
{
    const quantile_self *s = c->self;
    *again = !s->lines_only && slab_selector_again(s->selector);
    if (*again)
        return SLAB_OK;
    return s->lines_only ? end_lines(c, workshop) : end_selection(c);
}

static int quantile_passes(const slab_computation *c)
{
    const quantile_self *s = c->self;
    return s->selector ? slab_selector_passes(s->selector) : 1;
}

static slab_status quantile_foresee(slab_computation *c, int pass, const slab_sink_class **cls,
                                    void **sink)
{
    const quantile_self *s = c->self;
    (void)pass; /* there is none but by selection */
    slab_selector_foresee(s->selector, true);
    *cls = &slab_sink_selection;
    *sink = s->selector;
    return SLAB_OK;
}

static size_t quantile_holds(const slab_computation *c)
{
    return ((const quantile_self *)c->self)->large ? 0 : slab_computation_result_bytes(c, 0);
}

static void quantile_clear(slab_computation *c)
{
    quantile_self *s = c->self;
    slab_selector_destroy(&s->selector);
    slab_lines_destroy(&s->lines);
    slab_results_clear(&s->results);
    FREE(s->q);
}

static const slab_computation_class quantile_class = {.name = "quantile",
                                                      .passes = quantile_passes,
                                                      .begin = quantile_begin,
                                                      .foresee = quantile_foresee,
                                                      .holds = quantile_holds,
                                                      .end = quantile_end,
                                                      .clear = quantile_clear};
static const slab_computation_class median_class = {.name = "median",
                                                    .passes = quantile_passes,
                                                    .begin = quantile_begin,
                                                    .foresee = quantile_foresee,
                                                    .holds = quantile_holds,
                                                    .end = quantile_end,
                                                    .clear = quantile_clear};

/* --- building --- */

static slab_status find_method(const char *name, const method **out)
{
    slab_status rc = SLAB_OK;
    *out = methods;
    for (int i = 0; name && i < NMETHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            *out = &methods[i];
    REQUIRE(!name || strcmp((*out)->name, name) == 0, SLAB_ERR_VALUE,
            "there is no quantile method '%s'", name);
done:
    return rc;
}

/* Short lines are selected in memory; what decides is the tile that would have to be held. */
static bool lines_are_short(const slab_value *value, uint32_t axes)
{
    const slab_grid *grid = slab_value_grid(value);
    double bytes = slab_value_dtype(value).size;
    bool all = true;
    for (int a = 0; a < grid->shape.rank; a++) {
        bool gone = axes >> a & 1;
        bytes *= (double)(gone ? grid->shape.extent[a] : grid->tile.extent[a]);
        all = all && gone;
    }
    return !all && bytes > 0 && bytes <= LINE_TILE;
}

/* NumPy: choices keep the type, floats theirs when q is a scalar, the rest is float64. */
static slab_dtype result_type(const quantile_self *s, bool scalar)
{
    bool real = s->dtype.kind == SLAB_KIND_FLOAT;
    if ((!s->median && chooses(s->method)) || (real && (s->median || scalar)))
        return s->dtype;
    return slab_dtype_make(SLAB_KIND_FLOAT, 8);
}

static slab_status fill_self(quantile_self *s, slab_value *value, const double *q, int nq,
                             bool scalar, const slab_quantile_options *o)
{
    slab_status rc = SLAB_OK;
    const slab_shape *shape = slab_value_shape(value);
    char name[SLAB_DTYPE_NAME_MAX];
    uint32_t all = shape->rank < 32 ? (1U << shape->rank) - 1 : UINT32_MAX;
    s->dtype = slab_value_dtype(value);
    REQUIRE(slab_dtype_is_number(s->dtype) && s->dtype.kind != SLAB_KIND_COMPLEX &&
                (s->median || s->dtype.kind != SLAB_KIND_BOOL),
            SLAB_ERR_TYPE, "quantiles need real numbers, not %s", slab_dtype_name(s->dtype, name));
    REQUIRE((o->axes & ~all) == 0, SLAB_ERR_RANGE, "a quantile along an axis of %d, with %d axes",
            31 - __builtin_clz(o->axes | 1), shape->rank);
    REQUIRE(nq >= 0 && nq <= SLAB_QUANTILES_MAX, SLAB_ERR_VALUE, "%d quantiles at once, at most %d",
            nq, SLAB_QUANTILES_MAX);
    for (int i = 0; i < nq; i++)
        REQUIRE(q[i] >= 0 && q[i] <= 1, SLAB_ERR_VALUE, "quantile %g is not between 0 and 1", q[i]);
    TRY(find_method(o->method, &s->method));
    s->axes = o->axes ? o->axes : all;
    s->keepdims = o->keepdims;
    s->skip_nan = o->skip_nan;
    s->nq = nq;
    ALLOC(s->q, nq, "quantiles");
    if (nq > 0)
        memcpy(s->q, q, sizeof *q * (size_t)nq);
    s->kept = slab_shape_reduced(shape, s->axes, s->keepdims);
    s->result = result_type(s, scalar);
    s->approximate = o->approximate;
    s->lines_only = !s->approximate && lines_are_short(value, s->axes);
    s->large = s->lines_only && slab_results_are_large(&s->kept, (size_t)nq * s->result.size);
done:
    return rc;
}

static slab_value *build(slab_value *value, const double *q, int nq, bool scalar, bool median,
                         const slab_quantile_options *options)
{
    slab_status rc = SLAB_OK;
    slab_computation *c = NULL;
    slab_value *result = NULL;
    slab_quantile_options none = {0};
    slab_value *wide = NULL;
    if (options && options->approximate) { /* so that the error is relative for integers too */
        wide = slab_value_cast(value, slab_dtype_make(SLAB_KIND_FLOAT, 8));
        value = wide;
    }
    TRY(slab_computation_create(median ? &median_class : &quantile_class, &value, 1,
                                sizeof(quantile_self), &c));
    quantile_self *s = c->self;
    s->median = median;
    s->of = c;
    TRY(fill_self(s, value, q, nq, scalar, options ? options : &none));
    slab_shape shape = results_shape(s);
    for (int a = shape.rank - 1; a > 0; a--)
        shape.extent[a] = shape.extent[a - 1];
    shape.extent[0] = nq;
    result = slab_computation_result(c, 0, &shape, s->result);
done:
    slab_computation_drop(&c);
    slab_value_drop(&wide);
    if (rc != SLAB_OK)
        return slab_value_fail(rc);
    if (scalar) {
        const slab_index first = {.kind = SLAB_INDEX_INTEGER};
        slab_value *one = slab_value_index(result, &first, 1);
        slab_value_drop(&result);
        return one;
    }
    return result;
}

slab_value *slab_value_quantile(slab_value *value, const double *q, int nq, bool scalar,
                                const slab_quantile_options *options)
{
    return build(value, q, nq, scalar, false, options);
}

slab_value *slab_value_median(slab_value *value, const slab_quantile_options *options)
{
    return build(value, (const double[]){0.5}, 1, true, true, options);
}
