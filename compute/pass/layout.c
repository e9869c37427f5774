/*
 * From a value and its sinks to tiles in order and tasks.
 *
 * Nothing here may look at ranks, threads or the budget: the bits of a result depend on what this
 * file decides (docs/decisions/same-bits.md).
 */
#include <slab/compute/pass/pass_impl.h>

#include <inttypes.h>
#include <slab/storage/base/try.h>
#include <string.h>

#define TASK_BYTES     (1 << 20)          /* a task has at least this much to do */
#define TASKS_MAX      ((int64_t)1 << 29) /* the crew numbers tasks with 30 bits */
#define MERGE_SHARE    0.1                /* of the work that merging may take */
#define GROUP_ELEMENTS 32768              /* that are emitted together, where tiles are small */

static int64_t clipped_tile(const slab_grid *grid, int axis)
{
    int64_t tile = grid->tile.extent[axis], extent = grid->shape.extent[axis];
    return tile < extent ? tile : extent;
}

slab_shape pass_tile_shape(const pass_layout *layout)
{
    slab_shape shape = {.rank = layout->grid.shape.rank};
    for (int a = 0; a < shape.rank; a++)
        shape.extent[a] = clipped_tile(&layout->grid, a);
    return shape;
}

/* The grid a sink insists on or the value's own, with whole axes made whole. */
static slab_status choose_grid(slab_pass *pass)
{
    slab_status rc = SLAB_OK;
    pass_layout *layout = &pass->layout;
    const slab_grid *from = slab_value_grid(pass->values[0]), *asked = NULL;
    const slab_shape *shape = slab_value_shape(pass->values[0]);
    uint32_t whole = 0;
    for (int s = 0; s < pass->nsinks; s++) {
        const slab_sink_wants *wants = &pass->sinks[s].wants;
        whole |= wants->whole_axes;
        if (!wants->grid)
            continue;
        REQUIRE(slab_shape_equal(&wants->grid->shape, shape), SLAB_ERR_SHAPE,
                "sink '%s' wants tiles of an array of another shape", pass->sinks[s].cls->name);
        REQUIRE(!asked || slab_shape_equal(&wants->grid->tile, &asked->tile), SLAB_ERR_SHAPE,
                "two sinks of pass '%s' want different tiles", pass->name);
        asked = wants->grid;
    }
    REQUIRE(!asked || !whole, SLAB_ERR_SHAPE,
            "pass '%s' cannot both write tiles and hold whole axes in them", pass->name);
    from = asked ? asked : from;
    slab_shape tile = from->tile;
    int64_t phase[SLAB_RANK_MAX];
    for (int a = 0; a < shape->rank; a++) {
        bool all = whole >> a & 1;
        tile.extent[a] = !all ? tile.extent[a] : shape->extent[a] > 0 ? shape->extent[a] : 1;
        phase[a] = all ? 0 : from->phase[a];
    }
    TRY(slab_grid_make(shape, &tile, phase, &layout->grid));
done:
    return rc;
}

/* Groups of tiles whose states are merged: all tiles, or when sinks emit those that share their
 * place along the axes that stay, so many neighbours that what is emitted is worth a write. */
static void choose_groups(slab_pass *pass, uint32_t run)
{
    pass_layout *layout = &pass->layout;
    const slab_grid *grid = &layout->grid;
    int64_t kept = 1;
    for (int s = 0; s < pass->nsinks; s++)
        layout->emits = layout->emits || pass->sinks[s].wants.emits;
    layout->group_tiles = grid->ntiles > 0 ? grid->ntiles : 1;
    if (!layout->emits)
        return;
    layout->group_tiles = 1;
    for (int i = grid->shape.rank - 1; i >= 0; i--) {
        int a = layout->order[i];
        if (run >> a & 1)
            layout->group_tiles *= grid->count.extent[a];
        else
            kept *= clipped_tile(grid, a);
    }
    if (layout->group_tiles < 1)
        layout->group_tiles = 1;
    int64_t last = 1, join = GROUP_ELEMENTS / (kept > 0 ? kept : 1);
    for (int i = grid->shape.rank - 1; i >= 0 && last == 1; i--)
        if (!(run >> layout->order[i] & 1))
            last = grid->count.extent[layout->order[i]];
    join = join > last ? last : join < 1 ? 1 : join;
    while (last % join != 0) /* a group does not go round a corner */
        join--;
    layout->group_tiles *= join;
}

