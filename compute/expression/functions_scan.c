/* Running totals along an axis, and what variables have in common: covariances, correlations. */
#include <slab/compute/expression/function.h>

#include <slab/compute/computation/covariance.h>
#include <slab/compute/computation/scan.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* A scan, and what stands in for NaN, which then counts as nothing. */
typedef struct scan_kind {
    slab_scan_op op;
    bool skips;
    double neutral;
} scan_kind;

/* The array and its axis. Without an axis NumPy flattens, which streams only what is flat. */
static slab_status find_scanned(const slab_bound *call, slab_value **value, int *axis)
{
    slab_status rc = SLAB_OK;
    slab_value *given = slab_bound_value(call, slab_bound_given(call, "a") ? "a" : "x");
    int rank = slab_value_shape(given)->rank;
    const slab_index longer[] = {{.kind = SLAB_INDEX_NEWAXIS}};
    *axis = 0;
    if (slab_bound_given(call, "axis")) {
        *value = slab_value_keep(given);
        return slab_bound_axis(call, "axis", rank, axis);
    }
    *value = NULL;
    REQUIRE(rank <= 1, SLAB_ERR_UNSUPPORTED,
            "without an axis NumPy flattens the array first, which slab does not: state an axis");
    *value = rank == 0 ? slab_value_index(given, longer, 1) : slab_value_keep(given);
done:
    return rc;
}

static slab_status build_scan(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    const scan_kind *kind = slab_bound_detail(call);
    slab_value *value = NULL;
    slab_dtype none = {0}, dtype = slab_bound_dtype(call, "dtype", none);
    int axis;
    TRY(find_scanned(call, &value, &axis));
    TRY(slab_value_status(value));
    slab_kind family = slab_value_dtype(value).kind;
    if (kind->skips && (family == SLAB_KIND_FLOAT || family == SLAB_KIND_COMPLEX))
        value = slab_apply3("where", slab_apply1("isnan", slab_value_keep(value)),
                            slab_value_literal_real(kind->neutral), value);
    slab_value *totals = slab_value_scan(value, kind->op, axis, dtype.size ? &dtype : NULL);
    TRY(slab_bound_give(call, totals, out));
done:
    slab_value_drop(&value);
    return rc;
}

static slab_status build_cov(slab_bound *call, slab_datum *out)
{
    double ddof = slab_bound_bool(call, "bias") ? 0 : 1;
    if (slab_bound_given(call, "ddof"))
        ddof = slab_bound_real(call, "ddof");
    slab_value *cov = slab_value_cov(slab_bound_value(call, "m"), slab_bound_value(call, "y"),
                                     slab_bound_bool(call, "rowvar"), ddof);
    return slab_bound_give(call, cov, out);
}

static slab_status build_corrcoef(slab_bound *call, slab_datum *out)
{
    slab_value *r = slab_value_corrcoef(slab_bound_value(call, "x"), slab_bound_value(call, "y"),
                                        slab_bound_bool(call, "rowvar"));
    return slab_bound_give(call, r, out);
}

#define SCAN(row, others, text, takes, is_method, ...)                                             \
    static const scan_kind row##_kind = {__VA_ARGS__};                                             \
    const slab_function slab_function_##row = {.name = #row,                                       \
                                               .aliases = others,                                  \
                                               .parameters = takes,                                \
                                               .summary = text,                                    \
                                               .build = build_scan,                                \
                                               .detail = &row##_kind,                              \
                                               .method = is_method};
#define NUMPY "a: array, axis: int = None, dtype: dtype = None, out: no = None"
#define ARRAY_API                                                                                  \
    "x: array, /, *, axis: int = None, dtype: dtype = None, out: no = None, "                      \
    "include_initial: no = False"

SCAN(cumsum, NULL, "running sums along an axis", NUMPY, true, SLAB_SCAN_ADD, false, 0)
SCAN(cumprod, NULL, "running products along an axis", NUMPY, true, SLAB_SCAN_MULTIPLY, false, 1)
SCAN(nancumsum, NULL, "running sums along an axis, NaN as zero", NUMPY, false, SLAB_SCAN_ADD, true,
     0)
SCAN(nancumprod, NULL, "running products along an axis, NaN as one", NUMPY, false,
     SLAB_SCAN_MULTIPLY, true, 1)
SCAN(cumulative_sum, NULL, "running sums along an axis", ARRAY_API, false, SLAB_SCAN_ADD, false, 0)
SCAN(cumulative_prod, NULL, "running products along an axis", ARRAY_API, false, SLAB_SCAN_MULTIPLY,
     false, 1)
SCAN(cummax, "maximum.accumulate", "running maxima along an axis",
     "a: array, axis: int = 0, dtype: dtype = None", false, SLAB_SCAN_MAX, false, 0)
SCAN(cummin, "minimum.accumulate", "running minima along an axis",
     "a: array, axis: int = 0, dtype: dtype = None", false, SLAB_SCAN_MIN, false, 0)

const slab_function slab_function_cov = {
    .name = "cov",
    .parameters = "m: array, y: array = None, rowvar: bool = True, bias: bool = False, "
                  "ddof: real = None, fweights: no = None, aweights: no = None, *, "
                  "dtype: no = None",
    .summary = "covariances of variables",
    .build = build_cov};

const slab_function slab_function_corrcoef = {
    .name = "corrcoef",
    .parameters = "x: array, y: array = None, rowvar: bool = True, bias: no = None, "
                  "ddof: no = None, *, dtype: no = None",
    .summary = "correlations of variables",
    .build = build_corrcoef};
