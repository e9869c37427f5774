#include <check.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/codec/codec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pipelines that every test below walks through. */
static const char *const pipelines[] = {"shuffle",
                                        "nbit",
                                        "fletcher32",
                                        "deflate",
                                        "zstd",
                                        "lz4",
                                        "bitshuffle",
                                        "shuffle zstd",
                                        "nbit zstd",
                                        "nbit shuffle deflate fletcher32",
                                        "shuffle deflate fletcher32",
                                        "fletcher32 lz4",
                                        "zstd zstd zstd"};
enum { NPIPELINES = sizeof pipelines / sizeof *pipelines };

static uint32_t next(uint32_t *x)
{
    *x ^= *x << 13, *x ^= *x >> 17, *x ^= *x << 5;
    return *x;
}

/* Little-endian u32 of 20 bits: half of it noise, half of it runs. */
static unsigned char *numbers(size_t count)
{
    unsigned char *p = malloc(4 * count + 1);
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < count; i++) {
        uint32_t v = i / 100 % 2 ? next(&x) & 0xfffff : (uint32_t)(i / 7) & 0xfffff;
        for (size_t b = 0; b < 4; b++)
            p[4 * i + b] = (unsigned char)(v >> (8 * b));
    }
    return p;
}

static slab_pipeline pipeline_of(const char *names, slab_dtype dtype, size_t bytes)
{
    slab_pipeline pipeline = {.type = {dtype, bytes}};
    char list[64], *rest = NULL;
    snprintf(list, sizeof list, "%s", names);
    for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        const slab_codec *codec = slab_codec_by_name(name);
        ck_assert_msg(codec != NULL, "no codec %s", name);
        ck_assert_int_eq(
            codec->configure(&pipeline.filters[pipeline.nfilters++], &pipeline.type, -1), SLAB_OK);
    }
    return pipeline;
}

static slab_pipeline pipeline_u20(const char *names, size_t count)
{
    slab_dtype dtype = slab_dtype_make(SLAB_KIND_UINT, 4);
    dtype.precision = 20;
    return pipeline_of(names, dtype, 4 * count);
}

/* A copy in a block of its exact size, where a sanitizer sees one byte too many. */
static unsigned char *encoded(const slab_pipeline *pipeline, int first, const void *data, size_t n,
                              size_t *packed)
{
    slab_lane *lane = NULL;
    const void *out;
    ck_assert_int_eq(slab_lane_create(pipeline, true, &lane), SLAB_OK);
    ck_assert_int_eq(slab_lane_encode(lane, first, data, n, &out, packed), SLAB_OK);
    unsigned char *copy = malloc(*packed + (*packed == 0));
    if (*packed > 0)
        memcpy(copy, out, *packed);
    slab_lane_destroy(&lane);
    return copy;
}

static slab_status decoded(const slab_pipeline *pipeline, uint32_t mask, const void *packed,
                           size_t n, void *out)
{
    slab_lane *lane = NULL;
    slab_status rc = slab_lane_create(pipeline, false, &lane);
    if (rc == SLAB_OK)
        rc = slab_lane_decode(lane, mask, packed, n, out);
    slab_lane_destroy(&lane);
    return rc;
}

START_TEST(every_pipeline_gives_back_chunks_of_every_size)
{
    static const size_t counts[] = {0, 1, 2, 7, 8, 9, 97, 1009, 65537, 300007};
    for (int i = 0; i < NPIPELINES; i++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            size_t count = counts[c], packed;
            slab_pipeline pipeline = pipeline_u20(pipelines[i], count);
            unsigned char *data = numbers(count), *out = malloc(4 * count + 1);
            unsigned char *chunk = encoded(&pipeline, 0, data, 4 * count, &packed);
            ck_assert_uint_le(packed, slab_pipeline_bound(&pipeline));
            memset(out, 0xa5, 4 * count + 1);
            slab_status rc = decoded(&pipeline, 0, chunk, packed, out);
            ck_assert_msg(rc == SLAB_OK, "%s, %zu numbers: %s", pipelines[i], count,
                          slab_error_last()->message);
            ck_assert_msg(memcmp(out, data, 4 * count) == 0, "%s, %zu numbers differ", pipelines[i],
                          count);
            ck_assert_uint_eq(out[4 * count], 0xa5);
            free(data);
            free(out);
            free(chunk);
        }
}
END_TEST

