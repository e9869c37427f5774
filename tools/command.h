/**
 * Commands of the program. One source file that defines one descriptor, and one row in
 * command_list.h, make a verb: its parsing, help, man page and completion follow.
 */
#ifndef SLAB_TOOLS_COMMAND_H
#define SLAB_TOOLS_COMMAND_H

#include <slab/compute/pass/budget.h>
#include <slab/compute/pass/plan.h>
#include <slab/storage/array.h>
#include <slab/storage/base/crew.h>
#include <slab/storage/reader.h>
#include <slab/storage/selection.h>
#include <slab/storage/transaction.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One option. Options that every command has (see options.c) are not repeated here. */
typedef struct slab_option {
    const char *name;     /* "axis": --axis */
    char letter;          /* 'o', or 0 */
    char type;            /* see below; every value is checked before the command runs */
    const char *argument; /* "FILE", or the choices "a|b" for 'c' */
    const char *initial;  /* default as text, NULL: none */
    const char *help;
} slab_option;

/*
 * Types of options:
 *   'b' flag              's' text                'f' file name
 *   'i' whole number      'n' the same, >= 0      'p' the same, >= 1
 *   'd' finite real       'r' real in 0..1        'c' one of the choices in `argument`
 *   'm' memory size       'a' extents >= 0        'x' extents >= 1
 *   't' element type      'z' filter, with a level after a colon or without
 *   'l' length of time
 *   'w' flag, or with `=` one of the choices in `argument`
 */

/** Which of the shared options a command takes. */
enum {
    SLAB_TAKES_OUTPUT = 1 << 0, /* -o, --force, --no-resume, --no-sync, --backend */
    SLAB_TAKES_COMPUTE =
        1 << 1, /* -@, --memory, --scratch, --time-limit, --dry-run; signals stop it */
    SLAB_TAKES_JSON = 1 << 2,
    SLAB_TAKES_SEED = 1 << 3,
    SLAB_TAKES_RANKS = 1 << 4,        /* may run on several ranks; others run on rank 0 alone */
    SLAB_TAKES_ARRAY_OUTPUT = 1 << 5, /* with OUTPUT: --chunks and --filter too */
    /* with COMPUTE: sets the limit of memory itself, when a plan has shown that the budget is
     * enough: until then it takes little, and a failed allocation would name no budget */
    SLAB_PLANS_FIRST = 1 << 6,
    SLAB_TAKES_COMMAND = 1 << 7, /* its arguments are another command: options stand before them */
    SLAB_TAKES_MEMORY = 1 << 8   /* --memory: of commands that compute nothing and read files */
};

/** What the parsed command line says. */
typedef struct slab_call slab_call;

typedef struct slab_command {
    const char *name;
    const char *arguments;   /* "FILE.h5:/ARRAY[SELECTION]" for the usage line */
    const char *summary;     /* one line */
    const char *description; /* paragraphs for the man page */
    const char *examples;    /* lines */
    unsigned takes;
    int least, most;            /* positional arguments; most -1: any number */
    const slab_option *options; /* ends with name NULL; may be NULL */
    /** Options made at start-up (an estimator's parameters); NULL: none. */
    const slab_option *(*more_options)(void);
    /** @param[out] exit_code  0, 1 (differs, check failed); set only on SLAB_OK */
    slab_status (*run)(slab_call *call, int *exit_code);
} slab_command;

/** NULL when there is none of that name. */
const slab_command *slab_command_by_name(const char *name);
/** Rows of command_list.h: i = 0, 1, ... until NULL. */
const slab_command *slab_command_at(int i);

/* --- what a command may ask of its call --- */

int slab_call_count(const slab_call *call);
const char *slab_call_argument(const slab_call *call, int i);

/** Value of an option by name; its default, or NULL when neither is there. */
const char *slab_call_text(const slab_call *call, const char *option);
bool slab_call_flag(const slab_call *call, const char *option);
/** The k-th value (0, 1, ...) of an option that may be repeated; NULL behind the last. */
const char *slab_call_text_at(const slab_call *call, const char *option, int k);
int64_t slab_call_int(const slab_call *call, const char *option); /* checked when parsed */
double slab_call_real(const slab_call *call, const char *option);

slab_ranks *slab_call_ranks(slab_call *call);
/** Made on first use, with the progress display attached. Collective. */
slab_status slab_call_crew(slab_call *call, slab_crew **out);
/** The budget in force (found or --memory). */
slab_status slab_call_budget(slab_call *call, slab_budget *out);
/** Until a plan has shown that the budget is enough: room to make the plan. */
slab_status slab_call_limit_planning(slab_call *call);
/** Holds the process to the budget from now on: for commands that say SLAB_PLANS_FIRST, when their
 * plan fits. */
slab_status slab_call_limit(slab_call *call);
/**
 * Opens "file.h5:/path[selection]"; all stay open until the call ends. Collective.
 *
 * A file named without a path stands for its only array. array NULL is allowed: then path may be a
 * group. selection NULL: brackets are refused.
 */
slab_status slab_call_open(slab_call *call, const char *locator, slab_file **file,
                           slab_array **array, slab_selection *selection);

/**
 * Where -o points: the file, and the path in it (`initial` when -o names none). Refuses a path that
 * exists (without --force) or that is an input. The texts live as long as the call. Collective.
 */
slab_status slab_call_output(slab_call *call, const char *initial, const char **file,
                             const char **path);
/** Begins a transaction on -o's file from the shared output options, after the checks of
 * slab_call_output(). */
slab_status slab_call_begin(slab_call *call, const char *initial, slab_txn **txn,
                            const char **path);
/** What the shared output options ask of a transaction, for plans. */
slab_status slab_call_txn_options(slab_call *call, slab_txn_options *out);
/** Fills chunk and filter of a spec from --chunks and --filter. */
slab_status slab_call_spec(slab_call *call, slab_array_spec *spec);

/** Names a file that is read but not opened by slab_call_open(), for provenance and the check that
 * an output is not an input. */
slab_status slab_call_input(slab_call *call, const char *path);
/** True when an object of a file is among the inputs. */
bool slab_call_is_input(const slab_call *call, const char *file, const char *object);
/** True when a file, by whatever name, holds an input. */
bool slab_call_reads(const slab_call *call, const char *file);
/** Sets provenance attributes (command, version, inputs, seed) on an object. */
slab_status slab_call_provenance(slab_call *call, slab_txn *txn, const char *path);
/** Value of --seed. */
uint64_t slab_call_seed(const slab_call *call);
/** Lets the crew have no more threads than that, so that a plan fits the budget. Collective.
 * @param threads  the same on all ranks */
slab_status slab_call_crew_shrink(slab_call *call, int threads, slab_crew **out);
/** True when --dry-run was given: the plan has been printed, the command returns. */
bool slab_call_planned(slab_call *call, const slab_plan *plan);
/** With -v: says what all ranks have read. Collective. */
slab_status slab_call_counted(slab_call *call, slab_read_counts counts);

/* --- printing: rank 0 alone prints; others' calls do nothing --- */
void slab_print(slab_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Prints text from a file with control characters made visible. */
void slab_print_name(slab_call *call, const char *text);
/** Flushes stdout and fails with SLAB_ERR_IO when something could not be written (full disk). */
slab_status slab_print_end(slab_call *call);

#endif
