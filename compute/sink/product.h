/**
 * Products of a standardised matrix with a block of vectors: one step of a block Krylov method in
 * one pass over the data.
 */
#ifndef SLAB_COMPUTE_SINK_PRODUCT_H
#define SLAB_COMPUTE_SINK_PRODUCT_H

#include <slab/compute/kernel/standardize.h>
#include <slab/compute/sink/sink.h>
#include <slab/storage/base/ranks.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_PRODUCT_BLOCK 16 /* vectors come in multiples of it */

/**
 * Takes rows first .. first + count - 1 of half a product, f64 [count, l], which it may change.
 * Called for every band once, on any rank and thread; `thread` as in slab_tile.
 */
typedef slab_status (*slab_product_emit)(void *context, int thread, int64_t first, int64_t count,
                                         double *rows);

/** Are the rows of the band that begins at `first` there already? Thread-safe. */
typedef bool (*slab_product_has)(void *context, int64_t first);

/**
 * A sink of class slab_sink_product. With m = n (side 0) or d (side 1), and q [m, l]:
 *
 *     side 0:  y = Z Z^T q  [n, l]     half: Z^T q  [d, l]
 *     side 1:  y = Z^T Z q  [d, l]     half: Z q    [n, l]
 *
 * Fill it in, then slab_product_prepare(), run a pass, slab_product_collect() for y, and
 * slab_product_clear(). Half a product is never in memory as a whole.
 */
typedef struct slab_product {
    const slab_standard *z; /* borrowed */
    int side;
    int l;      /* vectors, a multiple of SLAB_PRODUCT_BLOCK */
    int64_t ld; /* entries from row to row of q and y: they may be columns of more. 0: l */
    float *q;   /* f32 [m, l], row-major; borrowed. For byte matrices prepare rounds its entries
                   to 24 bits below the largest of their column */
    const double *q64;      /* not NULL: f64 [m, l] instead of q, and all in double precision */
    double *y;              /* f64 [m, l], row-major; borrowed. The only copy of the sums there is:
                               integers until collect makes it what it should be */
    slab_product_emit emit; /* NULL: the whole product; else half of it goes here */
    slab_product_has has;   /* of emit: bands that need not be shown; NULL: all are */
    void *context;          /* of emit and has */
    bool keep;              /* side 0, elements of two bits (z->bits): a band is kept between both
                               halves of a step, not shown twice. Changes no bit of y */
    const slab_grid *grid;  /* whose tiles bands are cut from; NULL: the value's own */
    void *prepared;         /* of slab_product_prepare */
    void *sums;             /* of slab_product_prepare, not for half a product */
} slab_product;

/** Bytes that slab_product_prepare() allocates. */
size_t slab_product_prepared_bytes(const slab_product *product);

/** Not collective. Ready for one pass. */
slab_status slab_product_prepare(slab_product *product);

/** After the pass: y, the same on every rank. Collective. */
slab_status slab_product_collect(slab_product *product, slab_ranks *ranks);
void slab_product_clear(slab_product *product);

/** How products are computed for this type: "24-bit integers, AMX", "single precision" ... */
const char *slab_product_way(slab_dtype dtype);
/** About how many flops a second and thread that gives, for plans. */
double slab_product_rate(const slab_product *product);

/** Cost: 4 n d l flops, half: 2 n d l; no state. Vectors do not influence each other: 16 at a time
 * give the same bits as all at once. */
extern const slab_sink_class slab_sink_product;

#ifdef __cplusplus
}
#endif
#endif
