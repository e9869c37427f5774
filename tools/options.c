#include <slab/tools/nearest.h>
#include <slab/tools/options.h>
#include <slab/tools/time_limit.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

static const slab_option output_options[] = {
    {"output", 'o', 'f', "FILE.h5[:/PATH]", NULL, "where the result goes"},
    {"force", 0, 'b', NULL, NULL, "replace what is there under that name"},
    {"no-resume", 0, 'b', NULL, NULL,
     "start over, whatever an earlier run has left of the output (default: the same command goes "
     "on "
     "from it)"},
    {"no-sync", 0, 'b', NULL, NULL,
     "do not wait until the disk has it: faster, but a power cut can damage the file"},
    {"backend", 0, 'c', "log|collective", "log",
     "how chunks get into the file: 'log' is the fast way, 'collective' is parallel HDF5's own"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const slab_option array_output_options[] = {
    {"chunks", 0, 'x', "RxC", NULL,
     "extents of a chunk, as 1024x1024 (default: about 1 MiB, near square)"},
    {"filter", 0, 'z', "NAME[:LEVEL]", "zstd",
     "compression: zstd, gzip, lz4, bitshuffle or none, with a level as in zstd:3"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const slab_option compute_options[] = {
    {"threads", '@', 'p', "N", NULL,
     "threads per rank (default: the cores this process may use, shared among the node's ranks)"},
    {"memory", 0, 'm', "SIZE", NULL,
     "memory per rank, as 512M or 8G: a hard cap (default: the least of the batch system's, the "
     "cgroup's and what is free)"},
    {"scratch", 0, 'f', "DIR", NULL, "where temporary files may go (default: $TMPDIR, else /tmp)"},
    {"time-limit", 0, 'l', "TIME", NULL,
     "stop after this time, as 90 (seconds), 10m, 2h or 12:30:00, with exit code 75; what is "
     "written is kept, and the same command continues (default: a minute before the Slurm job "
     "ends)"},
    {"log-json", 0, 'b', NULL, NULL,
     "write everything on stderr as JSON, an object a line: time, level, message, and of progress "
     "the numbers"},
    {"log-every", 0, 'l', "TIME", "60",
     "time between lines of progress where stderr is no terminal, as 10 (seconds) or 5m"},
    {"dry-run", 0, 'w', "table|dot", NULL,
     "say what would be done and what it costs, and do nothing; =dot draws it as a graph for "
     "Graphviz"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const slab_option memory_options[] = {
    {"memory", 0, 'm', "SIZE", "512M", "memory to use, a hard cap"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const slab_option json_options[] = {
    {"json", 0, 'b', NULL, NULL, "print JSON, for programs, instead of text"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const slab_option seed_options[] = {
    {"seed", 0, 'n', "N", "1", "where random numbers start: the same seed gives the same result"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const slab_option common_options[] = {
    {"verbose", 'v', 'b', NULL, NULL, "say more: the plan, and where an error comes from"},
    {"quiet", 'q', 'b', NULL, NULL, "no progress and no warnings"},
    {"help", 'h', 'b', NULL, NULL, "show this help"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static void table_add(slab_option_table *table, const slab_option *options)
{
    for (; options && options->name && table->n < SLAB_OPTIONS_MAX; options++)
        table->at[table->n++] = options;
}

void slab_option_table_make(const slab_command *command, slab_option_table *out)
{
    out->n = 0;
    table_add(out, command->options);
    if (command->more_options)
        table_add(out, command->more_options());
    out->nown = out->n;
    if (command->takes & SLAB_TAKES_OUTPUT)
        table_add(out, output_options);
    if (command->takes & SLAB_TAKES_ARRAY_OUTPUT)
        table_add(out, array_output_options);
    if (command->takes & SLAB_TAKES_COMPUTE)
        table_add(out, compute_options);
    if (command->takes & SLAB_TAKES_MEMORY)
        table_add(out, memory_options);
    if (command->takes & SLAB_TAKES_JSON)
        table_add(out, json_options);
    if (command->takes & SLAB_TAKES_SEED)
        table_add(out, seed_options);
    table_add(out, common_options);
}

int slab_option_find(const slab_option_table *table, const char *name)
{
    for (int i = 0; i < table->n; i++)
        if (strcmp(table->at[i]->name, name) == 0)
            return i;
    return -1;
}

const char *slab_option_argument(const slab_option *option)
{
    if (option->type == 'b' || option->type == 'w')
        return NULL;
    if (option->argument)
        return option->argument;
    switch (option->type) {
    case 'f':
        return "FILE";
    case 's':
        return "TEXT";
    case 'd':
    case 'r':
        return "X";
    case 'm':
        return "SIZE";
    case 'a':
    case 'x':
        return "RxC";
    case 't':
        return "TYPE";
    default:
        return "N";
    }
}

/* --- checking values --- */

static slab_status check_whole(const slab_option *option, const char *value, int64_t lowest)
{
    slab_status rc = SLAB_OK;
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool whole = end != value && *end == '\0' && errno == 0;
    if (lowest == INT64_MIN)
        REQUIRE(whole, SLAB_ERR_USAGE, "--%s needs a whole number, not '%s'", option->name, value);
    REQUIRE(whole && number >= lowest, SLAB_ERR_USAGE,
            "--%s needs a whole number of at least %" PRId64 ", not '%s'", option->name, lowest,
            value);
done:
    return rc;
}

static slab_status check_real(const slab_option *option, const char *value)
{
    slab_status rc = SLAB_OK;
    char *end = NULL;
    double number = strtod(value, &end);
    bool real = end != value && *end == '\0' && isfinite(number);
    REQUIRE(real, SLAB_ERR_USAGE, "--%s needs a number, not '%s'", option->name, value);
    REQUIRE(option->type != 'r' || (number >= 0 && number <= 1), SLAB_ERR_USAGE,
            "--%s needs a number from 0 to 1, not '%s'", option->name, value);
done:
    return rc;
}

static slab_status check_choice(const slab_option *option, const char *value)
{
    slab_status rc = SLAB_OK;
    size_t length = strlen(value);
    for (const char *c = option->argument; c && length > 0;) {
        size_t n = strcspn(c, "|");
        if (n == length && memcmp(c, value, n) == 0)
            return SLAB_OK;
        c = c[n] == '|' ? c + n + 1 : NULL;
    }
    FAIL(SLAB_ERR_USAGE, "--%s is one of %s, not '%s'", option->name, option->argument, value);
done:
    return rc;
}

static slab_status check_extents(const slab_option *option, const char *value)
{
    slab_status rc = SLAB_OK;
    slab_shape shape;
    REQUIRE(slab_shape_parse(value, &shape) == SLAB_OK, SLAB_ERR_USAGE,
            "--%s needs extents like 1000x200, not '%s'", option->name, value);
    for (int i = 0; option->type == 'x' && i < shape.rank; i++)
        REQUIRE(shape.extent[i] >= 1, SLAB_ERR_USAGE, "--%s: every extent must be at least 1",
                option->name);
done:
    return rc;
}

static slab_status check_filter(const slab_option *option, const char *value)
{
    slab_status rc = SLAB_OK;
    char name[32];
    size_t n = strcspn(value, ":");
    REQUIRE(n > 0 && n < sizeof name, SLAB_ERR_USAGE, "--%s: no filter is called '%s'",
            option->name, value);
    memcpy(name, value, n);
    name[n] = '\0';
    const slab_codec *codec = slab_codec_by_name(strcmp(name, "gzip") == 0 ? "deflate" : name);
    REQUIRE(strcmp(name, "none") == 0 || (codec && codec->encode), SLAB_ERR_USAGE,
            "--%s: no filter is called '%s' (zstd, gzip, lz4, bitshuffle, none)", option->name,
            name);
    if (value[n] == ':') {
        char *end = NULL;
        long level = strtol(value + n + 1, &end, 10);
        REQUIRE(end != value + n + 1 && *end == '\0' && level >= 0 && level <= 22, SLAB_ERR_USAGE,
                "--%s: the level after ':' is a number from 0 to 22, not '%s'", option->name,
                value + n + 1);
    }
done:
    return rc;
}

slab_status slab_option_check(const slab_option *option, const char *value)
{
    slab_status rc = SLAB_OK;
    slab_dtype dtype;
    size_t bytes = 0;
    double seconds;
    switch (option->type) {
    case 'i':
        return check_whole(option, value, INT64_MIN);
    case 'n':
        return check_whole(option, value, 0);
    case 'p':
        return check_whole(option, value, 1);
    case 'd':
    case 'r':
        return check_real(option, value);
    case 'c':
        return check_choice(option, value);
    case 'a':
    case 'x':
        return check_extents(option, value);
    case 'z':
        return check_filter(option, value);
    case 'm':
        REQUIRE(slab_budget_parse(value, &bytes) == SLAB_OK && bytes > 0, SLAB_ERR_USAGE,
                "--%s needs a size like 512M or 8G, not '%s'", option->name, value);
        break;
    case 'l':
        REQUIRE(slab_duration_parse(value, &seconds) == SLAB_OK, SLAB_ERR_USAGE,
                "--%s needs a time like 90, 10m, 2h or 12:30:00, not '%s'", option->name, value);
        break;
    case 't':
        REQUIRE(slab_dtype_parse(value, &dtype) == SLAB_OK, SLAB_ERR_USAGE,
                "--%s needs an element type like f4, i2 or uint8, not '%s'", option->name, value);
        break;
    default:
        REQUIRE(*value != '\0', SLAB_ERR_USAGE, "--%s needs a value that is not empty",
                option->name);
    }
done:
    return rc;
}

/* --- parsing --- */

typedef struct cursor {
    const slab_command *command;
    slab_parsed *out;
    int nwords, next;
    char **words;
} cursor;

static slab_status option_take(cursor *at, int i, const char *value)
{
    slab_status rc = SLAB_OK;
    const slab_option *option = at->out->table.at[i];
    at->out->times[i]++;
    if (option->type == 'b') {
        REQUIRE(!value, SLAB_ERR_USAGE, "--%s takes no value", option->name);
        value = "";
    } else if (option->type == 'w') {
        if (value)
            TRY(check_choice(option, value));
        value = value ? value : "";
    } else {
        if (!value && at->next < at->nwords)
            value = at->words[at->next++];
        REQUIRE(value, SLAB_ERR_USAGE, "--%s needs a value: --%s %s", option->name, option->name,
                slab_option_argument(option));
        TRY(slab_option_check(option, value));
    }
    at->out->values[i] = value;
    at->out->given[at->out->ngiven++] = (struct slab_given){i, value};
done:
    return rc;
}

static slab_status take_long(cursor *at, const char *word)
{
    slab_status rc = SLAB_OK;
    char name[64];
    size_t n = strcspn(word, "=");
    REQUIRE(n < sizeof name, SLAB_ERR_USAGE, "'slab %s' has no option --%.64s...",
            at->command->name, word);
    memcpy(name, word, n);
    name[n] = '\0';
    int i = slab_option_find(&at->out->table, name);
    if (i < 0) {
        slab_nearest nearest = {.word = name};
        for (int k = 0; k < at->out->table.n; k++)
            slab_nearest_see(&nearest, at->out->table.at[k]->name);
        REQUIRE(!nearest.best, SLAB_ERR_USAGE, "'slab %s' has no option --%s; did you mean --%s?",
                at->command->name, name, nearest.best);
        FAIL(SLAB_ERR_USAGE, "'slab %s' has no option --%s ('slab help %s' lists them)",
             at->command->name, name, at->command->name);
    }
    TRY(option_take(at, i, word[n] == '=' ? word + n + 1 : NULL));
done:
    return rc;
}

/* No option is called as -1, -.5 and -(x) begin, so these are arguments. */
static bool is_argument(const char *word)
{
    return word[0] != '-' || word[1] == '\0' || strspn(word + 1, "0123456789.(") > 0;
}

/* -k 20, -k20, -vq */
static slab_status take_letters(cursor *at, const char *word)
{
    slab_status rc = SLAB_OK;
    const slab_option_table *table = &at->out->table;
    for (; *word; word++) {
        int i = 0;
        while (i < table->n && table->at[i]->letter != *word)
            i++;
        REQUIRE(i < table->n, SLAB_ERR_USAGE,
                "'slab %s' has no option -%c ('slab help %s' lists them; an argument that begins "
                "with - comes after --)",
                at->command->name, *word, at->command->name);
        bool flag = table->at[i]->type == 'b';
        TRY(option_take(at, i, flag || !word[1] ? NULL : word + 1));
        if (!flag)
            break;
    }
done:
    return rc;
}

static slab_status count_check(const slab_command *command, const slab_parsed *parsed)
{
    slab_status rc = SLAB_OK;
    int n = parsed->narguments;
    REQUIRE(n >= command->least, SLAB_ERR_USAGE, "'slab %s' needs %s", command->name,
            command->arguments);
    REQUIRE(command->most < 0 || n <= command->most, SLAB_ERR_USAGE,
            "'slab %s' takes %s; '%s' is too much", command->name,
            command->most ? command->arguments : "no arguments", parsed->arguments[command->most]);
done:
    return rc;
}

/* True: what follows is for another command to understand. */
static bool take_argument(const slab_command *command, slab_parsed *out, const char *word)
{
    out->arguments[out->narguments++] = word;
    return command->takes & SLAB_TAKES_COMMAND;
}

const char *slab_parsed_value(const slab_parsed *parsed, const char *option)
{
    int i = slab_option_find(&parsed->table, option);
    return i >= 0 ? parsed->values[i] : NULL;
}

bool slab_parsed_goes_on(const slab_parsed *parsed)
{
    const char *backend = slab_parsed_value(parsed, "backend");
    return slab_option_find(&parsed->table, "no-resume") >= 0 &&
           slab_parsed_value(parsed, "output") && !slab_parsed_value(parsed, "no-resume") &&
           !(backend && strcmp(backend, "collective") == 0);
}

void slab_parsed_clear(slab_parsed *parsed)
{
    FREE(parsed->arguments);
    FREE(parsed->given);
}

slab_status slab_options_parse(const slab_command *command, int nwords, char **words,
                               slab_parsed *out)
{
    slab_status rc = SLAB_OK;
    cursor at = {command, out, nwords, 0, words};
    bool options_over = false;
    memset(out, 0, sizeof *out);
    slab_option_table_make(command, &out->table);
    size_t letters = 1;
    for (int i = 0; i < nwords; i++)
        letters += strlen(words[i]); /* -vqh are three options */
    ALLOC(out->arguments, nwords + 1, "the command line");
    ALLOC(out->given, letters, "the command line");
    while (at.next < nwords) {
        const char *word = words[at.next++];
        if (options_over || is_argument(word))
            options_over = take_argument(command, out, word) || options_over;
        else if (strcmp(word, "--") == 0)
            options_over = true;
        else if (word[1] == '-')
            TRY(take_long(&at, word + 2));
        else
            TRY(take_letters(&at, word + 1));
        out->help = out->values[slab_option_find(&out->table, "help")] != NULL;
        if (out->help)
            goto done;
    }
    TRY(count_check(command, out));
done:
    return rc;
}
