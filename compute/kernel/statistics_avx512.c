/* The statistics kernels in AVX-512. */
#if defined(__x86_64__)
#include <immintrin.h>

#include <slab/compute/kernel/statistics_impl.h>

#define TARGET     __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,popcnt")))
#define INLINE     TARGET static inline __attribute__((always_inline))
#define PATH(name) name##_avx512

typedef __m512 vf;  /* f32 x 16 */
typedef __m512d vd; /* f64 x 8 */
typedef __m512i vn; /* i32 x 16: counters */
typedef __mmask16 mf;
typedef __mmask8 md;

INLINE vf f_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
INLINE vf f_set(float x)
{
    return _mm512_set1_ps(x);
}
INLINE vf f_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
INLINE vf f_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
INLINE mf f_finite(vf x)
{
    return _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(__builtin_inff()), _CMP_LT_OQ);
}
INLINE mf f_nan(vf x)
{
    return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
}
INLINE mf f_zero(vf x)
{
    return _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_EQ_OQ);
}
INLINE vf f_pick(mf m, vf a, vf b)
{
    return _mm512_mask_blend_ps(m, b, a);
}
INLINE int f_bits(mf m)
{
    return __builtin_popcount(m);
}
INLINE vd f_front(vf x)
{
    return _mm512_cvtps_pd(_mm512_castps512_ps256(x));
}
INLINE vd f_back(vf x)
{
    return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
}
/* From memory the conversion needs no shuffle, whose port is the bottleneck. */
INLINE vd f_load_front(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
INLINE vd f_load_back(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p + 8));
}
INLINE md f_mask_front(mf m)
{
    return (md)m;
}
INLINE md f_mask_back(mf m)
{
    return (md)(m >> 8);
}

INLINE vd d_load(const double *p)
{
    return _mm512_loadu_pd(p);
}
INLINE void d_store(double *p, vd x)
{
    _mm512_storeu_pd(p, x);
}
INLINE vd d_set(double x)
{
    return _mm512_set1_pd(x);
}
INLINE vd d_add(vd a, vd b)
{
    return _mm512_add_pd(a, b);
}
INLINE vd d_subtract(vd a, vd b)
{
    return _mm512_sub_pd(a, b);
}
INLINE vd d_multiply(vd a, vd b)
{
    return _mm512_mul_pd(a, b);
}
INLINE vd d_exact_square_add(vd x, vd sum)
{
    return _mm512_fmadd_pd(x, x, sum);
}
INLINE vd d_min(vd a, vd b)
{
    return _mm512_min_pd(a, b);
}
INLINE vd d_max(vd a, vd b)
{
    return _mm512_max_pd(a, b);
}
INLINE md d_finite(vd x)
{
    return _mm512_cmp_pd_mask(_mm512_abs_pd(x), _mm512_set1_pd(__builtin_inf()), _CMP_LT_OQ);
}
INLINE md d_nan(vd x)
{
    return _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q);
}
INLINE md d_zero(vd x)
{
    return _mm512_cmp_pd_mask(x, _mm512_setzero_pd(), _CMP_EQ_OQ);
}
INLINE vd d_pick(md m, vd a, vd b)
{
    return _mm512_mask_blend_pd(m, b, a);
}
INLINE int d_bits(md m)
{
    return __builtin_popcount(m);
}

/* Counters of 16 columns. */
INLINE vn n_none(void)
{
    return _mm512_setzero_si512();
}
INLINE vn n_count(vn n, mf m)
{
    return _mm512_mask_add_epi32(n, m, n, _mm512_set1_epi32(1));
}
INLINE vn n_count2(vn n, md front, md back)
{
    return n_count(n, (mf)(front | back << 8));
}
INLINE void n_store(int32_t *p, vn n)
{
    _mm512_storeu_si512(p, n);
}

typedef __m512i vb; /* u8 x 64 */
enum { BYTES = 64 };
INLINE vb b_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}
INLINE void b_store(uint8_t *p, vb x)
{
    _mm512_storeu_si512(p, x);
}
INLINE vb b_none(void)
{
    return _mm512_setzero_si512();
}
INLINE vb b_or(vb a, vb b)
{
    return _mm512_or_si512(a, b);
}
INLINE vb b_add(vb a, vb b)
{
    return _mm512_add_epi8(a, b);
}
INLINE vb b_count(vb n, vb x, uint8_t value)
{
    __mmask64 m = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8((char)value));
    return _mm512_mask_add_epi8(n, m, n, _mm512_set1_epi8(1));
}
INLINE int64_t b_equal(vb x, uint8_t value)
{
    return _mm_popcnt_u64(_mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8((char)value)));
}
INLINE bool b_small(vb ored) /* are all bytes <= 3 */
{
    return _mm512_test_epi8_mask(ored, _mm512_set1_epi8((char)0xFC)) == 0;
}

#include <slab/compute/kernel/statistics_body_impl.h>
#endif
