/* Which passes can run now, and what shares them. */
#include <slab/compute/program/program_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

/* --- what waits for what --- */

static slab_status add_computation(slab_program *p, slab_computation *c, bool *added)
{
    slab_status rc = SLAB_OK;
    *added = false;
    for (int i = 0; i < p->ncomputations; i++)
        if (p->computations[i] == c)
            return SLAB_OK;
    TRY(slab_memory_resize((void **)&p->computations, (size_t)p->ncomputations + 1,
                           sizeof *p->computations, "a program"));
    p->computations[p->ncomputations++] = slab_computation_keep(c);
    *added = true;
done:
    return rc;
}

/* The computations that values wait for. */
static slab_status gather_below(slab_program *p, slab_value *const *values, int n)
{
    slab_status rc = SLAB_OK;
    slab_value **sources = NULL;
    int nsources = 0;
    bool added;
    for (int i = 0; i < n; i++)
        TRY(slab_value_status(values[i]));
    TRY(slab_value_sources(values, n, &sources, &nsources));
    for (int i = 0; i < nsources; i++) {
        TRY(slab_value_status(sources[i]));
        slab_computation *c = slab_computation_of(sources[i]);
        if (c)
            TRY(add_computation(p, c, &added));
    }
done:
    FREE(sources);
    return rc;
}

slab_status program_gather(slab_program *p)
{
    slab_status rc = SLAB_OK;
    for (int i = 0; i < p->noutputs; i++)
        TRY(gather_below(p, &p->outputs[i]->value, 1));
    for (int i = 0; i < p->ncomputations; i++) /* grows while it is walked */
        TRY(gather_below(p, p->computations[i]->operands, p->computations[i]->noperands));
done:
    return rc;
}

/* Nothing below the values is still to be computed; in a plan, nothing that it has not seen. */
static slab_status are_ready(slab_value *const *values, int n, bool plan, bool *ready)
{
    slab_status rc = SLAB_OK;
    slab_value **sources = NULL;
    int nsources = 0;
    *ready = true;
    TRY(slab_value_sources(values, n, &sources, &nsources));
    for (int i = 0; i < nsources; i++) {
        const slab_computation *c = slab_computation_of(sources[i]);
        if (c && !(plan && c->planned))
            *ready = false;
    }
done:
    FREE(sources);
    return rc;
}

/* --- passes --- */

static void clear_pass(program_pass *pass)
{
    slab_pass_destroy(&pass->pass);
    FREE(pass->sources);
    FREE(pass->computations);
    FREE(pass->outputs);
}

void program_round_clear(program_round *round)
{
    for (int i = 0; i < round->npasses; i++)
        clear_pass(&round->passes[i]);
    FREE(round->passes);
    *round = (program_round){0};
}

/* Expressions of memory and random numbers alone share no reading, but a pass all the same. */
static bool share_source(const program_pass *pass, slab_value *const *sources, int n)
{
    bool any = pass->nsources == 0 || n == 0;
    for (int i = 0; i < n && !any; i++)
        for (int k = 0; k < pass->nsources && !any; k++)
            any = sources[i] == pass->sources[k];
    return any;
}

static slab_status add_sources(program_pass *pass, slab_value *const *sources, int n)
{
    slab_status rc = SLAB_OK;
    TRY(slab_memory_resize((void **)&pass->sources, (size_t)(pass->nsources + n),
                           sizeof(slab_value *), "a program"));
    for (int i = 0; i < n; i++) {
        bool known = false;
        for (int k = 0; k < pass->nsources && !known; k++)
            known = sources[i] == pass->sources[k];
        if (!known)
            pass->sources[pass->nsources++] = sources[i];
    }
done:
    return rc;
}

static void add_name(program_pass *pass, const char *name)
{
    size_t used = strlen(pass->name), room = sizeof pass->name - used;
    if (strlen(name) + 6 > room) {
        if (room > 4 && !strstr(pass->name, "..."))
            memcpy(pass->name + used, " ...", 5);
    } else {
        snprintf(pass->name + used, room, "%s%s", used ? ", " : "", name);
    }
}

