#include <slab/compute/pass/pass_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

/*
 * Places for threads. When the budget holds fewer threads than the crew has, the others wait here;
 * who gets in works under the number of its place, so that buffers exist for the places alone.
 */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    int nplaces;
    bool *taken; /* bool [nplaces] */
} gate;

/* One running pass. */
typedef struct run {
    slab_pass *pass;
    pass_needs needs;
    slab_pass_plan plan;
    gate gate;
    unsigned char *scratch; /* [places, needs.scratch] */
    pass_tree tree;
    pass_tasks known; /* that are in the state an earlier run has left */
    pass_tasks mine;  /* that this rank has done in this run */
    pass_tasks done;  /* that any rank had done when this spell began */
} run;

static int gate_enter(gate *g)
{
    int place = -1;
    pthread_mutex_lock(&g->lock);
    while (place < 0) {
        for (int i = 0; i < g->nplaces && place < 0; i++)
            place = g->taken[i] ? -1 : i;
        if (place < 0)
            pthread_cond_wait(&g->freed, &g->lock);
    }
    g->taken[place] = true;
    pthread_mutex_unlock(&g->lock);
    return place;
}

static void gate_leave(gate *g, int place)
{
    pthread_mutex_lock(&g->lock);
    g->taken[place] = false;
    pthread_cond_signal(&g->freed);
    pthread_mutex_unlock(&g->lock);
}

slab_status slab_pass_create(slab_crew *crew, const char *name, slab_value *value, slab_pass **out)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass = NULL;
    *out = NULL;
    ALLOC(pass, 1, "a pass");
    pass->crew = crew;
    snprintf(pass->name, sizeof pass->name, "%s", name);
    ALLOC(pass->values, 1, "a pass");
    pass->values_capacity = pass->nvalues = 1;
    pass->values[0] = slab_value_keep(value);
    *out = pass;
    pass = NULL;
done:
    slab_pass_destroy(&pass);
    return rc;
}

void slab_pass_name(slab_pass *pass, const char *name)
{
    snprintf(pass->name, sizeof pass->name, "%s", name);
}

void slab_pass_checkpoint(slab_pass *pass, slab_checkpoint *checkpoint, const char *key,
                          bool results)
{
    pass->checkpoint = checkpoint;
    pass->keeps_result = results;
    snprintf(pass->key, sizeof pass->key, "%s", key);
}

void slab_pass_destroy(slab_pass **pass)
{
    if (!pass || !*pass)
        return;
    for (int v = 0; v < (*pass)->nvalues; v++)
        slab_value_drop(&(*pass)->values[v]);
    FREE((*pass)->values);
    FREE((*pass)->sinks);
    FREE(*pass);
}

slab_status slab_pass_add(slab_pass *pass, const slab_sink_class *cls, void *sink)
{
    return slab_pass_feed_many(pass, &pass->values[0], 1, cls, sink);
}

/* The value's number in the pass; a new one is kept. */
static slab_status number_of(slab_pass *pass, slab_value *value, int *out)
{
    slab_status rc = SLAB_OK;
    char mine[SLAB_SHAPE_TEXT_MAX], other[SLAB_SHAPE_TEXT_MAX];
    for (*out = 0; *out < pass->nvalues; ++*out)
        if (pass->values[*out] == value)
            return SLAB_OK;
    TRY(slab_value_status(pass->values[0]));
    TRY(slab_value_status(value));
    REQUIRE(slab_shape_equal(slab_value_shape(pass->values[0]), slab_value_shape(value)),
            SLAB_ERR_SHAPE, "pass '%s' over an array of shape %s cannot show one of shape %s",
            pass->name, slab_shape_text(slab_value_shape(pass->values[0]), mine),
            slab_shape_text(slab_value_shape(value), other));
    if (pass->nvalues == pass->values_capacity) {
        int capacity = 2 * pass->values_capacity;
        TRY(slab_memory_resize((void **)&pass->values, (size_t)capacity, sizeof(slab_value *),
                               "the values of a pass"));
        pass->values_capacity = capacity;
    }
    pass->values[pass->nvalues++] = slab_value_keep(value);
done:
    return rc;
}

slab_status slab_pass_feed(slab_pass *pass, slab_value *value, const slab_sink_class *cls,
                           void *sink)
{
    return slab_pass_feed_many(pass, &value, 1, cls, sink);
}

