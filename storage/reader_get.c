/* Boxes: a view into the one block they lie in, or put together from several. */
#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#include "reader_impl.h"

static slab_status check_box(const slab_reader *reader, int thread, const slab_box *box)
{
    slab_status rc = SLAB_OK;
    REQUIRE(thread >= 0 && thread < reader->threads, SLAB_ERR_RANGE, "thread %d of a reader for %d",
            thread, reader->threads);
    REQUIRE(box->rank == reader->shape.rank, SLAB_ERR_SHAPE,
            "a box of rank %d in a view of rank %d", box->rank, reader->shape.rank);
    for (int v = 0; v < box->rank; v++)
        REQUIRE(box->start[v] >= 0 && box->count[v] >= 0 &&
                    box->count[v] <= reader->shape.extent[v] - box->start[v],
                SLAB_ERR_RANGE,
                "elements %" PRId64 " to %" PRId64 " along axis %d of extent %" PRId64,
                box->start[v], box->start[v] + box->count[v] - 1, v, reader->shape.extent[v]);
done:
    return rc;
}

/* Where a piece's first element lies inside its block, in bytes, and its strides. */
static int64_t place_in_block(const slab_reader *reader, const slab_piece *piece, int64_t *stride)
{
    slab_box box;
    int64_t offset = 0;
    slab_block_box(reader, piece->block, &box);
    slab_block_strides(reader, &box, reader->dtype.size, stride);
    for (int a = 0; a < box.rank; a++) {
        int64_t x = reader->selection.start[a] + piece->at[a] * reader->step[a];
        offset += (x - box.start[a]) * stride[a];
        stride[a] *= reader->step[a];
    }
    return offset;
}

/* The piece is a whole block that lies in dst as it does on its own. */
static bool fits_as_it_is(const slab_reader *reader, const slab_piece *piece,
                          const int64_t *dst_stride)
{
    int64_t stride[SLAB_RANK_MAX];
    slab_box box;
    slab_block_box(reader, piece->block, &box);
    slab_block_strides(reader, &box, reader->dtype.size, stride);
    for (int a = 0; a < box.rank; a++) {
        if (piece->count[a] != box.count[a] || reader->step[a] != 1)
            return false;
        if (reader->source == SLAB_SOURCE_PACKED && box.count[a] != reader->blocks.tile.extent[a])
            return false;
        if (box.count[a] > 1 && stride[a] != dst_stride[a])
            return false;
    }
    return true;
}

static slab_status assemble(slab_reader *reader, slab_reader_lane *lane, const slab_box *box,
                            slab_piece *piece, void *dst)
{
    slab_status rc = SLAB_OK;
    int rank = reader->selection.rank;
    int64_t view_stride[SLAB_RANK_MAX], dst_stride[SLAB_RANK_MAX], src_stride[SLAB_RANK_MAX];
    slab_strides_of(box->rank, box->count, reader->dtype.size, view_stride);
    for (int a = 0; a < rank; a++)
        dst_stride[a] = reader->view_of[a] < 0 ? 0 : view_stride[reader->view_of[a]];
    do {
        char *to = dst;
        for (int a = 0; a < rank; a++)
            to += (piece->at[a] - piece->from[a]) * dst_stride[a];
        if (fits_as_it_is(reader, piece, dst_stride)) {
            TRY(slab_block_load_to(reader, lane, piece, to));
        } else {
            const void *block;
            TRY(slab_block_get(reader, lane, piece, &block));
            const char *from = (const char *)block + place_in_block(reader, piece, src_stride);
            slab_box_copy(rank, piece->count, from, src_stride, to, dst_stride, reader->dtype.size);
        }
    } while (slab_piece_next(reader, piece));
done:
    return rc;
}

static slab_status grow_assembled(slab_reader_lane *lane, size_t bytes)
{
    slab_status rc = SLAB_OK;
    if (bytes <= lane->assembled_bytes)
        return SLAB_OK;
    FREE(lane->assembled);
    lane->assembled_bytes = 0;
    TRY(slab_memory_alloc(&lane->assembled, bytes, 1, "a box of several chunks"));
    lane->assembled_bytes = bytes;
done:
    return rc;
}

static slab_status bytes_of(const slab_reader *reader, const slab_box *box, size_t *out)
{
    *out = reader->dtype.size;
    for (int v = 0; v < box->rank; v++)
        if (slab_size_multiply(*out, (size_t)box->count[v], out) != SLAB_OK)
            return SLAB_ERR_OVERFLOW;
    return SLAB_OK;
}

