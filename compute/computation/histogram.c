#include <slab/compute/computation/histogram.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/computation/computation.h>
#include <slab/compute/sink/histogram_sink.h>
#include <slab/compute/sink/reduce.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

typedef struct histogram_self {
    int n;
    bool weighted, density, covers;
    int64_t nbins[SLAB_HISTOGRAM_AXES_MAX];
    bool uniform[SLAB_HISTOGRAM_AXES_MAX];
    double *edges[SLAB_HISTOGRAM_AXES_MAX]; /* NULL: the range is not known yet */
    int looking;                            /* the axis whose range the next pass finds, n: none */
    slab_reduce *extremes;                  /* min and max */
    slab_histogram *histogram;
} histogram_self;

/* NumPy's edges have the elements' own type when they are floats. */
static slab_dtype edge_type(slab_dtype dtype, bool stated)
{
    return dtype.kind == SLAB_KIND_FLOAT && !stated ? dtype : slab_dtype_make(SLAB_KIND_FLOAT, 8);
}

/* A number rounded to a type. */
static slab_status round_to(slab_dtype dtype, double *x)
{
    slab_status rc = SLAB_OK;
    slab_dtype wide = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    double narrow = 0;
    TRY(slab_dtype_convert(wide, x, dtype, &narrow, 1));
    *x = slab_dtype_get_double(dtype, &narrow);
done:
    return rc;
}

/* As NumPy's linspace gives them, in the type of the edges. A range of no width gets one. */
static slab_status make_edges(histogram_self *s, int axis, slab_dtype dtype, double low,
                              double high)
{
    slab_status rc = SLAB_OK;
    int64_t n = s->nbins[axis];
    REQUIRE(isfinite(low) && isfinite(high), SLAB_ERR_VALUE,
            "a histogram's range from %g to %g is not finite: state one", low, high);
    REQUIRE(low <= high, SLAB_ERR_VALUE, "a histogram's range from %g to %g falls", low, high);
    if (low == high) {
        low -= 0.5;
        high += 0.5;
    }
    ALLOC(s->edges[axis], n + 1, "a histogram");
    slab_dtype type = edge_type(dtype, false);
    double step = high - low;
    TRY(round_to(type, &step));
    step /= (double)n;
    TRY(round_to(type, &step));
    for (int64_t i = 0; i <= n; i++) { /* every operation in the edges' type */
        double edge = (double)i * step;
        TRY(round_to(type, &edge));
        edge = i == n ? high : edge + low;
        TRY(round_to(type, &edge));
        s->edges[axis][i] = edge;
        REQUIRE(i == 0 || edge > s->edges[axis][i - 1], SLAB_ERR_VALUE,
                "%" PRId64 " bins are too many between %g and %g: their edges coincide", n, low,
                high);
    }
done:
    return rc;
}

static void look_on(histogram_self *s)
{
    while (s->looking < s->n && s->edges[s->looking])
        s->looking++;
}

static slab_status look_at(slab_computation *c, int axis, const slab_sink_class **cls, void **sink)
{
    slab_status rc = SLAB_OK;
    histogram_self *s = c->self;
    const slab_reduce_spec ends[] = {{.name = "min"}, {.name = "max"}};
    c->only = axis + 1;
    slab_reduce_destroy(&s->extremes);
    TRY(slab_reduce_create_many(c->operands[axis], ends, 2, &s->extremes));
    *cls = &slab_sink_reduce;
    *sink = s->extremes;
done:
    return rc;
}

static slab_status count_all(slab_computation *c, const slab_sink_class **cls, void **sink)
{
    slab_status rc = SLAB_OK;
    histogram_self *s = c->self;
    slab_bins bins[SLAB_HISTOGRAM_AXES_MAX];
    c->only = 0;
    for (int a = 0; a < s->n; a++)
        bins[a] = (slab_bins){s->nbins[a], s->edges[a], s->uniform[a]};
    slab_histogram_destroy(&s->histogram);
    TRY(slab_histogram_create(bins, s->n, s->weighted, &s->histogram));
    *cls = &slab_sink_histogram;
    *sink = s->histogram;
done:
    return rc;
}

static slab_status histogram_begin(slab_computation *c, const slab_workshop *workshop,
                                   const slab_sink_class **cls, void **sink)
{
    histogram_self *s = c->self;
    (void)workshop;
    look_on(s);
    return s->looking < s->n ? look_at(c, s->looking, cls, sink) : count_all(c, cls, sink);
}

