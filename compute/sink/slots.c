#include <slab/compute/sink/slots_impl.h>

#include <slab/storage/base/try.h>
#include <string.h>

/* Rows shorter than this are better taken side by side. */
enum { SHORT_ROW = 32 };

/* A tile's axes as loops: those of extent 1 are gone, neighbours that can be are one. */
typedef struct loop {
    bool reduced;
    int64_t count;
    int64_t stride; /* bytes */
    int64_t step;   /* slots; 0 along reduced axes */
    int64_t place;  /* among the elements of a slot; 0 along kept axes */
} loop;

typedef struct loops {
    int n;
    loop at[SLAB_RANK_MAX];
} loops;

uint32_t slots_axes_all(int rank)
{
    return rank < 32 ? (1U << rank) - 1 : UINT32_MAX;
}

static bool kept(const slots_frame *frame, int axis)
{
    return !(frame->axes >> axis & 1);
}

slab_shape slots_kept_shape(const slots_frame *frame)
{
    slab_shape shape = {.rank = 0};
    for (int a = 0; a < frame->shape.rank; a++)
        if (kept(frame, a))
            shape.extent[shape.rank++] = frame->shape.extent[a];
    return shape;
}

/* Slots of a span, and the distance between neighbours along each axis (0 along reduced ones). */
static int64_t slot_steps(const slots_frame *frame, const slab_span *span,
                          int64_t step[SLAB_RANK_MAX])
{
    int64_t n = 1;
    for (int a = frame->shape.rank - 1; a >= 0; a--) {
        step[a] = kept(frame, a) ? n : 0;
        if (kept(frame, a) && __builtin_mul_overflow(n, span->count[a], &n))
            n = INT64_MAX / 256;
    }
    return n;
}

int64_t slots_count(const slots_frame *frame, const slab_span *span)
{
    int64_t step[SLAB_RANK_MAX];
    return slot_steps(frame, span, step);
}

static void place_steps(const slots_frame *frame, int64_t step[SLAB_RANK_MAX])
{
    int64_t n = frame->places ? 1 : 0;
    for (int a = frame->shape.rank - 1; a >= 0; a--) {
        step[a] = kept(frame, a) ? 0 : n;
        n *= kept(frame, a) ? 1 : frame->shape.extent[a];
    }
}

static void make_loops(const slots_frame *frame, const slab_tile *tile, const int64_t *step,
                       const int64_t *place, loops *l)
{
    l->n = 0;
    for (int a = 0; a < frame->shape.rank; a++) {
        int64_t count = tile->box.count[a], stride = tile->view.stride[a];
        loop *last = l->n ? &l->at[l->n - 1] : NULL;
        if (count == 1)
            continue;
        if (last && last->reduced == !kept(frame, a) && last->stride == stride * count &&
            last->step == step[a] * count && last->place == place[a] * count) {
            last->count *= count;
            last->stride = stride;
            last->step = step[a];
            last->place = place[a];
            continue;
        }
        l->at[l->n++] = (loop){.reduced = !kept(frame, a),
                               .count = count,
                               .stride = stride,
                               .step = step[a],
                               .place = place[a]};
    }
}

/* Axes in another order: the loop along adjacent elements comes last, where kernels want it. */
static void turn_loops(const slots_frame *frame, loops *l)
{
    for (int i = 0; i < l->n - 1; i++) {
        loop adjacent = l->at[i];
        if (adjacent.stride != frame->size || (!adjacent.reduced && adjacent.step != 1))
            continue;
        memmove(&l->at[i], &l->at[i + 1], (size_t)(l->n - 1 - i) * sizeof(loop));
        l->at[l->n - 1] = adjacent;
        return;
    }
}

static int loop_before(const loops *l, int i, bool reduced)
{
    for (i--; i >= 0; i--)
        if (l->at[i].reduced == reduced)
            break;
    return i;
}

