/* Circular and hyperbolic functions. */
#include <slab/compute/kernel/elementwise_complex_impl.h>

#include <math.h>

#define FUNCTION(name, f)                                                                          \
    FLOAT_CALLS(PLAIN_UNARY, name, f)                                                              \
    TABLE(name, FLOAT_ROWS(name), COMPLEX_FUNCTION_ROWS(name))
FUNCTION(sin, sin)
FUNCTION(cos, cos)
FUNCTION(tan, tan)
FUNCTION(arcsin, asin)
FUNCTION(arccos, acos)
FUNCTION(arctan, atan)
FUNCTION(sinh, sinh)
FUNCTION(cosh, cosh)
FUNCTION(tanh, tanh)
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
