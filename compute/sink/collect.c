#include <slab/compute/sink/collect.h>

#include <slab/compute/sink/disjoint.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

struct slab_collect {
    size_t size; /* of an element */
    void *out;
};

slab_status slab_collect_create(const slab_value *value, void *out, slab_collect **collect)
{
    slab_status rc = SLAB_OK;
    *collect = NULL;
    TRY(slab_value_status(value));
    ALLOC(*collect, 1, "a result");
    (*collect)->size = slab_value_dtype(value).size;
    (*collect)->out = out;
done:
    return rc;
}

void slab_collect_destroy(slab_collect **collect)
{
    FREE(*collect);
}

static slab_sink_wants collect_wants(const void *sink)
{
    (void)sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1};
}

static size_t collect_state_bytes(const void *sink, const slab_span *span)
{
    return slab_disjoint_bytes(span, ((const slab_collect *)sink)->size);
}

static slab_status collect_accumulate(const void *sink, const slab_span *span, void *state,
                                      int phase, const slab_tile *tile, void *scratch)
{
    const slab_collect *c = sink;
    int64_t dense[SLAB_RANK_MAX];
    (void)phase, (void)scratch;
    slab_strides_of(span->rank, span->count, c->size, dense);
    slab_box_copy(span->rank, tile->box.count, tile->view.data, tile->view.stride,
                  (char *)state + slab_disjoint_offset(span, tile->box.start, c->size), dense,
                  c->size);
    return SLAB_OK;
}

static slab_status collect_merge(const void *sink, const slab_span *into_span, void *into,
                                 const slab_span *from_span, const void *from)
{
    slab_disjoint_merge(into_span, into, from_span, from, ((const slab_collect *)sink)->size);
    return SLAB_OK;
}

static slab_status collect_finish(void *sink, const slab_span *span, void *state)
{
    const slab_collect *c = sink;
    size_t bytes = slab_disjoint_bytes(span, c->size);
    if (bytes > 0)
        memcpy(c->out, state, bytes);
    return SLAB_OK;
}

const slab_sink_class slab_sink_collect = {.name = "collect",
                                           .wants = collect_wants,
                                           .state_bytes = collect_state_bytes,
                                           .accumulate = collect_accumulate,
                                           .in_state = true,
                                           .merge = collect_merge,
                                           .finish = collect_finish};
