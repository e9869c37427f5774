/*
 * Integers of any width, with exact sums. The loops are written for the compiler to vectorise; a
 * row of elements is treated as a matrix of TALLY_COLUMNS columns that are added up at the end, so
 * that one set of kernels serves both directions.
 */
#include <string.h>

#include <slab/compute/kernel/statistics_impl.h>
#include <slab/storage/base/clones.h>

enum { TALLY_COLUMNS = 256, TALLY_ROWS = 32768, WIDE_STRIP = 1024 };

/* Sums of up to TALLY_ROWS rows of TALLY_COLUMNS columns; missing elements count as 0 in them. */
typedef struct tally {
    int64_t sum[TALLY_COLUMNS];
    uint64_t square[TALLY_COLUMNS]; /* of 32-bit elements: the lower halves of their squares */
    uint64_t upper[TALLY_COLUMNS];  /* and the upper halves */
    int64_t zeros[TALLY_COLUMNS], missing[TALLY_COLUMNS];
    int64_t low[TALLY_COLUMNS], high[TALLY_COLUMNS];
} tally;

/*
 * One kernel a type T (unsigned: U) over STEP rows at a time, so that counters of T's own width,
 * sums of type P and squares of type Q hold what comes together: narrow ones fill registers better.
 * Missing elements are made 0 by a mask, and not counted as zeros.
 */
#define TALLY(name, T, U, P, Q, MIN, MAX, STEP)                                                    \
    static inline __attribute__((always_inline)) void name##_step(                                 \
        const slab_strip_block *block, bool has, T miss, T *restrict low, T *restrict high,        \
        tally *restrict t)                                                                         \
    {                                                                                              \
        const int64_t n = block->columns;                                                          \
        P sum[TALLY_COLUMNS];                                                                      \
        Q square[TALLY_COLUMNS], upper[TALLY_COLUMNS];                                             \
        U zeros[TALLY_COLUMNS], missing[TALLY_COLUMNS];                                            \
        for (int64_t j = 0; j < n; j++) {                                                          \
            sum[j] = 0;                                                                            \
            square[j] = upper[j] = 0;                                                              \
            zeros[j] = missing[j] = 0;                                                             \
        }                                                                                          \
        for (int64_t i = 0; i < block->rows; i++) {                                                \
            const T *x = (const T *)((const char *)block->data + i * block->row_stride);           \
            for (int64_t j = 0; j < n; j++) {                                                      \
                U m = has ? (U)(x[j] == miss) : (U)0;                                              \
                T v = (T)((U)x[j] & (U)(m - 1));                                                   \
                T up = (T)(v | ((T)(MAX) & (T)-m)), down = (T)(v | ((T)(MIN) & (T)-m));            \
                Q q = (Q)v * (Q)v;                                                                 \
                low[j] = up < low[j] ? up : low[j];                                                \
                high[j] = down > high[j] ? down : high[j];                                         \
                zeros[j] = (U)(zeros[j] + (U)(v == 0) - m);                                        \
                missing[j] = (U)(missing[j] + m);                                                  \
                sum[j] += v;                                                                       \
                square[j] += sizeof(T) == 4 ? (uint32_t)q : q;                                     \
                if (sizeof(T) == 4)                                                                \
                    upper[j] += q >> (sizeof(T) == 4 ? 32 : 0);                                    \
            }                                                                                      \
        }                                                                                          \
        for (int64_t j = 0; j < n; j++) {                                                          \
            t->sum[j] += sum[j];                                                                   \
            t->square[j] += square[j];                                                             \
            t->upper[j] += upper[j];                                                               \
            t->zeros[j] += (int64_t)zeros[j];                                                      \
            t->missing[j] += (int64_t)missing[j];                                                  \
        }                                                                                          \
    }                                                                                              \
    SLAB_CLONES static void name(const slab_strip_block *block, bool has, uint64_t code, tally *t) \
    {                                                                                              \
        const int64_t n = block->columns;                                                          \
        T low[TALLY_COLUMNS], high[TALLY_COLUMNS];                                                 \
        for (int64_t j = 0; j < n; j++) {                                                          \
            low[j] = MAX;                                                                          \
            high[j] = MIN;                                                                         \
        }                                                                                          \
        for (int64_t i = 0; i < block->rows; i += STEP) {                                          \
            slab_strip_block step = *block;                                                        \
            step.data = (const char *)block->data + i * block->row_stride;                         \
            step.rows = block->rows - i < STEP ? block->rows - i : STEP;                           \
            if (has)                                                                               \
                name##_step(&step, true, (T)code, low, high, t);                                   \
            else                                                                                   \
                name##_step(&step, false, 0, low, high, t);                                        \
        }                                                                                          \
        for (int64_t j = 0; j < n; j++) {                                                          \
            t->low[j] = (int64_t)low[j];                                                           \
            t->high[j] = (int64_t)high[j];                                                         \
        }                                                                                          \
    }

