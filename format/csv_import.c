/*
 * Numbers of a text file. A task is a band of rows, as high as a chunk. It finds where its lines
 * begin, then goes from chunk to chunk across them, a place in every line moving along: so lines
 * may be of any length, and a thread never holds more than one chunk.
 */
#include <slab/format/csv_impl.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <slab/format/number_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define NUMBER_ROOM 512 /* bytes looked ahead before a number is read in place */
#define AHEAD_LEAST 4096

typedef struct band_thread {
    slab_window window;
    slab_csv_walk walk; /* of the line being read */
    int64_t *offset;    /* [rows + 1] where lines begin */
    int64_t *stop;      /* [rows] where they end, line breaks left out */
    int64_t *place;     /* [rows] where their next field begins */
    char *chunk;        /* [rows, columns] of a chunk, native */
    char scratch[SLAB_CSV_FIELD_MAX];
} band_thread;

typedef struct csv_import {
    slab_import *in;
    slab_writer *writer;
    slab_dtype dtype;
    int bits;              /* of a float's significand, as numbers are rounded */
    uint64_t below, above; /* integers: the largest magnitudes on either side of 0 */
    size_t ahead;
    band_thread *threads;
} csv_import;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

size_t slab_csv_numbers_memory(const slab_import *in)
{
    const slab_shape *chunk = &in->spec.chunk;
    return sizeof(band_thread) + SLAB_WINDOW_BYTES +
           (size_t)chunk->extent[0] * (size_t)chunk->extent[1] * in->spec.dtype.size +
           (3 * (size_t)chunk->extent[0] + 1) * sizeof(int64_t);
}

static void store_real(const csv_import *ci, double value, char *dst)
{
    static const slab_dtype f8 = {.kind = SLAB_KIND_FLOAT, .size = 8, .precision = 64};
    float single = (float)value;
    if (ci->dtype.size == 8)
        memcpy(dst, &value, 8);
    else if (ci->dtype.size == 4)
        memcpy(dst, &single, 4);
    else
        slab_dtype_convert(f8, &value, ci->dtype, dst, 1);
}

static slab_status bad_field(const slab_csv_field *field, const char *what)
{
    char excerpt[SLAB_EXCERPT_MAX];
    return slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__, "'%s' %s",
                          slab_text_excerpt(field->text, field->length, excerpt), what);
}

static slab_status store_whole(const csv_import *ci, const slab_csv_field *field, const char *p,
                               const char *end, char *dst)
{
    bool negative, overflow;
    uint64_t magnitude;
    p = slab_number_whole(p, end, &negative, &magnitude, &overflow);
    if (p != end)
        return bad_field(field, slab_csv_is_missing(field->text, field->length)
                                    ? "is missing, and whole numbers have nothing for that: import "
                                      "with --dtype f8"
                                    : "is no whole number");
    uint64_t most = negative ? ci->below : ci->above;
    if (overflow || magnitude > most)
        return bad_field(field, "does not fit the element type");
    uint64_t value = negative ? 0 - magnitude : magnitude;
    memcpy(dst, &value, ci->dtype.size); /* little-endian: the low bytes */
    return SLAB_OK;
}

