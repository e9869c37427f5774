/*
 * Means and variances of the columns, and what follows from them: which columns are kept, and how
 * they are scaled. Columns come in parts of a fixed size, so that this needs little memory however
 * many there are; every part reads only its own columns.
 */
#include <slab/compute/estimator/pca_impl.h>

#include <inttypes.h>
#include <math.h>
#include <slab/compute/sink/statistics.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>

enum { PART = 1 << 16 };

/* Columns in a part: whole tiles. */
static int64_t part_of(const pca_model *model)
{
    int64_t tile = slab_value_grid(model->x)->tile.extent[1];
    return (PART + tile - 1) / tile * tile;
}

/* Columns c .. c + n - 1 of the samples, as a value; the first part is cut where tiles are. */
static slab_value *columns_of(const pca_model *model, int64_t c, int64_t n)
{
    slab_array *array = model->fit.array;
    slab_selection part = model->fit.selection
                              ? *model->fit.selection
                              : slab_selection_all(&slab_array_describe(array)->shape);
    int axis = part.rank - 1;
    while (part.drop[axis])
        axis--;
    part.start[axis] += c * part.step[axis];
    part.count[axis] = n;
    return slab_value_load(array, &part, slab_crew_threads(model->fit.crew));
}

static int64_t part_end(const pca_model *model, int64_t c)
{
    int64_t end = c + part_of(model) - (c == 0 ? slab_value_grid(model->x)->phase[1] : 0);
    return end < model->z.d ? end : model->z.d;
}

static slab_status make_pass(const pca_model *model, int64_t c, slab_statistics **statistics,
                             slab_pass **pass)
{
    slab_status rc = SLAB_OK;
    int64_t n = part_end(model, c) - c;
    slab_value *x = n == model->z.d ? slab_value_keep(model->x) : columns_of(model, c, n);
    TRY(slab_statistics_create(x, 1, statistics));
    TRY(slab_pass_create(model->fit.crew, "means", x, pass));
    TRY(slab_pass_add(*pass, &slab_sink_statistics, *statistics));
done:
    slab_value_drop(&x);
    return rc;
}

/* What statistics_finish keeps for a column. */
static size_t result_bytes(const pca_model *model, int64_t n)
{
    return (size_t)n * (6 * sizeof(double) + 2 * model->z.dtype.size);
}

static size_t room(const pca_model *model)
{
    size_t used = slab_memory_used();
    return model->fit.budget > used ? model->fit.budget - used : 0;
}

slab_status pca_moments_plan(const pca_model *model, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_statistics *statistics = NULL;
    slab_pass *pass = NULL;
    slab_pass_plan of;
    int64_t n = part_end(model, 0);
    size_t results = result_bytes(model, n), space = room(model);
    TRY(make_pass(model, 0, &statistics, &pass));
    TRY(slab_pass_plan_make(pass, space > results ? space - results : 0, &of));
    of.memory += results;
    of.memory_least += results;
    if (n < model->z.d) { /* the parts together read every column once */
        double parts = (double)model->z.d / (double)n;
        of.packed_bytes = slab_value_packed_bytes(model->x);
        of.plain_bytes = (int64_t)((double)of.plain_bytes * parts);
    }
    slab_plan_add_pass(plan, &of, 1, 3.0 * (double)model->z.n * (double)model->z.d);
done:
    slab_pass_destroy(&pass);
    slab_statistics_destroy(&statistics);
    return rc;
}

/* Whether a column says anything, its mean and scale, and what it adds to the sum of squares. */
static bool judge(const pca_model *model, double mean, double variance, double count, double *shift,
                  double *scale, double *total)
{
    double p = mean / 2, rarer = fmin(p, 1 - p);
    *shift = model->scaling == PCA_NONE ? 0 : mean;
    *scale = 1;
    if (count == 0)
        return false;
    if (model->scaling == PCA_UNIT)
        *scale = 1 / sqrt(variance);
    if (model->scaling == PCA_GENOTYPE)
        *scale = 1 / sqrt(2 * p * (1 - p));
    bool keep = model->scaling != PCA_UNIT || variance > 0;
    if (model->scaling == PCA_GENOTYPE) /* 0.01 counts as 0.01, whichever way it was rounded */
        keep = rarer > 0 && rarer >= model->maf * (1 - 0x1p-44);
    *total += !keep ? 0
                    : count * *scale * *scale *
                          (variance + (model->scaling == PCA_NONE ? mean * mean : 0));
    return keep;
}

static slab_status take(pca_model *model, int64_t c, const slab_statistics_result *of)
{
    slab_status rc = SLAB_OK;
    for (int64_t j = 0; j < of->n; j++) {
        int64_t at = c + j;
        double count = (double)of->count[j];
        REQUIRE(count == 0 || isfinite(of->mean[j]), SLAB_ERR_VALUE,
                "column %" PRId64 " holds infinite values", at);
        bool keep = judge(model, of->mean[j], of->var[j], count, &model->mean[at],
                          &model->scale[at], &model->total);
        if (!keep)
            model->scale[at] = 0;
        if (count == 0)
            model->mean[at] = 0;
        model->kept[at] = keep;
        model->nkept += keep;
    }
done:
    return rc;
}

/* The total, and room for what rounding makes of columns that hardly vary around a large mean. */
static double range_of_squares(const pca_model *model)
{
    double means = 0;
    for (int64_t c = 0; c < model->z.d; c++)
        means += model->mean[c] * model->scale[c] * (model->mean[c] * model->scale[c]);
    return model->total + 0x1p-40 * (double)model->z.n * means;
}

slab_status pca_moments_run(pca_model *model)
{
    slab_status rc = SLAB_OK;
    slab_statistics *statistics = NULL;
    slab_pass *pass = NULL;
    model->nkept = 0;
    model->total = 0;
    for (int64_t c = 0; c < model->z.d; c = part_end(model, c)) {
        int64_t n = part_end(model, c) - c;
        size_t results = result_bytes(model, n), space = room(model);
        char key[48];
        snprintf(key, sizeof key, "moments %" PRId64, c);
        TRY(make_pass(model, c, &statistics, &pass));
        slab_pass_checkpoint(pass, model->checkpoint, key, true);
        TRY(slab_pass_run(pass, space > results ? space - results : 0));
        TRY(take(model, c, slab_statistics_get(statistics)));
        slab_pass_destroy(&pass);
        slab_statistics_destroy(&statistics);
    }
    model->z.squares = range_of_squares(model);
done:
    slab_pass_destroy(&pass);
    slab_statistics_destroy(&statistics);
    return rc;
}
