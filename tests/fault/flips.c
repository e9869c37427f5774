/*
 * A library to be preloaded: runs a program again and again on a file of which one byte is another
 * each time. The program is loaded once; a process of its own runs it for every byte.
 *
 *   FLIPS_FILE=FILE    the file
 *   FLIPS_LIST=FILE    lines "OFFSET XOR": one run each
 *   FLIPS_RESULT=FILE  lines "OFFSET XOR STATUS" come here: the exit code, or 1000 and the signal
 *   FLIPS_SECONDS=N    a run that takes longer is killed (SIGALRM)
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*program)(int, char **, char **);
typedef int (*starter)(program, int, char **, void (*)(void), void (*)(void), void (*)(void),
                       void *);

static program run;

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "flips: %s is not set\n", name);
        _exit(120);
    }
    return value;
}

static void byte_turn(int fd, long offset, unsigned with)
{
    unsigned char byte;
    if (pread(fd, &byte, 1, offset) != 1)
        _exit(121);
    byte ^= (unsigned char)with;
    if (pwrite(fd, &byte, 1, offset) != 1)
        _exit(122);
}

static int run_once(int argc, char **argv, char **env)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        _exit(123);
    if (pid == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        alarm((unsigned)atoi(setting("FLIPS_SECONDS")));
        exit(run(argc, argv, env));
    }
    if (waitpid(pid, &status, 0) != pid)
        _exit(124);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

typedef struct flip {
    long offset;
    unsigned with;
} flip;

/* All of it first: processes that share an open file would read it for each other. */
static size_t list_read(flip **out)
{
    flip *list = NULL, one;
    size_t n = 0;
    FILE *file = fopen(setting("FLIPS_LIST"), "r");
    while (file && fscanf(file, "%ld %u", &one.offset, &one.with) == 2) {
        list = realloc(list, (n + 1) * sizeof *list);
        if (!list)
            _exit(126);
        list[n++] = one;
    }
    if (!file)
        _exit(127);
    fclose(file);
    *out = list;
    return n;
}

static int run_all(int argc, char **argv, char **env)
{
    flip *list;
    size_t n = list_read(&list);
    int result = open(setting("FLIPS_RESULT"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int fd = open(setting("FLIPS_FILE"), O_RDWR | O_CLOEXEC);
    if (result < 0 || fd < 0)
        _exit(125);
    for (size_t i = 0; i < n; i++) {
        byte_turn(fd, list[i].offset, list[i].with);
        int status = run_once(argc, argv, env);
        byte_turn(fd, list[i].offset, list[i].with);
        dprintf(result, "%ld %u %d\n", list[i].offset, list[i].with, status);
    }
    _exit(0);
}

int __libc_start_main(program start, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld)(void), void *stack);
int __libc_start_main(program start, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld)(void), void *stack)
{
    starter really;
    *(void **)&really = dlsym(RTLD_NEXT, "__libc_start_main");
    run = start;
    return really(run_all, argc, argv, init, fini, rtld, stack);
}
