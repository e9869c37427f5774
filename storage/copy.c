/*
 * Packed chunks go from file to block without a stop: pread writes to where the block writer takes
 * them from. Elements go through a reader and a writer, tile by tile.
 */
#include <slab/storage/copy.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <slab/storage/array_impl.h>
#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/joint_grid.h>
#include <slab/storage/reader.h>
#include <slab/storage/transaction_impl.h>

enum { TASKS = 1 << 20 }; /* chunks are handed out one by one up to here */

/* --- packed chunks --- */

bool slab_copy_is_packable(const slab_array_info *info)
{
    return info->layout == SLAB_LAYOUT_CHUNKED && !info->edge_unfiltered && !info->has_pointers &&
           !info->elsewhere;
}

static int64_t chunks_of(const slab_array_info *info)
{
    slab_grid grid;
    bool known = slab_grid_make(&info->shape, &info->chunk, NULL, &grid) == SLAB_OK;
    return known ? grid.ntiles : 0;
}

void slab_copy_packed_memory(const slab_array_info *info, const slab_txn_options *options,
                             size_t *fixed, size_t *thread)
{
    /* Filters expand what they cannot compress by little. */
    size_t bytes = info->pipeline.type.bytes, chunk = bytes + bytes / 8 + 65536;
    slab_array_info plain = *info;
    plain.pipeline.nfilters = 0;
    slab_txn_options one = *options, two = *options;
    one.threads = 1;
    two.threads = 2;
    size_t first = slab_writer_memory(&plain, &one);
    *thread = slab_writer_memory(&plain, &two) - first + chunk;
    *fixed = first > *thread ? first - *thread : first;
    *fixed += (size_t)chunks_of(info) * sizeof(slab_chunk);
}

typedef struct packed_copy {
    slab_array *from;
    const slab_chunk *chunks;
    slab_writer *writer;
    slab_crew *crew;
    int64_t nchunks, together; /* chunks of a task */
    void **room;               /* [threads] of chunks larger than a usual block */
    size_t *bytes;
} packed_copy;

static slab_status read_at(const slab_file *file, const slab_chunk *chunk, void *to)
{
    slab_status rc = SLAB_OK;
    ssize_t n = slab_read_at(file->fd, to, chunk->size, chunk->address);
    if (n < 0)
        FAIL_ERRNO("cannot read '%s' at byte %" PRIu64, file->path, chunk->address);
    REQUIRE((size_t)n == chunk->size, SLAB_ERR_FORMAT,
            "'%s' ends at byte %" PRIu64 ", within a chunk", file->path,
            chunk->address + (uint64_t)n);
done:
    return rc;
}

static slab_status own_room(packed_copy *c, int thread, size_t bytes, void **out)
{
    slab_status rc = SLAB_OK;
    if (c->bytes[thread] < bytes) {
        TRY(slab_memory_resize(&c->room[thread], bytes, 1, "a packed chunk"));
        c->bytes[thread] = bytes;
    }
    *out = c->room[thread];
done:
    return rc;
}

static slab_status copy_chunk(packed_copy *c, int thread, int64_t number)
{
    slab_status rc = SLAB_OK;
    const slab_chunk *chunk = &c->chunks[number];
    slab_txn *txn = c->writer->txn;
    void *to;
    if (slab_writer_has(c->writer, number))
        goto done;
    if (chunk->size == 0)
        goto done; /* never written: reads as the fill value there and here */
    TRY(slab_txn_room(txn, thread, chunk->size, &to));
    if (!to)
        TRY(own_room(c, thread, chunk->size, &to));
    TRY_SAYING(read_at(c->from->file, chunk, to), "chunk %" PRId64 " of '%s'", number,
               c->from->path);
    TRY(slab_txn_place(txn, thread, c->writer, number, chunk->mask, to, chunk->size));
    slab_writer_count(c->writer, number, chunk->size);
    slab_crew_count_bytes(c->crew, (int64_t)c->from->info.pipeline.type.bytes);
done:
    return rc;
}

static slab_status copy_task(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    packed_copy *c = context;
    int64_t first = task * c->together, end = first + c->together;
    for (int64_t n = first; n < end && n < c->nchunks; n++)
        TRY(copy_chunk(c, thread, n));
done:
    return rc;
}

