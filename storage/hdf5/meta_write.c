/* A transaction's side of the metadata plane: all of it stays in memory until commit. */
#include <slab/storage/hdf5/library_impl.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/create_impl.h>
#include <slab/storage/hdf5/journal.h>
#include <slab/storage/hdf5/occupied_impl.h>
#include <slab/storage/hdf5/seal_impl.h>
#include <slab/storage/hdf5/sealing_impl.h>
#include <slab/storage/hdf5/types_impl.h>

enum { ATTRIBUTES_TEXT = 400 }; /* names that are there, for a message */

/* --- beginning --- */

/* Formats that every HDF5 since 1.8 reads and that leave no mark of being open. A file that has
 * newer ones already keeps them. */
static slab_status bounds_set(hid_t fapl, bool create)
{
    slab_status rc = SLAB_OK;
    H5F_libver_t high = create ? H5F_LIBVER_V18 : H5F_LIBVER_LATEST;
    HDF5_REQUIRE(H5Pset_libver_bounds(fapl, H5F_LIBVER_EARLIEST, high) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not take the format bounds");
done:
    return rc;
}

/* Space that the file itself keeps account of could be given to a chunk that lies elsewhere. */
static slab_status space_check(slab_meta *m)
{
    slab_status rc = SLAB_OK;
    H5F_fspace_strategy_t strategy;
    hbool_t persist;
    hsize_t threshold;
    hid_t fcpl = H5Fget_create_plist(m->id);
    HDF5_REQUIRE(fcpl >= 0 &&
                     H5Pget_file_space_strategy(fcpl, &strategy, &persist, &threshold) >= 0,
                 SLAB_ERR_FORMAT, "cannot read how '%s' manages its space", m->path);
    REQUIRE(!persist && strategy != H5F_FSPACE_STRATEGY_PAGE, SLAB_ERR_UNSUPPORTED,
            "'%s' manages its free space by pages or persistently: 'h5repack -S FSM_AGGR -P 0' "
            "makes a copy that can be written",
            m->path);
done:
    slab_hdf5_close(&fcpl);
    return rc;
}

static slab_status hdf5_open(slab_meta *m)
{
    slab_status rc = SLAB_OK;
    hid_t fapl = H5I_INVALID_HID, fcpl = H5I_INVALID_HID;
    TRY(slab_driver_access(m->file, &fapl));
    TRY(bounds_set(fapl, m->create));
    if (m->create) {
        fcpl = H5Pcreate(H5P_FILE_CREATE);
        HDF5_REQUIRE(fcpl >= 0, SLAB_ERR_HDF5, "HDF5 gives no property list");
        m->id = H5Fcreate(m->path, H5F_ACC_TRUNC, fcpl, fapl);
        HDF5_REQUIRE(m->id >= 0, SLAB_ERR_HDF5, "cannot create '%s'", m->path);
    } else {
        m->id = H5Fopen(m->path, H5F_ACC_RDWR, fapl);
        HDF5_REQUIRE(m->id >= 0, SLAB_ERR_FORMAT, "cannot open '%s' to write it", m->path);
        TRY(space_check(m));
    }
done:
    slab_hdf5_close(&fapl);
    slab_hdf5_close(&fcpl);
    return rc;
}

static void abandon(slab_meta **meta)
{
    slab_meta *m = *meta;
    *meta = NULL;
    if (m == NULL)
        return;
    if (m->file != NULL)
        m->file->discard = true;
    slab_meta_array_forget(m);
    slab_hdf5_close(&m->id);
    slab_driver_close(&m->file);
    slab_memory_free(m->path);
    slab_memory_free(m);
}

slab_status slab_meta_begin(const char *path, bool create, slab_meta_reserve reserve, void *context,
                            slab_meta **out)
{
    slab_status rc = SLAB_OK;
    slab_meta *m = NULL;
    uint64_t superblock;
    *out = NULL;
    TRY(slab_hdf5_enter());
    ALLOC(m, 1, "transaction");
    m->id = m->array = H5I_INVALID_HID;
    m->create = create;
    TRY(slab_memory_strdup(&m->path, path));
    TRY(slab_driver_open(path, true, create, &m->file));
    if (!create)
        TRY(slab_meta_signature_check(m->file, &superblock));
    TRY(hdf5_open(m));
    slab_driver_begin(m->file, reserve, context);
    *out = m;
    m = NULL;
done:
    abandon(&m);
    slab_hdf5_leave();
    return rc;
}

uint64_t slab_meta_end(const slab_meta *meta)
{
    return meta->file->eoa;
}

/* --- objects --- */

slab_status slab_meta_create_array(slab_meta *meta, const char *path, const slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    TRY(slab_hdf5_enter());
    slab_meta_array_forget(meta);
    TRY(slab_hdf5_filters(&info->pipeline.type));
    TRY(slab_sealing_created(meta, path));
    TRY_SAYING(slab_hdf5_create_array(meta->id, path, info, &meta->array),
               "cannot create array '%s' in '%s'", path, meta->path);
    TRY(slab_memory_strdup(&meta->array_path, path));
    TRY(slab_driver_lost(meta->file));
done:
    if (rc != SLAB_OK)
        slab_meta_array_forget(meta);
    slab_hdf5_leave();
    return rc;
}

slab_status slab_meta_create_group(slab_meta *meta, const char *path)
{
    slab_status rc = SLAB_OK;
    TRY(slab_hdf5_enter());
    TRY(slab_sealing_created(meta, path));
    TRY_SAYING(slab_hdf5_create_group(meta->id, path), "cannot create group '%s' in '%s'", path,
               meta->path);
    TRY(slab_driver_lost(meta->file));
done:
    slab_hdf5_leave();
    return rc;
}

/* Deleting would free the object's blocks, and HDF5 gives freed space to the next taker at once: a
 * chunk would land on committed bytes. So where the last link goes one reference is kept that
 * nothing holds: the object stays where it is, unreachable, until a copy leaves it behind. */
slab_status slab_meta_remove(slab_meta *meta, const char *path)
{
    slab_status rc = SLAB_OK;
    hid_t object = H5I_INVALID_HID;
    TRY(slab_hdf5_enter());
    slab_meta_array_forget(meta);
    REQUIRE(path[strspn(path, "/")] != '\0', SLAB_ERR_VALUE, "the root group cannot be removed");
    if (H5Lexists(meta->id, path, H5P_DEFAULT) <= 0) {
        rc = slab_meta_not_found(meta, path);
        goto done;
    }
    TRY(slab_sealing_removed(meta, path));
    H5L_info_t info;
    HDF5_REQUIRE(H5Lget_info(meta->id, path, &info, H5P_DEFAULT) >= 0, SLAB_ERR_FORMAT,
                 "cannot look at '%s' in '%s'", path, meta->path);
    if (info.type == H5L_TYPE_HARD) {
        slab_object_place place;
        TRY(slab_hdf5_place(meta->id, path, &place));
        object = H5Oopen(meta->id, path, H5P_DEFAULT);
        HDF5_REQUIRE(object >= 0 && (place.links > 1 || H5Oincr_refcount(object) >= 0),
                     SLAB_ERR_HDF5, "cannot remove '%s' from '%s'", path, meta->path);
    }
    HDF5_REQUIRE(H5Ldelete(meta->id, path, H5P_DEFAULT) >= 0, SLAB_ERR_HDF5,
                 "cannot remove '%s' from '%s'", path, meta->path);
    TRY(slab_driver_lost(meta->file));
done:
    slab_hdf5_close(&object);
    slab_hdf5_leave();
    return rc;
}

slab_status slab_meta_write(slab_meta *meta, const char *path, slab_dtype native, const void *data)
{
    slab_status rc = SLAB_OK;
    hid_t array, type = H5I_INVALID_HID, memory = H5I_INVALID_HID;
    TRY(slab_hdf5_enter());
    TRY(slab_meta_array(meta, path, &array));
    type = H5Dget_type(array);
    HDF5_REQUIRE(type >= 0, SLAB_ERR_FORMAT, "'%s' in '%s' has no type", path, meta->path);
    TRY(slab_type_memory(type, native, &memory));
    HDF5_REQUIRE(H5Dwrite(array, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, SLAB_ERR_HDF5,
                 "cannot write '%s' in '%s'", path, meta->path);
    TRY(slab_driver_lost(meta->file));
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&memory);
    slab_hdf5_leave();
    return rc;
}

/* --- attributes --- */

static slab_status attribute_put(slab_meta *meta, const char *path, const char *name, hid_t type,
                                 hid_t memory, hid_t space, const void *data)
{
    slab_status rc = SLAB_OK;
    hid_t object = H5I_INVALID_HID, attribute = H5I_INVALID_HID;
    if (!slab_meta_exists(meta, path))
        return slab_meta_not_found(meta, path);
    TRY(slab_seal_attribute_check(name));
    TRY(slab_sealing_attribute(meta, path, name));
    object = H5Oopen(meta->id, path[0] != '\0' ? path : "/", H5P_DEFAULT);
    HDF5_REQUIRE(object >= 0, SLAB_ERR_FORMAT, "cannot open it");
    htri_t there = H5Aexists(object, name);
    HDF5_REQUIRE(there >= 0 && (there == 0 || H5Adelete(object, name) >= 0), SLAB_ERR_HDF5,
                 "the old one cannot be removed");
    attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    HDF5_REQUIRE(attribute >= 0, SLAB_ERR_HDF5, "HDF5 does not create it");
    if (H5Sget_simple_extent_npoints(space) > 0)
        HDF5_REQUIRE(H5Awrite(attribute, memory, data) >= 0, SLAB_ERR_HDF5,
                     "HDF5 does not write it");
    TRY(slab_driver_lost(meta->file));
done:
    slab_hdf5_close(&attribute);
    slab_hdf5_close(&object);
    return rc;
}

/* An attribute lies in its object's header, which has no room for more than 64 KiB. */
static slab_status attribute_size_check(size_t bytes)
{
    slab_status rc = SLAB_OK;
    REQUIRE(bytes <= 64000, SLAB_ERR_RANGE, "%zu bytes are too many: an attribute holds 64000",
            bytes);
done:
    return rc;
}

slab_status slab_meta_attribute_text(slab_meta *meta, const char *path, const char *name,
                                     const char *text)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5I_INVALID_HID, space = H5I_INVALID_HID;
    size_t size = strlen(text);
    TRY(slab_hdf5_enter());
    TRY(attribute_size_check(size));
    type = H5Tcopy(H5T_C_S1);
    space = H5Screate(H5S_SCALAR);
    /* With its NUL, so that C programs may use it as it is read. */
    HDF5_REQUIRE(type >= 0 && space >= 0 && H5Tset_size(type, size + 1) >= 0 &&
                     H5Tset_cset(type, H5T_CSET_UTF8) >= 0,
                 SLAB_ERR_HDF5, "HDF5 does not make a string type");
    TRY(attribute_put(meta, path, name, type, type, space, text));
done:
    if (rc != SLAB_OK)
        slab_error_prefix(rc, "attribute '%s' of '%s' in '%s'", name, path, meta->path);
    slab_hdf5_close(&type);
    slab_hdf5_close(&space);
    slab_hdf5_leave();
    return rc;
}

