#include <slab/compute/graph/node_map_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* Where a node is, or would be. */
static size_t place_of(const node_map *map, const slab_value *node)
{
    size_t at = ((uintptr_t)node * UINT64_C(0x9E3779B97F4A7C15)) >> 20;
    for (;; at++) {
        at &= map->room - 1;
        if (!map->nodes[at] || map->nodes[at] == node)
            return at;
    }
}

int node_map_get(const node_map *map, const slab_value *node)
{
    if (!map->room)
        return -1;
    size_t at = place_of(map, node);
    return map->nodes[at] ? map->numbers[at] : -1;
}

static slab_status grow(node_map *map)
{
    slab_status rc = SLAB_OK;
    node_map wide = {.room = map->room ? 2 * map->room : 64, .n = map->n};
    ALLOC(wide.nodes, wide.room, "an expression");
    ALLOC(wide.numbers, wide.room, "an expression");
    for (size_t i = 0; i < map->room; i++) {
        if (!map->nodes[i])
            continue;
        size_t at = place_of(&wide, map->nodes[i]);
        wide.nodes[at] = map->nodes[i];
        wide.numbers[at] = map->numbers[i];
    }
    node_map_clear(map);
    *map = wide;
    return SLAB_OK;
done:
    node_map_clear(&wide);
    return rc;
}

slab_status node_map_put(node_map *map, const slab_value *node, int number)
{
    slab_status rc = SLAB_OK;
    if (2 * map->n >= map->room)
        TRY(grow(map));
    size_t at = place_of(map, node);
    map->n += !map->nodes[at];
    map->nodes[at] = node;
    map->numbers[at] = number;
done:
    return rc;
}

void node_map_clear(node_map *map)
{
    FREE(map->nodes);
    FREE(map->numbers);
    *map = (node_map){0};
}
