#include <slab/storage/codec/codec_impl.h>

static const slab_codec *const rows[] = {
#define SLAB_CODEC(row) &slab_codec_##row,
#include <slab/storage/codec/codec_list.h>
#undef SLAB_CODEC
};

enum { NROWS = sizeof rows / sizeof rows[0] };

const slab_codec *slab_codec_at(int i)
{
    return i >= 0 && i < NROWS ? rows[i] : NULL;
}

const slab_codec *slab_codec_by_id(int id)
{
    for (int i = 0; i < NROWS; i++)
        if (rows[i]->id == id)
            return rows[i];
    return NULL;
}

const slab_codec *slab_codec_by_name(const char *name)
{
    for (int i = 0; i < NROWS; i++)
        if (strcmp(rows[i]->name, name) == 0)
            return rows[i];
    return NULL;
}