slab_status slab_meta_attribute(slab_meta *meta, const char *path, const char *name,
                                slab_dtype dtype, int64_t n, const void *data)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5I_INVALID_HID, space = H5I_INVALID_HID, memory = H5I_INVALID_HID;
    hsize_t count = (hsize_t)(n < 0 ? 1 : n);
    size_t bytes;
    TRY(slab_hdf5_enter());
    TRY(slab_size_multiply(count, dtype.size, &bytes));
    TRY(attribute_size_check(bytes));
    TRY(slab_type_to_hdf5(dtype, &type));
    TRY(slab_type_memory(type, slab_dtype_native(dtype), &memory));
    space = n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, NULL);
    HDF5_REQUIRE(space >= 0, SLAB_ERR_HDF5, "HDF5 does not take its shape");
    TRY(attribute_put(meta, path, name, type, memory, space, data));
done:
    if (rc != SLAB_OK)
        slab_error_prefix(rc, "attribute '%s' of '%s' in '%s'", name, path, meta->path);
    slab_hdf5_close(&type);
    slab_hdf5_close(&memory);
    slab_hdf5_close(&space);
    slab_hdf5_leave();
    return rc;
}

static herr_t name_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    char *text = context;
    size_t used = strlen(text);
    (void)object, (void)info;
    snprintf(text + used, ATTRIBUTES_TEXT - used, "%s%.40s", used > 0 ? ", " : "", name);
    return 0;
}

