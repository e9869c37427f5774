#include <slab/format/input_impl.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static slab_status open_here(const char *path, slab_input *out)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    TRY(slab_memory_strdup(&out->path, path));
    out->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe: no wait for it */
    if (out->fd < 0)
        FAIL_ERRNO("cannot open '%s'", path);
    if (fstat(out->fd, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", path);
    REQUIRE(S_ISREG(st.st_mode), SLAB_ERR_UNSUPPORTED,
            "'%s' is not a regular file: imports read it in pieces, from several threads", path);
    out->bytes = st.st_size;
done:
    return rc;
}

slab_status slab_input_open(slab_ranks *ranks, const char *path, slab_input *out)
{
    *out = (slab_input){.fd = -1};
    slab_status rc = slab_ranks_agree(ranks, open_here(path, out));
    if (rc != SLAB_OK)
        slab_input_close(out);
    return rc;
}

void slab_input_close(slab_input *in)
{
    if (in->path && in->fd >= 0)
        close(in->fd);
    in->fd = -1;
    FREE(in->path);
}

slab_status slab_input_read(const slab_input *in, int64_t offset, void *dst, size_t bytes)
{
    slab_status rc = SLAB_OK;
    ssize_t n = slab_read_at(in->fd, dst, bytes, (uint64_t)offset);
    if (n < 0)
        FAIL_ERRNO("cannot read '%s' at byte %" PRId64, in->path, offset);
    REQUIRE((size_t)n == bytes, SLAB_ERR_FORMAT,
            "'%s' ends at byte %" PRId64 ": it was longer when it was opened", in->path,
            offset + (int64_t)n);
done:
    return rc;
}
