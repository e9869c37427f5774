#include <slab/tools/fitting.h>
#include <slab/tools/wording.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

slab_status slab_need_writer(slab_call *call, const slab_array_spec *spec, const char *path,
                             slab_need *need)
{
    slab_status rc = SLAB_OK;
    slab_txn_options options;
    slab_array_info info;
    TRY(slab_call_txn_options(call, &options));
    TRY(slab_spec_resolve(spec, path, &info));
    options.threads = 1;
    size_t one = slab_writer_memory(&info, &options);
    options.threads = 2;
    size_t each = slab_writer_memory(&info, &options) - one;
    need->thread += each;
    need->fixed += one - each;
done:
    return rc;
}

slab_status slab_need_threads(slab_call *call, slab_need *need, const char *what, int *threads)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    slab_budget budget;
    char has[SLAB_TEXT_MAX];
    TRY(slab_call_crew(call, &crew));
    TRY(slab_call_budget(call, &budget));
    size_t taken = slab_memory_used() + need->fixed;
    size_t room = budget.bytes > taken ? budget.bytes - taken : 0;
    int64_t most = slab_crew_threads(crew);
    if (need->thread > 0 && room / need->thread < (size_t)most)
        most = (int64_t)(room / need->thread);
    /* What is queued for the disk grows with the budget: a little more than is missing. */
    size_t enough = taken + need->thread + (taken + need->thread) / 8;
    most = -most;
    TRY(slab_ranks_max(slab_call_ranks(call), &most, 1));
    REQUIRE(most < 0 && room > 0, SLAB_ERR_MEMORY,
            "%s does not fit into %s of memory per rank; --memory %zuM would do", what,
            slab_text_bytes(budget.bytes, has), (enough >> 20) + 1);
    need->threads = *threads = (int)-most;
    TRY(slab_call_limit(call));
done:
    return rc;
}

void slab_need_plan(slab_call *call, const slab_need *need, slab_plan_step *step, slab_plan *plan)
{
    slab_budget budget = {0};
    if (slab_call_budget(call, &budget) != SLAB_OK)
        slab_error_clear();
    size_t used = slab_memory_used();
    step->threads = need->threads;
    step->memory = used + need->fixed + (size_t)need->threads * need->thread;
    slab_plan_add(plan, step);
    plan->budget = budget.bytes;
    plan->memory = step->memory > plan->memory ? step->memory : plan->memory;
    size_t least = used + need->fixed + need->thread;
    plan->memory_least = least > plan->memory_least ? least : plan->memory_least;
    plan->ranks = slab_ranks_count(slab_call_ranks(call));
    plan->threads = need->threads;
}