/* Which loops become a matrix's rows and columns; -1: none. */
static slots_target choose(const slots_frame *frame, const loops *l, int *down, int *across)
{
    *across = l->n - 1;
    *down = -1;
    if (l->n == 0)
        return SLOTS_ONE;
    const loop *last = &l->at[l->n - 1];
    *down = loop_before(l, l->n - 1, true);
    if (!last->reduced && last->step == 1)
        return SLOTS_BY_COLUMN;
    if (!last->reduced) { /* slots apart: an axis behind it has extent 1 here, but not in the span
                           */
        *across = *down;
        *down = frame->by_rows && *across >= 0 ? l->n - 1 : -1;
        return *down >= 0 ? SLOTS_BY_ROW : SLOTS_ONE;
    }
    int row = loop_before(l, l->n - 1, false);
    if (frame->by_rows && row >= 0 && (*down < 0 || last->count < SHORT_ROW)) {
        *down = row;
        return SLOTS_BY_ROW;
    }
    return SLOTS_ONE;
}

static void set_matrix(const slots_frame *frame, const loops *l, int down, int across,
                       slots_matrix *m)
{
    const loop none = {.count = 1, .stride = frame->size};
    const loop *row = down < 0 ? &none : &l->at[down];
    const loop *column = across < 0 ? &none : &l->at[across];
    m->rows = row->count;
    m->row_stride = row->stride;
    m->row_slots = row->step;
    m->row_place = row->place;
    m->columns = column->count;
    m->stride = column->stride;
    m->column_place = column->place;
}

slab_status slots_walk(const slots_frame *frame, const slab_span *span, const slab_tile *tile,
                       slots_take take, void *context)
{
    slab_status rc = SLAB_OK;
    int64_t step[SLAB_RANK_MAX], place[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0};
    loops l;
    int down, across, a;
    slots_matrix m = {.data = tile->view.data};
    slot_steps(frame, span, step);
    place_steps(frame, place);
    for (a = 0; a < frame->shape.rank; a++) {
        m.slot += (tile->box.start[a] - span->start[a]) * step[a];
        m.place += tile->box.start[a] * place[a];
    }
    make_loops(frame, tile, step, place, &l);
    turn_loops(frame, &l);
    m.target = choose(frame, &l, &down, &across);
    set_matrix(frame, &l, down, across, &m);
    do {
        TRY(take(context, &m));
        for (a = l.n - 1; a >= 0; a--) {
            const loop *o = &l.at[a];
            if (a == down || a == across)
                continue;
            bool more = ++at[a] < o->count;
            int64_t n = more ? 1 : 1 - o->count;
            at[a] = more ? at[a] : 0;
            m.data += n * o->stride;
            m.slot += n * o->step;
            m.place += n * o->place;
            if (more)
                break;
        }
    } while (a >= 0);
done:
    return rc;
}

void slots_merge(const slots_frame *frame, const slab_span *into_span, const slab_span *from_span,
                 slots_join join, void *context)
{
    int64_t into_step[SLAB_RANK_MAX], from_step[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0};
    int64_t total = slot_steps(frame, from_span, from_step), into = 0, run = 1;
    int a, first = frame->shape.rank; /* axes from here on are one run */
    slot_steps(frame, into_span, into_step);
    for (a = 0; a < frame->shape.rank; a++)
        into += (from_span->start[a] - into_span->start[a]) * into_step[a];
    while (first > 0 && (!kept(frame, first - 1) || into_step[first - 1] == run)) {
        first--;
        run *= kept(frame, first) ? from_span->count[first] : 1;
    }
    for (int64_t from = 0; from < total; from += run) {
        join(context, into, from, run);
        for (a = first - 1; a >= 0; a--) {
            if (!kept(frame, a))
                continue;
            into += into_step[a];
            if (++at[a] < from_span->count[a])
                break;
            into -= into_step[a] * from_span->count[a];
            at[a] = 0;
        }
    }
}
