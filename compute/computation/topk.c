#include <slab/compute/computation/topk.h>

#include <inttypes.h>
#include <slab/compute/computation/computation.h>
#include <slab/compute/kernel/order.h>
#include <slab/compute/sink/topk_sink.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static slab_status topk_begin(slab_computation *c, const slab_workshop *workshop,
                              const slab_sink_class **cls, void **sink)
{
    slab_status rc = SLAB_OK;
    slab_topk *t = c->self;
    (void)workshop;
    if (!t->entries)
        ALLOC(t->entries, t->k, "the greatest elements");
    *cls = &slab_sink_topk;
    *sink = t;
done:
    return rc;
}

static slab_status topk_end(slab_computation *c, const slab_workshop *workshop, bool *again)
{
    slab_status rc = SLAB_OK;
    const slab_topk *t = c->self;
    char *elements = NULL;
    int64_t *places = NULL;
    (void)workshop;
    *again = false;
    TRY(slab_memory_alloc((void **)&elements, (size_t)t->k, t->dtype.size,
                          "the greatest elements"));
    ALLOC(places, t->k, "the greatest elements");
    for (int64_t i = 0; i < t->k; i++) {
        slab_order_element(t->dtype, t->entries[i].key, elements + i * (int64_t)t->dtype.size);
        places[i] = t->entries[i].place;
    }
    TRY(slab_computation_settle(c, 0, elements));
    TRY(slab_computation_settle(c, 1, places));
done:
    FREE(places);
    FREE(elements);
    return rc;
}

static void topk_clear(slab_computation *c)
{
    FREE(((slab_topk *)c->self)->entries);
}

static const slab_computation_class topk_class = {
    .name = "topk", .begin = topk_begin, .end = topk_end, .clear = topk_clear};

void slab_value_topk(slab_value *value, int64_t k, bool least, slab_value **out)
{
    slab_status rc = SLAB_OK;
    slab_computation *c = NULL;
    char name[SLAB_DTYPE_NAME_MAX];
    int64_t elements;
    out[0] = out[1] = NULL;
    TRY(slab_value_status(value));
    slab_dtype dtype = slab_value_dtype(value);
    REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "%s has no greatest elements", slab_dtype_name(dtype, name));
    TRY(slab_shape_elements(slab_value_shape(value), &elements));
    REQUIRE(k >= 0 && k <= elements, SLAB_ERR_VALUE,
            "%" PRId64 " of the elements are asked for, there are %" PRId64, k, elements);
    TRY(slab_computation_create(&topk_class, &value, 1, sizeof(slab_topk), &c));
    *(slab_topk *)c->self =
        (slab_topk){.dtype = dtype, .shape = *slab_value_shape(value), .k = k, .least = least};
    slab_shape shape = {1, {k}};
    out[0] = slab_computation_result(c, 0, &shape, dtype);
    out[1] = slab_computation_result(c, 1, &shape, slab_dtype_make(SLAB_KIND_INT, 8));
done:
    slab_computation_drop(&c);
    for (int i = 0; i < 2; i++)
        out[i] = out[i] ? out[i] : slab_value_fail(rc);
}
