/*
 * A file opened on several ranks: all know the same, every rank reads its share, an error on one is
 * an error on all, and whatever only H5Dread can read is read on every rank.
 */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/reader.h>

enum { ROWS = 90, COLUMNS = 70 };

static void make_array(hid_t file, const char *name, hid_t dcpl)
{
    static int32_t x[ROWS][COLUMNS];
    hsize_t extent[2] = {ROWS, COLUMNS};
    hid_t space = H5Screate_simple(2, extent, NULL);
    hid_t set = H5Dcreate2(file, name, H5T_STD_I32BE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            x[i][j] = 1000 * i + j;
    H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
    H5Dclose(set);
    H5Sclose(space);
}

static void make_attributes(hid_t file)
{
    double scale[3] = {0.5, 1.5, 2.5};
    hsize_t n = 3;
    hid_t set = H5Dopen2(file, "packed", H5P_DEFAULT), space = H5Screate_simple(1, &n, NULL);
    hid_t attribute = H5Acreate2(set, "scale", H5T_IEEE_F64BE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_DOUBLE, scale);
    H5Aclose(attribute);
    H5Sclose(space);
    hid_t text = H5Tcopy(H5T_C_S1), scalar = H5Screate(H5S_SCALAR);
    H5Tset_size(text, 6);
    attribute = H5Acreate2(set, "unit", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, text, "parsec");
    H5Aclose(attribute);
    H5Sclose(scalar);
    H5Tclose(text);
    H5Dclose(set);
}

static void make_file(const char *name)
{
    hsize_t chunk[2] = {20, 30};
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t packed = H5Pcreate(H5P_DATASET_CREATE), odd = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(packed, 2, chunk);
    H5Pset_deflate(packed, 1);
    H5Pset_chunk(odd, 2, chunk);
    H5Pset_scaleoffset(odd, H5Z_SO_INT, 0);
    make_array(file, "packed", packed);
    make_array(file, "odd", odd);
    make_array(file, "plain", H5P_DEFAULT);
    make_attributes(file);
    H5Pclose(packed);
    H5Pclose(odd);
    H5Fclose(file);
}

static slab_status check_attributes(slab_file *file)
{
    slab_status rc = SLAB_OK;
    slab_attribute *list = NULL;
    char *text = NULL, *none = NULL;
    size_t n = 0;
    TRY(slab_file_attributes(file, "/packed", &list, &n));
    REQUIRE(n == 2 && strcmp(list[0].name, "scale") == 0 && list[0].shape.extent[0] == 3 &&
                ((const double *)list[0].data)[2] == 2.5,
            SLAB_ERR_INTERNAL, "the attribute 'scale' is not there");
    TRY(slab_file_attribute_text(file, "/packed", "unit", &text));
    TRY(slab_file_attribute_text(file, "/packed", "none", &none));
    REQUIRE(text && strcmp(text, "parsec") == 0 && !none, SLAB_ERR_INTERNAL,
            "the attribute 'unit' is '%s'", text ? text : "(none)");
done:
    FREE(text);
    slab_attributes_free(&list, n);
    return rc;
}

/* Every rank reads its share of the rows; together they have read all of them. */
static slab_status check_elements(slab_ranks *ranks, slab_file *file, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    slab_view view;
    int64_t seen = 0;
    TRY(slab_array_open(file, path, &array));
    TRY(slab_reader_open(array, NULL, NULL, 1, &reader));
    for (int64_t i = slab_ranks_me(ranks); i < ROWS && rc == SLAB_OK;
         i += slab_ranks_count(ranks)) {
        slab_box box = {2, {i, 0}, {1, COLUMNS}};
        rc = slab_reader_get(reader, 0, &box, &view);
        for (int64_t j = 0; rc == SLAB_OK && j < COLUMNS; j++) {
            int32_t x;
            memcpy(&x, (const char *)view.data + j * view.stride[1], sizeof x);
            seen += x == 1000 * i + j;
        }
    }
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_sum(ranks, &seen, 1));
    REQUIRE(seen == ROWS * COLUMNS, SLAB_ERR_INTERNAL, "%s: %d of %d elements are right", path,
            (int)seen, ROWS * COLUMNS);
done:
    slab_reader_close(&reader);
    slab_array_close(&array);
    return rc;
}

static slab_status note(void *context, const char *path, slab_object object, const char *target)
{
    (void)path, (void)object, (void)target;
    ++*(int *)context;
    return SLAB_OK;
}

static slab_status check(slab_ranks *ranks, const char *name)
{
    slab_status rc = SLAB_OK;
    slab_file *file = NULL;
    slab_array *array = NULL;
    int objects = 0;
    rc = slab_file_open(ranks, "/nowhere/x.h5", &file);
    REQUIRE(rc == SLAB_ERR_NOT_FOUND, SLAB_ERR_INTERNAL, "a file that is not there was opened");
    TRY(slab_file_open(ranks, name, &file));
    rc = slab_array_open(file, "/nothing", &array);
    REQUIRE(rc == SLAB_ERR_NOT_FOUND && strstr(slab_error_last()->message, "plain"),
            SLAB_ERR_INTERNAL, "the error on every rank is that of rank 0");
    TRY(check_attributes(file));
    TRY(check_elements(ranks, file, "/packed"));
    TRY(check_elements(ranks, file, "/odd"));
    TRY(check_elements(ranks, file, "/plain"));
    TRY(slab_file_list(file, "/", false, note, &objects));
    REQUIRE(objects == 3, SLAB_ERR_INTERNAL, "%d objects are listed", objects);
done:
    slab_file_close(&file);
    return rc;
}

int main(void)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks;
    char name[64] = "";
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return EXIT_FAILURE;
    snprintf(name, sizeof name, "/tmp/slab-ranks-read-%d.h5", (int)getpid());
    slab_ranks_broadcast(ranks, name, sizeof name, 0);
    if (slab_ranks_me(ranks) == 0)
        make_file(name);
    slab_ranks_barrier(ranks);
    rc = slab_ranks_agree(ranks, check(ranks, name));
    if (rc == SLAB_OK && slab_memory_used() != 0)
        rc = slab_error_set(SLAB_ERR_INTERNAL, __FILE__, __LINE__, "%zu bytes are left",
                            slab_memory_used());
    rc = slab_ranks_agree(ranks, rc);
    if (rc != SLAB_OK && slab_ranks_me(ranks) == 0)
        fprintf(stderr, "ranks_read: %s\n", slab_error_last()->message);
    if (slab_ranks_me(ranks) == 0)
        remove(name);
    slab_ranks_stop();
    return rc == SLAB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
