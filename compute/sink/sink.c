/* The registry of sinks. */
#include <slab/compute/sink/sink.h>

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
