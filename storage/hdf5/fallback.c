/* Reading through HDF5 itself, for what slab cannot decode. */
#include <slab/storage/hdf5/fallback_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/outside_impl.h>
#include <slab/storage/hdf5/types_impl.h>
#include <slab/storage/hdf5/whole_chunks_impl.h>

/* --- selections --- */

/* The elements of a selection in the order of the file; a negative step begins at its other end. */
static slab_status file_space(hid_t array, const slab_selection *s, hid_t *out)
{
    slab_status rc = SLAB_OK;
    hsize_t start[SLAB_RANK_MAX], step[SLAB_RANK_MAX], count[SLAB_RANK_MAX], extent[H5S_MAX_RANK];
    *out = H5Dget_space(array);
    HDF5_REQUIRE(*out >= 0, SLAB_ERR_FORMAT, "it has no shape");
    int rank = H5Sget_simple_extent_dims(*out, extent, NULL);
    REQUIRE(rank == s->rank, SLAB_ERR_SHAPE, "a selection of rank %d on an array of rank %d",
            s->rank, rank);
    for (int i = 0; i < rank; i++) {
        int64_t last = s->start[i] + (s->count[i] - 1) * s->step[i];
        REQUIRE(s->start[i] >= 0 && last >= 0 && (hsize_t)s->start[i] < extent[i] &&
                    (hsize_t)last < extent[i] && s->step[i] != 0,
                SLAB_ERR_RANGE, "the selection leaves axis %d, 0..%" PRIu64, i,
                (uint64_t)extent[i]);
        start[i] = (hsize_t)(s->step[i] > 0 ? s->start[i] : last);
        step[i] = (hsize_t)(s->count[i] == 1 ? 1 : llabs(s->step[i]));
        count[i] = (hsize_t)s->count[i];
    }
    if (rank > 0)
        HDF5_REQUIRE(H5Sselect_hyperslab(*out, H5S_SELECT_SET, start, step, count, NULL) >= 0,
                     SLAB_ERR_HDF5, "HDF5 does not take the selection");
done:
    return rc;
}

static slab_status memory_space(const slab_selection *s, hid_t *out)
{
    slab_status rc = SLAB_OK;
    hsize_t count[SLAB_RANK_MAX];
    for (int i = 0; i < s->rank; i++)
        count[i] = (hsize_t)s->count[i];
    *out = s->rank > 0 ? H5Screate_simple(s->rank, count, NULL) : H5Screate(H5S_SCALAR);
    HDF5_REQUIRE(*out >= 0, SLAB_ERR_HDF5, "HDF5 does not take the selection's shape");
done:
    return rc;
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

/* Reverses the axes with a negative step, in place. */
static void turn_around(const slab_selection *s, size_t size, uint8_t *dst)
{
    size_t inner = size, outer = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        size_t n = (size_t)s->count[i];
        outer = 1;
        for (int o = 0; o < i; o++)
            outer *= (size_t)s->count[o];
        for (size_t o = 0; o < outer && s->step[i] < 0; o++)
            for (size_t j = 0; j < n / 2; j++)
                swap_bytes(dst + (o * n + j) * inner, dst + (o * n + n - 1 - j) * inner, inner);
        inner *= n;
    }
}

slab_status slab_selection_bytes(const slab_selection *s, size_t size, size_t *bytes)
{
    slab_status rc = SLAB_OK;
    bool empty = false;
    for (int i = 0; i < s->rank; i++) {
        REQUIRE(s->count[i] >= 0, SLAB_ERR_RANGE, "a negative count along axis %d", i);
        empty |= s->count[i] == 0;
    }
    *bytes = empty ? 0 : size;
    for (int i = 0; i < s->rank && !empty; i++)
        TRY(slab_size_multiply(*bytes, (size_t)s->count[i], bytes));
done:
    return rc;
}

/* What a first read of the array needs. */
static slab_status prepare(slab_meta *meta, hid_t array)
{
    slab_status rc = SLAB_OK;
    TRY(slab_meta_describe_array(meta, meta->array_path, array, &meta->array_info));
    TRY(slab_outside_check(meta, meta->array_path, array));
    meta->array_ready = true;
done:
    return rc;
}

slab_status slab_hdf5_readable(slab_meta *meta, const char *path, hid_t array)
{
    slab_status rc = SLAB_OK;
    slab_array_info info;
    TRY(slab_meta_describe_array(meta, path, array, &info));
    TRY_SAYING(slab_outside_check(meta, path, array), "array '%s' of '%s'", path, meta->path);
    TRY_SAYING(slab_chunks_are_whole(array, &info, NULL), "array '%s' of '%s'", path, meta->path);
done:
    return rc;
}

slab_status slab_hdf5_transfer(slab_meta *meta, hid_t array, const slab_selection *selection,
                               hid_t memory, size_t size, hid_t dxpl, void *dst)
{
    slab_status rc = SLAB_OK;
    hid_t from = H5I_INVALID_HID, to = H5I_INVALID_HID;
    size_t bytes;
    TRY(slab_selection_bytes(selection, size, &bytes));
    slab_watch_moved(bytes);
    if (!meta->array_ready)
        TRY(prepare(meta, array));
    TRY(slab_chunks_are_whole(array, &meta->array_info, selection));
    TRY(slab_hdf5_filters(&meta->array_info.pipeline.type));
    TRY(file_space(array, selection, &from));
    TRY(memory_space(selection, &to));
    HDF5_REQUIRE(H5Dread(array, memory, to, from, dxpl, dst) >= 0, SLAB_ERR_FORMAT,
                 "HDF5 cannot read it");
    turn_around(selection, size, dst);
done:
    slab_hdf5_close(&from);
    slab_hdf5_close(&to);
    return rc;
}

static slab_status read_selection(slab_meta *meta, hid_t array, const slab_selection *selection,
                                  slab_dtype native, void *dst)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5Dget_type(array), memory = H5I_INVALID_HID;
    size_t bytes;
    HDF5_REQUIRE(type >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    REQUIRE(native.kind != SLAB_KIND_OTHER, SLAB_ERR_TYPE, "its elements have no native type");
    TRY(slab_selection_bytes(selection, native.size, &bytes));
    if (bytes == 0)
        goto done;
    TRY(slab_type_memory(type, native, &memory));
    TRY(slab_hdf5_transfer(meta, array, selection, memory, native.size, H5P_DEFAULT, dst));
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&memory);
    return rc;
}

slab_status slab_meta_read(slab_meta *meta, const char *path, const slab_selection *selection,
                           slab_dtype native, void *dst)
{
    slab_status rc = SLAB_OK;
    hid_t array;
    TRY(slab_meta_enter(meta));
    TRY(slab_meta_array(meta, path, &array));
    TRY_SAYING(read_selection(meta, array, selection, native, dst), "array '%s' of '%s'", path,
               meta->path);
done:
    slab_meta_leave(meta);
    return rc;
}
