/**
 * What the tests of the read side share: files made with plain HDF5, opened for reading.
 */
#ifndef SLAB_TESTS_UNIT_STORAGE_READING_H
#define SLAB_TESTS_UNIT_STORAGE_READING_H

#include <check.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/reader.h>

#include "outcome.h"

#define says(words)                                                                                \
    ck_assert_msg(strstr(slab_error_last()->message, words), "'%s' is not in '%s'", words,         \
                  slab_error_last()->message)

static char scratch[64];

static inline void scratch_begin(void)
{
    snprintf(scratch, sizeof scratch, "/tmp/slab-read-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    ck_assert_int_eq(chdir(scratch), 0);
}

static inline void scratch_end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", scratch);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(system(command), 0);
}

/** How an array is to be stored. */
typedef struct made {
    const char *name;
    int rank;
    hsize_t extent[3], chunk[3]; /* chunk[0] 0: contiguous */
    bool gzip, fletcher32;
    hid_t stored; /* 0: i32, little-endian */
} made;

/* Element n, in C order, is n; as i32. */
static inline void make_array(hid_t file, const made *m)
{
    hid_t space = H5Screate_simple(m->rank, m->extent, NULL), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t n = 1;
    for (int a = 0; a < m->rank; a++)
        n *= m->extent[a];
    if (m->chunk[0])
        H5Pset_chunk(dcpl, m->rank, m->chunk);
    if (m->gzip)
        H5Pset_deflate(dcpl, 1);
    if (m->fletcher32)
        H5Pset_fletcher32(dcpl);
    hid_t set = H5Dcreate2(file, m->name, m->stored ? m->stored : H5T_STD_I32LE, space, H5P_DEFAULT,
                           dcpl, H5P_DEFAULT);
    int32_t *x = malloc((n + 1) * sizeof *x);
    for (hsize_t i = 0; i < n; i++)
        x[i] = (int32_t)i;
    ck_assert(H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    free(x);
    H5Dclose(set);
    H5Pclose(dcpl);
    H5Sclose(space);
}

static inline void make_file(const char *name, const made *arrays, size_t n)
{
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(file >= 0);
    for (size_t i = 0; i < n; i++)
        make_array(file, &arrays[i]);
    H5Fclose(file);
}

/** An array that is open for reading. */
typedef struct opened {
    slab_file *file;
    slab_array *array;
    slab_reader *reader;
} opened;

static inline void open_array(opened *o, const char *name, const char *path)
{
    *o = (opened){0};
    ok(slab_file_open(slab_ranks_world(), name, &o->file));
    ok(slab_array_open(o->file, path, &o->array));
}

static inline void open_view(opened *o, const char *name, const char *path, const char *brackets,
                             const char *as, int threads)
{
    slab_selection selection;
    slab_dtype dtype;
    open_array(o, name, path);
    ok(slab_selection_parse(brackets, &slab_array_describe(o->array)->shape, &selection));
    if (as)
        ok(slab_dtype_parse(as, &dtype));
    ok(slab_reader_open(o->array, &selection, as ? &dtype : NULL, threads, &o->reader));
}

/** Closes everything; nothing may be left of the budget. */
static inline void shut(opened *o)
{
    slab_reader_close(&o->reader);
    slab_array_close(&o->array);
    slab_file_close(&o->file);
    ck_assert_uint_eq(slab_memory_used(), 0);
}

/** Reads the whole view tile by tile, into i32 in C order. */
static inline int32_t *read_tiles(slab_reader *reader)
{
    const slab_shape *shape = slab_reader_shape(reader);
    const slab_grid *grid = slab_reader_grid(reader);
    int64_t n, stride[SLAB_RANK_MAX];
    ok(slab_shape_elements(shape, &n));
    int32_t *x = calloc((size_t)n + 1, sizeof *x);
    slab_strides_of(shape->rank, shape->extent, sizeof *x, stride);
    for (int64_t t = 0; t < grid->ntiles; t++) {
        slab_box box;
        slab_view view;
        char *to = (char *)x;
        slab_grid_box(grid, t, &box);
        slab_reader_prefetch(reader, &box);
        ok(slab_reader_get(reader, 0, &box, &view));
        for (int a = 0; a < shape->rank; a++)
            to += box.start[a] * stride[a];
        slab_box_copy(shape->rank, box.count, view.data, view.stride, to, stride, sizeof *x);
    }
    return x;
}

static inline int run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
