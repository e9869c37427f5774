/* Comparisons, logic, questions, extremes and choices. */
#include <slab/compute/kernel/elementwise_impl.h>

#include <math.h>
#include <string.h>

/* Complex numbers are ordered by their real parts, then by their imaginary ones; a NaN in either
 * part is not ordered. */
#define ORDERED               (x.im == x.im && y.im == y.im)
#define COMPLEX_LESS          ((x.re < y.re && ORDERED) || (x.re == y.re && x.im < y.im))
#define COMPLEX_LESS_EQUAL    ((x.re < y.re && ORDERED) || (x.re == y.re && x.im <= y.im))
#define COMPLEX_GREATER       ((x.re > y.re && ORDERED) || (x.re == y.re && x.im > y.im))
#define COMPLEX_GREATER_EQUAL ((x.re > y.re && ORDERED) || (x.re == y.re && x.im >= y.im))
#define COMPLEX_EQUAL         (x.re == y.re && x.im == y.im)

#define COMPARISON(op, relation, complex_relation, signed_unsigned, unsigned_signed)               \
    EACH_INT_TO(BINARY, op, uint8_t, x relation y)                                                 \
    EACH_FLOAT_TO(BINARY, op, uint8_t, x relation y)                                               \
    EACH_COMPLEX_TO(BINARY, op, uint8_t, complex_relation)                                         \
    BINARY_AS(SLAB_CLONES, op##_i8u8, int64_t, uint64_t, uint8_t, signed_unsigned)                 \
    BINARY_AS(SLAB_CLONES, op##_u8i8, uint64_t, int64_t, uint8_t, unsigned_signed)                 \
    TABLE(op, [SLAB_STRIP_B1] = op##_u1, INT_ROWS(op), FLOAT_ROWS(op),                             \
          COMPLEX_ROWS(op), [SLAB_STRIP_I8U8] = op##_i8u8, [SLAB_STRIP_U8I8] = op##_u8i8)

/* A signed and an unsigned number of 64 bits have no common type: the sign decides first. */
COMPARISON(equal, ==, COMPLEX_EQUAL, x >= 0 && W(x) == y, y >= 0 && x == W(y))
COMPARISON(not_equal, !=, !COMPLEX_EQUAL, x < 0 || W(x) != y, y < 0 || x != W(y))
COMPARISON(less, <, COMPLEX_LESS, x < 0 || W(x) < y, y >= 0 && x < W(y))
COMPARISON(less_equal, <=, COMPLEX_LESS_EQUAL, x < 0 || W(x) <= y, y >= 0 && x <= W(y))
COMPARISON(greater, >, COMPLEX_GREATER, x >= 0 && W(x) > y, y<0 || x> W(y))
COMPARISON(greater_equal, >=, COMPLEX_GREATER_EQUAL, x >= 0 && W(x) >= y, y < 0 || x >= W(y))

/* Operands of any type become bools first. */
BINARY(logical_and_b1, uint8_t, uint8_t, x &y)
TABLE(logical_and, BOOL_ROW(logical_and))
BINARY(logical_or_b1, uint8_t, uint8_t, x | y)
TABLE(logical_or, BOOL_ROW(logical_or))
BINARY(logical_xor_b1, uint8_t, uint8_t, x ^ y)
TABLE(logical_xor, BOOL_ROW(logical_xor))
UNARY(logical_not_b1, uint8_t, uint8_t, x == 0)
TABLE(logical_not, BOOL_ROW(logical_not))

static void no(size_t n, const void *const *in, void *out)
{
    (void)in;
    memset(out, 0, n);
}

static void yes(size_t n, const void *const *in, void *out)
{
    (void)in;
    memset(out, 1, n);
}

/* The same answer for every bool and integer. */
#define EVERY_INT(answer)                                                                          \
    [SLAB_STRIP_B1] = (answer), [SLAB_STRIP_I1] = (answer), [SLAB_STRIP_U1] = (answer),            \
    [SLAB_STRIP_I2] = (answer), [SLAB_STRIP_U2] = (answer), [SLAB_STRIP_I4] = (answer),            \
    [SLAB_STRIP_U4] = (answer), [SLAB_STRIP_I8] = (answer), [SLAB_STRIP_U8] = (answer)

EACH_FLOAT_TO(UNARY, isnan, uint8_t, x != x)
EACH_COMPLEX_TO(UNARY, isnan, uint8_t, (x.re != x.re) | (x.im != x.im))
TABLE(isnan, EVERY_INT(no), FLOAT_ROWS(isnan), COMPLEX_ROWS(isnan))

UNARY(isinf_f4, float, uint8_t, fabsf(x) > 0x1.fffffep127F)
UNARY(isinf_f8, double, uint8_t, fabs(x) > 0x1.fffffffffffffp1023)
UNARY(isinf_c8, c8, uint8_t, (fabsf(x.re) > 0x1.fffffep127F) | (fabsf(x.im) > 0x1.fffffep127F))
UNARY(isinf_c16, c16, uint8_t,
      (fabs(x.re) > 0x1.fffffffffffffp1023) | (fabs(x.im) > 0x1.fffffffffffffp1023))
TABLE(isinf, EVERY_INT(no), FLOAT_ROWS(isinf), COMPLEX_ROWS(isinf))

/* The difference of a finite number and itself is 0, of others NaN. */
EACH_FLOAT_TO(UNARY, isfinite, uint8_t, x - x == 0)
EACH_COMPLEX_TO(UNARY, isfinite, uint8_t, (x.re - x.re == 0) & (x.im - x.im == 0))
TABLE(isfinite, EVERY_INT(yes), FLOAT_ROWS(isfinite), COMPLEX_ROWS(isfinite))

UNARY(signbit_f4, float, uint8_t, !!signbit(x))
UNARY(signbit_f8, double, uint8_t, !!signbit(x))
TABLE(signbit, FLOAT_ROWS(signbit))

#define COMPLEX_NAN(z) (z.re != z.re || z.im != z.im)

EACH_INT(BINARY, minimum, x < y ? x : y)
EACH_FLOAT(BINARY, minimum, ((x <= y) | (x != x)) ? x : y)
BINARY(minimum_b1, uint8_t, uint8_t, x &y)
BINARY_COMPLEX(SLAB_CLONES, minimum_c8, c8, COMPLEX_LESS_EQUAL || COMPLEX_NAN(x) ? x : y)
BINARY_COMPLEX(SLAB_CLONES, minimum_c16, c16, COMPLEX_LESS_EQUAL || COMPLEX_NAN(x) ? x : y)
TABLE(minimum, BOOL_ROW(minimum), INT_ROWS(minimum), FLOAT_ROWS(minimum), COMPLEX_ROWS(minimum))

EACH_INT(BINARY, maximum, x > y ? x : y)
EACH_FLOAT(BINARY, maximum, ((x >= y) | (x != x)) ? x : y)
BINARY(maximum_b1, uint8_t, uint8_t, x | y)
BINARY_COMPLEX(SLAB_CLONES, maximum_c8, c8, COMPLEX_GREATER_EQUAL || COMPLEX_NAN(x) ? x : y)
BINARY_COMPLEX(SLAB_CLONES, maximum_c16, c16, COMPLEX_GREATER_EQUAL || COMPLEX_NAN(x) ? x : y)
TABLE(maximum, BOOL_ROW(maximum), INT_ROWS(maximum), FLOAT_ROWS(maximum), COMPLEX_ROWS(maximum))

EACH_FLOAT(BINARY, fmin, ((x <= y) | (y != y)) ? x : y)
BINARY_COMPLEX(SLAB_CLONES, fmin_c8, c8, COMPLEX_LESS_EQUAL || COMPLEX_NAN(y) ? x : y)
BINARY_COMPLEX(SLAB_CLONES, fmin_c16, c16, COMPLEX_LESS_EQUAL || COMPLEX_NAN(y) ? x : y)
TABLE(fmin, BOOL_ROW(minimum), INT_ROWS(minimum), FLOAT_ROWS(fmin), COMPLEX_ROWS(fmin))

EACH_FLOAT(BINARY, fmax, ((x >= y) | (y != y)) ? x : y)
BINARY_COMPLEX(SLAB_CLONES, fmax_c8, c8, COMPLEX_GREATER_EQUAL || COMPLEX_NAN(y) ? x : y)
BINARY_COMPLEX(SLAB_CLONES, fmax_c16, c16, COMPLEX_GREATER_EQUAL || COMPLEX_NAN(y) ? x : y)
TABLE(fmax, BOOL_ROW(maximum), INT_ROWS(maximum), FLOAT_ROWS(fmax), COMPLEX_ROWS(fmax))

/* minimum(maximum(x, low), high), a strip at a time. */
#define CLIP(type)                                                                                 \
    static void clip_##type(size_t n, const void *const *in, void *out)                            \
    {                                                                                              \
        const void *const above[2] = {in[0], in[1]}, *const below[2] = {out, in[2]};               \
        maximum_##type(n, above, out);                                                             \
        minimum_##type(n, below, out);                                                             \
    }
CLIP(b1)
CLIP(i1)
CLIP(u1)
CLIP(i2)
CLIP(u2)
CLIP(i4)
CLIP(u4)
CLIP(i8)
CLIP(u8)
CLIP(f4)
CLIP(f8)
CLIP(c8)
CLIP(c16)
TABLE(clip, BOOL_ROW(clip), INT_ROWS(clip), FLOAT_ROWS(clip), COMPLEX_ROWS(clip))

/* A choice moves bits: one kernel a width. */
#define CHOICE(name, T)                                                                            \
    SLAB_CLONES static void name(size_t n, const void *const *in, void *out)                       \
    {                                                                                              \
        const uint8_t *c = in[0];                                                                  \
        const T *x = in[1], *y = in[2];                                                            \
        T *r = out;                                                                                \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = c[i] ? x[i] : y[i];                                                             \
    }
CHOICE(where_1, uint8_t)
CHOICE(where_2, uint16_t)
CHOICE(where_4, uint32_t)
CHOICE(where_8, uint64_t)
CHOICE(where_16, c16)
TABLE(where, [SLAB_STRIP_B1] = where_1, [SLAB_STRIP_I1] = where_1, [SLAB_STRIP_U1] = where_1,
      [SLAB_STRIP_I2] = where_2, [SLAB_STRIP_U2] = where_2, [SLAB_STRIP_I4] = where_4,
      [SLAB_STRIP_U4] = where_4, [SLAB_STRIP_I8] = where_8, [SLAB_STRIP_U8] = where_8,
      [SLAB_STRIP_F2] = where_2, [SLAB_STRIP_F4] = where_4, [SLAB_STRIP_F8] = where_8,
      [SLAB_STRIP_C8] = where_8, [SLAB_STRIP_C16] = where_16)

/* Operands: x, and what stands for NaN, inf and -inf. Complex numbers: in each part. */
#define INSTEAD(x) ((x) != (x) ? nan[i] : (x) > most ? posinf[i] : (x) < -most ? neginf[i] : (x))
#define NAN_TO_NUM(type, T, most_of)                                                               \
    SLAB_CLONES static void nan_to_num_f##type(size_t n, const void *const *in, void *out)         \
    {                                                                                              \
        const T *x = in[0], *nan = in[1], *posinf = in[2], *neginf = in[3], most = (most_of);      \
        T *r = out;                                                                                \
        for (size_t i = 0; i < n; i++)                                                             \
            r[i] = INSTEAD(x[i]);                                                                  \
    }                                                                                              \
    SLAB_CLONES static void nan_to_num_c##type(size_t n, const void *const *in, void *out)         \
    {                                                                                              \
        const T *x = in[0], *nan = in[1], *posinf = in[2], *neginf = in[3], most = (most_of);      \
        T *r = out;                                                                                \
        for (size_t i = 0; i < n; i++) {                                                           \
            r[2 * i] = INSTEAD(x[2 * i]);                                                          \
            r[2 * i + 1] = INSTEAD(x[2 * i + 1]);                                                  \
        }                                                                                          \
    }
NAN_TO_NUM(4, float, 0x1.fffffep127F)
NAN_TO_NUM(8, double, 0x1.fffffffffffffp1023)
TABLE(nan_to_num,
      FLOAT_ROWS(nan_to_num), [SLAB_STRIP_C8] = nan_to_num_c4, [SLAB_STRIP_C16] = nan_to_num_c8)
