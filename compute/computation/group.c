#include <slab/compute/computation/group.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/computation/results.h>
#include <slab/compute/graph/deferred.h>
#include <slab/compute/kernel/order.h>
#include <slab/compute/pass/pass.h>
#include <slab/compute/sink/grouping.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

#define TABLE_MOST ((size_t)24 << 20)  /* bytes of a state: bits may not depend on the budget */
#define SMALL      ((size_t)256 << 10) /* of what no plan counts */
#define TILE_MOST  ((double)(8 << 20)) /* of a block of columns */

/* A reduction's name and what it is made of. */
typedef struct group_name {
    const char *name;
    char kind; /* s m v d (std) l g c (count) */
    unsigned what;
    bool skip_nan;
} group_name;

static const group_name group_names[] = {
    {"sum", 's', SLAB_GROUP_SUM, false},
    {"mean", 'm', SLAB_GROUP_SUM, false},
    {"var", 'v', SLAB_GROUP_MOMENTS, false},
    {"std", 'd', SLAB_GROUP_MOMENTS, false},
    {"min", 'l', SLAB_GROUP_LEAST, false},
    {"max", 'g', SLAB_GROUP_GREATEST, false},
    {"count", 'c', 0, false},
    {"nansum", 's', SLAB_GROUP_SUM, true},
    {"nanmean", 'm', SLAB_GROUP_SUM, true},
    {"nanvar", 'v', SLAB_GROUP_MOMENTS, true},
    {"nanstd", 'd', SLAB_GROUP_MOMENTS, true},
    {"nanmin", 'l', SLAB_GROUP_LEAST, true},
    {"nanmax", 'g', SLAB_GROUP_GREATEST, true},
};
enum { NNAMES = sizeof group_names / sizeof *group_names };

const char *slab_group_name_at(int i)
{
    return i >= 0 && i < NNAMES ? group_names[i].name : NULL;
}

static const group_name *find_name(const char *name)
{
    for (int i = 0; i < NNAMES; i++)
        if (strcmp(group_names[i].name, name) == 0)
            return &group_names[i];
    return NULL;
}

/* Sums of 64-bit integers wrap around, so their mean is kept as one. */
static unsigned what_of(const group_name *name, slab_dtype dtype)
{
    bool wraps = dtype.kind != SLAB_KIND_FLOAT && dtype.size == 8;
    return name->kind == 'm' && wraps ? SLAB_GROUP_MOMENTS : name->what;
}

/* Everything about one call. */
typedef struct grouping_job {
    const slab_workshop *workshop;
    slab_value *rows, *labels;
    size_t budget;
    double ddof;
    int n;
    const group_name *names[SLAB_GROUP_NAMES_MOST];
    slab_results results[SLAB_GROUP_NAMES_MOST];
    slab_grouping sink;
    int64_t row_elements; /* of all columns */
} grouping_job;

static slab_status check(grouping_job *job, const slab_group_options *options)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX], one[SLAB_SHAPE_TEXT_MAX], other[SLAB_SHAPE_TEXT_MAX];
    TRY(slab_value_status(job->rows));
    TRY(slab_value_status(job->labels));
    const slab_shape *shape = slab_value_shape(job->rows), *of = slab_value_shape(job->labels);
    slab_dtype dtype = slab_value_dtype(job->rows);
    REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "groups of %s are not reduced: only real numbers are", slab_dtype_name(dtype, name));
    REQUIRE(shape->rank >= 1 && of->rank == 1 && of->extent[0] == shape->extent[0], SLAB_ERR_SHAPE,
            "labels of shape %s for an array of shape %s: one is needed for each of its rows",
            slab_shape_text(of, one), slab_shape_text(shape, other));
    REQUIRE(options->n >= 1 && options->n <= SLAB_GROUP_NAMES_MOST, SLAB_ERR_VALUE,
            "%d reductions at once: 1 to %d are", options->n, SLAB_GROUP_NAMES_MOST);
    job->n = options->n;
    job->ddof = options->ddof;
    for (int i = 0; i < options->n; i++) {
        job->names[i] = find_name(options->names[i]);
        REQUIRE(job->names[i], SLAB_ERR_VALUE, "there is no grouped reduction '%s'",
                options->names[i]);
        REQUIRE(job->names[i]->skip_nan == job->names[0]->skip_nan || job->names[i]->kind == 'c' ||
                    job->names[0]->kind == 'c',
                SLAB_ERR_VALUE, "reductions that leave NaN out and others are two calls");
        job->sink.what |= what_of(job->names[i], dtype);
        job->sink.skip_nan = job->sink.skip_nan || job->names[i]->skip_nan;
    }
    job->sink.dtype = dtype;
    job->sink.labels = slab_value_dtype(job->labels);
    job->sink.rank = shape->rank;
    job->row_elements = 1;
    for (int a = 1; a < shape->rank; a++)
        TRY(slab_extent_multiply(job->row_elements, shape->extent[a], &job->row_elements));
