#include <slab/compute/program/program_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

/* Tables and the like that a pass makes and no plan counts. */
#define SMALL ((size_t)128 << 10)

slab_status slab_program_create(slab_crew *crew, const char *scratch, slab_program **out)
{
    slab_status rc = SLAB_OK;
    *out = NULL;
    ALLOC(*out, 1, "a program");
    (*out)->workshop = (slab_workshop){.crew = crew, .scratch = scratch};
done:
    return rc;
}

void slab_program_destroy(slab_program **program)
{
    slab_program *p = program ? *program : NULL;
    if (!p)
        return;
    for (int i = 0; i < p->noutputs; i++) {
        slab_store_destroy(&p->outputs[i]->store);
        slab_collect_destroy(&p->outputs[i]->collect);
        slab_value_drop(&p->outputs[i]->value);
        FREE(p->outputs[i]->data);
        FREE(p->outputs[i]);
    }
    for (int i = 0; i < p->ncomputations; i++)
        slab_computation_drop(&p->computations[i]);
    program_saved_clear(p);
    FREE(p->computations);
    FREE(p->outputs);
    FREE(p->dot);
    FREE(p->nodes);
    FREE(*program);
}

static slab_status add_output(slab_program *p, const char *name, slab_value *value,
                              program_output **out)
{
    slab_status rc = SLAB_OK;
    program_output *o = NULL;
    TRY(slab_value_status(value));
    if (p->noutputs == p->capacity) {
        int capacity = p->capacity ? 2 * p->capacity : 8;
        TRY(slab_memory_resize((void **)&p->outputs, (size_t)capacity, sizeof *p->outputs,
                               "a program"));
        p->capacity = capacity;
    }
    ALLOC(o, 1, "a program");
    snprintf(o->name, sizeof o->name, "%s", name);
    o->value = slab_value_keep(value);
    p->outputs[p->noutputs++] = o;
    *out = o;
done:
    return rc;
}

slab_status slab_program_store(slab_program *p, const char *name, slab_value *value,
                               const slab_array_spec *spec, int *output)
{
    slab_status rc = SLAB_OK;
    program_output *o;
    TRY(add_output(p, name, value, &o));
    TRY(slab_spec_resolve(spec, name, &o->info));
    TRY(slab_store_plan(value, &o->info, &o->store));
    *output = p->noutputs - 1;
done:
    return rc;
}

void slab_program_attach(slab_program *p, int output, slab_writer *writer)
{
    slab_store_attach(p->outputs[output]->store, writer);
}

slab_status slab_program_fetch(slab_program *p, const char *name, slab_value *value, int *output)
{
    slab_status rc = SLAB_OK;
    program_output *o;
    int64_t elements;
    TRY(add_output(p, name, value, &o));
    TRY(slab_shape_elements(slab_value_shape(value), &elements));
    TRY(slab_memory_alloc(&o->data, (size_t)elements, slab_value_dtype(value).size, "a result"));
    TRY(slab_collect_create(value, o->data, &o->collect));
    *output = p->noutputs - 1;
done:
    return rc;
}

const void *slab_program_data(const slab_program *p, int output)
{
    return p->outputs[output]->data;
}

slab_status slab_program_settle(slab_program *p, const char *name, slab_value *value)
{
    program_output *o;
    return add_output(p, name, value, &o);
}

/* --- planning --- */

static int64_t output_bytes(const program_pass *pass)
{
    int64_t bytes = 0, elements;
    for (int i = 0; i < pass->noutputs; i++) {
        const program_output *o = pass->outputs[i];
        if (o->store && slab_shape_elements(&o->info.shape, &elements) == SLAB_OK)
            bytes += elements * (int64_t)o->info.dtype.size;
    }
    return bytes;
}

/* What settling its results takes when a pass has ended: at first beside what the pass still
 * holds, then what is held and what is made of it. */
static void results_of(const program_pass *pass, size_t *all, size_t *most)
{
    *all = *most = 0;
    for (int i = 0; i < pass->ncomputations; i++) {
        size_t bytes = slab_computation_holds(pass->computations[i]);
        *all += bytes;
        *most = bytes > *most ? bytes : *most;
    }
}

/* Passes that have been looked at; results of computations whose last it was stay. */
static void mark_planned(slab_program *p, program_pass *pass)
{
    for (int i = 0; i < pass->ncomputations; i++) {
        slab_computation *c = pass->computations[i];
        int passes = c->cls->passes ? c->cls->passes(c) : 1;
        c->planned = ++c->foreseen >= passes;
        p->held += c->planned ? slab_computation_holds(c) : 0;
    }
    for (int i = 0; i < pass->noutputs; i++)
        pass->outputs[i]->planned = true;
}

static slab_status plan_pass(slab_program *p, program_pass *pass, size_t budget, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_pass_plan one;
    size_t beside = p->begun + p->held + SMALL;
    size_t settled, most;
    results_of(pass, &settled, &most);
    beside += settled; /* while the pass still holds its state */
    TRY(slab_pass_plan_make(pass->pass, SIZE_MAX, &one));
    size_t least = one.memory_least;
    if (budget > beside && budget - beside >= least) {
        TRY(slab_pass_plan_make(pass->pass, budget - beside, &one));
    } else {
        one.threads = 1;
        one.memory = least;
    }
    one.memory += beside;
    one.memory_least = least > settled + most ? least : settled + most;
    one.memory_least = one.memory_least > SIZE_MAX - beside ? SIZE_MAX : one.memory_least + beside;
    slab_plan_add_pass(plan, &one, 1, 0);
    plan->steps[plan->nsteps - 1].write_bytes += output_bytes(pass);
    TRY(program_dot_pass(p, plan->nsteps, pass));
done:
    return rc;
}

