/* AVX-512 VNNI: four products of bytes a 32-bit lane. */
#include <slab/compute/kernel/dot_impl.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))
enum { HIGH = 8 }; /* rows of A at a time: 8 x 3 accumulators, and 3 columns of B */

static bool vnni_usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vnni");
}

/* HIGH rows of A times `wide` (a constant after inlining) tiles of B; bytes are in B if `flip`. */
VNNI static inline __attribute__((always_inline)) void
vnni_block(const dot_job *j, const uint8_t *a, const uint8_t *b, int32_t *c, int wide, bool flip)
{
    __m512i sum[HIGH][3];
    for (int i = 0; i < HIGH; i++)
        for (int w = 0; w < wide; w++)
            sum[i][w] = _mm512_setzero_si512();
    for (int k = 0; k < j->kblocks; k++, a += j->a_block)
        for (int r = 0; r < 16; r++, b += j->b_row) {
            __m512i right[3];
            for (int w = 0; w < wide; w++)
                right[w] = _mm512_loadu_si512(b + 64 * w);
            for (int i = 0; i < HIGH; i++) {
                int32_t four;
                memcpy(&four, a + (size_t)i * j->a_row + 4 * r, 4);
                __m512i left = _mm512_set1_epi32(four);
                for (int w = 0; w < wide; w++)
                    sum[i][w] = flip ? _mm512_dpbusd_epi32(sum[i][w], right[w], left)
                                     : _mm512_dpbusd_epi32(sum[i][w], left, right[w]);
            }
        }
    for (int i = 0; i < HIGH; i++)
        for (int w = 0; w < wide; w++)
            _mm512_storeu_si512(c + (size_t)i * j->c_row + 16 * w, sum[i][w]);
}

VNNI static inline __attribute__((always_inline)) void vnni(const dot_job *j, bool flip)
{
    for (int m = 0; m < j->mtiles * 16; m += HIGH)
        for (int n = 0, wide; n < j->ntiles; n += wide) {
            const uint8_t *a = j->a + (size_t)m * j->a_row, *b = j->b + (size_t)n * 64;
            int32_t *c = j->c + (size_t)m * j->c_row + n * 16;
            wide = j->ntiles - n < 3 ? 1 : 3;
            if (wide == 3)
                vnni_block(j, a, b, c, 3, flip);
            else
                vnni_block(j, a, b, c, 1, flip);
        }
}

VNNI static void vnni_us(const dot_job *job)
{
    vnni(job, false);
}

VNNI static void vnni_su(const dot_job *job)
{
    vnni(job, true);
}

const dot_way dot_vnni = {"AVX-512 VNNI", 1.2e11, vnni_usable, NULL, NULL, vnni_us, vnni_su};
#else
static bool no_vnni(void)
{
    return false;
}
const dot_way dot_vnni = {"AVX-512 VNNI", 1.2e11, no_vnni, NULL, NULL, NULL, NULL};
#endif
