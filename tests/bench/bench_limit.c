/*
 * The limit: all chunks of an array decoded from memory, or encoded, and nothing else.
 *
 *     bench_limit FILE.h5:/ARRAY [THREADS [encode]]
 *
 * Prints the median of five passes. decode: GB/s of elements. encode: GB/s of what goes into the
 * compressor; where the first filter packs bits (N-bit) these are the packed ones.
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>

#include <slab/storage/array.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/selection.h>

enum { PASSES = 5 };

/* Chunks in memory: packed ones to decode, or what the compressor gets. */
typedef struct work {
    const slab_pipeline *pipeline;
    int64_t n;
    const slab_chunk *chunks;
    char **bytes;
    size_t *sizes;
    int first; /* filters that what is to be encoded has been through */
    int threads;
} work;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static slab_status load(const char *path, work *w)
{
    slab_status rc = SLAB_OK;
    int fd = open(path, O_RDONLY);
    ALLOC(w->bytes, w->n, "chunks");
    ALLOC(w->sizes, w->n, "chunks");
    for (int64_t c = 0; c < w->n; c++) {
        size_t size = w->sizes[c] = w->chunks[c].size;
        if (size == 0)
            continue;
        ALLOC(w->bytes[c], size, "a chunk");
        REQUIRE(pread(fd, w->bytes[c], size, (off_t)w->chunks[c].address) == (ssize_t)size,
                SLAB_ERR_IO, "cannot read '%s'", path);
    }
done:
    close(fd);
    return rc;
}

/* Replaces each packed chunk by what its compressor was given. */
static slab_status unpack(work *w)
{
    slab_status rc = SLAB_OK;
    slab_pipeline head = *w->pipeline;
    slab_lane *decoder = NULL, *packer = NULL;
    const void *packed;
    char *plain = NULL;
    size_t n;
    w->first = head.nfilters > 0 && head.filters[0].id == SLAB_FILTER_NBIT;
    head.nfilters = 1;
    TRY(slab_lane_create(w->pipeline, false, &decoder));
    if (w->first)
        TRY(slab_lane_create(&head, true, &packer));
    for (int64_t c = 0; c < w->n; c++) {
        if (w->sizes[c] == 0)
            continue;
        ALLOC(plain, head.type.bytes, "a chunk");
        TRY(slab_lane_decode(decoder, w->chunks[c].mask, w->bytes[c], w->sizes[c], plain));
        FREE(w->bytes[c]);
        w->bytes[c] = plain;
        w->sizes[c] = head.type.bytes;
        if (w->first) {
            TRY(slab_lane_encode(packer, 0, plain, head.type.bytes, &packed, &n));
            memcpy(plain, packed, n);
            TRY(slab_memory_resize((void **)&w->bytes[c], w->sizes[c] = n, 1, "a chunk"));
        }
        plain = NULL;
    }
done:
    FREE(plain);
    slab_lane_destroy(&decoder);
    slab_lane_destroy(&packer);
    return rc;
}

static slab_status pass_decode(const work *w, double *bytes)
{
    slab_status rc = SLAB_OK;
    double sum = 0;
#pragma omp parallel num_threads(w->threads) reduction(+ : sum)
    {
        slab_lane *lane = NULL;
        char *plain = NULL;
        slab_status mine = slab_lane_create(w->pipeline, false, &lane);
        if (mine == SLAB_OK)
            mine = slab_memory_alloc((void **)&plain, w->pipeline->type.bytes, 1, "a chunk");
#pragma omp for schedule(dynamic)
        for (int64_t c = 0; c < w->n; c++) {
            if (mine != SLAB_OK || w->sizes[c] == 0)
                continue;
            mine = slab_lane_decode(lane, w->chunks[c].mask, w->bytes[c], w->sizes[c], plain);
            sum += (double)w->pipeline->type.bytes;
        }
        if (mine != SLAB_OK) {
#pragma omp critical
            rc = mine;
        }
        slab_memory_free(plain);
        slab_lane_destroy(&lane);
    }
    *bytes = sum;
    return rc;
}

static slab_status pass_encode(const work *w, double *bytes)
{
    slab_status rc = SLAB_OK;
    double sum = 0;
#pragma omp parallel num_threads(w->threads) reduction(+ : sum)
    {
        slab_lane *lane = NULL;
        const void *packed;
        size_t n;
        slab_status mine = slab_lane_create(w->pipeline, true, &lane);
#pragma omp for schedule(dynamic)
        for (int64_t c = 0; c < w->n; c++) {
            if (mine != SLAB_OK || w->sizes[c] == 0)
                continue;
            mine = slab_lane_encode(lane, w->first, w->bytes[c], w->sizes[c], &packed, &n);
            sum += (double)w->sizes[c];
        }
        if (mine != SLAB_OK) {
#pragma omp critical
            rc = mine;
        }
        slab_lane_destroy(&lane);
    }
    *bytes = sum;
    return rc;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static slab_status measure(work *w, const char *path, bool encode)
{
    slab_status rc = SLAB_OK;
    double rates[PASSES], bytes;
    TRY(load(path, w));
    if (encode)
        TRY(unpack(w));
    for (int p = -1; p < PASSES; p++) { /* one to warm up */
        double begin = now();
        TRY(encode ? pass_encode(w, &bytes) : pass_decode(w, &bytes));
        if (p >= 0)
            rates[p] = bytes / (now() - begin) / 1e9;
    }
    qsort(rates, PASSES, sizeof *rates, ascending);
    printf("%s median %.3f GB/s (%.3f to %.3f), %d threads, %.3f GB\n",
           encode ? "encode" : "decode", rates[PASSES / 2], rates[0], rates[PASSES - 1], w->threads,
           bytes / 1e9);
done:
    for (int64_t c = 0; w->bytes && c < w->n; c++)
        FREE(w->bytes[c]);
    FREE(w->bytes);
    FREE(w->sizes);
    return rc;
}

int main(int argc, char **argv)
{
    slab_status rc = SLAB_OK;
    char *file = NULL, *path = NULL, *brackets = NULL;
    slab_file *f = NULL;
    slab_array *array = NULL;
    slab_grid grid;
    work w = {.threads = argc > 2 ? atoi(argv[2]) : 1};
    REQUIRE(argc >= 2 && argc <= 4 && w.threads > 0, SLAB_ERR_USAGE,
            "usage: bench_limit FILE.h5:/ARRAY [THREADS [encode]]");
    TRY(slab_locator_split(argv[1], &file, &path, &brackets));
    TRY(slab_file_open(slab_ranks_world(), file, &f));
    TRY(slab_array_open(f, path, &array));
    TRY(slab_array_chunks(array, &grid, &w.chunks));
    slab_pipeline pipeline = slab_array_describe(array)->pipeline;
    for (int i = 0; i < pipeline.nfilters; i++) /* as the writer does that wrote level 1 */
        pipeline.filters[i].adapts =
            pipeline.filters[i].id == SLAB_FILTER_ZSTD && pipeline.filters[i].values[0] == 1;
    w.pipeline = &pipeline;
    w.n = grid.ntiles;
    TRY(slab_pipeline_check(w.pipeline));
    TRY(measure(&w, file, argc > 3 && strcmp(argv[3], "encode") == 0));
done:
    if (rc != SLAB_OK)
        fprintf(stderr, "bench_limit: %s\n", slab_error_last()->message);
    slab_array_close(&array);
    slab_file_close(&f);
    FREE(file);
    FREE(path);
    FREE(brackets);
    return rc == SLAB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
