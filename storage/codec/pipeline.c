/* A chunk's way through its filters, in two scratch buffers that take turns. */
#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec_impl.h>
#include <string.h>

struct slab_lane {
    slab_pipeline pipeline;
    const slab_codec *codecs[SLAB_FILTERS_MAX];
    void *states[SLAB_FILTERS_MAX];
    size_t most[SLAB_FILTERS_MAX + 1]; /* bytes before filter i; behind the last one */
    bool encodes;
    unsigned char *scratch[2];
    size_t room;       /* of each */
    const void *begun; /* a chunk in one of them before its last stage; NULL: none */
    int last, checks;  /* that stage, and the one that left `check` */
    slab_check check;
};

slab_status slab_pipeline_check(const slab_pipeline *pipeline)
{
    slab_status rc = SLAB_OK;
    REQUIRE(pipeline->nfilters >= 0 && pipeline->nfilters <= SLAB_FILTERS_MAX, SLAB_ERR_UNSUPPORTED,
            "a pipeline of %d filters", pipeline->nfilters);
    for (int i = 0; i < pipeline->nfilters; i++) {
        const slab_filter *filter = &pipeline->filters[i];
        const slab_codec *codec = slab_codec_by_id(filter->id);
        REQUIRE(codec, SLAB_ERR_UNSUPPORTED, "filter %d is not one that is decoded here",
                filter->id);
        TRY(codec->check(filter, &pipeline->type));
    }
done:
    return rc;
}

/* The most bytes at each point, for any mask: a filter that is skipped passes its input on. */
static void measure(const slab_pipeline *pipeline, size_t most[SLAB_FILTERS_MAX + 1])
{
    most[0] = pipeline->type.bytes;
    for (int i = 0; i < pipeline->nfilters; i++) {
        const slab_filter *filter = &pipeline->filters[i];
        const slab_codec *codec = slab_codec_by_id(filter->id);
        size_t encoded = codec ? codec->bound(filter, &pipeline->type, most[i]) : most[i];
        most[i + 1] = encoded > most[i] ? encoded : most[i];
    }
}

/* Decoding needs no buffer for the first stage's input nor for the last one's output. */
static size_t room_for(const slab_pipeline *pipeline, const size_t *most, bool encode)
{
    int last = encode ? pipeline->nfilters : pipeline->nfilters - 1;
    return last > 0 ? most[last] : 0;
}

/* Buffers that are used: a pipeline of one filter is decoded without, encoded with one. */
static int buffers_for(const slab_pipeline *pipeline, bool encode)
{
    int stages = encode ? pipeline->nfilters : pipeline->nfilters - 1;
    return stages < 0 ? 0 : stages > 2 ? 2 : stages;
}

size_t slab_pipeline_memory(const slab_pipeline *pipeline, bool encode)
{
    size_t most[SLAB_FILTERS_MAX + 1];
    measure(pipeline, most);
    size_t sum =
        bound_multiply((size_t)buffers_for(pipeline, encode), room_for(pipeline, most, encode));
    for (int i = 0; i < pipeline->nfilters; i++) {
        const slab_codec *codec = slab_codec_by_id(pipeline->filters[i].id);
        if (codec && codec->state_bytes)
            sum =
                bound_add(sum, codec->state_bytes(&pipeline->filters[i], &pipeline->type, encode));
    }
    return bound_add(sum, sizeof(slab_lane));
}

size_t slab_pipeline_bound(const slab_pipeline *pipeline)
{
    size_t most[SLAB_FILTERS_MAX + 1];
    measure(pipeline, most);
    return most[pipeline->nfilters];
}

