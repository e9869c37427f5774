/*
 * A chunk's way through its filters, as the reader composes them: any filters with any parameters,
 * any mask, a type and the decoded size that the dataset declares.
 */
#include "fuzzing.h"
#include <slab/storage/codec/codec.h>

long fuzz_taken;

enum { FILTERS_MOST = 4, VALUES = 6, COUNT_MOST = 2048, SIZE_MOST = 16 };
enum { CONFIGURE = 64 }; /* in a filter's byte: the codec's own parameters for the type */

static int ncodecs(void)
{
    int n = 0;
    while (slab_codec_at(n))
        n++;
    return n;
}

/* False: the codec has no parameters for the type. */
static bool read_filter(feed *f, slab_pipeline *pipeline)
{
    uint8_t what = (uint8_t)feed_number(f, 1);
    const slab_codec *codec = slab_codec_at(what % CONFIGURE % ncodecs());
    slab_filter *filter = &pipeline->filters[pipeline->nfilters++];
    *filter = (slab_filter){.id = codec->id};
    if ((what & CONFIGURE) && codec->configure)
        return is_good(codec->configure(filter, &pipeline->type, -1));
    filter->nvalues = (unsigned)feed_number(f, 1) % (VALUES + 2);
    for (unsigned i = 0; i < VALUES && i < filter->nvalues; i++)
        filter->values[i] = (uint32_t)feed_number(f, 4);
    return true;
}

static bool read_pipeline(feed *f, slab_pipeline *pipeline)
{
    uint32_t size = 1 + (uint32_t)feed_number(f, 1) % SIZE_MOST;
    size_t count = (size_t)feed_number(f, 2) % (COUNT_MOST + 1);
    int n = 1 + (int)(feed_number(f, 1) % FILTERS_MOST);
    *pipeline = (slab_pipeline){
        .type = {.dtype = slab_dtype_make(SLAB_KIND_UINT, size), .bytes = size * count}};
    while (pipeline->nfilters < n)
        if (!read_filter(f, pipeline))
            return false;
    return is_good(slab_pipeline_check(pipeline));
}

/* NULL: refused. */
static uint8_t *decode(slab_lane *lane, size_t bytes, uint32_t mask, feed packed, uint8_t before)
{
    uint8_t *out = malloc(bytes > 0 ? bytes : 1);
    memset(out, before, bytes);
    if (is_good(slab_lane_decode(lane, mask, packed.at, packed.left, out)))
        return out;
    free(out);
    return NULL;
}

/* The same in parts of whole elements, where there are parts. */
static void check_parts(slab_lane *lane, const slab_chunk_type *type, uint32_t mask, feed packed,
                        const uint8_t *whole)
{
    bool in_parts;
    uint8_t *out = malloc(type->bytes > 0 ? type->bytes : 1);
    size_t step = (type->bytes / type->dtype.size / 3 + 1) * type->dtype.size;
    MUST(is_good(slab_lane_begin(lane, mask, packed.at, packed.left, out, &in_parts)),
         "decoded whole, and not in parts: %s", slab_error_last()->message);
    for (size_t at = 0; in_parts && at < type->bytes; at += step)
        slab_lane_part(lane, at, type->bytes - at < step ? type->bytes - at : step, out + at);
    MUST(!in_parts || is_good(slab_lane_end(lane)), "decoded whole, and not in parts: %s",
         slab_error_last()->message);
    MUST(memcmp(out, whole, type->bytes) == 0, "parts are not the whole");
    free(out);
}

