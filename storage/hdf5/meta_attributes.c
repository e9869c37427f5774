/* Attributes: numbers in native type, strings as text, the rest by the name of its type. */
#include <slab/storage/hdf5/library_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/seal_impl.h>
#include <slab/storage/hdf5/types_impl.h>

/* More elements than these are not spelled out in an attribute's text. */
enum { SPELLED = 1000 };

/* Text that grows. */
typedef struct text_buffer {
    char *text;
    size_t used, room;
} text_buffer;

static slab_status text_add(text_buffer *t, const char *bytes, size_t n)
{
    slab_status rc = SLAB_OK;
    if (t->used + n + 1 > t->room) {
        size_t room = 2 * t->room + n + 64;
        TRY(slab_memory_resize((void **)&t->text, room, 1, "attribute text"));
        t->room = room;
    }
    if (n > 0)
        memcpy(t->text + t->used, bytes, n);
    t->used += n;
    t->text[t->used] = '\0';
done:
    return rc;
}

static slab_status text_say(text_buffer *t, const char *words)
{
    return text_add(t, words, strlen(words));
}

/* In quotes, and as JSON has it what would end them. */
static slab_status text_quoted(text_buffer *t, const char *text, size_t n)
{
    slab_status rc = SLAB_OK;
    char escaped[8];
    TRY(text_say(t, "\""));
    for (size_t from = 0, i = 0; i <= n; i++) {
        unsigned char c = i < n ? (unsigned char)text[i] : '"';
        if (c != '"' && c != '\\' && c >= 0x20)
            continue;
        TRY(text_add(t, text + from, i - from));
        from = i + 1;
        if (c < 0x20)
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        else
            snprintf(escaped, sizeof escaped, "%s%c", i < n ? "\\" : "", c);
        TRY(text_say(t, escaped));
    }
done:
    return rc;
}

/* Adds element i of an attribute, its context in `of`. */
typedef slab_status (*element_text)(const void *of, size_t i, text_buffer *t);

/* Brackets and commas around the elements, nested like the axes: [[1, 2], [3, 4]]. */
static slab_status nested_text(const slab_shape *shape, element_text element, const void *of,
                               text_buffer *t)
{
    slab_status rc = SLAB_OK;
    int64_t n = 1, at[SLAB_RANK_MAX] = {0};
    TRY(slab_shape_elements(shape, &n));
    for (int i = 0; i < shape->rank; i++)
        TRY(text_say(t, "["));
    for (int64_t i = 0; i < n && i < SPELLED; i++) {
        TRY(element(of, (size_t)i, t));
        int ended = 0, axis = shape->rank - 1;
        for (; axis >= 0 && ++at[axis] == shape->extent[axis]; axis--, ended++)
            at[axis] = 0;
        bool last = i + 1 == n;
        for (int e = 0; e < ended && !last; e++)
            TRY(text_say(t, "]"));
        if (!last)
            TRY(text_say(t, ", "));
        for (int e = 0; e < ended && !last; e++)
            TRY(text_say(t, "["));
    }
    if (n > SPELLED)
        TRY(text_say(t, "..."));
    for (int i = 0; i < shape->rank; i++)
        TRY(text_say(t, "]"));
    TRY(text_add(t, "", 0));
done:
    return rc;
}

static slab_status number_text(const void *of, size_t i, text_buffer *t)
{
    const slab_attribute *a = of;
    char text[128];
    slab_dtype_print(a->dtype, (const uint8_t *)a->data + i * a->dtype.size, text, sizeof text);
    return text_say(t, text);
}

/* --- reading --- */

static slab_status attribute_shape(hid_t attribute, slab_shape *shape, int64_t *n)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK];
    hid_t space = H5Aget_space(attribute);
    memset(shape, 0, sizeof *shape);
    HDF5_REQUIRE(space >= 0, SLAB_ERR_FORMAT, "it has no shape");
    if (H5Sget_simple_extent_type(space) == H5S_NULL) {
        shape->rank = 1;
    } else {
        shape->rank = H5Sget_simple_extent_dims(space, extent, NULL);
        HDF5_REQUIRE(shape->rank >= 0 && shape->rank <= SLAB_RANK_MAX, SLAB_ERR_FORMAT,
                     "its shape is unreadable");
        for (int i = 0; i < shape->rank; i++) {
            REQUIRE(extent[i] <= INT64_MAX, SLAB_ERR_FORMAT, "its shape is too large");
            shape->extent[i] = (int64_t)extent[i];
        }
    }
    TRY(slab_shape_elements(shape, n));
done:
    slab_hdf5_close(&space);
    return rc;
}

static slab_status read_numbers(hid_t attribute, hid_t type, int64_t n, slab_attribute *out)
{
    slab_status rc = SLAB_OK;
    hid_t memory = H5I_INVALID_HID;
    TRY(slab_type_memory(type, out->dtype, &memory));
    TRY(slab_memory_alloc(&out->data, (size_t)n, out->dtype.size, "attribute"));
    if (n > 0)
        HDF5_REQUIRE(H5Aread(attribute, memory, out->data) >= 0, SLAB_ERR_FORMAT,
                     "it is unreadable");
done:
    slab_hdf5_close(&memory);
    return rc;
}

