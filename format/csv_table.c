/*
 * What goes around the numbers of an exported table: names of rows from "samples" (FID, IID) or
 * "rows", names of columns from "columns" or from the ids of "variants".
 */
#include <slab/format/csv_export_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/format/number_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define PATH_MOST    4096
#define HEADER_NAMES 1024           /* names written at a time */
#define CELL_MOST    64             /* bytes of a number that is none of the usual ones */
#define CELLS_MOST   (SIZE_MAX / 4) /* of rows that no memory holds */

size_t slab_csv_quote(const char *name, size_t length, char delimiter, char *text)
{
    size_t n = 0;
    bool quote = length > 0 && (name[0] == ' ' || name[length - 1] == ' ');
    for (size_t i = 0; i < length; i++)
        quote = quote || name[i] == delimiter || name[i] == '"' || name[i] == '\t' ||
                name[i] == '\n' || name[i] == '\r' || (delimiter == ' ' && name[i] == ' ');
    if (!quote && (length > 0 || delimiter != ' ')) {
        memcpy(text, name, length);
        return length;
    }
    text[n++] = '"';
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '"')
            text[n++] = '"';
        text[n++] = name[i] == '\n' || name[i] == '\r' ? ' ' : name[i];
    }
    text[n++] = '"';
    return n;
}

/* --- finding names --- */

static void names_close(slab_csv_names *names)
{
    slab_reader_close(&names->reader);
    slab_array_close(&names->array);
    FREE(names->text);
    FREE(names->name);
}

/* Opens "<group>/<name>" for the entries that an axis of the view takes; leaves names alone when
 * there is no such dataset, or one of another length. */
static slab_status names_open(const slab_csv_table *t, const char *group, const char *name,
                              int axis, slab_csv_names *names)
{
    slab_status rc = SLAB_OK;
    slab_array *array = slab_reader_array(t->reader);
    const slab_selection *s = slab_reader_selection(t->reader);
    slab_selection taken = {
        .rank = 1, .start = {s->start[axis]}, .step = {s->step[axis]}, .count = {s->count[axis]}};
    char path[PATH_MOST];
    slab_object object;
    bool there;
    int n = snprintf(path, sizeof path, "%s/%s", group, name);
    if (n < 0 || (size_t)n >= sizeof path)
        goto done;
    TRY(slab_file_find(slab_array_file(array), path, &object, &there));
    if (!there)
        goto done;
    TRY(slab_array_open(slab_array_file(array), path, &names->array));
    const slab_array_info *info = slab_array_describe(names->array);
    if (info->dtype.kind != SLAB_KIND_STRING || info->shape.rank != 1 ||
        info->shape.extent[0] != slab_array_describe(array)->shape.extent[axis]) {
        slab_array_close(&names->array);
        goto done;
    }
    TRY(slab_reader_open(names->array, &taken, NULL, slab_crew_threads(t->crew), &names->reader));
done:
    return rc;
}

/* Cuts text at tabs into the names of the view's columns; when they are not one for every column of
 * the array, there are none. */
static slab_status names_split(const slab_csv_table *t, int axis, slab_csv_names *names)
{
    slab_status rc = SLAB_OK;
    const slab_selection *s = slab_reader_selection(t->reader);
    int64_t extent = slab_array_describe(slab_reader_array(t->reader))->shape.extent[axis];
    int64_t n = 1, j = 0;
    const char **all = NULL;
    for (const char *p = names->text; *p; p++)
        n += *p == '\t';
    if (n != extent || s->count[axis] == 0)
        goto done;
    ALLOC(all, n, "names of columns");
    ALLOC(names->name, s->count[axis], "names of columns");
    for (char *p = names->text; p; j++) {
        all[j] = p;
        p = strchr(p, '\t');
        if (p)
            *p++ = '\0';
    }
    for (j = 0; j < s->count[axis]; j++)
        names->name[j] = all[s->start[axis] + j * s->step[axis]];
done:
    FREE(all);
    return rc;
}

