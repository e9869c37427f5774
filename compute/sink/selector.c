/*
 * The state of a pass that counts: for every slot the elements and NaN seen, and for every prefix a
 * counter a digit. The state of one that gathers: how many candidates there are, and their keys.
 */
#include <slab/compute/sink/selector.h>

#include <slab/compute/kernel/order.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDE = 16,        /* bits of a digit where there are few slots ... */
    NARROW = 8,       /* ... and where there are many */
    FEW_SLOTS = 16,   /* that many counters of 2^16 fit beside the tiles */
    GATHER = 1 << 16, /* candidates that a pass gathers at most */
    PIECE = 4096      /* keys made at once: they stay in L1 */
};

/* What is known of one wanted element. */
typedef struct target {
    uint64_t prefix; /* its key's digits so far */
    int64_t rank;    /* among the elements with that prefix */
} target;

struct slab_selector {
    slab_dtype dtype;
    slab_shape shape;
    uint32_t axes;
    int nranks, bits, left; /* bits of a digit, and of the key that are not known yet */
    bool nan, gathers, over, approximate, foreseeing;
    int64_t nslots, ncandidates;
    slab_ranks_wanted wanted;
    const void *context;
    int64_t *counts, *nans; /* [nslots] */
    target *targets;        /* [nslots, nranks] */
};

/* In front of a slot's counters. */
typedef struct tally {
    int64_t count, nans;
} tally;

static bool kept(const slab_selector *s, int axis)
{
    return !(s->axes >> axis & 1);
}

slab_status slab_selector_create(const slab_value *value, uint32_t axes, int nranks,
                                 slab_ranks_wanted wanted, const void *context, slab_selector **out)
{
    slab_status rc = SLAB_OK;
    slab_selector *s = NULL;
    char name[SLAB_DTYPE_NAME_MAX];
    *out = NULL;
    TRY(slab_value_status(value));
    slab_dtype dtype = slab_value_dtype(value);
    REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "%s has no order to select by", slab_dtype_name(dtype, name));
    ALLOC(s, 1, "a selection");
    s->dtype = dtype;
    s->shape = *slab_value_shape(value);
    uint32_t all = s->shape.rank < 32 ? (1U << s->shape.rank) - 1 : UINT32_MAX;
    s->axes = axes ? axes : all;
    s->nslots = 1;
    for (int a = 0; a < s->shape.rank; a++)
        if (kept(s, a))
            TRY(slab_extent_multiply(s->nslots, s->shape.extent[a], &s->nslots));
    s->nranks = nranks;
    s->wanted = wanted;
    s->context = context;
    s->left = slab_order_bits(dtype);
    s->bits = s->left < WIDE || s->nslots * nranks > FEW_SLOTS ? NARROW : WIDE;
    s->nan = dtype.kind == SLAB_KIND_FLOAT;
    ALLOC(s->counts, s->nslots, "a selection");
    ALLOC(s->nans, s->nslots, "a selection");
    TRY(slab_memory_alloc((void **)&s->targets, (size_t)s->nslots * (size_t)nranks,
                          sizeof *s->targets, "a selection"));
    *out = s;
    s = NULL;
done:
    slab_selector_destroy(&s);
    return rc;
}

void slab_selector_approximate(slab_selector *s, int bits)
{
    s->bits = bits < s->left ? bits : s->left;
    s->approximate = true;
}

void slab_selector_foresee(slab_selector *s, bool later)
{
    s->foreseeing = later;
}

void slab_selector_destroy(slab_selector **selector)
{
    if (!selector || !*selector)
        return;
    FREE((*selector)->counts);
    FREE((*selector)->nans);
    FREE((*selector)->targets);
    FREE(*selector);
}

bool slab_selector_again(const slab_selector *s)
{
    return !s->over;
}

int slab_selector_passes(const slab_selector *s)
{
    int digits = s->approximate ? 1 : (s->left + s->bits - 1) / s->bits;
    return digits < 1 ? 1 : digits;
}

int64_t slab_selector_slots(const slab_selector *s)
{
    return s->nslots;
}

int64_t slab_selector_count(const slab_selector *s, int64_t slot)
{
    return s->counts[slot];
}

int64_t slab_selector_nans(const slab_selector *s, int64_t slot)
{
    return s->nans[slot];
}

uint64_t slab_selector_key(const slab_selector *s, int64_t slot, int r)
{
    return s->targets[slot * s->nranks + r].prefix;
}

/* --- the sink --- */

static bool first_pass(const slab_selector *s)
{
    return s->left == slab_order_bits(s->dtype);
}

