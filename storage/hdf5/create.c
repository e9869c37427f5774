/* Making an array's header from its description. */
#include <slab/storage/hdf5/create_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/library_impl.h>
#include <slab/storage/hdf5/types_impl.h>

/* HDF5 stores the size of a chunk in 32 bits. */
static const uint64_t most_chunk_bytes = UINT32_MAX;

/* An assertion in HDF5's B-tree is off by one: where it was built with assertions, as Debian builds
 * 2.x, it ends the program at a chunk of 32 axes. */
enum { MOST_CHUNK_AXES = H5_VERSION_GE(2, 0, 0) ? 31 : SLAB_RANK_MAX };

static slab_status space_of(const slab_array_info *info, hid_t *out)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[SLAB_RANK_MAX], most[SLAB_RANK_MAX];
    int rank = info->shape.rank;
    REQUIRE(rank >= 0 && rank <= SLAB_RANK_MAX, SLAB_ERR_SHAPE, "an array of %d axes", rank);
    REQUIRE(rank == 0 || info->max_shape.rank == rank, SLAB_ERR_SHAPE,
            "a shape of %d axes with a largest shape of %d", rank, info->max_shape.rank);
    for (int i = 0; i < rank; i++) {
        extent[i] = (hsize_t)info->shape.extent[i];
        most[i] = info->max_shape.extent[i] == SLAB_UNLIMITED ? H5S_UNLIMITED
                                                              : (hsize_t)info->max_shape.extent[i];
    }
    *out = rank > 0 ? H5Screate_simple(rank, extent, most) : H5Screate(H5S_SCALAR);
    HDF5_REQUIRE(*out >= 0, SLAB_ERR_SHAPE, "HDF5 does not take its shape");
done:
    return rc;
}

static slab_status chunks_set(hid_t dcpl, const slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[SLAB_RANK_MAX];
    size_t bytes = info->dtype.size;
    REQUIRE(info->shape.rank > 0, SLAB_ERR_SHAPE, "a scalar has no chunks");
    REQUIRE(info->chunk.rank == info->shape.rank, SLAB_ERR_SHAPE,
            "chunks of %d axes for an array of %d", info->chunk.rank, info->shape.rank);
    REQUIRE(info->chunk.rank <= MOST_CHUNK_AXES, SLAB_ERR_UNSUPPORTED,
            "chunks of %d axes: HDF5 %d.%d has room for %d", info->chunk.rank, H5_VERS_MAJOR,
            H5_VERS_MINOR, MOST_CHUNK_AXES);
    for (int i = 0; i < info->chunk.rank; i++) {
        REQUIRE(info->chunk.extent[i] > 0, SLAB_ERR_SHAPE, "a chunk of %" PRId64 " elements",
                info->chunk.extent[i]);
        extent[i] = (hsize_t)info->chunk.extent[i];
        TRY(slab_size_multiply(bytes, (size_t)extent[i], &bytes));
    }
    REQUIRE(bytes <= most_chunk_bytes, SLAB_ERR_RANGE,
            "a chunk of %zu bytes is too large: HDF5 has room for 4 GiB less one byte", bytes);
    HDF5_REQUIRE(H5Pset_chunk(dcpl, info->chunk.rank, extent) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not take its chunks");
    /* Chunks get their place when they are registered, not before. */
    HDF5_REQUIRE(H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_INCR) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not take the time of allocation");
done:
    return rc;
}

static slab_status filters_set(hid_t dcpl, const slab_pipeline *pipeline)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < pipeline->nfilters; i++) {
        const slab_filter *f = &pipeline->filters[i];
        unsigned values[SLAB_FILTER_VALUES_MAX];
        REQUIRE(f->nvalues <= SLAB_FILTER_VALUES_MAX, SLAB_ERR_RANGE, "filter %d has %u parameters",
                f->id, f->nvalues);
        for (unsigned v = 0; v < f->nvalues; v++)
            values[v] = f->values[v];
        HDF5_REQUIRE(H5Pset_filter(dcpl, f->id, f->flags, f->nvalues, values) >= 0, SLAB_ERR_HDF5,
                     "HDF5 does not take filter %d", f->id);
    }
done:
    return rc;
}

