/* What parts of an expression are, and what numbers and arrays they stand for. */
#include <slab/compute/expression/function.h>

#include <slab/compute/graph/op.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { ELEMENT_MAX = 16 };

static bool is_sequence(const slab_datum *datum)
{
    return datum->kind == SLAB_DATUM_TUPLE || datum->kind == SLAB_DATUM_LIST;
}

void slab_datum_clear(slab_datum *datum)
{
    if (datum->kind == SLAB_DATUM_VALUE)
        slab_value_drop(&datum->value);
    if (is_sequence(datum)) {
        for (int i = 0; i < datum->n; i++)
            slab_datum_clear(&datum->items[i]);
        FREE(datum->items);
    }
    *datum = (slab_datum){0};
}

slab_status slab_datum_copy(const slab_datum *datum, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum copy = *datum;
    *out = (slab_datum){0};
    if (datum->kind == SLAB_DATUM_VALUE)
        slab_value_keep(copy.value);
    if (is_sequence(datum)) {
        copy.items = NULL;
        copy.n = 0;
        ALLOC(copy.items, datum->n, "a list");
        for (; copy.n < datum->n; copy.n++)
            TRY(slab_datum_copy(&datum->items[copy.n], &copy.items[copy.n]));
    }
    *out = copy;
    copy = (slab_datum){0};
done:
    slab_datum_clear(&copy);
    return rc;
}

/* The element of a number that depends on no array. */
static slab_status read_number(const slab_datum *datum, slab_dtype *dtype, void *element)
{
    slab_status rc = SLAB_OK;
    slab_view view;
    slab_box box = {.rank = 0};
    REQUIRE(datum->kind == SLAB_DATUM_VALUE, SLAB_ERR_TYPE, "a number is expected");
    REQUIRE(slab_value_shape(datum->value)->rank == 0, SLAB_ERR_TYPE,
            "a number is expected, not an array");
    REQUIRE(datum->known, SLAB_ERR_TYPE,
            "a number is expected that does not depend on the elements of an array");
    *dtype = slab_value_dtype(datum->value);
    TRY(slab_value_get(datum->value, 0, &box, &view));
    memcpy(element, view.data, dtype->size);
done:
    return rc;
}

slab_status slab_datum_to_int(const slab_datum *datum, int64_t *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype dtype, i8 = slab_dtype_make(SLAB_KIND_INT, 8);
    _Alignas(16) char element[ELEMENT_MAX];
    uint64_t large = 0;
    if (datum->kind == SLAB_DATUM_INT) {
        *out = datum->integer;
        return SLAB_OK;
    }
    TRY(read_number(datum, &dtype, element));
    REQUIRE(dtype.kind <= SLAB_KIND_UINT, SLAB_ERR_TYPE, "an integer is expected");
    if (dtype.kind == SLAB_KIND_UINT && dtype.size == 8)
        memcpy(&large, element, sizeof large);
    REQUIRE(large <= INT64_MAX, SLAB_ERR_RANGE, "an integer beyond 2**63 - 1");
    TRY(slab_dtype_convert(dtype, element, i8, out, 1));
done:
    return rc;
}

slab_status slab_datum_to_real(const slab_datum *datum, double *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype dtype;
    _Alignas(16) char element[ELEMENT_MAX];
    if (datum->kind == SLAB_DATUM_REAL || datum->kind == SLAB_DATUM_INT) {
        *out = datum->kind == SLAB_DATUM_REAL ? datum->real : (double)datum->integer;
        return SLAB_OK;
    }
    TRY(read_number(datum, &dtype, element));
    REQUIRE(dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE, "a real number is expected");
    *out = slab_dtype_get_double(dtype, element);
done:
    return rc;
}

slab_status slab_datum_to_bool(const slab_datum *datum, bool *out)
{
    slab_status rc = SLAB_OK;
    slab_dtype dtype, c16 = slab_dtype_make(SLAB_KIND_COMPLEX, 16);
    _Alignas(16) char element[ELEMENT_MAX];
    double pair[2];
    switch (datum->kind) {
    case SLAB_DATUM_NONE:
        *out = false;
        break;
    case SLAB_DATUM_BOOL:
        *out = datum->boolean;
        break;
    case SLAB_DATUM_STRING:
        *out = datum->string[0] != '\0';
        break;
    case SLAB_DATUM_TUPLE:
    case SLAB_DATUM_LIST:
        *out = datum->n > 0;
        break;
    case SLAB_DATUM_VALUE:
        TRY(read_number(datum, &dtype, element));
        TRY(slab_dtype_convert(dtype, element, c16, pair, 1)); /* no nonzero number becomes 0 */
        *out = pair[0] != 0 || pair[1] != 0;
        break;
    default:
        *out = true;
    }
done:
    return rc;
}

