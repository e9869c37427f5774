/*
 * Computations over many tiles on several ranks, with answers in closed form: running totals,
 * covariances, greatest and distinct elements, groups, and results that lie in scratch files.
 */
#include <math.h>
#include <slab/compute/computation/covariance.h>
#include <slab/compute/computation/group.h>
#include <slab/compute/computation/scan.h>
#include <slab/compute/computation/topk.h>
#include <slab/compute/graph/reduction.h>
#include <slab/compute/program/program.h>
#include <slab/storage/base/memory.h>
#include <stdlib.h>
#include <string.h>

#include "../base/check_ranks.h"

/* N = M K elements in nine tiles; i P mod N runs through all of 0 .. N - 1. */
enum { M = 1009, K = 1051, N = M * K, P = 7919 };
#define F8 slab_dtype_make(SLAB_KIND_FLOAT, 8)
#define I8 slab_dtype_make(SLAB_KIND_INT, 8)

/* n values in memory on every rank; dropped. NULL when it fails; free() them. */
static void fetch(slab_crew *crew, slab_value **values, int n, void **out)
{
    slab_program *program = NULL;
    int number[4];
    int64_t elements;
    bool good = slab_program_create(crew, NULL, &program) == SLAB_OK;
    for (int i = 0; i < n; i++)
        good = good && slab_program_fetch(program, "x", values[i], &number[i]) == SLAB_OK;
    good = good && slab_program_run(program, 1 << 30) == SLAB_OK;
    CHECK(good);
    for (int i = 0; i < n; i++) {
        out[i] = NULL;
        if (good && slab_shape_elements(slab_value_shape(values[i]), &elements) == SLAB_OK) {
            size_t bytes = (size_t)elements * slab_value_dtype(values[i]).size;
            out[i] = malloc(bytes + 1);
            memcpy(out[i], slab_program_data(program, number[i]), bytes);
        }
        slab_value_drop(&values[i]);
    }
    slab_program_destroy(&program);
}

static void *fetch_one(slab_crew *crew, slab_value *value)
{
    void *out;
    fetch(crew, &value, 1, &out);
    return out;
}

/* operation(value, number); drops the value */
static slab_value *with(const char *operation, slab_value *value, int64_t number)
{
    slab_value *both[] = {value, slab_value_literal_int(number)};
    slab_value *result = slab_value_apply(operation, both, 2);
    slab_value_drop(&both[0]);
    slab_value_drop(&both[1]);
    return result;
}

static slab_value *numbers(void)
{
    return slab_value_arange_int(I8, N, 0, 1);
}

static slab_value *shuffled(void)
{
    return with("remainder", with("multiply", numbers(), P), N);
}

static void check_scan(slab_crew *crew)
{
    slab_value *i = numbers();
    CHECK(slab_value_grid(i)->ntiles > 8);
    int64_t wrong = 0, *sums = fetch_one(crew, slab_value_scan(i, SLAB_SCAN_ADD, 0, NULL));
    for (int64_t k = 0; sums && k < N; k++)
        wrong += sums[k] != k * (k + 1) / 2;
    CHECK(wrong == 0);
    free(sums);
    slab_value_drop(&i);
}

/* Of 0 .. N - 1 and twice that plus one: N (N + 1) / 12, twice and four times. */
static void check_covariance(slab_crew *crew)
{
    slab_value *x = slab_value_arange(F8, N, 0, 1), *y = slab_value_arange(F8, N, 1, 2);
    double var = (double)N * (N + 1.0) / 12;
    double *c = fetch_one(crew, slab_value_cov(x, y, true, 1));
    double *r = fetch_one(crew, slab_value_corrcoef(x, y, true));
    CHECK(c && fabs(c[0] / var - 1) < 1e-12 && fabs(c[1] / var - 2) < 1e-12);
    CHECK(c && fabs(c[2] / var - 2) < 1e-12 && fabs(c[3] / var - 4) < 1e-12);
    CHECK(r && fabs(r[0] - 1) < 1e-15 && fabs(r[3] - 1) < 1e-15 && fabs(r[1] - 1) < 1e-12);
    free(r);
    free(c);
    slab_value_drop(&y);
    slab_value_drop(&x);
}

static void check_topk(slab_crew *crew)
{
    slab_value *x = shuffled(), *out[2];
    void *got[2];
    slab_value_topk(x, 100, false, out);
    fetch(crew, out, 2, got);
    int64_t wrong = 0, *greatest = got[0], *places = got[1];
    for (int64_t k = 0; greatest && places && k < 100; k++)
        wrong += greatest[k] != N - 1 - k || places[k] * P % N != greatest[k];
    CHECK(wrong == 0);
    free(greatest);
    free(places);
    slab_value_drop(&x);
}

