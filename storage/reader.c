/* A reader: opened for a view and a number of threads, and what it says about itself. */
#include <slab/storage/reader.h>

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#include "reader_impl.h"

#define BLOCK_OVERHEAD ((size_t)2 * 4096) /* what an allocation may take beyond its bytes */

static slab_status check_selection(const slab_selection *s, const slab_shape *shape)
{
    slab_status rc = SLAB_OK;
    REQUIRE(s->rank == shape->rank, SLAB_ERR_SHAPE, "a selection of rank %d in an array of rank %d",
            s->rank, shape->rank);
    for (int a = 0; a < s->rank; a++) {
        int64_t n = shape->extent[a], last;
        REQUIRE(s->count[a] >= 0 && s->step[a] != 0 && (!s->drop[a] || s->count[a] == 1),
                SLAB_ERR_USAGE, "%" PRId64 " elements in steps of %" PRId64 " along axis %d",
                s->count[a], s->step[a], a);
        if (s->count[a] == 0)
            continue;
        bool fits = !__builtin_mul_overflow(s->count[a] - 1, s->step[a], &last) &&
                    !__builtin_add_overflow(last, s->start[a], &last);
        REQUIRE(fits && s->start[a] >= 0 && s->start[a] < n && last >= 0 && last < n,
                SLAB_ERR_RANGE, "the selection leaves axis %d of extent %" PRId64, a, n);
    }
done:
    return rc;
}

static slab_status set_view(slab_reader *reader, const slab_selection *selection)
{
    slab_status rc = SLAB_OK;
    const slab_shape *shape = &reader->array->info.shape;
    int v = 0;
    reader->selection = selection ? *selection : slab_selection_all(shape);
    TRY(check_selection(&reader->selection, shape));
    for (int a = 0; a < shape->rank; a++) {
        reader->step[a] = reader->selection.count[a] > 1 ? reader->selection.step[a] : 1;
        reader->view_of[a] = reader->selection.drop[a] ? -1 : v++;
    }
    reader->shape = slab_selection_shape(&reader->selection);
done:
    return rc;
}

/* Unpacking bits leaves unsigned integers as they are in memory: nothing is left to mask. */
static uint32_t cleaning_filters(const slab_array_info *info)
{
    uint32_t filters = 0;
    slab_dtype type = info->dtype, plain = slab_dtype_make(type.kind, type.size);
    plain.precision = type.precision;
    bool is_clean = type.kind == SLAB_KIND_UINT && slab_dtype_equal(type, plain);
    for (int f = 0; is_clean && f < info->pipeline.nfilters; f++)
        if (info->pipeline.filters[f].id == SLAB_FILTER_NBIT)
            filters |= (uint32_t)1 << f;
    return filters;
}

static slab_status set_types(slab_reader *reader, const slab_dtype *as)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = &reader->array->info;
    slab_dtype native = slab_dtype_native(info->dtype);
    char from[SLAB_DTYPE_NAME_MAX], to[SLAB_DTYPE_NAME_MAX];
    if (info->fallback[0] || info->layout == SLAB_LAYOUT_COMPACT ||
        info->layout == SLAB_LAYOUT_VIRTUAL || info->layout == SLAB_LAYOUT_EXTERNAL)
        reader->source = SLAB_SOURCE_LIBRARY;
    else
        reader->source = info->layout == SLAB_LAYOUT_CHUNKED ? SLAB_SOURCE_PACKED : SLAB_SOURCE_RAW;
    reader->held = reader->source == SLAB_SOURCE_LIBRARY ? native : info->dtype;
    reader->dtype = as ? *as : native;
    reader->converts = !slab_dtype_equal(reader->held, reader->dtype);
    if (reader->source == SLAB_SOURCE_PACKED)
        reader->cleaning = cleaning_filters(info);
    REQUIRE(native.kind != SLAB_KIND_OTHER, SLAB_ERR_TYPE,
            "'%s:%s' holds %s, whose elements slab does not read: h5dump prints them",
            reader->array->file->path, reader->array->path,
            *info->type_name ? info->type_name : slab_dtype_name(native, from));
    bool possible = slab_dtype_is_number(native) && slab_dtype_is_number(reader->dtype);
    REQUIRE(possible || slab_dtype_equal(native, reader->dtype), SLAB_ERR_TYPE,
            "'%s:%s' holds %s, which cannot be read as %s", reader->array->file->path,
            reader->array->path, *info->type_name ? info->type_name : slab_dtype_name(native, from),
            slab_dtype_name(reader->dtype, to));
