#include <slab/compute/computation/computation.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

slab_status slab_computation_create(const slab_computation_class *cls, slab_value *const *operands,
                                    int noperands, size_t self_bytes, slab_computation **out)
{
    slab_status rc = SLAB_OK;
    slab_computation *c = NULL;
    *out = NULL;
    REQUIRE(noperands >= 1 && noperands <= SLAB_TILE_VIEWS_MAX, SLAB_ERR_INTERNAL,
            "'%s' of %d operands", cls->name, noperands);
    for (int i = 0; i < noperands; i++)
        TRY(slab_value_status(operands[i]));
    ALLOC(c, 1, "a computation");
    c->cls = cls;
    c->references = 1;
    for (int i = 0; i < noperands; i++)
        c->operands[c->noperands++] = slab_value_keep(operands[i]);
    if (self_bytes > 0)
        TRY(slab_memory_alloc(&c->self, 1, self_bytes, "a computation"));
    *out = c;
    c = NULL;
done:
    slab_computation_drop(&c);
    return rc;
}

void slab_computation_drop(slab_computation **c)
{
    slab_computation *one = c ? *c : NULL;
    if (!one)
        return;
    *c = NULL;
    if (--one->references > 0)
        return;
    if (one->cls->clear && one->self)
        one->cls->clear(one);
    for (int i = 0; i < one->noperands; i++)
        slab_value_drop(&one->operands[i]);
    slab_memory_free(one->self);
    slab_memory_free(one);
}

/* What a result holds of its computation: when the value goes, nobody waits for the result. */
typedef struct claim {
    slab_computation *of;
    int result;
} claim;

slab_computation *slab_computation_of(const slab_value *value)
{
    const claim *held = slab_value_pending(value);
    return held ? held->of : NULL;
}

slab_computation *slab_computation_keep(slab_computation *c)
{
    c->references++;
    return c;
}

static void drop_claim(void *self)
{
    claim *held = self;
    held->of->results[held->result] = NULL;
    slab_computation_drop(&held->of);
    slab_memory_free(held);
}

slab_value *slab_computation_result(slab_computation *c, int i, const slab_shape *shape,
                                    slab_dtype dtype)
{
    slab_status rc = SLAB_OK;
    claim *held = NULL;
    slab_value *value;
    ALLOC(held, 1, "a computation");
    *held = (claim){c, i};
    c->references++;
    c->nresults = i >= c->nresults ? i + 1 : c->nresults;
    value = slab_value_defer((slab_maker){held, drop_claim}, shape, dtype);
    if (slab_value_status(value) == SLAB_OK)
        c->results[i] = value;
    return value;
done:
    return slab_value_fail(rc);
}

slab_status slab_computation_settle_value(slab_computation *c, int i, slab_value *value)
{
    return c->results[i] ? slab_value_settle(c->results[i], value) : SLAB_OK;
}

slab_status slab_computation_settle(slab_computation *c, int i, const void *data)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    if (!c->results[i])
        return SLAB_OK;
    value = slab_value_from(slab_value_dtype(c->results[i]), slab_value_shape(c->results[i]), data);
    TRY(slab_value_settle(c->results[i], value));
done:
    slab_value_drop(&value);
    return rc;
}

size_t slab_computation_result_bytes(const slab_computation *c, int i)
{
    int64_t elements = 0;
    size_t bytes = SIZE_MAX / 64;
    if (!c->results[i])
        return 0;
    if (slab_shape_elements(slab_value_shape(c->results[i]), &elements) != SLAB_OK ||
        slab_size_multiply((size_t)elements, slab_value_dtype(c->results[i]).size, &bytes) !=
            SLAB_OK)
        slab_error_clear();
    return bytes;
}

size_t slab_computation_holds(const slab_computation *c)
{
    size_t bytes = 0;
    if (c->cls->holds)
        return c->cls->holds(c);
    for (int i = 0; i < c->nresults; i++)
        bytes += slab_computation_result_bytes(c, i);
    return bytes;
}

slab_shape slab_shape_reduced(const slab_shape *shape, uint32_t axes, bool keepdims)
{
    slab_shape out = {.rank = 0};
    for (int a = 0; a < shape->rank; a++) {
        bool gone = axes >> a & 1;
        if (gone && !keepdims)
            continue;
        out.extent[out.rank++] = gone ? 1 : shape->extent[a];
    }
    return out;
}
