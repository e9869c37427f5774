/*
 * zstd at level 1 beside what slab does when no level is asked for, on chunks of 1 MiB of several
 * kinds of data behind the shuffle filter: ratio, GB/s of encoding and of decoding, one thread.
 *
 *     bench_zstd [REPEATS]
 *
 * Times are CPU seconds of the thread, the least of REPEATS (5); both sides take turns.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec.h>

enum { CHUNKS = 16, SIDES = 2 };
#define CHUNK_BYTES ((size_t)1 << 20)
#define BYTES       (CHUNKS * CHUNK_BYTES)

static uint64_t state;

static uint32_t bits(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* The sum of twelve uniform numbers: near enough. */
static double normal(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += bits() * 0x1p-32;
    return sum;
}

static float field(size_t i)
{
    return 100 + 20 * sinf((float)(i / 512) / 700) + (float)(i % 512) / 256;
}

/* Elements of f32, number i of all. */
static float noisy(size_t i)
{
    return field(i) + 0.5f * (float)(bits() >> 8) * 0x1p-24f;
}

static float stepped(size_t i)
{
    return floorf(2 * field(i)) / 2 + (float)(bits() & 65535) * 0x1p-17f;
}

static float gaussian(size_t i)
{
    (void)i;
    return (float)normal();
}

static float rounded(size_t i)
{
    return roundf(1000 * sinf((float)i / 5000) + 100 * (float)normal()) / 100;
}

static float smooth(size_t i)
{
    return 300 + 20 * sinf((float)i / 700) * cosf((float)i / 90000);
}

static float masked(size_t i)
{
    return i / 3000 % 3 ? 100 * (float)normal() : NAN;
}

static float zero(size_t i)
{
    (void)i;
    return 0;
}

static void fill_f32(float (*element)(size_t), void *out)
{
    for (size_t i = 0; i < BYTES / 4; i++)
        ((float *)out)[i] = element(i);
}

static void fill_f64(void *out)
{
    for (size_t i = 0; i < BYTES / 8; i++)
        ((double *)out)[i] = 20 * sin((double)i / 7000) + normal();
}

static void fill_counts(void *out)
{
    for (size_t i = 0; i < BYTES / 2; i++)
        ((uint16_t *)out)[i] = (uint16_t)(100 + 10 * normal());
}

static void fill_sparse(void *out)
{
    for (size_t i = 0; i < BYTES / 4; i++)
        ((uint32_t *)out)[i] = bits() % 10 ? 0 : bits() % 40;
}

static void fill_sorted(void *out)
{
    uint32_t value = 0;
    for (size_t i = 0; i < BYTES / 4; i++)
        ((uint32_t *)out)[i] = value += bits() % 50;
}

/* Four calls of two bits a byte; rows of 1024 variants, most of their alleles rare. */
static void fill_genotypes(void *out)
{
    double frequency[1024];
    for (size_t i = 0; i < BYTES * 4; i++) {
        if (i % (CHUNK_BYTES * 4) < 1024)
            frequency[i % 1024] = 0.5 * pow(bits() * 0x1p-32, 2);
        double p = frequency[i % 1024];
        int call = (bits() * 0x1p-32 < p) + (bits() * 0x1p-32 < p);
        uint8_t *byte = (uint8_t *)out + i / 4;
        *byte = (uint8_t)(*byte << 2 | call);
    }
}

/* Lines as logs and tables have them. */
static void fill_text(void *out)
{
    static const char *const words[] = {"sample", "rs", "chr", "PASS", "ok", "region", "0.0", "NA"};
    for (size_t at = 0; at < BYTES;) {
        char word[32];
        int n = snprintf(word, sizeof word, "%s%u%c", words[bits() % 8], bits() % 1000,
                         bits() % 6 ? '\t' : '\n');
        for (int i = 0; i < n && at < BYTES; i++)
            ((char *)out)[at++] = word[i];
    }
}

