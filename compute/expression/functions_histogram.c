/* Histograms, which give a tuple: counts, then the edges along each axis. */
#include <slab/compute/expression/function.h>

#include <slab/compute/computation/histogram.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { AXES_MAX = 2 };

static bool is_sequence(const slab_datum *datum)
{
    return datum->kind == SLAB_DATUM_TUPLE || datum->kind == SLAB_DATUM_LIST;
}

/* How many bins, or the edges themselves: f64 [n + 1], in *edges for the caller to free. */
static slab_status read_bins(const slab_datum *bins, slab_histogram_axis *axis, double **edges)
{
    slab_status rc = SLAB_OK;
    bool scalar;
    int n;
    REQUIRE(bins->kind != SLAB_DATUM_STRING, SLAB_ERR_UNSUPPORTED,
            "bins: '%s' would have to look at the data: state how many", bins->string);
    TRY_SAYING(slab_datum_to_reals(bins, edges, &n, &scalar), "bins");
    if (scalar) {
        TRY_SAYING(slab_datum_to_int(bins, &axis->n), "bins");
        return SLAB_OK;
    }
    REQUIRE(n >= 2, SLAB_ERR_VALUE, "bins: a bin has two edges");
    axis->n = n - 1;
    axis->edges = *edges;
done:
    return rc;
}

/* None, or (low, high). */
static slab_status read_range(const slab_datum *range, slab_histogram_axis *axis)
{
    slab_status rc = SLAB_OK;
    if (range->kind == SLAB_DATUM_NONE)
        return SLAB_OK;
    REQUIRE(is_sequence(range) && range->n == 2, SLAB_ERR_TYPE, "range: two numbers, (low, high)");
    axis->has_range = true;
    TRY_SAYING(slab_datum_to_real(&range->items[0], &axis->low), "range");
    TRY_SAYING(slab_datum_to_real(&range->items[1], &axis->high), "range");
done:
    return rc;
}

static slab_status give_histogram(slab_bound *call, slab_value *const *values, int n,
                                  const slab_datum *const *bins, const slab_datum *const *ranges,
                                  slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_histogram_axis axes[AXES_MAX] = {0};
    double *edges[AXES_MAX] = {NULL};
    slab_value *results[1 + AXES_MAX];
    for (int i = 0; i < n; i++) {
        TRY(read_bins(bins[i], &axes[i], &edges[i]));
        TRY(read_range(ranges[i], &axes[i]));
    }
    slab_value_histogram(values, n, slab_bound_value(call, "weights"), axes,
                         slab_bound_bool(call, "density"), results);
    TRY(slab_bound_give_tuple(call, results, 1 + n, out));
done:
    for (int i = 0; i < n; i++)
        FREE(edges[i]);
    return rc;
}

static slab_status build_histogram(slab_bound *call, slab_datum *out)
{
    slab_value *value = slab_bound_value(call, "a");
    const slab_datum *bins = slab_bound_argument(call, "bins");
    const slab_datum *range = slab_bound_argument(call, "range");
    return give_histogram(call, &value, 1, &bins, &range, out);
}

/* bins is for both axes, or a pair: of numbers, of lists of edges. Two numbers are a pair. */
static slab_status build_histogram2d(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *values[] = {slab_bound_value(call, "x"), slab_bound_value(call, "y")};
    const slab_datum *bins = slab_bound_argument(call, "bins");
    const slab_datum *range = slab_bound_argument(call, "range");
    bool pair = is_sequence(bins) && bins->n == 2;
    bool given = range->kind != SLAB_DATUM_NONE;
    REQUIRE(!given || (is_sequence(range) && range->n == 2), SLAB_ERR_TYPE,
            "range: two pairs, ((low, high), (low, high))");
    const slab_datum *two_bins[] = {pair ? &bins->items[0] : bins, pair ? &bins->items[1] : bins};
    const slab_datum *two_ranges[] = {given ? &range->items[0] : range,
                                      given ? &range->items[1] : range};
    TRY(give_histogram(call, values, 2, two_bins, two_ranges, out));
done:
    return rc;
}

const slab_function slab_function_histogram = {
    .name = "histogram",
    .parameters = "a: array, bins: any = 10, range: any = None, density: bool = None, "
                  "weights: array = None",
    .summary = "how many elements lie in each bin, and the bins' edges",
    .build = build_histogram};

const slab_function slab_function_histogram2d = {
    .name = "histogram2d",
    .parameters = "x: array, y: array, bins: any = 10, range: any = None, density: bool = None, "
                  "weights: array = None",
    .summary = "how many pairs of elements lie in each bin, and the edges along both axes",
    .build = build_histogram2d};
