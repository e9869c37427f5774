/*
 * Bytes times 24-bit integers (compute/kernel/digits.h).
 *
 * With x0 the elements with missing ones as 0, and e marking the missing ones:
 *
 *     (Z^T q)_c = s_c (sum_i x0_ic q_i - mu_c (sum_i q_i - sum_i e_ic q_i))
 *     (Z w)_i   = sum_c x0_ic a_c - sum_c v_c + sum_c e_ic v_c,   a_c = s_c w_c,  v_c = mu_c a_c
 *
 * All sums but those of v are exact integers, scaled by powers of two.
 */
#include <math.h>
#include <slab/compute/kernel/digits.h>
#include <slab/compute/sink/product_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* Vectors of one length, as digits on either side of the bytes. */
typedef struct digit_block {
    int8_t *left;               /* of q */
    int8_t *right;              /* of a */
    int8_t *gone;               /* right digits of v; NULL when nothing can be missing */
    double *scale, *gone_scale; /* f64 [l]: units of the integers */
    double *total;              /* f64 [l]: sum of q, or of v */
} digit_block;

/* A thread's arrays. Capacities are those of a whole tile. */
typedef struct digit_own {
    digit_block w;       /* of the band's vectors; none when half */
    double *sums, *gone; /* first: side 0 f64 [l, band], side 1 f64 [band, l] and no gone */
    double *fold;        /* second of side 1: f64 [2, l, columns of a tile] */
    double *entry;       /* f64 [l] */
    int32_t *integer;    /* [2, l] */
    void *scratch;       /* of the kernel */
} digit_own;

static slab_bytes bytes_of(const slab_product *p, const slab_tile *tile)
{
    return (slab_bytes){.src = tile->view.data,
                        .stride = {tile->view.stride[0], tile->view.stride[1]},
                        .rows = tile->box.count[0],
                        .cols = tile->box.count[1],
                        .has_missing = p->z->has_missing,
                        .missing = (uint8_t)p->z->missing};
}

/* Takes bytes from a block of memory; with base NULL it only counts. */
typedef struct carver {
    char *base;
    size_t used;
} carver;

static void *carve(carver *from, size_t bytes)
{
    void *at = from->base ? from->base + from->used : NULL;
    from->used += product_room((int64_t)bytes, 1);
    return at;
}

static void carve_block(carver *from, digit_block *block, int64_t k, int l, bool left, bool missing)
{
    size_t digits = slab_digits_bytes(k, l);
    void *first = carve(from, digits);
    block->left = left ? first : NULL;
    block->right = left ? NULL : first;
    block->gone = !left && missing ? carve(from, digits) : NULL;
    block->scale = carve(from, (size_t)l * sizeof(double));
    block->gone_scale = carve(from, (size_t)l * sizeof(double));
    block->total = carve(from, (size_t)l * sizeof(double));
}

/* Units that let entries up to largest[v] (and largest[l + v] for v) fill their 24 bits. */
static void block_begin(digit_block *block, int l, const double *largest)
{
    for (int v = 0; v < l; v++) {
        block->scale[v] = 1 / slab_digits_scale(largest[v]);
        block->gone_scale[v] = 1 / slab_digits_scale(largest[l + v]);
        block->total[v] = 0;
    }
}

static void put_left(digit_block *block, int64_t k, int l, const double *entry, int32_t *integer)
{
    for (int v = 0; v < l; v++) {
        integer[v] = slab_digits_round(entry[v] / block->scale[v]);
        block->total[v] += integer[v] * block->scale[v];
    }
    slab_digits_left(block->left, k, l, integer);
}

static void put_right(digit_block *block, int64_t k, int l, const double *entry, double mean,
                      int32_t *integer)
{
    for (int v = 0; v < l; v++) {
        integer[v] = slab_digits_round(entry[v] / block->scale[v]);
        double gone = mean * (integer[v] * block->scale[v]);
        integer[l + v] = slab_digits_round(gone / block->gone_scale[v]);
        block->total[v] += gone;
    }
    slab_digits_right(block->right, k, l, integer);
    if (block->gone)
        slab_digits_right(block->gone, k, l, integer + l);
}

