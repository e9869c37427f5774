/*
 * The statistics sink: finds in a tile of any rank and strides the matrices [rows, columns] that
 * the kernels take, and the slots they go to.
 */
#include <slab/compute/sink/statistics.h>

#include <math.h>
#include <slab/compute/kernel/statistics_kernel.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* Scratch of a thread, for elements that the kernels cannot take as they lie. */
enum { SCRATCH_BYTES = 128 * 1024, SCRATCH_ELEMENTS = SCRATCH_BYTES / 16 };

struct slab_statistics {
    slab_dtype dtype;
    slab_statistics_type type; /* what the kernels see: f16 as f32 */
    slab_shape shape;
    uint32_t axes;
    bool code_to_nan; /* floats with a declared missing code */
    double code;
    bool done;
    slab_statistics_result result;
};

/* A block's axes as loops: those of extent 1 are gone, neighbours that can be are one. */
typedef struct loops {
    int rank;
    bool reduced[SLAB_RANK_MAX];
    int64_t count[SLAB_RANK_MAX];
    int64_t stride[SLAB_RANK_MAX]; /* bytes */
    int64_t step[SLAB_RANK_MAX];   /* slots; 0 along reduced axes */
} loops;

slab_status slab_statistics_create(const slab_value *value, uint32_t axes, slab_statistics **out)
{
    slab_status rc = SLAB_OK;
    slab_statistics *s = NULL;
    char name[SLAB_DTYPE_NAME_MAX];
    *out = NULL;
    TRY(slab_value_status(value));
    slab_dtype dtype = slab_value_dtype(value);
    const void *missing = slab_value_missing(value);
    ALLOC(s, 1, "statistics");
    s->dtype = dtype;
    s->shape = *slab_value_shape(value);
    REQUIRE(slab_dtype_is_number(dtype), SLAB_ERR_TYPE, "statistics need numbers, not %s",
            slab_dtype_name(dtype, name));
    REQUIRE(dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "statistics of %s are not defined: complex numbers have no least and greatest",
            slab_dtype_name(dtype, name));
    uint32_t all = s->shape.rank < 32 ? (1U << s->shape.rank) - 1 : UINT32_MAX;
    s->axes = axes == SLAB_AXES_ALL ? all : axes;
    REQUIRE((s->axes & ~all) == 0, SLAB_ERR_RANGE,
            "statistics along axis %d of an array of %d axes", 31 - __builtin_clz(s->axes),
            s->shape.rank);
    REQUIRE(s->axes != 0 || s->shape.rank == 0, SLAB_ERR_RANGE, "statistics along no axis");
    s->type.dtype = dtype.kind == SLAB_KIND_FLOAT && dtype.size == 2
                        ? slab_dtype_make(SLAB_KIND_FLOAT, 4)
                        : dtype;
    if (missing && dtype.kind == SLAB_KIND_FLOAT) {
        s->code = slab_dtype_get_double(dtype, missing);
        s->code_to_nan = !isnan(s->code);
    } else if (missing) {
        s->type.has_missing = true;
        memcpy(&s->type.missing, missing, dtype.size);
    }
    *out = s;
    s = NULL;
done:
    slab_statistics_destroy(&s);
    return rc;
}

void slab_statistics_destroy(slab_statistics **statistics)
{
    if (!statistics || !*statistics)
        return;
    slab_statistics_result *r = &(*statistics)->result;
    FREE(r->count);
    FREE(r->missing);
    FREE(r->zeros);
    FREE(r->min);
    FREE(r->max);
    FREE(r->mean);
    FREE(r->std);
    FREE(r->var);
    FREE(*statistics);
}

const slab_statistics_result *slab_statistics_get(const slab_statistics *statistics)
{
    return statistics->done ? &statistics->result : NULL;
}

static bool kept(const slab_statistics *s, int axis)
{
    return !(s->axes >> axis & 1);
}

/* Rows that end in a slot each, or all in one: columns would be summed in many short pieces. */
static bool in_parts(const slab_statistics *s)
{
    return s->shape.rank > 0 && !kept(s, s->shape.rank - 1);
}

