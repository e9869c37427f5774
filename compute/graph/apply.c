/* Building element-wise nodes: types, shapes, literals. Evaluation is in strip.c. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

static void apply_clear(slab_value *value)
{
    apply_self *self = value->self;
    struct strip_program *program;
    struct source_list *sources;
    if (!self)
        return;
    program = atomic_load(&self->program);
    strip_program_destroy(&program);
    sources = atomic_load(&self->sources);
    source_list_destroy(&sources);
    for (int i = 0; i < self->arity; i++)
        slab_value_drop(&self->operands[i]);
    pthread_mutex_destroy(&self->compiling);
}

const value_class value_apply_class = {.memory = strip_memory,
                                       .evaluates = strip_evaluates,
                                       .operands = sources_operands,
                                       .computed = true,
                                       .get = strip_get,
                                       .in_parts = strip_in_parts,
                                       .prefetch = sources_prefetch,
                                       .hold = sources_hold,
                                       .counts = sources_counts,
                                       .packed_bytes = sources_packed_bytes,
                                       .fallback = sources_fallback,
                                       .clear = apply_clear};

/* The grid of the source that costs most to read, among those of the result's shape. What lies
 * between such a source and the result has their shape too: each node asks its operands. */
static slab_status choose_grid(slab_value *value)
{
    apply_self *self = value->self;
    for (int i = 0; i < self->arity; i++) {
        const slab_value *operand = self->operands[i], *widest = operand;
        int64_t bytes;
        if (!slab_shape_equal(&operand->shape, &value->shape))
            continue;
        if (operand->cls == &value_apply_class) {
            widest = ((const apply_self *)operand->self)->widest;
            bytes = ((const apply_self *)operand->self)->widest_bytes;
        } else {
            bytes = slab_value_packed_bytes(operand);
        }
        if (widest && (!self->widest || bytes > self->widest_bytes)) {
            self->widest = widest;
            self->widest_bytes = bytes;
        }
    }
    if (!self->widest)
        return value_default_grid(&value->shape, value->dtype, &value->grid);
    value->grid = self->widest->grid;
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
    }
done:
    return rc;
}

/* The type that literals among the operands from..n take theirs from; false: all are literals. */
static slab_status strong_type(slab_value *const *operands, int from, int n, slab_dtype *out,
                               bool *any)
{
    slab_status rc = SLAB_OK;
    *any = false;
    for (int i = from; i < n; i++) {
        if (operands[i]->weak)
            continue;
        if (*any)
            TRY(slab_dtype_promote(*out, operands[i]->dtype, out));
        else
            *out = operands[i]->dtype;
        *any = true;
    }
done:
    return rc;
}

/* The operands' types, with those that literals take on. */
static slab_status operand_types(const slab_op *op, slab_value *const *operands, int n,
                                 slab_dtype *dtypes)
{
    slab_status rc = SLAB_OK;
    slab_dtype strong;
    bool any;
    int from = op->literals == SLAB_LITERALS_CHOOSE ? 1 : 0;
    TRY(strong_type(operands, from, n, &strong, &any));
    for (int i = 0; i < n; i++) {
        dtypes[i] = operands[i]->dtype;
        if (!operands[i]->weak || !any || i < from)
            continue;
        if (op->literals == SLAB_LITERALS_SCALE) {
            if (i == 0 && operands[i]->weak == SLAB_WEAK_INT && strong.kind != SLAB_KIND_BOOL)
                dtypes[i] = slab_dtype_make(SLAB_KIND_FLOAT, 2);
            continue;
        }
        slab_dtype beside = slab_dtype_beside((int)operands[i]->weak, strong);
        if (op->literals != SLAB_LITERALS_COMPARE || literal_fits(literal_of(operands[i]), beside))
            dtypes[i] = beside;
    }
done:
    return rc;
}

static share_key key_of(const void *kind, slab_value *const *operands, int n)
{
    share_key key = {.kind = kind};
    for (int i = 0; i < n; i++)
        key.part[i] = operands[i];
    return key;
}

/* A node of an operation with a kernel; its operands are no literals. */
static slab_value *node_of(const slab_op *op, slab_value *const *operands, int n,
                           const slab_op_types *types)
{
    slab_status rc = SLAB_OK;
    share_key key = key_of(op, operands, n);
    slab_value *value = share_find(&key);
    if (value)
        return value;
    TRY(begin(op, operands, n, &value));
    apply_self *self = value->self;
    self->types = *types;
    value->dtype = types->delivered;
    value->shape = operands[0]->shape;
    for (int i = 1; i < n; i++)
        TRY_SAYING(broadcast_shapes(&value->shape, &operands[i]->shape, &value->shape), "'%s'",
                   op->name);
    TRY(nest_apply(value, operands, n));
    TRY(choose_grid(value));
    share_enter(value, &key);
done:
    return value_finish(rc, &value);
}

