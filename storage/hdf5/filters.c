/* slab's codecs as HDF5 filters: so that H5Dread and H5Dwrite need no plugin. HDF5 brings its own
 * shuffle, deflate, fletcher32 and N-bit; only filters with numbers of other people's are given. */
#include <slab/storage/hdf5/library_impl.h>

#include <stdint.h>
#include <string.h>

#include <slab/storage/base/watch.h>

enum { FIRST_FOREIGN = 256 };

/* No chunk is larger; and what is guessed without a hint goes up to MOST_GUESS. */
static const uint64_t most_chunk = UINT32_MAX;
enum { MOST_GUESS = 1 << 30 };

/* The chunks being read or written now. Changed and used inside the HDF5 lock. */
static slab_chunk_type chunk_type;

static uint64_t big_endian(const uint8_t *p, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

/* The content size that a Zstandard frame's header states (RFC 8878, 3.1.1.1); 0: none. */
static uint64_t zstd_content(const uint8_t *p, size_t n)
{
    static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    static const uint8_t dictionary[4] = {0, 1, 2, 4};
    if (n < 18 || memcmp(p, magic, sizeof magic) != 0)
        return 0;
    unsigned kind = p[4] >> 6, single = (p[4] >> 5) & 1;
    if (kind == 0 && !single)
        return 0;
    const uint8_t *field = p + 5 + (single ? 0 : 1) + dictionary[p[4] & 3];
    uint64_t value = 0;
    for (int i = (1 << kind) - 1; i >= 0; i--)
        value = value << 8 | field[i];
    return kind == 1 ? value + 256 : value;
}

/* What a packed chunk says it decodes to; 0 when it does not say. HDF5 tells a filter neither the
 * size nor the dataset. */
static uint64_t stated_size(int id, const uint8_t *src, size_t n)
{
    if (id == SLAB_FILTER_ZSTD)
        return zstd_content(src, n);
    if ((id == SLAB_FILTER_LZ4 || id == SLAB_FILTER_BITSHUFFLE) && n >= 12)
        return big_endian(src, 8);
    return 0;
}

static slab_status decode(const slab_codec *codec, const slab_filter *filter, void *state,
                          const void *src, size_t n, void **out, size_t *written)
{
    slab_status rc = SLAB_OK;
    uint64_t stated = stated_size(codec->id, src, n);
    size_t room = stated > 0 ? (size_t)stated : chunk_type.bytes > n ? chunk_type.bytes : 4 * n;
    REQUIRE(stated <= most_chunk, SLAB_ERR_FORMAT, "a chunk says that it has %llu bytes",
            (unsigned long long)stated);
    for (;;) {
        *out = H5allocate_memory(room > 0 ? room : 1, 0);
        REQUIRE(*out != NULL, SLAB_ERR_MEMORY, "no memory for a chunk of %zu bytes", room);
        rc = codec->decode(filter, &chunk_type, state, src, n, *out, room, written);
        if (rc == SLAB_OK || stated > 0 || room >= MOST_GUESS)
            break;
        H5free_memory(*out);
        *out = NULL;
        room *= 2;
    }
done:
    return rc;
}

static slab_status encode(const slab_codec *codec, const slab_filter *filter, void *state,
                          const void *src, size_t n, void **out, size_t *written)
{
    slab_status rc = SLAB_OK;
    size_t room = codec->bound(filter, &chunk_type, n);
    REQUIRE(codec->encode != NULL, SLAB_ERR_UNSUPPORTED, "slab does not write filter '%s'",
            codec->name);
    *out = H5allocate_memory(room, 0);
    REQUIRE(*out != NULL, SLAB_ERR_MEMORY, "no memory for a chunk of %zu bytes", room);
    TRY(codec->encode(filter, &chunk_type, state, src, n, *out, room, written));
done:
    return rc;
}

static slab_status run(const slab_codec *codec, void **state, bool reverse, slab_filter *filter,
                       size_t n, size_t *size, void **buffer, size_t *written)
{
    slab_status rc = SLAB_OK;
    void *out = NULL;
    TRY(codec->check(filter, &chunk_type));
    if (codec->state_create != NULL && *state == NULL)
        TRY(codec->state_create(state));
    if (reverse)
        TRY(decode(codec, filter, *state, *buffer, n, &out, written));
    else
        TRY(encode(codec, filter, *state, *buffer, n, &out, written));
    H5free_memory(*buffer);
    *buffer = out;
    *size = *written;
    out = NULL;
done:
    H5free_memory(out);
    return rc;
}

/* What HDF5 calls: bytes in the buffer, replaced; 0 is failure. */
static size_t filter_chunk(const char *name, void **state, unsigned flags, size_t nvalues,
                           const unsigned *values, size_t n, size_t *size, void **buffer)
{
    const slab_codec *codec = slab_codec_by_name(name);
    slab_filter filter = {.id = codec->id, .flags = flags & H5Z_FLAG_OPTIONAL};
    size_t written = 0;
    filter.nvalues = (unsigned)nvalues;
    for (size_t i = 0; i < nvalues && i < SLAB_FILTER_VALUES_MAX; i++)
        filter.values[i] = values[i];
    slab_watch_ours(true);
    slab_status rc =
        run(codec, state, (flags & H5Z_FLAG_REVERSE) != 0, &filter, n, size, buffer, &written);
    slab_watch_ours(false);
    slab_watch_moved(n + written);
    return slab_driver_failed(rc) < 0 ? 0 : written;
}

/* A function a codec: HDF5 tells a filter neither its number nor a context. */
#define SLAB_CODEC(row)                                                                            \
    static size_t filter_##row(unsigned flags, size_t nvalues, const unsigned values[], size_t n,  \
                               size_t *size, void **buffer)                                        \
    {                                                                                              \
        static void *state;                                                                        \
        return filter_chunk(#row, &state, flags, nvalues, values, n, size, buffer);                \
    }
#include <slab/storage/codec/codec_list.h>
#undef SLAB_CODEC

typedef struct filter_row {
    const char *name;
    H5Z_func_t filter;
} filter_row;

static const filter_row rows[] = {
#define SLAB_CODEC(row) {#row, filter_##row},
#include <slab/storage/codec/codec_list.h>
#undef SLAB_CODEC
};

slab_status slab_hdf5_filters(const slab_chunk_type *type)
{
    slab_status rc = SLAB_OK;
    chunk_type = type != NULL ? *type : (slab_chunk_type){0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const slab_codec *codec = slab_codec_by_name(rows[i].name);
        if (codec == NULL || codec->id < FIRST_FOREIGN)
            continue;
        H5Z_class2_t filter = {
            .version = H5Z_CLASS_T_VERS,
            .id = codec->id,
            .encoder_present = codec->encode != NULL,
            .decoder_present = 1,
            .name = codec->name,
            .filter = rows[i].filter,
        };
        /* Again each time: the end of MPI closes HDF5. Registering twice replaces. */
        HDF5_REQUIRE(H5Zregister(&filter) >= 0, SLAB_ERR_HDF5, "HDF5 does not take filter '%s'",
                     codec->name);
    }
done:
    return rc;
}
