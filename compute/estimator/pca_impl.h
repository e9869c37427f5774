/* A principal component analysis from its parameters to its results. */
#ifndef SLAB_COMPUTE_ESTIMATOR_PCA_IMPL_H
#define SLAB_COMPUTE_ESTIMATOR_PCA_IMPL_H

#include <slab/compute/estimator/estimator.h>
#include <slab/compute/linalg/svd.h>

typedef enum pca_method { PCA_EXACT, PCA_RANDOMIZED } pca_method;
typedef enum pca_scaling { PCA_NONE, PCA_CENTER, PCA_UNIT, PCA_GENOTYPE } pca_scaling;

typedef struct pca_model {
    slab_fit fit; /* borrowed parts: crew, array */
    slab_value *x;
    pca_method method;
    pca_scaling scaling;
    double maf;
    bool wants_loadings;
    const char *why; /* the method was chosen */

    slab_standard z;      /* n, d, and what follows */
    double *mean, *scale; /* f64 [d] */
    uint8_t *kept;        /* bool [d] */
    int64_t nkept;
    double total; /* sum of squares of Z */

    slab_checkpoint *checkpoint; /* NULL: nothing is kept for another run */
    slab_svd svd; /* of the smaller side; the other's vectors are computed as they are stored */
} pca_model;

extern const char *const pca_methods, *const pca_scalings; /* "a|b", in the order of the enums */

/* The n-th word of such a list, in memory of the caller's (32 bytes). */
const char *pca_word(const char *list, int n, char *text);

/* Whether the vectors of the other side are wanted: scores always are. */
bool pca_needs_other(const pca_model *model);

/* pca_moments.c: one pass for means and variances, then mean, scale, kept, total. */
slab_status pca_moments_plan(const pca_model *model, slab_plan *plan);
slab_status pca_moments_run(pca_model *model);

/* pca_store.c: the results, and the vectors of the other side, with one more pass. */
slab_status pca_store_plan(const pca_model *model, slab_plan *plan);
slab_status pca_store(void *self, slab_txn *txn, const char *group);

#endif
