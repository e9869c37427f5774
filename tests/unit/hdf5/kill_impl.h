/**
 * Killing a process at its n-th system call, so that every moment between two writes is tried.
 */
#ifndef SLAB_TESTS_UNIT_HDF5_KILL_IMPL_H
#define SLAB_TESTS_UNIT_HDF5_KILL_IMPL_H

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: what was done so far does not count, the rest is watched. */
static inline void kill_from_here(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(98);
    raise(SIGSTOP);
}

/* Runs work in a child, which calls kill_from_here(), and kills it at its n-th stop: before and
 * after each system call. Returns 1 when it was killed, 0 when it had ended before. */
static inline int killed_at(int n, void (*work)(void))
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        work();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSTOPPED(status), "the child ended early: %d (98: tracing is forbidden here)",
                  WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            ck_assert_int_eq(WEXITSTATUS(status), 0);
            return 0;
        }
        ck_assert_msg(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP, "status %d", status);
    }
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return 1;
}

#endif