done:
    return rc;
}

static slab_dtype result_type(const grouping_job *job, const group_name *name)
{
    slab_dtype dtype = slab_value_dtype(job->rows);
    bool real = dtype.kind == SLAB_KIND_FLOAT;
    if (name->kind == 'c')
        return slab_dtype_make(SLAB_KIND_INT, 8);
    if (real || name->kind == 'l' || name->kind == 'g')
        return dtype;
    if (name->kind == 's')
        return slab_dtype_make(dtype.kind == SLAB_KIND_UINT ? SLAB_KIND_UINT : SLAB_KIND_INT, 8);
    return slab_dtype_make(SLAB_KIND_FLOAT, 8);
}

static slab_shape result_shape(const grouping_job *job, const group_name *name, int64_t ngroups)
{
    slab_shape shape = *slab_value_shape(job->rows);
    shape.extent[0] = ngroups;
    if (name->kind == 'c')
        shape.rank = 1;
    return shape;
}

/* --- what states come to --- */

/* Element of a result as a double, or for sums and extremes of integers as it is. */
static void make_element(const grouping_job *job, const group_name *name, const void *state,
                         int64_t group, int64_t column, char *out, slab_dtype dtype)
{
    const slab_grouping *g = &job->sink;
    bool whole = g->dtype.kind != SLAB_KIND_FLOAT, plain = g->dtype.kind != SLAB_KIND_INT;
    int64_t at = group * g->columns + column;
    const int64_t *counts = slab_grouping_counts(g, state);
    double n = (double)(slab_grouping_ncounts(g) > 1 ? counts[at] : counts[group]), real = NAN;
    unsigned what = what_of(name, g->dtype);
    const double *field = slab_grouping_field(g, state, what, false);
    if (whole && (name->kind == 's' || name->kind == 'l' || name->kind == 'g')) {
        memcpy(out, (const int64_t *)(const void *)field + at, dtype.size); /* the low bytes */
        return;
    }
    if (name->kind == 'm' && what == SLAB_GROUP_MOMENTS) {
        real = n > 0 ? field[at] : NAN;
    } else if (name->kind == 'm' && whole) {
        int64_t sum = ((const int64_t *)(const void *)field)[at];
        real = (plain ? (double)(uint64_t)sum : (double)sum) / n;
    } else if (name->kind == 'm') {
        real = field[at] / n;
    } else if (name->kind == 'v' || name->kind == 'd') {
        const double *squares = slab_grouping_field(g, state, what, true);
        real = n - job->ddof > 0 ? squares[at] / (n - job->ddof) : NAN;
        real = name->kind == 'd' ? sqrt(real) : real;
    } else if (n > 0 || name->kind == 's') {
        real = field[at];
    }
    slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 8), &real, dtype, out, 1);
}

