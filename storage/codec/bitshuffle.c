/*
 * Filter 32008: bits of all elements, sorted by their place in the element, block by block; with
 * LZ4 or zstd behind it. Then a header of 12 bytes goes first: total size (8, big-endian), block
 * size in bytes (4); each block has its compressed size (4) in front. The last block holds what is
 * left in whole eights of elements; up to seven elements stay as they are at the end.
 */
#include <lz4.h>
#include <slab/storage/base/clones.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec_impl.h>
#include <slab/storage/codec/shuffle_impl.h>
#include <zstd.h>

enum { MAJOR, MINOR, SIZE, BLOCK, METHOD, LEVEL, NVALUES };
enum { METHOD_NONE = 0, METHOD_LZ4 = 2, METHOD_ZSTD = 3 };
enum { HEADER = 12, BLOCK_HEADER = 4, EIGHT = 8, BLOCK_TARGET = 8192, BLOCK_MIN = 128 };

typedef struct context {
    unsigned char *planes, *bits; /* of one block each */
    size_t room;
    ZSTD_DCtx *decompressor;
    ZSTD_CCtx *compressor;
} context;

static uint32_t value_of(const slab_filter *filter, unsigned i)
{
    return i < filter->nvalues && i < SLAB_FILTER_VALUES_MAX ? filter->values[i] : 0;
}

/* Elements of a block, as stated or as the format's default has it. */
static size_t block_of(const slab_filter *filter)
{
    size_t block = value_of(filter, BLOCK), size = value_of(filter, SIZE);
    if (block == 0) {
        block = BLOCK_TARGET / size / EIGHT * EIGHT;
        block = block < BLOCK_MIN ? BLOCK_MIN : block;
    }
    return block;
}

static slab_status state_create(void **state)
{
    return slab_memory_alloc(state, 1, sizeof(context), "bitshuffle state");
}

static void state_destroy(void *state)
{
    context *c = state;
    if (c) {
        slab_memory_free(c->planes);
        slab_memory_free(c->bits);
        ZSTD_freeDCtx(c->decompressor);
        ZSTD_freeCCtx(c->compressor);
        slab_memory_free(c);
    }
}

static slab_status reserve(context *c, size_t bytes)
{
    slab_status rc = SLAB_OK;
    if (bytes > c->room) {
        c->room = 0;
        FREE(c->planes);
        FREE(c->bits);
        ALLOC(c->planes, bytes, "bitshuffle block");
        ALLOC(c->bits, bytes, "bitshuffle block");
        c->room = bytes;
    }
done:
    return rc;
}

static size_t state_bytes(const slab_filter *filter, const slab_chunk_type *type, bool encode)
{
    size_t block = bound_multiply(block_of(filter), value_of(filter, SIZE));
    block = block < type->bytes ? block : type->bytes;
    size_t zstd = value_of(filter, METHOD) == METHOD_ZSTD ? (size_t)(encode ? 2048 : 160) << 10 : 0;
    return bound_add(bound_multiply(2, block), zstd);
}

static slab_status check(const slab_filter *filter, const slab_chunk_type *type)
{
    slab_status rc = SLAB_OK;
    uint32_t method = value_of(filter, METHOD);
    (void)type;
    REQUIRE(filter->nvalues > SIZE && value_of(filter, SIZE) > 0, SLAB_ERR_UNSUPPORTED,
            "the bitshuffle filter does not state its element size");
    REQUIRE(value_of(filter, BLOCK) % EIGHT == 0, SLAB_ERR_UNSUPPORTED,
            "bitshuffle blocks of %u elements, not a multiple of 8", value_of(filter, BLOCK));
    REQUIRE(method == METHOD_NONE || method == METHOD_LZ4 || method == METHOD_ZSTD,
            SLAB_ERR_UNSUPPORTED, "bitshuffle with compression method %u", method);
done:
    return rc;
}

