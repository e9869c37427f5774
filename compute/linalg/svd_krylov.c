#include <math.h>
#include <slab/compute/kernel/blas.h>
#include <slab/compute/kernel/random.h>
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

/* A running iteration. */
typedef struct krylov {
    slab_svd *svd;
    int64_t m;
    int l, steps; /* vectors in a block; products so far */
    svd_products how;
    bool spill;
    svd_basis basis;
    float *q;  /* f32 [m, l]: the last block */
    double *y; /* f64 [m, l]: its product, then what is new in it */
    double *h; /* f64 [(passes + 1) l, passes l] column-major: A K_q = K_{q+1} H */
    double *c; /* f64 [(passes + 1) l, l] row-major: the last columns of H */
    double *values, *p;
} krylov;

static int64_t leading(const krylov *k)
{
    return (int64_t)(k->svd->passes + 1) * k->l;
}

/* Bytes in use during a pass, but for the basis. */
static size_t fixed_bytes(const slab_svd *svd)
{
    size_t m = (size_t)svd_m(svd), l = (size_t)svd->block, q = (size_t)svd->passes;
    size_t tall = m * l * (sizeof(float) + sizeof(double));
    return tall + ((q + 1) * l * (q * l + l + (size_t)svd->k)) * sizeof(double);
}

/* Bytes in use between passes, beside what is in use during them. */
static size_t between_bytes(const slab_svd *svd)
{
    size_t l = (size_t)svd->block;
    size_t chunk = BASIS_ROWS * l * (sizeof(float) + sizeof(double));
    size_t chunks = (size_t)slab_crew_threads(svd->crew) * chunk;
    size_t ritz = svd_ritz_bytes(svd->passes, svd->block);
    return (ritz > chunks ? ritz : chunks) + (size_t)(svd->passes + 1) * l * l * sizeof(double);
}

/* The basis in memory when that costs no further readings; else in a file. */
static slab_status choose(const slab_svd *svd, svd_products *how, bool *spill)
{
    slab_status rc = SLAB_OK;
    svd_products in_memory;
    size_t fixed = fixed_bytes(svd);
    size_t basis = svd_basis_bytes(svd_m(svd), svd->block, svd->passes + 1);
    int64_t worse;
    TRY(svd_products_plan(svd, svd->block, fixed, how));
    TRY(slab_ranks_agree(slab_crew_ranks(svd->crew),
                         svd_require(svd, "orthogonalisation", fixed + between_bytes(svd))));
    slab_status with = svd_products_plan(svd, svd->block, fixed + basis, &in_memory);
    worse = with != SLAB_OK || in_memory.times > how->times ||
            in_memory.plan.threads < how->plan.threads || in_memory.keep < how->keep ||
            svd_room(svd, fixed + basis) < between_bytes(svd);
    slab_error_clear();
    TRY(slab_ranks_max(slab_crew_ranks(svd->crew), &worse, 1));
    *spill = worse;
    if (!worse)
        *how = in_memory;
done:
    return rc;
}

static double step_flops(const slab_svd *svd)
{
    return 4.0 * (double)svd->z->n * (double)svd->z->d * svd->block;
}

slab_status slab_svd_krylov_plan(const slab_svd *svd, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    svd_products how;
    bool spill;
    size_t basis = svd_basis_bytes(svd_m(svd), svd->block, svd->passes + 1);
    TRY(choose(svd, &how, &spill));
    size_t beside = fixed_bytes(svd) + how.held + (spill ? 0 : basis);
    how.plan.memory += beside;
    how.plan.memory_least += fixed_bytes(svd);
    size_t between = fixed_bytes(svd) + between_bytes(svd);
    if (how.plan.memory_least < between)
        how.plan.memory_least = between;
    slab_plan_add_pass(plan, &how.plan, (int64_t)how.times * svd->passes,
                       step_flops(svd) / how.times);
    plan->steps[plan->nsteps - 1].flop_rate = how.rate;
    double m = (double)svd_m(svd), l = svd->block, q = svd->passes;
    slab_plan_add(plan, &(slab_plan_step){.name = "orthogonalisation",
                                          .times = svd->passes,
                                          .flops = 4 * m * l * l * q * (q + 1),
                                          .memory = beside - how.held + between_bytes(svd),
                                          .threads = slab_crew_threads(svd->crew)});
    if (spill) {
        plan->scratch_bytes += (int64_t)basis * slab_ranks_on_node(slab_crew_ranks(svd->crew));
        slab_plan_note(plan, "the Krylov basis goes to a scratch file: memory has no room for it");
    }
    if (how.times > 1)
        slab_plan_note(plan,
                       "each product takes %d passes of %d vectors: memory has no room for %d",
                       how.times, how.width, svd->block);
done:
    return rc;
}

