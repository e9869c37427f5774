/* Copying objects from one file to another: headers alone, for arrays whose chunks go another way,
 * and whole objects through H5Ocopy. Attributes are copied by themselves, after all objects: what
 * refers to an object must find it. */
#include <slab/storage/hdf5/library_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/create_impl.h>
#include <slab/storage/hdf5/fallback_impl.h>
#include <slab/storage/hdf5/occupied_impl.h>
#include <slab/storage/hdf5/seal_impl.h>
#include <slab/storage/hdf5/sealing_impl.h>
#include <slab/storage/hdf5/types_impl.h>

static slab_status links_with_parents(hid_t *lcpl)
{
    slab_status rc = SLAB_OK;
    *lcpl = H5Pcreate(H5P_LINK_CREATE);
    HDF5_REQUIRE(*lcpl >= 0 && H5Pset_create_intermediate_group(*lcpl, 1) >= 0 &&
                     H5Pset_char_encoding(*lcpl, H5T_CSET_UTF8) >= 0,
                 SLAB_ERR_HDF5, "HDF5 gives no property list");
done:
    return rc;
}

/* --- arrays --- */

static size_t no_filter(unsigned flags, size_t n, const unsigned values[], size_t bytes,
                        size_t *size, void **buffer)
{
    (void)flags, (void)n, (void)values, (void)bytes, (void)size, (void)buffer;
    return 0;
}

static bool is_encoder(H5Z_filter_t id)
{
    unsigned can = 0;
    return H5Zfilter_avail(id) > 0 && H5Zget_filter_info(id, &can) >= 0 &&
           (can & H5Z_FILTER_CONFIG_ENCODE_ENABLED) != 0;
}

/* HDF5 creates no array with a filter that it cannot encode. Packed chunks are copied as they are,
 * so a filter that does nothing will do; those that slab knows are put back before they are used.
 */
static slab_status filters_provide(hid_t dcpl)
{
    slab_status rc = SLAB_OK;
    int n = H5Pget_nfilters(dcpl);
    for (int i = 0; i < n; i++) {
        unsigned flags;
        size_t values = 0;
        H5Z_filter_t id = H5Pget_filter2(dcpl, (unsigned)i, &flags, &values, NULL, 0, NULL, NULL);
        if (id < 0 || is_encoder(id))
            continue;
        H5Z_class2_t filter = {.version = H5Z_CLASS_T_VERS,
                               .id = id,
                               .encoder_present = 1,
                               .decoder_present = 1,
                               .name = "unknown",
                               .filter = no_filter};
        HDF5_REQUIRE(H5Zregister(&filter) >= 0, SLAB_ERR_HDF5, "HDF5 does not take filter %d", id);
    }
done:
    return rc;
}

/* The source's own creation list: filters, fill value and all. */
static slab_status list_as_source(hid_t source, hid_t *dcpl)
{
    slab_status rc = SLAB_OK;
    *dcpl = H5Dget_create_plist(source);
    HDF5_REQUIRE(*dcpl >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    HDF5_REQUIRE(H5Pset_alloc_time(*dcpl, H5D_ALLOC_TIME_INCR) >= 0 &&
                     H5Pset_obj_track_times(*dcpl, 0) >= 0,
                 SLAB_ERR_HDF5, "HDF5 does not take the properties of the copy");
    TRY(filters_provide(*dcpl));
done:
    return rc;
}

static slab_status create_like(slab_meta *meta, const char *path, hid_t source,
                               const slab_array_info *storage)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5Dget_type(source), copy = H5I_INVALID_HID, space = H5Dget_space(source);
    hid_t dcpl = H5I_INVALID_HID, lcpl = H5I_INVALID_HID;
    HDF5_REQUIRE(type >= 0 && space >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    copy = H5Tcopy(type); /* a named type of the source stays there */
    HDF5_REQUIRE(copy >= 0, SLAB_ERR_HDF5, "HDF5 does not copy its type");
    if (storage) {
        TRY(slab_hdf5_create_typed(meta->id, path, storage, copy, &meta->array));
    } else {
        TRY(list_as_source(source, &dcpl));
        TRY(links_with_parents(&lcpl));
        meta->array = H5Dcreate2(meta->id, path, copy, space, lcpl, dcpl, H5P_DEFAULT);
        HDF5_REQUIRE(meta->array >= 0, SLAB_ERR_HDF5, "HDF5 does not create it");
    }
    TRY(slab_memory_strdup(&meta->array_path, path));
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&copy);
    slab_hdf5_close(&space);
    slab_hdf5_close(&dcpl);
    slab_hdf5_close(&lcpl);
    return rc;
}

