/*
 * The last merges, across ranks. After the tasks every rank holds a few nodes of the one tree. All
 * learn who holds what; then every rank walks the same list of merges, sending or receiving where
 * it takes part. A parent belongs to the owner of its left child.
 *
 * Blocking messages in one global order cannot deadlock. Within a level the merges that cross
 * ranks are walked even ones first, then odd ones: neighbours in the list share a rank, so this
 * lets half of them go on at once instead of waiting in a chain.
 */
#include <slab/compute/pass/pass_impl.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

enum { TREE_TAG = 71 };

typedef struct holding {
    int64_t level, index, owner;
} holding;

typedef struct collect {
    const slab_pass *pass;
    slab_ranks *ranks;
    pass_tree *tree;
    holding *all; /* of the ranks, by (level, index) within a level */
    size_t count;
} collect;

static int by_place(const void *a, const void *b)
{
    const holding *x = a, *y = b;
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static slab_status tell_holdings(collect *c)
{
    slab_status rc = SLAB_OK;
    holding *mine = NULL;
    void *all = NULL;
    size_t *offsets = NULL;
    int n = slab_ranks_count(c->ranks);
    rc = slab_memory_alloc((void **)&mine, c->tree->count + 1, sizeof *mine, "the merge tree");
    TRY(slab_ranks_agree(c->ranks, rc));
    for (size_t i = 0; i < c->tree->count; i++)
        mine[i] =
            (holding){c->tree->nodes[i].level, c->tree->nodes[i].index, slab_ranks_me(c->ranks)};
    TRY(slab_ranks_allgather(c->ranks, mine, c->tree->count * sizeof *mine, &all, &offsets));
    c->count = offsets[n] / sizeof *mine;
    c->all = all;
    if (c->count > 0)
        qsort(c->all, c->count, sizeof *c->all, by_place);
done:
    slab_memory_free(offsets);
    slab_memory_free(mine);
    return rc;
}

static pass_node *find(pass_tree *tree, int64_t level, int64_t index)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->nodes[i].level == level && tree->nodes[i].index == index)
            return &tree->nodes[i];
    return NULL;
}

static void take(pass_tree *tree, pass_node *node, pass_node *out)
{
    *out = *node;
    *node = tree->nodes[--tree->count];
}

/*
 * A merge that crosses ranks. The sender says whether it has the node, the receiver whether it has
 * room, and only then the states travel: a rank that has failed goes on to walk the list, so that
 * nobody waits for it in vain.
 */
static slab_status send_node(collect *c, const pass_node *node, int to)
{
    slab_status rc = SLAB_OK;
    int64_t have = node->states != NULL, ready = 0;
    TRY(slab_ranks_send(c->ranks, &have, sizeof have, to, TREE_TAG));
    if (!have)
        return SLAB_OK;
    TRY(slab_ranks_receive(c->ranks, &ready, sizeof ready, to, TREE_TAG));
    if (ready)
        TRY(slab_ranks_send(c->ranks, node->states, node->bytes, to, TREE_TAG));
done:
    return rc;
}

static slab_status receive_node(collect *c, const holding *which, pass_node *node)
{
    slab_status rc = SLAB_OK, made = SLAB_OK;
    int64_t have = 0, ready = 0;
    int from = (int)which->owner;
    TRY(slab_ranks_receive(c->ranks, &have, sizeof have, from, TREE_TAG));
    if (!have)
        return SLAB_OK; /* the sender has failed and says why */
    made = pass_node_make(c->pass, (int)which->level, which->index, node);
    ready = made == SLAB_OK;
    TRY(slab_ranks_send(c->ranks, &ready, sizeof ready, from, TREE_TAG));
    TRY(made);
    TRY(slab_ranks_receive(c->ranks, node->states, node->bytes, from, TREE_TAG));
done:
    return rc;
}

static slab_status merge_pair(collect *c, const holding *left, const holding *right)
{
    slab_status rc = SLAB_OK;
    int me = slab_ranks_me(c->ranks);
    pass_node l = {0}, r = {0};
    pass_node *held = find(c->tree, right->level, right->index);
    if (right->owner == me && held)
        take(c->tree, held, &r);
    if (left->owner != me) {
        TRY(send_node(c, &r, (int)left->owner));
        goto done;
    }
    if (right->owner != me)
        TRY(receive_node(c, right, &r));
    held = find(c->tree, left->level, left->index);
    if (!held || !r.states)
        goto done; /* a failure before this one is why */
    take(c->tree, held, &l);
    TRY(pass_node_join(c->pass, &l, &r));
    c->tree->nodes[c->tree->count++] = l; /* the place of the left child is free */
    l.states = NULL;
done:
    pass_node_clear(&l);
    pass_node_clear(&r);
    return rc;
}