/* Any field, the slow way: blanks around it, quotes, missing values, and what is wrong. */
static slab_status store_field(const csv_import *ci, const slab_csv_field *field, char *dst)
{
    const char *p = field->text, *end = p + field->length;
    double value = NAN;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (p < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (ci->dtype.kind != SLAB_KIND_FLOAT)
        return store_whole(ci, field, p, end, dst);
    if (!slab_csv_is_missing(p, (size_t)(end - p)) &&
        slab_number_real(p, end, ci->bits, &value) != end)
        return bad_field(field, "is no number");
    store_real(ci, value, dst);
    return SLAB_OK;
}

/* What of a line lies in the window: from the walk's place to `end`. */
typedef struct view {
    const char *at, *end;
    bool whole; /* `end` is the line's end */
} view;

static slab_status look_ahead(band_thread *t, view *v)
{
    slab_status rc = SLAB_OK;
    int64_t left = t->walk.stop - t->walk.at;
    size_t length;
    TRY(slab_window_at(&t->window, t->walk.at, NUMBER_ROOM, &v->at, &length));
    v->whole = (int64_t)length >= left;
    v->end = v->at + (v->whole ? left : (int64_t)length);
done:
    return rc;
}

/* The usual field: a number, and right behind it the delimiter or the line's end. Moves on and
 * returns true, or leaves all as it is. */
static bool store_plain(const csv_import *ci, band_thread *t, view *v, char *dst)
{
    double value;
    const char *next;
    if (ci->dtype.kind != SLAB_KIND_FLOAT || (!v->whole && v->end - v->at < NUMBER_ROOM))
        return false;
    next = slab_number_real(v->at, v->end, ci->bits, &value);
    if (!next || (next < v->end ? *next != t->walk.delimiter || *next == ' ' : !v->whole))
        return false;
    store_real(ci, value, dst);
    t->walk.ended = next == v->end;
    next += !t->walk.ended;
    t->walk.at += next - v->at;
    t->walk.field++;
    v->at = next;
    return true;
}

static slab_status store_next(const csv_import *ci, band_thread *t, char *dst)
{
    slab_status rc = SLAB_OK;
    slab_csv_field field;
    t->walk.field += t->walk.ended; /* the place of the one that is not there */
    REQUIRE(!t->walk.ended, SLAB_ERR_FORMAT,
            "the line ends after %" PRId64 " of %" PRId64 " columns", t->walk.field - 1,
            ci->in->columns + ci->in->ids);
    TRY(slab_csv_walk_next(&t->walk, t->scratch, &field));
    TRY(store_field(ci, &field, dst));
done:
    return rc;
}

/* Reads n fields of one line to dst. */
static slab_status read_fields(const csv_import *ci, band_thread *t, int64_t row, int64_t n,
                               char *dst)
{
    slab_status rc = SLAB_OK;
    view v = {0};
    for (int64_t j = 0; j < n; j++, dst += ci->dtype.size) {
        if (!v.whole && v.end - v.at < NUMBER_ROOM)
            TRY(look_ahead(t, &v));
        if (!t->walk.ended && store_plain(ci, t, &v, dst))
            continue;
        rc = slab_csv_place(&t->walk, slab_csv_line_number(ci->in, row), store_next(ci, t, dst));
        TRY(rc);
        v = (view){0}; /* the window may have moved */
    }
done:
    return rc;
}

/* Sets the walk to where a line of the band was left, before the column `column` of numbers. */
static slab_status resume_line(const csv_import *ci, band_thread *t, int64_t i, int64_t column)
{
    slab_status rc = SLAB_OK;
    const slab_import *in = ci->in;
    slab_csv_field unused;
    if (column > 0) {
        t->walk = (slab_csv_walk){.window = &t->window,
                                  .at = t->place[i],
                                  .stop = t->stop[i],
                                  .field = column + in->ids,
                                  .delimiter = in->delimiter};
        goto done;
    }
    TRY(slab_csv_walk_begin(&t->walk, &t->window, t->offset[i], t->offset[i + 1] - 1,
                            in->delimiter));
    t->stop[i] = t->walk.stop;
    for (int k = 0; k < in->ids && !t->walk.ended; k++)
        TRY(slab_csv_walk_next(&t->walk, t->scratch, &unused));
done:
    return rc;
}

static slab_status read_chunk(csv_import *ci, int thread, int64_t row, int64_t rows, int64_t column,
                              int64_t columns)
{
    slab_status rc = SLAB_OK;
    band_thread *t = &ci->threads[thread];
    bool last = column + columns == ci->in->columns;
    for (int64_t i = 0; i < rows; i++) {
        TRY(resume_line(ci, t, i, column));
        TRY(read_fields(ci, t, row + i, columns,
                        t->chunk + (size_t)(i * columns) * ci->dtype.size));
        t->place[i] = t->walk.at;
        if (last != t->walk.ended) {
            t->walk.field++;
            rc =
                slab_csv_place(&t->walk, slab_csv_line_number(ci->in, row + i),
                               slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__,
                                              last ? "the line has more than %" PRId64 " columns"
                                                   : "the line ends before its %" PRId64 " columns",
                                              ci->in->columns + ci->in->ids));
            goto done;
        }
    }
done:
    return rc;
}

/* An earlier run has left every chunk of the band. */
static bool has_band(const csv_import *ci, int64_t band)
{
    int64_t columns = slab_writer_grid(ci->writer)->count.extent[1];
    for (int64_t c = 0; c < columns; c++)
        if (!slab_writer_has(ci->writer, band * columns + c))
            return false;
    return true;
}

