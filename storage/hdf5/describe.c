/* Everything about an array but its elements. */
#include <slab/storage/hdf5/library_impl.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/occupied_impl.h>
#include <slab/storage/hdf5/types_impl.h>

/* Up to here counting the chunks that exist costs next to nothing: so many that there may be, or so
 * many bytes that all of them take. */
enum { COUNTED_CHUNKS = 4096, COUNTED_BYTES = 1 << 20 };

enum { TYPE_LEVELS = 64 };

/* The first reason stays. */
static void fall_back(slab_array_info *info, const char *reason)
{
    if (info->fallback[0] == '\0')
        snprintf(info->fallback, sizeof info->fallback, "%s", reason);
}

static slab_status extents(hid_t array, slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK], most[H5S_MAX_RANK];
    int64_t elements;
    hid_t space = H5Dget_space(array);
    HDF5_REQUIRE(space >= 0, SLAB_ERR_FORMAT, "it has no shape");
    if (H5Sget_simple_extent_type(space) == H5S_NULL) {
        info->shape.rank = info->max_shape.rank = 1;
        goto done;
    }
    int rank = H5Sget_simple_extent_dims(space, extent, most);
    HDF5_REQUIRE(rank >= 0 && rank <= SLAB_RANK_MAX, SLAB_ERR_FORMAT, "its shape is unreadable");
    info->shape.rank = info->max_shape.rank = rank;
    for (int i = 0; i < rank; i++) {
        REQUIRE(extent[i] <= INT64_MAX, SLAB_ERR_FORMAT, "axis %d has %" PRIu64 " elements", i,
                (uint64_t)extent[i]);
        info->shape.extent[i] = (int64_t)extent[i];
        info->max_shape.extent[i] = most[i] > INT64_MAX ? SLAB_UNLIMITED : (int64_t)most[i];
    }
    TRY_SAYING(slab_shape_elements(&info->shape, &elements), "its shape is too large");
done:
    slab_hdf5_close(&space);
    return rc;
}

static slab_status filters(hid_t dcpl, slab_pipeline *pipeline)
{
    slab_status rc = SLAB_OK;
    int n = H5Pget_nfilters(dcpl);
    HDF5_REQUIRE(n >= 0 && n <= SLAB_FILTERS_MAX, SLAB_ERR_FORMAT, "its filters are unreadable");
    pipeline->nfilters = n;
    for (int i = 0; i < n; i++) {
        slab_filter *f = &pipeline->filters[i];
        unsigned values[SLAB_FILTER_VALUES_MAX] = {0};
        size_t nvalues = SLAB_FILTER_VALUES_MAX;
        /* No filter_config: asking for it would load the filter's plugin. */
        f->id = H5Pget_filter2(dcpl, (unsigned)i, &f->flags, &nvalues, values, 0, NULL, NULL);
        HDF5_REQUIRE(f->id >= 0, SLAB_ERR_FORMAT, "its filter %d is unreadable", i);
        f->nvalues = (unsigned)nvalues;
        for (int v = 0; v < SLAB_FILTER_VALUES_MAX; v++)
            f->values[v] = values[v];
    }
done:
    return rc;
}

static slab_status chunking(hid_t array, hid_t dcpl, size_t element, slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK];
    unsigned options = 0;
    slab_grid grid;
    int64_t elements;
    int rank = H5Pget_chunk(dcpl, H5S_MAX_RANK, extent);
    HDF5_REQUIRE(rank >= 0 && rank == info->shape.rank, SLAB_ERR_FORMAT,
                 "its chunks have %d axes, it has %d", rank, info->shape.rank);
    info->chunk.rank = rank;
    for (int i = 0; i < rank; i++) {
        REQUIRE(extent[i] > 0 && extent[i] <= INT64_MAX, SLAB_ERR_FORMAT,
                "its chunks have %" PRIu64 " elements along axis %d", (uint64_t)extent[i], i);
        info->chunk.extent[i] = (int64_t)extent[i];
    }
    TRY(slab_shape_elements(&info->chunk, &elements));
    TRY_SAYING(slab_size_multiply((size_t)elements, element, &info->pipeline.type.bytes),
               "its chunks are too large");
    info->pipeline.type.dtype = info->dtype;
    TRY(filters(dcpl, &info->pipeline));
    HDF5_REQUIRE(H5Pget_chunk_opts(dcpl, &options) >= 0, SLAB_ERR_FORMAT,
                 "its chunk options are unreadable");
    info->edge_unfiltered = (options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0;

    info->stored_bytes = H5Dget_storage_size(array);
    info->stored_chunks = info->stored_bytes == 0 ? 0 : -1;
    TRY_SAYING(slab_grid_make(&info->shape, &info->chunk, NULL, &grid), "it has too many chunks");
    bool few = grid.ntiles <= COUNTED_CHUNKS || info->stored_bytes <= COUNTED_BYTES;
    if (info->stored_chunks != 0 && (few || info->elsewhere)) { /* no map will tell */
        hsize_t count = 0;
        hid_t space = H5Dget_space(array);
        HDF5_REQUIRE(space >= 0 && H5Dget_num_chunks(array, space, &count) >= 0, SLAB_ERR_FORMAT,
                     "its chunks cannot be counted");
        H5Sclose(space);
        info->stored_chunks = (int64_t)count;
    }
done:
    return rc;
}

