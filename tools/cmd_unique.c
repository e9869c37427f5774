#include <slab/tools/command.h>

#include <slab/compute/computation/distinct.h>
#include <slab/compute/graph/deferred.h>
#include <slab/compute/kernel/order.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/evaluation.h>
#include <string.h>

static const slab_option options[] = {
    {"counts", 0, 'b', NULL, NULL, "also say how often each occurs"},
    {NULL, 0, 0, NULL, NULL, NULL}};

enum { PRINTED = 65536 }; /* distinct elements that a plan expects to print */

/* At most so many: all, or all that the type has. */
static slab_status expected(slab_call *call, const slab_value *value, slab_shape *out)
{
    slab_status rc = SLAB_OK;
    int bits = slab_order_bits(slab_value_dtype(value));
    int64_t n;
    TRY(slab_shape_elements(slab_value_shape(value), &n));
    if (bits < 32 && n > (int64_t)1 << bits)
        n = (int64_t)1 << bits;
    if (!slab_call_text(call, "output") && n > PRINTED)
        n = PRINTED;
    *out = (slab_shape){1, {n}};
done:
    return rc;
}

static slab_status plan_of(slab_call *call, const slab_workshop *workshop, slab_value *value,
                           bool *over)
{
    slab_status rc = SLAB_OK;
    slab_plan plan = {0};
    slab_budget budget;
    slab_shape shape;
    slab_value *elements = NULL, *counts = NULL;
    size_t used = slab_memory_used();
    TRY(slab_call_budget(call, &budget));
    size_t room = budget.bytes > used ? budget.bytes - used : 0;
    TRY(slab_ranks_agree(slab_call_ranks(call), slab_distinct_plan(workshop, value, room, &plan)));
    slab_plan_beside(&plan, used);
    TRY(expected(call, value, &shape));
    elements = slab_value_expected(&shape, slab_value_dtype(value));
    counts = slab_value_expected(&shape, slab_dtype_make(SLAB_KIND_INT, 8));
    slab_result results[] = {{"values", elements}, {"counts", counts}};
    bool both = slab_call_flag(call, "counts");
    TRY(slab_evaluation_need(call, both ? "/" : "/unique", results, both ? 2 : 1, &plan));
    plan.budget = budget.bytes;
    plan.ranks = slab_ranks_count(slab_call_ranks(call));
    TRY(slab_ranks_agree(slab_call_ranks(call), slab_plan_fits(&plan, budget.bytes)));
    TRY(slab_call_limit(call));
    *over = slab_call_planned(call, &plan);
done:
    slab_value_drop(&counts);
    slab_value_drop(&elements);
    return rc;
}

/* Two columns, for people and awk. */
static slab_status show(slab_call *call, void *context, const void *const *data)
{
    const slab_distinct *found = context;
    slab_dtype dtype = slab_value_dtype(found->elements);
    char element[64], count[64];
    for (int64_t i = 0; i < found->n; i++) {
        slab_dtype_print(dtype, (const char *)data[0] + i * dtype.size, element, sizeof element);
        slab_dtype_print(slab_value_dtype(found->counts), (const int64_t *)data[1] + i, count,
                         sizeof count);
        slab_print(call, "%s\t%s\n", element, count);
    }
    return SLAB_OK;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    slab_workshop workshop = {.scratch = slab_call_text(call, "scratch")};
    slab_distinct found = {0};
    slab_budget budget;
    const char *file, *path;
    bool over;
    *exit_code = 0;
    TRY(slab_call_budget(call, &budget));
    TRY(slab_call_crew(call, &workshop.crew));
    TRY(slab_call_load(call, slab_call_argument(call, 0), &value));
    if (slab_call_text(call, "output"))
        TRY(slab_call_output(call, slab_call_flag(call, "counts") ? "/" : "/unique", &file, &path));
    TRY(plan_of(call, &workshop, value, &over));
    if (over)
        goto done;
    size_t used = slab_memory_used(), room = budget.bytes > used ? budget.bytes - used : 0;
    TRY(slab_distinct_find(&workshop, value, room, &found));
    slab_result results[] = {{"values", found.elements}, {"counts", found.counts}};
    if (!slab_call_flag(call, "counts")) {
        results[0].name = "";
        TRY(slab_evaluate(call, "/unique", results, 1));
    } else if (slab_call_text(call, "output") || slab_call_flag(call, "json")) {
        TRY(slab_evaluate(call, "/", results, 2));
    } else {
        TRY(slab_evaluate_with(call, "/", results, 2, show, &found));
    }
done:
    slab_distinct_clear(&found);
    slab_value_drop(&value);
    return rc;
}

const slab_command slab_command_unique = {
    .name = "unique",
    .arguments = "FILE.h5:/ARRAY[SELECTION]",
    .summary = "the distinct elements of an array, sorted, and how often each occurs",
    .description =
        "Finds the distinct elements as NumPy's unique does, sorted, NaN once and last; --counts "
        "adds how often each occurs. There may be any number of them: what does not fit a table is "
        "written to the scratch folder in parts (8 bytes an element) and sorted there part by "
        "part.",
    .examples = "  slab unique cohort.h5:/genotypes --counts\n"
                "  slab unique cells.h5:/cluster -o clusters.h5:/labels\n"
                "  slab unique big.h5:/ids --counts --scratch /scratch -o ids.h5 --memory 512M\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_ARRAY_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_PLANS_FIRST |
             SLAB_TAKES_JSON | SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
