#include <slab/storage/scratch.h>

#include <errno.h>
#include <fcntl.h>
#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

struct slab_scratch {
    int fd;
};

/* Made by one rank, under a name that cannot be guessed and with rights for its owner alone. */
static slab_status make_file(const char *folder, char path[PATH_BYTES], int *fd)
{
    slab_status rc = SLAB_OK;
    int n = snprintf(path, PATH_BYTES, "%s/slab-scratch-XXXXXX", folder);
    REQUIRE(n > 0 && n < PATH_BYTES, SLAB_ERR_RANGE, "the scratch folder's name is too long");
    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd < 0)
        FAIL_ERRNO("cannot create a scratch file in '%s' (--scratch chooses another folder)",
                   folder);
done:
    return rc;
}

static slab_status open_file(const char *path, int *fd)
{
    slab_status rc = SLAB_OK;
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0)
        FAIL_ERRNO("cannot open '%s', which another rank made: --scratch must name a folder that "
                   "all ranks share",
                   path);
done:
    return rc;
}

slab_status slab_scratch_create(slab_ranks *ranks, const char *folder, slab_scratch **out)
{
    slab_status rc = SLAB_OK;
    slab_scratch *scratch = NULL;
    char path[PATH_BYTES] = "";
    *out = NULL;
    ranks = ranks ? ranks : slab_ranks_alone();
    bool first = slab_ranks_me(ranks) == 0;
    if (!folder || !*folder)
        folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/tmp";
    rc = slab_memory_alloc((void **)&scratch, 1, sizeof *scratch, "a scratch file");
    if (rc == SLAB_OK) {
        scratch->fd = -1;
        rc = first ? make_file(folder, path, &scratch->fd) : SLAB_OK;
    }
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, path, sizeof path, 0));
    rc = slab_ranks_agree(ranks, first ? SLAB_OK : open_file(path, &scratch->fd));
    if (first)
        unlink(path);
    TRY(rc);
    *out = scratch;
    scratch = NULL;
done:
    slab_scratch_destroy(&scratch);
    return rc;
}

void slab_scratch_destroy(slab_scratch **scratch)
{
    if (!scratch || !*scratch)
        return;
    if ((*scratch)->fd >= 0)
        close((*scratch)->fd);
    FREE(*scratch);
}

slab_status slab_scratch_write(slab_scratch *scratch, uint64_t offset, const void *data,
                               size_t bytes)
{
    slab_status rc = SLAB_OK;
    if (!slab_write_at(scratch->fd, data, bytes, offset))
        FAIL_ERRNO("cannot write %zu bytes to the scratch file (--scratch chooses its folder)",
                   bytes);
done:
    return rc;
}

slab_status slab_scratch_read(const slab_scratch *scratch, uint64_t offset, void *data,
                              size_t bytes)
{
    slab_status rc = SLAB_OK;
    ssize_t n = slab_read_at(scratch->fd, data, bytes, offset);
    if (n < 0)
        FAIL_ERRNO("cannot read %zu bytes of the scratch file", bytes);
    memset((char *)data + n, 0, bytes - (size_t)n); /* behind the last byte written */
done:
    return rc;
}
