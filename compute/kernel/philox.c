#include <stdatomic.h>

#include <slab/compute/kernel/philox_impl.h>

enum { ROUNDS = 10 };
#define M0 0xD2511F53U
#define M1 0xCD9E8D57U
#define W0 0x9E3779B9U
#define W1 0xBB67AE85U

void philox_block(const philox_stream *stream, uint64_t block, uint32_t words[4])
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = stream->stream,
             c3 = stream->sub;
    uint32_t k0 = (uint32_t)stream->seed, k1 = (uint32_t)(stream->seed >> 32);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)M0 * c0, p1 = (uint64_t)M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += W0;
        k1 += W1;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

static void groups_plain(const philox_stream *stream, uint64_t first, int n, uint32_t *words)
{
    for (int g = 0; g < n; g++) {
        for (int l = 0; l < PHILOX_LANES; l++) {
            uint32_t block[4];
            philox_block(stream, (first + (uint64_t)g) * PHILOX_LANES + (uint64_t)l, block);
            for (int k = 0; k < 4; k++)
                words[PHILOX_WORDS * g + PHILOX_LANES * k + l] = block[k];
        }
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * A word of a block has a 64-bit lane to itself, as the multiplication wants it; what gathers in
 * the lane's upper half is never looked at. Two vectors at once hide the multiplication's latency.
 */
__attribute__((target("avx512f"))) static void groups_avx512(const philox_stream *stream,
                                                             uint64_t first, int n, uint32_t *words)
{
    const __m512i m0 = _mm512_set1_epi64(M0), m1 = _mm512_set1_epi64(M1);
    const __m512i lanes = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    for (int g = 0; g < n; g++) {
        uint64_t block = (first + (uint64_t)g) * PHILOX_LANES;
        uint32_t k0 = (uint32_t)stream->seed, k1 = (uint32_t)(stream->seed >> 32);
        __m512i c[4][2];
        for (int h = 0; h < 2; h++) {
            c[0][h] =
                _mm512_add_epi64(_mm512_set1_epi64((long long)(block + 8 * (unsigned)h)), lanes);
            c[1][h] = _mm512_srli_epi64(c[0][h], 32);
            c[2][h] = _mm512_set1_epi64(stream->stream);
            c[3][h] = _mm512_set1_epi64(stream->sub);
        }
        for (int round = 0; round < ROUNDS; round++) {
            __m512i by0 = _mm512_set1_epi64(k0), by1 = _mm512_set1_epi64(k1);
            for (int h = 0; h < 2; h++) {
                __m512i p0 = _mm512_mul_epu32(c[0][h], m0), p1 = _mm512_mul_epu32(c[2][h], m1);
                c[0][h] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p1, 32), c[1][h], by0, 0x96);
                c[2][h] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p0, 32), c[3][h], by1, 0x96);
                c[1][h] = p1;
                c[3][h] = p0;
            }
            k0 += W0;
            k1 += W1;
        }
        for (int k = 0; k < 4; k++)
            for (int h = 0; h < 2; h++)
                _mm256_storeu_si256(
                    (__m256i *)(words + PHILOX_WORDS * g + PHILOX_LANES * k + 8 * h),
                    _mm512_cvtepi64_epi32(c[k][h]));
    }
}

/* Four blocks a vector. */
__attribute__((target("avx2"))) static void groups_avx2(const philox_stream *stream, uint64_t first,
                                                        int n, uint32_t *words)
{
    const __m256i m0 = _mm256_set1_epi64x(M0), m1 = _mm256_set1_epi64x(M1);
    const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3),
                  front = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    for (int part = 0; part < 2 * n; part++) {
        uint64_t block = first * PHILOX_LANES + (uint64_t)part * 8;
        uint32_t k0 = (uint32_t)stream->seed, k1 = (uint32_t)(stream->seed >> 32);
        uint32_t *out = words + PHILOX_WORDS * (part / 2) + 8 * (part % 2);
        __m256i c[4][2];
        for (int h = 0; h < 2; h++) {
            c[0][h] =
                _mm256_add_epi64(_mm256_set1_epi64x((long long)(block + 4 * (unsigned)h)), lanes);
            c[1][h] = _mm256_srli_epi64(c[0][h], 32);
            c[2][h] = _mm256_set1_epi64x(stream->stream);
            c[3][h] = _mm256_set1_epi64x(stream->sub);
        }
        for (int round = 0; round < ROUNDS; round++) {
            __m256i by0 = _mm256_set1_epi64x(k0), by1 = _mm256_set1_epi64x(k1);
            for (int h = 0; h < 2; h++) {
                __m256i p0 = _mm256_mul_epu32(c[0][h], m0), p1 = _mm256_mul_epu32(c[2][h], m1);
                c[0][h] =
                    _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c[1][h]), by0);
                c[2][h] =
                    _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c[3][h]), by1);
                c[1][h] = p1;
                c[3][h] = p0;
            }
            k0 += W0;
            k1 += W1;
        }
        for (int k = 0; k < 4; k++)
            for (int h = 0; h < 2; h++)
                _mm_storeu_si128(
                    (__m128i *)(out + PHILOX_LANES * k + 4 * h),
                    _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(c[k][h], front)));
    }
}
#endif

typedef void (*groups_kernel)(const philox_stream *, uint64_t, int, uint32_t *);

static atomic_int level_now = -1;

int philox_use(int level)
{
    int best = 0;
#if defined(__x86_64__)
    best = __builtin_cpu_supports("avx512f") ? 2 : __builtin_cpu_supports("avx2") ? 1 : 0;
#endif
    level = level < 0 || level > best ? best : level;
    atomic_store(&level_now, level);
    return level;
}

void philox_groups(const philox_stream *stream, uint64_t first, int n, uint32_t *words)
{
    static const groups_kernel kernels[] = {
        groups_plain,
#if defined(__x86_64__)
        groups_avx2,
        groups_avx512
#endif
    };
    int level = atomic_load_explicit(&level_now, memory_order_relaxed);
    kernels[level < 0 ? philox_use(-1) : level](stream, first, n, words);
}