static const struct {
    const char *name;
    uint32_t size; /* of an element; 1: not shuffled */
    float (*element)(size_t);
    void (*fill)(void *out);
} kinds[] = {{"f32, the noisy field of bench_write", 4, noisy, NULL},
             {"f32, the stepped field of bench_make", 4, stepped, NULL},
             {"f32, normal", 4, gaussian, NULL},
             {"f32, rounded to 0.01", 4, rounded, NULL},
             {"f32, smooth", 4, smooth, NULL},
             {"f32, normal, a third NaN in runs", 4, masked, NULL},
             {"f32, zeros", 4, zero, NULL},
             {"f64, noisy wave", 8, NULL, fill_f64},
             {"u16, detector counts", 2, NULL, fill_counts},
             {"u32, sparse counts", 4, NULL, fill_sparse},
             {"u32, sorted", 4, NULL, fill_sorted},
             {"genotypes, 2 bits each", 1, NULL, fill_genotypes},
             {"text", 1, NULL, fill_text}};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct side {
    slab_lane *encoder, *decoder;
    size_t packed;
    double encoding, decoding; /* the least seconds so far */
} side;

static slab_status make_side(uint32_t size, int level, side *out)
{
    slab_status rc = SLAB_OK;
    slab_pipeline p = {.nfilters = 1};
    p.type.dtype = slab_dtype_make(SLAB_KIND_UINT, size);
    p.type.bytes = CHUNK_BYTES;
    TRY(slab_codec_by_name("zstd")->configure(&p.filters[0], &p.type, level));
    TRY(slab_lane_create(&p, true, &out->encoder));
    TRY(slab_lane_create(&p, false, &out->decoder));
    out->encoding = out->decoding = INFINITY;
done:
    return rc;
}

static slab_status pass(side *s, const uint8_t *src, uint8_t *packed, size_t room, uint8_t *plain)
{
    slab_status rc = SLAB_OK;
    size_t sizes[CHUNKS];
    double begin = now();
    s->packed = 0;
    for (size_t c = 0; c < CHUNKS; c++) {
        TRY(slab_lane_encode_into(s->encoder, 0, src + c * CHUNK_BYTES, CHUNK_BYTES,
                                  packed + c * room, room, &sizes[c]));
        s->packed += sizes[c];
    }
    double middle = now();
    for (size_t c = 0; c < CHUNKS; c++)
        TRY(slab_lane_decode(s->decoder, 0, packed + c * room, sizes[c], plain));
    s->encoding = fmin(s->encoding, middle - begin);
    s->decoding = fmin(s->decoding, now() - middle);
done:
    return rc;
}

static slab_status measure(size_t k, int repeats, uint8_t *src, uint8_t *packed, size_t room)
{
    slab_status rc = SLAB_OK;
    side sides[SIDES] = {0};
    uint8_t *plain = packed + CHUNKS * room;
    state = 1;
    if (kinds[k].element)
        fill_f32(kinds[k].element, packed);
    else
        kinds[k].fill(packed);
    size_t size = kinds[k].size, count = CHUNK_BYTES / size;
    for (size_t i = 0; i < BYTES; i++) {
        size_t in_chunk = i % CHUNK_BYTES;
        src[i - in_chunk + in_chunk % size * count + in_chunk / size] = packed[i];
    }
    for (int s = 0; s < SIDES; s++)
        TRY(make_side(kinds[k].size, s == 0 ? 1 : -1, &sides[s]));
    for (int r = 0; r < repeats * SIDES; r++)
        TRY(pass(&sides[r % SIDES], src, packed, room, plain));
    printf("| %s |", kinds[k].name);
    for (int s = 0; s < SIDES; s++)
        printf(" %.3f | %.2f | %.2f |", (double)BYTES / (double)sides[s].packed,
               (double)BYTES / sides[s].encoding / 1e9, (double)BYTES / sides[s].decoding / 1e9);
    printf("\n");
    fflush(stdout);
done:
    for (int s = 0; s < SIDES; s++) {
        slab_lane_destroy(&sides[s].encoder);
        slab_lane_destroy(&sides[s].decoder);
    }
    return rc;
}

int main(int argc, char **argv)
{
    slab_status rc = SLAB_OK;
    int repeats = argc > 1 ? atoi(argv[1]) : 5;
    size_t room = CHUNK_BYTES + CHUNK_BYTES / 64;
    uint8_t *src = NULL, *packed = NULL;
    ALLOC(src, BYTES, "chunks");
    ALLOC(packed, CHUNKS * room + CHUNK_BYTES, "chunks");
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        TRY(measure(k, repeats, src, packed, room));
done:
    FREE(src);
    FREE(packed);
    if (rc != SLAB_OK)
        fprintf(stderr, "bench_zstd: %s\n", slab_error_last()->message);
    return rc == SLAB_OK ? 0 : 2;
}
