/*
 * Views: another value's elements under other coordinates. Slices with steps, dropped axes, new
 * axes, axes in another order, repeated elements: all of it is strides, nothing is copied unless
 * the operand's memory may be needed for something else meanwhile.
 */
#include <slab/compute/graph/value_impl.h>

#include <inttypes.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* Where an axis of the operand goes. */
typedef struct view_axis {
    int64_t start, step;
    int to; /* axis of the view, -1: one element of it is taken */
} view_axis;

typedef struct view_self {
    slab_value *operand;
    view_axis axes[SLAB_RANK_MAX]; /* [rank of the operand]; axes of the view that none of them
                                      becomes repeat the same elements */
    bool lends; /* the operand is this view's alone, or memory: its elements are shown in place */
} view_self;

static const view_self *self_of(const slab_value *value)
{
    return value->self;
}

/* The part of the operand that a box of the view needs. */
static void operand_box(const view_self *self, const slab_box *box, slab_box *out)
{
    out->rank = self->operand->shape.rank;
    for (int a = 0; a < out->rank; a++) {
        const view_axis *axis = &self->axes[a];
        int64_t n = axis->to < 0 ? 1 : box->count[axis->to];
        int64_t first =
            axis->to < 0 ? axis->start : axis->start + axis->step * box->start[axis->to];
        int64_t last = first + axis->step * (n - 1);
        out->start[a] = n == 0 ? 0 : first < last ? first : last;
        out->count[a] = n == 0 ? 0 : (first < last ? last - first : first - last) + 1;
    }
}

static void operand_extents(const view_self *self, const slab_shape *box, slab_shape *out)
{
    out->rank = self->operand->shape.rank;
    for (int a = 0; a < out->rank; a++) {
        const view_axis *axis = &self->axes[a];
        int64_t n = axis->to < 0 ? 1 : box->extent[axis->to];
        int64_t step = axis->step < 0 ? -axis->step : axis->step;
        out->extent[a] = n < 1 ? n : step * (n - 1) + 1;
    }
}

static size_t view_memory(const slab_value *value, const slab_shape *box)
{
    return self_of(value)->lends ? 0 : value_box_bytes(box, value->dtype.size);
}

static bool view_evaluates(const slab_value *value, int i, const slab_shape *box, slab_value **out,
                           slab_shape *extents)
{
    const view_self *self = self_of(value);
    *out = self->operand;
    operand_extents(self, box, extents);
    return i < 1;
}

static slab_status view_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    const view_self *self = self_of(value);
    slab_box part;
    slab_view below;
    slab_shape extents = {.rank = box->rank};
    memcpy(extents.extent, box->count, sizeof extents.extent);
    memset(out->stride, 0, sizeof out->stride);
    out->data = "";
    if (slab_box_elements(box) == 0)
        return SLAB_OK;
    operand_box(self, box, &part);
    TRY(slab_value_get(self->operand, thread, &part, &below));
    const char *data = below.data;
    for (int a = 0; a < part.rank; a++) {
        const view_axis *axis = &self->axes[a];
        if (axis->to < 0)
            continue;
        data += axis->step < 0 ? (part.count[a] - 1) * below.stride[a] : 0;
        out->stride[axis->to] = axis->step * below.stride[a];
    }
    out->data = data;
    if (!self->lends) {
        int64_t dense[SLAB_RANK_MAX];
        void *copy;
        size_t size = value->dtype.size;
        TRY(value_buffer(value, thread, value_box_bytes(&extents, size), &copy));
        slab_strides_of(box->rank, box->count, size, dense);
        slab_box_copy(box->rank, box->count, data, out->stride, copy, dense, size);
        out->data = copy;
        memcpy(out->stride, dense, sizeof dense);
    }
done:
    return rc;
}

static void view_prefetch(slab_value *value, const slab_box *box)
{
    slab_box part;
    operand_box(self_of(value), box, &part);
    if (slab_box_elements(&part) > 0)
        slab_value_prefetch(self_of(value)->operand, &part);
}