static slab_status contiguous(hid_t array, hid_t dcpl, uint64_t file_size, size_t element,
                              slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    int64_t elements;
    size_t bytes;
    H5D_space_status_t status;
    info->layout = SLAB_LAYOUT_CONTIGUOUS;
    if (H5Pget_external_count(dcpl) > 0) {
        info->layout = SLAB_LAYOUT_EXTERNAL;
        info->stored_bytes = H5Dget_storage_size(array);
        fall_back(info, "its elements lie in other files (external storage)");
        goto done;
    }
    /* Asked first: to "nowhere" H5Dget_offset adds the user block. */
    HDF5_REQUIRE(H5Dget_space_status(array, &status) >= 0, SLAB_ERR_FORMAT,
                 "its place is unreadable");
    if (status == H5D_SPACE_STATUS_NOT_ALLOCATED)
        goto done;
    info->offset = H5Dget_offset(array); /* HADDR_UNDEF is UINT64_MAX */
    if (info->offset == UINT64_MAX)
        goto done;
    TRY(slab_shape_elements(&info->shape, &elements));
    TRY_SAYING(slab_size_multiply((size_t)elements, element, &bytes), "it is too large");
    REQUIRE(info->offset <= file_size && bytes <= file_size - info->offset, SLAB_ERR_FORMAT,
            "its elements, %zu bytes at %" PRIu64 ", lie outside of the file of %" PRIu64, bytes,
            info->offset, file_size);
    info->stored_bytes = bytes;
    if (info->elsewhere)
        info->offset = UINT64_MAX;
done:
    return rc;
}

/* The file that the elements lie in, and its size. Behind an external link it is another one, whose
 * addresses must not be taken for this file's. */
static slab_status look_where(slab_meta *meta, const char *path, hid_t array, slab_array_info *info,
                              uint64_t *file_size)
{
    slab_status rc = SLAB_OK;
    char *file = NULL;
    struct stat st;
    *file_size = meta->file->size;
    TRY(slab_hdf5_is_elsewhere(meta->id, path, &info->elsewhere));
    if (!info->elsewhere)
        goto done;
    TRY(slab_hdf5_file_name(array, &file));
    if (stat(file, &st) != 0)
        FAIL_ERRNO("cannot look at '%s', which it lies in", file);
    *file_size = (uint64_t)st.st_size;
    snprintf(info->fallback, sizeof info->fallback,
             "it lies in another file, '%.200s' (external link)", file);
done:
    slab_memory_free(file);
    return rc;
}

static slab_status layout(hid_t array, hid_t dcpl, uint64_t file_size, size_t element,
                          slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    info->offset = UINT64_MAX;
    switch (H5Pget_layout(dcpl)) {
    case H5D_CHUNKED:
        info->layout = SLAB_LAYOUT_CHUNKED;
        TRY(chunking(array, dcpl, element, info));
        break;
    case H5D_CONTIGUOUS:
        TRY(contiguous(array, dcpl, file_size, element, info));
        break;
    case H5D_COMPACT:
        info->layout = SLAB_LAYOUT_COMPACT;
        info->stored_bytes = H5Dget_storage_size(array);
        fall_back(info, "its elements lie in its header (compact layout)");
        break;
    case H5D_VIRTUAL:
        info->layout = SLAB_LAYOUT_VIRTUAL;
        fall_back(info, "its elements lie in other arrays (virtual layout)");
        break;
    default:
        FAIL(SLAB_ERR_UNSUPPORTED, "its layout is unknown to this version of HDF5");
    }
done:
    return rc;
}

static slab_status fill_value(hid_t dcpl, hid_t type, slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    hid_t memory = H5I_INVALID_HID;
    H5D_fill_value_t defined;
    slab_dtype native = slab_dtype_native(info->dtype);
    HDF5_REQUIRE(H5Pfill_value_defined(dcpl, &defined) >= 0, SLAB_ERR_FORMAT,
                 "its fill value is unreadable");
    if (defined != H5D_FILL_VALUE_USER_DEFINED || info->dtype.kind == SLAB_KIND_OTHER)
        goto done;
    if (native.size > SLAB_FILL_MAX) {
        fall_back(info, "it has a fill value that is a long string");
        goto done;
    }
    TRY(slab_type_memory(type, native, &memory));
    HDF5_REQUIRE(H5Pget_fill_value(dcpl, memory, info->fill) >= 0, SLAB_ERR_FORMAT,
                 "its fill value is unreadable");
    info->has_fill = true;
done:
    slab_hdf5_close(&memory);
    return rc;
}

