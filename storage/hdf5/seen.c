/* Types, shapes, storage and attributes as digests. Everything is asked of HDF5's interface, not
 * taken from HDF5's own encodings: these differ between its versions. */
#include <slab/storage/hdf5/seen_impl.h>

#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/hdf5/library_impl.h>

#define BLOCK_BYTES ((size_t)4 << 20) /* of elements read at once */

/* --- types --- */

static void hash_layout(hid_t type, slab_hash *h)
{
    H5T_pad_t low = H5T_PAD_ERROR, high = H5T_PAD_ERROR;
    H5Tget_pad(type, &low, &high);
    slab_hash_number(h, H5Tget_size(type));
    slab_hash_number(h, (uint64_t)H5Tget_order(type));
    slab_hash_number(h, H5Tget_precision(type));
    slab_hash_number(h, (uint64_t)H5Tget_offset(type));
    slab_hash_number(h, (uint64_t)low);
    slab_hash_number(h, (uint64_t)high);
}

static void hash_float(hid_t type, slab_hash *h)
{
    size_t at[5] = {0};
    hash_layout(type, h);
    H5Tget_fields(type, &at[0], &at[1], &at[2], &at[3], &at[4]);
    for (int i = 0; i < 5; i++)
        slab_hash_number(h, at[i]);
    slab_hash_number(h, H5Tget_ebias(type));
    slab_hash_number(h, (uint64_t)H5Tget_norm(type));
    slab_hash_number(h, (uint64_t)H5Tget_inpad(type));
}

static slab_status hash_type(hid_t type, slab_hash *h);

static slab_status hash_base(hid_t type, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hid_t base = H5Tget_super(type);
    HDF5_REQUIRE(base >= 0, SLAB_ERR_FORMAT, "a type is unreadable");
    TRY(hash_type(base, h));
done:
    slab_hdf5_close(&base);
    return rc;
}

static slab_status hash_member_name(hid_t type, unsigned i, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    char *name = H5Tget_member_name(type, i);
    HDF5_REQUIRE(name != NULL, SLAB_ERR_FORMAT, "a member of a type has no name");
    slab_hash_text(h, name);
done:
    H5free_memory(name);
    return rc;
}

static slab_status hash_compound(hid_t type, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hid_t member = H5I_INVALID_HID;
    int n = H5Tget_nmembers(type);
    HDF5_REQUIRE(n >= 0, SLAB_ERR_FORMAT, "a type is unreadable");
    slab_hash_number(h, H5Tget_size(type));
    slab_hash_number(h, (uint64_t)n);
    for (unsigned i = 0; i < (unsigned)n; i++) {
        TRY(hash_member_name(type, i, h));
        slab_hash_number(h, H5Tget_member_offset(type, i));
        member = H5Tget_member_type(type, i);
        HDF5_REQUIRE(member >= 0, SLAB_ERR_FORMAT, "a member of a type is unreadable");
        TRY(hash_type(member, h));
        slab_hdf5_close(&member);
    }
done:
    slab_hdf5_close(&member);
    return rc;
}

static slab_status hash_enum(hid_t type, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    size_t size = H5Tget_size(type);
    void *value = NULL;
    int n = H5Tget_nmembers(type);
    HDF5_REQUIRE(n >= 0 && size > 0, SLAB_ERR_FORMAT, "a type is unreadable");
    TRY(slab_memory_alloc(&value, size, 1, "a value of an enum"));
    TRY(hash_base(type, h));
    slab_hash_number(h, (uint64_t)n);
    for (unsigned i = 0; i < (unsigned)n; i++) {
        TRY(hash_member_name(type, i, h));
        HDF5_REQUIRE(H5Tget_member_value(type, i, value) >= 0, SLAB_ERR_FORMAT,
                     "a member of a type has no value");
        slab_hash_bytes(h, value, size);
    }
done:
    FREE(value);
    return rc;
}