static slab_status view_hold(slab_value *value, int thread, size_t packed_bytes)
{
    return slab_value_hold(self_of(value)->operand, thread, packed_bytes);
}

static slab_read_counts view_counts(const slab_value *value)
{
    return slab_value_counts(self_of(value)->operand);
}

static const char *view_fallback(const slab_value *value)
{
    return slab_value_fallback(self_of(value)->operand);
}

static int view_operands(const slab_value *value, slab_value *const **out)
{
    *out = &((view_self *)value->self)->operand;
    return 1;
}

static void view_clear(slab_value *value)
{
    view_self *self = value->self;
    if (self)
        slab_value_drop(&self->operand);
}

const value_class value_view_class = {.memory = view_memory,
                                      .evaluates = view_evaluates,
                                      .get = view_get,
                                      .prefetch = view_prefetch,
                                      .hold = view_hold,
                                      .counts = view_counts,
                                      .packed_bytes = nested_packed_bytes,
                                      .fallback = view_fallback,
                                      .clear = view_clear,
                                      .operands = view_operands,
                                      .computed = true};

/* --- building --- */

/* Floor modulo. */
static int64_t modulo(int64_t a, int64_t n)
{
    return a % n < 0 ? a % n + n : a % n;
}

/* Tiles that lie on the operand's, where steps of 1 allow it; repeated axes fill up a tile. */
static slab_status make_grid(slab_value *value)
{
    const view_self *self = self_of(value);
    const slab_grid *below = &self->operand->grid;
    slab_shape tile = {.rank = value->shape.rank};
    int64_t phase[SLAB_RANK_MAX] = {0};
    double bytes = value->dtype.size;
    bool mapped[SLAB_RANK_MAX] = {false};
    for (int a = 0; a < below->shape.rank; a++) {
        const view_axis *axis = &self->axes[a];
        int64_t extent = below->tile.extent[a], step = axis->step < 0 ? -axis->step : axis->step;
        if (axis->to < 0)
            continue;
        mapped[axis->to] = true;
        tile.extent[axis->to] = extent / step < 1 ? 1 : extent / step;
        if (axis->step == 1)
            phase[axis->to] = modulo(below->phase[a] + axis->start, extent);
        else if (axis->step == -1)
            phase[axis->to] = modulo(-(axis->start + 1 + below->phase[a]), extent);
        bytes *= (double)tile.extent[axis->to];
    }
    for (int a = tile.rank - 1; a >= 0; a--) {
        if (mapped[a])
            continue;
        double room = bytes < 1048576 ? 1048576 / bytes : 1;
        tile.extent[a] =
            (double)value->shape.extent[a] < room ? value->shape.extent[a] : (int64_t)room;
        tile.extent[a] = tile.extent[a] < 1 ? 1 : tile.extent[a];
        bytes *= (double)tile.extent[a];
    }
    return slab_grid_make(&value->shape, &tile, phase, &value->grid);
}

/* The view of an operand; the axes of a view of a view are those of the one below it. */
static slab_status view_create(slab_value *operand, const slab_shape *shape, const view_axis *axes,
                               slab_value **out)
{
    slab_status rc = SLAB_OK;
    TRY(slab_value_status(operand));
    TRY(value_create(&value_view_class, sizeof(view_self), out));
    slab_value *value = *out;
    view_self *self = value->self;
    value->shape = *shape;
    value->dtype = operand->dtype;
    value->has_missing = operand->has_missing;
    memcpy(value->missing, operand->missing, sizeof value->missing);
    memcpy(self->axes, axes, sizeof self->axes);
    if (operand->cls == &value_view_class) {
        const view_self *below = operand->self;
        for (int a = 0; a < below->operand->shape.rank; a++) {
            view_axis *axis = &self->axes[a];
            *axis = below->axes[a];
            if (axis->to < 0)
                continue;
            const view_axis *above = &axes[axis->to];
            axis->start += axis->step * above->start;
            axis->step *= above->step;
            axis->to = above->to;
        }
        operand = below->operand;
    }
    self->operand = slab_value_keep(operand);
    TRY(value_load_select(operand, value, &self->operand));
    self->lends = self->operand != operand || value_is_memory(operand);
    TRY(nest(value, &self->operand, 1));
    TRY(make_grid(value));
done:
    return rc;
}

