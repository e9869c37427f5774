#include <slab/tools/array_words.h>
#include <slab/tools/json.h>
#include <slab/tools/wording.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>
#include <sys/stat.h>

/* --- attributes, of arrays and groups alike --- */

static slab_status show_attributes(slab_call *call, slab_file *file, const char *path, json_t *json)
{
    slab_status rc = SLAB_OK;
    slab_attribute *list = NULL;
    size_t n = 0;
    TRY(slab_file_attributes(file, path, &list, &n));
    json_t *all = json ? json_object() : NULL;
    for (size_t i = 0; json && i < n; i++)
        slab_json_set_named(all, list[i].name, slab_json_attribute(&list[i]));
    if (json)
        json_object_set_new(json, "attributes", all);
    if (!json && n)
        slab_print(call, "attributes\n");
    for (size_t i = 0; !json && i < n; i++) {
        slab_print(call, "  ");
        slab_print_name(call, list[i].name);
        slab_print(call, " = ");
        slab_print_name(call, list[i].text);
        slab_print(call, "\n");
    }
done:
    slab_attributes_free(&list, n);
    return rc;
}

/* --- arrays --- */

/* Chunks in all, and those that exist. */
static slab_status count_chunks(slab_array *array, int64_t *total, int64_t *stored)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = slab_array_describe(array);
    slab_grid grid;
    const slab_chunk *chunks;
    TRY(slab_grid_make(&info->shape, &info->chunk, NULL, &grid));
    *total = grid.ntiles;
    *stored = info->stored_chunks;
    if (*stored >= 0)
        goto done;
    TRY(slab_array_chunks(array, &grid, &chunks));
    *stored = 0;
    for (int64_t c = 0; c < grid.ntiles; c++)
        *stored += chunks[c].size > 0;
done:
    if (rc == SLAB_OK && *stored > *total)
        rc = slab_error_set(SLAB_ERR_FORMAT, __FILE__, __LINE__,
                            "array '%s' of '%s' is damaged: it has %" PRId64
                            " chunks, of which %" PRId64 " are stored",
                            slab_array_path(array), slab_file_path(slab_array_file(array)), *total,
                            *stored);
    return rc;
}

static void print_value(slab_call *call, const char *name, slab_dtype stored, const void *element)
{
    char text[256] = "";
    slab_dtype_print(slab_dtype_native(stored), element, text, sizeof text);
    slab_print(call, "%-11s %s\n", name, text);
}

static void print_ratio(slab_call *call, const slab_array_info *info)
{
    char stored[SLAB_TEXT_MAX], plain[SLAB_TEXT_MAX];
    uint64_t bytes = slab_describe_plain_bytes(info);
    slab_print(call, "%-11s %s of %s", "stored", slab_text_bytes(info->stored_bytes, stored),
               slab_text_bytes(bytes, plain));
    if (info->stored_bytes)
        slab_print(call, " (ratio %.2f)", (double)bytes / (double)info->stored_bytes);
    slab_print(call, "\n");
}

static slab_status print_array(slab_call *call, slab_array *array)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = slab_array_describe(array);
    char text[SLAB_DESCRIBE_MAX];
    int64_t total, stored;
    slab_print(call, "%-11s array\n", "kind");
    slab_print(call, "%-11s %s\n", "shape", slab_shape_text(&info->shape, text));
    if (!slab_shape_equal(&info->shape, &info->max_shape)) {
        slab_print(call, "%-11s", "may grow to");
        for (int i = 0; i < info->max_shape.rank; i++)
            if (info->max_shape.extent[i] == SLAB_UNLIMITED)
                slab_print(call, " any");
            else
                slab_print(call, " %" PRId64, info->max_shape.extent[i]);
        slab_print(call, "\n");
    }
    slab_print(call, "%-11s %s%s\n", "type", slab_describe_type(info, text),
               info->dtype.is_enum ? " (enum)" : "");
    slab_print(call, "%-11s %s\n", "layout", slab_describe_layout(info->layout));
    if (info->layout == SLAB_LAYOUT_CHUNKED) {
        TRY(count_chunks(array, &total, &stored));
        slab_print(call, "%-11s %s, %" PRId64 " of %" PRId64 " stored\n", "chunks",
                   slab_shape_text(&info->chunk, text), stored, total);
        slab_print(call, "%-11s %s\n", "filters", slab_describe_filters(info, text));
    }
    print_ratio(call, info);
    if (info->has_fill)
        print_value(call, "fill", info->dtype, info->fill);
    if (info->has_missing)
        print_value(call, "missing", info->dtype, info->missing);
    slab_print(call, "%-11s %s%s\n", "read by", *info->fallback ? "the HDF5 library: " : "slab",
               info->fallback);
