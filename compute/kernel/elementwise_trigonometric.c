/* Circular and hyperbolic functions. */
#include <slab/compute/kernel/elementwise_complex_impl.h>

#include <math.h>
#include <slab/compute/kernel/vector_math_impl.h>

#define FUNCTION(name, f)                                                                          \
    FLOAT_CALLS(PLAIN_UNARY, name, f)                                                              \
    TABLE(name, FLOAT_ROWS(name), COMPLEX_FUNCTION_ROWS(name))

/* Do all of them need few turns? Others are left to the C library, which reduces
 * them by as many digits of pi as it takes. */
#define NEAR(x) (fabs((double)(x)) <= VM_TURNS_MOST)
#define WAVE(name, type, T, library)                                                               \
    PLAIN_UNARY(name##_any_##type, T, T, NEAR(x) ? (T)vm_##name((double)x) : library(x))           \
    static void name##_##type(size_t n, const void *const *in, void *out)                          \
    {                                                                                              \
        if (all_near_##type(n, in[0]))                                                             \
            name##_near_##type(n, in, out);                                                        \
        else                                                                                       \
            name##_any_##type(n, in, out);                                                         \
    }
#define ALL_NEAR(type, T)                                                                          \
    SLAB_CLONES static bool all_near_##type(size_t n, const T *x)                                  \
    {                                                                                              \
        int near = 1;                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            near &= NEAR(x[i]);                                                                    \
        return near;                                                                               \
    }
ALL_NEAR(f4, float)
ALL_NEAR(f8, double)
THROUGH_DOUBLE(sin_near_f4, vm_sin(x))
UNARY(sin_near_f8, double, double, vm_sin(x))
THROUGH_DOUBLE(cos_near_f4, vm_cos(x))
UNARY(cos_near_f8, double, double, vm_cos(x))
WAVE(sin, f4, float, sinf)
WAVE(sin, f8, double, sin)
TABLE(sin, FLOAT_ROWS(sin), COMPLEX_FUNCTION_ROWS(sin))
WAVE(cos, f4, float, cosf)
WAVE(cos, f8, double, cos)
TABLE(cos, FLOAT_ROWS(cos), COMPLEX_FUNCTION_ROWS(cos))
FUNCTION(tan, tan)
FUNCTION(arcsin, asin)
FUNCTION(arccos, acos)
FUNCTION(arctan, atan)
FUNCTION(sinh, sinh)
FUNCTION(cosh, cosh)
THROUGH_DOUBLE(tanh_f4, vm_tanh(x))
UNARY(tanh_f8, double, double, vm_tanh(x))
TABLE(tanh, FLOAT_ROWS(tanh), COMPLEX_FUNCTION_ROWS(tanh))
FUNCTION(arcsinh, asinh)
FUNCTION(arccosh, acosh)
FUNCTION(arctanh, atanh)

FLOAT_CALLS_2(PLAIN_BINARY, arctan2, atan2)
TABLE(arctan2, FLOAT_ROWS(arctan2))

#define DEGREE 0.017453292519943295769236907684886127
#define RADIAN 57.295779513082320876798154814105170332
UNARY(deg2rad_f4, float, float, x *(float)DEGREE)
UNARY(deg2rad_f8, double, double, x *DEGREE)
TABLE(deg2rad, FLOAT_ROWS(deg2rad))
UNARY(rad2deg_f4, float, float, x *(180 / (float)M_PI)) /* as NumPy rounds it */
UNARY(rad2deg_f8, double, double, x *RADIAN)
TABLE(rad2deg, FLOAT_ROWS(rad2deg))