/* Bands outermost, then axes no sink runs along, then those the sinks run along. */
static slab_status choose_order(slab_pass *pass)
{
    slab_status rc = SLAB_OK;
    pass_layout *layout = &pass->layout;
    int rank = layout->grid.shape.rank, n = 0;
    uint32_t run = 0;
    layout->band_axis = -1;
    layout->nphases = 1;
    for (int s = 0; s < pass->nsinks; s++) {
        const slab_sink_wants *wants = &pass->sinks[s].wants;
        run |= wants->run_axes;
        if (wants->nphases > layout->nphases)
            layout->nphases = wants->nphases;
        if (wants->band_axis < 0)
            continue;
        REQUIRE(wants->band_axis < rank, SLAB_ERR_SHAPE,
                "sink '%s' wants bands along axis %d of an array of %d axes",
                pass->sinks[s].cls->name, wants->band_axis, rank);
        REQUIRE(layout->band_axis < 0 || layout->band_axis == wants->band_axis, SLAB_ERR_SHAPE,
                "sinks of pass '%s' want bands along different axes", pass->name);
        layout->band_axis = wants->band_axis;
    }
    REQUIRE(layout->nphases == 1 || layout->band_axis >= 0, SLAB_ERR_INTERNAL,
            "pass '%s' has phases but no bands", pass->name);
    if (layout->band_axis >= 0)
        layout->order[n++] = layout->band_axis;
    for (int late = 0; late < 2; late++)
        for (int a = 0; a < rank; a++)
            if (a != layout->band_axis && (int)(run >> a & 1) == late)
                layout->order[n++] = a;
    layout->unit = 1;
    for (int i = 1; layout->band_axis >= 0 && i < rank; i++)
        layout->unit *= layout->grid.count.extent[layout->order[i]];
    choose_groups(pass, run);
done:
    return rc;
}

int64_t pass_order_tile(const pass_layout *layout, int64_t place)
{
    int64_t coords[SLAB_RANK_MAX];
    for (int i = layout->grid.shape.rank - 1; i >= 0; i--) {
        int a = layout->order[i];
        coords[a] = place % layout->grid.count.extent[a];
        place /= layout->grid.count.extent[a];
    }
    return slab_grid_number(&layout->grid, coords);
}

/* Of a run of places: axes before the first that differs are fixed, those behind it are whole. */
void pass_tiles_span(const pass_layout *layout, int64_t first, int64_t last, slab_span *out)
{
    const slab_grid *grid = &layout->grid;
    slab_box low, high;
    slab_grid_box(grid, pass_order_tile(layout, first), &low);
    slab_grid_box(grid, pass_order_tile(layout, last), &high);
    *out = low;
    bool differs = false;
    for (int i = 0; i < grid->shape.rank; i++) {
        int a = layout->order[i];
        if (differs) {
            out->start[a] = 0;
            out->count[a] = grid->shape.extent[a];
        } else {
            out->count[a] = high.start[a] + high.count[a] - low.start[a];
            differs = high.start[a] != low.start[a];
        }
    }
}

int64_t pass_task_leaf(const pass_layout *layout, int64_t task)
{
    return (task / layout->group_tasks << layout->levels) + task % layout->group_tasks;
}

void pass_task_tiles(const pass_layout *layout, int64_t task, int64_t *first, int64_t *end)
{
    int64_t group = task / layout->group_tasks, of_group = task % layout->group_tasks;
    int64_t last = (group + 1) * layout->group_tiles;
    last = last < layout->grid.ntiles ? last : layout->grid.ntiles;
    *first = group * layout->group_tiles + of_group * layout->task_tiles;
    *end = *first + layout->task_tiles < last ? *first + layout->task_tiles : last;
}

bool pass_node_is_last(const pass_layout *layout, int level, int64_t index)
{
    int64_t leaf = (index << level) & (((int64_t)1 << layout->levels) - 1);
    return leaf + ((int64_t)1 << level) >= layout->group_tasks;
}

void pass_node_span(const pass_layout *layout, int level, int64_t index, slab_span *out)
{
    int64_t leaf = index << level, first, end, ignored;
    if (layout->ntasks == 0) {
        *out = slab_box_whole(&layout->grid.shape);
        return;
    }
    int64_t group = leaf >> layout->levels, from = leaf - (group << layout->levels);
    int64_t to = from + ((int64_t)1 << level);
    to = to < layout->group_tasks ? to : layout->group_tasks;
    pass_task_tiles(layout, group * layout->group_tasks + from, &first, &ignored);
    pass_task_tiles(layout, group * layout->group_tasks + to - 1, &ignored, &end);
    pass_tiles_span(layout, first, end - 1, out);
}

