#include <slab/tools/command.h>

#include <slab/compute/computation/group.h>
#include <slab/compute/graph/deferred.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/evaluation.h>
#include <slab/tools/nearest.h>
#include <string.h>

static const slab_option options[] = {
    {"axis", 0, 'i', "A", "0", "the axis that the labels run along"},
    {"ddof", 0, 'd', "N", "0", "var, std: divide by the count less this"},
    {NULL, 0, 0, NULL, NULL, NULL}};

typedef struct job {
    char copy[256];
    const char *names[SLAB_GROUP_NAMES_MOST];
    slab_group_options given;
    slab_value *rows, *labels;
    slab_group_result found;
    slab_result results[1 + SLAB_GROUP_NAMES_MOST];
} job;

static slab_status check_name(const char *name)
{
    slab_status rc = SLAB_OK;
    slab_nearest nearest = {.word = name};
    const char *row;
    for (int i = 0; (row = slab_group_name_at(i)); i++) {
        if (strcmp(row, name) == 0)
            return SLAB_OK;
        slab_nearest_see(&nearest, row);
    }
    REQUIRE(!nearest.best, SLAB_ERR_USAGE, "groups have no '%s'; did you mean '%s'?", name,
            nearest.best);
    FAIL(SLAB_ERR_USAGE, "groups have no '%s' ('slab help group' lists what they have)", name);
done:
    return rc;
}

static slab_status read_names(slab_call *call, job *j)
{
    slab_status rc = SLAB_OK;
    const char *text = slab_call_argument(call, 0);
    REQUIRE(strlen(text) < sizeof j->copy, SLAB_ERR_USAGE, "too many reductions at once: '%s'",
            text);
    strcpy(j->copy, text);
    for (char *at = j->copy; at;) {
        REQUIRE(j->given.n < SLAB_GROUP_NAMES_MOST, SLAB_ERR_USAGE, "at most %d reductions at once",
                SLAB_GROUP_NAMES_MOST);
        j->names[j->given.n] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
        TRY(check_name(j->names[j->given.n++]));
    }
    j->given.names = j->names;
    j->given.ddof = slab_call_real(call, "ddof");
done:
    return rc;
}

/* The axis of the labels comes first. */
static slab_status turn_rows(slab_call *call, job *j)
{
    slab_status rc = SLAB_OK;
    int rank = slab_value_shape(j->rows)->rank, order[SLAB_RANK_MAX], n = 0;
    int64_t axis = slab_call_int(call, "axis");
    REQUIRE(axis >= -rank && axis < rank, SLAB_ERR_USAGE, "--axis %s: the array has %d axes",
            slab_call_text(call, "axis"), rank);
    axis += axis < 0 ? rank : 0;
    if (axis == 0)
        return SLAB_OK;
    order[n++] = (int)axis;
    for (int a = 0; a < rank; a++)
        if (a != axis)
            order[n++] = a;
    slab_value *turned = slab_value_transpose(j->rows, order);
    slab_value_drop(&j->rows);
    j->rows = turned;
    TRY(slab_value_status(turned));
done:
    return rc;
}

static slab_status load(slab_call *call, job *j)
{
    slab_status rc = SLAB_OK;
    const char *by = slab_call_argument(call, 2);
    TRY(slab_call_load(call, slab_call_argument(call, 1), &j->rows));
    REQUIRE(strncmp(by, "by=", 3) == 0, SLAB_ERR_USAGE,
            "labels are written by=FILE.h5:/ARRAY, not '%s'", by);
    TRY(slab_call_load(call, by + 3, &j->labels));
    TRY(turn_rows(call, j));
done:
    return rc;
}

/* A line a group: its label, then of each reduction its elements. slab_show */
static slab_status show(slab_call *call, void *context, const void *const *data)
{
    const job *j = context;
    char text[64];
    slab_print(call, "label");
    for (int i = 0; i < j->given.n; i++)
        slab_print(call, "\t%s", j->names[i]);
    slab_print(call, "\n");
    for (int64_t group = 0; group < j->found.ngroups; group++) {
        for (int i = 0; i < 1 + j->given.n; i++) {
            const slab_value *value = j->results[i].value;
            slab_dtype dtype = slab_value_dtype(value);
            int64_t columns = 1;
            for (int a = 1; a < slab_value_shape(value)->rank; a++)
                columns *= slab_value_shape(value)->extent[a];
            for (int64_t k = 0; k < columns; k++) {
                const char *at = (const char *)data[i] + (group * columns + k) * dtype.size;
                slab_dtype_print(dtype, at, text, sizeof text);
                slab_print(call, i + k ? "\t%s" : "%s", text);
            }
        }
        slab_print(call, "\n");
    }
    return SLAB_OK;
}

enum {
    GUESSED = 100000, /* groups that a plan expects */
    PRINTED = 4096    /* and to print */
};

