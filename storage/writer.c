/* A writer encodes a chunk in the calling thread and copies it into that thread's block; see
 * transaction.c for where the block goes. */
#include <slab/storage/array_impl.h>
#include <slab/storage/transaction_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

void slab_writer_free(slab_writer *writer)
{
    if (!writer)
        return;
    for (int t = 0; t < writer->txn->options.threads; t++) {
        if (writer->lanes)
            slab_lane_destroy(&writer->lanes[t]);
        if (writer->scratch)
            FREE(writer->scratch[t]);
    }
    for (int64_t i = 0; i < writer->nheld; i++)
        FREE(writer->held[i].data);
    FREE(writer->held);
    FREE(writer->placed);
    FREE(writer->there);
    FREE(writer->lanes);
    FREE(writer->scratch);
    FREE(writer->path);
    pthread_mutex_destroy(&writer->lock);
    slab_memory_free(writer);
}

/* Nothing but memory: what can fail on one rank. */
static slab_status make_writer(slab_txn *txn, const char *path, const slab_array_spec *spec,
                               slab_array *like, slab_writer **out)
{
    slab_status rc = SLAB_OK;
    slab_writer *w = NULL;
    *out = NULL;
    ALLOC(w, 1, "a writer");
    w->txn = txn;
    pthread_mutex_init(&w->lock, NULL);
    w->like = like;
    w->like_stored = !spec;
    if (spec)
        TRY(slab_spec_resolve(spec, path, &w->info));
    else
        w->info = *slab_array_describe(like);
    TRY_SAYING(
        slab_grid_make(&w->info.shape,
                       w->info.layout == SLAB_LAYOUT_CHUNKED ? &w->info.chunk : &w->info.shape,
                       NULL, &w->grid),
        "'%s'", path);
    w->native = slab_dtype_native(w->info.dtype);
    w->chunk_bytes = slab_info_chunk_bytes(&w->info);
    w->bound = spec ? slab_pipeline_bound(&w->info.pipeline) : 0; /* else nothing is encoded */
    TRY(slab_memory_strdup(&w->path, path));
    ALLOC(w->lanes, txn->options.threads, "a writer's threads");
    ALLOC(w->scratch, txn->options.threads, "a writer's threads");
    if (txn->narrays == txn->arrays_room) {
        uint32_t room = txn->arrays_room ? 2 * txn->arrays_room : 8;
        TRY(slab_memory_resize((void **)&txn->arrays, room, sizeof *txn->arrays, "writers"));
        txn->arrays_room = room;
    }
    *out = w;
    w = NULL;
done:
    slab_writer_free(w);
    return rc;
}

static slab_status declare_missing(slab_writer *w)
{
    if (!w->info.has_missing)
        return SLAB_OK;
    return slab_meta_attribute(w->txn->meta, w->path, "missing_value", w->native, -1,
                               w->info.missing);
}

static slab_status create_in_meta(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    TRY(slab_txn_clear_path(w->txn, w->path));
    if (w->txn->options.backend == SLAB_BACKEND_COLLECTIVE && w->info.layout == SLAB_LAYOUT_CHUNKED)
        goto done; /* parallel HDF5 will */
    if (w->like) { /* its attributes are copied by whoever copies it */
        slab_meta *from;
        TRY(slab_file_meta(slab_array_file(w->like), &from));
        TRY(slab_meta_create_like(w->txn->meta, w->path, from, slab_array_path(w->like),
                                  w->like_stored ? NULL : &w->info));
        goto done;
    }
    TRY(slab_meta_create_array(w->txn->meta, w->path, &w->info));
    TRY(declare_missing(w));
done:
    return rc;
}

slab_status slab_txn_create(slab_txn *txn, const char *path, const slab_array_spec *spec,
                            slab_writer **out)
{
    return slab_txn_create_like(txn, path, NULL, spec, out);
}

