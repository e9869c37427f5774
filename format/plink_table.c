/*
 * The text tables of a PLINK fileset. Every entry is kept as the text it is, so that what is
 * written out again is the same file.
 */
#include <slab/format/plink_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define CHUNK_BYTES     ((int64_t)1 << 20) /* of all six columns of one chunk's rows */
#define CHUNK_ROWS_MOST 65536

const slab_plink_kind slab_plink_variants = {
    .suffix = "bim",
    .rows = "variants",
    .columns = {"chromosome", "id", "cm", "position", "a1", "a2"},
    .integer = 3,
    .real = 2,
};

const slab_plink_kind slab_plink_samples = {
    .suffix = "fam",
    .rows = "samples",
    .columns = {"fid", "iid", "father", "mother", "sex", "phenotype"},
    .integer = -1,
    .real = -1,
};

typedef struct field {
    const char *text;
    size_t length;
} field;

/* What lines look like, beyond their fields. */
typedef struct habits {
    int64_t longest[SLAB_PLINK_COLUMNS];
    int64_t tabs, spaces, odd; /* odd: several separators in a row, or some at an end */
    int64_t lf, crlf;
} habits;

static bool is_separator(char c)
{
    return c == ' ' || c == '\t';
}

static slab_status complain(const slab_input *in, int64_t offset, const char *what,
                            const char *text, size_t length)
{
    char excerpt[SLAB_EXCERPT_MAX];
    return slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__, "%s:%" PRId64 ": %s '%s'", in->path,
                          slab_text_line_number(in, offset), what,
                          slab_text_excerpt(text, length, excerpt));
}

static bool only_of(const field *f, const char *allowed)
{
    bool digit = false;
    for (size_t i = 0; i < f->length; i++) {
        digit = digit || (f->text[i] >= '0' && f->text[i] <= '9');
        if (!memchr(allowed, f->text[i], strlen(allowed)))
            return false;
    }
    return digit;
}

static slab_status check_fields(const slab_plink_table *t, int64_t start, const field *fields)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < SLAB_PLINK_COLUMNS; i++)
        for (size_t j = 0; j < fields[i].length; j++)
            if ((unsigned char)fields[i].text[j] < 32 || fields[i].text[j] == 127) {
                rc = complain(&t->in, start, "a control character in", fields[i].text,
                              fields[i].length);
                goto done;
            }
    if (t->kind->integer >= 0 && !only_of(&fields[t->kind->integer], "-0123456789"))
        rc = complain(&t->in, start,
                      "the position is no whole number:", fields[t->kind->integer].text,
                      fields[t->kind->integer].length);
    else if (t->kind->real >= 0 && !only_of(&fields[t->kind->real], "+-.0123456789eE"))
        rc = complain(&t->in, start,
                      "the genetic distance is no number:", fields[t->kind->real].text,
                      fields[t->kind->real].length);
done:
    return rc;
}

/* Cuts a line (its line end left off) into fields; returns how many there are, also above six. */
static int split(const char *text, size_t length, field fields[SLAB_PLINK_COLUMNS], habits *h)
{
    int n = 0;
    size_t i = 0;
    while (i < length) {
        size_t gap = i;
        while (i < length && is_separator(text[i])) {
            h->tabs += text[i] == '\t';
            h->spaces += text[i] == ' ';
            i++;
        }
        gap = i - gap;
        h->odd += n == 0 || i == length ? gap != 0 : gap != 1;
        if (i == length)
            break;
        size_t begin = i;
        while (i < length && !is_separator(text[i]))
            i++;
        if (n < SLAB_PLINK_COLUMNS)
            fields[n] = (field){text + begin, i - begin};
        n++;
    }
    return n;
}

/* Reads the line at start into fields. */
static slab_status read_line(const slab_plink_table *t, slab_window *w, int64_t start, int64_t stop,
                             field fields[SLAB_PLINK_COLUMNS], habits *h)
{
    slab_status rc = SLAB_OK;
    const char *text;
    size_t length, want = (size_t)(stop - start);
    bool newline = stop < t->lines.end;
    if (stop - start > (int64_t)w->capacity) {
        rc = complain(&t->in, start, "a line of more than 256 KiB:", "", 0);
        goto done;
    }
    TRY(slab_window_at(w, start, want, &text, &length));
    if (want > 0 && text[want - 1] == '\r') {
        want--;
        h->crlf += newline;
        h->odd += !newline;
    } else
        h->lf += newline;
    int n = split(text, want, fields, h);
    if (n != SLAB_PLINK_COLUMNS) {
        char what[64];
        snprintf(what, sizeof what, "%d columns, 6 were expected:", n);
        rc = complain(&t->in, start, what, text, want);
    }
done:
    return rc;
}

typedef struct survey {
    slab_plink_table *table;
    habits *habits; /* [threads] */
} survey;