/* The shape of nested lists of numbers; how their elements are read comes after. */
typedef struct list_reader {
    slab_shape shape;
    slab_dtype dtype; /* of all elements seen so far */
    bool any;
    char *data; /* NULL while shape and type are being found */
    size_t written;
} list_reader;

static slab_status check_extent(list_reader *reader, const slab_datum *datum, int depth)
{
    slab_status rc = SLAB_OK;
    bool deepest = !is_sequence(datum);
    REQUIRE(deepest || depth < SLAB_RANK_MAX, SLAB_ERR_SHAPE, "a list of more than %d axes",
            SLAB_RANK_MAX);
    bool first = !reader->any && (depth == 0 || depth > reader->shape.rank - 1);
    if (!deepest && first && depth == reader->shape.rank)
        reader->shape.extent[reader->shape.rank++] = datum->n;
    REQUIRE(deepest ? depth == reader->shape.rank
                    : depth < reader->shape.rank && datum->n == reader->shape.extent[depth],
            SLAB_ERR_SHAPE, "lists of different lengths make no array");
done:
    return rc;
}

static slab_status read_leaf(list_reader *reader, const slab_datum *datum)
{
    slab_status rc = SLAB_OK;
    slab_dtype dtype;
    _Alignas(16) char element[ELEMENT_MAX];
    if (datum->kind == SLAB_DATUM_VALUE)
        REQUIRE(datum->known && slab_value_shape(datum->value)->rank == 0, SLAB_ERR_UNSUPPORTED,
                "a list of arrays would have to be stacked: lists hold plain numbers here");
    TRY(read_number(datum, &dtype, element));
    if (reader->data) {
        TRY(slab_dtype_convert(dtype, element, reader->dtype, reader->data + reader->written, 1));
        reader->written += reader->dtype.size;
    } else if (reader->any) {
        TRY(slab_dtype_promote(reader->dtype, dtype, &reader->dtype));
    } else {
        reader->dtype = dtype;
    }
    reader->any = true;
done:
    return rc;
}

static slab_status read_list(list_reader *reader, const slab_datum *datum, int depth)
{
    slab_status rc = SLAB_OK;
    if (!reader->data)
        TRY(check_extent(reader, datum, depth));
    if (!is_sequence(datum))
        return read_leaf(reader, datum);
    for (int i = 0; i < datum->n; i++)
        TRY(read_list(reader, &datum->items[i], depth + 1));
done:
    return rc;
}

static slab_status list_to_value(const slab_datum *datum, slab_value **out)
{
    slab_status rc = SLAB_OK;
    list_reader reader = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8)};
    int64_t elements;
    TRY(read_list(&reader, datum, 0));
    TRY(slab_shape_elements(&reader.shape, &elements));
    if (elements > 0) {
        TRY(slab_memory_alloc((void **)&reader.data, (size_t)elements, reader.dtype.size,
                              "a list of numbers"));
        TRY(read_list(&reader, datum, 0));
    }
    *out = slab_value_from(reader.dtype, &reader.shape, reader.data);
    TRY(slab_value_status(*out));
done:
    if (rc != SLAB_OK)
        slab_value_drop(out);
    FREE(reader.data);
    return rc;
}

slab_status slab_datum_to_value(const slab_datum *datum, slab_value **out)
{
    slab_status rc = SLAB_OK;
    *out = NULL;
    if (is_sequence(datum))
        return list_to_value(datum, out);
    REQUIRE(datum->kind == SLAB_DATUM_VALUE, SLAB_ERR_TYPE, "an array is expected, not %s",
            datum->kind == SLAB_DATUM_NONE       ? "None"
            : datum->kind == SLAB_DATUM_STRING   ? "a string"
            : datum->kind == SLAB_DATUM_DTYPE    ? "a type"
            : datum->kind == SLAB_DATUM_ELLIPSIS ? "..."
                                                 : "a constant");
    *out = slab_value_keep(datum->value);
done:
    return rc;
}
