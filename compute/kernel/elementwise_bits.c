/* Bits of integers, and what is done with whole numbers only. */
#include <slab/compute/kernel/elementwise_impl.h>

EACH_INT(BINARY, bitwise_and, x &y)
TABLE(bitwise_and, [SLAB_STRIP_B1] = bitwise_and_u1, INT_ROWS(bitwise_and))
EACH_INT(BINARY, bitwise_or, x | y)
TABLE(bitwise_or, [SLAB_STRIP_B1] = bitwise_or_u1, INT_ROWS(bitwise_or))
EACH_INT(BINARY, bitwise_xor, x ^ y)
TABLE(bitwise_xor, [SLAB_STRIP_B1] = bitwise_xor_u1, INT_ROWS(bitwise_xor))
EACH_INT(UNARY, invert, ~x)
UNARY(invert_b1, uint8_t, uint8_t, x == 0)
TABLE(invert, BOOL_ROW(invert), INT_ROWS(invert))

/* All bits are shifted out by a negative count, as by one too large. */
#define BITS (8 * sizeof x)
EACH_INT(BINARY, left_shift, W(y) < BITS ? W(x) << y : 0)
TABLE(left_shift, INT_ROWS(left_shift))
EACH_SIGNED(BINARY, right_shift, W(y) < BITS ? x >> y : x < 0 ? -1 : 0)
EACH_UNSIGNED(BINARY, right_shift, y < BITS ? x >> y : 0)
TABLE(right_shift, INT_ROWS(right_shift))

#define MAGNITUDE(x) ((x) < 0 ? 0 - W(x) : W(x))
UNARY(bitwise_count_i1, int8_t, uint8_t, __builtin_popcountll(MAGNITUDE(x)))
UNARY(bitwise_count_u1, uint8_t, uint8_t, __builtin_popcountll(x))
UNARY(bitwise_count_i2, int16_t, uint8_t, __builtin_popcountll(MAGNITUDE(x)))
UNARY(bitwise_count_u2, uint16_t, uint8_t, __builtin_popcountll(x))
UNARY(bitwise_count_i4, int32_t, uint8_t, __builtin_popcountll(MAGNITUDE(x)))
UNARY(bitwise_count_u4, uint32_t, uint8_t, __builtin_popcountll(x))
UNARY(bitwise_count_i8, int64_t, uint8_t, __builtin_popcountll(MAGNITUDE(x)))
UNARY(bitwise_count_u8, uint64_t, uint8_t, __builtin_popcountll(x))
TABLE(bitwise_count, INT_ROWS(bitwise_count))

static inline uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static inline uint64_t lcm(uint64_t a, uint64_t b)
{
    uint64_t divisor = gcd(a, b);
    return divisor ? a / divisor * b : 0;
}

EACH_SIGNED(PLAIN_BINARY, gcd, gcd(MAGNITUDE(x), MAGNITUDE(y)))
EACH_UNSIGNED(PLAIN_BINARY, gcd, gcd(x, y))
TABLE(gcd, INT_ROWS(gcd))
EACH_SIGNED(PLAIN_BINARY, lcm, lcm(MAGNITUDE(x), MAGNITUDE(y)))
EACH_UNSIGNED(PLAIN_BINARY, lcm, lcm(x, y))
TABLE(lcm, INT_ROWS(lcm))
