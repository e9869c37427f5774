/* One block: its packed bytes fetched, decoded, and converted to the delivered type. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#include "reader_impl.h"

#define JOINED_READ ((size_t)256 << 10) /* neighbours in the file are read together up to this */
#define DIRECT_READ ((size_t)64 << 10)  /* unfiltered chunks from here on need no packed copy */
#define SLOTS_LEAST 16
#define SLOTS_MOST  ((int64_t)1 << 22)

static void count(_Atomic int64_t *counter, int64_t add)
{
    /* Only its own thread writes it. */
    int64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + add, memory_order_relaxed);
}

static slab_status read_at(const slab_reader *reader, slab_reader_lane *lane, uint64_t offset,
                           size_t bytes, void *dst)
{
    slab_status rc = SLAB_OK;
    REQUIRE(offset <= INT64_MAX - bytes, SLAB_ERR_FORMAT, "address %" PRIu64 " is beyond any file",
            offset);
    ssize_t n = slab_read_at(reader->array->file->fd, dst, bytes, offset);
    if (n < 0)
        FAIL_ERRNO("%zu bytes at %" PRIu64, bytes, offset);
    REQUIRE((size_t)n == bytes, SLAB_ERR_FORMAT, "the file ends before its %zu bytes at %" PRIu64,
            bytes, offset);
    count(&lane->packed_bytes, (int64_t)bytes);
done:
    return rc;
}

/* The block has been used: reading ahead may be due again in a later pass. */
static void mark_used(slab_reader *reader, int64_t block)
{
    if (!reader->fetched)
        return;
    _Atomic uint64_t *word = &reader->fetched[block / 64];
    uint64_t bit = (uint64_t)1 << (block % 64);
    if (atomic_load_explicit(word, memory_order_relaxed) & bit)
        atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed);
}

/* --- chunks --- */

static bool is_missing(const slab_reader *reader, int64_t block)
{
    if (reader->source == SLAB_SOURCE_PACKED)
        return reader->chunks[block].size == 0;
    return reader->source == SLAB_SOURCE_RAW && reader->array->info.offset == UINT64_MAX;
}

static bool is_partial(const slab_reader *reader, const slab_piece *piece)
{
    const slab_grid *g = &reader->blocks;
    for (int a = 0; a < g->shape.rank; a++)
        if ((piece->block[a] + 1) * g->tile.extent[a] > g->shape.extent[a])
            return true;
    return false;
}

static uint32_t mask_of(const slab_reader *reader, const slab_piece *piece)
{
    if (reader->array->info.edge_unfiltered && is_partial(reader, piece))
        return UINT32_MAX;
    return reader->chunks[piece->number].mask;
}

/* How many bytes to read for a piece's chunk and those after it in its box that follow it in the
 * file; one chunk when they are large. */
static size_t joined_bytes(const slab_reader *reader, const slab_reader_lane *lane,
                           const slab_piece *piece)
{
    const slab_chunk *chunk = &reader->chunks[piece->number];
    size_t bytes = chunk->size;
    slab_piece next;
    if (reader->blocks_per_tile == 1 || bytes > JOINED_READ / 2)
        return bytes;
    next = *piece;
    while (slab_piece_next(reader, &next)) {
        const slab_chunk *c = &reader->chunks[next.number];
        if (c->size == 0)
            continue;
        if (c->address != chunk->address + bytes || bytes + c->size > JOINED_READ ||
            slab_ring_find(&lane->ring, next.number))
            break;
        bytes += c->size;
    }
    return bytes;
}

/* Reads a piece's chunk, and its followers, into the ring. */
static slab_status fetch(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                         const void **out)
{
    slab_status rc = SLAB_OK;
    const slab_chunk *chunk = &reader->chunks[piece->number];
    size_t bytes = joined_bytes(reader, lane, piece), at = chunk->size;
    char *room = slab_ring_reserve(&lane->ring, bytes);
    slab_piece next;
    TRY(read_at(reader, lane, chunk->address, bytes, room));
    slab_ring_enter(&lane->ring, piece->number, room, chunk->size);
    *out = room;
    mark_used(reader, piece->number);
    if (at == bytes)
        goto done;
    next = *piece;
    while (at < bytes && slab_piece_next(reader, &next)) {
        size_t size = reader->chunks[next.number].size;
        if (size == 0)
            continue;
        slab_ring_enter(&lane->ring, next.number, room + at, size);
        mark_used(reader, next.number);
        at += size;
    }
done:
    return rc;
}

static bool is_unfiltered(const slab_reader *reader, uint32_t mask)
{
    int n = reader->array->info.pipeline.nfilters;
    return n == 0 || (~mask & (UINT32_MAX >> (32 - n))) == 0;
}

