/*
 * A plan for people and for programs.
 */
#include <slab/tools/call_impl.h>
#include <slab/tools/json.h>
#include <slab/tools/talk.h>
#include <slab/tools/wording.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * What a core does in a second, for an estimate that is right within a factor of two or three on
 * machines of these years: bytes decoded and looked at, bytes compressed, arithmetic.
 */
static const double decode_rate = 1.5e9, encode_rate = 0.8e9, flop_rate = 2e10;

static double step_seconds(const slab_plan *plan, const slab_plan_step *step)
{
    int threads = (step->threads > 0 ? step->threads : 1) * (plan->ranks > 0 ? plan->ranks : 1);
    return ((double)step->plain_bytes / decode_rate + (double)step->write_bytes / encode_rate +
            step->flops / (step->flop_rate > 0 ? step->flop_rate : flop_rate)) /
           threads;
}

static double plan_seconds(const slab_plan *plan)
{
    double seconds = 0;
    for (int i = 0; i < plan->nsteps; i++)
        seconds += step_seconds(plan, &plan->steps[i]);
    return seconds;
}

static void print_step(FILE *to, const slab_plan *plan, const slab_plan_step *step)
{
    char read[SLAB_TEXT_MAX], plain[SLAB_TEXT_MAX], write[SLAB_TEXT_MAX], memory[SLAB_TEXT_MAX],
        time[SLAB_TEXT_MAX];
    fprintf(to, "%-22.64s %5" PRId64 " %10s %10s %10s %11s %7d %9s\n", step->name, step->times,
            slab_text_bytes((uint64_t)step->read_bytes, read),
            slab_text_bytes((uint64_t)step->plain_bytes, plain),
            slab_text_bytes((uint64_t)step->write_bytes, write),
            slab_text_bytes(step->memory, memory), step->threads,
            slab_text_seconds(step_seconds(plan, step), time));
}

static void print_table(FILE *to, const slab_call *call, const slab_plan *plan)
{
    char budget[SLAB_TEXT_MAX], memory[SLAB_TEXT_MAX], least[SLAB_TEXT_MAX], scratch[SLAB_TEXT_MAX],
        time[SLAB_TEXT_MAX];
    fprintf(to, "%-22s %5s %10s %10s %10s %11s %7s %9s\n", "step", "times", "read", "decoded",
            "written", "memory/rank", "threads", "time");
    for (int i = 0; i < plan->nsteps; i++)
        print_step(to, plan, &plan->steps[i]);
    fprintf(to, "\nmemory: %s of %s per rank (%s); %s would do\n",
            slab_text_bytes(plan->memory, memory), slab_text_bytes(plan->budget, budget),
            call->has_budget ? call->budget.source : "budget",
            slab_text_bytes(plan->memory_least, least));
    fprintf(to, "scratch disk: %s; ranks: %d; threads per rank: %d; time: roughly %s\n",
            plan->scratch_bytes ? slab_text_bytes((uint64_t)plan->scratch_bytes, scratch) : "none",
            plan->ranks, plan->threads, slab_text_seconds(plan_seconds(plan), time));
    for (const char *line = plan->notes; *line;) {
        size_t n = strcspn(line, "\n");
        if (n)
            fprintf(to, "note: %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

static json_t *plan_json(const slab_call *call, const slab_plan *plan)
{
    json_t *out = json_object(), *steps = json_array();
    for (int i = 0; i < plan->nsteps; i++) {
        const slab_plan_step *s = &plan->steps[i];
        json_t *step = json_object();
        json_object_set_new(step, "name", slab_json_text(s->name));
        json_object_set_new(step, "times", json_integer(s->times));
        json_object_set_new(step, "read_bytes", json_integer(s->read_bytes));
        json_object_set_new(step, "decoded_bytes", json_integer(s->plain_bytes));
        json_object_set_new(step, "written_bytes", json_integer(s->write_bytes));
        json_object_set_new(step, "flops", slab_json_real(s->flops));
        json_object_set_new(step, "memory", json_integer((json_int_t)s->memory));
        json_object_set_new(step, "threads", json_integer(s->threads));
        json_object_set_new(step, "seconds", slab_json_real(step_seconds(plan, s)));
        json_array_append_new(steps, step);
    }
    json_object_set_new(out, "steps", steps);
    json_object_set_new(out, "budget", json_integer((json_int_t)plan->budget));
    json_object_set_new(out, "budget_source",
                        slab_json_text(call->has_budget ? call->budget.source : ""));
    json_object_set_new(out, "memory", json_integer((json_int_t)plan->memory));
    json_object_set_new(out, "memory_least", json_integer((json_int_t)plan->memory_least));
    json_object_set_new(out, "scratch_bytes", json_integer(plan->scratch_bytes));
    json_object_set_new(out, "ranks", json_integer(plan->ranks));
    json_object_set_new(out, "threads", json_integer(plan->threads));
    json_object_set_new(out, "seconds", slab_json_real(plan_seconds(plan)));
    json_object_set_new(out, "notes", slab_json_text(plan->notes));
    return out;
}

/* The steps one after another, in the language of Graphviz. */
static void print_graph(slab_call *call, const slab_plan *plan)
{
    slab_print(call, "digraph slab {\n");
    for (int i = 0; i < plan->nsteps; i++) {
        slab_print(call, "  step%d [shape=box, label=\"%s\"];\n", i, plan->steps[i].name);
        if (i > 0)
            slab_print(call, "  step%d -> step%d;\n", i - 1, i);
    }
    slab_print(call, "}\n");
}

static void say_plan(const slab_call *call, const slab_plan *plan)
{
    if (slab_talk_is_json())
        slab_talk("info", "plan", json_pack("{s:o}", "plan", plan_json(call, plan)));
    else
        print_table(stderr, call, plan);
}

bool slab_call_planned(slab_call *call, const slab_plan *plan)
{
    bool dry = slab_call_flag(call, "dry-run");
    if (slab_ranks_me(call->ranks) == 0) {
        const char *how = slab_call_text(call, "dry-run");
        if (how && strcmp(how, "dot") == 0)
            print_graph(call, plan);
        else if (dry && slab_call_flag(call, "json"))
            slab_print_json(call, plan_json(call, plan));
        else if (dry)
            print_table(stdout, call, plan);
        else if (slab_call_flag(call, "verbose"))
            say_plan(call, plan);
    }
    return dry;
}
