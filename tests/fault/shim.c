/*
 * A library to be preloaded: it writes down what a program asks of its files, with the data, and
 * makes one of these calls fail, fall short, or be the last.
 *
 * Watched are files and folders below FAULT_ROOT; everything else goes by untouched. Read and write
 * calls reach HDF5 and MPI-IO through the same symbols, so that nothing a rank does escapes.
 *
 *   FAULT_ROOT=DIR      absolute, without links
 *   FAULT_TRACE=FILE    append a record (struct record) for each watched call that succeeded
 *   FAULT_DO=kill | stop | short | vanish | ERRNO's number
 *   FAULT_CALL=a,b      the classes of calls meant (class_names below); without it all
 *   FAULT_AT=N          at the N-th such call of the process, from 1
 *   FAULT_STICKY=1      and at all that follow
 *   FAULT_RANK=R        in this rank alone
 *   FAULT_STAMP=FILE    written when it happens: seconds since 1970, class
 *
 *   FAULT_VANISH=DIR    what `vanish` renames to DIR.gone
 *
 * `short` does half of a read or write; `stop` holds the process still until SIGCONT.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef enum call_class {
    CALL_READ,
    CALL_WRITE,
    CALL_SYNC,
    CALL_SYNC_FOLDER,
    CALL_OPEN,
    CALL_CREATE,
    CALL_RENAME,
    CALL_UNLINK,
    CALL_TRUNCATE,
    CALL_LOCK,
    CALL_STAT,
    CALL_MPI,
    CALL_CLASSES
} call_class;

static const char *const class_names[CALL_CLASSES] = {"read",     "write",  "sync",   "sync-folder",
                                                      "open",     "create", "rename", "unlink",
                                                      "truncate", "lock",   "stat",   "mpi"};

/* What a record says happened. The program that reads them is crash.py. */
enum {
    DID_READ = 1,
    DID_WRITE,      /* size bytes at offset */
    DID_TRUNCATE,   /* offset: the new length */
    DID_CREATE,     /* name */
    DID_OPEN,       /* name */
    DID_RENAME,     /* name, name2 */
    DID_UNLINK,     /* name */
    DID_LINK,       /* name, name2 */
    DID_SYNC_BEGIN, /* offset: a number that its end has too */
    DID_SYNC_END,
    DID_OTHER
};

typedef struct record {
    uint32_t did, call; /* DID_*, call_class */
    uint64_t inode, offset, size;
    uint64_t time;              /* ns, of the monotonic clock */
    uint32_t rank, name, name2; /* bytes of names that follow */
    uint32_t zero;
} record; /* followed by name, name2, and for a write its bytes */

enum { FDS = 4096 };
typedef struct watched_fd {
    uint64_t inode; /* 0: not watched */
    bool folder;
} watched_fd;

static struct {
    bool ready, fires, sticky;
    char root[PATH_MAX];
    size_t root_length;
    int trace; /* descriptor, -1: none */
    const char *stamp, *vanish;
    unsigned classes; /* bit set of call_class */
    long at;
    int rank;
    enum { DO_NOTHING, DO_KILL, DO_STOP, DO_SHORT, DO_VANISH, DO_FAIL } what;
    int error;
} plan = {.trace = -1};
static watched_fd fds[FDS];
static atomic_long counted;
static atomic_ulong syncs;

