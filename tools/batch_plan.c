/*
 * What a command needs, by its own word: slab VERB --dry-run --json, in a process of its own, so
 * that a plan is what it is from the shell.
 */
#include <slab/tools/batch.h>

#include <inttypes.h>
#include <jansson.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/child.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where no budget is stated: enough for most, and most nodes have it for every core. */
static const size_t usual_budget = (size_t)4 << 30, memory_step = (size_t)64 << 20;

/* How many plans are asked for: each takes some hundredths of a second. */
enum { PLANS_MOST = 1000, PLANS_QUIET = 100 };

/* The line "slab: no such file\n" without what every message has; with --log-json it is the message
 * of an object. */
static slab_status bare(char *printed, char **out)
{
    slab_status rc = SLAB_OK;
    json_t *object = json_loads(printed, JSON_DISABLE_EOF_CHECK, NULL);
    const char *message = json_string_value(json_object_get(object, "message"));
    if (!message) {
        char *line = strncmp(printed, "slab: ", 6) == 0 ? printed : strstr(printed, "\nslab: ");
        line = line ? line + strcspn(line, " ") + 1 : printed;
        line[strcspn(line, "\n")] = '\0';
        message = line;
    }
    TRY(slab_memory_strdup(out, message));
done:
    json_decref(object);
    return rc;
}

static slab_status add_number(slab_argv *line, const char *option, uint64_t number)
{
    char text[64];
    snprintf(text, sizeof text, "%s=%" PRIu64, option, number);
    return slab_argv_add(line, text);
}

/* budget 0: as the words say */
static slab_status command_line(const char *program, const slab_argv *words, size_t budget,
                                int64_t threads, slab_argv *line)
{
    slab_status rc = SLAB_OK;
    TRY(slab_argv_add(line, program));
    TRY(slab_argv_add(line, words->at[0]));
    TRY(slab_argv_add(line, "--dry-run"));
    TRY(slab_argv_add(line, "--json"));
    if (threads > 0)
        TRY(add_number(line, "--threads", (uint64_t)threads));
    if (budget > 0)
        TRY(add_number(line, "--memory", budget));
    TRY(slab_argv_add(line, "--quiet"));
    for (int i = 1; i < words->n; i++)
        TRY(slab_argv_add(line, words->at[i]));
done:
    return rc;
}

static slab_status read_plan(const char *text, size_t *memory, double *seconds)
{
    slab_status rc = SLAB_OK;
    json_t *plan = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *bytes = json_object_get(plan, "memory"), *time = json_object_get(plan, "seconds");
    REQUIRE(json_is_integer(bytes), SLAB_ERR_INTERNAL, "a plan without memory");
    *memory = (size_t)json_integer_value(bytes);
    *seconds = json_number_value(time);
done:
    json_decref(plan);
    return rc;
}

static slab_status ask(const char *program, const slab_argv *words, size_t budget, int64_t threads,
                       size_t *memory, double *seconds)
{
    slab_status rc = SLAB_OK;
    slab_argv line = {0};
    slab_child child = {0};
    char *why = NULL;
    TRY(command_line(program, words, budget, threads, &line));
    TRY(slab_child_run(line.at, "", 1, &child));
    if (child.code != 0) {
        TRY(bare(child.err, &why));
        FAIL(SLAB_ERR_VALUE, "'slab %s' cannot be planned: %s", words->at[0], why);
    }
    TRY(read_plan(child.out, memory, seconds));
done:
    FREE(why);
    slab_child_clear(&child);
    slab_argv_clear(&line);
    return rc;
}

/* --- of many --- */

typedef struct ranking {
    const slab_batch_task *task;
    bool exists; /* the file of its output */
    off_t size;  /* of its own file */
} ranking;

static int by_doubt(const void *a, const void *b)
{
    const ranking *x = a, *y = b;
    if (x->exists != y->exists)
        return x->exists ? -1 : 1;
    return (x->size < y->size) - (x->size > y->size);
}

/* The tasks, those first that are the likeliest to fail or to need most. */
static slab_status rank(const slab_batch_task *tasks, int ntasks, ranking **out)
{
    slab_status rc = SLAB_OK;
    struct stat s;
    ALLOC(*out, ntasks, "the plans of an array");
    for (int i = 0; i < ntasks; i++) {
        const slab_batch_task *task = &tasks[i];
        (*out)[i] = (ranking){.task = task,
                              .exists = task->output_file && access(task->output_file, F_OK) == 0,
                              .size = task->file && stat(task->file, &s) == 0 ? s.st_size : 0};
    }
    qsort(*out, (size_t)ntasks, sizeof **out, by_doubt);
done:
    return rc;
}

/* The most that one of them takes. */
static slab_status ask_all(const char *program, const ranking *ranked, int n, size_t budget,
                           int64_t threads, slab_needs *most)
{
    slab_status rc = SLAB_OK;
    size_t memory = 0;
    double seconds = 0;
    most->memory = 0;
    most->seconds = 0;
    for (int i = 0; i < n; i++) {
        TRY(ask(program, &ranked[i].task->words, budget, threads, &memory, &seconds));
        if (memory > most->memory)
            most->memory = memory;
        if (seconds > most->seconds)
            most->seconds = seconds;
    }
done:
    return rc;
}

slab_status slab_batch_plan(const char *program, const slab_batch_task *tasks, int ntasks,
                            const slab_parsed *parsed, int64_t threads, slab_needs *out)
{
    slab_status rc = SLAB_OK;
    const char *stated = slab_parsed_value(parsed, "memory");
    ranking *ranked = NULL;
    slab_needs again;
    int n = ntasks < PLANS_MOST ? ntasks : PLANS_MOST;
    memset(out, 0, sizeof *out);
    TRY(rank(tasks, ntasks, &ranked));
    if (n > PLANS_QUIET)
        slab_log(SLAB_LOG_NOTE, "planning %d commands", n);
    if (n < ntasks)
        slab_log(SLAB_LOG_WARN, "of %d commands %d are planned, those with the largest files",
                 ntasks, n);
    TRY(ask_all(program, ranked, n, stated ? 0 : usual_budget, threads, out));
    out->stated = stated != NULL;
    if (stated) {
        TRY(slab_budget_parse(stated, &out->memory));
        goto done;
    }
    out->memory = (out->memory / memory_step + 1) * memory_step;
    /* What a plan takes of plenty is mostly enough for another plan of the same, not always. */
    if (ask_all(program, ranked, n, out->memory, threads, &again) == SLAB_OK) {
        out->seconds = again.seconds;
    } else {
        slab_error_clear();
        out->memory = usual_budget;
    }
done:
    FREE(ranked);
    return rc;
}
