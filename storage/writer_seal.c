/* The sum over an array's chunks, for its seal. Each rank has added up its own while it wrote them;
 * what parallel HDF5 has written itself is read back. */
#include <slab/storage/transaction_impl.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* --- what HDF5 has written --- */

typedef struct reading {
    slab_writer *writer;
    slab_chunk *chunks; /* [ntiles] */
    int fd;
    void *bytes;
    size_t room;
} reading;

static slab_status look_up(reading *r)
{
    slab_writer *w = r->writer;
    slab_box all = slab_box_whole(&w->grid.count);
    return w->grid.ntiles ? slab_meta_chunks(w->txn->meta, w->path, &all, r->chunks) : SLAB_OK;
}

static slab_status read_chunk(reading *r, const slab_chunk *chunk)
{
    slab_status rc = SLAB_OK;
    if (chunk->size > r->room) {
        TRY(slab_memory_resize(&r->bytes, chunk->size, 1, "a packed chunk"));
        r->room = chunk->size;
    }
    ssize_t n = slab_read_at(r->fd, r->bytes, chunk->size, chunk->address);
    if (n < 0)
        FAIL_ERRNO("cannot read back '%s'", r->writer->txn->file.path);
    REQUIRE((size_t)n == chunk->size, SLAB_ERR_IO, "'%s' ends within a chunk that was written",
            r->writer->txn->file.path);
done:
    return rc;
}

static slab_status add_chunks(reading *r)
{
    slab_status rc = SLAB_OK;
    slab_writer *w = r->writer;
    slab_ranks *ranks = w->txn->ranks;
    r->fd = open(w->txn->file.work, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (r->fd < 0)
        FAIL_ERRNO("cannot open '%s'", w->txn->file.work);
    for (int64_t c = slab_ranks_me(ranks); c < w->grid.ntiles; c += slab_ranks_count(ranks)) {
        const slab_chunk *chunk = &r->chunks[c];
        if (chunk->size == 0)
            continue;
        TRY(read_chunk(r, chunk));
        uint64_t checksum = slab_chunk_checksum(r->bytes, chunk->size);
        w->sum = slab_digest_add(w->sum, slab_chunk_digest(c, chunk->mask, chunk->size, checksum));
    }
done:
    if (r->fd >= 0)
        close(r->fd);
    return rc;
}

static slab_status read_back(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    reading r = {.writer = w, .fd = -1};
    size_t n = (size_t)w->grid.ntiles;
    rc = slab_memory_alloc((void **)&r.chunks, n, sizeof *r.chunks, "the chunk map");
    TRY(slab_ranks_agree(w->txn->ranks, rc));
    TRY(ON_ROOT(w->txn, look_up(&r)));
    TRY(slab_ranks_broadcast(w->txn->ranks, r.chunks, n * sizeof *r.chunks, 0));
    TRY(slab_ranks_agree(w->txn->ranks, add_chunks(&r)));
done:
    FREE(r.bytes);
    FREE(r.chunks);
    return rc;
}

/* --- of all ranks --- */

static slab_status note_sum(slab_writer *w, const slab_digest *sums)
{
    slab_digest sum = {0};
    for (int r = 0; r < slab_ranks_count(w->txn->ranks); r++)
        sum = slab_digest_add(sum, sums[r]);
    return slab_sealing_chunks(w->txn->sealing, w->path, sum);
}

slab_status slab_writer_seal(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    void *all = NULL;
    size_t *offsets = NULL;
    if (w->info.layout != SLAB_LAYOUT_CHUNKED)
        return SLAB_OK;
    if (w->txn->options.backend == SLAB_BACKEND_COLLECTIVE)
        TRY(read_back(w));
    TRY(slab_ranks_gather(w->txn->ranks, &w->sum, sizeof w->sum, 0, &all, &offsets));
    TRY(ON_ROOT(w->txn, note_sum(w, all)));
done:
    FREE(all);
    FREE(offsets);
    return rc;
}
