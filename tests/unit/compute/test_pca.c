#include <check.h>
#include <math.h>
#include <slab/compute/estimator/estimator.h>
#include <slab/storage/base/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A model fitted to a small array in a file, stored, and read back. */
typedef struct fixture {
    char in[64], out[64];
    slab_file *file, *result;
    slab_array *array;
    slab_crew *crew;
    void *model;
} fixture;

enum { PARAMETERS = 8 };
static const char *const names[PARAMETERS] = {"components", "method", "standardize", "maf",
                                              "oversample", "passes", "tolerance",   "no-loadings"};

static const slab_estimator_class *pca(void)
{
    return slab_estimator_by_name("pca");
}

static void put_array(fixture *f, const slab_array_spec *spec, const void *data)
{
    slab_txn *txn = NULL;
    snprintf(f->in, sizeof f->in, "test_pca_%d_in.h5", (int)getpid());
    snprintf(f->out, sizeof f->out, "test_pca_%d_out.h5", (int)getpid());
    unlink(f->in);
    unlink(f->out);
    slab_txn_options options = slab_txn_defaults();
    options.sync = false;
    ck_assert_int_eq(slab_txn_begin(slab_ranks_world(), f->in, &options, &txn), SLAB_OK);
    ck_assert_int_eq(slab_txn_put(txn, "/x", spec, data), SLAB_OK);
    slab_array_spec iid = {.dtype = slab_dtype_make(SLAB_KIND_STRING, 2)};
    iid.shape = (slab_shape){.rank = 1, .extent = {spec->shape.extent[0]}};
    ck_assert_int_eq(slab_txn_put(txn, "/x.samples/iid", &iid, "a\0b\0c\0d\0"), SLAB_OK);
    ck_assert_int_eq(slab_txn_attribute_text(txn, "/x", "samples", "/x.samples"), SLAB_OK);
    ck_assert_int_eq(slab_txn_commit(&txn), SLAB_OK);
    ck_assert_int_eq(slab_file_open(slab_ranks_world(), f->in, &f->file), SLAB_OK);
    ck_assert_int_eq(slab_array_open(f->file, "/x", &f->array), SLAB_OK);
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &f->crew), SLAB_OK);
}

/* f64 [rows, columns]. */
static void put_reals(fixture *f, int64_t rows, int64_t columns, const double *data)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8), .filter = "none"};
    spec.shape = (slab_shape){.rank = 2, .extent = {rows, columns}};
    put_array(f, &spec, data);
}

/* Genotypes as importers store them. */
static void put_genotypes(fixture *f, int64_t rows, int64_t columns, const uint8_t *data)
{
    slab_array_spec spec = {.dtype = slab_dtype_make(SLAB_KIND_UINT, 1), .has_missing = true};
    spec.dtype.precision = 2;
    spec.missing[0] = 3;
    spec.shape = (slab_shape){.rank = 2, .extent = {rows, columns}};
    put_array(f, &spec, data);
}

/* words: "components=1 method=exact" */
static slab_status create(fixture *f, const char *words, const slab_selection *selection)
{
    static char text[256];
    const char *values[PARAMETERS] = {NULL};
    slab_fit fit = {.crew = f->crew,
                    .array = f->array,
                    .selection = selection,
                    .budget = (size_t)256 << 20,
                    .seed = 1,
                    .values = values};
    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        for (int i = 0; i < PARAMETERS; i++)
            if (strncmp(word, names[i], strlen(names[i])) == 0 && word[strlen(names[i])] == '=')
                values[i] = word + strlen(names[i]) + 1;
    return pca()->create(&fit, &f->model);
}

static void fit_and_store(fixture *f, const char *words, const slab_selection *selection)
{
    slab_txn *txn = NULL;
    slab_plan plan = {0};
    slab_txn_options options = slab_txn_defaults();
    options.sync = false;
    options.threads = 2;
    ck_assert_int_eq(create(f, words, selection), SLAB_OK);
    ck_assert_int_eq(pca()->plan(f->model, &plan), SLAB_OK);
    ck_assert_int_ge(plan.nsteps, 2);
    ck_assert_int_eq(pca()->fit(f->model, NULL), SLAB_OK);
    ck_assert_int_eq(slab_txn_begin(slab_ranks_world(), f->out, &options, &txn), SLAB_OK);
    ck_assert_int_eq(slab_txn_group(txn, "/m"), SLAB_OK);
    ck_assert_int_eq(pca()->store(f->model, txn, "/m"), SLAB_OK);
    ck_assert_int_eq(slab_txn_commit(&txn), SLAB_OK);
    ck_assert_int_eq(slab_file_open(slab_ranks_world(), f->out, &f->result), SLAB_OK);
}

static void clear(fixture *f)
{
    if (f->model)
        pca()->destroy(&f->model);
    slab_file_close(&f->result);
    slab_array_close(&f->array);
    slab_file_close(&f->file);
    slab_crew_destroy(&f->crew);
    unlink(f->in);
    unlink(f->out);
}

