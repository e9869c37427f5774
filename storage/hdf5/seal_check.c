/* An object, compared with its seal. */
#include <slab/storage/hdf5/library_impl.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/fallback_impl.h>
#include <slab/storage/hdf5/occupied_impl.h>
#include <slab/storage/hdf5/seal_impl.h>
#include <slab/storage/hdf5/seen_impl.h>
#include <slab/storage/seal.h>

enum { WORDS_MAX = 256 };

typedef struct comparison {
    slab_meta *meta;
    const char *path;
    hid_t object;
    slab_seal seal;
    slab_seal_check *out;
    slab_status rc;

    uint64_t seen;     /* attributes that are in the seal */
    bool lost_name;    /* one looks like a seal under another name */
    slab_digest links; /* the sum, as it is */
    int64_t strangers; /* links to objects that have a seal, where the group has none */
} comparison;

slab_status slab_seal_check_add(slab_seal_check *check, const char *what)
{
    slab_status rc = SLAB_OK;
    TRY(slab_memory_resize((void **)&check->differs, check->ndiffers + 1, sizeof *check->differs,
                           "what differs from a seal"));
    TRY(slab_memory_strdup(&check->differs[check->ndiffers], what));
    check->ndiffers++;
done:
    return rc;
}

void slab_seal_check_clear(slab_seal_check *check)
{
    for (size_t i = 0; i < check->ndiffers; i++)
        FREE(check->differs[i]);
    FREE(check->differs);
    *check = (slab_seal_check){0};
}

__attribute__((format(printf, 2, 3))) static slab_status differs(slab_seal_check *out,
                                                                 const char *format, ...)
{
    char words[WORDS_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return slab_seal_check_add(out, words);
}

/* What cannot be looked at any more is not as it was. */
static slab_status part_compare(comparison *c, slab_seal_part part, slab_status looked,
                                slab_digest is)
{
    const slab_seal *s = &c->seal;
    if (looked != SLAB_OK && looked != SLAB_ERR_FORMAT)
        return looked;
    if (looked != SLAB_OK)
        slab_error_clear();
    else if (s->has[part] && slab_digest_equal(s->part[part], is))
        return SLAB_OK;
    return differs(c->out, "%s", slab_seal_part_name(part));
}

/* --- arrays --- */

static slab_status array_compare(comparison *c)
{
    slab_status rc = SLAB_OK;
    slab_digest is;
    hid_t type = H5Dget_type(c->object), space = H5Dget_space(c->object);
    HDF5_REQUIRE(type >= 0 && space >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    rc = slab_seen_type(type, &is);
    TRY(part_compare(c, SLAB_SEAL_TYPE, rc, is));
    rc = slab_seen_space(space, &is);
    TRY(part_compare(c, SLAB_SEAL_SHAPE, rc, is));
    rc = slab_seen_storage(c->object, type, &is);
    TRY(part_compare(c, SLAB_SEAL_STORAGE, rc, is));
    c->out->has_chunks = c->seal.has[SLAB_SEAL_CHUNKS];
    c->out->chunks = c->seal.part[SLAB_SEAL_CHUNKS];
    c->out->has_elements = c->seal.has[SLAB_SEAL_ELEMENTS];
    /* Of another type or shape the elements are others, and there may be any number of them. */
    if (c->out->has_elements && c->out->ndiffers == 0) {
        TRY(slab_hdf5_filters(NULL));
        if (!slab_seen_is_here(c->object)) /* of these no elements are ever sealed */
            rc = slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__, "its elements lie elsewhere");
        else
            rc = slab_hdf5_readable(c->meta, c->path, c->object);
        if (rc == SLAB_OK)
            rc = slab_seen_elements(c->meta->id, c->object, &is);
        TRY(part_compare(c, SLAB_SEAL_ELEMENTS, rc, is));
    }
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&space);
    return rc;
}

/* --- groups --- */

static slab_status link_compare(comparison *c, hid_t group, const char *name,
                                const H5L_info_t *info)
{
    slab_status rc = SLAB_OK;
    slab_digest digest, id;
    TRY(slab_seal_link(group, name, info, &digest, &id));
    c->strangers += !slab_digest_is_zero(id);
    if (slab_seal_is_whole(&c->seal) || !slab_digest_is_zero(id))
        c->links = slab_digest_add(c->links, digest);
done:
    return rc;
}

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    comparison *c = context;
    c->rc = link_compare(c, group, name, info);
    return c->rc == SLAB_OK ? 0 : -1;
}

static slab_status links_add(comparison *c)
{
    slab_status rc = SLAB_OK;
    herr_t got = H5Literate(c->object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_link, c);
    TRY(c->rc);
    HDF5_REQUIRE(got >= 0, SLAB_ERR_FORMAT, "it cannot be listed");
done:
    return rc;
}

static slab_status group_compare(comparison *c)
{
    slab_status rc = links_add(c);
    return part_compare(c, SLAB_SEAL_LINKS, rc, c->links);
}

/* --- attributes --- */

static slab_status attribute_compare(comparison *c, hid_t object, const char *name)
{
    slab_status rc;
    uint64_t is = 0;
    const slab_seal_attribute *was =
        slab_seal_attribute_find(&c->seal, slab_seal_attribute_name(name));
    if (c->seal.many || (!was && !slab_seal_is_whole(&c->seal)))
        return SLAB_OK;
    c->seen += was != NULL;
    rc = slab_seen_attribute(c->meta->id, object, name, &is);
    if (rc == SLAB_OK && was && was->value == is)
        return SLAB_OK;
    if (rc != SLAB_OK && rc != SLAB_ERR_FORMAT)
        return rc;
    slab_error_clear();
    return differs(c->out, "attribute '%.200s'", name);
}

