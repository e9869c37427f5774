/*
 * Names of rows and columns, kept as datasets beside the array: "<path>.samples/fid" and "iid", or
 * "<path>.rows/name"; and the attribute "columns", or "<path>.columns/name" when they are many or
 * hold tabs.
 */
#include <slab/format/csv_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define CHUNK_BYTES          ((int64_t)512 << 10)
#define CHUNK_ROWS_MOST      32768
#define ATTRIBUTE_BYTES_MOST 32768 /* HDF5 holds attributes of less than 64 KiB */
#define PATH_MOST            4096

typedef struct names_thread {
    slab_window window;
    int64_t *offset;               /* [rows + 1] */
    char *cells[SLAB_CSV_IDS_MAX]; /* [rows, size] */
    char scratch[SLAB_CSV_FIELD_MAX];
} names_thread;

typedef struct names_import {
    slab_import *in;
    int64_t rows; /* of a chunk */
    slab_writer *writers[SLAB_CSV_IDS_MAX];
    names_thread *threads;
} names_import;

static size_t cell_size(int64_t longest)
{
    return longest > 0 ? (size_t)longest : 1;
}

static int64_t chunk_rows(int64_t bytes, int64_t count)
{
    int64_t rows = CHUNK_BYTES / bytes;
    rows = rows > CHUNK_ROWS_MOST ? CHUNK_ROWS_MOST : rows;
    rows = rows > count ? count : rows;
    return rows < 1 ? 1 : rows;
}

static int64_t ids_rows(const slab_import *in)
{
    size_t line = 0;
    for (int k = 0; k < in->ids; k++)
        line += cell_size(in->id_longest[k]);
    return in->ids ? chunk_rows((int64_t)line, in->lines.count) : 0;
}

size_t slab_csv_names_memory(const slab_import *in)
{
    return sizeof(names_thread) + SLAB_WINDOW_BYTES + 2 * (size_t)CHUNK_BYTES +
           (size_t)(ids_rows(in) + 1) * sizeof(int64_t);
}

/* An earlier run has left this chunk of every column. */
static bool has_chunk(const names_import *ni, int64_t chunk)
{
    for (int k = 0; k < ni->in->ids; k++)
        if (!slab_writer_has(ni->writers[k], chunk))
            return false;
    return true;
}

static slab_status import_ids(void *context, int thread, int64_t chunk)
{
    slab_status rc = SLAB_OK;
    names_import *ni = context;
    const slab_import *in = ni->in;
    names_thread *t = &ni->threads[thread];
    int64_t first = chunk * ni->rows, n = in->lines.count - first;
    n = n < ni->rows ? n : ni->rows;
    if (has_chunk(ni, chunk))
        return SLAB_OK;
    TRY(slab_lines_find(&in->lines, &t->window, first, n, t->offset));
    for (int k = 0; k < in->ids; k++)
        memset(t->cells[k], 0, (size_t)n * cell_size(in->id_longest[k]));
    for (int64_t i = 0; i < n; i++) {
        slab_csv_walk walk;
        slab_csv_field field;
        TRY(slab_csv_walk_begin(&walk, &t->window, t->offset[i], t->offset[i + 1] - 1,
                                in->delimiter));
        for (int k = 0; k < in->ids && !walk.ended; k++) {
            size_t size = cell_size(in->id_longest[k]);
            TRY(slab_csv_walk_next(&walk, t->scratch, &field));
            REQUIRE(field.length <= size, SLAB_ERR_FORMAT, "'%s' has changed while it was read",
                    in->file.path);
            memcpy(t->cells[k] + (size_t)i * size, field.text, field.length);
        }
    }
    for (int k = 0; k < in->ids; k++)
        TRY(slab_writer_put(ni->writers[k], thread, chunk, t->cells[k]));
done:
    return rc;
}

