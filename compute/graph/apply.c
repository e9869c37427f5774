/* Building element-wise nodes: types, shapes, sources. Evaluation is in strip.c. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { DEPTH_MAX = 1000 }; /* evaluation recurses */

static const apply_self *self_of(const slab_value *value)
{
    return value->self;
}

static void apply_prefetch(slab_value *value, const slab_box *box)
{
    const apply_self *self = self_of(value);
    for (int i = 0; i < self->nsources; i++) {
        slab_box part;
        broadcast_box(&self->sources[i]->shape, box, &part);
        slab_value_prefetch(self->sources[i], &part);
    }
}

static int64_t apply_packed_bytes(const slab_value *value)
{
    const apply_self *self = self_of(value);
    int64_t bytes = 0;
    for (int i = 0; i < self->nsources; i++)
        bytes += slab_value_packed_bytes(self->sources[i]);
    return bytes;
}

/* Shares the bytes out by what the sources have to read. */
static slab_status apply_hold(slab_value *value, int thread, size_t packed_bytes)
{
    slab_status rc = SLAB_OK;
    const apply_self *self = self_of(value);
    double all = (double)apply_packed_bytes(value);
    for (int i = 0; i < self->nsources; i++) {
        double part = all > 0 ? (double)slab_value_packed_bytes(self->sources[i]) / all : 0;
        TRY(slab_value_hold(self->sources[i], thread, (size_t)(part * (double)packed_bytes)));
    }
done:
    return rc;
}

static slab_read_counts apply_counts(const slab_value *value)
{
    const apply_self *self = self_of(value);
    slab_read_counts all = {0};
    for (int i = 0; i < self->nsources; i++) {
        slab_read_counts one = slab_value_counts(self->sources[i]);
        all.packed_bytes += one.packed_bytes;
        all.plain_bytes += one.plain_bytes;
        all.chunks += one.chunks;
    }
    return all;
}

static const char *apply_fallback(const slab_value *value)
{
    const apply_self *self = self_of(value);
    const char *reason = "";
    for (int i = 0; i < self->nsources && !reason[0]; i++)
        reason = slab_value_fallback(self->sources[i]);
    return reason;
}

static void apply_clear(slab_value *value)
{
    apply_self *self = value->self;
    struct strip_program *program;
    if (!self)
        return;
    program = atomic_load(&self->program);
    strip_program_destroy(&program);
    for (int i = 0; i < self->arity; i++)
        slab_value_drop(&self->operands[i]);
    FREE(self->sources);
    pthread_mutex_destroy(&self->compiling);
}

static int apply_operands(const slab_value *value, slab_value *const **out)
{
    *out = self_of(value)->sources;
    return self_of(value)->nsources;
}

const value_class value_apply_class = {.memory = strip_memory,
                                       .operands = apply_operands,
                                       .computed = true,
                                       .get = strip_get,
                                       .prefetch = apply_prefetch,
                                       .hold = apply_hold,
                                       .counts = apply_counts,
                                       .packed_bytes = apply_packed_bytes,
                                       .fallback = apply_fallback,
                                       .clear = apply_clear};

static void add_source(apply_self *self, slab_value *source)
{
    for (int i = 0; i < self->nsources; i++)
        if (self->sources[i] == source)
            return;
    self->sources[self->nsources++] = source;
}

static slab_status gather_sources(apply_self *self)
{
    slab_status rc = SLAB_OK;
    int most = 0;
    for (int i = 0; i < self->arity; i++)
        most +=
            self->operands[i]->cls == &value_apply_class ? self_of(self->operands[i])->nsources : 1;
    ALLOC(self->sources, most, "an expression");
    for (int i = 0; i < self->arity; i++) {
        slab_value *operand = self->operands[i];
        if (operand->cls != &value_apply_class) {
            add_source(self, operand);
            continue;
        }
        for (int s = 0; s < self_of(operand)->nsources; s++)
            add_source(self, self_of(operand)->sources[s]);
    }
done:
    return rc;
}

