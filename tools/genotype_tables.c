#include <slab/tools/genotype_tables.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 32768, CELL_MAX = 48 };

/* What a column holds: the same text in every row, or a number after these letters. */
typedef struct column {
    const char *name;
    enum { FIXED, NUMBER, POPULATION } holds;
    const char *text;
} column;

static const column people[] = {{"fid", POPULATION, "pop"}, {"iid", NUMBER, "person"},
                                {"father", FIXED, "0"},     {"mother", FIXED, "0"},
                                {"sex", FIXED, "0"},        {"phenotype", FIXED, "-9"}};
static const column variants[] = {{"chromosome", FIXED, "1"}, {"id", NUMBER, "snp"},
                                  {"cm", FIXED, "0"},         {"position", NUMBER, ""},
                                  {"a1", FIXED, "A"},         {"a2", FIXED, "G"}};
enum { NCOLUMNS = 6 };

/* The writing of one column. */
typedef struct filling {
    const column *column;
    int64_t rows;
    int populations;
    slab_writer *writer;
    char **blocks; /* [threads], ROWS cells */
    size_t cell;   /* bytes */
} filling;

static void cell_text(const filling *f, int64_t row, char *text)
{
    const column *c = f->column;
    int64_t rows = f->rows > 0 ? f->rows : 1;
    if (c->holds == FIXED)
        snprintf(text, CELL_MAX, "%s", c->text);
    else if (c->holds == NUMBER)
        snprintf(text, CELL_MAX, "%s%" PRId64, c->text, row + 1);
    else /* population k begins at floor(rows k / populations) */
        snprintf(text, CELL_MAX, "%s%" PRId64, c->text,
                 (int64_t)((((__int128)row + 1) * f->populations - 1) / rows) + 1);
}

static slab_status fill_chunk(void *context, int thread, int64_t task)
{
    filling *f = context;
    slab_box box;
    char text[CELL_MAX];
    if (slab_writer_has(f->writer, task))
        return SLAB_OK;
    slab_grid_box(slab_writer_grid(f->writer), task, &box);
    for (int64_t i = 0; i < box.count[0]; i++) {
        memset(text, 0, sizeof text);
        cell_text(f, box.start[0] + i, text);
        memcpy(f->blocks[thread] + (size_t)i * f->cell, text, f->cell);
    }
    return slab_writer_put(f->writer, thread, task, f->blocks[thread]);
}

static slab_status write_column(slab_crew *crew, slab_txn *txn, const char *path,
                                const char *filter, filling *f)
{
    slab_status rc = SLAB_OK;
    slab_array_spec spec = {.filter = filter};
    char last[CELL_MAX];
    cell_text(f, f->rows > 0 ? f->rows - 1 : 0, last);
    f->cell = strlen(last);
    spec.dtype = slab_dtype_make(SLAB_KIND_STRING, (uint32_t)f->cell);
    spec.shape = (slab_shape){.rank = 1, .extent = {f->rows}};
    spec.chunk = (slab_shape){.rank = 1, .extent = {ROWS}};
    TRY(slab_txn_create(txn, path, &spec, &f->writer));
    TRY(slab_crew_run(crew, slab_writer_grid(f->writer)->ntiles, fill_chunk, f));
done:
    if (f->writer) {
        slab_status closed = slab_writer_close(&f->writer);
        rc = rc == SLAB_OK ? closed : rc;
    }
    return rc;
}

static slab_status write_table(slab_crew *crew, slab_txn *txn, const char *array, const char *name,
                               const column *columns, const char *filter, filling *f)
{
    slab_status rc = SLAB_OK;
    char *group = NULL, *path = NULL;
    size_t size = strlen(array) + 64;
    ALLOC(group, size, "the name of a table");
    ALLOC(path, size, "the name of a column");
    snprintf(group, size, "%s.%s", array, name);
    TRY(slab_txn_group(txn, group));
    for (int k = 0; k < NCOLUMNS; k++) {
        f->column = &columns[k];
        snprintf(path, size, "%s/%s", group, columns[k].name);
        TRY(write_column(crew, txn, path, filter, f));
    }
    TRY(slab_txn_attribute_text(txn, array, name, group));
done:
    FREE(group);
    FREE(path);
    return rc;
}

size_t slab_genotype_tables_memory(void)
{
    return (size_t)ROWS * CELL_MAX;
}

slab_status slab_genotype_tables(slab_crew *crew, slab_txn *txn, const char *array,
                                 const slab_shape *shape, int populations, const char *filter)
{
    slab_status rc = SLAB_OK;
    int threads = slab_crew_threads(crew);
    filling f = {.populations = populations};
    rc = slab_memory_alloc((void **)&f.blocks, (size_t)threads, sizeof *f.blocks, "tables");
    for (int i = 0; i < threads && rc == SLAB_OK; i++)
        rc = slab_memory_alloc((void **)&f.blocks[i], ROWS, CELL_MAX, "tables");
    TRY(slab_ranks_agree(slab_crew_ranks(crew), rc));
    f.rows = shape->extent[0];
    TRY(write_table(crew, txn, array, "samples", people, filter, &f));
    f.rows = shape->extent[1];
    TRY(write_table(crew, txn, array, "variants", variants, filter, &f));
done:
    for (int i = 0; f.blocks && i < threads; i++)
        slab_memory_free(f.blocks[i]);
    FREE(f.blocks);
    return rc;
}
