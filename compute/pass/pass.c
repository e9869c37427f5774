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
    pass->value = slab_value_keep(value);
    *out = pass;
done:
    return rc;
}

void slab_pass_destroy(slab_pass **pass)
{
    if (!pass || !*pass)
        return;
    slab_value_drop(&(*pass)->value);
    FREE(*pass);
}

slab_status slab_pass_add(slab_pass *pass, const slab_sink_class *cls, void *sink)
{
    slab_status rc = SLAB_OK;
    REQUIRE(pass->nsinks < PASS_SINKS_MAX, SLAB_ERR_RANGE, "pass '%s' has %d sinks already",
            pass->name, PASS_SINKS_MAX);
    pass->sinks[pass->nsinks++] = (pass_sink){.cls = cls, .sink = sink};
    pass->layout.made = false;
done:
    return rc;
}

int64_t slab_pass_tasks(const slab_pass *pass)
{
    return pass->layout.ntasks;
}

/* Shows a tile to every sink that takes part in this phase. */
static slab_status show_tile(run *r, int place, pass_node *node, int phase, int64_t at)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass = r->pass;
    unsigned char *scratch = r->scratch ? r->scratch + (size_t)place * r->needs.scratch : NULL;
    slab_shape shape = pass_tile_shape(&pass->layout);
    slab_tile tile = {.number = pass_order_tile(&pass->layout, at),
                      .dtype = slab_value_dtype(pass->value),
                      .thread = place};
    slab_grid_box(&pass->layout.grid, tile.number, &tile.box);
    TRY(slab_value_get(pass->value, place, &tile.box, &tile.view));
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        size_t own = sink->cls->scratch_bytes ? sink->cls->scratch_bytes(sink->sink, &shape) : 0;
        if (phase < sink->wants.nphases || phase == 0)
            TRY(sink->cls->accumulate(sink->sink, &node->span, pass_node_state(pass, node, s),
                                      phase, &tile, own ? scratch : NULL));
        scratch = own ? scratch + (own + 63) / 64 * 64 : scratch;
    }
    slab_crew_count_bytes(pass->crew, slab_box_elements(&tile.box) * (int64_t)tile.dtype.size);
done:
    return rc;
}

static slab_status turn_band(run *r, int place, pass_node *node, int phase)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass = r->pass;
    unsigned char *scratch = r->scratch ? r->scratch + (size_t)place * r->needs.scratch : NULL;
    slab_shape shape = pass_tile_shape(&pass->layout);
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        size_t own = sink->cls->scratch_bytes ? sink->cls->scratch_bytes(sink->sink, &shape) : 0;
        if (sink->cls->turn && sink->wants.band_axis >= 0 &&
            (phase < sink->wants.nphases || phase == 0))
            TRY(sink->cls->turn(sink->sink, &node->span, pass_node_state(pass, node, s), phase,
                                own ? scratch : NULL));
        scratch = own ? scratch + (own + 63) / 64 * 64 : scratch;
    }
done:
    return rc;
}

/* Has the tile's packed bytes read ahead while the one before is computed: the next of this task,
 * or at its end the first of the task that this thread will probably get. */
static void look_ahead(run *r, int64_t at, int64_t end)
{
    const pass_layout *layout = &r->pass->layout;
    int64_t next = at + 1 < end ? at + 1 : end + (r->plan.threads - 1) * layout->task_tiles;
    slab_box box;
    if (next >= layout->grid.ntiles)
        return;
    slab_grid_box(&layout->grid, pass_order_tile(layout, next), &box);
    slab_value_prefetch(r->pass->value, &box);
}

/* A task's tiles: unit by unit, each as often as there are phases. */
static slab_status run_tiles(run *r, int place, pass_node *node, int64_t first, int64_t end)
{
    slab_status rc = SLAB_OK;
    const pass_layout *layout = &r->pass->layout;
    for (int64_t unit = first; unit < end; unit += layout->unit) {
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
    int64_t first = task * layout->task_tiles, end = first + layout->task_tiles;
    pass_node node = {0};
    int place = r->gate.nplaces < slab_crew_threads(r->pass->crew) ? gate_enter(&r->gate) : -1;
    end = end > layout->grid.ntiles ? layout->grid.ntiles : end;
    TRY(pass_node_make(r->pass, 0, task, &node));
    TRY(run_tiles(r, place < 0 ? thread : place, &node, first, end));
    TRY(pass_tree_add(&r->tree, &node));
done:
    pass_node_clear(&node);
    if (place >= 0)
        gate_leave(&r->gate, place);
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
    for (int place = 0; r->plan.keeps_packed && place < r->plan.threads; place++)
        TRY(slab_value_hold(r->pass->value, place, r->needs.hold));
done:
    return rc;
}

static void release(run *r)
{
    for (int place = 0; r->plan.keeps_packed && place < r->plan.threads; place++)
        slab_value_hold(r->pass->value, place, 0);
    pass_tree_clear(&r->tree);
    FREE(r->scratch);
    FREE(r->gate.taken);
    pthread_cond_destroy(&r->gate.freed);
    pthread_mutex_destroy(&r->gate.lock);
}

static slab_status finish(slab_pass *pass, pass_node *root)
{
    slab_status rc = SLAB_OK;
    for (int s = 0; s < pass->nsinks; s++)
        TRY(pass->sinks[s].cls->finish(pass->sinks[s].sink, &root->span,
                                       pass_node_state(pass, root, s)));
done:
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
    slab_crew_progress_name(pass->crew, pass->name);
    rc = slab_crew_run(pass->crew, pass->layout.ntasks, run_task, &r);
    slab_crew_progress_name(pass->crew, ""); /* the name is the pass's, and may go with it */
    TRY(rc);
    TRY(pass_tree_collect(&r.tree, ranks, &root));
    TRY(slab_ranks_agree(ranks, finish(pass, &root)));
done:
    pass_node_clear(&root);
    release(&r);
    return rc;
}
