/*
 * How fast HDF5 itself reads an array: a loop of H5Dread into blocks of about 64 MB, whole rows of
 * chunks each. The zstd filter comes from HDF5_PLUGIN_PATH.
 *
 *     bench_h5dread FILE.h5:/ARRAY [PASSES]
 *
 * Prints the median of the passes (one, when not given).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hdf5.h>

enum { PASSES_MOST = 99 };
static const double block_bytes = 64 << 20;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Rows in a block: whole chunks. */
static hsize_t rows_of(hid_t dataset, int rank, const hsize_t *extent, size_t size)
{
    hid_t dcpl = H5Dget_create_plist(dataset);
    hsize_t chunk[H5S_MAX_RANK] = {1};
    double row = (double)size;
    if (H5Pget_layout(dcpl) == H5D_CHUNKED)
        H5Pget_chunk(dcpl, H5S_MAX_RANK, chunk);
    H5Pclose(dcpl);
    for (int i = 1; i < rank; i++)
        row *= (double)extent[i];
    hsize_t rows = (hsize_t)(block_bytes / row) / chunk[0] * chunk[0];
    rows = rows < chunk[0] ? chunk[0] : rows;
    return rows < extent[0] ? rows : extent[0];
}

/* Bytes read, 0 on failure. */
static double pass(hid_t dataset, hid_t type, int rank, const hsize_t *extent, hsize_t rows,
                   void *block)
{
    hsize_t start[H5S_MAX_RANK] = {0}, count[H5S_MAX_RANK];
    double bytes = 0;
    memcpy(count, extent, sizeof count);
    for (hsize_t at = 0; at < extent[0]; at += rows) {
        start[0] = at;
        count[0] = extent[0] - at < rows ? extent[0] - at : rows;
        hid_t file = H5Dget_space(dataset), memory = H5Screate_simple(rank, count, NULL);
        H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL);
        herr_t got = H5Dread(dataset, type, memory, file, H5P_DEFAULT, block);
        bytes += (double)H5Sget_simple_extent_npoints(memory) * (double)H5Tget_size(type);
        H5Sclose(memory);
        H5Sclose(file);
        if (got < 0)
            return 0;
    }
    return bytes;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int measure(hid_t dataset, int passes)
{
    hid_t space = H5Dget_space(dataset), stored = H5Dget_type(dataset);
    hid_t type = H5Tget_native_type(stored, H5T_DIR_ASCEND);
    hsize_t extent[H5S_MAX_RANK] = {1};
    int rank = H5Sget_simple_extent_dims(space, extent, NULL);
    double rates[PASSES_MOST];
    if (rank < 1 || extent[0] < 1 || type < 0)
        return 0;
    hsize_t rows = rows_of(dataset, rank, extent, H5Tget_size(type));
    size_t bytes = H5Tget_size(type) * rows;
    for (int i = 1; i < rank; i++)
        bytes *= extent[i];
    void *block = calloc(bytes, 1);
    for (int p = 0; block && p < passes; p++) {
        double begin = now(), read = pass(dataset, type, rank, extent, rows, block);
        if (read <= 0)
            return 0;
        rates[p] = read / (now() - begin) / 1e9;
    }
    free(block);
    qsort(rates, (size_t)passes, sizeof *rates, ascending);
    printf("H5Dread median %.3f GB/s, %d passes, blocks of %zu bytes\n", rates[passes / 2], passes,
           bytes);
    H5Tclose(type);
    H5Tclose(stored);
    H5Sclose(space);
    return 1;
}

int main(int argc, char **argv)
{
    char *path = argc > 1 ? strstr(argv[1], ":/") : NULL;
    int passes = argc > 2 ? atoi(argv[2]) : 1;
    if (!path || passes < 1 || passes > PASSES_MOST) {
        fprintf(stderr, "usage: bench_h5dread FILE.h5:/ARRAY [PASSES]\n");
        return EXIT_FAILURE;
    }
    *path++ = '\0';
    hid_t file = H5Fopen(argv[1], H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = file >= 0 ? H5Dopen2(file, path, H5P_DEFAULT) : -1;
    int done = dataset >= 0 && measure(dataset, passes);
    if (dataset >= 0)
        H5Dclose(dataset);
    if (file >= 0)
        H5Fclose(file);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
