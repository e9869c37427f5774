/**
 * Foreign file formats, in and out. One source file and one row in format_list.h each. Every
 * format streams: it never holds the whole file, and it says what memory it needs.
 */
#ifndef SLAB_FORMAT_FORMAT_H
#define SLAB_FORMAT_FORMAT_H

#include <slab/storage/base/crew.h>
#include <slab/storage/reader.h>
#include <slab/storage/transaction.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the user asked for; zero means the format's own choice. */
typedef struct slab_import_options {
    slab_shape chunk;       /* rank 0: chosen */
    const char *filter;     /* as slab_array_spec.filter */
    bool no_pack;           /* genotypes as plain bytes, not 2 bits */
    bool has_dtype;         /* text formats: element type, else f8 */
    slab_dtype dtype;
    char delimiter;         /* text formats: 0: by the file name (tsv: tab), else comma */
    int header;             /* text formats: -1 look, 0 none, 1 the first line */
} slab_import_options;

/** What an import will do. */
typedef struct slab_import_plan {
    slab_array_spec spec;   /* of the array that will be written */
    int64_t input_bytes;
    size_t memory_thread;   /* per thread */
    size_t memory_fixed;    /* per rank */
} slab_import_plan;

typedef struct slab_import slab_import; /* a format's own */

typedef struct slab_export_options {
    char delimiter;
    bool no_header;
    bool force;
} slab_export_options;

typedef struct slab_format {
    const char *name;       /* "plink" */
    const char *summary;
    const char *suffixes;   /* "bed bim fam": any of them names the format */

    /** The i-th file, from 0, that an import of @p path reads; *out NULL behind the last.
     * slab_memory_free() it. NULL: it reads @p path alone. */
    slab_status (*inputs)(const char *path, int i, char **out);

    /** Opens and checks the input. Collective. NULL: no import.
     * @retval SLAB_ERR_FORMAT  truncated, oversized, malformed or contradictory; says where */
    slab_status (*import_open)(slab_crew *crew, const char *path, const slab_import_options *options,
                               slab_import **in, slab_import_plan *plan);

    /** Writes the array (and tables beside it) into the transaction at `path`. Collective. */
    slab_status (*import_run)(slab_import *in, slab_txn *txn, const char *path);
    void (*import_close)(slab_import **in);

    /** Memory per thread and rank that an export of this view takes. */
    slab_status (*export_memory)(slab_reader *reader, size_t *thread, size_t *fixed);

    /** Writes a foreign file (or files) from a view; under a temporary name, renamed at the end.
     * Collective. NULL: no export. */
    slab_status (*export_run)(slab_crew *crew, slab_reader *reader, const char *path,
                              const slab_export_options *options);
} slab_format;

const slab_format *slab_format_by_name(const char *name);
/** By a file name's suffix (".gz" is not stripped). @retval SLAB_ERR_UNSUPPORTED names those known */
slab_status slab_format_for(const char *path, const slab_format **out);
const slab_format *slab_format_at(int i);

#ifdef __cplusplus
}
#endif
#endif
