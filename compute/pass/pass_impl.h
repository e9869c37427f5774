/* A pass from the inside: its tiles, tasks and merge tree. */
#ifndef SLAB_COMPUTE_PASS_PASS_IMPL_H
#define SLAB_COMPUTE_PASS_PASS_IMPL_H

#include <pthread.h>
#include <slab/compute/pass/pass.h>
#include <stdatomic.h>

enum { PASS_SINKS_MAX = 32, PASS_LEVELS_MAX = 48 };

typedef struct pass_sink {
    const slab_sink_class *cls;
    void *sink;
    slab_sink_wants wants;
} pass_sink;

/*
 * The layout: which tiles, in which order, cut into which tasks. It depends on the value and the
 * sinks alone, so it is the same on every rank and for every budget.
 */
typedef struct pass_layout {
    bool made;
    slab_grid grid;
    int order[SLAB_RANK_MAX]; /* axes, slowest first */
    int band_axis;            /* -1: no bands */
    int nphases;
    int64_t unit;       /* tiles that stay together: a band's, or 1 */
    int64_t task_tiles; /* a multiple of unit */
    int64_t ntasks;
    int levels; /* of the tree above the tasks: 2^levels >= ntasks */
} pass_layout;

struct slab_pass {
    slab_crew *crew;
    char name[64];
    slab_value *value;
    int nsinks;
    pass_sink sinks[PASS_SINKS_MAX];
    pass_layout layout;
};

/* A state of all sinks for the tasks index * 2^level ..: one block, so that it travels as one. */
typedef struct pass_node {
    int level;
    int64_t index;
    slab_span span;
    size_t bytes;
    unsigned char *states;
} pass_node;

/* layout.c */
slab_status pass_layout_make(slab_pass *pass);
int64_t pass_order_tile(const pass_layout *layout, int64_t place); /* place in order -> number */
void pass_tiles_span(const pass_layout *layout, int64_t first, int64_t last, slab_span *out);
void pass_node_tasks(const pass_layout *layout, int level, int64_t index, int64_t *first,
                     int64_t *last);
void pass_node_span(const pass_layout *layout, int level, int64_t index, slab_span *out);
size_t pass_states_bytes(const slab_pass *pass, const slab_span *span, size_t *offsets);
slab_shape pass_tile_shape(const pass_layout *layout); /* of a whole tile, clipped to the array */

/* tree.c: the nodes this rank holds, merged as soon as siblings meet. */
typedef struct pass_tree {
    const slab_pass *pass;
    pthread_mutex_t lock;
    pass_node *nodes;
    size_t count, capacity;
} pass_tree;

slab_status pass_node_make(const slab_pass *pass, int level, int64_t index, pass_node *out);
void pass_node_clear(pass_node *node);
void *pass_node_state(const slab_pass *pass, const pass_node *node, int sink);
/* left += right; left becomes their parent, right is cleared. */
slab_status pass_node_join(const slab_pass *pass, pass_node *left, pass_node *right);

void pass_tree_init(pass_tree *tree, const slab_pass *pass);
void pass_tree_clear(pass_tree *tree);
slab_status pass_tree_add(pass_tree *tree, pass_node *node); /* takes the node, always */

/* tree_ranks.c: merges all ranks' nodes; every rank gets the root. Collective. */
slab_status pass_tree_collect(pass_tree *tree, slab_ranks *ranks, pass_node *root);

/* pass_plan.c */
typedef struct pass_needs {
    size_t thread;  /* per thread: evaluation, scratch, a task's states */
    size_t scratch; /* of that: the sinks' scratch */
    size_t shared;  /* per rank: the merge tree */
    size_t hold;    /* per thread: packed bytes of a band, 0 when bands are shown once */
} pass_needs;
slab_status pass_plan_needs(slab_pass *pass, size_t budget, pass_needs *needs,
                            slab_pass_plan *plan);

#endif