/* The most a block of n bytes may take. */
static size_t block_bound(const slab_filter *filter, size_t n)
{
    if (value_of(filter, METHOD) == METHOD_ZSTD) {
        size_t most = ZSTD_compressBound(n);
        return ZSTD_isError(most) || most < n ? SIZE_MAX : most;
    }
    return n <= LZ4_MAX_INPUT_SIZE ? (size_t)LZ4_compressBound((int)n) : SIZE_MAX;
}

static size_t bound(const slab_filter *filter, const slab_chunk_type *type, size_t n)
{
    size_t block = bound_multiply(block_of(filter), value_of(filter, SIZE));
    (void)type;
    if (value_of(filter, METHOD) == METHOD_NONE)
        return n;
    block = block < n ? block : n;
    size_t each = bound_add(block_bound(filter, block), BLOCK_HEADER);
    size_t blocks = n == 0 ? 0 : n / block + 1;
    size_t rest =
        bound_multiply(EIGHT, value_of(filter, SIZE)); /* less than this is stored as it is */
    return bound_add(bound_multiply(blocks, each), HEADER + (rest < n ? rest : n));
}

/* Transposes 8 x 8 bits in each of n words (Hacker's Delight, 7-3); its own inverse. */
SLAB_CLONES static void transpose_bits(unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t x, t;
        memcpy(&x, p + 8 * i, 8);
        t = (x ^ x >> 7) & 0x00aa00aa00aa00aau;
        x ^= t ^ t << 7;
        t = (x ^ x >> 14) & 0x0000cccc0000ccccu;
        x ^= t ^ t << 14;
        t = (x ^ x >> 28) & 0x00000000f0f0f0f0u;
        x ^= t ^ t << 28;
        memcpy(p + 8 * i, &x, 8);
    }
}

/* One block of count elements (a multiple of 8): bytes into planes, planes into rows of bits. */
static void sort_bits(context *c, size_t size, size_t count, const unsigned char *src,
                      unsigned char *dst)
{
    slab_simd simd = slab_simd_best();
    if (size > 1)
        slab_shuffle(simd, size, count, src, c->planes);
    else
        memcpy(c->planes, src, count);
    transpose_bits(c->planes, size * count / EIGHT);
    for (size_t b = 0; b < size; b++)
        slab_shuffle(simd, EIGHT, count / EIGHT, c->planes + b * count, dst + b * count);
}

static void unsort_bits(context *c, size_t size, size_t count, const unsigned char *src,
                        unsigned char *dst)
{
    slab_simd simd = slab_simd_best();
    unsigned char *planes = size > 1 ? c->planes : dst;
    for (size_t b = 0; b < size; b++)
        slab_unshuffle(simd, EIGHT, count / EIGHT, src + b * count, planes + b * count);
    transpose_bits(planes, size * count / EIGHT);
    if (size > 1)
        slab_unshuffle(simd, size, count, planes, dst);
}

/* Without compression: the same bytes in another order. */
static slab_status run_plain(const slab_filter *filter, context *c, bool forward,
                             const unsigned char *src, size_t n, unsigned char *dst,
                             size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    size_t size = value_of(filter, SIZE), block = block_of(filter);
    REQUIRE(n <= capacity && n % size == 0, SLAB_ERR_FORMAT,
            "a bitshuffled chunk holds %zu bytes where %zu are expected", n, capacity);
    size_t count = n / size, sorted = count / EIGHT * EIGHT;
    TRY(reserve(c, (block < count ? block : count) * size));
    for (size_t i = 0; i < sorted; i += block) {
        size_t m = sorted - i < block ? sorted - i : block;
        if (forward)
            sort_bits(c, size, m, src + i * size, dst + i * size);
        else
            unsort_bits(c, size, m, src + i * size, dst + i * size);
    }
    if (count > sorted)
        memcpy(dst + sorted * size, src + sorted * size, (count - sorted) * size);
    *written = n;
done:
    return rc;
}

