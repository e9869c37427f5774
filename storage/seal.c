/* Seals, as whoever reads a file sees them. */
#include <slab/storage/seal.h>

#include <slab/storage/base/try.h>

#include "array_impl.h"

slab_status slab_file_seal_check(slab_file *file, const char *path, slab_seal_check *out)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    *out = (slab_seal_check){0};
    TRY(slab_file_meta(file, &meta));
    TRY(slab_meta_seal_check(meta, path, out));
done:
    if (rc != SLAB_OK)
        slab_seal_check_clear(out);
    return rc;
}