slab_status slab_meta_create_like(slab_meta *meta, const char *path, slab_meta *from,
                                  const char *from_path, const slab_array_info *storage)
{
    slab_status rc = SLAB_OK;
    hid_t source;
    TRY(slab_meta_enter(from));
    slab_meta_array_forget(meta);
    TRY(slab_hdf5_filters(NULL));
    TRY(slab_meta_array(from, from_path, &source));
    TRY(slab_sealing_created(meta, path));
    TRY_SAYING(create_like(meta, path, source, storage), "cannot create array '%s' in '%s'", path,
               meta->path);
done:
    if (rc != SLAB_OK)
        slab_meta_array_forget(meta);
    slab_meta_leave(from);
    return rc;
}

/* --- whole objects --- */

/* H5Ocopy takes packed chunks as they are, but follows what elements lead to. */
static slab_status copyable(slab_meta *from, const char *path)
{
    slab_status rc = SLAB_OK;
    hid_t array, type = H5I_INVALID_HID;
    TRY(slab_meta_array(from, path, &array));
    type = H5Dget_type(array);
    HDF5_REQUIRE(type >= 0, SLAB_ERR_FORMAT, "'%s' in '%s' has no type", path, from->path);
    if (H5Tdetect_class(type, H5T_VLEN) > 0 || H5Tdetect_class(type, H5T_STRING) > 0 ||
        H5Tdetect_class(type, H5T_REFERENCE) > 0)
        TRY(slab_hdf5_readable(from, path, array));
done:
    slab_hdf5_close(&type);
    return rc;
}

/* Without attributes: slab_meta_copy_attributes() brings them. */
static slab_status copy_whole(slab_meta *meta, const char *path, slab_meta *from,
                              const char *from_path)
{
    slab_status rc = SLAB_OK;
    hid_t lcpl = H5I_INVALID_HID, ocpl = H5Pcreate(H5P_OBJECT_COPY);
    HDF5_REQUIRE(ocpl >= 0 && H5Pset_copy_object(ocpl, H5O_COPY_WITHOUT_ATTR_FLAG) >= 0,
                 SLAB_ERR_HDF5, "HDF5 gives no property list");
    TRY(links_with_parents(&lcpl));
    TRY(slab_hdf5_filters(NULL));
    HDF5_REQUIRE(H5Ocopy(from->id, from_path, meta->id, path, ocpl, lcpl) >= 0, SLAB_ERR_HDF5,
                 "HDF5 does not copy it");
done:
    slab_hdf5_close(&lcpl);
    slab_hdf5_close(&ocpl);
    return rc;
}

/* What a group keeps account of. Not its whole creation list: HDF5 1.10 puts the number of its
 * links in there, and a new group with that number is damaged. */
static slab_status group_list(hid_t source, hid_t *gcpl)
{
    slab_status rc = SLAB_OK;
    unsigned links = 0, attributes = 0;
    hid_t from = H5Gget_create_plist(source);
    *gcpl = H5Pcreate(H5P_GROUP_CREATE);
    HDF5_REQUIRE(from >= 0 && *gcpl >= 0 && H5Pget_link_creation_order(from, &links) >= 0 &&
                     H5Pget_attr_creation_order(from, &attributes) >= 0,
                 SLAB_ERR_FORMAT, "the group's properties are unreadable");
    HDF5_REQUIRE(H5Pset_link_creation_order(*gcpl, links) >= 0 &&
                     H5Pset_attr_creation_order(*gcpl, attributes) >= 0 &&
                     H5Pset_obj_track_times(*gcpl, 0) >= 0,
                 SLAB_ERR_HDF5, "HDF5 does not take the group's properties");
done:
    slab_hdf5_close(&from);
    return rc;
}