/* From kept bytes, right from the page cache, or read. */
static slab_status begin_filtered(slab_reader *reader, slab_reader_lane *lane,
                                  const slab_piece *piece, void *dst, bool *in_parts)
{
    slab_status rc = SLAB_OK;
    const slab_chunk *chunk = &reader->chunks[piece->number];
    uint32_t mask = mask_of(reader, piece);
    const void *packed = slab_ring_find(&lane->ring, piece->number), *pages = NULL;
    bool gone = false;
    if (!packed && lane->keep == 0)
        pages = slab_reader_window_get(reader, &lane->window, chunk);
    if (pages) {
        TRY(slab_reader_window_begin(lane->decoder, mask, pages, chunk->size, dst, in_parts,
                                     &gone));
        if (!gone) {
            count(&lane->packed_bytes, (int64_t)chunk->size);
            mark_used(reader, piece->number);
            goto done;
        }
    }
    if (!packed)
        TRY(fetch(reader, lane, piece, &packed));
    TRY(slab_lane_begin(lane->decoder, mask, packed, chunk->size, dst, in_parts));
done:
    return rc;
}

/* Decodes a chunk: as far as its parts can be taken, else wholly to dst. */
static slab_status begin_packed(slab_reader *reader, slab_reader_lane *lane,
                                const slab_piece *piece, void *dst, bool *in_parts)
{
    slab_status rc = SLAB_OK;
    const slab_chunk *chunk = &reader->chunks[piece->number];
    size_t bytes = reader->array->info.pipeline.type.bytes;
    bool unfiltered = is_unfiltered(reader, mask_of(reader, piece));
    bool kept = lane->keep > 0 || slab_ring_find(&lane->ring, piece->number);
    *in_parts = false;
    lane->begun = -1;
    if (unfiltered)
        REQUIRE(chunk->size == bytes, SLAB_ERR_FORMAT, "%" PRIu64 " bytes where %zu make a chunk",
                chunk->size, bytes);
    if (unfiltered && !kept && bytes >= DIRECT_READ) {
        TRY(read_at(reader, lane, chunk->address, bytes, dst));
        mark_used(reader, piece->number);
    } else {
        TRY(begin_filtered(reader, lane, piece, dst, in_parts));
    }
    lane->begun = *in_parts ? piece->number : -1;
    count(&lane->plain_bytes, (int64_t)bytes);
    count(&lane->chunks, 1);
done:
    return rc;
}

/* The chunk that was begun is what it should be; parts of one that is not are given no more. */
static slab_status end_packed(slab_reader_lane *lane)
{
    slab_status rc = slab_lane_end(lane->decoder);
    if (rc != SLAB_OK)
        lane->begun = -1;
    return rc;
}

static slab_status load_packed(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                               void *dst)
{
    slab_status rc = SLAB_OK;
    bool in_parts = lane->begun == piece->number;
    if (!in_parts)
        TRY(begin_packed(reader, lane, piece, dst, &in_parts));
    if (in_parts) {
        slab_lane_part(lane->decoder, 0, reader->array->info.pipeline.type.bytes, dst);
        TRY(end_packed(lane));
    }
done:
    return rc;
}

/* --- contiguous elements --- */

typedef struct raw_read {
    const slab_reader *reader;
    slab_reader_lane *lane;
    char *dst;
} raw_read;

static slab_status read_run(void *context, uint64_t offset, size_t bytes)
{
    raw_read *r = context;
    slab_status rc = read_at(r->reader, r->lane, offset, bytes, r->dst);
    r->dst += bytes;
    return rc;
}

static slab_status load_raw(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                            void *dst)
{
    slab_status rc = SLAB_OK;
    slab_box box;
    slab_block_box(reader, piece->block, &box);
    size_t bytes = (size_t)slab_box_elements(&box) * reader->held.size;
    const char *kept = slab_ring_find(&lane->ring, piece->number);
    if (!kept) {
        char *room = lane->keep > 0 ? slab_ring_reserve(&lane->ring, bytes) : dst;
        raw_read context = {reader, lane, room};
        TRY(slab_block_runs(reader, &box, read_run, &context));
        if (lane->keep > 0) {
            slab_ring_enter(&lane->ring, piece->number, room, bytes);
            kept = room;
        }
    }
    if (kept)
        memcpy(dst, kept, bytes);
    count(&lane->plain_bytes, (int64_t)bytes);
    count(&lane->chunks, 1);
done:
    return rc;
}

/* --- whatever the library must read --- */