done:
    return rc;
}

/* The elements of a contiguous array must lie inside the file. */
static slab_status check_contiguous(const slab_reader *reader)
{
    slab_status rc = SLAB_OK;
    const slab_array *array = reader->array;
    struct stat st;
    int64_t elements, bytes;
    TRY(slab_shape_elements(&array->info.shape, &elements));
    TRY(slab_extent_multiply(elements, array->info.dtype.size, &bytes));
    if (array->info.offset == UINT64_MAX || fstat(array->file->fd, &st) != 0)
        goto done;
    REQUIRE(array->info.offset <= (uint64_t)st.st_size &&
                (uint64_t)bytes <= (uint64_t)st.st_size - array->info.offset,
            SLAB_ERR_FORMAT,
            "'%s' ends before '%s' does: its %" PRId64 " bytes at %" PRIu64 " leave the file",
            array->file->path, array->path, bytes, array->info.offset);
done:
    return rc;
}

/* One block of the fill value, for all threads; pages of zeros take no memory. */
static slab_status make_fill(slab_reader *reader)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = &reader->array->info;
    slab_dtype native = slab_dtype_native(info->dtype);
    bool undefined = reader->source == SLAB_SOURCE_RAW && info->offset == UINT64_MAX;
    size_t size = reader->dtype.size, n = (size_t)reader->block_elements;
    if (!(reader->missing || undefined) || reader->blocks.ntiles == 0)
        goto done;
    TRY(slab_memory_alloc(&reader->fill, n, size, "fill values"));
    if (!info->has_fill || native.size > SLAB_FILL_MAX)
        goto done;
    if (slab_dtype_equal(native, reader->dtype))
        memcpy(reader->fill, info->fill, size);
    else
        TRY(slab_dtype_convert(native, info->fill, reader->dtype, reader->fill, 1));
    for (size_t i = 1; i < n; i++)
        memcpy((char *)reader->fill + i * size, reader->fill, size);
done:
    return rc;
}

/* What each rank does by itself before the chunk map comes. */
static slab_status prepare(slab_reader *reader, const slab_selection *selection,
                           const slab_dtype *as)
{
    slab_status rc = SLAB_OK;
    TRY(set_view(reader, selection));
    TRY(set_types(reader, as));
    if (reader->source == SLAB_SOURCE_RAW)
        TRY(check_contiguous(reader));
    TRY(slab_reader_layout(reader));
    TRY(slab_memory_alloc((void **)&reader->lanes, (size_t)reader->threads, sizeof *reader->lanes,
                          "reader threads"));
done:
    return rc;
}

static slab_status finish(slab_reader *reader)
{
    slab_status rc = SLAB_OK;
    slab_reader_survey(reader);
    slab_reader_prefetch_prepare(reader);
    TRY_SAYING(make_fill(reader), "cannot read '%s:%s'", reader->array->file->path,
               reader->array->path);
    if (reader->source == SLAB_SOURCE_PACKED)
        ALLOC(reader->fetched, reader->blocks.ntiles / 64 + 1, "the list of chunks read ahead");
done:
    return rc;
}

slab_status slab_reader_open(slab_array *array, const slab_selection *selection,
                             const slab_dtype *as, int threads, slab_reader **out)
{
    slab_status rc = SLAB_OK;
    slab_reader *reader = NULL;
    slab_ranks *ranks = array->file->ranks;
    slab_grid grid;
    *out = NULL;
    rc = slab_memory_alloc((void **)&reader, 1, sizeof *reader, "a reader");
    if (rc == SLAB_OK) {
        reader->array = array;
        reader->threads = threads < 1 ? 1 : threads;
        rc = prepare(reader, selection, as);
    }
    TRY(slab_ranks_agree(ranks, rc));
    if (reader->source == SLAB_SOURCE_PACKED)
        TRY(slab_array_chunks(array, &grid, &reader->chunks));
    TRY(slab_ranks_agree(ranks, finish(reader)));
    *out = reader;
    reader = NULL;
done:
    slab_reader_close(&reader);
    return rc;
}

