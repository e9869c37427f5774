/* Principal components: parameters, the choice of a method, the plan and the fit. */
#include <slab/compute/estimator/pca_impl.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/sink/product.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

#define METHODS  "exact|randomized"
#define SCALINGS "none|center|unit|genotype"
const char *const pca_methods = METHODS, *const pca_scalings = SCALINGS;

static const slab_parameter parameters[] = {
    {"components", 'k', 'i', NULL, "10", "number of principal components"},
    {"method", 0, 'c', METHODS, NULL,
     "exact: all of the smaller Gram matrix; randomized: block Krylov; chosen by cost"},
    {"standardize", 0, 'c', SCALINGS, NULL,
     "what is done to columns first: nothing, subtract the mean, also divide by the standard "
     "deviation, or (g - 2p) / sqrt(2p(1-p)); genotype for genotypes, else center"},
    {"maf", 0, 'd', NULL, "0", "with genotype: leave out variants whose minor allele is rarer"},
    {"oversample", 0, 'i', NULL, NULL, "randomized: vectors beyond k in a block (k)"},
    {"passes", 0, 'i', NULL, "10", "randomized: products with the matrix, at most"},
    {"tolerance", 0, 'd', NULL, "1e-7",
     "randomized: stop when every residual is below this part of its eigenvalue"},
    {"no-loadings", 0, 'b', NULL, NULL, "do not compute the weights of the columns"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

const slab_estimator_class slab_estimator_pca;

const char *pca_word(const char *list, int n, char *text)
{
    for (; n > 0; n--)
        list = strchr(list, '|') + 1;
    snprintf(text, 32, "%.*s", (int)strcspn(list, "|"), list);
    return text;
}

/* 2-bit unsigned integers whose missing code is 3: what importers of genotypes make. */
static bool is_genotypes(const slab_array_info *info)
{
    return info->dtype.kind == SLAB_KIND_UINT && info->dtype.size == 1 &&
           info->dtype.precision == 2 && info->has_missing && info->missing[0] == 3;
}

static slab_status check_value(const slab_value *x)
{
    slab_status rc = SLAB_OK;
    char text[SLAB_SHAPE_TEXT_MAX], name[SLAB_DTYPE_NAME_MAX];
    const slab_shape *shape = slab_value_shape(x);
    slab_dtype dtype = slab_value_dtype(x);
    REQUIRE(shape->rank == 2, SLAB_ERR_SHAPE, "pca takes an array of samples x columns, not %s",
            slab_shape_text(shape, text));
    REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
            "pca takes real numbers, not %s", slab_dtype_name(dtype, name));
    REQUIRE(shape->extent[0] > 0 && shape->extent[1] > 0, SLAB_ERR_SHAPE,
            "pca of an array without elements, %s", slab_shape_text(shape, text));
done:
    return rc;
}

static slab_status open_value(pca_model *model)
{
    slab_status rc = SLAB_OK;
    const slab_fit *fit = &model->fit;
    model->x = slab_value_load(fit->array, fit->selection, slab_crew_threads(fit->crew));
    TRY(slab_value_status(model->x));
    TRY_SAYING(check_value(model->x), "'%s:%s'", slab_file_path(slab_array_file(fit->array)),
               slab_array_path(fit->array));
    const slab_shape *shape = slab_value_shape(model->x);
    slab_dtype dtype = slab_value_dtype(model->x);
    model->z.n = shape->extent[0];
    model->z.d = shape->extent[1];
    model->z.dtype = dtype;
    const slab_array_info *info = slab_array_describe(fit->array);
    if (info->dtype.kind == SLAB_KIND_UINT && info->dtype.size == 1)
        model->z.bits = info->dtype.precision;
    const void *missing = slab_value_missing(model->x);
    model->z.has_missing = missing != NULL;
    model->z.missing = missing ? slab_dtype_get_double(dtype, missing) : 0;
    model->svd.side = model->z.n <= model->z.d ? 0 : 1;
done:
    return rc;
}

static slab_status read_scaling(pca_model *model)
{
    slab_status rc = SLAB_OK;
    const slab_estimator_class *cls = &slab_estimator_pca;
    const slab_array_info *info = slab_array_describe(model->fit.array);
    int scaling = is_genotypes(info) ? PCA_GENOTYPE : PCA_CENTER;
    bool given;
    TRY(slab_parameter_choice(&model->fit, cls, "standardize", &scaling, &given));
    model->scaling = (pca_scaling)scaling;
    TRY(slab_parameter_real(&model->fit, cls, "maf", 0, 0.5, &model->maf));
    REQUIRE(model->maf == 0 || model->scaling == PCA_GENOTYPE, SLAB_ERR_USAGE,
            "--maf needs --standardize genotype");
done:
    return rc;
}

static slab_status read_sizes(pca_model *model)
{
    slab_status rc = SLAB_OK;
    const slab_estimator_class *cls = &slab_estimator_pca;
    slab_svd *svd = &model->svd;
    int64_t m = svd->side == 0 ? model->z.n : model->z.d, k = 0, passes = 0;
    bool given;
    TRY(slab_parameter_int(&model->fit, cls, "components", 1, 1 << 14, &k, &given));
    REQUIRE(k <= m, SLAB_ERR_USAGE,
            "--components is %" PRId64 ", but the smaller extent is %" PRId64, k, m);
    int64_t over = k;
    TRY(slab_parameter_int(&model->fit, cls, "oversample", 0, 1 << 14, &over, &given));
    TRY(slab_parameter_int(&model->fit, cls, "passes", 1, 1000, &passes, &given));
    TRY(slab_parameter_real(&model->fit, cls, "tolerance", 0, 1, &svd->tolerance));
    svd->k = (int)k;
    svd->passes = (int)passes;
    int64_t blocks = (k + over + SLAB_PRODUCT_BLOCK - 1) / SLAB_PRODUCT_BLOCK;
    svd->block = (int)blocks * SLAB_PRODUCT_BLOCK;
    model->wants_loadings = !slab_parameter_flag(&model->fit, cls, "no-loadings");
done:
    return rc;
}

/*
 * By arithmetic, from sizes alone: the budget must not change a result. An exact answer is worth
 * twice the work of an approximate one.
 */
static slab_status choose_method(pca_model *model)
{
    slab_status rc = SLAB_OK;
    const slab_svd *svd = &model->svd;
    double n = (double)model->z.n, d = (double)model->z.d, m = svd->side == 0 ? n : d;
    double exact = m * n * d + 4.0 / 3 * m * m * m;
    double randomized = 4 * n * d * svd->block * svd->passes;
    int method = exact <= 2 * randomized || m <= 2 * svd->block ? PCA_EXACT : PCA_RANDOMIZED;
    bool given;
    TRY(slab_parameter_choice(&model->fit, &slab_estimator_pca, "method", &method, &given));
    model->method = (pca_method)method;
    model->svd.precise = method == PCA_EXACT;
    model->why = given ? "as asked" : "the cheaper one";
done:
    return rc;
}

static void destroy(void **self)
{
    pca_model *model = *self;
    if (!model)
        return;
    FREE(model->mean);
    FREE(model->scale);
    FREE(model->kept);
    FREE(model->svd.s);
    FREE(model->svd.u);
    slab_value_drop(&model->x);
    FREE(*self);
}

static int64_t extent_of(const pca_model *model, int side)
{
    return side == 0 ? model->z.n : model->z.d;
}

/* What allocate() takes, once and for all passes. */
static size_t results_bytes(const pca_model *model)
{
    const slab_svd *svd = &model->svd;
    size_t column = 2 * sizeof(double) + sizeof(uint8_t), d = (size_t)model->z.d;
    size_t vectors = (size_t)(extent_of(model, svd->side) + 1) * (size_t)svd->k * sizeof(double);
    return d * column + vectors;
}

/* Results and the standardisation. */
static slab_status allocate(pca_model *model)
{
    slab_status rc = SLAB_OK;
    slab_svd *svd = &model->svd;
    ALLOC(model->mean, model->z.d, "column means");
    ALLOC(model->scale, model->z.d, "column scales");
    ALLOC(model->kept, model->z.d, "the columns kept");
    ALLOC(svd->s, svd->k, "singular values");
    ALLOC(svd->u, extent_of(model, svd->side) * svd->k, "singular vectors");
    model->z.mean = model->mean;
    model->z.scale = model->scale;
done:
    return slab_ranks_agree(slab_crew_ranks(model->fit.crew), rc);
}

static void surround(pca_model *model)
{
    slab_svd *svd = &model->svd;
    svd->crew = model->fit.crew;
    svd->x = model->x;
    svd->z = &model->z;
    svd->budget = model->fit.budget;
    svd->seed = model->fit.seed;
    svd->scratch = model->fit.scratch;
}

static slab_status create(const slab_fit *fit, void **self)
{
    slab_status rc = SLAB_OK;
    pca_model *model = NULL;
    *self = NULL;
    ALLOC(model, 1, "a model");
    model->fit = *fit;
    TRY(open_value(model));
    TRY(read_scaling(model));
    TRY(read_sizes(model));
    TRY(choose_method(model));
    surround(model);
    *self = model;
    model = NULL;
done:
    destroy((void **)&model);
    return slab_ranks_agree(slab_crew_ranks(fit->crew), rc);
}

bool pca_needs_other(const pca_model *model)
{
    return model->svd.side == 1 || model->wants_loadings;
}

static slab_status plan_all(const pca_model *model, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    const slab_svd *svd = &model->svd;
    TRY(pca_moments_plan(model, plan));
    if (model->method == PCA_EXACT)
        TRY(slab_svd_gram_plan(svd, plan));
    else
        TRY(slab_svd_krylov_plan(svd, plan));
    if (pca_needs_other(model))
        TRY(pca_store_plan(model, plan));
done:
    return rc;
}

/* As if the results were there. */
static slab_status plan_within(const pca_model *model, pca_method method, size_t budget,
                               slab_plan *out)
{
    pca_model trial = *model;
    size_t results = results_bytes(model);
    trial.method = method;
    trial.svd.precise = method == PCA_EXACT;
    trial.fit.budget = trial.svd.budget = budget > results ? budget - results : 0;
    return slab_ranks_agree(slab_crew_ranks(model->fit.crew), plan_all(&trial, out));
}

/* The smallest budget in MiB, with some room for what is not planned. 0: none is known. */
static size_t least_budget(const pca_model *model, pca_method method)
{
    slab_plan plan = {0};
    if (plan_within(model, method, (size_t)1 << 60, &plan) != SLAB_OK)
        return 0;
    size_t all = plan.memory_least + slab_memory_used() + results_bytes(model);
    return (all >> 20) + 2;
}

/* Instead of the first step that found no room: what would do for all of them. */
static slab_status refuse(const pca_model *model)
{
    size_t least = least_budget(model, model->method);
    size_t other = model->method == PCA_EXACT ? least_budget(model, PCA_RANDOMIZED) : 0;
    char hint[80] = "";
    if (other > 0 && other < least)
        snprintf(hint, sizeof hint, ", or %zuM with --method randomized", other);
    return slab_error_set(SLAB_ERR_MEMORY, __FILE__, __LINE__,
                          "pca needs at least %zu MiB per rank with one thread, not %zu: --memory "
                          "%zuM%s",
                          least, model->fit.budget >> 20, least, hint);
}

static slab_status plan(void *self, slab_plan *out)
{
    slab_status rc = SLAB_OK;
    const pca_model *model = self;
    char method[32], scaling[32];
    out->budget = model->fit.budget;
    out->ranks = slab_ranks_count(slab_crew_ranks(model->fit.crew));
    rc = plan_within(model, model->method, model->fit.budget, out);
    if (rc == SLAB_ERR_MEMORY)
        rc = refuse(model);
    TRY(rc);
    slab_plan_note(out, "method %s (%s), columns: %s", pca_word(pca_methods, model->method, method),
                   model->why, pca_word(pca_scalings, model->scaling, scaling));
    if (model->method == PCA_RANDOMIZED)
        slab_plan_note(out, "blocks of %d vectors, products in %s", model->svd.block,
                       slab_product_way(model->z.dtype));
    size_t held = slab_memory_used() + results_bytes(model);
    for (int i = 0; i < out->nsteps; i++)
        out->steps[i].memory += held;
    out->memory += held;
    out->memory_least += held;
done:
    return rc;
}

/* Singular values and vectors: an earlier run has them, or they are found now. */
static slab_status decompose(pca_model *model)
{
    slab_status rc = SLAB_OK;
    slab_svd *svd = &model->svd;
    int64_t passes = 0, m = extent_of(model, svd->side);
    slab_state_part parts[] = {{svd->s, (size_t)svd->k * sizeof *svd->s},
                               {svd->u, (size_t)(m * svd->k) * sizeof *svd->u},
                               {&svd->residual, sizeof svd->residual},
                               {&passes, sizeof passes}};
    bool found;
    TRY(slab_checkpoint_get(model->checkpoint, "svd", parts, 4, &found));
    svd->passes_run = (int)passes;
    if (found)
        goto done;
    TRY(model->method == PCA_EXACT ? slab_svd_gram(svd) : slab_svd_krylov(svd));
    passes = svd->passes_run;
    TRY(slab_checkpoint_put(model->checkpoint, "svd", parts, 4));
done:
    return rc;
}

static slab_status fit(void *self, slab_checkpoint *checkpoint)
{
    slab_status rc = SLAB_OK;
    pca_model *model = self;
    slab_svd *svd = &model->svd;
    model->checkpoint = svd->checkpoint = checkpoint;
    TRY(allocate(model));
    TRY(pca_moments_run(model));
    REQUIRE(svd->k <= model->nkept, SLAB_ERR_VALUE,
            "%" PRId64 " of %" PRId64
            " columns vary and pass the filter: too few for %d components",
            model->nkept, model->z.d, svd->k);
    TRY(decompose(model));
done:
    return rc;
}

const slab_estimator_class slab_estimator_pca = {
    .name = "pca",
    .summary = "principal components",
    .parameters = parameters,
    .create = create,
    .plan = plan,
    .fit = fit,
    .store = pca_store,
    .destroy = destroy,
};
