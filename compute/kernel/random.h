/**
 * Random arrays. Every element is a function of the seed and of its index in C order of the whole
 * array, so that any tiles, threads and ranks give the same array (docs/decisions/random.md).
 */
#ifndef SLAB_COMPUTE_KERNEL_RANDOM_H
#define SLAB_COMPUTE_KERNEL_RANDOM_H

#include <slab/storage/base/dtype.h>
#include <slab/storage/base/shape.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slab_random_kind {
    SLAB_RANDOM_UNIFORM,  /* low <= x < high */
    SLAB_RANDOM_NORMAL,   /* mean, deviation */
    SLAB_RANDOM_INTEGERS, /* least <= x < bound, all equally likely */
    SLAB_RANDOM_GENOTYPES /* Balding-Nichols model; shape [people, variants] */
} slab_random_kind;

/** What to draw. Take slab_random_defaults() and set what matters. */
typedef struct slab_random_spec {
    slab_random_kind kind;
    slab_dtype dtype; /* native: float2/4/8; integers: any int, uint or bool; genotypes: uint8 */
    uint64_t seed;
    double low, high;       /* uniform: 0, 1 */
    double mean, deviation; /* normal: 0, 1 */
    int64_t least, bound;   /* integers: 0, 2 */
    int populations;        /* genotypes: 1; equal contiguous blocks of people */
    double fst;             /* genotypes: 0.1; how far populations have drifted, 0 < fst < 1 */
    double missing;         /* genotypes: 0; rate of calls that are 3 */
} slab_random_spec;

#define SLAB_GENOTYPE_MISSING 3

slab_random_spec slab_random_defaults(slab_random_kind kind);

/** @retval SLAB_ERR_TYPE   the type does not suit the kind
 *  @retval SLAB_ERR_VALUE  a parameter is out of its range (message: which)
 *  @retval SLAB_ERR_SHAPE  genotypes that are not 2-D, or fewer people than populations */
slab_status slab_random_check(const slab_random_spec *spec, const slab_shape *shape);

/** Scratch bytes that slab_random_box() needs for boxes of these extents. */
size_t slab_random_scratch(const slab_random_spec *spec, const slab_shape *box);

/** Writes the box's elements in C order. spec and shape have been checked. */
void slab_random_box(const slab_random_spec *spec, const slab_shape *shape, const slab_box *box,
                     void *out, void *scratch);

#ifdef __cplusplus
}
#endif
#endif