static slab_status krylov_create(krylov *k)
{
    slab_status rc = SLAB_OK;
    const slab_svd *svd = k->svd;
    int64_t tall = k->m * k->l, ld = leading(k);
    TRY(svd_basis_create(k->m, k->l, svd->passes + 1, svd->scratch, k->spill, &k->basis));
    ALLOC(k->q, tall, "a block of vectors");
    ALLOC(k->y, tall, "a product");
    ALLOC(k->h, ld * svd->passes * k->l, "the projected matrix");
    ALLOC(k->c, ld * k->l, "the projected matrix");
    ALLOC(k->values, svd->k, "eigenvalues");
    ALLOC(k->p, ld * svd->k, "coefficients");
done:
    return rc;
}

static void krylov_clear(krylov *k)
{
    svd_basis_clear(&k->basis);
    FREE(k->q);
    FREE(k->y);
    FREE(k->h);
    FREE(k->c);
    FREE(k->values);
    FREE(k->p);
}

/* The next block of the basis: y, orthonormal, in single precision; the same on all ranks. */
static slab_status next_block(krylov *k)
{
    slab_status rc = SLAB_OK;
    for (int64_t i = 0; i < k->m * k->l; i++)
        k->q[i] = (float)k->y[i];
    TRY(slab_ranks_broadcast(slab_crew_ranks(k->svd->crew), k->q,
                             (size_t)(k->m * k->l) * sizeof *k->q, 0));
done:
    return rc;
}

/* y becomes a random block, orthonormal. On this rank alone. */
static slab_status random_block(krylov *k)
{
    slab_status rc = SLAB_OK;
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_NORMAL);
    slab_shape shape = {.rank = 2, .extent = {k->m, k->l}};
    slab_box box = slab_box_whole(&shape);
    void *scratch = NULL;
    int rank;
    spec.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    spec.seed = k->svd->seed;
    TRY(slab_random_check(&spec, &shape));
    TRY(slab_memory_alloc(&scratch, slab_random_scratch(&spec, &shape), 1, "random vectors"));
    slab_random_box(&spec, &shape, &box, k->y, scratch);
    TRY(svd_orthonormalize(k->m, k->l, k->y, 1e-8, k->c, &rank));
done:
    FREE(scratch);
    return rc;
}

/* Columns `step` of H: coefficients of y in the blocks before, then those of what is new. */
static void note_columns(krylov *k, const double *s)
{
    int l = k->l;
    int64_t known = (int64_t)k->basis.count * l, ld = leading(k);
    double *h = k->h + (int64_t)(k->basis.count - 1) * l * ld;
    for (int j = 0; j < l; j++) {
        for (int64_t i = 0; i < known; i++)
            h[j * ld + i] = k->c[i * l + j];
        for (int i = 0; i < l; i++)
            h[j * ld + known + i] = s[i * l + j];
    }
}

/* One product, and the basis and H one block longer. *ended: nothing new came. */
static slab_status step(krylov *k, bool *ended)
{
    slab_status rc = SLAB_OK;
    slab_svd *svd = k->svd;
    slab_ranks *ranks = slab_crew_ranks(svd->crew);
    double *s = NULL, size = 0;
    int rank = 0;
    TRY(svd_products_run(svd, &k->how, k->steps, k->l, k->q, k->y));
    rc = svd_basis_add(&k->basis, k->q); /* as prepare rounded it */
    TRY(slab_ranks_agree(ranks, rc));
    for (int64_t i = 0; i < k->m * k->l; i++)
        size += k->y[i] * k->y[i];
    rc = slab_memory_alloc((void **)&s, (size_t)(k->l * k->l), sizeof *s, "the projected matrix");
    if (rc == SLAB_OK)
        rc = svd_orthogonalize(svd->crew, &k->basis, k->y, k->c);
    if (rc == SLAB_OK)
        rc = svd_orthonormalize(k->m, k->l, k->y, 1e-9 * sqrt(size / k->l), s, &rank);
    TRY(slab_ranks_agree(ranks, rc));
    note_columns(k, s);
    k->steps++;
    TRY(next_block(k));
    *ended = rank == 0;
done:
    FREE(s);
    return rc;
}

/* Rank 0 decides: results may differ in the last bit where machines differ. */
static slab_status converged(krylov *k, bool *yes)
{
    slab_status rc = SLAB_OK;
    slab_svd *svd = k->svd;
    slab_ranks *ranks = slab_crew_ranks(svd->crew);
    if (slab_ranks_me(ranks) == 0 && k->steps * k->l >= svd->k)
        rc = svd_ritz_residual(k->h, leading(k), k->steps, k->l, svd->k, &svd->residual);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, &svd->residual, sizeof svd->residual, 0));
    *yes = svd->residual <= svd->tolerance;
done:
    return rc;
}

/* --- the checkpoint: every step's new block, its columns of H, and how it ended --- */

typedef struct ending {
    double residual;
    int64_t ended;
} ending;