static bool paired(const collect *c, size_t i, size_t end)
{
    return c->all[i].index % 2 == 0 && i + 1 < end && c->all[i + 1].index == c->all[i].index + 1;
}

/* Merges the pairs of all[0..end) of one level that I take part in; the first failure is told when
 * all is walked. */
static slab_status merge_level(collect *c, size_t end)
{
    slab_status rc = SLAB_OK;
    int me = slab_ranks_me(c->ranks);
    for (int round = 0; round < 3; round++) { /* my own, even crossings, odd crossings */
        size_t crossings = 0;
        for (size_t i = 0; i < end; i++) {
            if (!paired(c, i, end))
                continue;
            const holding *left = &c->all[i], *right = &c->all[i + 1];
            int which = left->owner == right->owner ? 0 : 1 + (int)(crossings++ % 2);
            if (which != round || (left->owner != me && right->owner != me))
                continue;
            slab_status merged = merge_pair(c, left, right);
            rc = rc == SLAB_OK ? merged : rc;
        }
    }
    return rc;
}

/* The list after a level: parents of pairs and lone nodes, one level up, still in order. */
static size_t raise_level(collect *c, size_t end)
{
    size_t n = 0;
    for (size_t i = 0; i < end; i++) {
        bool pair = paired(c, i, end);
        c->all[n] = (holding){c->all[i].level + 1, c->all[i].index / 2, c->all[i].owner};
        n++;
        i += pair;
    }
    return n;
}

/* My lone nodes of a level move up as well: at the right edge of the tree. */
static void raise_mine(collect *c, int level)
{
    for (size_t i = 0; i < c->tree->count; i++) {
        pass_node *node = &c->tree->nodes[i];
        if (node->level != level)
            continue;
        node->level++;
        node->index /= 2;
    }
}

/* Puts the nodes of the next level (sorted, behind end) and those that rose into one order. */
static size_t join_lists(collect *c, size_t raised, size_t end)
{
    memmove(c->all + raised, c->all + end, (c->count - end) * sizeof *c->all);
    c->count -= end - raised;
    if (c->count > 0)
        qsort(c->all, c->count, sizeof *c->all, by_place);
    return c->count;
}

static slab_status merge_ranks(collect *c)
{
    slab_status rc = SLAB_OK;
    for (int level = 0; level < c->pass->layout.levels; level++) {
        size_t end = 0;
        while (end < c->count && c->all[end].level == level)
            end++;
        slab_status merged = merge_level(c, end);
        rc = rc == SLAB_OK ? merged : rc;
        raise_mine(c, level);
        join_lists(c, raise_level(c, end), end);
    }
    if (rc == SLAB_OK && c->count != 1 && !c->pass->layout.emits)
        rc = slab_error_set(SLAB_ERR_INTERNAL, __FILE__, __LINE__, "the merge tree has %zu roots",
                            c->count);
    return rc;
}

static slab_status share_root(collect *c, pass_node *root)
{
    slab_status rc = SLAB_OK;
    int owner = (int)c->all[0].owner;
    if (slab_ranks_me(c->ranks) == owner)
        take(c->tree, &c->tree->nodes[0], root);
    else
        rc = pass_node_make(c->pass, c->pass->layout.levels, 0, root);
    TRY(slab_ranks_agree(c->ranks, rc));
    TRY(slab_ranks_broadcast(c->ranks, root->states, root->bytes, owner));
done:
    return rc;
}

/* Groups whose tasks ran on several ranks are whole only now. */
static slab_status emit_roots(pass_tree *tree)
{
    slab_status rc = SLAB_OK;
    while (rc == SLAB_OK && tree->count > 0) {
        pass_node root;
        take(tree, &tree->nodes[0], &root);
        rc = pass_node_emit(tree->pass, &root);
    }
    return rc;
}

slab_status pass_tree_collect(pass_tree *tree, slab_ranks *ranks, pass_node *root)
{
    slab_status rc = SLAB_OK;
    collect c = {.pass = tree->pass, .ranks = ranks, .tree = tree};
    *root = (pass_node){0};
    if (tree->pass->layout.ntasks == 0)
        return slab_ranks_agree(ranks, pass_node_make(tree->pass, 0, 0, root));
    TRY(tell_holdings(&c));
    rc = merge_ranks(&c);
    if (rc == SLAB_OK && tree->pass->layout.emits)
        rc = emit_roots(tree);
    TRY(slab_ranks_agree(ranks, rc));
    if (!tree->pass->layout.emits)
        TRY(share_root(&c, root));
done:
    slab_memory_free(c.all);
    return rc;
}