static slab_status load_library(slab_reader *reader, slab_reader_lane *lane,
                                const slab_piece *piece, void *dst)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    slab_box box;
    slab_selection part = {0};
    slab_block_box(reader, piece->block, &box);
    part.rank = box.rank;
    for (int a = 0; a < box.rank; a++) {
        part.start[a] = box.start[a];
        part.step[a] = 1;
        part.count[a] = box.count[a];
    }
    TRY(slab_file_meta(reader->array->file, &meta));
    rc = slab_meta_read(meta, reader->array->path, &part, reader->held, dst);
    rc = slab_array_judge(reader->array, meta, rc);
    if (rc != SLAB_OK && reader->array->info.fallback[0])
        rc = slab_error_prefix(rc, "left to HDF5, because %s", reader->array->info.fallback);
    TRY(rc);
    int64_t bytes = slab_box_elements(&box) * (int64_t)reader->held.size;
    double share =
        reader->touched > 0 ? (double)reader->touched_bytes / (double)reader->touched : 0;
    count(&lane->packed_bytes, (int64_t)share); /* H5Dread does not say what it asks for */
    count(&lane->plain_bytes, bytes);
    count(&lane->chunks, 1);
done:
    return rc;
}

/* --- any block --- */

/* Says which block an error is about. */
static slab_status blame(const slab_reader *reader, const slab_piece *piece, slab_status code)
{
    const slab_array *array = reader->array;
    slab_shape where = {.rank = reader->blocks.shape.rank};
    char text[SLAB_SHAPE_TEXT_MAX];
    slab_box box;
    if (code == SLAB_OK)
        return code;
    if (array->info.layout == SLAB_LAYOUT_CHUNKED) {
        memcpy(where.extent, piece->block, sizeof where.extent);
        return slab_error_prefix(code, "cannot read chunk %s of '%s:%s'",
                                 slab_shape_text(&where, text), array->file->path, array->path);
    }
    slab_block_box(reader, piece->block, &box);
    memcpy(where.extent, box.start, sizeof where.extent);
    return slab_error_prefix(code, "cannot read the elements from %s on of '%s:%s'",
                             slab_shape_text(&where, text), array->file->path, array->path);
}

static slab_status load(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                        void *dst)
{
    switch (reader->source) {
    case SLAB_SOURCE_PACKED:
        return blame(reader, piece, load_packed(reader, lane, piece, dst));
    case SLAB_SOURCE_RAW:
        return blame(reader, piece, load_raw(reader, lane, piece, dst));
    case SLAB_SOURCE_LIBRARY:
        break;
    }
    return blame(reader, piece, load_library(reader, lane, piece, dst));
}

/* The type of a block as loaded: a filter that ran may have cleared the bits in between. */
static slab_dtype loaded_type(const slab_reader *reader, const slab_piece *piece)
{
    if (reader->cleaning && !(mask_of(reader, piece) & reader->cleaning))
        return slab_dtype_native(reader->held);
    return reader->held;
}

/* n elements, from the type as loaded to the delivered one; in place when src is dst. */
static slab_status convert_some(const slab_reader *reader, const slab_piece *piece, int64_t n,
                                const void *src, void *dst)
{
    slab_dtype type = loaded_type(reader, piece);
    if (!reader->converts || slab_dtype_equal(type, reader->dtype))
        return SLAB_OK;
    return slab_dtype_convert(type, src, reader->dtype, dst, (size_t)n);
}

static slab_status convert(const slab_reader *reader, const slab_piece *piece, const void *src,
                           void *dst)
{
    int64_t n = reader->block_elements;
    if (reader->source != SLAB_SOURCE_PACKED) {
        slab_box box;
        slab_block_box(reader, piece->block, &box);
        n = slab_box_elements(&box);
    }
    return convert_some(reader, piece, n, src, dst);
}

slab_status slab_block_get(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                           const void **out)
{
    slab_status rc = SLAB_OK;
    bool widens = lane->converted != NULL;
    if (is_missing(reader, piece->number)) {
        *out = reader->fill;
        goto done;
    }
    if (lane->current != piece->number) {
        lane->current = -1;
        TRY(load(reader, lane, piece, lane->plain));
        TRY(convert(reader, piece, lane->plain, widens ? lane->converted : lane->plain));
        lane->current = piece->number;
    }
    *out = widens ? lane->converted : lane->plain;
done:
    return rc;
}

bool slab_block_is_packed(const slab_reader *reader, int64_t block)
{
    return reader->source == SLAB_SOURCE_PACKED && !is_missing(reader, block);
}

/* A chunk that parts are taken of; false: it is in `plain`, wholly and converted. */
static slab_status begin(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                         bool *in_parts)
{
    slab_status rc = SLAB_OK;
    void *to = lane->converted ? lane->converted : lane->plain;
    *in_parts = lane->begun == piece->number;
    if (*in_parts)
        goto done;
    lane->current = -1;
    TRY(begin_packed(reader, lane, piece, lane->plain, in_parts));
    if (!*in_parts) {
        TRY(convert(reader, piece, lane->plain, to));
        lane->current = piece->number;
    } else if (lane->promised != piece->number) {
        TRY(end_packed(lane));
    }
done:
    return rc;
}

