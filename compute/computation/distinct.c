#include <slab/compute/computation/distinct.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/computation/distinct_impl.h>
#include <slab/compute/computation/results.h>
#include <slab/compute/kernel/order.h>
#include <slab/compute/pass/pass.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { COPIED = 16384 }; /* keys at a time */

static slab_status tally_pass(const slab_workshop *workshop, slab_value *value, slab_tally *tally,
                              const char *name, slab_pass **pass)
{
    slab_status rc = SLAB_OK;
    *pass = NULL;
    TRY(slab_pass_create(workshop->crew, name, value, pass));
    TRY(slab_pass_add(*pass, &slab_sink_tally, tally));
done:
    return rc;
}

/* One pass with a tally. */
static slab_status run_tally(const slab_workshop *workshop, slab_value *value, slab_tally *tally,
                             const char *name, size_t budget)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass;
    TRY(tally_pass(workshop, value, tally, name, &pass));
    TRY(slab_pass_run(pass, budget));
    slab_pass_rest(pass);
done:
    slab_pass_destroy(&pass);
    return rc;
}

/* What its pass needs at least. */
static slab_status tally_least(const slab_workshop *workshop, slab_value *value, slab_tally *tally,
                               size_t *least)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass;
    slab_pass_plan one;
    TRY(tally_pass(workshop, value, tally, "", &pass));
    TRY(slab_pass_plan_make(pass, SIZE_MAX, &one));
    *least = one.memory_least;
done:
    slab_pass_destroy(&pass);
    return rc;
}

/* The same for a plan, beside what is held while it runs. */
static slab_status plan_tally(const slab_workshop *workshop, slab_value *value, slab_tally *tally,
                              const char *name, size_t held, size_t budget, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_pass *pass;
    slab_pass_plan one;
    TRY(tally_pass(workshop, value, tally, name, &pass));
    TRY(slab_pass_plan_make(pass, SIZE_MAX, &one));
    if (budget > held && budget - held >= one.memory_least)
        TRY(slab_pass_plan_make(pass, budget - held, &one));
    one.memory += held;
    one.memory_least += held;
    slab_plan_add_pass(plan, &one, 1, 0);
done:
    slab_pass_destroy(&pass);
    return rc;
}

static slab_status check_type(const slab_value *value)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX];
    TRY(slab_value_status(value));
    slab_dtype dtype = slab_value_dtype(value);
    REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "distinct elements are found of real numbers, not of %s", slab_dtype_name(dtype, name));
done:
    return rc;
}

/* Where results are put together. */
typedef struct output {
    const slab_workshop *workshop;
    slab_dtype dtype;
    slab_results elements, counts;
} output;

static slab_status open_output(output *o, int64_t n)
{
    slab_status rc = SLAB_OK;
    slab_shape shape = {1, {n}};
    TRY(slab_results_open(&o->elements, o->workshop, &shape, o->dtype));
    TRY(slab_results_open(&o->counts, o->workshop, &shape, slab_dtype_make(SLAB_KIND_INT, 8)));
done:
    return rc;
}

/* n keys and counts become the results from place `at` on. buffer: [COPIED] elements. */
static slab_status put_keys(output *o, int64_t at, const uint64_t *keys, const uint64_t *counts,
                            int64_t n, char *buffer)
{
    slab_status rc = SLAB_OK;
    slab_box box = {1, {at}, {n}};
    for (int64_t i = 0; i < n; i++)
        slab_order_element(o->dtype, keys[i], buffer + i * (int64_t)o->dtype.size);
    TRY(slab_results_put(&o->elements, &box, buffer));
    TRY(slab_results_put(&o->counts, &box, counts));
done:
    return rc;
}

static slab_status put_nans(output *o, int64_t at, int64_t nans)
{
    slab_status rc = SLAB_OK;
    double nan = NAN;
    char element[16];
    slab_box box = {1, {at}, {1}};
    TRY(slab_dtype_convert(slab_dtype_make(SLAB_KIND_FLOAT, 8), &nan, o->dtype, element, 1));
    TRY(slab_results_put(&o->elements, &box, element));
    TRY(slab_results_put(&o->counts, &box, &nans));
done:
    return rc;
}

static slab_status close_output(output *o, int64_t n, slab_distinct *out)
{
    slab_status rc = SLAB_OK;
    out->n = n;
    TRY(slab_results_value(&o->elements, o->workshop, &out->elements));
    TRY(slab_results_value(&o->counts, o->workshop, &out->counts));
done:
    return rc;
}

/* --- keys that were counted one by one --- */