/* n packed bytes to exactly `bytes` in c->bits. */
static slab_status unpack_block(context *c, uint32_t method, const unsigned char *src, size_t n,
                                size_t bytes)
{
    slab_status rc = SLAB_OK;
    size_t got;
    if (method == METHOD_ZSTD) {
        if (!c->decompressor)
            c->decompressor = ZSTD_createDCtx();
        REQUIRE(c->decompressor, SLAB_ERR_MEMORY, "no memory for a zstd decompressor");
        got = ZSTD_decompressDCtx(c->decompressor, c->bits, bytes, src, n);
    } else {
        REQUIRE(n <= INT32_MAX && bytes <= INT32_MAX, SLAB_ERR_FORMAT,
                "bitshuffle block of %zu bytes is larger than lz4 allows", n);
        int result = LZ4_decompress_safe((const char *)src, (char *)c->bits, (int)n, (int)bytes);
        got = result < 0 ? SIZE_MAX : (size_t)result;
    }
    REQUIRE(got == bytes, SLAB_ERR_FORMAT, "bitshuffle block of %zu bytes does not decode to %zu",
            n, bytes);
done:
    return rc;
}

static slab_status decode_packed(const slab_filter *filter, context *c, const unsigned char *src,
                                 size_t n, unsigned char *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    size_t size = value_of(filter, SIZE);
    REQUIRE(n >= HEADER, SLAB_ERR_FORMAT, "%zu bytes are too few for a bitshuffle chunk", n);
    uint64_t total = load_be64(src);
    size_t block = load_be32(src + 8) / size;
    REQUIRE(total <= capacity && total % size == 0, SLAB_ERR_FORMAT,
            "bitshuffle chunk decodes to %llu bytes where %zu are expected",
            (unsigned long long)total, capacity);
    REQUIRE(block > 0 && block % EIGHT == 0, SLAB_ERR_FORMAT,
            "bitshuffle chunk has blocks of %zu elements", block);
    size_t count = (size_t)total / size, sorted = count / EIGHT * EIGHT, left = n - HEADER;
    const unsigned char *p = src + HEADER;
    TRY(reserve(c, (block < count ? block : count) * size));
    for (size_t i = 0; i < sorted; i += block) {
        size_t m = sorted - i < block ? sorted - i : block;
        REQUIRE(left >= BLOCK_HEADER && load_be32(p) <= left - BLOCK_HEADER, SLAB_ERR_FORMAT,
                "bitshuffle chunk of %zu bytes is cut off", n);
        size_t packed = load_be32(p);
        TRY(unpack_block(c, value_of(filter, METHOD), p + BLOCK_HEADER, packed, m * size));
        unsort_bits(c, size, m, c->bits, dst + i * size);
        p += BLOCK_HEADER + packed;
        left -= BLOCK_HEADER + packed;
    }
    REQUIRE(left >= (count - sorted) * size, SLAB_ERR_FORMAT,
            "bitshuffle chunk of %zu bytes is cut off", n);
    if (count > sorted)
        memcpy(dst + sorted * size, p, (count - sorted) * size);
    *written = (size_t)total;
done:
    return rc;
}

static slab_status decode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    (void)type;
    if (value_of(filter, METHOD) == METHOD_NONE)
        return run_plain(filter, state, false, src, n, dst, capacity, written);
    return decode_packed(filter, state, src, n, dst, capacity, written);
}

