#include <inttypes.h>
#include <math.h>
#include <slab/compute/kernel/blas.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/compute/sink/gram.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

static slab_status make_pass(const slab_svd *svd, slab_gram *gram, slab_pass **pass)
{
    slab_status rc = SLAB_OK;
    *pass = NULL;
    TRY(slab_pass_create(svd->crew, "Gram matrix", svd->x, pass));
    TRY(slab_pass_add(*pass, &slab_sink_gram, gram));
done:
    return rc;
}

static size_t matrix_bytes(const slab_svd *svd)
{
    size_t m = (size_t)svd_m(svd);
    return m * m * sizeof(double);
}

/* The matrix, and what unpacking it and finding its eigenvalues take. */
static size_t after_bytes(const slab_svd *svd)
{
    slab_gram gram = {.z = svd->z, .side = svd->side};
    size_t eigen = svd_eigen_bytes(svd_m(svd), svd->k), unpacking = slab_gram_collect_bytes(&gram);
    return matrix_bytes(svd) + (eigen > unpacking ? eigen : unpacking);
}

slab_status slab_svd_gram_plan(const slab_svd *svd, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_gram gram = {.z = svd->z, .side = svd->side};
    slab_pass *pass = NULL;
    slab_pass_plan of;
    double m = (double)svd_m(svd);
    TRY(make_pass(svd, &gram, &pass));
    TRY(svd_require(svd, "the Gram matrix", after_bytes(svd)));
    TRY(slab_pass_plan_make(pass, svd_room(svd, matrix_bytes(svd)), &of));
    of.memory += matrix_bytes(svd);
    of.memory_least += matrix_bytes(svd);
    if (of.memory_least < after_bytes(svd))
        of.memory_least = after_bytes(svd);
    slab_plan_add_pass(plan, &of, 1, m * m * (double)svd_other(svd));
    slab_plan_add(plan, &(slab_plan_step){.name = "eigenvalues",
                                          .times = 1,
                                          .flops = 4.0 / 3 * m * m * m,
                                          .memory = after_bytes(svd),
                                          .threads = 1});
done:
    slab_pass_destroy(&pass);
    return rc;
}

/* The k largest of g [m, m], which is overwritten. On rank 0 alone, then all get them. */
static slab_status solve(const slab_svd *svd, double *g)
{
    slab_status rc = SLAB_OK;
    TRY(svd_eigen(svd_m(svd), g, svd->k, svd->s, svd->u));
    for (int j = 0; j < svd->k; j++)
        svd->s[j] = sqrt(fmax(svd->s[j], 0));
    svd_fix_signs(svd_m(svd), svd->k, svd->u);
done:
    return rc;
}

slab_status slab_svd_gram(slab_svd *svd)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(svd->crew);
    slab_gram gram = {.z = svd->z, .side = svd->side};
    slab_pass *pass = NULL;
    int64_t m = svd_m(svd);
    double *g = NULL;
    slab_blas_alone();
    REQUIRE(m <= INT32_MAX / 4, SLAB_ERR_RANGE, "a Gram matrix of %" PRId64 " rows", m);
    TRY(slab_ranks_agree(ranks, svd_require(svd, "the Gram matrix", after_bytes(svd))));
    rc = slab_memory_alloc((void **)&g, (size_t)m * (size_t)m, sizeof *g, "a Gram matrix");
    gram.out = g;
    if (rc == SLAB_OK)
        rc = slab_gram_prepare(&gram);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(make_pass(svd, &gram, &pass));
    slab_pass_checkpoint(pass, svd->checkpoint, "gram", true);
    TRY(slab_pass_run(pass, svd_room_now(svd)));
    slab_pass_destroy(&pass);
    TRY(slab_gram_collect(&gram, ranks));
    if (slab_ranks_me(ranks) == 0)
        rc = solve(svd, g);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, svd->s, (size_t)svd->k * sizeof *svd->s, 0));
    TRY(slab_ranks_broadcast(ranks, svd->u, (size_t)(m * svd->k) * sizeof *svd->u, 0));
    svd->passes_run = 1;
    svd->residual = 0;
done:
    slab_pass_destroy(&pass);
    slab_gram_clear(&gram);
    FREE(g);
    return rc;
}
