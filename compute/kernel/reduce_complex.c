/* Complex numbers: products, and the lexicographic order that NumPy gives them. */
#include <math.h>

#include <slab/compute/kernel/reduce_kernel_impl.h>

typedef struct number {
    double re, im;
} number;

static number at(bool wide, const char *row, int64_t j)
{
    const double *d = (const void *)row;
    const float *f = (const void *)row;
    return wide ? (number){d[2 * j], d[2 * j + 1]} : (number){f[2 * j], f[2 * j + 1]};
}

static bool is_nan(number x)
{
    return isnan(x.re) || isnan(x.im);
}

/* Does x, met at `place`, take the place of `old`? sign: 1 for the least, -1 for the greatest. */
static bool beats(number x, int64_t place, number old, int64_t old_place, double sign)
{
    if (old_place == INT64_MAX)
        return true;
    if (is_nan(x) || is_nan(old))
        return is_nan(x) && (!is_nan(old) || place < old_place);
    if (x.re != old.re)
        return sign * x.re < sign * old.re;
    if (x.im != old.im)
        return sign * x.im < sign * old.im;
    return place < old_place;
}

static void offer_low(slab_order_slot *s, number x, int64_t place)
{
    if (!beats(x, place, (number){s->low.re, s->low.im}, s->low.place, 1))
        return;
    s->low.re = x.re;
    s->low.im = x.im;
    s->low.place = place;
}

static void offer_high(slab_order_slot *s, number x, int64_t place)
{
    if (!beats(x, place, (number){s->high.re, s->high.im}, s->high.place, -1))
        return;
    s->high.re = x.re;
    s->high.im = x.im;
    s->high.place = place;
}

static void order_block(const slab_reduce_block *block, bool wide, bool skip,
                        slab_order_slot *slots, int64_t step)
{
    for (int64_t i = 0; i < block->rows; i++) {
        const char *row = (const char *)block->data + i * block->row_stride;
        for (int64_t j = 0; j < block->columns; j++) {
            int64_t place = block->place + i * block->row_place + j * block->column_place;
            number x = at(wide, row, j);
            if (skip && is_nan(x))
                continue;
            offer_low(&slots[j * step], x, place);
            offer_high(&slots[j * step], x, place);
        }
    }
}

static void order_init(void *slots, int64_t n)
{
    slab_order_slot *s = slots;
    for (int64_t i = 0; i < n; i++)
        s[i] = (slab_order_slot){.low = {0, 0, INT64_MAX}, .high = {0, 0, INT64_MAX}};
}

static void order_merge(void *into, const void *from, int64_t n)
{
    slab_order_slot *s = into;
    const slab_order_slot *t = from;
    for (int64_t i = 0; i < n; i++) {
        if (t[i].low.place == INT64_MAX)
            continue;
        offer_low(&s[i], (number){t[i].low.re, t[i].low.im}, t[i].low.place);
        offer_high(&s[i], (number){t[i].high.re, t[i].high.im}, t[i].high.place);
    }
}

static void multiply(number *p, number x)
{
    *p = (number){p->re * x.re - p->im * x.im, p->re * x.im + p->im * x.re};
}

static void product_block(const slab_reduce_block *block, bool wide, bool skip, number *slots,
                          int64_t step)
{
    for (int64_t i = 0; i < block->rows; i++) {
        const char *row = (const char *)block->data + i * block->row_stride;
        for (int64_t j = 0; j < block->columns; j++) {
            number x = at(wide, row, j);
            if (!skip || !is_nan(x))
                multiply(&slots[j * step], x);
        }
    }
}

static void product_init(void *slots, int64_t n)
{
    number *p = slots;
    for (int64_t i = 0; i < n; i++)
        p[i] = (number){1, 0};
}

static void product_merge(void *into, const void *from, int64_t n)
{
    number *p = into;
    const number *q = from;
    for (int64_t i = 0; i < n; i++)
        multiply(&p[i], q[i]);
}

#define KERNELS(suffix, wide, skip)                                                                \
    static void order_run##suffix(const slab_reduce_block *block, void *slot)                      \
    {                                                                                              \
        order_block(block, wide, skip, slot, 0);                                                   \
    }                                                                                              \
    static void order_columns##suffix(const slab_reduce_block *block, void *slots)                 \
    {                                                                                              \
        order_block(block, wide, skip, slots, 1);                                                  \
    }                                                                                              \
    static void product_run##suffix(const slab_reduce_block *block, void *slot)                    \
    {                                                                                              \
        product_block(block, wide, skip, slot, 0);                                                 \
    }                                                                                              \
    static void product_columns##suffix(const slab_reduce_block *block, void *slots)               \
    {                                                                                              \
        product_block(block, wide, skip, slots, 1);                                                \
    }
KERNELS(8, false, false)
KERNELS(8s, false, true)
KERNELS(16, true, false)
KERNELS(16s, true, true)

#define ORDER_ROW(suffix)                                                                          \
    {                                                                                              \
        .slot_bytes = sizeof(slab_order_slot), .places = true, .init = order_init,                 \
        .run = order_run##suffix, .columns = order_columns##suffix, .merge = order_merge           \
    }
#define PRODUCT_ROW(suffix)                                                                        \
    {                                                                                              \
        .slot_bytes = sizeof(number), .init = product_init, .run = product_run##suffix,            \
        .columns = product_columns##suffix, .merge = product_merge                                 \
    }

static const slab_reduce_kernel orders[2][2] = {{ORDER_ROW(8), ORDER_ROW(8s)},
                                                {ORDER_ROW(16), ORDER_ROW(16s)}};
static const slab_reduce_kernel products[2][2] = {{PRODUCT_ROW(8), PRODUCT_ROW(8s)},
                                                  {PRODUCT_ROW(16), PRODUCT_ROW(16s)}};

const slab_reduce_kernel *reduce_order_of(slab_dtype dtype, bool skip)
{
    bool takes = dtype.kind == SLAB_KIND_COMPLEX && dtype.size >= 8;
    return takes ? &orders[dtype.size == 16][skip] : NULL;
}

const slab_reduce_kernel *reduce_complex_product_of(slab_dtype dtype, bool skip)
{
    bool takes = dtype.kind == SLAB_KIND_COMPLEX && dtype.size >= 8;
    return takes ? &products[dtype.size == 16][skip] : NULL;
}
