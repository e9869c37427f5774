#include <stdatomic.h>

#include <slab/compute/kernel/statistics_impl.h>

static const statistics_path *const paths[] = {
    &statistics_plain,
#if defined(__x86_64__)
    &statistics_avx2,
    &statistics_avx512,
#endif
};

static int best_level(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return 1;
#endif
    return 0;
}

static atomic_int level_now = -1;

int slab_statistics_use(int level)
{
    int best = best_level();
    level = level < 0 || level > best ? best : level;
    atomic_store(&level_now, level);
    return level;
}

const statistics_path *statistics_path_now(void)
{
    int level = atomic_load_explicit(&level_now, memory_order_relaxed);
    return paths[level < 0 ? slab_statistics_use(-1) : level];
}

void slab_statistics_all(const slab_statistics_type *type, const slab_strip_block *block,
                         slab_statistics_slot *slot)
{
    if (block->rows < 1 || block->columns < 1)
        return;
    if (type->dtype.kind == SLAB_KIND_FLOAT)
        moments_all(type->dtype.size == 8, block, slot);
    else if (!counts_all(type, block, slot))
        tallies_all(type, block, slot);
}

void slab_statistics_columns(const slab_statistics_type *type, const slab_strip_block *block,
                             slab_statistics_slot *slots)
{
    if (block->rows < 1 || block->columns < 1)
        return;
    if (type->dtype.kind == SLAB_KIND_FLOAT)
        moments_by_column(type->dtype.size == 8, block, slots);
    else if (!counts_by_column(type, block, slots))
        tallies_by_column(type, block, slots);
}

void slab_statistics_merge(const slab_statistics_type *type, slab_statistics_slot *into,
                           const slab_statistics_slot *from)
{
    if (type->dtype.kind == SLAB_KIND_FLOAT)
        moments_merge(into, from);
    else
        tallies_merge(type, into, from);
}

/* a / n, rounded once: directly when both are exact as doubles, else through the wider type. */
static double ratio(__int128 a, __int128 n)
{
    const __int128 exact = (__int128)1 << 53;
    if (-exact <= a && a <= exact && n <= exact)
        return (double)a / (double)n;
    return (double)((long double)(a / n) + (long double)(a % n) / (long double)n);
}

/*
 * Exact until the last step: variance = (n squares - sum^2) / n^2. Where that overflows 128 bits,
 * with sum = q n + r, 0 <= r < n: (squares - q sum - q r - r^2 / n) / n, where all but r^2 / n are
 * integers that fit: |q| < 2^32, n < 2^63.
 */
static void exact_moments(const slab_statistics_slot *slot, double *mean, double *variance)
{
    __int128 n = slot->count, sum = slot->first.sum, squares = slot->second.squares;
    __int128 scaled, square, spread;
    *mean = ratio(sum, n);
    if (!__builtin_mul_overflow(n, squares, &scaled) &&
        !__builtin_mul_overflow(sum, sum, &square) &&
        !__builtin_sub_overflow(scaled, square, &spread)) {
        *variance = ratio(spread, n * n);
        return;
    }
    __int128 q = sum / n, r = sum % n;
    if (r < 0) {
        r += n;
        q -= 1;
    }
    __int128 whole = squares - q * sum - q * r;
    *variance = ((double)whole - (double)r * ((double)r / (double)n)) / (double)n;
    *variance = *variance < 0 ? 0 : *variance;
}

void slab_statistics_moments(const slab_statistics_type *type, const slab_statistics_slot *slot,
                             double *mean, double *variance)
{
    *mean = *variance = __builtin_nan("");
    if (slot->count == 0)
        return;
    bool is_float = type->dtype.kind == SLAB_KIND_FLOAT;
    if (!is_float && type->dtype.size < 8) {
        exact_moments(slot, mean, variance);
        return;
    }
    if (!is_float) {
        *mean = ratio(slot->first.sum, slot->count);
        *variance = slot->second.moments.m2 / (double)slot->count;
        return;
    }
    int64_t up = slot->first.infinite.up, down = slot->first.infinite.down;
    if (up == 0 && down == 0) {
        *mean = slot->second.moments.mean;
        *variance = slot->second.moments.m2 / (double)slot->count;
    } else if (up == 0 || down == 0) {
        *mean = up ? __builtin_inf() : -__builtin_inf();
    }
}