/* The vectors q: a block, and behind it room for one entry of all. */
typedef struct digit_prepared {
    digit_block q;
    double *largest;  /* f64 [2, l] */
    double *entry;    /* f64 [l] */
    int32_t *integer; /* [2, l] */
} digit_prepared;

static void carve_prepared(carver *from, const slab_product *p, digit_prepared *self)
{
    size_t l = (size_t)p->l;
    carve_block(from, &self->q, product_m(p), p->l, p->side == 0, p->z->has_missing);
    self->largest = carve(from, 2 * l * sizeof(double));
    self->entry = carve(from, l * sizeof(double));
    self->integer = carve(from, 2 * l * sizeof(int32_t));
}

static size_t prepared_bytes(const slab_product *p)
{
    digit_prepared self;
    carver count = {NULL, product_room(sizeof self, 1)};
    carve_prepared(&count, p, &self);
    return count.used;
}

/* Side 0: q itself, rounded in place. */
static void prepare_left(const slab_product *p, digit_prepared *self)
{
    int l = p->l;
    int64_t ld = product_ld(p);
    for (int64_t i = 0; i < p->z->n; i++)
        for (int v = 0; v < l; v++)
            self->largest[v] = fmax(self->largest[v], fabs((double)p->q[i * ld + v]));
    block_begin(&self->q, l, self->largest);
    for (int64_t i = 0; i < p->z->n; i++) {
        for (int v = 0; v < l; v++)
            self->entry[v] = p->q[i * ld + v];
        put_left(&self->q, i, l, self->entry, self->integer);
        for (int v = 0; v < l; v++)
            p->q[i * ld + v] = (float)(self->integer[v] * self->q.scale[v]);
    }
}

/* Side 1: s q, whose products with x need no more scaling. */
static void prepare_right(const slab_product *p, digit_prepared *self)
{
    const slab_standard *z = p->z;
    int l = p->l;
    int64_t ld = product_ld(p);
    for (int64_t c = 0; c < z->d; c++)
        for (int v = 0; v < l; v++) {
            double a = fabs(z->scale[c] * p->q[c * ld + v]);
            self->largest[v] = fmax(self->largest[v], a);
            self->largest[l + v] = fmax(self->largest[l + v], a * fabs(z->mean[c]));
        }
    block_begin(&self->q, l, self->largest);
    for (int64_t c = 0; c < z->d; c++) {
        for (int v = 0; v < l; v++)
            self->entry[v] = z->scale[c] * p->q[c * ld + v];
        put_right(&self->q, c, l, self->entry, z->mean[c], self->integer);
    }
}

static slab_status prepare(slab_product *p)
{
    slab_status rc = SLAB_OK;
    TRY(slab_memory_alloc(&p->prepared, prepared_bytes(p), 1, "vectors as 24-bit integers"));
    digit_prepared *self = p->prepared;
    carver from = {p->prepared, product_room(sizeof *self, 1)};
    carve_prepared(&from, p, self);
    if (p->side == 0)
        prepare_left(p, self);
    else
        prepare_right(p, self);
done:
    return rc;
}

static void clear(slab_product *p)
{
    FREE(p->prepared);
}

/* The arrays for a band and a tile in it; those that depend on the tile come last, so that the
 * others stay where they are from tile to tile. */
static void carve_own(carver *from, const slab_product *p, digit_own *own, const int64_t tile[2])
{
    int64_t band = tile[1 - p->side];
    size_t l = (size_t)p->l, sums = (size_t)band * l * sizeof(double);
    size_t fold = p->emit || p->side == 0 ? 0 : 2 * (size_t)tile[1] * l * sizeof(double);
    own->sums = carve(from, sums);
    own->gone = p->side == 0 ? carve(from, sums) : NULL;
    if (!p->emit)
        carve_block(from, &own->w, band, p->l, p->side == 1, p->z->has_missing);
    own->entry = carve(from, l * sizeof(double));
    own->integer = carve(from, 2 * l * sizeof(int32_t));
    own->fold = carve(from, fold);
    own->scratch = carve(from, slab_digits_scratch(tile[0], tile[1], p->l));
}

