/* Reductions as values: those of one value along the same axes are one sink. */
#include <slab/compute/graph/reduction.h>

#include <slab/compute/computation/results.h>
#include <slab/compute/graph/op.h>
#include <slab/compute/sink/reduce.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* One reduction asked for, and whose result it is. */
typedef struct asked {
    slab_computation *of; /* kept when it is another than the one that runs */
    slab_reduce_spec spec;
    bool keepdims;
    slab_results results; /* when they are large */
} asked;

typedef struct reduction_self {
    slab_computation *mine;
    int n;
    asked asked[SLAB_REDUCE_MOST];
    slab_reduce *reduce;
    bool large;
} reduction_self;

/* slab_reduce_emit */
static slab_status emit_part(void *context, const slab_span *span, void *state)
{
    slab_status rc = SLAB_OK;
    reduction_self *s = context;
    void *elements = NULL;
    for (int i = 0; i < s->n; i++) {
        asked *one = &s->asked[i];
        slab_box box;
        slab_span_kept(span, one->spec.axes, one->keepdims, &box);
        TRY(slab_memory_alloc(&elements, (size_t)slab_box_elements(&box), one->results.dtype.size,
                              "a part of a result"));
        TRY(slab_reduce_convert_at(s->reduce, i, span, state, elements));
        TRY(slab_results_put(&one->results, &box, elements));
        FREE(elements);
    }
done:
    FREE(elements);
    return rc;
}

static slab_status open_results(reduction_self *s, const slab_workshop *workshop,
                                const slab_shape *shape)
{
    slab_status rc = SLAB_OK;
    slab_reduce_emit_to(s->reduce, emit_part, s);
    for (int i = 0; i < s->n; i++) {
        asked *one = &s->asked[i];
        slab_shape kept = slab_shape_reduced(shape, one->spec.axes, one->keepdims);
        slab_dtype dtype;
        TRY(slab_reduction_types(one->spec.name, s->mine->operands[0], &one->spec, &dtype));
        if (!one->results.file)
            TRY(slab_results_open(&one->results, workshop, &kept, dtype));
    }
done:
    return rc;
}

static slab_status reduction_begin(slab_computation *c, const slab_workshop *workshop,
                                   const slab_sink_class **cls, void **sink)
{
    slab_status rc = SLAB_OK;
    reduction_self *s = c->self;
    slab_reduce_spec specs[SLAB_REDUCE_MOST];
    const slab_shape *shape = slab_value_shape(c->operands[0]);
    for (int i = 0; i < s->n; i++)
        specs[i] = s->asked[i].spec;
    slab_reduce_destroy(&s->reduce);
    TRY(slab_reduce_create_many(c->operands[0], specs, s->n, &s->reduce));
    slab_shape kept = slab_shape_reduced(shape, specs[0].axes, false);
    s->large = slab_value_grid(c->operands[0])->ntiles > 0 &&
               slab_results_are_large(&kept, slab_reduce_slot_bytes(s->reduce));
    if (s->large)
        TRY(open_results(s, workshop, shape));
    *cls = &slab_sink_reduce;
    *sink = s->reduce;
done:
    return rc;
}

static slab_status reduction_end(slab_computation *c, const slab_workshop *workshop, bool *again)
{
    slab_status rc = SLAB_OK;
    reduction_self *s = c->self;
    slab_value *value = NULL;
    *again = false;
    for (int i = 0; i < s->n; i++) {
        asked *one = &s->asked[i];
        if (!s->large) {
            TRY(slab_computation_settle(one->of, 0, slab_reduce_get_at(s->reduce, i)));
            continue;
        }
        TRY(slab_results_value(&one->results, workshop, &value));
        TRY(slab_computation_settle_value(one->of, 0, value));
        slab_value_drop(&value);
    }
    slab_reduce_destroy(&s->reduce);
done:
    slab_value_drop(&value);
    return rc;
}

static size_t reduction_holds(const slab_computation *c)
{
    const reduction_self *s = c->self;
    size_t bytes = 0;
    for (int i = 0; i < s->n && !s->large; i++)
        bytes += slab_computation_result_bytes(s->asked[i].of, 0);
    return bytes;
}

