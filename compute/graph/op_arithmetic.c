/* Arithmetic, roots and logarithms, extremes, choices. */
#include <slab/compute/graph/op.h>

#include <slab/storage/base/try.h>

/* f16 is computed in f32 and delivered as f16. */
static void all_in(slab_op_types *types, int arity, slab_dtype dtype)
{
    bool half = dtype.kind == SLAB_KIND_FLOAT && dtype.size == 2;
    slab_dtype in = half ? slab_dtype_make(SLAB_KIND_FLOAT, 4) : dtype;
    for (int i = 0; i < arity; i++)
        types->operand[i] = in;
    types->result = in;
    types->delivered = dtype;
}

/* Both operands and the result in the type they are promoted to. */
static slab_status common_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX];
    slab_dtype type;
    TRY(slab_dtype_promote(operands[0], operands[op->arity - 1], &type));
    all_in(out, op->arity, type);
    REQUIRE(op->kernels[slab_strip_type_of(out->operand[0])], SLAB_ERR_TYPE,
            "'%s' is not defined for %s", op->name, slab_dtype_name(type, name));
done:
    return rc;
}

static slab_status float_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type;
    TRY(slab_dtype_promote(operands[0], operands[op->arity - 1], &type));
    TRY(slab_dtype_to_float(type, &type));
    all_in(out, op->arity, type);
done:
    return rc;
}

/* True division: integers of any width divide in f64. */
static slab_status divide_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type;
    TRY(slab_dtype_promote(operands[0], operands[op->arity - 1], &type));
    all_in(out, op->arity,
           type.kind == SLAB_KIND_FLOAT ? type : slab_dtype_make(SLAB_KIND_FLOAT, 8));
done:
    return rc;
}

static slab_status question_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    TRY(common_types(op, operands, out));
    out->result = out->delivered = slab_dtype_make(SLAB_KIND_BOOL, 1);
done:
    return rc;
}

static slab_status where_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type, condition;
    TRY(slab_dtype_promote(operands[0], operands[0], &condition));
    TRY(slab_dtype_promote(operands[1], operands[2], &type));
    all_in(out, op->arity, type);
    out->operand[0] = slab_dtype_make(SLAB_KIND_BOOL, 1);
done:
    return rc;
}

#define OP(op, n, rule, text)                                                                      \
    const slab_op slab_op_##op = {.name = #op,                                                     \
                                  .arity = (n),                                                    \
                                  .summary = (text),                                               \
                                  .types = (rule),                                                 \
                                  .kernels = slab_strip_##op};

OP(add, 2, common_types, "x + y; integers wrap around, bools: or")
OP(subtract, 2, common_types, "x - y; not for bools")
OP(multiply, 2, common_types, "x y; bools: and")
OP(divide, 2, divide_types, "x / y, in floats")
OP(negative, 1, common_types, "-x; not for bools")
OP(abs, 1, common_types, "|x|")
OP(sqrt, 1, float_types, "the square root")
OP(square, 1, common_types, "x x")
OP(exp, 1, float_types, "e to the x")
OP(log, 1, float_types, "the natural logarithm")
OP(log1p, 1, float_types, "ln(1 + x), exact for small x")
OP(minimum, 2, common_types, "the lesser; NaN if one is NaN")
OP(maximum, 2, common_types, "the greater; NaN if one is NaN")
OP(isnan, 1, question_types, "is x NaN")
OP(where, 3, where_types, "y where x is true, else z")