/* Prefixes that a slot's counters are for: every target's own, equal ones once. */
static int slot_prefixes(const slab_selector *s, int64_t slot, uint64_t *prefixes)
{
    int n = 0;
    const target *t = s->targets + slot * s->nranks;
    for (int r = 0; r < s->nranks; r++) /* ascending ranks: equal prefixes are neighbours */
        if (n == 0 || prefixes[n - 1] != t[r].prefix)
            prefixes[n++] = t[r].prefix;
    return n;
}

static size_t slot_bytes(const slab_selector *s)
{
    size_t sets = first_pass(s) && !s->foreseeing ? 1 : (size_t)s->nranks;
    return sizeof(tally) + (sets << s->bits) * sizeof(uint64_t);
}

static slab_sink_wants selection_wants(const void *sink)
{
    const slab_selector *s = sink;
    return (slab_sink_wants){
        .nphases = 1, .band_axis = -1, .run_axes = s->axes, .intensity = s->gathers ? 0.5 : 2};
}

/* Slots of a span, and the distance between neighbours along each axis. */
static int64_t slot_steps(const slab_selector *s, const slab_span *span, int64_t *step)
{
    int64_t n = 1;
    for (int a = s->shape.rank - 1; a >= 0; a--) {
        step[a] = kept(s, a) ? n : 0;
        if (kept(s, a) && __builtin_mul_overflow(n, span->count[a], &n))
            n = INT64_MAX;
    }
    return n;
}

static size_t selection_state_bytes(const void *sink, const slab_span *span)
{
    const slab_selector *s = sink;
    int64_t step[SLAB_RANK_MAX];
    size_t bytes;
    if (s->gathers)
        return ((size_t)s->ncandidates + 1) * sizeof(uint64_t);
    bool fits =
        slab_size_multiply((size_t)slot_steps(s, span, step), slot_bytes(s), &bytes) == SLAB_OK;
    if (s->foreseeing && s->nslots == 1 && bytes < (GATHER + 1) * sizeof(uint64_t))
        bytes = (GATHER + 1) * sizeof(uint64_t);
    return fits ? bytes : SIZE_MAX;
}

static size_t selection_scratch_bytes(const void *sink, const slab_shape *tile)
{
    (void)tile;
    const slab_selector *s = sink;
    return PIECE * (sizeof(uint64_t) + 8) + (size_t)s->nranks * sizeof(uint64_t);
}

/* Where a thread works. */
typedef struct bench {
    uint64_t *keys;     /* [PIECE] */
    char *dense;        /* [PIECE] elements */
    uint64_t *prefixes; /* [nranks] */
} bench;

/* Candidates are few: runs without one are passed over. state: how many there are, and their keys.
 */
static void gather(const slab_selector *s, const bench *b, const char *x, int64_t n,
                   uint64_t prefix, uint64_t *state)
{
    uint64_t low = s->left < 64 ? prefix << s->left : 0,
             high = s->left < 64 ? low | ((1ULL << s->left) - 1) : UINT64_MAX;
    for (int64_t i = 0; (i = slab_order_find(s->dtype, x, i, n, low, high)) < n;
         i += SLAB_ORDER_RUN) {
        int64_t m = n - i < SLAB_ORDER_RUN ? n - i : SLAB_ORDER_RUN;
        slab_order_keys(s->dtype, x + i * s->dtype.size, m, b->keys);
        for (int64_t k = 0; k < m; k++)
            if (b->keys[k] >= low && b->keys[k] <= high &&
                !(s->nan && b->keys[k] == SLAB_ORDER_NAN))
                state[++state[0]] = b->keys[k];
    }
}

/* The same where they are counted by their next digit. */
static void count_candidates(const slab_selector *s, const bench *b, const char *x, int64_t n,
                             uint64_t prefix, uint64_t *counters)
{
    uint64_t low = prefix << s->left, high = low | ((1ULL << s->left) - 1);
    for (int64_t i = 0; (i = slab_order_find(s->dtype, x, i, n, low, high)) < n;
         i += SLAB_ORDER_RUN) {
        int64_t m = n - i < SLAB_ORDER_RUN ? n - i : SLAB_ORDER_RUN;
        slab_order_keys(s->dtype, x + i * s->dtype.size, m, b->keys);
        slab_order_count(b->keys, m, s->nan, s->left - s->bits, s->bits, &prefix, 1, counters);
    }
}

/* Everything, by the first digit. */
static void count_all(const slab_selector *s, const bench *b, const char *x, int64_t n, tally *sums,
                      uint64_t *counters)
{
    uint64_t nans = 0;
    sums->count += n;
    if (s->bits == WIDE && s->dtype.size >= 4) {
        uint16_t *tops = (uint16_t *)b->keys;
        uint64_t before = counters[UINT16_MAX];
        slab_order_tops(s->dtype, x, n, tops);
        for (int64_t i = 0; i < n; i++)
            counters[tops[i]]++;
        if (s->nan) {
            nans = counters[UINT16_MAX] - before;
            counters[UINT16_MAX] = before;
        }
    } else {
        slab_order_keys(s->dtype, x, n, b->keys);
        for (int64_t i = 0; s->nan && i < n; i++)
            nans += b->keys[i] == SLAB_ORDER_NAN;
        slab_order_count(b->keys, n, s->nan, s->left - s->bits, s->bits, NULL, 1, counters);
    }
    sums->nans += (int64_t)nans;
}