static digit_own *own_of(const slab_product *p, product_band *band)
{
    digit_own *own = band->own;
    carver from = {band->own, product_room(sizeof *own, 1)};
    carve_own(&from, p, own, band->tile);
    return own;
}

static size_t scratch_bytes(const slab_product *p, const slab_shape *tile)
{
    digit_own own;
    carver count = {NULL, product_room(sizeof own, 1)};
    carve_own(&count, p, &own, tile->extent);
    return count.used;
}

static void begin(const slab_product *p, product_band *band)
{
    size_t sums = (size_t)band->count * (size_t)p->l * sizeof(double);
    memset(band->own, 0, sizeof(digit_own));
    digit_own *own = own_of(p, band);
    memset(own->sums, 0, sums);
    if (own->gone)
        memset(own->gone, 0, sums);
    if (own->w.left) /* entries of the padding stay 0 */
        memset(own->w.left, 0, slab_digits_bytes(band->count, p->l));
    if (own->w.right)
        memset(own->w.right, 0, slab_digits_bytes(band->count, p->l));
    if (own->w.gone)
        memset(own->w.gone, 0, slab_digits_bytes(band->count, p->l));
}

static void first(const slab_product *p, product_band *band, const slab_tile *tile)
{
    const digit_prepared *self = p->prepared;
    digit_own *own = own_of(p, band);
    slab_bytes x = bytes_of(p, tile);
    if (p->side == 0)
        slab_digits_down(&x, self->q.left, tile->box.start[0], p->l, own->sums, own->gone,
                         band->count, own->scratch);
    else
        slab_digits_across(&x, self->q.right, self->q.gone, tile->box.start[1], p->l, self->q.scale,
                           self->q.gone_scale, NULL, own->sums, p->l, own->scratch);
}

/* Side 0: w_c for all vectors, from the sums over the band's rows. */
static void column(const slab_product *p, const product_band *band, int64_t c, double *w)
{
    const digit_block *q = &((const digit_prepared *)p->prepared)->q;
    const digit_own *own = band->own;
    double mean = p->z->mean[band->start + c], scale = p->z->scale[band->start + c];
    for (int v = 0; v < p->l; v++) {
        double sum = own->sums[v * band->count + c] * q->scale[v];
        double gone = own->gone[v * band->count + c] * q->scale[v];
        w[v] = scale == 0 ? 0 : scale * (sum - mean * (q->total[v] - gone));
    }
}

/* Side 1: w_i for all vectors. */
static void row(const slab_product *p, const product_band *band, int64_t i, double *w)
{
    const digit_block *q = &((const digit_prepared *)p->prepared)->q;
    const digit_own *own = band->own;
    for (int v = 0; v < p->l; v++)
        w[v] = own->sums[i * p->l + v] - q->total[v];
}

/* a = s w and its largest entries, then its digits. */
static void turn_columns(const slab_product *p, product_band *band)
{
    digit_own *own = band->own;
    int l = p->l;
    double *a = own->entry;
    const double *mean = p->z->mean + band->start, *scale = p->z->scale + band->start;
    for (int v = 0; v < l; v++)
        own->w.scale[v] = own->w.gone_scale[v] = 0; /* largest so far */
    for (int64_t c = 0; c < band->count; c++) {
        column(p, band, c, a);
        for (int v = 0; v < l; v++) {
            double size = fabs(a[v] * scale[c]);
            own->w.scale[v] = fmax(own->w.scale[v], size);
            own->w.gone_scale[v] = fmax(own->w.gone_scale[v], size * fabs(mean[c]));
        }
    }
    for (int v = 0; v < l; v++) {
        own->w.scale[v] = 1 / slab_digits_scale(own->w.scale[v]);
        own->w.gone_scale[v] = 1 / slab_digits_scale(own->w.gone_scale[v]);
        own->w.total[v] = 0;
    }
    for (int64_t c = 0; c < band->count; c++) {
        column(p, band, c, a);
        for (int v = 0; v < l; v++)
            a[v] *= scale[c];
        put_right(&own->w, c, l, a, mean[c], own->integer);
    }
}

