/* Filter 5: integers packed to the bits that their type declares. */
#include <inttypes.h>
#include <slab/storage/base/try.h>
#include <slab/storage/codec/codec_impl.h>
#include <slab/storage/codec/nbit_impl.h>

/* The client data, as HDF5 lays it out for an atomic type; for others only the first four agree. */
enum { NPARMS, VERBATIM, COUNT, CLASS, SIZE, ORDER, PRECISION, OFFSET, NVALUES };
enum { CLASS_ATOMIC = 1 };

static bool is_verbatim(const slab_filter *filter)
{
    return filter->values[VERBATIM] != 0;
}

static slab_nbit layout_of(const slab_filter *filter)
{
    const uint32_t *v = filter->values;
    return (slab_nbit){v[COUNT], v[SIZE], v[PRECISION], v[OFFSET], v[ORDER] == 1};
}

static slab_status check(const slab_filter *filter, const slab_chunk_type *type)
{
    slab_status rc = SLAB_OK;
    const uint32_t *v = filter->values;
    REQUIRE(filter->nvalues > CLASS && filter->nvalues <= SLAB_FILTER_VALUES_MAX,
            SLAB_ERR_UNSUPPORTED, "N-bit filter with %u parameters", filter->nvalues);
    REQUIRE(v[NPARMS] == filter->nvalues, SLAB_ERR_UNSUPPORTED,
            "N-bit filter with %u parameters that states %" PRIu32, filter->nvalues, v[NPARMS]);
    if (is_verbatim(filter))
        goto done;
    REQUIRE(v[CLASS] == CLASS_ATOMIC && filter->nvalues >= NVALUES, SLAB_ERR_UNSUPPORTED,
            "N-bit packing of array or compound types");
    REQUIRE(v[SIZE] == 1 || v[SIZE] == 2 || v[SIZE] == 4 || v[SIZE] == 8, SLAB_ERR_UNSUPPORTED,
            "N-bit packing of elements of %" PRIu32 " bytes", v[SIZE]);
    REQUIRE(v[ORDER] <= 1 && v[PRECISION] >= 1 && v[PRECISION] <= 8 * v[SIZE] &&
                v[OFFSET] <= 8 * v[SIZE] - v[PRECISION],
            SLAB_ERR_UNSUPPORTED,
            "N-bit packing of %" PRIu32 " bits at offset %" PRIu32 " of %" PRIu32 " bytes",
            v[PRECISION], v[OFFSET], v[SIZE]);
    REQUIRE((uint64_t)v[COUNT] * v[SIZE] == type->bytes, SLAB_ERR_UNSUPPORTED,
            "N-bit filter for %" PRIu32 " elements in chunks of %zu bytes", v[COUNT], type->bytes);
done:
    return rc;
}

/* HDF5 always adds a byte for bits that hang over, also when there are none. */
static size_t bytes_stored(const slab_nbit *layout)
{
    return slab_nbit_bytes(layout) + (layout->count % 8 * layout->precision % 8 == 0);
}

static size_t bound(const slab_filter *filter, const slab_chunk_type *type, size_t n)
{
    slab_nbit layout = layout_of(filter);
    return is_verbatim(filter) || n != type->bytes ? n : bytes_stored(&layout);
}

static slab_status copy(const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    REQUIRE(n <= capacity, SLAB_ERR_FORMAT, "a chunk holds %zu bytes where %zu are expected", n,
            capacity);
    if (n > 0)
        memcpy(dst, src, n);
    *written = n;
done:
    return rc;
}

static slab_status decode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    slab_nbit layout = layout_of(filter);
    (void)state;
    if (is_verbatim(filter))
        return copy(src, n, dst, capacity, written);
    REQUIRE(n >= slab_nbit_bytes(&layout) && n <= bytes_stored(&layout), SLAB_ERR_FORMAT,
            "an N-bit chunk holds %zu bytes where %zu are expected", n, bytes_stored(&layout));
    REQUIRE(type->bytes <= capacity, SLAB_ERR_FORMAT,
            "an N-bit chunk decodes to %zu bytes where %zu are expected", type->bytes, capacity);
    slab_nbit_unpack(slab_simd_best(), &layout, src, dst);
    *written = type->bytes;
done:
    return rc;
}

static slab_status encode(const slab_filter *filter, const slab_chunk_type *type, void *state,
                          const void *src, size_t n, void *dst, size_t capacity, size_t *written)
{
    slab_status rc = SLAB_OK;
    slab_nbit layout = layout_of(filter);
    size_t used = slab_nbit_bytes(&layout);
    (void)state;
    if (is_verbatim(filter))
        return copy(src, n, dst, capacity, written);
    REQUIRE(n == type->bytes && bytes_stored(&layout) <= capacity, SLAB_ERR_RANGE,
            "N-bit packing of %zu bytes of a chunk of %zu into %zu", n, type->bytes, capacity);
    slab_nbit_pack(slab_simd_best(), &layout, src, dst);
    *written = bytes_stored(&layout);
    memset((unsigned char *)dst + used, 0, *written - used);
done:
    return rc;
}

static slab_status configure(slab_filter *filter, const slab_chunk_type *type, int level)
{
    slab_status rc = SLAB_OK;
    slab_dtype t = type->dtype;
    bool number = t.kind == SLAB_KIND_INT || t.kind == SLAB_KIND_UINT || t.kind == SLAB_KIND_FLOAT;
    uint32_t *v = filter->values;
    REQUIRE(level < 0, SLAB_ERR_VALUE, "the N-bit filter has no level");
    REQUIRE(number && !t.is_enum, SLAB_ERR_TYPE, "the N-bit filter packs integers and floats only");
    REQUIRE(type->bytes % t.size == 0 && type->bytes / t.size <= UINT32_MAX, SLAB_ERR_RANGE,
            "the N-bit filter cannot take chunks of %zu bytes", type->bytes);
    filter->id = SLAB_FILTER_NBIT;
    filter->nvalues = NVALUES;
    v[NPARMS] = NVALUES;
    v[VERBATIM] = t.offset == 0 && t.precision == 8 * t.size;
    v[COUNT] = (uint32_t)(type->bytes / t.size);
    v[CLASS] = CLASS_ATOMIC;
    v[SIZE] = t.size;
    v[ORDER] = t.big_endian;
    v[PRECISION] = t.precision;
    v[OFFSET] = t.offset;
    TRY(check(filter, type));
done:
    return rc;
}

const slab_codec slab_codec_nbit = {
    .name = "nbit",
    .id = SLAB_FILTER_NBIT,
    .summary = "packs integers to the bits that their type declares",
    .check = check,
    .bound = bound,
    .decode = decode,
    .encode = encode,
    .configure = configure,
};
