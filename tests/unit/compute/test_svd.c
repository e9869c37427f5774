#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <slab/compute/kernel/random.h>
#include <slab/compute/linalg/svd.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

enum { N = 60, D = 150, K = 5 };

/* A matrix with known standardisation, as a value, and its singular values by LAPACK. */
typedef struct problem {
    slab_standard z;
    double mean[D], scale[D];
    double x[N * D];
    double s[N], u[N * N], vt[N * D];
    slab_value *value;
    slab_crew *crew;
    double got_s[K], got_u[D * K];
} problem;

static double element(int i, int c)
{
    int r = (i * 1103 + c * 7919 + i * c * 31) % 9973;
    double trend = (i < 20 ? 2 : -1) * (c % 3) + (i % 2) * (c % 5);
    return r % 13 == 0 ? (double)NAN : trend + r % 7;
}

/* rank > 0: only so many rows differ. */
static problem *problem_make(int rank)
{
    problem *p = calloc(1, sizeof *p);
    double *z = calloc(N * D, sizeof *z), *superb = calloc(N, sizeof *superb);
    slab_shape shape = {.rank = 2, .extent = {N, D}};
    for (int c = 0; c < D; c++) {
        p->mean[c] = 2 + 0.01 * c;
        p->scale[c] = c == 9 ? 0 : 1 + 0.25 * (c % 3);
        for (int i = 0; i < N; i++) {
            double x = element(rank > 0 ? i % rank : i, c);
            p->x[i * D + c] = x;
            z[i * D + c] = isnan(x) ? 0 : (x - p->mean[c]) * p->scale[c];
        }
    }
    p->z = (slab_standard){.n = N,
                           .d = D,
                           .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 8),
                           .mean = p->mean,
                           .scale = p->scale};
    for (int i = 0; i < N * D; i++)
        p->z.squares += z[i] * z[i];
    ck_assert_int_eq(
        LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'S', 'S', N, D, z, D, p->s, p->u, N, p->vt, D, superb), 0);
    p->value = slab_value_from(p->z.dtype, &shape, p->x);
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &p->crew), SLAB_OK);
    free(z);
    free(superb);
    return p;
}

static void problem_free(problem **p)
{
    slab_value_drop(&(*p)->value);
    slab_crew_destroy(&(*p)->crew);
    free(*p);
    *p = NULL;
}

static slab_svd svd_of(problem *p, int side)
{
    return (slab_svd){.crew = p->crew,
                      .x = p->value,
                      .z = &p->z,
                      .side = side,
                      .k = K,
                      .budget = (size_t)1 << 30,
                      .block = 16,
                      .passes = 6,
                      .tolerance = 1e-7,
                      .seed = 3,
                      .s = p->got_s,
                      .u = p->got_u};
}

/* Values to `tolerance` of the largest; vectors up to sign. */
static void compare(const problem *p, int side, int k, double tolerance)
{
    int m = side == 0 ? N : D;
    for (int j = 0; j < k; j++) {
        double dot = 0, norm = 0;
        ck_assert_double_eq_tol(p->got_s[j] / p->s[0], p->s[j] / p->s[0], tolerance);
        for (int i = 0; i < m; i++) {
            dot += p->got_u[i * K + j] * (side == 0 ? p->u[i * N + j] : p->vt[j * D + i]);
            norm += p->got_u[i * K + j] * p->got_u[i * K + j];
        }
        ck_assert_double_eq_tol(norm, 1, 1e-6);
        ck_assert_double_eq_tol(fabs(dot), 1, 1e-6);
    }
}

static void check_signs(const double *u, int m)
{
    for (int j = 0; j < K; j++) {
        double most = 0;
        for (int i = 0; i < m; i++)
            most = fabs(u[i * K + j]) > fabs(most) ? u[i * K + j] : most;
        ck_assert(most > 0);
    }
}

START_TEST(the_gram_way_gives_what_lapack_gives_on_either_side)
{
    problem *p = problem_make(0);
    for (int side = 0; side < 2; side++) {
        slab_svd svd = svd_of(p, side);
        ck_assert_int_eq(slab_svd_gram(&svd), SLAB_OK);
        compare(p, side, K, 1e-12);
        check_signs(p->got_u, side == 0 ? N : D);
    }
    problem_free(&p);
}
END_TEST

