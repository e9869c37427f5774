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

#define TASK_BYTES  (1 << 20)          /* a task has at least this much to do */
#define TASKS_MAX   ((int64_t)1 << 29) /* the crew numbers tasks with 30 bits */
#define MERGE_SHARE 0.1                /* of the work that merging may take */

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
    const slab_grid *from = slab_value_grid(pass->value), *asked = NULL;
    const slab_shape *shape = slab_value_shape(pass->value);
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

void pass_node_tasks(const pass_layout *layout, int level, int64_t index, int64_t *first,
                     int64_t *last)
{
    *first = index << level;
    *last = ((index + 1) << level) - 1;
    if (*last > layout->ntasks - 1)
        *last = layout->ntasks - 1;
}

void pass_node_span(const pass_layout *layout, int level, int64_t index, slab_span *out)
{
    int64_t first, last;
    if (layout->ntasks == 0) {
        *out = slab_box_whole(&layout->grid.shape);
        return;
    }
    pass_node_tasks(layout, level, index, &first, &last);
    last = (last + 1) * layout->task_tiles - 1;
    if (last > layout->grid.ntiles - 1)
        last = layout->grid.ntiles - 1;
    pass_tiles_span(layout, first * layout->task_tiles, last, out);
}

size_t pass_states_bytes(const slab_pass *pass, const slab_span *span, size_t *offsets)
{
    size_t bytes = 0;
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        size_t state = sink->cls->state_bytes(sink->sink, span);
        if (offsets)
            offsets[s] = bytes;
        state = state > SIZE_MAX - 63 ? SIZE_MAX : (state + 63) / 64 * 64;
        bytes = state > SIZE_MAX - bytes ? SIZE_MAX : bytes + state;
    }
    return bytes ? bytes : 64;
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
    int64_t ntiles = layout->grid.ntiles, best = 0, n;
    slab_shape tile = pass_tile_shape(layout);
    double bytes = slab_value_dtype(pass->value).size, least = 0;
    for (int a = 0; a < tile.rank; a++)
        bytes *= (double)tile.extent[a];
    if (ntiles == 0) {
        layout->task_tiles = 1;
        return;
    }
    for (n = layout->unit;; n = n > ntiles / 2 ? ntiles : 2 * n) {
        bool enough = (double)n * bytes >= TASK_BYTES && ntiles / n < TASKS_MAX;
        double share = merge_share(pass, n, bytes);
        if ((enough || n == ntiles) && (best == 0 || share < 0.8 * least)) {
            best = n;
            least = share;
        }
        if ((enough && share <= MERGE_SHARE) || n == ntiles)
            break;
    }
    layout->task_tiles = best;
    layout->ntasks = (ntiles + best - 1) / best;
    while (((int64_t)1 << layout->levels) < layout->ntasks)
        layout->levels++;
}

slab_status pass_layout_make(slab_pass *pass)
{
    slab_status rc = SLAB_OK;
    if (pass->layout.made)
        return SLAB_OK;
    memset(&pass->layout, 0, sizeof pass->layout);
    TRY(slab_value_status(pass->value));
    for (int s = 0; s < pass->nsinks; s++)
        pass->sinks[s].wants = pass->sinks[s].cls->wants(pass->sinks[s].sink);
    TRY(choose_grid(pass));
    TRY(choose_order(pass));
    choose_tasks(pass);
    pass->layout.made = true;
done:
    return rc;
}
