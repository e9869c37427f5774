/*
 * Functions that NumPy makes of others: the same steps as NumPy's, so that types and rounding
 * follow.
 */
#include <slab/compute/graph/op_impl.h>
#include <slab/compute/graph/value_impl.h>

#include <float.h>
#include <math.h>
#include <slab/storage/base/try.h>

/* Applies and gives the operands back: steps nest as they are written. */
static slab_value *of(const char *op, slab_value *x)
{
    slab_value *value = slab_value_apply(op, &x, 1);
    slab_value_drop(&x);
    return value;
}

static slab_value *of2(const char *op, slab_value *x, slab_value *y)
{
    slab_value *operands[] = {x, y};
    slab_value *value = slab_value_apply(op, operands, 2);
    slab_value_drop(&x);
    slab_value_drop(&y);
    return value;
}

static slab_value *of3(const char *op, slab_value *x, slab_value *y, slab_value *z)
{
    slab_value *operands[] = {x, y, z};
    slab_value *value = slab_value_apply(op, operands, 3);
    slab_value_drop(&x);
    slab_value_drop(&y);
    slab_value_drop(&z);
    return value;
}

static slab_value *keep(slab_value *value)
{
    return slab_value_keep(value);
}

static slab_value *poisoned(slab_status rc)
{
    slab_value *none = NULL;
    return value_finish(rc, &none);
}

static bool is_complex(const slab_value *value)
{
    return value->dtype.kind == SLAB_KIND_COMPLEX;
}

static bool is_float(const slab_value *value)
{
    return value->dtype.kind == SLAB_KIND_FLOAT;
}

static slab_value *refuse_complex(const slab_value *x, const char *op)
{
    char name[SLAB_DTYPE_NAME_MAX];
    return poisoned(slab_error_set(SLAB_ERR_TYPE, __FILE__, __LINE__, "'%s' is not defined for %s",
                                   op, slab_dtype_name(x->dtype, name)));
}

static slab_value *refuse_switch(const slab_op *op, const char *name)
{
    return poisoned(slab_error_set(SLAB_ERR_TYPE, __FILE__, __LINE__,
                                   "'%s' of '%s' is True or False", name, op->name));
}

static slab_value *build_isposinf(const slab_op *op, slab_value *const *v)
{
    if (is_complex(v[0]))
        return refuse_complex(v[0], op->name);
    return of2("logical_and", of("isinf", keep(v[0])),
               of("logical_not", of("signbit", keep(v[0]))));
}

static slab_value *build_isneginf(const slab_op *op, slab_value *const *v)
{
    if (is_complex(v[0]))
        return refuse_complex(v[0], op->name);
    return of2("logical_and", of("isinf", keep(v[0])), of("signbit", keep(v[0])));
}

static slab_value *build_iscomplex(const slab_op *op, slab_value *const *v)
{
    (void)op;
    return of2("not_equal", of("imag", keep(v[0])), slab_value_literal_int(0));
}

static slab_value *build_isreal(const slab_op *op, slab_value *const *v)
{
    (void)op;
    return of2("equal", of("imag", keep(v[0])), slab_value_literal_int(0));
}

static slab_value *build_angle(const slab_op *op, slab_value *const *v)
{
    slab_value *x = literal_strong(v[0]);
    slab_value *im = is_complex(x) ? of("imag", keep(x)) : slab_value_literal_int(0);
    slab_value *radians = of2("arctan2", im, is_complex(x) ? of("real", x) : x);
    int64_t degrees = 0;
    if (v[1] && !slab_value_literal_get_int(v[1], &degrees)) {
        slab_value_drop(&radians);
        return refuse_switch(op, "deg");
    }
    return degrees ? of2("multiply", radians, slab_value_literal_real(180 / M_PI)) : radians;
}

/* sin(pi x) / (pi x), where pi x is 0 of the least number instead. */
static slab_value *build_sinc(const slab_op *op, slab_value *const *v)
{
    (void)op;
    slab_value *x = of2("multiply", slab_value_literal_real(M_PI), literal_strong(v[0]));
    double eps = !is_float(x)         ? 1e-20
                 : x->dtype.size == 2 ? 0x1p-10
                 : x->dtype.size == 4 ? (double)FLT_EPSILON
                                      : DBL_EPSILON;
    slab_value *y = of3("where", keep(x), keep(x), slab_value_literal_real(eps));
    slab_value_drop(&x);
    return of2("divide", of("sin", keep(y)), y);
}