/* The axes whose range is not known, one after another; then all is counted. */
static slab_status histogram_foresee(slab_computation *c, int pass, const slab_sink_class **cls,
                                     void **sink)
{
    const histogram_self *s = c->self;
    for (int a = 0; a < s->n; a++)
        if (!s->edges[a] && pass-- == 0)
            return look_at(c, a, cls, sink);
    return count_all(c, cls, sink);
}

/* Results, and the edges that are found on the way. */
static size_t histogram_holds(const slab_computation *c)
{
    const histogram_self *s = c->self;
    size_t bytes = 0;
    for (int i = 0; i < c->nresults; i++)
        bytes += slab_computation_result_bytes(c, i);
    for (int a = 0; a < s->n; a++)
        bytes += (size_t)(s->nbins[a] + 1) * sizeof(double);
    return bytes;
}

/* The range found; NaN is in it when an element is NaN. */
static slab_status found_range(slab_computation *c)
{
    slab_status rc = SLAB_OK;
    histogram_self *s = c->self;
    slab_dtype dtype = slab_value_dtype(c->operands[s->looking]);
    double low = slab_dtype_get_double(dtype, slab_reduce_get_at(s->extremes, 0));
    double high = slab_dtype_get_double(dtype, slab_reduce_get_at(s->extremes, 1));
    TRY(make_edges(s, s->looking, dtype, low, high));
done:
    return rc;
}

/* Counts over their sum and the sizes of their bins. */
static void make_density(const histogram_self *s, double *cells, int64_t ncells)
{
    double sum = 0;
    for (int64_t i = 0; i < ncells; i++)
        sum += cells[i];
    for (int64_t i = 0; i < ncells; i++) {
        int64_t rest = i;
        double size = 1;
        for (int a = s->n - 1; a >= 0; a--) {
            int64_t bin = rest % s->nbins[a];
            rest /= s->nbins[a];
            size *= s->edges[a][bin + 1] - s->edges[a][bin];
        }
        cells[i] = cells[i] / size / sum;
    }
}

static slab_status settle_edges(slab_computation *c, int axis)
{
    slab_status rc = SLAB_OK;
    const histogram_self *s = c->self;
    const slab_value *result = c->results[1 + axis];
    size_t n = (size_t)s->nbins[axis] + 1;
    void *edges = NULL;
    if (!result)
        return SLAB_OK;
    TRY(slab_memory_alloc(&edges, n, slab_value_dtype(result).size, "a histogram"));
    TRY(slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 8), s->edges[axis],
                           slab_value_dtype(result), edges, n));
    TRY(slab_computation_settle(c, 1 + axis, edges));
done:
    slab_memory_free(edges);
    return rc;
}

/* Every element is in a bin, if that was asked for. */
static slab_status check_covers(const slab_computation *c)
{
    slab_status rc = SLAB_OK;
    const histogram_self *s = c->self;
    int64_t elements, counted = 0;
    if (!s->covers)
        return SLAB_OK;
    TRY(slab_shape_elements(slab_value_shape(c->operands[0]), &elements));
    for (int64_t i = 0; i < s->nbins[0]; i++)
        counted += slab_histogram_counts(s->histogram)[i];
    REQUIRE(counted == elements, SLAB_ERR_VALUE,
            "%" PRId64 " elements are below 0 or not below %" PRId64 ": state a larger minlength",
            elements - counted, s->nbins[0]);
done:
    return rc;
}

static slab_status histogram_end(slab_computation *c, const slab_workshop *workshop, bool *again)
{
    slab_status rc = SLAB_OK;
    histogram_self *s = c->self;
    double *cells = NULL;
    int64_t ncells = 1;
    (void)workshop;
    *again = s->looking < s->n;
    if (*again)
        return found_range(c);
    TRY(check_covers(c));
    for (int a = 0; a < s->n; a++) {
        ncells *= s->nbins[a];
        TRY(settle_edges(c, a));
    }
    if (s->n == 1 && !s->weighted && !s->density) {
        TRY(slab_computation_settle(c, 0, slab_histogram_counts(s->histogram)));
        goto done;
    }
    ALLOC(cells, ncells, "a histogram");
    for (int64_t i = 0; i < ncells; i++)
        cells[i] = s->weighted ? slab_histogram_sums(s->histogram)[i]
                               : (double)slab_histogram_counts(s->histogram)[i];
    if (s->density)
        make_density(s, cells, ncells);
    TRY(slab_computation_settle(c, 0, cells));
done:
    FREE(cells);
    return rc;
}

static int histogram_passes(const slab_computation *c)
{
    const histogram_self *s = c->self;
    int passes = 1;
    for (int a = 0; a < s->n; a++)
        passes += !s->edges[a];
    return passes;
}

