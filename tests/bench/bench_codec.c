/*
 * Speed of every codec and of every vector path, one thread: GB/s of decoded bytes.
 *
 *     bench_codec [MEGABYTES]
 *
 * "L2": one chunk of 256 KiB over and over. "RAM": chunks of 1 MiB side by side in as many
 * megabytes as stated (256 without), read once and written once.
 */
#include <math.h>
#include <slab/storage/codec/codec.h>
#include <slab/storage/codec/fletcher32_impl.h>
#include <slab/storage/codec/nbit_impl.h>
#include <slab/storage/codec/shuffle_impl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { L2_BYTES = 256 << 10, CHUNK = 1 << 20 };
static size_t ram_bytes = (size_t)256 << 20;
static const char *const path_names[] = {"scalar", "avx2", "avx512", "vbmi"};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One run over a chunk of n decoded bytes. */
typedef struct job {
    void (*run)(struct job *job, const unsigned char *src, unsigned char *dst, size_t n);
    slab_simd simd;
    size_t size;
    slab_nbit layout;
    slab_lane *lane;
    size_t packed; /* bytes of one chunk, encoded */
} job;

/* GB/s; sources and destinations lie src_step and dst_step bytes apart. */
static double measure(job *j, const unsigned char *src, size_t src_step, unsigned char *dst,
                      size_t dst_step, size_t chunk, size_t chunks)
{
    double best = 0, start = now();
    for (int round = 0; round < 50 && (round < 3 || now() - start < 0.2); round++) {
        size_t repeats = chunks > 1 ? 1 : 50;
        double before = now();
        for (size_t r = 0; r < repeats; r++)
            for (size_t c = 0; c < chunks; c++)
                j->run(j, src + c * src_step, dst + c * dst_step, chunk);
        double rate = (double)(repeats * chunks * chunk) / (now() - before) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

static void run_shuffle(job *j, const unsigned char *src, unsigned char *dst, size_t n)
{
    slab_shuffle(j->simd, j->size, n / j->size, src, dst);
}

static void run_unshuffle(job *j, const unsigned char *src, unsigned char *dst, size_t n)
{
    slab_unshuffle(j->simd, j->size, n / j->size, src, dst);
}

static void run_pack(job *j, const unsigned char *src, unsigned char *dst, size_t n)
{
    j->layout.count = n / j->layout.size;
    slab_nbit_pack(j->simd, &j->layout, src, dst);
}

static void run_unpack(job *j, const unsigned char *src, unsigned char *dst, size_t n)
{
    j->layout.count = n / j->layout.size;
    slab_nbit_unpack(j->simd, &j->layout, src, dst);
}

static void run_copy(job *j, const unsigned char *src, unsigned char *dst, size_t n)
{
    (void)j;
    memcpy(dst, src, n);
}

static void run_checksum(job *j, const unsigned char *src, unsigned char *dst, size_t n)
{
    (void)j;
    uint32_t sum = slab_fletcher32(src, n);
    memcpy(dst, &sum, sizeof sum);
}

static void run_encode(job *j, const unsigned char *src, unsigned char *dst, size_t n)
{
    const void *out;
    if (slab_lane_encode(j->lane, 0, src, n, &out, &j->packed) != SLAB_OK)
        abort();
    if (dst)
        memcpy(dst, out, j->packed);
}

static void run_decode(job *j, const unsigned char *src, unsigned char *dst, size_t n)
{
    (void)n;
    if (slab_lane_decode(j->lane, 0, src, j->packed, dst) != SLAB_OK)
        abort();
}

static void kernel_row(const char *name, job j, const unsigned char *src, unsigned char *dst)
{
    double l2 = measure(&j, src, 0, dst, 0, L2_BYTES, 1);
    double ram = measure(&j, src, CHUNK, dst, CHUNK, CHUNK, ram_bytes / CHUNK);
    printf("%-34s %-7s %8.2f %8.2f\n", name, path_names[j.simd], l2, ram);
}

/* Both ways of every path that this CPU has. */
static void kernels(const unsigned char *src, unsigned char *dst)
{
    char name[64];
    kernel_row("memcpy", (job){.run = run_copy}, src, dst);
    kernel_row("fletcher32", (job){.run = run_checksum}, src, dst);
    for (size_t size = 2; size <= 16; size *= 2)
        for (slab_simd simd = SLAB_SIMD_SCALAR; simd <= slab_simd_best(); simd++) {
            if (simd == SLAB_SIMD_VBMI)
                continue; /* the same code as avx512 */
            snprintf(name, sizeof name, "unshuffle, %zu bytes", size);
            kernel_row(name, (job){.run = run_unshuffle, .simd = simd, .size = size}, src, dst);
            snprintf(name, sizeof name, "shuffle, %zu bytes", size);
            kernel_row(name, (job){.run = run_shuffle, .simd = simd, .size = size}, src, dst);
        }
    static const unsigned layouts[][2] = {{1, 1},  {1, 2},  {1, 4}, {1, 5},
                                          {2, 12}, {4, 20}, {8, 40}};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        for (slab_simd simd = SLAB_SIMD_SCALAR; simd <= slab_simd_best(); simd++) {
            job j = {.run = run_unpack,
                     .simd = simd,
                     .layout = {0, layouts[i][0], layouts[i][1], 0, false}};
            snprintf(name, sizeof name, "nbit unpack, %u of %u bits", layouts[i][1],
                     8 * layouts[i][0]);
            kernel_row(name, j, src, dst);
            snprintf(name, sizeof name, "nbit pack, %u of %u bits", layouts[i][1],
                     8 * layouts[i][0]);
            j.run = run_pack;
            kernel_row(name, j, src, dst);
        }
}

/* Encodes one chunk, then decodes it from as many copies as fill the memory. */
static double one_lane(const slab_pipeline *pipeline, bool encode, const unsigned char *src,
                       unsigned char *dst, size_t chunks, double *ratio)
{
    job e = {.run = run_encode}, d = {.run = run_decode};
    size_t bytes = pipeline->type.bytes;
    double rate = 0;
    if (slab_lane_create(pipeline, true, &e.lane) != SLAB_OK ||
        slab_lane_create(pipeline, false, &d.lane) != SLAB_OK)
        abort();
    size_t bound = slab_pipeline_bound(pipeline);
    unsigned char *packed = malloc(bound * chunks);
    if (!packed)
        abort();
    if (encode) {
        rate = measure(&e, src, bytes, packed, bound, bytes, chunks);
    } else {
        for (size_t c = 0; c < chunks; c++)
            run_encode(&e, src, packed + c * bound, bytes);
        d.packed = e.packed;
        rate = measure(&d, packed, bound, dst, bytes, bytes, chunks);
    }
    *ratio = (double)bytes / (double)e.packed;
    free(packed);
    slab_lane_destroy(&e.lane);
    slab_lane_destroy(&d.lane);
    return rate;
}

static void pipeline_row(const char *names, slab_dtype dtype, int level, const unsigned char *src,
                         unsigned char *dst)
{
    double rate[4], ratio = 0;
    for (int way = 0; way < 4; way++) {
        slab_pipeline pipeline = {.type = {dtype, way < 2 ? L2_BYTES : CHUNK}};
        char list[64], *rest = NULL;
        snprintf(list, sizeof list, "%s", names);
        for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
            const slab_codec *codec = slab_codec_by_name(name);
            bool compresses = strcmp(name, "zstd") == 0 || strcmp(name, "deflate") == 0;
            if (!codec || codec->configure(&pipeline.filters[pipeline.nfilters++], &pipeline.type,
                                           compresses ? level : -1) != SLAB_OK)
                abort();
        }
        size_t chunks = way < 2 ? 1 : ram_bytes / CHUNK / 4;
        rate[way] = one_lane(&pipeline, way % 2 == 0, src, dst, chunks, &ratio);
    }
    printf("%-26s %-8s %6.2f %8.2f %8.2f %8.2f %8.2f\n", names, level < 0 ? "default" : "level 3",
           ratio, rate[1], rate[3], rate[0], rate[2]);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        ram_bytes = strtoul(argv[1], NULL, 10) << 20;
    ram_bytes = ram_bytes < 4 * (size_t)CHUNK ? 4 * (size_t)CHUNK : ram_bytes;
    unsigned char *src = aligned_alloc(4096, ram_bytes), *dst = aligned_alloc(4096, ram_bytes);
    if (!src || !dst)
        return 2;
    memset(dst, 1, ram_bytes);
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < ram_bytes / 4; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        /* a wave, with noise in the low bits: about 2 to 1 with shuffle and zstd */
        float value = (float)(1 + sin(1e-4 * (double)i) + (double)(x >> 20) * 1e-7);
        memcpy(src + 4 * i, &value, 4);
    }
    printf("%-34s %-7s %8s %8s\n", "kernel, GB/s", "path", "L2", "RAM");
    kernels(src, dst);
    printf("\n%-26s %-8s %6s %8s %8s %8s %8s\n", "pipeline, GB/s", "", "ratio", "decode", "in RAM",
           "encode", "in RAM");
    slab_dtype f32 = slab_dtype_make(SLAB_KIND_FLOAT, 4);
    static const char *const pipelines[] = {
        "zstd",        "shuffle zstd", "shuffle deflate", "shuffle deflate fletcher32",
        "shuffle lz4", "bitshuffle",   "fletcher32"};
    for (size_t i = 0; i < sizeof pipelines / sizeof *pipelines; i++)
        pipeline_row(pipelines[i], f32, -1, src, dst);
    pipeline_row("shuffle zstd", f32, 3, src, dst);
    slab_dtype genotype = slab_dtype_make(SLAB_KIND_UINT, 1);
    genotype.precision = 2;
    for (size_t i = 0; i < ram_bytes; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        src[i] = (unsigned char)(((x >> 9 & 1023) < 200) + ((x >> 20 & 1023) < 200));
    }
    pipeline_row("nbit zstd", genotype, -1, src, dst);
    genotype.precision = 8;
    pipeline_row("zstd", genotype, -1, src, dst);
    free(src);
    free(dst);
    return 0;
}