void slab_reader_rest(slab_reader *reader)
{
    for (int t = 0; t < reader->threads; t++)
        slab_reader_lane_clear(&reader->lanes[t]);
}

void slab_reader_close(slab_reader **reader)
{
    slab_reader *r = *reader;
    *reader = NULL;
    if (!r)
        return;
    for (int t = 0; r->lanes && t < r->threads; t++)
        slab_reader_lane_clear(&r->lanes[t]);
    FREE(r->lanes);
    FREE(r->fill);
    FREE(r->fetched);
    FREE(r);
}

const slab_shape *slab_reader_shape(const slab_reader *reader)
{
    return &reader->shape;
}

slab_dtype slab_reader_dtype(const slab_reader *reader)
{
    return reader->dtype;
}

slab_array *slab_reader_array(const slab_reader *reader)
{
    return reader->array;
}

const slab_selection *slab_reader_selection(const slab_reader *reader)
{
    return &reader->selection;
}

const slab_grid *slab_reader_grid(const slab_reader *reader)
{
    return &reader->grid;
}

int64_t slab_reader_packed_bytes(const slab_reader *reader)
{
    return (int64_t)reader->touched_bytes;
}

size_t slab_reader_memory(const slab_reader *reader, const slab_shape *box)
{
    const slab_pipeline *pipeline = &reader->array->info.pipeline;
    size_t elements = (size_t)reader->block_elements, assembled = reader->dtype.size, capacity;
    int64_t slots;
    bool within = reader->blocks_per_tile == 1; /* boxes lie in tiles, tiles in blocks */
    slab_ring_sizes(reader, 0, &capacity, &slots);
    size_t bytes = elements * reader->held.size + BLOCK_OVERHEAD;
    bytes += slab_ring_memory(capacity, slots) + 3 * BLOCK_OVERHEAD;
    if (reader->source == SLAB_SOURCE_PACKED)
        bytes += slab_pipeline_memory(pipeline, false) + slab_reader_window_memory(reader);
    if (reader->converts && reader->held.size != reader->dtype.size)
        bytes += elements * reader->dtype.size + BLOCK_OVERHEAD;
    for (int v = 0; v < box->rank && v < reader->shape.rank; v++) {
        within &= box->extent[v] <= reader->grid.tile.extent[v];
        int64_t most =
            box->extent[v] < reader->shape.extent[v] ? box->extent[v] : reader->shape.extent[v];
        if (__builtin_mul_overflow(assembled, (size_t)(most > 0 ? most : 1), &assembled))
            return SIZE_MAX;
    }
    if (!within && __builtin_add_overflow(bytes, assembled + BLOCK_OVERHEAD, &bytes))
        return SIZE_MAX;
    return bytes;
}

slab_status slab_reader_keep(slab_reader *reader, int thread, size_t bytes)
{
    slab_status rc = SLAB_OK;
    REQUIRE(thread >= 0 && thread < reader->threads, SLAB_ERR_RANGE, "thread %d of a reader for %d",
            thread, reader->threads);
    slab_reader_lane *lane = &reader->lanes[thread];
    if (lane->keep == bytes)
        goto done;
    slab_ring_clear(&lane->ring);
    lane->keep = bytes;
    lane->ready = false;
    rc = slab_reader_lane_prepare(reader, lane);
    if (rc != SLAB_OK) {
        lane->keep = 0;
        slab_ring_clear(&lane->ring);
    }
done:
    return rc;
}

slab_read_counts slab_reader_counts(const slab_reader *reader)
{
    slab_read_counts sum = {0};
    for (int t = 0; t < reader->threads; t++) {
        const slab_reader_lane *lane = &reader->lanes[t];
        sum.packed_bytes += atomic_load_explicit(&lane->packed_bytes, memory_order_relaxed);
        sum.plain_bytes += atomic_load_explicit(&lane->plain_bytes, memory_order_relaxed);
        sum.chunks += atomic_load_explicit(&lane->chunks, memory_order_relaxed);
    }
    return sum;
}