/* Strings of either kind, seen as text and length. */
typedef struct strings {
    char **pointers; /* variable length */
    char *bytes;     /* fixed length, size bytes each */
    size_t size;
    bool space_padded;
    bool quoted;
} strings;

static const char *string_at(const strings *s, size_t i, size_t *n)
{
    if (s->pointers != NULL) {
        const char *text = s->pointers[i] != NULL ? s->pointers[i] : "";
        *n = strlen(text);
        return text;
    }
    const char *text = s->bytes + i * s->size;
    *n = strnlen(text, s->size);
    while (s->space_padded && *n > 0 && text[*n - 1] == ' ')
        --*n;
    return text;
}

static slab_status string_text(const void *of, size_t i, text_buffer *t)
{
    slab_status rc = SLAB_OK;
    const strings *s = of;
    size_t n;
    const char *text = string_at(s, i, &n);
    if (s->quoted)
        TRY(text_quoted(t, text, n));
    else
        TRY(text_add(t, text, n));
done:
    return rc;
}

static slab_status read_strings(hid_t attribute, hid_t type, int64_t n, slab_attribute *out,
                                text_buffer *t)
{
    slab_status rc = SLAB_OK;
    strings s = {.size = H5Tget_size(type), .quoted = out->shape.rank > 0};
    bool variable = H5Tis_variable_str(type) > 0, filled = false;
    hid_t space = H5I_INVALID_HID;
    size_t longest = 1;
    s.space_padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    if (variable)
        ALLOC(s.pointers, n, "attribute strings");
    else
        TRY(slab_memory_alloc((void **)&s.bytes, (size_t)n, s.size, "attribute strings"));
    if (n > 0)
        HDF5_REQUIRE(H5Aread(attribute, type, variable ? (void *)s.pointers : s.bytes) >= 0,
                     SLAB_ERR_FORMAT, "it is unreadable");
    filled = variable && n > 0;
    TRY(nested_text(&out->shape, string_text, &s, t));
    for (int64_t i = 0; i < n; i++) {
        size_t length;
        string_at(&s, (size_t)i, &length);
        longest = length > longest ? length : longest;
    }
    out->dtype = slab_dtype_make(SLAB_KIND_STRING, (uint32_t)longest);
done:
    if (filled) {
        space = H5Aget_space(attribute);
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, s.pointers);
        slab_hdf5_close(&space);
    }
    slab_memory_free(s.pointers);
    slab_memory_free(s.bytes);
    return rc;
}

static slab_status read_value(hid_t attribute, hid_t type, slab_attribute *out, text_buffer *t)
{
    slab_status rc = SLAB_OK;
    char reason[SLAB_REASON_MAX], words[256];
    int64_t n = 0;
    TRY(attribute_shape(attribute, &out->shape, &n));
    if (H5Tget_class(type) == H5T_STRING) {
        TRY(read_strings(attribute, type, n, out, t));
        goto done;
    }
    TRY(slab_type_from_hdf5(type, &out->dtype, reason));
    out->dtype = slab_dtype_native(out->dtype);
    if (slab_dtype_is_number(out->dtype)) {
        TRY(read_numbers(attribute, type, n, out));
        TRY(nested_text(&out->shape, number_text, out, t));
        goto done;
    }
    slab_type_text(type, words, sizeof words);
    TRY(text_say(t, "("));
    TRY(text_say(t, words));
    TRY(text_say(t, ")"));
done:
    return rc;
}

static slab_status read_attribute(hid_t object, const char *name, slab_attribute *out)
{
    slab_status rc = SLAB_OK;
    text_buffer t = {0};
    hid_t type = H5I_INVALID_HID, attribute = H5Aopen(object, name, H5P_DEFAULT);
    HDF5_REQUIRE(attribute >= 0, SLAB_ERR_FORMAT, "it cannot be opened");
    type = H5Aget_type(attribute);
    HDF5_REQUIRE(type >= 0, SLAB_ERR_FORMAT, "it has no type");
    TRY(slab_memory_strdup(&out->name, name));
    TRY(read_value(attribute, type, out, &t));
    out->text = t.text;
    t.text = NULL;
done:
    if (rc != SLAB_OK)
        slab_error_prefix(rc, "attribute '%s'", name);
    slab_memory_free(t.text);
    slab_hdf5_close(&type);
    slab_hdf5_close(&attribute);
    return rc;
}

typedef struct attribute_list {
    slab_attribute *found;
    size_t n, room;
    slab_status rc;
} attribute_list;