slab_status slab_txn_create_like(slab_txn *txn, const char *path, slab_array *like,
                                 const slab_array_spec *spec, slab_writer **out)
{
    slab_status rc;
    slab_writer *w = NULL;
    *out = NULL;
    rc = make_writer(txn, path, spec, like, &w);
    TRY(slab_ranks_agree(txn->ranks, rc));
    TRY(ON_ROOT(txn, create_in_meta(w)));
    if (txn->options.backend == SLAB_BACKEND_COLLECTIVE && w->info.layout == SLAB_LAYOUT_CHUNKED) {
        TRY(slab_writer_create_collectively(w));
        TRY(ON_ROOT(txn, declare_missing(w)));
    }
    w->id = txn->narrays;
    if (txn->log) {
        uint64_t digest = slab_array_digest(&w->info);
        TRY(slab_ranks_agree(
            txn->ranks, slab_chunk_log_array(txn->log, w->id, w->path, digest, w->grid.ntiles)));
        TRY(slab_writer_take_over(w));
    }
    txn->arrays[txn->narrays++] = w;
    *out = w;
    w = NULL;
done:
    slab_writer_free(w);
    return rc;
}

const slab_grid *slab_writer_grid(const slab_writer *writer)
{
    return &writer->grid;
}

const slab_array_info *slab_writer_describe(const slab_writer *writer)
{
    return &writer->info;
}

static slab_status check_call(slab_writer *w, int thread, int64_t chunk)
{
    slab_status rc = SLAB_OK;
    REQUIRE(thread >= 0 && thread < w->txn->options.threads, SLAB_ERR_RANGE,
            "thread %d of a transaction of %d", thread, w->txn->options.threads);
    REQUIRE(chunk >= 0 && chunk < w->grid.ntiles, SLAB_ERR_RANGE,
            "chunk %" PRId64 " of '%s' is outside 0..%" PRId64, chunk, w->path, w->grid.ntiles - 1);
    REQUIRE(!w->closed, SLAB_ERR_INTERNAL, "array '%s' is closed", w->path);
done:
    return rc;
}

static slab_status scratch_of(slab_writer *w, int thread, void **out)
{
    slab_status rc = SLAB_OK;
    if (!w->scratch[thread])
        TRY(slab_memory_alloc(&w->scratch[thread], w->chunk_bytes, 1, "a chunk to pad"));
    *out = w->scratch[thread];
done:
    return rc;
}

/* Repeats an element over the chunk. */
static void fill_chunk(uint8_t *chunk, size_t bytes, const uint8_t *element, size_t size)
{
    size_t filled = size < bytes ? size : bytes;
    memcpy(chunk, element, filled);
    while (filled < bytes) {
        size_t more = filled <= bytes - filled ? filled : bytes - filled;
        memcpy(chunk + filled, chunk, more);
        filled += more;
    }
}

/* Padding is the fill value (zeros without one), as HDF5 itself would have it. */
static void pad_chunk(slab_writer *w, const slab_box *box, const void *data, void *chunk)
{
    size_t size = w->info.dtype.size;
    int64_t from[SLAB_RANK_MAX], to[SLAB_RANK_MAX];
    if (w->info.has_fill)
        fill_chunk(chunk, w->chunk_bytes, w->info.fill, size);
    else
        memset(chunk, 0, w->chunk_bytes);
    slab_strides_of(box->rank, box->count, size, from);
    slab_strides_of(box->rank, w->info.chunk.extent, size, to);
    slab_box_copy(box->rank, box->count, data, from, chunk, to, size);
}

slab_status slab_writer_prepare(slab_writer *w, int thread, int64_t chunk, const void *data,
                                const void **out)
{
    slab_status rc = SLAB_OK;
    slab_box box;
    void *scratch;
    size_t size = w->info.dtype.size;
    slab_grid_box(&w->grid, chunk, &box);
    bool whole = (size_t)slab_box_elements(&box) * size == w->chunk_bytes;
    bool as_it_is = slab_dtype_is_native(w->info.dtype);
    *out = data;
    if (whole && as_it_is)
        goto done;
    TRY(scratch_of(w, thread, &scratch));
    if (!whole) {
        pad_chunk(w, &box, data, scratch);
        data = scratch;
    }
    if (!as_it_is)
        TRY_SAYING(
            slab_dtype_convert(w->native, data, w->info.dtype, scratch, w->chunk_bytes / size),
            "'%s'", w->path);
    *out = scratch;
done:
    return rc;
}

/* Encodes from filter `first` on: right into the block that will be written when a usual block can
 * hold whatever the chunk becomes, else by way of the lane's memory. */
