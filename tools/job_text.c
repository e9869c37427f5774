/*
 * What a command does, as lines that the same command repeats: storage/job.h says what they are
 * for. Options that change how fast or how loud it works are no part of it.
 */
#include <slab/tools/call_impl.h>

#include <errno.h>
#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool changes_the_result(const char *option)
{
    static const char *const others[] = {"threads",   "memory",     "scratch",  "dry-run",
                                         "json",      "verbose",    "quiet",    "help",
                                         "output",    "time-limit", "log-json", "log-every",
                                         "no-resume", "no-sync",    "force",    "backend"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(option, others[i]) == 0)
            return false;
    return true;
}

/* A value takes one line, whatever is in it. */
static void put_value(FILE *to, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            fputs("\\n", to);
        else if (*value == '\\')
            fputs("\\\\", to);
        else
            putc(*value, to);
    }
    putc('\n', to);
}

static void put_parameters(FILE *to, const slab_call *call)
{
    const slab_option_table *table = &call->parsed.table;
    for (int i = 0; i < call->parsed.narguments; i++) {
        fprintf(to, "argument %d ", i + 1);
        put_value(to, call->parsed.arguments[i]);
    }
    for (int i = 0; i < table->n; i++) {
        const slab_option *o = table->at[i];
        const char *given = call->parsed.values[i], *value = given ? given : o->initial;
        if (!value || !changes_the_result(o->name))
            continue;
        fprintf(to, "option %s ", o->name);
        put_value(to, o->type == 'b' ? "yes" : value);
    }
}

static slab_file *file_of(const slab_call *call, const char *path)
{
    for (const call_file *f = call->files; f; f = f->next)
        if (strcmp(f->path, path) == 0)
            return f->file;
    return NULL;
}

/* A file that is added to grows while it is; what HDF5 knows of it ends where it did. */
static slab_status put_state(FILE *to, const slab_call *call, const char *path, int number)
{
    slab_status rc = SLAB_OK;
    struct stat s, out;
    slab_file *file = file_of(call, path);
    if (stat(path, &s) != 0)
        FAIL_ERRNO("cannot look at '%s'", path);
    bool is_output = call->output_file && stat(call->output_file, &out) == 0 &&
                     out.st_dev == s.st_dev && out.st_ino == s.st_ino;
    if (is_output && file) {
        fprintf(to, "input %d.end %" PRIu64 "\n", number, slab_file_end(file));
        goto done;
    }
    fprintf(to, "input %d.size %" PRId64 "\n", number, (int64_t)s.st_size);
    fprintf(to, "input %d.time %" PRId64 ".%09ld\n", number, (int64_t)s.st_mtim.tv_sec,
            s.st_mtim.tv_nsec);
done:
    return rc;
}

static slab_status put_inputs(FILE *to, const slab_call *call)
{
    slab_status rc = SLAB_OK;
    int number = 0;
    for (const call_input *i = call->inputs; i; i = i->next) {
        char *real = realpath(i->path, NULL);
        fprintf(to, "input %d.path ", ++number);
        put_value(to, real ? real : i->path);
        free(real);
        if (*i->object) {
            fprintf(to, "input %d.object ", number);
            put_value(to, i->object);
        }
        TRY(put_state(to, call, i->path, number));
    }
done:
    return rc;
}

/* Type, shape, chunks and where they lie. Collective. */
static slab_status put_arrays(FILE *to, const slab_call *call)
{
    slab_status rc = SLAB_OK;
    int number = 0;
    for (const call_array *a = call->arrays; a; a = a->next) {
        uint64_t identity;
        TRY(slab_array_identity(a->array, &identity));
        fprintf(to, "input array%d.content %016" PRIx64 "\n", ++number, identity);
    }
done:
    return rc;
}

static void put_remarks(FILE *to, const char *command)
{
    char host[256] = "", date[40];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    fputs("# command ", to);
    put_value(to, command);
    fprintf(to, "# began %s\n# host %s\n# process %ld\n", date, host, (long)getpid());
}

/* What each rank writes by itself. */
static slab_status put_call(FILE *to, slab_call *call, const char *path)
{
    slab_status rc = SLAB_OK;
    char *command = NULL;
    REQUIRE(to, SLAB_ERR_MEMORY, "no memory to write down the job");
    TRY(slab_call_command_text(call, &command));
    put_remarks(to, command);
    fprintf(to, "slab %s\nverb %s\noutput ", SLAB_VERSION, call->command->name);
    put_value(to, path);
    put_parameters(to, call);
    TRY(put_inputs(to, call));
done:
    FREE(command);
    return rc;
}

slab_status slab_call_job(slab_call *call, const char *path, const char **out)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    *out = NULL;
    TRY(slab_ranks_agree(call->ranks, put_call(to, call, path)));
    TRY(put_arrays(to, call));
    bool whole = fclose(to) == 0;
    to = NULL;
    REQUIRE(whole, SLAB_ERR_MEMORY, "no memory to write down the job");
    FREE(call->job);
    TRY(slab_memory_strdup(&call->job, text));
    *out = call->job;
done:
    if (to)
        fclose(to);
    free(text);
    return slab_ranks_agree(call->ranks, rc);
}