/* The groups of this pass and the columns of this block, to where they belong. */
static slab_status put_block(grouping_job *job, int i, const void *state, int64_t from)
{
    enum { ROWS = 4096 };
    slab_status rc = SLAB_OK;
    const slab_grouping *g = &job->sink;
    slab_dtype dtype = result_type(job, job->names[i]);
    slab_shape shape = result_shape(job, job->names[i], 0);
    char *out = NULL;
    int64_t columns = job->names[i]->kind == 'c' ? 1 : g->columns;
    if (job->names[i]->kind == 'c' && from > 0)
        return SLAB_OK;
    TRY(slab_memory_alloc((void **)&out, (size_t)(ROWS < g->n ? ROWS : g->n) * (size_t)columns,
                          dtype.size, "groups"));
    for (int64_t first = 0; first < g->n; first += ROWS) {
        int64_t n = g->n - first < ROWS ? g->n - first : ROWS;
        slab_box box = slab_box_whole(&shape);
        box.start[0] = g->first + first;
        box.count[0] = n;
        if (box.rank > 1) {
            box.start[1] = from;
            box.count[1] = g->columns / (job->row_elements / shape.extent[1]);
        }
        for (int64_t k = 0; k < n * columns; k++) {
            char *to = out + k * dtype.size;
            if (job->names[i]->kind == 'c')
                memcpy(to, slab_grouping_counts(g, state) + first + k, sizeof(int64_t));
            else
                make_element(job, job->names[i], state, first + k / columns, k % columns, to,
                             dtype);
        }
        TRY(slab_results_put(&job->results[i], &box, out));
    }
done:
    FREE(out);
    return rc;
}

/* --- passes --- */

static slab_value *broadcast_labels(slab_value *labels, const slab_value *rows)
{
    slab_index items[SLAB_RANK_MAX] = {{.kind = SLAB_INDEX_SLICE, .step = 1}};
    int rank = slab_value_shape(rows)->rank;
    for (int a = 1; a < rank; a++)
        items[a].kind = SLAB_INDEX_NEWAXIS;
    slab_value *longer = slab_value_index(labels, items, rank);
    slab_value *all = slab_value_broadcast_to(longer, slab_value_shape(rows));
    slab_value_drop(&longer);
    return all;
}

/* Groups whose table is small enough. */
static int64_t groups_at_once(const slab_grouping *g, int64_t ngroups)
{
    slab_grouping one = *g;
    one.n = 1;
    int64_t n = (int64_t)(TABLE_MOST / slab_grouping_bytes(&one));
    return n < 1 ? 1 : n > ngroups ? ngroups : n;
}

/* times: so many passes are planned; 0: one is run. */
static slab_status run_pass(grouping_job *job, slab_value *rows, slab_value *labels, int64_t times,
                            slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass = NULL;
    slab_pass_plan one;
    slab_value *operands[] = {rows, broadcast_labels(labels, rows)};
    size_t taken = slab_grouping_bytes(&job->sink);
    taken = taken > SIZE_MAX - SMALL ? SIZE_MAX : taken + SMALL;
    size_t room = job->budget > taken ? job->budget - taken : 0;
    TRY(slab_value_status(operands[1]));
    TRY(slab_pass_create(job->workshop->crew, "groups", rows, &pass));
    TRY(slab_pass_feed_many(pass, operands, 2, &slab_sink_grouping, &job->sink));
    if (plan) {
        TRY(slab_pass_plan_make(pass, SIZE_MAX, &one));
        if (one.memory_least <= room)
            TRY(slab_pass_plan_make(pass, room, &one));
        one.memory += taken;
        one.memory_least += taken;
        slab_plan_add_pass(plan, &one, times, 0);
    } else {
        TRY(slab_pass_run(pass, room));
        slab_pass_rest(pass);
    }
done:
    slab_pass_destroy(&pass);
    slab_value_drop(&operands[1]);
    return rc;
}

/* Columns [from, from + n) of the second axis, all groups. */
static slab_status run_block(grouping_job *job, slab_value *rows, int64_t from, int64_t ngroups)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(job->workshop->crew);
    slab_grouping *g = &job->sink;
    for (g->first = 0; g->first < ngroups; g->first += g->n) {
        int64_t most = groups_at_once(g, ngroups);
        g->n = ngroups - g->first < most ? ngroups - g->first : most;
        rc = slab_memory_alloc(&g->state, slab_grouping_bytes(g), 1, "groups");
        TRY(slab_ranks_agree(ranks, rc));
        TRY(run_pass(job, rows, job->labels, 0, NULL));
        for (int i = 0; i < job->n && rc == SLAB_OK && slab_ranks_me(ranks) == 0; i++)
            rc = put_block(job, i, g->state, from);
        FREE(g->state);
        TRY(slab_ranks_agree(ranks, rc));
    }