START_TEST(bytes_that_no_element_size_divides_survive)
{
    static const char *const names[] = {"shuffle", "shuffle zstd", "lz4", "deflate", "fletcher32"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t n = 1; n < 300; n += 13) {
            slab_pipeline pipeline = pipeline_of(names[i], slab_dtype_make(SLAB_KIND_FLOAT, 8), n);
            unsigned char *data = numbers(n), *out = malloc(n);
            size_t packed;
            unsigned char *chunk = encoded(&pipeline, 0, data, n, &packed);
            ck_assert_int_eq(decoded(&pipeline, 0, chunk, packed, out), SLAB_OK);
            ck_assert_mem_eq(out, data, n);
            free(data);
            free(out);
            free(chunk);
        }
}
END_TEST

/* 0 1 2 3 0 1 ... as 20 little-endian u16, by the reference implementation of each filter. */
static const struct {
    slab_filter filter;
    size_t n;
    const char *bytes;
} foreign[] = {
    {{SLAB_FILTER_LZ4, 0, 1, {16}},
     64,
     "\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x10\x00\x00\x00\x10\x00\x00\x01\x00\x02\x00\x03"
     "\x00\x00\x00\x01\x00\x02\x00\x03\x00\x00\x00\x00\x10\x00\x00\x01\x00\x02\x00\x03\x00\x00\x00"
     "\x01\x00\x02\x00\x03\x00\x00\x00\x00\x08\x00\x00\x01\x00\x02\x00\x03\x00"},
    {{SLAB_FILTER_BITSHUFFLE, 0, 5, {0, 4, 2, 8, 0}},
     40,
     "\xaa\xcc\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xaa\xcc\x00\x00\x00\x00\x00"
     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02\x00\x03\x00"},
    {{SLAB_FILTER_BITSHUFFLE, 0, 5, {0, 4, 2, 8, 2}},
     52,
     "\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x10\x00\x00\x00\x0c\x34\xaa\xcc\x00\x01\x00\x50"
     "\x00\x00\x00\x00\x00\x00\x00\x00\x0c\x34\xaa\xcc\x00\x01\x00\x50\x00\x00\x00\x00\x00\x00\x00"
     "\x01\x00\x02\x00\x03\x00"},
    {{SLAB_FILTER_BITSHUFFLE, 0, 6, {0, 4, 2, 16, 3, 3}},
     44,
     "\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x20\x00\x00\x00\x14\x28\xb5\x2f\xfd\x20\x20\x5d"
     "\x00\x00\x28\xaa\xaa\xcc\xcc\x00\x01\x00\x21\xd0\x02\x00\x00\x01\x00\x02\x00\x03\x00"},
    {{SLAB_FILTER_DEFLATE, 0, 1, {9}},
     19,
     "\x78\xda\x63\x60\x60\x64\x60\x62\x60\x66\x60\x20\x40\x03\x00\x02\x6c\x00\x1f"},
    {{SLAB_FILTER_ZSTD, 0, 1, {3}},
     23,
     "\x28\xb5\x2f\xfd\x20\x28\x75\x00\x00\x40\x00\x00\x01\x00\x02\x00\x03\x00\x01\x00\xc3\x0b"
     "\x17"},
};

START_TEST(chunks_of_the_reference_filters_decode)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        slab_pipeline pipeline = {.nfilters = 1,
                                  .filters = {foreign[i].filter},
                                  .type = {slab_dtype_make(SLAB_KIND_UINT, 2), 40}};
        unsigned char out[40];
        slab_status rc = decoded(&pipeline, 0, foreign[i].bytes, foreign[i].n, out);
        ck_assert_msg(rc == SLAB_OK, "row %zu: %s", i, slab_error_last()->message);
        for (int e = 0; e < 20; e++)
            ck_assert_msg(out[2 * e] == e % 4 && out[2 * e + 1] == 0, "row %zu: element %d", i, e);
    }
}
END_TEST

