/* What the targets of the importers share: from a file to an array, and what is in it. */
#ifndef SLAB_TESTS_FUZZ_IMPORTING_H
#define SLAB_TESTS_FUZZ_IMPORTING_H

#include "fuzzing.h"
#include <slab/format/format.h>

static slab_crew *crew;

static inline void import_start(void)
{
    fuzz_folder();
    if (!crew)
        MUST(is_good(slab_crew_create(slab_ranks_world(), 1, &crew)), "no crew");
}

/** Brings what is open into a new file, and closes it. False: refused, and there is no file. */
static inline bool import_into(const slab_format *format, slab_import **in, const char *name,
                               const char *path)
{
    slab_txn *txn = NULL;
    slab_txn_options options = slab_txn_defaults();
    options.sync = options.direct = false;
    unlink(name);
    MUST(is_good(slab_txn_begin(slab_ranks_world(), name, &options, &txn)), "%s",
         slab_error_last()->message);
    bool good = is_good(format->import_run(*in, txn, path)) && is_good(slab_txn_commit(&txn));
    slab_txn_abort(&txn);
    format->import_close(in);
    MUST(good == (access(name, F_OK) == 0), "an import that %s and a file that %s",
         good ? "succeeded" : "failed", good ? "is not there" : "is");
    return good;
}

/** The elements of an array in their native type, C order; free() them. */
static inline void *elements_of(const char *name, const char *path, slab_shape *shape,
                                slab_dtype *dtype)
{
    slab_file *file = NULL;
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    MUST(is_good(slab_file_open(slab_ranks_world(), name, &file)) &&
             is_good(slab_array_open(file, path, &array)) &&
             is_good(slab_reader_open(array, NULL, NULL, 1, &reader)),
         "%s", slab_error_last()->message);
    slab_box box = slab_box_whole(slab_reader_shape(reader));
    *shape = *slab_reader_shape(reader);
    *dtype = slab_reader_dtype(reader);
    int64_t n = slab_box_elements(&box);
    void *elements = malloc((size_t)n * dtype->size + 1);
    MUST(elements, "no memory for %ld elements", (long)n);
    MUST(n == 0 || is_good(slab_reader_copy(reader, 0, &box, elements)), "%s",
         slab_error_last()->message);
    slab_reader_close(&reader);
    slab_array_close(&array);
    slab_file_close(&file);
    return elements;
}

/** Writes an array of a file out again. */
static inline void export_from(const slab_format *format, const char *name, const char *path,
                               const char *output)
{
    slab_file *file = NULL;
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    slab_export_options options = {.force = true};
    MUST(is_good(slab_file_open(slab_ranks_world(), name, &file)) &&
             is_good(slab_array_open(file, path, &array)) &&
             is_good(slab_reader_open(array, NULL, NULL, 1, &reader)) &&
             is_good(format->export_run(crew, reader, output, &options)),
         "%s", slab_error_last()->message);
    slab_reader_close(&reader);
    slab_array_close(&array);
    slab_file_close(&file);
}

#endif
