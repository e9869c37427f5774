#include <slab/tools/json.h>

#include <slab/storage/base/log.h>
#include <slab/storage/base/try.h>
#include <slab/storage/unfinished.h>
#include <sys/stat.h>

typedef struct cleaning {
    slab_call *call;
    json_t *list; /* NULL: text */
} cleaning;

static void tell(cleaning *c, const char *file, const char *what)
{
    if (c->list) {
        json_t *o = json_object();
        json_object_set_new(o, "file", slab_json_text(file));
        json_object_set_new(o, "did", json_string(what));
        json_array_append_new(c->list, o);
        return;
    }
    slab_print_name(c->call, file);
    slab_print(c->call, ": %s\n", what);
}

static slab_status clean_file(cleaning *c, const char *file)
{
    slab_status rc = SLAB_OK;
    bool removed;
    TRY_SAYING(slab_unfinished_remove(file, &removed), "cannot clean '%s'", file);
    tell(c, file, removed ? "its unfinished output is removed" : "nothing to remove");
done:
    return rc;
}

/* In a folder what is at work is left alone; somebody may have begun since we looked. */
static slab_status clean_one(void *context, const slab_unfinished *one)
{
    cleaning *c = context;
    slab_status rc = one->held ? SLAB_ERR_LOCKED : clean_file(c, one->file);
    if (rc != SLAB_ERR_LOCKED)
        return rc;
    slab_error_clear();
    tell(c, one->file, "is being written, left alone");
    return SLAB_OK;
}

static slab_status clean_path(cleaning *c, const char *path)
{
    struct stat st;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return folder ? slab_unfinished_list(path, clean_one, c) : clean_file(c, path);
}

/* What cannot be cleaned keeps nothing else from it. */
static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_error first = {.code = SLAB_OK};
    cleaning c = {.call = call, .list = slab_call_flag(call, "json") ? json_array() : NULL};
    *exit_code = 0;
    for (int i = 0; i < slab_call_count(call); i++) {
        if (clean_path(&c, slab_call_argument(call, i)) == SLAB_OK)
            continue;
        if (first.code == SLAB_OK)
            first = *slab_error_last();
        else
            slab_log(SLAB_LOG_WARN, "%s", slab_error_last()->message);
    }
    if (c.list && (first.code == SLAB_OK || json_array_size(c.list) > 0)) {
        slab_print_json(call, c.list);
        c.list = NULL;
    }
    if (first.code != SLAB_OK)
        rc = slab_error_restore(&first);
    json_decref(c.list);
    return rc;
}

const slab_command slab_command_clean = {
    .name = "clean",
    .arguments = "DIR|FILE.h5 ...",
    .summary = "remove what is left of unfinished outputs",
    .description =
        "Gives up unfinished outputs ('slab jobs' lists them): removes the temporary file, the "
        "logs and the checkpoint beside an output's name, or in a folder beside all of them. A "
        "file that existed before keeps what it held. What a process is writing is left alone; "
        "naming it is an error.",
    .examples = "  slab clean result.h5\n  slab clean /scratch/me\n",
    .takes = SLAB_TAKES_JSON,
    .least = 1,
    .most = -1,
    .run = run,
};
