#include <slab/compute/pass/plan.h>

#include <slab/storage/base/try.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Work of steps beyond the table's end is added to its last line: sums and maxima stay right. */
static slab_plan_step *next_step(slab_plan *plan)
{
    if (plan->nsteps < SLAB_PLAN_STEPS_MAX)
        return &plan->steps[plan->nsteps++];
    slab_plan_step *last = &plan->steps[SLAB_PLAN_STEPS_MAX - 1];
    snprintf(last->name, sizeof last->name, "further steps");
    return last;
}

void slab_plan_add(slab_plan *plan, const slab_plan_step *step)
{
    bool full = plan->nsteps == SLAB_PLAN_STEPS_MAX;
    slab_plan_step *into = next_step(plan);
    if (full) {
        into->read_bytes += step->read_bytes;
        into->plain_bytes += step->plain_bytes;
        into->write_bytes += step->write_bytes;
        into->flops += step->flops;
        into->times += step->times;
        into->memory = step->memory > into->memory ? step->memory : into->memory;
    } else {
        *into = *step;
    }
    if (step->memory > plan->memory)
        plan->memory = step->memory;
}

void slab_plan_add_pass(slab_plan *plan, const slab_pass_plan *pass, int64_t times, double flops)
{
    slab_plan_step step = {.times = times,
                           .read_bytes = pass->packed_bytes * times,
                           .plain_bytes = pass->plain_bytes * times,
                           .flops = flops * (double)times,
                           .memory = pass->memory,
                           .threads = pass->threads};
    memcpy(step.name, pass->name, sizeof step.name);
    slab_plan_add(plan, &step);
    slab_plan_need(plan, pass->name, pass->memory_least);
    if (pass->threads > plan->threads)
        plan->threads = pass->threads;
    if (pass->fallback[0] && !strstr(plan->notes, pass->fallback))
        slab_plan_note(plan, "read through H5Dread: %s", pass->fallback);
}

void slab_plan_need(slab_plan *plan, const char *name, size_t bytes)
{
    if (bytes <= plan->memory_least)
        return;
    plan->memory_least = bytes;
    snprintf(plan->greediest, sizeof plan->greediest, "%s", name);
}

void slab_plan_beside(slab_plan *plan, size_t bytes)
{
    for (int i = 0; i < plan->nsteps; i++)
        plan->steps[i].memory += bytes;
    plan->memory += bytes;
    plan->memory_least =
        plan->memory_least > SIZE_MAX - bytes ? SIZE_MAX : plan->memory_least + bytes;
}

slab_status slab_plan_fits(const slab_plan *plan, size_t budget)
{
    slab_status rc = SLAB_OK;
    size_t least = plan->memory_least / 1048576 + (plan->memory_least % 1048576 != 0);
    REQUIRE(plan->memory_least <= budget, SLAB_ERR_MEMORY,
            "pass '%s' needs at least %zu MiB per rank with one thread, the budget is %zu KiB: "
            "--memory %zuM",
            plan->greediest, least, budget / 1024, least);
done:
    return rc;
}

void slab_plan_note(slab_plan *plan, const char *format, ...)
{
    size_t used = strlen(plan->notes), room = sizeof plan->notes - used;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(plan->notes + used, room, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n + 1 >= room) {
        plan->notes[used] = '\0'; /* a line that does not fit is left out whole */
        return;
    }
    memcpy(plan->notes + used + n, "\n", 2);
}
