/* The statistics sink: slots of counts, extremes and moments. */
#include <slab/compute/sink/statistics.h>

#include <math.h>
#include <slab/compute/kernel/statistics_kernel.h>
#include <slab/compute/sink/slots_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* Scratch of a thread, for elements that the kernels cannot take as they lie. */
enum { SCRATCH_BYTES = 128 * 1024, SCRATCH_ELEMENTS = SCRATCH_BYTES / 16 };

struct slab_statistics {
    slab_dtype dtype;
    slab_statistics_type type; /* what the kernels see: f16 as f32 */
    slots_frame frame;
    bool code_to_nan; /* floats with a declared missing code */
    double code;
    bool done;
    slab_statistics_result result;
};

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
    s->frame.shape = *slab_value_shape(value);
    s->frame.size = dtype.size;
    REQUIRE(slab_dtype_is_number(dtype), SLAB_ERR_TYPE, "statistics need numbers, not %s",
            slab_dtype_name(dtype, name));
    REQUIRE(dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "statistics of %s are not defined: complex numbers have no least and greatest",
            slab_dtype_name(dtype, name));
    uint32_t all = slots_axes_all(s->frame.shape.rank);
    s->frame.axes = axes == SLAB_AXES_ALL ? all : axes;
    REQUIRE((s->frame.axes & ~all) == 0, SLAB_ERR_RANGE,
            "statistics along axis %d of an array of %d axes", 31 - __builtin_clz(axes),
            s->frame.shape.rank);
    REQUIRE(s->frame.axes != 0 || s->frame.shape.rank == 0, SLAB_ERR_RANGE,
            "statistics along no axis");
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

/* Rows that end in a slot each, or all in one: columns would be summed in many short pieces. */
static bool in_parts(const slab_statistics *s)
{
    int last = s->frame.shape.rank - 1;
    return last >= 0 && s->frame.axes >> last & 1;
}

static slab_sink_wants statistics_wants(const void *sink)
{
    const slab_statistics *s = sink;
    /* Merging a slot's 80 bytes costs about five times what a byte of a tile does. */
    return (slab_sink_wants){.nphases = 1,
                             .band_axis = -1,
                             .run_axes = s->frame.axes,
                             .intensity = 0.2,
                             .in_parts = in_parts(s)};
}

static size_t statistics_state_bytes(const void *sink, const slab_span *span)
{
    const slab_statistics *s = sink;
    size_t bytes = 0;
    int64_t slots = slots_count(&s->frame, span);
    bool fits = !__builtin_mul_overflow((size_t)slots, sizeof(slab_statistics_slot), &bytes);
    return fits ? bytes : SIZE_MAX;
}

static size_t statistics_scratch_bytes(const void *sink, const slab_shape *tile)
{
    (void)sink, (void)tile;
    return SCRATCH_BYTES;
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

/* What a walk over a tile needs. */
typedef struct taking {
    const slab_statistics *s;
    const slab_span *span;
    slab_statistics_slot *slots;
    void *scratch;
} taking;

/* Pieces fit the scratch if it is used. */
static slab_status take_matrix(void *context, const slots_matrix *m)
{
    slab_status rc = SLAB_OK;
    const taking *t = context;
    const slab_statistics *s = t->s;
    slab_statistics_slot *slots = t->slots + m->slot;
    bool all = m->target == SLOTS_ONE;
    slab_strip_block block = {m->data, m->rows, m->columns, m->row_stride};
    if (m->stride == (int64_t)s->dtype.size && s->type.dtype.size == s->dtype.size &&
        !s->code_to_nan) {
        run_kernel(s, &block, all, slots);
        return SLAB_OK;
    }
    int64_t most = SCRATCH_ELEMENTS;
    int64_t columns = block.columns < most ? block.columns : most, rows = most / columns;
    for (int64_t i = 0; i < block.rows; i += rows) {
        for (int64_t j = 0; j < block.columns; j += columns) {
            slab_strip_block piece = block, dense;
            piece.data = m->data + i * m->row_stride + j * m->stride;
            piece.rows = block.rows - i < rows ? block.rows - i : rows;
            piece.columns = block.columns - j < columns ? block.columns - j : columns;
            TRY(gather(s, &piece, m->stride, t->scratch, &dense));
            run_kernel(s, &dense, all, all ? slots : slots + j);
        }
    }
done:
    return rc;
}

static slab_status take_part(void *context, const slab_tile *part)
{
    taking *t = context;
    return slots_walk(&t->s->frame, t->span, part, take_matrix, t);
}

static slab_status statistics_accumulate(const void *sink, const slab_span *span, void *state,
                                         int phase, const slab_tile *tile, void *scratch)
{
    const slab_statistics *s = sink;
    taking t = {.s = s, .span = span, .slots = state, .scratch = scratch};
    (void)phase;
    return in_parts(s) ? slab_sink_each_part(tile, s->dtype.size, take_part, &t)
                       : take_part(&t, tile);
}

typedef struct merging {
    const slab_statistics *s;
    slab_statistics_slot *into;
    const slab_statistics_slot *from;
} merging;

static void join(void *context, int64_t into, int64_t from, int64_t n)
{
    const merging *m = context;
    for (int64_t i = 0; i < n; i++)
        slab_statistics_merge(&m->s->type, m->into + into + i, m->from + from + i);
}

static slab_status statistics_merge(const void *sink, const slab_span *into_span, void *into,
                                    const slab_span *from_span, const void *from)
{
    const slab_statistics *s = sink;
    merging m = {.s = s, .into = into, .from = from};
    slots_merge(&s->frame, into_span, from_span, join, &m);
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
    r->n = slots_count(&s->frame, span);
    r->dtype = s->dtype;
    r->shape = slots_kept_shape(&s->frame);
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
                                              .in_state = true,
                                              .merge = statistics_merge,
                                              .finish = statistics_finish};
