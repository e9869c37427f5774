/*
 * Takes objects out of files: one transaction a file, after every path has been looked at.
 */
#include <slab/tools/json.h>
#include <slab/tools/wording.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

static const slab_option options[] = {
    {"recursive", 'r', 'b', NULL, NULL, "remove groups too, with all that is in them"},
    {NULL, 0, 0, NULL, NULL, NULL}};

/* One path on the command line. */
typedef struct target {
    slab_file *file;
    char *name, *path;
    bool done;
} target;

static bool inside(const char *group, const char *path)
{
    size_t n = strlen(group);
    return strncmp(group, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static slab_status target_open(slab_call *call, const char *locator, target *out)
{
    slab_status rc = SLAB_OK;
    char *brackets = NULL;
    slab_object kind;
    TRY(slab_locator_split(locator, &out->name, &out->path, &brackets));
    TRY(slab_call_open(call, locator, &out->file, NULL, NULL));
    for (size_t n = strlen(out->path); n > 1 && out->path[n - 1] == '/'; n--)
        out->path[n - 1] = '\0';
    REQUIRE(out->path[strspn(out->path, "/")] != '\0', SLAB_ERR_USAGE,
            "'%s' is the whole file: name an object in it, as %s:/x", locator, out->name);
    TRY(slab_file_link(out->file, out->path, &kind));
    REQUIRE(kind != SLAB_OBJECT_GROUP || slab_call_flag(call, "recursive"), SLAB_ERR_USAGE,
            "'%s:%s' is a group: -r removes it with all that is in it", out->name, out->path);
done:
    FREE(brackets);
    return rc;
}

/* Said twice, or inside a group that goes too? */
static bool is_covered(const target *targets, int n, int i)
{
    for (int k = 0; k < n; k++)
        if (k != i && targets[k].file == targets[i].file &&
            inside(targets[k].path, targets[i].path) &&
            (k < i || strcmp(targets[k].path, targets[i].path) != 0))
            return true;
    return false;
}

static void report(slab_call *call, const char *name, const char *const *paths, int n,
                   int64_t objects, uint64_t bytes, json_t *json)
{
    char text[SLAB_TEXT_MAX];
    if (json) {
        json_t *one = json_object(), *list = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(list, slab_json_text(paths[i]));
        json_object_set_new(one, "file", slab_json_text(name));
        json_object_set_new(one, "removed", list);
        json_object_set_new(one, "objects", json_integer(objects));
        json_object_set_new(one, "bytes", json_integer((json_int_t)bytes));
        json_array_append_new(json, one);
        return;
    }
    for (int i = 0; i < n; i++) {
        slab_print(call, "removed ");
        slab_print_name(call, name);
        slab_print(call, ":");
        slab_print_name(call, paths[i]);
        slab_print(call, "\n");
    }
    slab_print(call, "%" PRId64 " object%s, %s of ", objects, objects == 1 ? "" : "s",
               slab_text_bytes(bytes, text));
    slab_print_name(call, name);
    slab_print(call, " become free: 'slab copy' to a new file reclaims them\n");
}

/* All targets of the file that the first one is in. */
static slab_status remove_from(slab_call *call, target *targets, int n, int first, json_t *json)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = NULL;
    slab_txn_options defaults = slab_txn_defaults();
    const char **paths = NULL;
    int64_t objects;
    uint64_t bytes;
    int npaths = 0;
    slab_file *file = targets[first].file;
    ALLOC(paths, n, "names of objects");
    for (int i = first; i < n; i++) {
        if (targets[i].file != file)
            continue;
        targets[i].done = true;
        if (!is_covered(targets, n, i))
            paths[npaths++] = targets[i].path;
    }
    TRY(slab_file_occupied(file, paths, npaths, &objects, &bytes));
    TRY(slab_txn_begin(slab_call_ranks(call), slab_file_path(file), &defaults, &txn));
    for (int i = 0; i < npaths; i++)
        TRY(slab_txn_remove(txn, paths[i]));
    TRY(slab_txn_commit(&txn));
    report(call, slab_file_path(file), paths, npaths, objects, bytes, json);
done:
    slab_txn_abort(&txn);
    FREE(paths);
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    int n = slab_call_count(call);
    target *targets = NULL;
    json_t *json = slab_call_flag(call, "json") ? json_array() : NULL;
    *exit_code = 0;
    ALLOC(targets, n, "names of objects");
    for (int i = 0; i < n; i++)
        TRY(target_open(call, slab_call_argument(call, i), &targets[i]));
    for (int i = 0; i < n; i++)
        if (!targets[i].done)
            TRY(remove_from(call, targets, n, i, json));
    if (json) {
        slab_print_json(call, json);
        json = NULL;
    }
done:
    json_decref(json);
    for (int i = 0; targets && i < n; i++) {
        slab_memory_free(targets[i].name);
        slab_memory_free(targets[i].path);
    }
    FREE(targets);
    return rc;
}

const slab_command slab_command_rm = {
    .name = "rm",
    .arguments = "FILE.h5:/PATH...",
    .summary = "remove arrays, groups and links from a file",
    .description =
        "Unlinks objects of an HDF5 file: all that are named in one file go at once, or none when "
        "the program is killed on the way. A group goes with -r only. A link is removed itself, "
        "not what it points at.\n\n"
        "HDF5 files do not shrink: the bytes stay in the file, unused, until 'slab copy OLD.h5 -o "
        "NEW.h5' leaves them behind. How many they are is printed; what other hard links still "
        "lead to is not among them.",
    .examples = "  slab rm results.h5:/old\n"
                "  slab rm -r results.h5:/runs/3 results.h5:/runs/4\n",
    .takes = SLAB_TAKES_MEMORY | SLAB_TAKES_JSON,
    .least = 1,
    .most = -1,
    .options = options,
    .run = run,
};