static slab_status from_table(output *o, const slab_tally *table, int64_t nans, slab_distinct *out)
{
    slab_status rc = SLAB_OK;
    uint64_t *keys = NULL, *counts = NULL;
    char *buffer = NULL;
    int64_t n = 0, at = 0, held = 0;
    bool first = slab_ranks_me(slab_crew_ranks(o->workshop->crew)) == 0;
    for (int64_t i = 0; i < table->nbuckets; i++)
        n += table->counts[i] > 0;
    TRY(open_output(o, n + (nans > 0)));
    ALLOC(keys, COPIED, "distinct elements");
    ALLOC(counts, COPIED, "distinct elements");
    TRY(slab_memory_alloc((void **)&buffer, COPIED, o->dtype.size, "distinct elements"));
    for (int64_t i = 0; i < table->nbuckets && first; i++) {
        if (table->counts[i] > 0) {
            keys[held] = table->low + (uint64_t)i;
            counts[held++] = table->counts[i];
        }
        if (held == COPIED || (i + 1 == table->nbuckets && held > 0)) {
            TRY(put_keys(o, at, keys, counts, held, buffer));
            at += held;
            held = 0;
        }
    }
    if (nans > 0 && first)
        TRY(put_nans(o, n, nans));
done:
    FREE(buffer);
    FREE(counts);
    FREE(keys);
    rc = slab_ranks_agree(slab_crew_ranks(o->workshop->crew), rc);
    return rc == SLAB_OK ? close_output(o, n + (nans > 0), out) : rc;
}

/* --- keys that went through the scratch file --- */

/* What a task of collecting works with: one part. */
typedef struct collecting {
    output *to;
    const distinct_spill *from;
    int64_t *starts; /* [nparts]: of the parts' results */
} collecting;

static slab_status collect_part(void *context, int thread, int64_t p)
{
    slab_status rc = SLAB_OK;
    const collecting *c = context;
    const distinct_part *part = &c->from->parts[p];
    uint64_t *keys = NULL, *counts = NULL;
    char *buffer = NULL;
    (void)thread;
    ALLOC(keys, COPIED, "distinct elements");
    ALLOC(counts, COPIED, "distinct elements");
    TRY(slab_memory_alloc((void **)&buffer, COPIED, c->to->dtype.size, "distinct elements"));
    for (int64_t i = 0; i < part->distinct; i += COPIED) {
        int64_t n = part->distinct - i < COPIED ? part->distinct - i : COPIED;
        uint64_t at = (uint64_t)(part->first + i) * sizeof(uint64_t);
        TRY(slab_scratch_read(c->from->keys, at, keys, (size_t)n * sizeof(uint64_t)));
        TRY(slab_scratch_read(c->from->counts, at, counts, (size_t)n * sizeof(uint64_t)));
        TRY(put_keys(c->to, c->starts[p] + i, keys, counts, n, buffer));
    }
done:
    FREE(buffer);
    FREE(counts);
    FREE(keys);
    return rc;
}

static slab_status collect_parts(output *o, const distinct_spill *spill, int64_t nans,
                                 slab_distinct *out)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(o->workshop->crew);
    collecting c = {.to = o, .from = spill};
    int64_t n = 0;
    rc = slab_memory_alloc((void **)&c.starts, (size_t)spill->nparts, sizeof *c.starts,
                           "distinct elements");
    TRY(slab_ranks_agree(ranks, rc));
    for (int64_t p = 0; p < spill->nparts; p++) {
        c.starts[p] = n;
        n += spill->parts[p].distinct;
    }
    TRY(open_output(o, n + (nans > 0)));
    TRY(slab_crew_run(o->workshop->crew, spill->nparts, collect_part, &c));
    rc = nans > 0 && slab_ranks_me(ranks) == 0 ? put_nans(o, n, nans) : SLAB_OK;
    TRY(slab_ranks_agree(ranks, rc));
    TRY(close_output(o, n + (nans > 0), out));
done:
    FREE(c.starts);
    return rc;
}

/* Bytes left of a budget since so many were in use. */
static size_t room_since(size_t before, size_t budget)
{
    size_t used = slab_memory_used(), taken = DISTINCT_SMALL + (used > before ? used - before : 0);
    return budget > taken ? budget - taken : 0;
}

/* before: bytes in use when the budget began. */
static slab_status through_scratch(output *o, slab_value *value, const slab_tally *range,
                                   slab_tally *buckets, size_t before, size_t budget,
                                   slab_distinct *out)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(o->workshop->crew);
    distinct_spill spill = {0};
    distinct_fit fit;
    int64_t elements;
    size_t least;
    TRY(slab_shape_elements(slab_value_shape(value), &elements));
    slab_tally hand = *range;
    hand.job = SLAB_TALLY_HAND;
    hand.hand = distinct_spill_take;
    hand.context = &spill;
    TRY(tally_least(o->workshop, value, &hand, &least));
    TRY(distinct_fit_find(o->workshop, elements, buckets->nbuckets, least,
                          room_since(before, budget), &fit));
    TRY(distinct_spill_open(&spill, o->workshop, &fit, buckets, range->greatest));
    TRY(run_tally(o->workshop, value, &hand, "writing keys", room_since(before, budget)));
    TRY(slab_ranks_agree(ranks, distinct_spill_flush(&spill)));
    TRY(distinct_sort_parts(&spill));
    TRY(collect_parts(o, &spill, range->nans, out));
