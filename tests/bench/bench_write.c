/*
 * Writing compressible f32 [rows, 32768] in chunks of 512 x 512 (1 MiB, 1.8 to 1), three ways:
 *
 *     limit       shuffle + zstd alone, as the writer does it, nothing written
 *     slab        the writer, from begin to commit, fsync included
 *     collective  parallel HDF5's collective filtered H5Dwrite, shuffle + zstd level 1, every rank
 *                 its own rows, 64 MiB a rank and call, fsync included
 *
 *     mpirun -n RANKS bench_write FOLDER [MIB [THREADS [WAYS]]]
 *
 * MIB is the size of the array (default 4096), THREADS are per rank (default: the cores of a rank),
 * WAYS some of l, s, c (default lsc). Prints GB/s of uncompressed bytes and their ratios.
 */
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <slab/storage/base/crew.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/transaction.h>

enum { SIDE = 512, COLUMNS = 32768, ACROSS = COLUMNS / SIDE, PATTERNS = 16 };
#define CHUNK_BYTES ((size_t)SIDE * SIDE * sizeof(float))

typedef struct bench {
    slab_ranks *ranks;
    slab_crew *crew;
    char path[4096];
    int64_t nchunks;
    float *patterns; /* [PATTERNS][SIDE * SIDE] */
    slab_writer *writer;
    slab_lane **lanes;
} bench;

/* A smooth field with noise of half a unit, not rounded, as simulations write it: the two low bytes
 * of every element do not shrink, the two high ones almost vanish. */
static void make_patterns(float *out)
{
    uint64_t state = 1;
    for (int p = 0; p < PATTERNS; p++)
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                float field = 100 + 20 * sinf((float)(i + 512 * p) / 700) + (float)j / 256;
                *out++ = field + 0.5f * (float)(state >> 40) / 16777216;
            }
}

static const float *pattern_of(const bench *b, int64_t chunk)
{
    return b->patterns + (chunk % PATTERNS) * SIDE * SIDE;
}

static slab_array_spec spec_of(const bench *b)
{
    return (slab_array_spec){.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4),
                             .shape = {2, {b->nchunks / ACROSS * SIDE, COLUMNS}},
                             .chunk = {2, {SIDE, SIDE}}};
}

static slab_status encode_chunk(void *context, int thread, int64_t chunk)
{
    bench *b = context;
    const void *out;
    size_t n;
    return slab_lane_encode(b->lanes[thread], 0, pattern_of(b, chunk), CHUNK_BYTES, &out, &n);
}

static slab_status limit(bench *b)
{
    slab_status rc = SLAB_OK;
    slab_array_info info;
    slab_array_spec spec = spec_of(b);
    int threads = slab_crew_threads(b->crew);
    TRY(slab_spec_resolve(&spec, "/x", &info));
    ALLOC(b->lanes, threads, "lanes");
    for (int t = 0; t < threads; t++)
        TRY(slab_lane_create(&info.pipeline, true, &b->lanes[t]));
    TRY(slab_crew_run(b->crew, b->nchunks, encode_chunk, b));
done:
    for (int t = 0; b->lanes && t < threads; t++)
        slab_lane_destroy(&b->lanes[t]);
    FREE(b->lanes);
    return rc;
}

static slab_status put_chunk(void *context, int thread, int64_t chunk)
{
    bench *b = context;
    return slab_writer_put(b->writer, thread, chunk, pattern_of(b, chunk));
}

static slab_status ours(bench *b)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = NULL;
    slab_txn_options options = slab_txn_defaults();
    slab_array_spec spec = spec_of(b);
    options.threads = slab_crew_threads(b->crew);
    options.direct = !getenv("BENCH_BUFFERED");
    TRY(slab_txn_begin(b->ranks, b->path, &options, &txn));
    TRY(slab_txn_create(txn, "/x", &spec, &b->writer));
    TRY(slab_crew_run(b->crew, b->nchunks, put_chunk, b));
    TRY(slab_writer_close(&b->writer));
    TRY(slab_txn_commit(&txn));
done:
    slab_txn_abort(&txn);
    return rc;
}

/* One row of chunks, 64 MiB. */
static void fill_row(const bench *b, float *out)
{
    for (int i = 0; i < SIDE; i++)
        for (int c = 0; c < ACROSS; c++, out += SIDE)
            memcpy(out, pattern_of(b, c) + i * SIDE, SIDE * sizeof *out);
}