static slab_status fill_set(hid_t dcpl, hid_t type, const slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    slab_dtype native = slab_dtype_native(info->dtype);
    hid_t memory = H5I_INVALID_HID;
    if (!info->has_fill)
        goto done;
    REQUIRE(native.size <= SLAB_FILL_MAX, SLAB_ERR_RANGE, "a fill value of %" PRIu32 " bytes",
            native.size);
    TRY(slab_type_memory(type, native, &memory));
    HDF5_REQUIRE(H5Pset_fill_value(dcpl, memory, info->fill) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not take the fill value");
done:
    slab_hdf5_close(&memory);
    return rc;
}

/* From 1.14.4 on HDF5 takes integers of few bits in many bytes for damage, and does not open them,
 * unless the object's header has a checksum. Order kept for attributes gives it one, in a format
 * that every HDF5 since 1.8 reads. */
static slab_status header_set(hid_t dcpl, slab_dtype dtype)
{
    slab_status rc = SLAB_OK;
    bool number = dtype.kind == SLAB_KIND_INT || dtype.kind == SLAB_KIND_UINT;
    if (number && dtype.size > 1 && 8 * dtype.size > 2u * (dtype.precision + dtype.offset))
        HDF5_REQUIRE(H5Pset_attr_creation_order(dcpl, H5P_CRT_ORDER_TRACKED) >= 0, SLAB_ERR_HDF5,
                     "HDF5 does not take the order of attributes");
    /* No time stamps: the same command writes the same bytes. */
    HDF5_REQUIRE(H5Pset_obj_track_times(dcpl, 0) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not let go of time stamps");
done:
    return rc;
}

static slab_status creation_list(const slab_array_info *info, hid_t type, hid_t *out)
{
    slab_status rc = SLAB_OK;
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
    *out = dcpl;
    HDF5_REQUIRE(dcpl >= 0, SLAB_ERR_HDF5, "HDF5 gives no property list");
    REQUIRE(info->layout == SLAB_LAYOUT_CHUNKED || info->layout == SLAB_LAYOUT_CONTIGUOUS,
            SLAB_ERR_UNSUPPORTED, "only chunked and contiguous arrays are written");
    if (info->layout == SLAB_LAYOUT_CHUNKED) {
        TRY(chunks_set(dcpl, info));
        TRY(filters_set(dcpl, &info->pipeline));
    } else {
        HDF5_REQUIRE(H5Pset_layout(dcpl, H5D_CONTIGUOUS) >= 0, SLAB_ERR_HDF5,
                     "HDF5 does not take the layout");
    }
    TRY(fill_set(dcpl, type, info));
    TRY(header_set(dcpl, info->dtype));
done:
    return rc;
}

static slab_status with_parents(hid_t *lcpl)
{
    slab_status rc = SLAB_OK;
    *lcpl = H5Pcreate(H5P_LINK_CREATE);
    HDF5_REQUIRE(*lcpl >= 0 && H5Pset_create_intermediate_group(*lcpl, 1) >= 0, SLAB_ERR_HDF5,
                 "HDF5 gives no property list");
done:
    return rc;
}

/* A path is free when no link stands at its end; H5Lexists wants every group before it. */
static slab_status path_free(hid_t file, const char *path, bool *is_free)
{
    slab_status rc = SLAB_OK;
    char *part = NULL;
    size_t n = strlen(path);
    *is_free = false;
    REQUIRE(path[strspn(path, "/")] != '\0', SLAB_ERR_EXISTS, "the root group is there already");
    ALLOC(part, n + 1, "path");
    memcpy(part, path, n);
    for (size_t i = strspn(path, "/"); i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        htri_t there = H5Lexists(file, part, H5P_DEFAULT);
        HDF5_REQUIRE(there >= 0, SLAB_ERR_EXISTS, "'%s' cannot be a group", part);
        if (there == 0) {
            *is_free = true;
            break;
        }
        part[i] = path[i];
    }
done:
    slab_memory_free(part);
    return rc;
}

slab_status slab_hdf5_create_typed(hid_t file, const char *path, const slab_array_info *info,
                                   hid_t type, hid_t *array)
{
    slab_status rc = SLAB_OK;
    hid_t space = H5I_INVALID_HID, dcpl = H5I_INVALID_HID, lcpl = H5I_INVALID_HID;
    bool is_free;
    *array = H5I_INVALID_HID;
    TRY(path_free(file, path, &is_free));
    REQUIRE(is_free, SLAB_ERR_EXISTS, "'%s' is there already", path);
    TRY(space_of(info, &space));
    TRY(creation_list(info, type, &dcpl));
    TRY(with_parents(&lcpl));
    *array = H5Dcreate2(file, path, type, space, lcpl, dcpl, H5P_DEFAULT);
    HDF5_REQUIRE(*array >= 0, SLAB_ERR_HDF5, "HDF5 does not create it");
done:
    slab_hdf5_close(&space);
    slab_hdf5_close(&dcpl);
    slab_hdf5_close(&lcpl);
    return rc;
}

slab_status slab_hdf5_create_array(hid_t file, const char *path, const slab_array_info *info,
                                   hid_t *array)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5I_INVALID_HID;
    *array = H5I_INVALID_HID;
    TRY(slab_type_to_hdf5(info->dtype, &type));
    TRY(slab_hdf5_create_typed(file, path, info, type, array));
done:
    slab_hdf5_close(&type);
    return rc;
}

slab_status slab_hdf5_create_group(hid_t file, const char *path)
{
    slab_status rc = SLAB_OK;
    hid_t lcpl = H5I_INVALID_HID, group = H5I_INVALID_HID;
    bool is_free = false;
    if (path[strspn(path, "/")] == '\0')
        return SLAB_OK;
    TRY(path_free(file, path, &is_free));
    if (is_free) {
        TRY(with_parents(&lcpl));
        group = H5Gcreate2(file, path, lcpl, H5P_DEFAULT, H5P_DEFAULT);
        HDF5_REQUIRE(group >= 0, SLAB_ERR_HDF5, "HDF5 does not create it");
    } else {
        group = H5Gopen2(file, path, H5P_DEFAULT);
        HDF5_REQUIRE(group >= 0, SLAB_ERR_EXISTS, "it is there and not a group");
    }
done:
    slab_hdf5_close(&lcpl);
    slab_hdf5_close(&group);
    return rc;
}
