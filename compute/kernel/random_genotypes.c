/*
 * Genotypes under the model of Balding & Nichols (1995): a variant has an ancestral frequency p,
 * uniform in 0.05..0.95; population k has its own, Beta(p (1 - F) / F, (1 - p)(1 - F) / F); a
 * person of it carries binomial(2, p_k) copies. Population k of K holds the people
 * k n / K .. (k + 1) n / K - 1 (rounded down).
 *
 * A call needs 32 bits, compared with thresholds of its population and variant: probabilities are
 * right to 2^-32. Element 64 g + 16 k + l has word k of Philox block 16 g + l.
 */
#include <math.h>

#include <slab/compute/kernel/philox_impl.h>
#include <slab/compute/kernel/random_impl.h>
#include <slab/compute/kernel/random_math_impl.h>
#include <slab/storage/base/clones.h>

enum { CALL_GROUP = PHILOX_WORDS, CALL_GROUPS = 16, CALLS = CALL_GROUP * CALL_GROUPS };

/* One number of a sequence that belongs to a population and variant. */
typedef struct source {
    uint64_t seed, variant;
    uint32_t sub; /* population, and which of its two gammas */
    uint32_t draws;
} source;

/* Two numbers 0 <= u < 1. The variant takes 40 bits of the counter, the draw the rest. */
static void draw(source *s, double u[2])
{
    uint32_t w[4];
    philox_block(&(philox_stream){s->seed, STREAM_GAMMA, s->sub},
                 (uint64_t)s->draws << 40 | s->variant, w);
    s->draws++;
    u[0] = unit((uint64_t)w[1] << 32 | w[0]);
    u[1] = unit((uint64_t)w[3] << 32 | w[2]);
}

/* Marsaglia & Tsang (2000), "A simple method for generating gamma variables", for shapes from 1;
 * smaller shapes by Gamma(a) = Gamma(a + 1) U^(1/a). */
static double gamma_variate(source *s, double shape)
{
    double u[2], c, sine, boost = 1;
    if (shape < 1) {
        draw(s, u);
        double power = math_log(1 - u[0]) / shape;
        boost = power > -690 ? math_exp(power) : 0;
        shape += 1;
    }
    double d = shape - 1.0 / 3, k = 1 / sqrt(9 * d);
    for (;;) {
        draw(s, u);
        math_turn(u[1], &c, &sine);
        double x = sqrt(-2 * math_log(1 - u[0])) * c, v = 1 + k * x;
        draw(s, u);
        if (v <= 0)
            continue;
        v = v * v * v;
        if (math_log(1 - u[0]) < 0.5 * x * x + d - d * v + d * math_log(v))
            return boost * d * v;
    }
}

double genotypes_frequency(const slab_random_spec *spec, int population, int64_t variant,
                           double *ancestral)
{
    uint32_t w[4];
    philox_block(&(philox_stream){spec->seed, STREAM_ANCESTRAL, 0}, (uint64_t)variant, w);
    double p = 0.05 + 0.9 * unit((uint64_t)w[1] << 32 | w[0]);
    double spread = (1 - spec->fst) / spec->fst;
    source s = {.seed = spec->seed, .variant = (uint64_t)variant};
    s.sub = 2 * (uint32_t)population;
    double a = gamma_variate(&s, p * spread);
    s.sub++;
    s.draws = 0;
    double b = gamma_variate(&s, (1 - p) * spread);
    if (ancestral)
        *ancestral = p;
    return a + b > 0 ? a / (a + b) : p;
}

static uint32_t threshold(double probability)
{
    double t = probability * 0x1p32;
    return t >= 0x1p32 - 1 ? UINT32_MAX : (uint32_t)(t + 0.5);
}

size_t genotypes_scratch(int64_t variants)
{
    return (size_t)variants * 2 * sizeof(uint32_t);
}

/* one[j]: below it no copy, two[j]: below it one copy at most. */
static void make_thresholds(const slab_random_spec *spec, int population, int64_t first, int64_t n,
                            uint32_t *one, uint32_t *two)
{
    for (int64_t j = 0; j < n; j++) {
        double p = genotypes_frequency(spec, population, first + j, NULL), q = 1 - p;
        one[j] = threshold(spec->missing + (1 - spec->missing) * q * q);
        two[j] = threshold(spec->missing + (1 - spec->missing) * (1 - p * p));
    }
}

/* Calls first .. first + n - 1 of the whole array, all of one person. */
SLAB_CLONES static void make_calls(uint64_t seed, int64_t first, int64_t n, uint32_t missing,
                                   const uint32_t *one, const uint32_t *two, uint8_t *out)
{
    uint32_t words[CALLS];
    philox_stream stream = {seed, STREAM_ELEMENTS, 1};
    while (n > 0) {
        int64_t group = first / CALL_GROUP, skip = first % CALL_GROUP;
        int64_t take = CALLS - skip < n ? CALLS - skip : n;
        int64_t groups = (skip + take + CALL_GROUP - 1) / CALL_GROUP;
        philox_groups(&stream, (uint64_t)group, (int)groups, words);
        const uint32_t *w = words + skip;
        for (int64_t j = 0; j < take; j++)
            out[j] = (uint8_t)((w[j] >= one[j]) + (w[j] >= two[j]) +
                               SLAB_GENOTYPE_MISSING * (w[j] < missing));
        out += take;
        one += take;
        two += take;
        first += take;
        n -= take;
    }
}

/* First person of a population. */
static int64_t population_start(int64_t people, int populations, int k)
{
    return (int64_t)((__int128)people * k / populations);
}

void genotypes_box(const slab_random_spec *spec, const slab_shape *shape, const slab_box *box,
                   uint8_t *out, void *scratch)
{
    int64_t variants = box->count[1], end = box->start[0] + box->count[0];
    uint32_t *one = scratch, *two = one + variants, missing = threshold(spec->missing);
    int k = -1;
    for (int64_t i = box->start[0]; i < end; i++) {
        int now = k < 0 ? 0 : k;
        while (i >= population_start(shape->extent[0], spec->populations, now + 1))
            now++;
        if (now != k)
            make_thresholds(spec, now, box->start[1], variants, one, two);
        k = now;
        make_calls(spec->seed, i * shape->extent[1] + box->start[1], variants, missing, one, two,
                   out);
        out += variants;
    }
}
