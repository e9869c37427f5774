/*
 * Two arrays, by one pass over both.
 */
#include <slab/tools/array_words.h>
#include <slab/tools/diff.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/pass/pass.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

#define TILE_LEAST ((size_t)2 << 20) /* a tile of both arrays may always take this much */

/* What is known in the end, of elements that slab reads or HDF5 compared. */
typedef struct outcome {
    slab_shape shape;
    slab_dtype a, b;
    int64_t elements;
    bool plain; /* no distances are known: texts, and types that HDF5 compared */
    slab_difference_sums sums;
    const slab_offender *offenders;
    int64_t noffenders;
} outcome;

/* --- printing --- */

static void coordinates(const slab_shape *shape, int64_t index, slab_shape *at)
{
    at->rank = shape->rank;
    for (int i = shape->rank - 1; i >= 0; i--) {
        int64_t n = shape->extent[i] > 0 ? shape->extent[i] : 1;
        at->extent[i] = index % n;
        index /= n;
    }
}

static slab_dtype kept_type(slab_dtype d)
{
    if (d.kind == SLAB_KIND_STRING && d.size > SLAB_OFFENDER_BYTES)
        d.size = SLAB_OFFENDER_BYTES;
    return d;
}

static void print_value(slab_diff *diff, slab_dtype dtype, const void *element)
{
    char text[128];
    bool quoted = dtype.kind == SLAB_KIND_STRING;
    slab_dtype_print(kept_type(dtype), element, text, sizeof text);
    slab_print(diff->call, "%s", quoted ? "\"" : "");
    slab_print_name(diff->call, text);
    slab_print(diff->call, "%s", quoted ? dtype.size > SLAB_OFFENDER_BYTES ? "...\"" : "\"" : "");
}

static const char *real_text(double x, char *text)
{
    slab_dtype_print(slab_dtype_make(SLAB_KIND_FLOAT, 8), &x, text, 64);
    return text;
}

static void print_offender(slab_diff *diff, const outcome *o, const slab_offender *one)
{
    slab_shape at;
    char text[SLAB_SHAPE_TEXT_MAX];
    coordinates(&o->shape, one->index, &at);
    slab_print(diff->call, "  %s", slab_shape_text(&at, text));
    if (o->a.kind != SLAB_KIND_OTHER) {
        slab_print(diff->call, ": ");
        print_value(diff, o->a, one->a);
        slab_print(diff->call, ", ");
        print_value(diff, o->b, one->b);
        if (!o->plain && isfinite(one->absolute))
            slab_print(diff->call, " (%s apart)", real_text(one->absolute, text));
    }
    slab_print(diff->call, "\n");
}

static void print_text(slab_diff *diff, const char *name, const outcome *o)
{
    char absolute[64], relative[64];
    const slab_difference_sums *s = &o->sums;
    slab_print_name(diff->call, name);
    if (s->differ == 0 && s->unequal == 0)
        slab_print(diff->call, ": the same, %" PRId64 " element%s\n", o->elements,
                   o->elements == 1 ? "" : "s");
    else if (s->differ == 0)
        slab_print(diff->call,
                   ": the same within the tolerance, %" PRId64 " elements; %" PRId64
                   " not equal, by up to %s (relative %s)\n",
                   o->elements, s->unequal, real_text(s->absolute, absolute),
                   real_text(s->relative, relative));
    else
        slab_print(diff->call, ": %" PRId64 " of %" PRId64 " elements differ", s->differ,
                   o->elements);
    if (s->differ == 0)
        return;
    if (s->nan)
        slab_print(diff->call, " (%" PRId64 " with NaN)", s->nan);
    if (!o->plain)
        slab_print(diff->call, ", by up to %s (relative %s)", real_text(s->absolute, absolute),
                   real_text(s->relative, relative));
    slab_print(diff->call, "\n");
    for (int64_t i = 0; i < o->noffenders; i++)
        print_offender(diff, o, &o->offenders[i]);
}

static json_t *value_json(slab_dtype dtype, const void *element)
{
    char text[128];
    if (dtype.kind == SLAB_KIND_OTHER)
        return json_null();
    if (dtype.kind != SLAB_KIND_STRING)
        return slab_json_element(dtype, element);
    slab_dtype_print(kept_type(dtype), element, text, sizeof text);
    return slab_json_text(text);
}