/* All ranks must see the same, so that those which read the file decide for the others. */
static slab_status find_columns(slab_csv_table *t, int axis)
{
    slab_status rc = SLAB_OK;
    slab_array *array = slab_reader_array(t->reader);
    slab_file *file = slab_array_file(array);
    const char *path = slab_array_path(array);
    char *group = NULL;
    TRY(slab_file_attribute_text(file, path, "columns", &t->column.text));
    if (t->column.text && t->column.text[0] == '/')
        TRY(names_open(t, t->column.text, "name", axis, &t->column));
    if (t->column.text && !t->column.reader)
        TRY(slab_ranks_agree(slab_crew_ranks(t->crew), names_split(t, axis, &t->column)));
    if (!t->column.reader && !t->column.name && axis == 1) {
        TRY(slab_file_attribute_text(file, path, "variants", &group));
        if (group)
            TRY(names_open(t, group, "id", axis, &t->column));
    }
done:
    FREE(group);
    return rc;
}

static slab_status find_rows(slab_csv_table *t)
{
    slab_status rc = SLAB_OK;
    slab_array *array = slab_reader_array(t->reader);
    slab_file *file = slab_array_file(array);
    char *group = NULL;
    TRY(slab_file_attribute_text(file, slab_array_path(array), "samples", &group));
    if (group) {
        TRY(names_open(t, group, "fid", 0, &t->id[0]));
        t->ids = t->id[0].reader != NULL;
        TRY(names_open(t, group, "iid", 0, &t->id[t->ids]));
        t->ids += t->id[t->ids].reader != NULL;
        t->id_title[0] = t->ids == 2 ? "#FID" : "#IID";
        t->id_title[1] = "IID";
    }
    FREE(group);
    if (t->ids)
        goto done;
    TRY(slab_file_attribute_text(file, slab_array_path(array), "rows", &group));
    if (group) {
        TRY(names_open(t, group, "name", 0, &t->id[0]));
        t->ids = t->id[0].reader != NULL;
        TRY(slab_file_attribute_text(file, group, "title", &t->title));
        t->id_title[0] = t->title ? t->title : "";
    }
done:
    FREE(group);
    return rc;
}

static slab_status choose_delimiter(const char *path, const slab_export_options *options)
{
    const char *dot = strrchr(path, '.');
    if (options->delimiter)
        return options->delimiter;
    return dot && (strcasecmp(dot, ".tsv") == 0 || strcasecmp(dot, ".txt") == 0) ? '\t' : ',';
}

slab_status slab_csv_table_open(slab_csv_table *t, slab_crew *crew, slab_reader *reader,
                                const char *path, const slab_export_options *options)
{
    slab_status rc = SLAB_OK;
    const slab_shape *shape = slab_reader_shape(reader);
    const slab_selection *s = slab_reader_selection(reader);
    const slab_array_info *info = slab_array_describe(slab_reader_array(reader));
    char name[SLAB_DTYPE_NAME_MAX];
    t->crew = crew;
    t->reader = reader;
    t->dtype = slab_reader_dtype(reader);
    t->delimiter = (char)choose_delimiter(path, options);
    REQUIRE(
        shape->rank <= 2, SLAB_ERR_SHAPE,
        "a table has rows and columns, this view has %d axes: select two, or write .npy, or use "
        "slab dump",
        shape->rank);
    REQUIRE(t->dtype.kind != SLAB_KIND_OTHER, SLAB_ERR_TYPE, "elements of type %s have no text",
            slab_dtype_name(t->dtype, name));
    t->rows = shape->rank > 0 ? shape->extent[0] : 1;
    t->columns = shape->rank > 1 ? shape->extent[1] : 1;
    bool whole = t->dtype.kind == SLAB_KIND_INT || t->dtype.kind == SLAB_KIND_UINT;
    if (info->has_missing && whole) {
        slab_dtype i8 = slab_dtype_make(SLAB_KIND_INT, 8);
        t->has_missing = true;
        TRY(slab_dtype_convert(slab_dtype_native(info->dtype), info->missing, i8, &t->missing, 1));
    }
    if (info->shape.rank == 0 || info->shape.rank > 2 || shape->rank == 0 || s->drop[0])
        goto done; /* no names belong to its axes */
    TRY(find_rows(t));
    if (info->shape.rank == 2)
        TRY(find_columns(t, 1));
    t->header = !options->no_header && (t->ids || t->column.reader || t->column.name);
done:
    return rc;
}

