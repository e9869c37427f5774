/* Attributes: read by one rank, packed into bytes for the others. */
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#include "array_impl.h"

void slab_attributes_free(slab_attribute **attributes, size_t n)
{
    for (size_t i = 0; *attributes && i < n; i++) {
        FREE((*attributes)[i].name);
        FREE((*attributes)[i].data);
        FREE((*attributes)[i].text);
    }
    FREE(*attributes);
}

/* What stands in front of one attribute's name, text and data. */
typedef struct record {
    slab_dtype dtype;
    slab_shape shape;
    size_t name_bytes, text_bytes, data_bytes;
} record;

static slab_status record_of(const slab_attribute *a, record *out)
{
    slab_status rc = SLAB_OK;
    int64_t n = 0;
    memset(out, 0, sizeof *out);
    out->dtype = a->dtype;
    out->shape = a->shape;
    out->name_bytes = strlen(a->name) + 1;
    out->text_bytes = strlen(a->text) + 1;
    if (a->data) {
        TRY(slab_shape_elements(&a->shape, &n));
        TRY(slab_size_multiply((size_t)n, a->dtype.size, &out->data_bytes));
    }
done:
    return rc;
}

static char *put(char *at, const void *bytes, size_t n)
{
    if (n > 0)
        memcpy(at, bytes, n);
    return at + n;
}

static slab_status pack(const slab_attribute *attributes, size_t n, char **out, size_t *bytes)
{
    slab_status rc = SLAB_OK;
    record r;
    char *at;
    *bytes = 0;
    for (size_t i = 0; i < n; i++) {
        TRY(record_of(&attributes[i], &r));
        *bytes += sizeof r + r.name_bytes + r.text_bytes + r.data_bytes;
    }
    ALLOC(*out, *bytes, "attributes");
    at = *out;
    for (size_t i = 0; i < n; i++) {
        TRY(record_of(&attributes[i], &r));
        at = put(at, &r, sizeof r);
        at = put(at, attributes[i].name, r.name_bytes);
        at = put(at, attributes[i].text, r.text_bytes);
        at = put(at, attributes[i].data, r.data_bytes);
    }
done:
    return rc;
}

static slab_status take(const char **at, size_t n, void *field)
{
    slab_status rc = SLAB_OK;
    char *copy = NULL;
    ALLOC(copy, n, "an attribute");
    if (n > 0)
        memcpy(copy, *at, n);
    *at += n;
    memcpy(field, &copy, sizeof copy);
done:
    return rc;
}

static slab_status unpack(const char *at, size_t n, slab_attribute **out)
{
    slab_status rc = SLAB_OK;
    ALLOC(*out, n, "attributes");
    for (size_t i = 0; i < n; i++) {
        slab_attribute *a = &(*out)[i];
        record r;
        memcpy(&r, at, sizeof r);
        at += sizeof r;
        a->dtype = r.dtype;
        a->shape = r.shape;
        TRY(take(&at, r.name_bytes, &a->name));
        TRY(take(&at, r.text_bytes, &a->text));
        TRY(take(&at, r.data_bytes, &a->data));
    }
done:
    return rc;
}

slab_status slab_file_attributes_here(slab_file *file, const char *path, slab_attribute **list,
                                      size_t *n)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    TRY(slab_file_meta(file, &meta));
    TRY(slab_meta_attributes(meta, path, list, n));
done:
    return rc;
}

slab_status slab_file_attributes(slab_file *file, const char *path, slab_attribute **out, size_t *n)
{
    slab_status rc = SLAB_OK;
    char *packed = NULL;
    size_t size[2] = {0, 0}; /* attributes, packed bytes */
    bool leads = slab_file_leads(file), alone = slab_ranks_count(file->ranks) == 1;
    *out = NULL;
    *n = 0;
    if (leads) {
        rc = slab_file_attributes_here(file, path, out, n);
        size[0] = *n;
        if (rc == SLAB_OK && !alone)
            rc = pack(*out, *n, &packed, &size[1]);
    }
    TRY(slab_ranks_agree(file->ranks, rc));
    if (alone)
        goto done;
    TRY(slab_ranks_broadcast(file->ranks, size, sizeof size, 0));
    if (!leads)
        rc = slab_memory_alloc((void **)&packed, size[1], 1, "attributes");
    TRY(slab_ranks_agree(file->ranks, rc));
    TRY(slab_ranks_broadcast(file->ranks, packed, size[1], 0));
    if (!leads) {
        *n = size[0];
        rc = unpack(packed, *n, out);
    }
    TRY(slab_ranks_agree(file->ranks, rc));
done:
    FREE(packed);
    if (rc != SLAB_OK) {
        slab_attributes_free(out, *n);
        *n = 0;
    }
    return rc;
}

slab_status slab_file_attribute_text(slab_file *file, const char *path, const char *name,
                                     char **text)
{
    slab_status rc = SLAB_OK;
    slab_attribute *list = NULL;
    size_t n = 0;
    *text = NULL;
    TRY(slab_file_attributes(file, path, &list, &n));
    for (size_t i = 0; i < n && !*text; i++) {
        if (strcmp(list[i].name, name) == 0) {
            *text = list[i].text;
            list[i].text = NULL; /* the caller owns it now */
        }
    }
done:
    slab_attributes_free(&list, n);
    return rc;
}
