#include <slab/format/genotypes_impl.h>

#include <string.h>

/* Codes are relabelled 2 bits at a time, h the higher and l the lower: copies of A1 are
 * (~h, h ^ l); back from copies (h, l) it is (~h, ~(h ^ l)). */
#define HIGH_BITS 0xAAAAAAAAAAAAAAAAu
#define LOW_BITS  0x5555555555555555u
#define RELABEL(turn, x)                                                                           \
    ((~(x)&HIGH_BITS) |                                                                            \
     (((x) ^ ((x) >> 1) ^ ((turn) == SLAB_TURN_IMPORT ? 0 : LOW_BITS)) & LOW_BITS))

/* Four rows of bytes of four codes each, first code lowest: code k of row i goes to code i of
 * row k. Shifts cross bytes, but what crosses is masked away. */
#define SWAP_CODES(type, a, b, shift, mask)                                                        \
    do {                                                                                           \
        type swapped = (((a) >> (shift)) ^ (b)) & (mask);                                          \
        (b) ^= swapped;                                                                            \
        (a) ^= swapped << (shift);                                                                 \
    } while (0)
#define TURN_4X4(type, a)                                                                          \
    do {                                                                                           \
        SWAP_CODES(type, (a)[0], (a)[1], 2, 0x3333333333333333u);                                  \
        SWAP_CODES(type, (a)[2], (a)[3], 2, 0x3333333333333333u);                                  \
        SWAP_CODES(type, (a)[0], (a)[2], 4, 0x0F0F0F0F0F0F0F0Fu);                                  \
        SWAP_CODES(type, (a)[1], (a)[3], 4, 0x0F0F0F0F0F0F0F0Fu);                                  \
    } while (0)

/* 8 bytes of each of 8 words: byte j of word i goes to byte i of word j. */
static void turn_bytes(uint64_t w[8])
{
    static const uint64_t masks[3] = {0x00FF00FF00FF00FFu, 0x0000FFFF0000FFFFu,
                                      0x00000000FFFFFFFFu};
    for (int step = 0; step < 3; step++)
        for (int i = 0; i < 8; i++)
            if (!(i & 1 << step))
                SWAP_CODES(uint64_t, w[i], w[i | 1 << step], 8 << step, masks[step]);
}

/* 32 rows x 32 columns. */
static void turn_block_scalar(slab_turn turn, const uint8_t *src, size_t src_stride, uint8_t *dst,
                              size_t dst_stride)
{
    uint64_t t[4][8];
    for (int g = 0; g < 8; g++) {
        uint64_t a[4];
        for (int i = 0; i < 4; i++) {
            int row = turn == SLAB_TURN_IMPORT ? 3 - i : i;
            memcpy(&a[i], src + (size_t)(4 * g + row) * src_stride, 8);
            a[i] = RELABEL(turn, a[i]);
        }
        TURN_4X4(uint64_t, a);
        for (int k = 0; k < 4; k++)
            t[turn == SLAB_TURN_IMPORT ? k : 3 - k][g] = a[k];
    }
    for (int k = 0; k < 4; k++) {
        turn_bytes(t[k]);
        for (int j = 0; j < 8; j++)
            memcpy(dst + (size_t)(4 * j + k) * dst_stride, &t[k][j], 8);
    }
}

/* Any multiple of 4 rows and columns. */
static void turn_small(slab_turn turn, const uint8_t *src, size_t src_stride, int64_t rows,
                       int64_t columns, uint8_t *dst, size_t dst_stride)
{
    for (int64_t g = 0; g < rows / 4; g++)
        for (int64_t j = 0; j < columns / 4; j++) {
            uint64_t a[4];
            for (int i = 0; i < 4; i++) {
                int row = turn == SLAB_TURN_IMPORT ? 3 - i : i;
                a[i] = src[(size_t)(4 * g + row) * src_stride + (size_t)j];
                a[i] = RELABEL(turn, a[i]);
            }
            TURN_4X4(uint64_t, a);
            for (int k = 0; k < 4; k++) {
                int column = turn == SLAB_TURN_IMPORT ? k : 3 - k;
                dst[(size_t)(4 * j + column) * dst_stride + (size_t)g] = (uint8_t)a[k];
            }
        }
}

typedef void (*block_turn)(slab_turn turn, const uint8_t *src, size_t src_stride, uint8_t *dst,
                           size_t dst_stride);

#define TILE_BYTES   64  /* of a row of dst: a cache line */
#define TILE_COLUMNS 256 /* of the widest block */

/* As many row blocks as fill cache lines of dst: through a small tile, because the rows of dst lie
 * at a power of two from each other, where a cache has room for few of them. */
static void turn_tile(block_turn block, int64_t block_rows, int64_t columns, slab_turn turn,
                      const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride)
{
    uint8_t tile[TILE_COLUMNS * TILE_BYTES] __attribute__((aligned(TILE_BYTES)));
    for (int64_t r = 0; r < 4 * TILE_BYTES; r += block_rows)
        block(turn, src + (size_t)r * src_stride, src_stride, tile + r / 4, TILE_BYTES);
    for (int64_t i = 0; i < columns; i++)
        memcpy(dst + (size_t)i * dst_stride, tile + (size_t)i * TILE_BYTES, TILE_BYTES);
}