/* Parts come one after another to the front of `plain`, where they stay in the nearest cache. */
slab_status slab_block_part(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                            int64_t first, int64_t n, const void **out)
{
    slab_status rc = SLAB_OK;
    void *to = lane->converted ? lane->converted : lane->plain;
    size_t size = reader->held.size;
    bool in_parts = false;
    const char *block;
    if (slab_block_is_packed(reader, piece->number) && lane->current != piece->number)
        TRY(blame(reader, piece, begin(reader, lane, piece, &in_parts)));
    if (!in_parts) {
        TRY(slab_block_get(reader, lane, piece, (const void **)&block));
        *out = block + (size_t)first * reader->dtype.size;
        goto done;
    }
    lane->current = -1;
    slab_lane_part(lane->decoder, (size_t)first * size, (size_t)n * size, lane->plain);
    if (lane->promised == piece->number && first + n >= lane->promised_end)
        TRY(blame(reader, piece, end_packed(lane)));
    TRY(convert_some(reader, piece, n, lane->plain, to));
    *out = to;
done:
    return rc;
}

slab_status slab_block_load_to(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                               void *dst)
{
    slab_status rc = SLAB_OK;
    if (is_missing(reader, piece->number) || lane->current == piece->number) {
        const void *block;
        slab_box box;
        slab_block_box(reader, piece->block, &box);
        TRY(slab_block_get(reader, lane, piece, &block));
        memcpy(dst, block, (size_t)slab_box_elements(&box) * reader->dtype.size);
    } else if (lane->converted) {
        lane->current = -1;
        TRY(load(reader, lane, piece, lane->plain));
        TRY(convert(reader, piece, lane->plain, dst));
    } else {
        TRY(load(reader, lane, piece, dst));
        TRY(convert(reader, piece, dst, dst));
    }
done:
    return rc;
}

/* --- a thread's buffers --- */

void slab_ring_sizes(const slab_reader *reader, size_t keep, size_t *capacity, int64_t *slots)
{
    int64_t average = reader->touched > 0 ? (int64_t)reader->touched_bytes / reader->touched : 1;
    int64_t most = reader->touched;
    *capacity = *slots = 0;
    if (reader->source == SLAB_SOURCE_LIBRARY || (reader->source == SLAB_SOURCE_RAW && keep == 0))
        return;
    *capacity = reader->packed_max + keep;
    if (reader->source == SLAB_SOURCE_PACKED && reader->blocks_per_tile > 1 &&
        reader->packed_max < JOINED_READ)
        *capacity = JOINED_READ + keep;
    /* Room for twice as many as fit on average, and never more than there are. */
    *slots = 2 * (int64_t)*capacity / (average > 0 ? average : 1) + SLOTS_LEAST;
    if (*slots > most)
        *slots = most;
    if (*slots > SLOTS_MOST)
        *slots = SLOTS_MOST;
    if (*slots < 1)
        *slots = 1;
    size_t list = slab_ring_memory(0, *slots); /* paid for by what is kept */
    *capacity -= list < keep ? list : keep;
}

slab_status slab_reader_lane_prepare(slab_reader *reader, slab_reader_lane *lane)
{
    slab_status rc = SLAB_OK;
    size_t capacity;
    int64_t slots;
    if (lane->ready)
        return SLAB_OK;
    lane->current = lane->begun = lane->promised = -1;
    lane->assembled_box.rank = -1;
    slab_ring_sizes(reader, lane->keep, &capacity, &slots);
    if (capacity > 0 && !lane->ring.bytes)
        TRY(slab_ring_create(&lane->ring, capacity, slots));
    if (reader->source == SLAB_SOURCE_PACKED && !lane->decoder)
        TRY(slab_lane_create(&reader->array->info.pipeline, false, &lane->decoder));
    if (!lane->plain)
        TRY(slab_memory_alloc(&lane->plain, (size_t)reader->block_elements, reader->held.size,
                              "a decoded chunk"));
    if (reader->converts && reader->held.size != reader->dtype.size && !lane->converted)
        TRY(slab_memory_alloc(&lane->converted, (size_t)reader->block_elements, reader->dtype.size,
                              "a converted chunk"));
    lane->ready = true;
done:
    if (rc != SLAB_OK)
        rc = slab_error_prefix(rc, "cannot read '%s:%s'", reader->array->file->path,
                               reader->array->path);
    return rc;
}

void slab_reader_lane_clear(slab_reader_lane *lane)
{
    slab_ring_clear(&lane->ring);
    slab_reader_window_clear(&lane->window);
    slab_lane_destroy(&lane->decoder);
    FREE(lane->plain);
    FREE(lane->converted);
    FREE(lane->assembled);
    lane->assembled_bytes = 0;
    lane->ready = false;
}
