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

/* "PC1 PC2 ..." */
static slab_status name_columns(place *to, int k)
{
    slab_status rc = SLAB_OK;
    char *text = NULL;
    size_t room = (size_t)k * 16, used = 0;
    ALLOC(text, room, "column names");
    for (int i = 0; i < k; i++)
        used += (size_t)snprintf(text + used, room - used, i ? " PC%d" : "PC%d", i + 1);
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
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    void *data = NULL;
    snprintf(path, sizeof path, "%s/%s", from, name);
    int64_t there = slab_file_object(file, path, &object) == SLAB_OK;
    TRY(slab_ranks_max(ranks, &there, 1));
    if (!there) {
        slab_error_clear();
        goto done;
    }
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

slab_status pca_store(void *self, slab_txn *txn, const char *group)
{
    slab_status rc = SLAB_OK;
    const pca_model *model = self;
    place to = {.txn = txn, .group = group};
    int k = model->svd.k;
    bool samples = model->svd.side == 0; /* that svd.u is of */
    const double *loadings = samples ? model->other : model->svd.u;
    TRY(put_f64(&to, "scores", model->z.n, k, samples ? model->svd.u : model->other));
    TRY(name_columns(&to, k));
    TRY(copy_samples(&to, model));
    TRY(put_values(&to, model));
    if (loadings)
        TRY(put_f64(&to, "loadings", model->z.d, k, loadings));
    TRY(put_f64(&to, "mean", model->z.d, 0, model->mean));
    TRY(put_f64(&to, "scale", model->z.d, 0, model->scale));
    TRY(put(&to, "kept", slab_dtype_make(SLAB_KIND_BOOL, 1), model->z.d, 0, model->kept));
    TRY(note_parameters(&to, model));
done:
    return rc;
}
