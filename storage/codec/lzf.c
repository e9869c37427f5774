/*
 * Filter 32000, h5py's "lzf": one LZF stream, read only. A control byte below 32 announces that
 * many literals and one; else its upper three bits are a match's length less 2 (7: the next byte is
 * added), its lower five and the byte behind them the distance less 1.
 */
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec_impl.h>

static slab_status check(const slab_filter *filter, const slab_chunk_type *type)
{
    (void)filter, (void)type;
    return SLAB_OK;
}

/* 32 literals take 33 bytes at worst. */
static size_t bound(const slab_filter *filter, const slab_chunk_type *type, size_t n)
{
    (void)filter, (void)type;
    return bound_add(n, n / 32 + 1);
}

/* A match may reach into what it is writing: then it repeats. */
static void copy_match(unsigned char *out, size_t distance, size_t length)
{
    const unsigned char *from = out - distance;
    if (distance >= length) {
        memcpy(out, from, length);
        return;
    }
    for (size_t i = 0; i < length; i++)
        out[i] = from[i];
}

static slab_status decode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *source, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    const unsigned char *src = source, *end = src + n;
    unsigned char *out = dst;
    size_t at = 0;
    (void)filter, (void)type, (void)state;
    while (src < end) {
        size_t control = *src++, length, distance;
        if (control < 32) {
            length = control + 1;
            REQUIRE(length <= (size_t)(end - src), SLAB_ERR_FORMAT,
                    "lzf chunk ends inside of %zu literals", length);
            REQUIRE(length <= capacity - at, SLAB_ERR_FORMAT,
                    "lzf chunk decodes to more than %zu bytes", capacity);
            memcpy(out + at, src, length);
            src += length;
        } else {
            length = control >> 5;
            REQUIRE(end - src >= (length == 7 ? 2 : 1), SLAB_ERR_FORMAT,
                    "lzf chunk ends inside of a match");
            length += length == 7 ? *src++ : 0;
            length += 2;
            distance = ((control & 31) << 8) + *src++ + 1;
            REQUIRE(distance <= at, SLAB_ERR_FORMAT, "lzf chunk points before its first byte");
            REQUIRE(length <= capacity - at, SLAB_ERR_FORMAT,
                    "lzf chunk decodes to more than %zu bytes", capacity);
            copy_match(out + at, distance, length);
        }
        at += length;
    }
    *written = at;
done:
    return rc;
}

const slab_codec slab_codec_lzf = {
    .name = "lzf",
    .id = SLAB_FILTER_LZF,
    .summary = "LZF compression, as h5py writes it: read only",
    .check = check,
    .bound = bound,
    .decode = decode,
};