/* Up to PIECE elements of one slot. */
static void take_piece(const slab_selector *s, const bench *b, const char *x, int64_t n,
                       int64_t slot, void *state)
{
    tally *sums = state;
    uint64_t *counters = (uint64_t *)(void *)(sums + 1);
    if (first_pass(s)) {
        count_all(s, b, x, n, sums, counters);
        return;
    }
    for (int p = 0, np = slot_prefixes(s, slot, b->prefixes); p < np; p++) {
        if (s->gathers)
            gather(s, b, x, n, b->prefixes[p], state);
        else
            count_candidates(s, b, x, n, b->prefixes[p], counters + ((size_t)p << s->bits));
    }
}

/* n elements, `stride` bytes apart, of one slot. */
static void take_run(const slab_selector *s, const bench *b, const char *data, int64_t stride,
                     int64_t n, int64_t slot, void *state)
{
    int64_t size = s->dtype.size;
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t m = n - i < PIECE ? n - i : PIECE;
        const char *from = data + i * stride;
        if (stride != size) {
            slab_box_copy(1, &m, from, &stride, b->dense, &size, (size_t)size);
            from = b->dense;
        }
        take_piece(s, b, from, m, slot, state);
    }
}

/* The axis whose elements of one slot are taken together: the innermost reduced one; and axes
 * behind it that are reduced too and lie as one run with it are counted in. */
static int run_axis(const slab_selector *s, const slab_tile *tile, int64_t *n)
{
    int a = s->shape.rank - 1;
    while (a >= 0 && kept(s, a))
        a--;
    *n = a < 0 ? 1 : tile->box.count[a];
    return a;
}

static slab_status selection_accumulate(const void *sink, const slab_span *span, void *state,
                                        int phase, const slab_tile *tile, void *scratch)
{
    const slab_selector *s = sink;
    bench b = {.keys = scratch};
    int64_t step[SLAB_RANK_MAX], all[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0}, n;
    size_t bytes = slot_bytes(s);
    slab_span whole = slab_box_whole(&s->shape);
    (void)phase;
    b.dense = (char *)(b.keys + PIECE);
    b.prefixes = (uint64_t *)(void *)(b.dense + (size_t)PIECE * 8);
    slot_steps(s, span, step);
    slot_steps(s, &whole, all);
    int along = run_axis(s, tile, &n);
    const char *data = tile->view.data;
    int64_t local = 0, slot = 0; /* number in the span, and in the whole */
    for (int a = 0; a < s->shape.rank; a++) {
        local += (tile->box.start[a] - span->start[a]) * step[a];
        slot += tile->box.start[a] * all[a];
    }
    for (;;) {
        void *of_slot = s->gathers ? state : (char *)state + (size_t)local * bytes;
        take_run(s, &b, data, along < 0 ? (int64_t)s->dtype.size : tile->view.stride[along], n,
                 slot, of_slot);
        int a = s->shape.rank - 1;
        for (; a >= 0; a--) {
            if (a == along)
                continue;
            bool more = ++at[a] < tile->box.count[a];
            int64_t by = more ? 1 : 1 - tile->box.count[a];
            data += by * tile->view.stride[a];
            local += by * step[a];
            slot += by * all[a];
            if (more)
                break;
            at[a] = 0;
        }
        if (a < 0)
            break;
    }
    return SLAB_OK;
}

static void merge_slot(const slab_selector *s, void *into, const void *from)
{
    tally *sums = into;
    const tally *more = from;
    uint64_t *to = (uint64_t *)(void *)(sums + 1);
    const uint64_t *counters = (const uint64_t *)(const void *)(more + 1);
    size_t n = (slot_bytes(s) - sizeof(tally)) / sizeof *to;
    sums->count += more->count;
    sums->nans += more->nans;
    for (size_t i = 0; i < n; i++)
        to[i] += counters[i];
}