/* Whole blocks by `block`; returns through *rows and *columns what they covered. */
static void turn_blocks(block_turn block, int64_t block_rows, int64_t block_columns, slab_turn turn,
                        const uint8_t *src, size_t src_stride, int64_t *rows, int64_t *columns,
                        uint8_t *dst, size_t dst_stride)
{
    *rows -= *rows % block_rows;
    *columns -= *columns % block_columns;
    for (int64_t c = 0; c < *columns; c += block_columns)
        for (int64_t r = 0, step; r < *rows; r += step) {
            const uint8_t *from = src + (size_t)r * src_stride + c / 4;
            uint8_t *to = dst + (size_t)c * dst_stride + r / 4;
            step = *rows - r >= 4 * TILE_BYTES ? 4 * TILE_BYTES : block_rows;
            if (step == block_rows)
                block(turn, from, src_stride, to, dst_stride);
            else
                turn_tile(block, block_rows, block_columns, turn, from, src_stride, to, dst_stride);
        }
}

#if defined(__x86_64__)
#include <immintrin.h>

#define VEC_BYTES  32
#define TARGET     __attribute__((target("avx2")))
#define LOW(a, b)  _mm256_unpacklo_epi8((__m256i)(a), (__m256i)(b))
#define HIGH(a, b) _mm256_unpackhi_epi8((__m256i)(a), (__m256i)(b))
#define BLOCK      turn_block_avx2
#include <slab/format/turn_body_impl.h>

#define VEC_BYTES  64
#define TARGET     __attribute__((target("avx512f,avx512bw")))
#define LOW(a, b)  _mm512_unpacklo_epi8((__m512i)(a), (__m512i)(b))
#define HIGH(a, b) _mm512_unpackhi_epi8((__m512i)(a), (__m512i)(b))
#define BLOCK      turn_block_avx512
#include <slab/format/turn_body_impl.h>

slab_turn_path slab_genotypes_path(void)
{
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        return SLAB_TURN_AVX512;
    return __builtin_cpu_supports("avx2") ? SLAB_TURN_AVX2 : SLAB_TURN_SCALAR;
}

static block_turn block_of(slab_turn_path path, int64_t *rows, int64_t *columns)
{
    *rows = path == SLAB_TURN_SCALAR ? 32 : 64;
    *columns = path == SLAB_TURN_AVX512 ? 256 : path == SLAB_TURN_AVX2 ? 128 : 32;
    return path == SLAB_TURN_AVX512 ? turn_block_avx512
           : path == SLAB_TURN_AVX2 ? turn_block_avx2
                                    : turn_block_scalar;
}
#else
slab_turn_path slab_genotypes_path(void)
{
    return SLAB_TURN_SCALAR;
}

static block_turn block_of(slab_turn_path path, int64_t *rows, int64_t *columns)
{
    (void)path;
    *rows = *columns = 32;
    return turn_block_scalar;
}
#endif

void slab_genotypes_turn(slab_turn_path path, slab_turn turn, const uint8_t *src, size_t src_stride,
                         int64_t rows, int64_t columns, uint8_t *dst, size_t dst_stride)
{
    int64_t block_rows, block_columns, r = rows, c = columns;
    block_turn block = block_of(path, &block_rows, &block_columns);
    turn_blocks(block, block_rows, block_columns, turn, src, src_stride, &r, &c, dst, dst_stride);
    if (path != SLAB_TURN_SCALAR) { /* the strips that are left, first by smaller blocks */
        if (c < columns)
            slab_genotypes_turn(SLAB_TURN_SCALAR, turn, src + c / 4, src_stride, r, columns - c,
                                dst + (size_t)c * dst_stride, dst_stride);
        if (r < rows)
            slab_genotypes_turn(SLAB_TURN_SCALAR, turn, src + (size_t)r * src_stride, src_stride,
                                rows - r, columns, dst + r / 4, dst_stride);
        return;
    }
    turn_small(turn, src + c / 4, src_stride, r, columns - c, dst + (size_t)c * dst_stride,
               dst_stride);
    turn_small(turn, src + (size_t)r * src_stride, src_stride, rows - r, columns, dst + r / 4,
               dst_stride);
}

void slab_genotypes_unpack(const uint8_t *packed, int64_t n, uint8_t *plain)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        /* each code shifted to the low bits of its own byte */
        uint32_t x = packed[i / 4];
        uint32_t four = (x >> 6 | x << 4 | x << 14 | x << 24) & 0x03030303u;
        memcpy(plain + i, &four, 4);
    }
    for (; i < n; i++)
        plain[i] = packed[i / 4] >> (6 - 2 * (i % 4)) & 3;
}

static inline __attribute__((always_inline)) uint8_t pack_body(const uint8_t *plain, int64_t n,
                                                               uint8_t *packed)
{
    uint32_t above = 0;
    int64_t whole = n / 4;
    uint8_t last[4] = {0}, rest = 0;
    for (int64_t i = 0; i < whole; i++) {
        uint32_t x;
        memcpy(&x, plain + 4 * i, 4);
        above |= x;
        packed[i] = (uint8_t)((x * 0x40100401u) >> 24); /* shifts by 30, 20, 10 and 0, no carries */
    }
    if (n % 4) {
        memcpy(last, plain + 4 * whole, (size_t)(n % 4));
        packed[whole] = (uint8_t)(last[0] << 6 | last[1] << 4 | last[2] << 2 | last[3]);
    }
    for (int k = 0; k < 4; k++)
        rest = (uint8_t)(rest | last[k] | (uint8_t)(above >> 8 * k));
    return rest > 3 ? rest : 0;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint8_t pack_avx2(const uint8_t *plain, int64_t n,
                                                         uint8_t *packed)
{
    return pack_body(plain, n, packed);
}
#endif

uint8_t slab_genotypes_pack(const uint8_t *plain, int64_t n, uint8_t *packed)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return pack_avx2(plain, n, packed);
#endif
    return pack_body(plain, n, packed);
}