static herr_t on_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    comparison *c = context;
    (void)info;
    if (strcmp(name, SLAB_SEAL_NAME) == 0)
        c->seen++; /* there can be two of them, where one was something else before */
    else
        c->rc = attribute_compare(c, object, name);
    return c->rc == SLAB_OK ? 0 : -1;
}

static slab_status attributes_visit(comparison *c)
{
    slab_status rc = SLAB_OK;
    herr_t got = H5Aiterate2(c->object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_attribute, c);
    TRY(c->rc);
    HDF5_REQUIRE(got >= 0, SLAB_ERR_FORMAT, "its attributes cannot be listed");
done:
    return rc;
}

static slab_status attributes_compare(comparison *c)
{
    slab_status rc = attributes_visit(c);
    if (rc != SLAB_OK && rc != SLAB_ERR_FORMAT)
        return rc;
    slab_error_clear();
    if (rc == SLAB_OK && (c->seal.many || c->seen == c->seal.nattributes + 1))
        return SLAB_OK;
    return differs(c->out, rc == SLAB_OK ? "number of attributes" : "attributes");
}

/* --- what has no seal --- */

static herr_t on_stranger(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    comparison *c = context;
    (void)info;
    c->lost_name |= slab_seal_is_like(object, name);
    return 0;
}

/* Did it have one? A group in which objects lie that slab made has one; and a seal whose name was
 * changed still looks like one. */
static slab_status unsealed_look(comparison *c)
{
    slab_status rc = SLAB_OK;
    if (H5Iget_type(c->object) == H5I_GROUP)
        TRY(links_add(c));
    H5Aiterate2(c->object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_stranger, c);
    if (c->strangers > 0 || c->lost_name) {
        c->out->sealed = SLAB_SEALED_ONCE;
        TRY(differs(c->out, "seal"));
    }
done:
    return rc;
}

static slab_status type_compare(comparison *c)
{
    slab_digest is;
    slab_status rc = slab_seen_type(c->object, &is);
    return part_compare(c, SLAB_SEAL_TYPE, rc, is);
}

/* An array without its layout passes for a type, and would have the seal's type. */
static bool is_of_kind(const slab_seal *seal, H5I_type_t kind)
{
    const bool *has = seal->has;
    bool as_array = has[SLAB_SEAL_SHAPE] || has[SLAB_SEAL_STORAGE] || has[SLAB_SEAL_CHUNKS] ||
                    has[SLAB_SEAL_ELEMENTS];
    if (kind == H5I_GROUP)
        return !as_array && !has[SLAB_SEAL_TYPE];
    return !has[SLAB_SEAL_LINKS] && (kind == H5I_DATASET || !as_array);
}

static slab_status parts_compare(comparison *c, bool whole)
{
    H5I_type_t kind = H5Iget_type(c->object);
    if (!is_of_kind(&c->seal, kind))
        return differs(c->out, "kind");
    if (kind == H5I_GROUP)
        return c->seal.has[SLAB_SEAL_LINKS] || whole ? group_compare(c) : SLAB_OK;
    if (!whole)
        return SLAB_OK;
    return kind == H5I_DATASET ? array_compare(c) : type_compare(c);
}

static slab_status compare(comparison *c)
{
    slab_status rc = SLAB_OK;
    bool has, whole;
    rc = slab_seal_read(c->object, &c->seal, &has);
    if (rc == SLAB_ERR_CHECKSUM) {
        slab_error_clear();
        c->out->sealed = SLAB_SEALED_ONCE;
        return differs(c->out, "seal");
    }
    TRY(rc);
    if (!has)
        return unsealed_look(c);
    whole = slab_seal_is_whole(&c->seal);
    c->out->sealed = whole ? SLAB_SEALED_WHOLLY : SLAB_SEALED_PARTLY;
    TRY(parts_compare(c, whole));
    TRY(attributes_compare(c));
done:
    return rc;
}

slab_status slab_meta_seal_check(slab_meta *meta, const char *path, slab_seal_check *out)
{
    slab_status rc = SLAB_OK;
    comparison c = {.meta = meta, .path = path, .object = H5I_INVALID_HID, .out = out};
    char *file = NULL;
    bool elsewhere;
    TRY(slab_meta_enter(meta));
    slab_meta_array_forget(meta);
    if (!slab_meta_exists(meta, path)) {
        rc = slab_meta_not_found(meta, path);
        goto done;
    }
    c.object = H5Oopen(meta->id, path[0] != '\0' ? path : "/", H5P_DEFAULT);
    HDF5_REQUIRE(c.object >= 0, SLAB_ERR_FORMAT, "cannot open '%s' of '%s'", path, meta->path);
    TRY(slab_hdf5_is_elsewhere(meta->id, path[0] != '\0' ? path : "/", &elsewhere));
    if (elsewhere)
        TRY(slab_hdf5_file_name(c.object, &file));
    REQUIRE(!elsewhere, SLAB_ERR_VALUE,
            "'%s' of '%s' lies in another file, '%s' (external link): verify that file", path,
            meta->path, file);
    TRY_SAYING(compare(&c), "'%s' of '%s'", path, meta->path);
done:
    slab_seal_clear(&c.seal);
    slab_hdf5_close(&c.object);
    slab_memory_free(file);
    slab_meta_leave(meta);
    return rc;
}
