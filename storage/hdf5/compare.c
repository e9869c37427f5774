/* Elements of types that slab does not read, compared one by one through HDF5: texts of variable
 * length, compounds, lists, references. */
#include <slab/storage/hdf5/library_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/outside_impl.h>
#include <slab/storage/hdf5/types_impl.h>
#include <slab/storage/hdf5/whole_chunks_impl.h>

#define BLOCK_BYTES                                                                                \
    ((size_t)4 << 20) /* of elements read at once; what they point at comes on top */

/* One side: the object that references are in, and the type in memory. */
typedef struct side {
    hid_t place, type;
} side;

static slab_status equal(side a, const void *x, side b, const void *y, bool *same);

/* --- by class --- */

static const char *text_of(hid_t type, const void *element, size_t *n)
{
    const char *text = element;
    if (H5Tis_variable_str(type) > 0) {
        memcpy(&text, element, sizeof text);
        text = text ? text : "";
        *n = strlen(text);
        return text;
    }
    *n = strnlen(text, H5Tget_size(type));
    while (H5Tget_strpad(type) == H5T_STR_SPACEPAD && *n > 0 && text[*n - 1] == ' ')
        --*n;
    return text;
}

static bool texts_equal(side a, const void *x, side b, const void *y)
{
    size_t n, m;
    const char *p = text_of(a.type, x, &n), *q = text_of(b.type, y, &m);
    return n == m && memcmp(p, q, n) == 0;
}

static slab_status compounds_equal(side a, const void *x, side b, const void *y, bool *same)
{
    slab_status rc = SLAB_OK;
    int n = H5Tget_nmembers(a.type);
    *same = n == H5Tget_nmembers(b.type);
    for (int i = 0; i < n && *same; i++) {
        side p = {a.place, H5I_INVALID_HID}, q = {b.place, H5I_INVALID_HID};
        char *name = H5Tget_member_name(a.type, (unsigned)i);
        int k = name ? H5Tget_member_index(b.type, name) : -1;
        H5free_memory(name);
        *same = k >= 0;
        if (!*same)
            break;
        p.type = H5Tget_member_type(a.type, (unsigned)i);
        q.type = H5Tget_member_type(b.type, (unsigned)k);
        rc = equal(p, (const char *)x + H5Tget_member_offset(a.type, (unsigned)i), q,
                   (const char *)y + H5Tget_member_offset(b.type, (unsigned)k), same);
        slab_hdf5_close(&p.type);
        slab_hdf5_close(&q.type);
        TRY(rc);
    }
done:
    return rc;
}

/* n elements of each side's base type. */
static slab_status runs_equal(side a, const void *x, side b, const void *y, size_t n, bool *same)
{
    slab_status rc = SLAB_OK;
    side p = {a.place, H5Tget_super(a.type)}, q = {b.place, H5Tget_super(b.type)};
    size_t size_p = H5Tget_size(p.type), size_q = H5Tget_size(q.type);
    *same = true;
    for (size_t i = 0; i < n && *same; i++)
        TRY(equal(p, (const char *)x + i * size_p, q, (const char *)y + i * size_q, same));
done:
    slab_hdf5_close(&p.type);
    slab_hdf5_close(&q.type);
    return rc;
}

static slab_status lists_equal(side a, const void *x, side b, const void *y, bool *same)
{
    hvl_t p, q;
    memcpy(&p, x, sizeof p);
    memcpy(&q, y, sizeof q);
    *same = p.len == q.len;
    return *same ? runs_equal(a, p.p, b, q.p, p.len, same) : SLAB_OK;
}

static slab_status blocks_equal(side a, const void *x, side b, const void *y, bool *same)
{
    hsize_t p[H5S_MAX_RANK], q[H5S_MAX_RANK];
    int rank = H5Tget_array_ndims(a.type);
    size_t n = 1;
    *same = rank == H5Tget_array_ndims(b.type) && rank >= 0;
    if (!*same)
        return SLAB_OK;
    H5Tget_array_dims2(a.type, p);
    H5Tget_array_dims2(b.type, q);
    for (int i = 0; i < rank; i++) {
        *same &= p[i] == q[i];
        n *= p[i];
    }
    return *same ? runs_equal(a, x, b, y, n, same) : SLAB_OK;
}