static slab_status encode_and_place(slab_writer *w, int thread, int64_t chunk, int first,
                                    const void *data, size_t bytes)
{
    slab_status rc = SLAB_OK;
    const void *packed;
    void *room;
    size_t size;
    if (!w->lanes[thread])
        TRY(slab_lane_create(&w->info.pipeline, true, &w->lanes[thread]));
    slab_lane *lane = w->lanes[thread];
    TRY(slab_txn_room(w->txn, thread, w->bound, &room));
    packed = room;
    if (room)
        rc = slab_lane_encode_into(lane, first, data, bytes, room, w->bound, &size);
    else
        rc = slab_lane_encode(lane, first, data, bytes, &packed, &size);
    TRY_SAYING(rc, "cannot encode chunk %" PRId64 " of '%s'", chunk, w->path);
    TRY(slab_txn_place(w->txn, thread, w, chunk, 0, packed, size));
    atomic_fetch_add(&w->txn->packed_bytes, (int_fast64_t)size);
done:
    return rc;
}

static void count_chunk(slab_writer *w, int64_t chunk)
{
    slab_box box;
    slab_grid_box(&w->grid, chunk, &box);
    int64_t bytes = slab_box_elements(&box) * (int64_t)w->info.dtype.size;
    atomic_fetch_add(&w->txn->chunks, 1);
    atomic_fetch_add(&w->txn->plain_bytes, bytes);
}

void slab_writer_count(slab_writer *w, int64_t chunk, size_t packed_bytes)
{
    count_chunk(w, chunk);
    atomic_fetch_add(&w->txn->packed_bytes, (int_fast64_t)packed_bytes);
}

static bool is_held(const slab_writer *w)
{
    return w->info.layout != SLAB_LAYOUT_CHUNKED ||
           w->txn->options.backend == SLAB_BACKEND_COLLECTIVE;
}

slab_status slab_writer_put(slab_writer *writer, int thread, int64_t chunk, const void *data)
{
    slab_status rc = SLAB_OK;
    const void *stored;
    TRY(check_call(writer, thread, chunk));
    if (slab_writer_has(writer, chunk))
        return SLAB_OK;
    if (is_held(writer)) {
        TRY(slab_writer_hold(writer, chunk, data));
    } else {
        TRY(slab_writer_prepare(writer, thread, chunk, data, &stored));
        TRY(encode_and_place(writer, thread, chunk, 0, stored, writer->chunk_bytes));
    }
    count_chunk(writer, chunk);
done:
    return rc;
}

slab_status slab_writer_put_encoded(slab_writer *writer, int thread, int64_t chunk, int first,
                                    const void *data, size_t bytes)
{
    slab_status rc = SLAB_OK;
    TRY(check_call(writer, thread, chunk));
    REQUIRE(first >= 0 && first <= writer->info.pipeline.nfilters, SLAB_ERR_RANGE,
            "'%s': %d of %d filters", writer->path, first, writer->info.pipeline.nfilters);
    if (slab_writer_has(writer, chunk))
        return SLAB_OK;
    if (is_held(writer))
        TRY(slab_writer_hold_encoded(writer, chunk, first, data, bytes));
    else
        TRY(encode_and_place(writer, thread, chunk, first, data, bytes));
    count_chunk(writer, chunk);
done:
    return rc;
}

/* Lanes are large: they go when the array is done, not at commit. */
static void free_lanes(slab_writer *w)
{
    for (int t = 0; t < w->txn->options.threads; t++) {
        slab_lane_destroy(&w->lanes[t]);
        FREE(w->scratch[t]);
    }
}

static slab_status flush_all(slab_writer *w)
{
    slab_status rc = SLAB_OK;
    if (!w->txn->blocks)
        goto done;
    for (int t = 0; t < w->txn->options.threads; t++)
        TRY(slab_txn_flush(w->txn, t));
    TRY(slab_block_check(w->txn->blocks));
done:
    return rc;
}

slab_status slab_writer_close(slab_writer **writer)
{
    slab_status rc = SLAB_OK;
    slab_writer *w = *writer;
    if (!w)
        return SLAB_OK;
    *writer = NULL; /* the transaction keeps it until it knows where every chunk is */
    w->closed = true;
    free_lanes(w);
    rc = flush_all(w);
    TRY(slab_ranks_agree(w->txn->ranks, rc));
    if (is_held(w))
        TRY(slab_writer_write_held(w));
done:
    return rc;
}
