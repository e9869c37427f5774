/* Values drawn at random. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/try.h>

static size_t random_memory(const slab_value *value, const slab_shape *box)
{
    size_t bytes = value_box_bytes(box, value->dtype.size);
    size_t scratch = slab_random_scratch(value->self, box) + 64;
    return bytes > SIZE_MAX - scratch ? SIZE_MAX : bytes + scratch;
}

static slab_status random_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    const slab_random_spec *spec = value->self;
    slab_shape extents = {.rank = box->rank};
    char *buffer = NULL;
    for (int a = 0; a < box->rank; a++)
        extents.extent[a] = box->count[a];
    TRY(value_buffer(value, thread, random_memory(value, &extents), (void **)&buffer));
    size_t bytes = (value_box_bytes(&extents, value->dtype.size) + 63) / 64 * 64;
    slab_random_box(spec, &value->shape, box, buffer, buffer + bytes);
    out->data = buffer;
    slab_strides_of(box->rank, box->count, value->dtype.size, out->stride);
done:
    return rc;
}

static const value_class random_class = {.memory = random_memory, .get = random_get};

slab_value *slab_value_random(const slab_random_spec *spec, const slab_shape *shape,
                              const slab_shape *tile)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    TRY(value_create(&random_class, sizeof *spec, &value));
    TRY(slab_random_check(spec, shape));
    *(slab_random_spec *)value->self = *spec;
    value->shape = *shape;
    value->dtype = spec->dtype;
    if (spec->kind == SLAB_RANDOM_GENOTYPES) {
        value->has_missing = true;
        value->missing[0] = SLAB_GENOTYPE_MISSING;
    }
    if (tile)
        TRY(slab_grid_make(shape, tile, NULL, &value->grid));
    else
        TRY(value_default_grid(shape, spec->dtype, &value->grid));
done:
    return value_finish(rc, &value);
}