/* What references point at, by name: addresses differ from file to file. */
static slab_status references_equal(side a, const void *x, side b, const void *y, bool *same)
{
    slab_status rc = SLAB_OK;
    char *name[2] = {NULL, NULL};
    const side *sides[2] = {&a, &b};
    const void *refs[2] = {x, y};
    for (int i = 0; i < 2; i++) {
        H5R_type_t kind =
            H5Tequal(sides[i]->type, H5T_STD_REF_OBJ) > 0 ? H5R_OBJECT : H5R_DATASET_REGION;
        ssize_t n = H5Rget_name(sides[i]->place, kind, refs[i], NULL, 0);
        n = n < 0 ? 0 : n; /* to nowhere */
        ALLOC(name[i], n + 1, "the name of an object");
        if (n > 0)
            H5Rget_name(sides[i]->place, kind, refs[i], name[i], (size_t)n + 1);
    }
    *same = strcmp(name[0], name[1]) == 0;
done:
    slab_memory_free(name[0]);
    slab_memory_free(name[1]);
    return rc;
}

static slab_status numbers_equal(side a, const void *x, side b, const void *y, bool *same)
{
    slab_status rc = SLAB_OK;
    char reason[SLAB_REASON_MAX];
    slab_dtype p, q;
    size_t size = H5Tget_size(a.type);
    *same = size == H5Tget_size(b.type) && memcmp(x, y, size) == 0;
    TRY(slab_type_from_hdf5(a.type, &p, reason));
    TRY(slab_type_from_hdf5(b.type, &q, reason));
    if (!*same && slab_dtype_is_number(p) && slab_dtype_is_number(q) && p.size <= 8 &&
        q.size <= 8 && (p.size < 8 || q.size < 8 || p.kind != q.kind))
        *same = slab_dtype_get_double(p, x) == slab_dtype_get_double(q, y);
done:
    return rc;
}

static slab_status equal(side a, const void *x, side b, const void *y, bool *same)
{
    H5T_class_t class = H5Tget_class(a.type), other = H5Tget_class(b.type);
    bool number = class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_ENUM;
    bool number_too = other == H5T_INTEGER || other == H5T_FLOAT || other == H5T_ENUM;
    *same = false;
    if (number && number_too)
        return numbers_equal(a, x, b, y, same);
    if (class != other)
        return SLAB_OK;
    switch (class) {
    case H5T_STRING:
        *same = texts_equal(a, x, b, y);
        return SLAB_OK;
    case H5T_COMPOUND:
        return compounds_equal(a, x, b, y, same);
    case H5T_VLEN:
        return lists_equal(a, x, b, y, same);
    case H5T_ARRAY:
        return blocks_equal(a, x, b, y, same);
    case H5T_REFERENCE:
        return references_equal(a, x, b, y, same);
    default:
        *same =
            H5Tget_size(a.type) == H5Tget_size(b.type) && memcmp(x, y, H5Tget_size(a.type)) == 0;
        return SLAB_OK;
    }
}

/* --- attributes --- */

/* An attribute's elements in memory; `space` is needed to free what they point at. */
typedef struct held {
    side side;
    hid_t space;
    hid_t attribute; /* stays open as long; of an array there is none */
    void *data;
    bool filled;
} held;

static void held_clear(held *h)
{
    if (h->filled)
        H5Dvlen_reclaim(h->side.type, h->space, H5P_DEFAULT, h->data);
    slab_hdf5_close(&h->side.type);
    slab_hdf5_close(&h->space);
    slab_hdf5_close(&h->attribute);
    FREE(h->data);
}

static slab_status native_of(hid_t type, hid_t *native)
{
    slab_status rc = SLAB_OK;
    /* A string stays what it is; so does what HDF5 has no native twin for. */
    *native =
        H5Tget_class(type) == H5T_STRING ? H5Tcopy(type) : H5Tget_native_type(type, H5T_DIR_ASCEND);
    if (*native < 0)
        *native = H5Tcopy(type);
    HDF5_REQUIRE(*native >= 0, SLAB_ERR_FORMAT, "its type is unreadable");
done:
    return rc;
}

