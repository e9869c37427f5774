/*
 * Filter 32004: blocks of LZ4 behind a header of 12 bytes, all numbers big-endian:
 * total size (8), block size (4); for each block its size (4) and its bytes, which are raw when
 * that size is the block's own.
 */
#include <lz4.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec_impl.h>

enum { HEADER = 12, BLOCK_HEADER = 4, BLOCK_DEFAULT = 1 << 30 };

static size_t block_of(const slab_filter *filter, size_t n)
{
    size_t block = filter->nvalues > 0 ? filter->values[0] : 0;
    if (block == 0 || block > LZ4_MAX_INPUT_SIZE)
        block = BLOCK_DEFAULT;
    return block < n ? block : n;
}

static slab_status check(const slab_filter *filter, const slab_chunk_type *type)
{
    (void)filter, (void)type;
    return SLAB_OK;
}

static size_t bound(const slab_filter *filter, const slab_chunk_type *type, size_t n)
{
    (void)type;
    size_t block = block_of(filter, n);
    size_t blocks = n == 0 ? 0 : (n - 1) / block + 1;
    return bound_add(bound_add(n, HEADER), bound_multiply(blocks, BLOCK_HEADER));
}

/* One block of `size` bytes at out, from what is left at *src. */
static slab_status decode_block(const unsigned char **src, size_t *n, unsigned char *out,
                                size_t size)
{
    slab_status rc = SLAB_OK;
    REQUIRE(*n >= BLOCK_HEADER, SLAB_ERR_FORMAT, "lz4 chunk ends inside a block header");
    size_t packed = load_be32(*src);
    *src += BLOCK_HEADER;
    *n -= BLOCK_HEADER;
    REQUIRE(packed <= *n, SLAB_ERR_FORMAT, "lz4 block of %zu bytes is cut off after %zu", packed,
            *n);
    if (packed == size) {
        memcpy(out, *src, size);
    } else {
        REQUIRE(packed <= INT32_MAX && size <= INT32_MAX, SLAB_ERR_FORMAT,
                "lz4 block of %zu bytes is larger than lz4 allows", packed);
        int got = LZ4_decompress_safe((const char *)*src, (char *)out, (int)packed, (int)size);
        REQUIRE(got >= 0 && (size_t)got == size, SLAB_ERR_FORMAT,
                "lz4 block of %zu bytes does not decode to %zu", packed, size);
    }
    *src += packed;
    *n -= packed;
done:
    return rc;
}

static slab_status decode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *source, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    const unsigned char *src = source;
    (void)filter, (void)type, (void)state;
    REQUIRE(n >= HEADER, SLAB_ERR_FORMAT, "%zu bytes are too few for an lz4 chunk", n);
    uint64_t total = load_be64(src);
    size_t block = load_be32(src + 8);
    REQUIRE(total <= capacity, SLAB_ERR_FORMAT,
            "lz4 chunk decodes to %llu bytes where %zu are expected", (unsigned long long)total,
            capacity);
    REQUIRE(block > 0 || total == 0, SLAB_ERR_FORMAT, "lz4 chunk has blocks of no size");
    src += HEADER;
    n -= HEADER;
    for (size_t at = 0; at < total; at += block) {
        size_t size = total - at < block ? total - at : block;
        TRY(decode_block(&src, &n, (unsigned char *)dst + at, size));
    }
    *written = total;
done:
    return rc;
}

static slab_status encode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    size_t block = block_of(filter, n);
    unsigned char *out = dst;
    (void)state;
    REQUIRE(bound(filter, type, n) <= capacity, SLAB_ERR_RANGE, "no room for an lz4 chunk");
    store_be64(out, n);
    store_be32(out + 8, (uint32_t)block);
    out += HEADER;
    for (size_t at = 0; at < n; at += block) {
        size_t size = n - at < block ? n - at : block;
        const char *from = (const char *)src + at;
        /* A block that does not shrink is stored raw; its size then says so. */
        int packed =
            LZ4_compress_default(from, (char *)out + BLOCK_HEADER, (int)size, (int)size - 1);
        if (packed <= 0)
            memcpy(out + BLOCK_HEADER, from, size);
        size_t stored = packed > 0 ? (size_t)packed : size;
        store_be32(out, (uint32_t)stored);
        out += BLOCK_HEADER + stored;
    }
    *written = (size_t)(out - (unsigned char *)dst);
done:
    return rc;
}

static slab_status configure(slab_filter *filter, const slab_chunk_type *type, int level)
{
    slab_status rc = SLAB_OK;
    (void)type;
    REQUIRE(level < 0, SLAB_ERR_VALUE, "the lz4 filter has no level");
    filter->id = SLAB_FILTER_LZ4;
    filter->nvalues = 1;
    filter->values[0] = 0; /* the default block size */
done:
    return rc;
}

const slab_codec slab_codec_lz4 = {
    .name = "lz4",
    .id = SLAB_FILTER_LZ4,
    .summary = "LZ4 compression: the fastest, and the least of it",
    .check = check,
    .bound = bound,
    .decode = decode,
    .encode = encode,
    .configure = configure,
};
