/*
 * The tables of a PLINK fileset from the datasets beside an array; entries that nobody has given
 * are made up. A view of some people or variants takes their rows alike.
 */
#include <slab/format/plink_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define BLOCK_BYTES     ((size_t)512 << 10)
#define BLOCK_ROWS_MOST 16384
#define MADE_UP_MOST    64 /* bytes of an entry that is made up or a number, also a complex one */

typedef struct table_export {
    const slab_plink_kind *kind;
    const char *group; /* where the datasets are, NULL: nowhere */
    slab_array *arrays[SLAB_PLINK_COLUMNS];
    slab_reader *readers[SLAB_PLINK_COLUMNS]; /* NULL: made up */
    int64_t start, step;                      /* of the array's axis */
    int64_t rows, block_rows;
    char separator;
    bool crlf, final_newline;
} table_export;

size_t slab_plink_export_memory(int threads)
{
    return slab_output_blocks_memory(threads, BLOCK_BYTES);
}

/* What stands in a column without a dataset, for row i (from 0) of the array. */
static int make_up(const slab_plink_kind *kind, int column, int64_t i, char *text)
{
    static const char *const variant[SLAB_PLINK_COLUMNS] = {"1", NULL, "0", NULL, "A", "B"};
    static const char *const sample[SLAB_PLINK_COLUMNS] = {NULL, NULL, "0", "0", "0", "-9"};
    bool of_variants = kind == &slab_plink_variants;
    const char *fixed = of_variants ? variant[column] : sample[column];
    if (fixed)
        return snprintf(text, MADE_UP_MOST, "%s", fixed);
    const char *prefix = !of_variants ? "per" : column == 1 ? "snp" : "";
    return snprintf(text, MADE_UP_MOST, "%s%" PRId64, prefix, i + 1);
}

static slab_status put_cell(const table_export *te, int column, const slab_view *view, int64_t i,
                            int64_t row, char *text, size_t *length)
{
    slab_status rc = SLAB_OK;
    if (!te->readers[column]) {
        *length = (size_t)make_up(te->kind, column, te->start + row * te->step, text);
        goto done;
    }
    slab_dtype dtype = slab_reader_dtype(te->readers[column]);
    const char *cell = (const char *)view->data + i * view->stride[0];
    if (dtype.kind == SLAB_KIND_STRING) {
        *length = strnlen(cell, dtype.size);
        memcpy(text, cell, *length);
    } else {
        int n = slab_dtype_print(dtype, cell, text, MADE_UP_MOST);
        *length = n < 0 ? 0 : n < MADE_UP_MOST ? (size_t)n : MADE_UP_MOST - 1;
    }
    bool blank = *length == 0;
    for (size_t k = 0; k < *length; k++)
        blank = blank || (unsigned char)text[k] <= ' ';
    REQUIRE(!blank, SLAB_ERR_VALUE,
            "'%s/%s'[%" PRId64 "] is empty or has a blank in it: a .%s file cannot hold that",
            te->group, te->kind->columns[column], te->start + row * te->step, te->kind->suffix);
done:
    return rc;
}

static slab_status format_rows(void *context, int thread, int64_t block, char *text,
                               size_t capacity, size_t *length)
{
    slab_status rc = SLAB_OK;
    const table_export *te = context;
    slab_view views[SLAB_PLINK_COLUMNS];
    slab_box box = {.rank = 1, .start = {block * te->block_rows}, .count = {te->block_rows}};
    char *at = text;
    if (box.start[0] + box.count[0] > te->rows)
        box.count[0] = te->rows - box.start[0];
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
        if (te->readers[k])
            TRY(slab_reader_get(te->readers[k], thread, &box, &views[k]));
    for (int64_t i = 0; i < box.count[0]; i++) {
        int64_t row = box.start[0] + i;
        for (int k = 0; k < SLAB_PLINK_COLUMNS; k++) {
            size_t n = 0;
            TRY(put_cell(te, k, &views[k], i, row, at, &n));
            at += n;
            *at++ = k + 1 < SLAB_PLINK_COLUMNS ? te->separator : '\n';
        }
        if (row + 1 == te->rows && !te->final_newline)
            at--;
        else if (te->crlf) {
            at[-1] = '\r';
            *at++ = '\n';
        }
        REQUIRE((size_t)(at - text) <= capacity, SLAB_ERR_INTERNAL,
                "%zu bytes of text were written where %zu fit", (size_t)(at - text), capacity);
    }
    *length = (size_t)(at - text);
done:
    return rc;
}

