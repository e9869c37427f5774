/*
 * The two halves of a step, and the engines that compute them.
 *
 * A band is a slice of Z across the other axis than the vectors': columns for side 0, rows for
 * side 1. "First" collects w = Z_band^T q (side 0) or Z_band q (side 1) over the band's tiles,
 * "turn" makes w ready, "second" adds Z_band w or Z_band^T w to y.
 */
#ifndef SLAB_COMPUTE_SINK_PRODUCT_IMPL_H
#define SLAB_COMPUTE_SINK_PRODUCT_IMPL_H

#include <slab/compute/sink/exact_impl.h>
#include <slab/compute/sink/product.h>

enum { PRODUCT_TERMS = 64 }; /* rows of y that are added to together */

/* What a thread knows of the band it is in; the engine's own scratch follows. */
typedef struct product_band {
    int64_t start, count; /* along the band axis, elements of the value */
    int64_t tile[2];      /* extents of the tile at hand */
    int thread;           /* whose tile it is */
    double *out;          /* half: f64 [count, l] */
    double *terms;        /* whole: f64 [PRODUCT_TERMS, l], for exact_add() */
    uint8_t *cache;       /* keep: the band's rows, closed, and room to open some */
    void *own;
} product_band;

typedef struct product_engine {
    size_t (*prepared_bytes)(const slab_product *p);
    slab_status (*prepare)(slab_product *p);
    void (*clear)(slab_product *p);
    size_t (*scratch_bytes)(const slab_product *p, const slab_shape *tile);
    /* `own` has been carved for this band; begin empties what first collects in. */
    void (*begin)(const slab_product *p, product_band *band);
    void (*first)(const slab_product *p, product_band *band, const slab_tile *tile);
    /* half: w goes to band->out; else it is kept for second. */
    void (*turn)(const slab_product *p, product_band *band);
    /* adds to p->sums, PRODUCT_TERMS rows of y at a time */
    void (*second)(const slab_product *p, product_band *band, const slab_tile *tile);
} product_engine;

/* Bytes: exact sums of 24-bit integers. Others: BLAS, in single or double precision. */
extern const product_engine product_digits, product_single, product_double;

/* product_cache.c */
size_t product_cache_bytes(const slab_product *p, int64_t columns);
slab_status product_cache_put(product_band *band, const slab_tile *tile);
/* Second, for all that was put. */
void product_cache_show(const slab_product *p, const product_engine *engine, product_band *band);

static inline int64_t product_m(const slab_product *p)
{
    return p->side == 0 ? p->z->n : p->z->d;
}

static inline int64_t product_other(const slab_product *p)
{
    return p->side == 0 ? p->z->d : p->z->n;
}

static inline int64_t product_ld(const slab_product *p)
{
    return p->ld > 0 ? p->ld : p->l;
}

static inline const void *product_at(const slab_tile *tile, int64_t i, int64_t c)
{
    return (const char *)tile->view.data + i * tile->view.stride[0] + c * tile->view.stride[1];
}

/* Doubles in a block, rounded so that the next array starts on a cache line. */
static inline size_t product_room(int64_t count, size_t size)
{
    return ((size_t)count * size + 63) & ~(size_t)63;
}

#endif
