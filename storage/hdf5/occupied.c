/* What objects take in a file, and which of them lose their last link when some links go. */
#include <slab/storage/hdf5/library_impl.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <slab/storage/base/digest.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/occupied_impl.h>

#if H5_VERSION_GE(1, 12, 0)

/* HDF5's number of an open file. */
static slab_status file_number(hid_t place, const char *path, unsigned long *number)
{
    slab_status rc = SLAB_OK;
    H5O_info2_t info;
    HDF5_REQUIRE(H5Oget_info_by_name3(place, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0,
                 SLAB_ERR_FORMAT, "cannot look at '%s'", path);
    *number = info.fileno;
done:
    return rc;
}

slab_status slab_hdf5_key(hid_t place, const char *path, uint64_t *key)
{
    slab_status rc = SLAB_OK;
    H5O_info2_t info;
    HDF5_REQUIRE(H5Oget_info_by_name3(place, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0,
                 SLAB_ERR_FORMAT, "cannot look at '%s'", path);
    memcpy(key, &info.token, sizeof *key); /* it begins with the address */
done:
    return rc;
}

slab_status slab_hdf5_place(hid_t place, const char *path, slab_object_place *out)
{
    slab_status rc = SLAB_OK;
    H5O_info2_t info;
    H5O_native_info_t native;
    HDF5_REQUIRE(
        H5Oget_info_by_name3(place, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 &&
            H5Oget_native_info_by_name(place, path, &native, H5O_NATIVE_INFO_ALL, H5P_DEFAULT) >= 0,
        SLAB_ERR_FORMAT, "cannot look at '%s'", path);
    *out = (slab_object_place){.links = info.rc};
    memcpy(&out->key, &info.token, sizeof out->key);
    out->bytes = native.hdr.space.total + native.meta_size.obj.index_size +
                 native.meta_size.obj.heap_size + native.meta_size.attr.index_size +
                 native.meta_size.attr.heap_size;
done:
    return rc;
}

#else

/* HDF5's number of an open file. */
static slab_status file_number(hid_t place, const char *path, unsigned long *number)
{
    slab_status rc = SLAB_OK;
    H5O_info_t info;
    HDF5_REQUIRE(H5Oget_info_by_name2(place, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0,
                 SLAB_ERR_FORMAT, "cannot look at '%s'", path);
    *number = info.fileno;
done:
    return rc;
}

slab_status slab_hdf5_key(hid_t place, const char *path, uint64_t *key)
{
    slab_status rc = SLAB_OK;
    H5O_info_t info;
    HDF5_REQUIRE(H5Oget_info_by_name2(place, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0,
                 SLAB_ERR_FORMAT, "cannot look at '%s'", path);
    *key = info.addr;
done:
    return rc;
}

slab_status slab_hdf5_place(hid_t place, const char *path, slab_object_place *out)
{
    slab_status rc = SLAB_OK;
    H5O_info_t info;
    HDF5_REQUIRE(H5Oget_info_by_name2(place, path, &info,
                                      H5O_INFO_BASIC | H5O_INFO_HDR | H5O_INFO_META_SIZE,
                                      H5P_DEFAULT) >= 0,
                 SLAB_ERR_FORMAT, "cannot look at '%s'", path);
    *out = (slab_object_place){.key = info.addr, .links = info.rc};
    out->bytes = info.hdr.space.total + info.meta_size.obj.index_size +
                 info.meta_size.obj.heap_size + info.meta_size.attr.index_size +
                 info.meta_size.attr.heap_size;
done:
    return rc;
}

#endif

slab_status slab_hdf5_is_elsewhere(hid_t place, const char *path, bool *elsewhere)
{
    slab_status rc = SLAB_OK;
    unsigned long here = 0, there = 0;
    TRY(file_number(place, "/", &here));
    TRY(file_number(place, path, &there));
    *elsewhere = here != there;
done:
    return rc;
}

slab_status slab_hdf5_file_name(hid_t object, char **out)
{
    slab_status rc = SLAB_OK;
    ssize_t n = H5Fget_name(object, NULL, 0);
    *out = NULL;
    HDF5_REQUIRE(n >= 0, SLAB_ERR_HDF5, "its file has no name");
    ALLOC(*out, n + 1, "the name of a file");
    HDF5_REQUIRE(H5Fget_name(object, *out, (size_t)n + 1) >= 0, SLAB_ERR_HDF5,
                 "its file has no name");
done:
    if (rc != SLAB_OK)
        FREE(*out);
    return rc;
}

/* Addresses of another file say nothing in this one: with its name they do. */
static slab_status key_elsewhere(slab_meta *meta, const char *path, uint64_t *key)
{
    slab_status rc = SLAB_OK;
    char *file = NULL;
    hid_t object = H5Oopen(meta->id, path, H5P_DEFAULT);
    HDF5_REQUIRE(object >= 0, SLAB_ERR_FORMAT, "cannot open '%s'", path);
    TRY(slab_hdf5_file_name(object, &file));
    *key ^= slab_digest_text(file).low;
done:
    slab_memory_free(file);
    slab_hdf5_close(&object);
    return rc;
}

static slab_status object_key(slab_meta *meta, const char *path, uint64_t *key)
{
    slab_status rc = SLAB_OK;
    bool elsewhere;
    TRY(slab_hdf5_key(meta->id, path, key));
    TRY(slab_hdf5_is_elsewhere(meta->id, path, &elsewhere));
    if (elsewhere)
        TRY(key_elsewhere(meta, path, key));
done:
    return rc;
}

slab_status slab_meta_object_key(slab_meta *meta, const char *path, uint64_t *key)
{
    slab_status rc = SLAB_OK;
    TRY(slab_meta_enter(meta));
    TRY_SAYING(object_key(meta, path, key), "'%s'", meta->path);
done:
    slab_meta_leave(meta);
    return rc;
}

slab_status slab_meta_link(slab_meta *meta, const char *path, slab_object *out)
{
    slab_status rc = SLAB_OK;
    H5L_info_t info;
    *out = SLAB_OBJECT_GROUP;
    TRY(slab_meta_enter(meta));
    if (path[strspn(path, "/")] == '\0')
        goto done;
    if (H5Lget_info(meta->id, path, &info, H5P_DEFAULT) < 0) {
        rc = slab_meta_not_found(meta, path);
        goto done;
    }
    if (info.type == H5L_TYPE_SOFT)
        *out = SLAB_OBJECT_SOFT_LINK;
    else if (info.type != H5L_TYPE_HARD)
        *out = SLAB_OBJECT_EXTERNAL_LINK;
done:
    slab_meta_leave(meta);
    if (rc == SLAB_OK && *out == SLAB_OBJECT_GROUP)
        rc = slab_meta_object(meta, path, out);
    return rc;
}

/* --- what goes --- */

typedef struct gone {
    slab_meta *meta;
    slab_object_place *places;
    size_t n, room;
} gone;

static slab_status gone_add(gone *g, const char *path, slab_object kind)
{
    slab_status rc = SLAB_OK;
    hid_t array = H5I_INVALID_HID;
    TRY(slab_meta_enter(g->meta));
    if (g->n == g->room) {
        size_t room = g->room ? 2 * g->room : 64;
        TRY(slab_memory_resize((void **)&g->places, room, sizeof *g->places, "a list of objects"));
        g->room = room;
    }
    slab_object_place *place = &g->places[g->n];
    TRY_SAYING(slab_hdf5_place(g->meta->id, path, place), "'%s'", g->meta->path);
    if (kind == SLAB_OBJECT_ARRAY) {
        array = H5Dopen2(g->meta->id, path, H5P_DEFAULT);
        HDF5_REQUIRE(array >= 0, SLAB_ERR_FORMAT, "cannot open array '%s' of '%s'", path,
                     g->meta->path);
        place->bytes += H5Dget_storage_size(array);
    }
    g->n++;
done:
    slab_hdf5_close(&array);
    slab_meta_leave(g->meta);
    return rc;
}

static slab_status see(void *context, const char *path, slab_object kind, const char *target)
{
    (void)target;
    bool object =
        kind == SLAB_OBJECT_GROUP || kind == SLAB_OBJECT_ARRAY || kind == SLAB_OBJECT_TYPE;
    return object ? gone_add(context, path, kind) : SLAB_OK;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const slab_object_place *)a)->key, y = ((const slab_object_place *)b)->key;
    return (x > y) - (x < y);
}

/* An object goes when as many of its hard links go as lead to it. */
static void count_gone(gone *g, int64_t *objects, uint64_t *bytes)
{
    if (g->n > 1)
        qsort(g->places, g->n, sizeof *g->places, by_key);
    for (size_t i = 0, next; i < g->n; i = next) {
        for (next = i; next < g->n && g->places[next].key == g->places[i].key;)
            next++;
        if (next - i >= g->places[i].links) {
            ++*objects;
            *bytes += g->places[i].bytes;
        }
    }
}

slab_status slab_meta_occupied(slab_meta *meta, const char *const *paths, int n, int64_t *objects,
                               uint64_t *bytes)
{
    slab_status rc = SLAB_OK;
    gone g = {.meta = meta};
    *objects = 0;
    *bytes = 0;
    for (int i = 0; i < n; i++) {
        slab_object kind;
        TRY(slab_meta_link(meta, paths[i], &kind));
        TRY(see(&g, paths[i], kind, NULL));
        if (kind == SLAB_OBJECT_GROUP)
            TRY(slab_meta_list(meta, paths[i], true, see, &g));
    }
    count_gone(&g, objects, bytes);
done:
    slab_memory_free(g.places);
    return rc;
}
