/* The reduce kernels in AVX-512. */
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET     __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define VECTOR     64
#define PATH(name) name##_avx512

#define WIDEN(x) _mm512_cvtps_pd(_mm256_loadu_ps((const void *)(x)))

#include <slab/compute/kernel/reduce_body_impl.h>
#endif