/* What is encoded again comes back. */
static void check_return(const slab_pipeline *pipeline, slab_lane *lane, const uint8_t *whole)
{
    slab_lane *encoder = NULL;
    size_t bytes = pipeline->type.bytes, n = 0;
    const void *packed = NULL;
    if (!is_good(slab_lane_create(pipeline, true, &encoder)))
        return;
    if (is_good(slab_lane_encode(encoder, 0, whole, bytes, &packed, &n))) {
        MUST(n <= slab_pipeline_bound(pipeline), "%zu bytes of %zu", n,
             slab_pipeline_bound(pipeline));
        uint8_t *again = decode(lane, bytes, 0, (feed){packed, n}, 0x55);
        MUST(again, "what was encoded cannot be decoded: %s", slab_error_last()->message);
        MUST(memcmp(again, whole, bytes) == 0, "other bytes come back");
        free(again);
    }
    slab_lane_destroy(&encoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    feed f = {bytes, n};
    slab_pipeline pipeline;
    slab_lane *lane = NULL;
    size_t before = memory_begin();
    uint32_t mask = (uint32_t)feed_number(&f, 1);
    if (!read_pipeline(&f, &pipeline) || !is_good(slab_lane_create(&pipeline, false, &lane)))
        goto done;
    uint8_t *packed = exact_copy(f.at, f.left);
    f.at = packed;
    uint8_t *one = decode(lane, pipeline.type.bytes, mask, f, 0x00),
            *two = decode(lane, pipeline.type.bytes, mask, f, 0xff);
    MUST(!one == !two, "decoded once of two times");
    if (one) {
        MUST(memcmp(one, two, pipeline.type.bytes) == 0, "bytes that were not written");
        check_parts(lane, &pipeline.type, mask, f, one);
        check_return(&pipeline, lane, one);
        fuzz_taken++;
    }
    free(one);
    free(two);
    free(packed);
done:
    slab_lane_destroy(&lane);
    memory_end(before);
    return 0;
}

/* --- seeds --- */

static void make_seed(const char *const *names, size_t size, size_t count, uint8_t mask,
                      fuzz_take take)
{
    static uint8_t plain[1 << 12];
    static seed s;
    slab_pipeline pipeline = {
        .type = {.dtype = slab_dtype_make(SLAB_KIND_UINT, (uint32_t)size), .bytes = size * count}};
    slab_lane *lane = NULL;
    const void *packed;
    size_t n;
    char name[128] = "seed";
    for (size_t i = 0; i < pipeline.type.bytes; i++)
        plain[i] = (uint8_t)(i % size == 0 ? i * i : i >> 6);
    s.n = 0;
    seed_number(&s, mask, 1);
    seed_number(&s, size - 1, 1);
    seed_number(&s, count, 2);
    size_t nfilters = 0;
    while (names[nfilters])
        nfilters++;
    seed_number(&s, nfilters - 1, 1);
    for (size_t i = 0; i < nfilters; i++) {
        int row = 0;
        while (strcmp(slab_codec_at(row)->name, names[i]) != 0)
            row++;
        seed_number(&s, (uint64_t)(row | CONFIGURE), 1);
        if (!(mask >> i & 1)) { /* what is skipped is left out of the lane that encodes */
            slab_filter *filter = &pipeline.filters[pipeline.nfilters++];
            MUST(is_good(slab_codec_at(row)->configure(filter, &pipeline.type, -1)), "%s",
                 names[i]);
        }
        strcat(strcat(name, "-"), names[i]);
    }
    MUST(is_good(slab_lane_create(&pipeline, true, &lane)) &&
             is_good(slab_lane_encode(lane, 0, plain, pipeline.type.bytes, &packed, &n)),
         "%s", slab_error_last()->message);
    seed_bytes(&s, packed, n);
    slab_lane_destroy(&lane);
    snprintf(name + strlen(name), 32, "-%zux%zu-%u", size, count, mask);
    take(name, s.bytes, s.n);
}

void fuzz_seeds(fuzz_take take)
{
    static const char *const chains[][FILTERS_MOST + 1] = {
        {"shuffle", "zstd"},      {"shuffle", "deflate"},
        {"nbit", "zstd"},         {"shuffle", "zstd", "fletcher32"},
        {"shuffle", "lz4"},       {"bitshuffle", "deflate", "fletcher32"},
        {"fletcher32", "zstd"},   {"shuffle", "nbit", "lz4", "zstd"},
        {"shuffle", "fletcher32"}};
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        make_seed(chains[i], 4, 100, 0, take);
        make_seed(chains[i], 1, 333, 0, take);
        make_seed(chains[i], 8, 64, 1, take);
        make_seed(chains[i], 8, 64, 2, take);
    }
}
