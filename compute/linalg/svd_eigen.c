/* Eigenvalues of small dense matrices. LAPACK works in memory of ours: its own may begin anywhere,
 * and BLAS sums in another order when arrays are aligned otherwise. */
#include <inttypes.h>
#include <lapacke.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

enum { DOUBLES_PER_ROW = 64, INTEGERS_PER_ROW = 12 }; /* dsyevr: (nb + 6) n for nb to 58, 10 n */

size_t svd_eigen_bytes(int64_t n, int64_t k)
{
    size_t row = (DOUBLES_PER_ROW + 1) * sizeof(double) + INTEGERS_PER_ROW * sizeof(lapack_int);
    return (size_t)n * (row + (size_t)k * sizeof(double));
}

slab_status svd_eigen(int64_t n, double *a, int k, double *w, double *v)
{
    slab_status rc = SLAB_OK;
    lapack_int order = (lapack_int)n, found = 0, *integers = NULL;
    double *values = NULL, *vectors = NULL, *work = NULL;
    REQUIRE(n > 0 && n <= INT32_MAX / DOUBLES_PER_ROW && k <= n, SLAB_ERR_RANGE,
            "%d eigenvalues of a matrix of %" PRId64 " rows", k, n);
    ALLOC(values, n, "eigenvalues");
    ALLOC(vectors, n * k, "eigenvectors");
    ALLOC(work, DOUBLES_PER_ROW * n, "eigenvalues");
    ALLOC(integers, INTEGERS_PER_ROW * n, "eigenvalues");
    lapack_int status = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'I', 'L', order, a, order, 0, 0,
                                            order - k + 1, order, 0, &found, values, vectors, order,
                                            integers, work, DOUBLES_PER_ROW * order,
                                            integers + 2 * n, (INTEGERS_PER_ROW - 2) * order);
    REQUIRE(status == 0 && found == k, SLAB_ERR_NUMERIC,
            "eigenvalues of a matrix of %" PRId64 " rows did not converge", n);
    for (int j = 0; j < k; j++) { /* LAPACK gives them ascending */
        const double *from = vectors + (int64_t)(k - 1 - j) * n;
        w[j] = values[k - 1 - j];
        for (int64_t i = 0; i < n; i++)
            v[i * k + j] = from[i];
    }
done:
    FREE(integers);
    FREE(work);
    FREE(vectors);
    FREE(values);
    return rc;
}
