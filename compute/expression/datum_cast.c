/* Values that get a type: of the text's numbers, and of what is cast. */
#include <slab/compute/expression/function.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { NUMBERS_MAX = 1 << 20 };

slab_status slab_datum_to_array(const slab_datum *datum, slab_value **out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    slab_view view;
    slab_box box = {.rank = 0};
    *out = NULL;
    TRY(slab_datum_to_value(datum, &value));
    if (slab_value_weak(value) != SLAB_WEAK_NONE) {
        TRY(slab_value_get(value, 0, &box, &view));
        *out = slab_value_from(slab_value_dtype(value), slab_value_shape(value), view.data);
        TRY(slab_value_status(*out));
    } else {
        *out = value;
        value = NULL;
    }
done:
    slab_value_drop(&value);
    if (rc != SLAB_OK)
        slab_value_drop(out);
    return rc;
}

static bool is_integer(slab_dtype dtype)
{
    return dtype.kind == SLAB_KIND_INT || dtype.kind == SLAB_KIND_UINT;
}

/* A 64-bit integer fits when it comes back the same, and with the same sign. */
static slab_status check_fits(slab_dtype from, const void *element, slab_dtype to)
{
    slab_status rc = SLAB_OK;
    uint64_t was, back;
    _Alignas(16) char there[16];
    char name[SLAB_DTYPE_NAME_MAX];
    memcpy(&was, element, sizeof was);
    TRY(slab_dtype_convert(from, element, to, there, 1));
    TRY(slab_dtype_convert(to, there, from, &back, 1));
    bool high = was >> 63; /* negative, or too large to be signed */
    REQUIRE(back == was && (!high || from.kind == to.kind), SLAB_ERR_RANGE,
            from.kind == SLAB_KIND_INT ? "the integer %lld is out of bounds for %s"
                                       : "the integer %llu is out of bounds for %s",
            (long long)was, slab_dtype_name(to, name));
done:
    return rc;
}

/* Integers of the text: one, or those of a list, which lie in memory. */
static slab_status check_all_fit(slab_value *value, slab_dtype to)
{
    slab_status rc = SLAB_OK;
    slab_view view;
    slab_dtype from = slab_value_dtype(value);
    slab_box box = slab_box_whole(slab_value_shape(value));
    int64_t n = slab_box_elements(&box);
    if (!is_integer(from) || !is_integer(to) || n == 0)
        return SLAB_OK;
    TRY(slab_value_get(value, 0, &box, &view));
    for (int64_t i = 0; i < n; i++)
        TRY(check_fits(from, (const char *)view.data + i * from.size, to));
done:
    return rc;
}

slab_status slab_datum_cast(const slab_datum *datum, slab_dtype dtype, slab_value **out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    bool text = datum->kind != SLAB_DATUM_VALUE || slab_value_weak(datum->value) != SLAB_WEAK_NONE;
    *out = NULL;
    TRY(slab_datum_to_array(datum, &value));
    if (text)
        TRY(check_all_fit(value, dtype));
    *out = slab_value_cast(value, dtype);
    TRY(slab_value_status(*out));
done:
    slab_value_drop(&value);
    if (rc != SLAB_OK)
        slab_value_drop(out);
    return rc;
}

/* All elements of an array that is known, as f64. */
static slab_status read_reals(slab_value *value, double *out)
{
    slab_status rc = SLAB_OK;
    slab_view view;
    slab_dtype from = slab_value_dtype(value), f8 = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    slab_box box = slab_box_whole(slab_value_shape(value));
    int64_t n = slab_box_elements(&box);
    REQUIRE(from.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE, "real numbers are expected");
    if (n == 0)
        return SLAB_OK;
    TRY(slab_value_get(value, 0, &box, &view));
    for (int64_t i = 0; i < n; i++)
        TRY(slab_dtype_convert(from, (const char *)view.data + i * (n > 1 ? view.stride[0] : 0), f8,
                               &out[i], 1));
done:
    return rc;
}

slab_status slab_datum_to_reals(const slab_datum *datum, double **out, int *n, bool *scalar)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    *out = NULL;
    *scalar = datum->kind == SLAB_DATUM_INT || datum->kind == SLAB_DATUM_REAL ||
              (datum->kind == SLAB_DATUM_VALUE && slab_value_shape(datum->value)->rank == 0);
    if (*scalar) {
        *n = 1;
        ALLOC(*out, 1, "numbers");
        TRY(slab_datum_to_real(datum, *out));
        return SLAB_OK;
    }
    TRY(slab_datum_to_value(datum, &value));
    REQUIRE(datum->kind != SLAB_DATUM_VALUE || datum->known, SLAB_ERR_TYPE,
            "numbers are expected that do not depend on the elements of an array");
    const slab_shape *shape = slab_value_shape(value);
    REQUIRE(shape->rank == 1 && shape->extent[0] <= NUMBERS_MAX, SLAB_ERR_SHAPE,
            "a list of at most %d numbers is expected", NUMBERS_MAX);
    *n = (int)shape->extent[0];
    ALLOC(*out, *n, "numbers");
    TRY(read_reals(value, *out));
done:
    slab_value_drop(&value);
    if (rc != SLAB_OK)
        FREE(*out);
    return rc;
}