done:
    FREE(g->state);
    return rc;
}

/* Extent along the second axis of blocks whose tiles are small. */
static int64_t block_width(const grouping_job *job)
{
    const slab_grid *grid = slab_value_grid(job->rows);
    if (grid->shape.rank < 2)
        return 1;
    int64_t tile = grid->tile.extent[1], extent = grid->shape.extent[1], width = tile;
    double bytes = (double)slab_value_dtype(job->rows).size * (double)grid->tile.extent[0];
    for (int a = 2; a < grid->shape.rank; a++)
        bytes *= (double)grid->shape.extent[a];
    while (width < extent && bytes * (double)(2 * width) <= TILE_MOST)
        width *= 2;
    return width < extent ? width : extent;
}

static slab_status each_block(grouping_job *job, int64_t ngroups, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    const slab_shape *shape = slab_value_shape(job->rows);
    int64_t extent = shape->rank > 1 ? shape->extent[1] : 1, width = block_width(job);
    slab_value *part = NULL;
    for (int64_t from = 0; from < extent; from += width) {
        int64_t n = extent - from < width ? extent - from : width;
        const slab_index items[] = {{.kind = SLAB_INDEX_SLICE, .step = 1},
                                    {SLAB_INDEX_SLICE, true, true, from, from + n, 1}};
        part = n == extent ? slab_value_keep(job->rows) : slab_value_index(job->rows, items, 2);
        TRY(slab_value_status(part));
        job->sink.columns = job->row_elements / (extent ? extent : 1) * n;
        if (plan) {
            job->sink.n = groups_at_once(&job->sink, ngroups);
            int64_t times = job->sink.n > 0 ? (ngroups + job->sink.n - 1) / job->sink.n : 1;
            TRY(run_pass(job, part, job->labels, times, plan));
        } else {
            TRY(run_block(job, part, from, ngroups));
        }
        slab_value_drop(&part);
    }
done:
    slab_value_drop(&part);
    return rc;
}

/* The distinct labels' keys, without NaN, which is no label. */
static slab_status read_keys(const slab_distinct *distinct, uint64_t **out, int64_t *n)
{
    enum { BLOCK = 65536 };
    slab_status rc = SLAB_OK;
    slab_dtype dtype = slab_value_dtype(distinct->elements);
    slab_view view;
    *n = distinct->n;
    ALLOC(*out, distinct->n, "groups");
    for (int64_t i = 0; i < distinct->n; i += BLOCK) {
        slab_box box = {1, {i}, {distinct->n - i < BLOCK ? distinct->n - i : BLOCK}};
        TRY(slab_value_get(distinct->elements, 0, &box, &view));
        slab_order_keys(dtype, view.data, box.count[0], *out + i);
    }
    if (*n > 0 && dtype.kind == SLAB_KIND_FLOAT && (*out)[*n - 1] == SLAB_ORDER_NAN)
        --*n;
done:
    slab_value_rest(&distinct->elements, 1);
    return rc;
}

static slab_status collect(grouping_job *job, const slab_distinct *distinct, int64_t ngroups,
                           slab_group_result *out)
{
    slab_status rc = SLAB_OK;
    const slab_index labels = {SLAB_INDEX_SLICE, false, true, 0, ngroups, 1};
    out->ngroups = ngroups;
    out->labels = slab_value_index(distinct->elements, &labels, 1);
    TRY(slab_value_status(out->labels));
    for (int i = 0; i < job->n; i++)
        TRY(slab_results_value(&job->results[i], job->workshop, &out->results[i]));
done:
    return rc;
}

