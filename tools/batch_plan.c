/*
 * What a command needs, by its own word: slab VERB --dry-run --json, in a process of its own, so
 * that a plan is what it is from the shell.
 */
#include <slab/tools/batch.h>

#include <inttypes.h>
#include <jansson.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/child.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where no budget is stated: enough for most, and most nodes have it for every core. */
static const size_t usual_budget = (size_t)4 << 30, memory_step = (size_t)64 << 20;

/* The line "slab: no such file\n" without what every message has. */
static const char *bare(char *message)
{
    char *line = strncmp(message, "slab: ", 6) == 0 ? message : strstr(message, "\nslab: ");
    line = line ? line + strcspn(line, " ") + 1 : message;
    line[strcspn(line, "\n")] = '\0';
    return line;
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
    TRY(command_line(program, words, budget, threads, &line));
    TRY(slab_child_run(line.at, "", 1, &child));
    REQUIRE(child.code == 0, SLAB_ERR_VALUE, "'slab %s' cannot be planned: %s", words->at[0],
            bare(child.err));
    TRY(read_plan(child.out, memory, seconds));
done:
    slab_child_clear(&child);
    slab_argv_clear(&line);
    return rc;
}

slab_status slab_batch_plan(const char *program, const slab_argv *words, const slab_parsed *parsed,
                            int64_t threads, slab_needs *out)
{
    slab_status rc = SLAB_OK;
    const char *stated = slab_parsed_value(parsed, "memory");
    size_t memory = 0;
    memset(out, 0, sizeof *out);
    out->stated = stated != NULL;
    if (stated) {
        TRY(slab_budget_parse(stated, &out->memory));
        TRY(ask(program, words, 0, threads, &memory, &out->seconds));
        goto done;
    }
    TRY(ask(program, words, usual_budget, threads, &memory, &out->seconds));
    out->memory = (memory / memory_step + 1) * memory_step;
    /* What a plan takes of plenty is mostly enough for another plan of the same, not always. */
    if (ask(program, words, out->memory, threads, &memory, &out->seconds) != SLAB_OK) {
        slab_error_clear();
        out->memory = usual_budget;
    }
done:
    return rc;
}