done:
    distinct_spill_clear(&spill);
    return rc;
}

/* Buckets over the range: one a key, or as narrow as DISTINCT_BUCKETS of them allow. */
static void choose_buckets(const slab_tally *range, slab_tally *out)
{
    uint64_t width = range->greatest - range->least;
    int bits = width ? 64 - __builtin_clzll(width) : 0;
    *out = *range;
    out->job = SLAB_TALLY_COUNT;
    out->low = range->least;
    out->shift = width < DISTINCT_TABLE ? 0 : bits - 16;
    out->nbuckets = (int64_t)(width >> out->shift) + 1;
}

slab_status slab_distinct_find(const slab_workshop *workshop, slab_value *value, size_t budget,
                               slab_distinct *out)
{
    slab_status rc = SLAB_OK;
    slab_tally range = {.job = SLAB_TALLY_RANGE}, buckets = {0};
    output o = {.workshop = workshop};
    size_t before = slab_memory_used();
    memset(out, 0, sizeof *out);
    TRY(check_type(value));
    range.dtype = o.dtype = slab_value_dtype(value);
    TRY(run_tally(workshop, value, &range, "range of the elements", room_since(before, budget)));
    if (range.n > 0)
        choose_buckets(&range, &buckets);
    TRY(slab_ranks_agree(slab_crew_ranks(workshop->crew),
                         slab_memory_alloc((void **)&buckets.counts, (size_t)buckets.nbuckets,
                                           sizeof(uint64_t), "distinct elements")));
    if (range.n > 0)
        TRY(run_tally(workshop, value, &buckets, "counting", room_since(before, budget)));
    if (buckets.shift == 0)
        TRY(from_table(&o, &buckets, range.nans, out));
    else
        TRY(through_scratch(&o, value, &range, &buckets, before, budget, out));
done:
    FREE(buckets.counts);
    slab_results_clear(&o.elements);
    slab_results_clear(&o.counts);
    if (rc != SLAB_OK)
        slab_distinct_clear(out);
    return rc;
}

/* Passes for elements that may be too far apart for a table; what sorting takes as well. */
static slab_status plan_scratch(const slab_workshop *workshop, slab_value *value, size_t budget,
                                slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_tally tally = {.job = SLAB_TALLY_HAND, .dtype = slab_value_dtype(value)};
    distinct_fit least;
    int64_t elements, buckets = 2 * DISTINCT_BUCKETS;
    size_t tables = (size_t)buckets * sizeof(uint64_t) + DISTINCT_SMALL;
    TRY(slab_shape_elements(slab_value_shape(value), &elements));
    TRY(distinct_fit_find(workshop, elements, buckets, 0, 0, &least));
    TRY(plan_tally(workshop, value, &tally, "writing keys", tables + least.writing, budget, plan));
    plan->steps[plan->nsteps - 1].write_bytes += 8 * elements;
    plan->scratch_bytes += 16 * elements;
    slab_plan_need(plan, "sorting keys", tables + least.sorting);
    slab_plan_note(plan,
                   "elements within a million of each other take no third pass and no scratch: "
                   "they are counted in a table");
done:
    return rc;
}

slab_status slab_distinct_plan(const slab_workshop *workshop, slab_value *value, size_t budget,
                               slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_tally tally = {.job = SLAB_TALLY_RANGE};
    TRY(check_type(value));
    tally.dtype = slab_value_dtype(value);
    int bits = slab_order_bits(tally.dtype);
    bool far = bits > 20; /* the range may be wider than DISTINCT_TABLE */
    TRY(plan_tally(workshop, value, &tally, "range of the elements", DISTINCT_SMALL, budget, plan));
    tally.job = SLAB_TALLY_COUNT;
    tally.nbuckets = far ? DISTINCT_TABLE : 1 << bits;
    size_t table = (size_t)tally.nbuckets * sizeof(uint64_t) + DISTINCT_SMALL;
    TRY(plan_tally(workshop, value, &tally, "counting", table, budget, plan));
    slab_plan_need(plan, "distinct elements", table + COPIED * (2 * sizeof(uint64_t) + 16));
    if (far)
        TRY(plan_scratch(workshop, value, budget, plan));
done:
    return rc;
}

void slab_distinct_clear(slab_distinct *distinct)
{
    slab_value_drop(&distinct->elements);
    slab_value_drop(&distinct->counts);
    distinct->n = 0;
}
