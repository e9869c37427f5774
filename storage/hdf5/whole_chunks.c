/* Each chunk is decoded once more, by slab: that it can be is all that is wanted. */
#include <slab/storage/hdf5/whole_chunks_impl.h>

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/lists_impl.h>
#include <slab/storage/hdf5/occupied_impl.h>

typedef struct look {
    hid_t array;
    const slab_array_info *info;
    slab_pipeline pipeline;
    uint64_t file_size;
    slab_lane *lane; /* NULL: slab does not have these filters */
    unsigned char *packed, *plain;
    size_t room;       /* of packed */
    slab_lists *lists; /* NULL: its elements do not lie in heaps */
} look;

static herr_t read_packed(hid_t array, const hsize_t *offset, uint32_t *mask, unsigned char *packed,
                          size_t size)
{
#if H5_VERSION_GE(2, 0, 0)
    return H5Dread_chunk(array, H5P_DEFAULT, offset, mask, packed, &size);
#else
    (void)size;
    return H5Dread_chunk(array, H5P_DEFAULT, offset, mask, packed);
#endif
}

/* Chunks that reach over the edge may be stored without filters, though their mask does not say so.
 */
static bool is_cut(const look *l, const hsize_t *offset)
{
    bool cut = false;
    for (int i = 0; i < l->info->shape.rank; i++)
        cut |= offset[i] + (hsize_t)l->info->chunk.extent[i] > (hsize_t)l->info->shape.extent[i];
    return cut;
}

static slab_status decode(look *l, uint32_t mask, size_t size)
{
    slab_status rc = SLAB_OK;
    slab_watch_ours(true);
    if (l->plain == NULL)
        rc = slab_memory_alloc((void **)&l->plain, l->pipeline.type.bytes, 1, "a decoded chunk");
    if (rc == SLAB_OK)
        rc = slab_lane_decode(l->lane, mask, l->packed, size, l->plain);
    slab_watch_ours(false);
    slab_watch_moved(size + l->pipeline.type.bytes);
    return rc;
}

static size_t elements_of(const look *l)
{
    size_t elements = 1;
    for (int i = 0; i < l->info->chunk.rank; i++)
        elements *= (size_t)l->info->chunk.extent[i];
    return elements;
}

static slab_status chunk_look(look *l, const hsize_t *offset)
{
    slab_status rc = SLAB_OK;
    hsize_t size = 0;
    uint32_t mask = 0, all = (uint32_t)((UINT64_C(1) << l->pipeline.nfilters) - 1);
    HDF5_REQUIRE(H5Dget_chunk_storage_size(l->array, offset, &size) >= 0, SLAB_ERR_FORMAT,
                 "its chunk index is unreadable");
    if (size == 0)
        goto done; /* never written */
    REQUIRE(size <= l->file_size, SLAB_ERR_FORMAT,
            "%" PRIu64 " bytes in a file of %" PRIu64 " bytes", (uint64_t)size, l->file_size);
    /* HDF5 reads what a chunk has, whatever the index says; H5Dread_chunk() would read what the
     * index says, for which there may be no room. */
    if (l->pipeline.nfilters == 0 && (!l->lists || size != l->pipeline.type.bytes))
        goto done; /* nothing to decode */
    if (size > l->room) {
        TRY(slab_memory_resize((void **)&l->packed, (size_t)size, 1, "a packed chunk"));
        l->room = (size_t)size;
    }
    HDF5_REQUIRE(read_packed(l->array, offset, &mask, l->packed, (size_t)size) >= 0,
                 SLAB_ERR_FORMAT, "HDF5 cannot read it");
    if (l->info->edge_unfiltered && is_cut(l, offset))
        mask = all;
    REQUIRE((mask & all) != all || size == l->pipeline.type.bytes, SLAB_ERR_FORMAT,
            "%" PRIu64 " bytes without filters where a chunk has %zu", (uint64_t)size,
            l->pipeline.type.bytes);
    if (l->lane != NULL)
        TRY(decode(l, mask, (size_t)size));
    if (l->lane != NULL && l->lists != NULL)
        TRY(slab_lists_check(l->lists, l->plain, elements_of(l)));
done:
    return rc;
}

static slab_status blame(const look *l, const hsize_t *offset, slab_status rc)
{
    slab_shape at = {.rank = l->info->shape.rank};
    char text[SLAB_SHAPE_TEXT_MAX];
    for (int i = 0; i < at.rank; i++)
        at.extent[i] = (int64_t)offset[i] / l->info->chunk.extent[i];
    return slab_error_prefix(rc, "chunk %s", slab_shape_text(&at, text));
}

