/*
 * The files of a call: inputs are opened once and remembered, outputs are checked against them
 * before any work is done.
 */
#include <slab/tools/call_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static slab_status file_get(slab_call *call, const char *path, slab_file **out)
{
    slab_status rc = SLAB_OK;
    call_file *entry = NULL;
    for (call_file *f = call->files; f; f = f->next)
        if (strcmp(f->path, path) == 0) {
            *out = f->file;
            return SLAB_OK;
        }
    ALLOC(entry, 1, "an open file");
    TRY(slab_memory_strdup(&entry->path, path));
    TRY(slab_file_open(call->ranks, path, &entry->file));
    *out = entry->file;
    entry->next = call->files;
    call->files = entry;
    entry = NULL;
done:
    if (entry)
        FREE(entry->path);
    FREE(entry);
    return rc;
}

static slab_status input_add(slab_call *call, const char *path, const char *object)
{
    slab_status rc = SLAB_OK;
    call_input *entry = NULL;
    for (const call_input *i = call->inputs; i; i = i->next)
        if (strcmp(i->object, object) == 0 && strcmp(i->path, path) == 0)
            return SLAB_OK;
    ALLOC(entry, 1, "an input");
    TRY(slab_memory_strdup(&entry->path, path));
    TRY(slab_memory_strdup(&entry->object, object));
    entry->next = call->inputs;
    call->inputs = entry;
    entry = NULL;
done:
    if (entry)
        FREE(entry->path);
    FREE(entry);
    return rc;
}

slab_status slab_call_input(slab_call *call, const char *path)
{
    return input_add(call, path, "");
}

/* --- a file that is named without a path stands for its only array --- */

typedef struct only {
    int n;
    char *path;
} only;

static slab_status only_see(void *context, const char *path, slab_object object, const char *target)
{
    only *o = context;
    (void)target;
    if (object != SLAB_OBJECT_ARRAY || o->n++ > 0)
        return SLAB_OK;
    return slab_memory_strdup(&o->path, path);
}

static slab_status only_array(slab_call *call, slab_file *file, char **path)
{
    slab_status rc = SLAB_OK;
    only o = {0};
    const char *name = slab_file_path(file);
    int64_t length = 0;
    if (slab_ranks_me(call->ranks) == 0) {
        rc = slab_file_list(file, "/", true, only_see, &o);
        if (rc == SLAB_OK && o.n != 1)
            rc = slab_error_set(SLAB_ERR_USAGE, __FILE__, __LINE__,
                                o.n ? "'%s' holds %d arrays: name one, as %s:%s ('slab ls -r %s' "
                                      "lists them)"
                                    : "'%s' holds no array",
                                name, o.n, name, o.path, name);
        length = rc == SLAB_OK ? (int64_t)strlen(o.path) + 1 : 0;
    }
    TRY(slab_ranks_agree(call->ranks, rc));
    TRY(slab_ranks_broadcast(call->ranks, &length, sizeof length, 0));
    if (!o.path)
        ALLOC(o.path, length, "the name of an array");
    TRY(slab_ranks_broadcast(call->ranks, o.path, (size_t)length, 0));
    slab_memory_free(*path);
    *path = o.path;
    o.path = NULL;
done:
    FREE(o.path);
    return rc;
}

static slab_status array_get(slab_call *call, slab_file *file, const char *path, slab_array **out)
{
    slab_status rc = SLAB_OK;
    call_array *entry = NULL;
    ALLOC(entry, 1, "an open array");
    TRY(slab_array_open(file, path, &entry->array));
    *out = entry->array;
    entry->next = call->arrays;
    call->arrays = entry;
    entry = NULL;
done:
    FREE(entry);
    return rc;
}

slab_status slab_call_open(slab_call *call, const char *locator, slab_file **file,
                           slab_array **array, slab_selection *selection)
{
    slab_status rc = SLAB_OK;
    char *name = NULL, *path = NULL, *brackets = NULL;
    slab_file *opened = NULL;
    TRY(slab_locator_split(locator, &name, &path, &brackets));
    REQUIRE(selection || *brackets == '\0', SLAB_ERR_USAGE,
            "'slab %s' takes no selection: leave [%s] away, or put [] behind it when it is part of "
            "the name",
            call->command->name, brackets);
    TRY(file_get(call, name, &opened));
    if (array && strcmp(path, "/") == 0)
        TRY(only_array(call, opened, &path));
    TRY(input_add(call, name, path));
    if (array) {
        TRY(array_get(call, opened, path, array));
        if (selection)
            TRY_SAYING(
                slab_selection_parse(brackets, &slab_array_describe(*array)->shape, selection),
                "'%s'", locator);
    }
    if (file)
        *file = opened;
done:
    FREE(name);
    FREE(path);
    FREE(brackets);
    return rc;
}

