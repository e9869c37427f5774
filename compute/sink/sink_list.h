/* The sinks. A new one is a row here and a file beside it that defines slab_sink_<row>. */
SLAB_SINK(statistics)
SLAB_SINK(gram)
SLAB_SINK(product)
SLAB_SINK(store)
SLAB_SINK(collect)
SLAB_SINK(difference)
