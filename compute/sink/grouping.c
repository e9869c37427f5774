#include <slab/compute/sink/grouping.h>

#include <math.h>
#include <slab/compute/kernel/order.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { PIECE = 512, DIRECT_MOST = 1 << 22 };

/* --- which group --- */

static uint64_t bucket_of(const slab_group_index *index, uint64_t key)
{
    return (key * 0x9E3779B97F4A7C15U) >> 20 & (index->buckets - 1);
}

slab_status slab_group_index_make(const uint64_t *keys, int64_t n, slab_group_index *out)
{
    slab_status rc = SLAB_OK;
    *out = (slab_group_index){.n = n, .keys = keys};
    REQUIRE(n <= INT32_MAX / 2, SLAB_ERR_RANGE, "more than 2^30 groups");
    out->low = n ? keys[0] : 0;
    out->range = n ? keys[n - 1] - keys[0] + 1 : 1;
    if (out->range >= 1 && out->range <= DIRECT_MOST) {
        ALLOC(out->direct, out->range, "groups");
        memset(out->direct, -1, out->range * sizeof *out->direct);
        for (int64_t i = 0; i < n; i++)
            out->direct[keys[i] - out->low] = (int32_t)i;
        goto done;
    }
    for (out->buckets = 64; out->buckets < 2 * (uint64_t)n;)
        out->buckets *= 2;
    ALLOC(out->hashed, out->buckets, "groups");
    memset(out->hashed, -1, out->buckets * sizeof *out->hashed);
    for (int64_t i = 0; i < n; i++) {
        uint64_t b = bucket_of(out, keys[i]);
        while (out->hashed[b] >= 0)
            b = (b + 1) & (out->buckets - 1);
        out->hashed[b] = (int32_t)i;
    }
done:
    return rc;
}

void slab_group_index_clear(slab_group_index *index)
{
    FREE(index->direct);
    FREE(index->hashed);
}

static void find_groups(const slab_grouping *g, const uint64_t *keys, int64_t n, int32_t *groups)
{
    const slab_group_index *index = g->index;
    int32_t first = (int32_t)g->first, end = (int32_t)(g->first + g->n);
    bool nan = g->labels.kind == SLAB_KIND_FLOAT;
    for (int64_t i = 0; i < n; i++) {
        int32_t group = -1;
        if (nan && keys[i] == SLAB_ORDER_NAN) {
            groups[i] = -1;
            continue;
        }
        if (index->direct) {
            uint64_t at = keys[i] - index->low;
            group = at < index->range ? index->direct[at] : -1;
        } else {
            uint64_t b = bucket_of(index, keys[i]);
            while ((group = index->hashed[b]) >= 0 && index->keys[group] != keys[i])
                b = (b + 1) & (index->buckets - 1);
        }
        groups[i] = group >= first && group < end ? group - first : -1;
    }
}

/* --- the state: counts, then a table [groups, columns] for each field --- */

static bool is_whole(const slab_grouping *g)
{
    return g->dtype.kind != SLAB_KIND_FLOAT;
}

static int fields_of(const slab_grouping *g)
{
    return __builtin_popcount(g->what & (SLAB_GROUP_SUM | SLAB_GROUP_LEAST | SLAB_GROUP_GREATEST)) +
           (g->what & SLAB_GROUP_MOMENTS ? 2 : 0);
}

int64_t slab_grouping_ncounts(const slab_grouping *g)
{
    return g->skip_nan && !is_whole(g) ? g->columns : 1;
}

size_t slab_grouping_bytes(const slab_grouping *g)
{
    int64_t cells = slab_grouping_ncounts(g) + fields_of(g) * g->columns;
    size_t bytes;
    bool fits = slab_size_multiply((size_t)cells * 8, (size_t)g->n, &bytes) == SLAB_OK;
    return fits ? bytes : SIZE_MAX;
}

const int64_t *slab_grouping_counts(const slab_grouping *g, const void *state)
{
    (void)g;
    return state;
}

const void *slab_grouping_field(const slab_grouping *g, const void *state, unsigned what,
                                bool second)
{
    int64_t before = second;
    for (unsigned bit = 1; bit < what; bit *= 2)
        if (g->what & bit)
            before += bit == SLAB_GROUP_MOMENTS ? 2 : 1;
    return (const int64_t *)state + g->n * (slab_grouping_ncounts(g) + before * g->columns);
}