START_TEST(lz4_and_bitshuffle_write_what_the_reference_filters_write)
{
    for (size_t i = 0; i < 2; i++) {
        slab_pipeline pipeline = {.nfilters = 1,
                                  .filters = {foreign[i].filter},
                                  .type = {slab_dtype_make(SLAB_KIND_UINT, 2), 40}};
        unsigned char data[40] = {0};
        size_t packed;
        for (int e = 0; e < 20; e++)
            data[2 * e] = (unsigned char)(e % 4);
        unsigned char *chunk = encoded(&pipeline, 0, data, 40, &packed);
        ck_assert_uint_eq(packed, foreign[i].n);
        ck_assert_mem_eq(chunk, foreign[i].bytes, packed);
        free(chunk);
    }
}
END_TEST

/* Whatever the bytes: OK or an error that names the data. What a checksum covers is never OK
 * unless it is right. */
static void judge(const char *names, slab_status rc, const void *out, const void *data, size_t n)
{
    bool summed = strstr(names, "zstd") || strstr(names, "deflate") || strstr(names, "fletcher32");
    if (rc != SLAB_OK && rc != SLAB_ERR_FORMAT && rc != SLAB_ERR_CHECKSUM)
        ck_abort_msg("%s: status %s", names, slab_status_name(rc));
    if (rc == SLAB_OK && summed && memcmp(out, data, n) != 0)
        ck_abort_msg("%s: wrong data passed for right", names);
}

static void attack(const char *names, const slab_pipeline *pipeline, const unsigned char *data)
{
    size_t n = pipeline->type.bytes, packed;
    unsigned char *chunk = encoded(pipeline, 0, data, n, &packed), *out = malloc(n);
    slab_lane *lane = NULL;
    uint32_t x = 88172645u;
    ck_assert_int_eq(slab_lane_create(pipeline, false, &lane), SLAB_OK);
    for (int trial = 0; trial < 4000; trial++) {
        size_t keep = trial % 3 == 0 ? next(&x) % (packed + 1) : packed;
        unsigned char *bad = malloc(keep + (keep == 0));
        memcpy(bad, chunk, keep);
        for (uint32_t flips = trial % 3 ? next(&x) % 4 + 1 : 0; flips > 0 && keep > 0; flips--) {
            size_t near = next(&x) % 2 && keep > 24 ? 24 : keep; /* headers get half of them */
            bad[next(&x) % near] ^= (unsigned char)(1u << next(&x) % 8);
        }
        judge(names, slab_lane_decode(lane, 0, bad, keep, out), out, data, n);
        free(bad);
    }
    slab_lane_destroy(&lane);
    free(chunk);
    free(out);
}

START_TEST(damaged_chunks_are_errors_and_never_crash)
{
    unsigned char *data = numbers(3001);
    for (int i = 0; i < NPIPELINES; i++)
        for (size_t count = 11; count <= 3001; count += 2990) {
            slab_pipeline pipeline = pipeline_u20(pipelines[i], count);
            attack(pipelines[i], &pipeline, data);
        }
    slab_pipeline pipeline = pipeline_u20("bitshuffle", 3001);
    slab_codec_by_name("bitshuffle")->configure(&pipeline.filters[0], &pipeline.type, 1);
    attack("bitshuffle of level 1", &pipeline, data);
    free(data);
}
END_TEST

/* 40 bytes, as above, by the zstd program. */
#define FRAME                                                                                      \
    "\x28\xb5\x2f\xfd\x24\x28\x75\x00\x00\x40\x00\x00\x01\x00\x02\x00\x03\x00\x01\x00\xc3\x0b\x17" \
    "\x35\x6d\x2f\xb1"
#define UNSIZED                                                                                    \
    "\x28\xb5\x2f\xfd\x04\x58\x75\x00\x00\x40\x00\x00\x01\x00\x02\x00\x03\x00\x01\x00\xc3\x0b\x17" \
    "\x35\x6d\x2f\xb1"
#define SKIP "\x5e\x2a\x4d\x18\x05\x00\x00\x00hello"