slab_status slab_lane_create(const slab_pipeline *pipeline, bool encode, slab_lane **out)
{
    slab_status rc = SLAB_OK;
    slab_lane *lane = NULL;
    *out = NULL;
    TRY(slab_pipeline_check(pipeline));
    ALLOC(lane, 1, "lane");
    lane->pipeline = *pipeline;
    lane->encodes = encode;
    measure(pipeline, lane->most);
    lane->room = room_for(pipeline, lane->most, encode);
    for (int i = 0; i < pipeline->nfilters; i++) {
        const slab_codec *codec = slab_codec_by_id(pipeline->filters[i].id);
        lane->codecs[i] = codec;
        REQUIRE(!encode || codec->encode, SLAB_ERR_UNSUPPORTED, "filter %s is read only here",
                codec->name);
        if (codec->state_create)
            TRY(codec->state_create(&lane->states[i]));
    }
    for (int i = 0; i < buffers_for(pipeline, encode); i++)
        ALLOC(lane->scratch[i], lane->room, "filter buffer");
    *out = lane;
    lane = NULL;
done:
    slab_lane_destroy(&lane);
    return rc;
}

void slab_lane_destroy(slab_lane **lane)
{
    if (!*lane)
        return;
    for (int i = 0; i < (*lane)->pipeline.nfilters; i++)
        if ((*lane)->codecs[i] && (*lane)->codecs[i]->state_destroy)
            (*lane)->codecs[i]->state_destroy((*lane)->states[i]);
    slab_memory_free((*lane)->scratch[0]);
    slab_memory_free((*lane)->scratch[1]);
    FREE(*lane);
}

static bool is_skipped(uint32_t mask, int i)
{
    return i < 32 && (mask >> i & 1);
}

/* The filter that runs next after i, -1 when there is none. */
static int stage_after(uint32_t mask, int i)
{
    while (--i >= 0)
        if (!is_skipped(mask, i))
            break;
    return i;
}

/* The last filter to run gives parts. */
static bool ends_in_parts(const slab_lane *lane, int last)
{
    const slab_codec *codec = last >= 0 ? lane->codecs[last] : NULL;
    return codec && codec->part &&
           codec->part(&lane->pipeline.filters[last], &lane->pipeline.type, NULL, 0, 0, NULL, NULL);
}

/* One stage: *at and *n become its output, in dst when it is the last and else in a buffer that
 * is not the input. What it leaves unchecked, when the last stage gives parts of it, is the lane's
 * to check. */
static slab_status decode_stage(slab_lane *lane, uint32_t mask, int i, const void **at, size_t *n,
                                void *dst)
{
    slab_status rc = SLAB_OK;
    const slab_codec *codec = lane->codecs[i];
    const slab_filter *filter = &lane->pipeline.filters[i];
    const slab_chunk_type *type = &lane->pipeline.type;
    int next = stage_after(mask, i);
    bool last = next < 0;
    if (codec->trim && !last)
        return codec->trim(filter, *at, *n, n);
    unsigned char *spare = lane->scratch[*at == lane->scratch[0] && lane->scratch[1] ? 1 : 0];
    void *to = last ? dst : spare;
    size_t capacity = last ? lane->most[0] : lane->most[i];
    if (codec->decode_unchecked && !last && stage_after(mask, next) < 0 &&
        ends_in_parts(lane, next)) {
        TRY(codec->decode_unchecked(filter, type, lane->states[i], *at, *n, to, capacity, n,
                                    &lane->check));
        lane->checks = i;
    } else {
        TRY(codec->decode(filter, type, lane->states[i], *at, *n, to, capacity, n));
    }
    *at = to;
done:
    return rc;
}

slab_status slab_lane_begin(slab_lane *lane, uint32_t mask, const void *src, size_t n, void *dst,
                            bool *in_parts)
{
    slab_status rc = SLAB_OK;
    const void *at = src;
    size_t bytes = lane->pipeline.type.bytes;
    *in_parts = false;
    lane->begun = NULL;
    lane->check.due = false;
    REQUIRE(!lane->encodes, SLAB_ERR_INTERNAL, "a lane for encoding cannot decode");
    for (int i = stage_after(mask, lane->pipeline.nfilters); i >= 0; i = stage_after(mask, i)) {
        bool ours = at == lane->scratch[0] || at == lane->scratch[1];
        if (ours && n == bytes && stage_after(mask, i) < 0 && ends_in_parts(lane, i)) {
            lane->begun = at;
            lane->last = i;
            *in_parts = true;
            goto done;
        }
        TRY_SAYING(decode_stage(lane, mask, i, &at, &n, dst), "%s", lane->codecs[i]->name);
    }
    TRY(slab_lane_end(lane));
    REQUIRE(n == bytes, SLAB_ERR_FORMAT, "chunk decodes to %zu bytes where %zu are expected", n,
            bytes);
    if (at != dst && bytes > 0)
        memcpy(dst, at, bytes);
done:
    return rc;
}

