/* Variable-length strings. HDF5 asks for memory string by string and forgets what it took when a
 * read fails: so they lie in blocks that belong to the whole. */
#include <slab/storage/texts.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/watch.h>
#include <slab/storage/hdf5/fallback_impl.h>

enum { BLOCK = 64 << 10, ALIGN = 8 };

typedef struct block {
    struct block *next;
    size_t used, room;
    char bytes[];
} block;

struct slab_texts {
    char **at;
    block *blocks; /* the newest first */
};

static slab_status take(slab_texts *texts, size_t size, void **out)
{
    slab_status rc = SLAB_OK;
    block *b = texts->blocks;
    REQUIRE(size <= SIZE_MAX - BLOCK, SLAB_ERR_OVERFLOW, "a string of %zu bytes", size);
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (b == NULL || b->room - b->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        TRY(slab_memory_alloc((void **)&b, 1, sizeof *b + room, "strings"));
        b->next = texts->blocks;
        b->room = room;
        texts->blocks = b;
    }
    *out = b->bytes + b->used;
    b->used += size;
done:
    return rc;
}

/* What HDF5 calls. */
static void *take_for_hdf5(size_t size, void *texts)
{
    void *bytes = NULL;
    slab_watch_moved(size);
    return slab_driver_failed(take(texts, size, &bytes)) < 0 ? NULL : bytes;
}

static void keep_for_us(void *bytes, void *texts)
{
    (void)bytes, (void)texts;
}

static slab_status read_texts(slab_meta *meta, hid_t array, const slab_selection *selection,
                              slab_texts *texts)
{
    slab_status rc = SLAB_OK;
    hid_t type = H5Dget_type(array), dxpl = H5I_INVALID_HID;
    size_t n;
    HDF5_REQUIRE(type >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    REQUIRE(H5Tis_variable_str(type) > 0, SLAB_ERR_TYPE, "it holds no variable-length strings");
    TRY(slab_selection_bytes(selection, 1, &n));
    ALLOC(texts->at, n, "strings");
    dxpl = H5Pcreate(H5P_DATASET_XFER);
    HDF5_REQUIRE(dxpl >= 0 &&
                     H5Pset_vlen_mem_manager(dxpl, take_for_hdf5, texts, keep_for_us, texts) >= 0,
                 SLAB_ERR_HDF5, "HDF5 gives no property list");
    if (n > 0)
        TRY(slab_hdf5_transfer(meta, array, selection, type, sizeof *texts->at, dxpl, texts->at));
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&dxpl);
    return rc;
}

slab_status slab_meta_texts(slab_meta *meta, const char *path, const slab_selection *selection,
                            slab_texts **out)
{
    slab_status rc = SLAB_OK;
    slab_texts *texts = NULL;
    hid_t array;
    *out = NULL;
    TRY(slab_meta_enter(meta));
    ALLOC(texts, 1, "strings");
    TRY(slab_meta_array(meta, path, &array));
    TRY_SAYING(read_texts(meta, array, selection, texts), "array '%s' of '%s'", path, meta->path);
    *out = texts;
    texts = NULL;
done:
    slab_texts_destroy(&texts);
    slab_meta_leave(meta);
    return rc;
}

void slab_texts_destroy(slab_texts **texts)
{
    slab_texts *t = *texts;
    *texts = NULL;
    if (t == NULL)
        return;
    while (t->blocks != NULL) {
        block *b = t->blocks;
        t->blocks = b->next;
        slab_memory_free(b);
    }
    slab_memory_free(t->at);
    slab_memory_free(t);
}

const char *slab_texts_at(const slab_texts *texts, int64_t i)
{
    return texts->at[i] != NULL ? texts->at[i] : "";
}