/* To `decimals` digits behind the point; integers only before it. Complex numbers part by part, in
 * a kernel of their own, since a product of theirs would mix the parts. */
static slab_value *round_to(const slab_op *op, slab_value *x, int64_t decimals)
{
    bool whole = x->dtype.kind == SLAB_KIND_INT || x->dtype.kind == SLAB_KIND_UINT;
    int64_t places = decimals < 0 ? -decimals : decimals;
    const char *there = decimals < 0 ? "divide" : "multiply";
    const char *back = decimals < 0 ? "multiply" : "divide";
    double unit = pow(10, (double)(places > 400 ? 400 : places));
    if (whole && decimals >= 0)
        return keep(x);
    if (decimals == 0)
        return of("rint", keep(x));
    if (x->dtype.kind == SLAB_KIND_BOOL)
        return poisoned(slab_error_set(SLAB_ERR_TYPE, __FILE__, __LINE__,
                                       "bools have no decimals to round to"));
    if (is_complex(x)) {
        slab_value *operands[] = {x, slab_value_literal_real(decimals < 0 ? -unit : unit)};
        slab_value *parts = apply_operation(op, operands, 2);
        slab_value_drop(&operands[1]);
        return parts;
    }
    slab_value *scaled = of2(there, keep(x), slab_value_literal_real(unit));
    slab_value *result = of2(back, of("rint", scaled), slab_value_literal_real(unit));
    slab_value *same = slab_value_cast(result, x->dtype);
    slab_value_drop(&result);
    return same;
}

static slab_value *build_round(const slab_op *op, slab_value *const *v)
{
    slab_status rc = SLAB_OK;
    slab_value *x = literal_strong(v[0]), *result = NULL;
    int64_t decimals = 0;
    TRY(slab_value_status(x));
    REQUIRE(!v[1] || slab_value_literal_get_int(v[1], &decimals), SLAB_ERR_TYPE,
            "the decimals of 'round' are an integer literal");
    result = round_to(op, x, decimals);
done:
    slab_value_drop(&x);
    return result ? result : poisoned(rc);
}

/* NumPy's short cuts for exponents that are literals: exact where pow() is only near, and other
 * answers for -0.0 and -inf. */
static slab_value *build_power(const slab_op *op, slab_value *const *v)
{
    const char *name = NULL;
    if (v[0]->weak || !is_float(v[0]) || v[0]->dtype.size == 2 || !v[1]->weak ||
        v[1]->weak == SLAB_WEAK_COMPLEX)
        return apply_operation(op, v, 2);
    literal y = literal_of(v[1]);
    double exponent = y.weak == SLAB_WEAK_FLOAT ? y.re : (double)y.whole;
    if (exponent == -1)
        name = "reciprocal";
    else if (exponent == 0.5)
        name = "sqrt";
    else if (exponent == 1)
        name = "positive";
    else if (exponent == 2)
        name = "square";
    return name ? slab_value_apply(name, v, 1) : apply_operation(op, v, 2);
}

/* Is a literal above (below) all that x can be. */
static bool outside(const slab_value *x, const slab_value *bound, bool above)
{
    return !x->weak && bound->weak == SLAB_WEAK_INT &&
           !literal_fits(literal_of(bound), slab_dtype_beside(SLAB_WEAK_INT, x->dtype)) &&
           (literal_of(bound).whole > 0) == above;
}

static slab_value *build_clip(const slab_op *op, slab_value *const *v)
{
    if (v[1] && v[2])
        return apply_operation(op, v, 3);
    const slab_value *bound = v[1] ? v[1] : v[2];
    if (!bound || outside(v[0], bound, !v[1]))
        return literal_strong(v[0]);
    return of2(v[1] ? "maximum" : "minimum", literal_strong(v[0]), keep(v[1] ? v[1] : v[2]));
}

static double most_of(slab_dtype part)
{
    return part.size == 2 ? 65504 : part.size == 4 ? (double)FLT_MAX : DBL_MAX;
}