/* An empty group. */
static slab_status copy_group(slab_meta *meta, const char *path, slab_meta *from,
                              const char *from_path)
{
    slab_status rc = SLAB_OK;
    hid_t source = H5I_INVALID_HID, gcpl = H5I_INVALID_HID, lcpl = H5I_INVALID_HID;
    hid_t group = H5I_INVALID_HID;
    if (slab_meta_exists(meta, path))
        return slab_hdf5_create_group(meta->id, path);
    source = H5Gopen2(from->id, from_path, H5P_DEFAULT);
    HDF5_REQUIRE(source >= 0, SLAB_ERR_FORMAT, "cannot open group '%s' of '%s'", from_path,
                 from->path);
    TRY(group_list(source, &gcpl));
    TRY(links_with_parents(&lcpl));
    group = H5Gcreate2(meta->id, path, lcpl, gcpl, H5P_DEFAULT);
    HDF5_REQUIRE(group >= 0, SLAB_ERR_HDF5, "HDF5 does not create it");
done:
    slab_hdf5_close(&source);
    slab_hdf5_close(&gcpl);
    slab_hdf5_close(&lcpl);
    slab_hdf5_close(&group);
    return rc;
}

static slab_status copy_link(slab_meta *meta, const char *path, slab_meta *from,
                             const char *from_path)
{
    slab_status rc = SLAB_OK;
    H5L_info_t info;
    char *value = NULL;
    hid_t lcpl = H5I_INVALID_HID;
    HDF5_REQUIRE(H5Lget_info(from->id, from_path, &info, H5P_DEFAULT) >= 0 &&
                     info.type != H5L_TYPE_HARD,
                 SLAB_ERR_FORMAT, "cannot look at link '%s' of '%s'", from_path, from->path);
    ALLOC(value, info.u.val_size + 1, "a link");
    HDF5_REQUIRE(H5Lget_val(from->id, from_path, value, info.u.val_size, H5P_DEFAULT) >= 0,
                 SLAB_ERR_FORMAT, "cannot read link '%s' of '%s'", from_path, from->path);
    TRY(links_with_parents(&lcpl));
    herr_t made =
        info.type == H5L_TYPE_SOFT
            ? H5Lcreate_soft(value, meta->id, path, lcpl, H5P_DEFAULT)
            : H5Lcreate_ud(meta->id, path, info.type, value, info.u.val_size, lcpl, H5P_DEFAULT);
    HDF5_REQUIRE(made >= 0, SLAB_ERR_HDF5, "HDF5 does not create the link");
done:
    slab_memory_free(value);
    slab_hdf5_close(&lcpl);
    return rc;
}

slab_status slab_meta_copy_object(slab_meta *meta, const char *path, slab_meta *from,
                                  const char *from_path, slab_object kind)
{
    slab_status rc = SLAB_OK;
    TRY(slab_meta_enter(from));
    slab_watch_object(from_path);
    slab_meta_array_forget(meta);
    TRY(slab_sealing_created(meta, path));
    switch (kind) {
    case SLAB_OBJECT_GROUP:
        rc = copy_group(meta, path, from, from_path);
        break;
    case SLAB_OBJECT_ARRAY:
        rc = copyable(from, from_path);
        rc = rc == SLAB_OK ? copy_whole(meta, path, from, from_path) : rc;
        break;
    case SLAB_OBJECT_TYPE:
        rc = copy_whole(meta, path, from, from_path);
        break;
    default:
        rc = copy_link(meta, path, from, from_path);
    }
    if (rc != SLAB_OK)
        rc = slab_error_prefix(rc, "cannot copy '%s' of '%s' to '%s'", from_path, from->path, path);
done:
    slab_meta_leave(from);
    return rc;
}

slab_status slab_meta_link_hard(slab_meta *meta, const char *there, const char *path)
{
    slab_status rc = SLAB_OK;
    hid_t lcpl = H5I_INVALID_HID;
    TRY(slab_meta_enter(meta));
    slab_meta_array_forget(meta);
    TRY(links_with_parents(&lcpl));
    TRY(slab_sealing_created(meta, path));
    HDF5_REQUIRE(H5Lcreate_hard(meta->id, there, meta->id, path, lcpl, H5P_DEFAULT) >= 0,
                 SLAB_ERR_HDF5, "cannot link '%s' to '%s' in '%s'", path, there, meta->path);
done:
    slab_hdf5_close(&lcpl);
    slab_meta_leave(meta);
    return rc;
}