void slab_csv_table_close(slab_csv_table *t)
{
    for (int k = 0; k < SLAB_CSV_IDS_MAX; k++)
        names_close(&t->id[k]);
    names_close(&t->column);
    FREE(t->title);
}

/* --- the first line --- */

/* Names first .. first + n - 1 of the columns, as they are written. */
static slab_status format_names(slab_csv_table *t, int64_t first, int64_t n, char *text,
                                size_t *length)
{
    slab_status rc = SLAB_OK;
    slab_box box = {.rank = 1, .start = {first}, .count = {n}};
    slab_view view = {0};
    char *at = text;
    if (t->column.reader)
        TRY(slab_reader_get(t->column.reader, 0, &box, &view));
    for (int64_t j = 0; j < n; j++) {
        char made_up[CELL_MOST];
        const char *name = made_up;
        if (first + j > 0 || t->ids)
            *at++ = t->delimiter;
        if (t->column.reader)
            name = (const char *)view.data + j * view.stride[0];
        else if (t->column.name)
            name = t->column.name[first + j];
        else
            snprintf(made_up, sizeof made_up, "c%" PRId64, first + j + 1);
        size_t most = t->column.reader ? slab_reader_dtype(t->column.reader).size : strlen(name);
        at += slab_csv_quote(name, strnlen(name, most), t->delimiter, at);
    }
    *length = (size_t)(at - text);
done:
    return rc;
}

static size_t longest_name(const slab_csv_table *t)
{
    size_t longest = CELL_MOST;
    if (t->column.reader)
        longest = slab_reader_dtype(t->column.reader).size;
    for (int64_t j = 0; t->column.name && j < t->columns; j++)
        if (strlen(t->column.name[j]) > longest)
            longest = strlen(t->column.name[j]);
    return longest;
}

static slab_status write_header(slab_csv_table *t, int64_t *offset)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    size_t length = 0, title = t->title ? strlen(t->title) : 8;
    size_t names = (2 * longest_name(t) + 3) * HEADER_NAMES, ids = 2 * (2 * title + 3);
    TRY(slab_memory_alloc((void **)&text, names > ids ? names : ids, 1, "a header"));
    for (int k = 0; k < t->ids; k++) {
        if (k > 0)
            text[length++] = t->delimiter;
        length +=
            slab_csv_quote(t->id_title[k], strlen(t->id_title[k]), t->delimiter, text + length);
    }
    TRY(slab_output_write(t->out, *offset, text, length));
    *offset += (int64_t)length;
    for (int64_t first = 0; first < t->columns; first += HEADER_NAMES) {
        int64_t n = t->columns - first < HEADER_NAMES ? t->columns - first : HEADER_NAMES;
        TRY(format_names(t, first, n, text, &length));
        TRY(slab_output_write(t->out, *offset, text, length));
        *offset += (int64_t)length;
    }
    TRY(slab_output_write(t->out, *offset, "\n", 1));
    *offset += 1;
done:
    FREE(text);
    return rc;
}

slab_status slab_csv_header_write(slab_csv_table *t, int64_t *offset)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(t->crew);
    if (t->header && slab_ranks_me(ranks) == 0)
        rc = write_header(t, offset);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, offset, sizeof *offset, 0));
done:
    return rc;
}

/* --- rows --- */

size_t slab_csv_cells_bound(slab_dtype dtype, int64_t n)
{
    size_t cell = CELL_MOST;
    if (dtype.kind == SLAB_KIND_FLOAT) /* f2 has fewer digits than f4 */
        cell = SLAB_NUMBER_MOST(dtype.size == 8 ? 53 : 24) + 1;
    else if (dtype.kind == SLAB_KIND_INT || dtype.kind == SLAB_KIND_UINT)
        cell = dtype.size == 1 ? 5 : dtype.size == 2 ? 7 : dtype.size == 4 ? 12 : 21;
    else if (dtype.kind == SLAB_KIND_STRING)
        cell = 2 * (size_t)dtype.size + 3;
    return n > 0 && cell > CELLS_MOST / (size_t)n ? CELLS_MOST : cell * (size_t)n;
}

