/*
 * Between native types as NumPy's astype does on x86. Integers wrap. Floats are truncated; what the
 * integer cannot hold becomes what the processor's instruction leaves: the least int32 or int64, of
 * which narrower types keep the low bits.
 */
#include <slab/storage/base/clones.h>
#include <slab/storage/base/convert_impl.h>

#include <slab/storage/base/half_impl.h>

typedef struct c4 {
    uint16_t re, im;
} c4;

typedef struct c8 {
    float re, im;
} c8;

typedef struct c16 {
    double re, im;
} c16;

/* Numbers of the table of loops, the order of loops[][]. */
typedef enum number { B1, I1, U1, I2, U2, I4, U4, I8, U8, F2, F4, F8, C4, C8, C16, NUMBERS } number;

static number number_of(slab_dtype d)
{
    unsigned step = d.size == 1 ? 0 : d.size == 2 ? 1 : d.size == 4 ? 2 : 3;
    switch (d.kind) {
    case SLAB_KIND_INT:
        return (number)(I1 + 2 * step);
    case SLAB_KIND_UINT:
        return (number)(U1 + 2 * step);
    case SLAB_KIND_FLOAT:
        return (number)(F2 + step - 1);
    case SLAB_KIND_COMPLEX:
        return d.size == 4 ? C4 : d.size == 8 ? C8 : C16;
    default:
        return B1;
    }
}

static inline int32_t f4_as_i4(float x)
{
    return (int32_t)(x >= -0x1p31f && x < 0x1p31f ? x : -0x1p31f);
}

static inline int32_t f8_as_i4(double x)
{
    return (int32_t)(x > -0x1p31 - 1 && x < 0x1p31 ? x : -0x1p31);
}

static inline int64_t f4_as_i8(float x)
{
    return (int64_t)(x >= -0x1p63f && x < 0x1p63f ? x : -0x1p63f);
}

static inline int64_t f8_as_i8(double x)
{
    return (int64_t)(x >= -0x1p63 && x < 0x1p63 ? x : -0x1p63);
}

static inline uint64_t f4_as_u8(float x)
{
    bool high = x >= 0x1p63f;
    uint64_t low = (uint64_t)f4_as_i8(high ? x - 0x1p63f : x);
    return high ? low ^ (uint64_t)1 << 63 : low;
}

static inline uint64_t f8_as_u8(double x)
{
    bool high = x >= 0x1p63;
    uint64_t low = (uint64_t)f8_as_i8(high ? x - 0x1p63 : x);
    return high ? low ^ (uint64_t)1 << 63 : low;
}

#define HALF(x)   slab_float_to_half((float)(x))
#define SINGLE(h) slab_half_to_float(h)

#define LOOP(name, S, D, ...)                                                                      \
    SLAB_CLONES static void name(const void *src, void *dst, size_t n)                             \
    {                                                                                              \
        const S *xs = src;                                                                         \
        D *r = dst;                                                                                \
        for (size_t i = 0; i < n; i++) {                                                           \
            S x = xs[i];                                                                           \
            r[i] = __VA_ARGS__;                                                                    \
        }                                                                                          \
    }

