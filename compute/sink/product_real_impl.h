/*
 * The engine for any numbers, through BLAS. Included with REAL, GEMM, SINGLE and ENGINE defined.
 *
 * A tile is standardised strip by strip into REAL; products over a tile are summed in REAL, over
 * tiles in double, over bands exactly. Vectors go to BLAS 16 at a time, whatever their number, so
 * that the bits of one do not depend on how many there are.
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

static int64_t vectors_ld(const slab_product *p)
{
    return p->prepared ? p->l : product_ld(p);
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
    for (int64_t i = 0; q && i < product_m(p); i++)
        for (int v = 0; v < p->l; v++)
            q[i * p->l + v] = p->q[i * product_ld(p) + v];
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

/* part[v, k] = sum over the tile's rows of z[i, c + k] q[i, v]; q [rows, ld] */
static void down(const slab_product *p, const slab_tile *tile, const REAL *q, int64_t ld, int64_t c,
                 int64_t nc, real_own *own)
{
    int64_t rows = tile->box.count[0];
    for (int64_t i = 0; i < rows; i += STRIP_ROWS) {
        int64_t ni = least(STRIP_ROWS, rows - i);
        standardize(p, tile, i, ni, c, nc, own->strip);
        for (int v = 0; v < p->l; v += SLAB_PRODUCT_BLOCK)
            GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, SLAB_PRODUCT_BLOCK, (blasint)nc,
                 (blasint)ni, 1, q + i * ld + v, (blasint)ld, own->strip, (blasint)nc, i > 0,
                 own->part + v * nc, (blasint)nc);
    }
}

/* part[k, v] = sum over the tile's columns of z[i + k, c] w[c, v]; w [cols, ld] */
static void across(const slab_product *p, const slab_tile *tile, const REAL *w, int64_t ld,
                   int64_t i, int64_t ni, real_own *own)
{
    int64_t cols = tile->box.count[1];
    for (int64_t c = 0; c < cols; c += STRIP_COLS) {
        int64_t nc = least(STRIP_COLS, cols - c);
        standardize(p, tile, i, ni, c, nc, own->strip);
        for (int v = 0; v < p->l; v += SLAB_PRODUCT_BLOCK)
            GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)ni, SLAB_PRODUCT_BLOCK,
                 (blasint)nc, 1, own->strip, (blasint)nc, w + c * ld + v, (blasint)ld, c > 0,
                 own->part + v, p->l);
    }
}

/* Into sums, side 0 [l, band], side 1 [band, l]. */
static void first(const slab_product *p, product_band *band, const slab_tile *tile)
{
    real_own *own = band->own;
    int64_t ld = vectors_ld(p), n = tile->box.count[1 - p->side];
    int64_t step = p->side == 0 ? STRIP_COLS : STRIP_ROWS;
    const REAL *q = vectors(p) + tile->box.start[p->side] * ld;
    slab_blas_alone();
    for (int64_t at = 0; at < n; at += step) {
        int64_t some = least(step, n - at);
        if (p->side == 0)
            down(p, tile, q, ld, at, some, own);
        else
            across(p, tile, q, ld, at, some, own);
        for (int v = 0; p->side == 0 && v < p->l; v++)
            for (int64_t k = 0; k < some; k++)
                own->sums[v * band->count + at + k] += (double)own->part[v * some + k];
        for (int64_t k = 0; p->side == 1 && k < some * p->l; k++)
            own->sums[at * p->l + k] += (double)own->part[k];
    }
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

/* `some` rows of y from `at` on; `next` and `step` lead through part from row to row and from
 * vector to vector. */
static void add_part(const slab_product *p, const product_band *band, int64_t at, int64_t some,
                     int64_t next, int64_t step)
{
    const REAL *part = ((const real_own *)band->own)->part;
    for (int64_t i = 0; i < some; i += PRODUCT_TERMS) {
        int64_t rows = least(PRODUCT_TERMS, some - i);
        for (int64_t k = 0; k < rows; k++)
            for (int v = 0; v < p->l; v++)
                band->terms[k * p->l + v] = (double)part[(i + k) * next + v * step];
        exact_add(p->sums, at + i, rows, band->terms);
    }
}

static void second(const slab_product *p, product_band *band, const slab_tile *tile)
{
    real_own *own = band->own;
    int64_t n = tile->box.count[p->side], start = tile->box.start[p->side];
    int64_t step = p->side == 0 ? STRIP_ROWS : STRIP_COLS;
    slab_blas_alone();
    for (int64_t at = 0; at < n; at += step) {
        int64_t some = least(step, n - at);
        if (p->side == 0) {
            across(p, tile, own->w, p->l, at, some, own);
            add_part(p, band, start + at, some, p->l, 1);
        } else {
            down(p, tile, own->w, p->l, at, some, own);
            add_part(p, band, start + at, some, 1, some);
        }
    }
}

const product_engine ENGINE = {prepared_bytes, prepare, clear, scratch_bytes,
                               begin,          first,   turn,  second};
