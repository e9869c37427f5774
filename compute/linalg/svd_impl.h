/* What the ways to an SVD share. */
#ifndef SLAB_COMPUTE_LINALG_SVD_IMPL_H
#define SLAB_COMPUTE_LINALG_SVD_IMPL_H

#include <slab/compute/linalg/svd.h>
#include <slab/compute/sink/product.h>

static inline int64_t svd_m(const slab_svd *svd)
{
    return svd->side == 0 ? svd->z->n : svd->z->d;
}

static inline int64_t svd_other(const slab_svd *svd)
{
    return svd->side == 0 ? svd->z->d : svd->z->n;
}

/* The budget for a pass, less what is in use and what else will be: for plans; and now, when all
 * that is. */
size_t svd_room(const slab_svd *svd, size_t more);
size_t svd_room_now(const slab_svd *svd);

/* Fails unless the budget holds so many bytes beside what is in use. */
slab_status svd_require(const slab_svd *svd, const char *what, size_t bytes);

/* Signs: the entry of largest size in every column of u [m, k] becomes positive. */
void svd_fix_signs(int64_t m, int k, double *u);

/* svd_products.c: y = A q for many vectors, in as few passes as memory allows. */
typedef struct svd_products {
    int width;           /* vectors in a pass, a multiple of 16 */
    bool keep;           /* bands of two bits are kept, see slab_product */
    int times;           /* passes for one product with the block */
    size_t held;         /* bytes in use beside the pass: vectors as the kernel wants them */
    double rate;         /* flops a second and thread */
    slab_pass_plan plan; /* memory_least: with 16 vectors, and what is held then */
} svd_products;

/* Chooses the width. @param fixed  bytes that will be in use beside. Collective. */
slab_status svd_products_plan(const slab_svd *svd, int l, size_t fixed, svd_products *out);

/* q f32 [m, l] (rounded in place for byte matrices), y f64 [m, l]. Collective.
 * @param step  its number, for the checkpoint */
slab_status svd_products_run(const slab_svd *svd, const svd_products *how, int step, int l,
                             float *q, double *y);

/* Rounds q as svd_products_run() does; y is scratch. Not collective. */
slab_status svd_products_round(const slab_svd *svd, const svd_products *how, int l, float *q,
                               double *y);

/* svd_basis.c: blocks f32 [m, l], in memory or in a scratch file. */
typedef struct svd_basis {
    int64_t m;
    int l, count;
    float **blocks; /* NULL: in the file */
    int capacity;
    int file;
} svd_basis;

slab_status svd_basis_create(int64_t m, int l, int capacity, const char *scratch, bool spill,
                             svd_basis *out);
void svd_basis_clear(svd_basis *basis);
slab_status svd_basis_add(svd_basis *basis, const float *block);
/* Rows i .. i + n - 1 of a block as doubles, [n, l]. Thread-safe. buffer: float [n, l]. */
slab_status svd_basis_rows(const svd_basis *basis, int block, int64_t i, int64_t n, double *out,
                           float *buffer);
size_t svd_basis_bytes(int64_t m, int l, int capacity);

enum { BASIS_ROWS = 512 }; /* rows that are worked on at a time */

/* svd_orthogonal.c */
/* y -= K c with c = K^T y, twice; c: f64 [count * l, l] row-major. y f64 [m, l]. */
slab_status svd_orthogonalize(slab_crew *crew, const svd_basis *basis, double *y, double *c);
/* y = q s with orthonormal columns of q, in place; directions below `floor` become zero columns of
 * q and zero rows of s. s: f64 [l, l] row-major. *rank: columns that are not zero. */
slab_status svd_orthonormalize(int64_t m, int l, double *y, double floor, double *s, int *rank);
/* u [m, k] = K p, p f64 [count * l, k] row-major. */
slab_status svd_combine(slab_crew *crew, const svd_basis *basis, const double *p, int k, double *u);

/* svd_eigen.c: the k largest eigenvalues of a [n, n] (the column-major lower triangle is read, all
 * is overwritten), descending, and their vectors v f64 [n, k], row-major. */
slab_status svd_eigen(int64_t n, double *a, int k, double *w, double *v);
size_t svd_eigen_bytes(int64_t n, int64_t k); /* that it takes */

/* svd_ritz.c: approximations from the basis. */
/* h: f64 [(q + 1) l, q l] column-major, leading dimension ld: A K_q = K_{q+1} h. */
/* The largest residual of the first k, relative to its eigenvalue. */
slab_status svd_ritz_residual(const double *h, int64_t ld, int q, int l, int k, double *residual);
/* values f64 [k] (of A, descending), p f64 [(q + 1) l, k] row-major: u = K p. */
slab_status svd_ritz_solve(const double *h, int64_t ld, int q, int l, int k, double *values,
                           double *p);
size_t svd_ritz_bytes(int q, int l); /* that these take at most */

#endif