static slab_sink_wants grouping_wants(const void *sink)
{
    const slab_grouping *g = sink;
    uint32_t all = g->rank < 32 ? (1U << g->rank) - 1 : UINT32_MAX;
    return (slab_sink_wants){.nphases = 1,
                             .band_axis = -1,
                             .whole_axes = all & ~1U,
                             .run_axes = 1,
                             .intensity = 4,
                             .one_layout = true};
}

static size_t grouping_state_bytes(const void *sink, const slab_span *span)
{
    (void)span;
    return slab_grouping_bytes(sink);
}

/* Rows taken at once: a piece of them dense, then as doubles or int64. */
static int64_t rows_at_once(int64_t columns)
{
    int64_t rows = 65536 / (columns > 0 ? columns : 1);
    return rows < 1 ? 1 : rows > PIECE ? PIECE : rows;
}

static size_t grouping_scratch_bytes(const void *sink, const slab_shape *tile)
{
    int64_t columns = ((const slab_grouping *)sink)->columns;
    (void)tile;
    return PIECE * (sizeof(uint64_t) + 8 + sizeof(int32_t)) +
           (size_t)(rows_at_once(columns) * columns) * 16 + 64;
}

static void grouping_init(const void *sink, const slab_span *span, void *state)
{
    const slab_grouping *g = sink;
    int64_t cells = g->n * g->columns;
    bool whole = is_whole(g), plain = g->dtype.kind != SLAB_KIND_INT;
    (void)span;
    for (unsigned bit = SLAB_GROUP_LEAST; bit <= SLAB_GROUP_GREATEST; bit *= 2) {
        if (!(g->what & bit))
            continue;
        bool least = bit == SLAB_GROUP_LEAST;
        void *field = (void *)slab_grouping_field(g, state, bit, false);
        for (int64_t i = 0; i < cells; i++) {
            if (!whole)
                ((double *)field)[i] = least ? INFINITY : -INFINITY;
            else if (plain)
                ((uint64_t *)field)[i] = least ? UINT64_MAX : 0;
            else
                ((int64_t *)field)[i] = least ? INT64_MAX : INT64_MIN;
        }
    }
}

/* --- rows --- */

/* The tables of a state. */
typedef struct tables {
    int64_t *counts, ncounts; /* of a group */
    double *sum, *mean, *squares, *least, *greatest;
} tables;

static tables tables_of(const slab_grouping *g, void *state)
{
    tables t = {.counts = state, .ncounts = slab_grouping_ncounts(g)};
    t.sum = (double *)slab_grouping_field(g, state, SLAB_GROUP_SUM, false);
    t.mean = (double *)slab_grouping_field(g, state, SLAB_GROUP_MOMENTS, false);
    t.squares = (double *)slab_grouping_field(g, state, SLAB_GROUP_MOMENTS, true);
    t.least = (double *)slab_grouping_field(g, state, SLAB_GROUP_LEAST, false);
    t.greatest = (double *)slab_grouping_field(g, state, SLAB_GROUP_GREATEST, false);
    return t;
}

/* n elements of a row of a group whose cells begin at `at`; count: with these elements. */
static void add_reals(const slab_grouping *g, const tables *t, int64_t at, const double *x,
                      int64_t n, double count)
{
    if (g->what & SLAB_GROUP_SUM)
        for (int64_t j = 0; j < n; j++)
            t->sum[at + j] += x[j];
    if (g->what & SLAB_GROUP_MOMENTS) {
        double share = 1 / count;
        for (int64_t j = 0; j < n; j++) { /* Welford (1962) */
            double d = x[j] - t->mean[at + j];
            t->mean[at + j] += d * share;
            t->squares[at + j] += d * (x[j] - t->mean[at + j]);
        }
    }
    if (g->what & SLAB_GROUP_LEAST)
        for (int64_t j = 0; j < n; j++)
            t->least[at + j] =
                ((x[j] < t->least[at + j]) | (x[j] != x[j])) ? x[j] : t->least[at + j];
    if (g->what & SLAB_GROUP_GREATEST)
        for (int64_t j = 0; j < n; j++)
            t->greatest[at + j] =
                ((x[j] > t->greatest[at + j]) | (x[j] != x[j])) ? x[j] : t->greatest[at + j];
}