static slab_status decode_zstd(const char *bytes, size_t n, size_t expected)
{
    slab_pipeline pipeline = pipeline_of("zstd", slab_dtype_make(SLAB_KIND_UINT, 2), expected);
    unsigned char *out = malloc(expected);
    slab_status rc = decoded(&pipeline, 0, bytes, n, out);
    if (rc == SLAB_OK)
        ck_assert_mem_eq(out, "\0\0\1\0\2\0\3\0\0\0", 10);
    free(out);
    return rc;
}

#define ZSTD(bytes, expected) decode_zstd(bytes, sizeof(bytes) - 1, expected)

START_TEST(a_zstd_chunk_is_one_frame_of_the_chunks_size)
{
    ck_assert_int_eq(ZSTD(FRAME, 40), SLAB_OK);
    ck_assert_int_eq(ZSTD(UNSIZED, 40), SLAB_OK);
    ck_assert_int_eq(ZSTD(FRAME SKIP, 40), SLAB_OK);
    ck_assert_int_eq(ZSTD(FRAME SKIP SKIP, 40), SLAB_OK);
    ck_assert_int_eq(ZSTD(SKIP FRAME, 40), SLAB_OK);
    ck_assert_int_eq(ZSTD(FRAME, 39), SLAB_ERR_FORMAT);
    ck_assert_int_eq(ZSTD(FRAME, 41), SLAB_ERR_FORMAT);
    ck_assert_int_eq(ZSTD(UNSIZED, 39), SLAB_ERR_FORMAT);
    ck_assert_int_eq(ZSTD(UNSIZED, 41), SLAB_ERR_FORMAT);
    ck_assert_int_eq(ZSTD(FRAME FRAME, 40), SLAB_ERR_FORMAT);
    ck_assert_int_eq(ZSTD(FRAME FRAME, 80), SLAB_ERR_FORMAT);
    ck_assert_int_eq(ZSTD(FRAME "x", 40), SLAB_ERR_FORMAT);
    ck_assert_int_eq(ZSTD(SKIP, 40), SLAB_ERR_FORMAT);
    ck_assert_int_eq(ZSTD("", 40), SLAB_ERR_FORMAT);
    /* the frame says 2^62 bytes */
    ck_assert_int_eq(
        ZSTD("\x28\xb5\x2f\xfd\xe4\x00\x00\x00\x00\x00\x00\x00\x40\x75\x00\x00\x40", 40),
        SLAB_ERR_FORMAT);
}
END_TEST

START_TEST(a_wrong_zstd_checksum_is_a_checksum_error)
{
    char bytes[] = FRAME;
    bytes[sizeof bytes - 2] ^= 1;
    ck_assert_int_eq(decode_zstd(bytes, sizeof bytes - 1, 40), SLAB_ERR_CHECKSUM);
}
END_TEST

/* Whether a chunk of u32 was begun in parts; all parts are taken, last first, and compared. */
static bool in_parts(const char *names, const unsigned char *data, size_t count)
{
    slab_pipeline pipeline = pipeline_u20(names, count);
    size_t packed, step = 404;
    unsigned char *chunk = encoded(&pipeline, 0, data, 4 * count, &packed), out[404];
    unsigned char *whole = malloc(4 * count);
    slab_lane *lane = NULL;
    bool parts;
    ck_assert_int_eq(slab_lane_create(&pipeline, false, &lane), SLAB_OK);
    ck_assert_int_eq(slab_lane_begin(lane, 0, chunk, packed, whole, &parts), SLAB_OK);
    memset(chunk, 0, packed); /* is no longer needed */
    for (size_t i = 0; parts && i < 4 * count / step; i++) {
        size_t at = 4 * count - (i + 1) * step;
        slab_lane_part(lane, at, step, out);
        ck_assert_mem_eq(out, data + at, step);
    }
    ck_assert_int_eq(slab_lane_end(lane), SLAB_OK);
    ck_assert(parts || memcmp(whole, data, 4 * count) == 0);
    slab_lane_destroy(&lane);
    free(whole);
    free(chunk);
    return parts;
}

