/*
 * Blocks, the natural grid over them, and the walk over the blocks that a box touches.
 *
 * Along an axis with step p and blocks of T elements, tiles lie on whole blocks when they hold
 * lcm(T, |p|) / |p| = T / gcd(T, |p|) elements of the view; each then touches |p| / gcd(T, |p|)
 * blocks, and the first is cut off at its front where the selection starts inside one. Steps for
 * which these would be too many blocks get tiles that share a block with their neighbours.
 */
#include <string.h>

#include <slab/storage/base/try.h>

#include "reader_impl.h"

/* Reading less than this in between two wanted runs is cheaper than another read. */
#define GAP_WORTH_SKIPPING 4096
/* Along one axis of a tile: one more is then decoded twice, which costs less than coarse tiles. */
#define BLOCKS_MOST        64

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t magnitude(int64_t a)
{
    return a < 0 ? -a : a;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* --- stand-in blocks of arrays that are not chunked --- */

/* Extent and phase of the blocks along one axis. `bytes`: of all axes behind it inside a block;
 * `pitch`: the same in the file. Returns false when the blocks end here, so that all axes before
 * it have extent 1. */
static bool stand_in_axis(const slab_reader *reader, int axis, int64_t bytes, double pitch,
                          int64_t *tile, int64_t *phase)
{
    const slab_selection *s = &reader->selection;
    int64_t extent = reader->array->info.shape.extent[axis], step = reader->step[axis];
    int64_t last = s->start[axis] + (s->count[axis] - 1) * step;
    int64_t low = least(s->start[axis], last), span = magnitude(last - s->start[axis]) + 1;
    int64_t room = SLAB_READER_TARGET / bytes, wanted = extent;
    *phase = 0;
    room = room < 1 ? 1 : room;
    if (pitch * (double)(magnitude(step) - 1) >= GAP_WORTH_SKIPPING) {
        *tile = 1;
        return false;
    }
    if (pitch * (double)(extent - span) >= GAP_WORTH_SKIPPING)
        wanted = span;
    *tile = least(wanted, room);
    if (wanted == span)
        *phase = (*tile - low % *tile) % *tile;
    return *tile == wanted;
}

static void stand_ins(const slab_reader *reader, slab_shape *tile, int64_t *phase)
{
    const slab_shape *shape = &reader->array->info.shape;
    int64_t bytes = reader->held.size;
    double pitch = (double)bytes;
    bool open = true;
    tile->rank = shape->rank;
    for (int a = shape->rank - 1; a >= 0; a--) {
        tile->extent[a] = 1;
        phase[a] = 0;
        if (open && reader->selection.count[a] > 0)
            open = stand_in_axis(reader, a, bytes, pitch, &tile->extent[a], &phase[a]);
        bytes *= tile->extent[a]; /* stays near the target: extents fill the room there is */
        pitch *= (double)shape->extent[a];
    }
}

static slab_status make_blocks(slab_reader *reader)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = &reader->array->info;
    slab_shape tile = info->chunk;
    int64_t phase[SLAB_RANK_MAX] = {0};
    if (info->layout != SLAB_LAYOUT_CHUNKED)
        stand_ins(reader, &tile, phase);
    TRY(slab_grid_make(&info->shape, &tile, phase, &reader->blocks));
    TRY(slab_shape_elements(&tile, &reader->block_elements));
done:
    return rc;
}

/* --- the natural grid --- */

/* The tile along an axis of the array, its phase, and the most blocks it touches. */
static void natural_axis(const slab_reader *reader, int a, int64_t *tile, int64_t *phase,
                         int64_t *blocks)
{
    int64_t extent = reader->blocks.tile.extent[a], step = magnitude(reader->step[a]);
    int64_t divisor = common_divisor(extent, step);
    *tile = *blocks = 1;
    *phase = 0;
    if (step >= extent) /* every element has a block of its own */
        return;
    if (step / divisor > BLOCKS_MOST) {
        *tile = BLOCKS_MOST * extent / step;
        *blocks = BLOCKS_MOST + 1;
        return;
    }
    __int128 period = (__int128)extent * (step / divisor); /* in elements of the array */
    __int128 inside = (reader->selection.start[a] + (__int128)reader->blocks.phase[a]) % period;
    __int128 first = reader->step[a] > 0 ? (period - inside + step - 1) / step : inside / step + 1;
    *tile = extent / divisor;
    *phase = reader->selection.count[a] > 0 ? *tile - (int64_t)first : 0;
    *blocks = least(step / divisor, *tile);
}

