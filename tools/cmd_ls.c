#include <slab/tools/array_words.h>
#include <slab/tools/json.h>
#include <slab/tools/wording.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

static const slab_option options[] = {
    {"recursive", 'r', 'b', NULL, NULL, "go into groups too"},
    {"long", 'l', 'b', NULL, NULL, "show chunks, filters and stored size as well"},
    {NULL, 0, 0, NULL, NULL, NULL}};

/* One object; texts are the entry's own. */
typedef struct entry {
    char *path;
    char *target;
    slab_object object;
} entry;

typedef struct listing {
    entry *entries;
    size_t n, room;
} listing;

static slab_status collect(void *context, const char *path, slab_object object, const char *target)
{
    slab_status rc = SLAB_OK;
    listing *list = context;
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        TRY(slab_memory_resize((void **)&list->entries, room, sizeof *list->entries, "a listing"));
        list->room = room;
    }
    entry *e = &list->entries[list->n];
    e->object = object;
    TRY(slab_memory_strdup(&e->path, path));
    list->n++;
    if (target)
        TRY(slab_memory_strdup(&e->target, target));
done:
    return rc;
}

static void listing_clear(listing *list)
{
    for (size_t i = 0; i < list->n; i++) {
        slab_memory_free(list->entries[i].path);
        slab_memory_free(list->entries[i].target);
    }
    FREE(list->entries);
}

/* The name as shown: inside the listed group, or the whole path when recursing. */
static const char *shown_name(const entry *e, const char *group, bool recursive)
{
    size_t n = strlen(group);
    if (recursive)
        return e->path;
    if (strcmp(e->path, group) == 0)
        return e->path;
    n = strncmp(e->path, group, n) == 0 ? n : 0;
    return e->path + n + (e->path[n] == '/');
}

static void print_array(slab_call *call, const slab_array_info *info, bool all)
{
    char type[SLAB_DESCRIBE_MAX], shape[SLAB_DESCRIBE_MAX], chunk[SLAB_DESCRIBE_MAX],
        filters[SLAB_DESCRIBE_MAX], bytes[SLAB_TEXT_MAX];
    slab_print(call, "%-16s %s", slab_describe_extents(&info->shape, shape),
               slab_describe_type(info, type));
    if (!all)
        return;
    bool chunked = info->layout == SLAB_LAYOUT_CHUNKED;
    slab_print(call, "  %s %s  %s  %s", slab_describe_layout(info->layout),
               chunked ? slab_describe_extents(&info->chunk, chunk) : "-",
               slab_describe_filters(info, filters), slab_text_bytes(info->stored_bytes, bytes));
}

static void array_json(const slab_array_info *info, json_t *out)
{
    char text[SLAB_DESCRIBE_MAX];
    json_object_set_new(out, "shape", slab_json_shape(&info->shape));
    json_object_set_new(out, "type", slab_json_text(slab_describe_type(info, text)));
    json_object_set_new(out, "layout", json_string(slab_describe_layout(info->layout)));
    json_object_set_new(out, "chunks",
                        info->layout == SLAB_LAYOUT_CHUNKED ? slab_json_shape(&info->chunk)
                                                            : json_null());
    json_object_set_new(out, "filters", slab_json_text(slab_describe_filters(info, text)));
    json_object_set_new(out, "stored_bytes", json_integer((json_int_t)info->stored_bytes));
}

static const char *const object_names[] = {"group", "array", "type", "link", "external link"};

static void print_name(slab_call *call, const char *name, bool group, int width)
{
    int n = (int)strlen(name) + group;
    slab_print_name(call, name);
    slab_print(call, "%s%*s  ", group ? "/" : "", width > n ? width - n : 0, "");
}

static void print_unsound(slab_call *call)
{
    slab_print(call, "array (");
    slab_print_name(call, slab_error_last()->message);
    slab_print(call, ")");
}