/* Signed and unsigned integers of one width get the same bits. */
#define FROM_INTEGER(s, S)                                                                         \
    LOOP(s##_to_b1, S, uint8_t, x != 0)                                                            \
    LOOP(s##_to_w1, S, uint8_t, (uint8_t)x)                                                        \
    LOOP(s##_to_w2, S, uint16_t, (uint16_t)x)                                                      \
    LOOP(s##_to_w4, S, uint32_t, (uint32_t)x)                                                      \
    LOOP(s##_to_w8, S, uint64_t, (uint64_t)x)                                                      \
    LOOP(s##_to_f2, S, uint16_t, HALF(x))                                                          \
    LOOP(s##_to_f4, S, float, (float)x)                                                            \
    LOOP(s##_to_f8, S, double, (double)x)                                                          \
    LOOP(s##_to_c4, S, c4, (c4){HALF(x), 0})                                                       \
    LOOP(s##_to_c8, S, c8, (c8){(float)x, 0})                                                      \
    LOOP(s##_to_c16, S, c16, (c16){(double)x, 0})
FROM_INTEGER(i1, int8_t)
FROM_INTEGER(u1, uint8_t)
FROM_INTEGER(i2, int16_t)
FROM_INTEGER(u2, uint16_t)
FROM_INTEGER(i4, int32_t)
FROM_INTEGER(u4, uint32_t)
FROM_INTEGER(i8, int64_t)
FROM_INTEGER(u8, uint64_t)

/* v: the value of an element as a float or double, f4 or f8: which; half: it as a half. */
#define FROM_FLOAT(s, S, f, v, half)                                                               \
    LOOP(s##_to_b1, S, uint8_t, (v) != 0)                                                          \
    LOOP(s##_to_w1, S, uint8_t, (uint8_t)f##_as_i4(v))                                             \
    LOOP(s##_to_w2, S, uint16_t, (uint16_t)f##_as_i4(v))                                           \
    LOOP(s##_to_i4, S, int32_t, f##_as_i4(v))                                                      \
    LOOP(s##_to_u4, S, uint32_t, (uint32_t)f##_as_i8(v))                                           \
    LOOP(s##_to_i8, S, int64_t, f##_as_i8(v))                                                      \
    LOOP(s##_to_u8, S, uint64_t, f##_as_u8(v))                                                     \
    LOOP(s##_to_f2, S, uint16_t, half)                                                             \
    LOOP(s##_to_f4, S, float, (float)(v))                                                          \
    LOOP(s##_to_f8, S, double, (double)(v))                                                        \
    LOOP(s##_to_c4, S, c4, (c4){half, 0})                                                          \
    LOOP(s##_to_c8, S, c8, (c8){(float)(v), 0})                                                    \
    LOOP(s##_to_c16, S, c16, (c16){(double)(v), 0})
FROM_FLOAT(f2, uint16_t, f4, SINGLE(x), x)
FROM_FLOAT(f4, float, f4, x, HALF(x))
FROM_FLOAT(f8, double, f8, x, slab_double_to_half(x))

/* v, w: the parts; a real type gets the first, a bool whether either is not 0. */
#define FROM_COMPLEX(s, S, f, v, w, half, half_im)                                                 \
    LOOP(s##_to_b1, S, uint8_t, ((v) != 0) + ((w) != 0) > 0)                                       \
    LOOP(s##_to_w1, S, uint8_t, (uint8_t)f##_as_i4(v))                                             \
    LOOP(s##_to_w2, S, uint16_t, (uint16_t)f##_as_i4(v))                                           \
    LOOP(s##_to_i4, S, int32_t, f##_as_i4(v))                                                      \
    LOOP(s##_to_u4, S, uint32_t, (uint32_t)f##_as_i8(v))                                           \
    LOOP(s##_to_i8, S, int64_t, f##_as_i8(v))                                                      \
    LOOP(s##_to_u8, S, uint64_t, f##_as_u8(v))                                                     \
    LOOP(s##_to_f2, S, uint16_t, half)                                                             \
    LOOP(s##_to_f4, S, float, (float)(v))                                                          \
    LOOP(s##_to_f8, S, double, (double)(v))                                                        \
    LOOP(s##_to_c4, S, c4, (c4){half, half_im})                                                    \
    LOOP(s##_to_c8, S, c8, (c8){(float)(v), (float)(w)})                                           \
    LOOP(s##_to_c16, S, c16, (c16){(double)(v), (double)(w)})
FROM_COMPLEX(c4, c4, f4, SINGLE(x.re), SINGLE(x.im), x.re, x.im)
FROM_COMPLEX(c8, c8, f4, x.re, x.im, HALF(x.re), HALF(x.im))
FROM_COMPLEX(c16, c16, f8, x.re, x.im, slab_double_to_half(x.re), slab_double_to_half(x.im))

#define TO_FLOATS(s)                                                                               \
    [F2] = s##_to_f2, [F4] = s##_to_f4, [F8] = s##_to_f8, [C4] = s##_to_c4, [C8] = s##_to_c8,      \
    [C16] = s##_to_c16
#define INTEGER_ROW(s)                                                                             \
    {                                                                                              \
        [B1] = s##_to_b1, [I1] = s##_to_w1, [U1] = s##_to_w1, [I2] = s##_to_w2, [U2] = s##_to_w2,  \
        [I4] = s##_to_w4, [U4] = s##_to_w4, [I8] = s##_to_w8, [U8] = s##_to_w8, TO_FLOATS(s)       \
    }
#define FLOAT_ROW(s)                                                                               \
    {                                                                                              \
        [B1] = s##_to_b1, [I1] = s##_to_w1, [U1] = s##_to_w1, [I2] = s##_to_w2, [U2] = s##_to_w2,  \
        [I4] = s##_to_i4, [U4] = s##_to_u4, [I8] = s##_to_i8, [U8] = s##_to_u8, TO_FLOATS(s)       \
    }

typedef void loop(const void *src, void *dst, size_t n);

static loop *const loops[NUMBERS][NUMBERS] = {
    [B1] = INTEGER_ROW(u1), [I1] = INTEGER_ROW(i1), [U1] = INTEGER_ROW(u1), [I2] = INTEGER_ROW(i2),
    [U2] = INTEGER_ROW(u2), [I4] = INTEGER_ROW(i4), [U4] = INTEGER_ROW(u4), [I8] = INTEGER_ROW(i8),
    [U8] = INTEGER_ROW(u8), [F2] = FLOAT_ROW(f2),   [F4] = FLOAT_ROW(f4),   [F8] = FLOAT_ROW(f8),
    [C4] = FLOAT_ROW(c4),   [C8] = FLOAT_ROW(c8),   [C16] = FLOAT_ROW(c16)};

void convert_native(slab_dtype from, const void *src, slab_dtype to, void *dst, size_t n)
{
    loops[number_of(from)][number_of(to)](src, dst, n);
}
