/*
 * slab VERB: finds the command, parses its line, runs it, and says how it ended.
 */
#include <slab/tools/call_impl.h>
#include <slab/tools/guard.h>
#include <slab/tools/manual.h>
#include <slab/tools/nearest.h>
#include <slab/tools/talk.h>
#include <slab/tools/time_limit.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/array.h>
#include <slab/storage/base/log.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { EXIT_ERROR = 2, EXIT_AGAIN = 75 };

static const int stop_signals[] = {SIGINT, SIGTERM, SIGUSR1};
enum { NSTOP = sizeof stop_signals / sizeof *stop_signals };

/* The first signal asks for an orderly end; after it they kill as they always do. */
static void on_stop(int number)
{
    int error = errno; /* whom the signal interrupts may be about to look at it */
    slab_stop_request(number);
    for (int i = 0; i < NSTOP; i++)
        signal(stop_signals[i], SIG_DFL);
    errno = error;
}

/* Of commands that stop in order; before MPI starts, which takes a while. */
static void catch_signals(const slab_command *command)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART}, old;
    bool in_order = command && command->takes & SLAB_TAKES_COMPUTE;
    for (int i = 0; in_order && i < NSTOP; i++) {
        sigaction(stop_signals[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) /* a shell's background job ignores ^C, and so do we */
            sigaction(stop_signals[i], &action, NULL);
    }
}

static void log_open(slab_call *call)
{
    int verbose = call->parsed.times[slab_option_find(&call->parsed.table, "verbose")];
    bool quiet = slab_call_flag(call, "quiet") || slab_ranks_me(slab_ranks_world()) != 0;
    slab_level most = verbose > 1 ? SLAB_LOG_DEBUG : verbose ? SLAB_LOG_INFO : SLAB_LOG_NOTE;
    slab_log_set(quiet ? NULL : slab_talk_log, NULL, most);
}

/* --- finding the command --- */

static slab_status find_command(const char *name, const slab_command **out)
{
    slab_status rc = SLAB_OK;
    slab_nearest nearest = {.word = name};
    *out = slab_command_by_name(name);
    if (*out)
        return SLAB_OK;
    for (int i = 0; slab_command_at(i); i++)
        slab_nearest_see(&nearest, slab_command_at(i)->name);
    REQUIRE(!nearest.best, SLAB_ERR_USAGE, "'%s' is not a slab command; did you mean '%s'?", name,
            nearest.best);
    FAIL(SLAB_ERR_USAGE, "'%s' is not a slab command ('slab help' lists them)", name);
done:
    return rc;
}

/* "slab --help" and "slab --version" are spellings of the verbs. */
static const char *verb_of(const char *word)
{
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
        return "help";
    if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0)
        return "version";
    return word;
}

/* --- running it --- */

static slab_status check_scratch(const slab_call *call)
{
    slab_status rc = SLAB_OK;
    struct stat s;
    const char *folder = slab_call_text(call, "scratch");
    REQUIRE(!folder || (stat(folder, &s) == 0 && S_ISDIR(s.st_mode)), SLAB_ERR_USAGE,
            "--scratch '%s' is not a folder", folder);
done:
    return rc;
}

static slab_status run_verb(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    *exit_code = 0;
    if (call->command->takes & SLAB_TAKES_COMPUTE && call->command->takes & SLAB_PLANS_FIRST)
        TRY(slab_call_limit_planning(call));
    TRY(call->command->run(call, exit_code));
done:
    return rc;
}

/* Once more where what an earlier run has left turned out not to be whole, which all ranks know. */
static slab_status run_until_whole(slab_call *call, int *exit_code)
{
    slab_status rc = run_verb(call, exit_code);
    if (rc != SLAB_ERR_AGAIN)
        return rc;
    slab_bar_wipe(&call->bar);
    slab_log(SLAB_LOG_NOTE, "%s", slab_error_last()->message);
    slab_error_clear();
    slab_call_close(call);
    return run_verb(call, exit_code);
}

static slab_status run_here(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_budget budget;
    if (call->command->takes & SLAB_TAKES_COMPUTE) {
        TRY(slab_time_limit_begin(call));
        TRY(slab_ranks_agree(call->ranks, check_scratch(call)));
        TRY(slab_call_budget(call, &budget));
    }
    if (call->command->takes & SLAB_TAKES_MEMORY)
        TRY(slab_call_memory(call));
    TRY(run_until_whole(call, exit_code));
done:
    slab_bar_wipe(&call->bar);
    if (rc == SLAB_OK)
        rc = slab_print_end(call);
    return rc;
}

/* Of a rank whose error the others cannot be told of. */
static void say_desertion(void)
{
    slab_talk_error(false);
}