size_t slab_csv_ids_bound(const slab_csv_table *t)
{
    size_t bytes = 1;
    for (int k = 0; k < t->ids; k++)
        bytes += 2 * (size_t)slab_reader_dtype(t->id[k].reader).size + 3;
    return bytes;
}

slab_status slab_csv_piece_read(slab_csv_table *t, int thread, slab_csv_piece *piece)
{
    slab_status rc = SLAB_OK;
    slab_box box = {.rank = slab_reader_shape(t->reader)->rank,
                    .start = {piece->row, piece->column},
                    .count = {piece->rows, piece->columns}};
    slab_box names = {.rank = 1, .start = {piece->row}, .count = {piece->rows}};
    if (piece->rows > 0 && piece->columns > 0)
        TRY(slab_reader_get(t->reader, thread, &box, &piece->cells));
    for (int k = 0; k < t->ids && piece->column == 0; k++)
        TRY(slab_reader_get(t->id[k].reader, thread, &names, &piece->ids[k]));
done:
    return rc;
}

static size_t print_whole(const slab_csv_table *t, const char *cell, char *text)
{
    uint64_t bits = 0;
    memcpy(&bits, cell, t->dtype.size);
    bool is_signed = t->dtype.kind == SLAB_KIND_INT;
    if (is_signed) { /* extend the sign */
        int unused = 64 - 8 * (int)t->dtype.size;
        bits = (uint64_t)((int64_t)(bits << unused) >> unused);
    }
    if (t->has_missing && bits == (uint64_t)t->missing) {
        memcpy(text, "NA", 2);
        return 2;
    }
    bool negative = is_signed && (int64_t)bits < 0;
    return slab_number_print_whole(negative, negative ? 0 - bits : bits, text);
}

static size_t print_cell(const slab_csv_table *t, const char *cell, char *text)
{
    double f8;
    float f4;
    if (t->dtype.kind == SLAB_KIND_FLOAT && t->dtype.size == 8) {
        memcpy(&f8, cell, 8);
        return slab_number_print(f8, 53, text);
    }
    if (t->dtype.kind == SLAB_KIND_FLOAT && t->dtype.size == 4) {
        memcpy(&f4, cell, 4);
        return slab_number_print(f4, 24, text);
    }
    if (t->dtype.kind == SLAB_KIND_INT || t->dtype.kind == SLAB_KIND_UINT)
        return print_whole(t, cell, text);
    if (t->dtype.kind == SLAB_KIND_STRING)
        return slab_csv_quote(cell, strnlen(cell, t->dtype.size), t->delimiter, text);
    char printed[CELL_MOST];
    int n = slab_dtype_print(t->dtype, cell, printed, sizeof printed);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof printed ? (size_t)n : sizeof printed - 1;
    memcpy(text, printed, length);
    return length;
}

size_t slab_csv_piece_row(const slab_csv_table *t, const slab_csv_piece *piece, int64_t i,
                          char *text)
{
    const char *cell = (const char *)piece->cells.data + i * piece->cells.stride[0];
    int64_t step = slab_reader_shape(t->reader)->rank > 1 ? piece->cells.stride[1] : 0;
    char *at = text;
    for (int k = 0; k < t->ids && piece->column == 0; k++) {
        const char *name = (const char *)piece->ids[k].data + i * piece->ids[k].stride[0];
        at += slab_csv_quote(name, strnlen(name, slab_reader_dtype(t->id[k].reader).size),
                             t->delimiter, at);
        *at++ = t->delimiter;
    }
    for (int64_t j = 0; j < piece->columns; j++, cell += step) {
        at += print_cell(t, cell, at);
        *at++ = t->delimiter;
    }
    if (piece->column + piece->columns == t->columns) {
        at -= t->columns > 0 || t->ids > 0; /* the last delimiter */
        *at++ = '\n';
    }
    return (size_t)(at - text);
}