static void turn_rows(const slab_product *p, product_band *band)
{
    digit_own *own = band->own;
    int l = p->l;
    double *w = own->entry;
    for (int v = 0; v < l; v++)
        own->w.scale[v] = 0; /* largest so far */
    for (int64_t i = 0; i < band->count; i++) {
        row(p, band, i, w);
        for (int v = 0; v < l; v++)
            own->w.scale[v] = fmax(own->w.scale[v], fabs(w[v]));
    }
    for (int v = 0; v < l; v++) {
        own->w.scale[v] = 1 / slab_digits_scale(own->w.scale[v]);
        own->w.total[v] = 0;
    }
    for (int64_t i = 0; i < band->count; i++) {
        row(p, band, i, w);
        put_left(&own->w, i, l, w, own->integer);
    }
}

static void turn(const slab_product *p, product_band *band)
{
    double *out = band->out;
    for (int64_t k = 0; out && k < band->count; k++) {
        if (p->side == 0)
            column(p, band, k, out + k * p->l);
        else
            row(p, band, k, out + k * p->l);
    }
    if (!out && p->side == 0)
        turn_columns(p, band);
    else if (!out)
        turn_rows(p, band);
}

/* Side 0: rows i .. i + rows - 1 of the tile times w. */
static void add_rows(const slab_product *p, const product_band *band, const slab_tile *tile,
                     int64_t i, int64_t rows)
{
    const digit_own *own = band->own;
    slab_bytes x = bytes_of(p, tile);
    x.src += i * x.stride[0];
    x.rows = rows;
    memset(band->terms, 0, (size_t)(rows * p->l) * sizeof(double));
    slab_digits_across(&x, own->w.right, own->w.gone, 0, p->l, own->w.scale, own->w.gone_scale,
                       own->w.total, band->terms, p->l, own->scratch);
    exact_add(p->sums, tile->box.start[0] + i, rows, band->terms);
}

/* Side 1: s_c (sum - mean_c (total - gone)) for columns c .. c + cols - 1 of the tile. */
static void add_columns(const slab_product *p, const product_band *band, const slab_tile *tile,
                        int64_t c, int64_t cols)
{
    const digit_own *own = band->own;
    int64_t n = tile->box.count[1], at = tile->box.start[1] + c;
    const double *mean = p->z->mean + at, *scale = p->z->scale + at;
    for (int v = 0; v < p->l; v++) {
        const double *sum = own->fold + v * n + c, *gone = sum + n * p->l;
        double unit = own->w.scale[v], total = own->w.total[v];
        for (int64_t k = 0; k < cols; k++)
            band->terms[k * p->l + v] =
                scale[k] == 0 ? 0 : scale[k] * (sum[k] * unit - mean[k] * (total - gone[k] * unit));
    }
    exact_add(p->sums, at, cols, band->terms);
}

static void second(const slab_product *p, product_band *band, const slab_tile *tile)
{
    digit_own *own = own_of(p, band);
    slab_bytes x = bytes_of(p, tile);
    int64_t count = tile->box.count[p->side];
    if (p->side == 1) {
        size_t sums = (size_t)count * (size_t)p->l;
        memset(own->fold, 0, 2 * sums * sizeof(double));
        slab_digits_down(&x, own->w.left, 0, p->l, own->fold, own->fold + sums, count,
                         own->scratch);
    }
    for (int64_t k = 0; k < count; k += PRODUCT_TERMS) {
        int64_t some = count - k < PRODUCT_TERMS ? count - k : PRODUCT_TERMS;
        if (p->side == 0)
            add_rows(p, band, tile, k, some);
        else
            add_columns(p, band, tile, k, some);
    }
}

const product_engine product_digits = {prepared_bytes, prepare, clear, scratch_bytes,
                                       begin,          first,   turn,  second};