slab_status slab_copy_packed(slab_array *from, slab_txn *txn, const char *path, slab_crew *crew)
{
    slab_status rc = SLAB_OK;
    slab_grid grid;
    int threads = slab_crew_threads(crew);
    packed_copy c = {.from = from, .crew = crew};
    TRY(slab_array_chunks(from, &grid, &c.chunks));
    c.nchunks = grid.ntiles;
    c.together = (grid.ntiles + TASKS - 1) / TASKS;
    c.together = c.together > 0 ? c.together : 1;
    rc = slab_memory_alloc((void **)&c.room, (size_t)threads, sizeof *c.room, "packed chunks");
    if (rc == SLAB_OK)
        rc =
            slab_memory_alloc((void **)&c.bytes, (size_t)threads, sizeof *c.bytes, "packed chunks");
    TRY(slab_ranks_agree(txn->ranks, rc));
    TRY(slab_txn_create_like(txn, path, from, NULL, &c.writer));
    slab_crew_progress_name(crew, "copy");
    TRY(slab_crew_run(crew, (c.nchunks + c.together - 1) / c.together, copy_task, &c));
done:
    if (c.writer) {
        slab_status closed = slab_writer_close(&c.writer);
        rc = rc == SLAB_OK ? closed : rc;
    }
    for (int t = 0; c.room && t < threads; t++)
        FREE(c.room[t]);
    FREE(c.room);
    FREE(c.bytes);
    return rc;
}

/* --- elements --- */

typedef struct element_copy {
    slab_reader *reader;
    slab_writer *writer;
    slab_crew *crew;
    slab_grid tiles; /* of whole chunks of the copy */
    size_t size;     /* of an element */
    void **chunks;   /* [threads] one dense chunk each */
} element_copy;

static bool is_dense(const slab_box *box, const int64_t *stride, size_t size)
{
    int64_t dense[SLAB_RANK_MAX];
    slab_strides_of(box->rank, box->count, size, dense);
    for (int a = 0; a < box->rank; a++)
        if (box->count[a] > 1 && stride[a] != dense[a])
            return false;
    return true;
}

/* One chunk of the copy, out of a tile's view. */
static slab_status put_chunk(element_copy *c, int thread, int64_t number, const slab_box *tile,
                             const slab_view *view)
{
    slab_box box;
    int64_t dense[SLAB_RANK_MAX];
    const char *at = view->data;
    slab_grid_box(slab_writer_grid(c->writer), number, &box);
    for (int a = 0; a < box.rank; a++)
        at += (box.start[a] - tile->start[a]) * view->stride[a];
    if (is_dense(&box, view->stride, c->size))
        return slab_writer_put(c->writer, thread, number, at);
    slab_strides_of(box.rank, box.count, c->size, dense);
    slab_box_copy(box.rank, box.count, at, view->stride, c->chunks[thread], dense, c->size);
    return slab_writer_put(c->writer, thread, number, c->chunks[thread]);
}

/* An earlier run has left all chunks of the tile, from first to last. */
static bool has_tile(const element_copy *c, const int64_t *first, const int64_t *last)
{
    const slab_grid *chunks = slab_writer_grid(c->writer);
    int64_t at[SLAB_RANK_MAX];
    int a, rank = chunks->shape.rank;
    memcpy(at, first, sizeof at);
    do {
        if (!slab_writer_has(c->writer, slab_grid_number(chunks, at)))
            return false;
        for (a = rank - 1; a >= 0 && ++at[a] > last[a]; a--)
            at[a] = first[a];
    } while (a >= 0);
    return true;
}

static slab_status copy_tile(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    element_copy *c = context;
    const slab_grid *chunks = slab_writer_grid(c->writer);
    int64_t first[SLAB_RANK_MAX] = {0}, last[SLAB_RANK_MAX], at[SLAB_RANK_MAX];
    slab_box box;
    slab_view view;
    int rank = chunks->shape.rank, a = 0;
    slab_grid_box(&c->tiles, task, &box);
    for (int i = 0; i < rank; i++) {
        first[i] = at[i] = box.start[i] / chunks->tile.extent[i];
        last[i] = (box.start[i] + box.count[i] - 1) / chunks->tile.extent[i];
    }
    if (has_tile(c, first, last))
        return SLAB_OK;
    if (task + 1 < c->tiles.ntiles) {
        slab_box next;
        slab_grid_box(&c->tiles, task + 1, &next);
        slab_reader_prefetch(c->reader, &next);
    }
    TRY(slab_reader_get(c->reader, thread, &box, &view));
    do {
        TRY(put_chunk(c, thread, slab_grid_number(chunks, at), &box, &view));
        for (a = rank - 1; a >= 0 && ++at[a] > last[a]; a--)
            at[a] = first[a];
    } while (a >= 0);
    slab_crew_count_bytes(c->crew, slab_box_elements(&box) * (int64_t)c->size);
done:
    return rc;
}

static slab_status tiles_of(const slab_reader *reader, const slab_array_info *info, size_t limit,
                            slab_grid *out)
{
    slab_status rc = SLAB_OK;
    slab_grid chunks;
    TRY(slab_grid_make(&info->shape,
                       info->layout == SLAB_LAYOUT_CHUNKED ? &info->chunk : &info->shape, NULL,
                       &chunks));
    TRY(slab_joint_grid(slab_reader_grid(reader), slab_reader_dtype(reader).size, &chunks, 0, true,
                        limit, out));
done:
    return rc;
}

