/* The reduce sink: a state is one array of slots a part, over the axes that stay. */
#include <slab/compute/sink/reduce_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* What a reduction gives, after everything that can be wrong with it has been looked for. */
static slab_status resolve(const slab_value *value, const slab_reduce_spec *spec,
                           const reduction **is, slab_dtype *from, slab_dtype *result)
{
    slab_status rc = SLAB_OK;
    TRY(slab_value_status(value));
    const slab_shape *shape = slab_value_shape(value);
    slab_dtype dtype = slab_value_dtype(value);
    char name[SLAB_DTYPE_NAME_MAX];
    *is = reduction_by_name(spec->name);
    REQUIRE(*is, SLAB_ERR_VALUE, "there is no reduction '%s'", spec->name);
    REQUIRE(slab_dtype_is_number(dtype), SLAB_ERR_TYPE, "%s needs numbers, not %s", spec->name,
            slab_dtype_name(dtype, name));
    uint32_t all = slots_axes_all(shape->rank), axes = spec->axes ? spec->axes : all;
    REQUIRE((axes & ~all) == 0, SLAB_ERR_RANGE, "%s along axis %d of an array of %d axes",
            spec->name, 31 - __builtin_clz(axes), shape->rank);
    TRY((*is)->types(*is, slab_dtype_make(dtype.kind, dtype.size), spec, from, result));
    bool none = false, results = true;
    for (int a = 0; a < shape->rank; a++) {
        none |= (axes >> a & 1) && shape->extent[a] == 0;
        results &= (axes >> a & 1) || shape->extent[a] > 0;
    }
    REQUIRE(!none || !results || (*is)->empty(spec), SLAB_ERR_VALUE,
            "%s over no elements has no answer", spec->name);
done:
    return rc;
}

slab_status slab_reduction_types(const char *name, const slab_value *value,
                                 const slab_reduce_spec *spec, slab_dtype *out)
{
    slab_reduce_spec named = *spec;
    const reduction *is;
    slab_dtype from;
    named.name = name;
    return resolve(value, &named, &is, &from, out);
}

bool slab_reduce_can_share(const slab_reduce_spec *a, const slab_reduce_spec *b)
{
    return a->axes == b->axes;
}

/* Moments first: sums are found in them. */
static void choose_parts(slab_reduce *r)
{
    for (int moments = 1; moments >= 0; moments--) {
        for (int i = 0; i < r->noutputs; i++) {
            reduce_output *o = &r->outputs[i];
            if ((o->is->wants == reduce_wants_moments) == moments)
                o->is->wants(r, o);
        }
    }
}

slab_status slab_reduce_create_many(const slab_value *value, const slab_reduce_spec *specs, int n,
                                    slab_reduce **out)
{
    slab_status rc = SLAB_OK;
    slab_reduce *r = NULL;
    *out = NULL;
    REQUIRE(n >= 1 && n <= SLAB_REDUCE_MOST, SLAB_ERR_RANGE, "%d reductions in one: 1 to %d are", n,
            SLAB_REDUCE_MOST);
    ALLOC(r, 1, "reductions");
    for (int i = 0; i < n; i++) {
        reduce_output *o = &r->outputs[r->noutputs++];
        REQUIRE(slab_reduce_can_share(&specs[0], &specs[i]), SLAB_ERR_VALUE,
                "%s and %s are along different axes", specs[0].name, specs[i].name);
        o->spec = specs[i];
        memset(o->part, -1, sizeof o->part);
        TRY(resolve(value, &specs[i], &o->is, &o->from, &o->result));
    }
    slab_dtype dtype = slab_value_dtype(value);
    r->dtype = slab_dtype_make(dtype.kind, dtype.size);
    r->frame = (slots_frame){.shape = *slab_value_shape(value),
                             .axes = specs[0].axes,
                             .size = dtype.size,
                             .by_rows = true};
    if (r->frame.axes == 0)
        r->frame.axes = slots_axes_all(r->frame.shape.rank);
    r->per_slot = 1;
    for (int a = 0; a < r->frame.shape.rank; a++)
        r->per_slot *= r->frame.axes >> a & 1 ? r->frame.shape.extent[a] : 1;
    choose_parts(r);
    *out = r;
    r = NULL;
done:
    slab_reduce_destroy(&r);
    return rc;
}

slab_status slab_reduce_create(const slab_value *value, const slab_reduce_spec *spec,
                               slab_reduce **out)
{
    return slab_reduce_create_many(value, spec, 1, out);
}

void slab_reduce_destroy(slab_reduce **reduce)
{
    if (!reduce || !*reduce)
        return;
    for (int i = 0; i < (*reduce)->noutputs; i++)
        FREE((*reduce)->outputs[i].elements);
    FREE(*reduce);
}

const void *slab_reduce_get_at(const slab_reduce *reduce, int i)
{
    return reduce->done && i >= 0 && i < reduce->noutputs ? reduce->outputs[i].elements : NULL;
}

const void *slab_reduce_get(const slab_reduce *reduce)
{
    return slab_reduce_get_at(reduce, 0);
}

/* Where a part's slots begin; of the part after the last: what all take. */
size_t reduce_offset(const slab_reduce *reduce, int part, int64_t nslots)
{
    size_t bytes = 0;
    for (int p = 0; p < part; p++) {
        size_t own;
        if (__builtin_mul_overflow((size_t)nslots, reduce->parts[p].kernel->slot_bytes, &own) ||
            own > SIZE_MAX / 2 - bytes)
            return SIZE_MAX;
        bytes += (own + 63) / 64 * 64;
    }
    return bytes;
}

/* Rows that end in a slot each, or all in one: columns would be summed in many short pieces. */
static bool in_parts(const slab_reduce *r)
{
    int last = r->frame.shape.rank - 1;
    return last >= 0 && r->frame.axes >> last & 1;
}

