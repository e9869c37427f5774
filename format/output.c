#include <slab/format/output_impl.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/temporary.h>

/* The folder a path lies in, "." when it names none. */
static void folder_of(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = slash ? (slash == path ? 1 : (int)(slash - path)) : 1;
    snprintf(folder, size, "%.*s", length, slash ? path : ".");
}

/* What stands there is replaced where it stands: behind links, and never a device or a pipe. */
static slab_status look_at_old(slab_output *out)
{
    slab_status rc = SLAB_OK;
    struct stat st;
    char *real = NULL;
    if (lstat(out->path, &st) != 0)
        return SLAB_OK;
    REQUIRE(stat(out->path, &out->old) == 0, SLAB_ERR_NOT_FOUND, "'%s' is a link to nothing",
            out->path);
    REQUIRE(!S_ISDIR(out->old.st_mode), SLAB_ERR_EXISTS, "'%s' is a folder", out->path);
    REQUIRE(S_ISREG(out->old.st_mode), SLAB_ERR_USAGE,
            "'%s' is not a regular file; -o - writes text to the standard output", out->path);
    REQUIRE(out->force, SLAB_ERR_EXISTS, "'%s' exists: give --force to replace it", out->path);
    out->replaces = true;
    if (!S_ISLNK(st.st_mode))
        return SLAB_OK;
    real = realpath(out->path, NULL);
    if (!real)
        FAIL_ERRNO("cannot resolve '%s'", out->path);
    FREE(out->path);
    TRY(slab_memory_strdup(&out->path, real));
done:
    free(real);
    return rc;
}

static slab_status create_temporary(slab_output *out)
{
    slab_status rc = SLAB_OK;
    char folder[4096];
    struct stat st;
    const char *slash = strrchr(out->path, '/');
    const char *base = slash ? slash + 1 : out->path;
    REQUIRE(strcmp(out->path, "-") != 0, SLAB_ERR_USAGE, "the standard output takes text only");
    REQUIRE(*base && strlen(out->path) + 32 < sizeof folder, SLAB_ERR_USAGE,
            "'%s' is no name for a file", out->path);
    folder_of(out->path, folder, sizeof folder);
    REQUIRE(stat(folder, &st) == 0 && S_ISDIR(st.st_mode), SLAB_ERR_NOT_FOUND,
            "there is no folder '%s' to write '%s' into: make it first", folder, base);
    TRY(look_at_old(out));
    TRY(slab_temporary_path(out->path, &out->temporary));
    TRY_SAYING(slab_temporary_create(out->temporary, NULL, NULL, &out->fd), "cannot write '%s'",
               out->path);
    if (out->replaces)
        fchmod(out->fd, 0600); /* until it has its name, and the old one's rights */
done:
    if (rc != SLAB_OK)
        FREE(out->temporary); /* if it is there, it is another's */
    return rc;
}

/* Rank 0 has resolved it. */
static slab_status share_path(slab_output *out)
{
    slab_status rc = SLAB_OK;
    bool first = slab_ranks_me(out->ranks) == 0;
    size_t n = first ? strlen(out->path) + 1 : 0;
    TRY(slab_ranks_broadcast(out->ranks, &n, sizeof n, 0));
    if (!first) {
        FREE(out->path);
        rc = slab_memory_alloc((void **)&out->path, n, 1, "a file name");
    }
    TRY(slab_ranks_agree(out->ranks, rc));
    TRY(slab_ranks_broadcast(out->ranks, out->path, n, 0));
    if (!first)
        rc = slab_temporary_path(out->path, &out->temporary);
    TRY(slab_ranks_agree(out->ranks, rc));
done:
    return rc;
}

