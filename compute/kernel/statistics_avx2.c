/* The statistics kernels in AVX2: the lanes of AVX-512 in two registers. */
#if defined(__x86_64__)
#include <immintrin.h>

#include <slab/compute/kernel/statistics_impl.h>

#define TARGET     __attribute__((target("avx2,fma,popcnt")))
#define INLINE     TARGET static inline __attribute__((always_inline))
#define PATH(name) name##_avx2

typedef struct vf {
    __m256 a, b;
} vf;
typedef struct vd {
    __m256d a, b;
} vd;
typedef struct vn {
    __m256i a, b;
} vn;
typedef vf mf;
typedef vd md;

#define EACH_F(x, y, op) ((vf){op((x).a, (y).a), op((x).b, (y).b)})
#define EACH_D(x, y, op) ((vd){op((x).a, (y).a), op((x).b, (y).b)})

INLINE vf f_load(const float *p)
{
    return (vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
INLINE vf f_set(float x)
{
    return (vf){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
INLINE vf f_min(vf x, vf y)
{
    return EACH_F(x, y, _mm256_min_ps);
}
INLINE vf f_max(vf x, vf y)
{
    return EACH_F(x, y, _mm256_max_ps);
}
INLINE __m256 finite8(__m256 x)
{
    __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), x);
    return _mm256_cmp_ps(magnitude, _mm256_set1_ps(__builtin_inff()), _CMP_LT_OQ);
}
INLINE mf f_finite(vf x)
{
    return (mf){finite8(x.a), finite8(x.b)};
}
INLINE mf f_nan(vf x)
{
    return (mf){_mm256_cmp_ps(x.a, x.a, _CMP_UNORD_Q), _mm256_cmp_ps(x.b, x.b, _CMP_UNORD_Q)};
}
INLINE mf f_zero(vf x)
{
    __m256 zero = _mm256_setzero_ps();
    return (mf){_mm256_cmp_ps(x.a, zero, _CMP_EQ_OQ), _mm256_cmp_ps(x.b, zero, _CMP_EQ_OQ)};
}
INLINE vf f_pick(mf m, vf x, vf y)
{
    return (vf){_mm256_blendv_ps(y.a, x.a, m.a), _mm256_blendv_ps(y.b, x.b, m.b)};
}
INLINE int f_bits(mf m)
{
    return __builtin_popcount((unsigned)_mm256_movemask_ps(m.a)) +
           __builtin_popcount((unsigned)_mm256_movemask_ps(m.b));
}
INLINE vd widen(__m256 x)
{
    return (vd){_mm256_cvtps_pd(_mm256_castps256_ps128(x)),
                _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))};
}
INLINE vd f_front(vf x)
{
    return widen(x.a);
}
INLINE vd f_back(vf x)
{
    return widen(x.b);
}
INLINE vd f_load_front(const float *p)
{
    return (vd){_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p + 4))};
}
INLINE vd f_load_back(const float *p)
{
    return f_load_front(p + 8);
}
INLINE md mask_widen(__m256 m)
{
    __m256i bits = _mm256_castps_si256(m);
    return (md){_mm256_castsi256_pd(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(bits))),
                _mm256_castsi256_pd(_mm256_cvtepi32_epi64(_mm256_extracti128_si256(bits, 1)))};
}
INLINE md f_mask_front(mf m)
{
    return mask_widen(m.a);
}
INLINE md f_mask_back(mf m)
{
    return mask_widen(m.b);
}

