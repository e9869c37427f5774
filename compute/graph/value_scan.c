/*
 * Running totals. Within a tile they are summed from its first element on, so that bits do not
 * depend on which box is asked for.
 */
#include <slab/compute/graph/deferred.h>
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/try.h>
#include <string.h>

typedef struct scan_self {
    slab_value *operands[2]; /* what is summed, and the carries */
    int axis;
    slab_scan_op op;
} scan_self;

static const scan_self *self_of(const slab_value *value)
{
    return value->self;
}

/* Tile along the axis that an index lies in, and the first index of a tile. */
static int64_t tile_of(const slab_value *value, int64_t i)
{
    int axis = self_of(value)->axis;
    return (i + value->grid.phase[axis]) / value->grid.tile.extent[axis];
}

static int64_t tile_start(const slab_value *value, int64_t tile)
{
    int axis = self_of(value)->axis;
    int64_t start = tile * value->grid.tile.extent[axis] - value->grid.phase[axis];
    return start < 0 ? 0 : start;
}

/* A box of one tile is evaluated from the tile's first element on. */
static void whole_part(const slab_value *value, const slab_box *part, slab_box *out)
{
    int axis = self_of(value)->axis;
    int64_t start = tile_start(value, tile_of(value, part->start[axis]));
    *out = *part;
    out->count[axis] += part->start[axis] - start;
    out->start[axis] = start;
}

/* Of the values summed, and of the carries, at most this is fetched at once. */
static bool scan_evaluates(const slab_value *value, int i, const slab_shape *box, slab_value **out,
                           slab_shape *extents)
{
    const scan_self *self = self_of(value);
    int64_t tile = value->grid.tile.extent[self->axis], extent = value->shape.extent[self->axis];
    if (i > 1)
        return false;
    *out = self->operands[i];
    *extents = *box;
    extents->extent[self->axis] = i == 1 ? 1 : tile < extent ? tile : extent;
    return true;
}

static size_t scan_memory(const slab_value *value, const slab_shape *box)
{
    slab_value *unused;
    slab_shape whole, carry;
    scan_evaluates(value, 0, box, &unused, &whole);
    scan_evaluates(value, 1, box, &unused, &carry);
    size_t bytes[] = {value_box_bytes(box, value->dtype.size),
                      value_box_bytes(&whole, value->dtype.size),
                      value_box_bytes(&carry, value->dtype.size)};
    size_t all = 0;
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        all = bytes[i] > SIZE_MAX - 64 - all ? SIZE_MAX - 64 : all + bytes[i];
    return all + 64;
}

/* Elements of a box of an operand, dense. */
static slab_status fetch(slab_value *operand, int thread, const slab_box *box, void *out)
{
    slab_status rc = SLAB_OK;
    slab_view view;
    int64_t dense[SLAB_RANK_MAX];
    TRY(slab_value_get(operand, thread, box, &view));
    slab_strides_of(box->rank, box->count, operand->dtype.size, dense);
    slab_box_copy(box->rank, box->count, view.data, view.stride, out, dense, operand->dtype.size);
done:
    return rc;
}

/* The part of a box that lies in one tile along the axis, to its place in the result. */
static slab_status scan_part(const slab_value *value, int thread, const slab_box *part, char *out,
                             const int64_t *out_stride, char *block, char *carry)
{
    slab_status rc = SLAB_OK;
    const scan_self *self = self_of(value);
    slab_box whole, carries = *part;
    int64_t stride[SLAB_RANK_MAX], outer = 1, inner = 1, size = (int64_t)value->dtype.size;
    whole_part(value, part, &whole);
    carries.start[self->axis] = tile_of(value, part->start[self->axis]);
    carries.count[self->axis] = 1;
    TRY(fetch(self->operands[1], thread, &carries, carry));
    TRY(fetch(self->operands[0], thread, &whole, block));
    for (int a = 0; a < whole.rank; a++) {
        outer *= a < self->axis ? whole.count[a] : 1;
        inner *= a > self->axis ? whole.count[a] : 1;
    }
    int64_t rows = whole.count[self->axis];
    for (int64_t i = 0; i < outer; i++)
        slab_scan_rows(self->op, value->dtype, block + i * rows * inner * size, rows, inner,
                       carry + i * inner * size);
    slab_strides_of(whole.rank, whole.count, value->dtype.size, stride);
    block += (part->start[self->axis] - whole.start[self->axis]) * stride[self->axis];
    slab_box_copy(part->rank, part->count, block, stride, out, out_stride, value->dtype.size);
done:
    return rc;
}

