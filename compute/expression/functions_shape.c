/* Shapes and axes: views of an array, and questions about it. */
#include <slab/compute/expression/function.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

static const slab_shape *shape_of(const slab_bound *call)
{
    return slab_value_shape(slab_bound_value(call, "a"));
}

static slab_status give_permuted(slab_bound *call, const int *axes, slab_datum *out)
{
    return slab_bound_give(call, slab_value_transpose(slab_bound_value(call, "a"), axes), out);
}

static slab_status build_transpose(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int axes[SLAB_RANK_MAX], n, rank = shape_of(call)->rank;
    if (!slab_bound_given(call, "axes"))
        return give_permuted(call, NULL, out);
    TRY(slab_bound_axes(call, "axes", rank, axes, &n));
    REQUIRE(n == rank, SLAB_ERR_VALUE, "%d axes for an array of %d", n, rank);
    TRY(give_permuted(call, axes, out));
done:
    return rc;
}

/* x.transpose(1, 0), x.transpose((1, 0)), x.transpose() */
static slab_status build_method_transpose(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    const slab_datum *rest = slab_bound_argument(call, "axes");
    int axes[SLAB_RANK_MAX], rank = shape_of(call)->rank;
    uint32_t seen = 0;
    bool one = rest->n == 1;
    if (one && rest->items[0].kind == SLAB_DATUM_TUPLE)
        rest = &rest->items[0];
    if (rest->n == 0 || (one && rest->items[0].kind == SLAB_DATUM_NONE))
        return give_permuted(call, NULL, out);
    REQUIRE(rest->n == rank, SLAB_ERR_VALUE, "%d axes for an array of %d", rest->n, rank);
    for (int i = 0; i < rank; i++) {
        int64_t axis;
        TRY(slab_datum_to_int(&rest->items[i], &axis));
        axis += axis < 0 ? rank : 0;
        REQUIRE(axis >= 0 && axis < rank && !(seen >> axis & 1), SLAB_ERR_VALUE,
                "each axis of the array stands once");
        seen |= 1u << axis;
        axes[i] = (int)axis;
    }
    TRY(give_permuted(call, axes, out));
done:
    return rc;
}

static slab_status build_swapaxes(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int axes[SLAB_RANK_MAX], rank = shape_of(call)->rank, a, b;
    TRY(slab_bound_axis(call, "axis1", rank, &a));
    TRY(slab_bound_axis(call, "axis2", rank, &b));
    for (int i = 0; i < rank; i++)
        axes[i] = i == a ? b : i == b ? a : i;
    TRY(give_permuted(call, axes, out));
done:
    return rc;
}

