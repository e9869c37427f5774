/* Values that get a type: of the text's numbers, and of what is cast. */
#include <slab/compute/expression/function.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

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