slab_status value_view_selection(const slab_value *value, slab_selection *out)
{
    const view_self *self = self_of(value);
    *out = slab_selection_all(&self->operand->shape);
    for (int a = 0; a < self->operand->shape.rank; a++) {
        const view_axis *axis = &self->axes[a];
        out->start[a] = axis->start;
        out->step[a] = axis->to < 0 ? 1 : axis->step;
        out->count[a] = axis->to < 0 ? 1 : value->shape.extent[axis->to];
        if (out->count[a] == 0)
            out->start[a] = 0;
    }
    return SLAB_OK;
}

void value_view_whole(slab_value *value)
{
    view_self *self = value->self;
    for (int a = 0; a < self->operand->shape.rank; a++) {
        self->axes[a].start = 0;
        self->axes[a].step = 1;
    }
}

/* --- indexing --- */

static int64_t clip(int64_t index, int64_t extent, int64_t least, int64_t most)
{
    if (index < 0)
        index = index < -extent ? -1 : index + extent;
    return index < least ? least : index > most ? most : index;
}

/* As Python's slice.indices(). */
static slab_status take_slice(const slab_index *item, int64_t n, int axis, view_axis *out,
                              int64_t *count)
{
    slab_status rc = SLAB_OK;
    int64_t step = item->step, least = step > 0 ? 0 : -1, most = step > 0 ? n : n - 1;
    REQUIRE(step != 0 && step > -INT64_MAX, SLAB_ERR_RANGE, "a slice of axis %d with step %" PRId64,
            axis, step);
    int64_t start = item->has_start ? clip(item->start, n, least, most) : step > 0 ? 0 : n - 1;
    int64_t stop = item->has_stop ? clip(item->stop, n, least, most) : step > 0 ? n : -1;
    int64_t span = step > 0 ? stop - start : start - stop, stride = step > 0 ? step : -step;
    *count = span > 0 ? (span - 1) / stride + 1 : 0;
    out->start = *count > 0 ? start : 0;
    out->step = *count > 1 ? step : 1;
done:
    return rc;
}

static slab_status check_items(const slab_index *items, int n, int rank, int *nslices)
{
    slab_status rc = SLAB_OK;
    int ellipses = 0;
    *nslices = 0;
    for (int i = 0; i < n; i++) {
        ellipses += items[i].kind == SLAB_INDEX_ELLIPSIS;
        *nslices += items[i].kind == SLAB_INDEX_INTEGER || items[i].kind == SLAB_INDEX_SLICE;
    }
    REQUIRE(ellipses <= 1, SLAB_ERR_RANGE, "an index can have one ellipsis ('...'), not %d",
            ellipses);
    REQUIRE(*nslices <= rank, SLAB_ERR_RANGE,
            "too many indices: the array has %d axes, but %d were indexed", rank, *nslices);
done:
    return rc;
}

static slab_status add_axis(slab_shape *shape, int64_t extent)
{
    slab_status rc = SLAB_OK;
    REQUIRE(shape->rank < SLAB_RANK_MAX, SLAB_ERR_RANGE, "an array of more than %d axes",
            SLAB_RANK_MAX);
    shape->extent[shape->rank++] = extent;
done:
    return rc;
}

