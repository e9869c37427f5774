/* Plain C: any CPU. Bytes and digits meet as 16-bit integers, which AVX2 multiplies and adds in
 * pairs (vpmaddwd) without saturating. */
#include <slab/compute/kernel/dot_impl.h>

static bool always(void)
{
    return true;
}

/* Row i of A times one tile of B: c[16]. is_digits: A is signed, B is not. */
static inline __attribute__((always_inline)) void
row(const dot_job *j, const uint8_t *a, const uint8_t *b, int32_t *restrict c, bool is_digits)
{
    int32_t sum[64] = {0};
    for (int k = 0; k < j->kblocks; k++, a += j->a_block)
        for (int r = 0; r < 16; r++, b += j->b_row) {
            int16_t four[64];
            for (int u = 0; u < 64; u++)
                four[u] = is_digits ? (int8_t)a[4 * r + (u & 3)] : a[4 * r + (u & 3)];
            for (int u = 0; u < 64; u++)
                sum[u] += four[u] * (int16_t)(is_digits ? b[u] : (int8_t)b[u]);
        }
    for (int n = 0; n < 16; n++)
        c[n] = sum[4 * n] + sum[4 * n + 1] + sum[4 * n + 2] + sum[4 * n + 3];
}

__attribute__((target_clones("avx2", "default"))) static void plain_us(const dot_job *j)
{
    for (int n = 0; n < j->ntiles; n++)
        for (int m = 0; m < 16 * j->mtiles; m++)
            row(j, j->a + (size_t)m * j->a_row, j->b + (size_t)n * 64,
                j->c + (size_t)m * j->c_row + 16 * n, false);
}

__attribute__((target_clones("avx2", "default"))) static void plain_su(const dot_job *j)
{
    for (int n = 0; n < j->ntiles; n++)
        for (int m = 0; m < 16 * j->mtiles; m++)
            row(j, j->a + (size_t)m * j->a_row, j->b + (size_t)n * 64,
                j->c + (size_t)m * j->c_row + 16 * n, true);
}

const dot_way dot_plain = {"plain", always, NULL, NULL, plain_us, plain_su};
