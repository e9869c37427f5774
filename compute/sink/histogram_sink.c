#include <slab/compute/sink/histogram_sink.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum {
    PIECE = 2048, /* elements binned at once */
    BYTES = 256,  /* values that an element of one byte can have */
    COUNTERS = 4  /* of each, by turns: equal neighbours do not wait for each other */
};

struct slab_histogram {
    int n;
    bool weighted;
    slab_bins bins[SLAB_HISTOGRAM_AXES_MAX];
    double *edges[SLAB_HISTOGRAM_AXES_MAX];
    int64_t nbins; /* of all axes together */
    union cell {
        int64_t count;
        double sum;
    } * cells; /* [nbins], after the pass */
};

slab_status slab_histogram_create(const slab_bins *bins, int n, bool weighted, slab_histogram **out)
{
    slab_status rc = SLAB_OK;
    slab_histogram *h = NULL;
    *out = NULL;
    REQUIRE(n >= 1 && n <= SLAB_HISTOGRAM_AXES_MAX, SLAB_ERR_RANGE, "a histogram of %d axes", n);
    ALLOC(h, 1, "a histogram");
    h->n = n;
    h->weighted = weighted;
    h->nbins = 1;
    for (int a = 0; a < n; a++) {
        TRY(slab_extent_multiply(h->nbins, bins[a].n, &h->nbins));
        ALLOC(h->edges[a], bins[a].n + 1, "a histogram");
        if (bins[a].edges)
            memcpy(h->edges[a], bins[a].edges, (size_t)(bins[a].n + 1) * sizeof(double));
        h->bins[a] = bins[a];
        h->bins[a].edges = h->edges[a];
    }
    ALLOC(h->cells, h->nbins, "a histogram");
    *out = h;
    h = NULL;
done:
    slab_histogram_destroy(&h);
    return rc;
}

void slab_histogram_destroy(slab_histogram **histogram)
{
    if (!histogram || !*histogram)
        return;
    for (int a = 0; a < SLAB_HISTOGRAM_AXES_MAX; a++)
        FREE((*histogram)->edges[a]);
    FREE((*histogram)->cells);
    FREE(*histogram);
}

const int64_t *slab_histogram_counts(const slab_histogram *h)
{
    return &h->cells->count;
}

const double *slab_histogram_sums(const slab_histogram *h)
{
    return &h->cells->sum;
}

static slab_sink_wants histogram_wants(const void *sink)
{
    (void)sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1, .one_layout = true, .intensity = 2};
}

static size_t histogram_state_bytes(const void *sink, const slab_span *span)
{
    (void)span;
    return (size_t)((const slab_histogram *)sink)->nbins * sizeof(union cell);
}

/* Of a thread: elements as they are and as doubles, bins along an axis and in all. */
typedef struct bench {
    char dense[PIECE * 16];
    double real[PIECE];
    int64_t along[PIECE], bin[PIECE];
    int64_t bytes[COUNTERS][BYTES];
} bench;

static size_t histogram_scratch_bytes(const void *sink, const slab_shape *tile)
{
    (void)sink, (void)tile;
    return sizeof(bench);
}

/* n elements of one of the values, as doubles. */
static slab_status reals(slab_dtype dtype, const char *data, int64_t stride, int64_t n, bench *b)
{
    int64_t size = dtype.size;
    const void *from = data;
    if (stride != size) {
        slab_box_copy(1, &n, data, &stride, b->dense, &size, (size_t)size);
        from = b->dense;
    }
    return slab_dtype_convert(dtype, from, slab_dtype_make(SLAB_KIND_FLOAT, 8), b->real, (size_t)n);
}

/* Of elements of one byte each value is counted; a tile's counts are put into bins at its end. */
static bool counts_bytes(const slab_histogram *h, const slab_tile *tile)
{
    return h->n == 1 && !h->weighted && tile->dtypes[0].size == 1;
}

static void count_bytes(const char *data, int64_t stride, int64_t n, bench *b)
{
    const uint8_t *x = (const uint8_t *)data;
    int64_t i = 0;
    for (; i + COUNTERS <= n; i += COUNTERS)
        for (int c = 0; c < COUNTERS; c++)
            b->bytes[c][x[(i + c) * stride]]++;
    for (; i < n; i++)
        b->bytes[0][x[i * stride]]++;
}

