/*
 * There is one table of sums (exact_impl.h) and a triangle for every thread: the product of one
 * tile with itself, in LAPACK's rectangular full packed form, which is half the memory of a square,
 * and still updated by matrix products (dsfrk). It is a matrix of ROWS x COLUMNS numbers that fill
 * the table. Columns (or rows) come in strips of a width that depends on m alone, so that sums are
 * always grouped alike.
 */
#include <slab/compute/sink/gram.h>

#include <lapacke.h>
#include <slab/compute/kernel/blas.h>
#include <slab/compute/sink/exact_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

static int64_t side_extent(const slab_gram *g)
{
    return g->side == 0 ? g->z->n : g->z->d;
}

/* The packed triangle, m (m + 1) / 2 numbers, is a matrix of so many numbers a row. */
static int64_t packed_columns(int64_t m)
{
    return m % 2 == 0 ? m + 1 : m;
}

static int64_t packed_rows(int64_t m)
{
    return (m + 1) / 2;
}

static size_t triangle_bytes(int64_t m)
{
    return (size_t)packed_rows(m) * (size_t)packed_columns(m) * sizeof(double);
}

/* About 2 MiB of doubles, in multiples of 16. */
static int64_t strip_width(int64_t m)
{
    int64_t w = (256 << 10) / (m < 1 ? 1 : m) / 16 * 16;
    return w < 16 ? 16 : w > 512 ? 512 : w;
}

static size_t strip_bytes(int64_t m)
{
    return (size_t)(m * strip_width(m)) * sizeof(double);
}

slab_status slab_gram_prepare(slab_gram *g)
{
    slab_status rc = SLAB_OK;
    int64_t m = side_extent(g), n = packed_columns(m);
    double *bound = NULL;
    exact_sums *sums = NULL;
    ALLOC(bound, n, "sums");
    for (int64_t i = 0; i < n; i++)
        bound[i] = g->z->squares; /* |z_i . z_j| <= |z_i| |z_j| */
    TRY(exact_create(packed_rows(m), n, n, g->out, bound, &sums));
    g->sums = sums;
done:
    FREE(bound);
    return rc;
}

void slab_gram_clear(slab_gram *g)
{
    exact_sums *sums = g->sums;
    exact_destroy(&sums);
    g->sums = NULL;
}

slab_status slab_gram_collect(slab_gram *g, slab_ranks *ranks)
{
    slab_status rc = SLAB_OK;
    int64_t m = side_extent(g);
    double *packed = NULL;
    TRY(exact_collect(g->sums, ranks));
    rc = slab_memory_alloc((void **)&packed, triangle_bytes(m), 1, "a Gram matrix");
    TRY(slab_ranks_agree(ranks, rc));
    memcpy(packed, g->out, triangle_bytes(m));
    lapack_int status = LAPACKE_dtfttr_work(LAPACK_COL_MAJOR, 'N', 'L', (lapack_int)m, packed,
                                            g->out, (lapack_int)m);
    REQUIRE(status == 0, SLAB_ERR_INTERNAL, "dtfttr refused argument %d", (int)-status);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < i; j++)
            g->out[i * m + j] = g->out[j * m + i];
done:
    FREE(packed);
    return rc;
}

size_t slab_gram_collect_bytes(const slab_gram *g)
{
    return triangle_bytes(side_extent(g));
}

static slab_sink_wants wants(const void *sink)
{
    const slab_gram *g = sink;
    return (slab_sink_wants){.whole_axes = 1u << g->side,
                             .nphases = 1,
                             .band_axis = -1,
                             .run_axes = 1u << (1 - g->side)};
}

static size_t scratch_bytes(const void *sink, const slab_shape *tile)
{
    int64_t m = side_extent(sink);
    (void)tile;
    return (strip_bytes(m) + 63) / 64 * 64 + triangle_bytes(m);
}

/* triangle = beta triangle + the product of the w columns (or rows) of the tile from s on. */
static slab_status add_strip(const slab_gram *g, const slab_tile *tile, int64_t s, int64_t w,
                             double beta, double *strip, double *triangle)
{
    slab_status rc = SLAB_OK;
    int64_t m = side_extent(g);
    int across = 1 - g->side;
    const char *src = (const char *)tile->view.data + s * tile->view.stride[across];
    lapack_int status;
    if (g->side == 0) {
        /* row-major [m, w] is column-major [w, m]: A^T A */
        slab_standardize_f64(g->z, src, tile->view.stride, m, tile->box.start[1] + s, w, strip, w);
        status = LAPACKE_dsfrk_work(LAPACK_COL_MAJOR, 'N', 'L', 'T', (lapack_int)m, (lapack_int)w,
                                    1.0, strip, (lapack_int)w, beta, triangle);
    } else {
        slab_standardize_f64(g->z, src, tile->view.stride, w, 0, m, strip, m);
        status = LAPACKE_dsfrk_work(LAPACK_COL_MAJOR, 'N', 'L', 'N', (lapack_int)m, (lapack_int)w,
                                    1.0, strip, (lapack_int)m, beta, triangle);
    }
    REQUIRE(status == 0, SLAB_ERR_INTERNAL, "dsfrk refused argument %d", (int)-status);
done:
    return rc;
}

static slab_status accumulate(const void *sink, const slab_span *span, void *state, int phase,
                              const slab_tile *tile, void *scratch)
{
    const slab_gram *g = sink;
    slab_status rc = SLAB_OK;
    int64_t m = side_extent(g), width = strip_width(m), count = tile->box.count[1 - g->side];
    double *strip = scratch;
    double *triangle = (void *)((char *)scratch + (strip_bytes(m) + 63) / 64 * 64);
    (void)span, (void)phase, (void)state;
    slab_blas_alone();
    for (int64_t s = 0; s < count; s += width)
        TRY(add_strip(g, tile, s, count - s < width ? count - s : width, s > 0, strip, triangle));
    exact_add(g->sums, 0, packed_rows(m), triangle);
done:
    return rc;
}

static bool sums(const void *sink, slab_sink_sums *out)
{
    const slab_gram *g = sink;
    if (g->sums)
        exact_table(g->sums, out);
    return g->sums != NULL;
}

const slab_sink_class slab_sink_gram = {.name = "gram",
                                        .wants = wants,
                                        .scratch_bytes = scratch_bytes,
                                        .accumulate = accumulate,
                                        .sums = sums};
