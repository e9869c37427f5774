/* Boxes: what lies where, and copies between strided blocks. */
#include <slab/storage/base/shape.h>

#include <string.h>

int64_t slab_box_elements(const slab_box *box)
{
    int64_t n = 1;
    for (int i = 0; i < box->rank; i++)
        n *= box->count[i];
    return n;
}

bool slab_box_intersect(const slab_box *a, const slab_box *b, slab_box *out)
{
    bool some = true;
    slab_box r = {.rank = a->rank};
    for (int i = 0; i < a->rank; i++) {
        int64_t from = a->start[i] > b->start[i] ? a->start[i] : b->start[i];
        int64_t a_end = a->start[i] + a->count[i], b_end = b->start[i] + b->count[i];
        int64_t to = a_end < b_end ? a_end : b_end;
        r.start[i] = from;
        r.count[i] = to > from ? to - from : 0;
        some &= to > from;
    }
    *out = r;
    return some;
}

slab_box slab_box_whole(const slab_shape *shape)
{
    slab_box box = {.rank = shape->rank};
    memcpy(box.count, shape->extent, (size_t)shape->rank * sizeof *box.count);
    return box;
}

/* The axis that parts are cut along, and how far; axes behind it are whole, those before single. */
static int cut_axis(const slab_box *box, size_t size, size_t most, int64_t *step)
{
    int64_t room = (int64_t)(most / size);
    int a = box->rank - 1;
    for (; a > 0 && box->count[a] <= room; a--)
        room /= box->count[a];
    *step = room < 1 ? 1 : room;
    return a;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool slab_box_first_part(const slab_box *box, size_t size, size_t most, slab_box *part)
{
    int64_t step;
    *part = *box;
    if (slab_box_elements(box) == 0)
        return false;
    int axis = cut_axis(box, size, most, &step);
    for (int a = 0; a <= axis; a++)
        part->count[a] = a < axis ? 1 : least(step, box->count[a]);
    return true;
}

bool slab_box_next_part(const slab_box *box, size_t size, size_t most, slab_box *part)
{
    int64_t step;
    int axis = cut_axis(box, size, most, &step);
    for (int a = axis; a >= 0; a--) {
        int64_t end = box->start[a] + box->count[a];
        part->start[a] += part->count[a];
        part->count[a] = least(a < axis ? 1 : step, end - part->start[a]);
        if (part->start[a] < end)
            return true;
        part->start[a] = box->start[a];
        part->count[a] = least(a < axis ? 1 : step, box->count[a]);
    }
    return false;
}

void slab_strides_of(int rank, const int64_t *count, size_t size, int64_t *stride)
{
    int64_t bytes = (int64_t)size;
    for (int i = rank - 1; i >= 0; i--) {
        stride[i] = bytes;
        bytes *= count[i];
    }
}

/* n elements whose strides are not both their size. */
static void copy_scattered(int64_t n, const char *src, int64_t src_stride, char *dst,
                           int64_t dst_stride, size_t size)
{
#define COPY(type)                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                              \
        type x;                                                                                    \
        memcpy(&x, src + i * src_stride, sizeof x);                                                \
        memcpy(dst + i * dst_stride, &x, sizeof x);                                                \
    }
    switch (size) {
    case 1:
        COPY(uint8_t) break;
    case 2:
        COPY(uint16_t) break;
    case 4:
        COPY(uint32_t) break;
    case 8:
        COPY(uint64_t) break;
    default:
        for (int64_t i = 0; i < n; i++)
            memcpy(dst + i * dst_stride, src + i * src_stride, size);
    }
#undef COPY
}

void slab_box_copy(int rank, const int64_t *count, const void *src, const int64_t *src_stride,
                   void *dst, const int64_t *dst_stride, size_t size)
{
    int64_t run = (int64_t)size, index[SLAB_RANK_MAX] = {0};
    int inner = rank; /* axes inner.. are one contiguous run in both blocks */
    for (int i = 0; i < rank; i++)
        if (count[i] == 0)
            return;
    while (inner > 0 && ((src_stride[inner - 1] == run && dst_stride[inner - 1] == run) ||
                         count[inner - 1] == 1))
        run *= count[--inner];
    /* When not even the last axis is contiguous, it is copied element by element. */
    int last = inner == rank && rank > 0 ? rank - 1 : -1;
    int outer = last >= 0 ? last : inner;
    const char *from = src;
    char *to = dst;
    for (;;) {
        if (last >= 0)
            copy_scattered(count[last], from, src_stride[last], to, dst_stride[last], size);
        else
            memcpy(to, from, (size_t)run);
        int i = outer - 1;
        for (; i >= 0; i--) {
            from += src_stride[i];
            to += dst_stride[i];
            if (++index[i] < count[i])
                break;
            from -= src_stride[i] * count[i];
            to -= dst_stride[i] * count[i];
            index[i] = 0;
        }
        if (i < 0)
            return;
    }
}
