/* Functions of elements that are called with names, or give several results. */
#include <slab/compute/expression/function.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { OPERANDS_MAX = 5 };

/* The operation `detail` says, of the parameters behind it: "clip a min max". */
static slab_status build_operation(slab_bound *call, slab_datum *out)
{
    slab_value *operands[OPERANDS_MAX] = {NULL};
    char words[64], *rest = NULL;
    int n = 0;
    strncpy(words, slab_bound_detail(call), sizeof words - 1);
    words[sizeof words - 1] = '\0';
    const char *op = strtok_r(words, " ", &rest);
    for (const char *name = strtok_r(NULL, " ", &rest); name && n < OPERANDS_MAX;
         name = strtok_r(NULL, " ", &rest))
        operands[n++] = slab_bound_value(call, name);
    return slab_bound_give(call, slab_value_call(op, operands, n), out);
}

/* clip(x, 0, 1), clip(x, min=0): the bounds have two names each. */
static slab_status build_clip(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    bool low = slab_bound_given(call, "a_min"), high = slab_bound_given(call, "a_max");
    REQUIRE(!(low && slab_bound_given(call, "min")) && !(high && slab_bound_given(call, "max")),
            SLAB_ERR_USAGE, "a bound is given twice");
    slab_value *operands[] = {slab_bound_value(call, "a"),
                              slab_bound_value(call, low ? "a_min" : "min"),
                              slab_bound_value(call, high ? "a_max" : "max")};
    TRY(slab_bound_give(call, slab_value_call("clip", operands, 3), out));
done:
    return rc;
}

/* Two operations of the same operands, as a tuple; `detail` names both. */
static slab_status build_pair(slab_bound *call, slab_datum *out)
{
    slab_value *operands[] = {slab_bound_value(call, "x1"), slab_bound_value(call, "x2")};
    const char *const *ops = slab_bound_detail(call);
    int n = operands[1] ? 2 : 1;
    slab_value *values[] = {slab_value_call(ops[0], operands, n),
                            slab_value_call(ops[1], operands, n)};
    return slab_bound_give_tuple(call, values, 2, out);
}

static slab_value *difference(slab_value *x, int axis)
{
    slab_index items[SLAB_RANK_MAX];
    int rank = slab_value_shape(x)->rank;
    for (int a = 0; a < rank; a++)
        items[a] = (slab_index){.kind = SLAB_INDEX_SLICE, .step = 1};
    items[axis].has_start = true;
    items[axis].start = 1;
    slab_value *after = slab_value_index(x, items, rank);
    items[axis].has_start = false;
    items[axis].has_stop = true;
    items[axis].stop = -1;
    slab_value *before = slab_value_index(x, items, rank);
    bool truth = slab_value_dtype(x).kind == SLAB_KIND_BOOL;
    return slab_apply2(truth ? "not_equal" : "subtract", after, before);
}

static slab_status build_diff(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *x = slab_value_keep(slab_bound_value(call, "a"));
    int64_t n = slab_bound_int(call, "n");
    int axis;
    REQUIRE(n >= 0 && n <= 100, SLAB_ERR_RANGE, "differences of order %lld", (long long)n);
    TRY(slab_bound_axis(call, "axis", slab_value_shape(x)->rank, &axis));
    for (; n > 0; n--) {
        slab_value *next = difference(x, axis);
        slab_value_drop(&x);
        x = next;
        TRY(slab_value_status(x));
    }
    TRY(slab_bound_give(call, slab_value_keep(x), out));
done:
    slab_value_drop(&x);
    return rc;
}

static const char *const divisions[] = {"floor_divide", "remainder"};
static const char *const parts[] = {"modf_fraction", "modf_integral"};
static const char *const binary_parts[] = {"frexp_mantissa", "frexp_exponent"};

#define ROW(row, text, takes, builder, made_of, ...)                                               \
    const slab_function slab_function_##row = {.name = #row,                                       \
                                               .parameters = takes,                                \
                                               .summary = text,                                    \
                                               .build = builder,                                   \
                                               .detail = made_of,                                  \
                                               __VA_ARGS__};

ROW(clip, "x, but the bounds where it lies outside them",
    "a: array, a_min: array = None, a_max: array = None, out: no = None, *, min: array = None, "
    "max: array = None",
    build_clip, NULL)
const slab_function slab_function_ndarray_clip = {
    .name = "ndarray.clip",
    .parameters = "a: array, min: array = None, max: array = None, out: no = None",
    .summary = "x, but the bounds where it lies outside them",
    .build = build_clip,
    .method = true};
ROW(round, "rounded to decimals behind the point; halves go to the even digit",
    "a: array, decimals: array = None, out: no = None", build_operation, "round a decimals",
    .aliases = "around", .method = true)
ROW(nan_to_num, "x with NaN and infinities replaced by numbers",
    "x: array, copy: bool = True, nan: array = None, posinf: array = None, neginf: array = None",
    build_operation, "nan_to_num x nan posinf neginf")
ROW(isclose, "whether |a - b| <= atol + rtol |b|",
    "a: array, b: array, rtol: array = None, atol: array = None, equal_nan: array = None",
    build_operation, "isclose a b rtol atol equal_nan")
ROW(angle, "the angle of complex numbers, in radians or degrees", "z: array, deg: array = None",
    build_operation, "angle z deg")
ROW(divmod, "the floored quotient and the remainder", "x1: array, x2: array, /", build_pair,
    divisions)
ROW(modf, "the fractions and the whole parts", "x1: array, /", build_pair, parts)
ROW(frexp, "mantissas and exponents of two", "x1: array, /", build_pair, binary_parts)
ROW(diff, "differences of neighbours along an axis, n times over",
    "a: array, n: int = 1, axis: int = -1, prepend: no = None, append: no = None", build_diff, NULL)
