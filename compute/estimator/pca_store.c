/* The model as an HDF5 group: docs/decisions/pca.md lists what is in it. */
#include <slab/compute/estimator/pca_impl.h>

#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 2048 };

/* Where objects of the model go. */
typedef struct place {
    slab_txn *txn;
    const char *group;
    char path[PATH_MAX_BYTES];
} place;

static const char *inside(place *to, const char *name)
{
    bool root = strcmp(to->group, "/") == 0;
    const char *group = root ? "" : to->group;
    if (snprintf(to->path, sizeof to->path, "%s/%s", group, name) >= (int)sizeof to->path)
        to->path[0] = 0; /* no such path: what uses it says so */
    return to->path;
}

static slab_status put(place *to, const char *name, slab_dtype dtype, int64_t rows, int64_t columns,
                       const void *data)
{
    slab_array_spec spec = {.dtype = dtype};
    spec.shape = (slab_shape){.rank = columns > 0 ? 2 : 1, .extent = {rows, columns}};
    return slab_txn_put(to->txn, inside(to, name), &spec, data);
}

static slab_status put_f64(place *to, const char *name, int64_t rows, int64_t columns,
                           const double *data)
{
    return put(to, name, slab_dtype_make(SLAB_KIND_FLOAT, 8), rows, columns, data);
}

/* s, s^2 / M, s^2 / (n - 1) and its share of the whole variance. */
static slab_status put_values(place *to, const pca_model *model)
{
    slab_status rc = SLAB_OK;
    int k = model->svd.k;
    const double *s = model->svd.s;
    double *values = NULL, *variance, *ratio;
    ALLOC(values, 3 * k, "eigenvalues");
    variance = values + k;
    ratio = variance + k;
    for (int i = 0; i < k; i++) {
        values[i] = s[i] * s[i] / (double)model->nkept;
        variance[i] = model->z.n > 1 ? s[i] * s[i] / (double)(model->z.n - 1) : 0;
        ratio[i] = model->total > 0 ? s[i] * s[i] / model->total : 0;
    }
    TRY(put_f64(to, "singular_values", k, 0, s));
    TRY(put_f64(to, "eigenvalues", k, 0, values));
    TRY(put_f64(to, "explained_variance", k, 0, variance));
    TRY(put_f64(to, "explained_variance_ratio", k, 0, ratio));
done:
    FREE(values);
    return rc;
}

/* PC1, PC2, ...: names are parted by tabs. */
static slab_status name_columns(place *to, int k)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    size_t room = (size_t)k * 16, used = 0;
    ALLOC(text, room, "column names");
    for (int i = 0; i < k; i++)
        used += (size_t)snprintf(text + used, room - used, i ? "\tPC%d" : "PC%d", i + 1);
    TRY(slab_txn_attribute_text(to->txn, inside(to, "scores"), "columns", text));
done:
    FREE(text);
    return rc;
}

/* One column of the table of samples, the rows that were selected. Rank 0 holds it. */
static slab_status copy_column(place *to, const pca_model *model, const char *from,
                               const char *name)
{
    slab_status rc = SLAB_OK;
    slab_file *file = slab_array_file(model->fit.array);
    slab_ranks *ranks = slab_crew_ranks(model->fit.crew);
    char path[PATH_MAX_BYTES];
    slab_object object;
    bool there;
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    void *data = NULL;
    snprintf(path, sizeof path, "%s/%s", from, name);
    TRY(slab_file_find(file, path, &object, &there));
    if (!there)
        goto done;
    TRY(slab_array_open(file, path, &array));
    const slab_array_info *info = slab_array_describe(array);
    const slab_selection *whole = model->fit.selection;
    slab_selection rows = slab_selection_all(&info->shape);
    if (info->shape.rank != 1 ||
        info->shape.extent[0] != slab_array_describe(model->fit.array)->shape.extent[0])
        goto done; /* not a table of these samples */
    if (whole) {
        rows.start[0] = whole->start[0];
        rows.step[0] = whole->step[0];
        rows.count[0] = whole->count[0];
    }
    TRY(slab_reader_open(array, &rows, NULL, 1, &reader));
    slab_box box = slab_box_whole(slab_reader_shape(reader));
    if (slab_ranks_me(ranks) == 0) {
        rc = slab_memory_alloc(&data, (size_t)box.count[0], slab_reader_dtype(reader).size,
                               "sample names");
        if (rc == SLAB_OK)
            rc = slab_reader_copy(reader, 0, &box, data);
    }
    TRY(slab_ranks_agree(ranks, rc));
    snprintf(path, sizeof path, "scores.samples/%s", name);
    TRY(put(to, path, slab_reader_dtype(reader), box.count[0], 0, data));
done:
    FREE(data);
    slab_reader_close(&reader);
    slab_array_close(&array);
    return rc;
}

/* Who the rows of the scores are, when the array says it. */
static slab_status copy_samples(place *to, const pca_model *model)
{
    slab_status rc = SLAB_OK;
    const slab_array *array = model->fit.array;
    const slab_selection *whole = model->fit.selection;
    char *from = NULL, table[PATH_MAX_BYTES];
    TRY(slab_file_attribute_text(slab_array_file(array), slab_array_path(array), "samples", &from));
    if (!from || (whole && (whole->rank != 2 || whole->drop[0])))
        goto done;
    snprintf(table, sizeof table, "%s", inside(to, "scores.samples"));
    TRY(slab_txn_group(to->txn, table));
    TRY(copy_column(to, model, from, "fid"));
    TRY(copy_column(to, model, from, "iid"));
    TRY(slab_txn_attribute_text(to->txn, inside(to, "scores"), "samples", table));
done:
    slab_memory_free(from);
    return rc;
}

