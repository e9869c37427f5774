/*
 * The bash completion script: commands, options, and the choices of options.
 */
#include <slab/tools/manual.h>
#include <slab/tools/options.h>

#include <string.h>

static void put_options(FILE *to, const slab_option_table *table)
{
    for (int i = 0; i < table->n; i++)
        fprintf(to, "%s--%s", i ? " " : "", table->at[i]->name);
}

/* The options of one command whose values can be completed. */
static void put_values(FILE *to, const slab_option_table *table)
{
    for (int i = 0; i < table->n; i++) {
        const slab_option *option = table->at[i];
        if (option->type == 'b' || option->type == 'w')
            continue;
        fprintf(to, "        --%s", option->name);
        if (option->letter)
            fprintf(to, "|-%c", option->letter);
        if (option->type == 'c') {
            fputs(") values=\"", to);
            for (const char *c = option->argument; *c; c++)
                putc(*c == '|' ? ' ' : *c, to);
            fputs("\" ;;\n", to);
        } else if (option->type == 'f') {
            fputs(") files=1 ;;\n", to);
        } else {
            fputs(") values=\" \" ;;\n", to);
        }
    }
}

static void put_command(FILE *to, const slab_command *command)
{
    slab_option_table table;
    slab_option_table_make(command, &table);
    fprintf(to, "    %s)\n        options=\"", command->name);
    put_options(to, &table);
    fputs("\"\n        case $previous in\n", to);
    put_values(to, &table);
    fputs("        esac ;;\n", to);
}

void slab_manual_completion(FILE *to)
{
    const slab_command *command;
    fputs("# bash completion for slab; made by 'slab help --completion bash'\n"
          "_slab()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local options=\"\" values=\"\" files=\"\" commands=\"",
          to);
    for (int i = 0; (command = slab_command_at(i)) != NULL; i++)
        fprintf(to, "%s%s", i ? " " : "", command->name);
    fputs("\"\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"$commands\" -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          to);
    for (int i = 0; (command = slab_command_at(i)) != NULL; i++)
        put_command(to, command);
    fputs(
        "    esac\n"
        "    if [ \"${COMP_WORDS[1]}\" = help ] && [ -z \"$values\" ] && [[ $word != -* ]]; then\n"
        "        values=\"$commands functions\"\n"
        "    fi\n"
        "    if [ -n \"$values\" ]; then\n"
        "        COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
        "    elif [ -z \"$files\" ] && [[ $word == -* ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
        "    else\n"
        "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
        "    fi\n"
        "}\n"
        "complete -o filenames -F _slab slab\n",
        to);
}