/* --- outputs --- */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Is path b the object a, or inside it? */
static bool inside(const char *a, const char *b)
{
    size_t n = strlen(a);
    return n == 1 || (strncmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/'));
}

bool slab_call_is_input(const slab_call *call, const char *file, const char *object)
{
    for (const call_input *i = call->inputs; i; i = i->next)
        if (strcmp(i->object, object) == 0 && same_file(i->path, file))
            return true;
    return false;
}

bool slab_call_reads(const slab_call *call, const char *file)
{
    for (const call_input *i = call->inputs; i; i = i->next)
        if (same_file(i->path, file))
            return true;
    return false;
}

static slab_status output_check_inputs(const slab_call *call, const char *file, const char *path)
{
    slab_status rc = SLAB_OK;
    for (const call_input *i = call->inputs; i; i = i->next) {
        if (!same_file(i->path, file))
            continue;
        REQUIRE(*i->object, SLAB_ERR_USAGE, "the output '%s' is the input", file);
        bool replaces = strcmp(path, "/") != 0 && inside(path, i->object);
        REQUIRE(!replaces, SLAB_ERR_USAGE, "the output '%s:%s' is an input: choose another name",
                file, path);
    }
done:
    return rc;
}

static slab_status count_entry(void *context, const char *path, slab_object object,
                               const char *target)
{
    (void)path, (void)object, (void)target;
    ++*(int *)context;
    return SLAB_OK;
}

/* Is a place in an existing file taken? Results that are groups may go to an empty root. */
static slab_status check_taken(slab_file *file, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_object object;
    int entries = 0;
    const char *name = slab_file_path(file);
    if (strcmp(path, "/") == 0) {
        TRY(slab_file_list(file, "/", false, count_entry, &entries));
        REQUIRE(entries == 0, SLAB_ERR_EXISTS,
                "'%s' exists and is not empty; name a group in it, as %s:/result, or replace what "
                "has the same name with --force",
                name, name);
    } else if (slab_file_object(file, path, &object) == SLAB_OK) {
        FAIL(SLAB_ERR_EXISTS, "'%s:%s' exists already; --force replaces it", name, path);
    } else {
        slab_error_clear();
    }
done:
    return rc;
}

static slab_status output_check_free(slab_call *call, const char *file, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_file *existing = NULL;
    struct stat s;
    int64_t exists = stat(file, &s) == 0;
    TRY(slab_ranks_broadcast(call->ranks, &exists, sizeof exists, 0));
    if (exists && stat(file, &s) == 0)
        REQUIRE(!S_ISDIR(s.st_mode), SLAB_ERR_USAGE, "the output '%s' is a folder", file);
    if (!exists)
        goto done;
    TRY(slab_file_open(call->ranks, file, &existing));
    if (slab_ranks_me(call->ranks) == 0 && !slab_call_flag(call, "force"))
        rc = check_taken(existing, path);
    TRY(slab_ranks_agree(call->ranks, rc));
done:
    slab_file_close(&existing);
    return rc;
}

slab_status slab_call_output(slab_call *call, const char *initial, const char **file,
                             const char **path)
{
    slab_status rc = SLAB_OK;
    char *brackets = NULL;
    const char *output = slab_call_text(call, "output");
    REQUIRE(output || slab_call_flag(call, "dry-run"), SLAB_ERR_USAGE,
            "'slab %s' needs -o FILE.h5:/PATH to write to", call->command->name);
    if (!output) { /* a plan needs no place to write to */
        *file = "";
        *path = initial;
        return SLAB_OK;
    }
    if (!call->output_file) {
        TRY(slab_locator_split(output, &call->output_file, &call->output_path, &brackets));
        REQUIRE(*brackets == '\0', SLAB_ERR_USAGE, "an output takes no selection: '%s'", output);
        if (strcmp(call->output_path, "/") == 0) {
            FREE(call->output_path);
            TRY(slab_memory_strdup(&call->output_path, initial));
        }
        TRY(output_check_inputs(call, call->output_file, call->output_path));
        TRY(output_check_free(call, call->output_file, call->output_path));
    }
    *file = call->output_file;
    *path = call->output_path;
done:
    FREE(brackets);
    return rc;
}

slab_status slab_call_txn_options(slab_call *call, slab_txn_options *out)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    slab_budget budget;
    const char *backend = slab_call_text(call, "backend");
    TRY(slab_call_crew(call, &crew));
    *out = slab_txn_defaults();
    if (call->command->takes & SLAB_TAKES_COMPUTE) { /* also while no limit holds yet */
        TRY(slab_call_budget(call, &budget));
        out->write_behind = slab_txn_write_behind(budget.bytes);
    }
    out->force = slab_call_flag(call, "force");
    out->sync = !slab_call_flag(call, "no-sync");
    out->threads = slab_crew_threads(crew);
    if (backend && strcmp(backend, "collective") == 0)
        out->backend = SLAB_BACKEND_COLLECTIVE;
done:
    return rc;
}

slab_status slab_call_begin(slab_call *call, const char *initial, slab_txn **txn, const char **path)
{
    slab_status rc = SLAB_OK;
    slab_txn_options options;
    const char *file;
    TRY(slab_call_output(call, initial, &file, path));
    TRY(slab_call_txn_options(call, &options));
    TRY(slab_call_job(call, *path, &options.job));
    options.fresh = slab_call_flag(call, "no-resume");
    options.kept = &call->kept;
    TRY(slab_txn_begin(call->ranks, file, &options, txn));
done:
    return rc;
}

slab_status slab_call_spec(slab_call *call, slab_array_spec *spec)
{
    slab_status rc = SLAB_OK;
    const char *chunks = slab_call_text(call, "chunks");
    spec->filter = slab_call_text(call, "filter");
    if (chunks) {
        TRY(slab_shape_parse(chunks, &spec->chunk));
        REQUIRE(spec->chunk.rank == spec->shape.rank, SLAB_ERR_USAGE,
                "--chunks %s has %d axes; the array has %d", chunks, spec->chunk.rank,
                spec->shape.rank);
    }
done:
    return rc;
}
