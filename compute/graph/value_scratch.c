/* Values in a scratch file: results too large to be held. */
#include <slab/compute/graph/deferred.h>
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/try.h>
#include <string.h>

typedef struct scratch_self {
    slab_scratch *file;
    int64_t stride[SLAB_RANK_MAX];
} scratch_self;

static size_t scratch_memory(const slab_value *value, const slab_shape *box)
{
    return value_box_bytes(box, value->dtype.size);
}

/* Axes from `from` on lie together in the file: the box takes them whole. */
static int contiguous_from(const slab_value *value, const slab_box *box, int64_t *run)
{
    int a = box->rank - 1;
    *run = value->dtype.size;
    for (; a >= 0; a--) {
        *run *= box->count[a];
        if (box->count[a] != value->shape.extent[a])
            break;
    }
    return a < 0 ? 0 : a;
}

static slab_status scratch_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    const scratch_self *self = value->self;
    int64_t at[SLAB_RANK_MAX] = {0}, run, offset = 0, bytes = slab_box_elements(box);
    void *buffer;
    bytes *= (int64_t)value->dtype.size;
    TRY(value_buffer(value, thread, (size_t)bytes, &buffer));
    out->data = buffer;
    slab_strides_of(box->rank, box->count, value->dtype.size, out->stride);
    int inner = contiguous_from(value, box, &run);
    for (int a = 0; a < box->rank; a++)
        offset += box->start[a] * self->stride[a];
    for (char *to = buffer; bytes > 0; to += run, bytes -= run) {
        TRY(slab_scratch_read(self->file, (uint64_t)offset, to, (size_t)run));
        for (int a = inner - 1; a >= 0; a--) {
            offset += self->stride[a];
            if (++at[a] < box->count[a])
                break;
            offset -= self->stride[a] * box->count[a];
            at[a] = 0;
        }
    }
done:
    return rc;
}

static void scratch_clear(slab_value *value)
{
    scratch_self *self = value->self;
    if (self)
        slab_scratch_destroy(&self->file);
}

static const value_class scratch_class = {
    .memory = scratch_memory, .get = scratch_get, .clear = scratch_clear};

slab_value *slab_value_from_scratch(slab_dtype native, const slab_shape *shape,
                                    slab_scratch **scratch)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    TRY(value_create(&scratch_class, sizeof(scratch_self), &value));
    scratch_self *self = value->self;
    self->file = *scratch;
    *scratch = NULL;
    value->dtype = native;
    value->shape = *shape;
    slab_strides_of(shape->rank, shape->extent, native.size, self->stride);
    TRY(value_default_grid(shape, native, &value->grid));
done:
    slab_scratch_destroy(scratch);
    return value_finish(rc, &value);
}