/* --- references --- */

/* What a reference is on its way from one file to the other. */
typedef struct moving {
    slab_meta *meta, *from;
    const slab_copy_map *map;
    bool elsewhere; /* behind an external link: the addresses in references are another file's */
    bool lost;      /* a reference led to something that is not copied */
} moving;

/* The name in the copy; NULL: it is not in it. */
static slab_status mapped_name(moving *m, const char *name, char **out)
{
    slab_status rc = SLAB_OK;
    size_t n = strlen(m->map->from);
    *out = NULL;
    while (n > 0 && m->map->from[n - 1] == '/')
        n--;
    if (strncmp(name, m->map->from, n) != 0 || (name[n] != '/' && name[n] != '\0')) {
        m->lost = true;
        return m->map->same_file && slab_meta_exists(m->meta, name) ? slab_memory_strdup(out, name)
                                                                    : SLAB_OK;
    }
    size_t to = strlen(m->map->to), size = to + strlen(name + n) + 2;
    while (to > 0 && m->map->to[to - 1] == '/')
        to--;
    ALLOC(*out, size, "the name of an object");
    snprintf(*out, size, "%.*s%s", (int)to, m->map->to, name + n);
    if (**out == '\0')
        strcpy(*out, "/");
    if (!slab_meta_exists(m->meta, *out))
        FREE(*out);
done:
    return rc;
}

/* Points at the same object in the copy, or nowhere. */
static slab_status reference_move(moving *m, hid_t type, void *element)
{
    slab_status rc = SLAB_OK;
    char *name = NULL, *to = NULL;
    hid_t space = H5I_INVALID_HID;
    bool object = H5Tequal(type, H5T_STD_REF_OBJ) > 0;
    H5R_type_t kind = object ? H5R_OBJECT : H5R_DATASET_REGION;
    size_t size = H5Tget_size(type);
    /* Of the kind that came with HDF5 1.12 neither is known where they lead. */
    if (m->elsewhere || (!object && H5Tequal(type, H5T_STD_REF_DSETREG) <= 0)) {
        memset(element, 0, size);
        m->lost = true;
        return SLAB_OK;
    }
    ssize_t n = H5Rget_name(m->from->id, kind, element, NULL, 0);
    if (n > 0) {
        ALLOC(name, n + 1, "the name of an object");
        H5Rget_name(m->from->id, kind, element, name, (size_t)n + 1);
        TRY(mapped_name(m, name, &to));
        m->lost |= to == NULL;
    }
    if (to && !object)
        space = H5Rget_region(m->from->id, kind, element);
    memset(element, 0, size);
    if (to)
        HDF5_REQUIRE(H5Rcreate(element, m->meta->id, to, kind, space) >= 0, SLAB_ERR_HDF5,
                     "HDF5 makes no reference to '%s'", to);
done:
    slab_memory_free(name);
    slab_memory_free(to);
    slab_hdf5_close(&space);
    return rc;
}

static slab_status element_move(moving *m, hid_t type, void *element);

static slab_status run_move(moving *m, hid_t type, void *elements, size_t n)
{
    slab_status rc = SLAB_OK;
    hid_t base = H5Tget_super(type);
    size_t size = H5Tget_size(base);
    for (size_t i = 0; i < n; i++)
        TRY(element_move(m, base, (char *)elements + i * size));
done:
    slab_hdf5_close(&base);
    return rc;
}

static slab_status compound_move(moving *m, hid_t type, void *element)
{
    slab_status rc = SLAB_OK;
    int n = H5Tget_nmembers(type);
    for (int i = 0; i < n; i++) {
        hid_t member = H5Tget_member_type(type, (unsigned)i);
        rc = element_move(m, member, (char *)element + H5Tget_member_offset(type, (unsigned)i));
        slab_hdf5_close(&member);
        TRY(rc);
    }
done:
    return rc;
}

