#include <slab/tools/child.h>

#include <errno.h>
#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Files in memory, not pipes: whatever is written, in whatever order, nobody waits for a reader. */
static slab_status memory_file(const char *text, int *out)
{
    slab_status rc = SLAB_OK;
    *out = memfd_create("slab", MFD_CLOEXEC);
    if (*out < 0)
        FAIL_ERRNO("cannot prepare to run a program");
    if (!slab_write_at(*out, text, strlen(text), 0))
        FAIL_ERRNO("cannot prepare to run a program");
done:
    return rc;
}

static slab_status read_back(int fd, char **out)
{
    slab_status rc = SLAB_OK;
    struct stat s;
    *out = NULL;
    if (fstat(fd, &s) != 0)
        FAIL_ERRNO("cannot read what a program printed");
    ALLOC(*out, (size_t)s.st_size + 1, "what a program printed");
    if (slab_read_at(fd, *out, (size_t)s.st_size, 0) < 0)
        FAIL_ERRNO("cannot read what a program printed");
done:
    return rc;
}

static slab_status spawn(char *const *words, const int fds[3], int *code)
{
    slab_status rc = SLAB_OK;
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    errno = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (errno != 0)
        FAIL_ERRNO("cannot run '%s'", words[0]);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            FAIL_ERRNO("cannot wait for '%s'", words[0]);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
done:
    return rc;
}

slab_status slab_child_run(char *const *words, const char *input, int keep, slab_child *out)
{
    slab_status rc = SLAB_OK;
    int fds[3] = {-1, -1, -1};
    memset(out, 0, sizeof *out);
    TRY(memory_file(input, &fds[0]));
    TRY(memory_file("", &fds[1]));
    if (keep)
        TRY(memory_file("", &fds[2]));
    TRY(spawn(words, fds, &out->code));
    TRY(read_back(fds[1], &out->out));
    if (keep)
        TRY(read_back(fds[2], &out->err));
done:
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (rc != SLAB_OK)
        slab_child_clear(out);
    return rc;
}

void slab_child_clear(slab_child *child)
{
    FREE(child->out);
    FREE(child->err);
}
