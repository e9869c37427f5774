/* The sink: bands, states, merging. The arithmetic is in product_digits.c and product_real_impl.h.
 */
#include <slab/compute/sink/product.h>

#include <inttypes.h>
#include <slab/compute/kernel/digits.h>
#include <slab/compute/sink/product_impl.h>
#include <slab/storage/base/try.h>
#include <string.h>

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

slab_status slab_product_prepare(slab_product *product)
{
    slab_status rc = SLAB_OK;
    REQUIRE(product->l > 0 && product->l % SLAB_PRODUCT_BLOCK == 0, SLAB_ERR_RANGE,
            "a block of %d vectors is not a multiple of %d", product->l, SLAB_PRODUCT_BLOCK);
    TRY(engine_of(product)->prepare(product));
done:
    return rc;
}

void slab_product_clear(slab_product *product)
{
    engine_of(product)->clear(product);
}

static slab_sink_wants wants(const void *sink)
{
    const slab_product *p = sink;
    /* Proportional to l, as the state is: tasks must be the same for any number of vectors. */
    double intensity = (double)p->l / SLAB_PRODUCT_BLOCK;
    return (slab_sink_wants){.nphases = p->emit || p->keep ? 1 : 2,
                             .band_axis = 1 - p->side,
                             .run_axes = 1u << (1 - p->side),
                             .intensity = intensity,
                             .one_layout = true,
                             .grid = p->grid};
}

static size_t state_bytes(const void *sink, const slab_span *span)
{
    const slab_product *p = sink;
    (void)span;
    return p->emit ? 0 : (size_t)product_m(p) * (size_t)p->l * sizeof(double);
}

/* Fresh pages that are read before they are written cost two faults each. */
static void init(const void *sink, const slab_span *span, void *state)
{
    memset(state, 0, state_bytes(sink, span));
}

static size_t out_bytes(const slab_product *p, int64_t band)
{
    return p->emit ? product_room(band * p->l, sizeof(double)) : 0;
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
        band->cache = (uint8_t *)behind + out_bytes(p, band->count);
        band->own = band->cache + cache_bytes(p, band->count);
        engine_of(p)->begin(p, band);
    }
    return band;
}

static slab_status accumulate(const void *sink, const slab_span *span, void *state, int phase,
                              const slab_tile *tile, void *scratch)
{
    const slab_product *p = sink;
    const product_engine *engine = engine_of(p);
    product_band *band = band_of(p, phase, tile, scratch);
    slab_status rc = SLAB_OK;
    int axis = 1 - p->side;
    (void)span;
    REQUIRE(band->start == tile->box.start[axis] && band->count == tile->box.count[axis],
            SLAB_ERR_INTERNAL, "tile %" PRId64 " is not of the band that was begun", tile->number);
    if (phase == 0)
        engine->first(p, band, tile);
    else
        engine->second(p, band, tile, state);
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
    (void)span;
    if (phase > 0)
        return SLAB_OK;
    engine->turn(p, band);
    if (p->keep)
        product_cache_show(p, engine, band, state);
    return p->emit ? p->emit(p->context, band->thread, band->start, band->count, band->out)
                   : SLAB_OK;
}

static slab_status merge(const void *sink, const slab_span *into_span, void *into,
                         const slab_span *from_span, const void *from)
{
    double *restrict a = into;
    const double *restrict b = from;
    size_t n = state_bytes(sink, from_span) / sizeof *b;
    (void)into_span;
    for (size_t i = 0; i < n; i++)
        a[i] += b[i];
    return SLAB_OK;
}

static slab_status finish(void *sink, const slab_span *span, void *state)
{
    const slab_product *p = sink;
    const double *y = state;
    int64_t m = product_m(p);
    if (p->emit)
        return SLAB_OK;
    if (p->side == 0) {
        memcpy(p->y, y, state_bytes(p, span));
        return SLAB_OK;
    }
    for (int64_t i = 0; i < m; i++)
        for (int v = 0; v < p->l; v++)
            p->y[i * p->l + v] = y[v * m + i];
    return SLAB_OK;
}

const slab_sink_class slab_sink_product = {.name = "product",
                                           .wants = wants,
                                           .state_bytes = state_bytes,
                                           .scratch_bytes = scratch_bytes,
                                           .init = init,
                                           .accumulate = accumulate,
                                           .turn = turn,
                                           .merge = merge,
                                           .finish = finish};
