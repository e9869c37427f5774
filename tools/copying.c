#include <slab/tools/array_words.h>
#include <slab/tools/copying.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

#define SMALL_BYTES ((uint64_t)64 << 10) /* not chunked before: left as it is */
#define TILE_LEAST  ((size_t)1 << 20)
#define TILE_MOST   ((size_t)64 << 20)
#define CHUNK_BYTES ((size_t)150) /* of a chunk's records and metadata, until commit */

static bool is_log(slab_call *call)
{
    const char *backend = slab_call_text(call, "backend");
    return !backend || strcmp(backend, "log") == 0;
}

static bool selects_all(const slab_selection *s, const slab_shape *shape)
{
    for (int i = 0; i < s->rank; i++)
        if (s->drop[i] || s->start[i] != 0 || s->step[i] != 1 || s->count[i] != shape->extent[i])
            return false;
    return true;
}

/* --- what the copy is to be --- */

/* The filters as --filter would name them; those that slab does not write become zstd. */
static void filter_like(const slab_array_info *info, slab_array_spec *spec, char *text, size_t size)
{
    bool shuffles = false, packs = false;
    snprintf(text, size, "%s", "none");
    for (int i = 0; i < info->pipeline.nfilters; i++) {
        const slab_filter *f = &info->pipeline.filters[i];
        unsigned level = f->nvalues > 0 ? f->values[0] : 0;
        if (f->id == SLAB_FILTER_SHUFFLE)
            shuffles = true;
        else if (f->id == SLAB_FILTER_FLETCHER32)
            spec->fletcher32 = true;
        else if (f->id == SLAB_FILTER_NBIT)
            packs = true;
        else if (f->id == SLAB_FILTER_DEFLATE && level <= 9)
            snprintf(text, size, "gzip:%u", level);
        else if (f->id == SLAB_FILTER_ZSTD && level >= 1 && level <= 22)
            snprintf(text, size, "zstd:%u", level);
        else if (f->id == SLAB_FILTER_LZ4 || f->id == SLAB_FILTER_BITSHUFFLE)
            snprintf(text, size, "%s", f->id == SLAB_FILTER_LZ4 ? "lz4" : "bitshuffle");
        else
            snprintf(text, size, "%s", "zstd");
    }
    if (packs && strcmp(text, "none") == 0) /* bits are packed together with a compression only */
        snprintf(text, size, "%s", "zstd");
    spec->filter = text;
    spec->no_shuffle = !shuffles && !packs;
}

/* A fill value or missing code in the new type; false where it does not keep its value. */
static bool element_as(slab_dtype from, const uint8_t *element, slab_dtype to, uint8_t *out)
{
    uint8_t back[SLAB_FILL_MAX] = {0};
    if (slab_dtype_equal(from, to)) {
        memcpy(out, element, SLAB_FILL_MAX);
        return true;
    }
    bool converts = slab_dtype_convert(from, element, to, out, 1) == SLAB_OK &&
                    slab_dtype_convert(to, out, from, back, 1) == SLAB_OK;
    if (!converts)
        slab_error_clear();
    bool rounds = to.kind == SLAB_KIND_FLOAT || to.kind == SLAB_KIND_COMPLEX;
    return converts && (rounds || memcmp(back, element, from.size) == 0);
}

static slab_status chunks_asked(slab_call *call, bool alone, slab_array_spec *spec)
{
    slab_status rc = SLAB_OK;
    const char *chunks = slab_call_text(call, "chunks");
    slab_shape chunk;
    if (!chunks)
        goto done;
    TRY(slab_shape_parse(chunks, &chunk));
    REQUIRE(!alone || chunk.rank == spec->shape.rank, SLAB_ERR_USAGE,
            "--chunks %s has %d axes; the copy has %d", chunks, chunk.rank, spec->shape.rank);
    if (chunk.rank == spec->shape.rank)
        spec->chunk = chunk;
done:
    return rc;
}

