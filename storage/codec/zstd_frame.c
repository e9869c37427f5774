/* What RFC 8878 says of a frame, as far as blocks of stored bytes need it. */
#include <slab/storage/codec/zstd_impl.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    MAGIC = 0xFD2FB528,
    SINGLE_SEGMENT = 1 << 5, /* the window is the content */
    CHECKSUM = 1 << 2,
    SIZE_OF_4 = 2 << 6, /* bytes of the content size */
    SIZE_OF_8 = 3 << 6
};
#define BLOCK_MOST ((size_t)128 << 10)

static size_t store_le(uint8_t *dst, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        dst[i] = (uint8_t)(value >> (8 * i));
    return bytes;
}

size_t slab_zstd_frame_begin(uint8_t *dst, size_t n)
{
    bool large = n > UINT32_MAX;
    size_t at = store_le(dst, MAGIC, 4);
    dst[at++] = (uint8_t)(SINGLE_SEGMENT | CHECKSUM | (large ? SIZE_OF_8 : SIZE_OF_4));
    return at + store_le(dst + at, n, large ? 8 : 4);
}

size_t slab_zstd_frame_store(uint8_t *dst, const uint8_t *src, size_t n, bool last)
{
    size_t at = 0;
    while (n > 0) {
        size_t block = n < BLOCK_MOST ? n : BLOCK_MOST;
        n -= block;
        at += store_le(dst + at, block << 3 | (last && n == 0), 3); /* type 0: stored */
        memcpy(dst + at, src, block);
        src += block;
        at += block;
    }
    return at;
}

size_t slab_zstd_frame_end(uint8_t *dst, const uint8_t *src, size_t n)
{
    return store_le(dst, XXH64(src, n, 0) & UINT32_MAX, 4);
}
