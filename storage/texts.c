#include <slab/storage/texts.h>

#include <slab/storage/array_impl.h>
#include <slab/storage/base/try.h>

bool slab_texts_are_in(const slab_array *array)
{
    return array->info.variable_text;
}

slab_status slab_texts_read(slab_array *array, const slab_selection *selection, slab_texts **out)
{
    slab_status rc = SLAB_OK;
    slab_meta *meta;
    *out = NULL;
    TRY(slab_file_meta(array->file, &meta));
    TRY(slab_meta_texts(meta, array->path, selection, out));
done:
    return rc;
}