static slab_status spec_of(slab_call *call, const slab_array_info *info, bool alone, bool whole,
                           slab_copying *c)
{
    slab_status rc = SLAB_OK;
    slab_array_spec *spec = &c->plan.spec;
    const char *dtype = slab_call_text(call, "dtype"), *filter = slab_call_text(call, "filter");
    bool chunked = info->layout == SLAB_LAYOUT_CHUNKED;
    *spec = (slab_array_spec){.dtype = info->dtype};
    spec->shape = slab_selection_shape(&c->plan.select);
    if (dtype)
        TRY(slab_dtype_parse(dtype, &spec->dtype));
    if (whole)
        spec->max_shape = info->max_shape;
    if (whole && chunked)
        spec->chunk = info->chunk;
    TRY(chunks_asked(call, alone, spec));
    if (chunked)
        filter_like(info, spec, c->filter, sizeof c->filter);
    if (filter) {
        spec->filter = filter;
        spec->no_shuffle = false;
    }
    slab_dtype from = slab_dtype_native(info->dtype), to = slab_dtype_native(spec->dtype);
    spec->has_fill = info->has_fill && element_as(from, info->fill, to, spec->fill);
    spec->has_missing = info->has_missing && element_as(from, info->missing, to, spec->missing);
    /* what HDF5 makes a type of ours, as bfloat16, is stored as something else */
    c->new_type = !slab_dtype_equal(info->dtype, spec->dtype) || (dtype && *info->fallback);
    c->plan.keeps_type = !c->new_type;
done:
    return rc;
}

/* --- the way --- */

static bool same_filters(const slab_pipeline *a, const slab_pipeline *b)
{
    bool same = a->nfilters == b->nfilters;
    for (int i = 0; same && i < a->nfilters; i++) {
        const slab_filter *p = &a->filters[i], *q = &b->filters[i];
        same = p->id == q->id && p->nvalues == q->nvalues;
        for (unsigned v = 0; same && v < p->nvalues && v < SLAB_FILTER_VALUES_MAX; v++)
            same = p->values[v] == q->values[v];
    }
    return same;
}

static slab_status choose(slab_call *call, const slab_array_info *info, bool alone, bool whole,
                          slab_copying *c)
{
    slab_status rc = SLAB_OK;
    slab_array_info target;
    bool packs = slab_copy_is_packable(info) && is_log(call) && whole;
    bool asked = slab_call_text(call, "chunks") || slab_call_text(call, "filter");
    bool small = info->layout != SLAB_LAYOUT_CHUNKED &&
                 (info->shape.rank == 0 || slab_describe_plain_bytes(info) <= SMALL_BYTES);
    char text[SLAB_DESCRIBE_MAX];
    if (info->dtype.kind == SLAB_KIND_OTHER || info->has_pointers) {
        REQUIRE(
            !alone || (whole && !asked && !slab_call_text(call, "dtype")), SLAB_ERR_UNSUPPORTED,
            "elements of %s are copied as they are: without a selection, --chunks, --filter and "
            "--dtype",
            slab_describe_type(info, text));
        c->way = packs ? SLAB_COPY_PACKED : SLAB_COPY_WHOLE;
        goto done;
    }
    TRY(spec_of(call, info, alone, whole, c));
    c->way = SLAB_COPY_ELEMENTS;
    if (whole && !c->new_type &&
        ((small && (!alone || !asked || info->shape.rank == 0)) ||
         (!alone && info->layout == SLAB_LAYOUT_VIRTUAL))) {
        c->way = SLAB_COPY_WHOLE;
        goto done;
    }
    TRY(slab_spec_resolve(&c->plan.spec, "/x", &target));
    if (packs && !c->new_type && slab_shape_equal(&target.chunk, &info->chunk) &&
        (!slab_call_text(call, "filter") || same_filters(&target.pipeline, &info->pipeline)))
        c->way = SLAB_COPY_PACKED;
done:
    return rc;
}

slab_status slab_copying_choose(slab_call *call, const slab_array_info *info,
                                const slab_selection *selection, slab_copying *out)
{
    bool whole = !selection || selects_all(selection, &info->shape);
    memset(out, 0, sizeof *out);
    out->plan.select = selection ? *selection : slab_selection_all(&info->shape);
    return choose(call, info, selection != NULL, whole, out);
}

