/* Comparisons, logic, questions and choices. */
#include <slab/compute/graph/op_impl.h>

#define COMPARISON(op, text, says, python_name)                                                    \
    OP(op, 2, op_compare_types, text, says, .gives = SLAB_GIVES_BOOL,                              \
       .literals = SLAB_LITERALS_COMPARE, .python = SLAB_PYTHON_##python_name)

COMPARISON(equal, "x == y", "is x y; false with a NaN", EQUAL)
COMPARISON(not_equal, "x != y", "is x not y; true with a NaN", NOT_EQUAL)
COMPARISON(less, "x < y", "is x below y; complex numbers by real, then imaginary part", LESS)
COMPARISON(less_equal, "x <= y", "is x below y, or y", LESS_EQUAL)
COMPARISON(greater, "x > y", "is x above y", GREATER)
COMPARISON(greater_equal, "x >= y", "is x above y, or y", GREATER_EQUAL)

OP(logical_and, 2, op_truth_types, "logical_and(x, y)", "are both not 0", .gives = SLAB_GIVES_BOOL)
OP(logical_or, 2, op_truth_types, "logical_or(x, y)", "is one not 0", .gives = SLAB_GIVES_BOOL)
OP(logical_xor, 2, op_truth_types, "logical_xor(x, y)", "is exactly one not 0",
   .gives = SLAB_GIVES_BOOL)
OP(logical_not, 1, op_truth_types, "logical_not(x)", "is x 0", .gives = SLAB_GIVES_BOOL)

OP(isnan, 1, op_common_types, "isnan(x)", "is x NaN", .gives = SLAB_GIVES_BOOL)
OP(isinf, 1, op_common_types, "isinf(x)", "is x inf or -inf", .gives = SLAB_GIVES_BOOL)
OP(isfinite, 1, op_common_types, "isfinite(x)", "is x neither NaN nor inf nor -inf",
   .gives = SLAB_GIVES_BOOL)
OP(signbit, 1, op_float_types, "signbit(x)", "has x a minus sign; -0.0 has",
   .gives = SLAB_GIVES_BOOL)

OP(where, 3, op_where_types, "where(c, x, y)", "x where c is not 0, else y",
   .literals = SLAB_LITERALS_CHOOSE)
