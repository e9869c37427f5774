/* Division of floats as Python and NumPy do it: the quotient is floored, the remainder has the
 * divisor's sign. As in CPython's float_divmod. */
#ifndef SLAB_COMPUTE_KERNEL_PYTHON_MATH_IMPL_H
#define SLAB_COMPUTE_KERNEL_PYTHON_MATH_IMPL_H

#include <math.h>

#define FLOORED_DIVISION(T, name, fmod, floor, copysign)                                           \
    static inline T name##_remainder(T a, T b)                                                     \
    {                                                                                              \
        T m = fmod(a, b);                                                                          \
        if (b == 0)                                                                                \
            return m; /* NaN */                                                                    \
        if (m == 0)                                                                                \
            return copysign(0, b);                                                                 \
        return (b < 0) != (m < 0) ? m + b : m;                                                     \
    }                                                                                              \
    static inline T name##_floor_divide(T a, T b)                                                  \
    {                                                                                              \
        T m = fmod(a, b), quotient, whole;                                                         \
        if (b == 0)                                                                                \
            return a / b;                                                                          \
        quotient = (a - m) / b;                                                                    \
        if (m != 0 && (b < 0) != (m < 0))                                                          \
            quotient -= 1;                                                                         \
        if (quotient == 0)                                                                         \
            return copysign(0, a / b);                                                             \
        whole = floor(quotient);                                                                   \
        return quotient - whole > (T)0.5 ? whole + 1 : whole;                                      \
    }

FLOORED_DIVISION(float, f4, fmodf, floorf, copysignf)
FLOORED_DIVISION(double, f8, fmod, floor, copysign)
#undef FLOORED_DIVISION

#endif
