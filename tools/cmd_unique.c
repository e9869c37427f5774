#include <slab/tools/command.h>

#include <slab/compute/computation/distinct.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/tools/evaluation.h>
#include <string.h>

static const slab_option options[] = {
    {"counts", 0, 'b', NULL, NULL, "also say how often each occurs"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static slab_status plan_of(slab_call *call, const slab_workshop *workshop, slab_value *value,
                           size_t room, bool *over)
{
    slab_status rc = SLAB_OK;
    slab_plan plan = {0};
    slab_budget budget;
    TRY(slab_call_budget(call, &budget));
    TRY(slab_ranks_agree(slab_call_ranks(call), slab_distinct_plan(workshop, value, room, &plan)));
    plan.budget = budget.bytes;
    plan.ranks = slab_ranks_count(slab_call_ranks(call));
    *over = slab_call_planned(call, &plan);
done:
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
    size_t used = slab_memory_used(), room = budget.bytes > used ? budget.bytes - used : 0;
    TRY(plan_of(call, &workshop, value, room, &over));
    if (over)
        goto done;
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
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_ARRAY_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_TAKES_JSON |
             SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
