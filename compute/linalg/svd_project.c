#include <slab/compute/kernel/blas.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

static int padded(int k)
{
    return (k + SLAB_PRODUCT_BLOCK - 1) / SLAB_PRODUCT_BLOCK * SLAB_PRODUCT_BLOCK;
}

/* The vectors padded to whole blocks, and the result before it is cut. */
static size_t held(const slab_svd *svd)
{
    return ((size_t)svd_m(svd) * sizeof(float) + (size_t)svd_other(svd) * sizeof(double)) *
           (size_t)padded(svd->k);
}

slab_status slab_svd_project_plan(const slab_svd *svd, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    svd_products how;
    TRY(svd_products_plan(svd, true, padded(svd->k), held(svd), &how));
    how.plan.memory += held(svd) + how.held;
    how.plan.memory_least += held(svd) + how.held;
    slab_plan_add_pass(plan, &how.plan, how.times,
                       2.0 * (double)svd->z->n * (double)svd->z->d * padded(svd->k) / how.times);
done:
    return rc;
}

slab_status slab_svd_project(const slab_svd *svd, double *v)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(svd->crew);
    int64_t m = svd_m(svd), other = svd_other(svd);
    int k = svd->k, l = padded(k);
    svd_products how;
    float *q = NULL;
    double *y = NULL;
    slab_blas_alone();
    TRY(svd_products_plan(svd, true, l, held(svd), &how));
    rc = slab_memory_alloc((void **)&q, (size_t)(m * l), sizeof *q, "vectors to project");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&y, (size_t)(other * l), sizeof *y, "projections");
    TRY(slab_ranks_agree(ranks, rc));
    for (int64_t i = 0; i < m; i++)
        for (int j = 0; j < k; j++)
            q[i * l + j] = (float)svd->u[i * k + j];
    TRY(svd_products_run(svd, &how, true, l, q, y));
    for (int64_t i = 0; i < other; i++)
        for (int j = 0; j < k; j++)
            v[i * k + j] = svd->s[j] > 0 ? y[i * l + j] / svd->s[j] : 0;
done:
    FREE(q);
    FREE(y);
    return rc;
}
