/* Reading through HDF5 itself, for what slab cannot decode. */
#include <slab/storage/hdf5/fallback_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/types_impl.h>

/* --- virtual arrays --- */

/* The first place where HDF5 would find a source file; NULL when there is none. */
static slab_status source_find(const char *main_path, const char *name, char **out)
{
    slab_status rc = SLAB_OK;
    const char *prefix = getenv("HDF5_VDS_PREFIX"), *slash = strrchr(main_path, '/');
    size_t room = strlen(main_path) + strlen(name) + (prefix != NULL ? strlen(prefix) : 0) + 2;
    char *path = NULL;
    int folder = slash != NULL ? (int)(slash - main_path) : 0;
    const char *last = strrchr(name, '/');
    *out = NULL;
    ALLOC(path, room, "path of a source");
    for (int i = 0; i < 4 && *out == NULL; i++) {
        if (i == 0)
            snprintf(path, room, "%s", name);
        else if (i == 1 && prefix != NULL && strncmp(prefix, "${ORIGIN}", 9) == 0)
            snprintf(path, room, "%.*s%s/%s", folder, main_path, prefix + 9, name);
        else if (i == 1 && prefix != NULL)
            snprintf(path, room, "%s/%s", prefix, name);
        else if (i == 2 && name[0] != '/')
            snprintf(path, room, "%.*s%s%s", folder, main_path, folder > 0 ? "/" : "", name);
        else if (i == 3 && name[0] == '/' && last != NULL)
            snprintf(path, room, "%.*s%s%s", folder, main_path, folder > 0 ? "/" : "", last + 1);
        else
            continue;
        if (access(path, R_OK) == 0) {
            *out = path;
            path = NULL;
        }
    }
done:
    slab_memory_free(path);
    return rc;
}

/* HDF5 fills in for a source that is missing, without a word. Names with a pattern (%b) are left to
 * it: how many there are is not known. */
static slab_status source_check(slab_meta *meta, const char *file, const char *object)
{
    slab_status rc = SLAB_OK;
    char *path = NULL;
    hid_t fapl = H5I_INVALID_HID, source = H5I_INVALID_HID;
    if (strchr(file, '%') != NULL || strchr(object, '%') != NULL)
        return SLAB_OK;
    if (strcmp(file, ".") == 0) {
        REQUIRE(slab_meta_exists(meta, object), SLAB_ERR_NOT_FOUND,
                "its source '%s' is missing in the file", object);
        return SLAB_OK;
    }
    TRY(source_find(meta->path, file, &path));
    REQUIRE(path != NULL, SLAB_ERR_NOT_FOUND, "its source file '%s' is missing", file);
    TRY(slab_driver_access(meta->file, &fapl));
    source = H5Fopen(path, H5F_ACC_RDONLY, fapl);
    HDF5_REQUIRE(source >= 0, SLAB_ERR_FORMAT, "its source file '%s' cannot be opened", path);
    REQUIRE(H5Oexists_by_name(source, object, H5P_DEFAULT) > 0, SLAB_ERR_NOT_FOUND,
            "its source '%s' is missing in '%s'", object, path);
done:
    slab_hdf5_close(&source);
    slab_hdf5_close(&fapl);
    slab_memory_free(path);
    return rc;
}

static slab_status sources_check(slab_meta *meta, hid_t dcpl)
{
    slab_status rc = SLAB_OK;
    size_t n = 0;
    char *file = NULL, *object = NULL;
    HDF5_REQUIRE(H5Pget_virtual_count(dcpl, &n) >= 0, SLAB_ERR_FORMAT,
                 "its sources are unreadable");
    for (size_t i = 0; i < n; i++) {
        slab_watch_step();
        ssize_t file_size = H5Pget_virtual_filename(dcpl, i, NULL, 0);
        ssize_t object_size = H5Pget_virtual_dsetname(dcpl, i, NULL, 0);
        HDF5_REQUIRE(file_size >= 0 && object_size >= 0, SLAB_ERR_FORMAT,
                     "its sources are unreadable");
        ALLOC(file, file_size + 1, "name of a source");
        ALLOC(object, object_size + 1, "name of a source");
        HDF5_REQUIRE(H5Pget_virtual_filename(dcpl, i, file, (size_t)file_size + 1) >= 0 &&
                         H5Pget_virtual_dsetname(dcpl, i, object, (size_t)object_size + 1) >= 0,
                     SLAB_ERR_FORMAT, "its sources are unreadable");
        TRY(source_check(meta, file, object));
        FREE(file);
        FREE(object);
    }
done:
    slab_memory_free(file);
    slab_memory_free(object);
    return rc;
}

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
    *bytes = size;
    for (int i = 0; i < s->rank; i++) {
        REQUIRE(s->count[i] >= 0, SLAB_ERR_RANGE, "a negative count along axis %d", i);
        TRY(slab_size_multiply(*bytes, (size_t)s->count[i], bytes));
    }
done:
    return rc;
}

/* HDF5 does not see that the header of a damaged file holds fewer elements than the shape says. */
static slab_status compact_check(hid_t array, hid_t type)
{
    slab_status rc = SLAB_OK;
    size_t bytes;
    hid_t space = H5Dget_space(array);
    HDF5_REQUIRE(space >= 0, SLAB_ERR_FORMAT, "it has no shape");
    hssize_t n = H5Sget_simple_extent_npoints(space);
    HDF5_REQUIRE(n >= 0, SLAB_ERR_FORMAT, "its shape is unreadable");
    TRY(slab_size_multiply((size_t)n, H5Tget_size(type), &bytes));
    REQUIRE(H5Dget_storage_size(array) >= bytes, SLAB_ERR_FORMAT,
            "its header holds fewer elements than its shape says");
done:
    slab_hdf5_close(&space);
    return rc;
}

/* What a first read of the array needs: its chunks' type, and the sources of a virtual one. */
static slab_status prepare(slab_meta *meta, hid_t array)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK];
    slab_chunk_type *chunk = &meta->array_type;
    char reason[SLAB_REASON_MAX];
    hid_t type = H5Dget_type(array), dcpl = H5Dget_create_plist(array);
    HDF5_REQUIRE(type >= 0 && dcpl >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    *chunk = (slab_chunk_type){0};
    TRY(slab_type_from_hdf5(type, &chunk->dtype, reason));
    if (H5Pget_layout(dcpl) == H5D_CHUNKED) {
        int rank = H5Pget_chunk(dcpl, H5S_MAX_RANK, extent);
        chunk->bytes = H5Tget_size(type);
        for (int i = 0; i < rank; i++)
            TRY(slab_size_multiply(chunk->bytes, extent[i], &chunk->bytes));
    }
    if (H5Pget_layout(dcpl) == H5D_VIRTUAL)
        TRY(sources_check(meta, dcpl));
    if (H5Pget_layout(dcpl) == H5D_COMPACT)
        TRY(compact_check(array, type));
    meta->array_ready = true;
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&dcpl);
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
    TRY(slab_hdf5_filters(&meta->array_type));
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