static json_t *offenders_json(const outcome *o)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < o->noffenders; i++) {
        const slab_offender *one = &o->offenders[i];
        json_t *entry = json_object();
        slab_shape at;
        coordinates(&o->shape, one->index, &at);
        json_object_set_new(entry, "index", slab_json_shape(&at));
        json_object_set_new(entry, "a", value_json(o->a, one->a));
        json_object_set_new(entry, "b", value_json(o->b, one->b));
        json_object_set_new(entry, "absolute",
                            o->plain ? json_null() : slab_json_real(one->absolute));
        json_array_append_new(list, entry);
    }
    return list;
}

static void add_json(slab_diff *diff, const slab_diff_pair *pair, const outcome *o)
{
    json_t *one = json_object(), *types = json_array();
    char text[SLAB_DESCRIBE_MAX];
    const slab_difference_sums *s = &o->sums;
    json_array_append_new(types,
                          slab_json_text(slab_describe_type(slab_array_describe(pair->a), text)));
    json_array_append_new(types,
                          slab_json_text(slab_describe_type(slab_array_describe(pair->b), text)));
    json_object_set_new(one, "path", slab_json_text(pair->name));
    json_object_set_new(one, "same", json_boolean(s->differ == 0));
    json_object_set_new(one, "shape", slab_json_shape(&o->shape));
    json_object_set_new(one, "types", types);
    json_object_set_new(one, "elements", json_integer(o->elements));
    json_object_set_new(one, "differ", json_integer(s->differ));
    json_object_set_new(one, "unequal", json_integer(s->unequal));
    json_object_set_new(one, "nan", json_integer(s->nan));
    json_object_set_new(one, "largest_absolute",
                        o->plain ? json_null() : slab_json_real(s->absolute));
    json_object_set_new(one, "largest_relative",
                        o->plain ? json_null() : slab_json_real(s->relative));
    json_object_set_new(one, "worst", offenders_json(o));
    json_array_append_new(diff->arrays, one);
}

static void report(slab_diff *diff, const slab_diff_pair *pair, const outcome *o)
{
    bool same = o->sums.differ == 0;
    diff->ndifferent += !same;
    diff->nsame += same;
    if (diff->arrays)
        add_json(diff, pair, o);
    else
        print_text(diff, pair->name, o);
}

/* --- types that HDF5 compares, on rank 0 --- */

static slab_status compare_others(slab_diff *diff, const slab_diff_pair *pair, outcome *o)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_call_ranks(diff->call);
    slab_unequal found = {.most = diff->options.worst};
    slab_offender *list = NULL;
    REQUIRE(!pair->select_a && !pair->select_b, SLAB_ERR_UNSUPPORTED,
            "'%s': elements of this type are compared whole, without a selection", pair->name);
    ALLOC(found.first, found.most, "a list of elements");
    ALLOC(list, found.most, "a list of elements");
    if (slab_ranks_me(ranks) == 0)
        rc = slab_file_elements_equal(slab_array_file(pair->a), slab_array_path(pair->a),
                                      slab_array_file(pair->b), slab_array_path(pair->b), &found);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, &found.differ, sizeof found.differ, 0));
    for (int64_t i = 0; i < found.n; i++)
        list[i].index = found.first[i];
    o->plain = true;
    o->sums.differ = o->sums.unequal = found.differ;
    o->offenders = list;
    o->noffenders = found.n;
    report(diff, pair, o);
done:
    FREE(found.first);
    FREE(list);
    return rc;
}

/* --- the pass --- */

typedef struct job {
    slab_value *a, *b;
    slab_difference *difference;
    slab_pass *pass;
    size_t room;
} job;

static void job_close(job *j)
{
    slab_pass_destroy(&j->pass);
    slab_difference_destroy(&j->difference);
    slab_value_drop(&j->a);
    slab_value_drop(&j->b);
}

/* Tiles as large as the budget has room for, but some for every thread. */
static size_t tile_bytes(const job *j, const slab_crew *crew, int64_t elements)
{
    size_t pair = slab_value_dtype(j->a).size + slab_value_dtype(j->b).size;
    size_t threads = (size_t)slab_crew_widest(crew);
    size_t tasks = 4 * threads * (size_t)slab_ranks_count(slab_crew_ranks(crew));
    size_t room = j->room / threads / 3, share = (size_t)elements / tasks * pair;
    room = room < share ? room : share;
    return room > TILE_LEAST ? room : TILE_LEAST;
}

