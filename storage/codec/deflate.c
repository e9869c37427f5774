/*
 * Filter 1: a zlib stream. libdeflate does whole buffers about twice as fast as zlib, both ways;
 * HDF5's chunks are whole buffers, and every stream that zlib can decode without a preset
 * dictionary (HDF5 has none) libdeflate can.
 */
#include <libdeflate.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec_impl.h>

enum { LEVEL_DEFAULT = 4, LEVEL_MAX = 9 };

typedef struct context {
    struct libdeflate_decompressor *decompressor;
    struct libdeflate_compressor *compressor; /* at this level: */
    int level;
} context;

static slab_status state_create(void **state)
{
    return slab_memory_alloc(state, 1, sizeof(context), "deflate state");
}

static void state_destroy(void *state)
{
    context *c = state;
    if (c) {
        libdeflate_free_decompressor(c->decompressor);
        libdeflate_free_compressor(c->compressor);
        slab_memory_free(c);
    }
}

static int level_of(const slab_filter *filter)
{
    return filter->nvalues > 0 && filter->values[0] <= LEVEL_MAX ? (int)filter->values[0]
                                                                 : LEVEL_DEFAULT;
}

/* As libdeflate 1.14 allocates: its match finders grow by steps of level. */
static size_t state_bytes(const slab_filter *filter, const slab_chunk_type *type, bool encode)
{
    (void)type;
    if (!encode)
        return 16 << 10;
    return (size_t)(level_of(filter) <= 1 ? 256 : 1024) << 10;
}

static slab_status check(const slab_filter *filter, const slab_chunk_type *type)
{
    (void)filter, (void)type;
    return SLAB_OK;
}

/* Stored blocks cost 5 bytes each; zlib's smallest block, at its smallest memory level, is 127. */
static size_t bound(const slab_filter *filter, const slab_chunk_type *type, size_t n)
{
    (void)filter, (void)type;
    size_t zlib = bound_add(n, bound_add(n / 127 * 5, 64));
    size_t ours = libdeflate_zlib_compress_bound(NULL, n);
    return ours > zlib ? ours : zlib;
}

static slab_status decode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    context *c = state;
    (void)filter, (void)type;
    if (!c->decompressor)
        c->decompressor = libdeflate_alloc_decompressor();
    REQUIRE(c->decompressor, SLAB_ERR_MEMORY, "no memory for a deflate decompressor");
    enum libdeflate_result result =
        libdeflate_zlib_decompress(c->decompressor, src, n, dst, capacity, written);
    REQUIRE(result != LIBDEFLATE_INSUFFICIENT_SPACE, SLAB_ERR_FORMAT,
            "deflate stream decodes to more than the %zu bytes expected", capacity);
    REQUIRE(result == LIBDEFLATE_SUCCESS, SLAB_ERR_FORMAT,
            "%zu bytes are not a whole deflate stream, or its checksum differs", n);
done:
    return rc;
}

static slab_status encode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    context *c = state;
    int level = level_of(filter);
    (void)type;
    if (c->compressor && c->level != level) {
        libdeflate_free_compressor(c->compressor);
        c->compressor = NULL;
    }
    if (!c->compressor)
        c->compressor = libdeflate_alloc_compressor(level);
    c->level = level;
    REQUIRE(c->compressor, SLAB_ERR_MEMORY, "no memory for a deflate compressor");
    *written = libdeflate_zlib_compress(c->compressor, src, n, dst, capacity);
    REQUIRE(*written > 0, SLAB_ERR_RANGE, "%zu bytes have no room for a deflate stream of %zu",
            capacity, n);
done:
    return rc;
}

static slab_status configure(slab_filter *filter, const slab_chunk_type *type, int level)
{
    slab_status rc = SLAB_OK;
    (void)type;
    REQUIRE(level <= LEVEL_MAX, SLAB_ERR_VALUE, "deflate level %d is not one of 0..%d", level,
            LEVEL_MAX);
    filter->id = SLAB_FILTER_DEFLATE;
    filter->nvalues = 1;
    filter->values[0] = (uint32_t)(level < 0 ? LEVEL_DEFAULT : level);
done:
    return rc;
}

const slab_codec slab_codec_deflate = {
    .name = "deflate",
    .id = SLAB_FILTER_DEFLATE,
    .summary = "gzip compression: read everywhere, slower than zstd",
    .check = check,
    .bound = bound,
    .decode = decode,
    .encode = encode,
    .state_create = state_create,
    .state_destroy = state_destroy,
    .configure = configure,
    .state_bytes = state_bytes,
};