static herr_t on_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    attribute_list *list = context;
    (void)info;
    if (strcmp(name, SLAB_SEAL_NAME) == 0)
        return 0; /* it says nothing about the data: slab_meta_seal_check() reads it */
    if (list->n == list->room) {
        size_t room = list->room == 0 ? 8 : 2 * list->room;
        list->rc = slab_memory_resize((void **)&list->found, room, sizeof *list->found,
                                      "list of attributes");
        if (list->rc != SLAB_OK)
            return -1;
        list->room = room;
    }
    list->n++;
    list->rc = read_attribute(object, name, &list->found[list->n - 1]);
    return list->rc == SLAB_OK ? 0 : -1;
}

static void attributes_clear(slab_attribute **attributes, size_t n)
{
    for (size_t i = 0; *attributes != NULL && i < n; i++) {
        slab_memory_free((*attributes)[i].name);
        slab_memory_free((*attributes)[i].text);
        slab_memory_free((*attributes)[i].data);
    }
    FREE(*attributes);
}

slab_status slab_meta_attributes(slab_meta *meta, const char *path, slab_attribute **out, size_t *n)
{
    slab_status rc = SLAB_OK;
    attribute_list list = {0};
    hid_t object = H5I_INVALID_HID;
    *out = NULL;
    *n = 0;
    TRY(slab_meta_enter(meta));
    slab_watch_object(path);
    if (!slab_meta_exists(meta, path)) {
        rc = slab_meta_not_found(meta, path);
        goto done;
    }
    object = H5Oopen(meta->id, path[0] != '\0' ? path : "/", H5P_DEFAULT);
    HDF5_REQUIRE(object >= 0, SLAB_ERR_FORMAT, "cannot open '%s' of '%s'", path, meta->path);
    herr_t got = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, on_attribute, &list);
    TRY_SAYING(list.rc, "'%s' of '%s'", path, meta->path);
    HDF5_REQUIRE(got >= 0, SLAB_ERR_FORMAT, "cannot list the attributes of '%s' of '%s'", path,
                 meta->path);
    *out = list.found;
    *n = list.n;
    list.found = NULL;
done:
    attributes_clear(&list.found, list.n);
    slab_hdf5_close(&object);
    slab_meta_leave(meta);
    return rc;
}

/* --- missing_value, _FillValue --- */

/* The one number of an attribute, in its own native type; *has false for anything else. */
static slab_status one_number(hid_t attribute, slab_dtype *dtype, uint8_t element[SLAB_FILL_MAX],
                              bool *has)
{
    slab_status rc = SLAB_OK;
    char reason[SLAB_REASON_MAX];
    slab_shape shape;
    int64_t n = 0;
    hid_t memory = H5I_INVALID_HID, type = H5Aget_type(attribute);
    *has = false;
    HDF5_REQUIRE(type >= 0, SLAB_ERR_FORMAT, "it has no type");
    TRY(attribute_shape(attribute, &shape, &n));
    TRY(slab_type_from_hdf5(type, dtype, reason));
    *dtype = slab_dtype_native(*dtype);
    if (n != 1 || !slab_dtype_is_number(*dtype) || dtype->size > SLAB_FILL_MAX)
        goto done;
    TRY(slab_type_memory(type, *dtype, &memory));
    HDF5_REQUIRE(H5Aread(attribute, memory, element) >= 0, SLAB_ERR_FORMAT, "it is unreadable");
    *has = true;
done:
    slab_hdf5_close(&memory);
    slab_hdf5_close(&type);
    return rc;
}

slab_status slab_hdf5_attribute_number(hid_t object, const char *name, slab_dtype native,
                                       void *element, bool *has)
{
    slab_status rc = SLAB_OK;
    uint8_t own[SLAB_FILL_MAX] = {0}, there[SLAB_FILL_MAX] = {0}, back[SLAB_FILL_MAX] = {0};
    hid_t attribute = H5I_INVALID_HID;
    slab_dtype dtype;
    *has = false;
    htri_t exists = H5Aexists(object, name);
    HDF5_REQUIRE(exists >= 0, SLAB_ERR_FORMAT, "its attributes cannot be read");
    if (exists == 0)
        return SLAB_OK;
    attribute = H5Aopen(object, name, H5P_DEFAULT);
    HDF5_REQUIRE(attribute >= 0, SLAB_ERR_FORMAT, "attribute '%s' cannot be opened", name);
    TRY_SAYING(one_number(attribute, &dtype, own, has), "attribute '%s'", name);
    if (!*has)
        goto done;
    TRY(slab_dtype_convert(dtype, own, native, there, 1));
    /* -9999 does not fit an unsigned byte: no element can be it, and 0 must not become it. A float
     * is rounded as the elements were. */
    if (native.kind != SLAB_KIND_FLOAT && native.kind != SLAB_KIND_COMPLEX) {
        TRY(slab_dtype_convert(native, there, dtype, back, 1));
        *has = memcmp(own, back, dtype.size) == 0;
    }
    if (*has)
        memcpy(element, there, native.size);
done:
    slab_hdf5_close(&attribute);
    return rc;
}
