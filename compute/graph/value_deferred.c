#include <slab/compute/graph/deferred.h>
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/try.h>

typedef struct deferred_self {
    slab_maker maker;
    slab_value *elements; /* NULL: not settled yet */
} deferred_self;

static const deferred_self *self_of(const slab_value *value)
{
    return value->self;
}

/* Before it is settled, for plans: as if the elements had to be read into a buffer and laid out in
 * another. */
static size_t deferred_memory(const slab_value *value, const slab_shape *box)
{
    const slab_value *elements = self_of(value)->elements;
    size_t bytes = value_box_bytes(box, value->dtype.size);
    return elements               ? slab_value_memory(elements, box)
           : bytes > SIZE_MAX / 2 ? SIZE_MAX
                                  : 2 * bytes;
}

static slab_status deferred_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    slab_value *elements = self_of(value)->elements;
    REQUIRE(elements, SLAB_ERR_INTERNAL, "a value is used before the pass that makes it");
    TRY(slab_value_get(elements, thread, box, out));
done:
    return rc;
}

static void deferred_prefetch(slab_value *value, const slab_box *box)
{
    if (self_of(value)->elements)
        slab_value_prefetch(self_of(value)->elements, box);
}

static void deferred_rest(slab_value *value)
{
    slab_value *elements = self_of(value)->elements;
    if (elements)
        slab_value_rest(&elements, 1);
}

static void deferred_clear(slab_value *value)
{
    deferred_self *self = value->self;
    if (!self)
        return;
    if (self->maker.self)
        self->maker.drop(self->maker.self);
    slab_value_drop(&self->elements);
}

static const value_class deferred_class = {.memory = deferred_memory,
                                           .get = deferred_get,
                                           .prefetch = deferred_prefetch,
                                           .rest = deferred_rest,
                                           .clear = deferred_clear};

slab_value *slab_value_defer(slab_maker maker, const slab_shape *shape, slab_dtype dtype)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    int64_t elements;
    rc = value_create(&deferred_class, sizeof(deferred_self), &value);
    if (rc != SLAB_OK) {
        maker.drop(maker.self);
        goto done;
    }
    ((deferred_self *)value->self)->maker = maker;
    TRY(slab_shape_elements(shape, &elements));
    value->shape = *shape;
    value->dtype = dtype;
    TRY(value_default_grid(shape, dtype, &value->grid));
done:
    return value_finish(rc, &value);
}

static void drop_nothing(void *self)
{
    (void)self;
}

slab_value *slab_value_expected(const slab_shape *shape, slab_dtype dtype)
{
    return slab_value_defer((slab_maker){NULL, drop_nothing}, shape, dtype);
}

void *slab_value_pending(const slab_value *value)
{
    if (value->poison || value->cls != &deferred_class || self_of(value)->elements)
        return NULL;
    return self_of(value)->maker.self;
}

slab_status slab_value_settle(slab_value *deferred, slab_value *elements)
{
    slab_status rc = SLAB_OK;
    char is[SLAB_SHAPE_TEXT_MAX], wanted[SLAB_SHAPE_TEXT_MAX];
    deferred_self *self = deferred->self;
    TRY(slab_value_status(elements));
    REQUIRE(slab_shape_equal(&deferred->shape, &elements->shape) &&
                slab_dtype_equal(deferred->dtype, elements->dtype),
            SLAB_ERR_INTERNAL, "a result of shape %s was announced as %s",
            slab_shape_text(&elements->shape, is), slab_shape_text(&deferred->shape, wanted));
    slab_value_drop(&self->elements);
    self->elements = slab_value_keep(elements);
done:
    return rc;
}