/* Joins tiles along the last axes until they hold about the target in decoded bytes. */
static void join(slab_reader *reader, slab_shape *tile, const slab_grid *single)
{
    int64_t size = reader->array->info.dtype.size;
    double work = (double)reader->block_elements * (double)size * (double)reader->blocks_per_tile;
    for (int v = tile->rank - 1; v >= 0; v--) {
        if (2 * work > (double)SLAB_READER_TARGET)
            return;
        int64_t most = single->count.extent[v];
        int64_t factor = least((int64_t)((double)SLAB_READER_TARGET / work), most);
        if (factor > 1) {
            tile->extent[v] *= factor;
            reader->blocks_per_tile *= factor;
            work *= (double)factor;
        }
        if (factor < most)
            return;
    }
}

static slab_status make_grid(slab_reader *reader)
{
    slab_status rc = SLAB_OK;
    slab_shape tile = {.rank = reader->shape.rank};
    int64_t phase[SLAB_RANK_MAX] = {0};
    slab_grid single;
    reader->blocks_per_tile = 1;
    for (int a = 0; a < reader->selection.rank; a++) {
        int v = reader->view_of[a];
        int64_t blocks;
        if (v < 0)
            continue;
        natural_axis(reader, a, &tile.extent[v], &phase[v], &blocks);
        reader->blocks_per_tile *=
            blocks; /* at most the elements of a tile, as many as a block's */
    }
    TRY(slab_grid_make(&reader->shape, &tile, phase, &single));
    if (single.ntiles > 0)
        join(reader, &tile, &single);
    TRY(slab_grid_make(&reader->shape, &tile, phase, &reader->grid));
done:
    return rc;
}

slab_status slab_reader_layout(slab_reader *reader)
{
    slab_status rc = SLAB_OK;
    TRY(make_blocks(reader));
    TRY(make_grid(reader));
done:
    return rc;
}

/* --- the walk --- */

/* The piece along one axis that starts at piece->at. */
static void piece_axis(const slab_reader *reader, slab_piece *piece, int a)
{
    int64_t i = piece->at[a], extent = reader->blocks.tile.extent[a], step = reader->step[a];
    int64_t x = reader->selection.start[a] + i * step + reader->blocks.phase[a];
    int64_t inside = x % extent;
    int64_t n = step > 0 ? (extent - 1 - inside) / step + 1 : inside / -step + 1;
    piece->block[a] = x / extent;
    piece->count[a] = least(n, piece->end[a] - i);
}

bool slab_piece_first(const slab_reader *reader, const slab_box *box, slab_piece *piece)
{
    for (int a = 0; a < reader->selection.rank; a++) {
        int v = reader->view_of[a];
        int64_t from = v < 0 ? 0 : box->start[v], n = v < 0 ? 1 : box->count[v];
        if (n == 0)
            return false;
        piece->from[a] = piece->at[a] = from;
        piece->end[a] = from + n;
        piece_axis(reader, piece, a);
    }
    piece->number = slab_grid_number(&reader->blocks, piece->block);
    return true;
}

bool slab_piece_next(const slab_reader *reader, slab_piece *piece)
{
    for (int a = reader->selection.rank - 1; a >= 0; a--) {
        piece->at[a] += piece->count[a];
        bool more = piece->at[a] < piece->end[a];
        if (!more)
            piece->at[a] = piece->from[a];
        piece_axis(reader, piece, a);
        if (more) {
            piece->number = slab_grid_number(&reader->blocks, piece->block);
            return true;
        }
    }
    return false;
}

bool slab_piece_is_all(const slab_reader *reader, const slab_piece *piece)
{
    for (int a = 0; a < reader->selection.rank; a++)
        if (piece->count[a] < piece->end[a] - piece->from[a])
            return false;
    return true;
}

void slab_block_box(const slab_reader *reader, const int64_t *coords, slab_box *out)
{
    slab_grid_box(&reader->blocks, slab_grid_number(&reader->blocks, coords), out);
}

