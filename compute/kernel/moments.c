/*
 * Moments of floats. A block is summed as it is, in f64 (f32 squares are exact there); when that
 * shows NaN or infinities, or the mean drowns the deviations, it is summed again, shifted and with
 * masks, while it is still in cache. Blocks are merged by Chan, Golub & LeVeque (1979), eq. 2.1.
 */
#include <math.h>
#include <string.h>

#include <slab/compute/kernel/statistics_impl.h>

enum { BLOCK_BYTES = 65536, COLUMN_ROWS = 4096 };

/* What a block or a column's part came to. */
typedef struct part {
    int64_t n; /* finite */
    int64_t zeros, nans, up, down;
    double mean, m2, low, high;
} part;

void moments_combine(int64_t n, double *mean, double *m2, int64_t from_n, double from_mean,
                     double from_m2)
{
    if (from_n == 0)
        return;
    if (n == 0) {
        *mean = from_mean;
        *m2 = from_m2;
        return;
    }
    double a = (double)n, b = (double)from_n, delta = from_mean - *mean;
    *mean += delta * (b / (a + b));
    *m2 += from_m2 + delta * delta * (a * (b / (a + b)));
}

static void add_part(slab_statistics_slot *slot, const part *p)
{
    int64_t infinite = slot->first.infinite.up + slot->first.infinite.down;
    bool any = slot->count > 0;
    moments_combine(slot->count - infinite, &slot->second.moments.mean, &slot->second.moments.m2,
                    p->n, p->mean, p->m2);
    slot->missing += p->nans;
    slot->zeros += p->zeros;
    slot->first.infinite.up += p->up;
    slot->first.infinite.down += p->down;
    if (p->n + p->up + p->down == 0)
        return;
    slot->count += p->n + p->up + p->down;
    double low = p->down ? -INFINITY : p->n ? p->low : INFINITY;
    double high = p->up ? INFINITY : p->n ? p->high : -INFINITY;
    slot->low.f = any && slot->low.f < low ? slot->low.f : low;
    slot->high.f = any && slot->high.f > high ? slot->high.f : high;
}

void moments_merge(slab_statistics_slot *into, const slab_statistics_slot *from)
{
    part p = {.zeros = from->zeros,
              .nans = from->missing,
              .up = from->first.infinite.up,
              .down = from->first.infinite.down,
              .mean = from->second.moments.mean,
              .m2 = from->second.moments.m2,
              .low = from->low.f,
              .high = from->high.f};
    p.n = from->count - p.up - p.down;
    add_part(into, &p);
}

static double at(bool wide, const void *row, int64_t j)
{
    return wide ? ((const double *)row)[j] : (double)((const float *)row)[j];
}

/* Sums beyond f64's range: the same in long double, for the finite elements. */
static void far_moments(bool wide, const slab_strip_block *block, part *p)
{
    long double sum = 0, square = 0;
    for (int pass = 0; pass < 2; pass++) {
        long double mean = pass ? sum / (long double)p->n : 0;
        for (int64_t i = 0; i < block->rows; i++) {
            const char *row = (const char *)block->data + i * block->row_stride;
            for (int64_t j = 0; j < block->columns; j++) {
                long double x = at(wide, row, j);
                if (!isfinite((double)x))
                    continue;
                sum += pass ? 0 : x;
                square += pass ? (x - mean) * (x - mean) : 0;
            }
        }
    }
    p->mean = (double)(sum / (long double)p->n);
    p->m2 = (double)square;
}

static void count_infinities(bool wide, const slab_strip_block *block, part *p)
{
    for (int64_t i = 0; i < block->rows; i++) {
        const char *row = (const char *)block->data + i * block->row_stride;
        for (int64_t j = 0; j < block->columns; j++) {
            double x = at(wide, row, j);
            p->up += x == INFINITY;
            p->down += x == -INFINITY;
        }
    }
}

/* From sums about a shift to mean and second moment; false when they are not finite. */
static bool settle(part *p, double shift, double sum, double square)
{
    double n = (double)p->n;
    if (!isfinite(sum) || !isfinite(square))
        return false;
    p->mean = p->n ? shift + sum / n : 0;
    p->m2 = p->n ? square - sum * (sum / n) : 0;
    p->m2 = p->m2 < 0 ? 0 : p->m2;
    return true;
}

static double add_lanes(const double *x)
{
    double t[LANES];
    memcpy(t, x, sizeof t);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++)
            t[l] += t[l + width];
    return t[0];
}

static void gather_lanes(const moments_lanes *lanes, part *p)
{
    p->n = lanes->finite[0];
    p->zeros = lanes->zeros[0];
    p->nans = lanes->nans[0];
    p->low = lanes->low[0];
    p->high = lanes->high[0];
    for (int l = 1; l < LANES; l++) {
        p->low = lanes->low[l] < p->low ? lanes->low[l] : p->low;
        p->high = lanes->high[l] > p->high ? lanes->high[l] : p->high;
    }
}

