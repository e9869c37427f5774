/*
 * A table as text. Where the rows of a tile fit a block of text, blocks of whole rows are formatted
 * in parallel and written one behind the other. Longer rows cross many tiles: they are formatted
 * twice, tile by tile, once to learn how long every piece of a line is, and once to write each
 * where it belongs; so no tile is decoded for a single row, and no line is ever held.
 */
#include <slab/format/csv_export_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define BLOCK_LEAST  ((size_t)64 << 10)
#define BLOCK_MOST   ((size_t)2 << 20)
#define LENGTHS_MOST ((int64_t)512 << 10) /* pieces of lines whose lengths are held: 4 MiB */

/* Bytes of text that one block may take. */
static size_t block_bytes(int threads)
{
    size_t limit = slab_memory_limit(), most = BLOCK_MOST;
    if (limit) {
        size_t share = limit / 8 / slab_output_blocks_memory(threads, 1);
        most = share < most ? share : most;
    }
    return most < BLOCK_LEAST ? BLOCK_LEAST : most;
}

static int64_t tile_rows(const slab_reader *reader)
{
    const slab_grid *grid = slab_reader_grid(reader);
    return grid->shape.rank > 0 ? grid->tile.extent[0] : 1;
}

static int64_t tile_columns(const slab_reader *reader)
{
    const slab_grid *grid = slab_reader_grid(reader);
    return grid->shape.rank > 1 ? grid->tile.extent[1] : 1;
}

/* Rows of a block: whole tiles of them, or as many as there is room for. */
static int64_t block_rows(int64_t tile, size_t row, size_t room)
{
    int64_t fit = row < room ? (int64_t)(room / row) : 1;
    return fit > tile ? fit / tile * tile : fit;
}

/* Rows were chosen for the room that there is. */
static slab_status check_bound(size_t length, size_t room)
{
    slab_status rc = SLAB_OK;
    REQUIRE(length <= room, SLAB_ERR_INTERNAL, "%zu bytes of text were written where %zu fit",
            length, room);
done:
    return rc;
}

/* --- short rows --- */

typedef struct csv_blocks {
    slab_csv_table *t;
    int64_t rows; /* of a block */
    int64_t phase;
} csv_blocks;

/* The first block ends where the first tile of a view that begins inside one does. */
static int64_t blocks_of(const csv_blocks *b)
{
    return (b->t->rows + b->phase + b->rows - 1) / b->rows;
}

static slab_status format_block(void *context, int thread, int64_t block, char *text,
                                size_t capacity, size_t *length)
{
    slab_status rc = SLAB_OK;
    csv_blocks *b = context;
    int64_t first = block * b->rows - b->phase, last = first + b->rows;
    char *at = text;
    first = first < 0 ? 0 : first;
    last = last < b->t->rows ? last : b->t->rows;
    slab_csv_piece piece = {.row = first, .rows = last - first, .columns = b->t->columns};
    TRY(slab_csv_piece_read(b->t, thread, &piece));
    for (int64_t i = 0; i < piece.rows; i++) {
        at += slab_csv_piece_row(b->t, &piece, i, at);
        TRY(check_bound((size_t)(at - text), capacity));
    }
    *length = (size_t)(at - text);
    slab_crew_count_bytes(b->t->crew, piece.rows * piece.columns * b->t->dtype.size);
done:
    return rc;
}

static slab_status export_blocks(slab_csv_table *t, int64_t *offset)
{
    size_t row = slab_csv_cells_bound(t->dtype, t->columns) + slab_csv_ids_bound(t);
    size_t room = block_bytes(slab_crew_threads(t->crew));
    csv_blocks b = {.t = t, .rows = block_rows(tile_rows(t->reader), row, room)};
    if (b.rows % tile_rows(t->reader) == 0 && slab_reader_shape(t->reader)->rank > 0)
        b.phase = slab_reader_grid(t->reader)->phase[0];
    return slab_output_blocks(t->out, t->crew, blocks_of(&b), row * (size_t)b.rows, format_block,
                              &b, offset);
}

/* --- long rows --- */

/* Some rows of tiles at a time; a task is one tile. */
typedef struct csv_tiles {
    slab_csv_table *t;
    int64_t row, rows; /* of this round */
    int64_t high;      /* rows of a tile, or fewer when lines have very many pieces */
    int64_t first_row; /* where the grid of tasks begins: a view may begin inside a tile */
    int64_t across;    /* tiles along a line */
    bool writing;
    int64_t *length; /* [rows, across] of the pieces; then their offsets */
    size_t room;     /* of a piece of a line */
    char **text;     /* [threads]: one each */
} csv_tiles;

