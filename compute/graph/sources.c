/* What an element-wise node reads: the nodes below it that are not element-wise. */
#include <slab/compute/graph/value_impl.h>

#include <slab/compute/graph/node_map_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

void source_list_destroy(source_list **list)
{
    if (*list)
        FREE((*list)->sources);
    FREE(*list);
}

/* A node's number in the order they are met: twice the same counts once. */
static slab_status meet(node_map *met, slab_value ***nodes, int *room, slab_value *node)
{
    slab_status rc = SLAB_OK;
    if (node_map_get(met, node) >= 0)
        return SLAB_OK;
    if ((int)met->n == *room) {
        *room = *room ? 2 * *room : 64;
        TRY(slab_memory_resize((void **)nodes, (size_t)*room, sizeof **nodes, "an expression"));
    }
    (*nodes)[met->n] = node;
    TRY(node_map_put(met, node, (int)met->n));
done:
    return rc;
}

static slab_status gather(slab_value *root, source_list **out)
{
    slab_status rc = SLAB_OK;
    node_map met = {0};
    slab_value **nodes = NULL;
    source_list *list = NULL;
    int room = 0;
    TRY(meet(&met, &nodes, &room, root));
    for (size_t at = 0; at < met.n; at++) {
        const apply_self *self = nodes[at]->self;
        for (int i = 0; nodes[at]->cls == &value_apply_class && i < self->arity; i++)
            TRY(meet(&met, &nodes, &room, self->operands[i]));
    }
    ALLOC(list, 1, "an expression");
    for (size_t at = 0; at < met.n; at++)
        if (nodes[at]->cls != &value_apply_class)
            nodes[list->n++] = nodes[at];
    list->sources = nodes;
    nodes = NULL;
    *out = list;
done:
    node_map_clear(&met);
    FREE(nodes);
    return rc;
}

/* Nothing when there is no memory for the list: evaluation then fails and says so. */
static source_list sources_of(const slab_value *value)
{
    apply_self *self = value->self;
    source_list *list = atomic_load(&self->sources), none = {0};
    if (!list) {
        pthread_mutex_lock(&self->compiling);
        list = atomic_load(&self->sources);
        if (!list && gather((slab_value *)value, &list) == SLAB_OK)
            atomic_store(&self->sources, list);
        pthread_mutex_unlock(&self->compiling);
    }
    return list ? *list : none;
}

int sources_operands(const slab_value *value, slab_value *const **out)
{
    source_list list = sources_of(value);
    *out = list.sources;
    return list.n;
}

void sources_prefetch(slab_value *value, const slab_box *box)
{
    source_list list = sources_of(value);
    for (int i = 0; i < list.n; i++) {
        slab_box part;
        broadcast_box(&list.sources[i]->shape, box, &part);
        slab_value_prefetch(list.sources[i], &part);
    }
}

int64_t sources_packed_bytes(const slab_value *value)
{
    source_list list = sources_of(value);
    int64_t bytes = 0;
    for (int i = 0; i < list.n; i++)
        bytes += slab_value_packed_bytes(list.sources[i]);
    return bytes;
}

/* Shares the bytes out by what the sources have to read. */
slab_status sources_hold(slab_value *value, int thread, size_t packed_bytes)
{
    slab_status rc = SLAB_OK;
    source_list list = sources_of(value);
    double all = (double)sources_packed_bytes(value);
    for (int i = 0; i < list.n; i++) {
        double part = all > 0 ? (double)slab_value_packed_bytes(list.sources[i]) / all : 0;
        TRY(slab_value_hold(list.sources[i], thread, (size_t)(part * (double)packed_bytes)));
    }
done:
    return rc;
}

slab_read_counts sources_counts(const slab_value *value)
{
    source_list list = sources_of(value);
    slab_read_counts all = {0};
    for (int i = 0; i < list.n; i++) {
        slab_read_counts one = slab_value_counts(list.sources[i]);
        all.packed_bytes += one.packed_bytes;
        all.plain_bytes += one.plain_bytes;
        all.chunks += one.chunks;
    }
    return all;
}

const char *sources_fallback(const slab_value *value)
{
    source_list list = sources_of(value);
    const char *reason = "";
    for (int i = 0; i < list.n && !reason[0]; i++)
        reason = slab_value_fallback(list.sources[i]);
    return reason;
}

/* The values and everything that they are computed from, each once; element-wise nodes inside
 * others are passed over, for the outermost evaluates them. */
static slab_status gather_all(slab_value *const *values, int n, slab_value ***nodes, size_t *nnodes)
{
    slab_status rc = SLAB_OK;
    node_map met = {0};
    int room = 0;
    for (int i = 0; i < n; i++)
        TRY(meet(&met, nodes, &room, values[i]));
    for (size_t at = 0; at < met.n; at++) {
        slab_value *const *operands = NULL;
        const slab_value *value = (*nodes)[at];
        int noperands =
            !value->poison && value->cls->operands ? value->cls->operands(value, &operands) : 0;
        for (int i = 0; i < noperands; i++)
            TRY(meet(&met, nodes, &room, operands[i]));
    }
    *nnodes = met.n;
done:
    node_map_clear(&met);
    return rc;
}

slab_status slab_value_sources(slab_value *const *values, int n, slab_value ***out, int *nout)
{
    slab_status rc = SLAB_OK;
    slab_value **nodes = NULL;
    size_t nnodes = 0;
    int nsources = 0;
    *out = NULL;
    *nout = 0;
    for (int i = 0; i < n; i++)
        if (!values[i]->poison)
            TRY(nest_check(values[i]));
    TRY(gather_all(values, n, &nodes, &nnodes));
    for (size_t at = 0; at < nnodes; at++)
        if (nodes[at]->poison || !nodes[at]->cls->operands)
            nodes[nsources++] = nodes[at];
    *out = nodes;
    *nout = nsources;
    nodes = NULL;
done:
    FREE(nodes);
    return rc;
}

void slab_value_rest(slab_value *const *values, int n)
{
    slab_value **nodes = NULL;
    size_t nnodes = 0;
    if (gather_all(values, n, &nodes, &nnodes) != SLAB_OK)
        slab_error_clear(); /* without memory for the list they keep what they have */
    for (size_t at = 0; at < nnodes; at++) {
        slab_value *value = nodes[at];
        value_buffers_clear(value);
        if (!value->poison && value->cls->rest)
            value->cls->rest(value);
    }
    FREE(nodes);
}
