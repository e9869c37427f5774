/*
 * Inputs that are looked at in a child process, for a library beneath that does not survive all of
 * them. A child serves one input after the other while all goes well, as a new one for each takes
 * ten times as long; where it ends, what counts is what a new one makes of the input. What ends
 * inside the library (storage/base/watch.h says where a thread is) is noted and counts as an input
 * that was refused; what ends anywhere else is a failure of slab's.
 *
 * The fuzzer's counters go to the child and come back from it, so that it sees what was reached.
 */
#ifndef SLAB_TESTS_FUZZ_FORKED_H
#define SLAB_TESTS_FUZZ_FORKED_H

#include "fuzzing.h"
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <slab/storage/base/watch.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

typedef enum child_end { CHILD_TOOK, CHILD_REFUSED, CHILD_IN_LIBRARY = 101 } child_end;

enum { CHILD_SECONDS = 3, CHILD_INPUTS = 1000, CHILD_FRAMES = 64 };

/* Clang's counters of edges, and those that a target has of its own: libFuzzer takes both. They are
 * not there in a build without a fuzzer. */
/* In assembly, as clang's own names for them in each file would give way to names of ours. */
__asm__(".weak __start___sancov_cntrs, __stop___sancov_cntrs\n"
        ".hidden __start___sancov_cntrs, __stop___sancov_cntrs\n"
        ".pushsection .data.edge_bounds,\"aw\"\n"
        ".balign 8\n"
        "edge_bounds: .quad __start___sancov_cntrs, __stop___sancov_cntrs\n"
        ".popsection");
extern uint8_t *edge_bounds[2] __attribute__((visibility("hidden")));
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));
void __sanitizer_print_stack_trace(void) __attribute__((weak));

#define FUZZ_COUNTERS __attribute__((section("__libfuzzer_extra_counters")))
enum { OWN_COUNTERS = 4096 };
FUZZ_COUNTERS static uint8_t own_counters[OWN_COUNTERS];

/* What both processes see. */
typedef struct shared_state {
    char where[128]; /* it ended in the library: how, and in which function */
    uint8_t own[OWN_COUNTERS];
    uint8_t edges[];
} shared_state;
static shared_state *shared;

static inline size_t edge_counters(void)
{
    return (size_t)(edge_bounds[1] - edge_bounds[0]);
}

static inline void counters_save(void)
{
    memcpy(shared->own, own_counters, OWN_COUNTERS);
    if (edge_counters() > 0)
        memcpy(shared->edges, edge_bounds[0], edge_counters());
}

static inline void counters_load(void)
{
    memcpy(own_counters, shared->own, OWN_COUNTERS);
    if (edge_counters() > 0)
        memcpy(edge_bounds[0], shared->edges, edge_counters());
}

/* The function of the library's for which one file is kept: the innermost, or, where the innermost
 * is but where the time was up, the call that did not come back. False: there is none; or it is one
 * that calls slab's driver and does nothing beside. */
static inline bool child_note(const char *how, bool outermost)
{
    void *frames[CHILD_FRAMES];
    Dl_info at;
    bool found = false;
    int n = backtrace(frames, CHILD_FRAMES);
    for (int i = 0; i < n && (outermost || !found); i++)
        if (dladdr(frames[i], &at) && strstr(at.dli_fname, "libhdf5")) {
            const char *name = at.dli_sname ? at.dli_sname : "unknown";
            snprintf(shared->where, sizeof shared->where, "%s-%s", how, name);
            if (!found && strncmp(name, "H5FD_", 5) == 0)
                return false;
            found = true;
        }
    return found;
}

static inline void child_ends(const char *how, bool outermost)
{
    const slab_watch *watch = slab_watch_here();
    if (!watch || watch->ours || !child_note(how, outermost))
        return;
    counters_save();
    _exit(CHILD_IN_LIBRARY);
}

/* A sanitizer has seen something, and said so. */
static inline void child_reported(void)
{
    child_ends("memory", false);
}

static inline void child_signal(int number)
{
    if (number == SIGPROF)
        child_ends("hang", true);
    else
        child_ends(number == SIGABRT ? "abort" : "crash", false);
    if (__sanitizer_print_stack_trace)
        __sanitizer_print_stack_trace();
    signal(number, SIG_DFL);
    raise(number);
}

static inline void child_begin(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF};
    struct rlimit core = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &core);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action = {.sa_handler = child_signal, .sa_flags = SA_NODEFER | SA_ONSTACK};
        sigaction(signals[i], &action, NULL);
    }
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(child_reported);
}

/** Memory that a child shares with its parent. */
static inline void *shared_memory(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(at != MAP_FAILED, "no memory to share");
    return at;
}

/* The child that serves. */
static pid_t child;
static int to_child = -1, from_child = -1, child_inputs;

static inline void child_serve(bool (*look)(void), int from, int to)
{
    struct itimerval time = {{0, 0}, {CHILD_SECONDS, 0}}, none = {{0, 0}, {0, 0}};
    char byte;
    child_begin();
    while (TEMP_FAILURE_RETRY(read(from, &byte, 1)) == 1) {
        counters_load();
        setitimer(ITIMER_PROF, &time, NULL);
        byte = look() ? CHILD_TOOK : CHILD_REFUSED;
        setitimer(ITIMER_PROF, &none, NULL);
        counters_save();
        if (write(to, &byte, 1) != 1)
            break;
    }
    _exit(EXIT_SUCCESS);
}

static inline void child_start(bool (*look)(void))
{
    int down[2], up[2];
    MUST(pipe2(down, O_CLOEXEC) == 0 && pipe2(up, O_CLOEXEC) == 0, "no pipes");
    child = fork();
    MUST(child >= 0, "no process");
    if (child == 0) {
        close(down[1]);
        close(up[0]);
        child_serve(look, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    to_child = down[1];
    from_child = up[0];
    child_inputs = 0;
}

/* It ends by itself when nobody asks any more. Returns its status. */
static inline int child_stop(void)
{
    int status = 0;
    close(to_child);
    close(from_child);
    while (waitpid(child, &status, 0) < 0)
        ;
    child = 0;
    return status;
}

/* False: the child has ended. libFuzzer's clock interrupts calls. */
static inline bool child_ask(child_end *end)
{
    char byte = 0;
    shared->where[0] = '\0';
    counters_save();
    if (TEMP_FAILURE_RETRY(write(to_child, &byte, 1)) != 1 ||
        TEMP_FAILURE_RETRY(read(from_child, &byte, 1)) != 1)
        return false;
    child_inputs++;
    *end = (child_end)byte;
    return true;
}

/** Runs look() in a child. @return whether it took the input, or ended in the library:
 * shared->where */
static inline child_end in_child(bool (*look)(void))
{
    child_end end = CHILD_REFUSED;
    if (!shared) {
        signal(SIGPIPE, SIG_IGN);
        shared = shared_memory(sizeof *shared + edge_counters());
    }
    if (child > 0 && (child_inputs == CHILD_INPUTS || !child_ask(&end)))
        child_stop();
    if (child == 0) {
        child_start(look);
        if (!child_ask(&end)) {
            int status = child_stop();
            MUST(WIFEXITED(status), "ended by signal %d, not in the library", WTERMSIG(status));
            MUST(WEXITSTATUS(status) == CHILD_IN_LIBRARY,
                 "ended with exit code %d, not in the library", WEXITSTATUS(status));
            end = CHILD_IN_LIBRARY;
        }
    }
    counters_load();
    return end;
}

#endif