START_TEST(chunks_that_end_in_shuffle_are_given_in_parts)
{
    unsigned char *data = numbers(10100);
    ck_assert(in_parts("shuffle zstd", data, 10100));
    ck_assert(in_parts("shuffle deflate fletcher32", data, 10100));
    ck_assert(!in_parts("zstd", data, 10100));
    ck_assert(!in_parts("nbit zstd", data, 10100));
    ck_assert(!in_parts("shuffle", data, 10100)); /* src would have to stay */
    free(data);
}
END_TEST

START_TEST(a_wrong_checksum_shows_when_the_parts_end)
{
    enum { COUNT = 10000 };
    slab_pipeline pipeline = pipeline_u20("shuffle zstd", COUNT);
    unsigned char *data = numbers(COUNT), *out = malloc(4 * COUNT);
    size_t packed;
    unsigned char *chunk = encoded(&pipeline, 0, data, 4 * COUNT, &packed);
    slab_lane *lane = NULL;
    bool parts;
    chunk[packed - 1] ^= 1; /* of the checksum */
    ck_assert_int_eq(slab_lane_create(&pipeline, false, &lane), SLAB_OK);
    for (size_t taken = 0; taken <= COUNT; taken += COUNT / 2) {
        ck_assert_int_eq(slab_lane_begin(lane, 0, chunk, packed, out, &parts), SLAB_OK);
        ck_assert(parts);
        slab_lane_part(lane, 0, 4 * taken, out);
        ck_assert_int_eq(slab_lane_end(lane), SLAB_ERR_CHECKSUM);
    }
    ck_assert_int_eq(slab_lane_decode(lane, 0, chunk, packed, out), SLAB_ERR_CHECKSUM);
    slab_lane_destroy(&lane);
    free(chunk);
    free(data);
    free(out);
}
END_TEST

START_TEST(a_written_zstd_frame_states_its_size_and_has_a_checksum)
{
    slab_pipeline pipeline = pipeline_of("zstd", slab_dtype_make(SLAB_KIND_UINT, 1), 40);
    char data[40] = "some bytes";
    size_t packed;
    unsigned char *chunk = encoded(&pipeline, 0, data, 40, &packed);
    ck_assert_mem_eq(chunk, "\x28\xb5\x2f\xfd", 4);
    ck_assert_uint_eq(chunk[4], 0x24); /* single segment, one byte of content size, checksum */
    ck_assert_uint_eq(chunk[5], 40);
    free(chunk);
}
END_TEST

START_TEST(sizes_in_headers_are_held_against_the_chunk)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
    } bombs[] = {
        {"lz4", "\x7f\xff\xff\xff\xff\xff\xff\xff\x40\0\0\0\0\0\0\0", 16},
        {"lz4", "\0\0\0\0\0\0\0\x28\0\0\0\0\0\0\0\0", 16},
        {"lz4", "\0\0\0\0\0\0\0\x28\0\0\0\x28\xff\xff\xff\xff", 16},
        {"lz4", "\0\0\0\0\0\0\0\x29\0\0\0\x28\0\0\0\0", 16},
        {"bitshuffle", "\x7f\xff\xff\xff\xff\xff\xff\xfe\x40\0\0\0\0\0\0\0", 16},
        {"bitshuffle", "\0\0\0\0\0\0\0\x28\0\0\0\0\0\0\0\0", 16},
        {"bitshuffle", "\0\0\0\0\0\0\0\x28\0\0\0\x06\0\0\0\0", 16},
        {"bitshuffle", "\0\0\0\0\0\0\0\x28\xff\xff\xff\xf0\xff\xff\xff\xff", 16},
        {"bitshuffle", "\0\0\0\0\0\0\0\x27\0\0\0\x10\0\0\0\0", 16},
    };
    unsigned char out[40];
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        slab_pipeline pipeline =
            pipeline_of(bombs[i].name, slab_dtype_make(SLAB_KIND_UINT, 2), sizeof out);
        size_t before = slab_memory_used();
        slab_memory_peak_reset();
        ck_assert_msg(decoded(&pipeline, 0, bombs[i].bytes, bombs[i].n, out) == SLAB_ERR_FORMAT,
                      "row %zu", i);
        ck_assert_msg(slab_memory_peak() - before < 65536, "row %zu allocates for a lie", i);
    }
}
END_TEST

