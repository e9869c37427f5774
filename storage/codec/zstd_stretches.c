/* A chunk in stretches: each a plane of bytes or a part of one, so that what is counted and coded
 * together is alike. */
#include <slab/storage/codec/zstd_impl.h>

#define STRETCH     ((size_t)512 << 10)
#define PLANE_LEAST ((size_t)32 << 10) /* of a smaller one a trial takes too long */
#define BLOCK       ((size_t)128 << 10)
#define BLOCK_SHORT ((size_t)16 << 10) /* where frequencies shift: a code of its own for each */

static size_t per_plane(size_t plane)
{
    return (plane + STRETCH - 1) / STRETCH;
}

size_t slab_zstd_stretches(size_t n, size_t plane)
{
    if (plane < PLANE_LEAST)
        return 0;
    return n / plane * per_plane(plane) + (n % plane ? per_plane(n % plane) : 0);
}

/* The fastest way that the bytes still to be lost allow. */
static slab_zstd_way way_of(const slab_zstd_cost *cost, uint64_t *to_lose)
{
    uint64_t best = cost->bits[SLAB_ZSTD_SEARCH];
    best = cost->bits[SLAB_ZSTD_RUNS] < best ? cost->bits[SLAB_ZSTD_RUNS] : best;
    for (slab_zstd_way way = SLAB_ZSTD_LONG_RUNS; way > SLAB_ZSTD_SEARCH; way--) {
        uint64_t loss = cost->bits[way] > best ? cost->bits[way] - best : 0;
        if (loss <= *to_lose) {
            *to_lose -= loss;
            return way;
        }
    }
    return SLAB_ZSTD_SEARCH;
}

/* Noise at the ends. In between zstd is given it: its matches may reach over it. */
static void store_ends(slab_zstd_stretch *stretches, size_t count)
{
    for (size_t i = 0; i < count && stretches[i].cost.noise; i++)
        stretches[i].way = SLAB_ZSTD_STORED;
    for (size_t i = count; i > 0 && stretches[i - 1].cost.noise; i--)
        stretches[i - 1].way = SLAB_ZSTD_STORED;
}

void slab_zstd_choose(slab_zstd_trial *trial, const uint8_t *src, size_t n, size_t plane,
                      slab_zstd_stretch *stretches)
{
    size_t count = 0;
    uint64_t best = 0;
    slab_zstd_trial_begin(trial);
    for (size_t at = 0; at < n;) {
        slab_zstd_stretch *s = &stretches[count++];
        size_t left = n - at, in_plane = plane - at % plane;
        s->bytes = left < in_plane ? left : in_plane;
        s->bytes = s->bytes < STRETCH ? s->bytes : STRETCH;
        slab_zstd_try(trial, src, at, s->bytes, &s->cost);
        best += s->cost.bits[SLAB_ZSTD_SEARCH];
        at += s->bytes;
    }
    uint64_t percent = best / 100, to_lose = SLAB_ZSTD_LOSS_PERCENT * percent;
    for (size_t i = 0; i < count; i++) {
        slab_zstd_stretch *s = &stretches[i];
        s->way = way_of(&s->cost, &to_lose);
        s->block = s->way != SLAB_ZSTD_SEARCH && s->cost.shifting > percent ? BLOCK_SHORT : BLOCK;
    }
    store_ends(stretches, count);
}