/* Elements of an array of the model, as doubles; how many. */
static int64_t get(const fixture *f, const char *name, double *out)
{
    char path[64];
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    slab_dtype f8 = slab_dtype_make(SLAB_KIND_FLOAT, 8);
    snprintf(path, sizeof path, "/m/%s", name);
    ck_assert_int_eq(slab_array_open(f->result, path, &array), SLAB_OK);
    ck_assert_int_eq(slab_reader_open(array, NULL, &f8, 1, &reader), SLAB_OK);
    slab_box box = slab_box_whole(slab_reader_shape(reader));
    ck_assert_int_eq(slab_reader_copy(reader, 0, &box, out), SLAB_OK);
    slab_reader_close(&reader);
    slab_array_close(&array);
    return slab_box_elements(&box);
}

static void check_near(const double *got, int64_t n, const double *right)
{
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq_tol(got[i], right[i], 1e-7);
}

/* A column of [rows, k], up to its sign. */
static void check_column(const double *got, int64_t rows, int k, int j, const double *right)
{
    double dot = 0;
    for (int64_t i = 0; i < rows; i++)
        dot += got[i * k + j] * right[i];
    for (int64_t i = 0; i < rows; i++)
        ck_assert_double_eq_tol(got[i * k + j] * (dot < 0 ? -1 : 1), right[i], 1e-6);
}

/* Four points on two axes: X^T X = diag(2, 8), so s = sqrt 8, sqrt 2. Columns have mean 0 + 5. */
static const double cross[8] = {6, 5, 4, 5, 5, 7, 5, 3};
static const double half = 0.70710678118654752;

static void check_cross(const char *words)
{
    fixture f = {0};
    double got[16];
    put_reals(&f, 4, 2, cross);
    fit_and_store(&f, words, NULL);
    ck_assert_int_eq(get(&f, "eigenvalues", got), 2);
    check_near(got, 2, (double[]){4, 1}); /* s^2 / 2 columns */
    get(&f, "singular_values", got);
    check_near(got, 2, (double[]){2 * sqrt(2), sqrt(2)});
    get(&f, "explained_variance", got);
    check_near(got, 2, (double[]){8.0 / 3, 2.0 / 3});
    get(&f, "explained_variance_ratio", got);
    check_near(got, 2, (double[]){0.8, 0.2});
    ck_assert_int_eq(get(&f, "scores", got), 8);
    check_column(got, 4, 2, 0, (double[]){0, 0, half, -half});
    check_column(got, 4, 2, 1, (double[]){half, -half, 0, 0});
    ck_assert_int_eq(get(&f, "loadings", got), 4);
    check_column(got, 2, 2, 0, (double[]){0, 1});
    check_column(got, 2, 2, 1, (double[]){1, 0});
    get(&f, "mean", got);
    check_near(got, 2, (double[]){5, 5});
    clear(&f);
}

START_TEST(four_points_on_a_cross_have_the_axes_as_components)
{
    check_cross("components=2 method=exact");
    check_cross("components=2 method=randomized");
    check_cross("components=2");
}
END_TEST

/* Every point once more, mirrored: more columns than samples. */
START_TEST(more_columns_than_samples_take_the_other_side)
{
    fixture f = {0};
    double got[16];
    put_reals(&f, 2, 4, (double[]){1, 2, 3, 4, 3, 0, 3, 8}); /* centred: +-(-1, 1, 0, -2) */
    fit_and_store(&f, "components=1", NULL);
    get(&f, "singular_values", got);
    check_near(got, 1, (double[]){sqrt(12)});
    get(&f, "scores", got);
    check_column(got, 2, 1, 0, (double[]){half, -half});
    get(&f, "loadings", got);
    check_column(got, 4, 1, 0, (double[]){-1 / sqrt(6), 1 / sqrt(6), 0, -2 / sqrt(6)});
    clear(&f);
}
END_TEST

START_TEST(unit_scaling_makes_columns_equal_and_drops_constant_ones)
{
    fixture f = {0};
    double got[16];
    put_reals(&f, 4, 3, (double[]){1, 7, 100, -1, 7, 100, 1, 7, -100, -1, 7, -100});
    fit_and_store(&f, "components=1 standardize=unit", NULL);
    get(&f, "kept", got);
    check_near(got, 3, (double[]){1, 0, 1});
    get(&f, "scale", got);
    check_near(got, 3, (double[]){1, 0, 0.01});
    get(&f, "explained_variance_ratio", got);
    check_near(got, 1, (double[]){0.5});
    clear(&f);
}
END_TEST

/* One variant stays: p = 1/2, z = (-1, 0, 1, 0) sqrt 2, of which one call is missing. The others:
 * the same in all, too rare, missing in all. */