static slab_sink_wants statistics_wants(const void *sink)
{
    const slab_statistics *s = sink;
    /* Merging a slot's 80 bytes costs about five times what a byte of a tile does. */
    return (slab_sink_wants){.nphases = 1,
                             .band_axis = -1,
                             .run_axes = s->axes,
                             .intensity = 0.2,
                             .in_parts = in_parts(s)};
}

/* Slots of a span, and the distance between neighbours along each axis (0 along reduced ones). */
static int64_t slot_steps(const slab_statistics *s, const slab_span *span,
                          int64_t step[SLAB_RANK_MAX])
{
    int64_t n = 1;
    for (int a = s->shape.rank - 1; a >= 0; a--) {
        step[a] = kept(s, a) ? n : 0;
        if (kept(s, a) && __builtin_mul_overflow(n, span->count[a], &n))
            n = INT64_MAX / 256;
    }
    return n;
}

static size_t statistics_state_bytes(const void *sink, const slab_span *span)
{
    int64_t step[SLAB_RANK_MAX];
    size_t bytes = 0;
    int64_t slots = slot_steps(sink, span, step);
    bool fits = !__builtin_mul_overflow((size_t)slots, sizeof(slab_statistics_slot), &bytes);
    return fits ? bytes : SIZE_MAX;
}

static size_t statistics_scratch_bytes(const void *sink, const slab_shape *tile)
{
    (void)sink, (void)tile;
    return SCRATCH_BYTES;
}

static void make_loops(const slab_statistics *s, const slab_tile *tile, const int64_t *step,
                       loops *l)
{
    l->rank = 0;
    for (int a = 0; a < s->shape.rank; a++) {
        int64_t count = tile->box.count[a], stride = tile->view.stride[a];
        int last = l->rank - 1;
        if (count == 1)
            continue;
        if (last >= 0 && l->reduced[last] == !kept(s, a) && l->stride[last] == stride * count &&
            l->step[last] == step[a] * count) {
            l->count[last] *= count;
            l->stride[last] = stride;
            l->step[last] = step[a];
            continue;
        }
        l->reduced[l->rank] = !kept(s, a);
        l->count[l->rank] = count;
        l->stride[l->rank] = stride;
        l->step[l->rank] = step[a];
        l->rank++;
    }
}

static void codes_to_nan(const slab_statistics *s, void *data, int64_t n)
{
    float *f = data;
    double *d = data;
    for (int64_t i = 0; i < n; i++) {
        if (s->type.dtype.size == 4)
            f[i] = (double)f[i] == s->code ? NAN : f[i];
        else
            d[i] = d[i] == s->code ? NAN : d[i];
    }
}

/* A piece in scratch: dense, in the kernels' type, with codes replaced. */
static slab_status gather(const slab_statistics *s, const slab_strip_block *from, int64_t stride,
                          char *scratch, slab_strip_block *to)
{
    int64_t size = s->dtype.size, n = from->rows * from->columns;
    slab_status rc = SLAB_OK;
    int64_t count[2] = {from->rows, from->columns}, out[2] = {from->columns * size, size};
    char *plain = scratch + (size_t)SCRATCH_ELEMENTS * 8;
    slab_box_copy(2, count, from->data, (int64_t[2]){from->row_stride, stride}, plain, out,
                  (size_t)size);
    *to = *from;
    to->data = plain;
    to->row_stride = from->columns * (int64_t)s->type.dtype.size;
    if (s->type.dtype.size != s->dtype.size) {
        TRY(slab_dtype_convert(s->dtype, plain, s->type.dtype, scratch, (size_t)n));
        to->data = scratch;
    }
    if (s->code_to_nan)
        codes_to_nan(s, (void *)to->data, n);
done:
    return rc;
}

static void run_kernel(const slab_statistics *s, const slab_strip_block *block, bool all,
                       slab_statistics_slot *slots)
{
    if (all)
        slab_statistics_all(&s->type, block, slots);
    else
        slab_statistics_columns(&s->type, block, slots);
}