slab_status slab_meta_attribute_remove(slab_meta *meta, const char *path, const char *name)
{
    slab_status rc = SLAB_OK;
    hid_t object = H5I_INVALID_HID;
    char names[ATTRIBUTES_TEXT] = "";
    TRY(slab_hdf5_enter());
    if (!slab_meta_exists(meta, path)) {
        rc = slab_meta_not_found(meta, path);
        goto done;
    }
    TRY(slab_seal_attribute_check(name));
    TRY(slab_sealing_attribute(meta, path, name));
    object = H5Oopen(meta->id, path[0] != '\0' ? path : "/", H5P_DEFAULT);
    HDF5_REQUIRE(object >= 0, SLAB_ERR_FORMAT, "cannot open '%s' of '%s'", path, meta->path);
    htri_t there = H5Aexists(object, name);
    HDF5_REQUIRE(there >= 0, SLAB_ERR_FORMAT, "cannot read the attributes of '%s' in '%s'", path,
                 meta->path);
    if (there == 0) {
        H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, name_attribute, names);
        FAIL(SLAB_ERR_NOT_FOUND, "'%s' of '%s' has no attribute '%s': it has %s", path, meta->path,
             name, names[0] ? names : "none");
    }
    HDF5_REQUIRE(H5Adelete(object, name) >= 0, SLAB_ERR_HDF5,
                 "cannot remove attribute '%s' of '%s' in '%s'", name, path, meta->path);