/* What happens to an integer literal that its type does not hold. */
static literal_overflow overflow_of(const slab_op *op, int operand)
{
    if (op->literals == SLAB_LITERALS_CHOOSE)
        return LITERAL_WRAPS;
    if (op->literals == SLAB_LITERALS_CLIP)
        return operand == 1 ? LITERAL_RISES : LITERAL_FALLS;
    return LITERAL_FAILS;
}

slab_value *apply_operation(const slab_op *op, slab_value *const *operands, int n)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL, *typed[SLAB_OP_ARITY_MAX] = {0};
    slab_dtype dtypes[SLAB_OP_ARITY_MAX] = {0};
    slab_op_types types = {0};
    TRY(operand_types(op, operands, n, dtypes));
    TRY(op->types(op, dtypes, &types));
    for (int i = 0; i < n; i++) {
        typed[i] = operands[i]->weak ? literal_as(operands[i], types.loop[i], types.operand[i],
                                                  overflow_of(op, i))
                                     : slab_value_keep(operands[i]);
        TRY_SAYING(slab_value_status(typed[i]), "'%s'", op->name);
    }
    value = node_of(op, typed, n, &types);
done:
    for (int i = 0; i < n; i++)
        slab_value_drop(&typed[i]);
    return value_finish(rc, &value);
}

static slab_status check_operands(const slab_op *op, slab_value *const *operands, int n)
{
    slab_status rc = SLAB_OK;
    int least = op->arity_least ? op->arity_least : op->arity;
    REQUIRE(n == op->arity || least < op->arity, SLAB_ERR_VALUE, "'%s' takes %d operands, not %d",
            op->name, op->arity, n);
    REQUIRE(n >= least && n <= op->arity, SLAB_ERR_VALUE, "'%s' takes %d to %d operands, not %d",
            op->name, least, op->arity, n);
    for (int i = 0; i < n; i++) {
        REQUIRE(operands[i] || i >= least, SLAB_ERR_VALUE, "operand %d of '%s' cannot be left out",
                i + 1, op->name);
        if (operands[i])
            TRY(slab_value_status(operands[i]));
    }
done:
    return rc;
}

static slab_value *apply_by_name(const char *op_name, slab_value *const *operands, int n,
                                 bool python)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL, *all[SLAB_OP_ARITY_MAX] = {0};
    const slab_op *op = slab_op_by_name(op_name);
    REQUIRE(op, SLAB_ERR_VALUE, "there is no operation '%s'", op_name);
    TRY(check_operands(op, operands, n));
    python = python && op->python;
    for (int i = 0; i < n; i++) {
        all[i] = operands[i];
        python = python && operands[i]->weak;
    }
    if (python)
        return python_apply(op, operands, n);
    return op->build ? op->build(op, all) : apply_operation(op, operands, n);
done:
    return value_finish(rc, &value);
}

slab_value *slab_value_apply(const char *op, slab_value *const *operands, int n)
{
    return apply_by_name(op, operands, n, true);
}

slab_value *slab_value_call(const char *op, slab_value *const *operands, int n)
{
    return apply_by_name(op, operands, n, false);
}

static slab_status make_cast(slab_value *operand, slab_dtype native, slab_value **out)
{
    slab_status rc = SLAB_OK;
    char from[SLAB_DTYPE_NAME_MAX], to[SLAB_DTYPE_NAME_MAX];
    TRY(begin(NULL, &operand, 1, out));
    slab_value *value = *out;
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
    TRY(nest_apply(value, &operand, 1));
    TRY(choose_grid(value));
done:
    return rc;
}

slab_value *slab_value_cast(slab_value *operand, slab_dtype native)
{
    static const char casts;
    slab_status rc = SLAB_OK;
    slab_value *value = NULL, *strong = NULL;
    TRY(slab_value_status(operand));
    strong = literal_strong(operand);
    TRY(slab_value_status(strong));
    if (slab_dtype_equal(strong->dtype, native))
        return strong;
    share_key key = key_of(&casts, &strong, 1);
    key.bits[0] = (uint64_t)native.kind << 32 | native.size;
    value = share_find(&key);
    if (value)
        goto done;
    TRY(make_cast(strong, native, &value));
    share_enter(value, &key);
done:
    slab_value_drop(&strong);
    return value_finish(rc, &value);
}
