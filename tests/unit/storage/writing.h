/**
 * What the tests of the write side share: a folder of scratch files, and reading back with plain
 * HDF5.
 */
#ifndef SLAB_TESTS_UNIT_STORAGE_WRITING_H
#define SLAB_TESTS_UNIT_STORAGE_WRITING_H

#include <check.h>
#include <dirent.h>
#include <hdf5.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/transaction.h>

#include "outcome.h"

static char folder[256];

/* /dev/shm has no O_DIRECT, /tmp mostly has: SLAB_TEST_FOLDER says which. */
__attribute__((unused)) static void make_folder(void)
{
    const char *top = getenv("SLAB_TEST_FOLDER");
    snprintf(folder, sizeof folder, "%s/slab-test-XXXXXX", top ? top : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

__attribute__((unused)) static int files_in(const char *path, bool remove_them)
{
    int n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        n++;
        if (remove_them)
            unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d)
        closedir(d);
    return n;
}

__attribute__((unused)) static void remove_folder(void)
{
    files_in(folder, true);
    ck_assert_int_eq(rmdir(folder), 0);
    /* HDF5's decoding through our filters keeps a small state */
    ck_assert_msg(slab_memory_used() < 512, "%zu bytes are still in use", slab_memory_used());
}

/* A path in the folder; good until the next few calls. */
__attribute__((unused)) static const char *in_folder(const char *name)
{
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

__attribute__((unused)) static slab_shape shape_of(int rank, const int64_t *extent)
{
    slab_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.extent[i] = extent[i];
    return shape;
}

#define SHAPE(...)                                                                                 \
    shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

/* All elements, in the type given or (-1) exactly as they are stored. */
__attribute__((unused)) static void read_with_hdf5(const char *file, const char *path, hid_t type,
                                                   void *to)
{
    hid_t f = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_msg(f >= 0, "HDF5 cannot open '%s'", file);
    hid_t d = H5Dopen2(f, path, H5P_DEFAULT);
    ck_assert_msg(d >= 0, "HDF5 cannot open '%s:%s'", file, path);
    hid_t t = type < 0 ? H5Dget_type(d) : H5Tcopy(type);
    ck_assert_msg(H5Dread(d, t, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0, "cannot read '%s:%s'",
                  file, path);
    H5Tclose(t);
    H5Dclose(d);
    H5Fclose(f);
}

#endif
