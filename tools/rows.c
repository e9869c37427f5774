#include <slab/tools/rows.h>
#include <slab/tools/wording.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/texts.h>
#include <stdio.h>
#include <string.h>

/* What a variable-length string is taken to need; how much it does is known when it is there. */
enum { TEXT_BYTES = 1024 };

/* The view as rows and columns: axes before the band axis are walked one index at a time. */
typedef struct table {
    slab_array *array;
    const slab_selection *selection;
    slab_reader *reader; /* NULL: variable-length strings */
    slab_shape shape;
    slab_dtype dtype;
    int band_axis;        /* -1: none (a scalar) */
    int column_axis;      /* -1: one value a line */
    int64_t outer;        /* products of the axes before the band axis */
    int64_t rows;         /* along the band axis */
    int64_t columns;      /* printed of each row */
    bool cut;             /* there are more columns than are printed */
    int64_t band, piece;  /* rows and columns read at a time */
    unsigned char *block; /* elements [band, piece] */
    slab_texts *texts;    /* or strings */
    char *text;           /* one element */
    size_t text_size;
} table;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Rows and columns of the view, and how many are read at a time. Of no elements there are no rows,
 * however large the other axes are. */
static slab_status table_shape(table *t, const slab_rows *rows)
{
    slab_status rc = SLAB_OK;
    int64_t elements;
    size_t element = t->reader ? t->dtype.size : TEXT_BYTES;
    int rank = t->shape.rank;
    t->band_axis = rank >= 2 ? rank - 2 : rank - 1;
    t->column_axis = rank >= 2 ? rank - 1 : -1;
    TRY(slab_shape_elements(&t->shape, &elements));
    t->outer = elements > 0;
    for (int i = 0; i < t->band_axis && elements > 0; i++)
        t->outer *= t->shape.extent[i];
    t->rows = t->band_axis >= 0 ? t->shape.extent[t->band_axis] : 1;
    int64_t columns = t->column_axis >= 0 ? t->shape.extent[t->column_axis] : 1;
    t->columns = rows->columns < 0 ? columns : least(columns, rows->columns);
    t->cut = t->columns < columns;
    int64_t fit = (int64_t)(rows->memory / element);
    t->piece = fit < 1 ? 1 : least(fit, t->columns > 0 ? t->columns : 1);
    t->band = fit / t->piece < 1 ? 1 : least(fit / t->piece, t->rows > 0 ? t->rows : 1);
    if (rows->rows >= 0)
        t->band = least(t->band, rows->rows > 0 ? rows->rows : 1);
done:
    return rc;
}

static slab_status table_init(table *t, slab_array *array, const slab_selection *selection,
                              const slab_rows *rows)
{
    slab_status rc = SLAB_OK;
    *t = (table){.array = array, .selection = selection};
    t->shape = slab_selection_shape(selection);
    if (!slab_texts_are_in(array)) {
        TRY(slab_reader_open(array, selection, NULL, 1, &t->reader));
        t->dtype = slab_reader_dtype(t->reader);
    }
    TRY(table_shape(t, rows));
    if (!t->reader)
        goto done;
    ALLOC(t->block, (size_t)(t->band * t->piece) * t->dtype.size, "rows to print");
    t->text_size = t->dtype.size > 128 ? (size_t)t->dtype.size + 1 : 129;
    ALLOC(t->text, t->text_size, "an element to print");
done:
    return rc;
}

static void table_clear(table *t)
{
    slab_reader_close(&t->reader);
    slab_texts_destroy(&t->texts);
    FREE(t->block);
    FREE(t->text);
}

/* Where a band that begins at a row should end: on the edge of a tile when it reaches one. */
static int64_t band_end(const table *t, int64_t first)
{
    if (t->band_axis < 0)
        return 1;
    int64_t end = least(first + t->band, t->rows);
    if (!t->reader)
        return end;
    const slab_grid *grid = slab_reader_grid(t->reader);
    int64_t tile = grid->tile.extent[t->band_axis], phase = grid->phase[t->band_axis];
    int64_t edge = (end + phase) / tile * tile - phase;
    return end < t->rows && edge > first ? edge : end;
}

/* The part of a selection that a box of its view is. */
static slab_selection part_of(const slab_selection *s, const slab_box *box)
{
    slab_selection part = *s;
    for (int a = 0, v = 0; a < s->rank; a++) {
        if (s->drop[a])
            continue;
        part.start[a] += box->start[v] * s->step[a];
        part.count[a] = box->count[v++];
    }
    return part;
}

static slab_status read_block(table *t, const slab_box *at, int64_t row, int64_t nrows,
                              int64_t column, int64_t ncolumns)
{
    slab_box box = *at;
    if (t->band_axis >= 0) {
        box.start[t->band_axis] = row;
        box.count[t->band_axis] = nrows;
    }
    if (t->column_axis >= 0) {
        box.start[t->column_axis] = column;
        box.count[t->column_axis] = ncolumns;
    }
    if (t->reader)
        return slab_reader_copy(t->reader, 0, &box, t->block);
    slab_selection part = part_of(t->selection, &box);
    slab_texts_destroy(&t->texts);
    return slab_texts_read(t->array, &part, &t->texts);
}

