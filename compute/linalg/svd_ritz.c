/*
 * Approximations from a Krylov basis K with A K_q = K_{q+1} H.
 *
 * The usual ones are eigenvalues of T, the upper square of H (T = K^T A K). Better ones for the
 * same products: restrict Z^T Z, not Z Z^T, to span(Z^T K). With y = Z^T K c the quotient to be
 * made stationary is (c^T H^T H c) / (c^T T c), and the vector on A's side is Z y = K_{q+1} H c.
 */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

/* Directions of T below this share of its largest eigenvalue hold rounding errors alone. */
static const double negligible = 1e-9;

/* t: f64 [n, n] column-major, the symmetric part of H's upper square. */
static void upper_square(const double *h, int64_t ld, int n, double *t)
{
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++)
            t[(int64_t)j * n + i] = 0.5 * (h[j * ld + i] + h[i * ld + j]);
}

slab_status svd_ritz_residual(const double *h, int64_t ld, int q, int l, int k, double *residual)
{
    slab_status rc = SLAB_OK;
    int n = q * l, found = 0;
    double *t = NULL, *w = NULL, *c = NULL;
    lapack_int *support = NULL;
    *residual = 0;
    ALLOC(t, (int64_t)n * n, "approximate eigenvalues");
    ALLOC(w, n, "approximate eigenvalues");
    ALLOC(c, (int64_t)n * k, "approximate eigenvalues");
    ALLOC(support, 2 * n, "approximate eigenvalues");
    upper_square(h, ld, n, t);
    lapack_int status = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', n, t, n, 0, 0, n - k + 1, n,
                                       0, &found, w, c, n, support);
    REQUIRE(status == 0 && found == k, SLAB_ERR_NUMERIC,
            "eigenvalues of a %d x %d matrix did not converge", n, n);
    for (int v = 0; v < k; v++) {
        double sum = 0; /* A K c - w K c lies in the last block: its rows of H times c */
        for (int i = 0; i < l; i++) {
            double r = cblas_ddot(n, h + n + i, (blasint)ld, c + (int64_t)v * n, 1);
            sum += r * r;
        }
        *residual = fmax(*residual, w[v] > 0 ? sqrt(sum) / w[v] : sum > 0 ? INFINITY : 0);
    }
done:
    FREE(support);
    FREE(c);
    FREE(w);
    FREE(t);
    return rc;
}

/* b = H V w^(-1/2), f64 [rows, n] column-major, where T = V diag(w) V^T; t is overwritten. */
static slab_status half_step(const double *h, int64_t ld, int rows, int n, double *t, double *w,
                             double *b)
{
    slab_status rc = SLAB_OK;
    upper_square(h, ld, n, t);
    lapack_int status = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', n, t, n, w);
    REQUIRE(status == 0, SLAB_ERR_NUMERIC, "eigenvalues of a %d x %d matrix did not converge", n,
            n);
    for (int j = 0; j < n; j++)
        cblas_dscal(n, w[j] > negligible * w[n - 1] ? 1 / sqrt(w[j]) : 0, t + (int64_t)j * n, 1);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, rows, n, n, 1, h, (blasint)ld, t, n, 0,
                b, rows);
done:
    return rc;
}

slab_status svd_ritz_solve(const double *h, int64_t ld, int q, int l, int k, double *values,
                           double *p)
{
    slab_status rc = SLAB_OK;
    int n = q * l, rows = n + l, found = 0;
    double *t = NULL, *w = NULL, *b = NULL, *g = NULL;
    lapack_int *support = NULL;
    ALLOC(t, (int64_t)n * n, "approximate eigenvalues");
    ALLOC(w, n, "approximate eigenvalues");
    ALLOC(b, (int64_t)rows * n, "approximate eigenvalues");
    ALLOC(g, (int64_t)n * k, "approximate eigenvalues");
    ALLOC(support, 2 * n, "approximate eigenvalues");
    TRY(half_step(h, ld, rows, n, t, w, b));
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, n, rows, 1, b, rows, 0, t, n);
    lapack_int status = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', n, t, n, 0, 0, n - k + 1, n,
                                       0, &found, w, g, n, support);
    REQUIRE(status == 0 && found == k, SLAB_ERR_NUMERIC,
            "eigenvalues of a %d x %d matrix did not converge", n, n);
    for (int v = 0; v < k; v++) { /* LAPACK gives them ascending */
        const double *from = g + (int64_t)(k - 1 - v) * n;
        values[v] = fmax(w[k - 1 - v], 0);
        double size = values[v] > 0 ? 1 / sqrt(values[v]) : 0;
        cblas_dgemv(CblasColMajor, CblasNoTrans, rows, n, size, b, rows, from, 1, 0, p + v, k);
    }
done:
    FREE(support);
    FREE(g);
    FREE(b);
    FREE(w);
    FREE(t);
    return rc;
}
