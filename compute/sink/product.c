/* The sink: bands, states, merging. The arithmetic is in product_digits.c and product_real_impl.h.
 */
#include <slab/compute/sink/product.h>

#include <inttypes.h>
#include <slab/compute/kernel/digits.h>
#include <slab/compute/sink/product_impl.h>
#include <slab/storage/base/try.h>
#include <string.h>

static const product_engine *engine_of(slab_dtype dtype)
{
    bool real = dtype.kind == SLAB_KIND_FLOAT;
    if (!real && dtype.size == 1 && dtype.kind != SLAB_KIND_INT)
        return &product_digits;
    return dtype.size <= (real ? 4 : 2) ? &product_single : &product_double;
}

const char *slab_product_way(slab_dtype dtype)
{
    const product_engine *engine = engine_of(dtype);
    if (engine == &product_digits)
        return slab_digits_way(0);
    return engine == &product_single ? "single precision" : "double precision";
}

size_t slab_product_prepared_bytes(const slab_product *product)
{
    return engine_of(product->z->dtype)->prepared_bytes(product);
}

slab_status slab_product_prepare(slab_product *product)
{
    slab_status rc = SLAB_OK;
    REQUIRE(product->l > 0 && product->l % SLAB_PRODUCT_BLOCK == 0, SLAB_ERR_RANGE,
            "a block of %d vectors is not a multiple of %d", product->l, SLAB_PRODUCT_BLOCK);
    TRY(engine_of(product->z->dtype)->prepare(product));
done:
    return rc;
}

void slab_product_clear(slab_product *product)
{
    engine_of(product->z->dtype)->clear(product);
}

static slab_sink_wants wants(const void *sink)
{
    const slab_product *p = sink;
    /* Proportional to l, as the state is: tasks must be the same for any number of vectors. */
    double intensity = (double)p->l / SLAB_PRODUCT_BLOCK;
    return (slab_sink_wants){.nphases = p->half ? 1 : 2,
                             .band_axis = 1 - p->side,
                             .run_axes = p->half ? 0 : 1u << (1 - p->side),
                             .intensity = intensity};
}

static size_t state_bytes(const void *sink, const slab_span *span)
{
    const slab_product *p = sink;
    int64_t extent = p->half ? span->count[1 - p->side] : product_m(p);
    return (size_t)extent * (size_t)p->l * sizeof(double);
}

static size_t scratch_bytes(const void *sink, const slab_shape *tile)
{
    const slab_product *p = sink;
    return product_room(sizeof(product_band), 1) + engine_of(p->z->dtype)->scratch_bytes(p, tile);
}

/* The band that a tile is in; its first tile starts it. */
static product_band *band_of(const slab_product *p, int phase, const slab_tile *tile, void *scratch)
{
    product_band *band = scratch;
    int axis = 1 - p->side;
    band->tile[0] = tile->box.count[0];
    band->tile[1] = tile->box.count[1];
    if (phase == 0 && tile->box.start[1 - axis] == 0) {
        band->start = tile->box.start[axis];
        band->count = tile->box.count[axis];
        band->own = (char *)scratch + product_room(sizeof(product_band), 1);
        engine_of(p->z->dtype)->begin(p, band);
    }
    return band;
}

static slab_status accumulate(const void *sink, const slab_span *span, void *state, int phase,
                              const slab_tile *tile, void *scratch)
{
    const slab_product *p = sink;
    const product_engine *engine = engine_of(p->z->dtype);
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
done:
    return rc;
}

static slab_status turn(const void *sink, const slab_span *span, void *state, int phase,
                        void *scratch)
{
    const slab_product *p = sink;
    product_band *band = scratch;
    if (phase > 0)
        return SLAB_OK;
    int64_t at = band->start - span->start[1 - p->side];
    engine_of(p->z->dtype)->turn(p, band, p->half ? (double *)state + at * p->l : NULL);
    return SLAB_OK;
}

static slab_status merge(const void *sink, const slab_span *into_span, void *into,
                         const slab_span *from_span, const void *from)
{
    const slab_product *p = sink;
    double *restrict a = into;
    const double *restrict b = from;
    size_t n = state_bytes(p, from_span) / sizeof *b;
    if (p->half)
        a += (from_span->start[1 - p->side] - into_span->start[1 - p->side]) * p->l;
    for (size_t i = 0; i < n; i++)
        a[i] += b[i];
    return SLAB_OK;
}

static slab_status finish(void *sink, const slab_span *span, void *state)
{
    const slab_product *p = sink;
    const double *y = state;
    int64_t m = product_m(p);
    if (p->half || p->side == 0) {
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
                                           .accumulate = accumulate,
                                           .turn = turn,
                                           .merge = merge,
                                           .finish = finish};
