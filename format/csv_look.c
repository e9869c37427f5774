/*
 * What kind of table a text file holds: looked up in its first two lines, before anything else is
 * read.
 */
#include <slab/format/csv_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define FIRSTS     3 /* fields of a line that tell about names */
#define MARK_BYTES 3

/* What one line holds. */
typedef struct line_look {
    int64_t fields;
    bool number[FIRSTS]; /* are its first fields numbers? */
    bool quoted[FIRSTS];
    bool later_words;       /* a field behind the first is none */
    char first[FIRSTS][64]; /* their text, cut off */
    int64_t next;           /* offset of the next line */
} line_look;

static slab_status look_at_line(const slab_import *in, slab_window *w, int64_t start,
                                int64_t number, char *scratch, line_look *out)
{
    slab_status rc = SLAB_OK;
    slab_csv_walk walk = {.window = w};
    slab_csv_field field;
    int64_t stop;
    *out = (line_look){0};
    TRY(slab_window_newline(w, start, &stop));
    TRY(slab_csv_walk_begin(&walk, w, start, stop, in->delimiter));
    do {
        rc = slab_csv_place(&walk, number, slab_csv_walk_next(&walk, scratch, &field));
        TRY(rc);
        bool is_number = slab_csv_is_number(&field);
        if (out->fields < FIRSTS) {
            out->number[out->fields] = is_number;
            out->quoted[out->fields] = field.quoted;
            snprintf(out->first[out->fields], sizeof out->first[0], "%.*s", (int)field.length,
                     field.text);
        }
        out->later_words = out->later_words || (out->fields > 0 && !is_number);
        out->fields++;
    } while (!walk.ended);
    out->next = stop + 1 < in->end ? stop + 1 : in->end;
done:
    return rc;
}

static bool is_breaks(const char *text, size_t n)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    return n == 0;
}

/* UTF-8 may begin with a byte order mark, which is no part of the text. UTF-16 begins with one. */
static slab_status skip_mark(slab_import *in, slab_window *w)
{
    slab_status rc = SLAB_OK;
    const char *text;
    size_t length;
    TRY(slab_window_at(w, 0, MARK_BYTES + 2, &text, &length));
    REQUIRE(length < 2 || (memcmp(text, "\xff\xfe", 2) != 0 && memcmp(text, "\xfe\xff", 2) != 0),
            SLAB_ERR_UNSUPPORTED, "'%s' is UTF-16: write it as UTF-8, slab reads no other",
            in->file.path);
    if (length < MARK_BYTES || memcmp(text, "\xef\xbb\xbf", MARK_BYTES) != 0)
        goto done;
    in->top = in->begin = MARK_BYTES;
    length -= MARK_BYTES; /* an empty line right behind it is all that trimming leaves of such */
    REQUIRE(length > 2 || !is_breaks(text + MARK_BYTES, length), SLAB_ERR_FORMAT, "'%s' is empty",
            in->file.path);
done:
    return rc;
}

/* Comma, unless the name or the first line says otherwise. */
static slab_status choose_delimiter(slab_import *in, const slab_import_options *options,
                                    slab_window *w)
{
    slab_status rc = SLAB_OK;
    const char *dot = strrchr(in->file.path, '.'), *text;
    size_t length;
    in->delimiter = options->delimiter;
    if (in->delimiter)
        goto done;
    in->delimiter = dot && strcasecmp(dot, ".tsv") == 0 ? '\t' : ',';
    if (dot && strcasecmp(dot, ".csv") != 0 && strcasecmp(dot, ".tsv") != 0) {
        TRY(slab_window_at(w, in->top, SLAB_CSV_FIELD_MAX, &text, &length));
        const char *newline = memchr(text, '\n', length);
        length = newline ? (size_t)(newline - text) : length;
        in->delimiter = memchr(text, '\t', length)  ? '\t'
                        : memchr(text, ',', length) ? ','
                        : memchr(text, ' ', length) ? ' '
                                                    : ',';
    }
done:
    return rc;
}

static bool is_word(const char *text, const char *word)
{
    return strcasecmp(text + (text[0] == '#'), word) == 0;
}

/* Which of the leading columns are names. head: NULL when there is no header. */
static void find_ids(slab_import *in, const line_look *head, const line_look *line)
{
    if (head && is_word(head->first[0], "FID") && is_word(head->first[1], "IID")) {
        in->ids = 2;
        in->samples = true;
    } else if (head && is_word(head->first[0], "IID")) {
        in->ids = 1;
        in->samples = true;
    } else if (line->fields > 1 &&
               (!line->number[0] || (line->quoted[0] && !line->quoted[1]) ||
                (head && (!head->first[0][0] || line->fields == head->fields + 1))))
        in->ids = 1;
    in->header_ids = head && line->fields == head->fields + 1 ? 0 : in->ids;
    if (head && in->header_ids == 1)
        memcpy(in->title, head->first[0], sizeof in->title);
}

/* The lines that were looked at agree with each other. */
static slab_status count_columns(slab_import *in, const line_look *head, const line_look *line)
{
    slab_status rc = SLAB_OK;
    in->columns = line->fields - in->ids;
    REQUIRE(in->columns >= 1, SLAB_ERR_FORMAT, "'%s': line %d has no number in it", in->file.path,
            in->header ? 2 : 1);
    REQUIRE(!head || head->fields - in->header_ids == in->columns, SLAB_ERR_FORMAT,
            "'%s': line 1 names %" PRId64 " columns, line 2 has %" PRId64, in->file.path,
            head->fields, line->fields);
done:
    return rc;
}

