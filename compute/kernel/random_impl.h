/* Between the files of random arrays. */
#ifndef SLAB_COMPUTE_KERNEL_RANDOM_IMPL_H
#define SLAB_COMPUTE_KERNEL_RANDOM_IMPL_H

#include <slab/compute/kernel/random.h>

/* random_genotypes.c */
size_t genotypes_scratch(int64_t variants);
void genotypes_box(const slab_random_spec *spec, const slab_shape *shape, const slab_box *box,
                   uint8_t *out, void *scratch);

/* Frequency of the counted allele in a population, and the ancestral one: for tests too. */
double genotypes_frequency(const slab_random_spec *spec, int population, int64_t variant,
                           double *ancestral);

#endif