static slab_status scan_get(slab_value *value, int thread, const slab_box *box, slab_view *out)
{
    slab_status rc = SLAB_OK;
    const scan_self *self = self_of(value);
    slab_shape extents = {.rank = box->rank};
    slab_box part = *box;
    int axis = self->axis;
    char *buffer;
    memcpy(extents.extent, box->count, sizeof extents.extent);
    TRY(value_buffer(value, thread, scan_memory(value, &extents), (void **)&buffer));
    out->data = buffer;
    slab_strides_of(box->rank, box->count, value->dtype.size, out->stride);
    char *block = buffer + value_box_bytes(&extents, value->dtype.size);
    int64_t end = box->start[axis] + box->count[axis], next;
    slab_shape carry = extents;
    carry.extent[axis] = 1;
    char *carries = block;
    block += value_box_bytes(&carry, value->dtype.size);
    for (int64_t i = box->start[axis]; i < end && slab_box_elements(box) > 0; i = next) {
        next = tile_start(value, tile_of(value, i) + 1);
        next = next < end ? next : end;
        part.start[axis] = i;
        part.count[axis] = next - i;
        TRY(scan_part(value, thread, &part, buffer + (i - box->start[axis]) * out->stride[axis],
                      out->stride, block, carries));
    }
done:
    return rc;
}

static void scan_prefetch(slab_value *value, const slab_box *box)
{
    slab_box whole;
    if (slab_box_elements(box) == 0)
        return;
    whole_part(value, box, &whole);
    slab_value_prefetch(self_of(value)->operands[0], &whole);
}

static slab_read_counts scan_counts(const slab_value *value)
{
    return slab_value_counts(self_of(value)->operands[0]);
}

static const char *scan_fallback(const slab_value *value)
{
    return slab_value_fallback(self_of(value)->operands[0]);
}

static int scan_operands(const slab_value *value, slab_value *const **out)
{
    *out = ((scan_self *)value->self)->operands;
    return 2;
}

static void scan_clear(slab_value *value)
{
    scan_self *self = value->self;
    if (!self)
        return;
    slab_value_drop(&self->operands[0]);
    slab_value_drop(&self->operands[1]);
}

static const value_class scan_class = {.memory = scan_memory,
                                       .evaluates = scan_evaluates,
                                       .get = scan_get,
                                       .prefetch = scan_prefetch,
                                       .counts = scan_counts,
                                       .packed_bytes = nested_packed_bytes,
                                       .fallback = scan_fallback,
                                       .clear = scan_clear,
                                       .operands = scan_operands,
                                       .computed = true};

slab_value *slab_value_scan_with(slab_value *operand, int axis, slab_scan_op op,
                                 slab_value *carries)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    TRY(slab_value_status(operand));
    TRY(slab_value_status(carries));
    TRY(value_create(&scan_class, sizeof(scan_self), &value));
    scan_self *self = value->self;
    self->operands[0] = slab_value_keep(operand);
    self->operands[1] = slab_value_keep(carries);
    self->axis = axis;
    self->op = op;
    value->shape = operand->shape;
    value->dtype = operand->dtype;
    value->grid = operand->grid;
    TRY(nest(value, self->operands, 2));
done:
    return value_finish(rc, &value);
}
