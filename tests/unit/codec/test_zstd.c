/* What the zstd encoder does when nobody asked for a level: stretches of a chunk packed each in its
 * way, in one frame that any zstd decodes. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/codec/zstd_impl.h>

enum { MIB = 1 << 20 };

static uint64_t state = 1;

static uint32_t noise(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* --- data, as they are behind the shuffle filter: [size, count] planes of bytes --- */

static void planes_of(const void *elements, size_t size, size_t bytes, unsigned char *out)
{
    size_t count = bytes / size;
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < size; b++)
            out[b * count + i] = ((const unsigned char *)elements)[i * size + b];
}

static void make_noisy(unsigned char *out, size_t bytes)
{
    float *x = malloc(bytes);
    for (size_t i = 0; i < bytes / 4; i++)
        x[i] = 100 + (float)(i % 512) / 256 + 0.5f * (float)(noise() >> 8) / 16777216;
    planes_of(x, 4, bytes, out);
    free(x);
}

/* The sign and the exponent are in the first byte, so that noise is behind what packs. */
static void make_noisy_big_endian(unsigned char *out, size_t bytes)
{
    unsigned char *plain = malloc(bytes);
    make_noisy(plain, bytes);
    for (size_t b = 0; b < 4; b++)
        memcpy(out + b * (bytes / 4), plain + (3 - b) * (bytes / 4), bytes / 4);
    free(plain);
}

static void make_smooth(unsigned char *out, size_t bytes)
{
    float *x = malloc(bytes);
    for (size_t i = 0; i < bytes / 4; i++)
        x[i] = 300 + 20 * sinf((float)i / 700);
    planes_of(x, 4, bytes, out);
    free(x);
}

static void make_sparse(unsigned char *out, size_t bytes)
{
    uint32_t *x = malloc(bytes);
    for (size_t i = 0; i < bytes / 4; i++)
        x[i] = noise() % 10 ? 0 : noise() % 40;
    planes_of(x, 4, bytes, out);
    free(x);
}

static void make_repeated_noise(unsigned char *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = i < 5000 ? (unsigned char)noise() : out[i - 5000];
}

static void make_random(unsigned char *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)noise();
}

static void make_zeros(unsigned char *out, size_t bytes)
{
    memset(out, 0, bytes);
}

/* Noise, then what packs, then noise, packs, noise: stored blocks at the ends alone. */
static void make_layers(unsigned char *out, size_t bytes)
{
    make_random(out, bytes);
    for (size_t plane = 1; plane < 4; plane += 2)
        for (size_t i = 0; i < bytes / 5; i++)
            out[plane * (bytes / 5) + i] = (unsigned char)(noise() % 9 == 0 ? noise() % 7 : 3);
}

static const struct {
    const char *name;
    void (*make)(unsigned char *out, size_t bytes);
    uint32_t size;
} kinds[] = {{"noisy", make_noisy, 4},
             {"noisy, big-endian", make_noisy_big_endian, 4},
             {"smooth", make_smooth, 4},
             {"sparse", make_sparse, 4},
             {"repeated noise", make_repeated_noise, 1},
             {"random", make_random, 4},
             {"zeros", make_zeros, 8},
             {"layers", make_layers, 5}};
enum { NKINDS = sizeof kinds / sizeof *kinds };

static slab_pipeline pipeline_of(int level, uint32_t size, size_t bytes)
{
    slab_pipeline p = {.nfilters = 1};
    p.type.dtype = slab_dtype_make(SLAB_KIND_UINT, 1);
    p.type.dtype.size = size;
    p.type.bytes = bytes;
    ck_assert_int_eq(slab_codec_by_name("zstd")->configure(&p.filters[0], &p.type, level), SLAB_OK);
    return p;
}

/* A copy of what the lane makes of src; free() it. */
static unsigned char *encode(slab_lane *lane, const void *src, size_t n, size_t *packed)
{
    const void *out;
    ck_assert_int_eq(slab_lane_encode(lane, 0, src, n, &out, packed), SLAB_OK);
    unsigned char *copy = malloc(*packed);
    memcpy(copy, out, *packed);
    return copy;
}