static slab_value *build_nan_to_num(const slab_op *op, slab_value *const *v)
{
    slab_value *x = literal_strong(v[0]);
    slab_dtype part = x->dtype;
    if (!is_complex(x) && !is_float(x))
        return x;
    if (is_complex(x))
        part.size = part.size > 8 ? 8 : 4;
    slab_value *operands[] = {x, v[1] ? keep(v[1]) : slab_value_literal_real(0),
                              v[2] ? keep(v[2]) : slab_value_literal_real(most_of(part)),
                              v[3] ? keep(v[3]) : slab_value_literal_real(-most_of(part))};
    slab_value *value = apply_operation(op, operands, 4);
    for (int i = 0; i < 4; i++)
        slab_value_drop(&operands[i]);
    return value;
}

/* y as floats at least: the least integer has no absolute value. */
static slab_value *inexact(slab_value *y)
{
    slab_dtype type;
    if (y->weak)
        return y->weak <= SLAB_WEAK_INT ? of2("multiply", keep(y), slab_value_literal_real(1))
                                        : keep(y);
    type = slab_dtype_beside(SLAB_WEAK_FLOAT, y->dtype);
    return slab_value_cast(y, type);
}

/* Python's abs() of a literal is one too. */
static slab_value *magnitude(slab_value *value)
{
    if (!value->weak || value->weak == SLAB_WEAK_COMPLEX)
        return of("absolute", value);
    literal x = literal_of(value);
    if (x.weak == SLAB_WEAK_FLOAT ? !signbit(x.re) : x.whole >= 0)
        return value;
    return of("negative", value);
}

/* |x - y| <= atol + rtol |y| for a finite y, or x = y; operands: x, y, rtol, atol, equal_nan. */
static slab_value *build_isclose(const slab_op *op, slab_value *const *v)
{
    int64_t equal_nan = 0;
    if (v[4] && !slab_value_literal_get_int(v[4], &equal_nan))
        return refuse_switch(op, "equal_nan");
    slab_value *y = inexact(v[1]);
    slab_value *rtol = v[2] ? keep(v[2]) : slab_value_literal_real(1e-5);
    slab_value *atol = v[3] ? keep(v[3]) : slab_value_literal_real(1e-8);
    slab_value *room = of2("add", atol, of2("multiply", rtol, magnitude(keep(y))));
    slab_value *apart = magnitude(of2("subtract", keep(v[0]), keep(y)));
    slab_value *close = of2("logical_and", of2("less_equal", apart, room), of("isfinite", keep(y)));
    close = of2("logical_or", close, of2("equal", keep(v[0]), keep(y)));
    if (equal_nan)
        close = of2("logical_or", close,
                    of2("logical_and", of("isnan", keep(v[0])), of("isnan", keep(y))));
    slab_value_drop(&y);
    return close;
}

MADE(isposinf, 1, 1, build_isposinf, "isposinf(x)", "is x inf")
MADE(isneginf, 1, 1, build_isneginf, "isneginf(x)", "is x -inf")
MADE(iscomplex, 1, 1, build_iscomplex, "iscomplex(x)", "has x an imaginary part that is not 0")
MADE(isreal, 1, 1, build_isreal, "isreal(x)", "has x no imaginary part, or 0")
MADE(angle, 1, 2, build_angle, "angle(x, deg=False)", "the angle of a complex number")
MADE(sinc, 1, 1, build_sinc, "sinc(x)", "sin(pi x) / (pi x), 1 at 0")
MADE(isclose, 2, 5, build_isclose, "isclose(x, y, rtol=1e-05, atol=1e-08, equal_nan=False)",
     "is |x - y| <= atol + rtol |y|")

/* Operands that are left out are filled in; then a kernel takes them all. */
OP(clip, 3, op_common_types, "clip(x, low, high)", "x, but low below it and high above it",
   .arity_least = 1, .literals = SLAB_LITERALS_CLIP, .build = build_clip)
OP(nan_to_num, 4, op_parts_types, "nan_to_num(x, nan=0.0, posinf=None, neginf=None)",
   "x with NaN and infinities replaced; None: by the largest finite numbers", .arity_least = 1,
   .build = build_nan_to_num)
OP(round, 2, op_parts_types, "round(x, decimals=0)",
   "rounded to decimals behind the point; halves go to the even digit", .aliases = "around",
   .arity_least = 1, .build = build_round)
OP(power, 2, op_common_types, "x ** y",
   "x to the y; integers wrap around and take no negative exponents", .aliases = "pow",
   .python = SLAB_PYTHON_POWER, .checks = slab_strip_power_check,
   .complaint = "integers to negative integer powers are not allowed", .build = build_power)
