#include <slab/compute/sink/lines.h>

#include <slab/compute/sink/disjoint.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

struct slab_lines {
    slab_lines_task task;
    size_t size; /* of an element */
    slab_shape shape;
    uint32_t axes;
    int64_t n; /* elements of a line */
};

slab_status slab_lines_create(const slab_value *value, uint32_t axes, const slab_lines_task *task,
                              slab_lines **out)
{
    slab_status rc = SLAB_OK;
    slab_lines *l = NULL;
    *out = NULL;
    TRY(slab_value_status(value));
    ALLOC(l, 1, "lines");
    l->task = *task;
    l->size = slab_value_dtype(value).size;
    l->shape = *slab_value_shape(value);
    l->axes = axes;
    l->n = 1;
    for (int a = 0; a < l->shape.rank; a++)
        if (axes >> a & 1)
            TRY(slab_extent_multiply(l->n, l->shape.extent[a], &l->n));
    *out = l;
    l = NULL;
done:
    slab_lines_destroy(&l);
    return rc;
}

void slab_lines_destroy(slab_lines **lines)
{
    FREE(*lines);
}

static bool kept(const slab_lines *l, int axis)
{
    return !(l->axes >> axis & 1);
}

static slab_sink_wants lines_wants(const void *sink)
{
    const slab_lines *l = sink;
    return (slab_sink_wants){.nphases = 1,
                             .band_axis = -1,
                             .whole_axes = l->axes,
                             .run_axes = l->axes,
                             .intensity = 8,
                             .emits = l->task.emits};
}

/* Lines of a span, and the distance between neighbours along each axis, in results. */
static int64_t line_steps(const slab_lines *l, const slab_span *span, int64_t *step)
{
    int64_t n = 1;
    for (int a = l->shape.rank - 1; a >= 0; a--) {
        step[a] = kept(l, a) ? n : 0;
        if (kept(l, a) && __builtin_mul_overflow(n, span->count[a], &n))
            n = INT64_MAX;
    }
    return n;
}

static size_t lines_state_bytes(const void *sink, const slab_span *span)
{
    const slab_lines *l = sink;
    int64_t step[SLAB_RANK_MAX];
    size_t bytes;
    bool fits = slab_size_multiply((size_t)line_steps(l, span, step), l->task.result_bytes,
                                   &bytes) == SLAB_OK;
    return fits ? bytes : SIZE_MAX;
}

static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t lines_scratch_bytes(const void *sink, const slab_shape *tile)
{
    const slab_lines *l = sink;
    (void)tile;
    return round_up((size_t)l->n * l->size) + l->task.scratch_bytes;
}

/* The elements of the line that begins at data, dense. */
static const void *dense_line(const slab_lines *l, const slab_tile *tile, const char *data,
                              void *dense)
{
    int rank = 0;
    int64_t count[SLAB_RANK_MAX] = {0}, from[SLAB_RANK_MAX], to[SLAB_RANK_MAX];
    bool lies = true;
    for (int a = 0; a < l->shape.rank; a++) {
        if (kept(l, a))
            continue;
        count[rank] = tile->box.count[a];
        from[rank++] = tile->view.stride[a];
    }
    slab_strides_of(rank, count, l->size, to);
    for (int i = 0; i < rank; i++)
        lies = lies && (from[i] == to[i] || count[i] == 1);
    if (lies)
        return data;
    slab_box_copy(rank, count, data, from, dense, to, l->size);
    return dense;
}

static slab_status lines_accumulate(const void *sink, const slab_span *span, void *state, int phase,
                                    const slab_tile *tile, void *scratch)
{
    slab_status rc = SLAB_OK;
    const slab_lines *l = sink;
    int64_t step[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0}, place = 0;
    const char *data = tile->view.data;
    char *rest = (char *)scratch + round_up((size_t)l->n * l->size);
    (void)phase;
    line_steps(l, span, step);
    for (int a = 0; a < l->shape.rank; a++)
        place += (tile->box.start[a] - span->start[a]) * step[a];
    for (;;) {
        const void *elements = dense_line(l, tile, data, scratch);
        TRY(l->task.line(l->task.context, elements, l->n, rest,
                         (char *)state + (size_t)place * l->task.result_bytes));
        int a = l->shape.rank - 1;
        for (; a >= 0; a--) {
            if (!kept(l, a))
                continue;
            bool more = ++at[a] < tile->box.count[a];
            int64_t by = more ? 1 : 1 - tile->box.count[a];
            data += by * tile->view.stride[a];
            place += by * step[a];
            if (more)
                break;
            at[a] = 0;
        }
        if (a < 0)
            break;
    }
done:
    return rc;
}

/* The lines of a span as a box: an axis that is reduced away has one of them. */
static slab_box lines_box(const slab_lines *l, const slab_span *span)
{
    slab_box box = *span;
    for (int a = 0; a < box.rank; a++) {
        box.start[a] = kept(l, a) ? box.start[a] : 0;
        box.count[a] = kept(l, a) ? box.count[a] : 1;
    }
    return box;
}

static slab_status lines_merge(const void *sink, const slab_span *into_span, void *into,
                               const slab_span *from_span, const void *from)
{
    const slab_lines *l = sink;
    slab_box into_box = lines_box(l, into_span), from_box = lines_box(l, from_span);
    slab_disjoint_merge(&into_box, into, &from_box, from, l->task.result_bytes);
    return SLAB_OK;
}

static slab_status lines_emit(void *sink, const slab_span *span, void *state)
{
    const slab_lines *l = sink;
    return l->task.take(l->task.context, span, state);
}

static slab_status lines_finish(void *sink, const slab_span *span, void *state)
{
    const slab_lines *l = sink;
    return state ? l->task.take(l->task.context, span, state) : SLAB_OK;
}

const slab_sink_class slab_sink_lines = {.name = "lines",
                                         .wants = lines_wants,
                                         .state_bytes = lines_state_bytes,
                                         .scratch_bytes = lines_scratch_bytes,
                                         .accumulate = lines_accumulate,
                                         .in_state = true,
                                         .merge = lines_merge,
                                         .emit = lines_emit,
                                         .finish = lines_finish};