slab_status slab_csv_look(slab_import *in, const slab_import_options *options)
{
    slab_status rc = SLAB_OK;
    slab_window w = {0};
    char *scratch = NULL;
    line_look first, second;
    TRY(slab_text_trim(&in->file, &in->end));
    REQUIRE(in->end > 0, SLAB_ERR_FORMAT, "'%s' is empty", in->file.path);
    TRY(slab_window_init(&w, &in->file, in->end, SLAB_WINDOW_BYTES));
    ALLOC(scratch, SLAB_CSV_FIELD_MAX, "a field");
    TRY(skip_mark(in, &w));
    TRY(choose_delimiter(in, options, &w));
    TRY(look_at_line(in, &w, in->top, 1, scratch, &first));
    in->header = options->header > 0 ||
                 (options->header < 0 && (first.first[0][0] == '#' || first.later_words ||
                                          (first.fields == 1 && !first.number[0])));
    if (!in->header) {
        find_ids(in, NULL, &first);
        TRY(count_columns(in, NULL, &first));
        goto done;
    }
    in->begin = first.next;
    second = first;
    if (in->begin < in->end)
        TRY(look_at_line(in, &w, in->begin, 2, scratch, &second));
    else /* names and nothing else: the first field says whether rows would have names */
        second.number[0] = true;
    find_ids(in, &first, &second);
    TRY(count_columns(in, &first, &second));
    if (in->begin == in->end && slab_ranks_me(slab_crew_ranks(in->crew)) == 0)
        slab_log(SLAB_LOG_WARN, "'%s' has no line below its names of columns: an array of no rows",
                 in->file.path);
done:
    slab_window_clear(&w);
    FREE(scratch);
    return rc;
}

/* --- the survey: where lines begin, how long names are --- */

typedef struct survey {
    slab_import *in;
    struct survey_thread {
        int64_t longest[SLAB_CSV_IDS_MAX];
        char scratch[SLAB_CSV_FIELD_MAX];
    } * threads;
} survey;

static slab_status survey_ids(void *context, int thread, slab_window *w, int64_t block,
                              int64_t start, int64_t stop)
{
    slab_status rc = SLAB_OK;
    survey *s = context;
    struct survey_thread *t = &s->threads[thread];
    slab_csv_walk walk = {.window = w};
    slab_csv_field field;
    (void)block;
    TRY(slab_csv_walk_begin(&walk, w, start, stop, s->in->delimiter));
    for (int k = 0; k < s->in->ids && !walk.ended; k++) {
        rc = slab_csv_walk_next(&walk, t->scratch, &field);
        if (rc == SLAB_OK && memchr(field.text, '\0', field.length))
            rc = slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__, "a name with a NUL in it");
        if (rc == SLAB_ERR_FORMAT)
            rc = slab_csv_place(&walk, slab_text_line_number(w->in, start), rc);
        TRY(rc);
        if ((int64_t)field.length > t->longest[k])
            t->longest[k] = (int64_t)field.length;
    }
done:
    return rc;
}

/* Reads the header once more, for its names. */
static slab_status survey_header(slab_import *in)
{
    slab_status rc = SLAB_OK;
    slab_window w = {0};
    char *scratch = NULL;
    slab_csv_walk walk;
    slab_csv_field field;
    int64_t stop;
    TRY(slab_window_init(&w, &in->file, in->end, SLAB_WINDOW_BYTES));
    ALLOC(scratch, SLAB_CSV_FIELD_MAX, "a field");
    TRY(slab_window_newline(&w, in->top, &stop));
    TRY(slab_csv_walk_begin(&walk, &w, in->top, stop, in->delimiter));
    while (!walk.ended) {
        rc = slab_csv_place(&walk, 1, slab_csv_walk_next(&walk, scratch, &field));
        TRY(rc);
        if (walk.field <= in->header_ids)
            continue;
        if ((int64_t)field.length > in->name_longest)
            in->name_longest = (int64_t)field.length;
        if (memchr(field.text, '\0', field.length))
            rc = slab_csv_place(
                &walk, 1,
                slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__, "a name with a NUL in it"));
        TRY(rc);
        in->name_bytes += (int64_t)field.length + 1;
        in->names_apart = in->names_apart || memchr(field.text, '\t', field.length) ||
                          (field.length > 0 && field.text[0] == '/');
    }
done:
    slab_window_clear(&w);
    FREE(scratch);
    return rc;
}

slab_status slab_csv_survey(slab_import *in)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(in->crew);
    survey s = {.in = in};
    int threads = slab_crew_threads(in->crew);
    rc = slab_memory_alloc((void **)&s.threads, (size_t)threads, sizeof *s.threads, "a survey");
    if (rc == SLAB_OK && in->header)
        rc = survey_header(in);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_lines_scan(in->crew, &in->file, in->begin, in->end, in->ids ? survey_ids : NULL, &s,
                        &in->lines));
    for (int i = 0; i < threads; i++)
        for (int k = 0; k < in->ids; k++)
            if (s.threads[i].longest[k] > in->id_longest[k])
                in->id_longest[k] = s.threads[i].longest[k];
    TRY(slab_ranks_max(ranks, in->id_longest, SLAB_CSV_IDS_MAX));
done:
    FREE(s.threads);
    return rc;
}