static void histogram_clear(slab_computation *c)
{
    histogram_self *s = c->self;
    for (int a = 0; a < s->n; a++)
        FREE(s->edges[a]);
    slab_reduce_destroy(&s->extremes);
    slab_histogram_destroy(&s->histogram);
}

static const slab_computation_class histogram_class = {.name = "histogram",
                                                       .passes = histogram_passes,
                                                       .begin = histogram_begin,
                                                       .foresee = histogram_foresee,
                                                       .holds = histogram_holds,
                                                       .end = histogram_end,
                                                       .clear = histogram_clear};

/* --- building --- */

static slab_status check_values(slab_value *const *values, int n)
{
    slab_status rc = SLAB_OK;
    char one[SLAB_SHAPE_TEXT_MAX], other[SLAB_SHAPE_TEXT_MAX], name[SLAB_DTYPE_NAME_MAX];
    for (int v = 0; v < n; v++) {
        TRY(slab_value_status(values[v]));
        slab_dtype dtype = slab_value_dtype(values[v]);
        REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
                "a histogram needs real numbers, not %s", slab_dtype_name(dtype, name));
        REQUIRE(slab_shape_equal(slab_value_shape(values[0]), slab_value_shape(values[v])),
                SLAB_ERR_SHAPE, "a histogram of arrays of shape %s and %s",
                slab_shape_text(slab_value_shape(values[0]), one),
                slab_shape_text(slab_value_shape(values[v]), other));
    }
done:
    return rc;
}

static slab_status set_axis(histogram_self *s, int a, const slab_histogram_axis *axis,
                            slab_dtype dtype)
{
    slab_status rc = SLAB_OK;
    s->nbins[a] = axis->n;
    s->uniform[a] = !axis->edges;
    REQUIRE(axis->n >= 1, SLAB_ERR_VALUE, "a histogram needs at least one bin");
    if (!axis->edges && axis->has_range)
        return make_edges(s, a, dtype, axis->low, axis->high);
    if (!axis->edges)
        return SLAB_OK;
    for (int64_t i = 0; i < axis->n; i++)
        REQUIRE(axis->edges[i] <= axis->edges[i + 1], SLAB_ERR_VALUE,
                "a histogram's edges must not fall: %g, %g", axis->edges[i], axis->edges[i + 1]);
    ALLOC(s->edges[a], axis->n + 1, "a histogram");
    memcpy(s->edges[a], axis->edges, sizeof(double) * (size_t)(axis->n + 1));
done:
    return rc;
}

void slab_value_histogram(slab_value *const *values, int n, slab_value *weights,
                          const slab_histogram_axis *axes, bool density, slab_value **out)
{
    slab_status rc = SLAB_OK;
    slab_computation *c = NULL;
    slab_value *operands[SLAB_TILE_VIEWS_MAX];
    slab_shape shape = {.rank = n};
    int made = 0;
    REQUIRE(n >= 1 && n <= SLAB_HISTOGRAM_AXES_MAX, SLAB_ERR_VALUE, "a histogram of %d axes", n);
    for (int v = 0; v < n; v++)
        operands[v] = values[v];
    operands[n] = weights;
    TRY(check_values(operands, n + (weights != NULL)));
    TRY(slab_computation_create(&histogram_class, operands, n + (weights != NULL),
                                sizeof(histogram_self), &c));
    histogram_self *s = c->self;
    s->n = n;
    s->weighted = weights != NULL;
    s->density = density;
    s->covers = axes[0].covers && !weights;
    for (int a = 0; a < n; a++) {
        slab_histogram_axis axis = axes[a];
        int64_t elements;
        TRY(slab_shape_elements(slab_value_shape(values[a]), &elements));
        if (elements == 0 && !axis.edges && !axis.has_range) { /* NumPy's range of nothing */
            axis.has_range = true;
            axis.high = 1;
        }
        TRY(set_axis(s, a, &axis, slab_value_dtype(values[a])));
        shape.extent[a] = axes[a].n;
    }
    bool counts = n == 1 && !weights && !density;
    out[made++] = slab_computation_result(
        c, 0, &shape, slab_dtype_make(counts ? SLAB_KIND_INT : SLAB_KIND_FLOAT, 8));
    for (int a = 0; a < n; a++) {
        slab_shape edges = {1, {axes[a].n + 1}};
        out[made++] = slab_computation_result(
            c, 1 + a, &edges, edge_type(slab_value_dtype(values[a]), axes[a].edges));
    }
done:
    slab_computation_drop(&c);
    for (; made < 1 + n; made++)
        out[made] = slab_value_fail(rc);
}
