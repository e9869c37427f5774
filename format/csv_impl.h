/**
 * Tables of numbers as text: comma, tab or blank between fields, quotes as in RFC 4180, names of
 * columns in a first line, names of rows in the first columns.
 */
#ifndef SLAB_FORMAT_CSV_IMPL_H
#define SLAB_FORMAT_CSV_IMPL_H

#include <slab/format/format.h>
#include <slab/format/text_impl.h>

#define SLAB_CSV_FIELD_MAX 4096 /* bytes of a name */
#define SLAB_CSV_IDS_MAX   2

/** A walk through the fields of one line. */
typedef struct slab_csv_walk {
    slab_window *window;
    int64_t at;    /* offset of the next field */
    int64_t stop;  /* the line's end, its line break left out */
    int64_t field; /* how many were passed, from the line's start */
    bool ended;    /* the last field has been passed */
    char delimiter;
} slab_csv_walk;

/** One field. */
typedef struct slab_csv_field {
    const char *text; /* quotes taken off; valid until the next call */
    size_t length;
    bool quoted;
} slab_csv_field;

struct slab_import {
    slab_crew *crew;
    slab_input file;
    slab_array_spec spec;
    char delimiter;
    bool header;
    int64_t top;   /* offset of the first line: behind a byte order mark */
    int64_t begin; /* of the first line of numbers */
    int64_t end;
    slab_lines lines; /* of numbers */
    int64_t columns;  /* of numbers */
    int ids;          /* leading columns of names */
    int header_ids;   /* of those, named in the header */
    bool samples;     /* they are FID and IID, or IID */
    char title[64];   /* what the header calls the column of row names */
    int64_t id_longest[SLAB_CSV_IDS_MAX];
    int64_t name_longest,
        name_bytes;   /* of the columns' names: the longest, and all with separators */
    bool names_apart; /* one of them is not to be told from what parts them, or from a path */
};

/** Begins a line that goes from start to before its newline at stop. */
slab_status slab_csv_walk_begin(slab_csv_walk *walk, slab_window *window, int64_t start,
                                int64_t stop, char delimiter);
/** Takes the next field; its scratch holds SLAB_CSV_FIELD_MAX bytes. @retval SLAB_ERR_FORMAT  a
 * field that is too long, a quote that does not end (message without file name) */
slab_status slab_csv_walk_next(slab_csv_walk *walk, char *scratch, slab_csv_field *out);

/** "file:line:column: " before the message of a failure at the walk's last field. */
slab_status slab_csv_place(const slab_csv_walk *walk, int64_t line, slab_status rc);

/** Empty, NA or nan: no number, but none is meant. */
bool slab_csv_is_missing(const char *text, size_t length);
/** A number, or missing. */
bool slab_csv_is_number(const slab_csv_field *field);

/** Number of a line of numbers, from 1, as an editor counts. */
int64_t slab_csv_line_number(const slab_import *in, int64_t row);

/* --- the steps of an import --- */

slab_status slab_csv_look(slab_import *in, const slab_import_options *options);
slab_status slab_csv_survey(slab_import *in);
slab_status slab_csv_import_numbers(slab_import *in, slab_txn *txn, const char *path);
slab_status slab_csv_import_names(slab_import *in, slab_txn *txn, const char *path);
size_t slab_csv_numbers_memory(const slab_import *in);
size_t slab_csv_names_memory(const slab_import *in);

slab_status slab_csv_export_memory(slab_reader *reader, size_t *thread, size_t *fixed);
slab_status slab_csv_export_run(slab_crew *crew, slab_reader *reader, const char *path,
                                const slab_export_options *options);

#endif
