/*
 * Filter 32015: one Zstandard frame. What is written has its content size and checksum in it:
 * other readers fail without the former. See docs/on-disk.md.
 *
 * The checksum is compared here, not by the library: ours takes half the time (xxh64.c), and the
 * library's takes as long as decoding does where data are hardly compressible.
 */
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/xxh64_impl.h>
#include <slab/storage/codec/zstd_impl.h>
#include <zstd_errors.h>

/* Level 1 reached the ratio of level 3 on scientific data and compressed up to 2.3 times faster. */
enum { LEVEL_DEFAULT = 1 };

typedef struct context {
    ZSTD_DCtx *decompressor;
    bool sums; /* checksums are compared here */
    ZSTD_CCtx *compressor;
    slab_zstd_trial *trial;
    slab_zstd_stretch *stretches; /* of a chunk of `chunk` bytes, `nstretches` of them */
    size_t chunk, nstretches;
    slab_zstd_way way; /* of the stretch that is being packed */
} context;

static slab_status state_create(void **state)
{
    return slab_memory_alloc(state, 1, sizeof(context), "zstd state");
}

static void state_destroy(void *state)
{
    context *c = state;
    if (c) {
        ZSTD_freeDCtx(c->decompressor);
        ZSTD_freeCCtx(c->compressor);
        slab_memory_free(c->trial);
        slab_memory_free(c->stretches);
        slab_memory_free(c);
    }
}

/* Negative levels are stored as HDF5 has it: unsigned. */
static int level_of(const slab_filter *filter)
{
    int level = filter->nvalues > 0 ? (int)(int32_t)filter->values[0] : LEVEL_DEFAULT;
    return level > ZSTD_maxCLevel() ? ZSTD_maxCLevel() : level;
}

static slab_status check(const slab_filter *filter, const slab_chunk_type *type)
{
    (void)filter, (void)type;
    return SLAB_OK;
}

/* ZSTD_compressBound says 0 (or an error) for sizes that it cannot take. */
static size_t bound(const slab_filter *filter, const slab_chunk_type *type, size_t n)
{
    (void)filter, (void)type;
    size_t most = ZSTD_compressBound(n);
    return ZSTD_isError(most) || most < n ? SIZE_MAX : most;
}

/* Skippable frames at src; what is left starts with something else, or is nothing. */
static size_t skippable(const unsigned char *src, size_t n)
{
    size_t at = 0;
    while (n - at >= 8 && (src[at] & 0xf0) == 0x50 && src[at + 1] == 0x2a && src[at + 2] == 0x4d &&
           src[at + 3] == 0x18) {
        size_t size = ZSTD_findFrameCompressedSize(src + at, n - at);
        if (ZSTD_isError(size))
            break;
        at += size;
    }
    return at;
}

static slab_status make_decompressor(context *c)
{
    slab_status rc = SLAB_OK;
    if (c->decompressor)
        return SLAB_OK;
    c->decompressor = ZSTD_createDCtx();
    REQUIRE(c->decompressor, SLAB_ERR_MEMORY, "no memory for a zstd decompressor");
    /* A library that does not know this compares them itself. */
    c->sums = !ZSTD_isError(
        ZSTD_DCtx_setParameter(c->decompressor, ZSTD_d_forceIgnoreChecksum, ZSTD_d_ignoreChecksum));
done:
    return rc;
}

/* The frame's last four bytes are the low half of its content's XXH64, when its header says so. */
static void read_checksum(const unsigned char *frame, size_t size, const void *content, size_t n,
                          slab_check *check)
{
    static const unsigned char magic[4] = {0x28, 0xb5, 0x2f, 0xfd}; /* older formats have no sum */
    check->due = size >= 9 && memcmp(frame, magic, sizeof magic) == 0 && (frame[4] & 4);
    if (!check->due)
        return;
    memcpy(&check->stated, frame + size - 4, 4);
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        check->stated = __builtin_bswap32(check->stated);
    slab_xxh64_begin(&check->sum, content, n);
}

static slab_status decode_unchecked(const slab_filter *filter, const slab_chunk_type *type,
                                    void *state, const void *src, size_t n, void *dst,
                                    size_t capacity, size_t *written, slab_check *check)
{
    slab_status rc = SLAB_OK;
    context *c = state;
    (void)filter, (void)type;
    const unsigned char *frame = src;
    size_t skipped = skippable(frame, n);
    frame += skipped;
    n -= skipped;
    unsigned long long content = ZSTD_getFrameContentSize(frame, n);
    size_t size = ZSTD_findFrameCompressedSize(frame, n);
    REQUIRE(content != ZSTD_CONTENTSIZE_ERROR && !ZSTD_isError(size), SLAB_ERR_FORMAT,
            "%zu bytes are not a whole zstd frame", n);
    REQUIRE(content == ZSTD_CONTENTSIZE_UNKNOWN || content <= capacity, SLAB_ERR_FORMAT,
            "zstd frame decodes to %llu bytes where %zu are expected", content, capacity);
    REQUIRE(size + skippable(frame + size, n - size) == n, SLAB_ERR_FORMAT,
            "%zu bytes follow the zstd frame: a chunk is one frame", n - size);
    TRY(make_decompressor(c));
    *written = ZSTD_decompressDCtx(c->decompressor, dst, capacity, frame, size);
    if (ZSTD_isError(*written)) {
        const char *why = ZSTD_getErrorName(*written);
        FAIL(ZSTD_getErrorCode(*written) == ZSTD_error_checksum_wrong ? SLAB_ERR_CHECKSUM
                                                                      : SLAB_ERR_FORMAT,
             "zstd cannot decode %zu bytes: %s", size, why);
    }
    check->due = false;
    if (c->sums)
        read_checksum(frame, size, dst, *written, check);
done:
    return rc;
}

