/* Reductions: sums, moments, extremes, norms, quantiles. compute/graph/reduction.h makes them. */
#include <slab/compute/expression/function.h>

#include <math.h>
#include <slab/compute/computation/quantile.h>
#include <slab/compute/graph/op.h>
#include <slab/compute/graph/reduction.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* What is reduced: the array, or with axis=() the array under an axis more, of extent 1. So every
 * element is reduced alone, as NumPy does it, and no reduction has to know. */
typedef struct reduced {
    slab_value *value; /* owned */
    uint32_t axes;     /* 0: all */
    bool keepdims;
} reduced;

static slab_status add_axis(reduced *r)
{
    slab_status rc = SLAB_OK;
    slab_index items[] = {{.kind = SLAB_INDEX_ELLIPSIS}, {.kind = SLAB_INDEX_NEWAXIS}};
    slab_value *longer = slab_value_index(r->value, items, 2);
    slab_value_drop(&r->value);
    r->value = longer;
    TRY(slab_value_status(longer));
    r->axes = 1u << (slab_value_shape(longer)->rank - 1);
    r->keepdims = false;
done:
    return rc;
}

static slab_status find_reduced(const slab_bound *call, reduced *out)
{
    slab_status rc = SLAB_OK;
    int axes[SLAB_RANK_MAX], n;
    slab_value *value = slab_bound_value(call, slab_bound_given(call, "a") ? "a" : "x");
    out->value = slab_value_keep(value);
    out->axes = 0;
    out->keepdims = slab_bound_bool(call, "keepdims");
    if (!slab_bound_given(call, "axis"))
        return SLAB_OK;
    TRY(slab_bound_axes(call, "axis", slab_value_shape(value)->rank, axes, &n));
    for (int i = 0; i < n; i++)
        out->axes |= 1u << axes[i];
    if (n == 0)
        TRY(add_axis(out));
done:
    return rc;
}

static slab_reduce_options options_of(const slab_bound *call, const reduced *r)
{
    slab_reduce_options options = {.axes = r->axes, .keepdims = r->keepdims};
    bool corrected = slab_bound_given(call, "correction");
    options.ddof = slab_bound_real(call, corrected ? "correction" : "ddof");
    options.has_dtype = slab_bound_given(call, "dtype");
    options.dtype = slab_bound_dtype(call, "dtype", options.dtype);
    return options;
}

static slab_status build_reduction(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    reduced r = {0};
    TRY(find_reduced(call, &r));
    slab_reduce_options options = options_of(call, &r);
    TRY(slab_bound_give(call, slab_value_reduce(slab_bound_detail(call), r.value, &options), out));
done:
    slab_value_drop(&r.value);
    return rc;
}

/* One index an axis: over all, that of the elements in C order. */
static slab_status build_position(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = slab_bound_value(call, "a");
    slab_reduce_options options = {.keepdims = slab_bound_bool(call, "keepdims")};
    int axis;
    if (slab_bound_given(call, "axis")) {
        TRY(slab_bound_axis(call, "axis", slab_value_shape(value)->rank, &axis));
        options.axes = 1u << axis;
    }
    TRY(slab_bound_give(call, slab_value_reduce(slab_bound_detail(call), value, &options), out));
done:
    return rc;
}

/* A weight an element, or one a slot of a single axis, which is broadcast to the others. */
static slab_status fit_weights(slab_value *weights, const reduced *r, slab_value **out)
{
    slab_status rc = SLAB_OK;
    const slab_shape *have = slab_value_shape(weights), *want = slab_value_shape(r->value);
    slab_index items[SLAB_RANK_MAX + 1] = {{.kind = SLAB_INDEX_SLICE, .step = 1}};
    int axis = r->axes ? __builtin_ctz(r->axes) : 0, n = 1;
    *out = NULL;
    if (slab_shape_equal(have, want)) {
        *out = slab_value_keep(weights);
        return SLAB_OK;
    }
    REQUIRE(have->rank == 1 && r->axes == 1u << axis && have->extent[0] == want->extent[axis],
            SLAB_ERR_SHAPE, "weights are as many as the elements, or as the axis is long");
    for (int a = axis + 1; a < want->rank; a++)
        items[n++].kind = SLAB_INDEX_NEWAXIS;
    *out = slab_value_index(weights, items, n);
    TRY(slab_value_status(*out));
done:
    return rc;
}