static slab_status build_matrix_transpose(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int axes[SLAB_RANK_MAX], rank = shape_of(call)->rank;
    REQUIRE(rank >= 2, SLAB_ERR_SHAPE, "two axes or more are wanted");
    for (int i = 0; i < rank; i++)
        axes[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    TRY(give_permuted(call, axes, out));
done:
    return rc;
}

/* Those that move go to their places, the others fill what is left in their order. */
static slab_status build_moveaxis(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int from[SLAB_RANK_MAX], to[SLAB_RANK_MAX], axes[SLAB_RANK_MAX];
    int rank = shape_of(call)->rank, n, m, next = 0;
    uint32_t moved = 0;
    TRY(slab_bound_axes(call, "source", rank, from, &n));
    TRY(slab_bound_axes(call, "destination", rank, to, &m));
    REQUIRE(n == m, SLAB_ERR_VALUE, "%d axes go to %d places", n, m);
    for (int i = 0; i < rank; i++)
        axes[i] = -1;
    for (int i = 0; i < n; i++) {
        axes[to[i]] = from[i];
        moved |= 1u << from[i];
    }
    for (int i = 0; i < rank; i++) {
        while (next < rank && moved >> next & 1)
            next++;
        axes[i] = axes[i] < 0 ? next++ : axes[i];
    }
    TRY(give_permuted(call, axes, out));
done:
    return rc;
}

static slab_index whole_axis(void)
{
    return (slab_index){.kind = SLAB_INDEX_SLICE, .step = 1};
}

static slab_status build_expand_dims(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_index items[SLAB_RANK_MAX];
    int axes[SLAB_RANK_MAX], n, rank = shape_of(call)->rank + slab_bound_argument(call, "axis")->n;
    REQUIRE(rank <= SLAB_RANK_MAX, SLAB_ERR_SHAPE, "more than %d axes", SLAB_RANK_MAX);
    TRY(slab_bound_axes(call, "axis", rank, axes, &n));
    for (int i = 0; i < rank; i++)
        items[i] = whole_axis();
    for (int i = 0; i < n; i++)
        items[axes[i]].kind = SLAB_INDEX_NEWAXIS;
    TRY(slab_bound_give(call, slab_value_index(slab_bound_value(call, "a"), items, rank), out));
done:
    return rc;
}

static slab_status build_squeeze(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_index items[SLAB_RANK_MAX];
    const slab_shape *shape = shape_of(call);
    bool all = !slab_bound_given(call, "axis");
    int axes[SLAB_RANK_MAX], n;
    TRY(slab_bound_axes(call, "axis", shape->rank, axes, &n));
    for (int i = 0; i < shape->rank; i++)
        items[i] = whole_axis();
    for (int i = 0; i < n; i++) {
        bool one = shape->extent[axes[i]] == 1;
        REQUIRE(one || all, SLAB_ERR_SHAPE, "axis %d has %lld elements, not one", axes[i],
                (long long)shape->extent[axes[i]]);
        if (one)
            items[axes[i]] = (slab_index){.kind = SLAB_INDEX_INTEGER};
    }
    TRY(slab_bound_give(call, slab_value_index(slab_bound_value(call, "a"), items, shape->rank),
                        out));
done:
    return rc;
}

static slab_status build_broadcast_to(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_shape shape;
    TRY(slab_bound_shape(call, "shape", &shape));
    TRY(slab_bound_give(call, slab_value_broadcast_to(slab_bound_value(call, "a"), &shape), out));
done:
    return rc;
}

static slab_status give_flipped(slab_bound *call, const int *axes, int n, slab_datum *out)
{
    slab_index items[SLAB_RANK_MAX];
    int rank = shape_of(call)->rank;
    for (int i = 0; i < rank; i++)
        items[i] = whole_axis();
    for (int i = 0; i < n; i++)
        items[axes[i]].step = -1;
    return slab_bound_give(call, slab_value_index(slab_bound_value(call, "a"), items, rank), out);
}

static slab_status build_flip(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int axes[SLAB_RANK_MAX], n;
    TRY(slab_bound_axes(call, "axis", shape_of(call)->rank, axes, &n));
    TRY(give_flipped(call, axes, n, out));
done:
    return rc;
}

/* flipud turns axis 0, fliplr axis 1. */
static slab_status build_flip_axis(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    const int axis = slab_bound_detail(call) ? 1 : 0;
    REQUIRE(shape_of(call)->rank > axis, SLAB_ERR_SHAPE, "%s wanted",
            axis ? "two axes or more are" : "an axis is");
    TRY(give_flipped(call, &axis, 1, out));
done:
    return rc;
}

/* Elements would change their place in the file: what streams through tiles cannot do it. */
static slab_status build_unavailable(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    (void)call, (void)out;
    FAIL(SLAB_ERR_UNSUPPORTED,
         "elements would get other places: that is not available; newaxis, squeeze and transpose "
         "change a shape without moving them");
done:
    return rc;
}

static slab_status build_astype(slab_bound *call, slab_datum *out)
{
    slab_dtype dtype = slab_bound_dtype(call, "dtype", slab_dtype_make(SLAB_KIND_FLOAT, 8));
    slab_status rc = SLAB_OK;
    slab_value *strong = NULL;
    TRY(slab_datum_to_array(slab_bound_argument(call, "a"), &strong));
    TRY(slab_bound_give(call, slab_value_cast(strong, dtype), out));
done:
    slab_value_drop(&strong);
    return rc;
}

static slab_status build_same(slab_bound *call, slab_datum *out)
{
    return slab_bound_give(call, slab_value_keep(slab_bound_value(call, "a")), out);
}

static slab_status build_dtype(slab_bound *call, slab_datum *out)
{
    return slab_datum_copy(slab_bound_argument(call, "dtype"), out);
}

static slab_status give_int(int64_t n, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = slab_value_literal_int(n);
    TRY(slab_value_status(value));
    *out = (slab_datum){.kind = SLAB_DATUM_VALUE, .known = true, .value = value};
    value = NULL;
done:
    slab_value_drop(&value);
    return rc;
}

static slab_status build_shape(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    const slab_shape *shape = shape_of(call);
    slab_datum tuple = {.kind = SLAB_DATUM_TUPLE};
    ALLOC(tuple.items, shape->rank, "a shape");
    for (; tuple.n < shape->rank; tuple.n++)
        TRY(give_int(shape->extent[tuple.n], &tuple.items[tuple.n]));
    *out = tuple;
    tuple = (slab_datum){0};
done:
    slab_datum_clear(&tuple);
    return rc;
}

static slab_status build_ndim(slab_bound *call, slab_datum *out)
{
    return give_int(shape_of(call)->rank, out);
}

static slab_status build_size(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int axis;
    int64_t n;
    TRY(slab_shape_elements(shape_of(call), &n));
    if (slab_bound_given(call, "axis")) {
        TRY(slab_bound_axis(call, "axis", shape_of(call)->rank, &axis));
        n = shape_of(call)->extent[axis];
    }
    TRY(give_int(n, out));
done:
    return rc;
}

static slab_status build_len(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    const slab_datum *object = slab_bound_argument(call, "object");
    bool array = object->kind == SLAB_DATUM_VALUE;
    bool list = object->kind == SLAB_DATUM_TUPLE || object->kind == SLAB_DATUM_LIST;
    REQUIRE(list || (array && slab_value_shape(object->value)->rank > 0), SLAB_ERR_TYPE,
            "this has no length");
    TRY(give_int(array ? slab_value_shape(object->value)->extent[0] : object->n, out));
done:
    return rc;
}

#define ROW(row, text, takes, builder, ...)                                                        \
    const slab_function slab_function_##row = {                                                    \
        .name = #row, .parameters = takes, .summary = text, .build = builder, __VA_ARGS__};
/* What only the method of that name does. */
#define METHOD(row, text, takes, builder)                                                          \
    const slab_function slab_function_ndarray_##row = {.name = "ndarray." #row,                    \
                                                       .parameters = takes,                        \
                                                       .summary = text,                            \
                                                       .build = builder,                           \
                                                       .method = true};

