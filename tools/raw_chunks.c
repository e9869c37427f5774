#include <slab/tools/raw_chunks.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <slab/storage/base/io.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/chunk_log.h>
#include <unistd.h>

/* One thread's buffers. */
typedef struct lane {
    slab_lane *decoder;
    unsigned char *packed, *plain;
    size_t room; /* of packed */
    slab_digest sum;
} lane;

struct slab_raw_chunks {
    int fd, threads;
    slab_array *array;
    slab_grid grid;
    const slab_chunk *chunks; /* the array's */
    slab_pipeline pipeline;
    bool decodes;
    lane *lanes; /* [threads] */
};

static slab_status open_here(const char *path, int threads, slab_raw_chunks **out)
{
    slab_status rc = SLAB_OK;
    slab_raw_chunks *c = NULL;
    ALLOC(c, 1, "a check of chunks");
    *out = c;
    c->threads = threads;
    c->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0)
        FAIL_ERRNO("cannot open '%s'", path);
    ALLOC(c->lanes, threads, "threads of a check");
done:
    return rc;
}

slab_status slab_raw_chunks_open(slab_array *array, int threads, bool sealed, slab_raw_chunks **out)
{
    slab_status rc = SLAB_OK;
    slab_raw_chunks *c = NULL;
    const slab_array_info *info = slab_array_describe(array);
    const char *path = slab_file_path(slab_array_file(array));
    const slab_chunk *chunks;
    bool decodes = true;
    *out = NULL;
    slab_ranks *ranks = slab_file_ranks(slab_array_file(array));
    REQUIRE(!info->elsewhere, SLAB_ERR_UNSUPPORTED, "%s: verify that file", info->fallback);
    REQUIRE(info->layout == SLAB_LAYOUT_CHUNKED && !info->edge_unfiltered, SLAB_ERR_UNSUPPORTED,
            "there are no checksums in this layout");
    rc = slab_pipeline_check(&info->pipeline);
    if (rc == SLAB_ERR_UNSUPPORTED && sealed) {
        slab_error_clear();
        decodes = false;
        rc = SLAB_OK;
    }
    TRY(rc);
    TRY(slab_ranks_agree(ranks, open_here(path, threads, &c)));
    c->array = array;
    c->pipeline = info->pipeline;
    c->decodes = decodes;
    TRY(slab_array_chunks(array, &c->grid, &chunks));
    c->chunks = chunks;
    *out = c;
    c = NULL;
done:
    slab_raw_chunks_close(&c);
    return rc;
}

void slab_raw_chunks_close(slab_raw_chunks **chunks)
{
    slab_raw_chunks *c = *chunks;
    if (!c)
        return;
    for (int i = 0; c->lanes && i < c->threads; i++) {
        slab_lane_destroy(&c->lanes[i].decoder);
        slab_memory_free(c->lanes[i].packed);
        slab_memory_free(c->lanes[i].plain);
    }
    if (c->fd >= 0)
        close(c->fd);
    FREE(c->lanes);
    FREE(*chunks);
}

static slab_status read_packed(const slab_raw_chunks *c, lane *own, const slab_chunk *chunk)
{
    slab_status rc = SLAB_OK;
    if (chunk->size > own->room) {
        TRY(slab_memory_resize((void **)&own->packed, chunk->size, 1, "a packed chunk"));
        own->room = chunk->size;
    }
    ssize_t n = slab_read_at(c->fd, own->packed, chunk->size, chunk->address);
    if (n < 0)
        FAIL_ERRNO("%zu bytes at %" PRIu64, (size_t)chunk->size, chunk->address);
    REQUIRE((size_t)n == chunk->size, SLAB_ERR_FORMAT,
            "the file ends at byte %" PRIu64 ", within the chunk", chunk->address + (uint64_t)n);
done:
    return rc;
}

/* Says which chunk an error is about. */
static slab_status blame(const slab_raw_chunks *c, int64_t number, slab_status rc)
{
    slab_shape where = {.rank = c->grid.shape.rank};
    char text[SLAB_SHAPE_TEXT_MAX];
    if (rc == SLAB_OK)
        return rc;
    slab_grid_coords(&c->grid, number, where.extent);
    return slab_error_prefix(rc, "cannot read chunk %s of '%s:%s'", slab_shape_text(&where, text),
                             slab_file_path(slab_array_file(c->array)), slab_array_path(c->array));
}

slab_status slab_raw_chunks_check(slab_raw_chunks *c, int thread, int64_t number)
{
    slab_status rc = SLAB_OK;
    lane *own = &c->lanes[thread];
    const slab_chunk *chunk = &c->chunks[number];
    if (chunk->size == 0)
        goto done; /* never written */
    TRY(read_packed(c, own, chunk));
    own->sum =
        slab_digest_add(own->sum, slab_chunk_digest(number, chunk->mask, chunk->size,
                                                    slab_chunk_checksum(own->packed, chunk->size)));
    if (!c->decodes)
        goto done;
    if (!own->decoder) {
        TRY(slab_lane_create(&c->pipeline, false, &own->decoder));
        ALLOC(own->plain, c->pipeline.type.bytes, "a decoded chunk");
    }
    TRY(slab_lane_decode(own->decoder, chunk->mask, own->packed, chunk->size, own->plain));
done:
    return blame(c, number, rc);
}

slab_digest slab_raw_chunks_sum(const slab_raw_chunks *c)
{
    slab_digest sum = {0};
    for (int i = 0; i < c->threads; i++)
        sum = slab_digest_add(sum, c->lanes[i].sum);
    return sum;
}
