/*
 * Man pages: troff source with the man macros.
 */
#include <slab/tools/manual.h>
#include <slab/tools/options.h>

#include <string.h>

/* Text with what troff would take for its own escaped. */
static void put(FILE *to, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';
        if (line_start && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", to);
        if (text[i] == '\\')
            fputs("\\e", to);
        else if (text[i] == '-')
            fputs("\\-", to);
        else if (text[i] == '\'')
            fputs("\\(aq", to);
        else
            putc(text[i], to);
    }
}

static void put_all(FILE *to, const char *text)
{
    put(to, text, strlen(text));
}

/* Paragraphs; lines that begin with a blank are examples. */
static void put_paragraphs(FILE *to, const char *text)
{
    bool example = false;
    while (*text) {
        size_t n = strcspn(text, "\n");
        bool is_example = *text == ' ';
        if (is_example != example)
            fputs(is_example ? ".nf\n.RS\n" : ".RE\n.fi\n", to);
        example = is_example;
        if (n == 0)
            fputs(".PP", to);
        put(to, text, n);
        putc('\n', to);
        text += n + (text[n] == '\n');
    }
    if (example)
        fputs(".RE\n.fi\n", to);
}

static void put_option(FILE *to, const slab_option *option)
{
    const char *argument = slab_option_argument(option);
    fputs(".TP\n", to);
    if (option->letter)
        fprintf(to, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", to);
    put_all(to, option->name);
    fputs("\\fR", to);
    if (argument) {
        fputs(" \\fI", to);
        put_all(to, argument);
        fputs("\\fR", to);
    }
    putc('\n', to);
    put_all(to, option->help);
    if (option->initial) {
        fputs(" (default: ", to);
        put_all(to, option->initial);
        putc(')', to);
    }
    putc('\n', to);
}

static void put_exit_codes(FILE *to)
{
    int code;
    const char *meaning;
    fputs(".SH EXIT STATUS\n", to);
    for (int i = 0; (meaning = slab_manual_exit_code(i, &code)) != NULL; i++) {
        fprintf(to, ".TP\n%d\n", code);
        put_all(to, meaning);
        putc('\n', to);
    }
}

static void put_title(FILE *to, const char *name)
{
    fprintf(to, ".TH \"%s\" 1 \"\" \"slab " SLAB_VERSION "\" \"slab manual\"\n", name);
}

static void troff_main(FILE *to)
{
    const slab_command *command;
    put_title(to, "SLAB");
    fputs(".SH NAME\nslab \\- out\\-of\\-core arrays in compressed HDF5\n.SH SYNOPSIS\n"
          "\\fBslab\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] \\fIARGUMENTS\\fR\n.SH DESCRIPTION\n",
          to);
    put_paragraphs(to,
                   "slab works on arrays that are larger than memory. An array is a dataset of an "
                   "HDF5 file, named FILE.h5:/PATH; a part of it is selected as in NumPy: "
                   "FILE.h5:/PATH[0:1000, ::2].\n\n"
                   "It runs on one machine with threads, or under mpirun or srun on many. The "
                   "memory that is stated with --memory is the memory it uses.\n");
    fputs(".SH COMMANDS\n", to);
    for (int i = 0; (command = slab_command_at(i)) != NULL; i++) {
        fputs(".TP\n\\fBslab\\-", to);
        put_all(to, command->name);
        fputs("\\fR(1)\n", to);
        put_all(to, command->summary);
        putc('\n', to);
    }
    put_exit_codes(to);
}

void slab_manual_troff(FILE *to, const slab_command *command)
{
    char name[64];
    slab_option_table table;
    if (!command) {
        troff_main(to);
        return;
    }
    slab_option_table_make(command, &table);
    snprintf(name, sizeof name, "SLAB-%s", command->name);
    for (char *c = name; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    put_title(to, name);
    fputs(".SH NAME\nslab\\-", to);
    put_all(to, command->name);
    fputs(" \\- ", to);
    put_all(to, command->summary);
    fputs("\n.SH SYNOPSIS\n\\fBslab ", to);
    put_all(to, command->name);
    fputs("\\fR [\\fIOPTIONS\\fR] ", to);
    put_all(to, command->arguments);
    fputs("\n.SH DESCRIPTION\n", to);
    put_paragraphs(to, command->description);
    fputs("\n.SH OPTIONS\n", to);
    for (int i = 0; i < table.n; i++)
        put_option(to, table.at[i]);
    if (command->examples) {
        fputs(".SH EXAMPLES\n", to);
        put_paragraphs(to, command->examples);
    }
    put_exit_codes(to);
    fputs(".SH SEE ALSO\n\\fBslab\\fR(1)\n", to);
}
