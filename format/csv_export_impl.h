/**
 * Writing a table of numbers: what its parts share.
 */
#ifndef SLAB_FORMAT_CSV_EXPORT_IMPL_H
#define SLAB_FORMAT_CSV_EXPORT_IMPL_H

#include <slab/format/csv_impl.h>
#include <slab/format/output_impl.h>

/** Names along an axis of the view: a dataset, or a text of names with tabs between them. */
typedef struct slab_csv_names {
    slab_array *array;
    slab_reader *reader; /* of the view's names */
    char *text;          /* of all names of the array */
    const char **name;   /* [view's extent], into text */
} slab_csv_names;

typedef struct slab_csv_table {
    slab_crew *crew;
    slab_reader *reader;
    slab_output *out;
    char delimiter;
    int64_t rows, columns;
    slab_dtype dtype;
    bool has_missing; /* integers: a code that is written NA */
    int64_t missing;
    int ids;
    slab_csv_names id[SLAB_CSV_IDS_MAX];
    const char *id_title[SLAB_CSV_IDS_MAX];
    char *title; /* what id_title points at, where it was read */
    slab_csv_names column;
    int column_axis; /* of the array: where the view's columns are; -1: a single one */
    bool header;
} slab_csv_table;

/** Finds names, and chooses what is written. Collective. */
slab_status slab_csv_table_open(slab_csv_table *t, slab_crew *crew, slab_reader *reader,
                                const char *path, const slab_export_options *options);
void slab_csv_table_close(slab_csv_table *t);

/** Writes the first line from *offset on. Collective. */
slab_status slab_csv_header_write(slab_csv_table *t, int64_t *offset);

/** The most bytes that n elements of a row take with what parts them, and the names before them.
 */
size_t slab_csv_cells_bound(slab_dtype dtype, int64_t n);
size_t slab_csv_ids_bound(const slab_csv_table *t);

/** A box of the table, read: rows row .. row + rows - 1, and the columns likewise. */
typedef struct slab_csv_piece {
    int64_t row, rows, column, columns;
    slab_view cells, ids[SLAB_CSV_IDS_MAX];
} slab_csv_piece;

/** Reads the piece whose place is set. Valid until the thread's next call. */
slab_status slab_csv_piece_read(slab_csv_table *t, int thread, slab_csv_piece *piece);

/** Formats its row i. A piece that begins at column 0 writes the row's names first, one that ends
 * at the last column the line's end. @return bytes */
size_t slab_csv_piece_row(const slab_csv_table *t, const slab_csv_piece *piece, int64_t i,
                          char *text);

/** A name as a field: in quotes where it needs them. @return its bytes, at most 2 * length + 2 */
size_t slab_csv_quote(const char *name, size_t length, char delimiter, char *text);

#endif
