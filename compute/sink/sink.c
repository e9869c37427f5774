/* The registry of sinks. */
#include <slab/compute/sink/sink.h>

#include <slab/storage/base/try.h>
#include <string.h>

#define SLAB_SINK(name) extern const slab_sink_class slab_sink_##name;
#include <slab/compute/sink/sink_list.h>
#undef SLAB_SINK

static const slab_sink_class *const sinks[] = {
#define SLAB_SINK(name) &slab_sink_##name,
#include <slab/compute/sink/sink_list.h>
#undef SLAB_SINK
};

const slab_sink_class *slab_sink_at(int i)
{
    return i >= 0 && (size_t)i < sizeof sinks / sizeof *sinks ? sinks[i] : NULL;
}

const slab_sink_class *slab_sink_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof sinks / sizeof *sinks; i++)
        if (strcmp(sinks[i]->name, name) == 0)
            return sinks[i];
    return NULL;
}

slab_status slab_sink_each_part(const slab_tile *tile, size_t size, slab_take_part take,
                                void *context)
{
    slab_status rc = SLAB_OK;
    slab_tile part = *tile;
    bool more = slab_box_first_part(&tile->box, size, SLAB_PART_BYTES, &part.box);
    while (more) {
        const char *data = tile->view.data;
        for (int a = 0; a < tile->box.rank; a++)
            data += (part.box.start[a] - tile->box.start[a]) * tile->view.stride[a];
        part.view.data = data;
        TRY(take(context, &part));
        more = slab_box_next_part(&tile->box, size, SLAB_PART_BYTES, &part.box);
    }
done:
    return rc;
}