/* The rows kernels leave lanes of rows shorter than LANES to their tails, from these bounds. */
static void block_moments(bool wide, const slab_strip_block *block, slab_statistics_slot *slot)
{
    const statistics_path *path = statistics_path_now();
    moments_rows kernel = wide ? path->rows8 : path->rows4;
    moments_lanes lanes;
    part p = {0};
    kernel(block, false, 0, &lanes);
    gather_lanes(&lanes, &p);
    double sum = add_lanes(lanes.sum), square = add_lanes(lanes.square);
    bool sound = settle(&p, 0, sum, square);
    /* Digits lost: of f64's 16, and for f32 data there is more to spare. */
    double drowned = wide ? 1e3 : 1e5;
    if (!sound || p.mean * sum > drowned * p.m2) {
        double shift = sound ? p.mean : 0;
        for (int64_t j = 0; !sound && j < block->columns; j++) {
            shift = at(wide, block->data, j);
            if (isfinite(shift))
                break;
            shift = 0;
        }
        kernel(block, true, shift, &lanes);
        gather_lanes(&lanes, &p);
        if (p.n + p.nans < block->rows * block->columns)
            count_infinities(wide, block, &p);
        if (!settle(&p, shift, add_lanes(lanes.sum), add_lanes(lanes.square)))
            far_moments(wide, block, &p);
    }
    add_part(slot, &p);
}

void moments_all(bool wide, const slab_strip_block *block, slab_statistics_slot *slot)
{
    int64_t size = wide ? 8 : 4, most = BLOCK_BYTES / size;
    slab_strip_block piece = *block;
    if (block->rows == 1 || block->row_stride == block->columns * size) {
        piece.columns = block->rows * block->columns;
        piece.rows = 1;
        piece.row_stride = piece.columns * size;
    }
    slab_strip_block whole = piece;
    int64_t rows = whole.columns > most ? 1 : most / whole.columns;
    for (int64_t i = 0; i < whole.rows; i += rows) {
        piece.rows = whole.rows - i < rows ? whole.rows - i : rows;
        for (int64_t j = 0; j < whole.columns; j += most) {
            piece.data = (const char *)whole.data + i * whole.row_stride + j * size;
            piece.columns = whole.columns - j < most ? whole.columns - j : most;
            block_moments(wide, &piece, slot);
        }
    }
}

/* Column l of a stripe, settled from its lane; infinities and sums out of range are looked at
 * again, one column alone. */
static void column_part(bool wide, const slab_strip_block *stripe, const moments_lanes *lanes,
                        double shift, int l, part *p)
{
    slab_strip_block column = *stripe;
    *p = (part){.n = lanes->finite[l],
                .zeros = lanes->zeros[l],
                .nans = lanes->nans[l],
                .low = lanes->low[l],
                .high = lanes->high[l]};
    column.data = (const char *)stripe->data + (int64_t)l * (wide ? 8 : 4);
    column.columns = 1;
    if (p->n + p->nans < stripe->rows)
        count_infinities(wide, &column, p);
    if (!settle(p, shift, lanes->sum[l], lanes->square[l]))
        far_moments(wide, &column, p);
}

/* Up to sixteen columns. A shift that is one of the column's own elements, or the mean of those
 * before, keeps the error of m2 at a few roundings. */
static void stripe_moments(bool wide, const slab_strip_block *stripe, slab_statistics_slot *slots)
{
    const statistics_path *path = statistics_path_now();
    moments_columns kernel = wide ? path->columns8 : path->columns4;
    moments_lanes lanes;
    double shift[LANES] = {0};
    bool sound = true;
    for (int l = 0; l < stripe->columns; l++) {
        const slab_statistics_slot *s = &slots[l];
        bool known = s->count > s->first.infinite.up + s->first.infinite.down;
        shift[l] = known ? s->second.moments.mean : at(wide, stripe->data, l);
        shift[l] = isfinite(shift[l]) ? shift[l] : 0;
    }
    kernel(stripe, false, shift, &lanes);
    for (int l = 0; l < stripe->columns; l++)
        sound &= isfinite(lanes.sum[l]) && isfinite(lanes.square[l]);
    if (!sound)
        kernel(stripe, true, shift, &lanes);
    for (int l = 0; l < stripe->columns; l++) {
        part p;
        column_part(wide, stripe, &lanes, shift[l], l, &p);
        add_part(&slots[l], &p);
    }
}

void moments_by_column(bool wide, const slab_strip_block *block, slab_statistics_slot *slots)
{
    for (int64_t i = 0; i < block->rows; i += COLUMN_ROWS) {
        slab_strip_block stripe = *block;
        stripe.rows = block->rows - i < COLUMN_ROWS ? block->rows - i : COLUMN_ROWS;
        for (int64_t j = 0; j < block->columns; j += LANES) {
            stripe.data = (const char *)block->data + i * block->row_stride + j * (wide ? 8 : 4);
            stripe.columns = block->columns - j < LANES ? block->columns - j : LANES;
            stripe_moments(wide, &stripe, slots + j);
        }
    }
}