/* One item; *at is the operand's next axis. */
static slab_status take_item(const slab_shape *from, const slab_index *item, int whole, int *at,
                             slab_shape *shape, view_axis *axes)
{
    slab_status rc = SLAB_OK;
    int64_t count = 0;
    if (item->kind == SLAB_INDEX_NEWAXIS)
        return add_axis(shape, 1);
    if (item->kind == SLAB_INDEX_ELLIPSIS) {
        for (; whole > 0; whole--, ++*at) {
            axes[*at] = (view_axis){0, 1, shape->rank};
            TRY(add_axis(shape, from->extent[*at]));
        }
        return SLAB_OK;
    }
    int64_t n = from->extent[*at];
    if (item->kind == SLAB_INDEX_INTEGER) {
        REQUIRE(item->start >= -n && item->start < n, SLAB_ERR_RANGE,
                "index %" PRId64 " is out of bounds for axis %d with size %" PRId64, item->start,
                *at, n);
        axes[*at] = (view_axis){item->start < 0 ? item->start + n : item->start, 1, -1};
    } else {
        TRY(take_slice(item, n, *at, &axes[*at], &count));
        axes[*at].to = shape->rank;
        TRY(add_axis(shape, count));
    }
    ++*at;
done:
    return rc;
}

slab_value *slab_value_index(slab_value *operand, const slab_index *items, int n)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    slab_shape shape = {0};
    view_axis axes[SLAB_RANK_MAX] = {{0}};
    int nslices, at = 0;
    bool dots = false;
    const slab_index rest = {.kind = SLAB_INDEX_ELLIPSIS};
    TRY(slab_value_status(operand));
    const slab_shape *from = &operand->shape;
    TRY(check_items(items, n, from->rank, &nslices));
    for (int i = 0; i < n; i++) {
        TRY(take_item(from, &items[i], from->rank - nslices, &at, &shape, axes));
        dots = dots || items[i].kind == SLAB_INDEX_ELLIPSIS;
    }
    if (!dots)
        TRY(take_item(from, &rest, from->rank - nslices, &at, &shape, axes));
    TRY(view_create(operand, &shape, axes, &value));
done:
    return value_finish(rc, &value);
}

slab_value *slab_value_transpose(slab_value *operand, const int *order)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    view_axis axes[SLAB_RANK_MAX] = {{0}};
    bool taken[SLAB_RANK_MAX] = {false};
    TRY(slab_value_status(operand));
    slab_shape shape = {.rank = operand->shape.rank};
    for (int i = 0; i < shape.rank; i++) {
        int a = order ? order[i] : shape.rank - 1 - i;
        REQUIRE(a >= 0 && a < shape.rank && !taken[a], SLAB_ERR_RANGE,
                "axes of a transpose are each of 0..%d once", shape.rank - 1);
        taken[a] = true;
        axes[a] = (view_axis){0, 1, i};
        shape.extent[i] = operand->shape.extent[a];
    }
    TRY(view_create(operand, &shape, axes, &value));
done:
    return value_finish(rc, &value);
}

slab_value *slab_value_broadcast_to(slab_value *operand, const slab_shape *shape)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    view_axis axes[SLAB_RANK_MAX] = {{0}};
    slab_shape both;
    char from[SLAB_SHAPE_TEXT_MAX], to[SLAB_SHAPE_TEXT_MAX];
    TRY(slab_value_status(operand));
    if (slab_shape_equal(&operand->shape, shape))
        return slab_value_keep(operand);
    bool fits = operand->shape.rank <= shape->rank &&
                broadcast_shapes(&operand->shape, shape, &both) == SLAB_OK &&
                slab_shape_equal(&both, shape);
    REQUIRE(fits, SLAB_ERR_SHAPE, "an array of shape %s cannot be broadcast to %s",
            slab_shape_text(&operand->shape, from), slab_shape_text(shape, to));
    int shift = shape->rank - operand->shape.rank;
    for (int a = 0; a < operand->shape.rank; a++) {
        bool repeated = operand->shape.extent[a] == 1;
        axes[a] = (view_axis){0, 1, repeated ? -1 : a + shift};
    }
    TRY(view_create(operand, shape, axes, &value));
done:
    return value_finish(rc, &value);
}