static slab_status hash_block(hid_t type, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK];
    int rank = H5Tget_array_ndims(type);
    HDF5_REQUIRE(rank >= 0 && H5Tget_array_dims2(type, extent) >= 0, SLAB_ERR_FORMAT,
                 "a type is unreadable");
    slab_hash_number(h, (uint64_t)rank);
    for (int i = 0; i < rank; i++)
        slab_hash_number(h, extent[i]);
    TRY(hash_base(type, h));
done:
    return rc;
}

/* A text of variable length is a list of letters, which have a type of their own. */
static slab_status hash_string(hid_t type, slab_hash *h)
{
    bool variable = H5Tis_variable_str(type) > 0;
    slab_hash_number(h, variable ? UINT64_MAX : H5Tget_size(type));
    slab_hash_number(h, (uint64_t)H5Tget_cset(type));
    slab_hash_number(h, (uint64_t)H5Tget_strpad(type));
    return variable ? hash_base(type, h) : SLAB_OK;
}

static void hash_opaque(hid_t type, slab_hash *h)
{
    char *tag = H5Tget_tag(type);
    slab_hash_number(h, H5Tget_size(type));
    slab_hash_text(h, tag ? tag : "");
    H5free_memory(tag);
}

static slab_status hash_type(hid_t type, slab_hash *h)
{
    H5T_class_t class = H5Tget_class(type);
    slab_hash_number(h, (uint64_t) class);
    switch (class) {
    case H5T_FLOAT:
        hash_float(type, h);
        return SLAB_OK;
    case H5T_STRING:
        return hash_string(type, h);
    case H5T_COMPOUND:
        return hash_compound(type, h);
    case H5T_ENUM:
        return hash_enum(type, h);
    case H5T_VLEN:
        return hash_base(type, h);
    case H5T_ARRAY:
        return hash_block(type, h);
    case H5T_OPAQUE:
        hash_opaque(type, h);
        return SLAB_OK;
    case H5T_REFERENCE:
        slab_hash_number(h, H5Tequal(type, H5T_STD_REF_OBJ) > 0);
        slab_hash_number(h, H5Tequal(type, H5T_STD_REF_DSETREG) > 0);
        return SLAB_OK;
    case H5T_INTEGER:
        slab_hash_number(h, (uint64_t)H5Tget_sign(type));
        hash_layout(type, h);
        return SLAB_OK;
    default:
        hash_layout(type, h);
        return SLAB_OK;
    }
}

slab_status slab_seen_type(hid_t type, slab_digest *out)
{
    slab_hash h;
    slab_hash_begin(&h);
    slab_status rc = hash_type(type, &h);
    *out = slab_hash_end(&h);
    return rc;
}

/* --- shapes --- */

static slab_status hash_space(hid_t space, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK], most[H5S_MAX_RANK];
    H5S_class_t class = H5Sget_simple_extent_type(space);
    int rank = class == H5S_NULL ? 0 : H5Sget_simple_extent_dims(space, extent, most);
    HDF5_REQUIRE(class != H5S_NO_CLASS && rank >= 0, SLAB_ERR_FORMAT, "its shape is unreadable");
    slab_hash_number(h, (uint64_t) class);
    slab_hash_number(h, (uint64_t)rank);
    for (int i = 0; i < rank; i++) {
        slab_hash_number(h, extent[i]);
        slab_hash_number(h, most[i]);
    }
done:
    return rc;
}

slab_status slab_seen_space(hid_t space, slab_digest *out)
{
    slab_hash h;
    slab_hash_begin(&h);
    slab_status rc = hash_space(space, &h);
    *out = slab_hash_end(&h);
    return rc;
}

/* --- storage --- */

