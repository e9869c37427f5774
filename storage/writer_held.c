/* Chunks that wait in memory until their array is closed: a scalar's element, and all of an array
 * in the collective backend, where every rank must take part in every write. That backend is the
 * reference and the way out: it takes memory for all that a rank puts. */
#include <slab/storage/transaction_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static slab_status append_held(slab_writer *w, int64_t chunk, void *data)
{
    slab_status rc = SLAB_OK;
    pthread_mutex_lock(&w->lock);
    for (int64_t i = 0; i < w->nheld; i++)
        REQUIRE(w->held[i].number != chunk, SLAB_ERR_INTERNAL,
                "chunk %" PRId64 " of '%s' was written twice", chunk, w->path);
    if (w->nheld == w->held_room) {
        int64_t room = w->held_room ? 2 * w->held_room : 16;
        TRY(slab_memory_resize((void **)&w->held, (size_t)room, sizeof *w->held, "held chunks"));
        w->held_room = room;
    }
    w->held[w->nheld++] = (slab_held_chunk){.number = chunk, .data = data};
done:
    pthread_mutex_unlock(&w->lock);
    return rc;
}

slab_status slab_writer_hold(slab_writer *w, int64_t chunk, const void *data)
{
    slab_status rc = SLAB_OK;
    slab_box box;
    void *copy = NULL;
    slab_grid_box(&w->grid, chunk, &box);
    size_t bytes = (size_t)slab_box_elements(&box) * w->info.dtype.size;
    TRY(slab_memory_alloc(&copy, bytes, 1, "a chunk held for the collective write"));
    memcpy(copy, data, bytes);
    TRY(append_held(w, chunk, copy));
    copy = NULL;
done:
    FREE(copy);
    return rc;
}

/* The first filters undone: parallel HDF5 runs all of them itself. */
static slab_status decode_first(slab_writer *w, int first, const void *data, size_t bytes,
                                void *plain)
{
    slab_status rc = SLAB_OK;
    slab_pipeline part = w->info.pipeline;
    slab_lane *lane = NULL;
    part.nfilters = first;
    TRY(slab_lane_create(&part, false, &lane));
    TRY(slab_lane_decode(lane, 0, data, bytes, plain));
    TRY(slab_dtype_convert(w->info.dtype, plain, w->native, plain,
                           w->chunk_bytes / w->info.dtype.size));
done:
    slab_lane_destroy(&lane);
    return rc;
}

slab_status slab_writer_hold_encoded(slab_writer *w, int64_t chunk, int first, const void *data,
                                     size_t bytes)
{
    slab_status rc = SLAB_OK;
    slab_box box;
    uint8_t *whole = NULL, *clipped = NULL;
    int64_t from[SLAB_RANK_MAX], to[SLAB_RANK_MAX];
    size_t size = w->info.dtype.size;
    slab_grid_box(&w->grid, chunk, &box);
    ALLOC(whole, w->chunk_bytes, "a chunk held for the collective write");
    ALLOC(clipped, w->chunk_bytes, "a chunk held for the collective write");
    TRY(decode_first(w, first, data, bytes, whole));
    slab_strides_of(box.rank, w->info.chunk.extent, size, from);
    slab_strides_of(box.rank, box.count, size, to);
    slab_box_copy(box.rank, box.count, whole, from, clipped, to, size);
    TRY(append_held(w, chunk, clipped));
    clipped = NULL;
done:
    FREE(whole);
    FREE(clipped);
    return rc;
}

/* Rank 0's metadata plane and parallel HDF5 take turns at the (temporary) file. */
static slab_status pause_meta(slab_txn *txn)
{
    slab_status rc = SLAB_OK;
    uint64_t end;
    TRY(slab_space_end(txn->space, &end));
    TRY(slab_meta_commit(&txn->meta, end, false, NULL, NULL));
done:
    return rc;
}

slab_status slab_writer_create_collectively(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = w->txn;
    slab_collective *c = NULL;
    int id;
    TRY(ON_ROOT(txn, slab_meta_seal_created(txn->meta, w->path)));
    TRY(ON_ROOT(txn, pause_meta(txn)));
    TRY(slab_collective_begin(txn->ranks, txn->file.work, false, &c));
    TRY(slab_collective_create_array(c, w->path, &w->info, &id));
    TRY(slab_collective_end(&c));
    TRY(ON_ROOT(txn, slab_txn_begin_meta(txn, false)));
done:
    if (c)
        slab_collective_end(&c);
    return rc;
}

/* Round i: every rank writes its i-th chunk, or nothing. */
static slab_status write_rounds(slab_writer *w, slab_collective *c, int id)
{
    slab_status rc = SLAB_OK;
    int64_t rounds = w->nheld;
    TRY(slab_ranks_max(w->txn->ranks, &rounds, 1));
    for (int64_t i = 0; i < rounds; i++) {
        slab_box box = {.rank = w->grid.shape.rank};
        void *data = NULL;
        if (i < w->nheld) {
            slab_grid_box(&w->grid, w->held[i].number, &box);
            data = w->held[i].data;
        }
        TRY(slab_collective_write(c, id, &box, w->native, data));
        if (i < w->nheld)
            FREE(w->held[i].data);
    }
done:
    return rc;
}

static slab_status write_chunks(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    slab_txn *txn = w->txn;
    slab_collective *c = NULL;
    int id;
    TRY(ON_ROOT(txn, pause_meta(txn)));
    TRY(slab_collective_begin(txn->ranks, txn->file.work, false, &c));
    TRY(slab_collective_open_array(c, w->path, &id));
    TRY(write_rounds(w, c, id));
    TRY(slab_collective_end(&c));
    TRY(ON_ROOT(txn, slab_txn_begin_meta(txn, false)));
done:
    if (c)
        slab_collective_end(&c);
    return rc;
}

/* The one element is with some rank; rank 0 writes it. */
static slab_status write_scalar(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = w->txn->ranks;
    void *all = NULL;
    size_t *offsets = NULL, size = w->info.dtype.size;
    TRY(slab_ranks_gather(ranks, w->nheld ? w->held[0].data : NULL, w->nheld ? size : 0, 0, &all,
                          &offsets));
    if (w->txn->root) {
        size_t total = offsets[slab_ranks_count(ranks)];
        if (total > size)
            rc = slab_error_set(SLAB_ERR_INTERNAL, __FILE__, __LINE__, "'%s' was written twice",
                                w->path);
        else if (total == size)
            rc = slab_meta_write(w->txn->meta, w->path, w->native, all);
    }
    TRY(slab_ranks_agree(ranks, rc));
done:
    FREE(all);
    FREE(offsets);
    return rc;
}

slab_status slab_writer_write_held(slab_writer *w)
{
    slab_status rc = w->info.layout == SLAB_LAYOUT_CHUNKED ? write_chunks(w) : write_scalar(w);
    for (int64_t i = 0; i < w->nheld; i++)
        FREE(w->held[i].data);
    FREE(w->held);
    w->nheld = w->held_room = 0;
    return rc;
}
