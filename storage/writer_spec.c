/* From what a caller wants of a new array to what HDF5 is told. */
#include <slab/storage/transaction_impl.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#define CHUNK_TARGET ((int64_t)1 << 20)    /* bytes: decodes in L2, and seeks little */
#define CHUNK_LIMIT  ((int64_t)UINT32_MAX) /* HDF5 has 32 bits for a chunk's size */
enum { H5_OPTIONAL = 1 };                  /* filter flag, as HDF5's own H5Pset_ functions set it */

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The nearest power of two, geometrically; or the whole axis when it is not much longer. */
static int64_t side_of(int64_t wanted, int64_t extent)
{
    int64_t side = 1;
    while (side * 2 <= wanted || (side * 2 - wanted < wanted - side))
        side *= 2;
    return extent <= side + side / 2 ? extent : side;
}

static int64_t square_root(int64_t n)
{
    int64_t root = 1;
    while ((root + 1) * (root + 1) <= n)
        root++;
    return root;
}

slab_status slab_chunk_choose(const slab_shape *shape, slab_dtype dtype, slab_shape *chunk)
{
    slab_status rc = SLAB_OK;
    int64_t left = CHUNK_TARGET / dtype.size;
    int axis[2], n = 0;
    REQUIRE(shape->rank >= 0 && shape->rank <= SLAB_RANK_MAX, SLAB_ERR_SHAPE, "an array of %d axes",
            shape->rank);
    REQUIRE(dtype.size > 0, SLAB_ERR_TYPE, "an element of no bytes");
    chunk->rank = shape->rank;
    for (int i = shape->rank - 1; i >= 0; i--) {
        chunk->extent[i] = 1;
        if (shape->extent[i] != 1 && n < 2)
            axis[n++] = i;
    }
    if (left < 1)
        left = 1;
    if (n == 2) { /* near square; what one axis is too short for goes to the other */
        int64_t last = shape->extent[axis[0]], other = shape->extent[axis[1]];
        last = last ? last : SLAB_UNLIMITED; /* an axis of no element may grow */
        other = other ? other : SLAB_UNLIMITED;
        int64_t root = square_root(left), a = side_of(root, last);
        int64_t b = side_of(left / a > 0 ? left / a : 1, other);
        if (b < root && b == other)
            a = side_of(left / b, last);
        chunk->extent[axis[0]] = a;
        chunk->extent[axis[1]] = b;
        left /= a * b;
        n = axis[1];
    } else {
        n = shape->rank;
    }
    /* Short last axes (or a single long one): the axes before them take what is left. */
    for (int i = n - 1; i >= 0; i--) {
        int64_t extent = shape->extent[i] ? shape->extent[i] : SLAB_UNLIMITED;
        if (left > 1 && extent > 1) {
            chunk->extent[i] = side_of(left, extent);
            left /= chunk->extent[i];
        }
    }
done:
    return rc;
}

static slab_status check_type(const slab_array_spec *spec, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_dtype d = spec->dtype;
    char name[SLAB_DTYPE_NAME_MAX];
    REQUIRE(d.size > 0 && d.kind != SLAB_KIND_OTHER, SLAB_ERR_TYPE,
            "'%s': arrays of this element type cannot be written", path);
    if (d.kind == SLAB_KIND_STRING)
        goto done;
    bool whole = d.precision == 8 * d.size && d.offset == 0;
    REQUIRE(whole || d.kind == SLAB_KIND_INT || d.kind == SLAB_KIND_UINT, SLAB_ERR_TYPE,
            "'%s': only integers have a reduced precision, not %s", path, slab_dtype_name(d, name));
    REQUIRE(d.precision > 0 && (uint32_t)d.precision + d.offset <= 8 * d.size, SLAB_ERR_TYPE,
            "'%s': %u bits at bit %u do not fit %" PRIu32 " bytes", path, d.precision, d.offset,
            d.size);
done:
    return rc;
}

static slab_status resolve_shapes(const slab_array_spec *spec, const char *path,
                                  slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    int64_t elements;
    int rank = spec->shape.rank;
    REQUIRE(rank >= 0 && rank <= SLAB_RANK_MAX, SLAB_ERR_SHAPE, "'%s': an array of %d axes", path,
            rank);
    TRY_SAYING(slab_shape_elements(&spec->shape, &elements), "'%s'", path);
    TRY_SAYING(slab_extent_multiply(elements, spec->dtype.size, &elements), "'%s'", path);
    info->shape = spec->shape;
    info->max_shape = rank > 0 && spec->max_shape.rank == 0 ? spec->shape : spec->max_shape;
    REQUIRE(info->max_shape.rank == rank, SLAB_ERR_SHAPE,
            "'%s': the largest shape has %d axes, the shape %d", path, info->max_shape.rank, rank);
    for (int i = 0; i < rank; i++)
        REQUIRE(info->max_shape.extent[i] >= info->shape.extent[i], SLAB_ERR_SHAPE,
                "'%s': axis %d has %" PRId64 " elements, more than the %" PRId64 " it may grow to",
                path, i, info->shape.extent[i], info->max_shape.extent[i]);
done:
    return rc;
}