static bool all_planned(const slab_program *p)
{
    bool all = true;
    for (int i = 0; i < p->ncomputations; i++)
        all = all && (p->computations[i]->done || p->computations[i]->planned);
    for (int i = 0; i < p->noutputs; i++)
        all = all && (p->outputs[i]->done || p->outputs[i]->planned);
    return all;
}

/* A joined computation is planned with the one that settles its results. */
static void plan_joined(slab_program *p)
{
    for (int i = 0; i < p->ncomputations; i++)
        if (p->computations[i]->done)
            p->computations[i]->planned = true;
}

static void forget_plan(slab_program *p)
{
    FREE(p->dot);
    FREE(p->nodes);
    p->nnodes = 0;
    p->held = 0;
    for (int i = 0; i < p->ncomputations; i++) {
        p->computations[i]->planned = false;
        p->computations[i]->foreseen = 0;
    }
    for (int i = 0; i < p->noutputs; i++)
        p->outputs[i]->planned = false;
}

/* All rounds, as they will run; plan NULL: only to have every sink made. */
static slab_status foresee(slab_program *p, size_t budget, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    program_round round = {0};
    forget_plan(p);
    while (!all_planned(p)) {
        TRY(program_round_make(p, true, &round));
        plan_joined(p);
        REQUIRE(round.npasses > 0 || all_planned(p), SLAB_ERR_INTERNAL,
                "a program waits for itself");
        for (int i = 0; i < round.npasses; i++) {
            if (plan)
                TRY(plan_pass(p, &round.passes[i], budget, plan));
            mark_planned(p, &round.passes[i]);
        }
        program_round_clear(&round);
    }
done:
    program_round_clear(&round);
    return rc;
}

slab_status slab_program_plan(slab_program *p, size_t budget, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    size_t before = slab_memory_used();
    TRY(program_gather(p));
    TRY(foresee(p, 0, NULL));
    size_t now = slab_memory_used();
    p->begun += now > before ? now - before : 0;
    TRY(foresee(p, budget, plan));
    p->has_plan = true;
done:
    return rc;
}

size_t slab_program_held(const slab_program *p)
{
    return p->held;
}

/* --- running --- */

static bool all_done(const slab_program *p)
{
    bool all = true;
    for (int i = 0; i < p->noutputs; i++)
        all = all && p->outputs[i]->done;
    return all;
}

/* What passes may use is counted, not measured: what writers take on the way is not theirs. */
static slab_status run_pass(slab_program *p, program_pass *pass, size_t budget)
{
    slab_status rc = SLAB_OK;
    size_t settled, most;
    bool again;
    char key[32];
    results_of(pass, &settled, &most);
    size_t beside = p->begun + p->held + SMALL + settled;
    snprintf(key, sizeof key, "pass %d", p->npasses++); /* the same passes come in every run */
    slab_pass_checkpoint(pass->pass, p->workshop.checkpoint, key, true);
    TRY(slab_pass_run(pass->pass, budget > beside ? budget - beside : 0));
    slab_pass_rest(pass->pass);
    for (int i = 0; i < pass->ncomputations; i++) {
        slab_computation *c = pass->computations[i];
        size_t bytes = slab_computation_holds(c);
        TRY_SAYING(c->cls->end(c, &p->workshop, &again), "%s", c->cls->name);
        c->done = !again;
        p->held += again ? 0 : bytes;
    }
    for (int i = 0; i < pass->noutputs; i++)
        pass->outputs[i]->done = true;
done:
    return rc;
}

void slab_program_checkpoint(slab_program *p, slab_checkpoint *checkpoint)
{
    p->workshop.checkpoint = checkpoint;
}

slab_status slab_program_run(slab_program *p, size_t budget)
{
    slab_status rc = SLAB_OK;
    program_round round = {0};
    slab_plan plan = {0};
    slab_ranks *ranks = slab_crew_ranks(p->workshop.crew);
    if (!p->has_plan) {
        TRY(slab_ranks_agree(ranks, slab_program_plan(p, budget, &plan)));
        TRY(slab_ranks_agree(ranks, slab_plan_fits(&plan, budget)));
    }
    p->held = 0;
    while (!all_done(p)) {
        TRY(slab_ranks_agree(ranks, program_round_make(p, false, &round)));
        REQUIRE(round.npasses > 0 || all_done(p), SLAB_ERR_INTERNAL, "a program waits for itself");
        for (int i = 0; i < round.npasses; i++)
            TRY(run_pass(p, &round.passes[i], budget));
        program_round_clear(&round);
    }
done:
    program_round_clear(&round);
    return rc;
}

slab_status slab_program_counts(const slab_program *p, slab_read_counts *out)
{
    slab_status rc = SLAB_OK;
    slab_value **values = NULL, **sources = NULL;
    int n = 0, room = p->noutputs, nsources = 0;
    *out = (slab_read_counts){0};
    for (int i = 0; i < p->ncomputations; i++)
        room += p->computations[i]->noperands;
    ALLOC(values, room, "a program");
    for (int i = 0; i < p->noutputs; i++)
        values[n++] = p->outputs[i]->value;
    for (int i = 0; i < p->ncomputations; i++)
        for (int k = 0; k < p->computations[i]->noperands; k++)
            values[n++] = p->computations[i]->operands[k];
    TRY(slab_value_sources(values, n, &sources, &nsources));
    for (int i = 0; i < nsources; i++) {
        slab_read_counts one = slab_value_counts(sources[i]);
        out->packed_bytes += one.packed_bytes;
        out->plain_bytes += one.plain_bytes;
        out->chunks += one.chunks;
    }
done:
    FREE(values);
    FREE(sources);
    return rc;
}
