/*
 * Counts and maxima do not depend on the order in which tiles are taken, and the offenders are the
 * first of one total order: so the grid may be chosen for speed alone, with the budget in mind.
 */
#include <slab/compute/sink/difference.h>

#include <math.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/joint_grid.h>
#include <string.h>

struct slab_difference {
    slab_difference_rule rule;
    slab_grid grid;
    int worst;
    int64_t stride[SLAB_RANK_MAX]; /* of the whole, in elements */
    slab_difference_result result;
    slab_offender *offenders;
};

/* A state. Once the list is full it is a heap whose root comes last in it. */
typedef struct state {
    slab_difference_sums sums;
    double least; /* a pair must differ by this much to be listed */
    int64_t n;
    slab_offender offenders[];
} state;

slab_status slab_difference_create(const slab_value *a, const slab_value *b,
                                   const slab_difference_options *options, slab_difference **out)
{
    slab_status rc = SLAB_OK;
    slab_difference *d = NULL;
    char x[SLAB_SHAPE_TEXT_MAX], y[SLAB_SHAPE_TEXT_MAX];
    *out = NULL;
    TRY(slab_value_status(a));
    TRY(slab_value_status(b));
    const slab_shape *shape = slab_value_shape(a);
    slab_dtype p = slab_value_dtype(a), q = slab_value_dtype(b);
    REQUIRE(slab_shape_equal(shape, slab_value_shape(b)), SLAB_ERR_SHAPE,
            "shapes differ: %s and %s", slab_shape_text(shape, x),
            slab_shape_text(slab_value_shape(b), y));
    ALLOC(d, 1, "a difference");
    TRY(slab_difference_rule_make(p, q, &d->rule));
    d->rule.atol = options->atol;
    d->rule.rtol = options->rtol;
    d->rule.equal_nan = options->equal_nan;
    d->worst = options->worst;
    slab_strides_of(shape->rank, shape->extent, 1, d->stride);
    TRY(slab_joint_grid(slab_value_grid(a), p.size, slab_value_grid(b), q.size, false,
                        options->tile_bytes, &d->grid));
    ALLOC(d->offenders, options->worst, "a list of offenders");
    *out = d;
    d = NULL;
done:
    slab_difference_destroy(&d);
    return rc;
}

void slab_difference_destroy(slab_difference **difference)
{
    if (*difference)
        FREE((*difference)->offenders);
    FREE(*difference);
}

const slab_difference_result *slab_difference_get(const slab_difference *difference)
{
    return &difference->result;
}

static slab_sink_wants wants(const void *sink)
{
    const slab_difference *d = sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1, .one_layout = true, .grid = &d->grid};
}

static size_t state_bytes(const void *sink, const slab_span *span)
{
    const slab_difference *d = sink;
    (void)span;
    return sizeof(state) + (size_t)d->worst * sizeof(slab_offender);
}

static void init(const void *sink, const slab_span *span, void *memory)
{
    (void)span;
    ((state *)memory)->least = ((const slab_difference *)sink)->worst > 0 ? 0 : INFINITY;
}

/* --- the heap --- */

/* Does x come after y in the list? */
static bool is_after(const slab_offender *x, const slab_offender *y)
{
    return x->absolute < y->absolute || (x->absolute == y->absolute && x->index > y->index);
}