static slab_status build_average(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    reduced r = {0};
    slab_value *weights = NULL;
    TRY(find_reduced(call, &r));
    slab_reduce_options options = options_of(call, &r);
    if (slab_bound_given(call, "weights"))
        TRY(fit_weights(slab_bound_value(call, "weights"), &r, &weights));
    options.weights = weights;
    TRY(slab_bound_give(call, slab_value_reduce(weights ? "average" : "mean", r.value, &options),
                        out));
done:
    slab_value_drop(&weights);
    slab_value_drop(&r.value);
    return rc;
}

static slab_value *reduce_handed(const char *name, slab_value *value, uint32_t axes, bool keepdims)
{
    slab_reduce_options options = {.axes = axes, .keepdims = keepdims};
    slab_value *made = slab_value_reduce(name, value, &options);
    slab_value_drop(&value);
    return made;
}

static slab_status build_allclose(slab_bound *call, slab_datum *out)
{
    slab_value *operands[] = {slab_bound_value(call, "a"), slab_bound_value(call, "b"),
                              slab_bound_value(call, "rtol"), slab_bound_value(call, "atol"),
                              slab_bound_value(call, "equal_nan")};
    slab_value *close = slab_value_call("isclose", operands, 5);
    return slab_bound_give(call, reduce_handed("all", close, 0, false), out);
}

/* Vectors' norms of order p: sum(|x|^p)^(1/p), and its limits. */
static slab_value *vector_norm(double order, const reduced *r)
{
    slab_value *x = slab_value_keep(r->value);
    slab_reduce_options options = {.axes = r->axes, .keepdims = r->keepdims, .order = order};
    if (isinf(order))
        return reduce_handed(order > 0 ? "max" : "min", slab_apply1("absolute", x), r->axes,
                             r->keepdims);
    if (order == 0) {
        slab_dtype type = slab_value_dtype(x);
        slab_value *counts = reduce_handed("count_nonzero", x, r->axes, r->keepdims);
        if (slab_dtype_to_float(type, &type) != SLAB_OK || type.kind == SLAB_KIND_COMPLEX)
            type = slab_dtype_make(SLAB_KIND_FLOAT, type.size / 2);
        slab_value *as_float = slab_value_cast(counts, type);
        slab_value_drop(&counts);
        return as_float;
    }
    slab_value *norm = slab_value_reduce("norm", x, &options);
    slab_value_drop(&x);
    return norm;
}

/* Matrices' norms: the largest or least sum of magnitudes in a column (1, -1) or row (inf, -inf).
 * Summing along one axis first moves the other when it lies behind. */
static slab_value *matrix_norm(double order, const reduced *r, const int axes[2])
{
    int along = isinf(order) ? axes[1] : axes[0], across = isinf(order) ? axes[0] : axes[1];
    slab_value *sums =
        reduce_handed("sum", slab_apply1("absolute", slab_value_keep(r->value)), 1u << along, true);
    slab_value *norm = reduce_handed(order > 0 ? "max" : "min", sums, 1u << across, true);
    if (r->keepdims)
        return norm;
    slab_index items[SLAB_RANK_MAX];
    int rank = slab_value_shape(r->value)->rank;
    for (int a = 0; a < rank; a++)
        items[a] = a == axes[0] || a == axes[1] ? (slab_index){.kind = SLAB_INDEX_INTEGER}
                                                : (slab_index){.kind = SLAB_INDEX_SLICE, .step = 1};
    slab_value *dense = slab_value_index(norm, items, rank);
    slab_value_drop(&norm);
    return dense;
}