TALLY(bytes, uint8_t, uint8_t, uint32_t, uint32_t, 0, UINT8_MAX, 255)
TALLY(signed_bytes, int8_t, uint8_t, int32_t, uint32_t, INT8_MIN, INT8_MAX, 255)
TALLY(words, uint16_t, uint16_t, uint32_t, uint64_t, 0, UINT16_MAX, 1024)
TALLY(signed_words, int16_t, uint16_t, int32_t, uint64_t, INT16_MIN, INT16_MAX, 1024)
TALLY(halves, uint32_t, uint32_t, int64_t, uint64_t, 0, UINT32_MAX, 1024)
TALLY(signed_halves, int32_t, uint32_t, int64_t, uint64_t, INT32_MIN, INT32_MAX, 1024)

static bool is_signed(const slab_statistics_type *type)
{
    return type->dtype.kind == SLAB_KIND_INT;
}

static void run_kernel(const slab_statistics_type *type, const slab_strip_block *block, tally *t)
{
    bool sign = is_signed(type);
    size_t part = (size_t)block->columns * 8;
    memset(t->sum, 0, part);
    memset(t->square, 0, part);
    memset(t->upper, 0, part);
    memset(t->zeros, 0, part);
    memset(t->missing, 0, part);
    switch (type->dtype.size) {
    case 1:
        (sign ? signed_bytes : bytes)(block, type->has_missing, type->missing, t);
        break;
    case 2:
        (sign ? signed_words : words)(block, type->has_missing, type->missing, t);
        break;
    default:
        (sign ? signed_halves : halves)(block, type->has_missing, type->missing, t);
        break;
    }
}

static void add_extremes(const slab_statistics_type *type, slab_statistics_slot *slot,
                         slab_extreme low, slab_extreme high)
{
    bool any = slot->count > 0;
    if (is_signed(type)) {
        slot->low.i = any && slot->low.i < low.i ? slot->low.i : low.i;
        slot->high.i = any && slot->high.i > high.i ? slot->high.i : high.i;
    } else {
        slot->low.u = any && slot->low.u < low.u ? slot->low.u : low.u;
        slot->high.u = any && slot->high.u > high.u ? slot->high.u : high.u;
    }
}

/* Column j of a tally of so many rows. */
static void add_tally(const slab_statistics_type *type, const tally *t, int64_t j, int64_t rows,
                      slab_statistics_slot *slot)
{
    int64_t n = rows - t->missing[j];
    slot->missing += t->missing[j];
    slot->zeros += t->zeros[j];
    slot->first.sum += t->sum[j];
    slot->second.squares += t->square[j] + ((unsigned __int128)t->upper[j] << 32);
    if (n > 0)
        add_extremes(type, slot, (slab_extreme){.i = t->low[j]}, (slab_extreme){.i = t->high[j]});
    slot->count += n;
}

/* Second moment of n elements about a shift among them. Differences are taken in 64 bits, which is
 * exact unless the elements span more than half of the type's range. */