static slab_status selection_merge(const void *sink, const slab_span *into_span, void *into,
                                   const slab_span *from_span, const void *from)
{
    const slab_selector *s = sink;
    int64_t step[SLAB_RANK_MAX], from_step[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0}, slot = 0;
    size_t bytes = slot_bytes(s);
    if (s->gathers) {
        uint64_t *to = into;
        const uint64_t *more = from;
        memcpy(to + 1 + to[0], more + 1, more[0] * sizeof *to);
        to[0] += more[0];
        return SLAB_OK;
    }
    slot_steps(s, into_span, step);
    int64_t n = slot_steps(s, from_span, from_step);
    for (int a = 0; a < s->shape.rank; a++)
        slot += (from_span->start[a] - into_span->start[a]) * step[a];
    for (int64_t i = 0; i < n; i++) {
        merge_slot(s, (char *)into + (size_t)slot * bytes, (const char *)from + (size_t)i * bytes);
        for (int a = s->shape.rank - 1; a >= 0; a--) {
            if (!kept(s, a))
                continue;
            slot += step[a];
            if (++at[a] < from_span->count[a])
                break;
            slot -= step[a] * from_span->count[a];
            at[a] = 0;
        }
    }
    return SLAB_OK;
}

/* --- what a pass has shown --- */

/* Goes one digit on: which digit holds the wanted rank, and how many of the candidates have it. */
static int64_t narrow_target(const slab_selector *s, const uint64_t *counters, target *t)
{
    uint64_t digits = 1ULL << s->bits, digit = 0;
    while (digit + 1 < digits && t->rank >= (int64_t)counters[digit])
        t->rank -= (int64_t)counters[digit++];
    t->prefix = t->prefix << s->bits | digit;
    return (int64_t)counters[digit];
}

static slab_status start_targets(slab_selector *s, int64_t slot, const tally *sums)
{
    slab_status rc = SLAB_OK;
    int64_t *ranks = NULL;
    s->counts[slot] = sums->count;
    s->nans[slot] = sums->nans;
    ALLOC(ranks, s->nranks, "a selection");
    if (sums->count > sums->nans)
        s->wanted(s->context, sums->count - sums->nans, ranks);
    for (int r = 0; r < s->nranks; r++)
        s->targets[slot * s->nranks + r] = (target){0, ranks[r]};
done:
    FREE(ranks);
    return rc;
}

/* Candidates left in a slot after its targets have been narrowed, those of equal prefixes once. */
static slab_status narrow_slot(slab_selector *s, int64_t slot, const void *state, int64_t *left)
{
    slab_status rc = SLAB_OK;
    const tally *sums = state;
    const uint64_t *counters = (const uint64_t *)(const void *)(sums + 1);
    target *t = s->targets + slot * s->nranks;
    uint64_t before = 0;
    int64_t set = -1;
    *left = 0;
    if (first_pass(s)) {
        TRY(start_targets(s, slot, sums));
        set = 0;
    }
    if (s->counts[slot] == s->nans[slot])
        goto done;
    for (int r = 0; r < s->nranks; r++) {
        if (!first_pass(s) && (r == 0 || t[r].prefix != before))
            set++;
        before = t[r].prefix;
        int64_t n = narrow_target(s, counters + ((size_t)set << s->bits), &t[r]);
        if (r == 0 || t[r].prefix != t[r - 1].prefix)
            *left += n;
    }
done:
    return rc;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The gathered candidates are few: sorted, those of a prefix lie together. */
static void pick(slab_selector *s, uint64_t *state)
{
    uint64_t n = state[0], *keys = state + 1;
    qsort(keys, n, sizeof *keys, by_key);
    for (int r = 0; r < s->nranks; r++) {
        target *t = &s->targets[r];
        uint64_t i = 0;
        while (i < n && (s->left < 64 ? keys[i] >> s->left : 0) < t->prefix)
            i++;
        i += (uint64_t)t->rank;
        t->prefix = i < n ? keys[i] : 0;
        t->rank = 0;
    }
    s->over = true;
}

static slab_status selection_finish(void *sink, const slab_span *span, void *state)
{
    slab_status rc = SLAB_OK;
    slab_selector *s = sink;
    int64_t candidates = 0, left;
    (void)span;
    if (s->gathers) {
        pick(s, state);
        return SLAB_OK;
    }
    size_t bytes = slot_bytes(s);
    for (int64_t slot = 0; slot < s->nslots; slot++) {
        TRY(narrow_slot(s, slot, (const char *)state + (size_t)slot * bytes, &left));
        candidates += left;
    }
    s->left -= s->bits;
    if (s->approximate) {
        for (int64_t i = 0; i < s->nslots * s->nranks && s->left > 0; i++)
            s->targets[i].prefix = s->targets[i].prefix << s->left | 1ULL << (s->left - 1);
        s->over = true;
        goto done;
    }
    s->over = s->left <= 0 || candidates == 0;
    s->ncandidates = candidates;
    s->gathers = s->nslots == 1 && candidates <= GATHER;
done:
    return rc;
}

const slab_sink_class slab_sink_selection = {.name = "selection",
                                             .wants = selection_wants,
                                             .state_bytes = selection_state_bytes,
                                             .scratch_bytes = selection_scratch_bytes,
                                             .accumulate = selection_accumulate,
                                             .in_state = true,
                                             .merge = selection_merge,
                                             .finish = selection_finish};
