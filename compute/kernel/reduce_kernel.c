/* Which kernel: by family, type and the machine's instruction set. */
#include <slab/compute/kernel/reduce_kernel_impl.h>

#include <stdatomic.h>

static const reduce_path *const paths[] = {
    &reduce_plain,
#if defined(__x86_64__)
    &reduce_avx2,
    &reduce_avx512,
#endif
};

static int best_level(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return 2;
    if (__builtin_cpu_supports("avx2"))
        return 1;
#endif
    return 0;
}

static atomic_int level_now = -1;

int slab_reduce_use(int level)
{
    int best = best_level();
    level = level < 0 || level > best ? best : level;
    atomic_store(&level_now, level);
    return level;
}

static const reduce_path *path_now(void)
{
    int level = atomic_load_explicit(&level_now, memory_order_relaxed);
    return paths[level < 0 ? slab_reduce_use(-1) : level];
}

int reduce_row_of(slab_dtype dtype)
{
    int width = dtype.size == 1 ? 0 : dtype.size == 2 ? 1 : dtype.size == 4 ? 2 : 3;
    switch (dtype.kind) {
    case SLAB_KIND_BOOL:
        return 0;
    case SLAB_KIND_UINT:
        return 2 * width;
    case SLAB_KIND_INT:
        return 2 * width + 1;
    case SLAB_KIND_FLOAT:
        return REDUCE_INTEGERS + width - 1;
    default:
        return -1;
    }
}

static const slab_reduce_kernel *product_of(slab_dtype dtype, bool skip)
{
    if (dtype.kind == SLAB_KIND_COMPLEX)
        return reduce_complex_product_of(dtype, skip);
    if (dtype.kind != SLAB_KIND_FLOAT)
        return reduce_wrapped_of(dtype);
    return dtype.size < 4 ? NULL : &path_now()->product[dtype.size == 8][skip];
}

const slab_reduce_kernel *slab_reduce_kernel_of(slab_reduce_family family, slab_dtype dtype,
                                                bool skip)
{
    bool is_float = dtype.kind == SLAB_KIND_FLOAT && dtype.size >= 4, wide = dtype.size == 8;
    switch (family) {
    case SLAB_REDUCE_SUM:
        return is_float ? &path_now()->sum[wide][skip] : NULL;
    case SLAB_REDUCE_MOMENTS:
        return is_float ? &path_now()->moments[wide][skip] : NULL;
    case SLAB_REDUCE_EXACT:
        return reduce_exact_of(dtype);
    case SLAB_REDUCE_PRODUCT:
        return product_of(dtype, skip);
    case SLAB_REDUCE_NONZERO:
        return reduce_nonzero_of(dtype);
    case SLAB_REDUCE_PRESENT:
        return reduce_present_of(dtype);
    case SLAB_REDUCE_EXTREMES:
        return reduce_extremes_of(dtype, skip);
    case SLAB_REDUCE_LEAST:
    case SLAB_REDUCE_GREATEST:
        return reduce_places_of(dtype, family == SLAB_REDUCE_GREATEST, skip);
    case SLAB_REDUCE_ORDER:
        return reduce_order_of(dtype, skip);
    }
    return NULL;
}