static slab_status note_int(place *to, const char *name, int64_t value)
{
    return slab_txn_attribute(to->txn, to->group, name, slab_dtype_make(SLAB_KIND_INT, 8), -1,
                              &value);
}

static slab_status note_real(place *to, const char *name, double value)
{
    return slab_txn_attribute(to->txn, to->group, name, slab_dtype_make(SLAB_KIND_FLOAT, 8), -1,
                              &value);
}

static slab_status note_parameters(place *to, const pca_model *model)
{
    slab_status rc = SLAB_OK;
    const slab_svd *svd = &model->svd;
    char word[32];
    TRY(slab_txn_attribute_text(to->txn, to->group, "estimator", "pca"));
    TRY(slab_txn_attribute_text(to->txn, to->group, "method",
                                pca_word(pca_methods, model->method, word)));
    TRY(slab_txn_attribute_text(to->txn, to->group, "standardize",
                                pca_word(pca_scalings, model->scaling, word)));
    TRY(note_int(to, "components", svd->k));
    TRY(note_int(to, "n_samples", model->z.n));
    TRY(note_int(to, "n_features", model->z.d));
    TRY(note_int(to, "n_kept", model->nkept));
    TRY(note_int(to, "passes", svd->passes_run));
    TRY(note_real(to, "maf", model->maf));
    TRY(note_real(to, "total_sum_of_squares", model->total));
    if (model->method == PCA_EXACT)
        goto done;
    TRY(note_int(to, "block", svd->block));
    TRY(note_int(to, "seed", (int64_t)model->fit.seed));
    TRY(note_real(to, "residual", svd->residual));
done:
    return rc;
}

/* The array that the vectors of the other side go to: a chunk for every slice of the pass. */
static slab_array_spec other_spec(const pca_model *model, const slab_grid *slices)
{
    int axis = 1 - model->svd.side;
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8)};
    int64_t extent = axis == 0 ? model->z.n : model->z.d, tile = slices->tile.extent[axis];
    spec.shape = (slab_shape){.rank = 2, .extent = {extent, model->svd.k}};
    spec.chunk = (slab_shape){.rank = 2, .extent = {tile < extent ? tile : extent, model->svd.k}};
    return spec;
}

/* Where slices go. */
typedef struct slices {
    slab_writer *writer;
    int64_t tile;
} slices;

static slab_status put_slice(void *context, int thread, int64_t first, int64_t count,
                             const double *rows)
{
    const slices *to = context;
    (void)count;
    return slab_writer_put(to->writer, thread, first / to->tile, rows);
}

static bool has_slice(void *context, int64_t first)
{
    const slices *to = context;
    return slab_writer_has(to->writer, first / to->tile);
}

static slab_status put_other(place *to, const pca_model *model, const char *name)
{
    slab_status rc = SLAB_OK;
    slices slice = {NULL, 0};
    slab_grid grid;
    TRY(slab_svd_slices(&model->svd, &grid));
    slab_array_spec spec = other_spec(model, &grid);
    slice.tile = spec.chunk.extent[0];
    TRY(slab_txn_create(to->txn, inside(to, name), &spec, &slice.writer));
    TRY(slab_svd_project(&model->svd, &grid, put_slice, has_slice, &slice));
done:
    if (slice.writer) {
        slab_status closed = slab_writer_close(&slice.writer);
        rc = rc == SLAB_OK ? closed : rc;
    }
    return rc;
}

slab_status pca_store_plan(const pca_model *model, slab_plan *plan)
{
    slab_status rc = SLAB_OK;
    slab_svd svd = model->svd;
    slab_grid grid;
    slab_array_info info;
    slab_txn_options options = slab_txn_defaults();
    TRY(slab_svd_slices(&svd, &grid));
    slab_array_spec spec = other_spec(model, &grid);
    TRY(slab_spec_resolve(&spec, "loadings", &info));
    options.threads = slab_crew_threads(svd.crew);
    size_t writer = slab_writer_memory(&info, &options);
    svd.budget = svd.budget > writer ? svd.budget - writer : 0;
    size_t least = plan->memory_least;
    plan->memory_least = 0;
    TRY(slab_svd_project_plan(&svd, plan));
    plan->memory_least += writer;
    plan->memory_least = plan->memory_least > least ? plan->memory_least : least;
    slab_plan_step *last = &plan->steps[plan->nsteps - 1];
    last->write_bytes = spec.shape.extent[0] * svd.k * (int64_t)sizeof(double);
    last->memory += writer;
    plan->memory = last->memory > plan->memory ? last->memory : plan->memory;
done:
    return rc;
}

slab_status pca_store(void *self, slab_txn *txn, const char *group)
{
    slab_status rc = SLAB_OK;
    const pca_model *model = self;
    place to = {.txn = txn, .group = group};
    const slab_svd *svd = &model->svd;
    bool samples = svd->side == 0; /* that svd.u is of */
    TRY(put_f64(&to, samples ? "scores" : "loadings", samples ? model->z.n : model->z.d, svd->k,
                svd->u));
    if (pca_needs_other(model))
        TRY(put_other(&to, model, samples ? "loadings" : "scores"));
    TRY(name_columns(&to, svd->k));
    TRY(copy_samples(&to, model));
    TRY(put_values(&to, model));
    TRY(put_f64(&to, "mean", model->z.d, 0, model->mean));
    TRY(put_f64(&to, "scale", model->z.d, 0, model->scale));
    TRY(put(&to, "kept", slab_dtype_make(SLAB_KIND_BOOL, 1), model->z.d, 0, model->kept));
    TRY(note_parameters(&to, model));
done:
    return rc;
}
