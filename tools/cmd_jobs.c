#include <slab/tools/json.h>
#include <slab/tools/wording.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/unfinished.h>
#include <string.h>
#include <time.h>

typedef struct showing {
    slab_call *call;
    json_t *list; /* NULL: text */
    int shown;
} showing;

/* A value of the job as text of its own; "" when there is none. */
static slab_status value_of(const slab_unfinished *one, const char *name, char **out)
{
    slab_status rc = SLAB_OK;
    size_t n = 0;
    const char *value = slab_job_value(one->job, name, &n);
    TRY(slab_memory_alloc((void **)out, n + 1, 1, "a job"));
    if (value)
        memcpy(*out, value, n);
done:
    return rc;
}

static double percent(const slab_unfinished *one)
{
    return one->total > 0 ? 100.0 * (double)one->chunks / (double)one->total : 0;
}

static double age(const slab_unfinished *one)
{
    double seconds = difftime(time(NULL), (time_t)one->changed);
    return seconds > 0 ? seconds : 0;
}

static void add_json(showing *to, const slab_unfinished *one, const char *verb, const char *command,
                     const char *began)
{
    json_t *o = json_object();
    json_object_set_new(o, "file", slab_json_text(one->file));
    json_object_set_new(o, "verb", slab_json_text(verb));
    json_object_set_new(o, "command", slab_json_text(command));
    json_object_set_new(o, "began", slab_json_text(began));
    json_object_set_new(o, "seconds_since_change", json_integer((json_int_t)age(one)));
    json_object_set_new(o, "running", json_boolean(one->held));
    json_object_set_new(o, "adds_to_file", json_boolean(one->in_place));
    json_object_set_new(o, "chunks", json_integer(one->chunks));
    json_object_set_new(o, "chunks_of", json_integer(one->total));
    json_object_set_new(o, "packed_bytes", json_integer(one->bytes));
    json_object_set_new(o, "results_kept", json_integer(one->records));
    json_array_append_new(to->list, o);
}

/* "file.h5  pca  37% of 1200 chunks, 3 results  running  12 min ago", and the command below. */
static void print_one(showing *to, const slab_unfinished *one, const char *verb,
                      const char *command)
{
    char when[SLAB_TEXT_MAX];
    slab_print_name(to->call, one->file);
    slab_print(to->call, ": %s, ", verb);
    if (one->total > 0)
        slab_print(to->call, "%.0f%% of %" PRId64 " chunks", percent(one), one->total);
    else
        slab_print(to->call, "no chunk yet");
    if (one->records > 0)
        slab_print(to->call, ", %d result%s kept", one->records, one->records == 1 ? "" : "s");
    slab_print(to->call, ", %s, last written %s ago\n    ", one->held ? "running" : "not running",
               slab_text_seconds(age(one), when));
    slab_print_name(to->call, command);
    slab_print(to->call, "\n");
}

static slab_status show(void *context, const slab_unfinished *one)
{
    slab_status rc = SLAB_OK;
    showing *to = context;
    char *verb = NULL, *command = NULL, *began = NULL;
    TRY(value_of(one, "verb", &verb));
    TRY(value_of(one, "command", &command));
    TRY(value_of(one, "began", &began));
    to->shown++;
    if (to->list)
        add_json(to, one, verb, command, began);
    else
        print_one(to, one, verb, command);
done:
    FREE(verb);
    FREE(command);
    FREE(began);
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    int n = slab_call_count(call);
    showing to = {.call = call, .list = slab_call_flag(call, "json") ? json_array() : NULL};
    *exit_code = 0;
    for (int i = 0; i < n || (i == 0 && n == 0); i++)
        TRY(slab_unfinished_list(n > 0 ? slab_call_argument(call, i) : ".", show, &to));
    if (!to.list && to.shown == 0)
        slab_print(call, "no unfinished output\n");
    if (to.list) {
        slab_print_json(call, to.list);
        to.list = NULL;
    }
done:
    json_decref(to.list);
    return rc;
}

const slab_command slab_command_jobs = {
    .name = "jobs",
    .arguments = "[DIR ...]",
    .summary = "list unfinished outputs, and how far they are",
    .description =
        "When a command is stopped or killed, what it has written of its output stays beside the "
        "output's name, and the same command continues it. This lists such outputs in a folder "
        "(default: the one you are in): the verb, how many of the chunks are written, how many "
        "results of passes and iterations are kept, whether a process is at work on it, when it "
        "was last written to, and the command.\n\n"
        "'slab clean' removes what is not wanted any more.",
    .examples = "  slab jobs\n  slab jobs /scratch/me --json\n",
    .takes = SLAB_TAKES_JSON,
    .least = 0,
    .most = -1,
    .run = run,
};