static unsigned char *encode_once(int level, uint32_t size, const void *src, size_t n,
                                  size_t *packed)
{
    slab_pipeline p = pipeline_of(level, size, n);
    slab_lane *lane;
    ck_assert_int_eq(slab_lane_create(&p, true, &lane), SLAB_OK);
    unsigned char *out = encode(lane, src, n, packed);
    slab_lane_destroy(&lane);
    return out;
}

START_TEST(every_chunk_is_one_frame_with_size_and_checksum_that_gives_its_bytes_back)
{
    static const size_t sizes[] = {1, 40, 8191, 8192, 20000, 65537, 300001, MIB, 2 * MIB + 1234};
    unsigned char *src = malloc(3 * MIB), *back = malloc(3 * MIB);
    for (int k = 0; k < NKINDS; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t n = sizes[s], packed;
            memset(src, 0, n);
            kinds[k].make(src, n);
            unsigned char *chunk = encode_once(-1, kinds[k].size, src, n, &packed);
            ZSTD_frameHeader head;
            ck_assert_uint_eq(ZSTD_getFrameHeader(&head, chunk, packed), 0);
            ck_assert_uint_eq(head.frameContentSize, n);
            ck_assert_uint_eq(head.checksumFlag, 1);
            ck_assert_uint_eq(ZSTD_findFrameCompressedSize(chunk, packed), packed);
            ck_assert_msg(ZSTD_decompress(back, n, chunk, packed) == n && !memcmp(src, back, n),
                          "%s, %zu bytes", kinds[k].name, n);
            free(chunk);
        }
    free(src);
    free(back);
}
END_TEST

START_TEST(a_chunk_takes_little_more_than_at_level_1)
{
    unsigned char *src = malloc(MIB);
    for (int k = 0; k < NKINDS; k++) {
        size_t level_1, adapted;
        kinds[k].make(src, MIB);
        free(encode_once(1, kinds[k].size, src, MIB, &level_1));
        free(encode_once(-1, kinds[k].size, src, MIB, &adapted));
        ck_assert_msg(adapted <= level_1 + level_1 / 40 + 64, "%s: %zu bytes, %zu at level 1",
                      kinds[k].name, adapted, level_1);
    }
    free(src);
}
END_TEST

START_TEST(a_lane_gives_the_same_bits_whatever_it_packed_before)
{
    unsigned char *src[NKINDS], *first[NKINDS], *again;
    size_t n[NKINDS], packed;
    slab_pipeline p = pipeline_of(-1, 4, MIB);
    slab_lane *lane;
    for (int k = 0; k < NKINDS; k++) {
        src[k] = malloc(MIB);
        kinds[k].make(src[k], MIB);
        first[k] = encode_once(-1, 4, src[k], MIB, &n[k]);
    }
    ck_assert_int_eq(slab_lane_create(&p, true, &lane), SLAB_OK);
    for (int k = 0; k < 3 * NKINDS; k++) {
        int i = k * 3 % NKINDS;
        again = encode(lane, src[i], MIB, &packed);
        ck_assert_uint_eq(packed, n[i]);
        ck_assert_mem_eq(again, first[i], packed);
        free(again);
    }
    slab_lane_destroy(&lane);
    for (int k = 0; k < NKINDS; k++) {
        free(src[k]);
        free(first[k]);
    }
}
END_TEST

START_TEST(a_level_that_was_asked_for_is_what_zstd_means_by_it)
{
    unsigned char *src = malloc(MIB), *theirs = malloc(2 * MIB);
    make_noisy(src, MIB);
    for (int level = 1; level <= 3; level += 2) {
        size_t packed, n;
        unsigned char *ours = encode_once(level, 4, src, MIB, &packed);
        ZSTD_CCtx *z = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
        n = ZSTD_compress2(z, theirs, 2 * MIB, src, MIB);
        ck_assert_uint_eq(packed, n);
        ck_assert_mem_eq(ours, theirs, n);
        ZSTD_freeCCtx(z);
        free(ours);
    }
    free(src);
    free(theirs);
}
END_TEST

