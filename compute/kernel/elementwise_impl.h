/*
 * One loop an operation and type, written for the compiler to vectorise. Integers are computed
 * unsigned, so that they wrap around instead of overflowing. An expression is written in x, y and
 * z, the operands' elements.
 */
#ifndef SLAB_COMPUTE_KERNEL_ELEMENTWISE_IMPL_H
#define SLAB_COMPUTE_KERNEL_ELEMENTWISE_IMPL_H

#include <slab/compute/kernel/elementwise.h>
#include <slab/storage/base/clones.h>

typedef struct c8 {
    float re, im;
} c8;

typedef struct c16 {
    double re, im;
} c16;

/*
 * A product that is rounded before it is added to. In neighbouring differences and sums of products
 * GCC does both in one instruction, -ffp-contract=off or not: the result would be another one on
 * other processors, and in what a vector leaves over.
 */
#if defined(__has_builtin)
#if __has_builtin(__builtin_assoc_barrier)
#define ROUNDED(product) __builtin_assoc_barrier(product)
#endif
#endif
#ifndef ROUNDED
#define ROUNDED(product) (product)
#endif

/* T: the operands' type, R: the result's. CLONES is empty where a library function is called for
 * each element, which no instruction set makes faster. */
#define UNARY_AS(CLONES, name, T, R, expression)                                                   \
    CLONES static void name(size_t n, const void *const *in, void *out)                            \
    {                                                                                              \
        const T *xs = in[0];                                                                       \
        R *r = out;                                                                                \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = xs[i];                                                                           \
            r[i] = (R)(expression);                                                                \
        }                                                                                          \
    }
#define BINARY_AS(CLONES, name, T, U, R, expression)                                               \
    CLONES static void name(size_t n, const void *const *in, void *out)                            \
    {                                                                                              \
        const T *xs = in[0];                                                                       \
        const U *ys = in[1];                                                                       \
        R *r = out;                                                                                \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = xs[i];                                                                           \
            U y = ys[i];                                                                           \
            r[i] = (R)(expression);                                                                \
        }                                                                                          \
    }

#define UNARY(name, T, R, expression)        UNARY_AS(SLAB_CLONES, name, T, R, expression)
#define BINARY(name, T, R, expression)       BINARY_AS(SLAB_CLONES, name, T, T, R, expression)
#define PLAIN_UNARY(name, T, R, expression)  UNARY_AS(, name, T, R, expression)
#define PLAIN_BINARY(name, T, R, expression) BINARY_AS(, name, T, T, R, expression)

/* A structure cannot be cast to itself, so complex results have macros of their own. */
#define UNARY_COMPLEX(CLONES, name, T, expression)                                                 \
    CLONES static void name(size_t n, const void *const *in, void *out)                            \
    {                                                                                              \
        const T *xs = in[0];                                                                       \
        T *r = out;                                                                                \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = xs[i];                                                                           \
            r[i] = (expression);                                                                   \
        }                                                                                          \
    }
#define BINARY_COMPLEX(CLONES, name, T, expression)                                                \
    CLONES static void name(size_t n, const void *const *in, void *out)                            \
    {                                                                                              \
        const T *xs = in[0], *ys = in[1];                                                          \
        T *r = out;                                                                                \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = xs[i], y = ys[i];                                                                \
            r[i] = (expression);                                                                   \
        }                                                                                          \
    }

/* An f32 function through f64, whose x and y are the operands: blocks are widened first, since the
 * compiler does not vectorise a loop that compares in both widths. */
enum { WIDE = 256 };
#define THROUGH_DOUBLE(name, expression)                                                           \
    SLAB_CLONES static void name(size_t n, const void *const *in, void *out)                       \
    {                                                                                              \
        const float *xs = in[0];                                                                   \
        float *r = out;                                                                            \
        double wide[WIDE];                                                                         \
        for (size_t at = 0; at < n; at += WIDE) {                                                  \
            size_t some = n - at < WIDE ? n - at : WIDE;                                           \
            for (size_t i = 0; i < some; i++)                                                      \
                wide[i] = (double)xs[at + i];                                                      \
            for (size_t i = 0; i < some; i++) {                                                    \
                double x = wide[i];                                                                \
                wide[i] = (expression);                                                            \
            }                                                                                      \
            for (size_t i = 0; i < some; i++)                                                      \
                r[at + i] = (float)wide[i];                                                        \
        }                                                                                          \
    }
