/* AVX2: bytes and digits meet as 16-bit integers (vpmaddwd), which cannot saturate, whatever the
 * bytes are. */
#include <slab/compute/kernel/dot_impl.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))
enum { HIGH = 2, QUADS = 4 }; /* rows of A at a time; vectors of 4 columns in a tile of B */

static bool avx2_usable(void)
{
    return __builtin_cpu_supports("avx2");
}

/* Lanes hold k 0 + 1 and k 2 + 3 of four columns: adds them, and joins four such vectors. */
AVX2 static inline void store_tile(const __m256i sum[QUADS], int32_t *c)
{
    const __m256i order = _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7);
    for (int h = 0; h < 2; h++) {
        __m256i both = _mm256_hadd_epi32(sum[2 * h], sum[2 * h + 1]);
        both = _mm256_permutevar8x32_epi32(both, order);
        _mm256_storeu_si256((__m256i *)(void *)(c + 8 * h), both);
    }
}

/* HIGH rows of A times one tile of B; flip (a constant after inlining): bytes are in B. */
AVX2 static inline __attribute__((always_inline)) void
avx2_block(const dot_job *j, const uint8_t *a, const uint8_t *b, int32_t *c, bool flip)
{
    __m256i sum[HIGH][QUADS];
    for (int i = 0; i < HIGH; i++)
        for (int q = 0; q < QUADS; q++)
            sum[i][q] = _mm256_setzero_si256();
    for (int k = 0; k < j->kblocks; k++, a += j->a_block)
        for (int r = 0; r < 16; r++, b += j->b_row) {
            __m256i left[HIGH];
            for (int i = 0; i < HIGH; i++) {
                int32_t four;
                memcpy(&four, a + (size_t)i * j->a_row + 4 * r, 4);
                __m128i bytes = _mm_cvtsi32_si128(four);
                bytes = flip ? _mm_cvtepi8_epi16(bytes) : _mm_cvtepu8_epi16(bytes);
                left[i] = _mm256_broadcastq_epi64(bytes);
            }
            for (int q = 0; q < QUADS; q++) {
                __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(b + 16 * q));
                __m256i right = flip ? _mm256_cvtepu8_epi16(bytes) : _mm256_cvtepi8_epi16(bytes);
                for (int i = 0; i < HIGH; i++)
                    sum[i][q] = _mm256_add_epi32(sum[i][q], _mm256_madd_epi16(left[i], right));
            }
        }
    for (int i = 0; i < HIGH; i++)
        store_tile(sum[i], c + (size_t)i * j->c_row);
}

AVX2 static inline __attribute__((always_inline)) void avx2(const dot_job *j, bool flip)
{
    for (int m = 0; m < j->mtiles * 16; m += HIGH)
        for (int n = 0; n < j->ntiles; n++)
            avx2_block(j, j->a + (size_t)m * j->a_row, j->b + (size_t)n * 64,
                       j->c + (size_t)m * j->c_row + n * 16, flip);
}

AVX2 static void avx2_us(const dot_job *job)
{
    avx2(job, false);
}

AVX2 static void avx2_su(const dot_job *job)
{
    avx2(job, true);
}

const dot_way dot_avx2 = {"AVX2", 1.6e10, avx2_usable, NULL, NULL, avx2_us, avx2_su};
#else
static bool no_avx2(void)
{
    return false;
}
const dot_way dot_avx2 = {"AVX2", 1.6e10, no_avx2, NULL, NULL, NULL, NULL};
#endif
