/* Arrays: what they are and where their chunks lie, read by one rank and told to the others. */
#include <slab/storage/array.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

#include "array_impl.h"

#define CHUNK_BYTES_MAX (((size_t)1 << 32) - 1) /* HDF5 keeps them in 32 bits */

/* Sizes in a file are claims: none is used before it is checked. */
static slab_status check_shape(const slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    int64_t elements;
    REQUIRE(info->shape.rank >= 0 && info->shape.rank <= SLAB_RANK_MAX, SLAB_ERR_SHAPE,
            "rank %d; at most %d are possible", info->shape.rank, SLAB_RANK_MAX);
    REQUIRE(info->dtype.size > 0, SLAB_ERR_FORMAT, "elements of no bytes");
    TRY(slab_shape_elements(&info->shape, &elements));
done:
    return rc;
}

/* The metadata plane has multiplied the chunk's bytes with care. */
static slab_status check_chunk(const slab_array_info *info)
{
    slab_status rc = SLAB_OK;
    char text[SLAB_SHAPE_TEXT_MAX];
    int64_t elements;
    REQUIRE(info->shape.rank > 0 && info->chunk.rank == info->shape.rank, SLAB_ERR_FORMAT,
            "chunks of rank %d in an array of rank %d", info->chunk.rank, info->shape.rank);
    TRY(slab_shape_elements(&info->chunk, &elements));
    REQUIRE(elements > 0, SLAB_ERR_FORMAT, "chunks %s", slab_shape_text(&info->chunk, text));
    REQUIRE(info->pipeline.type.bytes <= CHUNK_BYTES_MAX, SLAB_ERR_RANGE,
            "chunks %s of %zu bytes; HDF5 has no room for more than 4 GiB in one",
            slab_shape_text(&info->chunk, text), info->pipeline.type.bytes);
    REQUIRE(info->fallback[0] || info->pipeline.type.bytes == (size_t)elements * info->dtype.size,
            SLAB_ERR_FORMAT, "chunks %s of %zu bytes, elements of %" PRIu32,
            slab_shape_text(&info->chunk, text), info->pipeline.type.bytes, info->dtype.size);
done:
    return rc;
}

static void judge_filters(slab_array_info *info)
{
    if (info->fallback[0] || slab_pipeline_check(&info->pipeline) == SLAB_OK)
        return;
    snprintf(info->fallback, sizeof info->fallback, "%.*s", SLAB_REASON_MAX - 1,
             slab_error_last()->message);
    slab_error_clear();
}

/* Objects keep their place in a file, and no other ever takes it: so the same key is the same
 * array, with the same chunks. */
slab_status slab_array_same(slab_array *array, slab_meta *meta)
{
    slab_status rc = SLAB_OK;
    int states = slab_meta_states(meta);
    uint64_t key;
    if (atomic_load(&array->states) == states)
        return SLAB_OK;
    TRY(slab_meta_object_key(meta, array->path, &key));
    REQUIRE(key == array->key, SLAB_ERR_LOCKED,
            "another process has replaced '%s:%s' while it was read: run the command again",
            array->file->path, array->path);
    atomic_store(&array->states, states);
done:
    return rc;
}

slab_status slab_array_judge(slab_array *array, slab_meta *meta, slab_status rc)
{
    slab_error why = *slab_error_last();
    slab_status same = slab_array_same(array, meta);
    if (same == SLAB_OK && rc != SLAB_OK)
        slab_error_restore(&why);
    return same == SLAB_ERR_LOCKED || rc == SLAB_OK ? same : rc;
}

/* Arrays of one file that are used together are those of one state: when there is a new one, those
 * that were opened before must be in it. */
static slab_status all_same(slab_file *file, slab_meta *meta)
{
    slab_status rc = SLAB_OK;
    int states;
    do {
        states = slab_meta_states(meta);
        for (slab_array *a = file->arrays; a; a = a->next)
            TRY(slab_array_same(a, meta));
    } while (states != slab_meta_states(meta));
done:
    return rc;
}

static slab_status describe_here(slab_array *array)
{
    slab_status rc = SLAB_OK;
    slab_file *file = array->file;
    const char *path = array->path;
    slab_array_info *info = &array->info;
    slab_meta *meta;
    int states;
    TRY(slab_file_meta(file, &meta));
    do { /* both are to be of one state */
        states = slab_meta_states(meta);
        TRY(slab_meta_describe(meta, path, info));
        TRY(slab_meta_object_key(meta, path, &array->key));
    } while (states != slab_meta_states(meta));
    atomic_store(&array->states, states);
    TRY(all_same(file, meta));
    TRY_SAYING(check_shape(info), "cannot use '%s:%s'", file->path, path);
    if (info->layout == SLAB_LAYOUT_CHUNKED) {
        TRY_SAYING(check_chunk(info), "cannot use '%s:%s'", file->path, path);
        judge_filters(info);
    }
done:
    return rc;
}

