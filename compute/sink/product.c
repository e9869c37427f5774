/* The sink: bands and the sums of all. The arithmetic is in product_digits.c and
 * product_real_impl.h. */
#include <slab/compute/sink/product.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/kernel/digits.h>
#include <slab/compute/sink/product_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static const product_engine *engine_for(slab_dtype dtype)
{
    bool real = dtype.kind == SLAB_KIND_FLOAT;
    if (!real && dtype.size == 1 && dtype.kind != SLAB_KIND_INT)
        return &product_digits;
    return dtype.size <= (real ? 4 : 2) ? &product_single : &product_double;
}

static const product_engine *engine_of(const slab_product *p)
{
    return p->q64 ? &product_double : engine_for(p->z->dtype);
}

const char *slab_product_way(slab_dtype dtype)
{
    const product_engine *engine = engine_for(dtype);
    if (engine == &product_digits)
        return slab_digits_way(0);
    return engine == &product_single ? "single precision" : "double precision";
}

double slab_product_rate(const slab_product *product)
{
    const product_engine *engine = engine_of(product);
    return engine == &product_digits ? slab_digits_rate() : engine == &product_single ? 4e10 : 2e10;
}

size_t slab_product_prepared_bytes(const slab_product *product)
{
    return engine_of(product)->prepared_bytes(product);
}

/*
 * What entries of y cannot be above: |(Z Z^T q)_i| <= |z_i| |Z^T q| <= |Z|_F^2 |q|, and the same
 * for what any band adds to it.
 */
static slab_status make_sums(slab_product *p)
{
    slab_status rc = SLAB_OK;
    exact_sums *sums = NULL;
    double *bound = NULL;
    int64_t ld = product_ld(p);
    ALLOC(bound, p->l, "sums");
    for (int64_t i = 0; i < product_m(p); i++)
        for (int v = 0; v < p->l; v++) {
            double q = p->q64 ? p->q64[i * ld + v] : (double)p->q[i * ld + v];
            bound[v] += q * q;
        }
    for (int v = 0; v < p->l; v++)
        bound[v] = p->z->squares * sqrt(bound[v]);
    TRY(exact_create(product_m(p), p->l, ld, p->y, bound, &sums));
    p->sums = sums;
done:
    FREE(bound);
    return rc;
}

slab_status slab_product_prepare(slab_product *product)
{
    slab_status rc = SLAB_OK;
    REQUIRE(product->l > 0 && product->l % SLAB_PRODUCT_BLOCK == 0, SLAB_ERR_RANGE,
            "a block of %d vectors is not a multiple of %d", product->l, SLAB_PRODUCT_BLOCK);
    TRY(engine_of(product)->prepare(product));
    if (!product->emit)
        TRY(make_sums(product));
done:
    return rc;
}

slab_status slab_product_collect(slab_product *product, slab_ranks *ranks)
{
    return exact_collect(product->sums, ranks);
}

void slab_product_clear(slab_product *product)
{
    exact_sums *sums = product->sums;
    exact_destroy(&sums);
    product->sums = NULL;
    engine_of(product)->clear(product);
}

static slab_sink_wants wants(const void *sink)
{
    const slab_product *p = sink;
    return (slab_sink_wants){.nphases = p->emit || p->keep ? 1 : 2,
                             .band_axis = 1 - p->side,
                             .run_axes = 1u << (1 - p->side),
                             .grid = p->grid};
}

/* Of `out` or `terms`. */
static size_t out_bytes(const slab_product *p, int64_t band)
{
    return product_room((p->emit ? band : PRODUCT_TERMS) * p->l, sizeof(double));
}

static size_t cache_bytes(const slab_product *p, int64_t band)
{
    return p->keep ? product_room((int64_t)product_cache_bytes(p, band), 1) : 0;
}

static size_t scratch_bytes(const void *sink, const slab_shape *tile)
{
    const slab_product *p = sink;
    return product_room(sizeof(product_band), 1) + out_bytes(p, tile->extent[1 - p->side]) +
           cache_bytes(p, tile->extent[1 - p->side]) + engine_of(p)->scratch_bytes(p, tile);
}

/* The band that a tile is in; its first tile starts it. */
static product_band *band_of(const slab_product *p, int phase, const slab_tile *tile, void *scratch)
{
    product_band *band = scratch;
    int axis = 1 - p->side;
    band->tile[0] = tile->box.count[0];
    band->tile[1] = tile->box.count[1];
    band->thread = tile->thread;
    if (phase == 0 && tile->box.start[1 - axis] == 0) {
        char *behind = (char *)scratch + product_room(sizeof(product_band), 1);
        band->start = tile->box.start[axis];
        band->count = tile->box.count[axis];
        band->out = p->emit ? (double *)(void *)behind : NULL;
        band->terms = p->emit ? NULL : (double *)(void *)behind;
        band->cache = (uint8_t *)behind + out_bytes(p, band->count);
        band->own = band->cache + cache_bytes(p, band->count);
        engine_of(p)->begin(p, band);
    }
    return band;
}

static bool has(const void *sink, int64_t number, const slab_box *box)
{
    const slab_product *p = sink;
    (void)number;
    return p->has && p->has(p->context, box->start[1 - p->side]);
}

static slab_status accumulate(const void *sink, const slab_span *span, void *state, int phase,
                              const slab_tile *tile, void *scratch)
{
    const slab_product *p = sink;
    const product_engine *engine = engine_of(p);
    product_band *band = band_of(p, phase, tile, scratch);
    slab_status rc = SLAB_OK;
    int axis = 1 - p->side;
    (void)span, (void)state;
    REQUIRE(band->start == tile->box.start[axis] && band->count == tile->box.count[axis],
            SLAB_ERR_INTERNAL, "tile %" PRId64 " is not of the band that was begun", tile->number);
    if (phase == 0)
        engine->first(p, band, tile);
    else
        engine->second(p, band, tile);
    if (p->keep)
        TRY(product_cache_put(band, tile));
done:
    return rc;
}

static slab_status turn(const void *sink, const slab_span *span, void *state, int phase,
                        void *scratch)
{
    const slab_product *p = sink;
    product_band *band = scratch;
    const product_engine *engine = engine_of(p);
    (void)span, (void)state;
    if (phase > 0)
        return SLAB_OK;
    engine->turn(p, band);
    if (p->keep)
        product_cache_show(p, engine, band);
    return p->emit ? p->emit(p->context, band->thread, band->start, band->count, band->out)
                   : SLAB_OK;
}

static bool sums(const void *sink, slab_sink_sums *out)
{
    const slab_product *p = sink;
    if (p->sums)
        exact_table(p->sums, out);
    return p->sums != NULL;
}

const slab_sink_class slab_sink_product = {.name = "product",
                                           .wants = wants,
                                           .scratch_bytes = scratch_bytes,
                                           .has = has,
                                           .accumulate = accumulate,
                                           .turn = turn,
                                           .sums = sums};
