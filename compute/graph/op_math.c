/* Functions of floats and of complex numbers. */
#include <slab/compute/graph/op_impl.h>

OP(sqrt, 1, op_float_types, "sqrt(x)", "the square root")
OP(cbrt, 1, op_float_types, "cbrt(x)", "the cube root")
OP(hypot, 2, op_float_types, "hypot(x, y)", "sqrt(x x + y y), without overflow between")
OP(exp, 1, op_float_types, "exp(x)", "e to the x")
OP(exp2, 1, op_float_types, "exp2(x)", "2 to the x")
OP(expm1, 1, op_float_types, "expm1(x)", "e to the x, less 1; exact for small x")
OP(log, 1, op_float_types, "log(x)", "the natural logarithm")
OP(log2, 1, op_float_types, "log2(x)", "the logarithm to base 2")
OP(log10, 1, op_float_types, "log10(x)", "the logarithm to base 10")
OP(log1p, 1, op_float_types, "log1p(x)", "ln(1 + x), exact for small x")
OP(logaddexp, 2, op_float_types, "logaddexp(x, y)", "ln(e^x + e^y), without overflow between")
OP(logaddexp2, 2, op_float_types, "logaddexp2(x, y)", "log2(2^x + 2^y), without overflow between")

OP(sin, 1, op_float_types, "sin(x)", "the sine of radians")
OP(cos, 1, op_float_types, "cos(x)", "the cosine of radians")
OP(tan, 1, op_float_types, "tan(x)", "the tangent of radians")
OP(arcsin, 1, op_float_types, "arcsin(x)", "the angle of this sine", .aliases = "asin")
OP(arccos, 1, op_float_types, "arccos(x)", "the angle of this cosine", .aliases = "acos")
OP(arctan, 1, op_float_types, "arctan(x)", "the angle of this tangent", .aliases = "atan")
OP(arctan2, 2, op_float_types, "arctan2(y, x)", "the angle of the point (x, y)", .aliases = "atan2")
OP(sinh, 1, op_float_types, "sinh(x)", "the hyperbolic sine")
OP(cosh, 1, op_float_types, "cosh(x)", "the hyperbolic cosine")
OP(tanh, 1, op_float_types, "tanh(x)", "the hyperbolic tangent")
OP(arcsinh, 1, op_float_types, "arcsinh(x)", "the inverse of sinh", .aliases = "asinh")
OP(arccosh, 1, op_float_types, "arccosh(x)", "the inverse of cosh", .aliases = "acosh")
OP(arctanh, 1, op_float_types, "arctanh(x)", "the inverse of tanh", .aliases = "atanh")
OP(deg2rad, 1, op_float_types, "deg2rad(x)", "degrees as radians", .aliases = "radians")
OP(rad2deg, 1, op_float_types, "rad2deg(x)", "radians as degrees", .aliases = "degrees")

OP(floor, 1, op_common_types, "floor(x)", "the next whole number below")
OP(ceil, 1, op_common_types, "ceil(x)", "the next whole number above")
OP(trunc, 1, op_common_types, "trunc(x)", "the next whole number towards 0", .aliases = "fix")
OP(rint, 1, op_float_types, "rint(x)", "the nearest whole number; halves go to the even one")

OP(copysign, 2, op_float_types, "copysign(x, y)", "|x| with the sign of y")
OP(heaviside, 2, op_float_types, "heaviside(x, y)", "0 below 0, 1 above, y at 0")
OP(nextafter, 2, op_float_types, "nextafter(x, y)", "the float next to x on the way to y")
OP(spacing, 1, op_float_types, "spacing(x)", "the distance from x to the float next to it")
OP(ldexp, 2, op_ldexp_types, "ldexp(x, n)", "x times 2 to the n", .literals = SLAB_LITERALS_SCALE)
OP(frexp_mantissa, 1, op_float_types, "frexp(x)[0]", "m of x = m 2^n, 1/2 <= |m| < 1")
OP(frexp_exponent, 1, op_float_types, "frexp(x)[1]", "n of x = m 2^n, 1/2 <= |m| < 1",
   .gives = SLAB_GIVES_I4)
OP(modf_fraction, 1, op_float_types, "modf(x)[0]", "what follows the point, with the sign of x")
OP(modf_integral, 1, op_float_types, "modf(x)[1]", "what stands before the point")

OP(real, 1, op_common_types, "real(x)", "the real part", .gives = SLAB_GIVES_REAL)
OP(imag, 1, op_common_types, "imag(x)", "the imaginary part; 0 of real numbers",
   .gives = SLAB_GIVES_REAL)
OP(conjugate, 1, op_common_types, "conjugate(x)", "the complex conjugate", .aliases = "conj")

OP(gamma, 1, op_single_types, "gamma(x)", "the gamma function: (x - 1)! of whole numbers")
OP(gammaln, 1, op_single_types, "gammaln(x)", "ln |gamma(x)|", .aliases = "lgamma")
OP(erf, 1, op_single_types, "erf(x)", "the error function")
OP(erfc, 1, op_single_types, "erfc(x)", "1 - erf(x), exact where erf is near 1")

OP(float_power, 2, op_double_types, "float_power(x, y)", "x to the y, in f64 at least")