static bool same_box(const slab_box *a, const slab_box *b)
{
    size_t bytes = (size_t)b->rank * sizeof *b->start;
    return a->rank == b->rank && memcmp(a->start, b->start, bytes) == 0 &&
           memcmp(a->count, b->count, bytes) == 0;
}

/* Several values of one pass ask for the same box one after another: it is put together once. */
static slab_status get_assembled(slab_reader *reader, slab_reader_lane *lane, const slab_box *box,
                                 slab_piece *piece, slab_view *out)
{
    slab_status rc = SLAB_OK;
    size_t bytes;
    if (!same_box(&lane->assembled_box, box)) {
        lane->assembled_box.rank = -1;
        TRY(bytes_of(reader, box, &bytes));
        TRY(grow_assembled(lane, bytes));
        TRY(assemble(reader, lane, box, piece, lane->assembled));
        lane->assembled_box = *box;
    }
    out->data = lane->assembled;
    slab_strides_of(box->rank, box->count, reader->dtype.size, out->stride);
done:
    return rc;
}

/* The elements of a block from the first of a piece to its last, in memory order. */
static void extent_in_block(const slab_reader *reader, const slab_piece *piece, int64_t at,
                            const int64_t *stride, int64_t *first, int64_t *n)
{
    int64_t low = at, high = at, size = (int64_t)reader->dtype.size;
    for (int a = 0; a < reader->selection.rank; a++) {
        int64_t far = (piece->count[a] - 1) * stride[a];
        low += far < 0 ? far : 0;
        high += far > 0 ? far : 0;
    }
    *first = low / size;
    *n = (high - low) / size + 1;
}

static slab_status get_within(slab_reader *reader, slab_reader_lane *lane, const slab_piece *piece,
                              slab_view *out)
{
    slab_status rc = SLAB_OK;
    int64_t stride[SLAB_RANK_MAX], first, n;
    const void *block;
    int64_t at = place_in_block(reader, piece, stride);
    extent_in_block(reader, piece, at, stride, &first, &n);
    if (n <= reader->block_elements / 2) {
        TRY(slab_block_part(reader, lane, piece, first, n, &block));
        at -= first * (int64_t)reader->dtype.size;
    } else {
        TRY(slab_block_get(reader, lane, piece, &block));
    }
    out->data = (const char *)block + at;
    for (int a = 0; a < reader->selection.rank; a++)
        if (reader->view_of[a] >= 0)
            out->stride[reader->view_of[a]] = stride[a];
done:
    return rc;
}

slab_status slab_reader_get(slab_reader *reader, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    slab_piece piece;
    TRY(check_box(reader, thread, box));
    slab_reader_lane *lane = &reader->lanes[thread];
    TRY(slab_reader_lane_prepare(reader, lane));
    if (!slab_piece_first(reader, box, &piece)) {
        out->data = "";
        slab_strides_of(box->rank, box->count, reader->dtype.size, out->stride);
    } else if (slab_piece_is_all(reader, &piece)) {
        TRY(get_within(reader, lane, &piece, out));
    } else {
        TRY(get_assembled(reader, lane, box, &piece, out));
    }
done:
    return rc;
}

bool slab_reader_in_parts(slab_reader *reader, int thread, const slab_box *box)
{
    slab_piece piece;
    int64_t stride[SLAB_RANK_MAX], first, n;
    if (check_box(reader, thread, box) != SLAB_OK ||
        slab_reader_lane_prepare(reader, &reader->lanes[thread]) != SLAB_OK) {
        slab_error_clear(); /* getting it will say so */
        return false;
    }
    if (!slab_piece_first(reader, box, &piece) || !slab_piece_is_all(reader, &piece) ||
        !slab_block_is_packed(reader, piece.number))
        return false;
    slab_reader_lane *lane = &reader->lanes[thread];
    int64_t at = place_in_block(reader, &piece, stride);
    extent_in_block(reader, &piece, at, stride, &first, &n);
    lane->promised = piece.number;
    lane->promised_end = first + n;
    return true;
}

slab_status slab_reader_copy(slab_reader *reader, int thread, const slab_box *box, void *dst)
{
    slab_status rc = SLAB_OK;
    slab_piece piece;
    TRY(check_box(reader, thread, box));
    slab_reader_lane *lane = &reader->lanes[thread];
    TRY(slab_reader_lane_prepare(reader, lane));
    if (slab_piece_first(reader, box, &piece))
        TRY(assemble(reader, lane, box, &piece, dst));
done:
    return rc;
}