static slab_status survey_line(void *context, int thread, slab_window *w, int64_t block,
                               int64_t start, int64_t stop)
{
    slab_status rc = SLAB_OK;
    survey *s = context;
    habits *h = &s->habits[thread];
    field fields[SLAB_PLINK_COLUMNS];
    (void)block;
    TRY(read_line(s->table, w, start, stop, fields, h));
    TRY(check_fields(s->table, start, fields));
    for (int i = 0; i < SLAB_PLINK_COLUMNS; i++)
        if ((int64_t)fields[i].length > h->longest[i])
            h->longest[i] = (int64_t)fields[i].length;
done:
    return rc;
}

/* Draws together what the threads of all ranks saw. */
static slab_status conclude(slab_plink_table *t, slab_crew *crew, const habits *all)
{
    slab_status rc = SLAB_OK;
    int64_t most[SLAB_PLINK_COLUMNS + 5] = {0};
    for (int i = 0; i < slab_crew_threads(crew); i++) {
        const habits *h = &all[i];
        int64_t seen[5] = {h->tabs, h->spaces, h->odd, h->lf, h->crlf};
        for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
            most[k] = h->longest[k] > most[k] ? h->longest[k] : most[k];
        for (int k = 0; k < 5; k++)
            most[SLAB_PLINK_COLUMNS + k] += seen[k];
    }
    TRY(slab_ranks_max(slab_crew_ranks(crew), most, SLAB_PLINK_COLUMNS + 5));
    const int64_t *seen = most + SLAB_PLINK_COLUMNS;
    memcpy(t->longest, most, sizeof t->longest);
    t->separator = seen[1] == 0 ? '\t' : seen[0] == 0 ? ' ' : 0;
    t->crlf = seen[4] > 0 && seen[3] == 0;
    t->regular = t->separator && seen[2] == 0 && (seen[3] == 0 || seen[4] == 0) &&
                 t->lines.end == t->in.bytes;
    if (!t->regular && slab_ranks_me(slab_crew_ranks(crew)) == 0)
        slab_log(SLAB_LOG_WARN,
                 "'%s' mixes separators or line ends, or has empty lines at its end: every entry "
                 "is kept, but an export will be evenly spaced",
                 t->in.path);
done:
    return rc;
}

slab_status slab_plink_table_open(slab_crew *crew, const char *path, const slab_plink_kind *kind,
                                  slab_plink_table *out)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    survey s = {.table = out};
    int64_t end = 0;
    char last = '\n';
    *out = (slab_plink_table){.kind = kind, .in = {.fd = -1}};
    TRY(slab_input_open(ranks, path, &out->in));
    rc = slab_text_trim(&out->in, &end);
    if (rc == SLAB_OK && out->in.bytes > 0)
        rc = slab_input_read(&out->in, out->in.bytes - 1, &last, 1);
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&s.habits, (size_t)slab_crew_threads(crew),
                               sizeof *s.habits, "the survey of a table");
    TRY(slab_ranks_agree(ranks, rc));
    out->final_newline = last == '\n';
    out->lines = (slab_lines){.end = end};
    TRY(slab_lines_scan(crew, &out->in, 0, end, survey_line, &s, &out->lines));
    TRY(conclude(out, crew, s.habits));
done:
    FREE(s.habits);
    if (rc != SLAB_OK)
        slab_plink_table_close(out);
    return rc;
}

void slab_plink_table_close(slab_plink_table *table)
{
    slab_lines_clear(&table->lines);
    slab_input_close(&table->in);
}

/* --- into datasets --- */

typedef struct table_import {
    slab_plink_table *table;
    int64_t rows; /* of a chunk */
    slab_writer *writers[SLAB_PLINK_COLUMNS];
    struct table_thread {
        slab_window window;
        int64_t *offset;                 /* [rows + 1] */
        char *cells[SLAB_PLINK_COLUMNS]; /* [rows, size] each */
    } * threads;
} table_import;

static size_t cell_size(const slab_plink_table *t, int column)
{
    return t->longest[column] > 0 ? (size_t)t->longest[column] : 1;
}

static int64_t chunk_rows(const slab_plink_table *t)
{
    int64_t line = 0, rows;
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
        line += (int64_t)cell_size(t, k);
    rows = CHUNK_BYTES / line;
    rows = rows > CHUNK_ROWS_MOST ? CHUNK_ROWS_MOST : rows;
    rows = rows > t->lines.count ? t->lines.count : rows;
    return rows < 1 ? 1 : rows;
}

size_t slab_plink_table_memory(const slab_plink_table *table)
{
    size_t line = 0, rows = (size_t)chunk_rows(table);
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
        line += cell_size(table, k);
    return SLAB_WINDOW_BYTES + rows * line + (rows + 1) * sizeof(int64_t);
}