#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL)                                                                              \
        *(void **)&real = dlsym(RTLD_NEXT, #name);

static unsigned classes_of(const char *text)
{
    unsigned bits = 0;
    if (text == NULL || *text == '\0')
        return (1u << CALL_CLASSES) - 1;
    for (int i = 0; i < CALL_CLASSES; i++)
        for (const char *at = text; (at = strstr(at, class_names[i])) != NULL; at++) {
            char end = at[strlen(class_names[i])];
            if ((at == text || at[-1] == ',') && (end == ',' || end == '\0'))
                bits |= 1u << i;
        }
    return bits;
}

__attribute__((constructor)) static void prepare(void)
{
    const char *root = getenv("FAULT_ROOT"), *trace = getenv("FAULT_TRACE");
    const char *what = getenv("FAULT_DO"), *at = getenv("FAULT_AT"), *only = getenv("FAULT_RANK");
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (root == NULL)
        return;
    snprintf(plan.root, sizeof plan.root, "%s", root);
    plan.root_length = strlen(plan.root);
    plan.rank = rank ? atoi(rank) : 0;
    plan.classes = classes_of(getenv("FAULT_CALL"));
    plan.at = at ? atol(at) : 1;
    plan.sticky = getenv("FAULT_STICKY") != NULL;
    plan.stamp = getenv("FAULT_STAMP");
    plan.vanish = getenv("FAULT_VANISH");
    plan.fires = what != NULL && (only == NULL || *only == '\0' || atoi(only) == plan.rank);
    if (what == NULL)
        plan.what = DO_NOTHING;
    else if (strcmp(what, "kill") == 0)
        plan.what = DO_KILL;
    else if (strcmp(what, "stop") == 0)
        plan.what = DO_STOP;
    else if (strcmp(what, "short") == 0)
        plan.what = DO_SHORT;
    else if (strcmp(what, "vanish") == 0 && plan.vanish != NULL)
        plan.what = DO_VANISH;
    else {
        plan.what = DO_FAIL;
        plan.error = atoi(what);
    }
    if (trace != NULL)
        plan.trace = (int)syscall(SYS_openat, AT_FDCWD, trace,
                                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    plan.ready = true;
}

/* --- what is watched --- */

static bool below_root(const char *path)
{
    return plan.ready && strncmp(path, plan.root, plan.root_length) == 0 &&
           (path[plan.root_length] == '/' || path[plan.root_length] == '\0');
}

/* The absolute name of what a call names, with the links of its folder resolved. */
static bool watched_path(int folder, const char *path, char full[PATH_MAX])
{
    char copy[PATH_MAX], real[PATH_MAX];
    if (!plan.ready || path == NULL || (folder != AT_FDCWD && path[0] != '/'))
        return false;
    snprintf(copy, sizeof copy, "%s", path);
    char *slash = strrchr(copy, '/');
    const char *name = slash ? slash + 1 : copy;
    if (slash != NULL)
        *slash = '\0';
    if (realpath(slash == NULL ? "." : slash == copy ? "/" : copy, real) == NULL) {
        snprintf(full, PATH_MAX, "%s", path); /* it has vanished: what was said must do */
        return below_root(full);
    }
    if (strlen(real) + strlen(name) + 2 > PATH_MAX)
        return false;
    char *end = stpcpy(full, real);
    if (*name != '\0' && strcmp(name, ".") != 0) {
        *end = '/';
        strcpy(end + 1, name);
    }
    return below_root(full);
}

static watched_fd *watched(int fd)
{
    return plan.ready && fd >= 0 && fd < FDS && fds[fd].inode != 0 ? &fds[fd] : NULL;
}

static void watch(int fd)
{
    struct stat st;
    if (fd < 0 || fd >= FDS || fstatat(fd, "", &st, AT_EMPTY_PATH) != 0)
        return;
    fds[fd] = (watched_fd){.inode = (uint64_t)st.st_ino, .folder = S_ISDIR(st.st_mode)};
}

/* --- recording --- */

static void put_record(record r, const char *name, const char *name2, const void *bytes)
{
    if (plan.trace < 0)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    r.time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    r.rank = (uint32_t)plan.rank;
    r.name = name ? (uint32_t)strlen(name) : 0;
    r.name2 = name2 ? (uint32_t)strlen(name2) : 0;
    struct iovec parts[4] = {{&r, sizeof r},
                             {(void *)(uintptr_t)name, r.name},
                             {(void *)(uintptr_t)name2, r.name2},
                             {(void *)(uintptr_t)bytes, bytes ? r.size : 0}};
    int error = errno;
    if (syscall(SYS_writev, plan.trace, parts, 4) < 0) /* one append: whole among several ranks */
        abort();
    errno = error;
}

/* A call that the system refused: it counts, too. */
static void put_failed(call_class call)
{
    put_record((record){.did = DID_OTHER, .call = call}, NULL, NULL, NULL);
}

/* --- the fault --- */

static void stamp(call_class call)
{
    char line[64];
    struct timespec now;
    if (plan.stamp == NULL)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    int n = snprintf(line, sizeof line, "%lld.%06ld %s\n", (long long)now.tv_sec,
                     now.tv_nsec / 1000, class_names[call]);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, plan.stamp, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0 && syscall(SYS_write, fd, line, n) == n)
        syscall(SYS_close, fd);
}

/* Is it this call's turn? Kills, stops and vanishing happen here; true: the call is to fail (errno is set)
 * or, where *half is not NULL, to do half. */
static bool strikes(call_class call, bool *half)
{
    if (half != NULL)
        *half = false;
    if (!plan.fires || (plan.classes & 1u << call) == 0)
        return false;
    long n = atomic_fetch_add(&counted, 1) + 1;
    if (n < plan.at || (n > plan.at && !plan.sticky))
        return false;
    if (n == plan.at)
        stamp(call);
    if (plan.what == DO_KILL) {
        void (*dump)(void); /* a build that counts which lines run: keep what it has counted */
        *(void **)&dump = dlsym(RTLD_DEFAULT, "__gcov_dump");
        if (dump != NULL)
            dump();
        syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    } else if (plan.what == DO_STOP) {
        syscall(SYS_kill, syscall(SYS_getpid), SIGSTOP);
    } else if (plan.what == DO_VANISH && n == plan.at) {
        char gone[PATH_MAX + 8];
        snprintf(gone, sizeof gone, "%s.gone", plan.vanish);
        syscall(SYS_renameat2, AT_FDCWD, plan.vanish, AT_FDCWD, gone, 0);
    } else if (plan.what == DO_SHORT && half != NULL) {
        *half = true;
        return true;
    } else if (plan.what == DO_FAIL) {
        errno = plan.error;
        return true;
    }
    return false;
}

/* --- opening and closing --- */

static int open_common(int folder, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    struct stat st;
    bool mine = watched_path(folder, path, full);
    bool creates = (flags & O_CREAT) != 0;
    call_class call = creates ? CALL_CREATE : CALL_OPEN;
    if (mine && strikes(call, NULL))
        return -1;
    bool was_there = mine && creates && fstatat(AT_FDCWD, full, &st, AT_SYMLINK_NOFOLLOW) == 0;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (mine && fd < 0)
        put_failed(call);
    if (!mine || fd < 0)
        return fd;
    watch(fd);
    bool made = creates && !was_there;
    put_record((record){.did = made ? DID_CREATE : DID_OPEN, .call = call, .inode = fds[fd].inode},
               full, NULL, NULL);
    if (!made && (flags & O_TRUNC) != 0)
        put_record((record){.did = DID_TRUNCATE, .call = CALL_CREATE, .inode = fds[fd].inode}, NULL,
                   NULL, NULL);
    return fd;
}

#define OPEN_MODE(flags)                                                                           \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode = va_arg(list, mode_t);                                                               \
        va_end(list);                                                                              \
    }

