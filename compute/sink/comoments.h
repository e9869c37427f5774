/**
 * Means and co-moments of variables: sum over observations of (x_i - mean_i)(x_j - mean_j), in one
 * pass, merged by Chan et al.'s formula.
 */
#ifndef SLAB_COMPUTE_SINK_COMOMENTS_H
#define SLAB_COMPUTE_SINK_COMOMENTS_H

#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slab_comoments slab_comoments;
extern const slab_sink_class slab_sink_comoments;

/**
 * Variables of one value, or of several of one shape side by side: those of the first come first.
 *
 * @param shape  [observations] (one variable a value) or two axes
 * @param axis   the one that observations run along; tiles hold the other one whole
 *
 * Cost: p^2 flops an observation, 8 p (p + 2) bytes a thread and level of the merge tree.
 * Source: Chan, Golub & LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample
 * Variances (1979), for pairs of variables.
 */
slab_status slab_comoments_create(const slab_shape *shape, int axis, int nvalues,
                                  slab_comoments **out);
void slab_comoments_destroy(slab_comoments **comoments);

/** After the pass: variables, observations, means f64 [p], co-moments f64 [p, p]. Borrowed. */
int64_t slab_comoments_variables(const slab_comoments *comoments);
int64_t slab_comoments_count(const slab_comoments *comoments);
const double *slab_comoments_means(const slab_comoments *comoments);
const double *slab_comoments_products(const slab_comoments *comoments);

#ifdef __cplusplus
}
#endif
#endif