static slab_status attribute_hold(slab_meta *meta, const char *path, const char *name, held *out)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5I_INVALID_HID;
    hid_t attribute = H5Aopen_by_name(meta->id, path, name, H5P_DEFAULT, H5P_DEFAULT);
    out->attribute = attribute;
    HDF5_REQUIRE(attribute >= 0, SLAB_ERR_NOT_FOUND, "'%s' of '%s' has no attribute '%s'", path,
                 meta->path, name);
    type = H5Aget_type(attribute);
    out->space = H5Aget_space(attribute);
    out->side.place = attribute; /* not the file: through a link it may lie in another one */
    HDF5_REQUIRE(type >= 0 && out->space >= 0, SLAB_ERR_FORMAT, "attribute '%s' is unreadable",
                 name);
    TRY(native_of(type, &out->side.type));
    hssize_t n = H5Sget_simple_extent_npoints(out->space);
    n = n < 0 || H5Sget_simple_extent_type(out->space) == H5S_NULL ? 0 : n;
    TRY(slab_memory_alloc(&out->data, (size_t)n, H5Tget_size(out->side.type), "an attribute"));
    if (n > 0)
        HDF5_REQUIRE(H5Aread(attribute, out->side.type, out->data) >= 0, SLAB_ERR_FORMAT,
                     "attribute '%s' is unreadable", name);
    out->filled = n > 0;
done:
    slab_hdf5_close(&type);
    return rc;
}

slab_status slab_meta_attribute_equal(slab_meta *a, const char *path_a, slab_meta *b,
                                      const char *path_b, const char *name, bool *same)
{
    slab_status rc = SLAB_OK;
    held x = {{H5I_INVALID_HID, H5I_INVALID_HID}, H5I_INVALID_HID, H5I_INVALID_HID, NULL, false};
    held y = x;
    *same = false;
    TRY(slab_meta_enter(a));
    TRY(slab_meta_refresh(b));
    TRY(attribute_hold(a, path_a, name, &x));
    TRY(attribute_hold(b, path_b, name, &y));
    *same = H5Sextent_equal(x.space, y.space) > 0;
    hssize_t n = x.filled ? H5Sget_simple_extent_npoints(x.space) : 0;
    for (hssize_t i = 0; i < n && *same; i++)
        TRY(equal(x.side, (char *)x.data + (size_t)i * H5Tget_size(x.side.type), y.side,
                  (char *)y.data + (size_t)i * H5Tget_size(y.side.type), same));
    /* Nothing of two kinds is not the same. */
    if (*same && n == 0)
        *same = H5Tget_class(x.side.type) == H5Tget_class(y.side.type) &&
                H5Sget_simple_extent_type(x.space) == H5Sget_simple_extent_type(y.space);
done:
    held_clear(&x);
    held_clear(&y);
    slab_driver_unlock(b->file);
    slab_meta_leave(a);
    return rc;
}

slab_status slab_meta_types_equal(slab_meta *a, const char *path_a, slab_meta *b,
                                  const char *path_b, bool *same)
{
    slab_status rc = SLAB_OK;
    hid_t x = H5I_INVALID_HID, y = H5I_INVALID_HID;
    *same = false;
    TRY(slab_meta_enter(a));
    TRY(slab_meta_refresh(b));
    x = H5Topen2(a->id, path_a, H5P_DEFAULT);
    HDF5_REQUIRE(x >= 0, SLAB_ERR_FORMAT, "cannot open type '%s' of '%s'", path_a, a->path);
    y = H5Topen2(b->id, path_b, H5P_DEFAULT);
    HDF5_REQUIRE(y >= 0, SLAB_ERR_FORMAT, "cannot open type '%s' of '%s'", path_b, b->path);
    *same = H5Tequal(x, y) > 0;
done:
    slab_hdf5_close(&x);
    slab_hdf5_close(&y);
    slab_driver_unlock(b->file);
    slab_meta_leave(a);
    return rc;
}

/* --- arrays --- */

typedef struct source {
    slab_meta *meta;
    const char *path;
    slab_array_info info;
    hid_t array;
    held block; /* the rows in memory */
} source;

static slab_status source_open(slab_meta *meta, const char *path, source *out)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5I_INVALID_HID;
    out->meta = meta;
    out->path = path;
    out->array = H5Dopen2(meta->id, path, H5P_DEFAULT);
    HDF5_REQUIRE(out->array >= 0, SLAB_ERR_FORMAT, "cannot open array '%s' of '%s'", path,
                 meta->path);
    TRY(slab_meta_describe_array(meta, path, out->array, &out->info));
    TRY_SAYING(slab_outside_check(meta, path, out->array), "array '%s' of '%s'", path, meta->path);
    type = H5Dget_type(out->array);
    HDF5_REQUIRE(type >= 0, SLAB_ERR_FORMAT, "'%s' in '%s' has no type", path, meta->path);
    out->block.side.place = out->array;
    TRY(native_of(type, &out->block.side.type));
