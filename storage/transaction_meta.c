/* Groups, attributes and small arrays: rank 0 does it, all agree. */
#include <slab/storage/transaction_impl.h>

#include <inttypes.h>
#include <string.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* Up to here an array is stored in one piece, unfiltered: every program reads it without a plugin,
 * and chunks would save nothing. */
#define SMALL_BYTES ((int64_t)64 << 10)

static bool same_path(const char *a, const char *b)
{
    return strcmp(a + (*a == '/'), b + (*b == '/')) == 0;
}

slab_status slab_txn_clear_path(slab_txn *txn, const char *path)
{
    slab_status rc = SLAB_OK;
    slab_object object;
    bool there;
    for (uint32_t i = 0; i < txn->narrays; i++)
        REQUIRE(!same_path(txn->arrays[i]->path, path), SLAB_ERR_EXISTS,
                "'%s' is created twice in '%s'", path, txn->file.path);
    TRY(slab_meta_find(txn->meta, path, &object, &there));
    if (!there)
        goto done;
    REQUIRE(txn->options.force, SLAB_ERR_EXISTS, "'%s' is in '%s' already (--force replaces it)",
            path, txn->file.path);
    TRY(slab_meta_remove(txn->meta, path));
done:
    return rc;
}

slab_status slab_txn_group(slab_txn *txn, const char *path)
{
    return ON_ROOT(txn, slab_meta_create_group(txn->meta, path));
}

slab_status slab_txn_attribute_text(slab_txn *txn, const char *path, const char *name,
                                    const char *text)
{
    return ON_ROOT(txn, slab_meta_attribute_text(txn->meta, path, name, text));
}

slab_status slab_txn_attribute(slab_txn *txn, const char *path, const char *name, slab_dtype dtype,
                               int64_t n, const void *data)
{
    return ON_ROOT(txn, slab_meta_attribute(txn->meta, path, name, dtype, n, data));
}

slab_status slab_txn_attribute_remove(slab_txn *txn, const char *path, const char *name)
{
    return ON_ROOT(txn, slab_meta_attribute_remove(txn->meta, path, name));
}

slab_status slab_txn_remove(slab_txn *txn, const char *path)
{
    return ON_ROOT(txn, slab_meta_remove(txn->meta, path));
}

/* Nothing was asked that needs chunks. */
static bool fits_one_piece(const slab_array_spec *spec, const slab_array_info *info)
{
    int64_t elements;
    return !spec->filter && !spec->fletcher32 && spec->chunk.rank == 0 &&
           slab_shape_equal(&info->shape, &info->max_shape) &&
           slab_shape_elements(&info->shape, &elements) == SLAB_OK &&
           elements <= SMALL_BYTES / info->dtype.size;
}

static slab_status put_one_piece(slab_txn *txn, const char *path, slab_array_info *info,
                                 const void *data)
{
    slab_status rc = SLAB_OK;
    slab_dtype native = slab_dtype_native(info->dtype);
    int64_t elements;
    info->layout = SLAB_LAYOUT_CONTIGUOUS;
    info->chunk = (slab_shape){0};
    info->pipeline.nfilters = 0;
    TRY(slab_txn_clear_path(txn, path));
    TRY(slab_meta_create_array(txn->meta, path, info));
    if (info->has_missing)
        TRY(slab_meta_attribute(txn->meta, path, "missing_value", native, -1, info->missing));
    TRY(slab_shape_elements(&info->shape, &elements));
    if (elements > 0)
        TRY(slab_meta_write(txn->meta, path, native, data));
done:
    return rc;
}

/* Cuts chunk after chunk out of the whole. */
static slab_status put_chunks(slab_writer *writer, const void *data)
{
    slab_status rc = SLAB_OK;
    const slab_grid *grid = slab_writer_grid(writer);
    size_t size = slab_writer_describe(writer)->dtype.size;
    int rank = grid->shape.rank;
    int64_t from_stride[SLAB_RANK_MAX], to_stride[SLAB_RANK_MAX];
    uint8_t *piece = NULL;
    slab_strides_of(rank, grid->shape.extent, size, from_stride);
    ALLOC(piece, slab_info_chunk_bytes(slab_writer_describe(writer)), "a chunk");
    for (int64_t c = 0; c < grid->ntiles; c++) {
        slab_box box;
        const uint8_t *from = data;
        slab_grid_box(grid, c, &box);
        for (int i = 0; i < rank; i++)
            from += box.start[i] * from_stride[i];
        slab_strides_of(rank, box.count, size, to_stride);
        slab_box_copy(rank, box.count, from, from_stride, piece, to_stride, size);
        TRY(slab_writer_put(writer, 0, c, piece));
    }
done:
    FREE(piece);
    return rc;
}

slab_status slab_txn_put_memory(const char *path, const slab_array_spec *spec,
                                const slab_txn_options *options, size_t *bytes)
{
    slab_status rc = SLAB_OK;
    slab_array_info info;
    slab_txn_options alone = *options;
    alone.threads = 1;
    *bytes = 0;
    TRY(slab_spec_resolve(spec, path, &info));
    *bytes = fits_one_piece(spec, &info)
                 ? 2 * (size_t)SMALL_BYTES
                 : slab_writer_memory(&info, &alone) + slab_info_chunk_bytes(&info);
done:
    return rc;
}

slab_status slab_txn_put(slab_txn *txn, const char *path, const slab_array_spec *spec,
                         const void *data)
{
    slab_status rc = SLAB_OK, put;
    slab_array_info info;
    slab_writer *writer = NULL;
    TRY(slab_ranks_agree(txn->ranks, slab_spec_resolve(spec, path, &info)));
    if (fits_one_piece(spec, &info)) {
        TRY(ON_ROOT(txn, put_one_piece(txn, path, &info, data)));
        goto done;
    }
    TRY(slab_txn_create(txn, path, spec, &writer));
    put = ON_ROOT(txn, put_chunks(writer, data));
    rc = slab_writer_close(&writer);
    if (put != SLAB_OK)
        rc = put;
done:
    return rc;
}