/* A matrix; `all`: into one slot, else one slot a column. Pieces fit the scratch if it is used. */
static slab_status take_matrix(const slab_statistics *s, const slab_strip_block *block,
                               int64_t stride, bool all, slab_statistics_slot *slots, void *scratch)
{
    slab_status rc = SLAB_OK;
    bool fine =
        stride == (int64_t)s->dtype.size && s->type.dtype.size == s->dtype.size && !s->code_to_nan;
    if (fine) {
        run_kernel(s, block, all, slots);
        return SLAB_OK;
    }
    int64_t most = SCRATCH_ELEMENTS;
    int64_t columns = block->columns < most ? block->columns : most, rows = most / columns;
    for (int64_t i = 0; i < block->rows; i += rows) {
        for (int64_t j = 0; j < block->columns; j += columns) {
            slab_strip_block piece = *block, dense;
            piece.data = (const char *)block->data + i * block->row_stride + j * stride;
            piece.rows = block->rows - i < rows ? block->rows - i : rows;
            piece.columns = block->columns - j < columns ? block->columns - j : columns;
            TRY(gather(s, &piece, stride, scratch, &dense));
            run_kernel(s, &dense, all, all ? slots : slots + j);
        }
    }
done:
    return rc;
}

/* The loops outside a matrix whose rows run along axis `down` (-1: one row) and whose columns
 * along the last axis. */
static slab_status walk(const slab_statistics *s, const loops *l, int down, const char *data,
                        slab_statistics_slot *slots, void *scratch)
{
    slab_status rc = SLAB_OK;
    int last = l->rank - 1;
    int64_t at[SLAB_RANK_MAX] = {0};
    for (;;) {
        slab_strip_block block = {.data = data,
                                  .rows = down < 0 ? 1 : l->count[down],
                                  .row_stride = down < 0 ? 0 : l->stride[down],
                                  .columns = last < 0 ? 1 : l->count[last]};
        int64_t stride = last < 0 ? (int64_t)s->dtype.size : l->stride[last];
        bool all = last < 0 || l->reduced[last];
        TRY(take_matrix(s, &block, stride, all, slots, scratch));
        int a = last - 1;
        for (; a >= 0; a--) {
            if (a == down)
                continue;
            data += l->stride[a];
            slots += l->step[a];
            if (++at[a] < l->count[a])
                break;
            data -= l->stride[a] * l->count[a];
            slots -= l->step[a] * l->count[a];
            at[a] = 0;
        }
        if (a < 0)
            break;
    }
done:
    return rc;
}

static slab_status take_part(const slab_statistics *s, const slab_span *span,
                             slab_statistics_slot *slots, const slab_tile *tile, void *scratch)
{
    int64_t step[SLAB_RANK_MAX];
    loops l;
    slot_steps(s, span, step);
    for (int a = 0; a < s->shape.rank; a++)
        slots += kept(s, a) ? (tile->box.start[a] - span->start[a]) * step[a] : 0;
    make_loops(s, tile, step, &l);
    int down = l.rank - 2;
    while (down >= 0 && !l.reduced[down])
        down--;
    return walk(s, &l, down, tile->view.data, slots, scratch);
}

/* Part by part, though the tile may be whole: how it is shown must not change the bits. */
static slab_status statistics_accumulate(const void *sink, const slab_span *span, void *state,
                                         int phase, const slab_tile *tile, void *scratch)
{
    slab_status rc = SLAB_OK;
    const slab_statistics *s = sink;
    slab_tile part = *tile;
    (void)phase;
    if (!in_parts(s))
        return take_part(s, span, state, tile, scratch);
    bool more = slab_box_first_part(&tile->box, s->dtype.size, SLAB_PART_BYTES, &part.box);
    while (more) {
        const char *data = tile->view.data;
        for (int a = 0; a < s->shape.rank; a++)
            data += (part.box.start[a] - tile->box.start[a]) * tile->view.stride[a];
        part.view.data = data;
        TRY(take_part(s, span, state, &part, scratch));
        more = slab_box_next_part(&tile->box, s->dtype.size, SLAB_PART_BYTES, &part.box);
    }
done:
    return rc;
}