/* What storing or printing the results needs. */
static slab_status plan_results(slab_call *call, job *j, const slab_group_result *expected,
                                slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    bool stores = slab_call_text(call, "output") != NULL;
    int64_t n = expected->ngroups;
    slab_shape shape = {1, {stores || n < PRINTED ? n : PRINTED}};
    slab_value *parts[1 + SLAB_GROUP_NAMES_MOST] = {NULL};
    slab_result results[1 + SLAB_GROUP_NAMES_MOST];
    parts[0] = slab_value_expected(&shape, slab_value_dtype(j->labels));
    results[0] = (slab_result){"labels", parts[0]};
    for (int i = 0; i < j->given.n; i++) {
        const slab_value *whole = expected->results[i];
        TRY(slab_value_status(whole));
        slab_shape of = *slab_value_shape(whole);
        of.extent[0] = shape.extent[0];
        parts[1 + i] = slab_value_expected(&of, slab_value_dtype(whole));
        results[1 + i] = (slab_result){j->names[i], parts[1 + i]};
    }
    TRY(slab_evaluation_need(call, "/", results, 1 + j->given.n, plan));
done:
    for (int i = 0; i <= SLAB_GROUP_NAMES_MOST; i++)
        slab_value_drop(&parts[i]);
    return rc;
}

static slab_status plan_groups(slab_call *call, job *j, const slab_workshop *workshop,
                               int64_t ngroups, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_budget budget;
    slab_group_result expected = {0};
    size_t used = slab_memory_used();
    TRY(slab_call_budget(call, &budget));
    size_t room = budget.bytes > used ? budget.bytes - used : 0;
    rc = slab_group_plan(workshop, j->rows, j->labels, &j->given, ngroups, room, plan, &expected);
    TRY(slab_ranks_agree(slab_call_ranks(call), rc));
    slab_plan_beside(plan, used);
    TRY(plan_results(call, j, &expected, plan));
    plan->budget = budget.bytes;
    plan->ranks = slab_ranks_count(slab_call_ranks(call));
done:
    slab_group_clear(&expected);
    return rc;
}

/* A budget that is not enough for a single group is refused here, with one that does for as many as
 * are expected; one in between when the labels are known. */
static slab_status plan_of(slab_call *call, job *j, const slab_workshop *workshop, bool *over)
{
    slab_status rc = SLAB_OK;
    slab_plan one = {0}, plan = {0};
    int64_t n = slab_value_shape(j->labels)->rank == 1 ? slab_value_shape(j->labels)->extent[0] : 0;
    TRY(plan_groups(call, j, workshop, n < 1 ? n : 1, &one));
    TRY(plan_groups(call, j, workshop, n < GUESSED ? n : GUESSED, &plan));
    rc = one.memory_least > one.budget ? slab_plan_fits(&plan, plan.budget) : SLAB_OK;
    TRY(slab_ranks_agree(slab_call_ranks(call), rc));
    TRY(slab_call_limit(call));
    *over = slab_call_planned(call, &plan);
done:
    return rc;
}

static slab_status find(slab_call *call, job *j)
{
    slab_status rc = SLAB_OK;
    slab_workshop workshop = {.scratch = slab_call_text(call, "scratch")};
    slab_budget budget;
    bool over;
    TRY(slab_call_crew(call, &workshop.crew));
    TRY(slab_call_budget(call, &budget));
    TRY(plan_of(call, j, &workshop, &over));
    if (over)
        goto done;
    size_t used = slab_memory_used(), room = budget.bytes > used ? budget.bytes - used : 0;
    TRY(slab_group_find(&workshop, j->rows, j->labels, &j->given, room, &j->found));
    j->results[0] = (slab_result){"labels", j->found.labels};
    for (int i = 0; i < j->given.n; i++)
        j->results[1 + i] = (slab_result){j->names[i], j->found.results[i]};
    if (slab_call_text(call, "output") || slab_call_flag(call, "json"))
        TRY(slab_evaluate(call, "/", j->results, 1 + j->given.n));
    else
        TRY(slab_evaluate_with(call, "/", j->results, 1 + j->given.n, show, j));
done:
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    job j = {.copy = ""};
    const char *file, *path;
    *exit_code = 0;
    TRY(read_names(call, &j));
    TRY(load(call, &j));
    if (slab_call_text(call, "output"))
        TRY(slab_call_output(call, "/", &file, &path));
    TRY(find(call, &j));
done:
    slab_group_clear(&j.found);
    slab_value_drop(&j.labels);
    slab_value_drop(&j.rows);
    return rc;
}

const slab_command slab_command_group = {
    .name = "group",
    .arguments = "NAME[,...] FILE.h5:/ARRAY by=FILE.h5:/LABELS",
    .summary = "sum, mean, std, min, max, count of rows that have the same label",
    .description =
        "Reduces the rows of an array by groups: rows whose label is equal belong together. Labels "
        "are an array of one axis, as long as the array has rows, of integers or reals; NaN "
        "belongs "
        "to no group. Any number of groups: their table is made in parts when it is large.\n\n"
        "The reductions are sum mean var std min max count, and nansum nanmean nanvar nanstd "
        "nanmin "
        "nanmax, which leave NaN out. One line a group is printed, sorted by label; -o stores the "
        "labels and the results as arrays of a group.",
    .examples = "  slab group mean cells.h5:/counts by=cells.h5:/cluster -o means.h5\n"
                "  slab group mean,std,count x.h5:/x by=x.h5:/labels\n"
                "  slab group nanmax sky.h5:/cube by=sky.h5:/channel --axis 2 --json\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_ARRAY_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST |
             SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 3,
    .most = 3,
    .options = options,
    .run = run,
};
