/* Arithmetic, extremes, whole numbers and their bits. */
#include <slab/compute/graph/op_impl.h>

OP(add, 2, op_common_types, "x + y", "the sum; integers wrap around, bools: or",
   .python = SLAB_PYTHON_ADD)
OP(subtract, 2, op_common_types, "x - y", "the difference; not for bools", .no_bools = true,
   .python = SLAB_PYTHON_SUBTRACT)
OP(multiply, 2, op_common_types, "x * y", "the product; bools: and", .python = SLAB_PYTHON_MULTIPLY)
OP(divide, 2, op_divide_types, "x / y", "the quotient, in floats", .aliases = "true_divide",
   .python = SLAB_PYTHON_DIVIDE)
OP(floor_divide, 2, op_common_types, "x // y", "the quotient, floored; integers by 0: 0",
   .python = SLAB_PYTHON_FLOOR_DIVIDE)
OP(remainder, 2, op_common_types, "x % y", "x - (x // y) y, with the sign of y; integers by 0: 0",
   .aliases = "mod", .python = SLAB_PYTHON_REMAINDER)
OP(fmod, 2, op_common_types, "fmod(x, y)", "the remainder with the sign of x")
OP(negative, 1, op_common_types, "-x", "the negative; not for bools", .no_bools = true,
   .python = SLAB_PYTHON_NEGATIVE)
OP(positive, 1, op_common_types, "+x", "x itself; not for bools", .no_bools = true,
   .python = SLAB_PYTHON_POSITIVE)
OP(absolute, 1, op_common_types, "abs(x)", "|x|; of complex numbers a float", .aliases = "abs",
   .gives = SLAB_GIVES_REAL)
OP(fabs, 1, op_float_types, "fabs(x)", "|x|, in floats")
OP(sign, 1, op_common_types, "sign(x)", "-1, 0 or 1; of complex numbers x / |x|", .no_bools = true)
OP(square, 1, op_common_types, "x * x", "x x")
OP(reciprocal, 1, op_common_types, "1 / x", "1 / x; of integers truncated")

OP(minimum, 2, op_common_types, "minimum(x, y)", "the lesser; NaN if one is NaN")
OP(maximum, 2, op_common_types, "maximum(x, y)", "the greater; NaN if one is NaN")
OP(fmin, 2, op_common_types, "fmin(x, y)", "the lesser; the other if one is NaN")
OP(fmax, 2, op_common_types, "fmax(x, y)", "the greater; the other if one is NaN")

OP(bitwise_and, 2, op_common_types, "x & y", "bits that are set in both; of integers and bools",
   .python = SLAB_PYTHON_AND)
OP(bitwise_or, 2, op_common_types, "x | y", "bits that are set in either", .python = SLAB_PYTHON_OR)
OP(bitwise_xor, 2, op_common_types, "x ^ y", "bits that are set in one of them",
   .python = SLAB_PYTHON_XOR)
OP(invert, 1, op_common_types, "~x", "all bits turned over; bools: not",
   .aliases = "bitwise_not bitwise_invert", .python = SLAB_PYTHON_INVERT)
OP(left_shift, 2, op_common_types, "x << y", "bits moved up by y, zeros below",
   .aliases = "bitwise_left_shift", .python = SLAB_PYTHON_LEFT_SHIFT)
OP(right_shift, 2, op_common_types, "x >> y", "bits moved down by y, the sign above",
   .aliases = "bitwise_right_shift", .python = SLAB_PYTHON_RIGHT_SHIFT)
OP(bitwise_count, 1, op_common_types, "bitwise_count(x)", "how many bits of |x| are set",
   .aliases = "bit_count", .gives = SLAB_GIVES_U1)
OP(gcd, 2, op_common_types, "gcd(x, y)", "the greatest common divisor", .no_bools = true)
OP(lcm, 2, op_common_types, "lcm(x, y)", "the least common multiple", .no_bools = true)
