#include <slab/compute/sink/tally.h>

#include <slab/compute/kernel/order.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { PIECE = 4096 }; /* keys at a time */

/* In front of the counters. */
typedef struct tally_state {
    uint64_t least, greatest; /* nothing when n is 0 */
    int64_t n, nans;
} tally_state;

static slab_sink_wants tally_wants(const void *sink)
{
    (void)sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1, .one_layout = true, .intensity = 2};
}

static size_t tally_state_bytes(const void *sink, const slab_span *span)
{
    const slab_tally *t = sink;
    (void)span;
    size_t counters = t->job == SLAB_TALLY_COUNT ? (size_t)t->nbuckets : 0;
    return sizeof(tally_state) + counters * sizeof(uint64_t);
}

static size_t tally_scratch_bytes(const void *sink, const slab_shape *tile)
{
    (void)sink, (void)tile;
    return PIECE * (sizeof(uint64_t) + 8);
}

static void take_range(tally_state *s, const uint64_t *keys, int64_t n)
{
    uint64_t least = s->n ? s->least : UINT64_MAX, greatest = s->n ? s->greatest : 0;
    for (int64_t i = 0; i < n; i++) {
        least = keys[i] < least ? keys[i] : least;
        greatest = keys[i] > greatest ? keys[i] : greatest;
    }
    s->least = least;
    s->greatest = greatest;
    s->n += n;
}

static slab_status take_keys(const slab_tally *t, int thread, tally_state *s, uint64_t *keys,
                             int64_t n)
{
    uint64_t *counters = (uint64_t *)(void *)(s + 1);
    int64_t kept = n;
    if (t->dtype.kind == SLAB_KIND_FLOAT) {
        kept = 0;
        for (int64_t i = 0; i < n; i++) {
            uint64_t key = keys[i];
            keys[kept] = key;
            kept += key != SLAB_ORDER_NAN;
        }
    }
    s->nans += n - kept;
    if (t->job == SLAB_TALLY_HAND)
        return t->hand(t->context, thread, keys, kept);
    if (t->job == SLAB_TALLY_RANGE)
        take_range(s, keys, kept);
    for (int64_t i = 0; t->job == SLAB_TALLY_COUNT && i < kept; i++)
        counters[(keys[i] - t->low) >> t->shift]++;
    return SLAB_OK;
}

static slab_status tally_accumulate(const void *sink, const slab_span *span, void *state, int phase,
                                    const slab_tile *tile, void *scratch)
{
    slab_status rc = SLAB_OK;
    const slab_tally *t = sink;
    int last = tile->box.rank - 1;
    int64_t at[SLAB_RANK_MAX] = {0}, size = tile->dtype.size;
    int64_t length = last < 0 ? 1 : tile->box.count[last];
    int64_t stride = last < 0 ? size : tile->view.stride[last];
    const char *row = tile->view.data;
    uint64_t *keys = scratch;
    char *dense = (char *)(keys + PIECE);
    (void)span, (void)phase;
    for (;;) {
        for (int64_t i = 0; i < length; i += PIECE) {
            int64_t n = length - i < PIECE ? length - i : PIECE;
            const char *from = row + i * stride;
            if (stride != size) {
                slab_box_copy(1, &n, from, &stride, dense, &size, (size_t)size);
                from = dense;
            }
            slab_order_keys(t->dtype, from, n, keys);
            TRY(take_keys(t, tile->thread, state, keys, n));
        }
        int a = last - 1;
        for (; a >= 0; a--) {
            row += tile->view.stride[a];
            if (++at[a] < tile->box.count[a])
                break;
            row -= tile->view.stride[a] * tile->box.count[a];
            at[a] = 0;
        }
        if (a < 0)
            break;
    }
done:
    return rc;
}

static slab_status tally_merge(const void *sink, const slab_span *into_span, void *into,
                               const slab_span *from_span, const void *from)
{
    const slab_tally *t = sink;
    tally_state *s = into;
    const tally_state *more = from;
    uint64_t *counters = (uint64_t *)(void *)(s + 1);
    const uint64_t *other = (const uint64_t *)(const void *)(more + 1);
    (void)into_span, (void)from_span;
    if (more->n) {
        s->least = s->n && s->least < more->least ? s->least : more->least;
        s->greatest = s->n && s->greatest > more->greatest ? s->greatest : more->greatest;
    }
    s->n += more->n;
    s->nans += more->nans;
    for (int64_t i = 0; t->job == SLAB_TALLY_COUNT && i < t->nbuckets; i++)
        counters[i] += other[i];
    return SLAB_OK;
}

static slab_status tally_finish(void *sink, const slab_span *span, void *state)
{
    slab_tally *t = sink;
    const tally_state *s = state;
    (void)span;
    if (t->job == SLAB_TALLY_RANGE) {
        t->least = s->least;
        t->greatest = s->greatest;
        t->n = s->n;
        t->nans = s->nans;
    } else if (t->job == SLAB_TALLY_COUNT) {
        memcpy(t->counts, s + 1, (size_t)t->nbuckets * sizeof(uint64_t));
    }
    return SLAB_OK;
}

const slab_sink_class slab_sink_tally = {.name = "tally",
                                         .wants = tally_wants,
                                         .state_bytes = tally_state_bytes,
                                         .scratch_bytes = tally_scratch_bytes,
                                         .accumulate = tally_accumulate,
                                         .merge = tally_merge,
                                         .finish = tally_finish};
