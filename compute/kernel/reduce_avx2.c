/* The reduce kernels in AVX2. */
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET     __attribute__((target("avx2")))
#define VECTOR     32
#define PATH(name) name##_avx2
#define WIDEN(x)   _mm256_cvtps_pd(_mm_loadu_ps((const void *)(x)))

#include <slab/compute/kernel/reduce_body_impl.h>
#endif