static slab_status missing_code(hid_t array, slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    slab_dtype native = slab_dtype_native(info->dtype);
    if (!slab_dtype_is_number(native))
        return SLAB_OK;
    TRY(slab_hdf5_attribute_number(array, "missing_value", native, info->missing,
                                   &info->has_missing));
    if (!info->has_missing)
        TRY(slab_hdf5_attribute_number(array, "_FillValue", native, info->missing,
                                       &info->has_missing));
done:
    return rc;
}

/* Each step into a type copies what lies below: a damaged file has them thousands deep. */
static bool is_too_deep(hid_t type, int levels)
{
    bool deep = levels == 0;
    H5T_class_t class = H5Tget_class(type);
    int n = class == H5T_COMPOUND ? H5Tget_nmembers(type) : class == H5T_ARRAY || class == H5T_VLEN;
    for (int i = 0; i < n && !deep; i++) {
        hid_t part =
            class == H5T_COMPOUND ? H5Tget_member_type(type, (unsigned)i) : H5Tget_super(type);
        deep = part >= 0 && is_too_deep(part, levels - 1);
        slab_hdf5_close(&part);
    }
    return deep;
}

/* H5Tdetect_class does not tell texts of variable length from others. */
static bool has_variable_text(hid_t type)
{
    bool found = false;
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_STRING)
        return H5Tis_variable_str(type) > 0;
    int n = class == H5T_COMPOUND ? H5Tget_nmembers(type) : class == H5T_ARRAY;
    for (int i = 0; i < n && !found; i++) {
        hid_t part =
            class == H5T_COMPOUND ? H5Tget_member_type(type, (unsigned)i) : H5Tget_super(type);
        found = part >= 0 && has_variable_text(part);
        slab_hdf5_close(&part);
    }
    return found;
}

/* How an element lies in the file. What leads elsewhere is a length, an address and an index there,
 * and something else in memory; the rest of a compound moves with it. */
static size_t stored_size(hid_t type, size_t address)
{
    size_t size = H5Tget_size(type);
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_VLEN || H5Tis_variable_str(type) > 0)
        return 4 + address + 4;
    int n = class == H5T_COMPOUND ? H5Tget_nmembers(type) : class == H5T_ARRAY;
    for (int i = 0; i < n; i++) {
        hid_t part =
            class == H5T_COMPOUND ? H5Tget_member_type(type, (unsigned)i) : H5Tget_super(type);
        size_t here = H5Tget_size(part);
        size +=
            (stored_size(part, address) - here) * (class == H5T_ARRAY && here ? size / here : 1);
        slab_hdf5_close(&part);
    }
    return size;
}

static slab_status address_size(hid_t file, size_t *out)
{
    slab_status rc = SLAB_OK;
    size_t lengths;
    hid_t fcpl = H5Fget_create_plist(file);
    HDF5_REQUIRE(fcpl >= 0 && H5Pget_sizes(fcpl, out, &lengths) >= 0, SLAB_ERR_FORMAT,
                 "the file's header is unreadable");
done:
    slab_hdf5_close(&fcpl);
    return rc;
}

static slab_status describe(slab_meta *meta, const char *path, hid_t array, slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5Dget_type(array), dcpl = H5Dget_create_plist(array);
    HDF5_REQUIRE(type >= 0 && dcpl >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    size_t size, address;
    uint64_t file_size;
    REQUIRE(!is_too_deep(type, TYPE_LEVELS), SLAB_ERR_UNSUPPORTED,
            "its element type is more than %d levels deep", TYPE_LEVELS);
    TRY(address_size(meta->id, &address));
    size = stored_size(type, address);
    TRY(slab_type_from_hdf5(type, &info->dtype, info->fallback));
    TRY(look_where(meta, path, array, info, &file_size));
    info->has_pointers = has_variable_text(type) || H5Tdetect_class(type, H5T_VLEN) > 0 ||
                         H5Tdetect_class(type, H5T_REFERENCE) > 0;
    if (info->dtype.kind == SLAB_KIND_OTHER) {
        slab_type_text(type, info->type_name, sizeof info->type_name);
        info->variable_text = H5Tis_variable_str(type) > 0;
        fall_back(info, "its element type is none of slab's");
    }
    TRY(extents(array, info));
    TRY(layout(array, dcpl, file_size, size, info));
    TRY(fill_value(dcpl, type, info));
    TRY(missing_code(array, info));
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&dcpl);
    return rc;
}

slab_status slab_meta_describe_array(slab_meta *meta, const char *path, hid_t array,
                                     slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    memset(info, 0, sizeof *info);
    TRY_SAYING(describe(meta, path, array, info), "array '%s' of '%s'", path, meta->path);
done:
    return rc;
}

slab_status slab_meta_describe(slab_meta *meta, const char *path, slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    hid_t array;
    TRY(slab_meta_enter(meta));
    TRY(slab_meta_array(meta, path, &array));
    TRY(slab_meta_describe_array(meta, path, array, info));
done:
    slab_meta_leave(meta);
    return rc;
}