static void add_wholes(const slab_grouping *g, const tables *t, int64_t at, const int64_t *x,
                       int64_t n, double count)
{
    uint64_t *sum = (uint64_t *)(void *)t->sum;
    int64_t *least = (int64_t *)(void *)t->least, *greatest = (int64_t *)(void *)t->greatest;
    bool plain = g->dtype.kind != SLAB_KIND_INT;
    if (g->what & SLAB_GROUP_SUM)
        for (int64_t j = 0; j < n; j++)
            sum[at + j] += (uint64_t)x[j];
    for (int64_t j = 0; j < n && g->what & SLAB_GROUP_MOMENTS; j++) {
        double real = plain ? (double)(uint64_t)x[j] : (double)x[j], d = real - t->mean[at + j];
        t->mean[at + j] += d / count;
        t->squares[at + j] += d * (real - t->mean[at + j]);
    }
    for (int64_t j = 0; j < n && g->what & (SLAB_GROUP_LEAST | SLAB_GROUP_GREATEST); j++) {
        bool below = plain ? (uint64_t)x[j] < (uint64_t)least[at + j] : x[j] < least[at + j];
        bool above = plain ? (uint64_t)x[j] > (uint64_t)greatest[at + j] : x[j] > greatest[at + j];
        if (g->what & SLAB_GROUP_LEAST && below)
            least[at + j] = x[j];
        if (g->what & SLAB_GROUP_GREATEST && above)
            greatest[at + j] = x[j];
    }
}

/* Elements that are not NaN, one by one. */
static void add_present(const slab_grouping *g, const tables *t, int64_t group, const double *x)
{
    for (int64_t j = 0; j < g->columns; j++) {
        int64_t cell = group * g->columns + j;
        if (x[j] == x[j])
            add_reals(g, t, cell, x + j, 1, (double)++t->counts[cell]);
    }
}

/* x: f64, int64 or uint64 [rows, columns] */
static void add_rows(const slab_grouping *g, const tables *t, const int32_t *groups, int64_t rows,
                     const void *x)
{
    enum { AHEAD = 8 };
    bool whole = is_whole(g);
    const double *table = g->what & SLAB_GROUP_SUM ? t->sum : t->mean;
    for (int64_t i = 0; i < rows; i++) {
        if (i + AHEAD < rows && groups[i + AHEAD] >= 0) {
            __builtin_prefetch(&t->counts[groups[i + AHEAD] * t->ncounts], 1);
            __builtin_prefetch(table + groups[i + AHEAD] * g->columns, 1);
        }
        int64_t group = groups[i], at = group * g->columns;
        if (group < 0)
            continue;
        if (t->ncounts > 1 || (g->skip_nan && !whole)) {
            add_present(g, t, group, (const double *)x + i * g->columns);
            continue;
        }
        double count = (double)++t->counts[group];
        if (whole)
            add_wholes(g, t, at, (const int64_t *)x + i * g->columns, g->columns, count);
        else
            add_reals(g, t, at, (const double *)x + i * g->columns, g->columns, count);
    }
}

static slab_dtype wide_type(const slab_grouping *g)
{
    if (!is_whole(g))
        return slab_dtype_make(SLAB_KIND_FLOAT, 8);
    return slab_dtype_make(g->dtype.kind == SLAB_KIND_INT ? SLAB_KIND_INT : SLAB_KIND_UINT, 8);
}

