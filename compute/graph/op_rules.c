/* Which types operations compute in. */
#include <slab/compute/graph/op_impl.h>

#include <slab/storage/base/try.h>

static slab_dtype make(slab_kind kind, uint32_t size)
{
    return slab_dtype_make(kind, size);
}

static bool is_half(slab_dtype dtype)
{
    return dtype.kind == SLAB_KIND_FLOAT && dtype.size == 2;
}

/* f16 is computed in f32 where it has no kernels of its own, and delivered as f16. */
static slab_dtype computed_in(const slab_op *op, slab_dtype loop)
{
    return is_half(loop) && !op->kernels[SLAB_STRIP_F2] ? make(SLAB_KIND_FLOAT, 4) : loop;
}

static void set_result(const slab_op *op, slab_dtype loop, slab_op_types *out)
{
    slab_dtype in = computed_in(op, loop);
    switch (op->gives) {
    case SLAB_GIVES_SAME:
        out->result = in;
        out->delivered = loop;
        return;
    case SLAB_GIVES_REAL:
        out->result = in;
        out->delivered = loop;
        if (loop.kind == SLAB_KIND_COMPLEX)
            out->result = out->delivered = make(SLAB_KIND_FLOAT, loop.size / 2);
        return;
    case SLAB_GIVES_BOOL:
        out->result = make(SLAB_KIND_BOOL, 1);
        break;
    case SLAB_GIVES_U1:
        out->result = make(SLAB_KIND_UINT, 1);
        break;
    case SLAB_GIVES_I4:
        out->result = make(SLAB_KIND_INT, 4);
        break;
    }
    out->delivered = out->result;
}

/* All operands in one type. Bools are computed in int8 where there are kernels for integers only.
 */
static slab_status all_in(const slab_op *op, slab_dtype loop, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX];
    if (loop.kind == SLAB_KIND_BOOL && !op->kernels[SLAB_STRIP_B1] && !op->no_bools)
        loop = make(SLAB_KIND_INT, 1);
    slab_dtype in = computed_in(op, loop);
    slab_strip_type type = slab_strip_type_of(in);
    for (int i = 0; i < op->arity; i++) {
        out->loop[i] = loop;
        out->operand[i] = in;
    }
    set_result(op, loop, out);
    out->kernel = op->kernels[type];
    out->check = op->checks ? op->checks[type] : NULL;
    REQUIRE(out->kernel, SLAB_ERR_TYPE, "'%s' is not defined for %s", op->name,
            slab_dtype_name(loop, name));
done:
    return rc;
}

static bool is_inexact(slab_dtype dtype)
{
    return dtype.kind == SLAB_KIND_FLOAT || dtype.kind == SLAB_KIND_COMPLEX;
}

/* With a float among them, every operand asks for a float of its own: int8, uint8 and float16 meet
 * in float16, though int8 and uint8 alone would in int16. */
static slab_status promoted(const slab_op *op, const slab_dtype *operands, slab_dtype *out)
{
    slab_status rc = SLAB_OK;
    bool floats = false;
    for (int i = 0; i < op->arity; i++)
        floats = floats || is_inexact(operands[i]);
    *out = make(SLAB_KIND_BOOL, 1);
    for (int i = 0; i < op->arity; i++) {
        slab_dtype one = operands[i];
        if (floats && one.kind != SLAB_KIND_BOOL)
            TRY(slab_dtype_to_float(one, &one));
        TRY(slab_dtype_promote(*out, one, out));
    }
done:
    return rc;
}

slab_status op_common_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type;
    TRY(promoted(op, operands, &type));
    TRY(all_in(op, type, out));
done:
    return rc;
}

/* Each operand needs a float, and the widest of those is it: int8 and uint8 meet in f16, not in
 * what int16 would need. */
static slab_status in_floats(const slab_op *op, const slab_dtype *operands, slab_dtype least,
                             slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type = least, one;
    for (int i = 0; i < op->arity; i++) {
        TRY(slab_dtype_to_float(operands[i], &one));
        TRY(slab_dtype_promote(type, one, &type));
    }
    TRY(all_in(op, type, out));
done:
    return rc;
}

slab_status op_float_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    return in_floats(op, operands, make(SLAB_KIND_FLOAT, 2), out);
}

slab_status op_single_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    return in_floats(op, operands, make(SLAB_KIND_FLOAT, 4), out);
}

slab_status op_double_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    return in_floats(op, operands, make(SLAB_KIND_FLOAT, 8), out);
}

slab_status op_divide_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type;
    TRY(promoted(op, operands, &type));
    TRY(all_in(op, is_inexact(type) ? type : make(SLAB_KIND_FLOAT, 8), out));
done:
    return rc;
}

slab_status op_truth_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type;
    TRY(promoted(op, operands, &type)); /* only to see that they are numbers */
    TRY(all_in(op, make(SLAB_KIND_BOOL, 1), out));
done:
    return rc;
}

static bool is_integer(slab_dtype dtype)
{
    return dtype.kind == SLAB_KIND_INT || dtype.kind == SLAB_KIND_UINT;
}

slab_status op_compare_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    TRY(op_common_types(op, operands, out));
    if (out->loop[0].kind != SLAB_KIND_FLOAT || !is_integer(operands[0]) ||
        !is_integer(operands[1]))
        return SLAB_OK;
    for (int i = 0; i < 2; i++)
        out->loop[i] = out->operand[i] = make(operands[i].kind, 8);
    out->kernel =
        op->kernels[operands[0].kind == SLAB_KIND_INT ? SLAB_STRIP_I8U8 : SLAB_STRIP_U8I8];
done:
    return rc;
}

slab_status op_where_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type, condition;
    TRY(slab_dtype_promote(operands[0], operands[0], &condition));
    TRY(slab_dtype_promote(operands[1], operands[2], &type));
    TRY(all_in(op, type, out));
    out->loop[0] = out->operand[0] = make(SLAB_KIND_BOOL, 1);
done:
    return rc;
}

/* A float and an integer that int64 holds. */
slab_status op_ldexp_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX];
    slab_dtype type, exponent = operands[1];
    TRY(slab_dtype_to_float(operands[0], &type));
    TRY(all_in(op, type, out));
    REQUIRE(exponent.kind == SLAB_KIND_BOOL || exponent.kind == SLAB_KIND_INT ||
                (exponent.kind == SLAB_KIND_UINT && exponent.size < 8),
            SLAB_ERR_TYPE, "'ldexp' takes an integer exponent that int64 holds, not %s",
            slab_dtype_name(exponent, name));
    out->loop[1] = out->operand[1] = make(SLAB_KIND_INT, 8);
done:
    return rc;
}

/* What follows x has the type of its parts. */
slab_status op_parts_types(const slab_op *op, const slab_dtype *operands, slab_op_types *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype type;
    TRY(slab_dtype_promote(operands[0], operands[0], &type));
    TRY(all_in(op, type, out));
    if (type.kind == SLAB_KIND_COMPLEX)
        for (int i = 1; i < op->arity; i++)
            out->loop[i] = out->operand[i] = make(SLAB_KIND_FLOAT, type.size / 2);
done:
    return rc;
}
