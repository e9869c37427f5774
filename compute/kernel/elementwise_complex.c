/*
 * Functions of complex numbers: the C library's, and where it has none, NumPy's formulas.
 */
#include <slab/compute/kernel/elementwise_complex_impl.h>

#include <complex.h>
#include <math.h>
#include <string.h>

/* Numbers of C's complex type: built part by part, since I * inf would have a NaN beside it. */
#define PAIRS(type, C, T, creal, cimag)                                                            \
    static inline T complex as_##type(C x)                                                         \
    {                                                                                              \
        T complex z;                                                                               \
        memcpy(&z, &x, sizeof z);                                                                  \
        return z;                                                                                  \
    }                                                                                              \
    static inline C of_##type(T complex z)                                                         \
    {                                                                                              \
        return (C){creal(z), cimag(z)};                                                            \
    }
PAIRS(c8, c8, float, crealf, cimagf)
PAIRS(c16, c16, double, creal, cimag)

#define FUNCTION_OF_C8(name, f)                                                                    \
    void complex_##name##_c8(size_t n, const void *const *in, void *out)                           \
    {                                                                                              \
        const c8 *x = in[0];                                                                       \
        c8 *r = out;                                                                               \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = f(x[i]);                                                                        \
    }
#define FUNCTION_OF_C16(name, f)                                                                   \
    void complex_##name##_c16(size_t n, const void *const *in, void *out)                          \
    {                                                                                              \
        const c16 *x = in[0];                                                                      \
        c16 *r = out;                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = f(x[i]);                                                                        \
    }

/* The C library's function for both widths. */
#define LIBRARY(name, call)                                                                        \
    static inline c8 name##_c8(c8 x)                                                               \
    {                                                                                              \
        return of_c8(call##f(as_c8(x)));                                                           \
    }                                                                                              \
    static inline c16 name##_c16(c16 x)                                                            \
    {                                                                                              \
        return of_c16(call(as_c16(x)));                                                            \
    }                                                                                              \
    FUNCTION_OF_C8(name, name##_c8)                                                                \
    FUNCTION_OF_C16(name, name##_c16)

LIBRARY(sqrt, csqrt)
LIBRARY(exp, cexp)
LIBRARY(log, clog)
LIBRARY(sin, csin)
LIBRARY(cos, ccos)
LIBRARY(tan, ctan)
LIBRARY(arcsin, casin)
LIBRARY(arccos, cacos)
LIBRARY(arctan, catan)
LIBRARY(sinh, csinh)
LIBRARY(cosh, ccosh)
LIBRARY(tanh, ctanh)
LIBRARY(arcsinh, casinh)
LIBRARY(arccosh, cacosh)
LIBRARY(arctanh, catanh)

#define LOG2E  1.442695040888963407359924681001892137
#define LOG10E 0.434294481903251827651128918916605082
#define LOGE2  0.693147180559945309417232121458176568

/* f is empty or f: the suffix of the C library's names. */
#define FORMULAS(C, T, f)                                                                          \
    static inline C log2_##C(C x)                                                                  \
    {                                                                                              \
        C l = log_##C(x);                                                                          \
        return (C){l.re * (T)LOG2E, l.im * (T)LOG2E};                                              \
    }                                                                                              \
    static inline C log10_##C(C x)                                                                 \
    {                                                                                              \
        C l = log_##C(x);                                                                          \
        return (C){l.re * (T)LOG10E, l.im * (T)LOG10E};                                            \
    }                                                                                              \
    static inline C exp2_##C(C x)                                                                  \
    {                                                                                              \
        return exp_##C((C){x.re * (T)LOGE2, x.im * (T)LOGE2});                                     \
    }                                                                                              \
    static inline C expm1_##C(C x)                                                                 \
    {                                                                                              \
        T a = sin##f(x.im / 2);                                                                    \
        return (C){expm1##f(x.re) * cos##f(x.im) - 2 * a * a, exp##f(x.re) * sin##f(x.im)};        \
    }                                                                                              \
    static inline C log1p_##C(C x)                                                                 \
    {                                                                                              \
        return (C){log##f(hypot##f(x.re + 1, x.im)), atan2##f(x.im, x.re + 1)};                    \
    }                                                                                              \
    static inline C multiply_##C(C x, C y)                                                         \
    {                                                                                              \
        return (C){ROUNDED(x.re * y.re) - ROUNDED(x.im * y.im),                                    \
                   ROUNDED(x.re * y.im) + ROUNDED(x.im * y.re)};                                   \
    }                                                                                              \
    /* 1 / x by Smith's division. */                                                               \
    static inline C inverse_##C(C x)                                                               \
    {                                                                                              \
        bool wide = fabs##f(x.re) >= fabs##f(x.im);                                                \
        T ratio = wide ? x.im / x.re : x.re / x.im;                                                \
        T scale = 1 / (wide ? x.re + x.im * ratio : x.im + x.re * ratio);                          \
        return wide ? (C){scale, -ratio * scale} : (C){ratio * scale, -scale};                     \
    }                                                                                              \
    /* By squaring; n is not 0. */                                                                 \
    static inline C whole_power_##C(C x, int n)                                                    \
    {                                                                                              \
        C power = x, result = {1, 0};                                                              \
        if (n == 1)                                                                                \
            return x;                                                                              \
        if (n == 2)                                                                                \
            return multiply_##C(x, x);                                                             \
        if (n == 3)                                                                                \
            return multiply_##C(x, multiply_##C(x, x));                                            \
        for (int left = n < 0 ? -n : n; left; left >>= 1) {                                        \
            if (left & 1)                                                                          \
                result = multiply_##C(result, power);                                              \
            if (left > 1)                                                                          \
                power = multiply_##C(power, power);                                                \
        }                                                                                          \
        return n < 0 ? inverse_##C(result) : result;                                               \
    }                                                                                              \
    static inline C power_##C(C x, C y)                                                            \
    {                                                                                              \
        if (y.re == 0 && y.im == 0)                                                                \
            return (C){1, 0};                                                                      \
        if (x.re == 0 && x.im == 0)                                                                \
            return y.re > 0 ? (C){0, 0} : (C){NAN, NAN};                                           \
        if (y.im == 0 && y.re > -100 && y.re < 100 && y.re == rint##f(y.re))                       \
            return whole_power_##C(x, (int)y.re);                                                  \
        return of_##C(cpow##f(as_##C(x), as_##C(y)));                                              \
    }                                                                                              \
    void complex_power_##C(size_t n, const void *const *in, void *out)                             \
    {                                                                                              \
        const C *x = in[0], *y = in[1];                                                            \
        C *r = out;                                                                                \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = power_##C(x[i], y[i]);                                                          \
    }
FORMULAS(c8, float, f)
FORMULAS(c16, double, )

#define BOTH(name) FUNCTION_OF_C8(name, name##_c8) FUNCTION_OF_C16(name, name##_c16)
BOTH(log2)
BOTH(log10)
BOTH(exp2)
BOTH(expm1)
BOTH(log1p)