slab_status slab_output_open(slab_ranks *ranks, const char *path, bool force, slab_output *out)
{
    slab_status rc = SLAB_OK;
    bool first = slab_ranks_me(ranks) == 0;
    *out = (slab_output){.ranks = ranks, .fd = -1, .force = force};
    rc = slab_memory_strdup(&out->path, path);
    if (rc == SLAB_OK && first)
        rc = create_temporary(out);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(share_path(out));
    if (!first) {
        out->fd = open(out->temporary, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (out->fd < 0)
            rc = slab_error_errno(__FILE__, __LINE__, errno, "cannot open '%s'", out->temporary);
    }
    TRY(slab_ranks_agree(ranks, rc));
done:
    if (rc != SLAB_OK)
        slab_output_close(out);
    return rc;
}

slab_status slab_output_open_stream(slab_ranks *ranks, slab_output *out)
{
    *out = (slab_output){.ranks = ranks, .fd = STDOUT_FILENO, .stream = true};
    return slab_ranks_agree(ranks, slab_memory_strdup(&out->path, "standard output"));
}

slab_status slab_output_write(const slab_output *out, int64_t offset, const void *src, size_t bytes)
{
    slab_status rc = SLAB_OK;
    size_t written = 0;
    while (written < bytes) {
        const char *from = (const char *)src + written;
        ssize_t n = out->stream ? write(out->fd, from, bytes - written)
                                : pwrite(out->fd, from, bytes - written, offset + (int64_t)written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            FAIL_ERRNO("cannot write '%s'", out->path);
        written += (size_t)n;
    }
done:
    return rc;
}

slab_status slab_output_sync(slab_output *out)
{
    slab_status rc = SLAB_OK;
    if (!out->stream && fsync(out->fd) != 0)
        rc =
            slab_error_errno(__FILE__, __LINE__, errno, "cannot write '%s' to the disk", out->path);
    return slab_ranks_agree(out->ranks, rc);
}

static slab_status open_folder(const slab_output *out, int *fd)
{
    slab_status rc = SLAB_OK;
    char folder[4096];
    folder_of(out->path, folder, sizeof folder);
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        FAIL_ERRNO("cannot open the folder of '%s'", out->path);
done:
    return rc;
}

/* Some file systems cannot fsync a folder: no harm. */
static slab_status sync_folder(const slab_output *out, int folder)
{
    slab_status rc = SLAB_OK;
    if (fsync(folder) != 0 && errno != EINVAL && errno != EBADF && errno != ENOTSUP)
        FAIL_ERRNO("cannot make the name '%s' durable", out->path);
done:
    return rc;
}

static slab_status unlink_old(const slab_output *out)
{
    slab_status rc = SLAB_OK;
    int folder = -1;
    TRY(open_folder(out, &folder));
    if (unlink(out->path) == 0)
        TRY(sync_folder(out, folder));
    else if (errno != ENOENT)
        FAIL_ERRNO("cannot replace '%s'", out->path);
done:
    if (folder >= 0)
        close(folder);
    return rc;
}

slab_status slab_output_clear_place(slab_output *out)
{
    slab_status rc = SLAB_OK;
    if (slab_ranks_me(out->ranks) == 0 && out->force)
        rc = unlink_old(out);
    return slab_ranks_agree(out->ranks, rc);
}

/* Another program may have made the file meanwhile. Not every file system can refuse; where one
 * cannot, looking is all that is left. */
static slab_status give_name(const slab_output *out)
{
    slab_status rc = SLAB_OK;
    if (!out->force) {
        if (renameat2(AT_FDCWD, out->temporary, AT_FDCWD, out->path, RENAME_NOREPLACE) == 0)
            return SLAB_OK;
        bool unknown = errno == EINVAL || errno == ENOSYS;
        if (!unknown && errno != EEXIST)
            FAIL_ERRNO("cannot name the new file '%s'", out->path);
        REQUIRE(unknown && faccessat(AT_FDCWD, out->path, F_OK, AT_SYMLINK_NOFOLLOW) != 0,
                SLAB_ERR_EXISTS, "'%s' has come to exist meanwhile: give --force to replace it",
                out->path);
    }
    if (rename(out->temporary, out->path) != 0)
        FAIL_ERRNO("cannot name the new file '%s'", out->path);
done:
    return rc;
}

/* After the rename only the fsync of the folder can fail: a new file then loses its name again. */
static slab_status rename_here(slab_output *out)
{
    slab_status rc = SLAB_OK;
    int folder = -1;
    TRY(open_folder(out, &folder));
    if (out->replaces)
        slab_rights_like(out->fd, &out->old);
    TRY(give_name(out));
    rc = sync_folder(out, folder);
    if (rc == SLAB_OK || out->force || rename(out->path, out->temporary) != 0)
        FREE(out->temporary);
done:
    if (folder >= 0)
        close(folder);
    return rc;
}

slab_status slab_output_rename(slab_output *out)
{
    slab_status rc = SLAB_OK;
    if (out->stream)
        return SLAB_OK;
    if (slab_ranks_me(out->ranks) == 0)
        rc = rename_here(out);
    else
        FREE(out->temporary);
    return slab_ranks_agree(out->ranks, rc);
}

void slab_output_close(slab_output *out)
{
    if (out->ranks && out->fd >= 0 && !out->stream) {
        close(out->fd);
        if (out->temporary && slab_ranks_me(out->ranks) == 0)
            unlink(out->temporary);
    }
    FREE(out->temporary);
    FREE(out->path);
    *out = (slab_output){.fd = -1};
}

/* --- blocks of text in order --- */

#define BLOCKS_PER_THREAD 4 /* evens out blocks that take unlike time */

typedef struct round_of {
    slab_output *out;
    slab_block_text format;
    void *context;
    int64_t first; /* block number of this rank's first in the round */
    size_t capacity;
    char *text;      /* [blocks of this rank, capacity] */
    int64_t *length; /* [blocks of the round], other ranks' 0 until they are summed */
    int64_t *offset; /* [blocks of this rank] */
    int64_t mine;    /* where in `length` this rank's begin */
} round_of;

static slab_status format_block(void *context, int thread, int64_t task)
{
    round_of *r = context;
    size_t length = 0;
    slab_status rc = r->format(r->context, thread, r->first + task,
                               r->text + (size_t)task * r->capacity, r->capacity, &length);
    r->length[r->mine + task] = (int64_t)length;
    return rc;
}

static slab_status write_block(void *context, int thread, int64_t task)
{
    round_of *r = context;
    (void)thread;
    return slab_output_write(r->out, r->offset[task], r->text + (size_t)task * r->capacity,
                             (size_t)r->length[r->mine + task]);
}

size_t slab_output_blocks_memory(int threads, size_t capacity)
{
    return (size_t)threads * BLOCKS_PER_THREAD * capacity;
}

/* Rank 0 writes its blocks, then takes those of the others one by one. After a failure it takes
 * them still: nobody may be left waiting. */
static slab_status stream_round(round_of *r, int64_t n, int64_t each)
{
    slab_ranks *ranks = r->out->ranks;
    int me = slab_ranks_me(ranks);
    slab_status rc = SLAB_OK, sent = SLAB_OK;
    for (int64_t i = 0; i < n && sent == SLAB_OK; i++) {
        int owner = (int)(i / each);
        char *text = r->text + (size_t)(i % each) * r->capacity;
        size_t bytes = (size_t)r->length[i];
        if (owner > 0 && me == 0) {
            text = r->text; /* rank 0's own are written by then */
            sent = slab_ranks_receive(ranks, text, bytes, owner, 0);
        } else if (owner > 0 && me == owner)
            sent = slab_ranks_send(ranks, text, bytes, 0, 0);
        if (me == 0 && rc == SLAB_OK && sent == SLAB_OK)
            rc = slab_output_write(r->out, 0, text, bytes);
    }
    return sent != SLAB_OK ? sent : rc;
}

/* One round: blocks first .. first + n of all, `each` of them to every rank. */
static slab_status run_round(round_of *r, slab_crew *crew, int64_t first, int64_t n, int64_t each,
                             int64_t *offset)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    int64_t mine = each * slab_ranks_me(ranks), count = n - mine;
    count = count < 0 ? 0 : count < each ? count : each;
    r->first = first + mine;
    r->mine = mine;
    memset(r->length, 0, (size_t)(each * slab_ranks_count(ranks)) * sizeof *r->length);
    TRY(slab_ranks_agree(ranks, slab_crew_run_local(crew, 0, count, format_block, r)));
    TRY(slab_ranks_sum(ranks, r->length, (size_t)n));
    for (int64_t i = 0; i < n; i++) {
        if (i >= mine && i < mine + count)
            r->offset[i - mine] = *offset;
        *offset += r->length[i];
    }
    TRY(slab_ranks_agree(ranks, r->out->stream
                                    ? stream_round(r, n, each)
                                    : slab_crew_run_local(crew, 0, count, write_block, r)));
done:
    return rc;
}

slab_status slab_output_blocks(slab_output *out, slab_crew *crew, int64_t nblocks, size_t capacity,
                               slab_block_text format, void *context, int64_t *offset)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(crew);
    int64_t ranks_n = slab_ranks_count(ranks);
    int64_t each = (int64_t)slab_crew_threads(crew) * BLOCKS_PER_THREAD;
    round_of r = {.out = out, .format = format, .context = context, .capacity = capacity};
    if (each > (nblocks + ranks_n - 1) / ranks_n)
        each = (nblocks + ranks_n - 1) / ranks_n;
    rc = slab_memory_alloc((void **)&r.text, (size_t)each, capacity, "text to be written");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&r.length, (size_t)(each * ranks_n), sizeof *r.length,
                               "lengths of text");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&r.offset, (size_t)each, sizeof *r.offset,
                               "offsets of text");
    TRY(slab_ranks_agree(ranks, rc));
    for (int64_t first = 0; first < nblocks; first += each * ranks_n) {
        int64_t n = nblocks - first < each * ranks_n ? nblocks - first : each * ranks_n;
        TRY(run_round(&r, crew, first, n, each, offset));
    }
done:
    FREE(r.text);
    FREE(r.length);
    FREE(r.offset);
    return rc;
}
