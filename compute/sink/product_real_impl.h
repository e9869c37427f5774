/*
 * The engine for any numbers, through BLAS. Included with REAL, GEMM, SINGLE and ENGINE defined.
 *
 * A tile is standardised strip by strip into REAL; products over a tile are summed in REAL, over
 * tiles in double. Vectors go to BLAS 16 at a time, whatever their number, so that the bits of one
 * do not depend on how many there are.
 */
#include <cblas.h>
#include <slab/compute/kernel/blas.h>
#include <slab/compute/sink/product_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { STRIP_ROWS = 128, STRIP_COLS = 2048 };

typedef struct real_own {
    double *sums; /* first: side 0 f64 [l, band], side 1 f64 [band, l] */
    REAL *w;      /* [band, l] */
    REAL *strip;  /* Z [STRIP_ROWS, STRIP_COLS] */
    REAL *part;   /* [l, STRIP_COLS] or [STRIP_ROWS, l] */
} real_own;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static const REAL *vectors(const slab_product *p)
{
    const void *prepared = p->q64 ? p->q64 : p->prepared;
    return prepared ? prepared : (const void *)p->q;
}

static size_t prepared_bytes(const slab_product *p)
{
    return SINGLE || p->q64 ? 0 : (size_t)product_m(p) * (size_t)p->l * sizeof(REAL);
}

static slab_status prepare(slab_product *p)
{
    slab_status rc = SLAB_OK;
    TRY(slab_memory_alloc(&p->prepared, prepared_bytes(p), 1, "vectors"));
    REAL *q = p->prepared;
    for (int64_t i = 0; q && i < product_m(p) * p->l; i++)
        q[i] = p->q[i];
done:
    return rc;
}

static void clear(slab_product *p)
{
    FREE(p->prepared);
}

/* Lays the arrays out behind `own`; with base NULL it only counts. */
static size_t lay_out(const slab_product *p, const int64_t tile[2], char *base, real_own *own)
{
    int64_t band = tile[1 - p->side];
    size_t used = product_room(sizeof *own, 1);
    own->sums = (void *)(base ? base + used : NULL);
    used += product_room(band * p->l, sizeof(double));
    own->w = (void *)(base ? base + used : NULL);
    used += product_room(band * p->l, sizeof(REAL));
    own->strip = (void *)(base ? base + used : NULL);
    used += product_room((int64_t)STRIP_ROWS * STRIP_COLS, sizeof(REAL));
    own->part = (void *)(base ? base + used : NULL);
    used += product_room((int64_t)STRIP_COLS * p->l, sizeof(REAL));
    return used;
}

static size_t scratch_bytes(const slab_product *p, const slab_shape *tile)
{
    real_own own;
    return lay_out(p, tile->extent, NULL, &own);
}

static void begin(const slab_product *p, product_band *band)
{
    real_own *own = band->own;
    lay_out(p, band->tile, band->own, own);
    memset(own->sums, 0, (size_t)(band->count * p->l) * sizeof(double));
}

/* A strip of the tile's Z from row i and column c on: REAL [rows, cols]. */
static void standardize(const slab_product *p, const slab_tile *tile, int64_t i, int64_t rows,
                        int64_t c, int64_t cols, REAL *strip)
{
    STANDARDIZE(p->z, product_at(tile, i, c), tile->view.stride, rows, tile->box.start[1] + c, cols,
                strip, cols);
}

/* sums[v, c] += sum over the tile's rows of z[i, c] q[i, v]; sums f64 [l, ld] */
static void down(const slab_product *p, const slab_tile *tile, const REAL *q, real_own *own,
                 double *sums, int64_t ld)
{
    int64_t rows = tile->box.count[0], cols = tile->box.count[1];
    slab_blas_alone();
    for (int64_t c = 0; c < cols; c += STRIP_COLS) {
        int64_t nc = least(STRIP_COLS, cols - c);
        for (int64_t i = 0; i < rows; i += STRIP_ROWS) {
            int64_t ni = least(STRIP_ROWS, rows - i);
            standardize(p, tile, i, ni, c, nc, own->strip);
            for (int v = 0; v < p->l; v += SLAB_PRODUCT_BLOCK)
                GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, SLAB_PRODUCT_BLOCK, (blasint)nc,
                     (blasint)ni, 1, q + i * p->l + v, p->l, own->strip, (blasint)nc, i > 0,
                     own->part + v * nc, (blasint)nc);
        }
        for (int v = 0; v < p->l; v++)
            for (int64_t k = 0; k < nc; k++)
                sums[v * ld + c + k] += (double)own->part[v * nc + k];
    }
}

/* sums[i, v] += sum over the tile's columns of z[i, c] w[c, v]; sums f64 [rows, l] */
static void across(const slab_product *p, const slab_tile *tile, const REAL *w, real_own *own,
                   double *sums)
{
    int64_t rows = tile->box.count[0], cols = tile->box.count[1];
    slab_blas_alone();
    for (int64_t i = 0; i < rows; i += STRIP_ROWS) {
        int64_t ni = least(STRIP_ROWS, rows - i);
        for (int64_t c = 0; c < cols; c += STRIP_COLS) {
            int64_t nc = least(STRIP_COLS, cols - c);
            standardize(p, tile, i, ni, c, nc, own->strip);
            for (int v = 0; v < p->l; v += SLAB_PRODUCT_BLOCK)
                GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)ni, SLAB_PRODUCT_BLOCK,
                     (blasint)nc, 1, own->strip, (blasint)nc, w + c * p->l + v, p->l, c > 0,
                     own->part + v, p->l);
        }
        for (int64_t k = 0; k < ni * p->l; k++)
            sums[i * p->l + k] += (double)own->part[k];
    }
}

static void first(const slab_product *p, product_band *band, const slab_tile *tile)
{
    real_own *own = band->own;
    const REAL *q = vectors(p);
    if (p->side == 0)
        down(p, tile, q + tile->box.start[0] * p->l, own, own->sums, band->count);
    else
        across(p, tile, q + tile->box.start[1] * p->l, own, own->sums);
}

static void turn(const slab_product *p, product_band *band)
{
    double *out = band->out;
    real_own *own = band->own;
    int64_t step = p->side == 0 ? 1 : p->l, next = p->side == 0 ? band->count : 1;
    for (int64_t k = 0; k < band->count; k++)
        for (int v = 0; v < p->l; v++) {
            double w = own->sums[k * step + v * next];
            if (out)
                out[k * p->l + v] = w;
            else
                own->w[k * p->l + v] = (REAL)w;
        }
}

static void second(const slab_product *p, product_band *band, const slab_tile *tile, double *y)
{
    real_own *own = band->own;
    if (p->side == 0)
        across(p, tile, own->w, own, y + tile->box.start[0] * p->l);
    else
        down(p, tile, own->w, own, y + tile->box.start[1], p->z->d);
}

const product_engine ENGINE = {prepared_bytes, prepare, clear, scratch_bytes,
                               begin,          first,   turn,  second};
