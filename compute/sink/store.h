/**
 * Storing a value: the sink that writes every tile as a chunk of a new array.
 */
#ifndef SLAB_COMPUTE_SINK_STORE_H
#define SLAB_COMPUTE_SINK_STORE_H

#include <slab/compute/sink/sink.h>
#include <slab/storage/transaction.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_store slab_store;
extern const slab_sink_class slab_sink_store;

/**
 * A pass with this sink takes the writer's chunks as its tiles; elements are converted to the
 * array's type. The writer's own memory (slab_writer_memory) is not part of the pass's plan.
 *
 * @param writer  borrowed; opened for as many threads as the crew has. Close it after the pass.
 * @retval SLAB_ERR_SHAPE  the array written has another shape
 * @retval SLAB_ERR_TYPE   elements cannot be converted
 */
slab_status slab_store_create(const slab_value *value, slab_writer *writer, slab_store **out);

/** The same before there is a writer, for plans: the array's description is what
 * slab_spec_resolve() gives. slab_store_attach() makes it ready to run. */
slab_status slab_store_plan(const slab_value *value, const slab_array_info *info, slab_store **out);
void slab_store_attach(slab_store *store, slab_writer *writer);
void slab_store_destroy(slab_store **store);

#ifdef __cplusplus
}
#endif
#endif
