/**
 * What the codecs share: their rows, and numbers in the byte order that formats use.
 */
#ifndef SLAB_STORAGE_CODEC_CODEC_IMPL_H
#define SLAB_STORAGE_CODEC_CODEC_IMPL_H

#include <slab/storage/codec/codec.h>
#include <slab/storage/codec/xxh64_impl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SLAB_CODEC(row) extern const slab_codec slab_codec_##row;
#include <slab/storage/codec/codec_list.h>
#undef SLAB_CODEC

struct slab_check {
    bool due;
    uint32_t stated; /* the low half of the sum */
    slab_xxh64_run sum;
};

/** Sums the rest and compares. @retval SLAB_ERR_CHECKSUM  differs; it is no longer due */
slab_status slab_check_compare(slab_check *check);

static inline uint64_t load_be64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v;
}

static inline uint32_t load_be32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(v) : v;
}

static inline void store_be64(unsigned char *p, uint64_t v)
{
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

static inline void store_be32(unsigned char *p, uint32_t v)
{
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

/** a + b and a * b, held at SIZE_MAX: a bound that no buffer can have. */
static inline size_t bound_add(size_t a, size_t b)
{
    size_t c;
    return __builtin_add_overflow(a, b, &c) ? SIZE_MAX : c;
}

static inline size_t bound_multiply(size_t a, size_t b)
{
    size_t c;
    return __builtin_mul_overflow(a, b, &c) ? SIZE_MAX : c;
}

#endif