INLINE vd d_load(const double *p)
{
    return (vd){_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)};
}
INLINE void d_store(double *p, vd x)
{
    _mm256_storeu_pd(p, x.a);
    _mm256_storeu_pd(p + 4, x.b);
}
INLINE vd d_set(double x)
{
    return (vd){_mm256_set1_pd(x), _mm256_set1_pd(x)};
}
INLINE vd d_add(vd x, vd y)
{
    return EACH_D(x, y, _mm256_add_pd);
}
INLINE vd d_subtract(vd x, vd y)
{
    return EACH_D(x, y, _mm256_sub_pd);
}
INLINE vd d_multiply(vd x, vd y)
{
    return EACH_D(x, y, _mm256_mul_pd);
}
INLINE vd d_exact_square_add(vd x, vd sum)
{
    return (vd){_mm256_fmadd_pd(x.a, x.a, sum.a), _mm256_fmadd_pd(x.b, x.b, sum.b)};
}
INLINE vd d_min(vd x, vd y)
{
    return EACH_D(x, y, _mm256_min_pd);
}
INLINE vd d_max(vd x, vd y)
{
    return EACH_D(x, y, _mm256_max_pd);
}
INLINE __m256d finite4(__m256d x)
{
    __m256d magnitude = _mm256_andnot_pd(_mm256_set1_pd(-0.0), x);
    return _mm256_cmp_pd(magnitude, _mm256_set1_pd(__builtin_inf()), _CMP_LT_OQ);
}
INLINE md d_finite(vd x)
{
    return (md){finite4(x.a), finite4(x.b)};
}
INLINE md d_nan(vd x)
{
    return (md){_mm256_cmp_pd(x.a, x.a, _CMP_UNORD_Q), _mm256_cmp_pd(x.b, x.b, _CMP_UNORD_Q)};
}
INLINE md d_zero(vd x)
{
    __m256d zero = _mm256_setzero_pd();
    return (md){_mm256_cmp_pd(x.a, zero, _CMP_EQ_OQ), _mm256_cmp_pd(x.b, zero, _CMP_EQ_OQ)};
}
INLINE vd d_pick(md m, vd x, vd y)
{
    return (vd){_mm256_blendv_pd(y.a, x.a, m.a), _mm256_blendv_pd(y.b, x.b, m.b)};
}
INLINE int d_bits(md m)
{
    return __builtin_popcount((unsigned)_mm256_movemask_pd(m.a)) +
           __builtin_popcount((unsigned)_mm256_movemask_pd(m.b));
}

/* Counters of 16 columns: a mask is -1 where it is true. */
INLINE vn n_none(void)
{
    return (vn){_mm256_setzero_si256(), _mm256_setzero_si256()};
}
INLINE vn n_count(vn n, mf m)
{
    return (vn){_mm256_sub_epi32(n.a, _mm256_castps_si256(m.a)),
                _mm256_sub_epi32(n.b, _mm256_castps_si256(m.b))};
}
INLINE __m256 narrow(md m)
{
    __m256 even = _mm256_shuffle_ps(_mm256_castpd_ps(m.a), _mm256_castpd_ps(m.b), 0x88);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(even), 0xD8));
}
INLINE vn n_count2(vn n, md front, md back)
{
    return n_count(n, (mf){narrow(front), narrow(back)});
}
INLINE void n_store(int32_t *p, vn n)
{
    _mm256_storeu_si256((__m256i *)p, n.a);
    _mm256_storeu_si256((__m256i *)(p + 8), n.b);
}

typedef __m256i vb; /* u8 x 32 */
enum { BYTES = 32 };
INLINE vb b_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
INLINE void b_store(uint8_t *p, vb x)
{
    _mm256_storeu_si256((__m256i *)p, x);
}
INLINE vb b_none(void)
{
    return _mm256_setzero_si256();
}
INLINE vb b_or(vb a, vb b)
{
    return _mm256_or_si256(a, b);
}
INLINE vb b_add(vb a, vb b)
{
    return _mm256_add_epi8(a, b);
}
INLINE vb b_count(vb n, vb x, uint8_t value)
{
    return _mm256_sub_epi8(n, _mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)value)));
}
INLINE int64_t b_equal(vb x, uint8_t value)
{
    __m256i m = _mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)value));
    return __builtin_popcount((unsigned)_mm256_movemask_epi8(m));
}
INLINE bool b_small(vb ored)
{
    return _mm256_testz_si256(ored, _mm256_set1_epi8((char)0xFC));
}

#include <slab/compute/kernel/statistics_body_impl.h>
#endif