done:
    return rc;
}

static json_t *filters_json(const slab_array_info *info)
{
    char text[SLAB_DESCRIBE_MAX];
    json_t *out = json_array();
    for (int i = 0; i < info->pipeline.nfilters; i++) {
        const slab_filter *f = &info->pipeline.filters[i];
        json_t *one = json_object(), *values = json_array();
        for (unsigned k = 0; k < f->nvalues && k < SLAB_FILTER_VALUES_MAX; k++)
            json_array_append_new(values, json_integer(f->values[k]));
        json_object_set_new(one, "id", json_integer(f->id));
        json_object_set_new(one, "name", slab_json_text(slab_describe_filter(f->id, text)));
        json_object_set_new(one, "values", values);
        json_array_append_new(out, one);
    }
    return out;
}

static slab_status array_json(json_t *out, slab_array *array)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *info = slab_array_describe(array);
    slab_dtype native = slab_dtype_native(info->dtype);
    char text[SLAB_DESCRIBE_MAX];
    int64_t total = 0, stored = 0;
    json_object_set_new(out, "kind", json_string("array"));
    json_object_set_new(out, "shape", slab_json_shape(&info->shape));
    json_object_set_new(out, "max_shape", slab_json_shape(&info->max_shape));
    json_object_set_new(out, "type", slab_json_text(slab_describe_type(info, text)));
    json_object_set_new(out, "layout", json_string(slab_describe_layout(info->layout)));
    if (info->layout == SLAB_LAYOUT_CHUNKED) {
        TRY(count_chunks(array, &total, &stored));
        json_object_set_new(out, "chunks", slab_json_shape(&info->chunk));
        json_object_set_new(out, "chunk_count", json_integer(total));
        json_object_set_new(out, "stored_chunks", json_integer(stored));
    }
    uint64_t plain = slab_describe_plain_bytes(info);
    json_object_set_new(out, "filters", filters_json(info));
    json_object_set_new(out, "bytes", json_integer((json_int_t)plain));
    json_object_set_new(out, "stored_bytes", json_integer((json_int_t)info->stored_bytes));
    json_object_set_new(out, "ratio",
                        info->stored_bytes
                            ? slab_json_real((double)plain / (double)info->stored_bytes)
                            : json_null());
    json_object_set_new(out, "fill",
                        info->has_fill ? slab_json_element(native, info->fill) : json_null());
    json_object_set_new(out, "missing",
                        info->has_missing ? slab_json_element(native, info->missing) : json_null());
    json_object_set_new(out, "fallback",
                        *info->fallback ? slab_json_text(info->fallback) : json_null());
done:
    return rc;
}

/* --- groups and whole files --- */

typedef struct census {
    int64_t arrays, groups, others;
    uint64_t stored;
    slab_file *file;
} census;

static slab_status census_see(void *context, const char *path, slab_object object,
                              const char *target)
{
    slab_status rc = SLAB_OK;
    census *c = context;
    slab_array *array = NULL;
    (void)target;
    c->arrays += object == SLAB_OBJECT_ARRAY;
    c->groups += object == SLAB_OBJECT_GROUP;
    c->others += object != SLAB_OBJECT_ARRAY && object != SLAB_OBJECT_GROUP;
    if (object != SLAB_OBJECT_ARRAY)
        return SLAB_OK;
    TRY(slab_array_open_if_sound(c->file, path, &array));
    if (array)
        c->stored += slab_array_describe(array)->stored_bytes;
    else
        slab_error_clear(); /* still an array, though its size is not known */
done:
    slab_array_close(&array);
    return rc;
}

