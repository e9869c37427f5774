/*
 * Makes the array that the benchmarks read: f32 [rows, columns], chunks 512 x 512 (1 MiB), a smooth
 * field that shuffle + zstd shrink about 2 to 1, with one of two kinds of noise:
 *
 *     stepped     in the lower half of the bits: two byte planes are stored as they are and two are
 *                 long matches, which is the fastest there is to decode
 *     noisy       of half a unit added, as simulations write it: one plane of Huffman codes, one of
 *                 short matches, two stored
 *
 *     bench_make FILE.h5 ROWS COLUMNS [THREADS [stepped|noisy]]       makes FILE.h5:/x
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/crew.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/transaction.h>

enum { SIDE = 512 };

typedef struct making {
    slab_writer *writer;
    const slab_grid *grid;
    float *buffers; /* one chunk a thread */
    bool noisy;
} making;

/* A hash of the element's place: the same array whatever the threads. */
static uint32_t noise(uint64_t i, uint64_t j)
{
    uint64_t x = i * 0x9E3779B97F4A7C15u ^ j * 0xC2B2AE3D27D4EB4Fu;
    x ^= x >> 31;
    x *= 0xD6E8FEB86659FD93u;
    return (uint32_t)(x >> 40);
}

static slab_status make_chunk(void *context, int thread, int64_t chunk)
{
    making *m = context;
    float *out = m->buffers + (size_t)thread * SIDE * SIDE;
    slab_box box;
    slab_grid_box(m->grid, chunk, &box);
    for (int64_t i = 0; i < box.count[0]; i++) {
        float row = 100 + 20 * sinf((float)(box.start[0] + i) / 700);
        for (int64_t j = 0; j < box.count[1]; j++) {
            uint64_t a = (uint64_t)(box.start[0] + i), b = (uint64_t)(box.start[1] + j);
            float field = row + (float)(b % 4096) / 256;
            *out++ = m->noisy ? field + 0.5f * (float)noise(a, b) * 0x1p-24f
                              : floorf(2 * field) / 2 + (float)(noise(a, b) & 65535) * 0x1p-17f;
        }
    }
    return slab_writer_put(m->writer, thread, chunk, m->buffers + (size_t)thread * SIDE * SIDE);
}

int main(int argc, char **argv)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew = NULL;
    slab_txn *txn = NULL;
    making m = {0};
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4)};
    if (argc < 4) {
        fprintf(stderr, "bench_make FILE.h5 ROWS COLUMNS [THREADS [stepped|noisy]]\n");
        return 2;
    }
    m.noisy = argc > 5 && strcmp(argv[5], "noisy") == 0;
    spec.shape = (slab_shape){.rank = 2, .extent = {atoll(argv[2]), atoll(argv[3])}};
    spec.chunk = (slab_shape){.rank = 2, .extent = {SIDE, SIDE}};
    TRY(slab_crew_create(slab_ranks_world(), argc > 4 ? atoi(argv[4]) : 2, &crew));
    slab_txn_options options = slab_txn_defaults();
    options.threads = slab_crew_threads(crew);
    TRY(slab_txn_begin(slab_ranks_world(), argv[1], &options, &txn));
    TRY(slab_txn_create(txn, "/x", &spec, &m.writer));
    m.grid = slab_writer_grid(m.writer);
    ALLOC(m.buffers, (size_t)SIDE * SIDE * (size_t)options.threads, "chunks");
    TRY(slab_crew_run(crew, m.grid->ntiles, make_chunk, &m));
    TRY(slab_writer_close(&m.writer));
    slab_write_counts counts = slab_txn_counts(txn);
    TRY(slab_txn_commit(&txn));
    printf("%" PRId64 " chunks, %.2f to 1\n", counts.chunks,
           (double)counts.plain_bytes / (double)counts.packed_bytes);
done:
    slab_txn_abort(&txn);
    FREE(m.buffers);
    slab_crew_destroy(&crew);
    if (rc != SLAB_OK)
        fprintf(stderr, "bench_make: %s\n", slab_error_last()->message);
    return rc == SLAB_OK ? 0 : 2;
}