static int64_t clip(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static slab_status tile_task(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    csv_tiles *w = context;
    const slab_grid *grid = slab_reader_grid(w->t->reader);
    int64_t column = task % w->across, width = grid->tile.extent[1], first = width * column;
    int64_t row = w->first_row + task / w->across * w->high;
    slab_csv_piece p = {.row = clip(row, w->row, w->row + w->rows),
                        .column = clip(first - grid->phase[1], 0, w->t->columns)};
    p.rows = clip(row + w->high, w->row, w->row + w->rows) - p.row;
    p.columns = clip(first + width - grid->phase[1], 0, w->t->columns) - p.column;
    if (p.rows == 0)
        goto done;
    TRY(slab_csv_piece_read(w->t, thread, &p));
    for (int64_t i = 0; i < p.rows; i++) {
        size_t n = slab_csv_piece_row(w->t, &p, i, w->text[thread]);
        TRY(check_bound(n, w->room));
        int64_t *cell = &w->length[(p.row - w->row + i) * w->across + column];
        if (w->writing)
            TRY(slab_output_write(w->t->out, *cell, w->text[thread], n));
        else
            *cell = (int64_t)n;
    }
    slab_crew_count_bytes(w->t->crew, p.rows * p.columns * w->t->dtype.size);
done:
    return rc;
}

/* Measures and writes the lines of one round. */
static slab_status tile_round(csv_tiles *w, int64_t *offset)
{
    slab_status rc = SLAB_OK;
    int64_t n = w->rows * w->across;
    int64_t tasks = (w->row + w->rows - w->first_row + w->high - 1) / w->high * w->across;
    memset(w->length, 0, (size_t)n * sizeof *w->length);
    w->writing = false;
    TRY(slab_crew_run(w->t->crew, tasks, tile_task, w));
    TRY(slab_ranks_sum(slab_crew_ranks(w->t->crew), w->length, (size_t)n));
    for (int64_t i = 0; i < n; i++) {
        int64_t length = w->length[i];
        w->length[i] = *offset;
        *offset += length;
    }
    w->writing = true;
    TRY(slab_crew_run(w->t->crew, tasks, tile_task, w));
done:
    return rc;
}

static slab_status tiles_create(csv_tiles *w, int64_t most)
{
    slab_status rc = SLAB_OK;
    int threads = slab_crew_threads(w->t->crew);
    w->room =
        slab_csv_cells_bound(w->t->dtype, tile_columns(w->t->reader)) + slab_csv_ids_bound(w->t);
    ALLOC(w->length, most * w->across, "lengths of text");
    ALLOC(w->text, threads, "pieces of lines");
    for (int i = 0; i < threads; i++)
        ALLOC(w->text[i], w->room, "a piece of a line");
done:
    return rc;
}

static slab_status export_tiles(slab_csv_table *t, int64_t *offset)
{
    slab_status rc = SLAB_OK;
    const slab_grid *grid = slab_reader_grid(t->reader);
    csv_tiles w = {.t = t, .high = grid->tile.extent[0], .across = grid->count.extent[1]};
    int64_t most = clip(LENGTHS_MOST / w.across, 1, t->rows);
    int64_t high = clip(w.high, 1, most);
    /* as many rows of tiles as give every thread of 16 ranks work, and no more */
    most = clip(most / high * high, high, high * (1 + 256 / w.across));
    w.high = high;
    TRY(slab_ranks_agree(slab_crew_ranks(t->crew), tiles_create(&w, most)));
    w.row = 0;
    while (w.row < t->rows) {
        int64_t phase = (w.row + grid->phase[0]) % w.high; /* rows of its tile before this one */
        w.first_row = w.row - phase;
        w.rows = clip(most - phase, 1, t->rows - w.row);
        TRY(tile_round(&w, offset));
        w.row += w.rows;
    }
done:
    for (int i = 0; w.text && i < slab_crew_threads(t->crew); i++)
        FREE(w.text[i]);
    FREE(w.text);
    FREE(w.length);
    return rc;
}

/* --- both --- */

/* Would a block hold fewer rows than a tile, so that tiles were decoded again and again? */
static bool is_wide(const slab_reader *reader, size_t ids, int threads)
{
    const slab_shape *shape = slab_reader_shape(reader);
    if (shape->rank < 2 || slab_reader_grid(reader)->ntiles == 0)
        return false;
    size_t row = slab_csv_cells_bound(slab_reader_dtype(reader), shape->extent[1]) + ids;
    return row > block_bytes(threads) / (size_t)tile_rows(reader);
}

slab_status slab_csv_export_memory(slab_reader *reader, size_t *thread, size_t *fixed)
{
    const slab_shape *shape = slab_reader_shape(reader);
    slab_shape box = {.rank = shape->rank, .extent = {tile_rows(reader), tile_columns(reader)}};
    slab_dtype dtype = slab_reader_dtype(reader);
    size_t room = block_bytes(1);
    *fixed = 0;
    if (is_wide(reader, 0, 1)) {
        *thread = slab_csv_cells_bound(dtype, box.extent[1]);
        *fixed = (size_t)LENGTHS_MOST * sizeof(int64_t);
    } else {
        int64_t columns = shape->rank > 1 ? shape->extent[1] : 1;
        box.extent[0] = block_rows(box.extent[0], slab_csv_cells_bound(dtype, columns) + 1, room);
        box.extent[1] = columns;
        *thread = slab_output_blocks_memory(1, room);
    }
    *thread += slab_reader_memory(reader, &box);
    return SLAB_OK;
}

slab_status slab_csv_export_run(slab_crew *crew, slab_reader *reader, const char *path,
                                const slab_export_options *options)
{
    slab_status rc = SLAB_OK;
    slab_output out = {.fd = -1};
    slab_csv_table t = {.out = &out};
    int64_t offset = 0;
    TRY(slab_csv_table_open(&t, crew, reader, path, options));
    if (strcmp(path, "-") == 0)
        TRY(slab_output_open_stream(slab_crew_ranks(crew), &out));
    else
        TRY(slab_output_open(slab_crew_ranks(crew), path, options->force, &out));
    slab_crew_progress_name(crew, "exporting");
    TRY(slab_csv_header_write(&t, &offset));
    if (!out.stream && is_wide(reader, slab_csv_ids_bound(&t), slab_crew_threads(crew)))
        TRY(export_tiles(&t, &offset));
    else
        TRY(export_blocks(&t, &offset));
    TRY(slab_output_sync(&out));
    TRY(slab_output_rename(&out));
done:
    slab_csv_table_close(&t);
    slab_output_close(&out);
    return rc;
}
