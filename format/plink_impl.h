/**
 * PLINK 1 filesets: genotypes in .bed, variants in .bim, people in .fam.
 */
#ifndef SLAB_FORMAT_PLINK_IMPL_H
#define SLAB_FORMAT_PLINK_IMPL_H

#include <slab/format/format.h>
#include <slab/format/output_impl.h>
#include <slab/format/text_impl.h>

/** "x.bed" (or .bim, .fam, or the prefix x) and a suffix to the name of one file of the set. "X.BED"
 * has its tables in "X.BIM" and "X.FAM": letters are capital where those given are.
 * slab_memory_free() it. */
slab_status slab_plink_name(const char *path, const char *suffix, char **out);

/* --- tables: .bim and .fam, six columns of text each --- */

#define SLAB_PLINK_COLUMNS 6

typedef struct slab_plink_kind {
    const char *suffix; /* "bim" */
    const char *rows;   /* "variants": the group's suffix and the attribute's name */
    const char *columns[SLAB_PLINK_COLUMNS];
    int integer, real; /* columns that must be such numbers, -1: none */
} slab_plink_kind;

extern const slab_plink_kind slab_plink_variants, slab_plink_samples;

/** A table that has been scanned. */
typedef struct slab_plink_table {
    const slab_plink_kind *kind;
    slab_input in;
    slab_lines lines;
    int64_t longest[SLAB_PLINK_COLUMNS]; /* bytes of the longest entry */
    char separator;                      /* tab or space where it is always that one, else 0 */
    bool crlf;                           /* every line ends so */
    bool final_newline;
    bool regular; /* rows and the facts above give the file back, byte for byte */
} slab_plink_table;

/** Opens and checks a table. Collective. */
slab_status slab_plink_table_open(slab_crew *crew, const char *path, const slab_plink_kind *kind,
                                  slab_plink_table *out);
void slab_plink_table_close(slab_plink_table *table);

/** Writes it as datasets "<array>.<rows>/<column>", and names that group in an attribute of the
 * array. Collective. */
slab_status slab_plink_table_import(slab_plink_table *table, slab_crew *crew, slab_txn *txn,
                                    const char *array, const char *filter);
size_t slab_plink_table_memory(const slab_plink_table *table);

/** Writes the rows that `axis` of the view takes. Collective. */
slab_status slab_plink_table_export(slab_output *out, slab_crew *crew, slab_reader *reader,
                                    int axis, const slab_plink_kind *kind);
size_t slab_plink_export_memory(int threads);

/* --- genotypes --- */

#define SLAB_PLINK_MAGIC_BYTES 3
#define SLAB_PLINK_MISSING     3

/** How a task cuts the genotypes: `variants` of them times `people`, a multiple of 4 or all. */
typedef struct slab_plink_cut {
    int64_t variants, people;
} slab_plink_cut;

struct slab_import {
    slab_crew *crew;
    slab_input bed;
    slab_plink_table variants, samples;
    int64_t nvariants, npeople;
    int64_t row_bytes; /* of one variant in the bed file */
    slab_array_spec spec;
    slab_plink_cut cut;
};

/** Cuts for chunks of these extents and a number of bytes per thread. */
slab_plink_cut slab_plink_cut_choose(int64_t npeople, int64_t nvariants, int64_t chunk_people,
                                     int64_t chunk_variants, int threads);

/** Bytes one thread takes to import genotypes. */
size_t slab_plink_genotypes_memory(const slab_import *in);
slab_status slab_plink_genotypes_import(slab_import *in, slab_txn *txn, const char *path);

slab_status slab_plink_export_memory_of(slab_reader *reader, size_t *thread, size_t *fixed);
slab_status slab_plink_export_run(slab_crew *crew, slab_reader *reader, const char *path,
                                  const slab_export_options *options);

#endif