static slab_status import_band(void *context, int thread, int64_t band)
{
    slab_status rc = SLAB_OK;
    csv_import *ci = context;
    const slab_import *in = ci->in;
    band_thread *t = &ci->threads[thread];
    int64_t row = band * in->spec.chunk.extent[0], width = in->spec.chunk.extent[1];
    int64_t rows = least(in->spec.chunk.extent[0], in->lines.count - row);
    if (has_band(ci, band))
        return SLAB_OK;
    t->window.ahead = t->window.capacity;
    TRY(slab_lines_find(&in->lines, &t->window, row, rows, t->offset));
    t->window.ahead = ci->ahead;
    for (int64_t column = 0; column < in->columns; column += width) {
        int64_t columns = least(width, in->columns - column);
        int64_t coords[SLAB_RANK_MAX] = {band, column / width};
        TRY(read_chunk(ci, thread, row, rows, column, columns));
        TRY(slab_writer_put(ci->writer, thread,
                            slab_grid_number(slab_writer_grid(ci->writer), coords), t->chunk));
        slab_crew_count_bytes(in->crew, rows * columns * ci->dtype.size);
    }
done:
    return rc;
}

static slab_status threads_create(csv_import *ci, int threads)
{
    slab_status rc = SLAB_OK;
    const slab_shape *chunk = &ci->in->spec.chunk;
    ALLOC(ci->threads, threads, "threads of an import");
    for (int i = 0; i < threads; i++) {
        band_thread *t = &ci->threads[i];
        TRY(slab_window_init(&t->window, &ci->in->file, ci->in->end, SLAB_WINDOW_BYTES));
        ALLOC(t->offset, chunk->extent[0] + 1, "where lines begin");
        ALLOC(t->stop, chunk->extent[0], "where lines end");
        ALLOC(t->place, chunk->extent[0], "places in lines");
        TRY(slab_memory_alloc((void **)&t->chunk, (size_t)(chunk->extent[0] * chunk->extent[1]),
                              ci->dtype.size, "elements of a chunk"));
    }
done:
    return rc;
}

static void threads_destroy(csv_import *ci, int threads)
{
    for (int i = 0; ci->threads && i < threads; i++) {
        slab_window_clear(&ci->threads[i].window);
        FREE(ci->threads[i].offset);
        FREE(ci->threads[i].stop);
        FREE(ci->threads[i].place);
        FREE(ci->threads[i].chunk);
    }
    FREE(ci->threads);
}

/* What of a line is read at once when lines are read in pieces: a chunk's width of it. */
static size_t read_ahead(const slab_import *in)
{
    int64_t bytes = SLAB_WINDOW_BYTES;
    if (in->columns > in->spec.chunk.extent[1] && in->lines.count > 0) {
        int64_t line = (in->end - in->begin) / in->lines.count;
        bytes = line / in->columns * in->spec.chunk.extent[1] * 5 / 4 + AHEAD_LEAST;
    }
    return bytes < (int64_t)SLAB_WINDOW_BYTES ? (size_t)bytes : SLAB_WINDOW_BYTES;
}

slab_status slab_csv_import_numbers(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    int threads = slab_crew_threads(in->crew);
    int64_t height = in->spec.chunk.extent[0];
    csv_import ci = {.in = in, .dtype = in->spec.dtype, .bits = 53, .ahead = read_ahead(in)};
    int value_bits = (int)ci.dtype.size * 8 - (ci.dtype.kind == SLAB_KIND_INT);
    ci.above = ci.dtype.kind == SLAB_KIND_BOOL ? 1 : UINT64_MAX >> (64 - value_bits);
    if (ci.dtype.kind == SLAB_KIND_INT)
        ci.below = ci.above + 1;
    if (ci.dtype.kind == SLAB_KIND_FLOAT && ci.dtype.size == 4)
        ci.bits = 24;
    TRY(slab_txn_create(txn, path, &in->spec, &ci.writer));
    TRY(slab_ranks_agree(slab_crew_ranks(in->crew), threads_create(&ci, threads)));
    TRY(slab_crew_run(in->crew, (in->lines.count + height - 1) / height, import_band, &ci));
    TRY(slab_writer_close(&ci.writer));
done:
    threads_destroy(&ci, threads);
    return rc;
}