START_TEST(the_krylov_way_gives_what_lapack_gives_on_either_side)
{
    problem *p = problem_make(0);
    for (int side = 0; side < 2; side++) {
        slab_svd svd = svd_of(p, side);
        ck_assert_int_eq(slab_svd_krylov(&svd), SLAB_OK);
        compare(p, side, K, 1e-8);
        check_signs(p->got_u, side == 0 ? N : D);
        ck_assert_int_ge(svd.passes_run, 1);
        ck_assert(svd.residual < 1e-3);
    }
    problem_free(&p);
}
END_TEST

START_TEST(a_matrix_of_low_rank_ends_early_with_zeros_behind_its_rank)
{
    problem *p = problem_make(3);
    slab_svd svd = svd_of(p, 0);
    ck_assert_int_eq(slab_svd_krylov(&svd), SLAB_OK);
    ck_assert_int_le(svd.passes_run, 3);
    compare(p, 0, 3, 1e-8);
    for (int j = 3; j < K; j++)
        ck_assert(p->got_s[j] >= 0 && p->got_s[j] < 1e-5 * p->got_s[0]);
    for (int i = 0; i < N * K; i++)
        ck_assert(isfinite(p->got_u[i]));
    problem_free(&p);
}
END_TEST

/* Budgets from ample down to none: what is planned also runs within it, with the same bits. */
START_TEST(a_small_budget_changes_no_bit)
{
    problem *p = problem_make(0);
    double s[K], u[N * K];
    slab_svd svd = svd_of(p, 0);
    bool spilled = false, parted = false, refused = false;
    svd.block = 48;
    svd.passes = 3;
    ck_assert_int_eq(slab_svd_krylov(&svd), SLAB_OK);
    memcpy(s, p->got_s, sizeof s);
    memcpy(u, p->got_u, sizeof u);
    for (size_t room = 5000000; !refused; room -= 40000) {
        slab_plan plan = {0};
        svd.budget = slab_memory_used() + room;
        slab_status rc = slab_svd_krylov_plan(&svd, &plan);
        ck_assert(rc == SLAB_OK || rc == SLAB_ERR_MEMORY);
        refused = rc != SLAB_OK;
        spilled = spilled || strstr(plan.notes, "scratch file");
        parted = parted || strstr(plan.notes, "3 passes of 16");
        slab_memory_limit_set(svd.budget);
        ck_assert_int_eq(slab_svd_krylov(&svd), rc);
        slab_memory_limit_set(0);
        ck_assert(memcmp(s, p->got_s, sizeof s) == 0);
        ck_assert(memcmp(u, p->got_u, sizeof u) == 0);
    }
    ck_assert(spilled && parted);
    problem_free(&p);
}
END_TEST

/* Plans of large matrices, of which no element is made. */
static slab_status plan_large(int64_t n, int64_t d, bool exact, size_t budget)
{
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_NORMAL);
    slab_shape shape = {.rank = 2, .extent = {n, d}}, tile = {.rank = 2, .extent = {512, 512}};
    slab_standard z = {.n = n, .d = d, .dtype = slab_dtype_make(SLAB_KIND_FLOAT, 4)};
    slab_plan plan = {0};
    spec.dtype = z.dtype;
    slab_svd svd = {.x = slab_value_random(&spec, &shape, &tile),
                    .z = &z,
                    .side = n <= d ? 0 : 1,
                    .k = 5,
                    .block = 16,
                    .passes = 10};
    svd.budget = slab_memory_used() + budget;
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), 2, &svd.crew), SLAB_OK);
    slab_status rc = exact ? slab_svd_gram_plan(&svd, &plan) : slab_svd_krylov_plan(&svd, &plan);
    rc = rc == SLAB_OK ? slab_svd_project_plan(&svd, &plan) : rc;
    ck_assert(rc != SLAB_OK || (plan.memory <= budget && plan.memory_least <= budget));
    slab_value_drop(&svd.x);
    slab_crew_destroy(&svd.crew);
    return rc;
}

START_TEST(blocks_of_65536_rows_fit_64_mebibytes)
{
    size_t budget = (size_t)64 << 20;
    ck_assert_int_eq(plan_large(1 << 16, 1 << 16, false, budget), SLAB_OK);
    ck_assert_int_eq(plan_large(1 << 20, 1 << 12, false, budget), SLAB_OK);
    ck_assert_int_eq(plan_large(1 << 12, 1 << 20, false, budget), SLAB_OK);
}
END_TEST

