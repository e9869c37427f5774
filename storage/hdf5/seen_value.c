/* Elements in memory as what they say: texts and lists by what they lead to. References to objects
 * are addresses in the file, and what a reader follows: they are taken as they are. */
#include <slab/storage/hdf5/seen_impl.h>

#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/library_impl.h>
#include <slab/storage/hdf5/occupied_impl.h>

static bool is_plain_member(hid_t type)
{
    bool plain = type >= 0 && slab_seen_is_plain(type);
    slab_hdf5_close(&type);
    return plain;
}

bool slab_seen_is_plain(hid_t type)
{
    bool plain = true;
    switch (H5Tget_class(type)) {
    case H5T_STRING:
        return H5Tis_variable_str(type) <= 0;
    case H5T_VLEN:
        return false;
    case H5T_REFERENCE:
        return H5Tequal(type, H5T_STD_REF_OBJ) > 0;
    case H5T_ARRAY:
        return is_plain_member(H5Tget_super(type));
    case H5T_COMPOUND:
        for (int i = H5Tget_nmembers(type); i-- > 0 && plain;)
            plain = is_plain_member(H5Tget_member_type(type, (unsigned)i));
        return plain;
    default:
        return true;
    }
}

/* --- references to regions --- */

static slab_status hash_blocks(hid_t space, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hsize_t *at = NULL;
    int rank = H5Sget_simple_extent_ndims(space);
    bool points = H5Sget_select_type(space) == H5S_SEL_POINTS;
    hssize_t n = points ? H5Sget_select_elem_npoints(space) : H5Sget_select_hyper_nblocks(space);
    size_t numbers;
    HDF5_REQUIRE(rank >= 0 && n >= 0, SLAB_ERR_FORMAT, "a region is unreadable");
    TRY(slab_size_multiply((size_t)n, (size_t)rank * (points ? 1 : 2), &numbers));
    ALLOC(at, numbers, "a region");
    HDF5_REQUIRE((points ? H5Sget_select_elem_pointlist(space, 0, (hsize_t)n, at)
                         : H5Sget_select_hyper_blocklist(space, 0, (hsize_t)n, at)) >= 0,
                 SLAB_ERR_FORMAT, "a region is unreadable");
    for (size_t i = 0; i < numbers; i++)
        slab_hash_number(h, at[i]);
done:
    FREE(at);
    return rc;
}

static slab_status hash_region(hid_t file, const void *reference, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    static const hdset_reg_ref_t nowhere;
    uint64_t key = 0;
    hid_t object = H5I_INVALID_HID, space = H5I_INVALID_HID;
    slab_hash_number(h, memcmp(reference, &nowhere, sizeof nowhere) != 0);
    if (memcmp(reference, &nowhere, sizeof nowhere) == 0)
        goto done;
    object = H5Rdereference2(file, H5P_DEFAULT, H5R_DATASET_REGION, reference);
    space = H5Rget_region(file, H5R_DATASET_REGION, reference);
    HDF5_REQUIRE(object >= 0 && space >= 0, SLAB_ERR_FORMAT, "a reference leads nowhere");
    TRY(slab_hdf5_key(object, ".", &key));
    slab_hash_number(h, key);
    H5S_sel_type kind = H5Sget_select_type(space);
    slab_hash_number(h, (uint64_t)kind);
    if (kind == H5S_SEL_POINTS || kind == H5S_SEL_HYPERSLABS)
        TRY(hash_blocks(space, h));
done:
    slab_hdf5_close(&object);
    slab_hdf5_close(&space);
    return rc;
}

/* --- elements --- */

static slab_status hash_value(hid_t file, hid_t type, const void *element, slab_hash *h);

static slab_status hash_run(hid_t file, hid_t type, const void *elements, size_t n, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hid_t base = H5Tget_super(type);
    HDF5_REQUIRE(base >= 0, SLAB_ERR_FORMAT, "a type is unreadable");
    TRY(slab_seen_values(file, base, elements, n, h));
done:
    slab_hdf5_close(&base);
    return rc;
}

static slab_status hash_members(hid_t file, hid_t type, const void *element, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hid_t member = H5I_INVALID_HID;
    int n = H5Tget_nmembers(type);
    for (unsigned i = 0; (int)i < n; i++) {
        member = H5Tget_member_type(type, i);
        HDF5_REQUIRE(member >= 0, SLAB_ERR_FORMAT, "a member of a type is unreadable");
        TRY(slab_seen_values(file, member, (const char *)element + H5Tget_member_offset(type, i), 1,
                             h));
        slab_hdf5_close(&member);
    }
done:
    slab_hdf5_close(&member);
    return rc;
}

static slab_status hash_array(hid_t file, hid_t type, const void *element, slab_hash *h)
{
    hsize_t extent[H5S_MAX_RANK];
    size_t n = 1;
    for (int i = H5Tget_array_dims2(type, extent); i-- > 0;)
        n *= extent[i];
    return hash_run(file, type, element, n, h);
}

/* A text that is not there is another than one without letters. */
static void hash_text(const void *element, slab_hash *h)
{
    const char *text;
    memcpy(&text, element, sizeof text);
    slab_hash_number(h, text != NULL);
    slab_hash_text(h, text ? text : "");
}

static slab_status hash_value(hid_t file, hid_t type, const void *element, slab_hash *h)
{
    hvl_t list;
    switch (H5Tget_class(type)) {
    case H5T_STRING:
        hash_text(element, h);
        return SLAB_OK;
    case H5T_VLEN:
        memcpy(&list, element, sizeof list);
        slab_hash_number(h, list.len);
        return hash_run(file, type, list.p, list.len, h);
    case H5T_COMPOUND:
        return hash_members(file, type, element, h);
    case H5T_ARRAY:
        return hash_array(file, type, element, h);
    case H5T_REFERENCE:
        /* A kind that came with HDF5 1.12 says nothing in memory; slab writes none. */
        return H5Tequal(type, H5T_STD_REF_DSETREG) > 0 ? hash_region(file, element, h) : SLAB_OK;
    default:
        slab_hash_bytes(h, element, H5Tget_size(type));
        return SLAB_OK;
    }
}

slab_status slab_seen_values(hid_t file, hid_t type, const void *elements, size_t n,
                             slab_hash *hash)
{
    slab_status rc = SLAB_OK;
    size_t size = H5Tget_size(type);
    if (n > 0 && slab_seen_is_plain(type)) {
        slab_hash_bytes(hash, elements, n * size);
        return SLAB_OK;
    }
    for (size_t i = 0; i < n; i++)
        TRY(hash_value(file, type, (const char *)elements + i * size, hash));
done:
    return rc;
}
