/*
 * Tall and thin dense algebra: row chunks of fixed size, one task a block or a chunk, so that sums
 * are grouped alike whatever threads there are. Every rank does all of it: it is little beside a
 * pass, and needs no communication.
 */
#include <cblas.h>
#include <math.h>
#include <slab/compute/kernel/blas.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

typedef struct tall {
    const svd_basis *basis;
    double *y;       /* f64 [m, l] */
    double *c;       /* f64 [count * l, l] */
    const double *p; /* f64 [count * l, k] */
    int k;
    double *chunk; /* per thread: f64 [BASIS_ROWS, l] */
    float *buffer; /* per thread: f32 [BASIS_ROWS, l] */
} tall;

static int64_t rows_at(int64_t m, int64_t i)
{
    return m - i < BASIS_ROWS ? m - i : BASIS_ROWS;
}

static slab_status tall_alloc(tall *t, slab_crew *crew)
{
    slab_status rc = SLAB_OK;
    int64_t n = (int64_t)slab_crew_threads(crew) * BASIS_ROWS * t->basis->l;
    ALLOC(t->chunk, n, "orthogonalisation");
    ALLOC(t->buffer, n, "orthogonalisation");
done:
    return rc;
}

static void tall_clear(tall *t)
{
    FREE(t->chunk);
    FREE(t->buffer);
}

/* Task `block`: c_block = K_block^T y. */
static slab_status dot_block(void *context, int thread, int64_t block)
{
    slab_status rc = SLAB_OK;
    const tall *t = context;
    int l = t->basis->l;
    int64_t m = t->basis->m, size = (int64_t)BASIS_ROWS * l;
    double *chunk = t->chunk + thread * size, *c = t->c + block * l * l;
    slab_blas_alone();
    for (int64_t i = 0; i < m; i += BASIS_ROWS) {
        int64_t n = rows_at(m, i);
        TRY(svd_basis_rows(t->basis, (int)block, i, n, chunk, t->buffer + thread * size));
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, l, l, (blasint)n, 1, chunk, l,
                    t->y + i * l, l, i > 0, c, l);
    }
done:
    return rc;
}

/* Task `part`: rows of y lose K c. */
static slab_status subtract_rows(void *context, int thread, int64_t part)
{
    slab_status rc = SLAB_OK;
    const tall *t = context;
    int l = t->basis->l;
    int64_t i = part * BASIS_ROWS, n = rows_at(t->basis->m, i), size = (int64_t)BASIS_ROWS * l;
    double *chunk = t->chunk + thread * size;
    slab_blas_alone();
    for (int b = 0; b < t->basis->count; b++) {
        TRY(svd_basis_rows(t->basis, b, i, n, chunk, t->buffer + thread * size));
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)n, l, l, -1, chunk, l,
                    t->c + (int64_t)b * l * l, l, 1, t->y + i * l, l);
    }
done:
    return rc;
}

/* Task `part`: rows of y become K p. */
static slab_status combine_rows(void *context, int thread, int64_t part)
{
    slab_status rc = SLAB_OK;
    const tall *t = context;
    int l = t->basis->l, k = t->k;
    int64_t i = part * BASIS_ROWS, n = rows_at(t->basis->m, i), size = (int64_t)BASIS_ROWS * l;
    double *chunk = t->chunk + thread * size;
    slab_blas_alone();
    for (int b = 0; b < t->basis->count; b++) {
        TRY(svd_basis_rows(t->basis, b, i, n, chunk, t->buffer + thread * size));
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)n, k, l, 1, chunk, l,
                    t->p + (int64_t)b * l * k, k, b > 0, t->y + i * k, k);
    }
done:
    return rc;
}

static int64_t parts_of(const svd_basis *basis)
{
    return (basis->m + BASIS_ROWS - 1) / BASIS_ROWS;
}

slab_status svd_orthogonalize(slab_crew *crew, const svd_basis *basis, double *y, double *c)
{
    slab_status rc = SLAB_OK;
    int64_t n = (int64_t)basis->count * basis->l * basis->l;
    tall t = {.basis = basis, .y = y};
    TRY(tall_alloc(&t, crew));
    ALLOC(t.c, n, "orthogonalisation");
    for (int round = 0; round < 2; round++) {
        TRY(slab_crew_run_local(crew, 0, basis->count, dot_block, &t));
        TRY(slab_crew_run_local(crew, 0, parts_of(basis), subtract_rows, &t));
        for (int64_t i = 0; i < n; i++)
            c[i] = round == 0 ? t.c[i] : c[i] + t.c[i];
    }
done:
    FREE(t.c);
    tall_clear(&t);
    return rc;
}

slab_status svd_combine(slab_crew *crew, const svd_basis *basis, const double *p, int k, double *u)
{
    slab_status rc = SLAB_OK;
    tall t = {.basis = basis, .y = u, .p = p, .k = k};
    TRY(tall_alloc(&t, crew));
    TRY(slab_crew_run_local(crew, 0, parts_of(basis), combine_rows, &t));
done:
    tall_clear(&t);
    return rc;
}

/* y becomes y t, t f64 [l, l] row-major; chunk f64 [BASIS_ROWS, l]. */
static void times_small(int64_t m, int l, double *y, const double *t, double *chunk)
{
    for (int64_t i = 0; i < m; i += BASIS_ROWS) {
        int64_t n = rows_at(m, i);
        memcpy(chunk, y + i * l, (size_t)(n * l) * sizeof *y);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)n, l, l, 1, chunk, l, t, l,
                    0, y + i * l, l);
    }
}

/*
 * One round: y^T y = V diag(w) V^T, q = y V w^(-1/2), s = w^(1/2) V^T. The largest come first, so
 * that zero columns come last. work: f64 [3 l + 1 + BASIS_ROWS, l]
 */
static slab_status orthonormal_round(int64_t m, int l, double *y, double floor, double *s,
                                     int *rank, double *work)
{
    slab_status rc = SLAB_OK;
    double *g = work, *v = g + l * l, *t = v + l * l, *w = t + l * l, *chunk = w + l;
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, l, (blasint)m, 1, y, l, 0, g, l);
    TRY(svd_eigen(l, g, l, w, v));
    *rank = 0;
    for (int j = 0; j < l; j++) {
        double size = sqrt(fmax(w[j], 0));
        bool keep = size > floor;
        *rank += keep;
        for (int i = 0; i < l; i++) {
            t[i * l + j] = keep ? v[i * l + j] / size : 0;
            s[j * l + i] = keep ? v[i * l + j] * size : 0;
        }
    }
    times_small(m, l, y, t, chunk);
done:
    return rc;
}

slab_status svd_orthonormalize(int64_t m, int l, double *y, double floor, double *s, int *rank)
{
    slab_status rc = SLAB_OK;
    double *work = NULL, *first, *again;
    int64_t square = (int64_t)l * l, same = 3 * square + l + (int64_t)BASIS_ROWS * l;
    int after;
    ALLOC(work, same + 2 * square, "orthogonalisation");
    first = work + same;
    again = first + square;
    TRY(orthonormal_round(m, l, y, floor, first, rank, work));
    TRY(orthonormal_round(m, l, y, 0.5, again, &after, work));
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, l, l, l, 1, again, l, first, l, 0, s, l);
done:
    FREE(work);
    return rc;
}