START_TEST(filters_in_the_mask_are_skipped)
{
    enum { COUNT = 1009, ALL = 7 };
    slab_pipeline whole = pipeline_u20("shuffle deflate fletcher32", COUNT);
    unsigned char *data = numbers(COUNT), out[4 * COUNT];
    for (uint32_t mask = 0; mask <= ALL; mask++) {
        slab_pipeline part = {.type = whole.type};
        size_t packed;
        for (int i = 0; i < 3; i++)
            if (!(mask >> i & 1))
                part.filters[part.nfilters++] = whole.filters[i];
        unsigned char *chunk = encoded(&part, 0, data, sizeof out, &packed);
        memset(out, 0, sizeof out);
        ck_assert_int_eq(decoded(&whole, mask, chunk, packed, out), SLAB_OK);
        ck_assert_mem_eq(out, data, sizeof out);
        free(chunk);
    }
    ck_assert_int_eq(decoded(&whole, ALL, data, sizeof out - 1, out), SLAB_ERR_FORMAT);
    free(data);
}
END_TEST

START_TEST(a_chunk_that_went_through_the_first_filter_goes_through_the_rest)
{
    enum { COUNT = 1009 };
    slab_pipeline whole = pipeline_u20("shuffle zstd", COUNT);
    slab_pipeline first = pipeline_u20("shuffle", COUNT);
    unsigned char *data = numbers(COUNT);
    size_t n, m, same;
    unsigned char *shuffled = encoded(&first, 0, data, 4 * COUNT, &n);
    unsigned char *a = encoded(&whole, 0, data, 4 * COUNT, &m);
    unsigned char *b = encoded(&whole, 1, shuffled, n, &same);
    ck_assert_uint_eq(m, same);
    ck_assert_mem_eq(a, b, m);
    free(b);
    b = encoded(&whole, 2, a, m, &same);
    ck_assert_uint_eq(m, same);
    ck_assert_mem_eq(a, b, m);
    free(data);
    free(shuffled);
    free(a);
    free(b);
}
END_TEST

START_TEST(the_registry_finds_codecs_by_number_and_by_name)
{
    int n = 0;
    for (const slab_codec *c; (c = slab_codec_at(n)) != NULL; n++) {
        ck_assert_ptr_eq(slab_codec_by_id(c->id), c);
        ck_assert_ptr_eq(slab_codec_by_name(c->name), c);
    }
    ck_assert_int_ge(n, 7);
    ck_assert_ptr_null(slab_codec_by_id(SLAB_FILTER_SZIP));
    ck_assert_ptr_null(slab_codec_by_name("gif"));
    ck_assert_ptr_null(slab_codec_at(-1));
}
END_TEST

START_TEST(an_unknown_filter_is_named)
{
    slab_pipeline pipeline = pipeline_u20("shuffle zstd", 10);
    slab_lane *lane = NULL;
    pipeline.filters[1].id = 32004000;
    ck_assert_int_eq(slab_lane_create(&pipeline, false, &lane), SLAB_ERR_UNSUPPORTED);
    ck_assert_ptr_null(lane);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "32004000"));
}
END_TEST

START_TEST(levels_out_of_range_are_value_errors)
{
    slab_chunk_type type = {slab_dtype_make(SLAB_KIND_INT, 4), 400};
    slab_filter filter = {0};
    ck_assert_int_eq(slab_codec_by_name("zstd")->configure(&filter, &type, 99), SLAB_ERR_VALUE);
    ck_assert_int_eq(slab_codec_by_name("deflate")->configure(&filter, &type, 10), SLAB_ERR_VALUE);
    ck_assert_int_eq(slab_codec_by_name("lz4")->configure(&filter, &type, 1), SLAB_ERR_VALUE);
    ck_assert_int_eq(slab_codec_by_name("shuffle")->configure(&filter, &type, 1), SLAB_ERR_VALUE);
    ck_assert_int_eq(slab_codec_by_name("zstd")->configure(&filter, &type, -1), SLAB_OK);
    ck_assert_int_eq(filter.id, SLAB_FILTER_ZSTD);
    ck_assert_uint_eq(filter.values[0], 1);
}
END_TEST