START_TEST(the_file_is_told_of_level_1)
{
    slab_pipeline p = pipeline_of(-1, 4, MIB);
    ck_assert_uint_eq(p.filters[0].nvalues, 1);
    ck_assert_uint_eq(p.filters[0].values[0], 1);
}
END_TEST

START_TEST(a_changed_byte_of_a_stored_block_is_a_checksum_error)
{
    size_t packed;
    unsigned char *src = malloc(MIB);
    make_noisy(src, MIB);
    unsigned char *chunk = encode_once(-1, 4, src, MIB, &packed);
    slab_pipeline p = pipeline_of(-1, 4, MIB);
    slab_lane *lane;
    ck_assert_int_eq(slab_lane_create(&p, false, &lane), SLAB_OK);
    chunk[1000] ^= 1;
    ck_assert_int_eq(slab_lane_decode(lane, 0, chunk, packed, src), SLAB_ERR_CHECKSUM);
    slab_lane_destroy(&lane);
    free(chunk);
    free(src);
}
END_TEST

/* Replays what was found: runs must be runs, and cover all but shorter ones. */
static void check_runs(slab_zstd_way way, size_t least, const unsigned char *src, size_t n)
{
    ZSTD_Sequence *found = calloc(SLAB_ZSTD_RUNS_MOST(n), sizeof *found);
    size_t count = slab_zstd_runs(way, src, n, found), at = 0;
    ck_assert_uint_le(count, SLAB_ZSTD_RUNS_MOST(n));
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        bool is_last = i == count - 1;
        for (size_t j = 1; j < found[i].litLength && at + j + 64 < n; j++) {
            same = src[at + j] == src[at + j - 1] ? same + 1 : 0;
            ck_assert_uint_lt(same, least);
        }
        at += found[i].litLength;
        ck_assert_uint_eq(found[i].offset, is_last ? 0 : 1);
        ck_assert(is_last ? found[i].matchLength == 0 : found[i].matchLength >= least);
        for (size_t j = 0; j < found[i].matchLength; j++, at++)
            ck_assert_uint_eq(src[at], src[at - 1]);
    }
    ck_assert_uint_eq(at, n);
    free(found);
}

START_TEST(runs_are_found_wherever_they_begin_and_however_long_they_are)
{
    enum { N = 1000 };
    unsigned char src[N];
    for (size_t begin = 0; begin < 140; begin += 3)
        for (size_t length = 1; length < 300; length += length < 20 ? 1 : 31) {
            for (size_t i = 0; i < N; i++)
                src[i] = (unsigned char)i;
            memset(src + begin, 7, length);
            memset(src + begin + length + 2, 9, length);
            check_runs(SLAB_ZSTD_RUNS, 4, src, N);
            check_runs(SLAB_ZSTD_LONG_RUNS, 8, src, N);
        }
    for (size_t n = 1; n < 200; n++)
        check_runs(SLAB_ZSTD_RUNS, 4, src, n);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zstd");
    TCase *tests = tcase_create("zstd");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests,
                   every_chunk_is_one_frame_with_size_and_checksum_that_gives_its_bytes_back);
    tcase_add_test(tests, a_chunk_takes_little_more_than_at_level_1);
    tcase_add_test(tests, a_lane_gives_the_same_bits_whatever_it_packed_before);
    tcase_add_test(tests, a_level_that_was_asked_for_is_what_zstd_means_by_it);
    tcase_add_test(tests, the_file_is_told_of_level_1);
    tcase_add_test(tests, a_changed_byte_of_a_stored_block_is_a_checksum_error);
    tcase_add_test(tests, runs_are_found_wherever_they_begin_and_however_long_they_are);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