/* The pass that a sink over these values goes into: one there is, or a new one. */
static slab_status place_sink(const slab_program *p, program_round *round, const char *name,
                              slab_value *const *values, int n, const slab_sink_class *cls,
                              void *sink, program_pass **out)
{
    slab_status rc = SLAB_OK;
    slab_value **sources = NULL;
    int nsources = 0;
    program_pass *found = NULL;
    const slab_shape *shape = slab_value_shape(values[0]);
    TRY(slab_value_sources(values, n, &sources, &nsources));
    for (int i = 0; i < round->npasses && !found; i++) {
        program_pass *pass = &round->passes[i];
        if (slab_shape_equal(pass->shape, shape) && share_source(pass, sources, nsources) &&
            slab_pass_agrees(pass->pass, cls, sink))
            found = pass;
    }
    if (!found) {
        if (round->npasses == round->capacity) {
            int capacity = round->capacity ? 2 * round->capacity : 8;
            TRY(slab_memory_resize((void **)&round->passes, (size_t)capacity, sizeof *round->passes,
                                   "a program"));
            round->capacity = capacity;
        }
        found = &round->passes[round->npasses];
        memset(found, 0, sizeof *found);
        TRY(slab_pass_create(p->workshop.crew, name, values[0], &found->pass));
        found->shape = shape;
        round->npasses++;
    }
    TRY(add_sources(found, sources, nsources));
    add_name(found, name);
    slab_pass_name(found->pass, found->name);
    TRY(slab_pass_feed_many(found->pass, values, n, cls, sink));
    *out = found;
done:
    FREE(sources);
    return rc;
}

static bool same_operands(const slab_computation *a, const slab_computation *b)
{
    bool same = a->cls == b->cls && a->noperands == b->noperands;
    for (int i = 0; same && i < a->noperands; i++)
        same = a->operands[i] == b->operands[i];
    return same;
}

/* Computations that can be one are made one, so that one sink serves them. */
static void join_computations(slab_program *p)
{
    for (int i = 0; i < p->ncomputations; i++) {
        slab_computation *c = p->computations[i];
        for (int k = i + 1; !c->done && c->cls->join && k < p->ncomputations; k++) {
            slab_computation *other = p->computations[k];
            if (!other->done && same_operands(c, other) && c->cls->join(c, other))
                other->done = true;
        }
    }
}

static slab_status place_computation(slab_program *p, program_round *round, slab_computation *c,
                                     bool plan)
{
    slab_status rc = SLAB_OK;
    const slab_sink_class *cls;
    void *sink;
    program_pass *pass;
    if (plan && c->foreseen > 0 && c->cls->foresee)
        TRY_SAYING(c->cls->foresee(c, c->foreseen, &cls, &sink), "%s", c->cls->name);
    else
        TRY_SAYING(c->cls->begin(c, &p->workshop, &cls, &sink), "%s", c->cls->name);
    if (c->only)
        TRY(place_sink(p, round, c->cls->name, &c->operands[c->only - 1], 1, cls, sink, &pass));
    else
        TRY(place_sink(p, round, c->cls->name, c->operands, c->noperands, cls, sink, &pass));
    TRY(slab_memory_resize((void **)&pass->computations, (size_t)pass->ncomputations + 1,
                           sizeof *pass->computations, "a program"));
    pass->computations[pass->ncomputations++] = c;
done:
    return rc;
}

static slab_status place_output(slab_program *p, program_round *round, program_output *o)
{
    slab_status rc = SLAB_OK;
    program_pass *pass;
    if (o->store)
        TRY(place_sink(p, round, o->name, &o->value, 1, &slab_sink_store, o->store, &pass));
    else
        TRY(place_sink(p, round, o->name, &o->value, 1, &slab_sink_collect, o->collect, &pass));
    TRY(slab_memory_resize((void **)&pass->outputs, (size_t)pass->noutputs + 1,
                           sizeof *pass->outputs, "a program"));
    pass->outputs[pass->noutputs++] = o;
done:
    return rc;
}

slab_status program_round_make(slab_program *p, bool plan, program_round *round)
{
    slab_status rc = SLAB_OK;
    bool ready;
    *round = (program_round){0};
    join_computations(p);
    for (int i = 0; i < p->ncomputations; i++) {
        slab_computation *c = p->computations[i];
        if (c->done || (plan && c->planned))
            continue;
        TRY(are_ready(c->operands, c->noperands, plan, &ready));
        if (ready)
            TRY(place_computation(p, round, c, plan));
    }
    for (int i = 0; i < p->noutputs; i++) {
        program_output *o = p->outputs[i];
        if (o->done || (plan && o->planned))
            continue;
        TRY(are_ready(&o->value, 1, plan, &ready));
        if (!ready)
            continue;
        if (o->store || o->collect)
            TRY(place_output(p, round, o));
        else if (plan)
            o->planned = true; /* nothing but its computations */
        else
            o->done = true;
    }
done:
    if (rc != SLAB_OK)
        program_round_clear(round);
    return rc;
}
