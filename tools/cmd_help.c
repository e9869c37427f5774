#include <slab/tools/manual.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/function_manual.h>
#include <slab/tools/nearest.h>
#include <string.h>

static const slab_option options[] = {
    {"completion", 0, 'c', "bash", NULL, "print a completion script for this shell"},
    {"man", 0, 's', "COMMAND", NULL,
     "print the source of a command's man page; 'slab' stands for the program's own"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static slab_status find(const char *name, const slab_command **out)
{
    slab_status rc = SLAB_OK;
    *out = slab_command_by_name(name);
    REQUIRE(*out, SLAB_ERR_USAGE, "'%s' is not a slab command ('slab help' lists them)", name);
done:
    return rc;
}

/* A name that neither a command nor a function has; both may have been meant. */
static slab_status unknown(const char *name)
{
    slab_status rc = SLAB_OK;
    slab_nearest nearest = {.word = name};
    slab_function_info f;
    for (int i = 0; slab_command_at(i); i++)
        slab_nearest_see(&nearest, slab_command_at(i)->name);
    for (int i = 0; slab_expression_function_at(i, &f); i++)
        slab_nearest_see(&nearest, f.name);
    REQUIRE(!nearest.best, SLAB_ERR_USAGE,
            "'%s' is not a slab command or function; did you mean '%s'?", name, nearest.best);
    FAIL(SLAB_ERR_USAGE,
         "'%s' is not a slab command or function ('slab help' and 'slab help functions' list them)",
         name);
done:
    return rc;
}

/* A command, or a function of expressions; of two with one name, `diff` is the command and `diff()`
 * the function. */
static slab_status explain(const char *name)
{
    slab_status rc = SLAB_OK;
    const slab_command *command = slab_command_by_name(name);
    slab_function_info f;
    char *bare = NULL;
    size_t length = strlen(name);
    TRY(slab_memory_strdup(&bare, name));
    if (length > 2 && strcmp(name + length - 2, "()") == 0)
        bare[length - 2] = '\0';
    if (command)
        slab_manual_page(stdout, command);
    else if (strcmp(name, "functions") == 0)
        slab_manual_functions(stdout);
    else if (slab_expression_function_named(bare, &f))
        slab_manual_function(stdout, &f);
    else
        TRY(unknown(name));
done:
    FREE(bare);
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    const slab_command *command = NULL;
    const char *man = slab_call_text(call, "man"), *name = slab_call_argument(call, 0);
    *exit_code = 0;
    if (slab_call_text(call, "completion")) {
        slab_manual_completion(stdout);
    } else if (man) {
        if (strcmp(man, "slab") != 0)
            TRY(find(man, &command));
        slab_manual_troff(stdout, command);
    } else if (name) {
        TRY(explain(name));
    } else {
        slab_manual_overview(stdout);
    }
done:
    return rc;
}

const slab_command slab_command_help = {
    .name = "help",
    .arguments = "[COMMAND|functions|FUNCTION]",
    .summary = "explain slab, one of its commands, or a function of expressions",
    .description =
        "Without an argument, lists all commands. With the name of a command, explains it: what it "
        "does, its options with their defaults, and examples. 'slab COMMAND --help' prints the "
        "same.\n\n"
        "'slab help functions' lists the functions that 'slab calc' knows; with the name of one, "
        "prints its parameters, what it gives for which types, and its other names. Where a "
        "command has the same name, as diff, write 'diff()'.\n\n"
        "--completion and --man print what the installation puts in place: bash completion and man "
        "pages, made from the same descriptions.",
    .examples = "  slab help stat\n"
                "  slab help quantile\n"
                "  slab help 'median()'\n"
                "  source <(slab help --completion bash)\n"
                "  slab help --man stat | man -l -\n",
    .most = 1,
    .options = options,
    .run = run,
};
