#include <slab/tools/array_words.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *slab_describe_type(const slab_array_info *info, char *text)
{
    if (info->dtype.kind == SLAB_KIND_OTHER)
        snprintf(text, SLAB_DESCRIBE_MAX, "%s", info->type_name);
    else
        slab_dtype_name(info->dtype, text);
    return text;
}

/* Registered filters that slab itself does not decode, by their numbers at the HDF Group. */
static const char *foreign_filter(int id)
{
    switch (id) {
    case SLAB_FILTER_SZIP:
        return "szip";
    case SLAB_FILTER_SCALEOFFSET:
        return "scaleoffset";
    case 32000:
        return "lzf";
    case 32001:
        return "blosc";
    case 32013:
        return "zfp";
    case 32026:
        return "blosc2";
    default:
        return NULL;
    }
}

const char *slab_describe_filter(int id, char *text)
{
    const slab_codec *codec = slab_codec_by_id(id);
    const char *name = codec ? codec->name : foreign_filter(id);
    if (name)
        snprintf(text, SLAB_DESCRIBE_MAX, "%s", name);
    else
        snprintf(text, SLAB_DESCRIBE_MAX, "filter %d", id);
    return text;
}

const char *slab_describe_filters(const slab_array_info *info, char *text)
{
    char name[SLAB_DESCRIBE_MAX];
    size_t at = 0;
    snprintf(text, SLAB_DESCRIBE_MAX, "none");
    for (int i = 0; i < info->pipeline.nfilters && at < SLAB_DESCRIBE_MAX; i++) {
        const slab_filter *f = &info->pipeline.filters[i];
        bool level = (f->id == SLAB_FILTER_DEFLATE || f->id == SLAB_FILTER_ZSTD) && f->nvalues > 0;
        at += (size_t)snprintf(text + at, SLAB_DESCRIBE_MAX - at, "%s%s", i ? ", " : "",
                               slab_describe_filter(f->id, name));
        if (level && at < SLAB_DESCRIBE_MAX)
            at += (size_t)snprintf(text + at, SLAB_DESCRIBE_MAX - at, " (%" PRId32 ")",
                                   (int32_t)f->values[0]);
    }
    return text;
}

const char *slab_describe_extents(const slab_shape *shape, char *text)
{
    size_t at = 0;
    snprintf(text, SLAB_DESCRIBE_MAX, "scalar");
    for (int i = 0; i < shape->rank; i++)
        at += (size_t)snprintf(text + at, SLAB_DESCRIBE_MAX - at, "%s%" PRId64, i ? "x" : "",
                               shape->extent[i]);
    return text;
}

const char *slab_describe_layout(slab_layout layout)
{
    static const char *const names[] = {"chunked", "contiguous", "compact", "virtual", "external"};
    return names[layout];
}

uint64_t slab_describe_plain_bytes(const slab_array_info *info)
{
    int64_t elements;
    size_t bytes;
    if (slab_shape_elements(&info->shape, &elements) != SLAB_OK ||
        slab_size_multiply((size_t)elements, info->dtype.size, &bytes) != SLAB_OK) {
        slab_error_clear();
        return UINT64_MAX;
    }
    return bytes;
}

slab_status slab_array_open_if_sound(slab_file *file, const char *path, slab_array **out)
{
    slab_status rc = slab_array_open(file, path, out);
    switch (rc) {
    case SLAB_ERR_IO:
    case SLAB_ERR_MEMORY:
    case SLAB_ERR_LOCKED:
    case SLAB_ERR_STOPPED:
    case SLAB_ERR_MPI:
        return rc;
    default:
        return SLAB_OK;
    }
}
