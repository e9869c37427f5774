#include <slab/compute/sink/disjoint.h>

size_t slab_disjoint_bytes(const slab_box *box, size_t size)
{
    for (int a = 0; a < box->rank; a++)
        if (__builtin_mul_overflow(size, (size_t)box->count[a], &size))
            return SIZE_MAX;
    return size;
}

int64_t slab_disjoint_offset(const slab_box *box, const int64_t *element, size_t size)
{
    int64_t stride[SLAB_RANK_MAX], offset = 0;
    slab_strides_of(box->rank, box->count, size, stride);
    for (int a = 0; a < box->rank; a++)
        offset += (element[a] - box->start[a]) * stride[a];
    return offset;
}

void slab_disjoint_merge(const slab_box *into_box, void *into, const slab_box *from_box,
                         const void *from, size_t size)
{
    int64_t stride[SLAB_RANK_MAX], at[SLAB_RANK_MAX] = {0};
    int last = from_box->rank - 1;
    size_t run = size * (size_t)(last < 0 ? 1 : from_box->count[last]);
    const unsigned char *row = from, *end = row + slab_disjoint_bytes(from_box, size);
    unsigned char *to = into;
    slab_strides_of(into_box->rank, into_box->count, size, stride);
    to += slab_disjoint_offset(into_box, from_box->start, size);
    for (; row < end; row += run) {
        for (size_t i = 0; i < run; i++)
            to[i] |= row[i];
        for (int a = last - 1; a >= 0; a--) {
            to += stride[a];
            if (++at[a] < from_box->count[a])
                break;
            to -= stride[a] * from_box->count[a];
            at[a] = 0;
        }
    }
}