int open(const char *path, int flags, ...)
{
    OPEN_MODE(flags)
    return open_common(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    OPEN_MODE(flags)
    return open_common(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    OPEN_MODE(flags)
    return open_common(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    OPEN_MODE(flags)
    return open_common(folder, path, flags, mode);
}

int close(int fd)
{
    REAL(close)
    if (fd >= 0 && fd < FDS)
        fds[fd].inode = 0;
    return real(fd);
}

int dup(int fd)
{
    REAL(dup)
    int copy = real(fd);
    if (watched(fd) && copy >= 0 && copy < FDS)
        fds[copy] = fds[fd];
    return copy;
}

/* --- reading and writing --- */

static off_t position(int fd)
{
    return (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

static ssize_t read_common(int fd, void *buffer, size_t n, off_t at, bool moves)
{
    bool half = false;
    watched_fd *w = watched(fd);
    if (w != NULL && strikes(CALL_READ, &half) && !half)
        return -1;
    size_t wanted = half && n > 1 ? n / 2 : n;
    ssize_t got = moves ? syscall(SYS_read, fd, buffer, wanted)
                        : syscall(SYS_pread64, fd, buffer, wanted, at);
    if (w != NULL && got < 0)
        put_failed(CALL_READ);
    else if (w != NULL)
        put_record((record){.did = DID_READ,
                            .call = CALL_READ,
                            .inode = w->inode,
                            .offset = (uint64_t)at,
                            .size = (uint64_t)got},
                   NULL, NULL, NULL);
    return got;
}

static ssize_t write_common(int fd, const void *bytes, size_t n, off_t at, bool moves)
{
    bool half = false;
    watched_fd *w = watched(fd);
    if (w != NULL && strikes(CALL_WRITE, &half) && !half)
        return -1;
    size_t wanted = half && n > 1 ? n / 2 : n;
    if (half && wanted % 512 != 0 && wanted > 512)
        wanted -= wanted % 512; /* as O_DIRECT would */
    off_t from = moves && w != NULL ? position(fd) : at;
    ssize_t done = moves ? syscall(SYS_write, fd, bytes, wanted)
                         : syscall(SYS_pwrite64, fd, bytes, wanted, at);
    if (w != NULL && done <= 0)
        put_failed(CALL_WRITE);
    else if (w != NULL)
        put_record((record){.did = DID_WRITE,
                            .call = CALL_WRITE,
                            .inode = w->inode,
                            .offset = (uint64_t)from,
                            .size = (uint64_t)done},
                   NULL, NULL, bytes);
    return done;
}

/* Vectors are gathered, for one record of one piece. */
static ssize_t write_vectors(int fd, const struct iovec *v, int n, off_t at, bool moves)
{
    size_t total = 0, copied = 0;
    for (int i = 0; i < n; i++)
        total += v[i].iov_len;
    char *all = malloc(total > 0 ? total : 1);
    if (all == NULL)
        abort();
    for (int i = 0; i < n; copied += v[i].iov_len, i++)
        memcpy(all + copied, v[i].iov_base, v[i].iov_len);
    ssize_t done = write_common(fd, all, total, at, moves);
    int error = errno;
    free(all);
    errno = error;
    return done;
}

ssize_t read(int fd, void *buffer, size_t n)
{
    return watched(fd) ? read_common(fd, buffer, n, 0, true) : syscall(SYS_read, fd, buffer, n);
}

ssize_t pread(int fd, void *buffer, size_t n, off_t at)
{
    return read_common(fd, buffer, n, at, false);
}

ssize_t pread64(int fd, void *buffer, size_t n, off64_t at)
{
    return read_common(fd, buffer, n, at, false);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    return watched(fd) ? write_common(fd, bytes, n, 0, true) : syscall(SYS_write, fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return write_common(fd, bytes, n, at, false);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return write_common(fd, bytes, n, at, false);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    return watched(fd) ? write_vectors(fd, v, n, 0, true) : syscall(SYS_writev, fd, v, n);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    REAL(pwritev)
    return watched(fd) ? write_vectors(fd, v, n, at, false) : real(fd, v, n, at);
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
    return pwritev(fd, v, n, at);
}

static int truncate_common(int fd, off_t length)
{
    watched_fd *w = watched(fd);
    if (w != NULL && strikes(CALL_TRUNCATE, NULL))
        return -1;
    int rc = (int)syscall(SYS_ftruncate, fd, length);
    if (w != NULL && rc != 0)
        put_failed(CALL_TRUNCATE);
    else if (w != NULL)
        put_record((record){.did = DID_TRUNCATE,
                            .call = CALL_TRUNCATE,
                            .inode = w->inode,
                            .offset = (uint64_t)length},
                   NULL, NULL, NULL);
    return rc;
}

int ftruncate(int fd, off_t length)
{
    return truncate_common(fd, length);
}

int ftruncate64(int fd, off64_t length)
{
    return truncate_common(fd, length);
}

/* Ways to write that the replayer has no model of: it must not miss one in silence. */
#define UNKNOWN(fd)                                                                                \
    if (watched(fd) && plan.trace >= 0)                                                            \
    abort()

int posix_fallocate(int fd, off_t at, off_t n)
{
    REAL(posix_fallocate)
    UNKNOWN(fd);
    return real(fd, at, n);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
    REAL(fallocate)
    UNKNOWN(fd);
    return real(fd, mode, at, n);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
    REAL(copy_file_range)
    UNKNOWN(out);
    return real(in, in_at, out, out_at, n, flags);
}

/* --- syncing --- */

static int sync_common(int fd, long number)
{
    watched_fd *w = watched(fd);
    if (w == NULL)
        return (int)syscall(number, fd);
    call_class call = w->folder ? CALL_SYNC_FOLDER : CALL_SYNC;
    if (strikes(call, NULL))
        return -1;
    record r = {.did = DID_SYNC_BEGIN,
                .call = call,
                .inode = w->inode,
                .offset = (uint64_t)atomic_fetch_add(&syncs, 1) << 8 | (unsigned)plan.rank};
    put_record(r, NULL, NULL, NULL);
    int rc = (int)syscall(number, fd);
    r.did = DID_SYNC_END;
    if (rc == 0)
        put_record(r, NULL, NULL, NULL);
    return rc;
}

int fsync(int fd)
{
    return sync_common(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_common(fd, SYS_fdatasync);
}

/* --- names --- */

static int rename_common(const char *from, const char *to, unsigned flags)
{
    char a[PATH_MAX], b[PATH_MAX];
    bool of_from = watched_path(AT_FDCWD, from, a), of_to = watched_path(AT_FDCWD, to, b);
    bool mine = of_from && of_to;
    if (mine && strikes(CALL_RENAME, NULL))
        return -1;
    int rc = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
    if (mine && rc != 0)
        put_failed(CALL_RENAME);
    else if (mine)
        put_record((record){.did = DID_RENAME, .call = CALL_RENAME}, a, b, NULL);
    return rc;
}

int rename(const char *from, const char *to)
{
    return rename_common(from, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    if (from_folder != AT_FDCWD || to_folder != AT_FDCWD)
        return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    return rename_common(from, to, flags);
}

int link(const char *from, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX];
    bool of_from = watched_path(AT_FDCWD, from, a), of_to = watched_path(AT_FDCWD, to, b);
    bool mine = of_from && of_to;
    if (mine && strikes(CALL_RENAME, NULL))
        return -1;
    int rc = (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (mine && rc != 0)
        put_failed(CALL_RENAME);
    else if (mine)
        put_record((record){.did = DID_LINK, .call = CALL_RENAME}, a, b, NULL);
    return rc;
}

int unlink(const char *path)
{
    char full[PATH_MAX];
    bool mine = watched_path(AT_FDCWD, path, full);
    if (mine && strikes(CALL_UNLINK, NULL))
        return -1;
    int rc = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (mine && rc != 0)
        put_failed(CALL_UNLINK);
    else if (mine)
        put_record((record){.did = DID_UNLINK, .call = CALL_UNLINK}, full, NULL, NULL);
    return rc;
}

int unlinkat(int folder, const char *path, int flags)
{
    char full[PATH_MAX];
    bool mine = folder == AT_FDCWD && watched_path(folder, path, full);
    if (mine && strikes(CALL_UNLINK, NULL))
        return -1;
    int rc = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (mine && rc != 0)
        put_failed(CALL_UNLINK);
    else if (mine)
        put_record((record){.did = DID_UNLINK, .call = CALL_UNLINK}, full, NULL, NULL);
    return rc;
}

int flock(int fd, int operation)
{
    if (watched(fd) && strikes(CALL_LOCK, NULL))
        return -1;
    int rc = (int)syscall(SYS_flock, fd, operation);
    if (watched(fd))
        put_record((record){.did = DID_OTHER, .call = CALL_LOCK, .inode = fds[fd].inode}, NULL,
                   NULL, NULL);
    return rc;
}

int fstat(int fd, struct stat *st)
{
    if (watched(fd) && strikes(CALL_STAT, NULL))
        return -1;
    if (watched(fd))
        put_record((record){.did = DID_OTHER, .call = CALL_STAT, .inode = fds[fd].inode}, NULL,
                   NULL, NULL);
    return fstatat(fd, "", st, AT_EMPTY_PATH);
}

/* --- between the ranks: only ever struck by a kill --- */

/* Counts and handles go through as they are: all are words, and the caller's registers hold them
 * the same way for this declaration. */
#define WORDS_1 long a
#define WORDS_5 long a, long b, long c, long d, long e
#define WORDS_6 WORDS_5, long f
#define WORDS_7 WORDS_6, long g
#define MPI_CALL(name, words, ...)                                                                 \
    int name(words);                                                                               \
    int name(words)                                                                                \
    {                                                                                              \
        REAL(name)                                                                                 \
        if (plan.what == DO_KILL)                                                                  \
            strikes(CALL_MPI, NULL);                                                               \
        put_record((record){.did = DID_OTHER, .call = CALL_MPI}, NULL, NULL, NULL);                \
        return real(__VA_ARGS__);                                                                  \
    }
MPI_CALL(MPI_Barrier, WORDS_1, a)
MPI_CALL(MPI_Bcast, WORDS_5, a, b, c, d, e)
MPI_CALL(MPI_Allreduce, WORDS_6, a, b, c, d, e, f)
MPI_CALL(MPI_Iallreduce, WORDS_7, a, b, c, d, e, f, g)
MPI_CALL(MPI_Send, WORDS_6, a, b, c, d, e, f)
MPI_CALL(MPI_Recv, WORDS_7, a, b, c, d, e, f, g)
MPI_CALL(MPI_Allgather, WORDS_7, a, b, c, d, e, f, g)