static slab_sink_wants reduce_wants_of(const void *sink)
{
    const slab_reduce *r = sink;
    /* Merging a byte of a slot costs about twice what a byte of a tile does. */
    return (slab_sink_wants){.nphases = 1,
                             .band_axis = -1,
                             .run_axes = r->frame.axes,
                             .intensity = 0.5,
                             .in_parts = in_parts(r),
                             .emits = r->emit != NULL};
}

static size_t reduce_state_bytes(const void *sink, const slab_span *span)
{
    const slab_reduce *r = sink;
    return reduce_offset(r, r->nparts, slots_count(&r->frame, span));
}

static size_t reduce_scratch_bytes(const void *sink, const slab_shape *tile)
{
    (void)sink, (void)tile;
    return reduce_feed_bytes();
}

static void reduce_init(const void *sink, const slab_span *span, void *state)
{
    const slab_reduce *r = sink;
    int64_t nslots = slots_count(&r->frame, span);
    for (int p = 0; p < r->nparts; p++)
        if (r->parts[p].kernel->init)
            r->parts[p].kernel->init((char *)state + reduce_offset(r, p, nslots), nslots);
}

typedef struct taking {
    const slab_reduce *reduce;
    const slab_span *span;
    void *state, *scratch;
} taking;

static slab_status take_part(void *context, const slab_tile *part)
{
    const taking *t = context;
    return reduce_feed(t->reduce, t->span, t->state, part, t->scratch);
}

static slab_status reduce_accumulate(const void *sink, const slab_span *span, void *state,
                                     int phase, const slab_tile *tile, void *scratch)
{
    const slab_reduce *r = sink;
    taking t = {.reduce = r, .span = span, .state = state, .scratch = scratch};
    (void)phase;
    return in_parts(r) ? slab_sink_each_part(tile, r->dtype.size, take_part, &t)
                       : take_part(&t, tile);
}

typedef struct merging {
    const slab_reduce_kernel *kernel;
    char *into;
    const char *from;
} merging;

static void join(void *context, int64_t into, int64_t from, int64_t n)
{
    const merging *m = context;
    int64_t bytes = (int64_t)m->kernel->slot_bytes;
    m->kernel->merge(m->into + into * bytes, m->from + from * bytes, n);
}

static slab_status reduce_merge(const void *sink, const slab_span *into_span, void *into,
                                const slab_span *from_span, const void *from)
{
    const slab_reduce *r = sink;
    int64_t to = slots_count(&r->frame, into_span), of = slots_count(&r->frame, from_span);
    for (int p = 0; p < r->nparts; p++) {
        merging m = {.kernel = r->parts[p].kernel,
                     .into = (char *)into + reduce_offset(r, p, to),
                     .from = (const char *)from + reduce_offset(r, p, of)};
        slots_merge(&r->frame, into_span, from_span, join, &m);
    }
    return SLAB_OK;
}

slab_status slab_reduce_convert_at(const slab_reduce *reduce, int i, const slab_span *span,
                                   void *state, void *out)
{
    slab_status rc = SLAB_OK;
    REQUIRE(i >= 0 && i < reduce->noutputs, SLAB_ERR_RANGE, "reduction %d of %d", i,
            reduce->noutputs);
    const reduce_output *o = &reduce->outputs[i];
    int64_t nslots = slots_count(&reduce->frame, span);
    reduce_slots s = {.reduce = reduce, .output = o};
    for (int p = 0; p < PARTS_MOST; p++)
        if (o->part[p] >= 0)
            s.slots[p] = (const char *)state + reduce_offset(reduce, o->part[p], nslots);
    for (int64_t first = 0; first < nslots; first += FINISH_MOST) {
        int64_t n = nslots - first < FINISH_MOST ? nslots - first : FINISH_MOST;
        TRY(o->is->finish(&s, first, n, (char *)out + first * o->result.size));
    }
done:
    return rc;
}

slab_status slab_reduce_convert(const slab_reduce *reduce, const slab_span *span, void *state,
                                void *out)
{
    return slab_reduce_convert_at(reduce, 0, span, state, out);
}

void slab_reduce_emit_to(slab_reduce *reduce, slab_reduce_emit emit, void *context)
{
    reduce->emit = emit;
    reduce->context = context;
}

size_t slab_reduce_slot_bytes(const slab_reduce *reduce)
{
    return reduce_offset(reduce, reduce->nparts, 1);
}

static slab_status reduce_emit_state(void *sink, const slab_span *span, void *state)
{
    const slab_reduce *r = sink;
    return r->emit(r->context, span, state);
}

static slab_status reduce_end(void *sink, const slab_span *span, void *state)
{
    slab_status rc = SLAB_OK;
    slab_reduce *r = sink;
    int64_t nslots = slots_count(&r->frame, span);
    if (r->emit) /* everything has been taken away, group by group */
        return SLAB_OK;
    for (int i = 0; i < r->noutputs; i++) {
        reduce_output *o = &r->outputs[i];
        FREE(o->elements);
        TRY(slab_memory_alloc(&o->elements, (size_t)nslots, o->result.size, "reductions"));
        TRY(slab_reduce_convert_at(r, i, span, state, o->elements));
    }
    r->done = true;
done:
    return rc;
}

const slab_sink_class slab_sink_reduce = {.name = "reduce",
                                          .wants = reduce_wants_of,
                                          .state_bytes = reduce_state_bytes,
                                          .scratch_bytes = reduce_scratch_bytes,
                                          .init = reduce_init,
                                          .accumulate = reduce_accumulate,
                                          .in_state = true,
                                          .merge = reduce_merge,
                                          .emit = reduce_emit_state,
                                          .finish = reduce_end};
