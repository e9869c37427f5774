/* Functions of complex numbers, for the tables of the families they belong to. */
#ifndef SLAB_COMPUTE_KERNEL_ELEMENTWISE_COMPLEX_IMPL_H
#define SLAB_COMPUTE_KERNEL_ELEMENTWISE_COMPLEX_IMPL_H

#include <slab/compute/kernel/elementwise_impl.h>

#define COMPLEX_FUNCTIONS(X)                                                                       \
    X(sqrt)                                                                                        \
    X(exp)                                                                                         \
    X(exp2)                                                                                        \
    X(expm1)                                                                                       \
    X(log)                                                                                         \
    X(log2)                                                                                        \
    X(log10)                                                                                       \
    X(log1p) X(power) X(sin) X(cos) X(tan) X(arcsin) X(arccos) X(arctan) X(sinh) X(cosh) X(tanh)   \
        X(arcsinh) X(arccosh) X(arctanh)

#define X(name)                                                                                    \
    void complex_##name##_c8(size_t n, const void *const *in, void *out);                          \
    void complex_##name##_c16(size_t n, const void *const *in, void *out);
COMPLEX_FUNCTIONS(X)
#undef X

#define COMPLEX_FUNCTION_ROWS(name)                                                                \
    [SLAB_STRIP_C8] = complex_##name##_c8, [SLAB_STRIP_C16] = complex_##name##_c16

#endif