START_TEST(a_lane_takes_the_memory_that_was_announced)
{
    for (int encode = 0; encode <= 1; encode++)
        for (int i = 0; i < NPIPELINES; i++) {
            slab_pipeline pipeline = pipeline_u20(pipelines[i], 100000);
            slab_lane *lane = NULL;
            size_t before = slab_memory_used(), slack = 16384; /* rounding to pages */
            ck_assert_int_eq(slab_lane_create(&pipeline, encode, &lane), SLAB_OK);
            ck_assert_uint_le(slab_memory_used() - before,
                              slab_pipeline_memory(&pipeline, encode) + slack);
            slab_lane_destroy(&lane);
            ck_assert_uint_eq(slab_memory_used(), before);
        }
}
END_TEST

START_TEST(a_lane_that_cannot_be_had_leaves_nothing_behind)
{
    slab_pipeline pipeline = pipeline_u20("bitshuffle shuffle deflate zstd", 1000);
    size_t before = slab_memory_used();
    long n = 1;
    for (;; n++) {
        slab_lane *lane = NULL;
        slab_memory_fail_at(n);
        slab_status rc = slab_lane_create(&pipeline, false, &lane);
        slab_memory_fail_at(0);
        slab_lane_destroy(&lane);
        ck_assert_uint_eq(slab_memory_used(), before);
        if (rc == SLAB_OK)
            break;
        ck_assert_int_eq(rc, SLAB_ERR_MEMORY);
    }
    ck_assert_int_gt(n, 4); /* the lane, three states, two buffers */
}
END_TEST

START_TEST(impossible_bounds_are_refused_not_wrapped)
{
    slab_pipeline pipeline = pipeline_of("lz4 fletcher32 zstd bitshuffle",
                                         slab_dtype_make(SLAB_KIND_UINT, 1), SIZE_MAX - 3);
    slab_lane *lane = NULL;
    pipeline.filters[0].values[0] = 1; /* a header of four bytes for every byte */
    ck_assert_uint_eq(slab_pipeline_bound(&pipeline), SIZE_MAX);
    ck_assert_int_ne(slab_lane_create(&pipeline, true, &lane), SLAB_OK);
    ck_assert_ptr_null(lane);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codecs");
    TCase *tests = tcase_create("codecs");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_pipeline_gives_back_chunks_of_every_size);
    tcase_add_test(tests, bytes_that_no_element_size_divides_survive);
    tcase_add_test(tests, chunks_of_the_reference_filters_decode);
    tcase_add_test(tests, lz4_and_bitshuffle_write_what_the_reference_filters_write);
    tcase_add_test(tests, damaged_chunks_are_errors_and_never_crash);
    tcase_add_test(tests, a_zstd_chunk_is_one_frame_of_the_chunks_size);
    tcase_add_test(tests, a_wrong_zstd_checksum_is_a_checksum_error);
    tcase_add_test(tests, chunks_that_end_in_shuffle_are_given_in_parts);
    tcase_add_test(tests, a_wrong_checksum_shows_when_the_parts_end);
    tcase_add_test(tests, a_written_zstd_frame_states_its_size_and_has_a_checksum);
    tcase_add_test(tests, sizes_in_headers_are_held_against_the_chunk);
    tcase_add_test(tests, filters_in_the_mask_are_skipped);
    tcase_add_test(tests, a_chunk_that_went_through_the_first_filter_goes_through_the_rest);
    tcase_add_test(tests, the_registry_finds_codecs_by_number_and_by_name);
    tcase_add_test(tests, an_unknown_filter_is_named);
    tcase_add_test(tests, levels_out_of_range_are_value_errors);
    tcase_add_test(tests, a_lane_takes_the_memory_that_was_announced);
    tcase_add_test(tests, a_lane_that_cannot_be_had_leaves_nothing_behind);
    tcase_add_test(tests, impossible_bounds_are_refused_not_wrapped);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