static slab_status element_move(moving *m, hid_t type, void *element)
{
    hsize_t extent[H5S_MAX_RANK];
    hvl_t list;
    size_t n = 1;
    if (H5Tdetect_class(type, H5T_REFERENCE) <= 0)
        return SLAB_OK;
    switch (H5Tget_class(type)) {
    case H5T_REFERENCE:
        return reference_move(m, type, element);
    case H5T_COMPOUND:
        return compound_move(m, type, element);
    case H5T_VLEN:
        memcpy(&list, element, sizeof list);
        return run_move(m, type, list.p, list.len);
    case H5T_ARRAY:
        for (int i = H5Tget_array_dims2(type, extent) - 1; i >= 0; i--)
            n *= extent[i];
        return run_move(m, type, element, n);
    default:
        return SLAB_OK;
    }
}

/* Elements in memory, as HDF5 reads and writes them. */
typedef struct carried {
    hid_t type, memory, space;
    void *data;
    size_t n;
    bool filled;
} carried;

static slab_status carried_make(carried *c)
{
    slab_status rc = SLAB_OK;
    HDF5_REQUIRE(c->type >= 0 && c->space >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    c->memory = H5Tget_native_type(c->type, H5T_DIR_ASCEND);
    if (c->memory < 0)
        c->memory = H5Tcopy(c->type);
    hssize_t n = H5Sget_simple_extent_type(c->space) == H5S_NULL
                     ? 0
                     : H5Sget_simple_extent_npoints(c->space);
    HDF5_REQUIRE(c->memory >= 0 && n >= 0, SLAB_ERR_FORMAT, "its shape is unreadable");
    c->n = (size_t)n;
    TRY(slab_memory_alloc(&c->data, c->n, H5Tget_size(c->memory), "elements to copy"));
done:
    return rc;
}

static void carried_clear(carried *c)
{
    if (c->filled)
        H5Dvlen_reclaim(c->memory, c->space, H5P_DEFAULT, c->data);
    slab_hdf5_close(&c->type);
    slab_hdf5_close(&c->memory);
    slab_hdf5_close(&c->space);
    FREE(c->data);
}

static slab_status carried_move(moving *m, carried *c)
{
    slab_status rc = SLAB_OK;
    size_t size = H5Tget_size(c->memory);
    for (size_t i = 0; i < c->n && c->filled; i++)
        TRY(element_move(m, c->memory, (char *)c->data + i * size));
done:
    return rc;
}

slab_status slab_meta_move_references(slab_meta *meta, const char *path, slab_meta *from,
                                      const char *from_path, const slab_copy_map *map)
{
    slab_status rc = SLAB_OK;
    moving m = {.meta = meta, .from = from, .map = map};
    carried c = {H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, NULL, 0, false};
    hid_t source = H5I_INVALID_HID, copy = H5I_INVALID_HID;
    TRY(slab_meta_enter(from));
    slab_watch_object(from_path);
    source = H5Dopen2(from->id, from_path, H5P_DEFAULT);
    HDF5_REQUIRE(source >= 0, SLAB_ERR_FORMAT, "cannot open '%s' of '%s'", from_path, from->path);
    TRY(slab_hdf5_is_elsewhere(from->id, from_path, &m.elsewhere));
    c.type = H5Dget_type(source);
    c.space = H5Dget_space(source);
    if (H5Tdetect_class(c.type, H5T_REFERENCE) <= 0)
        goto done;
    TRY(carried_make(&c));
    if (c.n == 0)
        goto done;
    TRY(slab_hdf5_readable(from, from_path, source));
    HDF5_REQUIRE(H5Dread(source, c.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, c.data) >= 0,
                 SLAB_ERR_FORMAT, "cannot read '%s' of '%s'", from_path, from->path);
    c.filled = true;
    TRY(carried_move(&m, &c));
    copy = H5Dopen2(meta->id, path, H5P_DEFAULT);
    HDF5_REQUIRE(copy >= 0 && H5Dwrite(copy, c.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, c.data) >= 0,
                 SLAB_ERR_HDF5, "cannot write the references of '%s' in '%s'", path, meta->path);
done:
    carried_clear(&c);
    slab_hdf5_close(&source);
    slab_hdf5_close(&copy);
    slab_meta_leave(from);
    return rc;
}

/* --- attributes --- */

typedef struct attribute_copy {
    moving moving;
    hid_t target;
    const char *path; /* of the target */
    slab_status rc;
} attribute_copy;

/* What ties a dimension to its scale: worth nothing when one of the two is not copied. */
static bool is_scale_tie(const char *name)
{
    return strcmp(name, "DIMENSION_LIST") == 0 || strcmp(name, "REFERENCE_LIST") == 0;
}

static bool is_left_out(const slab_copy_map *map, const char *name)
{
    for (int i = 0; i < map->nwithout; i++)
        if (strcmp(map->without[i], name) == 0)
            return true;
    return false;
}

static slab_status attribute_write(attribute_copy *a, hid_t source, const char *name,
                                   const carried *c)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5Tcopy(c->type), acpl = H5Aget_create_plist(source), copy = H5I_INVALID_HID;
    htri_t there = H5Aexists(a->target, name);
    TRY(slab_sealing_attribute(a->moving.meta, a->path, name));
    HDF5_REQUIRE(type >= 0 && acpl >= 0 && there >= 0 &&
                     (there == 0 || H5Adelete(a->target, name) >= 0),
                 SLAB_ERR_HDF5, "the old one cannot be replaced");
    copy = H5Acreate2(a->target, name, type, c->space, acpl, H5P_DEFAULT);
    HDF5_REQUIRE(copy >= 0, SLAB_ERR_HDF5, "HDF5 does not create it");
    if (c->filled)
        HDF5_REQUIRE(H5Awrite(copy, c->memory, c->data) >= 0, SLAB_ERR_HDF5,
                     "HDF5 does not write it");
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&acpl);
    slab_hdf5_close(&copy);
    return rc;
}