done:
    slab_hdf5_close(&type);
    return rc;
}

static void source_close(source *s)
{
    held_clear(&s->block);
    slab_hdf5_close(&s->array);
}

/* Rows first..first+n-1 along the first axis; of a scalar its element. */
static slab_status source_read(source *s, int64_t first, int64_t n, int64_t elements)
{
    slab_status rc = SLAB_OK;
    held *h = &s->block;
    hsize_t start[SLAB_RANK_MAX] = {0}, count[SLAB_RANK_MAX];
    int rank = s->info.shape.rank;
    slab_selection rows = slab_selection_rows(&s->info.shape, first, n);
    hid_t file = H5Dget_space(s->array);
    if (h->filled)
        H5Dvlen_reclaim(h->side.type, h->space, H5P_DEFAULT, h->data);
    h->filled = false;
    slab_hdf5_close(&h->space);
    for (int i = 0; i < rank; i++)
        count[i] = (hsize_t)s->info.shape.extent[i];
    start[0] = (hsize_t)first;
    count[0] = (hsize_t)n;
    h->space = rank ? H5Screate_simple(rank, count, NULL) : H5Screate(H5S_SCALAR);
    HDF5_REQUIRE(
        file >= 0 && h->space >= 0 &&
            (rank == 0 || H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0),
        SLAB_ERR_HDF5, "HDF5 does not take the rows of '%s'", s->path);
    slab_watch_step();
    TRY(slab_memory_resize(&h->data, (size_t)elements, H5Tget_size(h->side.type), "elements"));
    TRY_SAYING(slab_chunks_are_whole(s->array, &s->info, &rows), "array '%s' of '%s'", s->path,
               s->meta->path);
    TRY(slab_hdf5_filters(&s->info.pipeline.type));
    HDF5_REQUIRE(H5Dread(s->array, h->side.type, h->space, file, H5P_DEFAULT, h->data) >= 0,
                 SLAB_ERR_FORMAT, "cannot read '%s' of '%s'", s->path, s->meta->path);
    h->filled = true;
done:
    slab_hdf5_close(&file);
    return rc;
}

static slab_status block_compare(const source *x, const source *y, int64_t first, int64_t n,
                                 slab_unequal *out)
{
    slab_status rc = SLAB_OK;
    size_t size_x = H5Tget_size(x->block.side.type), size_y = H5Tget_size(y->block.side.type);
    for (int64_t i = 0; i < n; i++) {
        bool same;
        TRY(equal(x->block.side, (char *)x->block.data + (size_t)i * size_x, y->block.side,
                  (char *)y->block.data + (size_t)i * size_y, &same));
        if (!same && out->n < out->most)
            out->first[out->n++] = first + i;
        out->differ += !same;
    }
done:
    return rc;
}

slab_status slab_meta_elements_equal(slab_meta *a, const char *path_a, slab_meta *b,
                                     const char *path_b, slab_unequal *out)
{
    slab_status rc = SLAB_OK;
    source x = {.array = H5I_INVALID_HID}, y;
    int64_t row = 1, elements;
    x.block.side.type = x.block.space = x.block.attribute = H5I_INVALID_HID;
    y = x;
    out->differ = out->n = 0;
    TRY(slab_meta_enter(a));
    TRY(slab_meta_refresh(b));
    TRY(source_open(a, path_a, &x));
    TRY(source_open(b, path_b, &y));
    const slab_shape *shape = &x.info.shape;
    REQUIRE(slab_shape_equal(shape, &y.info.shape), SLAB_ERR_SHAPE, "shapes differ");
    TRY(slab_shape_elements(shape, &elements));
    if (elements == 0)
        goto done;
    for (int i = 1; i < shape->rank; i++)
        row *= shape->extent[i];
    int64_t rows = shape->rank ? shape->extent[0] : 1;
    size_t bytes = (size_t)row * (H5Tget_size(x.block.side.type) + H5Tget_size(y.block.side.type));
    int64_t some = bytes < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / (bytes + 1)) : 1;
    for (int64_t r = 0; r < rows && row > 0; r += some) {
        int64_t n = rows - r < some ? rows - r : some;
        TRY(source_read(&x, r, n, n * row));
        TRY(source_read(&y, r, n, n * row));
        TRY(block_compare(&x, &y, r * row, n * row, out));
    }
done:
    source_close(&x);
    source_close(&y);
    slab_driver_unlock(b->file);
    slab_meta_leave(a);
    return rc;
}
