#include <slab/storage/base/lock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* Where the lock of one who is going to write lies: no file is as long. */
#define INTENT_BYTE ((off_t)1 << 62)

enum { PAUSE_MS = 10, PATIENCE_MS = 1000 }; /* with one that may be ending */

/* The words by which HDF5 knows it. */
static bool is_off(void)
{
    const char *word = getenv("HDF5_USE_FILE_LOCKING");
    return word && (strcasecmp(word, "FALSE") == 0 || strcmp(word, "0") == 0);
}

static slab_locked ask(int fd, int kind)
{
    if (is_off())
        return SLAB_LOCK_OFF;
    while (flock(fd, kind | LOCK_NB) != 0) {
        if (errno == EINTR)
            continue;
        return errno == EWOULDBLOCK ? SLAB_LOCK_HELD
                                    : SLAB_LOCK_NONE; /* ENOLCK, ENOSYS: some Lustre, some NFS */
    }
    return SLAB_LOCK_GOT;
}

slab_locked slab_lock_shared(int fd)
{
    return ask(fd, LOCK_SH);
}

slab_locked slab_lock_exclusive(int fd)
{
    return ask(fd, LOCK_EX);
}

void slab_lock_release(int fd)
{
    while (flock(fd, LOCK_UN) != 0 && errno == EINTR)
        ; /* kept, it would keep out this process, too */
}

static struct flock intent(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = INTENT_BYTE, .l_len = 1};
}

slab_locked slab_lock_intent(int fd)
{
    struct flock lock = intent(F_WRLCK);
    if (is_off())
        return SLAB_LOCK_OFF;
    while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        if (errno == EINTR)
            continue;
        return errno == EAGAIN || errno == EACCES ? SLAB_LOCK_HELD : slab_lock_exclusive(fd);
    }
    slab_locked got = slab_lock_shared(fd);
    if (got == SLAB_LOCK_HELD) {
        lock = intent(F_UNLCK);
        while (fcntl(fd, F_OFD_SETLK, &lock) != 0 && errno == EINTR)
            ;
    }
    return got;
}

slab_locked slab_lock_soon(slab_locked (*lock)(int fd), int fd)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    slab_locked got = lock(fd);
    for (int waited = 0; got == SLAB_LOCK_HELD && waited < PATIENCE_MS; waited += PAUSE_MS) {
        nanosleep(&pause, NULL);
        got = lock(fd);
    }
    return got;
}

bool slab_lock_intended(int fd)
{
    struct flock lock = intent(F_WRLCK);
    if (!is_off() && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        return true;
    slab_locked got = slab_lock_shared(fd);
    if (got == SLAB_LOCK_GOT)
        slab_lock_release(fd);
    return got == SLAB_LOCK_HELD;
}

/* --- who --- */

static void name_of(long pid, char name[32])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *file = fopen(path, "re");
    *name = '\0';
    if (file && fgets(name, 32, file))
        name[strcspn(name, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* One line of /proc/locks: "7: FLOCK  ADVISORY  READ  1234 08:01:131 0 EOF"; 0: another's. */
static long holder_of(const char *line, const struct stat *st)
{
    long pid;
    unsigned major_of, minor_of;
    unsigned long inode;
    if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%lu", &pid, &major_of, &minor_of, &inode) != 4)
        return 0;
    bool same =
        inode == st->st_ino && major_of == major(st->st_dev) && minor_of == minor(st->st_dev);
    return same && pid > 0 && pid != getpid() ? pid : 0;
}

void slab_lock_holders(int fd, char text[SLAB_HOLDERS_MAX])
{
    char line[256], name[32];
    struct stat st;
    size_t n = 0;
    FILE *file = fstat(fd, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    *text = '\0';
    while (file && fgets(line, sizeof line, file)) {
        long pid = holder_of(line, &st);
        if (pid == 0 || n > SLAB_HOLDERS_MAX - 80)
            continue;
        name_of(pid, name);
        n += (size_t)snprintf(text + n, SLAB_HOLDERS_MAX - n, "%sprocess %ld%s%s%s", n ? ", " : "",
                              pid, *name ? " (" : "", name, *name ? ")" : "");
    }
    if (file)
        fclose(file);
    if (n == 0)
        strcpy(text, "another process");
}
