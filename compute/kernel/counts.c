/*
 * Unsigned bytes of 0..3, genotypes above all: how often each value occurs says everything. The
 * kernels notice other values; the caller then takes the general way.
 */
#include <string.h>

#include <slab/compute/kernel/statistics_impl.h>

enum { ROWS_BATCH = 16384 };

static bool suits(const slab_statistics_type *type)
{
    return type->dtype.size == 1 &&
           (type->dtype.kind == SLAB_KIND_UINT || type->dtype.kind == SLAB_KIND_BOOL);
}

static void add_counts(const slab_statistics_type *type, const int64_t counts[4],
                       slab_statistics_slot *slot)
{
    for (uint64_t x = 0; x < 4; x++) {
        int64_t n = counts[x];
        if (n == 0)
            continue;
        if (type->has_missing && x == type->missing) {
            slot->missing += n;
            continue;
        }
        slot->zeros += x == 0 ? n : 0;
        slot->first.sum += n * (int64_t)x;
        slot->second.squares += (uint64_t)n * x * x;
        slot->low.u = slot->count && slot->low.u < x ? slot->low.u : x;
        slot->high.u = slot->count && slot->high.u > x ? slot->high.u : x;
        slot->count += n;
    }
}

bool counts_all(const slab_statistics_type *type, const slab_strip_block *block,
                slab_statistics_slot *slot)
{
    int64_t total[4] = {0}, counts[4];
    if (!suits(type))
        return false;
    for (int64_t i = 0; i < block->rows; i++) {
        const uint8_t *row = (const uint8_t *)block->data + i * block->row_stride;
        for (int64_t j = 0; j < block->columns; j += ROWS_BATCH) {
            int64_t n = block->columns - j < ROWS_BATCH ? block->columns - j : ROWS_BATCH;
            if (!statistics_path_now()->count_rows(row + j, n, counts))
                return false;
            for (int x = 0; x < 4; x++)
                total[x] += counts[x];
        }
    }
    add_counts(type, total, slot);
    return true;
}

/* Counters of a batch of columns, and their byte-sized parts that the kernel makes. */
typedef struct batch {
    uint8_t zeros[COUNT_COLUMNS], threes[COUNT_COLUMNS], sums[COUNT_COLUMNS];
    int32_t all_zeros[COUNT_COLUMNS], all_threes[COUNT_COLUMNS], all_sums[COUNT_COLUMNS];
} batch;

static void widen(int32_t *all, const uint8_t *part)
{
    for (int j = 0; j < COUNT_COLUMNS; j++)
        all[j] += part[j];
}

/* n0 + n1 + n2 + n3 = rows and n1 + 2 n2 + 3 n3 = sum. */
static void add_batch(const slab_statistics_type *type, const batch *b, int64_t rows, int64_t n,
                      slab_statistics_slot *slots)
{
    for (int64_t j = 0; j < n; j++) {
        int64_t zeros = b->all_zeros[j], threes = b->all_threes[j];
        int64_t ones_and_twos = rows - zeros - threes;
        int64_t twos = b->all_sums[j] - 3 * threes - ones_and_twos;
        int64_t counts[4] = {zeros, ones_and_twos - twos, twos, threes};
        add_counts(type, counts, &slots[j]);
    }
}

/* Up to COUNT_COLUMNS columns and 2^24 rows. */
static bool count_stripe(const slab_strip_block *stripe, batch *b)
{
    memset(b, 0, sizeof *b);
    for (int64_t i = 0; i < stripe->rows; i += COUNT_ROWS) {
        slab_strip_block piece = *stripe;
        piece.data = (const char *)stripe->data + i * stripe->row_stride;
        piece.rows = stripe->rows - i < COUNT_ROWS ? stripe->rows - i : COUNT_ROWS;
        if (!statistics_path_now()->count_columns(&piece, b->zeros, b->threes, b->sums))
            return false;
        widen(b->all_zeros, b->zeros);
        widen(b->all_threes, b->threes);
        widen(b->all_sums, b->sums);
    }
    return true;
}

bool counts_by_column(const slab_statistics_type *type, const slab_strip_block *block,
                      slab_statistics_slot *slots)
{
    batch b;
    if (!suits(type) || block->rows > 1 << 24)
        return false;
    for (int64_t j = 0; j < block->columns; j += COUNT_COLUMNS) {
        slab_strip_block stripe = *block;
        stripe.data = (const char *)block->data + j;
        stripe.columns = block->columns - j < COUNT_COLUMNS ? block->columns - j : COUNT_COLUMNS;
        if (count_stripe(&stripe, &b))
            add_batch(type, &b, stripe.rows, stripe.columns, slots + j);
        else
            tallies_by_column(type, &stripe, slots + j);
    }
    return true;
}