/* Whole numbers are most of what is printed, and snprintf is slow. */
static void put_whole(bool negative, uint64_t value)
{
    char digits[24];
    int n = sizeof digits;
    do
        digits[--n] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    if (negative)
        digits[--n] = '-';
    fwrite_unlocked(digits + n, 1, sizeof digits - (size_t)n, stdout);
}

static int64_t whole_at(const unsigned char *p, uint32_t size)
{
    int16_t w16;
    int32_t w32;
    int64_t w64;
    switch (size) {
    case 1:
        return (signed char)*p;
    case 2:
        return memcpy(&w16, p, 2), w16;
    case 4:
        return memcpy(&w32, p, 4), w32;
    default:
        return memcpy(&w64, p, 8), w64;
    }
}

static void put_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c == '\t')
            fputs_unlocked("\\t", stdout);
        else if (*c == '\n')
            fputs_unlocked("\\n", stdout);
        else if (*c == '\\')
            fputs_unlocked("\\\\", stdout);
        else if (slab_text_control(c) == 2)
            printf("\\x%02x\\x%02x", c[0], c[1]), c++;
        else if (slab_text_control(c))
            printf("\\x%02x", *c);
        else
            putc_unlocked(*c, stdout);
}

static void put_element(table *t, const unsigned char *p)
{
    uint32_t size = t->dtype.size;
    if (t->dtype.kind == SLAB_KIND_INT && size <= 8) {
        int64_t value = whole_at(p, size);
        put_whole(value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    } else if (t->dtype.kind == SLAB_KIND_UINT && size <= 8) {
        uint64_t mask = size == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * size)) - 1;
        put_whole(false, (uint64_t)whole_at(p, size) & mask);
    } else {
        slab_dtype_print(t->dtype, p, t->text, t->text_size);
        if (t->dtype.kind == SLAB_KIND_STRING)
            put_text(t->text);
        else
            fputs_unlocked(t->text, stdout);
    }
}

static void put_row(table *t, int64_t row, int64_t ncolumns, bool begins, bool ends)
{
    for (int64_t j = 0; j < ncolumns; j++) {
        int64_t i = row * ncolumns + j;
        if (j || !begins)
            putc_unlocked('\t', stdout);
        if (t->texts)
            put_text(slab_texts_at(t->texts, i));
        else
            put_element(t, t->block + (size_t)i * t->dtype.size);
    }
    if (ends && t->cut)
        fputs_unlocked(begins && !ncolumns ? "..." : "\t...", stdout);
    if (ends)
        putc_unlocked('\n', stdout);
}

/* Rows first..last-1 under one index of the outer axes. */
static slab_status print_rows(table *t, const slab_box *at, int64_t first, int64_t last)
{
    slab_status rc = SLAB_OK;
    bool whole = t->piece == t->columns;
    for (int64_t row = first; row < last && !ferror(stdout);) {
        int64_t end = whole ? least(band_end(t, row), last) : row + 1;
        for (int64_t column = 0; column < t->columns; column += t->piece) {
            int64_t n = least(t->piece, t->columns - column);
            TRY(read_block(t, at, row, end - row, column, n));
            for (int64_t i = 0; i < end - row; i++)
                put_row(t, i, n, column == 0, column + n == t->columns);
        }
        for (int64_t i = row; t->columns == 0 && i < end; i++) /* none are to be printed */
            put_row(t, 0, 0, true, true);
        row = end;
    }
done:
    return rc;
}

slab_status slab_rows_print(slab_array *array, const slab_selection *selection,
                            const slab_rows *rows)
{
    slab_status rc = SLAB_OK;
    table t;
    slab_box at = {0};
    TRY(table_init(&t, array, selection, rows));
    at.rank = t.shape.rank;
    for (int i = 0; i < at.rank; i++)
        at.count[i] = 1;
    int64_t left = rows->rows < 0 ? INT64_MAX : rows->rows;
    for (int64_t o = 0; o < t.outer && left > 0 && !ferror(stdout); o++) {
        int64_t n = least(left, t.rows), rest = o;
        for (int i = t.band_axis - 1; i >= 0; i--) {
            at.start[i] = rest % t.shape.extent[i];
            rest /= t.shape.extent[i];
        }
        TRY(print_rows(&t, &at, 0, n));
        left -= n;
    }
done:
    table_clear(&t);
    return rc;
}

slab_status slab_rows_print_dense(slab_dtype dtype, const slab_shape *shape, const void *data)
{
    slab_status rc = SLAB_OK;
    table t = {.dtype = dtype, .shape = *shape, .outer = 1};
    int64_t elements;
    TRY(slab_shape_elements(shape, &elements));
    t.columns = shape->rank >= 2 ? shape->extent[shape->rank - 1] : 1;
    int64_t rows = t.columns > 0 ? elements / t.columns : 0;
    t.text_size = 129;
    ALLOC(t.text, t.text_size, "an element to print");
    t.block = (unsigned char *)data; /* read only */
    for (int64_t row = 0; row < rows && !ferror(stdout); row++)
        put_row(&t, row, t.columns, true, true);
    t.block = NULL;
done:
    table_clear(&t);
    return rc;
}
