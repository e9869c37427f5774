/* The seal of one object, from what HDF5 says of it now. */
#include <slab/storage/hdf5/sealing_impl.h>

#include <string.h>

#include <slab/storage/hdf5/seen_impl.h>

typedef struct attribute_walk {
    slab_meta *meta;
    slab_seal *seal;
    slab_status rc;
} attribute_walk;

slab_status slab_seal_attribute_now(slab_meta *meta, hid_t object, const char *name,
                                    slab_seal *seal)
{
    slab_status rc = SLAB_OK;
    uint64_t value;
    TRY(slab_seen_attribute(meta->id, object, name, &value));
    TRY(slab_seal_attribute_set(seal, slab_seal_attribute_name(name), value));
done:
    return rc;
}

static herr_t on_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    attribute_walk *w = context;
    (void)info;
    if (strcmp(name, SLAB_SEAL_NAME) != 0)
        w->rc = slab_seal_attribute_now(w->meta, object, name, w->seal);
    return w->rc == SLAB_OK ? 0 : -1;
}

static slab_status seal_attributes(slab_meta *meta, hid_t object, slab_seal *seal)
{
    slab_status rc = SLAB_OK;
    attribute_walk w = {.meta = meta, .seal = seal};
    herr_t got = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_attribute, &w);
    TRY(w.rc);
    HDF5_REQUIRE(got >= 0, SLAB_ERR_FORMAT, "its attributes cannot be listed");
done:
    return rc;
}

static void part_set(slab_seal *seal, slab_seal_part part, slab_digest digest)
{
    seal->has[part] = true;
    seal->part[part] = digest;
}

/* Elements that slab has not written itself are read once more. Those that HDF5 cannot read, for
 * want of a filter, stay without a seal; so do those that lie elsewhere. */
static slab_status seal_elements(slab_meta *meta, hid_t array, const slab_digest *chunks,
                                 slab_seal *seal)
{
    slab_status rc = SLAB_OK;
    slab_digest elements;
    if (chunks) {
        part_set(seal, SLAB_SEAL_CHUNKS, *chunks);
    } else if (slab_seen_is_here(array)) {
        TRY(slab_hdf5_filters(NULL));
        rc = slab_seen_elements(meta->id, array, &elements);
        if (rc == SLAB_OK)
            part_set(seal, SLAB_SEAL_ELEMENTS, elements);
        if (rc == SLAB_ERR_FORMAT) {
            slab_error_clear();
            rc = SLAB_OK;
        }
    }
done:
    return rc;
}

static slab_status seal_array(slab_meta *meta, hid_t array, const slab_digest *chunks,
                              slab_seal *seal)
{
    slab_status rc = SLAB_OK;
    slab_digest digest;
    hid_t type = H5Dget_type(array), space = H5Dget_space(array);
    HDF5_REQUIRE(type >= 0 && space >= 0, SLAB_ERR_FORMAT, "its header is unreadable");
    TRY(slab_seen_type(type, &digest));
    part_set(seal, SLAB_SEAL_TYPE, digest);
    TRY(slab_seen_space(space, &digest));
    part_set(seal, SLAB_SEAL_SHAPE, digest);
    TRY(slab_seen_storage(array, type, &digest));
    part_set(seal, SLAB_SEAL_STORAGE, digest);
    TRY(seal_elements(meta, array, chunks, seal));
done:
    slab_hdf5_close(&type);
    slab_hdf5_close(&space);
    return rc;
}

slab_status slab_seal_object(slab_meta *meta, hid_t object, const slab_digest *chunks,
                             slab_seal *seal)
{
    slab_status rc = SLAB_OK;
    slab_digest digest;
    switch (H5Iget_type(object)) {
    case H5I_DATASET:
        TRY(seal_array(meta, object, chunks, seal));
        break;
    case H5I_DATATYPE:
        TRY(slab_seen_type(object, &digest));
        part_set(seal, SLAB_SEAL_TYPE, digest);
        break;
    default:
        part_set(seal, SLAB_SEAL_LINKS, (slab_digest){0});
    }
    TRY(seal_attributes(meta, object, seal));
    TRY(slab_seal_write(object, seal));
done:
    return rc;
}