SLAB_CLONES static void wide_moments(const uint64_t *x, int n, bool sign, bool near, uint64_t shift,
                                     double *first, double *square)
{
    double sums[8] = {0}, squares[8] = {0};
    double base = sign ? (double)(int64_t)shift : (double)shift;
    for (int j = 0; j < n; j += 8) { /* padded with the shift */
        for (int l = 0; l < 8; l++) {
            double exact = (double)(int64_t)(x[j + l] - shift);
            double rounded = (sign ? (double)(int64_t)x[j + l] : (double)x[j + l]) - base;
            double d = near ? exact : rounded;
            sums[l] += d;
            squares[l] += d * d;
        }
    }
    for (int l = 0; l < 8; l++) {
        *first += sums[l];
        *square += squares[l];
    }
}

SLAB_CLONES static void wide_extremes(const uint64_t *x, int n, uint64_t flip, slab_extreme *low,
                                      slab_extreme *high, uint64_t *halves, int64_t *zeros)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    uint64_t front = 0, back = 0;
    int64_t none = 0;
    for (int j = 0; j < n; j++) { /* with the top bit flipped, unsigned order is signed order */
        int64_t v = (int64_t)(x[j] ^ flip);
        least = v < least ? v : least;
        most = v > most ? v : most;
        front += (uint64_t)(v >> 32) + (UINT64_C(1) << 31);
        back += (uint32_t)v;
        none += x[j] == 0;
    }
    low->u = (uint64_t)least ^ flip;
    high->u = (uint64_t)most ^ flip;
    halves[0] = front;
    halves[1] = back;
    *zeros = none;
}

/* n elements that are not missing; room for 7 more behind them. */
static void wide_part(const slab_statistics_type *type, uint64_t *x, int n,
                      slab_statistics_slot *part)
{
    bool sign = is_signed(type);
    uint64_t flip = sign ? 0 : UINT64_C(1) << 63, halves[2];
    double first = 0, square = 0;
    wide_extremes(x, n, flip, &part->low, &part->high, halves, &part->zeros);
    /* front holds (v >> 32) + 2^31; v is x - 2^63 for unsigned x, x for signed. */
    __int128 offset = sign ? (__int128)0 : (__int128)1 << 63;
    __int128 front = (__int128)halves[0] - ((__int128)n << 31);
    part->first.sum = front * ((__int128)1 << 32) + halves[1] + offset * n;
    part->count = n;
    uint64_t shift = (uint64_t)(part->first.sum / n);
    bool near = part->high.u - part->low.u < UINT64_C(1) << 63;
    for (int j = n; j % 8; j++)
        x[j] = shift;
    wide_moments(x, (n + 7) / 8 * 8, sign, near, shift, &first, &square);
    double m2 = square - first * (first / n);
    part->second.moments.mean = (sign ? (double)(int64_t)shift : (double)shift) + first / n;
    part->second.moments.m2 = m2 < 0 ? 0 : m2;
}

/* 64-bit elements: exact sums, second moments merged strip by strip. */
static void wide_strip(const slab_statistics_type *type, const char *x, int64_t n, int64_t stride,
                       slab_statistics_slot *slot)
{
    uint64_t strip[WIDE_STRIP + 8];
    for (int64_t from = 0; from < n; from += WIDE_STRIP) {
        slab_statistics_slot part = {0};
        int64_t to = n - from < WIDE_STRIP ? n : from + WIDE_STRIP;
        int kept = 0;
        for (int64_t j = from; j < to; j++) {
            memcpy(&strip[kept], x + j * stride, 8);
            kept += !(type->has_missing && strip[kept] == type->missing);
        }
        part.missing = to - from - kept;
        if (kept > 0)
            wide_part(type, strip, kept, &part);
        tallies_merge(type, slot, &part);
    }
}

void tallies_merge(const slab_statistics_type *type, slab_statistics_slot *into,
                   const slab_statistics_slot *from)
{
    if (type->dtype.size == 8)
        moments_combine(into->count, &into->second.moments.mean, &into->second.moments.m2,
                        from->count, from->second.moments.mean, from->second.moments.m2);
    else
        into->second.squares += from->second.squares;
    into->first.sum += from->first.sum;
    into->missing += from->missing;
    into->zeros += from->zeros;
    if (from->count > 0)
        add_extremes(type, into, from->low, from->high);
    into->count += from->count;
}