static slab_status hash_filters(hid_t dcpl, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    unsigned *values = NULL;
    int n = H5Pget_nfilters(dcpl);
    HDF5_REQUIRE(n >= 0, SLAB_ERR_FORMAT, "its filters are unreadable");
    slab_hash_number(h, (uint64_t)n);
    for (unsigned i = 0; i < (unsigned)n; i++) {
        unsigned flags = 0;
        size_t count = 0;
        H5Z_filter_t id = H5Pget_filter2(dcpl, i, &flags, &count, NULL, 0, NULL, NULL);
        HDF5_REQUIRE(id >= 0, SLAB_ERR_FORMAT, "its filter %u is unreadable", i);
        FREE(values);
        ALLOC(values, count, "the parameters of a filter");
        HDF5_REQUIRE(H5Pget_filter2(dcpl, i, &flags, &count, values, 0, NULL, NULL) >= 0,
                     SLAB_ERR_FORMAT, "its filter %u is unreadable", i);
        slab_hash_number(h, (uint64_t)id);
        slab_hash_number(h, flags);
        slab_hash_number(h, count);
        for (size_t v = 0; v < count; v++)
            slab_hash_number(h, values[v]);
    }
done:
    FREE(values);
    return rc;
}

static slab_status hash_chunks(hid_t dcpl, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK];
    unsigned options = 0;
    int rank = H5Pget_chunk(dcpl, H5S_MAX_RANK, extent);
    HDF5_REQUIRE(rank >= 0 && H5Pget_chunk_opts(dcpl, &options) >= 0, SLAB_ERR_FORMAT,
                 "its chunks are unreadable");
    slab_hash_number(h, options);
    slab_hash_number(h, (uint64_t)rank);
    for (int i = 0; i < rank; i++)
        slab_hash_number(h, extent[i]);
    TRY(hash_filters(dcpl, h));
done:
    return rc;
}

static slab_status hash_fill(hid_t dcpl, hid_t type, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    H5D_fill_value_t defined;
    H5D_fill_time_t time;
    void *value = NULL;
    size_t size = H5Tget_size(type);
    HDF5_REQUIRE(H5Pfill_value_defined(dcpl, &defined) >= 0 && H5Pget_fill_time(dcpl, &time) >= 0,
                 SLAB_ERR_FORMAT, "its fill value is unreadable");
    slab_hash_number(h, (uint64_t)defined);
    slab_hash_number(h, (uint64_t)time);
    if (defined != H5D_FILL_VALUE_USER_DEFINED || !slab_seen_is_plain(type))
        goto done;
    TRY(slab_memory_alloc(&value, size, 1, "a fill value"));
    HDF5_REQUIRE(H5Pget_fill_value(dcpl, type, value) >= 0, SLAB_ERR_FORMAT,
                 "its fill value is unreadable");
    slab_hash_bytes(h, value, size);
done:
    FREE(value);
    return rc;
}

static slab_status hash_external(hid_t dcpl, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    char name[4096];
    int n = H5Pget_external_count(dcpl);
    slab_hash_number(h, (uint64_t)n);
    for (int i = 0; i < n; i++) {
        off_t offset = 0;
        hsize_t size = 0;
        HDF5_REQUIRE(H5Pget_external(dcpl, (unsigned)i, sizeof name, name, &offset, &size) >= 0,
                     SLAB_ERR_FORMAT, "its files are unreadable");
        name[sizeof name - 1] = '\0';
        slab_hash_text(h, name);
        slab_hash_number(h, (uint64_t)offset);
        slab_hash_number(h, size);
    }
done:
    return rc;
}

static void hash_selection(hid_t space, slab_hash *h)
{
    hsize_t start[H5S_MAX_RANK] = {0}, end[H5S_MAX_RANK] = {0};
    int rank = H5Sget_simple_extent_ndims(space);
    slab_hash_number(h, (uint64_t)H5Sget_select_type(space));
    slab_hash_number(h, (uint64_t)H5Sget_select_npoints(space));
    if (rank > 0 && H5Sget_select_bounds(space, start, end) >= 0)
        for (int i = 0; i < rank; i++) {
            slab_hash_number(h, start[i]);
            slab_hash_number(h, end[i]);
        }
}