slab_status slab_pass_feed_many(slab_pass *pass, slab_value *const *values, int n,
                                const slab_sink_class *cls, void *sink)
{
    slab_status rc = SLAB_OK;
    pass_sink one = {.cls = cls, .sink = sink, .nvalues = n};
    REQUIRE(n >= 1 && n <= SLAB_TILE_VIEWS_MAX, SLAB_ERR_RANGE,
            "sink '%s' of pass '%s' takes %d values, not 1 to %d", cls->name, pass->name, n,
            SLAB_TILE_VIEWS_MAX);
    for (int i = 0; i < n; i++)
        TRY(number_of(pass, values[i], &one.values[i]));
    if (pass->nsinks == pass->sinks_capacity) {
        int capacity = pass->sinks_capacity ? 2 * pass->sinks_capacity : 4;
        TRY(slab_memory_resize((void **)&pass->sinks, (size_t)capacity, sizeof *pass->sinks,
                               "the sinks of a pass"));
        pass->sinks_capacity = capacity;
    }
    pass->sinks[pass->nsinks++] = one;
    pass->layout.made = false;
done:
    return rc;
}

void slab_pass_rest(slab_pass *pass)
{
    slab_value_rest(pass->values, pass->nvalues);
}

int64_t slab_pass_tasks(const slab_pass *pass)
{
    return pass->layout.ntasks;
}

/* The scratch of each sink lies behind that of the one before. */
static unsigned char *scratch_of(const run *r, int place, int upto)
{
    const slab_pass *pass = r->pass;
    slab_shape shape = pass_tile_shape(&pass->layout);
    unsigned char *scratch = r->scratch ? r->scratch + (size_t)place * r->needs.scratch : NULL;
    for (int s = 0; s < upto; s++) {
        const pass_sink *sink = &pass->sinks[s];
        size_t own = sink->cls->scratch_bytes ? sink->cls->scratch_bytes(sink->sink, &shape) : 0;
        scratch = own ? scratch + (own + 63) / 64 * 64 : scratch;
    }
    return scratch;
}

static bool takes_part(const pass_sink *sink, int phase)
{
    return phase < sink->wants.nphases || phase == 0;
}

/* Shows a tile to the sinks of this phase whose first value is this one: it is evaluated once for
 * all of them, and what stands beside it stays valid as it is read by the same thread. */
static slab_status show_value(run *r, int place, pass_node *node, int phase, int value,
                              const slab_tile *at)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass = r->pass;
    slab_view views[SLAB_TILE_VIEWS_MAX];
    slab_dtype dtypes[SLAB_TILE_VIEWS_MAX];
    bool evaluated = false;
    slab_tile tile = *at;
    tile.views = views;
    tile.dtypes = dtypes;
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        if (sink->values[0] != value || !takes_part(sink, phase) ||
            (node->known && pass_sink_remembers(sink)))
            continue;
        for (int i = 0; i < sink->nvalues; i++) {
            slab_value *one = pass->values[sink->values[i]];
            if (i > 0 || !evaluated)
                TRY(slab_value_get(one, place, &tile.box, &views[i]));
            dtypes[i] = slab_value_dtype(one);
        }
        evaluated = sink->nvalues == 1; /* evaluating the others may have taken its memory */
        tile.dtype = dtypes[0];
        tile.view = views[0];
        TRY(sink->cls->accumulate(sink->sink, &node->span, pass_node_state(pass, node, s), phase,
                                  &tile, scratch_of(r, place, s)));
    }
done:
    return rc;
}

/* Every sink takes parts, and the one value gives them for the price of the tile. */
static bool is_in_parts(const run *r, int place, const slab_box *box)
{
    const slab_pass *pass = r->pass;
    for (int s = 0; s < pass->nsinks; s++)
        if (!pass->sinks[s].wants.in_parts || pass->sinks[s].nvalues > 1)
            return false;
    return pass->nvalues == 1 && slab_value_in_parts(pass->values[0], place, box);
}

static slab_status show_parts(run *r, int place, pass_node *node, int phase, const slab_tile *tile)
{
    slab_status rc = SLAB_OK;
    size_t size = slab_value_dtype(r->pass->values[0]).size;
    slab_tile part = *tile;
    bool more = slab_box_first_part(&tile->box, size, SLAB_PART_BYTES, &part.box);
    for (; more; more = slab_box_next_part(&tile->box, size, SLAB_PART_BYTES, &part.box))
        TRY(show_value(r, place, node, phase, 0, &part));
done:
    return rc;
}