/* What is known once the labels are: the sink's index, and that its passes fit. */
static slab_status prepare(grouping_job *job, const slab_distinct *distinct, size_t before,
                           slab_group_index *index, uint64_t **keys, int64_t *ngroups)
{
    slab_status rc = SLAB_OK;
    slab_plan plan = {0};
    size_t all = job->budget > SIZE_MAX - before ? SIZE_MAX : job->budget + before;
    TRY(read_keys(distinct, keys, ngroups));
    TRY(slab_group_index_make(*keys, *ngroups, index));
    size_t used = slab_memory_used();
    job->budget = all > used ? all - used : 0;
    job->sink.index = index;
    TRY(each_block(job, *ngroups, &plan));
    slab_plan_beside(&plan, used);
    TRY_SAYING(slab_plan_fits(&plan, all), "%" PRId64 " groups", *ngroups);
done:
    return rc;
}

slab_status slab_group_find(const slab_workshop *workshop, slab_value *rows, slab_value *labels,
                            const slab_group_options *options, size_t budget,
                            slab_group_result *out)
{
    slab_status rc = SLAB_OK;
    grouping_job job = {.workshop = workshop, .rows = rows, .labels = labels, .budget = budget};
    slab_ranks *ranks = slab_crew_ranks(workshop->crew);
    slab_distinct distinct = {0};
    slab_group_index index = {0};
    uint64_t *keys = NULL;
    int64_t ngroups = 0;
    size_t before = slab_memory_used();
    memset(out, 0, sizeof *out);
    TRY(check(&job, options));
    TRY_SAYING(slab_distinct_find(workshop, labels, budget, &distinct), "labels");
    TRY(slab_ranks_agree(ranks, prepare(&job, &distinct, before, &index, &keys, &ngroups)));
    for (int i = 0; i < job.n; i++) {
        slab_shape shape = result_shape(&job, job.names[i], ngroups);
        TRY(slab_results_open(&job.results[i], workshop, &shape, result_type(&job, job.names[i])));
    }
    TRY(each_block(&job, ngroups, NULL));
    TRY(collect(&job, &distinct, ngroups, out));
done:
    for (int i = 0; i < job.n; i++)
        slab_results_clear(&job.results[i]);
    slab_group_index_clear(&index);
    FREE(keys);
    slab_distinct_clear(&distinct);
    if (rc != SLAB_OK)
        slab_group_clear(out);
    return rc;
}

void slab_group_clear(slab_group_result *result)
{
    slab_value_drop(&result->labels);
    for (int i = 0; i < SLAB_GROUP_NAMES_MOST; i++)
        slab_value_drop(&result->results[i]);
}

slab_status slab_group_plan(const slab_workshop *workshop, slab_value *rows, slab_value *labels,
                            const slab_group_options *options, int64_t ngroups, size_t budget,
                            slab_plan *plan, slab_group_result *expected)
{
    enum { INDEX_BYTES = 32 }; /* of a group: its key, and its places in the index */
    slab_status rc = SLAB_OK;
    grouping_job job = {.workshop = workshop, .rows = rows, .labels = labels, .budget = budget};
    memset(expected, 0, sizeof *expected);
    TRY(check(&job, options));
    TRY_SAYING(slab_distinct_plan(workshop, labels, budget, plan), "labels");
    size_t index = (size_t)ngroups * INDEX_BYTES, labelled = plan->memory_least;
    slab_plan groups = {0};
    job.budget = budget > index ? budget - index : 0;
    TRY(each_block(&job, ngroups, &groups));
    slab_plan_beside(&groups, index);
    for (int i = 0; i < groups.nsteps; i++)
        slab_plan_add(plan, &groups.steps[i]);
    plan->memory_least = labelled;
    slab_plan_need(plan, groups.greediest, groups.memory_least);
    plan->threads = groups.threads > plan->threads ? groups.threads : plan->threads;
    slab_plan_note(plan,
                   "how many groups there are is not known yet: planned for %" PRId64 "; tables "
                   "of more than 24 MiB take the rows again",
                   ngroups);
    expected->ngroups = slab_value_shape(labels)->extent[0];
    for (int i = 0; i < job.n; i++) {
        slab_shape shape = result_shape(&job, job.names[i], expected->ngroups);
        expected->results[i] = slab_value_expected(&shape, result_type(&job, job.names[i]));
    }
done:
    return rc;
}
