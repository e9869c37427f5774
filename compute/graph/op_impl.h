/* How the families' tables of operations are written. */
#ifndef SLAB_COMPUTE_GRAPH_OP_IMPL_H
#define SLAB_COMPUTE_GRAPH_OP_IMPL_H

#include <slab/compute/graph/op.h>

/* Rules of types, after the loops NumPy has. */
typedef slab_status op_rule(const slab_op *op, const slab_dtype *operands, slab_op_types *out);

op_rule op_common_types;  /* all operands in the type they are promoted to */
op_rule op_float_types;   /* in floats, as wide as the operands need */
op_rule op_single_types;  /* the same, f32 at least */
op_rule op_double_types;  /* the same, f64 at least */
op_rule op_divide_types;  /* integers in f64 */
op_rule op_truth_types;   /* each as a bool */
op_rule op_compare_types; /* as op_common_types, 64-bit integers of either sign as they are */
op_rule op_where_types;
op_rule op_ldexp_types;
op_rule op_parts_types;

/* A row: the operation's name, which is its kernels' too, its operands' number, how it is written,
 * what it is; then what differs from the usual. */
#define OP(op, n, rule, text, says, ...)                                                           \
    const slab_op slab_op_##op = {.name = #op,                                                     \
                                  .arity = (n),                                                    \
                                  .formula = (text),                                               \
                                  .summary = (says),                                               \
                                  .types = (rule),                                                 \
                                  .kernels = slab_strip_##op,                                      \
                                  __VA_ARGS__};

/* One made of others. */
#define MADE(op, least, most, function, text, says, ...)                                           \
    const slab_op slab_op_##op = {.name = #op,                                                     \
                                  .arity_least = (least),                                          \
                                  .arity = (most),                                                 \
                                  .formula = (text),                                               \
                                  .summary = (says),                                               \
                                  .build = (function),                                             \
                                  __VA_ARGS__};

#endif