static slab_status attribute_take(attribute_copy *a, hid_t object, const char *name)
{
    slab_status rc = SLAB_OK;
    carried c = {H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, NULL, 0, false};
    hid_t source = H5Aopen(object, name, H5P_DEFAULT);
    HDF5_REQUIRE(source >= 0, SLAB_ERR_FORMAT, "it cannot be opened");
    c.type = H5Aget_type(source);
    c.space = H5Aget_space(source);
    TRY(carried_make(&c));
    if (c.n > 0)
        HDF5_REQUIRE(H5Aread(source, c.memory, c.data) >= 0, SLAB_ERR_FORMAT, "it is unreadable");
    c.filled = c.n > 0;
    a->moving.lost = false;
    TRY(carried_move(&a->moving, &c));
    if (!a->moving.lost || !is_scale_tie(name))
        TRY(attribute_write(a, source, name, &c));
done:
    carried_clear(&c);
    slab_hdf5_close(&source);
    return rc;
}

static herr_t on_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    attribute_copy *a = context;
    (void)info;
    if (is_left_out(a->moving.map, name) || strcmp(name, SLAB_SEAL_NAME) == 0)
        return 0;
    a->rc = attribute_take(a, object, name);
    if (a->rc != SLAB_OK)
        a->rc = slab_error_prefix(a->rc, "attribute '%s'", name);
    return a->rc == SLAB_OK ? 0 : -1;
}

slab_status slab_meta_copy_attributes(slab_meta *meta, const char *path, slab_meta *from,
                                      const char *from_path, const slab_copy_map *map)
{
    slab_status rc = SLAB_OK;
    attribute_copy a = {.moving = {.meta = meta, .from = from, .map = map},
                        .target = H5I_INVALID_HID,
                        .path = path};
    hid_t source = H5I_INVALID_HID;
    TRY(slab_meta_enter(from));
    slab_watch_object(from_path);
    source = H5Oopen(from->id, from_path, H5P_DEFAULT);
    HDF5_REQUIRE(source >= 0, SLAB_ERR_FORMAT, "cannot open '%s' of '%s'", from_path, from->path);
    TRY(slab_hdf5_is_elsewhere(from->id, from_path, &a.moving.elsewhere));
    a.target = H5Oopen(meta->id, path, H5P_DEFAULT);
    HDF5_REQUIRE(a.target >= 0, SLAB_ERR_HDF5, "cannot open '%s' of '%s'", path, meta->path);
    herr_t got = H5Aiterate2(source, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_attribute, &a);
    TRY_SAYING(a.rc, "cannot copy to '%s' of '%s'", path, meta->path);
    HDF5_REQUIRE(got >= 0, SLAB_ERR_FORMAT, "cannot list the attributes of '%s' of '%s'", from_path,
                 from->path);
done:
    slab_hdf5_close(&source);
    slab_hdf5_close(&a.target);
    slab_meta_leave(from);
    return rc;
}
