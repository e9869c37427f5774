/*
 * Along every axis on which the grids differ a few extents are tried: multiples of one grid's
 * tiles by powers of two, the least common multiple, the whole axis. All combinations are judged
 * on up to three such axes; along further ones tiles are those of b.
 */
#include <slab/storage/joint_grid.h>

#include <slab/storage/base/try.h>
#include <string.h>

enum { AXES_TRIED = 3, CHOICES = 136 };

/* An extent along an axis, and how often chunks of either grid are touched with it, on average. */
typedef struct choice {
    int64_t tile, phase;
    double again_a, again_b;
} choice;

typedef struct axis_choices {
    int axis, n;
    choice at[CHOICES];
} axis_choices;

typedef struct search {
    const slab_grid *a, *b;
    double size_a, size_b, limit;
    bool whole_b;
    int naxes;
    axis_choices axes[AXES_TRIED];
    double fixed_elements, fixed_a, fixed_b; /* of the axes on which nothing is tried */
    double best_cost, best_bytes;
    choice best[AXES_TRIED];
} search;

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static int64_t count_of(int64_t extent, int64_t tile, int64_t phase)
{
    return extent ? (extent + phase + tile - 1) / tile : 1;
}

/* Tiles that a chunk of a grid meets along an axis: each boundary that is not common to both cuts a
 * chunk in two. */
static double again(const slab_grid *grid, int axis, int64_t tile, int64_t phase)
{
    int64_t extent = grid->shape.extent[axis], chunk = grid->tile.extent[axis];
    int64_t tiles = count_of(extent, tile, phase);
    int64_t chunks = count_of(extent, chunk, grid->phase[axis]);
    int64_t divisor = common_divisor(tile, chunk), step = tile / divisor; /* chunks to a meeting */
    bool meet = (phase - grid->phase[axis]) % divisor == 0;
    int64_t common = meet ? (chunks - 1) / step : 0;
    common = common > tiles - 1 ? tiles - 1 : common;
    return (double)(tiles + chunks - 1 - common) / (double)chunks;
}

static void choice_add(search *s, axis_choices *axis, int64_t tile, int64_t phase)
{
    int64_t extent = s->a->shape.extent[axis->axis];
    if (axis->n == CHOICES)
        return;
    if (tile >= extent) {
        tile = extent > 0 ? extent : 1;
        phase = 0;
    }
    choice *c = &axis->at[axis->n++];
    *c = (choice){.tile = tile, .phase = phase};
    c->again_a = again(s->a, axis->axis, tile, phase);
    c->again_b = again(s->b, axis->axis, tile, phase);
}

static void multiples_add(search *s, axis_choices *axis, const slab_grid *grid)
{
    int64_t extent = grid->shape.extent[axis->axis], tile = grid->tile.extent[axis->axis];
    for (; tile<extent; tile = tile> extent / 2 ? extent : 2 * tile)
        choice_add(s, axis, tile, grid->phase[axis->axis]);
}

static void axis_try(search *s, int a)
{
    axis_choices *axis = &s->axes[s->naxes++];
    int64_t x = s->a->tile.extent[a], y = s->b->tile.extent[a], joint;
    axis->axis = a;
    axis->n = 0;
    multiples_add(s, axis, s->b);
    if (!s->whole_b)
        multiples_add(s, axis, s->a);
    if (!__builtin_mul_overflow(x / common_divisor(x, y), y, &joint))
        choice_add(s, axis, joint, s->whole_b ? s->b->phase[a] : s->a->phase[a]);
    choice_add(s, axis, s->a->shape.extent[a], 0);
}

static void consider(search *s, const choice *const *chosen)
{
    double elements = s->fixed_elements, a = s->fixed_a, b = s->fixed_b;
    for (int i = 0; i < s->naxes; i++) {
        elements *= (double)chosen[i]->tile;
        a *= chosen[i]->again_a;
        b *= chosen[i]->again_b;
    }
    double bytes = elements * (s->size_a + s->size_b);
    double cost = a * s->size_a + (s->whole_b ? 0 : b * s->size_b);
    bool fits = bytes <= s->limit, did = s->best_bytes <= s->limit;
    bool better = s->best_bytes == 0 || (fits && !did);
    if (!better && fits && did)
        better =
            cost < 0.999 * s->best_cost || (cost < 1.001 * s->best_cost && bytes < s->best_bytes);
    if (!better && !fits && !did)
        better = bytes < s->best_bytes;
    if (!better)
        return;
    s->best_cost = cost;
    s->best_bytes = bytes;
    for (int i = 0; i < s->naxes; i++)
        s->best[i] = *chosen[i];
}

static void try_all(search *s)
{
    int at[AXES_TRIED] = {0};
    const choice *chosen[AXES_TRIED];
    for (int i = 0; i >= 0;) {
        for (int k = 0; k < s->naxes; k++)
            chosen[k] = &s->axes[k].at[at[k]];
        consider(s, chosen);
        for (i = s->naxes - 1; i >= 0 && ++at[i] == s->axes[i].n; i--)
            at[i] = 0;
    }
}

/* Three axes of over a hundred choices each would be two million combinations. */
static void thin_out(search *s)
{
    for (int i = 0; i < s->naxes && s->naxes == AXES_TRIED; i++) {
        axis_choices *axis = &s->axes[i];
        int kept = 0;
        for (int k = 0; k < axis->n; k++)
            if (axis->n <= 40 || k % 2 == 0 || k >= axis->n - 2)
                axis->at[kept++] = axis->at[k];
        axis->n = kept;
    }
}

slab_status slab_joint_grid(const slab_grid *a, size_t size_a, const slab_grid *b, size_t size_b,
                            bool whole_b, size_t limit, slab_grid *out)
{
    slab_status rc = SLAB_OK;
    search s = {.a = a,
                .b = b,
                .size_a = (double)size_a,
                .size_b = (double)size_b,
                .limit = (double)limit,
                .whole_b = whole_b,
                .fixed_elements = 1,
                .fixed_a = 1,
                .fixed_b = 1};
    slab_shape tile = b->tile;
    int64_t phase[SLAB_RANK_MAX] = {0};
    REQUIRE(slab_shape_equal(&a->shape, &b->shape), SLAB_ERR_SHAPE, "grids over different shapes");
    memcpy(phase, b->phase, sizeof phase);
    for (int i = 0; i < tile.rank; i++) {
        bool same = a->tile.extent[i] == b->tile.extent[i] && a->phase[i] == b->phase[i];
        if (!same && s.naxes < AXES_TRIED) {
            axis_try(&s, i);
            continue;
        }
        s.fixed_elements *= (double)tile.extent[i];
        s.fixed_a *= again(a, i, tile.extent[i], phase[i]);
    }
    thin_out(&s);
    if (s.naxes > 0)
        try_all(&s);
    for (int i = 0; i < s.naxes; i++) {
        tile.extent[s.axes[i].axis] = s.best[i].tile;
        phase[s.axes[i].axis] = s.best[i].phase;
    }
    TRY(slab_grid_make(&a->shape, &tile, phase, out));
done:
    return rc;
}
