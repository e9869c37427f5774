/* Which reductions there are, and by NumPy's rules what types they take and give. */
#include <slab/compute/sink/reduce_impl.h>

#include <math.h>
#include <slab/storage/base/try.h>
#include <string.h>

static const reduction reductions[] = {
#define SLAB_REDUCTION(name, types, empty, wants, finish, skip)                                    \
    {#name,                                                                                        \
     reduce_types_##types,                                                                         \
     reduce_empty_##empty,                                                                         \
     reduce_wants_##wants,                                                                         \
     reduce_finish_##finish,                                                                       \
     skip},
#include <slab/compute/sink/reduction_list.h>
#undef SLAB_REDUCTION
};

enum { REDUCTIONS = sizeof reductions / sizeof *reductions };

const reduction *reduction_by_name(const char *name)
{
    for (int i = 0; i < REDUCTIONS; i++)
        if (strcmp(reductions[i].name, name) == 0)
            return &reductions[i];
    return NULL;
}

const char *slab_reduction_at(int i)
{
    return i >= 0 && i < REDUCTIONS ? reductions[i].name : NULL;
}

static bool is_integer(slab_dtype dtype)
{
    return dtype.kind <= SLAB_KIND_UINT;
}

/* NumPy's casting='same_kind', among numbers. */
static bool casts(slab_dtype from, slab_dtype to)
{
    static const int level[] = {[SLAB_KIND_BOOL] = 0,
                                [SLAB_KIND_UINT] = 1,
                                [SLAB_KIND_INT] = 2,
                                [SLAB_KIND_FLOAT] = 3,
                                [SLAB_KIND_COMPLEX] = 4};
    return slab_dtype_is_number(to) && level[from.kind] <= level[to.kind];
}

/* The caller's dtype, if any, as the elements' and the result's. */
static slab_status asked(const reduction *is, slab_dtype dtype, const slab_reduce_spec *spec,
                         slab_dtype *from, slab_dtype *result)
{
    slab_status rc = SLAB_OK;
    char a[SLAB_DTYPE_NAME_MAX], b[SLAB_DTYPE_NAME_MAX];
    if (!spec->has_dtype)
        return SLAB_OK;
    *result = slab_dtype_make(spec->dtype.kind, spec->dtype.size);
    REQUIRE(casts(dtype, *result), SLAB_ERR_TYPE, "%s in %s of %s loses what they are", is->name,
            slab_dtype_name(*result, a), slab_dtype_name(dtype, b));
    /* Wider floats hold narrower ones exactly, and integers wrap around in any order. */
    bool exact = dtype.kind == result->kind && dtype.size <= result->size;
    if (!exact && !(is_integer(dtype) && is_integer(*result)))
        *from = *result;
done:
    return rc;
}

slab_status reduce_types_sum(const reduction *is, slab_dtype dtype, const slab_reduce_spec *spec,
                             slab_dtype *from, slab_dtype *result)
{
    *from = *result = dtype;
    if (dtype.kind == SLAB_KIND_UINT)
        *result = slab_dtype_make(SLAB_KIND_UINT, 8);
    else if (is_integer(dtype))
        *result = slab_dtype_make(SLAB_KIND_INT, 8);
    return asked(is, dtype, spec, from, result);
}

slab_status reduce_types_mean(const reduction *is, slab_dtype dtype, const slab_reduce_spec *spec,
                              slab_dtype *from, slab_dtype *result)
{
    *from = dtype;
    *result = is_integer(dtype) ? slab_dtype_make(SLAB_KIND_FLOAT, 8) : dtype;
    return asked(is, dtype, spec, from, result);
}

slab_status reduce_types_spread(const reduction *is, slab_dtype dtype, const slab_reduce_spec *spec,
                                slab_dtype *from, slab_dtype *result)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX];
    TRY(reduce_types_mean(is, dtype, spec, from, result));
    REQUIRE(!is_integer(*result), SLAB_ERR_TYPE, "%s cannot be given as %s", is->name,
            slab_dtype_name(*result, name));
    if (result->kind == SLAB_KIND_COMPLEX)
        *result = slab_dtype_make(SLAB_KIND_FLOAT, result->size / 2);
done:
    return rc;
}

slab_status reduce_types_same(const reduction *is, slab_dtype dtype, const slab_reduce_spec *spec,
                              slab_dtype *from, slab_dtype *result)
{
    (void)is, (void)spec;
    *from = *result = dtype;
    return SLAB_OK;
}

slab_status reduce_types_difference(const reduction *is, slab_dtype dtype,
                                    const slab_reduce_spec *spec, slab_dtype *from,
                                    slab_dtype *result)
{
    slab_status rc = SLAB_OK;
    REQUIRE(dtype.kind != SLAB_KIND_BOOL, SLAB_ERR_TYPE, "%s of bool: truth has no difference",
            is->name);
    rc = reduce_types_same(is, dtype, spec, from, result);
done:
    return rc;
}

slab_status reduce_types_place(const reduction *is, slab_dtype dtype, const slab_reduce_spec *spec,
                               slab_dtype *from, slab_dtype *result)
{
    (void)is, (void)spec;
    *from = dtype;
    *result = slab_dtype_make(SLAB_KIND_INT, 8);
    return SLAB_OK;
}

slab_status reduce_types_truth(const reduction *is, slab_dtype dtype, const slab_reduce_spec *spec,
                               slab_dtype *from, slab_dtype *result)
{
    (void)is, (void)spec;
    *from = dtype;
    *result = slab_dtype_make(SLAB_KIND_BOOL, 1);
    return SLAB_OK;
}

slab_status reduce_types_length(const reduction *is, slab_dtype dtype, const slab_reduce_spec *spec,
                                slab_dtype *from, slab_dtype *result)
{
    slab_status rc = SLAB_OK;
    REQUIRE(!isnan(spec->order), SLAB_ERR_VALUE, "%s of order NaN", is->name);
    *from = dtype;
    *result = slab_dtype_make(SLAB_KIND_FLOAT, is_integer(dtype)                 ? 8
                                               : dtype.kind == SLAB_KIND_COMPLEX ? dtype.size / 2
                                                                                 : dtype.size);
done:
    return rc;
}

bool reduce_empty_fine(const slab_reduce_spec *spec)
{
    (void)spec;
    return true;
}

bool reduce_empty_fails(const slab_reduce_spec *spec)
{
    (void)spec;
    return false;
}

bool reduce_empty_norm(const slab_reduce_spec *spec)
{
    return !isinf(spec->order);
}