static slab_status job_open(slab_diff *diff, const slab_diff_pair *pair, job *j)
{
    slab_status rc = SLAB_OK;
    slab_crew *crew;
    slab_budget budget;
    int64_t elements;
    TRY(slab_call_budget(diff->call, &budget));
    TRY(slab_call_crew(diff->call, &crew));
    j->a = slab_value_load(pair->a, pair->select_a, slab_crew_threads(crew));
    j->b = slab_value_load(pair->b, pair->select_b, slab_crew_threads(crew));
    TRY(slab_value_status(j->a));
    TRY(slab_value_status(j->b));
    TRY(slab_shape_elements(slab_value_shape(j->a), &elements));
    int64_t used = (int64_t)slab_memory_used();
    TRY(slab_ranks_max(slab_crew_ranks(crew), &used, 1)); /* tiles are the same on all ranks */
    j->room = budget.bytes > (size_t)used ? budget.bytes - (size_t)used : 0;
    slab_difference_options options = diff->options;
    options.tile_bytes = tile_bytes(j, crew, elements);
    TRY(slab_difference_create(j->a, j->b, &options, &j->difference));
    TRY(slab_pass_create(crew, "diff", j->a, &j->pass));
    slab_value *both[2] = {j->a, j->b};
    TRY(slab_pass_feed_many(j->pass, both, 2, &slab_sink_difference, j->difference));
    size_t now = slab_memory_used();
    j->room = budget.bytes > now ? budget.bytes - now : 0;
done:
    return rc;
}

static slab_status compare_elements(slab_diff *diff, const slab_diff_pair *pair, outcome *o,
                                    slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    job j = {0};
    TRY(job_open(diff, pair, &j));
    slab_pass_plan one;
    rc = slab_pass_plan_make(j.pass, j.room, &one);
    TRY(slab_ranks_agree(slab_call_ranks(diff->call), rc));
    TRY(slab_call_limit(diff->call));
    if (plan) {
        slab_plan_add_pass(plan, &one, 1, 0);
        goto done;
    }
    TRY(slab_pass_run(j.pass, j.room));
    const slab_difference_result *result = slab_difference_get(j.difference);
    o->a = slab_value_dtype(j.a);
    o->b = slab_value_dtype(j.b);
    o->plain = o->a.kind == SLAB_KIND_STRING;
    o->sums = result->sums;
    o->offenders = result->offenders;
    o->noffenders = result->noffenders;
    report(diff, pair, o);
done:
    job_close(&j);
    return rc;
}

static slab_shape shape_of(const slab_array *array, const slab_selection *selection)
{
    return selection ? slab_selection_shape(selection) : slab_array_describe(array)->shape;
}

static bool is_other(slab_dtype d)
{
    return d.kind == SLAB_KIND_OTHER;
}

/* Texts of either kind of length are compared by HDF5; a number is never one. */
static bool comparable(slab_dtype a, slab_dtype b)
{
    if (is_other(a) || is_other(b))
        return !slab_dtype_is_number(a) && !slab_dtype_is_number(b);
    return slab_dtype_is_number(a) == slab_dtype_is_number(b);
}

slab_status slab_diff_arrays(slab_diff *diff, const slab_diff_pair *pair, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    const slab_array_info *a = slab_array_describe(pair->a), *b = slab_array_describe(pair->b);
    slab_shape shape = shape_of(pair->a, pair->select_a);
    slab_shape other = shape_of(pair->b, pair->select_b);
    outcome o = {.shape = shape, .a = a->dtype, .b = b->dtype};
    char x[SLAB_DESCRIBE_MAX], y[SLAB_DESCRIBE_MAX];
    TRY(slab_shape_elements(&shape, &o.elements));
    if (!slab_shape_equal(&shape, &other)) {
        if (!plan)
            slab_diff_note(diff, pair->name, "shape", "%s and %s", slab_shape_text(&shape, x),
                           slab_shape_text(&other, y));
        goto done;
    }
    slab_describe_type(a, x);
    slab_describe_type(b, y);
    bool same_type = strcmp(x, y) == 0, possible = comparable(a->dtype, b->dtype);
    if (!plan && (!possible || (diff->strict && !same_type)))
        slab_diff_note(diff, pair->name, "type", "%s and %s", x, y);
    if (!possible)
        goto done;
    if (is_other(a->dtype) || is_other(b->dtype)) {
        o.a = o.b = (slab_dtype){.kind = SLAB_KIND_OTHER};
        if (!plan)
            TRY(compare_others(diff, pair, &o));
    } else {
        TRY(compare_elements(diff, pair, &o, plan));
    }
done:
    return rc == SLAB_OK ? rc : slab_error_prefix(rc, "cannot compare '%s'", pair->name);
}