/* far: keys go through the scratch file, else they are counted in a table. */
static void check_distinct(slab_crew *crew, bool far, size_t budget)
{
    slab_workshop workshop = {.crew = crew};
    int64_t n = far ? N : M, step = far ? (int64_t)1 << 40 : 1, times = far ? 1 : K, wrong = 0;
    slab_value *x = far ? with("multiply", shuffled(), step) : with("remainder", numbers(), M);
    slab_distinct found = {0};
    void *got[2] = {NULL, NULL};
    CHECK(slab_distinct_find(&workshop, x, budget, &found) == SLAB_OK);
    CHECK(found.n == n);
    if (found.n == n)
        fetch(crew,
              (slab_value *[]){slab_value_keep(found.elements), slab_value_keep(found.counts)}, 2,
              got);
    const int64_t *elements = got[0], *counts = got[1];
    for (int64_t k = 0; elements && counts && k < n; k++)
        wrong += elements[k] != k * step || counts[k] != times;
    CHECK(wrong == 0);
    free(got[0]);
    free(got[1]);
    slab_distinct_clear(&found);
    slab_value_drop(&x);
}

/* Rows i with label i mod M: j, j + M, ... j + (K - 1) M in group j. */
static void check_groups(slab_crew *crew)
{
    slab_workshop workshop = {.crew = crew};
    const char *names[] = {"sum", "var", "max", "count"};
    slab_group_options options = {.names = names, .n = 4};
    slab_value *rows = numbers(), *labels = with("remainder", numbers(), M);
    slab_group_result found = {0};
    int64_t wrong = 0;
    CHECK(slab_group_find(&workshop, rows, labels, &options, 1 << 28, &found) == SLAB_OK);
    CHECK(found.ngroups == M);
    if (found.ngroups == M) {
        int64_t *sum = fetch_one(crew, slab_value_keep(found.results[0]));
        double *var = fetch_one(crew, slab_value_keep(found.results[1]));
        int64_t *most = fetch_one(crew, slab_value_keep(found.results[2]));
        int64_t *count = fetch_one(crew, slab_value_keep(found.results[3]));
        double expected = (double)M * M * ((double)K * K - 1) / 12;
        for (int64_t j = 0; sum && var && most && count && j < M; j++)
            wrong += sum[j] != K * j + (int64_t)M * K * (K - 1) / 2 ||
                     fabs(var[j] / expected - 1) > 1e-12 || most[j] != j + (K - 1) * (int64_t)M ||
                     count[j] != K;
        CHECK(wrong == 0);
        free(sum), free(var), free(most), free(count);
    }
    slab_group_clear(&found);
    slab_value_drop(&labels);
    slab_value_drop(&rows);
}

/* A result above 8 MiB is put together in a scratch file by all ranks. */
static void check_large_result(slab_crew *crew)
{
    slab_value *i = numbers();
    const slab_index items[] = {{.kind = SLAB_INDEX_NEWAXIS},
                                {.kind = SLAB_INDEX_SLICE, .step = 1}};
    slab_value *row = slab_value_index(i, items, 2);
    slab_value *both = slab_value_broadcast_to(row, &(slab_shape){2, {3, N}});
    slab_value *sum = slab_value_reduce("sum", both, &(slab_reduce_options){.axes = 1});
    int64_t wrong = 0, *sums = fetch_one(crew, sum);
    for (int64_t k = 0; sums && k < N; k++)
        wrong += sums[k] != 3 * k;
    CHECK(wrong == 0);
    free(sums);
    slab_value_drop(&both);
    slab_value_drop(&row);
    slab_value_drop(&i);
}

int main(void)
{
    slab_ranks *ranks;
    if (slab_ranks_start(&ranks) != SLAB_OK)
        return 1;
    for (int threads = 1; threads <= 2; threads++) {
        slab_crew *crew;
        CHECK(slab_crew_create(ranks, threads, &crew) == SLAB_OK);
        check_scan(crew);
        check_covariance(crew);
        check_topk(crew);
        check_distinct(crew, false, 1 << 28);
        check_distinct(crew, true, threads == 1 ? 40 << 20 : 1 << 28);
        check_groups(crew);
        check_large_result(crew);
        slab_crew_destroy(&crew);
    }
    return checks_end(ranks);
}