slab_status slab_array_open(slab_file *file, const char *path, slab_array **out)
{
    slab_status rc = SLAB_OK;
    slab_array *array = NULL;
    *out = NULL;
    rc = slab_memory_alloc((void **)&array, 1, sizeof *array, "an array");
    if (rc == SLAB_OK) {
        array->file = file;
        array->next = file->arrays;
        file->arrays = array;
        array->states = -1; /* other ranks have not seen it yet */
        rc = slab_memory_strdup(&array->path, path);
    }
    if (rc == SLAB_OK && slab_file_leads(file))
        rc = describe_here(array);
    TRY(slab_ranks_agree(file->ranks, rc));
    TRY(slab_ranks_broadcast(file->ranks, &array->key, sizeof array->key, 0));
    TRY(slab_ranks_broadcast(file->ranks, &array->info, sizeof array->info, 0));
    *out = array;
    array = NULL;
done:
    slab_array_close(&array);
    return rc;
}

void slab_array_close(slab_array **array)
{
    slab_array *a = *array;
    *array = NULL;
    if (!a)
        return;
    for (slab_array **at = a->file ? &a->file->arrays : NULL; at && *at; at = &(*at)->next)
        if (*at == a) {
            *at = a->next;
            break;
        }
    FREE(a->chunks);
    FREE(a->path);
    FREE(a);
}

const slab_array_info *slab_array_describe(const slab_array *array)
{
    return &array->info;
}

const char *slab_array_path(const slab_array *array)
{
    return array->path;
}

slab_file *slab_array_file(const slab_array *array)
{
    return array->file;
}

static slab_status allocate_chunks(slab_array *array)
{
    slab_status rc = SLAB_OK;
    REQUIRE(array->info.layout == SLAB_LAYOUT_CHUNKED, SLAB_ERR_UNSUPPORTED,
            "'%s:%s' is not chunked", array->file->path, array->path);
    TRY(slab_grid_make(&array->info.shape, &array->info.chunk, NULL, &array->grid));
    TRY_SAYING(slab_memory_alloc((void **)&array->chunks, (size_t)array->grid.ntiles,
                                 sizeof *array->chunks, "the chunk map"),
               "cannot look up the %" PRId64 " chunks of '%s:%s'", array->grid.ntiles,
               array->file->path, array->path);
done:
    return rc;
}

/* An index that names a chunk twice hides another one, which would read as fill values. */
static slab_status chunks_are_all(const slab_array *array, slab_meta *meta)
{
    slab_status rc = SLAB_OK;
    slab_array_info now;
    uint64_t found = 0;
    for (int64_t c = 0; c < array->grid.ntiles; c++)
        found += array->chunks[c].size;
    if (found == array->info.stored_bytes)
        return SLAB_OK;
    TRY(slab_meta_describe(meta, array->path, &now)); /* others may have added some meanwhile */
    REQUIRE(found == now.stored_bytes, SLAB_ERR_FORMAT,
            "its chunk index is damaged: it has %" PRIu64 " bytes of chunks, and %" PRIu64
            " are those of its shape",
            now.stored_bytes, found);
done:
    return rc;
}

static slab_status look_up(slab_array *array)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    slab_box all = slab_box_whole(&array->grid.count);
    TRY(slab_file_meta(array->file, &meta));
    rc = slab_meta_chunks(meta, array->path, &all, array->chunks);
    TRY_SAYING(slab_array_judge(array, meta, rc), "cannot look up the chunks of '%s:%s'",
               array->file->path, array->path);
    TRY_SAYING(slab_chunks_are_apart(array->chunks, &array->grid), "cannot use '%s:%s'",
               array->file->path, array->path);
    TRY_SAYING(chunks_are_all(array, meta), "cannot use '%s:%s'", array->file->path, array->path);
done:
    return rc;
}

static slab_status load_chunks(slab_array *array)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = array->file->ranks;
    rc = allocate_chunks(array);
    if (rc == SLAB_OK && slab_file_leads(array->file) && array->grid.ntiles > 0)
        rc = look_up(array);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, array->chunks,
                             (size_t)array->grid.ntiles * sizeof *array->chunks, 0));
    array->info.stored_chunks = 0;
    for (int64_t c = 0; c < array->grid.ntiles; c++)
        array->info.stored_chunks += array->chunks[c].size > 0;
    array->loaded = true;
done:
    if (rc != SLAB_OK)
        FREE(array->chunks);
    return rc;
}

slab_status slab_array_chunks(slab_array *array, slab_grid *grid, const slab_chunk **chunks)
{
    slab_status rc = SLAB_OK;
    if (!array->loaded)
        TRY(load_chunks(array));
    *grid = array->grid;
    *chunks = array->chunks;
done:
    return rc;
}
