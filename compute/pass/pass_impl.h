/* A pass from the inside: its tiles, tasks and merge tree. */
#ifndef SLAB_COMPUTE_PASS_PASS_IMPL_H
#define SLAB_COMPUTE_PASS_PASS_IMPL_H

#include <pthread.h>
#include <slab/compute/pass/pass.h>
#include <stdatomic.h>

enum { PASS_LEVELS_MAX = 48 };

typedef struct pass_sink {
    const slab_sink_class *cls;
    void *sink;
    int nvalues;
    int values[SLAB_TILE_VIEWS_MAX]; /* whose tiles it takes */
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
    int64_t unit;        /* tiles that stay together: a band's, or 1 */
    int64_t task_tiles;  /* a multiple of unit */
    bool emits;          /* groups are whole on their own; else there is one group */
    int64_t group_tiles; /* tiles that are merged with each other */
    int64_t group_tasks;
    int64_t ngroups, ntasks;
    int levels; /* of the tree above a group's tasks: 2^levels >= group_tasks */
} pass_layout;

struct slab_pass {
    slab_crew *crew;
    char name[64];
    int nvalues, values_capacity;
    slab_value **values; /* [nvalues], of one shape */
    int nsinks, sinks_capacity;
    pass_sink *sinks; /* [nsinks] */
    pass_layout layout;
    slab_checkpoint *checkpoint;
    char key[64]; /* of its records */
    bool keeps_result;
};

/* A state of all sinks for the leaves index * 2^level ..: one block, so that it travels as one.
 * Leaf g * 2^levels + i is task i of group g; the root of group g is node g of the top level. */
typedef struct pass_node {
    int level;
    int64_t index;
    bool known; /* a task that is in a checkpoint: its tiles are shown to those alone who miss them
                 */
    slab_span span;
    size_t bytes;
    unsigned char *states;
} pass_node;

/* layout.c */
slab_status pass_layout_make(slab_pass *pass);
int64_t pass_order_tile(const pass_layout *layout, int64_t place); /* place in order -> number */
void pass_tiles_span(const pass_layout *layout, int64_t first, int64_t last, slab_span *out);
int64_t pass_task_leaf(const pass_layout *layout, int64_t task);
void pass_task_tiles(const pass_layout *layout, int64_t task, int64_t *first, int64_t *end);
/* A node at the right edge of its group's tree has no sibling. */
bool pass_node_is_last(const pass_layout *layout, int level, int64_t index);
void pass_node_span(const pass_layout *layout, int level, int64_t index, slab_span *out);
/* Of a node's states: bytes of all, and where the one of sink s begins (s = nsinks: the end). */
size_t pass_states_bytes(const slab_pass *pass, const slab_span *span, int s);
slab_shape pass_tile_shape(const pass_layout *layout); /* of a whole tile, clipped to the array */

/* task_set.c: some of a pass's tasks, a bit each. The zeroed one holds none and takes none. */
typedef struct pass_tasks {
    int64_t nwords, *words;
} pass_tasks;

size_t pass_tasks_bytes(const pass_layout *layout);
slab_status pass_tasks_create(const pass_layout *layout, pass_tasks *out);
void pass_tasks_clear(pass_tasks *tasks);
bool pass_tasks_has(const pass_tasks *tasks, int64_t task);
void pass_tasks_add(pass_tasks *tasks, int64_t task); /* from any thread */
/* all: those of every rank, each of which is in one rank's only. Collective. */
slab_status pass_tasks_unite(slab_ranks *ranks, const pass_tasks *mine, pass_tasks *all);

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
/* Hands the root of a group to the sinks that emit, and clears it. */
slab_status pass_node_emit(const slab_pass *pass, pass_node *root);

void pass_tree_init(pass_tree *tree, const slab_pass *pass);
void pass_tree_clear(pass_tree *tree);
slab_status pass_tree_add(pass_tree *tree, pass_node *node); /* takes the node, always */

/* tree_ranks.c: merges all ranks' nodes. Roots are emitted where they arise; when nothing is
 * emitted every rank gets the one root. Collective. */
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

/* pass_state.c: the checkpoint of a pass. All collective; nothing happens without a checkpoint. */
double pass_state_interval(const slab_pass *pass); /* seconds until it is kept again; 0: never */
bool pass_sink_remembers(const pass_sink *sink);   /* what it has been shown is in the checkpoint */
void pass_state_save(const slab_pass *pass, const pass_tree *tree);
void pass_state_save_root(const slab_pass *pass, const pass_node *root, const slab_pass_plan *plan);
/* Fills the tree with what an earlier run has kept. @param[out] known  the tasks that are in it;
 * without words: there is nothing */
slab_status pass_state_load(const slab_pass *pass, pass_tree *tree, pass_tasks *known);

#endif
