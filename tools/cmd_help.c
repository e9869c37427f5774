#include <slab/tools/manual.h>

#include <slab/storage/base/try.h>
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
        TRY(find(name, &command));
        slab_manual_page(stdout, command);
    } else {
        slab_manual_overview(stdout);
    }
done:
    return rc;
}

const slab_command slab_command_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "explain slab, or one of its commands",
    .description =
        "Without an argument, lists all commands. With the name of a command, explains it: what it "
        "does, its options with their defaults, and examples. 'slab COMMAND --help' prints the "
        "same.\n\n"
        "--completion and --man print what the installation puts in place: bash completion and man "
        "pages, made from the same descriptions.",
    .examples = "  slab help stat\n"
                "  source <(slab help --completion bash)\n"
                "  slab help --man stat | man -l -\n",
    .most = 1,
    .options = options,
    .run = run,
};
