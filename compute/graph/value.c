#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* When there is no memory even for the record of a failure, this is the value. */
static slab_error no_memory = {.code = SLAB_ERR_MEMORY, .message = "no memory for an expression"};
static slab_value last_resort = {.references = 1, .poison = &no_memory};

slab_status value_create(const value_class *cls, size_t self_bytes, slab_value **out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    *out = NULL;
    ALLOC(value, 1, "an expression");
    value->cls = cls;
    atomic_store(&value->references, 1);
    atomic_store(&value->evaluations, 1);
    value->depth = 1;
    TRY(slab_memory_alloc(&value->self, self_bytes, 1, "an expression"));
    *out = value;
    value = NULL;
done:
    FREE(value);
    return rc;
}

slab_value *value_finish(slab_status rc, slab_value **node)
{
    slab_value *value = *node;
    *node = NULL;
    if (rc == SLAB_OK)
        return value;
    slab_error error = *slab_error_last();
    error.code = rc;
    slab_value_drop(&value);
    void *poisoned = NULL, *record = NULL;
    if (slab_memory_alloc(&poisoned, 1, sizeof *value, "an expression") != SLAB_OK ||
        slab_memory_alloc(&record, 1, sizeof error, "an expression") != SLAB_OK) {
        slab_memory_free(poisoned);
        return &last_resort;
    }
    value = poisoned;
    atomic_store(&value->references, 1);
    value->poison = record;
    *value->poison = error;
    return value;
}

slab_value *slab_value_fail(slab_status rc)
{
    slab_value *none = NULL;
    return value_finish(rc, &none);
}

slab_value *slab_value_keep(slab_value *value)
{
    atomic_fetch_add(&value->references, 1);
    return value;
}

void value_buffers_clear(slab_value *v)
{
    for (int b = 0; b < VALUE_BLOCKS; b++) {
        value_slot *block = atomic_exchange(&v->slots[b], NULL);
        for (int i = 0; block && i < VALUE_BLOCK; i++)
            slab_memory_free(block[i].data);
        slab_memory_free(block);
    }
}

static void clear(slab_value *v)
{
    share_leave(v);
    if (v->cls && v->cls->clear)
        v->cls->clear(v);
    value_buffers_clear(v);
    slab_memory_free(v->self);
    slab_memory_free(v->poison);
    slab_memory_free(v);
}

/* Clearing a node drops its operands. They queue up here instead of being cleared by recursion,
 * which a chain of a hundred thousand operations would take beyond the stack. */
static _Thread_local slab_value *dying;
static _Thread_local bool clearing;

void slab_value_drop(slab_value **value)
{
    slab_value *v = value ? *value : NULL;
    if (!v)
        return;
    *value = NULL;
    if (v == &last_resort || atomic_fetch_sub(&v->references, 1) > 1)
        return;
    v->dying = dying;
    dying = v;
    if (clearing)
        return;
    clearing = true;
    while (dying) {
        v = dying;
        dying = v->dying;
        clear(v);
    }
    clearing = false;
}

slab_status slab_value_status(const slab_value *value)
{
    return value->poison ? slab_error_restore(value->poison) : SLAB_OK;
}

const slab_shape *slab_value_shape(const slab_value *value)
{
    return &value->shape;
}

slab_dtype slab_value_dtype(const slab_value *value)
{
    return value->dtype;
}

const slab_grid *slab_value_grid(const slab_value *value)
{
    return &value->grid;
}

const void *slab_value_missing(const slab_value *value)
{
    return value->has_missing ? value->missing : NULL;
}

slab_status slab_value_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    return value->poison ? slab_value_status(value) : value->cls->get(value, thread, box, out);
}

bool slab_value_in_parts(slab_value *value, int thread, const slab_box *box)
{
    return !value->poison && value->cls->in_parts && value->cls->in_parts(value, thread, box);
}

void slab_value_prefetch(slab_value *value, const slab_box *box)
{
    if (!value->poison && value->cls->prefetch)
        value->cls->prefetch(value, box);
}

slab_status slab_value_hold(slab_value *value, int thread, size_t packed_bytes)
{
    if (value->poison)
        return slab_value_status(value);
    return value->cls->hold ? value->cls->hold(value, thread, packed_bytes) : SLAB_OK;
}

slab_read_counts slab_value_counts(const slab_value *value)
{
    slab_read_counts none = {0};
    return !value->poison && value->cls->counts ? value->cls->counts(value) : none;
}

int64_t slab_value_packed_bytes(const slab_value *value)
{
    return !value->poison && value->cls->packed_bytes ? value->cls->packed_bytes(value) : 0;
}

const char *slab_value_fallback(const slab_value *value)
{
    return !value->poison && value->cls->fallback ? value->cls->fallback(value) : "";
}

slab_status value_buffer(slab_value *value, int thread, size_t bytes, void **out)
{
    slab_status rc = SLAB_OK;
    value_slot *fresh = NULL;
    *out = NULL;
    REQUIRE(thread >= 0 && thread < VALUE_BLOCK * VALUE_BLOCKS, SLAB_ERR_RANGE,
            "thread %d is outside 0..%d", thread, VALUE_BLOCK * VALUE_BLOCKS - 1);
    _Atomic(value_slot *) *place = &value->slots[thread / VALUE_BLOCK];
    value_slot *block = atomic_load(place);
    if (!block) {
        ALLOC(fresh, VALUE_BLOCK, "buffers of an expression");
        if (atomic_compare_exchange_strong(place, &block, fresh)) {
            block = fresh;
            fresh = NULL;
        }
    }
    value_slot *slot = &block[thread % VALUE_BLOCK];
    if (slot->bytes < bytes) {
        FREE(slot->data);
        slot->bytes = 0;
        TRY(slab_memory_alloc(&slot->data, bytes, 1, "buffers of an expression"));
        slot->bytes = bytes;
    }
    *out = slot->data;
done:
    FREE(fresh);
    return rc;
}

slab_status value_default_grid(const slab_shape *shape, slab_dtype dtype, slab_grid *out)
{
    slab_shape tile = {.rank = shape->rank};
    int64_t room = dtype.size < (1 << 20) ? (1 << 20) / (int64_t)dtype.size : 1;
    for (int a = shape->rank - 1; a >= 0; a--) {
        int64_t extent = shape->extent[a] < 1 ? 1 : shape->extent[a];
        tile.extent[a] = extent < room ? extent : room;
        room /= tile.extent[a];
        room = room < 1 ? 1 : room;
    }
    return slab_grid_make(shape, &tile, NULL, out);
}

size_t value_box_bytes(const slab_shape *box, size_t size)
{
    int64_t elements = 0;
    size_t bytes = 0;
    if (slab_shape_elements(box, &elements) != SLAB_OK ||
        slab_size_multiply((size_t)elements, size, &bytes) != SLAB_OK) {
        slab_error_clear();
        return SIZE_MAX;
    }
    return bytes;
}
