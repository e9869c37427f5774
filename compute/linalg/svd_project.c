#include <slab/compute/kernel/blas.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>

/* Rows on their way from the sink, padded and not yet divided by s. */
typedef struct slicing {
    const slab_svd *svd;
    int l;
    slab_svd_rows rows;
    slab_svd_has has;
    void *context;
} slicing;

static int padded(int k)
{
    return (k + SLAB_PRODUCT_BLOCK - 1) / SLAB_PRODUCT_BLOCK * SLAB_PRODUCT_BLOCK;
}

static slab_status take(void *context, int thread, int64_t first, int64_t count, double *rows)
{
    const slicing *to = context;
    int k = to->svd->k;
    for (int64_t i = 0; i < count; i++) /* in place: k <= l */
        for (int j = 0; j < k; j++) {
            double s = to->svd->s[j];
            rows[i * k + j] = s > 0 ? rows[i * to->l + j] / s : 0;
        }
    return to->rows(to->context, thread, first, count, rows);
}

static bool is_there(void *context, int64_t first)
{
    const slicing *to = context;
    return to->has && to->has(to->context, first);
}

slab_status slab_svd_slices(const slab_svd *svd, slab_grid *out)
{
    const slab_grid *own = slab_value_grid(svd->x);
    int64_t phase[SLAB_RANK_MAX] = {own->phase[0], own->phase[1]};
    phase[1 - svd->side] = 0;
    return slab_grid_make(&own->shape, &own->tile, phase, out);
}

static slab_status make_pass(const slab_svd *svd, slab_product *product, slab_pass **pass)
{
    slab_status rc = SLAB_OK;
    *pass = NULL;
    TRY(slab_pass_create(svd->crew, "projection", svd->x, pass));
    TRY(slab_pass_add(*pass, &slab_sink_product, product));
done:
    return rc;
}

static slab_product product_of(const slab_svd *svd, const slab_grid *grid, slicing *to)
{
    return (slab_product){.z = svd->z,
                          .side = svd->side,
                          .l = padded(svd->k),
                          .emit = take,
                          .has = is_there,
                          .context = to,
                          .grid = grid};
}

static size_t vector_bytes(const slab_svd *svd)
{
    size_t n = (size_t)svd_m(svd) * (size_t)padded(svd->k);
    return n * (svd->precise ? sizeof(double) : sizeof(float));
}

/* u, padded to whole blocks, as the product takes it. */
static slab_status pad_vectors(const slab_svd *svd, slab_product *product, void **vectors)
{
    slab_status rc = SLAB_OK;
    TRY(slab_memory_alloc(vectors, vector_bytes(svd), 1, "vectors to project"));
    float *single = *vectors;
    double *precise = *vectors;
    for (int64_t i = 0; i < svd_m(svd); i++)
        for (int j = 0; j < svd->k; j++) {
            double u = svd->u[i * svd->k + j];
            if (svd->precise)
                precise[i * product->l + j] = u;
            else
                single[i * product->l + j] = (float)u;
        }
    product->q = svd->precise ? NULL : single;
    product->q64 = svd->precise ? precise : NULL;
done:
    return rc;
}

slab_status slab_svd_project_plan(const slab_svd *svd, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_grid grid;
    slab_pass *pass = NULL;
    slab_pass_plan of;
    TRY(slab_svd_slices(svd, &grid));
    slab_product product = product_of(svd, &grid, NULL);
    const double some = 0;
    product.q64 = svd->precise ? &some : NULL; /* as fit for planning as any */
    size_t held = vector_bytes(svd) + slab_product_prepared_bytes(&product);
    TRY(make_pass(svd, &product, &pass));
    TRY(slab_pass_plan_make(pass, svd_room(svd, held), &of));
    of.memory += held;
    of.memory_least += held;
    slab_plan_add_pass(plan, &of, 1, 2.0 * (double)svd->z->n * (double)svd->z->d * product.l);
    plan->steps[plan->nsteps - 1].flop_rate = slab_product_rate(&product);
done:
    slab_pass_destroy(&pass);
    return rc;
}

slab_status slab_svd_project(const slab_svd *svd, const slab_grid *grid, slab_svd_rows rows,
                             slab_svd_has has, void *context)
{
    slab_status rc = SLAB_OK;
    slicing to = {.svd = svd, .l = padded(svd->k), .rows = rows, .has = has, .context = context};
    slab_product product = product_of(svd, grid, &to);
    slab_pass *pass = NULL;
    void *vectors = NULL;
    slab_blas_alone();
    rc = pad_vectors(svd, &product, &vectors);
    if (rc == SLAB_OK)
        rc = slab_product_prepare(&product);
    TRY(slab_ranks_agree(slab_crew_ranks(svd->crew), rc));
    TRY(make_pass(svd, &product, &pass));
    TRY(slab_pass_run(pass, svd_room_now(svd)));
done:
    slab_pass_destroy(&pass);
    slab_product_clear(&product);
    FREE(vectors);
    return rc;
}