/* --- what it takes --- */

static slab_status tile_bytes(slab_call *call, const slab_array_info *info, size_t *out)
{
    slab_status rc = SLAB_OK;
    slab_budget budget;
    slab_crew *crew;
    TRY(slab_call_budget(call, &budget));
    TRY(slab_call_crew(call, &crew));
    size_t threads = (size_t)slab_crew_widest(crew);
    size_t workers = threads * (size_t)slab_ranks_count(slab_call_ranks(call));
    size_t share = (size_t)slab_describe_plain_bytes(info) / (4 * workers);
    size_t most = budget.bytes / (4 * threads);
    most = most < share ? most : share;
    *out = most < TILE_LEAST ? TILE_LEAST : most > TILE_MOST ? TILE_MOST : most;
done:
    return rc;
}

static int64_t chunk_count(const slab_array_info *info)
{
    slab_grid grid;
    bool known = info->layout == SLAB_LAYOUT_CHUNKED &&
                 slab_grid_make(&info->shape, &info->chunk, NULL, &grid) == SLAB_OK;
    return known ? grid.ntiles : 0;
}

static slab_status elements_need(slab_call *call, slab_array *array, slab_copying *c,
                                 slab_need *one, int64_t *chunks)
{
    slab_status rc = SLAB_OK;
    slab_array_info target;
    slab_budget budget;
    size_t thread;
    TRY(slab_call_budget(call, &budget));
    TRY(tile_bytes(call, slab_array_describe(array), &c->plan.tile_bytes));
    TRY(slab_need_writer(call, &c->plan.spec, "/x", one));
    TRY(slab_copy_elements_memory(array, &c->plan, &thread));
    int64_t tight = slab_memory_used() + one->fixed + one->thread + thread > budget.bytes / 8 * 7;
    TRY(slab_ranks_max(slab_call_ranks(call), &tight, 1)); /* tiles are the same on all ranks */
    if (tight) {
        c->plan.tile_bytes = TILE_LEAST; /* what a budget is refused for is named with these too */
        TRY(slab_copy_elements_memory(array, &c->plan, &thread));
    }
    one->thread += thread;
    TRY(slab_spec_resolve(&c->plan.spec, "/x", &target));
    *chunks = chunk_count(&target);
done:
    return rc;
}

/* Records of chunks stay until commit, as does what HDF5 copied; all else is used again. */
slab_status slab_copying_need(slab_call *call, slab_array *array, slab_copying *c, slab_need *need,
                              slab_plan_step *step)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = slab_array_describe(array);
    slab_need one = {0};
    slab_txn_options options;
    uint64_t plain = slab_describe_plain_bytes(info);
    int64_t chunks = 0, elements = 0;
    step->read_bytes += (int64_t)info->stored_bytes;
    if (c->way == SLAB_COPY_PACKED) {
        TRY(slab_call_txn_options(call, &options));
        slab_copy_packed_memory(info, &options, &one.fixed, &one.thread);
        chunks = chunk_count(info);
        step->write_bytes += (int64_t)info->stored_bytes;
    } else if (c->way == SLAB_COPY_ELEMENTS) {
        TRY(elements_need(call, array, c, &one, &chunks));
        TRY(slab_shape_elements(&c->plan.spec.shape, &elements));
        step->plain_bytes += elements * (int64_t)info->dtype.size;
        step->write_bytes += elements * (int64_t)c->plan.spec.dtype.size;
    } else {
        need->kept += (size_t)(info->stored_bytes + (plain < SMALL_BYTES ? plain : 0));
        step->write_bytes += (int64_t)info->stored_bytes;
    }
    need->thread = one.thread > need->thread ? one.thread : need->thread;
    need->fixed = one.fixed > need->fixed ? one.fixed : need->fixed;
    need->kept += (size_t)chunks * CHUNK_BYTES;
done:
    return rc;
}
