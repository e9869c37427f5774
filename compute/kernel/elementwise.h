/**
 * Element-wise kernels over strips: contiguous operands of equal length that fit L1.
 */
#ifndef SLAB_COMPUTE_KERNEL_ELEMENTWISE_H
#define SLAB_COMPUTE_KERNEL_ELEMENTWISE_H

#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

/** out[0..n) = op(in[0][0..n), in[1][0..n), ...). out may be one of the operands when its element
 * is as wide, else they do not overlap. */
typedef void (*slab_strip_kernel)(size_t n, const void *const *in, void *out);

/** False when an element has no result: an integer to a negative power. */
typedef bool (*slab_strip_check)(size_t n, const void *const *in);

typedef enum slab_strip_type {
    SLAB_STRIP_B1,
    SLAB_STRIP_I1,
    SLAB_STRIP_U1,
    SLAB_STRIP_I2,
    SLAB_STRIP_U2,
    SLAB_STRIP_I4,
    SLAB_STRIP_U4,
    SLAB_STRIP_I8,
    SLAB_STRIP_U8,
    SLAB_STRIP_F2, /* only where f16 cannot be computed in f32: its neighbours, choices */
    SLAB_STRIP_F4,
    SLAB_STRIP_F8,
    SLAB_STRIP_C8,   /* complex64: (re, im) pairs of f32 */
    SLAB_STRIP_C16,  /* complex128 */
    SLAB_STRIP_I8U8, /* comparisons only: an int64 operand, then a uint64 one */
    SLAB_STRIP_U8I8,
    SLAB_STRIP_TYPES
} slab_strip_type;

/** Of a native bool, int, uint, float, or complex of 8 or 16 bytes. */
slab_strip_type slab_strip_type_of(slab_dtype dtype);

/** Every kernel table: slab_strip_add[SLAB_STRIP_TYPES], NULL where an operation is not defined. */
#define SLAB_STRIP_LIST(X)                                                                         \
    X(add)                                                                                         \
    X(subtract)                                                                                    \
    X(multiply)                                                                                    \
    X(divide)                                                                                      \
    X(floor_divide)                                                                                \
    X(remainder)                                                                                   \
    X(fmod)                                                                                        \
    X(power) X(float_power) X(negative) X(positive) X(absolute) X(fabs) X(sign) X(signbit)         \
        X(copysign) X(square) X(sqrt) X(cbrt) X(reciprocal) X(exp) X(exp2) X(expm1) X(log) X(log2) \
            X(log10) X(log1p) X(logaddexp) X(logaddexp2) X(sin) X(cos) X(tan) X(arcsin) X(arccos)  \
                X(arctan) X(arctan2) X(hypot) X(sinh) X(cosh) X(tanh) X(arcsinh) X(arccosh)        \
                    X(arctanh) X(deg2rad) X(rad2deg) X(floor) X(ceil) X(trunc) X(rint) X(round)    \
                        X(minimum) X(maximum) X(fmin) X(fmax) X(clip) X(equal) X(not_equal)        \
                            X(less) X(less_equal) X(greater) X(greater_equal) X(logical_and)       \
                                X(logical_or) X(logical_xor) X(logical_not) X(bitwise_and)         \
                                    X(bitwise_or) X(bitwise_xor) X(invert) X(left_shift)           \
                                        X(right_shift) X(bitwise_count) X(gcd) X(lcm) X(where)     \
                                            X(isnan) X(isinf) X(isfinite) X(nan_to_num) X(real)    \
                                                X(imag) X(conjugate) X(heaviside) X(nextafter)     \
                                                    X(spacing) X(ldexp) X(frexp_mantissa)          \
                                                        X(frexp_exponent) X(modf_fraction)         \
                                                            X(modf_integral) X(gamma) X(gammaln)   \
                                                                X(erf) X(erfc)

#define X(name) extern const slab_strip_kernel slab_strip_##name[SLAB_STRIP_TYPES];
SLAB_STRIP_LIST(X)
#undef X

extern const slab_strip_check slab_strip_power_check[SLAB_STRIP_TYPES];

#ifdef __cplusplus
}
#endif
#endif