static slab_status statistics_merge(const void *sink, const slab_span *into_span, void *into,
                                    const slab_span *from_span, const void *from)
{
    const slab_statistics *s = sink;
    const slab_statistics_slot *source = from;
    slab_statistics_slot *target = into;
    int64_t into_step[SLAB_RANK_MAX], from_step[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0};
    slot_steps(s, into_span, into_step);
    int64_t n = slot_steps(s, from_span, from_step);
    for (int a = 0; a < s->shape.rank; a++)
        target += kept(s, a) ? (from_span->start[a] - into_span->start[a]) * into_step[a] : 0;
    for (int64_t i = 0; i < n; i++) {
        slab_statistics_merge(&s->type, target, source + i);
        for (int a = s->shape.rank - 1; a >= 0; a--) {
            if (!kept(s, a))
                continue;
            target += into_step[a];
            if (++at[a] < from_span->count[a])
                break;
            target -= into_step[a] * from_span->count[a];
            at[a] = 0;
        }
    }
    return SLAB_OK;
}

static void put_extreme(const slab_statistics *s, void *array, int64_t i, slab_extreme x, bool any)
{
    char *place = (char *)array + i * s->dtype.size;
    if (s->dtype.kind == SLAB_KIND_FLOAT) {
        double value = any ? x.f + 0.0 : NAN; /* -0 becomes 0: which one was met first is chance */
        slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 8), &value, s->dtype, place, 1);
    } else if (any) {
        memcpy(place, &x, s->dtype.size); /* little-endian: the low bytes */
    }
}

static slab_status allocate_result(slab_statistics_result *r, size_t size)
{
    slab_status rc = SLAB_OK;
    ALLOC(r->count, r->n, "statistics");
    ALLOC(r->missing, r->n, "statistics");
    ALLOC(r->zeros, r->n, "statistics");
    ALLOC(r->mean, r->n, "statistics");
    ALLOC(r->std, r->n, "statistics");
    ALLOC(r->var, r->n, "statistics");
    TRY(slab_memory_alloc(&r->min, (size_t)r->n, size, "statistics"));
    TRY(slab_memory_alloc(&r->max, (size_t)r->n, size, "statistics"));
done:
    return rc;
}

static slab_status statistics_finish(void *sink, const slab_span *span, void *state)
{
    slab_status rc = SLAB_OK;
    slab_statistics *s = sink;
    slab_statistics_result *r = &s->result;
    const slab_statistics_slot *slots = state;
    int64_t step[SLAB_RANK_MAX];
    r->n = slot_steps(s, span, step);
    r->dtype = s->dtype;
    r->shape.rank = 0;
    for (int a = 0; a < s->shape.rank; a++)
        if (kept(s, a))
            r->shape.extent[r->shape.rank++] = s->shape.extent[a];
    TRY(allocate_result(r, s->dtype.size));
    for (int64_t i = 0; i < r->n; i++) {
        r->count[i] = slots[i].count;
        r->missing[i] = slots[i].missing;
        r->zeros[i] = slots[i].zeros;
        slab_statistics_moments(&s->type, &slots[i], &r->mean[i], &r->var[i]);
        r->std[i] = sqrt(r->var[i]);
        put_extreme(s, r->min, i, slots[i].low, slots[i].count > 0);
        put_extreme(s, r->max, i, slots[i].high, slots[i].count > 0);
    }
    s->done = true;
done:
    return rc;
}

const slab_sink_class slab_sink_statistics = {.name = "statistics",
                                              .wants = statistics_wants,
                                              .state_bytes = statistics_state_bytes,
                                              .scratch_bytes = statistics_scratch_bytes,
                                              .accumulate = statistics_accumulate,
                                              .merge = statistics_merge,
                                              .finish = statistics_finish};
