/* The statistics kernels in plain C: the same lanes as arrays. */
#include <math.h>
#include <string.h>

#include <slab/compute/kernel/statistics_impl.h>

#define TARGET
#define INLINE     static inline
#define PATH(name) name##_plain

typedef struct vf {
    float v[16];
} vf;
typedef struct vd {
    double v[8];
} vd;
typedef struct vn {
    int32_t v[16];
} vn;
typedef unsigned mf, md;

#define EACH(n, type, expression)                                                                  \
    type result;                                                                                   \
    for (int l = 0; l < (n); l++)                                                                  \
        result.v[l] = (expression);                                                                \
    return result
#define MASK(n, condition)                                                                         \
    unsigned mask = 0;                                                                             \
    for (int l = 0; l < (n); l++)                                                                  \
        mask |= (unsigned)(condition) << l;                                                        \
    return mask

/* clang-format off */
INLINE vf f_load(const float *p) { EACH(16, vf, p[l]); }
INLINE vf f_set(float x) { EACH(16, vf, x); }
INLINE vf f_min(vf a, vf b) { EACH(16, vf, a.v[l] < b.v[l] ? a.v[l] : b.v[l]); }
INLINE vf f_max(vf a, vf b) { EACH(16, vf, a.v[l] > b.v[l] ? a.v[l] : b.v[l]); }
INLINE mf f_finite(vf x) { MASK(16, isfinite(x.v[l]) != 0); }
INLINE mf f_nan(vf x) { MASK(16, isnan(x.v[l]) != 0); }
INLINE mf f_zero(vf x) { MASK(16, x.v[l] == 0); }
INLINE vf f_pick(mf m, vf a, vf b) { EACH(16, vf, m >> l & 1 ? a.v[l] : b.v[l]); }
INLINE int f_bits(mf m) { return __builtin_popcount(m); }
INLINE vd f_front(vf x) { EACH(8, vd, x.v[l]); }
INLINE vd f_back(vf x) { EACH(8, vd, x.v[l + 8]); }
INLINE vd f_load_front(const float *p) { EACH(8, vd, p[l]); }
INLINE vd f_load_back(const float *p) { EACH(8, vd, p[l + 8]); }
INLINE md f_mask_front(mf m) { return m & 255; }
INLINE md f_mask_back(mf m) { return m >> 8; }

INLINE vd d_load(const double *p) { EACH(8, vd, p[l]); }
INLINE void d_store(double *p, vd x) { memcpy(p, x.v, sizeof x.v); }
INLINE vd d_set(double x) { EACH(8, vd, x); }
INLINE vd d_add(vd a, vd b) { EACH(8, vd, a.v[l] + b.v[l]); }
INLINE vd d_subtract(vd a, vd b) { EACH(8, vd, a.v[l] - b.v[l]); }
INLINE vd d_multiply(vd a, vd b) { EACH(8, vd, a.v[l] * b.v[l]); }
INLINE vd d_exact_square_add(vd x, vd sum) { EACH(8, vd, sum.v[l] + x.v[l] * x.v[l]); }
INLINE vd d_min(vd a, vd b) { EACH(8, vd, a.v[l] < b.v[l] ? a.v[l] : b.v[l]); }
INLINE vd d_max(vd a, vd b) { EACH(8, vd, a.v[l] > b.v[l] ? a.v[l] : b.v[l]); }
INLINE md d_finite(vd x) { MASK(8, isfinite(x.v[l]) != 0); }
INLINE md d_nan(vd x) { MASK(8, isnan(x.v[l]) != 0); }
INLINE md d_zero(vd x) { MASK(8, x.v[l] == 0); }
INLINE vd d_pick(md m, vd a, vd b) { EACH(8, vd, m >> l & 1 ? a.v[l] : b.v[l]); }
INLINE int d_bits(md m) { return __builtin_popcount(m); }

INLINE vn n_none(void) { EACH(16, vn, 0); }
INLINE vn n_count(vn n, mf m) { EACH(16, vn, n.v[l] + (int32_t)(m >> l & 1)); }
INLINE vn n_count2(vn n, md front, md back) { return n_count(n, front | back << 8); }
INLINE void n_store(int32_t *p, vn n) { memcpy(p, n.v, sizeof n.v); }

typedef struct vb {
    uint8_t v[16];
} vb;
enum { BYTES = 16 };
INLINE vb b_load(const uint8_t *p) { EACH(BYTES, vb, p[l]); }
INLINE void b_store(uint8_t *p, vb x) { memcpy(p, x.v, sizeof x.v); }
INLINE vb b_none(void) { EACH(BYTES, vb, 0); }
INLINE vb b_or(vb a, vb b) { EACH(BYTES, vb, a.v[l] | b.v[l]); }
INLINE vb b_add(vb a, vb b) { EACH(BYTES, vb, (uint8_t)(a.v[l] + b.v[l])); }
INLINE vb b_count(vb n, vb x, uint8_t value) { EACH(BYTES, vb, (uint8_t)(n.v[l] + (x.v[l] == value))); }
/* clang-format on */
INLINE int64_t b_equal(vb x, uint8_t value)
{
    int64_t n = 0;
    for (int l = 0; l < BYTES; l++)
        n += x.v[l] == value;
    return n;
}
INLINE bool b_small(vb ored)
{
    uint8_t any = 0;
    for (int l = 0; l < BYTES; l++)
        any |= ored.v[l];
    return any <= 3;
}

#include <slab/compute/kernel/statistics_body_impl.h>