/* None, a number or a name. Frobenius' norm is that of the elements as a vector. */
static slab_status read_order(const slab_bound *call, bool matrix, bool *plain, double *out)
{
    slab_status rc = SLAB_OK;
    const slab_datum *order = slab_bound_argument(call, "ord");
    *out = 2;
    *plain = order->kind == SLAB_DATUM_NONE;
    if (*plain)
        return SLAB_OK;
    if (order->kind == SLAB_DATUM_STRING) {
        *plain = matrix && strcmp(order->string, "fro") == 0;
        REQUIRE(*plain, SLAB_ERR_UNSUPPORTED, "there is no norm '%s' of %s here", order->string,
                matrix ? "matrices" : "vectors");
        return SLAB_OK;
    }
    TRY(slab_datum_to_real(order, out));
    REQUIRE(!matrix || isinf(*out) || fabs(*out) == 1, SLAB_ERR_UNSUPPORTED,
            "a norm of matrices of order %g needs singular values: that is not available", *out);
done:
    return rc;
}

static slab_status build_norm(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    reduced r = {0};
    int axes[SLAB_RANK_MAX], n;
    bool plain, whole = !slab_bound_given(call, "axis");
    double order;
    TRY(find_reduced(call, &r));
    TRY(slab_bound_axes(call, "axis", slab_value_shape(r.value)->rank, axes, &n));
    TRY(read_order(call, n == 2, &plain, &order));
    REQUIRE((plain && whole) || n == 1 || n == 2, SLAB_ERR_VALUE,
            "a norm is taken over one axis or two");
    bool matrix = n == 2 && !plain;
    TRY(slab_bound_give(call, matrix ? matrix_norm(order, &r, axes) : vector_norm(order, &r), out));
done:
    slab_value_drop(&r.value);
    return rc;
}

static slab_quantile_options quantile_options(const slab_bound *call, const reduced *r)
{
    const char *name = slab_bound_detail(call);
    return (slab_quantile_options){.axes = r->axes,
                                   .keepdims = r->keepdims,
                                   .skip_nan = strncmp(name, "nan", 3) == 0,
                                   .method = slab_bound_string(call, "method")};
}

static slab_status build_median(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    reduced r = {0};
    TRY(find_reduced(call, &r));
    slab_quantile_options options = quantile_options(call, &r);
    TRY(slab_bound_give(call, slab_value_median(r.value, &options), out));
done:
    slab_value_drop(&r.value);
    return rc;
}

static slab_status build_quantile(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    reduced r = {0};
    double *q = NULL;
    int n = 0;
    bool scalar;
    TRY(find_reduced(call, &r));
    slab_quantile_options options = quantile_options(call, &r);
    bool percent = strstr(slab_bound_detail(call), "percent") != NULL;
    TRY_SAYING(slab_datum_to_reals(slab_bound_argument(call, "q"), &q, &n, &scalar), "q");
    for (int i = 0; percent && i < n; i++)
        q[i] /= 100;
    TRY(slab_bound_give(call, slab_value_quantile(r.value, q, n, scalar, &options), out));
done:
    slab_value_drop(&r.value);
    FREE(q);
    return rc;
}

#define ROW(row, text, takes, is_method, builder, ...)                                             \
    const slab_function slab_function_##row = {.name = #row,                                       \
                                               .parameters = takes,                                \
                                               .summary = text,                                    \
                                               .build = builder,                                   \
                                               .detail = #row,                                     \
                                               .method = is_method,                                \
                                               __VA_ARGS__};

#define TYPED                                                                                      \
    "a: array, axis: axes = None, dtype: dtype = None, out: no = None, keepdims: bool = False, "
#define PLAIN "a: array, axis: axes = None, out: no = None, keepdims: bool = False"
#define SPREAD                                                                                     \
    "a: array, axis: axes = None, dtype: dtype = None, out: no = None, ddof: real = 0, "           \
    "keepdims: bool = False, *, where: no = None, mean: no = None, correction: real = None"
#define ONE "a: array, axis: int = None, out: no = None, *, keepdims: bool = False"
#define QUANTILES                                                                                  \
    "a: array, q: any, axis: axes = None, out: no = None, overwrite_input: bool = False, "         \
    "method: string = 'linear', keepdims: bool = False, *, weights: no = None, "                   \
    "interpolation: no = None"

