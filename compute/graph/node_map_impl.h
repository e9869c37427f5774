/* A map from nodes to numbers, 0 and up. */
#ifndef SLAB_COMPUTE_GRAPH_NODE_MAP_IMPL_H
#define SLAB_COMPUTE_GRAPH_NODE_MAP_IMPL_H

#include <slab/compute/graph/value.h>

typedef struct node_map {
    const slab_value **nodes; /* [room], NULL where empty */
    int *numbers;
    size_t n, room; /* room: a power of two, or 0 */
} node_map;

/* -1: not there. */
int node_map_get(const node_map *map, const slab_value *node);
slab_status node_map_put(node_map *map, const slab_value *node, int number);
void node_map_clear(node_map *map);

#endif