static slab_status grouping_accumulate(const void *sink, const slab_span *span, void *state,
                                       int phase, const slab_tile *tile, void *scratch)
{
    slab_status rc = SLAB_OK;
    const slab_grouping *g = sink;
    tables t = tables_of(g, state);
    slab_box part = tile->box;
    int64_t size = tile->dtype.size, lsize = tile->dtypes[1].size, dense[SLAB_RANK_MAX];
    int64_t lstride = tile->views[1].stride[0], most = rows_at_once(g->columns);
    uint64_t *keys = scratch;
    char *labels = (char *)(keys + PIECE);
    int32_t *groups = (int32_t *)(void *)(labels + (size_t)PIECE * 8);
    char *plain = (char *)(groups + PIECE);
    (void)span, (void)phase;
    for (int64_t i = 0; i < tile->box.count[0] && g->columns > 0; i += most) {
        int64_t n = tile->box.count[0] - i < most ? tile->box.count[0] - i : most;
        slab_box_copy(1, &n, (const char *)tile->views[1].data + i * lstride, &lstride, labels,
                      &lsize, (size_t)lsize);
        slab_order_keys(g->labels, labels, n, keys);
        find_groups(g, keys, n, groups);
        part.count[0] = n;
        slab_strides_of(part.rank, part.count, (size_t)size, dense);
        slab_box_copy(part.rank, part.count,
                      (const char *)tile->view.data + i * tile->view.stride[0], tile->view.stride,
                      plain, dense, (size_t)size);
        char *x = plain + (n * g->columns * size + 15) / 16 * 16;
        TRY(slab_dtype_convert(tile->dtype, plain, wide_type(g), x, (size_t)(n * g->columns)));
        add_rows(g, &t, groups, n, x);
    }
done:
    return rc;
}

static void merge_moments(const tables *into, const tables *from, int64_t at, int64_t of, double n,
                          double m)
{
    double d = from->mean[of] - into->mean[at], all = n + m;
    if (m == 0)
        return;
    into->mean[at] += d * (m / all);
    into->squares[at] += from->squares[of] + d * d * (n * m / all);
}

static void merge_cell(const slab_grouping *g, const tables *into, const tables *from, int64_t at,
                       int64_t of, double n, double m)
{
    if (g->what & SLAB_GROUP_MOMENTS)
        merge_moments(into, from, at, of, n, m);
    if (is_whole(g)) {
        if (g->what & SLAB_GROUP_SUM)
            ((uint64_t *)(void *)into->sum)[at] += ((const uint64_t *)(void *)from->sum)[of];
        tables extremes = *into;
        slab_grouping only = *g;
        only.what &= SLAB_GROUP_LEAST;
        if (only.what)
            add_wholes(&only, &extremes, at, (const int64_t *)(void *)from->least + of, 1, 1);
        only.what = g->what & SLAB_GROUP_GREATEST;
        if (only.what)
            add_wholes(&only, &extremes, at, (const int64_t *)(void *)from->greatest + of, 1, 1);
        return;
    }
    if (g->what & SLAB_GROUP_SUM)
        into->sum[at] += from->sum[of];
    slab_grouping only = *g;
    only.what = g->what & SLAB_GROUP_LEAST;
    if (only.what)
        add_reals(&only, into, at, from->least + of, 1, 1);
    only.what = g->what & SLAB_GROUP_GREATEST;
    if (only.what)
        add_reals(&only, into, at, from->greatest + of, 1, 1);
}

static slab_status grouping_merge(const void *sink, const slab_span *into_span, void *into,
                                  const slab_span *from_span, const void *from)
{
    const slab_grouping *g = sink;
    tables to = tables_of(g, into), more = tables_of(g, (void *)from);
    bool own = g->skip_nan && !is_whole(g); /* counts of their own for every column */
    (void)into_span, (void)from_span;
    for (int64_t group = 0; group < g->n; group++) {
        if (!own && more.counts[group] == 0)
            continue;
        for (int64_t j = 0; j < g->columns; j++) {
            int64_t at = group * g->columns + j, count = own ? at : group;
            merge_cell(g, &to, &more, at, at, (double)to.counts[count], (double)more.counts[count]);
            if (own)
                to.counts[at] += more.counts[at];
        }
        if (!own)
            to.counts[group] += more.counts[group];
    }
    return SLAB_OK;
}

static slab_status grouping_finish(void *sink, const slab_span *span, void *state)
{
    const slab_grouping *g = sink;
    (void)span;
    if (slab_grouping_bytes(g) > 0)
        memcpy(g->state, state, slab_grouping_bytes(g));
    return SLAB_OK;
}

const slab_sink_class slab_sink_grouping = {.name = "grouping",
                                            .wants = grouping_wants,
                                            .state_bytes = grouping_state_bytes,
                                            .scratch_bytes = grouping_scratch_bytes,
                                            .init = grouping_init,
                                            .accumulate = grouping_accumulate,
                                            .merge = grouping_merge,
                                            .finish = grouping_finish};
