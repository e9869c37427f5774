/* The greatest and least elements, and counts of small whole numbers. */
#include <slab/compute/expression/function.h>

#include <slab/compute/computation/histogram.h>
#include <slab/compute/computation/topk.h>
#include <slab/storage/base/try.h>

static slab_status build_topk(slab_bound *call, slab_datum *out)
{
    slab_value *results[2];
    slab_value_topk(slab_bound_value(call, "x"), slab_bound_int(call, "k"),
                    !slab_bound_bool(call, "largest"), results);
    return slab_bound_give_tuple(call, results, 2, out);
}

/* Bins of width one around the whole numbers. */
static slab_status build_bincount(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *x = slab_bound_value(call, "x"), *results[2] = {NULL};
    int64_t n = slab_bound_int(call, "minlength");
    slab_kind kind = slab_value_dtype(x).kind;
    REQUIRE(kind == SLAB_KIND_INT || kind == SLAB_KIND_UINT || kind == SLAB_KIND_BOOL,
            SLAB_ERR_TYPE, "bincount counts whole numbers");
    REQUIRE(slab_value_shape(x)->rank == 1, SLAB_ERR_SHAPE, "bincount takes an array of one axis");
    REQUIRE(n >= 1, SLAB_ERR_UNSUPPORTED,
            "how long the result is would depend on the data: state minlength, more than any "
            "element ('slab unique --counts' needs no length)");
    slab_histogram_axis axis = {
        .n = n, .has_range = true, .low = -0.5, .high = (double)n - 0.5, .covers = true};
    slab_value_histogram(&x, 1, slab_bound_value(call, "weights"), &axis, false, results);
    slab_value_drop(&results[1]);
    TRY(slab_bound_give(call, results[0], out));
done:
    return rc;
}

const slab_function slab_function_topk = {
    .name = "topk",
    .parameters = "x: array, k: int, *, largest: bool = True",
    .summary = "the k greatest (or least) elements in order, and their numbers in C order",
    .build = build_topk};

const slab_function slab_function_bincount = {
    .name = "bincount",
    .parameters = "x: array, weights: array = None, minlength: int = 0",
    .summary = "how often each of the numbers below minlength occurs",
    .build = build_bincount};
