/*
 * What a thread needs to evaluate a box of a value: the buffers of all nodes that are evaluated on
 * the way. A node has one buffer however often it is evaluated, so each counts once, with the
 * largest box that is asked of it; the nodes are gone through in an order in which all who ask come
 * before it.
 */
#include <slab/compute/graph/value_impl.h>

#include <slab/compute/graph/node_map_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { DEMANDS_MOST = 8 }; /* boxes of unlike extents, of one node; more are taken together */

typedef struct demand {
    slab_shape box;
    int next; /* of the same node, -1: none */
} demand;

typedef struct walk {
    node_map numbers;
    slab_value **nodes; /* [numbers.n], each behind all that it evaluates */
    int *first;         /* [numbers.n] demands */
    int room;
    demand *demands;
    int ndemands, demands_room;
} walk;

static size_t plus(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

/* The i-th node that a box of this one takes, and the extents of the box that is asked of it. */
static bool evaluates(const slab_value *value, int i, const slab_shape *box, slab_value **out,
                      slab_shape *extents)
{
    return !value->poison && value->cls->evaluates &&
           value->cls->evaluates(value, i, box, out, extents);
}

/* What it evaluates, then itself. As deep as evaluation goes, which nesting.c limits. */
static slab_status visit(walk *w, slab_value *value)
{
    slab_status rc = SLAB_OK;
    slab_value *below;
    slab_shape unused;
    if (node_map_get(&w->numbers, value) >= 0)
        return SLAB_OK;
    for (int i = 0; evaluates(value, i, &value->shape, &below, &unused); i++)
        TRY(visit(w, below));
    if ((int)w->numbers.n == w->room) {
        w->room = w->room ? 2 * w->room : 16;
        TRY(slab_memory_resize((void **)&w->nodes, (size_t)w->room, sizeof *w->nodes,
                               "an expression"));
        TRY(slab_memory_resize((void **)&w->first, (size_t)w->room, sizeof *w->first,
                               "an expression"));
    }
    w->nodes[w->numbers.n] = value;
    w->first[w->numbers.n] = -1;
    TRY(node_map_put(&w->numbers, value, (int)w->numbers.n));
done:
    return rc;
}

static slab_status ask(walk *w, int node, const slab_shape *box)
{
    slab_status rc = SLAB_OK;
    int n = 0, last = -1;
    for (int d = w->first[node]; d >= 0; d = w->demands[d].next, n++) {
        if (slab_shape_equal(&w->demands[d].box, box))
            return SLAB_OK;
        last = d;
    }
    if (n == DEMANDS_MOST) {
        int64_t *extent = w->demands[last].box.extent;
        for (int a = 0; a < box->rank; a++)
            extent[a] = box->extent[a] > extent[a] ? box->extent[a] : extent[a];
        return SLAB_OK;
    }
    if (w->ndemands == w->demands_room) {
        w->demands_room = w->demands_room ? 2 * w->demands_room : 16;
        TRY(slab_memory_resize((void **)&w->demands, (size_t)w->demands_room, sizeof *w->demands,
                               "an expression"));
    }
    w->demands[w->ndemands] = (demand){*box, -1};
    *(last < 0 ? &w->first[node] : &w->demands[last].next) = w->ndemands++;
done:
    return rc;
}

/* The node's own bytes: of what is computed the largest box's; a reader has several buffers, each
 * of which may be largest for another box. */
static size_t own_bytes(const walk *w, int node)
{
    const slab_value *value = w->nodes[node];
    size_t bytes = 0;
    for (int d = w->first[node]; d >= 0 && !value->poison; d = w->demands[d].next) {
        size_t one = value->cls->memory(value, &w->demands[d].box);
        bytes = !value->cls->computed ? plus(bytes, one) : one > bytes ? one : bytes;
    }
    return bytes;
}

static slab_status add_up(slab_value *value, const slab_shape *box, walk *w, size_t *out)
{
    slab_status rc = SLAB_OK;
    size_t bytes = 0;
    TRY(visit(w, value));
    TRY(ask(w, (int)w->numbers.n - 1, box));
    for (int node = (int)w->numbers.n - 1; node >= 0; node--) {
        bytes = plus(bytes, own_bytes(w, node));
        for (int d = w->first[node]; d >= 0; d = w->demands[d].next) {
            slab_value *below;
            slab_shape asked = w->demands[d].box, extents; /* the list may move */
            for (int i = 0; evaluates(w->nodes[node], i, &asked, &below, &extents); i++)
                TRY(ask(w, node_map_get(&w->numbers, below), &extents));
        }
    }
    *out = bytes;
done:
    return rc;
}

size_t slab_value_memory(const slab_value *value, const slab_shape *box)
{
    walk w = {0};
    size_t bytes = SIZE_MAX; /* without memory for the lists there is none for the elements */
    if (value->poison)
        return 0;
    if (!value->cls->evaluates)
        return value->cls->memory(value, box);
    if (add_up((slab_value *)value, box, &w, &bytes) != SLAB_OK)
        slab_error_clear();
    node_map_clear(&w.numbers);
    FREE(w.nodes);
    FREE(w.first);
    FREE(w.demands);
    return bytes;
}
