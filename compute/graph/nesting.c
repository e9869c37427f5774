/*
 * Views and running totals evaluate what they are of within their own evaluation, each time anew:
 * `x = x[::-1] + x` said n times is n evaluations inside each other and 2^n in all. How deep and
 * how often is known while an expression is built, so that what would outgrow a thread's stack, or
 * never end, is refused there.
 */
#include <slab/compute/graph/strip_impl.h>

#include <inttypes.h>
#include <slab/storage/base/try.h>

enum { DEPTH_MOST = 500, EVALUATIONS_MOST = 1000000 };

static bool is_apply(const slab_value *value)
{
    return value->cls == &value_apply_class;
}

/* How many nodes one evaluation of this one evaluates. Of element-wise nodes it is found out when
 * something needs them as a whole: inside others they are not evaluated by themselves. */
static slab_status count_evaluations(slab_value *value, int64_t *out)
{
    slab_status rc = SLAB_OK;
    strip_program *p;
    int64_t n = atomic_load(&value->evaluations);
    if (n == 0) {
        TRY(strip_program_of(value, &p));
        n = 1;
        for (int i = 0; i < p->nleaves; i++) {
            int64_t more;
            TRY(count_evaluations(p->leaves[i], &more)); /* element-wise: known, see nest_apply() */
            n += more;
        }
        atomic_store(&value->evaluations, n);
    }
    *out = n;
done:
    return rc;
}

static slab_status check(int depth, int64_t evaluations)
{
    slab_status rc = SLAB_OK;
    REQUIRE(depth <= DEPTH_MOST, SLAB_ERR_RANGE,
            "more than %d slices and running totals inside each other: store one of them in an "
            "array first",
            DEPTH_MOST);
    REQUIRE(evaluations <= EVALUATIONS_MOST, SLAB_ERR_RANGE,
            "slices and running totals that are evaluated anew for each other, more than %d times "
            "a tile: store one of them in an array first",
            EVALUATIONS_MOST);
done:
    return rc;
}

slab_status nest(slab_value *value, slab_value *const *operands, int n)
{
    slab_status rc = SLAB_OK;
    int64_t evaluations = 1;
    value->depth = 1;
    value->packed_bytes = 0;
    for (int i = 0; i < n; i++) {
        int64_t more;
        TRY(check(operands[i]->depth + 1, 0)); /* before anything goes down there */
        TRY(count_evaluations(operands[i], &more));
        evaluations += more;
        value->depth = operands[i]->depth >= value->depth ? operands[i]->depth + 1 : value->depth;
    }
    TRY(check(value->depth, evaluations));
    atomic_store(&value->evaluations, evaluations);
    value->packed_bytes = slab_value_packed_bytes(operands[0]);
done:
    return rc;
}

slab_status nest_check(slab_value *value)
{
    slab_status rc = SLAB_OK;
    int64_t evaluations;
    TRY(count_evaluations(value, &evaluations));
    TRY(check(value->depth, evaluations));
done:
    return rc;
}

int64_t nested_packed_bytes(const slab_value *value)
{
    return value->packed_bytes;
}

slab_status nest_apply(slab_value *value, slab_value *const *operands, int n)
{
    slab_status rc = SLAB_OK;
    atomic_store(&value->evaluations, 0);
    for (int i = 0; i < n; i++) {
        bool whole =
            !is_apply(operands[i]) || !slab_shape_equal(&operands[i]->shape, &value->shape);
        int depth = operands[i]->depth + whole;
        int64_t evaluations = 0;
        if (whole)
            TRY(count_evaluations(operands[i], &evaluations));
        TRY(check(depth, evaluations));
        value->depth = depth > value->depth ? depth : value->depth;
    }
done:
    return rc;
}
