/**
 * Options: the table of a command, and the parsing of its command line.
 */
#ifndef SLAB_TOOLS_OPTIONS_H
#define SLAB_TOOLS_OPTIONS_H

#include <slab/tools/command.h>

enum { SLAB_OPTIONS_MAX = 64 };

/** A command's options in the order that help shows them: its own, the shared ones it takes, those
 * of every command. */
typedef struct slab_option_table {
    int n;
    int nown; /* the first of them are the command's own */
    const slab_option *at[SLAB_OPTIONS_MAX];
} slab_option_table;

void slab_option_table_make(const slab_command *command, slab_option_table *out);

/** Number of the option with this name in the table, or -1. */
int slab_option_find(const slab_option_table *table, const char *name);

/** Checks a value by its option's type. @retval SLAB_ERR_USAGE */
slab_status slab_option_check(const slab_option *option, const char *value);

/** Text for an option's argument in usage lines: "N", "FILE", "a|b"; NULL for flags. */
const char *slab_option_argument(const slab_option *option);

/**
 * A parsed command line. The texts are argv's own.
 */
typedef struct slab_parsed {
    slab_option_table table;
    const char *values[SLAB_OPTIONS_MAX]; /* NULL: not given; flags: "" */
    int times[SLAB_OPTIONS_MAX];          /* how often it was given */
    int ngiven;
    struct slab_given {
        int option;
        const char *value;
    } * given; /* [ngiven]: every option in order, for those that may be repeated; as arguments */
    int narguments;
    const char **arguments; /* slab_memory_free() */
    bool help;              /* -h or --help was seen: nothing else was checked */
} slab_parsed;

/** @param words  what follows the verb
 *  @retval SLAB_ERR_USAGE  one line that says what is wrong */
slab_status slab_options_parse(const slab_command *command, int nwords, char **words,
                               slab_parsed *out);

void slab_parsed_clear(slab_parsed *parsed);

/** What was given for an option; NULL: nothing, or the command has none of that name. */
const char *slab_parsed_value(const slab_parsed *parsed, const char *option);

/** Does the command that was given go on from what a run of it that was stopped has left? */
bool slab_parsed_goes_on(const slab_parsed *parsed);

#endif