static size_t chunk_bytes(const slab_array_info *info)
{
    return slab_info_chunk_bytes(info) > 0 ? slab_info_chunk_bytes(info) : 1;
}

slab_status slab_copy_elements_memory(slab_array *from, const slab_copy_plan *plan, size_t *thread)
{
    slab_status rc = SLAB_OK;
    slab_reader *reader = NULL;
    slab_array_info info;
    slab_grid tiles;
    slab_dtype native = slab_dtype_native(plan->spec.dtype);
    TRY(slab_spec_resolve(&plan->spec, "/x", &info));
    TRY(slab_reader_open(from, &plan->select, &native, 1, &reader));
    TRY(tiles_of(reader, &info, plan->tile_bytes, &tiles));
    *thread = slab_reader_memory(reader, &tiles.tile) + chunk_bytes(&info);
done:
    slab_reader_close(&reader);
    return rc;
}

slab_status slab_copy_elements(slab_array *from, const slab_copy_plan *plan, slab_txn *txn,
                               const char *path, slab_crew *crew)
{
    slab_status rc = SLAB_OK;
    int threads = slab_crew_threads(crew);
    element_copy c = {.crew = crew};
    slab_dtype native = slab_dtype_native(plan->spec.dtype);
    c.size = native.size;
    TRY(slab_reader_open(from, &plan->select, &native, threads, &c.reader));
    if (plan->keeps_type)
        TRY(slab_txn_create_like(txn, path, from, &plan->spec, &c.writer));
    else
        TRY(slab_txn_create(txn, path, &plan->spec, &c.writer));
    const slab_array_info *info = slab_writer_describe(c.writer);
    rc = tiles_of(c.reader, info, plan->tile_bytes, &c.tiles);
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&c.chunks, (size_t)threads, sizeof *c.chunks, "chunks");
    for (int t = 0; t < threads && rc == SLAB_OK; t++)
        rc = slab_memory_alloc(&c.chunks[t], chunk_bytes(info), 1, "a chunk");
    TRY(slab_ranks_agree(txn->ranks, rc));
    slab_crew_progress_name(crew, "copy");
    TRY(slab_crew_run(crew, c.tiles.ntiles, copy_tile, &c));
done:
    if (c.writer) {
        slab_status closed = slab_writer_close(&c.writer);
        rc = rc == SLAB_OK ? closed : rc;
    }
    for (int t = 0; c.chunks && t < threads; t++)
        FREE(c.chunks[t]);
    FREE(c.chunks);
    slab_reader_close(&c.reader);
    return rc;
}

/* --- all else --- */

static slab_status object_here(slab_file *from, const char *from_path, slab_object kind,
                               slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    TRY(slab_file_meta(from, &meta));
    if (kind != SLAB_OBJECT_GROUP)
        TRY(slab_txn_clear_path(txn, path));
    TRY(slab_meta_copy_object(txn->meta, path, meta, from_path, kind));
done:
    return rc;
}

slab_status slab_copy_object(slab_file *from, const char *from_path, slab_object kind,
                             slab_txn *txn, const char *path)
{
    return ON_ROOT(txn, object_here(from, from_path, kind, txn, path));
}

static slab_status link_here(slab_txn *txn, const char *there, const char *path)
{
    slab_status rc = SLAB_OK;
    TRY(slab_txn_clear_path(txn, path));
    TRY(slab_meta_link_hard(txn->meta, there, path));
done:
    return rc;
}

slab_status slab_copy_link(slab_txn *txn, const char *there, const char *path)
{
    return ON_ROOT(txn, link_here(txn, there, path));
}

static slab_status attributes_here(slab_file *from, const char *from_path, slab_object kind,
                                   slab_txn *txn, const char *path, const slab_copy_map *map)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    TRY(slab_file_meta(from, &meta));
    if (kind == SLAB_OBJECT_ARRAY)
        TRY(slab_meta_move_references(txn->meta, path, meta, from_path, map));
    TRY(slab_meta_copy_attributes(txn->meta, path, meta, from_path, map));
done:
    return rc;
}

slab_status slab_copy_attributes(slab_file *from, const char *from_path, slab_object kind,
                                 slab_txn *txn, const char *path, const slab_copy_map *map)
{
    return ON_ROOT(txn, attributes_here(from, from_path, kind, txn, path, map));
}

slab_status slab_file_object_key(slab_file *file, const char *path, uint64_t *key)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    TRY(slab_file_meta(file, &meta));
    TRY(slab_meta_object_key(meta, path, key));
done:
    return rc;
}