static slab_status resolve_chunk(const slab_array_spec *spec, const char *path,
                                 slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    int64_t bytes = spec->dtype.size;
    info->layout = SLAB_LAYOUT_CHUNKED;
    if (spec->chunk.rank == 0)
        TRY_SAYING(slab_chunk_choose(&info->max_shape, spec->dtype, &info->chunk), "'%s'", path);
    else
        info->chunk = spec->chunk;
    REQUIRE(info->chunk.rank == info->shape.rank, SLAB_ERR_SHAPE,
            "'%s': chunks of %d axes for an array of %d", path, info->chunk.rank, info->shape.rank);
    for (int i = 0; i < info->chunk.rank; i++) {
        int64_t *extent = &info->chunk.extent[i], most = info->max_shape.extent[i];
        REQUIRE(*extent >= 1, SLAB_ERR_SHAPE, "'%s': a chunk of %" PRId64 " elements along axis %d",
                path, *extent, i);
        if (most > 0) /* HDF5 allows no chunk beyond a fixed axis */
            *extent = at_most(*extent, most);
        REQUIRE(*extent <= CHUNK_LIMIT / bytes, SLAB_ERR_RANGE,
                "'%s': a chunk of 4 GiB or more: HDF5 has no room for its size; choose smaller "
                "--chunks",
                path);
        bytes *= *extent;
    }
done:
    return rc;
}

/* "zstd:3" -> codec and level. */
static slab_status parse_filter(const char *text, const slab_codec **codec, int *level)
{
    slab_status rc = SLAB_OK;
    char name[32], *end;
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    REQUIRE(n < sizeof name, SLAB_ERR_USAGE, "no filter is called '%s'", text);
    memcpy(name, text, n);
    name[n] = '\0';
    *level = -1;
    if (colon) {
        long value = strtol(colon + 1, &end, 10);
        REQUIRE(end != colon + 1 && !*end && value >= 0 && value <= 1000, SLAB_ERR_USAGE,
                "'%s' is not a level of filter '%s'", colon + 1, name);
        *level = (int)value;
    }
    *codec = slab_codec_by_name(strcmp(name, "gzip") ? name : "deflate");
    int id = *codec ? (*codec)->id : 0;
    REQUIRE(*codec && (*codec)->configure && id != SLAB_FILTER_SHUFFLE && id != SLAB_FILTER_NBIT &&
                id != SLAB_FILTER_FLETCHER32,
            SLAB_ERR_USAGE, "no filter is called '%s': zstd, gzip, lz4, bitshuffle or none", name);
done:
    return rc;
}

static slab_status append_filter(slab_pipeline *pipeline, const slab_codec *codec, int level)
{
    slab_status rc = SLAB_OK;
    REQUIRE(codec && codec->configure, SLAB_ERR_INTERNAL, "a filter that cannot be written");
    slab_filter *filter = &pipeline->filters[pipeline->nfilters];
    *filter = (slab_filter){.id = codec->id};
    TRY(codec->configure(filter, &pipeline->type, level));
    filter->flags = codec->id == SLAB_FILTER_FLETCHER32 ? 0 : H5_OPTIONAL;
    pipeline->nfilters++;
done:
    return rc;
}

static slab_status resolve_pipeline(const slab_array_spec *spec, slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    const char *text = spec->filter ? spec->filter : "zstd";
    slab_pipeline *p = &info->pipeline;
    const slab_codec *codec = NULL;
    int level = -1;
    p->type.dtype = info->dtype;
    p->type.bytes = slab_info_chunk_bytes(info);
    if (strcmp(text, "none") != 0) {
        bool reduced =
            info->dtype.kind != SLAB_KIND_STRING && info->dtype.precision < 8 * info->dtype.size;
        TRY(parse_filter(text, &codec, &level));
        if (reduced)
            TRY(append_filter(p, slab_codec_by_id(SLAB_FILTER_NBIT), -1));
        else if (info->dtype.size > 1 && !spec->no_shuffle && codec->id != SLAB_FILTER_BITSHUFFLE)
            TRY(append_filter(p, slab_codec_by_id(SLAB_FILTER_SHUFFLE), -1));
        TRY(append_filter(p, codec, level));
    }
    if (spec->fletcher32)
        TRY(append_filter(p, slab_codec_by_id(SLAB_FILTER_FLETCHER32), -1));
done:
    return rc;
}

size_t slab_info_chunk_bytes(const slab_array_info *info)
{
    size_t bytes = info->dtype.size;
    for (int i = 0; i < info->chunk.rank; i++)
        bytes *= (size_t)info->chunk.extent[i];
    return bytes;
}

slab_status slab_spec_resolve(const slab_array_spec *spec, const char *path, slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    *info = (slab_array_info){.dtype = spec->dtype, .offset = UINT64_MAX};
    REQUIRE(path && *path && strcmp(path, "/") != 0, SLAB_ERR_USAGE,
            "an array needs a name, '%s' is the root group", path ? path : "");
    TRY(check_type(spec, path));
    REQUIRE((!spec->has_fill && !spec->has_missing) || spec->dtype.size <= SLAB_FILL_MAX,
            SLAB_ERR_TYPE, "'%s': a fill value of more than %d bytes", path, SLAB_FILL_MAX);
    info->has_fill = spec->has_fill;
    if (spec->has_fill)
        memcpy(info->fill, spec->fill, spec->dtype.size);
    info->has_missing = spec->has_missing;
    if (spec->has_missing)
        memcpy(info->missing, spec->missing, spec->dtype.size);
    TRY(resolve_shapes(spec, path, info));
    if (info->shape.rank == 0) { /* HDF5 has no chunked scalars */
        info->layout = SLAB_LAYOUT_CONTIGUOUS;
        goto done;
    }
    TRY(resolve_chunk(spec, path, info));
    TRY_SAYING(resolve_pipeline(spec, info), "'%s'", path);
done:
    return rc;
}

slab_status slab_fill_stored(const slab_array_info *info, uint8_t fill[SLAB_FILL_MAX])
{
    memset(fill, 0, SLAB_FILL_MAX);
    if (!info->has_fill)
        return SLAB_OK;
    return slab_dtype_convert(slab_dtype_native(info->dtype), info->fill, info->dtype, fill, 1);
}
