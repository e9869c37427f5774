#include <slab/compute/sink/collect.h>

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

static size_t span_bytes(const slab_span *span, size_t size)
{
    for (int a = 0; a < span->rank; a++)
        if (__builtin_mul_overflow(size, (size_t)span->count[a], &size))
            return SIZE_MAX;
    return size;
}

static size_t collect_state_bytes(const void *sink, const slab_span *span)
{
    return span_bytes(span, ((const slab_collect *)sink)->size);
}

/* Copies elements of `box` into the elements of `span`, both as the array counts them. */
static void put(const slab_collect *c, const slab_span *span, void *state, const slab_box *box,
                const void *data, const int64_t *stride)
{
    int64_t dense[SLAB_RANK_MAX];
    char *to = state;
    slab_strides_of(span->rank, span->count, c->size, dense);
    for (int a = 0; a < span->rank; a++)
        to += (box->start[a] - span->start[a]) * dense[a];
    slab_box_copy(span->rank, box->count, data, stride, to, dense, c->size);
}

static slab_status collect_accumulate(const void *sink, const slab_span *span, void *state,
                                      int phase, const slab_tile *tile, void *scratch)
{
    (void)phase, (void)scratch;
    put(sink, span, state, &tile->box, tile->view.data, tile->view.stride);
    return SLAB_OK;
}

/* A span may hold tiles that belong to a neighbour: of a task's box only its own tiles are filled,
 * the rest is zero. Bits are joined, so that neither wipes out the other's elements. */
static slab_status collect_merge(const void *sink, const slab_span *into_span, void *into,
                                 const slab_span *from_span, const void *from)
{
    const slab_collect *c = sink;
    int64_t dense[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0}, source[SLAB_RANK_MAX];
    int last = from_span->rank - 1;
    size_t run = c->size * (size_t)(last < 0 ? 1 : from_span->count[last]);
    size_t bytes = span_bytes(from_span, c->size);
    slab_strides_of(into_span->rank, into_span->count, c->size, dense);
    slab_strides_of(from_span->rank, from_span->count, c->size, source);
    unsigned char *to = into;
    const unsigned char *end = (const unsigned char *)from + bytes;
    for (int a = 0; a <= last; a++)
        to += (from_span->start[a] - into_span->start[a]) * dense[a];
    for (const unsigned char *row = from; row < end; row += run) {
        for (size_t i = 0; i < run; i++)
            to[i] |= row[i];
        for (int a = last - 1; a >= 0; a--) {
            to += dense[a];
            if (++at[a] < from_span->count[a])
                break;
            to -= dense[a] * from_span->count[a];
            at[a] = 0;
        }
    }
    return SLAB_OK;
}

static slab_status collect_finish(void *sink, const slab_span *span, void *state)
{
    const slab_collect *c = sink;
    size_t bytes = span_bytes(span, c->size);
    if (bytes > 0)
        memcpy(c->out, state, bytes);
    return SLAB_OK;
}

const slab_sink_class slab_sink_collect = {.name = "collect",
                                           .wants = collect_wants,
                                           .state_bytes = collect_state_bytes,
                                           .accumulate = collect_accumulate,
                                           .merge = collect_merge,
                                           .finish = collect_finish};