static slab_status show_group(slab_call *call, slab_file *file, const char *path, json_t *json)
{
    slab_status rc = SLAB_OK;
    census c = {.file = file};
    struct stat s;
    char text[SLAB_TEXT_MAX];
    bool whole = strcmp(path, "/") == 0 && stat(slab_file_path(file), &s) == 0;
    TRY(slab_file_list(file, path, true, census_see, &c));
    if (json) {
        json_object_set_new(json, "kind", json_string(whole ? "file" : "group"));
        json_object_set_new(json, "arrays", json_integer(c.arrays));
        json_object_set_new(json, "groups", json_integer(c.groups));
        json_object_set_new(json, "others", json_integer(c.others));
        json_object_set_new(json, "stored_bytes", json_integer((json_int_t)c.stored));
        if (whole)
            json_object_set_new(json, "file_bytes", json_integer(s.st_size));
        goto done;
    }
    slab_print(call, "%-11s %s\n", "kind", whole ? "file" : "group");
    slab_print(call, "%-11s %" PRId64 " arrays, %" PRId64 " groups", "holds", c.arrays, c.groups);
    if (c.others)
        slab_print(call, ", %" PRId64 " links and types", c.others);
    slab_print(call, "\n%-11s %s\n", "stored", slab_text_bytes(c.stored, text));
    if (whole)
        slab_print(call, "%-11s %s\n", "file", slab_text_bytes((uint64_t)s.st_size, text));
done:
    return rc;
}

static slab_status show(slab_call *call, const char *locator, json_t *json)
{
    slab_status rc = SLAB_OK;
    slab_file *file;
    slab_array *array = NULL;
    slab_object object;
    char *name = NULL, *path = NULL, *brackets = NULL;
    TRY(slab_locator_split(locator, &name, &path, &brackets));
    TRY(slab_call_open(call, locator, &file, NULL, NULL));
    TRY(slab_file_object(file, path, &object));
    if (json) {
        json_object_set_new(json, "file", slab_json_text(name));
        json_object_set_new(json, "path", slab_json_text(path));
    } else {
        slab_print(call, "%s:", name);
        slab_print_name(call, path);
        slab_print(call, "\n");
    }
    if (object == SLAB_OBJECT_GROUP) {
        TRY(show_group(call, file, path, json));
    } else {
        TRY(slab_array_open(file, path, &array));
        TRY(json ? array_json(json, array) : print_array(call, array));
    }
    TRY(show_attributes(call, file, path, json));
done:
    slab_array_close(&array);
    FREE(name);
    FREE(path);
    FREE(brackets);
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    json_t *json = slab_call_flag(call, "json") ? json_object() : NULL;
    *exit_code = 0;
    TRY(show(call, slab_call_argument(call, 0), json));
    if (json) {
        slab_print_json(call, json);
        json = NULL;
    }
done:
    json_decref(json);
    return rc;
}

const slab_command slab_command_info = {
    .name = "info",
    .arguments = "FILE.h5[:/PATH]",
    .summary = "show all that is known about an array, a group or a file",
    .description =
        "For an array: its shape, element type, chunks, filters, how much room it takes in the "
        "file and how well it is compressed, the fill value and the code that stands for missing "
        "values, and its attributes. \"read by the HDF5 library\" names the reason why slab cannot "
        "decode the array by itself; it works all the same, only slower.\n\n"
        "For a group or a whole file: how many arrays it holds and how much room they take.",
    .examples = "  slab info cohort.h5:/genotypes\n"
                "  slab info --json cohort.h5:/genotypes\n"
                "  slab info cohort.h5\n",
    .takes = SLAB_TAKES_MEMORY | SLAB_TAKES_JSON,
    .least = 1,
    .most = 1,
    .run = run,
};