ROW(sum, "the sum of elements; small integers are summed as int64 or uint64",
    TYPED "initial: no = None, where: no = None", true, build_reduction)
ROW(prod, "the product of elements", TYPED "initial: no = None, where: no = None", true,
    build_reduction)
ROW(mean, "the arithmetic mean", TYPED "*, where: no = None", true, build_reduction)
ROW(var, "the variance: the mean squared distance from the mean, or with n - ddof instead of n",
    SPREAD, true, build_reduction)
ROW(std, "the standard deviation: the root of the variance", SPREAD, true, build_reduction)
ROW(min, "the least element; NaN if one is NaN", PLAIN ", initial: no = None, where: no = None",
    true, build_reduction, .aliases = "amin")
ROW(max, "the greatest element; NaN if one is NaN", PLAIN ", initial: no = None, where: no = None",
    true, build_reduction, .aliases = "amax")
ROW(ptp, "the greatest element less the least", PLAIN, false, build_reduction)
ROW(any, "whether an element is not zero", PLAIN ", *, where: no = None", true, build_reduction)
ROW(all, "whether no element is zero", PLAIN ", *, where: no = None", true, build_reduction)
ROW(count_nonzero, "how many elements are not zero",
    "a: array, axis: axes = None, *, keepdims: bool = False", false, build_reduction)
ROW(nansum, "the sum of elements that are not NaN", TYPED "initial: no = None, where: no = None",
    false, build_reduction)
ROW(nanprod, "the product of elements that are not NaN",
    TYPED "initial: no = None, where: no = None", false, build_reduction)
ROW(nanmean, "the mean of elements that are not NaN", TYPED "*, where: no = None", false,
    build_reduction)
ROW(nanvar, "the variance of elements that are not NaN", SPREAD, false, build_reduction)
ROW(nanstd, "the standard deviation of elements that are not NaN", SPREAD, false, build_reduction)
ROW(nanmin, "the least element that is not NaN", PLAIN ", initial: no = None, where: no = None",
    false, build_reduction)
ROW(nanmax, "the greatest element that is not NaN", PLAIN ", initial: no = None, where: no = None",
    false, build_reduction)
ROW(average, "the mean, or with weights sum(w a) / sum(w)",
    "a: array, axis: axes = None, weights: array = None, returned: no = False, *, "
    "keepdims: bool = False",
    false, build_average)
ROW(median, "the middle element, or the mean of the middle two",
    "a: array, axis: axes = None, out: no = None, overwrite_input: bool = False, "
    "keepdims: bool = False",
    false, build_median)
ROW(nanmedian, "the median of elements that are not NaN",
    "a: array, axis: axes = None, out: no = None, overwrite_input: bool = False, "
    "keepdims: bool = False",
    false, build_median)
ROW(quantile, "elements below which the fractions q of all lie", QUANTILES, false, build_quantile)
ROW(nanquantile, "quantiles of elements that are not NaN", QUANTILES, false, build_quantile)
ROW(percentile, "quantiles, with q in hundredths", QUANTILES, false, build_quantile)
ROW(nanpercentile, "percentiles of elements that are not NaN", QUANTILES, false, build_quantile)
ROW(allclose, "whether isclose() holds for all elements",
    "a: array, b: array, rtol: array = None, atol: array = None, equal_nan: array = None", false,
    build_allclose)

ROW(argmin, "where the least element is, the first one", ONE, true, build_position)
ROW(argmax, "where the greatest element is, the first one", ONE, true, build_position)
ROW(nanargmin, "where the least element is that is not NaN", ONE, false, build_position)
ROW(nanargmax, "where the greatest element is that is not NaN", ONE, false, build_position)

const slab_function slab_function_norm = {
    .name = "linalg.norm",
    .aliases = "norm",
    .parameters = "x: array, ord: any = None, axis: axes = None, keepdims: bool = False",
    .summary = "the norm of vectors or matrices",
    .build = build_norm,
    .detail = "norm"};