/* Stopped: what is left of it. A transaction that has begun has said so itself. */
static void say_what_is_kept(const slab_call *call)
{
    const slab_error why = *slab_error_last();
    if (why.code != SLAB_ERR_STOPPED || call->kept)
        return;
    if (slab_parsed_goes_on(&call->parsed))
        slab_error_reword("%s, before the output was begun: the same command continues",
                          why.message);
    else
        slab_error_reword("%s; nothing is kept: the same command starts over", why.message);
}

/* A budget that does not do: for what. The list has the last input first */
static void say_what_does_not_fit(const slab_call *call)
{
    const slab_error *why = slab_error_last();
    char names[512], one[512];
    size_t at = sizeof names - 1;
    if (why->code != SLAB_ERR_MEMORY || !call->inputs)
        return;
    names[at] = '\0';
    for (const call_input *i = call->inputs; i; i = i->next) {
        if (strstr(why->message, i->path))
            return; /* it says so already */
        int n = snprintf(one, sizeof one, "%s%s%s", i->path, *i->object ? ":" : "", i->object);
        if (n < 0 || (size_t)n + 2 > at)
            break;
        if (strstr(names + at, one))
            continue;
        if (names[at])
            memcpy(names + (at -= 2), ", ", 2);
        at -= (size_t)n;
        memcpy(names + at, one, (size_t)n);
    }
    slab_error_prefix(why->code, "%s", names + at);
}

static int code_of(slab_status rc, int exit_code)
{
    if (rc == SLAB_ERR_STOPPED || rc == SLAB_ERR_AGAIN)
        return EXIT_AGAIN;
    return rc == SLAB_OK ? exit_code : EXIT_ERROR;
}

/* On all ranks, or on the first while the others wait for how it went. */
static int run_command(slab_call *call, slab_ranks *world)
{
    slab_status rc = SLAB_OK;
    int code = 0;
    bool first = slab_ranks_me(world) == 0;
    bool together = call->command->takes & SLAB_TAKES_RANKS;
    call->ranks = together ? world : slab_ranks_alone();
    log_open(call);
    if (together || first)
        rc = run_here(call, &code);
    if (together)
        rc = slab_ranks_agree_at_end(world, rc);
    if (rc != SLAB_OK)
        say_what_is_kept(call);
    if (rc != SLAB_OK)
        say_what_does_not_fit(call);
    if (rc != SLAB_OK && first)
        slab_talk_error(slab_call_flag(call, "verbose"));
    code = code_of(rc, code);
    slab_call_clear(call);
    if (!together && slab_ranks_broadcast(world, &code, sizeof code, 0) != SLAB_OK)
        code = EXIT_ERROR;
    return code;
}

/* Known before the command line is understood: what is wrong with it is said as JSON too. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--log-json") == 0)
            return true;
    return false;
}

static int run_words(slab_ranks *world, int argc, char **argv)
{
    static slab_call call; /* large, and there is one */
    bool first = slab_ranks_me(world) == 0;
    slab_talk_begin(wants_json(argc, argv), &call.bar);
    slab_guard_begin(slab_ranks_count(world) > 1 ? slab_ranks_me(world) : -1, slab_talk_is_json());
    call.nwords = argc;
    call.words = argv;
    slab_status rc = find_command(verb_of(argv[1]), &call.command);
    if (rc == SLAB_OK)
        rc = slab_options_parse(call.command, argc - 2, argv + 2, &call.parsed);
    if (rc != SLAB_OK) {
        if (first)
            slab_talk_error(false);
        slab_parsed_clear(&call.parsed);
        return EXIT_ERROR;
    }
    if (!call.parsed.help)
        return run_command(&call, world);
    if (first)
        slab_manual_page(stdout, call.command);
    slab_parsed_clear(&call.parsed);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : EXIT_ERROR;
}

int main(int argc, char **argv)
{
    slab_ranks *world = NULL;
    int code = EXIT_ERROR;
    slab_file_skip_cleanup();
    signal(SIGPIPE, SIG_DFL); /* "slab dump ... | head" ends quietly, whatever we inherited */
    catch_signals(argc >= 2 ? slab_command_by_name(verb_of(argv[1])) : NULL);
    slab_talk_begin(wants_json(argc, argv), NULL);
    slab_ranks_desertion_set(say_desertion, EXIT_ERROR);
    if (slab_ranks_start(&world) != SLAB_OK)
        slab_talk_error(true);
    else if (argc >= 2)
        code = run_words(world, argc, argv);
    else if (slab_ranks_me(world) == 0)
        slab_manual_overview(stderr);
    slab_ranks_stop();
    return slab_guard_end(code);
}
