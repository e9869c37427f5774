/* The state is a list, with how many it holds in front. A full one is a heap: its first is the last in
 * order, which an element has to beat. */
#include <slab/compute/sink/topk_sink.h>

#include <slab/compute/kernel/order.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { PIECE = 4096 };

typedef struct topk_state {
    int64_t n, unused;
    slab_topk_entry entries[];
} topk_state;

static slab_sink_wants topk_wants(const void *sink)
{
    (void)sink;
    return (slab_sink_wants){.nphases = 1, .band_axis = -1, .one_layout = true, .intensity = 0.5};
}

static size_t topk_state_bytes(const void *sink, const slab_span *span)
{
    (void)span;
    return sizeof(topk_state) + (size_t)((const slab_topk *)sink)->k * sizeof(slab_topk_entry);
}

static size_t topk_scratch_bytes(const void *sink, const slab_shape *tile)
{
    (void)sink, (void)tile;
    return PIECE * (sizeof(uint64_t) + 8);
}

static bool before(const slab_topk_entry *a, const slab_topk_entry *b)
{
    return a->key != b->key ? a->key > b->key : a->place < b->place;
}

/* Puts an entry in the place of entries[at], of n: behind it come only those that are before it. */
static void sift_down(slab_topk_entry *entries, int64_t n, int64_t at, slab_topk_entry one)
{
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(&entries[child], &entries[child + 1]))
            child++;
        if (!before(&one, &entries[child]))
            break;
        entries[at] = entries[child];
    }
    entries[at] = one;
}

static void make_heap(slab_topk_entry *entries, int64_t n)
{
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sift_down(entries, n, i, entries[i]);
}

/* The first in order comes first. */
static void sort_heap(slab_topk_entry *entries, int64_t n)
{
    for (int64_t last = n - 1; last > 0; last--) {
        slab_topk_entry one = entries[last];
        entries[last] = entries[0];
        sift_down(entries, last, 0, one);
    }
}

static void insert(const slab_topk *t, topk_state *s, uint64_t key, int64_t place)
{
    slab_topk_entry one = {key, place};
    if (s->n < t->k) {
        s->entries[s->n++] = one;
        if (s->n == t->k)
            make_heap(s->entries, s->n);
    } else if (t->k > 0 && before(&one, &s->entries[0])) {
        sift_down(s->entries, s->n, 0, one);
    }
}

/* Elements that cannot get in are most of them: runs without any that can are passed over. */
static void take_keys(const slab_topk *t, topk_state *s, uint64_t *keys, int64_t n, int64_t place)
{
    enum { RUN = 64 };
    for (int64_t i = 0; t->least && i < n; i++)
        keys[i] = ~keys[i];
    for (int64_t i = 0; i < n; i += RUN) {
        int64_t m = n - i < RUN ? n - i : RUN, hits = 0;
        uint64_t least = s->n == t->k && t->k > 0 ? s->entries[0].key : 0;
        for (int64_t k = 0; k < m; k++)
            hits += keys[i + k] >= least;
        for (int64_t k = 0; hits && k < m; k++)
            insert(t, s, keys[i + k], place + i + k);
    }
}

static slab_status topk_accumulate(const void *sink, const slab_span *span, void *state, int phase,
                                   const slab_tile *tile, void *scratch)
{
    const slab_topk *t = sink;
    int last = tile->box.rank - 1;
    int64_t at[SLAB_RANK_MAX] = {0}, whole[SLAB_RANK_MAX], place = 0, size = tile->dtype.size;
    int64_t length = last < 0 ? 1 : tile->box.count[last];
    int64_t stride = last < 0 ? size : tile->view.stride[last];
    const char *row = tile->view.data;
    uint64_t *keys = scratch;
    char *dense = (char *)(keys + PIECE);
    (void)span, (void)phase;
    slab_strides_of(t->shape.rank, t->shape.extent, 1, whole);
    for (int a = 0; a <= last; a++)
        place += tile->box.start[a] * whole[a];
    for (;;) {
        for (int64_t i = 0; i < length; i += PIECE) {
            int64_t n = length - i < PIECE ? length - i : PIECE;
            const char *from = row + i * stride;
            if (stride != size) {
                slab_box_copy(1, &n, from, &stride, dense, &size, (size_t)size);
                from = dense;
            }
            slab_order_keys(t->dtype, from, n, keys);
            take_keys(t, state, keys, n, place + i);
        }
        int a = last - 1;
        for (; a >= 0; a--) {
            bool more = ++at[a] < tile->box.count[a];
            int64_t by = more ? 1 : 1 - tile->box.count[a];
            row += by * tile->view.stride[a];
            place += by * whole[a];
            if (more)
                break;
            at[a] = 0;
        }
        if (a < 0)
            break;
    }
    return SLAB_OK;
}

static slab_status topk_merge(const void *sink, const slab_span *into_span, void *into,
                              const slab_span *from_span, const void *from)
{
    const topk_state *more = from;
    (void)into_span, (void)from_span;
    for (int64_t i = 0; i < more->n; i++)
        insert(sink, into, more->entries[i].key, more->entries[i].place);
    return SLAB_OK;
}

static slab_status topk_finish(void *sink, const slab_span *span, void *state)
{
    slab_topk *t = sink;
    topk_state *s = state;
    (void)span;
    if (s->n < t->k)
        make_heap(s->entries, s->n);
    sort_heap(s->entries, s->n);
    if (s->n > 0)
        memcpy(t->entries, s->entries, (size_t)s->n * sizeof *t->entries);
    for (int64_t i = 0; t->least && i < s->n; i++)
        t->entries[i].key = ~t->entries[i].key;
    return SLAB_OK;
}

const slab_sink_class slab_sink_topk = {.name = "topk",
                                        .wants = topk_wants,
                                        .state_bytes = topk_state_bytes,
                                        .scratch_bytes = topk_scratch_bytes,
                                        .accumulate = topk_accumulate,
                                        .in_state = true,
                                        .merge = topk_merge,
                                        .finish = topk_finish};
