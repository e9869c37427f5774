/*
 * HDF5 filter 32015 for programs that are not slab: h5dump, h5py, MATLAB. It uses nothing of the
 * HDF5 library but its declarations, so the same file serves the serial and the MPI builds, old
 * and new.
 */
#include <H5PLextern.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>

enum { FILTER_ZSTD = 32015, LEVEL_DEFAULT = 1 };

/* HDF5 has no chunk of 4 GiB or more: a frame that claims one is damaged. */
static const unsigned long long chunk_max = UINT32_MAX;

/* Contexts are kept from chunk to chunk; a second thread finds none and makes its own. */
static _Atomic(ZSTD_DCtx *) spare_decompressor;
static _Atomic(ZSTD_CCtx *) spare_compressor;

__attribute__((destructor)) static void free_spares(void)
{
    ZSTD_freeDCtx(atomic_exchange(&spare_decompressor, NULL));
    ZSTD_freeCCtx(atomic_exchange(&spare_compressor, NULL));
}

/* Frames that hold no data, as padding is made of; stops at the first that does. */
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

/* Decodes a frame that does not state its size into a block that grows. */
static void *decode_stream(ZSTD_DCtx *context, const void *src, size_t n, size_t *decoded,
                           size_t *room)
{
    ZSTD_inBuffer in = {src, n, 0};
    ZSTD_outBuffer out = {NULL, 0, 0};
    size_t left = 1;
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    while (left > 0) {
        if (out.pos == out.size) {
            size_t size = out.size ? 2 * out.size : 4 * n + 65536;
            void *block = size <= 2 * chunk_max ? realloc(out.dst, size) : NULL;
            if (!block)
                break;
            out.dst = block;
            out.size = size;
        }
        size_t before = in.pos + out.pos;
        left = ZSTD_decompressStream(context, &out, &in);
        if (ZSTD_isError(left) || (left > 0 && in.pos + out.pos == before))
            break;
    }
    if (left > 0 || out.pos > chunk_max) {
        free(out.dst);
        return NULL;
    }
    *decoded = out.pos;
    *room = out.size;
    return out.dst;
}

static void *decode_whole(ZSTD_DCtx *context, const void *src, size_t n, size_t content,
                          size_t *decoded, size_t *room)
{
    *room = content > 0 ? content : 1;
    void *block = malloc(*room);
    if (!block)
        return NULL;
    *decoded = ZSTD_decompressDCtx(context, block, content, src, n);
    if (ZSTD_isError(*decoded)) {
        free(block);
        return NULL;
    }
    return block;
}

/* A new block with what the one data frame in src holds; NULL when there is not exactly one. */
static void *decode(const unsigned char *src, size_t n, size_t *decoded, size_t *room)
{
    size_t skipped = skippable(src, n);
    src += skipped;
    n -= skipped;
    unsigned long long content = ZSTD_getFrameContentSize(src, n);
    size_t size = ZSTD_findFrameCompressedSize(src, n);
    if (content == ZSTD_CONTENTSIZE_ERROR || ZSTD_isError(size) ||
        (content != ZSTD_CONTENTSIZE_UNKNOWN && content > chunk_max) ||
        size + skippable(src + size, n - size) != n)
        return NULL;
    ZSTD_DCtx *context = atomic_exchange(&spare_decompressor, NULL);
    if (!context)
        context = ZSTD_createDCtx();
    if (!context)
        return NULL;
    void *block = content == ZSTD_CONTENTSIZE_UNKNOWN
                      ? decode_stream(context, src, size, decoded, room)
                      : decode_whole(context, src, size, (size_t)content, decoded, room);
    ZSTD_freeDCtx(atomic_exchange(&spare_decompressor, context));
    return block;
}

/* A new block with one frame: content size and checksum in it. */
static void *encode(const void *src, size_t n, int level, size_t *encoded, size_t *room)
{
    *room = ZSTD_compressBound(n);
    void *block = ZSTD_isError(*room) ? NULL : malloc(*room);
    ZSTD_CCtx *context = atomic_exchange(&spare_compressor, NULL);
    if (!context)
        context = ZSTD_createCCtx();
    *encoded = 0;
    if (block && context) {
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1);
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
        *encoded = ZSTD_compress2(context, block, *room, src, n);
    }
    ZSTD_freeCCtx(atomic_exchange(&spare_compressor, context));
    if (*encoded == 0 || ZSTD_isError(*encoded)) {
        free(block);
        return NULL;
    }
    return block;
}

/* HDF5's contract: replaces *buf, returns its bytes in use; 0 is a failure and changes nothing. */
static size_t filter(unsigned flags, size_t nvalues, const unsigned values[], size_t nbytes,
                     size_t *buf_size, void **buf)
{
    size_t used = 0, room = 0;
    int level = nvalues > 0 ? (int)values[0] : LEVEL_DEFAULT;
    level = level > ZSTD_maxCLevel() ? ZSTD_maxCLevel() : level;
    void *block = flags & H5Z_FLAG_REVERSE ? decode(*buf, nbytes, &used, &room)
                                           : encode(*buf, nbytes, level, &used, &room);
    if (!block)
        return 0;
    free(*buf);
    *buf = block;
    *buf_size = room;
    return used;
}

static const H5Z_class2_t filter_class = {
    .version = H5Z_CLASS_T_VERS,
    .id = FILTER_ZSTD,
    .encoder_present = 1,
    .decoder_present = 1,
    .name = "Zstandard compression: http://www.zstd.net",
    .filter = filter,
};

H5PL_type_t H5PLget_plugin_type(void)
{
    return H5PL_TYPE_FILTER;
}

const void *H5PLget_plugin_info(void)
{
    return &filter_class;
}