/* The first element from i on, of those selected along an axis, that lies in another chunk than i.
 */
static int64_t next_chunk(const slab_selection *s, int axis, int64_t extent, int64_t i)
{
    int64_t step = s->step[axis], at = s->start[axis] + i * step, in = at % extent;
    int64_t left = step > 0 ? extent - in : in + 1;
    int64_t by = step > 0 ? step : -step;
    return i + left / by + (left % by != 0);
}

static slab_status look_at_all(look *l, const slab_selection *s)
{
    slab_status rc = SLAB_OK;
    const int64_t *extent = l->info->chunk.extent;
    int64_t at[SLAB_RANK_MAX] = {0};
    hsize_t offset[SLAB_RANK_MAX];
    int axis;
    do {
        slab_watch_step();
        for (int i = 0; i < s->rank; i++)
            offset[i] = (hsize_t)((s->start[i] + at[i] * s->step[i]) / extent[i] * extent[i]);
        rc = chunk_look(l, offset);
        if (rc != SLAB_OK)
            return blame(l, offset, rc);
        for (axis = s->rank - 1; axis >= 0; axis--) {
            at[axis] = next_chunk(s, axis, extent[axis], at[axis]);
            if (at[axis] < s->count[axis])
                break;
            at[axis] = 0;
        }
    } while (axis >= 0);
    return rc;
}

static slab_status look_prepare(look *l)
{
    slab_status rc = SLAB_OK;
    char *file = NULL;
    struct stat st;
    l->pipeline = l->info->pipeline;
    l->pipeline.type.dtype = (slab_dtype){
        .kind = SLAB_KIND_OTHER, .size = (uint32_t)(l->pipeline.type.bytes / elements_of(l))};
    TRY(slab_hdf5_file_name(l->array, &file));
    if (stat(file, &st) != 0)
        FAIL_ERRNO("cannot look at '%s'", file);
    l->file_size = (uint64_t)st.st_size;
    if (slab_pipeline_check(&l->pipeline) != SLAB_OK)
        slab_error_clear();
    else
        TRY(slab_lane_create(&l->pipeline, false, &l->lane));
done:
    slab_memory_free(file);
    return rc;
}

slab_selection slab_selection_rows(const slab_shape *shape, int64_t first, int64_t most)
{
    slab_selection s = {.rank = shape->rank};
    for (int i = 0; i < shape->rank; i++) {
        s.start[i] = i == 0 ? first : 0;
        s.step[i] = 1;
        s.count[i] = shape->extent[i] - s.start[i];
    }
    if (shape->rank > 0 && s.count[0] > most)
        s.count[0] = most;
    return s;
}

/* References of the kind that came with HDF5 1.12 take less in memory than in the file. */
static bool size_is_known(hid_t array)
{
    bool known = true;
#if H5_VERSION_GE(1, 12, 0)
    hid_t type = H5Dget_type(array);
    known = type >= 0 && H5Tdetect_class(type, H5T_REFERENCE) <= 0;
    slab_hdf5_close(&type);
#else
    (void)array;
#endif
    return known;
}

slab_status slab_chunks_are_whole(hid_t array, const slab_array_info *info,
                                  const slab_selection *selection)
{
    slab_status rc = SLAB_OK;
    look l = {.array = array, .info = info};
    slab_selection s = selection ? *selection : slab_selection_rows(&info->shape, 0, INT64_MAX);
    for (int i = 0; i < s.rank; i++)
        if (s.count[i] == 0)
            return SLAB_OK;
    if (info->stored_bytes == 0 || !size_is_known(array))
        return SLAB_OK;
    TRY(slab_lists_open(array, &l.lists));
    if (l.lists != NULL && info->layout == SLAB_LAYOUT_CONTIGUOUS)
        TRY(slab_lists_check_rows(l.lists, array, &info->shape, &s));
    if (info->layout != SLAB_LAYOUT_CHUNKED)
        goto done;
    TRY(look_prepare(&l));
    TRY(look_at_all(&l, &s));
done:
    slab_lists_close(&l.lists);
    slab_lane_destroy(&l.lane);
    slab_memory_free(l.packed);
    slab_memory_free(l.plain);
    return rc;
}