static slab_status show_tile(run *r, int place, pass_node *node, int phase, int64_t at)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass = r->pass;
    slab_tile tile = {.number = pass_order_tile(&pass->layout, at), .thread = place};
    slab_grid_box(&pass->layout.grid, tile.number, &tile.box);
    bool in_parts = is_in_parts(r, place, &tile.box);
    if (in_parts)
        TRY(show_parts(r, place, node, phase, &tile));
    for (int v = 0; !in_parts && v < pass->nvalues; v++)
        TRY(show_value(r, place, node, phase, v, &tile));
    slab_crew_count_bytes(pass->crew, slab_box_elements(&tile.box) *
                                          (int64_t)slab_value_dtype(pass->values[0]).size);
done:
    return rc;
}

static slab_status turn_band(run *r, int place, pass_node *node, int phase)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass = r->pass;
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        if (sink->cls->turn && sink->wants.band_axis >= 0 && takes_part(sink, phase) &&
            !(node->known && pass_sink_remembers(sink)))
            TRY(sink->cls->turn(sink->sink, &node->span, pass_node_state(pass, node, s), phase,
                                scratch_of(r, place, s)));
    }
done:
    return rc;
}

/* An earlier run has left all that the tile is for. */
static bool tile_is_there(const run *r, int64_t at, bool known)
{
    const slab_pass *pass = r->pass;
    int64_t number = pass_order_tile(&pass->layout, at);
    slab_box box;
    slab_grid_box(&pass->layout.grid, number, &box);
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        if (known && pass_sink_remembers(sink))
            continue;
        if (!sink->cls->has || !sink->cls->has(sink->sink, number, &box))
            return false;
    }
    return pass->nsinks > 0;
}

static bool unit_is_there(const run *r, int64_t unit, bool known)
{
    for (int64_t t = unit; t < unit + r->pass->layout.unit; t++)
        if (!tile_is_there(r, t, known))
            return false;
    return true;
}

/* Of a task that is in the checkpoint: nothing is missing elsewhere either. */
static bool units_are_there(const run *r, int64_t first, int64_t end)
{
    for (int64_t unit = first; unit < end; unit += r->pass->layout.unit)
        if (!unit_is_there(r, unit, true))
            return false;
    return true;
}

/* Has the tile's packed bytes read ahead while the one before is computed: the next of this task,
 * or at its end the first of the task that this thread will probably get. */
static void look_ahead(run *r, int64_t at, int64_t end)
{
    const pass_layout *layout = &r->pass->layout;
    int64_t next = at + 1 < end ? at + 1 : end + (r->plan.threads - 1) * layout->task_tiles;
    slab_box box;
    if (next >= layout->grid.ntiles || tile_is_there(r, next, false))
        return;
    slab_grid_box(&layout->grid, pass_order_tile(layout, next), &box);
    for (int v = 0; v < r->pass->nvalues; v++)
        slab_value_prefetch(r->pass->values[v], &box);
}

/* A task's tiles: unit by unit, each as often as there are phases. */
static slab_status run_tiles(run *r, int place, pass_node *node, int64_t first, int64_t end)
{
    slab_status rc = SLAB_OK;
    const pass_layout *layout = &r->pass->layout;
    for (int64_t unit = first; unit < end; unit += layout->unit) {
        if (unit_is_there(r, unit, node->known))
            continue;
        for (int phase = 0; phase < layout->nphases; phase++) {
            for (int64_t t = unit; t < unit + layout->unit; t++) {
                if (phase == 0)
                    look_ahead(r, t, end);
                TRY(show_tile(r, place, node, phase, t));
            }
            if (layout->band_axis >= 0)
                TRY(turn_band(r, place, node, phase));
        }
    }
done:
    return rc;
}

static slab_status run_task(void *context, int thread, int64_t task)
{
    slab_status rc = SLAB_OK;
    run *r = context;
    const pass_layout *layout = &r->pass->layout;
    int64_t first, end;
    pass_node node = {0};
    bool known = pass_tasks_has(&r->known, task);
    pass_task_tiles(layout, task, &first, &end);
    if (pass_tasks_has(&r->done, task) || (known && units_are_there(r, first, end)))
        return SLAB_OK;
    int place = r->gate.nplaces < slab_crew_threads(r->pass->crew) ? gate_enter(&r->gate) : -1;
    TRY(pass_node_make(r->pass, 0, pass_task_leaf(layout, task), &node));
    node.known = known;
    TRY(run_tiles(r, place < 0 ? thread : place, &node, first, end));
    if (!node.known) /* else it is in the tree already */
        TRY(pass_tree_add(&r->tree, &node));
    pass_tasks_add(&r->mine, task);
done:
    pass_node_clear(&node);
    if (place >= 0)
        gate_leave(&r->gate, place);
    return rc;
}