#define THROUGH_DOUBLE_2(name, expression)                                                         \
    SLAB_CLONES static void name(size_t n, const void *const *in, void *out)                       \
    {                                                                                              \
        const float *xs = in[0], *ys = in[1];                                                      \
        float *r = out;                                                                            \
        double wide[WIDE], wider[WIDE];                                                            \
        for (size_t at = 0; at < n; at += WIDE) {                                                  \
            size_t some = n - at < WIDE ? n - at : WIDE;                                           \
            for (size_t i = 0; i < some; i++) {                                                    \
                wide[i] = (double)xs[at + i];                                                      \
                wider[i] = (double)ys[at + i];                                                     \
            }                                                                                      \
            for (size_t i = 0; i < some; i++) {                                                    \
                double x = wide[i], y = wider[i];                                                  \
                wide[i] = (expression);                                                            \
            }                                                                                      \
            for (size_t i = 0; i < some; i++)                                                      \
                r[at + i] = (float)wide[i];                                                        \
        }                                                                                          \
    }

/* X is one of the macros above whose result has the operands' type. */
#define EACH_SIGNED(X, op, ...)                                                                    \
    X(op##_i1, int8_t, int8_t, __VA_ARGS__)                                                        \
    X(op##_i2, int16_t, int16_t, __VA_ARGS__)                                                      \
    X(op##_i4, int32_t, int32_t, __VA_ARGS__)                                                      \
    X(op##_i8, int64_t, int64_t, __VA_ARGS__)
#define EACH_UNSIGNED(X, op, ...)                                                                  \
    X(op##_u1, uint8_t, uint8_t, __VA_ARGS__)                                                      \
    X(op##_u2, uint16_t, uint16_t, __VA_ARGS__)                                                    \
    X(op##_u4, uint32_t, uint32_t, __VA_ARGS__)                                                    \
    X(op##_u8, uint64_t, uint64_t, __VA_ARGS__)
#define EACH_INT(X, op, ...)                                                                       \
    EACH_SIGNED(X, op, __VA_ARGS__)                                                                \
    EACH_UNSIGNED(X, op, __VA_ARGS__)
#define EACH_FLOAT(X, op, ...)                                                                     \
    X(op##_f4, float, float, __VA_ARGS__)                                                          \
    X(op##_f8, double, double, __VA_ARGS__)

/* The same with a result of another type. */
#define EACH_INT_TO(X, op, R, ...)                                                                 \
    X(op##_i1, int8_t, R, __VA_ARGS__)                                                             \
    X(op##_u1, uint8_t, R, __VA_ARGS__)                                                            \
    X(op##_i2, int16_t, R, __VA_ARGS__)                                                            \
    X(op##_u2, uint16_t, R, __VA_ARGS__)                                                           \
    X(op##_i4, int32_t, R, __VA_ARGS__)                                                            \
    X(op##_u4, uint32_t, R, __VA_ARGS__)                                                           \
    X(op##_i8, int64_t, R, __VA_ARGS__)                                                            \
    X(op##_u8, uint64_t, R, __VA_ARGS__)
#define EACH_FLOAT_TO(X, op, R, ...)                                                               \
    X(op##_f4, float, R, __VA_ARGS__)                                                              \
    X(op##_f8, double, R, __VA_ARGS__)
#define EACH_COMPLEX_TO(X, op, R, ...)                                                             \
    X(op##_c8, c8, R, __VA_ARGS__)                                                                 \
    X(op##_c16, c16, R, __VA_ARGS__)

/* A float's function and its twin with an f behind the name, both called alike. */
#define FLOAT_CALLS(X, op, call)                                                                   \
    X(op##_f4, float, float, call##f(x))                                                           \
    X(op##_f8, double, double, call(x))
#define FLOAT_CALLS_2(X, op, call)                                                                 \
    X(op##_f4, float, float, call##f(x, y))                                                        \
    X(op##_f8, double, double, call(x, y))

#define BOOL_ROW(op) [SLAB_STRIP_B1] = op##_b1
#define SIGNED_ROWS(op)                                                                            \
    [SLAB_STRIP_I1] = op##_i1, [SLAB_STRIP_I2] = op##_i2, [SLAB_STRIP_I4] = op##_i4,               \
    [SLAB_STRIP_I8] = op##_i8
#define UNSIGNED_ROWS(op)                                                                          \
    [SLAB_STRIP_U1] = op##_u1, [SLAB_STRIP_U2] = op##_u2, [SLAB_STRIP_U4] = op##_u4,               \
    [SLAB_STRIP_U8] = op##_u8
#define INT_ROWS(op)     SIGNED_ROWS(op), UNSIGNED_ROWS(op)
#define FLOAT_ROWS(op)   [SLAB_STRIP_F4] = op##_f4, [SLAB_STRIP_F8] = op##_f8
#define COMPLEX_ROWS(op) [SLAB_STRIP_C8] = op##_c8, [SLAB_STRIP_C16] = op##_c16

#define TABLE(op, ...) const slab_strip_kernel slab_strip_##op[SLAB_STRIP_TYPES] = {__VA_ARGS__};

/* All bits that a result keeps, and no undefined overflow. */
#define W(value) ((uint64_t)(value))

#endif
