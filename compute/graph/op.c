/* The registry of operations, and what types do when they meet. */
#include <slab/compute/graph/op.h>

#include <slab/storage/base/try.h>
#include <string.h>

#define SLAB_OP(name) extern const slab_op slab_op_##name;
#include <slab/compute/graph/op_list.h>
#undef SLAB_OP

static const slab_op *const ops[] = {
#define SLAB_OP(name) &slab_op_##name,
#include <slab/compute/graph/op_list.h>
#undef SLAB_OP
};

const slab_op *slab_op_at(int i)
{
    return i >= 0 && (size_t)i < sizeof ops / sizeof *ops ? ops[i] : NULL;
}

const slab_op *slab_op_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i]->name, name) == 0)
            return ops[i];
    return NULL;
}

static slab_status check_number(slab_dtype dtype)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX];
    REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "no element-wise operation takes %s", slab_dtype_name(dtype, name));
done:
    return rc;
}

static slab_dtype wider(slab_dtype a, slab_dtype b)
{
    return a.size >= b.size ? a : b;
}

slab_status slab_dtype_to_float(slab_dtype dtype, slab_dtype *out)
{
    slab_status rc = SLAB_OK;
    TRY(check_number(dtype));
    uint32_t size = dtype.size == 1 ? 2 : dtype.size == 2 ? 4 : 8;
    *out = dtype.kind == SLAB_KIND_FLOAT ? dtype : slab_dtype_make(SLAB_KIND_FLOAT, size);
done:
    return rc;
}

slab_status slab_dtype_promote(slab_dtype a, slab_dtype b, slab_dtype *out)
{
    slab_status rc = SLAB_OK;
    TRY(check_number(a));
    TRY(check_number(b));
    if (a.kind == b.kind) {
        *out = wider(a, b);
    } else if (a.kind == SLAB_KIND_BOOL || b.kind == SLAB_KIND_BOOL) {
        *out = a.kind == SLAB_KIND_BOOL ? b : a;
    } else if (a.kind == SLAB_KIND_FLOAT || b.kind == SLAB_KIND_FLOAT) {
        slab_dtype x, y;
        TRY(slab_dtype_to_float(a, &x));
        TRY(slab_dtype_to_float(b, &y));
        *out = wider(x, y);
    } else {
        slab_dtype plain = a.kind == SLAB_KIND_UINT ? a : b, sign = a.kind == SLAB_KIND_INT ? a : b;
        if (sign.size > plain.size)
            *out = sign;
        else if (plain.size < 8)
            *out = slab_dtype_make(SLAB_KIND_INT, 2 * plain.size);
        else
            *out = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    }
done:
    return rc;
}
