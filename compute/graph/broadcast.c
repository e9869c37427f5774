/* Broadcasting by NumPy's rules: axes are aligned at the last one; an extent of 1 is repeated. */
#include <slab/compute/graph/value_impl.h>

#include <slab/storage/base/try.h>

slab_status broadcast_shapes(const slab_shape *a, const slab_shape *b, slab_shape *out)
{
    slab_status rc = SLAB_OK;
    char x[SLAB_SHAPE_TEXT_MAX], y[SLAB_SHAPE_TEXT_MAX];
    slab_shape result = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= result.rank; i++) {
        int64_t m = i <= a->rank ? a->extent[a->rank - i] : 1;
        int64_t n = i <= b->rank ? b->extent[b->rank - i] : 1;
        REQUIRE(m == n || m == 1 || n == 1, SLAB_ERR_SHAPE, "shapes %s and %s do not go together",
                slab_shape_text(a, x), slab_shape_text(b, y));
        result.extent[result.rank - i] = m == 1 ? n : m;
    }
    *out = result;
done:
    return rc;
}

void broadcast_box(const slab_shape *operand, const slab_box *box, slab_box *out)
{
    int shift = box->rank - operand->rank;
    out->rank = operand->rank;
    for (int a = 0; a < operand->rank; a++) {
        bool repeated = operand->extent[a] == 1;
        out->start[a] = repeated ? 0 : box->start[a + shift];
        out->count[a] = repeated ? 1 : box->count[a + shift];
    }
}

void broadcast_strides(const slab_shape *operand, int rank, const int64_t *stride, int64_t *out)
{
    int shift = rank - operand->rank;
    for (int a = 0; a < rank; a++)
        out[a] = a < shift || operand->extent[a - shift] == 1 ? 0 : stride[a - shift];
}
