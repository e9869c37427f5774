/*
 * Approximations from a Krylov basis K with A K_q = K_{q+1} H.
 *
 * The usual ones are eigenvalues of T, the upper square of H (T = K^T A K). Better ones for the
 * same products: restrict Z^T Z, not Z Z^T, to span(Z^T K). With y = Z^T K c the quotient to be
 * made stationary is (c^T H^T H c) / (c^T T c), and the vector on A's side is Z y = K_{q+1} H c.
 */
#include <cblas.h>
#include <math.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* Directions of T below this share of its largest eigenvalue may hold rounding errors alone: the
 * basis is in single precision. */
static const double negligible = 1e-6;

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
    int n = q * l;
    double *t = NULL, *w = NULL, *c = NULL;
    *residual = 0;
    ALLOC(t, (int64_t)n * n, "approximate eigenvalues");
    ALLOC(w, k, "approximate eigenvalues");
    ALLOC(c, (int64_t)n * k, "approximate eigenvalues");
    upper_square(h, ld, n, t);
    TRY(svd_eigen(n, t, k, w, c));
    for (int v = 0; v < k; v++) {
        double sum = 0; /* A K c - w K c lies in the last block: its rows of H times c */
        for (int i = 0; i < l; i++) {
            double r = cblas_ddot(n, h + n + i, (blasint)ld, c + v, k);
            sum += r * r;
        }
        *residual = fmax(*residual, w[v] > 0 ? sqrt(sum) / w[v] : sum > 0 ? INFINITY : 0);
    }
done:
    FREE(c);
    FREE(w);
    FREE(t);
    return rc;
}

/* b = H V w^(-1/2), f64 [rows, n] row-major, where T = V diag(w) V^T. */
static slab_status half_step(const double *h, int64_t ld, int rows, int n, double *b)
{
    slab_status rc = SLAB_OK;
    double *t = NULL, *w = NULL, *v = NULL;
    ALLOC(t, (int64_t)n * n, "approximate eigenvalues");
    ALLOC(w, n, "approximate eigenvalues");
    ALLOC(v, (int64_t)n * n, "approximate eigenvalues");
    upper_square(h, ld, n, t);
    TRY(svd_eigen(n, t, n, w, v));
    for (int j = 0; j < n; j++)
        cblas_dscal(n, w[j] > negligible * w[0] ? 1 / sqrt(w[j]) : 0, v + j, n);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, n, n, 1, h, (blasint)ld, v, n, 0, b,
                n);
done:
    FREE(v);
    FREE(w);
    FREE(t);
    return rc;
}

slab_status svd_ritz_solve(const double *h, int64_t ld, int q, int l, int k, double *values,
                           double *p)
{
    slab_status rc = SLAB_OK;
    int n = q * l, rows = n + l;
    double *b = NULL, *t = NULL, *g = NULL;
    ALLOC(b, (int64_t)rows * n, "approximate eigenvalues");
    TRY(half_step(h, ld, rows, n, b));
    ALLOC(t, (int64_t)n * n, "approximate eigenvalues");
    ALLOC(g, (int64_t)n * k, "approximate eigenvalues");
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, rows, 1, b, n, 0, t, n);
    TRY(svd_eigen(n, t, k, values, g));
    for (int v = 0; v < k; v++) {
        values[v] = fmax(values[v], 0);
        cblas_dscal(n, values[v] > 0 ? 1 / sqrt(values[v]) : 0, g + v, k);
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, k, n, 1, b, n, g, k, 0, p, k);
done:
    FREE(g);
    FREE(t);
    FREE(b);
    return rc;
}

size_t svd_ritz_bytes(int q, int l)
{
    size_t n = (size_t)q * (size_t)l;
    return ((n + (size_t)l) * n + 3 * n * n) * sizeof(double) + svd_eigen_bytes((int64_t)n, 0);
}
