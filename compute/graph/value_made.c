/* Values that need no source: constants, ranges, the identity. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* An element as a function of its coordinates; `kind` says which. */
typedef enum made_kind { MADE_FULL, MADE_STEPS, MADE_INTEGERS, MADE_LINSPACE, MADE_EYE } made_kind;

typedef struct made_self {
    made_kind kind;
    _Alignas(16) uint8_t element[16]; /* FULL */
    double start, step, stop;
    int64_t n, first, by; /* INTEGERS; EYE: first is the diagonal */
    bool endpoint;
} made_self;

static size_t made_memory(const slab_value *value, const slab_shape *box)
{
    const made_self *self = value->self;
    size_t bytes = self->kind == MADE_FULL ? 0 : value_box_bytes(box, value->dtype.size);
    return bytes;
}

/* Element i of a range, as NumPy's arange fills it: in the element's own precision. */
static double step_element(const made_self *self, slab_dtype dtype, int64_t i)
{
    if (dtype.size == 8)
        return self->start + (double)i * ((self->start + self->step) - self->start);
    float first = (float)self->start, delta = (float)(self->start + self->step) - first;
    return first + (float)i * delta;
}

static double linspace_element(const made_self *self, int64_t i)
{
    int64_t parts = self->endpoint ? self->n - 1 : self->n;
    double delta = self->stop - self->start;
    if (self->endpoint && self->n > 1 && i == self->n - 1)
        return self->stop;
    if (parts <= 0)
        return (double)i * delta + self->start;
    double step = delta / (double)parts;
    return step == 0 ? (double)i / (double)parts * delta + self->start
                     : (double)i * step + self->start;
}

static slab_status put(slab_dtype dtype, double real, char *at)
{
    return slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 8), &real, dtype, at, 1);
}

static slab_status fill_range(const slab_value *value, int64_t start, int64_t count, char *out)
{
    slab_status rc = SLAB_OK;
    const made_self *self = value->self;
    slab_dtype int8 = slab_dtype_make(SLAB_KIND_INT, 8);
    for (int64_t k = 0; k < count; k++, out += value->dtype.size) {
        int64_t i = start + k;
        int64_t whole = (int64_t)((uint64_t)self->first + (uint64_t)i * (uint64_t)self->by);
        if (self->kind == MADE_INTEGERS)
            TRY(slab_dtype_convert(int8, &whole, value->dtype, out, 1));
        else if (self->kind == MADE_STEPS)
            TRY(put(value->dtype, step_element(self, value->dtype, i), out));
        else
            TRY(put(value->dtype, linspace_element(self, i), out));
    }
done:
    return rc;
}

static slab_status fill_eye(const slab_value *value, const slab_box *box, char *out)
{
    slab_status rc = SLAB_OK;
    const made_self *self = value->self;
    memset(out, 0, (size_t)slab_box_elements(box) * value->dtype.size);
    for (int64_t i = 0; i < box->count[0]; i++) {
        int64_t j = box->start[0] + i + self->first - box->start[1];
        if (j >= 0 && j < box->count[1])
            TRY(put(value->dtype, 1, out + (i * box->count[1] + j) * (int64_t)value->dtype.size));
    }
done:
    return rc;
}

static slab_status made_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    const made_self *self = value->self;
    slab_shape extents = {.rank = box->rank};
    void *buffer;
    memset(out->stride, 0, sizeof out->stride);
    out->data = self->element;
    if (self->kind == MADE_FULL)
        return SLAB_OK;
    memcpy(extents.extent, box->count, sizeof extents.extent);
    TRY(value_buffer(value, thread, value_box_bytes(&extents, value->dtype.size), &buffer));
    out->data = buffer;
    slab_strides_of(box->rank, box->count, value->dtype.size, out->stride);
    if (self->kind == MADE_EYE)
        TRY(fill_eye(value, box, buffer));
    else
        TRY(fill_range(value, box->start[0], box->count[0], buffer));
done:
    return rc;
}

static const value_class made_class = {.memory = made_memory, .get = made_get};

static slab_value *make(const made_self *self, slab_dtype dtype, const slab_shape *shape)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    int64_t elements;
    char name[SLAB_DTYPE_NAME_MAX];
    TRY(value_create(&made_class, sizeof *self, &value));
    *(made_self *)value->self = *self;
    REQUIRE(slab_dtype_is_native(dtype) && slab_dtype_is_number(dtype), SLAB_ERR_TYPE,
            "no array of %s can be made", slab_dtype_name(dtype, name));
    TRY(slab_shape_elements(shape, &elements));
    value->dtype = dtype;
    value->shape = *shape;
    TRY(value_default_grid(shape, dtype, &value->grid));
done:
    return value_finish(rc, &value);
}

slab_value *slab_value_full(const slab_shape *shape, slab_dtype dtype, const void *element)
{
    made_self self = {.kind = MADE_FULL};
    memcpy(self.element, element,
           dtype.size < sizeof self.element ? dtype.size : sizeof self.element);
    return make(&self, dtype, shape);
}

slab_value *slab_value_arange(slab_dtype dtype, int64_t n, double start, double step)
{
    made_self self = {.kind = MADE_STEPS, .n = n, .start = start, .step = step};
    return make(&self, dtype, &(slab_shape){1, {n}});
}

slab_value *slab_value_arange_int(slab_dtype dtype, int64_t n, int64_t start, int64_t step)
{
    made_self self = {.kind = MADE_INTEGERS, .n = n, .first = start, .by = step};
    return make(&self, dtype, &(slab_shape){1, {n}});
}

slab_value *slab_value_linspace(slab_dtype dtype, int64_t n, double start, double stop,
                                bool endpoint)
{
    made_self self = {
        .kind = MADE_LINSPACE, .n = n, .start = start, .stop = stop, .endpoint = endpoint};
    return make(&self, dtype, &(slab_shape){1, {n}});
}

slab_value *slab_value_eye(slab_dtype dtype, int64_t rows, int64_t columns, int64_t k)
{
    made_self self = {.kind = MADE_EYE, .first = k};
    return make(&self, dtype, &(slab_shape){2, {rows, columns}});
}
