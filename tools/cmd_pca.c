#include <slab/tools/fit.h>
#include <slab/tools/json.h>

#include <inttypes.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <slab/storage/reader.h>
#include <stdio.h>

static const slab_option *more_options(void)
{
    static slab_option table[SLAB_FIT_PARAMETERS_MAX + 1];
    if (!table[0].name)
        slab_fit_options(slab_estimator_by_name("pca"), table);
    return table;
}

/* A small array of reals, whole, on this rank alone. */
static slab_status read_reals(slab_file *file, const char *group, const char *name, double **out,
                              int64_t *n)
{
    slab_status rc = SLAB_OK;
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    char path[1024];
    slab_dtype f8 = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    snprintf(path, sizeof path, "%s/%s", group[1] ? group : "", name);
    TRY(slab_array_open(file, path, &array));
    TRY(slab_reader_open(array, NULL, &f8, 1, &reader));
    slab_box box = slab_box_whole(slab_reader_shape(reader));
    *n = slab_box_elements(&box);
    ALLOC(*out, *n, "components");
    TRY(slab_reader_copy(reader, 0, &box, *out));
done:
    slab_reader_close(&reader);
    slab_array_close(&array);
    return rc;
}

static void print_json(slab_call *call, const double *values, const double *ratios, int64_t n)
{
    json_t *out = json_object(), *v = json_array(), *r = json_array();
    for (int64_t i = 0; i < n; i++) {
        json_array_append_new(v, slab_json_real(values[i]));
        json_array_append_new(r, slab_json_real(ratios[i]));
    }
    json_object_set_new(out, "eigenvalues", v);
    json_object_set_new(out, "explained_variance_ratio", r);
    slab_print_json(call, out);
}

static void print_table(slab_call *call, const double *values, const double *ratios, int64_t n)
{
    double sum = 0;
    slab_print(call, "component    eigenvalue  explained  together\n");
    for (int64_t i = 0; i < n; i++) {
        sum += ratios[i];
        slab_print(call, "%9" PRId64 "  %12.6g  %8.3f%%  %7.3f%%\n", i + 1, values[i],
                   100 * ratios[i], 100 * sum);
    }
}

/* On rank 0, from the file: what is printed is what was stored. */
static slab_status show(slab_call *call, const char *path, const char *group)
{
    slab_status rc = SLAB_OK;
    slab_file *file = NULL;
    double *values = NULL, *ratios = NULL;
    int64_t n, m;
    TRY(slab_file_open(slab_ranks_alone(), path, &file));
    TRY(read_reals(file, group, "eigenvalues", &values, &n));
    TRY(read_reals(file, group, "explained_variance_ratio", &ratios, &m));
    n = m < n ? m : n;
    if (slab_call_flag(call, "json"))
        print_json(call, values, ratios, n);
    else if (!slab_call_flag(call, "quiet"))
        print_table(call, values, ratios, n);
done:
    FREE(values);
    FREE(ratios);
    slab_file_close(&file);
    return rc;
}

static slab_status run(slab_call *call, int *exit_code)
{
    slab_status rc = SLAB_OK;
    const char *file, *group;
    *exit_code = 0;
    TRY(slab_fit_run(call, slab_estimator_by_name("pca"), &file, &group));
    if (file && slab_ranks_me(slab_call_ranks(call)) == 0)
        rc = show(call, file, group);
    TRY(slab_ranks_agree(slab_call_ranks(call), rc));
done:
    return rc;
}

const slab_command slab_command_pca = {
    .name = "pca",
    .arguments = "FILE.h5:/ARRAY[SELECTION]",
    .summary = "find the principal components of an array",
    .description =
        "Rows are samples (people), columns are variables (variants). Finds the few directions in "
        "which the samples differ most, and where each sample lies along them, without ever "
        "holding the array in memory: it is read in passes, and centring, scaling and missing "
        "values are dealt with on the way. --dry-run says how many passes, how much memory and how "
        "long.\n\n"
        "The output holds the scores [samples, k], the components, the eigenvalues and the share "
        "of the variance that each explains; these two are also printed. The result is the same "
        "bit for bit on any number of ranks and threads and with any --memory.\n\n"
        "For genotypes: --standardize genotype scales a variant with allele frequency p by "
        "sqrt(2p(1-p)), and --maf leaves rare variants out; missing calls count as the mean.",
    .examples =
        "  slab pca cohort.h5:/genotypes --standardize genotype --maf 0.01 -k 10 -o pcs.h5\n"
        "  slab pca x.h5:/x -k 5 --memory 512M -o x-pcs.h5 --dry-run\n"
        "  mpirun -n 4 slab pca x.h5:/x -k 5 -o x-pcs.h5\n",
    .takes = SLAB_TAKES_OUTPUT | SLAB_TAKES_COMPUTE | SLAB_TAKES_JSON | SLAB_TAKES_SEED |
             SLAB_TAKES_RANKS,
    .least = 1,
    .most = 1,
    .more_options = more_options,
    .run = run,
};
