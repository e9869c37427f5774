/* Plain C: any CPU, and what the others are compared with. */
#include <slab/compute/kernel/dot_impl.h>

static bool always(void)
{
    return true;
}

/* One row of A times one tile of B: c[16]. flip: bytes are in B. */
static inline __attribute__((always_inline)) void
row(const dot_job *j, const uint8_t *a, const uint8_t *b, int32_t *restrict c, bool flip)
{
    int32_t sum[16] = {0};
    for (int k = 0; k < j->kblocks; k++, a += j->a_block)
        for (int r = 0; r < 16; r++, b += j->b_row)
            for (int n = 0; n < 16; n++)
                for (int u = 0; u < 4; u++)
                    sum[n] += flip ? (int8_t)a[4 * r + u] * b[4 * n + u]
                                   : a[4 * r + u] * (int8_t)b[4 * n + u];
    for (int n = 0; n < 16; n++)
        c[n] = sum[n];
}

static void plain_us(const dot_job *j)
{
    for (int n = 0; n < j->ntiles; n++)
        for (int m = 0; m < 16 * j->mtiles; m++)
            row(j, j->a + (size_t)m * j->a_row, j->b + (size_t)n * 64,
                j->c + (size_t)m * j->c_row + 16 * n, false);
}

static void plain_su(const dot_job *j)
{
    for (int n = 0; n < j->ntiles; n++)
        for (int m = 0; m < 16 * j->mtiles; m++)
            row(j, j->a + (size_t)m * j->a_row, j->b + (size_t)n * 64,
                j->c + (size_t)m * j->c_row + 16 * n, true);
}

const dot_way dot_plain = {"plain C", 3e9, always, NULL, NULL, plain_us, plain_su};