static slab_status decode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    slab_check check;
    TRY(decode_unchecked(filter, type, state, src, n, dst, capacity, written, &check));
    TRY(slab_check_compare(&check));
done:
    return rc;
}

static void set_frame(context *c, int level)
{
    ZSTD_CCtx_reset(c->compressor, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(c->compressor, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(c->compressor, ZSTD_c_contentSizeFlag, 1);
    ZSTD_CCtx_setParameter(c->compressor, ZSTD_c_checksumFlag, 1);
}

#if SLAB_ZSTD_TAKES_MATCHES
/* zstd asks for a block's matches here. An error sends it to its own search. */
static size_t matches_of(void *state, ZSTD_Sequence *out, size_t room, const void *src, size_t n,
                         const void *dictionary, size_t dictionary_bytes, int level, size_t window)
{
    const context *c = state;
    (void)dictionary, (void)dictionary_bytes, (void)level, (void)window;
    if (c->way == SLAB_ZSTD_SEARCH || room < SLAB_ZSTD_RUNS_MOST(n))
        return ZSTD_SEQUENCE_PRODUCER_ERROR;
    return slab_zstd_runs(c->way, src, n, out);
}

static slab_status prepare_stretches(context *c, size_t n, size_t plane)
{
    slab_status rc = SLAB_OK;
    if (!c->trial) {
        TRY(slab_memory_alloc((void **)&c->trial, 1, slab_zstd_trial_bytes(), "zstd state"));
        slab_zstd_trial_init(c->trial);
    }
    if (c->chunk != n) {
        FREE(c->stretches);
        c->chunk = 0;
        c->nstretches = slab_zstd_stretches(n, plane);
        ALLOC(c->stretches, c->nstretches, "stretches of a chunk");
        c->chunk = n;
    }
done:
    return rc;
}

/* Is nothing else asked of zstd than at level 1? */
static bool is_searched(const context *c)
{
    for (size_t i = 0; i < c->nstretches; i++)
        if (c->stretches[i].way != SLAB_ZSTD_SEARCH)
            return false;
    return true;
}

/* Blocks only: the head of their frame is the caller's affair. False: this zstd refuses. */
static bool set_blocks(context *c)
{
    static const struct {
        ZSTD_cParameter name;
        int value;
    } wanted[] = {{ZSTD_c_format, ZSTD_f_zstd1_magicless},
                  {ZSTD_c_contentSizeFlag, 0},
                  {ZSTD_c_checksumFlag, 0},
                  {ZSTD_c_stableInBuffer, 1},
                  {ZSTD_c_stableOutBuffer, 1},
                  {ZSTD_c_enableSeqProducerFallback, 1},
                  {ZSTD_c_searchForExternalRepcodes, ZSTD_ps_enable}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (ZSTD_isError(ZSTD_CCtx_setParameter(c->compressor, wanted[i].name, wanted[i].value)))
            return false;
    ZSTD_registerSequenceProducer(c->compressor, c, matches_of);
    return true;
}

/* Stretches first .. last - 1, n bytes, in blocks that end where stretches end; *written or zstd's
 * error. Buffers are read and written in place. */
static size_t compress_blocks(context *c, size_t first, size_t last, const uint8_t *src, size_t n,
                              bool is_end, uint8_t *dst, size_t capacity)
{
    enum { HEAD = 2 }; /* of a frame without magic number and content size */
    ZSTD_inBuffer in = {src, 0, 0};
    ZSTD_outBuffer out = {dst - HEAD, capacity + HEAD, 0};
    size_t left = 0;
    uint8_t before[HEAD];
    memcpy(before, dst - HEAD, HEAD);
    ZSTD_CCtx_setPledgedSrcSize(c->compressor, n);
    for (size_t i = first; i < last && left == 0; i++) {
        const slab_zstd_stretch *s = &c->stretches[i];
        size_t end = in.size + s->bytes;
        c->way = s->way;
        while (in.size < end && left == 0) { /* anything that is left is an error */
            in.size = end - in.size < s->block ? end : in.size + s->block;
            ZSTD_EndDirective how = is_end && in.size == n ? ZSTD_e_end : ZSTD_e_flush;
            left = ZSTD_compressStream2(c->compressor, &out, &in, how);
        }
    }
    memcpy(dst - HEAD, before, HEAD);
    return left ? left : out.pos - HEAD;
}

/* One frame: stored stretches, what zstd packs, stored stretches. zstd sees its part alone, and its
 * matches start from what a frame starts with, because stored blocks change nothing of it. */
static size_t compress_stretches(context *c, const uint8_t *src, size_t n, uint8_t *dst,
                                 size_t capacity)
{
    const slab_zstd_stretch *s = c->stretches;
    size_t first = 0, last = c->nstretches, head = 0, tail = 0;
    for (; first < last && s[first].way == SLAB_ZSTD_STORED; first++)
        head += s[first].bytes;
    for (; last > first && s[last - 1].way == SLAB_ZSTD_STORED; last--)
        tail += s[last - 1].bytes;
    size_t packed = n - head - tail, at = slab_zstd_frame_begin(dst, n);
    at += slab_zstd_frame_store(dst + at, src, head, head == n);
    if (packed > 0) {
        size_t end = capacity - SLAB_ZSTD_STORED_MOST(tail) - at;
        size_t size = compress_blocks(c, first, last, src + head, packed, tail == 0, dst + at, end);
        if (ZSTD_isError(size))
            return size;
        at += size;
    }
    at += slab_zstd_frame_store(dst + at, src + head + packed, tail, true);
    return at + slab_zstd_frame_end(dst + at, src, n);
}

static slab_status compress(context *c, const slab_filter *filter, const slab_chunk_type *type,
                            const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    size_t planes = n == type->bytes && type->dtype.size > 0 ? type->dtype.size : 1;
    if (filter->adapts && slab_zstd_stretches(n, n / planes) > 0) {
        TRY(prepare_stretches(c, n, n / planes));
        slab_zstd_choose(c->trial, src, n, n / planes, c->stretches);
        if (!is_searched(c) && capacity >= ZSTD_compressBound(n) && set_blocks(c)) {
            *written = compress_stretches(c, src, n, dst, capacity);
            goto done;
        }
        set_frame(c, level_of(filter));
    }
    *written = ZSTD_compress2(c->compressor, dst, capacity, src, n);
done:
    return rc;
}
#else
static slab_status compress(context *c, const slab_filter *filter, const slab_chunk_type *type,
                            const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    (void)filter, (void)type;
    *written = ZSTD_compress2(c->compressor, dst, capacity, src, n);
    return SLAB_OK;
}
#endif

static slab_status encode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    context *c = state;
    if (!c->compressor)
        c->compressor = ZSTD_createCCtx();
    REQUIRE(c->compressor, SLAB_ERR_MEMORY, "no memory for a zstd compressor");
    set_frame(c, level_of(filter));
    TRY(compress(c, filter, type, src, n, dst, capacity, written));
    REQUIRE(!ZSTD_isError(*written), SLAB_ERR_RANGE, "zstd cannot encode %zu bytes into %zu: %s", n,
            capacity, ZSTD_getErrorName(*written));
done:
    return rc;
}

static slab_status configure(slab_filter *filter, const slab_chunk_type *type, int level)
{
    slab_status rc = SLAB_OK;
    (void)type;
    REQUIRE(level <= ZSTD_maxCLevel(), SLAB_ERR_VALUE, "zstd level %d is not one of 1..%d", level,
            ZSTD_maxCLevel());
    filter->id = SLAB_FILTER_ZSTD;
    filter->nvalues = 1;
    filter->values[0] = (uint32_t)(level < 0 ? LEVEL_DEFAULT : level);
    filter->adapts = level < 0;
done:
    return rc;
}

/* What ZSTD_sizeof_CCtx and ZSTD_sizeof_DCtx say on 1.5.4: a level has tables of a fixed size, of
 * which a small chunk uses less. */
static size_t state_bytes(const slab_filter *filter, const slab_chunk_type *type, bool encode)
{
    static const unsigned kib[] = {1280, 768,  768,   1280,  2560,  3584, 3584,
                                   6656, 6656, 12800, 12800, 12800, 49664};
    enum { LEVELS = sizeof kib / sizeof *kib };
    int level = level_of(filter);
    if (!encode)
        return 96 << 10;
    size_t by_size = bound_add(768 << 10, bound_multiply(17, type->bytes));
    size_t by_level = level >= LEVELS ? SIZE_MAX : (size_t)kib[level < 0 ? 1 : level] << 10;
    size_t bytes = by_size < by_level ? by_size : by_level;
    /* a block's matches in zstd's memory, and trials */
    return filter->adapts ? bound_add(bytes, 800 << 10) + slab_zstd_trial_bytes() : bytes;
}

const slab_codec slab_codec_zstd = {
    .name = "zstd",
    .id = SLAB_FILTER_ZSTD,
    .summary = "Zstandard compression with a checksum in every chunk",
    .check = check,
    .bound = bound,
    .decode = decode,
    .decode_unchecked = decode_unchecked,
    .encode = encode,
    .state_create = state_create,
    .state_destroy = state_destroy,
    .configure = configure,
    .state_bytes = state_bytes,
};