/* Not a tree of copies: a block of vectors in single and double precision, and half as much. */
START_TEST(a_product_needs_its_vectors_and_little_else)
{
    size_t block = (size_t)(1 << 16) * 16 * (sizeof(float) + sizeof(double));
    ck_assert_int_eq(plan_large(1 << 16, 1 << 16, false, 2 * block), SLAB_OK);
    ck_assert_int_eq(plan_large(1 << 16, 1 << 16, false, block), SLAB_ERR_MEMORY);
}
END_TEST

START_TEST(a_gram_matrix_needs_itself_and_a_half)
{
    size_t matrix = (size_t)2048 * 2048 * sizeof(double), little = 8 << 20;
    ck_assert_int_eq(plan_large(1 << 21, 2048, true, 3 * matrix / 2 + little), SLAB_OK);
    ck_assert_int_eq(plan_large(2048, 1 << 21, true, 3 * matrix / 2 + little), SLAB_OK);
    ck_assert_int_eq(plan_large(1 << 21, 2048, true, 3 * matrix / 2), SLAB_ERR_MEMORY);
}
END_TEST

START_TEST(a_budget_that_cannot_do_is_refused_with_one_that_can)
{
    problem *p = problem_make(0);
    slab_svd svd = svd_of(p, 0);
    svd.budget = slab_memory_used() + 200000;
    ck_assert_int_eq(slab_svd_gram(&svd), SLAB_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "--memory"));
    ck_assert_int_eq(slab_svd_krylov(&svd), SLAB_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(slab_error_last()->message, "--memory"));
    problem_free(&p);
}
END_TEST

static slab_status keep_rows(void *context, int thread, int64_t first, int64_t count,
                             const double *rows)
{
    double *v = context;
    ck_assert(thread == 0 || thread == 1);
    memcpy(v + first * K, rows, (size_t)(count * K) * sizeof *v);
    return SLAB_OK;
}

START_TEST(the_other_sides_vectors_are_lapacks)
{
    problem *p = problem_make(0);
    static double v[D * K];
    for (int side = 0; side < 2; side++) {
        slab_svd svd = svd_of(p, side);
        slab_grid grid;
        int other = side == 0 ? D : N;
        ck_assert_int_eq(slab_svd_gram(&svd), SLAB_OK);
        ck_assert_int_eq(slab_svd_slices(&svd, &grid), SLAB_OK);
        ck_assert_int_eq(slab_svd_project(&svd, &grid, keep_rows, NULL, v), SLAB_OK);
        for (int j = 0; j < K; j++) {
            double dot = 0;
            for (int i = 0; i < other; i++)
                dot += v[i * K + j] * (side == 0 ? p->vt[j * D + i] : p->u[i * N + j]);
            ck_assert_double_eq_tol(fabs(dot), 1, 1e-6);
        }
    }
    problem_free(&p);
}
END_TEST

START_TEST(every_failing_allocation_is_an_error_and_leaks_nothing)
{
    problem *p = problem_make(0);
    slab_svd svd = svd_of(p, 0);
    int failed = 0;
    svd.passes = 2;
    ck_assert_int_eq(slab_svd_krylov(&svd), SLAB_OK); /* what stays in the value is there */
    size_t used = slab_memory_used();
    for (long n = 1; n < 200; n++) {
        slab_memory_fail_at(n);
        slab_status rc = slab_svd_krylov(&svd);
        slab_memory_fail_at(0);
        ck_assert(rc == SLAB_OK || rc == SLAB_ERR_MEMORY);
        ck_assert_uint_eq(slab_memory_used(), used);
        failed += rc != SLAB_OK;
    }
    ck_assert_int_gt(failed, 20); /* in planning, a failure only means that a way does not fit */
    problem_free(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("svd");
    TCase *tests = tcase_create("svd");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_gram_way_gives_what_lapack_gives_on_either_side);
    tcase_add_test(tests, the_krylov_way_gives_what_lapack_gives_on_either_side);
    tcase_add_test(tests, a_matrix_of_low_rank_ends_early_with_zeros_behind_its_rank);
    tcase_add_test(tests, a_small_budget_changes_no_bit);
    tcase_add_test(tests, blocks_of_65536_rows_fit_64_mebibytes);
    tcase_add_test(tests, a_product_needs_its_vectors_and_little_else);
    tcase_add_test(tests, a_gram_matrix_needs_itself_and_a_half);
    tcase_add_test(tests, a_budget_that_cannot_do_is_refused_with_one_that_can);
    tcase_add_test(tests, the_other_sides_vectors_are_lapacks);
    tcase_add_test(tests, every_failing_allocation_is_an_error_and_leaks_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
