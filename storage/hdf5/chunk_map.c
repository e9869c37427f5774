/* Where the chunks of an array lie. */
#include <slab/storage/hdf5/library_impl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/occupied_impl.h>

/* A walk over a box of chunk coordinates. */
typedef struct chunk_walk {
    slab_meta *meta;
    const char *path;
    hid_t array;
    int rank;
    hsize_t extent[SLAB_RANK_MAX]; /* of a chunk */
    const slab_box *box;
    slab_chunk *chunks;
    uint64_t file_size;
    uint64_t base; /* user block, where the library leaves it out */
    slab_status rc;
} chunk_walk;

static slab_status box_check(chunk_walk *w)
{
    slab_status rc = SLAB_OK;
    hsize_t extent[H5S_MAX_RANK];
    hid_t space = H5Dget_space(w->array);
    HDF5_REQUIRE(space >= 0, SLAB_ERR_FORMAT, "it has no shape");
    int rank = H5Sget_simple_extent_dims(space, extent, NULL);
    REQUIRE(rank == w->rank && w->box->rank == rank, SLAB_ERR_SHAPE,
            "a box of rank %d cannot hold chunks of rank %d", w->box->rank, rank);
    for (int i = 0; i < rank; i++) {
        int64_t count =
            (int64_t)(extent[i] / w->extent[i] + (extent[i] % w->extent[i] != 0 ? 1 : 0));
        REQUIRE(w->box->start[i] >= 0 && w->box->count[i] >= 0 && w->box->start[i] <= count &&
                    w->box->count[i] <= count - w->box->start[i],
                SLAB_ERR_RANGE,
                "chunks %" PRId64 "+%" PRId64 " along axis %d are not in 0..%" PRId64,
                w->box->start[i], w->box->count[i], i, count);
    }
done:
    slab_hdf5_close(&space);
    return rc;
}

