#include <slab/tools/manual.h>

#include <slab/compute/expression/function.h>
#include <slab/tools/options.h>
#include <slab/tools/wording.h>

#include <stdio.h>
#include <string.h>

/* The groups of the overview; a command that is in none is listed under "More". */
static const struct group {
    const char *title, *names;
} groups[] = {
    {"Look at arrays", " ls info head dump attr "},
    {"Bring data in and out", " import export random "},
    {"Compute", " calc reduce stat quantile hist group unique pca "},
    {"Look after files", " copy diff rm verify recover "},
    {"Run for days", " sbatch jobs clean "},
    {"About slab", " plugin-path help version "},
};
enum { NGROUPS = sizeof groups / sizeof *groups };

static bool in_group(const struct group *group, const char *name)
{
    char padded[64];
    snprintf(padded, sizeof padded, " %s ", name);
    return strstr(group->names, padded) != NULL;
}

static bool in_some_group(const char *name)
{
    for (int g = 0; g < NGROUPS; g++)
        if (in_group(&groups[g], name))
            return true;
    return false;
}

static void list_group(FILE *to, const char *title, const struct group *group)
{
    const slab_command *command;
    bool begun = false;
    for (int i = 0; (command = slab_command_at(i)) != NULL; i++) {
        if (group ? !in_group(group, command->name) : in_some_group(command->name))
            continue;
        if (!begun)
            fprintf(to, "\n%s\n", title);
        begun = true;
        fprintf(to, "  %-12s", command->name);
        slab_text_wrap(to, command->summary, 14, 15);
    }
}

void slab_manual_overview(FILE *to)
{
    fputs("slab works on arrays that are larger than memory, in compressed HDF5 files.\n\n"
          "Usage: slab COMMAND [OPTIONS] ARGUMENTS\n",
          to);
    for (int g = 0; g < NGROUPS; g++)
        list_group(to, groups[g].title, &groups[g]);
    list_group(to, "More", NULL);
    fputs("\nAn array is named FILE.h5:/PATH, a part of it as in NumPy: 'x.h5:/a[0:10, ::2]'.\n"
          "'slab help COMMAND' explains one command, 'slab help functions' lists what 'slab calc'\n"
          "can do. A first try:\n\n"
          "  slab random normal --shape 1000x500 -o try.h5:/x\n"
          "  slab stat try.h5:/x\n",
          to);
}

const char *slab_manual_exit_code(int i, int *code)
{
    static const struct {
        int code;
        const char *meaning;
    } codes[] = {{0, "everything went well"},
                 {1, "a check failed: something is damaged or differs"},
                 {2, "an error: the message says which"},
                 {75, "stopped by a signal or the time limit: the same command continues"}};
    if (i >= (int)(sizeof codes / sizeof *codes))
        return NULL;
    *code = codes[i].code;
    return codes[i].meaning;
}

static void option_line(FILE *to, const slab_option *option)
{
    enum { COLUMN = 26 };
    char left[96], help[600];
    const char *argument = slab_option_argument(option);
    char letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    int n = snprintf(left, sizeof left, "  %s--%s%s%s", letter, option->name, argument ? " " : "",
                     argument ? argument : "");
    fputs(left, to);
    if (n >= COLUMN - 1) {
        putc('\n', to);
        n = 0;
    }
    snprintf(help, sizeof help, option->initial ? "%s (default: %s)" : "%s", option->help,
             option->initial);
    slab_text_wrap(to, help, n, COLUMN);
}

void slab_manual_page(FILE *to, const slab_command *command)
{
    slab_option_table table;
    char title[256];
    slab_option_table_make(command, &table);
    snprintf(title, sizeof title, "slab %s: %s", command->name, command->summary);
    slab_text_wrap(to, title, 0, 0);
    fprintf(to, "\nUsage: slab %s [OPTIONS]%s%s\n\n", command->name, *command->arguments ? " " : "",
            command->arguments);
    slab_text_wrap(to, command->description, 0, 0);
    if (table.nown)
        fputs("\nOptions\n", to);
    for (int i = 0; i < table.n; i++) {
        if (i == table.nown)
            fputs(table.nown ? "\nShared options\n" : "\nOptions\n", to);
        option_line(to, table.at[i]);
    }
    if (command->examples)
        fprintf(to, "\nExamples\n%s", command->examples);
    fputs("\nExit codes\n", to);
    int code;
    const char *meaning;
    for (int i = 0; (meaning = slab_manual_exit_code(i, &code)) != NULL; i++)
        fprintf(to, "  %-3d %s\n", code, meaning);
    slab_function_info f;
    if (slab_expression_function_named(command->name, &f))
        fprintf(to, "\n%s is a function of expressions too: slab help '%s()'\n", command->name,
                command->name);
}