done:
    slab_hdf5_close(&object);
    slab_hdf5_leave();
    return rc;
}

/* --- chunks --- */

/* The array's chunk grid, and the size its chunks must have when nothing packs them. */
static slab_status grid_of(hid_t array, slab_grid *grid, size_t *plain)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
    slab_shape shape = {0}, tile = {0};
    hid_t type = H5Dget_type(array), space = H5Dget_space(array);
    hid_t dcpl = H5Dget_create_plist(array);
    HDF5_REQUIRE(type >= 0 && space >= 0 && dcpl >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    REQUIRE(H5Pget_layout(dcpl) == H5D_CHUNKED, SLAB_ERR_TYPE, "it has no chunks");
    shape.rank = H5Sget_simple_extent_dims(space, extent, NULL);
    tile.rank = H5Pget_chunk(dcpl, H5S_MAX_RANK, chunk);
    HDF5_REQUIRE(shape.rank > 0 && tile.rank == shape.rank, SLAB_ERR_FORMAT,
                 "its shape is unreadable");
    *plain = H5Tget_size(type);
    for (int i = 0; i < shape.rank; i++) {
        shape.extent[i] = (int64_t)extent[i];
        tile.extent[i] = (int64_t)chunk[i];
        TRY(slab_size_multiply(*plain, chunk[i], plain));
    }
    if (H5Pget_nfilters(dcpl) > 0)
        *plain = 0;
    TRY(slab_grid_make(&shape, &tile, NULL, grid));
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&space);
    slab_hdf5_close(&dcpl);
    return rc;
}

static slab_status register_one(slab_meta *meta, hid_t array, const slab_grid *grid, size_t plain,
                                const slab_placed_chunk *chunk)
{
    slab_status rc = SLAB_OK;
    slab_driver_file *file = meta->file;
    int64_t at[SLAB_RANK_MAX];
    hsize_t offset[SLAB_RANK_MAX];
    REQUIRE(chunk->number >= 0 && chunk->number < grid->ntiles, SLAB_ERR_INTERNAL,
            "chunk %" PRId64 " is not in 0..%" PRId64, chunk->number, grid->ntiles - 1);
    REQUIRE(chunk->at.size > 0 && chunk->at.size <= UINT32_MAX &&
                (plain == 0 || chunk->at.size == plain),
            SLAB_ERR_INTERNAL, "chunk %" PRId64 " has %" PRIu64 " bytes", chunk->number,
            chunk->at.size);
    slab_grid_coords(grid, chunk->number, at);
    for (int i = 0; i < grid->shape.rank; i++)
        offset[i] = (hsize_t)(at[i] * grid->tile.extent[i]);
    file->placing = true;
    file->placed = 0;
    file->place_address = chunk->at.address;
    file->place_size = chunk->at.size;
    herr_t wrote = H5Dwrite_chunk(array, H5P_DEFAULT, chunk->at.mask, offset,
                                  (size_t)chunk->at.size, slab_driver_sentinel());
    file->placing = false;
    HDF5_REQUIRE(wrote >= 0, SLAB_ERR_HDF5, "cannot enter chunk %" PRId64, chunk->number);
    TRY(slab_driver_lost(file));
    /* HDF5 had a place of its own for it: the chunk exists, or space was freed. */
    REQUIRE(file->placed == 1, SLAB_ERR_INTERNAL, "chunk %" PRId64 " was entered before",
            chunk->number);
done:
    return rc;
}

