/*
 * Inputs that are looked at in a process of their own, for a library beneath that does not survive
 * all of them. What ends inside the library (storage/base/watch.h says where a thread is) is noted
 * and counts as an input that was refused; what ends anywhere else is a failure of slab's.
 *
 * The fuzzer's counters go to the child and come back from it, so that it sees what was reached.
 */
#ifndef SLAB_TESTS_FUZZ_FORKED_H
#define SLAB_TESTS_FUZZ_FORKED_H

#include "fuzzing.h"
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <slab/storage/base/watch.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

typedef enum child_end { CHILD_TOOK, CHILD_REFUSED, CHILD_IN_LIBRARY = 101 } child_end;

enum { CHILD_SECONDS = 3, CHILD_FRAMES = 64 };

/* Clang's counters of edges, and those that a target has of its own: libFuzzer takes both. They are
 * not there in a build without a fuzzer. */
#define OPTIONAL __attribute__((weak, visibility("hidden")))
extern uint8_t __start___sancov_cntrs[] OPTIONAL, __stop___sancov_cntrs[] OPTIONAL;
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
    return (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);
}

static inline void counters_save(void)
{
    memcpy(shared->own, own_counters, OWN_COUNTERS);
    if (edge_counters() > 0)
        memcpy(shared->edges, __start___sancov_cntrs, edge_counters());
}

static inline void counters_load(void)
{
    memcpy(own_counters, shared->own, OWN_COUNTERS);
    if (edge_counters() > 0)
        memcpy(__start___sancov_cntrs, shared->edges, edge_counters());
}

/* The innermost function of the library's: one file is kept for each. */
static inline void child_note(const char *how)
{
    void *frames[CHILD_FRAMES];
    Dl_info at;
    int n = backtrace(frames, CHILD_FRAMES);
    snprintf(shared->where, sizeof shared->where, "%s", how);
    for (int i = 0; i < n; i++)
        if (dladdr(frames[i], &at) && strstr(at.dli_fname, "libhdf5")) {
            snprintf(shared->where, sizeof shared->where, "%s-%s", how,
                     at.dli_sname ? at.dli_sname : "unknown");
            return;
        }
}

static inline void child_ends(const char *how)
{
    const slab_watch *watch = slab_watch_here();
    if (!watch || watch->ours)
        return;
    child_note(how);
    counters_save();
    _exit(CHILD_IN_LIBRARY);
}

/* A sanitizer has seen something, and said so. */
static inline void child_reported(void)
{
    child_ends("memory");
}

static inline void child_signal(int number)
{
    child_ends(number == SIGXCPU ? "hang" : number == SIGABRT ? "abort" : "crash");
    if (__sanitizer_print_stack_trace)
        __sanitizer_print_stack_trace();
    signal(number, SIG_DFL);
    raise(number);
}

static inline void child_begin(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU};
    struct rlimit time = {CHILD_SECONDS, CHILD_SECONDS + 2}, core = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CPU, &time);
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

/** Runs look() in a child. @return whether it took the input, or ended in the library:
 * shared->where */
static inline child_end in_child(bool (*look)(void))
{
    int status;
    if (!shared)
        shared = shared_memory(sizeof *shared + edge_counters());
    shared->where[0] = '\0';
    counters_save();
    pid_t child = fork();
    MUST(child >= 0, "no process");
    if (child == 0) {
        child_begin();
        child_end end = look() ? CHILD_TOOK : CHILD_REFUSED;
        counters_save();
        _exit((int)end);
    }
    while (waitpid(child, &status, 0) < 0)
        ;
    counters_load();
    MUST(WIFEXITED(status), "ended by signal %d, not in the library", WTERMSIG(status));
    int end = WEXITSTATUS(status);
    MUST(end == CHILD_TOOK || end == CHILD_REFUSED || end == CHILD_IN_LIBRARY,
         "ended with exit code %d, not in the library", end);
    return (child_end)end;
}

#endif