/* The grid of the source that costs most to read, among those of the result's shape. */
static slab_status choose_grid(slab_value *value)
{
    const apply_self *self = self_of(value);
    const slab_value *best = NULL;
    for (int i = 0; i < self->nsources; i++) {
        const slab_value *source = self->sources[i];
        if (slab_shape_equal(&source->shape, &value->shape) &&
            (!best || slab_value_packed_bytes(source) > slab_value_packed_bytes(best)))
            best = source;
    }
    if (!best)
        return value_default_grid(&value->shape, value->dtype, &value->grid);
    value->grid = best->grid;
    return SLAB_OK;
}

/* A node with its operands kept; its types and shape are still to be set. */
static slab_status begin(const slab_op *op, slab_value *const *operands, int n, slab_value **out)
{
    slab_status rc = SLAB_OK;
    TRY(value_create(&value_apply_class, sizeof(apply_self), out));
    apply_self *self = (*out)->self;
    self->op = op;
    pthread_mutex_init(&self->compiling, NULL);
    for (int i = 0; i < n; i++) {
        self->operands[self->arity++] = slab_value_keep(operands[i]);
        TRY(slab_value_status(operands[i]));
        if (operands[i]->cls == &value_apply_class && self_of(operands[i])->depth >= self->depth)
            self->depth = self_of(operands[i])->depth + 1;
    }
    REQUIRE(self->depth < DEPTH_MAX, SLAB_ERR_RANGE, "an expression more than %d operations deep",
            DEPTH_MAX);
done:
    return rc;
}

slab_value *slab_value_apply(const char *op_name, slab_value *const *operands, int n)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    slab_dtype dtypes[SLAB_OP_ARITY_MAX];
    const slab_op *op = slab_op_by_name(op_name);
    REQUIRE(op, SLAB_ERR_VALUE, "there is no operation '%s'", op_name);
    REQUIRE(n == op->arity, SLAB_ERR_VALUE, "'%s' takes %d operands, not %d", op_name, op->arity,
            n);
    TRY(begin(op, operands, n, &value));
    apply_self *self = value->self;
    value->shape = operands[0]->shape;
    for (int i = 0; i < n; i++) {
        dtypes[i] = operands[i]->dtype;
        TRY_SAYING(broadcast_shapes(&value->shape, &operands[i]->shape, &value->shape), "'%s'",
                   op_name);
    }
    TRY(op->types(op, dtypes, &self->types));
    value->dtype = self->types.delivered;
    TRY(gather_sources(self));
    TRY(choose_grid(value));
done:
    return value_finish(rc, &value);
}

slab_value *slab_value_cast(slab_value *operand, slab_dtype native)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    char from[SLAB_DTYPE_NAME_MAX], to[SLAB_DTYPE_NAME_MAX];
    if (!operand->poison && slab_dtype_equal(operand->dtype, native))
        return slab_value_keep(operand);
    TRY(begin(NULL, &operand, 1, &value));
    apply_self *self = value->self;
    REQUIRE(slab_dtype_is_number(operand->dtype) && slab_dtype_is_number(native) &&
                slab_dtype_is_native(native),
            SLAB_ERR_TYPE, "%s cannot be cast to %s", slab_dtype_name(operand->dtype, from),
            slab_dtype_name(native, to));
    self->types.operand[0] = operand->dtype;
    self->types.result = self->types.delivered = value->dtype = native;
    value->shape = operand->shape;
    value->has_missing = operand->has_missing && native.kind != SLAB_KIND_BOOL;
    if (value->has_missing)
        TRY(slab_dtype_convert(operand->dtype, operand->missing, native, value->missing, 1));
    TRY(gather_sources(self));
    TRY(choose_grid(value));
done:
    return value_finish(rc, &value);
}