/* What the record of step `number` holds; 0: the block that all begins with. */
static void parts_of(krylov *k, int number, ending *end, slab_state_part parts[3], char name[32])
{
    int64_t columns = (int64_t)k->l * leading(k);
    snprintf(name, 32, "krylov %d", number);
    parts[0] = (slab_state_part){k->q, (size_t)(k->m * k->l) * sizeof *k->q};
    parts[1] = (slab_state_part){end, sizeof *end};
    parts[2] = number == 0 ? (slab_state_part){NULL, 0}
                           : (slab_state_part){k->h + (number - 1) * columns,
                                               (size_t)columns * sizeof *k->h};
}

static slab_status keep_step(krylov *k, bool ended)
{
    slab_state_part parts[3];
    ending end = {k->svd->residual, ended};
    char name[32];
    parts_of(k, k->steps, &end, parts, name);
    return slab_checkpoint_put(k->svd->checkpoint, name, parts, 3);
}

/* The first block: as an earlier run began, or drawn. */
static slab_status begin(krylov *k)
{
    slab_status rc = SLAB_OK;
    slab_state_part parts[3];
    ending end;
    char name[32];
    bool found;
    parts_of(k, 0, &end, parts, name);
    TRY(slab_checkpoint_get(k->svd->checkpoint, name, parts, 3, &found));
    if (found)
        goto done;
    TRY(slab_ranks_agree(slab_crew_ranks(k->svd->crew), random_block(k)));
    TRY(next_block(k));
    TRY(keep_step(k, false));
done:
    return rc;
}

/* Steps that an earlier run has done. */
static slab_status go_on(krylov *k, bool *stop)
{
    slab_status rc = SLAB_OK;
    slab_svd *svd = k->svd;
    slab_state_part parts[3];
    ending end;
    char name[32];
    bool found = true;
    while (found && !*stop && k->steps < svd->passes) {
        int64_t bytes, wanted = 0;
        parts_of(k, k->steps + 1, &end, parts, name);
        for (int i = 0; i < 3; i++)
            wanted += (int64_t)parts[i].bytes;
        TRY(slab_checkpoint_size(svd->checkpoint, name, &bytes));
        if (bytes != wanted)
            break;
        rc = svd_products_round(svd, &k->how, k->l, k->q, k->y);
        if (rc == SLAB_OK)
            rc = svd_basis_add(&k->basis, k->q);
        TRY(slab_ranks_agree(slab_crew_ranks(svd->crew), rc));
        TRY(slab_checkpoint_get(svd->checkpoint, name, parts, 3, &found));
        k->steps++;
        svd->residual = end.residual;
        *stop = end.ended || svd->residual <= svd->tolerance;
    }
done:
    return rc;
}

/* The results, from rank 0's coefficients. */
static slab_status extract(krylov *k)
{
    slab_status rc = SLAB_OK;
    slab_svd *svd = k->svd;
    slab_ranks *ranks = slab_crew_ranks(svd->crew);
    int64_t rows = (int64_t)(k->steps + 1) * k->l;
    rc = svd_basis_add(&k->basis, k->q);
    if (rc == SLAB_OK && slab_ranks_me(ranks) == 0)
        rc = svd_ritz_solve(k->h, leading(k), k->steps, k->l, svd->k, k->values, k->p);
    TRY(slab_ranks_agree(ranks, rc));
    TRY(slab_ranks_broadcast(ranks, k->p, (size_t)(rows * svd->k) * sizeof *k->p, 0));
    TRY(slab_ranks_broadcast(ranks, k->values, (size_t)svd->k * sizeof *k->values, 0));
    rc = svd_combine(svd->crew, &k->basis, k->p, svd->k, svd->u);
    TRY(slab_ranks_agree(ranks, rc));
    for (int v = 0; v < svd->k; v++)
        svd->s[v] = sqrt(k->values[v]);
    svd_fix_signs(k->m, svd->k, svd->u);
    TRY(slab_ranks_broadcast(ranks, svd->u, (size_t)(k->m * svd->k) * sizeof *svd->u, 0));
done:
    return rc;
}

slab_status slab_svd_krylov(slab_svd *svd)
{
    slab_status rc = SLAB_OK;
    krylov k = {.svd = svd, .m = svd_m(svd), .l = svd->block};
    bool stop = false;
    slab_blas_alone();
    svd->residual = INFINITY;
    TRY(choose(svd, &k.how, &k.spill));
    rc = krylov_create(&k);
    TRY(slab_ranks_agree(slab_crew_ranks(svd->crew), rc));
    TRY(begin(&k));
    TRY(go_on(&k, &stop));
    while (!stop && k.steps < svd->passes) {
        bool ended;
        TRY(step(&k, &ended));
        TRY(converged(&k, &stop));
        TRY(keep_step(&k, ended));
        stop = stop || ended;
    }
    svd->passes_run = k.steps;
    TRY(extract(&k));
done:
    krylov_clear(&k);
    return rc;
}
