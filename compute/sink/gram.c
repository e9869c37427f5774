/*
 * A state is one triangle, in LAPACK's rectangular full packed form: half the memory of a square,
 * and still updated by matrix products (dsfrk). Columns (or rows) come in strips of a width that
 * depends on m alone, so that sums are always grouped alike.
 */
#include <slab/compute/sink/gram.h>

#include <lapacke.h>
#include <slab/compute/kernel/blas.h>
#include <slab/storage/base/try.h>
#include <string.h>

static int64_t side_extent(const slab_gram *g)
{
    return g->side == 0 ? g->z->n : g->z->d;
}

static size_t triangle(int64_t m)
{
    return (size_t)m * ((size_t)m + 1) / 2;
}

/* About 2 MiB of doubles, in multiples of 16. */
static int64_t strip_width(int64_t m)
{
    int64_t w = (256 << 10) / (m < 1 ? 1 : m) / 16 * 16;
    return w < 16 ? 16 : w > 512 ? 512 : w;
}

static slab_sink_wants wants(const void *sink)
{
    const slab_gram *g = sink;
    /* A byte costs m / size flops. A quarter of what that is worth, for the sake of memory: states
     * are large, and every level of the merge tree holds one. */
    return (slab_sink_wants){.whole_axes = 1u << g->side,
                             .nphases = 1,
                             .band_axis = -1,
                             .one_layout = true,
                             .run_axes = 1u << (1 - g->side),
                             .intensity = (double)side_extent(g) / 64 / g->z->dtype.size};
}

static size_t state_bytes(const void *sink, const slab_span *span)
{
    (void)span;
    return triangle(side_extent(sink)) * sizeof(double);
}

static size_t scratch_bytes(const void *sink, const slab_shape *tile)
{
    int64_t m = side_extent(sink);
    (void)tile;
    return (size_t)(m * strip_width(m)) * sizeof(double);
}

/* Fresh pages that are read before they are written cost two faults each. */
static void init(const void *sink, const slab_span *span, void *state)
{
    memset(state, 0, state_bytes(sink, span));
}

static slab_status accumulate(const void *sink, const slab_span *span, void *state, int phase,
                              const slab_tile *tile, void *scratch)
{
    const slab_gram *g = sink;
    slab_status rc = SLAB_OK;
    int64_t m = side_extent(g), width = strip_width(m);
    int across = 1 - g->side;
    int64_t count = tile->box.count[across];
    (void)span, (void)phase;
    slab_blas_alone();
    for (int64_t s = 0; s < count; s += width) {
        int64_t w = count - s < width ? count - s : width;
        const char *src = (const char *)tile->view.data + s * tile->view.stride[across];
        lapack_int status;
        if (g->side == 0) {
            /* row-major [m, w] is column-major [w, m]: A^T A */
            slab_standardize_f64(g->z, src, tile->view.stride, m, tile->box.start[1] + s, w,
                                 scratch, w);
            status = LAPACKE_dsfrk_work(LAPACK_COL_MAJOR, 'N', 'L', 'T', (lapack_int)m,
                                        (lapack_int)w, 1.0, scratch, (lapack_int)w, 1.0, state);
        } else {
            slab_standardize_f64(g->z, src, tile->view.stride, w, 0, m, scratch, m);
            status = LAPACKE_dsfrk_work(LAPACK_COL_MAJOR, 'N', 'L', 'N', (lapack_int)m,
                                        (lapack_int)w, 1.0, scratch, (lapack_int)m, 1.0, state);
        }
        REQUIRE(status == 0, SLAB_ERR_INTERNAL, "dsfrk refused argument %d", (int)-status);
    }
done:
    return rc;
}

static slab_status merge(const void *sink, const slab_span *into_span, void *into,
                         const slab_span *from_span, const void *from)
{
    double *restrict a = into;
    const double *restrict b = from;
    size_t n = triangle(side_extent(sink));
    (void)into_span, (void)from_span;
    for (size_t i = 0; i < n; i++)
        a[i] += b[i];
    return SLAB_OK;
}

static slab_status finish(void *sink, const slab_span *span, void *state)
{
    const slab_gram *g = sink;
    slab_status rc = SLAB_OK;
    int64_t m = side_extent(g);
    (void)span;
    if (m == 0)
        goto done;
    lapack_int status = LAPACKE_dtfttr_work(LAPACK_COL_MAJOR, 'N', 'L', (lapack_int)m, state,
                                            g->out, (lapack_int)m);
    REQUIRE(status == 0, SLAB_ERR_INTERNAL, "dtfttr refused argument %d", (int)-status);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < i; j++)
            g->out[i * m + j] = g->out[j * m + i];
done:
    return rc;
}

const slab_sink_class slab_sink_gram = {.name = "gram",
                                        .wants = wants,
                                        .state_bytes = state_bytes,
                                        .scratch_bytes = scratch_bytes,
                                        .init = init,
                                        .accumulate = accumulate,
                                        .merge = merge,
                                        .finish = finish};