/* An earlier run has left this chunk of every column. */
static bool has_chunk(const table_import *ti, int64_t chunk)
{
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
        if (!slab_writer_has(ti->writers[k], chunk))
            return false;
    return true;
}

static slab_status import_chunk(void *context, int thread, int64_t chunk)
{
    slab_status rc = SLAB_OK;
    table_import *ti = context;
    struct table_thread *mine = &ti->threads[thread];
    int64_t first = chunk * ti->rows, n = ti->table->lines.count - first;
    habits unused = {0};
    n = n < ti->rows ? n : ti->rows;
    if (has_chunk(ti, chunk))
        return SLAB_OK;
    TRY(slab_lines_find(&ti->table->lines, &mine->window, first, n, mine->offset));
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
        memset(mine->cells[k], 0, (size_t)n * cell_size(ti->table, k));
    for (int64_t i = 0; i < n; i++) {
        field fields[SLAB_PLINK_COLUMNS];
        TRY(read_line(ti->table, &mine->window, mine->offset[i], mine->offset[i + 1] - 1, fields,
                      &unused));
        for (int k = 0; k < SLAB_PLINK_COLUMNS; k++) {
            size_t size = cell_size(ti->table, k);
            REQUIRE(fields[k].length <= size, SLAB_ERR_FORMAT, "'%s' has changed while it was read",
                    ti->table->in.path);
            memcpy(mine->cells[k] + (size_t)i * size, fields[k].text, fields[k].length);
        }
    }
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
        TRY(slab_writer_put(ti->writers[k], thread, chunk, mine->cells[k]));
done:
    return rc;
}

static slab_status threads_create(table_import *ti, int threads)
{
    slab_status rc = SLAB_OK;
    ALLOC(ti->threads, threads, "threads of a table import");
    for (int i = 0; i < threads; i++) {
        TRY(slab_window_init(&ti->threads[i].window, &ti->table->in, ti->table->lines.end,
                             SLAB_WINDOW_BYTES));
        ALLOC(ti->threads[i].offset, ti->rows + 1, "offsets of lines");
        for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
            TRY(slab_memory_alloc((void **)&ti->threads[i].cells[k], (size_t)ti->rows,
                                  cell_size(ti->table, k), "entries of a table"));
    }
done:
    return rc;
}

static void threads_destroy(table_import *ti, int threads)
{
    for (int i = 0; ti->threads && i < threads; i++) {
        slab_window_clear(&ti->threads[i].window);
        FREE(ti->threads[i].offset);
        for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
            FREE(ti->threads[i].cells[k]);
    }
    FREE(ti->threads);
}

static slab_status describe(const slab_plink_table *t, slab_txn *txn, const char *array,
                            const char *group)
{
    slab_status rc = SLAB_OK;
    TRY(slab_txn_attribute_text(txn, array, t->kind->rows, group));
    if (t->regular) {
        TRY(slab_txn_attribute_text(txn, group, "separator",
                                    t->separator == ' ' ? "space" : "tab"));
        TRY(slab_txn_attribute_text(txn, group, "line_end", t->crlf ? "crlf" : "lf"));
        TRY(slab_txn_attribute_text(txn, group, "final_newline", t->final_newline ? "yes" : "no"));
    }
done:
    return rc;
}

slab_status slab_plink_table_import(slab_plink_table *table, slab_crew *crew, slab_txn *txn,
                                    const char *array, const char *filter)
{
    slab_status rc = SLAB_OK;
    table_import ti = {.table = table, .rows = chunk_rows(table)};
    char path[4096], group[4096 - 64];
    int n = snprintf(group, sizeof group, "%s.%s", array, table->kind->rows);
    REQUIRE(n > 0 && (size_t)n < sizeof group, SLAB_ERR_RANGE, "the path '%s' is too long", array);
    TRY(slab_txn_group(txn, group));
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++) {
        slab_array_spec spec = {.filter = filter};
        spec.dtype = slab_dtype_make(SLAB_KIND_STRING, (uint32_t)cell_size(table, k));
        spec.shape = (slab_shape){.rank = 1, .extent = {table->lines.count}};
        spec.chunk = (slab_shape){.rank = 1, .extent = {ti.rows}};
        snprintf(path, sizeof path, "%s/%s", group, table->kind->columns[k]);
        TRY(slab_txn_create(txn, path, &spec, &ti.writers[k]));
    }
    TRY(slab_ranks_agree(slab_crew_ranks(crew), threads_create(&ti, slab_crew_threads(crew))));
    TRY(slab_crew_run(crew, (table->lines.count + ti.rows - 1) / ti.rows, import_chunk, &ti));
    for (int k = 0; k < SLAB_PLINK_COLUMNS; k++)
        TRY(slab_writer_close(&ti.writers[k]));
    TRY(describe(table, txn, array, group));
done:
    threads_destroy(&ti, slab_crew_threads(crew));
    return rc;
}
