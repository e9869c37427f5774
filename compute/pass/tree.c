/*
 * The merge tree of one rank: a binary counter. A node waits in the table until its sibling comes;
 * whoever brings the sibling merges both, outside the lock, and goes on with their parent.
 */
#include <slab/compute/pass/pass_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

slab_status pass_node_make(const slab_pass *pass, int level, int64_t index, pass_node *out)
{
    slab_status rc = SLAB_OK;
    *out = (pass_node){.level = level, .index = index};
    pass_node_span(&pass->layout, level, index, &out->span);
    out->bytes = pass_states_bytes(pass, &out->span, pass->nsinks);
    out->bytes =
        out->bytes ? out->bytes : 64; /* a node has states, or is one that was given away */
    TRY(slab_memory_alloc((void **)&out->states, out->bytes, 1, "states of a pass"));
    for (int s = 0; s < pass->nsinks; s++)
        if (pass->sinks[s].cls->merge && pass->sinks[s].cls->init)
            pass->sinks[s].cls->init(pass->sinks[s].sink, &out->span,
                                     pass_node_state(pass, out, s));
done:
    return rc;
}

void pass_node_clear(pass_node *node)
{
    FREE(node->states);
}

void *pass_node_state(const slab_pass *pass, const pass_node *node, int sink)
{
    return node->states + pass_states_bytes(pass, &node->span, sink);
}

static slab_status merge_into(const slab_pass *pass, pass_node *into, const pass_node *from)
{
    slab_status rc = SLAB_OK;
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        if (!sink->cls->merge)
            continue;
        TRY(sink->cls->merge(sink->sink, &into->span, pass_node_state(pass, into, s), &from->span,
                             pass_node_state(pass, from, s)));
    }
done:
    return rc;
}

static bool one_layout(const slab_pass *pass)
{
    bool all = true;
    for (int s = 0; s < pass->nsinks; s++)
        all = all && (pass->sinks[s].wants.one_layout || !pass->sinks[s].cls->merge);
    return all;
}

static bool same_span(const slab_span *a, const slab_span *b)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = a->start[i] == b->start[i] && a->count[i] == b->count[i];
    return same;
}

slab_status pass_node_join(const slab_pass *pass, pass_node *left, pass_node *right)
{
    slab_status rc = SLAB_OK;
    pass_node parent = {0};
    slab_span span;
    int level = left->level + 1;
    int64_t index = left->index / 2;
    pass_node_span(&pass->layout, level, index, &span);
    if (same_span(&span, &left->span) || one_layout(pass)) {
        left->span = span;
        TRY(merge_into(pass, left, right));
        left->level = level;
        left->index = index;
    } else {
        TRY(pass_node_make(pass, level, index, &parent));
        TRY(merge_into(pass, &parent, left));
        FREE(left->states);
        TRY(merge_into(pass, &parent, right));
        *left = parent;
        parent.states = NULL;
    }
done:
    pass_node_clear(right);
    pass_node_clear(&parent);
    return rc;
}

slab_status pass_node_emit(const slab_pass *pass, pass_node *root)
{
    slab_status rc = SLAB_OK;
    for (int s = 0; s < pass->nsinks; s++)
        if (pass->sinks[s].wants.emits)
            TRY(pass->sinks[s].cls->emit(pass->sinks[s].sink, &root->span,
                                         pass_node_state(pass, root, s)));
done:
    pass_node_clear(root);
    return rc;
}

void pass_tree_init(pass_tree *tree, const slab_pass *pass)
{
    memset(tree, 0, sizeof *tree);
    tree->pass = pass;
    pthread_mutex_init(&tree->lock, NULL);
}

void pass_tree_clear(pass_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        pass_node_clear(&tree->nodes[i]);
    FREE(tree->nodes);
    pthread_mutex_destroy(&tree->lock);
}

/* Takes the node's sibling out of the table, or leaves the node in it. */
static slab_status exchange(pass_tree *tree, pass_node *node, pass_node *sibling, bool *found)
{
    slab_status rc = SLAB_OK;
    *found = false;
    pthread_mutex_lock(&tree->lock);
    for (size_t i = 0; i < tree->count && !*found; i++) {
        if (tree->nodes[i].level != node->level || tree->nodes[i].index != (node->index ^ 1))
            continue;
        *sibling = tree->nodes[i];
        tree->nodes[i] = tree->nodes[--tree->count];
        *found = true;
    }
    if (!*found && tree->count == tree->capacity) {
        size_t capacity = tree->capacity ? 2 * tree->capacity : 32;
        TRY(slab_memory_resize((void **)&tree->nodes, capacity, sizeof *tree->nodes,
                               "states of a pass"));
        tree->capacity = capacity;
    }
    if (!*found) {
        tree->nodes[tree->count++] = *node;
        node->states = NULL;
    }
done:
    pthread_mutex_unlock(&tree->lock);
    return rc;
}

/* A node without a sibling is its own parent. */
static void rise(const pass_layout *layout, pass_node *node)
{
    while (node->level < layout->levels && node->index % 2 == 0 &&
           pass_node_is_last(layout, node->level, node->index)) {
        node->level++;
        node->index /= 2;
    }
}

slab_status pass_tree_add(pass_tree *tree, pass_node *node)
{
    slab_status rc = SLAB_OK;
    const slab_pass *pass = tree->pass;
    pass_node sibling = {0};
    bool found = true;
    while (found) {
        rise(&pass->layout, node);
        if (pass->layout.emits && node->level == pass->layout.levels) {
            TRY(pass_node_emit(pass, node));
            break;
        }
        TRY(exchange(tree, node, &sibling, &found));
        if (!found)
            break;
        if (sibling.index < node->index) {
            pass_node swap = sibling;
            sibling = *node;
            *node = swap;
        }
        TRY(pass_node_join(pass, node, &sibling));
    }
done:
    pass_node_clear(node);
    pass_node_clear(&sibling);
    return rc;
}