void slab_lane_part(slab_lane *lane, size_t from, size_t bytes, void *dst)
{
    const slab_filter *filter = &lane->pipeline.filters[lane->last];
    if (bytes > 0)
        lane->codecs[lane->last]->part(filter, &lane->pipeline.type, lane->begun, from, bytes, dst,
                                       &lane->check);
}

slab_status slab_check_compare(slab_check *check)
{
    slab_status rc = SLAB_OK;
    if (!check->due)
        return SLAB_OK;
    check->due = false;
    REQUIRE((uint32_t)slab_xxh64_end(slab_simd_best(), &check->sum) == check->stated,
            SLAB_ERR_CHECKSUM, "the checksum differs");
done:
    return rc;
}

slab_status slab_lane_end(slab_lane *lane)
{
    slab_status rc = SLAB_OK;
    if (lane->check.due)
        TRY_SAYING(slab_check_compare(&lane->check), "%s", lane->codecs[lane->checks]->name);
done:
    return rc;
}

slab_status slab_lane_decode(slab_lane *lane, uint32_t mask, const void *src, size_t n, void *dst)
{
    slab_status rc = SLAB_OK;
    bool in_parts;
    TRY(slab_lane_begin(lane, mask, src, n, dst, &in_parts));
    if (in_parts) {
        slab_lane_part(lane, 0, lane->pipeline.type.bytes, dst);
        TRY(slab_lane_end(lane));
    }
done:
    return rc;
}

/* dst NULL: the last stage writes to scratch as the others do. */
static slab_status encode(slab_lane *lane, int first, const void *src, size_t n, void *dst,
                          size_t capacity, const void **out, size_t *written)
{
    slab_status rc = SLAB_OK;
    const void *at = src;
    int nfilters = lane->pipeline.nfilters;
    *out = NULL;
    *written = 0;
    REQUIRE(lane->encodes, SLAB_ERR_INTERNAL, "a lane for decoding cannot encode");
    REQUIRE(first >= 0 && first <= nfilters && n <= lane->most[first], SLAB_ERR_RANGE,
            "%zu bytes before filter %d: not of this pipeline", n, first);
    for (int i = first; i < nfilters; i++) {
        const slab_codec *codec = lane->codecs[i];
        bool there = dst && i == nfilters - 1;
        unsigned char *to = there ? dst : lane->scratch[(i - first) % 2];
        TRY_SAYING(codec->encode(&lane->pipeline.filters[i], &lane->pipeline.type, lane->states[i],
                                 at, n, to, there ? capacity : lane->most[i + 1], &n),
                   "%s", codec->name);
        at = to;
    }
    *out = at;
    *written = n;
done:
    return rc;
}

slab_status slab_lane_encode(slab_lane *lane, int first, const void *src, size_t n,
                             const void **out, size_t *written)
{
    return encode(lane, first, src, n, NULL, 0, out, written);
}

slab_status slab_lane_encode_into(slab_lane *lane, int first, const void *src, size_t n, void *dst,
                                  size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    const void *out;
    TRY(encode(lane, first, src, n, dst, capacity, &out, written));
    REQUIRE(*written <= capacity, SLAB_ERR_RANGE, "%zu bytes do not fit %zu", *written, capacity);
    if (out != dst && *written > 0)
        memcpy(dst, out, *written);
done:
    return rc;
}
