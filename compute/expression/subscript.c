/* object[...]: NumPy's basic indexing of arrays, Python's of tuples and lists. */
#include <slab/compute/expression/expression_impl.h>
#include <slab/compute/expression/function_impl.h>

static slab_status slice_part(const slab_datum *part, bool *has, int64_t *out)
{
    slab_status rc = SLAB_OK;
    if (part->kind == SLAB_DATUM_NONE)
        return SLAB_OK;
    *has = true;
    TRY_AT(part->character, slab_datum_to_int(part, out));
done:
    return rc;
}

static slab_status to_slice(const subscript_item *item, slab_index *out)
{
    slab_status rc = SLAB_OK;
    bool has_step = false;
    *out = (slab_index){.kind = SLAB_INDEX_SLICE, .step = 1};
    TRY(slice_part(&item->part[0], &out->has_start, &out->start));
    TRY(slice_part(&item->part[1], &out->has_stop, &out->stop));
    TRY(slice_part(&item->part[2], &has_step, &out->step));
    REQUIRE_AT(out->step != 0, item->part[2].character, SLAB_ERR_VALUE, "a slice of step 0");
done:
    return rc;
}

static slab_status to_index(const subscript_item *item, slab_index *out)
{
    slab_status rc = SLAB_OK;
    const slab_datum *datum = &item->part[0];
    if (item->is_slice)
        return to_slice(item, out);
    *out = (slab_index){.kind = SLAB_INDEX_INTEGER};
    switch (datum->kind) {
    case SLAB_DATUM_NONE:
        out->kind = SLAB_INDEX_NEWAXIS;
        break;
    case SLAB_DATUM_ELLIPSIS:
        out->kind = SLAB_INDEX_ELLIPSIS;
        break;
    case SLAB_DATUM_VALUE:
        REQUIRE_AT(slab_value_shape(datum->value)->rank == 0 &&
                       slab_value_dtype(datum->value).kind != SLAB_KIND_BOOL,
                   item->character, SLAB_ERR_UNSUPPORTED,
                   "an array as an index: only integers, slices, newaxis and ... are available");
        TRY_AT(item->character, slab_datum_to_int(datum, &out->start));
        break;
    default:
        FAIL_AT(item->character, SLAB_ERR_UNSUPPORTED,
                "only integers, slices, newaxis and ... can be an index here");
    }
done:
    return rc;
}

static slab_status of_value(const slab_datum *object, const subscript_item *items, int n, int at,
                            slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    slab_index *indices = NULL;
    int ellipses = 0;
    REQUIRE_AT(slab_value_weak(object->value) == SLAB_WEAK_NONE, at, SLAB_ERR_TYPE,
               "a number has no elements");
    ALLOC(indices, n, "an index");
    for (int i = 0; i < n; i++) {
        TRY(to_index(&items[i], &indices[i]));
        ellipses += indices[i].kind == SLAB_INDEX_ELLIPSIS;
        REQUIRE_AT(ellipses <= 1, items[i].character, SLAB_ERR_VALUE, "more than one ...");
    }
    value = slab_value_index(object->value, indices, n);
    TRY_AT(at, slab_value_status(value));
    *out = (slab_datum){.kind = SLAB_DATUM_VALUE, .value = value, .known = object->known};
    value = NULL;
done:
    slab_value_drop(&value);
    FREE(indices);
    return rc;
}

/* A bound of a slice as Python clips it, to 0 .. n, or -1 .. n - 1 when it runs backwards. */
static int64_t clip_bound(bool has, int64_t bound, int64_t otherwise, int64_t n, bool backwards)
{
    int64_t low = backwards ? -1 : 0, high = backwards ? n - 1 : n;
    if (!has)
        return otherwise;
    bound += bound < 0 ? n : 0;
    return bound < low ? low : bound > high ? high : bound;
}

static slab_status slice_sequence(const slab_datum *object, const slab_index *slice,
                                  slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_datum made = {.kind = object->kind};
    bool back = slice->step < 0;
    int64_t n = object->n;
    int64_t at = clip_bound(slice->has_start, slice->start, back ? n - 1 : 0, n, back);
    int64_t stop = clip_bound(slice->has_stop, slice->stop, back ? -1 : n, n, back);
    /* a longer step takes the same: one element */
    int64_t step = slice->step > n ? n + 1 : slice->step < -n ? -n - 1 : slice->step;
    ALLOC(made.items, n, "a list");
    for (; back ? at > stop : at < stop; at += step, made.n++)
        TRY(slab_datum_copy(&object->items[at], &made.items[made.n]));
    *out = made;
    made = (slab_datum){0};
done:
    slab_datum_clear(&made);
    return rc;
}

static slab_status of_sequence(const slab_datum *object, const subscript_item *item,
                               slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int64_t i;
    slab_index slice;
    if (item->is_slice) {
        TRY(to_slice(item, &slice));
        return slice_sequence(object, &slice, out);
    }
    TRY_AT(item->character, slab_datum_to_int(&item->part[0], &i));
    REQUIRE_AT(i >= -(int64_t)object->n && i < object->n, item->character, SLAB_ERR_RANGE,
               "item %lld of %d", (long long)i, object->n);
    TRY(slab_datum_copy(&object->items[i < 0 ? i + object->n : i], out));
done:
    return rc;
}

slab_status subscript_datum(const slab_datum *object, const subscript_item *items, int n,
                            bool is_tuple, int at, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    bool sequence = object->kind == SLAB_DATUM_TUPLE || object->kind == SLAB_DATUM_LIST;
    if (object->kind == SLAB_DATUM_VALUE)
        return of_value(object, items, n, at, out);
    REQUIRE_AT(sequence, at, SLAB_ERR_TYPE, "this has no elements");
    REQUIRE_AT(!is_tuple, at, SLAB_ERR_TYPE, "a tuple or list takes one index");
    TRY(of_sequence(object, items, out));
done:
    return rc;
}