/* All columns of a tally into its first; 256 * 32768 elements' sums still fit 64 bits. Columns of
 * nothing but missing elements hold the type's ends, which no other column's extremes exceed. */
SLAB_CLONES static void fold(tally *t, int64_t columns)
{
    int64_t sum = 0, zeros = 0, missing = 0, low = t->low[0], high = t->high[0];
    uint64_t square = 0, upper = 0;
    for (int64_t j = 0; j < columns; j++) {
        sum += t->sum[j];
        zeros += t->zeros[j];
        missing += t->missing[j];
        square += t->square[j];
        upper += t->upper[j];
        low = t->low[j] < low ? t->low[j] : low;
        high = t->high[j] > high ? t->high[j] : high;
    }
    t->sum[0] = sum;
    t->zeros[0] = zeros;
    t->missing[0] = missing;
    t->square[0] = square;
    t->upper[0] = upper;
    t->low[0] = low;
    t->high[0] = high;
}

/* A run of elements as a matrix; what does not fill its last row is a row of its own. */
static void contiguous_all(const slab_statistics_type *type, const char *x, int64_t n,
                           slab_statistics_slot *slot)
{
    int64_t size = type->dtype.size, most = (int64_t)TALLY_COLUMNS * TALLY_ROWS;
    tally t;
    while (n > 0) {
        slab_strip_block block = {.data = x, .rows = 1, .columns = n};
        int64_t columns = n >= 64 * TALLY_COLUMNS ? TALLY_COLUMNS : TALLY_COLUMNS / 4;
        if (n >= columns) {
            block.rows = (n < most ? n : most) / columns;
            block.columns = columns;
        }
        block.row_stride = block.columns * size;
        run_kernel(type, &block, &t);
        fold(&t, block.columns);
        add_tally(type, &t, 0, block.rows * block.columns, slot);
        x += block.rows * block.row_stride;
        n -= block.rows * block.columns;
    }
}

void tallies_all(const slab_statistics_type *type, const slab_strip_block *block,
                 slab_statistics_slot *slot)
{
    int64_t size = type->dtype.size, rows = block->rows, columns = block->columns;
    if (block->row_stride == columns * size) {
        columns *= rows;
        rows = 1;
    }
    for (int64_t i = 0; i < rows; i++) {
        const char *row = (const char *)block->data + i * block->row_stride;
        if (size < 8)
            contiguous_all(type, row, columns, slot);
        else
            wide_strip(type, row, columns, 8, slot);
    }
}

static void stripe_by_column(const slab_statistics_type *type, const slab_strip_block *stripe,
                             slab_statistics_slot *slots)
{
    tally t;
    if (type->dtype.size < 8) {
        run_kernel(type, stripe, &t);
        for (int64_t j = 0; j < stripe->columns; j++)
            add_tally(type, &t, j, stripe->rows, &slots[j]);
        return;
    }
    for (int64_t j = 0; j < stripe->columns; j++)
        wide_strip(type, (const char *)stripe->data + 8 * j, stripe->rows, stripe->row_stride,
                   &slots[j]);
}

void tallies_by_column(const slab_statistics_type *type, const slab_strip_block *block,
                       slab_statistics_slot *slots)
{
    int64_t size = type->dtype.size;
    for (int64_t i = 0; i < block->rows; i += TALLY_ROWS) {
        slab_strip_block stripe = *block;
        stripe.rows = block->rows - i < TALLY_ROWS ? block->rows - i : TALLY_ROWS;
        for (int64_t j = 0; j < block->columns; j += TALLY_COLUMNS) {
            stripe.data = (const char *)block->data + i * block->row_stride + j * size;
            stripe.columns =
                block->columns - j < TALLY_COLUMNS ? block->columns - j : TALLY_COLUMNS;
            stripe_by_column(type, &stripe, slots + j);
        }
    }
}