/* The block in c->bits to at most `room` bytes at dst. */
static slab_status pack_block(const slab_filter *filter, context *c, size_t bytes,
                              unsigned char *dst, size_t room, size_t *packed)
{
    slab_status rc = SLAB_OK;
    if (value_of(filter, METHOD) == METHOD_ZSTD) {
        if (!c->compressor)
            c->compressor = ZSTD_createCCtx();
        REQUIRE(c->compressor, SLAB_ERR_MEMORY, "no memory for a zstd compressor");
        int level = (int)(int32_t)value_of(filter, LEVEL); /* 0: zstd's own default */
        *packed = ZSTD_compressCCtx(c->compressor, dst, room, c->bits, bytes, level);
        REQUIRE(!ZSTD_isError(*packed), SLAB_ERR_RANGE, "zstd cannot encode %zu bytes: %s", bytes,
                ZSTD_getErrorName(*packed));
    } else {
        int most = room < INT32_MAX ? (int)room : INT32_MAX;
        int got = LZ4_compress_default((const char *)c->bits, (char *)dst, (int)bytes, most);
        REQUIRE(got > 0, SLAB_ERR_RANGE, "lz4 cannot encode %zu bytes", bytes);
        *packed = (size_t)got;
    }
done:
    return rc;
}

static slab_status encode_packed(const slab_filter *filter, context *c, const unsigned char *src,
                                 size_t n, unsigned char *dst, size_t *written)
{
    slab_status rc = SLAB_OK;
    size_t size = value_of(filter, SIZE), block = block_of(filter);
    unsigned char *p = dst + HEADER;
    REQUIRE(n % size == 0, SLAB_ERR_RANGE, "%zu bytes are not whole elements of %zu", n, size);
    REQUIRE(bound_multiply(block, size) <= UINT32_MAX, SLAB_ERR_RANGE,
            "bitshuffle blocks of %zu elements of %zu bytes are too large", block, size);
    size_t count = n / size, sorted = count / EIGHT * EIGHT;
    TRY(reserve(c, (block < count ? block : count) * size));
    store_be64(dst, n);
    store_be32(dst + 8, (uint32_t)(block * size));
    for (size_t i = 0; i < sorted; i += block) {
        size_t m = sorted - i < block ? sorted - i : block, packed = 0;
        sort_bits(c, size, m, src + i * size, c->bits);
        TRY(pack_block(filter, c, m * size, p + BLOCK_HEADER, block_bound(filter, m * size),
                       &packed));
        store_be32(p, (uint32_t)packed);
        p += BLOCK_HEADER + packed;
    }
    if (count > sorted)
        memcpy(p, src + sorted * size, (count - sorted) * size);
    *written = (size_t)(p - dst) + (count - sorted) * size;
done:
    return rc;
}

static slab_status encode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    if (value_of(filter, METHOD) == METHOD_NONE)
        return run_plain(filter, state, true, src, n, dst, capacity, written);
    REQUIRE(bound(filter, type, n) <= capacity, SLAB_ERR_RANGE, "no room for a bitshuffle chunk");
    TRY(encode_packed(filter, state, src, n, dst, written));
done:
    return rc;
}

/* Without a level LZ4, with one zstd. */
static slab_status configure(slab_filter *filter, const slab_chunk_type *type, int level)
{
    slab_status rc = SLAB_OK;
    REQUIRE(level <= ZSTD_maxCLevel(), SLAB_ERR_VALUE, "zstd level %d is not one of 1..%d", level,
            ZSTD_maxCLevel());
    filter->id = SLAB_FILTER_BITSHUFFLE;
    filter->nvalues = level < 0 ? LEVEL : NVALUES;
    filter->values[MAJOR] = 0; /* of the reference implementation that the format is that of */
    filter->values[MINOR] = 4;
    filter->values[SIZE] = type->dtype.size;
    filter->values[BLOCK] = 0;
    filter->values[METHOD] = level < 0 ? METHOD_LZ4 : METHOD_ZSTD;
    filter->values[LEVEL] = (uint32_t)(level < 0 ? 0 : level);
done:
    return rc;
}

const slab_codec slab_codec_bitshuffle = {
    .name = "bitshuffle",
    .id = SLAB_FILTER_BITSHUFFLE,
    .summary = "sorts bits by significance, then LZ4 (or zstd, with a level)",
    .check = check,
    .bound = bound,
    .decode = decode,
    .encode = encode,
    .state_create = state_create,
    .state_destroy = state_destroy,
    .configure = configure,
    .state_bytes = state_bytes,
};
