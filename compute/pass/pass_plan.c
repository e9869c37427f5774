/* What a pass needs and costs. */
#include <slab/compute/pass/pass_impl.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

static size_t plus(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static size_t times(size_t a, size_t n)
{
    return n && a > SIZE_MAX / n ? SIZE_MAX : a * n;
}

static size_t node_bytes(const slab_pass *pass, int level)
{
    const pass_layout *layout = &pass->layout;
    size_t most = 0;
    slab_span span;
    for (int64_t index = 0; index < 2; index++) { /* the first tile of a grid may be cut off */
        if (index > 0 && index << level >= layout->group_tasks)
            break;
        pass_node_span(layout, level, index, &span);
        size_t bytes = pass_states_bytes(pass, &span, pass->nsinks);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/*
 * The nodes that wait for their siblings: one a level, for tasks end nearly in order. A second one
 * of the lower levels, because a rank's range of tasks has two ragged ends, when there are several
 * ranks; and what a steal leaves behind, of the lowest ones.
 */
static size_t tree_bytes(const slab_pass *pass)
{
    const pass_layout *layout = &pass->layout;
    bool several = slab_ranks_count(slab_crew_ranks(pass->crew)) > 1;
    size_t bytes = 0;
    if (layout->ntasks <= 1)
        return 0;
    for (int level = 0; level <= layout->levels; level++) {
        size_t one = node_bytes(pass, level);
        int copies = !several || level >= layout->levels - 1 ? 1 : 2;
        copies += several && level < layout->levels - 3 ? 2 : 0;
        bytes = plus(bytes, times(one, (size_t)copies));
    }
    return bytes;
}

/* Of all sources of all values, each counted once. */
static int64_t packed_bytes(const slab_pass *pass)
{
    slab_value **sources = NULL;
    int n = 0;
    int64_t bytes = 0;
    if (slab_value_sources(pass->values, pass->nvalues, &sources, &n) != SLAB_OK)
        slab_error_clear(); /* no memory for the list: the pass itself will say so */
    for (int i = 0; i < n; i++)
        bytes += slab_value_packed_bytes(sources[i]);
    FREE(sources);
    return bytes;
}

/* Packed bytes of a band, with room for bands that compress less well than the mean. */
static size_t band_bytes(const slab_pass *pass)
{
    const pass_layout *layout = &pass->layout;
    if (layout->nphases == 1 || layout->grid.ntiles == 0)
        return 0;
    double share = (double)layout->unit / (double)layout->grid.ntiles;
    double bytes = share * (double)packed_bytes(pass);
    return bytes > 0 ? (size_t)(1.25 * bytes) + 65536 : 0;
}

static void find_needs(const slab_pass *pass, pass_needs *needs)
{
    slab_shape tile = pass_tile_shape(&pass->layout);
    memset(needs, 0, sizeof *needs);
    for (int s = 0; s < pass->nsinks; s++) {
        const pass_sink *sink = &pass->sinks[s];
        if (sink->cls->scratch_bytes)
            needs->scratch = plus(needs->scratch,
                                  plus(sink->cls->scratch_bytes(sink->sink, &tile), 63) / 64 * 64);
    }
    needs->thread = needs->scratch;
    for (int v = 0; v < pass->nvalues; v++)
        needs->thread = plus(needs->thread, slab_value_memory(pass->values[v], &tile));
    /* A task's own states, and as much again: those of tasks that ended before an older one. */
    needs->thread =
        plus(needs->thread, times(node_bytes(pass, 0), pass->layout.ntasks > 1 ? 2 : 1));
    if (pass->layout.emits) /* what a group comes to is made of its states */
        needs->thread = plus(needs->thread, node_bytes(pass, pass->layout.levels));
    needs->shared = tree_bytes(pass);
    if (pass->layout.ntasks > 1) /* those of an earlier run, of this rank, and of all */
        needs->shared = plus(needs->shared, 3 * pass_tasks_bytes(&pass->layout));
    needs->hold = band_bytes(pass);
}

static int64_t mebibytes(size_t bytes)
{
    return (int64_t)(bytes / 1048576 + (bytes % 1048576 != 0));
}

/*
 * What others take is the part of the limit that the pass was not given. When it was given nothing
 * they may take more than there is: who plans for several things compares with the budget himself
 * (slab_plan_fits) and asks for a plan without one.
 */
static slab_status too_small(const slab_pass *pass, size_t budget, size_t least)
{
    size_t limit = slab_memory_limit(), used = slab_memory_used();
    size_t others = limit > budget ? limit - budget : 0;
    int64_t all = mebibytes(plus(least, others > used ? others : used));
    return slab_error_set(SLAB_ERR_MEMORY, __FILE__, __LINE__,
                          "pass '%s' needs at least %" PRId64
                          " MiB per rank with one thread, the budget leaves it %" PRId64
                          " MiB: --memory %" PRId64 "M",
                          pass->name, mebibytes(least), (int64_t)(budget / 1048576), all);
}

slab_status pass_plan_needs(slab_pass *pass, size_t budget, pass_needs *needs, slab_pass_plan *plan)
{
    slab_status rc = SLAB_OK;
    memset(plan, 0, sizeof *plan);
    TRY(pass_layout_make(pass));
    const pass_layout *layout = &pass->layout;
    find_needs(pass, needs);
    snprintf(plan->name, sizeof plan->name, "%s", pass->name);
    for (int v = 0; v < pass->nvalues && !plan->fallback[0]; v++)
        snprintf(plan->fallback, sizeof plan->fallback, "%s", slab_value_fallback(pass->values[v]));
    plan->ntiles = layout->grid.ntiles;
    plan->ntasks = layout->ntasks;
    plan->tile = pass_tile_shape(layout);
    plan->memory_thread = needs->thread;
    plan->memory_least = plus(needs->shared, needs->thread);
    if (plan->memory_least > budget)
        return too_small(pass, budget, plan->memory_least);
    int threads = slab_crew_threads(pass->crew);
    if (threads > layout->ntasks)
        threads = layout->ntasks < 1 ? 1 : (int)layout->ntasks;
    size_t fit = needs->thread ? (budget - needs->shared) / needs->thread : SIZE_MAX;
    plan->threads = fit < (size_t)threads ? (int)fit : threads;
    plan->memory = needs->shared + (size_t)plan->threads * needs->thread;
    size_t hold = times(needs->hold, (size_t)plan->threads);
    plan->keeps_packed = hold > 0 && hold <= budget - plan->memory;
    plan->memory += plan->keeps_packed ? hold : 0;
    int64_t elements = 0, readings = plan->keeps_packed ? 1 : layout->nphases;
    TRY(slab_shape_elements(slab_value_shape(pass->values[0]), &elements));
    plan->packed_bytes = packed_bytes(pass) * readings;
    plan->plain_bytes =
        elements * (int64_t)slab_value_dtype(pass->values[0]).size * layout->nphases;
done:
    return rc;
}

slab_status slab_pass_plan_make(slab_pass *pass, size_t budget, slab_pass_plan *out)
{
    pass_needs needs;
    return pass_plan_needs(pass, budget, &needs, out);
}
