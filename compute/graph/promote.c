/* What types do when they meet: NumPy's promotion, as NEP 50 has it. */
#include <slab/compute/graph/op.h>
#include <slab/compute/graph/value.h>

#include <slab/storage/base/try.h>

static slab_status check_number(slab_dtype dtype)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX];
    REQUIRE(slab_dtype_is_number(dtype), SLAB_ERR_TYPE, "no element-wise operation takes %s",
            slab_dtype_name(dtype, name));
done:
    return rc;
}

static slab_dtype wider(slab_dtype a, slab_dtype b)
{
    return a.size >= b.size ? a : b;
}

static bool inexact(slab_dtype dtype)
{
    return dtype.kind == SLAB_KIND_FLOAT || dtype.kind == SLAB_KIND_COMPLEX;
}

/* Complex numbers of two halves are no type of NumPy's: they are computed as complex64. */
static slab_dtype as_complex(slab_dtype dtype)
{
    uint32_t size = dtype.kind == SLAB_KIND_COMPLEX ? dtype.size : 2 * dtype.size;
    return slab_dtype_make(SLAB_KIND_COMPLEX, size < 8 ? 8 : size);
}

slab_status slab_dtype_to_float(slab_dtype dtype, slab_dtype *out)
{
    slab_status rc = SLAB_OK;
    TRY(check_number(dtype));
    uint32_t size = dtype.size == 1 ? 2 : dtype.size == 2 ? 4 : 8;
    if (dtype.kind == SLAB_KIND_COMPLEX)
        *out = as_complex(dtype);
    else
        *out = slab_dtype_make(SLAB_KIND_FLOAT, inexact(dtype) ? dtype.size : size);
done:
    return rc;
}

static slab_dtype promote_inexact(slab_dtype x, slab_dtype y)
{
    if (x.kind == SLAB_KIND_COMPLEX || y.kind == SLAB_KIND_COMPLEX)
        return wider(as_complex(x), as_complex(y));
    return wider(x, y);
}

static slab_dtype promote_signs(slab_dtype a, slab_dtype b)
{
    slab_dtype plain = a.kind == SLAB_KIND_UINT ? a : b, sign = a.kind == SLAB_KIND_INT ? a : b;
    if (sign.size > plain.size)
        return sign;
    if (plain.size < 8)
        return slab_dtype_make(SLAB_KIND_INT, 2 * plain.size);
    return slab_dtype_make(SLAB_KIND_FLOAT, 8);
}

slab_status slab_dtype_promote(slab_dtype a, slab_dtype b, slab_dtype *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype x, y;
    TRY(check_number(a));
    TRY(check_number(b));
    if (inexact(a) || inexact(b)) {
        /* bool says nothing about the width */
        TRY(slab_dtype_to_float(a.kind == SLAB_KIND_BOOL ? b : a, &x));
        TRY(slab_dtype_to_float(b.kind == SLAB_KIND_BOOL ? a : b, &y));
        *out = promote_inexact(x, y);
    } else if (a.kind == b.kind) {
        *out = slab_dtype_make(a.kind, wider(a, b).size);
    } else if (a.kind == SLAB_KIND_BOOL || b.kind == SLAB_KIND_BOOL) {
        slab_dtype other = a.kind == SLAB_KIND_BOOL ? b : a;
        *out = slab_dtype_make(other.kind, other.size);
    } else {
        *out = promote_signs(a, b);
    }
done:
    return rc;
}

slab_dtype slab_dtype_beside(int weak, slab_dtype strong)
{
    bool floating = inexact(strong);
    switch (weak) {
    case SLAB_WEAK_BOOL:
        return slab_dtype_make(SLAB_KIND_BOOL, 1);
    case SLAB_WEAK_INT:
        return strong.kind == SLAB_KIND_BOOL ? slab_dtype_make(SLAB_KIND_INT, 8) : strong;
    case SLAB_WEAK_FLOAT:
        return floating ? strong : slab_dtype_make(SLAB_KIND_FLOAT, 8);
    case SLAB_WEAK_COMPLEX:
        return floating ? as_complex(strong) : slab_dtype_make(SLAB_KIND_COMPLEX, 16);
    default:
        return strong;
    }
}
