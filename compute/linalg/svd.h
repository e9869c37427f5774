/**
 * Leading singular values and vectors of a standardised matrix Z [n, d] that is never formed.
 *
 * Both ways find eigenvectors of A = Z Z^T (side 0, samples) or A = Z^T Z (side 1, variables); m is
 * the extent of that side. The other side's vectors follow by slab_svd_project().
 */
#ifndef SLAB_COMPUTE_LINALG_SVD_H
#define SLAB_COMPUTE_LINALG_SVD_H

#include <slab/compute/kernel/standardize.h>
#include <slab/compute/pass/plan.h>
#include <slab/storage/checkpoint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What to find, and where. Zero-initialise; everything is borrowed. */
typedef struct slab_svd {
    slab_crew *crew;
    slab_value *x; /* [n, d], of z's type */
    const slab_standard *z;
    int side;      /* 0: eigenvectors of Z Z^T [n, n]; 1: of Z^T Z [d, d] */
    int k;         /* how many, 1 <= k <= m */
    size_t budget; /* bytes for this rank, with what is in use already */

    slab_checkpoint *checkpoint; /* of passes and steps, for another run; NULL: nothing is kept */
    bool precise; /* slab_svd_project() works in double precision, whatever the type of x */

    /* slab_svd_krylov() alone: */
    int block;        /* l: vectors in a block, a multiple of 16, >= k */
    int passes;       /* at most this many */
    double tolerance; /* stop when every residual is below this times its eigenvalue */
    uint64_t seed;
    const char *scratch; /* directory for the basis when memory lacks; NULL: $TMPDIR or /tmp */

    double *s;       /* out: singular values f64 [k], descending */
    double *u;       /* out: f64 [m, k], row-major, orthonormal columns; the entry of largest
                        size of each is positive */
    int passes_run;  /* out */
    double residual; /* out: largest |A u - s^2 u| / s^2 that was estimated */
} slab_svd;

/**
 * All of A in memory, then LAPACK. Collective. One pass over x.
 *
 * @retval SLAB_ERR_MEMORY  A, and half as much for a thread, do not fit (message: what would)
 *
 * Exact to rounding; singular values below 1e-8 of the largest lose their digits.
 * Cost: m^2 (n or d) flops, 8 m^2 bytes and half of that a thread.
 */
slab_status slab_svd_gram(slab_svd *svd);
slab_status slab_svd_gram_plan(const slab_svd *svd, slab_plan *plan);

/**
 * Block Krylov: an orthonormal basis K of span{Q, A Q, .., A^q Q} for a random block Q, one product
 * with A a pass, each block orthogonalised against all. The best approximations are taken not from
 * K but from Z^T K, half a step further, with no more passes.
 *
 * Collective. At most svd->passes passes over x, each reading it once or twice from memory.
 * When the budget is small the basis goes to a scratch file, then blocks are multiplied in parts
 * of 16 vectors; bits do not change.
 *
 * @retval SLAB_ERR_MEMORY  even 16 vectors do not fit (message: what would)
 * Eigenvalues of A below 1e-6 of the largest are lost and become 0: use slab_svd_gram() for those.
 * Source: Musco & Musco, Randomized Block Krylov Methods, NIPS 2015; Golub & Underwood, 1977.
 */
slab_status slab_svd_krylov(slab_svd *svd);
slab_status slab_svd_krylov_plan(const slab_svd *svd, slab_plan *plan);

/** Takes rows first .. first + count - 1 of the other side's vectors, f64 [count, k]. On any rank
 * and thread (0 .. the crew's threads - 1), every row once. */
typedef slab_status (*slab_svd_rows)(void *context, int thread, int64_t first, int64_t count,
                                     const double *rows);

/** Are the rows of the slice that begins at `first` there already? Thread-safe. */
typedef bool (*slab_svd_has)(void *context, int64_t first);

/**
 * The other side's singular vectors, v = Z^T u / s (side 0: [d, k]; side 1: Z u / s, [n, k]), in
 * slices that are never in memory all at once. Where s is 0, v is 0. Collective. One pass.
 *
 * @param grid  over x: slices are its tiles along the other side; see slab_svd_slices()
 * @param has   slices that are not wanted any more; NULL: all are
 */
slab_status slab_svd_project(const slab_svd *svd, const slab_grid *grid, slab_svd_rows rows,
                             slab_svd_has has, void *context);
slab_status slab_svd_project_plan(const slab_svd *svd, slab_plan *plan);

/** The grid for slab_svd_project(): x's own tiles, but the first whole along the other side, so
 * that slices start at multiples of the tile. */
slab_status slab_svd_slices(const slab_svd *svd, slab_grid *out);

#ifdef __cplusplus
}
#endif
#endif