/* Opens one column if there is a dataset for it. */
static slab_status open_column(table_export *te, slab_file *file, int64_t extent, int threads,
                               int column)
{
    slab_status rc = SLAB_OK;
    char path[4096];
    slab_object object;
    bool there;
    slab_selection rows = {
        .rank = 1, .start = {te->start}, .step = {te->step}, .count = {te->rows}};
    int n = snprintf(path, sizeof path, "%s/%s", te->group, te->kind->columns[column]);
    REQUIRE(n > 0 && (size_t)n < sizeof path, SLAB_ERR_RANGE, "the path '%s' is too long",
            te->group);
    TRY(slab_file_find(file, path, &object, &there));
    if (!there)
        goto done;
    TRY(slab_array_open(file, path, &te->arrays[column]));
    const slab_array_info *info = slab_array_describe(te->arrays[column]);
    REQUIRE(info->shape.rank == 1 && info->shape.extent[0] == extent, SLAB_ERR_FORMAT,
            "'%s' does not belong to the array: it has %" PRId64 " entries, not %" PRId64, path,
            info->shape.rank == 1 ? info->shape.extent[0] : 0, extent);
    REQUIRE(info->dtype.kind == SLAB_KIND_STRING || slab_dtype_is_number(info->dtype),
            SLAB_ERR_TYPE, "'%s' holds %s: only text of fixed length and numbers can be exported",
            path, info->type_name);
    TRY(slab_reader_open(te->arrays[column], &rows, NULL, threads, &te->readers[column]));
done:
    return rc;
}

static slab_status attribute_is(slab_file *file, const char *path, const char *name,
                                const char *value, bool *is)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    TRY(slab_file_attribute_text(file, path, name, &text));
    *is = text && strcmp(text, value) == 0;
done:
    FREE(text);
    return rc;
}

static slab_status open_columns(table_export *te, slab_file *file, int64_t extent, int threads)
{
    slab_status rc = SLAB_OK;
    bool space = false, unfinished = false, there;
    slab_object object;
    TRY(slab_file_find(file, te->group, &object, &there));
    REQUIRE(there, SLAB_ERR_NOT_FOUND, "the array names '%s' as its %s, but there is no such group",
            te->group, te->kind->rows);
    TRY(attribute_is(file, te->group, "separator", "space", &space));
    TRY(attribute_is(file, te->group, "line_end", "crlf", &te->crlf));
    TRY(attribute_is(file, te->group, "final_newline", "no", &unfinished));
    te->separator = space ? ' ' : '\t';
    te->final_newline = !unfinished;
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
        TRY(open_column(te, file, extent, threads, k));
done:
    return rc;
}

/* The most bytes a row can take. */
static size_t row_bytes(const table_export *te)
{
    size_t bytes = SLAB_PLINK_COLUMNS + 1;
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++) {
        slab_dtype dtype = {.size = MADE_UP_MOST};
        if (te->readers[k])
            dtype = slab_reader_dtype(te->readers[k]);
        bytes += dtype.kind == SLAB_KIND_STRING && te->readers[k] ? dtype.size : MADE_UP_MOST;
    }
    return bytes;
}

slab_status slab_plink_table_export(slab_output *out, slab_crew *crew, slab_reader *reader,
                                    int axis, const slab_plink_kind *kind)
{
    slab_status rc = SLAB_OK;
    slab_array *array = slab_reader_array(reader);
    slab_file *file = slab_array_file(array);
    const slab_selection *selection = slab_reader_selection(reader);
    const slab_shape *shape = &slab_array_describe(array)->shape;
    table_export te = {.kind = kind, .step = 1, .separator = '\t', .final_newline = true};
    char *group = NULL;
    int64_t offset = 0;
    te.rows = slab_reader_shape(reader)->extent[axis];
    if (shape->rank == 2) {
        te.start = selection->start[axis];
        te.step = selection->step[axis];
        TRY(slab_file_attribute_text(file, slab_array_path(array), kind->rows, &group));
        te.group = group;
        if (group)
            TRY(open_columns(&te, file, shape->extent[axis], slab_crew_threads(crew)));
    }
    te.block_rows = (int64_t)(BLOCK_BYTES / row_bytes(&te));
    te.block_rows = te.block_rows < 1 ? 1 : te.block_rows;
    te.block_rows = te.block_rows > BLOCK_ROWS_MOST ? BLOCK_ROWS_MOST : te.block_rows;
    TRY(slab_output_blocks(out, crew, (te.rows + te.block_rows - 1) / te.block_rows,
                           row_bytes(&te) * (size_t)te.block_rows, format_rows, &te, &offset));
done:
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++) {
        slab_reader_close(&te.readers[k]);
        slab_array_close(&te.arrays[k]);
    }
    FREE(group);
    return rc;
}