static bool reduction_join(slab_computation *c, slab_computation *other)
{
    reduction_self *s = c->self, *o = other->self;
    if (o->n != 1 || s->n == SLAB_REDUCE_MOST ||
        !slab_reduce_can_share(&s->asked[0].spec, &o->asked[0].spec))
        return false;
    s->asked[s->n] = o->asked[0];
    s->asked[s->n++].of = slab_computation_keep(other);
    return true;
}

static void reduction_clear(slab_computation *c)
{
    reduction_self *s = c->self;
    slab_reduce_destroy(&s->reduce);
    for (int i = 0; i < s->n; i++) {
        slab_results_clear(&s->asked[i].results);
        if (s->asked[i].of != c)
            slab_computation_drop(&s->asked[i].of);
    }
}

static const slab_computation_class reduction_class = {.name = "reduction",
                                                       .begin = reduction_begin,
                                                       .end = reduction_end,
                                                       .holds = reduction_holds,
                                                       .join = reduction_join,
                                                       .clear = reduction_clear};

/* sum(x w) / sum(w), in the type NumPy computes it in. */
static slab_value *weighted_mean(slab_value *value, const slab_reduce_options *options)
{
    slab_status rc = SLAB_OK;
    slab_reduce_options sum = {.axes = options->axes, .keepdims = options->keepdims};
    slab_value *w = NULL, *x = NULL, *pair[2] = {0}, *product = NULL, *result = NULL;
    slab_dtype type;
    TRY(slab_value_status(value));
    TRY(slab_value_status(options->weights));
    TRY(slab_dtype_promote(slab_value_dtype(value), slab_value_dtype(options->weights), &type));
    if (type.kind != SLAB_KIND_FLOAT && type.kind != SLAB_KIND_COMPLEX)
        type = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    w = slab_value_broadcast_to(options->weights, slab_value_shape(value));
    TRY(slab_value_status(w));
    slab_value *wide = slab_value_cast(w, type);
    slab_value_drop(&w);
    w = wide;
    x = slab_value_cast(value, type);
    product = slab_value_apply("multiply", (slab_value *[]){x, w}, 2);
    pair[0] = slab_value_reduce("sum", product, &sum);
    pair[1] = slab_value_reduce("sum", w, &sum);
    result = slab_value_apply("divide", pair, 2);
done:
    slab_value_drop(&pair[0]);
    slab_value_drop(&pair[1]);
    slab_value_drop(&product);
    slab_value_drop(&x);
    slab_value_drop(&w);
    return rc == SLAB_OK ? result : slab_value_fail(rc);
}

/* The registry's own copy of a name, which stays. */
static const char *registered(const char *name)
{
    const char *row = name;
    for (int i = 0; (row = slab_reduction_at(i)) && strcmp(row, name) != 0;)
        i++;
    return row ? row : name;
}

slab_value *slab_value_reduce(const char *name, slab_value *value,
                              const slab_reduce_options *options)
{
    slab_status rc = SLAB_OK;
    slab_computation *c = NULL;
    slab_value *result = NULL;
    slab_dtype dtype;
    const slab_reduce_options none = {0};
    options = options ? options : &none;
    if (options->weights && strcmp(name, "average") == 0)
        return weighted_mean(value, options);
    TRY(slab_value_status(value));
    const slab_shape *shape = slab_value_shape(value);
    slab_reduce_spec spec = {.name = registered(strcmp(name, "average") == 0 ? "mean" : name),
                             .axes = options->axes,
                             .ddof = options->ddof,
                             .order = options->order,
                             .has_dtype = options->has_dtype,
                             .dtype = options->dtype};
    if (!spec.axes)
        spec.axes = shape->rank < 32 ? (1U << shape->rank) - 1 : UINT32_MAX;
    TRY(slab_reduction_types(spec.name, value, &spec, &dtype));
    TRY(slab_computation_create(&reduction_class, &value, 1, sizeof(reduction_self), &c));
    reduction_self *s = c->self;
    s->mine = c;
    s->n = 1;
    s->asked[0] = (asked){.of = c, .spec = spec, .keepdims = options->keepdims};
    slab_shape kept = slab_shape_reduced(shape, spec.axes, options->keepdims);
    result = slab_computation_result(c, 0, &kept, dtype);
done:
    slab_computation_drop(&c);
    return rc == SLAB_OK ? result : slab_value_fail(rc);
}