void slab_block_strides(const slab_reader *reader, const slab_box *box, size_t size,
                        int64_t *stride)
{
    bool whole = reader->source == SLAB_SOURCE_PACKED;
    slab_strides_of(box->rank, whole ? reader->blocks.tile.extent : box->count, size, stride);
}

/* --- what the view touches --- */

/* Along one axis: how many blocks, and how many elements of the array lie in them. Steps no longer
 * than a block leave none out, longer ones meet another one each. */
static void touched_axis(const slab_reader *reader, int a, int64_t *blocks, double *elements)
{
    const slab_grid *grid = &reader->blocks;
    int64_t n = reader->selection.count[a], tile = grid->tile.extent[a];
    *blocks = 0;
    *elements = 0;
    if (n == 0)
        return;
    int64_t step = reader->step[a], along = (n - 1) * step, phase = grid->phase[a];
    int64_t begin = reader->selection.start[a] + phase, end = begin + along;
    int64_t first = least(begin, end) / tile, last = (begin > end ? begin : end) / tile;
    *blocks = step <= tile && -step <= tile ? last - first + 1 : n;
    *elements = (double)*blocks * (double)tile;
    if (first == 0) /* it begins in front of the array */
        *elements -= (double)phase;
    double behind =
        ((double)last + 1) * (double)tile - (double)phase - (double)grid->shape.extent[a];
    if (behind > 0)
        *elements -= behind;
}

/* Without a chunk map the sums are products over the axes. */
static void survey_by_axes(slab_reader *reader)
{
    double elements = 1, all = 1;
    reader->touched = 1;
    for (int a = 0; a < reader->selection.rank; a++) {
        int64_t blocks;
        double along;
        touched_axis(reader, a, &blocks, &along);
        reader->touched *= blocks;
        elements *= along;
        all *= (double)reader->blocks.shape.extent[a];
    }
    if (reader->source == SLAB_SOURCE_RAW)
        reader->touched_bytes = (uint64_t)(elements * reader->held.size);
    else if (all > 0) /* how much H5Dread will ask for can only be guessed */
        reader->touched_bytes =
            (uint64_t)((double)reader->array->info.stored_bytes * (elements / all));
    reader->packed_max = (size_t)reader->block_elements * reader->held.size;
}

void slab_reader_survey(slab_reader *reader)
{
    slab_box whole = slab_box_whole(&reader->shape);
    slab_piece piece;
    if (reader->source != SLAB_SOURCE_PACKED) {
        survey_by_axes(reader);
        return;
    }
    for (bool more = slab_piece_first(reader, &whole, &piece); more;
         more = slab_piece_next(reader, &piece)) {
        uint64_t size = reader->chunks[piece.number].size;
        reader->touched++;
        reader->touched_bytes += size;
        reader->missing |= size == 0;
        if (size > reader->packed_max)
            reader->packed_max = size;
    }
}

/* --- runs of a contiguous array --- */

slab_status slab_block_runs(const slab_reader *reader, const slab_box *box, slab_run_visit run,
                            void *context)
{
    slab_status rc = SLAB_OK;
    const slab_shape *shape = &reader->array->info.shape;
    int64_t stride[SLAB_RANK_MAX], index[SLAB_RANK_MAX] = {0};
    int inner = box->rank; /* axes inner.. make one run */
    size_t bytes = reader->held.size;
    uint64_t offset = reader->array->info.offset;
    slab_strides_of(shape->rank, shape->extent, reader->held.size, stride);
    while (inner > 0) {
        inner--;
        bytes *= (size_t)box->count[inner];
        if (box->count[inner] < shape->extent[inner])
            break;
    }
    for (int a = 0; a < box->rank; a++)
        offset += (uint64_t)(box->start[a] * stride[a]);
    for (;;) {
        TRY(run(context, offset, bytes));
        int a = inner - 1;
        for (; a >= 0; a--) {
            offset += (uint64_t)stride[a];
            if (++index[a] < box->count[a])
                break;
            offset -= (uint64_t)(stride[a] * box->count[a]);
            index[a] = 0;
        }
        if (a < 0)
            break;
    }
done:
    return rc;
}
