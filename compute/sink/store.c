#include <slab/compute/sink/store.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

struct slab_store {
    slab_writer *writer;
    slab_grid grid;      /* chunks */
    slab_dtype from, to; /* native */
};

slab_status slab_store_plan(const slab_value *value, const slab_array_info *info, slab_store **out)
{
    slab_status rc = SLAB_OK;
    slab_store *store = NULL;
    char from[SLAB_SHAPE_TEXT_MAX], to[SLAB_SHAPE_TEXT_MAX];
    *out = NULL;
    TRY(slab_value_status(value));
    REQUIRE(slab_shape_equal(slab_value_shape(value), &info->shape), SLAB_ERR_SHAPE,
            "a value of shape %s cannot be stored in an array of shape %s",
            slab_shape_text(slab_value_shape(value), from), slab_shape_text(&info->shape, to));
    ALLOC(store, 1, "a store");
    TRY(slab_grid_make(&info->shape, &info->chunk, NULL, &store->grid));
    store->from = slab_value_dtype(value);
    store->to = slab_dtype_native(info->dtype);
    TRY(slab_dtype_convert(store->from, NULL, store->to, NULL, 0));
    *out = store;
    store = NULL;
done:
    slab_store_destroy(&store);
    return rc;
}

void slab_store_attach(slab_store *store, slab_writer *writer)
{
    store->writer = writer;
    store->grid = *slab_writer_grid(writer);
}

slab_status slab_store_create(const slab_value *value, slab_writer *writer, slab_store **out)
{
    slab_status rc = SLAB_OK;
    TRY(slab_store_plan(value, slab_writer_describe(writer), out));
    slab_store_attach(*out, writer);
done:
    return rc;
}

void slab_store_destroy(slab_store **store)
{
    FREE(*store);
}

static slab_sink_wants store_wants(const void *sink)
{
    const slab_store *store = sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1, .grid = &store->grid};
}

static size_t tile_bytes(const slab_shape *tile, size_t size)
{
    int64_t elements = 0;
    size_t bytes = 0;
    bool fits = slab_shape_elements(tile, &elements) == SLAB_OK &&
                slab_size_multiply((size_t)elements, size, &bytes) == SLAB_OK;
    return fits ? (bytes + 63) / 64 * 64 : SIZE_MAX / 4;
}

/* A dense copy of the tile, and a converted one when the types differ. */
static size_t store_scratch_bytes(const void *sink, const slab_shape *tile)
{
    const slab_store *store = sink;
    size_t bytes = tile_bytes(tile, store->from.size);
    bool same = slab_dtype_equal(store->from, store->to);
    return same ? bytes : bytes + tile_bytes(tile, store->to.size);
}

static bool is_dense(const slab_tile *tile, const int64_t *dense)
{
    for (int a = 0; a < tile->box.rank; a++)
        if (tile->box.count[a] > 1 && tile->view.stride[a] != dense[a])
            return false;
    return true;
}

static bool store_has(const void *sink, int64_t number, const slab_box *box)
{
    const slab_store *store = sink;
    (void)box;
    return slab_writer_has(store->writer, number);
}

static slab_status store_accumulate(const void *sink, const slab_span *span, void *state, int phase,
                                    const slab_tile *tile, void *scratch)
{
    slab_status rc = SLAB_OK;
    const slab_store *store = sink;
    int64_t dense[SLAB_RANK_MAX], elements = slab_box_elements(&tile->box);
    const void *data = tile->view.data;
    (void)span, (void)state, (void)phase;
    slab_strides_of(tile->box.rank, tile->box.count, store->from.size, dense);
    if (!is_dense(tile, dense)) {
        slab_box_copy(tile->box.rank, tile->box.count, data, tile->view.stride, scratch, dense,
                      store->from.size);
        data = scratch;
    }
    if (!slab_dtype_equal(store->from, store->to)) {
        size_t first = ((size_t)elements * store->from.size + 63) / 64 * 64;
        void *converted = (char *)scratch + first;
        TRY(slab_dtype_convert(store->from, data, store->to, converted, (size_t)elements));
        data = converted;
    }
    TRY(slab_writer_put(store->writer, tile->thread, tile->number, data));
done:
    return rc;
}

const slab_sink_class slab_sink_store = {.name = "store",
                                         .wants = store_wants,
                                         .scratch_bytes = store_scratch_bytes,
                                         .has = store_has,
                                         .accumulate = store_accumulate};