static slab_status walk_begin(chunk_walk *w)
{
    slab_status rc = SLAB_OK;
    hid_t dcpl = H5Dget_create_plist(w->array);
    HDF5_REQUIRE(dcpl >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    REQUIRE(H5Pget_layout(dcpl) == H5D_CHUNKED, SLAB_ERR_TYPE, "it has no chunks");
    w->rank = H5Pget_chunk(dcpl, SLAB_RANK_MAX, w->extent);
    HDF5_REQUIRE(w->rank > 0, SLAB_ERR_FORMAT, "its chunks have no shape");
    TRY(box_check(w));
done:
    slab_hdf5_close(&dcpl);
    return rc;
}

static void chunk_words(const chunk_walk *w, const hsize_t *offset, char *text, size_t size)
{
    slab_shape at = {.rank = w->rank};
    char all[SLAB_SHAPE_TEXT_MAX];
    for (int i = 0; i < w->rank; i++)
        at.extent[i] = (int64_t)(offset[i] / w->extent[i]);
    snprintf(text, size, "%s", slab_shape_text(&at, all));
}

static slab_status chunk_check(const chunk_walk *w, const hsize_t *offset, const slab_chunk *chunk)
{
    slab_status rc = SLAB_OK;
    char words[256];
    if (chunk->size > 0 && chunk->address <= w->file_size &&
        chunk->size <= w->file_size - chunk->address)
        return SLAB_OK;
    chunk_words(w, offset, words, sizeof words);
    FAIL(SLAB_ERR_FORMAT,
         "chunk %s, %" PRIu64 " bytes at %" PRIu64 ", lies outside of the file of %" PRIu64
         " bytes",
         words, chunk->size, chunk->address, w->file_size);
done:
    return rc;
}

#if H5_VERSION_GE(1, 14, 0)

static int on_chunk(const hsize_t *offset, unsigned mask, haddr_t address, hsize_t size, void *data)
{
    chunk_walk *w = data;
    size_t n = 0;
    for (int i = 0; i < w->rank; i++) {
        int64_t at = (int64_t)(offset[i] / w->extent[i]) - w->box->start[i];
        if (at < 0 || at >= w->box->count[i])
            return H5_ITER_CONT;
        n = n * (size_t)w->box->count[i] + (size_t)at;
    }
    slab_chunk chunk = {.address = address + w->base, .size = size, .mask = mask};
    if (address == HADDR_UNDEF)
        return H5_ITER_CONT;
    w->rc = chunk_check(w, offset, &chunk);
    w->chunks[n] = chunk;
    return w->rc == SLAB_OK ? H5_ITER_CONT : H5_ITER_ERROR;
}

/* Until 1.14.4 chunk addresses were told without the user block. */
static slab_status user_block(chunk_walk *w)
{
    slab_status rc = SLAB_OK;
#if !H5_VERSION_GE(1, 14, 4)
    hsize_t size = 0;
    hid_t fcpl = H5Fget_create_plist(w->meta->id);
    HDF5_REQUIRE(fcpl >= 0 && H5Pget_userblock(fcpl, &size) >= 0, SLAB_ERR_FORMAT,
                 "the file's user block is unreadable");
    w->base = size;
done:
    slab_hdf5_close(&fcpl);
#else
    (void)w;
#endif
    return rc;
}

static slab_status walk(chunk_walk *w)
{
    slab_status rc = SLAB_OK;
    TRY(user_block(w));
    herr_t got = H5Dchunk_iter(w->array, H5P_DEFAULT, on_chunk, w);
    TRY(w->rc);
    HDF5_REQUIRE(got >= 0, SLAB_ERR_FORMAT, "its chunk index is unreadable");
done:
    return rc;
}

#else

/* What HDF5 says itself. It walks the whole index for it: only when spying did not work. An index that
 * cannot be read cannot be read by this either. */
static slab_status ask(const chunk_walk *w, const hsize_t *offset, slab_chunk *chunk)
{
    slab_status rc = SLAB_OK;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0, base = 0;
    unsigned mask = 0;
    char words[256];
    hid_t fcpl = H5Fget_create_plist(w->meta->id);
    chunk_words(w, offset, words, sizeof words);
    HDF5_REQUIRE(H5Dget_chunk_info_by_coord(w->array, offset, &mask, &address, &size) >= 0,
                 SLAB_ERR_FORMAT, "its chunk index is unreadable at chunk %s", words);
    HDF5_REQUIRE(fcpl >= 0 && H5Pget_userblock(fcpl, &base) >= 0, SLAB_ERR_FORMAT,
                 "the file's user block is unreadable");
    if (address != HADDR_UNDEF)
        *chunk = (slab_chunk){.address = address + base, .size = size, .mask = mask};
done:
    slab_hdf5_close(&fcpl);
    return rc;
}

/* One chunk. HDF5 reads it into the sentinel: the driver notes where from and reads nothing. */
static slab_status spy(const chunk_walk *w, const hsize_t *offset, slab_chunk *chunk)
{
    slab_status rc = SLAB_OK;
    slab_driver_file *file = w->meta->file;
    uint32_t mask = 0;
    *chunk = (slab_chunk){0};
    file->spied = 0;
    if (H5Dread_chunk(w->array, H5P_DEFAULT, offset, &mask, slab_driver_sentinel()) < 0) {
        /* The index was searched and does not have it; when the search itself fails, the error
         * comes from further down. There is no call that tells the two apart more plainly. */
        if (slab_hdf5_failed_in("H5D__chunk_direct_read"))
            return SLAB_OK;
        file->spied = 0; /* of a chunk outside of the file HDF5 reads nothing */
    }
    if (file->spied == 1)
        *chunk = (slab_chunk){file->spied_address, file->spied_size, mask};
    else
        TRY(ask(w, offset, chunk));
    TRY(chunk_check(w, offset, chunk));
done:
    return rc;
}

static slab_status walk(chunk_walk *w)
{
    slab_status rc = SLAB_OK;
    hsize_t offset[SLAB_RANK_MAX];
    int64_t at[SLAB_RANK_MAX] = {0}, n = slab_box_elements(w->box);
    for (int64_t c = 0; c < n; c++) {
        slab_watch_step();
        for (int i = 0; i < w->rank; i++)
            offset[i] = (hsize_t)(w->box->start[i] + at[i]) * w->extent[i];
        TRY(spy(w, offset, &w->chunks[c]));
        for (int i = w->rank - 1; i >= 0 && ++at[i] == w->box->count[i]; i--)
            at[i] = 0;
    }
done:
    return rc;
}

#endif

slab_status slab_meta_chunks(slab_meta *meta, const char *path, const slab_box *box,
                             slab_chunk *chunks)
{
    slab_status rc = SLAB_OK;
    chunk_walk w = {.meta = meta, .path = path, .box = box, .chunks = chunks};
    bool elsewhere;
    TRY(slab_meta_enter(meta));
    TRY(slab_meta_array(meta, path, &w.array));
    TRY(slab_hdf5_is_elsewhere(meta->id, path, &elsewhere));
    REQUIRE(!elsewhere, SLAB_ERR_UNSUPPORTED,
            "array '%s' of '%s' lies in another file (external link): there is no map of its chunks",
            path, meta->path);
    w.file_size = meta->file->size;
    rc = walk_begin(&w);
    if (rc == SLAB_OK && slab_box_elements(box) > 0) {
        memset(chunks, 0, (size_t)slab_box_elements(box) * sizeof *chunks);
        rc = walk(&w);
    }
    if (rc != SLAB_OK)
        rc = slab_error_prefix(rc, "array '%s' of '%s'", path, meta->path);
done:
    slab_meta_leave(meta);
    return rc;
}