static slab_status hash_virtual(hid_t dcpl, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    char name[4096];
    size_t n = 0;
    hid_t space = H5I_INVALID_HID;
    HDF5_REQUIRE(H5Pget_virtual_count(dcpl, &n) >= 0, SLAB_ERR_FORMAT,
                 "its sources are unreadable");
    slab_hash_number(h, n);
    for (size_t i = 0; i < n; i++) {
        HDF5_REQUIRE(H5Pget_virtual_filename(dcpl, i, name, sizeof name) >= 0, SLAB_ERR_FORMAT,
                     "its sources are unreadable");
        slab_hash_text(h, name);
        HDF5_REQUIRE(H5Pget_virtual_dsetname(dcpl, i, name, sizeof name) >= 0, SLAB_ERR_FORMAT,
                     "its sources are unreadable");
        slab_hash_text(h, name);
        for (int side = 0; side < 2; side++) {
            space = side ? H5Pget_virtual_vspace(dcpl, i) : H5Pget_virtual_srcspace(dcpl, i);
            HDF5_REQUIRE(space >= 0, SLAB_ERR_FORMAT, "its sources are unreadable");
            hash_selection(space, h);
            slab_hdf5_close(&space);
        }
    }
done:
    slab_hdf5_close(&space);
    return rc;
}

slab_status slab_seen_storage(hid_t array, hid_t type, slab_digest *out)
{
    slab_status rc = SLAB_OK;
    slab_hash h;
    hid_t dcpl = H5Dget_create_plist(array);
    H5D_layout_t layout = dcpl >= 0 ? H5Pget_layout(dcpl) : H5D_LAYOUT_ERROR;
    slab_hash_begin(&h);
    HDF5_REQUIRE(layout != H5D_LAYOUT_ERROR, SLAB_ERR_FORMAT, "its header is unreadable");
    slab_hash_number(&h, (uint64_t)layout);
    if (layout == H5D_CHUNKED)
        TRY(hash_chunks(dcpl, &h));
    else if (layout == H5D_VIRTUAL)
        TRY(hash_virtual(dcpl, &h));
    else
        TRY(hash_external(dcpl, &h));
    TRY(hash_fill(dcpl, type, &h));
done:
    *out = slab_hash_end(&h);
    slab_hdf5_close(&dcpl);
    return rc;
}

bool slab_seen_is_here(hid_t array)
{
    hid_t dcpl = H5Dget_create_plist(array);
    bool here = dcpl >= 0 && H5Pget_layout(dcpl) != H5D_VIRTUAL && H5Pget_external_count(dcpl) <= 0;
    slab_hdf5_close(&dcpl);
    return here;
}

/* --- attributes --- */

static slab_status hash_attribute_value(hid_t file, hid_t attribute, hid_t type, hid_t space,
                                        slab_hash *h)
{
    slab_status rc = SLAB_OK;
    void *data = NULL;
    bool filled = false;
    hssize_t n =
        H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : H5Sget_simple_extent_npoints(space);
    HDF5_REQUIRE(n >= 0, SLAB_ERR_FORMAT, "its shape is unreadable");
    if (n == 0)
        goto done;
    TRY(slab_memory_alloc(&data, (size_t)n, H5Tget_size(type), "an attribute"));
    HDF5_REQUIRE(H5Aread(attribute, type, data) >= 0, SLAB_ERR_FORMAT, "it is unreadable");
    filled = true;
    TRY(slab_seen_values(file, type, data, (size_t)n, h));
done:
    if (filled && !slab_seen_is_plain(type))
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, data);
    FREE(data);
    return rc;
}

slab_status slab_seen_attribute(hid_t file, hid_t object, const char *name, uint64_t *out)
{
    slab_status rc = SLAB_OK;
    slab_hash h;
    hid_t type = H5I_INVALID_HID, space = H5I_INVALID_HID;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    slab_hash_begin(&h);
    HDF5_REQUIRE(attribute >= 0, SLAB_ERR_FORMAT, "attribute '%s' cannot be opened", name);
    type = H5Aget_type(attribute);
    space = H5Aget_space(attribute);
    HDF5_REQUIRE(type >= 0 && space >= 0, SLAB_ERR_FORMAT, "attribute '%s' is unreadable", name);
    TRY(hash_type(type, &h));
    TRY(hash_space(space, &h));
    TRY(hash_attribute_value(file, attribute, type, space, &h));
done:
    *out = slab_hash_end(&h).low;
    slab_hdf5_close(&type);
    slab_hdf5_close(&space);
    slab_hdf5_close(&attribute);
    return rc;
}