slab_status slab_meta_register(slab_meta *meta, const char *path, const slab_placed_chunk *chunks,
                               int64_t n)
{
    slab_status rc = SLAB_OK;
    hid_t array;
    slab_grid grid;
    size_t plain;
    TRY(slab_hdf5_enter());
    TRY(slab_meta_array(meta, path, &array));
    rc = grid_of(array, &grid, &plain);
    for (int64_t i = 0; rc == SLAB_OK && i < n; i++)
        rc = register_one(meta, array, &grid, plain, &chunks[i]);
    if (rc != SLAB_OK)
        rc = slab_error_prefix(rc, "array '%s' of '%s'", path, meta->path);
done:
    slab_hdf5_leave();
    return rc;
}

/* --- the end --- */

/* HDF5 writes all it still holds, into the overlay. The end of the file it writes down covers all
 * that was reserved: a file shorter than that counts as truncated. */
static slab_status hdf5_finish(slab_meta *m, uint64_t end)
{
    slab_status rc = SLAB_OK;
    slab_driver_file *file = m->file;
    slab_meta_array_forget(m);
    if (file->eoa < end)
        file->eoa = end;
    /* First a flush: HDF5 does not survive (it crashes at exit) a close that cannot write. */
    HDF5_REQUIRE(H5Fflush(m->id, H5F_SCOPE_GLOBAL) >= 0, SLAB_ERR_HDF5,
                 "cannot finish the metadata of '%s'", m->path);
    TRY(slab_driver_lost(file));
    hid_t id = m->id;
    m->id = H5I_INVALID_HID;
    HDF5_REQUIRE(H5Fclose(id) >= 0, SLAB_ERR_HDF5, "cannot finish the metadata of '%s'", m->path);
    const slab_error *below = slab_driver_error();
    rc = below->code != SLAB_OK ? slab_error_restore(below) : slab_driver_lost(file);
done:
    return rc;
}

static slab_status write_new(slab_meta *m, const slab_patch *patches, size_t n, bool sync)
{
    slab_status rc = SLAB_OK;
    TRY(slab_journal_write_patches(m->file->fd, m->path, patches, n));
    if (ftruncate(m->file->fd, (off_t)m->file->eoa) != 0)
        FAIL_ERRNO("cannot set the length of '%s'", m->path);
    if (sync && fsync(m->file->fd) != 0)
        FAIL_ERRNO("cannot fsync '%s'", m->path);
done:
    return rc;
}

/* What lies behind the old end comes first, while readers still have the file: none of them looks
 * there, and a file that ends behind what its superblock says is whole. What they do see, a few
 * pages, changes once the file is ours alone, and under a journal. */
static slab_status write_existing(slab_meta *m, const slab_patch *patches, size_t n, bool sync,
                                  slab_meta_gate alone, void *context)
{
    slab_status rc = SLAB_OK;
    slab_driver_file *file = m->file;
    size_t seen = 0;
    off_t size = lseek(file->fd, 0, SEEK_END);
    if (size < 0)
        FAIL_ERRNO("cannot look at '%s'", m->path);
    while (seen < n && patches[seen].address < file->size)
        seen++;
    if ((uint64_t)size < file->eoa && ftruncate(file->fd, (off_t)file->eoa) != 0)
        FAIL_ERRNO("cannot set the length of '%s'", m->path);
    TRY(slab_journal_write_patches(file->fd, m->path, patches + seen, n - seen));
    if (sync && ((uint64_t)size < file->eoa || seen < n) && fsync(file->fd) != 0)
        FAIL_ERRNO("cannot fsync '%s'", m->path);
    if (alone)
        TRY(alone(context));
    if (seen > 0)
        TRY(slab_journal_apply(m->path, file->fd, file->size, patches, seen, sync));
done:
    return rc;
}

slab_status slab_meta_commit(slab_meta **meta, uint64_t end, bool sync, slab_meta_gate alone,
                             void *context)
{
    slab_status rc = SLAB_OK;
    slab_meta *m = *meta;
    slab_patch *patches = NULL;
    size_t n = 0;
    *meta = NULL;
    TRY(slab_hdf5_enter());
    TRY(hdf5_finish(m, end));
    TRY(slab_overlay_patches(m->file->overlay, &patches, &n));
    if (m->create)
        TRY(write_new(m, patches, n, sync));
    else
        TRY(write_existing(m, patches, n, sync, alone, context));
done:
    slab_memory_free(patches);
    abandon(&m);
    slab_hdf5_leave();
    return rc;
}

void slab_meta_abort(slab_meta **meta)
{
    slab_error error = *slab_error_last();
    if (*meta == NULL)
        return;
    slab_hdf5_enter();
    abandon(meta);
    slab_hdf5_leave();
    slab_error_restore(&error);
}
