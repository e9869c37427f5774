#include <slab/storage/base/io.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_offset(size_t n, uint64_t at)
{
    return n <= INT64_MAX && at <= INT64_MAX - n;
}

ssize_t slab_read_at(int fd, void *dst, size_t n, uint64_t at)
{
    size_t got = 0;
    if (!is_offset(n, at))
        return 0;
    while (got < n) {
        ssize_t more = pread(fd, (char *)dst + got, n - got, (off_t)(at + got));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return -1;
        if (more == 0)
            break;
        got += (size_t)more;
    }
    return (ssize_t)got;
}

bool slab_write_at(int fd, const void *src, size_t n, uint64_t at)
{
    size_t put = 0;
    if (!is_offset(n, at)) {
        errno = EFBIG;
        return false;
    }
    while (put < n) {
        ssize_t more = pwrite(fd, (const char *)src + put, n - put, (off_t)(at + put));
        if (more < 0 && errno == EINTR)
            continue;
        if (more == 0)
            errno = EIO;
        if (more <= 0)
            return false;
        put += (size_t)more;
    }
    return true;
}

void slab_rights_like(int fd, const struct stat *like)
{
    struct stat st;
    mode_t mode = like->st_mode & 0666;
    /* root may make it its user's; others may at most choose among their groups */
    if (fchown(fd, like->st_uid, like->st_gid) != 0 && fchown(fd, (uid_t)-1, like->st_gid) != 0 &&
        fstat(fd, &st) == 0 && st.st_gid != like->st_gid)
        mode = (mode & ~(mode_t)060) | (mode & 06) << 3; /* another group: as everybody */
    fchmod(fd, mode);
}