ROW(transpose, "axes in another order; reversed when none is stated", "a: array, axes: axes = None",
    build_transpose, .aliases = "permute_dims")
METHOD(transpose, "axes in another order", "a: array, *axes: any", build_method_transpose)
ROW(matrix_transpose, "the last two axes exchanged", "a: array, /", build_matrix_transpose)
ROW(swapaxes, "two axes exchanged", "a: array, axis1: int, axis2: int", build_swapaxes,
    .method = true)
ROW(moveaxis, "axes moved to other places", "a: array, source: axes, destination: axes",
    build_moveaxis)
ROW(expand_dims, "new axes of extent 1, at these places of the result", "a: array, axis: axes",
    build_expand_dims)
ROW(squeeze, "without axes of extent 1", "a: array, axis: axes = None", build_squeeze,
    .method = true)
ROW(broadcast_to, "repeated to a shape, as operations do it with their operands",
    "a: array, shape: shape, subok: bool = False", build_broadcast_to)
ROW(flip, "elements along axes in reverse", "a: array, axis: axes = None", build_flip)
ROW(flipud, "rows in reverse", "a: array", build_flip_axis)
ROW(fliplr, "columns in reverse", "a: array", build_flip_axis, .detail = "columns")
ROW(reshape, "not available", "a: array, *rest: any", build_unavailable, .method = true)
ROW(ravel, "not available", "a: array, *rest: any", build_unavailable, .method = true,
    .aliases = "flatten")
ROW(astype, "in another type",
    "a: array, dtype: dtype, order: string = 'K', casting: string = 'unsafe', "
    "subok: bool = True, copy: bool = True",
    build_astype, .method = true)
METHOD(copy, "the same", "a: array, order: string = 'C'", build_same)
ROW(dtype, "a type by its name: dtype('f4') is float32", "dtype: dtype", build_dtype)
ROW(shape, "the extents, as a tuple", "a: array", build_shape)
ROW(ndim, "how many axes there are", "a: array", build_ndim)
ROW(size, "how many elements there are, of all or along an axis", "a: array, axis: int = None",
    build_size)
ROW(len, "how many items a tuple has, or an array along its first axis", "object: any", build_len)