static hid_t create_array(hid_t file, hid_t space)
{
    const hsize_t chunk[2] = {SIDE, SIDE};
    const unsigned level = 1;
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(dcpl, 2, chunk);
    H5Pset_fill_time(dcpl, H5D_FILL_TIME_NEVER);
    H5Pset_shuffle(dcpl);
    H5Pset_filter(dcpl, SLAB_FILTER_ZSTD, H5Z_FLAG_MANDATORY, 1, &level);
    hid_t set = H5Dcreate2(file, "/x", H5T_IEEE_F32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    H5Pclose(dcpl);
    return set;
}

/* Every rank writes whole rows of chunks of its own part: what a careful user of HDF5 would do. */
static slab_status collective(bench *b)
{
    slab_status rc = SLAB_OK;
    int me = slab_ranks_me(b->ranks), count = slab_ranks_count(b->ranks), fd = -1;
    int64_t rows = b->nchunks / ACROSS / count; /* of chunks, of this rank */
    hsize_t dims[2] = {(hsize_t)(rows * count * SIDE), COLUMNS}, extent[2] = {SIDE, COLUMNS};
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), dxpl = H5Pcreate(H5P_DATASET_XFER);
    hid_t space = H5Screate_simple(2, dims, NULL), memory = H5Screate_simple(2, extent, NULL);
    float *row = NULL;
    ALLOC(row, extent[0] * extent[1], "a row of chunks");
    fill_row(b, row);
    if (count > 1) {
        H5Pset_fapl_mpio(fapl, MPI_COMM_WORLD, MPI_INFO_NULL);
        H5Pset_dxpl_mpio(dxpl, H5FD_MPIO_COLLECTIVE);
    }
    H5Pset_libver_bounds(fapl, H5F_LIBVER_V18, H5F_LIBVER_V110);
    hid_t file = H5Fcreate(b->path, H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
    hid_t set = create_array(file, space);
    REQUIRE(set >= 0, SLAB_ERR_HDF5, "cannot create the array: is HDF5_PLUGIN_PATH set?");
    for (int64_t r = 0; r < rows; r++) {
        hsize_t start[2] = {(hsize_t)((me * rows + r) * SIDE), 0};
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL);
        REQUIRE(H5Dwrite(set, H5T_NATIVE_FLOAT, memory, space, dxpl, row) >= 0, SLAB_ERR_HDF5,
                "cannot write");
    }
    H5Dclose(set);
    H5Fclose(file);
    fd = open(b->path, O_RDWR);
    REQUIRE(fd >= 0 && fsync(fd) == 0, SLAB_ERR_IO, "cannot fsync");
done:
    if (fd >= 0)
        close(fd);
    H5Sclose(memory);
    H5Sclose(space);
    H5Pclose(dxpl);
    H5Pclose(fapl);
    FREE(row);
    return rc;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* GB/s of uncompressed bytes; 0 when the way was not asked for. */
static slab_status measure(bench *b, const char *ways, char letter, slab_status (*way)(bench *),
                           double *speed)
{
    slab_status rc = SLAB_OK;
    *speed = 0;
    if (!strchr(ways, letter))
        return SLAB_OK;
    if (slab_ranks_me(b->ranks) == 0)
        unlink(b->path);
    TRY(slab_ranks_barrier(b->ranks));
    double start = now();
    TRY(slab_ranks_agree(b->ranks, way(b)));
    TRY(slab_ranks_barrier(b->ranks));
    *speed = (double)b->nchunks * (double)CHUNK_BYTES / (now() - start) / 1e9;
done:
    return rc;
}

int main(int argc, char **argv)
{
    slab_status rc = SLAB_OK;
    bench b = {0};
    double l, s, c;
    TRY(slab_ranks_start(&b.ranks));
    REQUIRE(argc > 1, SLAB_ERR_USAGE, "bench_write FOLDER [MIB [THREADS [WAYS]]]");
    int mib = argc > 2 ? atoi(argv[2]) : 4096, threads = argc > 3 ? atoi(argv[3]) : 0;
    const char *ways = argc > 4 ? argv[4] : "lsc";
    snprintf(b.path, sizeof b.path, "%s/bench_write.h5", argv[1]);
    int unit = ACROSS * slab_ranks_count(b.ranks); /* every rank has whole rows of chunks */
    b.nchunks = (mib + unit - 1) / unit * unit;
    TRY(slab_crew_create(b.ranks, threads, &b.crew));
    ALLOC(b.patterns, PATTERNS * SIDE * SIDE, "patterns");
    make_patterns(b.patterns);
    TRY(measure(&b, ways, 'l', limit, &l));
    TRY(measure(&b, ways, 's', ours, &s));
    TRY(measure(&b, ways, 'c', collective, &c));
    if (slab_ranks_me(b.ranks) == 0)
        printf("ranks %d threads %d MiB %lld: limit %.2f slab %.2f collective %.2f GB/s; "
               "slab/limit %.2f slab/collective %.2f\n",
               slab_ranks_count(b.ranks), slab_crew_threads(b.crew), (long long)b.nchunks, l, s, c,
               l > 0 ? s / l : 0, c > 0 ? s / c : 0);
done:
    if (rc != SLAB_OK)
        fprintf(stderr, "bench_write: %s\n", slab_error_last()->message);
    if (slab_ranks_me(slab_ranks_world()) == 0)
        unlink(b.path);
    FREE(b.patterns);
    slab_crew_destroy(&b.crew);
    slab_ranks_stop();
    return rc != SLAB_OK;
}