static slab_status bin_bytes(const slab_histogram *h, slab_dtype dtype, union cell *cells, bench *b)
{
    slab_status rc = SLAB_OK;
    char each[BYTES];
    for (int x = 0; x < BYTES; x++)
        each[x] = (char)x;
    TRY(reals(dtype, each, 1, BYTES, b));
    slab_bins_find(&h->bins[0], b->real, BYTES, b->bin);
    for (int x = 0; x < BYTES; x++)
        for (int c = 0; c < COUNTERS && b->bin[x] >= 0; c++)
            cells[b->bin[x]].count += b->bytes[c][x];
done:
    return rc;
}

/* n elements along the tile's last axis, `offset[v]` bytes into value v. */
static slab_status take_piece(const slab_histogram *h, const slab_tile *tile, const int64_t *offset,
                              int64_t n, union cell *cells, bench *b)
{
    slab_status rc = SLAB_OK;
    int last = tile->box.rank - 1;
    if (counts_bytes(h, tile)) {
        count_bytes((const char *)tile->views[0].data + offset[0],
                    last < 0 ? 1 : tile->views[0].stride[last], n, b);
        return SLAB_OK;
    }
    memset(b->bin, 0, (size_t)n * sizeof *b->bin);
    for (int v = 0; v < h->n + h->weighted; v++) {
        const slab_view *view = &tile->views[v];
        int64_t stride = last < 0 ? (int64_t)tile->dtypes[v].size : view->stride[last];
        TRY(reals(tile->dtypes[v], (const char *)view->data + offset[v], stride, n, b));
        if (v == h->n)
            break; /* weights */
        slab_bins_find(&h->bins[v], b->real, n, b->along);
        for (int64_t i = 0; i < n; i++)
            b->bin[i] =
                b->bin[i] < 0 || b->along[i] < 0 ? -1 : b->bin[i] * h->bins[v].n + b->along[i];
    }
    for (int64_t i = 0; i < n; i++) {
        if (b->bin[i] < 0)
            continue;
        if (h->weighted)
            cells[b->bin[i]].sum += b->real[i];
        else
            cells[b->bin[i]].count++;
    }
done:
    return rc;
}

static slab_status histogram_accumulate(const void *sink, const slab_span *span, void *state,
                                        int phase, const slab_tile *tile, void *scratch)
{
    slab_status rc = SLAB_OK;
    const slab_histogram *h = sink;
    int last = tile->box.rank - 1, nviews = h->n + h->weighted;
    int64_t at[SLAB_RANK_MAX] = {0}, offset[SLAB_TILE_VIEWS_MAX] = {0};
    int64_t length = last < 0 ? 1 : tile->box.count[last];
    bool bytes = counts_bytes(h, tile);
    bench *b = scratch;
    (void)span, (void)phase;
    if (bytes)
        memset(b->bytes, 0, sizeof b->bytes);
    for (;;) {
        for (int64_t i = 0; i < length; i += PIECE) {
            int64_t n = length - i < PIECE ? length - i : PIECE, from[SLAB_TILE_VIEWS_MAX];
            for (int v = 0; v < nviews; v++)
                from[v] = offset[v] + (last < 0 ? 0 : i * tile->views[v].stride[last]);
            TRY(take_piece(h, tile, from, n, state, b));
        }
        int a = last - 1;
        for (; a >= 0; a--) {
            bool more = ++at[a] < tile->box.count[a];
            for (int v = 0; v < nviews; v++)
                offset[v] += tile->views[v].stride[a] * (more ? 1 : 1 - tile->box.count[a]);
            if (more)
                break;
            at[a] = 0;
        }
        if (a < 0)
            break;
    }
    if (bytes)
        TRY(bin_bytes(h, tile->dtypes[0], state, b));
done:
    return rc;
}

static slab_status histogram_merge(const void *sink, const slab_span *into_span, void *into,
                                   const slab_span *from_span, const void *from)
{
    const slab_histogram *h = sink;
    union cell *to = into;
    const union cell *more = from;
    (void)into_span, (void)from_span;
    for (int64_t i = 0; i < h->nbins; i++) {
        if (h->weighted)
            to[i].sum += more[i].sum;
        else
            to[i].count += more[i].count;
    }
    return SLAB_OK;
}

static slab_status histogram_finish(void *sink, const slab_span *span, void *state)
{
    slab_histogram *h = sink;
    (void)span;
    memcpy(h->cells, state, (size_t)h->nbins * sizeof *h->cells);
    return SLAB_OK;
}

const slab_sink_class slab_sink_histogram = {.name = "histogram",
                                             .wants = histogram_wants,
                                             .state_bytes = histogram_state_bytes,
                                             .scratch_bytes = histogram_scratch_bytes,
                                             .accumulate = histogram_accumulate,
                                             .in_state = true,
                                             .merge = histogram_merge,
                                             .finish = histogram_finish};