/* --- elements --- */

/* Rows of an array along its first axis; a scalar is one row. */
typedef struct rows {
    hid_t file, array, type, place; /* place: the array's space */
    int rank;
    hsize_t extent[H5S_MAX_RANK];
    hsize_t row; /* elements of one */
    void *data;
} rows;

static slab_status hash_rows(rows *r, hsize_t first, hsize_t n, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hsize_t start[H5S_MAX_RANK] = {first}, count[H5S_MAX_RANK];
    hid_t memory = H5I_INVALID_HID;
    bool filled = false;
    memcpy(count, r->extent, sizeof count);
    count[0] = n;
    memory = r->rank > 0 ? H5Screate_simple(r->rank, count, NULL) : H5Screate(H5S_SCALAR);
    HDF5_REQUIRE(memory >= 0 &&
                     (r->rank == 0 ||
                      H5Sselect_hyperslab(r->place, H5S_SELECT_SET, start, NULL, count, NULL) >= 0),
                 SLAB_ERR_HDF5, "HDF5 does not take its rows");
    HDF5_REQUIRE(H5Dread(r->array, r->type, memory, r->place, H5P_DEFAULT, r->data) >= 0,
                 SLAB_ERR_FORMAT, "its elements are unreadable");
    filled = true;
    TRY(slab_seen_values(r->file, r->type, r->data, (size_t)(n * r->row), h));
done:
    if (filled && !slab_seen_is_plain(r->type))
        H5Dvlen_reclaim(r->type, memory, H5P_DEFAULT, r->data);
    slab_hdf5_close(&memory);
    return rc;
}

static slab_status hash_elements(rows *r, slab_hash *h)
{
    slab_status rc = SLAB_OK;
    hsize_t nrows = r->rank > 0 ? r->extent[0] : 1, some = 1;
    size_t bytes = H5Tget_size(r->type);
    for (int i = 0; i < r->rank; i++)
        if (r->extent[i] == 0)
            return SLAB_OK;
    r->row = 1;
    for (int i = 1; i < r->rank; i++)
        r->row *= r->extent[i];
    TRY(slab_size_multiply(bytes, (size_t)r->row, &bytes));
    if (bytes == 0)
        goto done;
    if (bytes < BLOCK_BYTES)
        some = BLOCK_BYTES / bytes;
    some = some < nrows ? some : nrows;
    TRY(slab_memory_alloc(&r->data, (size_t)some, bytes, "elements"));
    for (hsize_t i = 0; i < nrows; i += some)
        TRY(hash_rows(r, i, nrows - i < some ? nrows - i : some, h));
done:
    FREE(r->data);
    return rc;
}

slab_status slab_seen_elements(hid_t file, hid_t array, slab_digest *out)
{
    slab_status rc = SLAB_OK;
    slab_hash h;
    rows r = {
        .file = file, .array = array, .type = H5Dget_type(array), .place = H5Dget_space(array)};
    slab_hash_begin(&h);
    HDF5_REQUIRE(r.type >= 0 && r.place >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    if (H5Sget_simple_extent_type(r.place) == H5S_NULL)
        goto done;
    r.rank = H5Sget_simple_extent_dims(r.place, r.extent, NULL);
    HDF5_REQUIRE(r.rank >= 0, SLAB_ERR_FORMAT, "its shape is unreadable");
    TRY(hash_elements(&r, &h));
done:
    *out = slab_hash_end(&h);
    slab_hdf5_close(&r.type);
    slab_hdf5_close(&r.place);
    return rc;
}
