/* Values from memory: small vectors and scalars. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

typedef struct from_self {
    char *data; /* C order */
    int64_t stride[SLAB_RANK_MAX];
} from_self;

static size_t from_memory(const slab_value *value, const slab_shape *box)
{
    (void)value, (void)box;
    return 0;
}

static slab_status from_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    const from_self *self = value->self;
    const char *data = self->data;
    (void)thread;
    for (int a = 0; a < box->rank; a++) {
        data += box->start[a] * self->stride[a];
        out->stride[a] = self->stride[a];
    }
    out->data = data;
    return SLAB_OK;
}

static void from_clear(slab_value *value)
{
    from_self *self = value->self;
    if (self)
        FREE(self->data);
}

static const value_class from_class = {.memory = from_memory, .get = from_get, .clear = from_clear};

bool value_is_memory(const slab_value *value)
{
    return value->cls == &from_class;
}

slab_value *slab_value_from(slab_dtype native, const slab_shape *shape, const void *data)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    char name[SLAB_DTYPE_NAME_MAX];
    TRY(value_create(&from_class, sizeof(from_self), &value));
    from_self *self = value->self;
    REQUIRE(slab_dtype_is_native(native) && native.size > 0, SLAB_ERR_TYPE,
            "elements in memory are native, not %s", slab_dtype_name(native, name));
    value->dtype = native;
    value->shape = *shape;
    int64_t elements = 0;
    TRY(slab_shape_elements(shape, &elements));
    TRY(value_default_grid(shape, native, &value->grid));
    size_t bytes = 0;
    TRY(slab_size_multiply((size_t)elements, native.size, &bytes));
    TRY(slab_memory_alloc((void **)&self->data, bytes, 1, "an array in memory"));
    if (bytes > 0)
        memcpy(self->data, data, bytes);
    slab_strides_of(shape->rank, shape->extent, native.size, self->stride);
done:
    return value_finish(rc, &value);
}