static slab_status threads_create(names_import *ni, int threads)
{
    slab_status rc = SLAB_OK;
    const slab_import *in = ni->in;
    ALLOC(ni->threads, threads, "threads of names");
    for (int i = 0; i < threads; i++) {
        names_thread *t = &ni->threads[i];
        TRY(slab_window_init(&t->window, &in->file, in->end, SLAB_WINDOW_BYTES));
        ALLOC(t->offset, ni->rows + 1, "where lines begin");
        for (int k = 0; k < in->ids; k++)
            TRY(slab_memory_alloc((void **)&t->cells[k], (size_t)ni->rows,
                                  cell_size(in->id_longest[k]), "names of rows"));
    }
done:
    return rc;
}

static slab_status create_names(slab_txn *txn, const slab_import *in, const char *group,
                                const char *name, int64_t n, int64_t longest, int64_t rows,
                                slab_writer **out)
{
    char path[PATH_MOST];
    slab_array_spec spec = {.filter = in->spec.filter};
    spec.dtype = slab_dtype_make(SLAB_KIND_STRING, (uint32_t)cell_size(longest));
    spec.shape = (slab_shape){.rank = 1, .extent = {n}};
    spec.chunk = (slab_shape){.rank = 1, .extent = {rows}};
    snprintf(path, sizeof path, "%s/%s", group, name);
    return slab_txn_create(txn, path, &spec, out);
}

static slab_status name_group(const char *path, const char *what, char group[PATH_MOST - 64])
{
    slab_status rc = SLAB_OK;
    int n = snprintf(group, PATH_MOST - 64, "%s.%s", path, what);
    REQUIRE(n > 0 && n < PATH_MOST - 64, SLAB_ERR_RANGE, "the path '%s' is too long", path);
done:
    return rc;
}

static slab_status import_row_names(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    names_import ni = {.in = in, .rows = ids_rows(in)};
    int threads = slab_crew_threads(in->crew);
    const char *what = in->samples ? "samples" : "rows";
    const char *names[SLAB_CSV_IDS_MAX] = {in->ids == 2  ? "fid"
                                           : in->samples ? "iid"
                                                         : "name",
                                           "iid"};
    char group[PATH_MOST - 64];
    TRY(name_group(path, what, group));
    TRY(slab_txn_group(txn, group));
    for (int k = 0; k < in->ids; k++)
        TRY(create_names(txn, in, group, names[k], in->lines.count, in->id_longest[k], ni.rows,
                         &ni.writers[k]));
    TRY(slab_ranks_agree(slab_crew_ranks(in->crew), threads_create(&ni, threads)));
    TRY(slab_crew_run(in->crew, (in->lines.count + ni.rows - 1) / ni.rows, import_ids, &ni));
    for (int k = 0; k < in->ids; k++)
        TRY(slab_writer_close(&ni.writers[k]));
    TRY(slab_txn_attribute_text(txn, path, what, group));
    if (!in->samples && in->title[0])
        TRY(slab_txn_attribute_text(txn, group, "title", in->title));
done:
    for (int i = 0; ni.threads && i < threads; i++) {
        slab_window_clear(&ni.threads[i].window);
        FREE(ni.threads[i].offset);
        for (int k = 0; k < SLAB_CSV_IDS_MAX; k++)
            FREE(ni.threads[i].cells[k]);
    }
    FREE(ni.threads);
    return rc;
}

/* --- columns: the header is one line, so one rank reads it through --- */

typedef struct header_walk {
    slab_window window;
    slab_csv_walk walk;
    char scratch[SLAB_CSV_FIELD_MAX];
} header_walk;

static slab_status header_begin(const slab_import *in, header_walk **out)
{
    slab_status rc = SLAB_OK;
    slab_csv_field unused;
    int64_t stop;
    ALLOC(*out, 1, "the header's names");
    TRY(slab_window_init(&(*out)->window, &in->file, in->end, SLAB_WINDOW_BYTES));
    TRY(slab_window_newline(&(*out)->window, in->top, &stop));
    TRY(slab_csv_walk_begin(&(*out)->walk, &(*out)->window, in->top, stop, in->delimiter));
    for (int k = 0; k < in->header_ids; k++)
        TRY(slab_csv_walk_next(&(*out)->walk, (*out)->scratch, &unused));
done:
    return rc;
}