static void sift_down(slab_offender *heap, int64_t n, int64_t at)
{
    slab_offender moved = heap[at];
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_after(&heap[child + 1], &heap[child]))
            child++;
        if (!is_after(&heap[child], &moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static bool would_enter(const slab_difference *d, const state *s, const slab_offender *o)
{
    return s->n < d->worst || (d->worst > 0 && is_after(&s->offenders[0], o));
}

static void offer(const slab_difference *d, state *s, const slab_offender *o)
{
    if (!would_enter(d, s, o))
        return;
    if (s->n < d->worst) {
        s->offenders[s->n++] = *o;
        if (s->n == d->worst)
            for (int64_t i = s->n / 2; i-- > 0;)
                sift_down(s->offenders, s->n, i);
    } else {
        s->offenders[0] = *o;
        sift_down(s->offenders, s->n, 0);
    }
    if (s->n == d->worst)
        s->least = s->offenders[0].absolute;
}

/* --- tiles --- */

/* Where in a tile a run is: the elements of the box that come one after another in memory. */
typedef struct walk {
    const slab_difference *d;
    const slab_tile *tile;
    state *state;
    int64_t first; /* number in the box of the run's first element */
} walk;

static void see(void *context, int64_t i, double absolute)
{
    const walk *w = context;
    const slab_box *box = &w->tile->box;
    slab_offender o = {.absolute = absolute};
    int64_t left = w->first + i, offset_a = 0, offset_b = 0;
    for (int a = box->rank - 1; a >= 0; a--) {
        int64_t at = left % box->count[a];
        left /= box->count[a];
        o.index += (box->start[a] + at) * w->d->stride[a];
        offset_a += at * w->tile->views[0].stride[a];
        offset_b += at * w->tile->views[1].stride[a];
    }
    if (!would_enter(w->d, w->state, &o))
        return;
    size_t n = w->d->rule.a.size, m = w->d->rule.b.size;
    memcpy(o.a, (const char *)w->tile->views[0].data + offset_a, n < sizeof o.a ? n : sizeof o.a);
    memcpy(o.b, (const char *)w->tile->views[1].data + offset_b, m < sizeof o.b ? m : sizeof o.b);
    offer(w->d, w->state, &o);
}

/* The last axes of a box that can be walked as one run in both views. */
typedef struct run {
    int axis; /* the first of them */
    int64_t n, step[2];
} run;

static run run_of(const slab_tile *tile)
{
    run r = {.axis = tile->box.rank, .n = 1};
    for (; r.axis > 0; r.axis--) {
        int64_t count = tile->box.count[r.axis - 1];
        int64_t a = tile->views[0].stride[r.axis - 1], b = tile->views[1].stride[r.axis - 1];
        if (count == 1)
            continue;
        if (r.n == 1) {
            r.step[0] = a;
            r.step[1] = b;
        } else if (a != r.n * r.step[0] || b != r.n * r.step[1]) {
            break;
        }
        r.n *= count;
    }
    return r;
}

static slab_status accumulate(const void *sink, const slab_span *span, void *memory, int phase,
                              const slab_tile *tile, void *scratch)
{
    slab_status rc = SLAB_OK;
    const slab_difference *d = sink;
    state *s = memory;
    const slab_view *a = &tile->views[0], *b = &tile->views[1];
    walk w = {.d = d, .tile = tile, .state = s};
    slab_difference_found found = {.see = see, .context = &w, .least = &s->least};
    int64_t at[SLAB_RANK_MAX] = {0}, elements = slab_box_elements(&tile->box);
    run r = run_of(tile);
    (void)span, (void)phase, (void)scratch;
    for (; w.first < elements; w.first += r.n) {
        const char *p = a->data, *q = b->data;
        for (int i = 0; i < r.axis; i++) {
            p += at[i] * a->stride[i];
            q += at[i] * b->stride[i];
        }
        TRY(slab_difference_run(&d->rule, p, r.step[0], q, r.step[1], r.n, &s->sums, &found));
        for (int i = r.axis - 1; i >= 0 && ++at[i] == tile->box.count[i]; i--)
            at[i] = 0;
    }
done:
    return rc;
}

static slab_status merge(const void *sink, const slab_span *into_span, void *into,
                         const slab_span *from_span, const void *from)
{
    state *to = into;
    const state *s = from;
    (void)into_span, (void)from_span;
    to->sums.differ += s->sums.differ;
    to->sums.unequal += s->sums.unequal;
    to->sums.nan += s->sums.nan;
    to->sums.absolute = fmax(to->sums.absolute, s->sums.absolute);
    to->sums.relative = fmax(to->sums.relative, s->sums.relative);
    for (int64_t i = 0; i < s->n; i++)
        offer(sink, to, &s->offenders[i]);
    return SLAB_OK;
}

/* The last of the list goes to the end, again and again. */
static slab_status finish(void *sink, const slab_span *span, void *memory)
{
    slab_difference *d = sink;
    state *s = memory;
    (void)span;
    for (int64_t i = s->n / 2; i-- > 0;)
        sift_down(s->offenders, s->n, i);
    for (int64_t n = s->n; n-- > 0;) {
        d->offenders[n] = s->offenders[0];
        s->offenders[0] = s->offenders[n];
        sift_down(s->offenders, n > 0 ? n : 1, 0);
    }
    d->result =
        (slab_difference_result){.sums = s->sums, .noffenders = s->n, .offenders = d->offenders};
    return SLAB_OK;
}

const slab_sink_class slab_sink_difference = {.name = "difference",
                                              .wants = wants,
                                              .state_bytes = state_bytes,
                                              .init = init,
                                              .accumulate = accumulate,
                                              .in_state = true,
                                              .merge = merge,
                                              .finish = finish};