/* Has every thread keep a band's packed bytes, shared out among the values by what they read. */
static slab_status hold_bands(run *r, bool keep)
{
    slab_status rc = SLAB_OK;
    const slab_pass *pass = r->pass;
    double all = 0;
    for (int v = 0; v < pass->nvalues; v++)
        all += (double)slab_value_packed_bytes(pass->values[v]);
    for (int place = 0; r->plan.keeps_packed && place < r->plan.threads; place++) {
        for (int v = 0; v < pass->nvalues; v++) {
            double part = all > 0 ? (double)slab_value_packed_bytes(pass->values[v]) / all : 0;
            size_t bytes = keep ? (size_t)(part * (double)r->needs.hold) : 0;
            TRY(slab_value_hold(pass->values[v], place, bytes));
        }
    }
done:
    return rc;
}

/* Everything this rank needs before its first task. Not collective. */
static slab_status prepare(run *r, size_t budget)
{
    slab_status rc = SLAB_OK;
    TRY(pass_plan_needs(r->pass, budget, &r->needs, &r->plan));
    r->gate.nplaces = r->plan.threads;
    ALLOC(r->gate.taken, r->plan.threads, "threads of a pass");
    TRY(slab_memory_alloc((void **)&r->scratch, (size_t)r->plan.threads, r->needs.scratch,
                          "scratch of a pass"));
    TRY(hold_bands(r, true));
done:
    return rc;
}

static void release(run *r)
{
    if (hold_bands(r, false) != SLAB_OK)
        slab_error_clear();
    pass_tree_clear(&r->tree);
    pass_tasks_clear(&r->known);
    pass_tasks_clear(&r->mine);
    pass_tasks_clear(&r->done);
    FREE(r->scratch);
    FREE(r->gate.taken);
    pthread_cond_destroy(&r->gate.freed);
    pthread_mutex_destroy(&r->gate.lock);
}

/* Where the states lie is found out first: a sink that has finished may need another size. */
static slab_status finish(slab_pass *pass, pass_node *root)
{
    slab_status rc = SLAB_OK;
    void **states = NULL;
    ALLOC(states, pass->nsinks, "the sinks of a pass");
    for (int s = 0; s < pass->nsinks; s++)
        if (root->states && !pass->sinks[s].wants.emits)
            states[s] = pass_node_state(pass, root, s);
    for (int s = 0; s < pass->nsinks; s++)
        if (pass->sinks[s].cls->finish)
            TRY(pass->sinks[s].cls->finish(pass->sinks[s].sink, &root->span, states[s]));
done:
    FREE(states);
    return rc;
}

/* All tasks; with a checkpoint in spells of a few minutes, after each of which it is kept. What is
 * done in one is not done again in the next: sinks like `store` take a tile once. */
static slab_status run_tasks(run *r)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass = r->pass;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    double interval = pass_state_interval(pass);
    if (interval > 0) {
        rc = pass_tasks_create(&pass->layout, &r->mine);
        if (rc == SLAB_OK)
            rc = pass_tasks_create(&pass->layout, &r->done);
        TRY(slab_ranks_agree(ranks, rc));
    }
    for (bool all = false; !all;) {
        TRY(slab_crew_run_some(pass->crew, pass->layout.ntasks, interval, run_task, r, &all));
        if (all)
            break;
        pass_state_save(pass, &r->tree);
        TRY(pass_tasks_unite(ranks, &r->mine, &r->done));
    }
done:
    if (rc == SLAB_ERR_STOPPED)
        pass_state_save(pass, &r->tree);
    return rc;
}

slab_status slab_pass_run(slab_pass *pass, size_t budget)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(pass->crew);
    pass_node root = {0};
    run r = {.pass = pass};
    pthread_mutex_init(&r.gate.lock, NULL);
    pthread_cond_init(&r.gate.freed, NULL);
    pass_tree_init(&r.tree, pass);
    TRY(slab_ranks_agree(ranks, prepare(&r, budget)));
    TRY(pass_state_load(pass, &r.tree, &r.known));
    slab_crew_progress_name(pass->crew, pass->name);
    rc = run_tasks(&r);
    slab_crew_progress_name(pass->crew, ""); /* the name is the pass's, and may go with it */
    TRY(rc);
    TRY(pass_tree_collect(&r.tree, ranks, &root));
    pass_state_save_root(pass, &root, &r.plan);
    if (pass->layout.emits)
        root.span = slab_box_whole(&pass->layout.grid.shape);
    TRY(slab_ranks_agree(ranks, finish(pass, &root)));
done:
    pass_node_clear(&root);
    release(&r);
    return rc;
}