static void header_end(header_walk **header)
{
    if (*header)
        slab_window_clear(&(*header)->window);
    FREE(*header);
}

/* The next name, of at most `room` bytes. */
static slab_status header_next(const slab_import *in, header_walk *h, int64_t room,
                               slab_csv_field *out)
{
    slab_status rc = SLAB_OK;
    bool more = !h->walk.ended;
    if (more)
        TRY(slab_csv_walk_next(&h->walk, h->scratch, out));
    REQUIRE(more && (int64_t)out->length <= room, SLAB_ERR_FORMAT,
            "'%s' has changed while it was read", in->file.path);
done:
    return rc;
}

/* All names, tabs between them: text [name_bytes]. */
static slab_status join_names(const slab_import *in, char *text)
{
    slab_status rc = SLAB_OK;
    header_walk *h = NULL;
    slab_csv_field field;
    int64_t left = in->name_bytes;
    TRY(header_begin(in, &h));
    for (int64_t j = 0; j < in->columns; j++) {
        TRY(header_next(in, h, left - 1, &field));
        memcpy(text, field.text, field.length);
        text += field.length;
        *text++ = j + 1 < in->columns ? '\t' : '\0';
        left -= (int64_t)field.length + 1;
    }
done:
    header_end(&h);
    return rc;
}

static slab_status put_names(const slab_import *in, slab_writer *writer, int64_t rows)
{
    slab_status rc = SLAB_OK;
    header_walk *h = NULL;
    slab_csv_field field;
    char *cells = NULL;
    size_t size = cell_size(in->name_longest);
    TRY(slab_memory_alloc((void **)&cells, (size_t)rows, size, "names of columns"));
    TRY(header_begin(in, &h));
    for (int64_t first = 0; first < in->columns; first += rows) {
        int64_t n = in->columns - first < rows ? in->columns - first : rows;
        memset(cells, 0, (size_t)n * size);
        for (int64_t j = 0; j < n; j++) {
            TRY(header_next(in, h, (int64_t)size, &field));
            memcpy(cells + (size_t)j * size, field.text, field.length);
        }
        TRY(slab_writer_put(writer, 0, first / rows, cells));
    }
done:
    header_end(&h);
    FREE(cells);
    return rc;
}

static slab_status import_column_names(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(in->crew);
    slab_writer *writer = NULL;
    char group[PATH_MOST - 64], *text = NULL;
    if (in->name_bytes <= ATTRIBUTE_BYTES_MOST && !in->names_apart) {
        rc = slab_memory_alloc((void **)&text, (size_t)in->name_bytes + 1, 1, "names of columns");
        if (rc == SLAB_OK)
            rc = join_names(in, text);
        TRY(slab_ranks_agree(ranks, rc));
        TRY(slab_txn_attribute_text(txn, path, "columns", text));
        goto done;
    }
    int64_t rows = chunk_rows((int64_t)cell_size(in->name_longest), in->columns);
    TRY(name_group(path, "columns", group));
    TRY(slab_txn_group(txn, group));
    TRY(create_names(txn, in, group, "name", in->columns, in->name_longest, rows, &writer));
    if (slab_ranks_me(ranks) == 0)
        rc = put_names(in, writer, rows);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_writer_close(&writer));
    TRY(slab_txn_attribute_text(txn, path, "columns", group));
done:
    FREE(text);
    return rc;
}

slab_status slab_csv_import_names(slab_import *in, slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    if (in->ids)
        TRY(import_row_names(in, txn, path));
    if (in->header)
        TRY(import_column_names(in, txn, path));
done:
    return rc;
}