/* An array that cannot be described is still listed, with the reason. */
static slab_status show(slab_call *call, slab_file *file, const entry *e, const char *name,
                        int width)
{
    slab_array *array = NULL;
    slab_status rc = SLAB_OK;
    if (e->object == SLAB_OBJECT_ARRAY)
        TRY(slab_array_open_if_sound(file, e->path, &array));
    print_name(call, name, e->object == SLAB_OBJECT_GROUP, width);
    if (e->object == SLAB_OBJECT_ARRAY) {
        if (array)
            print_array(call, slab_array_describe(array), slab_call_flag(call, "long"));
        else
            print_unsound(call);
    } else {
        slab_print(call, "%s", object_names[e->object]);
    }
    if (e->target) {
        slab_print(call, " -> ");
        slab_print_name(call, e->target);
    }
    slab_print(call, "\n");
done:
    slab_array_close(&array);
    return rc;
}

static slab_status add_json(json_t *list, slab_file *file, const entry *e)
{
    slab_status rc = SLAB_OK;
    slab_array *array = NULL;
    json_t *out = NULL;
    if (e->object == SLAB_OBJECT_ARRAY)
        TRY(slab_array_open_if_sound(file, e->path, &array));
    out = json_object();
    json_object_set_new(out, "file", slab_json_text(slab_file_path(file)));
    json_object_set_new(out, "path", slab_json_text(e->path));
    json_object_set_new(out, "kind", json_string(object_names[e->object]));
    if (e->target)
        json_object_set_new(out, "target", slab_json_text(e->target));
    if (array)
        array_json(slab_array_describe(array), out);
    json_array_append_new(list, out);
done:
    slab_array_close(&array);
    return rc;
}

static slab_status show_all(slab_call *call, slab_file *file, const char *group,
                            const listing *list)
{
    enum { WIDEST = 40 };
    slab_status rc = SLAB_OK;
    bool recursive = slab_call_flag(call, "recursive");
    int width = 0;
    for (size_t i = 0; i < list->n; i++) {
        const entry *e = &list->entries[i];
        size_t n =
            strlen(shown_name(e, group, recursive)) + (e->object == SLAB_OBJECT_GROUP ? 1 : 0);
        if ((int)n > width && n <= WIDEST)
            width = (int)n;
    }
    for (size_t i = 0; i < list->n; i++)
        TRY(show(call, file, &list->entries[i], shown_name(&list->entries[i], group, recursive),
                 width));
done:
    return rc;
}

static slab_status list_one(slab_call *call, const char *locator, json_t *json)
{
    slab_status rc = SLAB_OK;
    slab_file *file;
    listing list = {0};
    char *name = NULL, *path = NULL, *brackets = NULL;
    TRY(slab_locator_split(locator, &name, &path, &brackets));
    TRY(slab_call_open(call, locator, &file, NULL, NULL));
    TRY(slab_file_list(file, path, slab_call_flag(call, "recursive"), collect, &list));
    for (size_t i = 0; json && i < list.n; i++)
        TRY(add_json(json, file, &list.entries[i]));
    if (!json && slab_call_count(call) > 1)
        slab_print(call, "%s:\n", locator);
    if (!json)
        TRY(show_all(call, file, path, &list));
done:
    listing_clear(&list);
    FREE(name);
    FREE(path);
    FREE(brackets);
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    json_t *json = slab_call_flag(call, "json") ? json_array() : NULL;
    *exit_code = 0;
    for (int i = 0; i < slab_call_count(call); i++)
        TRY(list_one(call, slab_call_argument(call, i), json));
    if (json) {
        slab_print_json(call, json);
        json = NULL;
    }
done:
    json_decref(json);
    return rc;
}

const slab_command slab_command_ls = {
    .name = "ls",
    .arguments = "FILE.h5[:/GROUP]...",
    .summary = "list the arrays and groups of a file",
    .description =
        "Lists what is in an HDF5 file, or in a group of it: one line an object, in the order of "
        "the names, with the shape and element type of arrays. Groups end in a slash; links show "
        "where they point. Any HDF5 file will do, whoever wrote it.",
    .examples = "  slab ls cohort.h5\n"
                "  slab ls -l cohort.h5:/\n"
                "  slab ls -r --json cohort.h5\n",
    .takes = SLAB_TAKES_MEMORY | SLAB_TAKES_JSON,
    .least = 1,
    .most = -1,
    .options = options,
    .run = run,
};