size_t pass_states_bytes(const slab_pass *pass, const slab_span *span, int upto)
{
    size_t bytes = 0;
    for (int s = 0; s < upto; s++) {
        const pass_sink *sink = &pass->sinks[s];
        size_t state = sink->cls->merge ? sink->cls->state_bytes(sink->sink, span) : 0;
        state = state > SIZE_MAX - 63 ? SIZE_MAX : (state + 63) / 64 * 64;
        bytes = state > SIZE_MAX - bytes ? SIZE_MAX : bytes + state;
    }
    return bytes;
}

/* Merging a state over what the tiles cost, for tasks of n tiles. */
static double merge_share(const slab_pass *pass, int64_t n, double tile_bytes)
{
    const pass_layout *layout = &pass->layout;
    slab_span span;
    double share = 0;
    pass_tiles_span(layout, 0, n - 1, &span);
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        double work = tile_bytes * (double)n;
        work *= sink->wants.intensity > 0 ? sink->wants.intensity : 1;
        if (!sink->cls->merge)
            continue;
        double one = (double)sink->cls->state_bytes(sink->sink, &span) / work;
        share = one > share ? one : share;
    }
    return share;
}

/*
 * The fewest tiles that make a task worth its overhead and its merging. When states grow as fast
 * as the tiles do (a reduction along a short axis), longer tasks don't help: then the shortest
 * that is near the best.
 */
static void choose_tasks(slab_pass *pass)
{
    pass_layout *layout = &pass->layout;
    int64_t ntiles = layout->grid.ntiles, most = layout->group_tiles, best = 0, n;
    slab_shape tile = pass_tile_shape(layout);
    double bytes = slab_value_dtype(pass->values[0]).size, least = 0;
    for (int a = 0; a < tile.rank; a++)
        bytes *= (double)tile.extent[a];
    layout->task_tiles = layout->group_tasks = 1;
    if (ntiles == 0)
        return;
    for (n = layout->unit;; n = n > most / 2 ? most : 2 * n) {
        bool enough = (double)n * bytes >= TASK_BYTES && ntiles / n < TASKS_MAX;
        double share = merge_share(pass, n, bytes);
        if ((enough || n == most) && (best == 0 || share < 0.8 * least)) {
            best = n;
            least = share;
        }
        if ((enough && share <= MERGE_SHARE) || n == most)
            break;
    }
    layout->task_tiles = best;
    layout->ngroups = (ntiles + most - 1) / most;
    layout->group_tasks = (most + best - 1) / best;
    layout->ntasks = layout->ngroups * layout->group_tasks;
    while (((int64_t)1 << layout->levels) < layout->group_tasks)
        layout->levels++;
}

bool slab_pass_agrees(const slab_pass *pass, const slab_sink_class *cls, const void *sink)
{
    slab_sink_wants wants = cls->wants(sink);
    for (int s = 0; s < pass->nsinks; s++) {
        slab_sink_wants other = pass->sinks[s].cls->wants(pass->sinks[s].sink);
        bool stateless = !cls->merge || !pass->sinks[s].cls->merge;
        bool tiles =
            !wants.grid || !other.grid || slab_shape_equal(&wants.grid->tile, &other.grid->tile);
        bool whole = !(wants.grid && other.whole_axes) && !(other.grid && wants.whole_axes);
        bool bands =
            wants.band_axis < 0 || other.band_axis < 0 || wants.band_axis == other.band_axis;
        bool apart = (wants.emits && other.band_axis >= 0) || (other.emits && wants.band_axis >= 0);
        bool groups = stateless || (wants.emits == other.emits &&
                                    (!wants.emits || wants.run_axes == other.run_axes));
        if (!tiles || !whole || !bands || !groups || apart)
            return false;
    }
    return true;
}

slab_status pass_layout_make(slab_pass *pass)
{
    slab_status rc = SLAB_OK;
    if (pass->layout.made)
        return SLAB_OK;
    memset(&pass->layout, 0, sizeof pass->layout);
    for (int v = 0; v < pass->nvalues; v++)
        TRY(slab_value_status(pass->values[v]));
    for (int s = 0; s < pass->nsinks; s++)
        pass->sinks[s].wants = pass->sinks[s].cls->wants(pass->sinks[s].sink);
    TRY(choose_grid(pass));
    TRY(choose_order(pass));
    choose_tasks(pass);
    pass->layout.made = true;
done:
    return rc;
}
