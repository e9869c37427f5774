/**
 * Which vector instructions this CPU has. Kernels take the choice as a parameter, so that tests
 * can run every path against the plain one.
 */
#ifndef SLAB_STORAGE_CODEC_SIMD_IMPL_H
#define SLAB_STORAGE_CODEC_SIMD_IMPL_H

typedef enum slab_simd {
    SLAB_SIMD_SCALAR,
    SLAB_SIMD_AVX2,
    SLAB_SIMD_AVX512, /* F, BW, DQ, VL */
    SLAB_SIMD_VBMI    /* and VBMI */
} slab_simd;

#ifdef __x86_64__
/** The widest that may be used here; every lower one may be used as well. */
static inline slab_simd slab_simd_best(void)
{
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return __builtin_cpu_supports("avx512vbmi") ? SLAB_SIMD_VBMI : SLAB_SIMD_AVX512;
    return __builtin_cpu_supports("avx2") ? SLAB_SIMD_AVX2 : SLAB_SIMD_SCALAR;
}

#define SLAB_TARGET_AVX2   __attribute__((target("avx2")))
#define SLAB_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define SLAB_TARGET_VBMI   __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")))
#else
static inline slab_simd slab_simd_best(void)
{
    return SLAB_SIMD_SCALAR;
}
#endif

#define SLAB_INLINE static inline __attribute__((always_inline))

#endif