START_TEST(genotypes_are_scaled_by_their_frequency_and_filtered)
{
    const uint8_t g[16] = {0, 2, 0, 3, 3, 2, 0, 3, 2, 2, 0, 3, 1, 2, 1, 3};
    fixture f = {0};
    double got[16];
    put_genotypes(&f, 4, 4, g);
    fit_and_store(&f, "components=1 maf=0.2", NULL);
    get(&f, "kept", got);
    check_near(got, 4, (double[]){1, 0, 0, 0});
    get(&f, "eigenvalues", got);
    check_near(got, 1, (double[]){4});
    get(&f, "scores", got);
    check_column(got, 4, 1, 0, (double[]){-half, 0, half, 0});
    get(&f, "mean", got);
    ck_assert_double_eq_tol(got[0], 1, 1e-12);
    char *text = NULL;
    ck_assert_int_eq(slab_file_attribute_text(f.result, "/m", "standardize", &text), SLAB_OK);
    ck_assert_str_eq(text, "genotype");
    slab_memory_free(text);
    ck_assert_int_eq(slab_file_attribute_text(f.result, "/m/scores", "columns", &text), SLAB_OK);
    ck_assert_str_eq(text, "PC1");
    slab_memory_free(text);
    clear(&f);
}
END_TEST

START_TEST(names_of_the_selected_samples_go_with_the_scores)
{
    fixture f = {0};
    slab_shape shape = {.rank = 2, .extent = {4, 2}};
    slab_selection rows = slab_selection_all(&shape);
    slab_array *array = NULL;
    slab_reader *reader = NULL;
    char got[8];
    rows.start[0] = 3;
    rows.step[0] = -2;
    rows.count[0] = 2;
    put_reals(&f, 4, 2, cross);
    fit_and_store(&f, "components=1", &rows);
    ck_assert_int_eq(slab_array_open(f.result, "/m/scores.samples/iid", &array), SLAB_OK);
    ck_assert_int_eq(slab_reader_open(array, NULL, NULL, 1, &reader), SLAB_OK);
    slab_box box = slab_box_whole(slab_reader_shape(reader));
    ck_assert_int_eq(box.count[0], 2);
    ck_assert_int_eq(slab_reader_copy(reader, 0, &box, got), SLAB_OK);
    ck_assert(got[0] == 'd' && got[2] == 'b');
    slab_reader_close(&reader);
    slab_array_close(&array);
    clear(&f);
}
END_TEST

START_TEST(parameters_that_make_no_sense_are_refused)
{
    fixture f = {0};
    put_reals(&f, 4, 2, cross);
    const char *bad[] = {"components=3", "components=0",  "components=2.5",    "method=fast",
                         "maf=0.1",      "standardize=x", "components=1 maf=2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(create(&f, bad[i], NULL), SLAB_ERR_USAGE);
        ck_assert_ptr_null(f.model);
        ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "--"));
    }
    clear(&f);
}
END_TEST

START_TEST(arrays_that_are_no_samples_are_refused)
{
    fixture f = {0};
    slab_array_spec line = {.dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8), .filter = "none"};
    line.shape = (slab_shape){.rank = 1, .extent = {4}};
    put_array(&f, &line, cross);
    ck_assert_int_eq(create(&f, "components=1", NULL), SLAB_ERR_SHAPE);
    clear(&f);
    slab_array_spec pairs = {.dtype = slab_dtype_make(SLAB_KIND_COMPLEX, 16), .filter = "none"};
    pairs.shape = (slab_shape){.rank = 2, .extent = {2, 2}};
    put_array(&f, &pairs, cross);
    ck_assert_int_eq(create(&f, "components=1", NULL), SLAB_ERR_TYPE);
    clear(&f);
}
END_TEST

START_TEST(too_few_columns_after_the_filter_are_an_error)
{
    fixture f = {0};
    put_genotypes(&f, 4, 4, (const uint8_t[16]){0, 2, 0, 0, 1, 2, 0, 0, 2, 2, 0, 0, 1, 2, 1, 0});
    ck_assert_int_eq(create(&f, "components=3 maf=0.2", NULL), SLAB_OK);
    ck_assert_int_eq(pca()->fit(f.model, NULL), SLAB_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "1 of 4 columns"));
    clear(&f);
}
END_TEST

START_TEST(infinite_values_are_an_error_that_names_the_column)
{
    fixture f = {0};
    put_reals(&f, 4, 2, (double[]){1, 2, 3, 4, 5, INFINITY, 7, 8});
    ck_assert_int_eq(create(&f, "components=1", NULL), SLAB_OK);
    ck_assert_int_eq(pca()->fit(f.model, NULL), SLAB_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "column 1"));
    clear(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pca");
    TCase *tests = tcase_create("pca");
    tcase_add_test(tests, four_points_on_a_cross_have_the_axes_as_components);
    tcase_add_test(tests, more_columns_than_samples_take_the_other_side);
    tcase_add_test(tests, unit_scaling_makes_columns_equal_and_drops_constant_ones);
    tcase_add_test(tests, genotypes_are_scaled_by_their_frequency_and_filtered);
    tcase_add_test(tests, names_of_the_selected_samples_go_with_the_scores);
    tcase_add_test(tests, parameters_that_make_no_sense_are_refused);
    tcase_add_test(tests, arrays_that_are_no_samples_are_refused);
    tcase_add_test(tests, too_few_columns_after_the_filter_are_an_error);
    tcase_add_test(tests, infinite_values_are_an_error_that_names_the_column);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
