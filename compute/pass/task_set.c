/* Sets of tasks. */
#include <slab/compute/pass/pass_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

static int64_t words_of(const pass_layout *layout)
{
    return (layout->ntasks + 63) / 64;
}

size_t pass_tasks_bytes(const pass_layout *layout)
{
    return (size_t)words_of(layout) * sizeof(int64_t);
}

slab_status pass_tasks_create(const pass_layout *layout, pass_tasks *out)
{
    slab_status rc = SLAB_OK;
    *out = (pass_tasks){0};
    ALLOC(out->words, words_of(layout), "the tasks that are done");
    out->nwords = words_of(layout);
done:
    return rc;
}

void pass_tasks_clear(pass_tasks *tasks)
{
    FREE(tasks->words);
    tasks->nwords = 0;
}

bool pass_tasks_has(const pass_tasks *tasks, int64_t task)
{
    return task / 64 < tasks->nwords && ((uint64_t)tasks->words[task / 64] >> task % 64 & 1);
}

void pass_tasks_add(pass_tasks *tasks, int64_t task)
{
    if (task / 64 < tasks->nwords)
        __atomic_fetch_or(&tasks->words[task / 64], (int64_t)(UINT64_C(1) << task % 64),
                          __ATOMIC_RELAXED);
}

/* No bit is set twice, so that the sum of words is their union. */
slab_status pass_tasks_unite(slab_ranks *ranks, const pass_tasks *mine, pass_tasks *all)
{
    memcpy(all->words, mine->words, (size_t)mine->nwords * sizeof *mine->words);
    return slab_ranks_sum(ranks, all->words, (size_t)all->nwords);
}
