/* Python's literals as values: numbers that take the type of what they meet. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/try.h>
#include <string.h>

slab_value *constant_value(slab_dtype dtype, slab_weak weak, const void *element)
{
    static const char constants;
    slab_shape scalar = {.rank = 0};
    share_key key = {.kind = &constants};
    memcpy(key.bits, element, dtype.size);
    key.bits[2] = (uint64_t)weak << 32 | (uint64_t)dtype.kind << 16 | dtype.size;
    slab_value *value = share_find(&key);
    if (value)
        return value;
    value = slab_value_from(dtype, &scalar, element);
    if (!value->poison) {
        value->weak = weak;
        share_enter(value, &key);
    }
    return value;
}

slab_value *slab_value_literal_bool(bool x)
{
    return literal_value((literal){.weak = SLAB_WEAK_BOOL, .whole = x});
}

slab_value *slab_value_literal_int(int64_t x)
{
    return literal_value((literal){.weak = SLAB_WEAK_INT, .whole = x});
}

slab_value *slab_value_literal_uint(uint64_t x)
{
    return literal_value((literal){.weak = SLAB_WEAK_INT, .whole = x});
}

slab_value *slab_value_literal_real(double x)
{
    return literal_value((literal){.weak = SLAB_WEAK_FLOAT, .re = x});
}

slab_value *slab_value_literal_complex(double re, double im)
{
    return literal_value((literal){.weak = SLAB_WEAK_COMPLEX, .re = re, .im = im});
}

slab_value *literal_value(literal x)
{
    double pair[2] = {x.re, x.im};
    uint64_t bits = (uint64_t)x.whole;
    uint8_t truth = x.whole != 0;
    switch (x.weak) {
    case SLAB_WEAK_BOOL:
        return constant_value(slab_dtype_make(SLAB_KIND_BOOL, 1), x.weak, &truth);
    case SLAB_WEAK_INT:
        return constant_value(
            slab_dtype_make(x.whole > INT64_MAX ? SLAB_KIND_UINT : SLAB_KIND_INT, 8), x.weak,
            &bits);
    case SLAB_WEAK_FLOAT:
        return constant_value(slab_dtype_make(SLAB_KIND_FLOAT, 8), x.weak, pair);
    default:
        return constant_value(slab_dtype_make(SLAB_KIND_COMPLEX, 16), x.weak, pair);
    }
}

slab_weak slab_value_weak(const slab_value *value)
{
    return value->weak;
}

/* The one element of a constant. */
static const void *element_of(const slab_value *value)
{
    slab_box box = {.rank = 0};
    slab_view view;
    slab_value_get((slab_value *)value, 0, &box, &view); /* of memory: cannot fail */
    return view.data;
}

literal literal_of(const slab_value *value)
{
    literal x = {.weak = value->weak};
    const void *element = element_of(value);
    uint64_t bits = 0;
    if (x.weak == SLAB_WEAK_BOOL) {
        x.whole = *(const uint8_t *)element;
    } else if (x.weak == SLAB_WEAK_INT) {
        memcpy(&bits, element, sizeof bits);
        x.whole = value->dtype.kind == SLAB_KIND_UINT ? (__int128)bits : (__int128)(int64_t)bits;
    } else {
        memcpy(&x.re, element, sizeof x.re);
        if (x.weak == SLAB_WEAK_COMPLEX)
            memcpy(&x.im, (const char *)element + sizeof x.re, sizeof x.im);
    }
    return x;
}

slab_value *literal_strong(slab_value *value)
{
    if (!value->weak)
        return slab_value_keep(value);
    return constant_value(value->dtype, SLAB_WEAK_NONE, element_of(value));
}

bool slab_value_literal_get_int(const slab_value *value, int64_t *out)
{
    if (value->weak != SLAB_WEAK_BOOL && value->weak != SLAB_WEAK_INT)
        return false;
    literal x = literal_of(value);
    *out = (int64_t)x.whole;
    return x.whole <= INT64_MAX;
}

/* The least and the most of an integer type. */
static void bounds(slab_dtype dtype, __int128 *low, __int128 *high)
{
    int bits = 8 * (int)dtype.size;
    bool sign = dtype.kind == SLAB_KIND_INT;
    *low = sign ? -((__int128)1 << (bits - 1)) : 0;
    *high = ((__int128)1 << (sign ? bits - 1 : bits)) - 1;
}

bool literal_fits(literal x, slab_dtype dtype)
{
    __int128 low, high;
    if (x.weak != SLAB_WEAK_INT || (dtype.kind != SLAB_KIND_INT && dtype.kind != SLAB_KIND_UINT))
        return true;
    bounds(dtype, &low, &high);
    return low <= x.whole && x.whole <= high;
}

static slab_status check_fits(const slab_value *value, slab_dtype dtype)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX], digits[32];
    slab_dtype_print(value->dtype, element_of(value), digits, sizeof digits);
    REQUIRE(literal_fits(literal_of(value), dtype), SLAB_ERR_RANGE,
            "Python integer %s out of bounds for %s", digits, slab_dtype_name(dtype, name));
done:
    return rc;
}

/* The number as it stands within the type, where the overflow says how. */
static void bring_in(slab_dtype dtype, literal_overflow overflow, literal *x)
{
    __int128 low, high;
    if (literal_fits(*x, dtype))
        return;
    bounds(dtype, &low, &high);
    if (overflow == LITERAL_WRAPS)
        x->whole = dtype.kind == SLAB_KIND_INT ? (int64_t)x->whole : (__int128)(uint64_t)x->whole;
    if (overflow == LITERAL_RISES && x->whole < low)
        x->whole = low;
    if (overflow == LITERAL_FALLS && x->whole > high)
        x->whole = high;
}

slab_value *literal_as(const slab_value *value, slab_dtype loop, slab_dtype operand,
                       literal_overflow overflow)
{
    slab_status rc = SLAB_OK;
    slab_value *constant = NULL, *within = NULL;
    _Alignas(16) uint8_t wide[16], narrow[16], element[16];
    slab_dtype f8 = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    literal x = literal_of(value);
    bring_in(loop, overflow, &x);
    within = literal_value(x);
    TRY(slab_value_status(within));
    if (overflow != LITERAL_WRAPS)
        TRY(check_fits(within, loop));
    slab_dtype from = within->dtype;
    memcpy(wide, element_of(within), from.size);
    if (x.weak == SLAB_WEAK_INT && loop.kind == SLAB_KIND_FLOAT) {
        TRY(slab_dtype_convert(from, wide, f8, narrow, 1)); /* through Python's float */
        memcpy(wide, narrow, f8.size);
        from = f8;
    }
    TRY(slab_dtype_convert(from, wide, loop, narrow, 1));
    TRY(slab_dtype_convert(loop, narrow, operand, element, 1));
    constant = constant_value(operand, SLAB_WEAK_NONE, element);
done:
    slab_value_drop(&within);
    return value_finish(rc, &constant);
}
