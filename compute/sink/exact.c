/*
 * Addition modulo 2^64 forgets overflows on the way: only the sum of all has to fit. Rows are
 * locked in stripes, so that threads that come to the same rows at once wait for a few thousand
 * additions.
 */
#include <slab/compute/sink/exact_impl.h>

#include <math.h>
#include <pthread.h>
#include <slab/storage/base/clones.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum {
    BITS = 61,   /* of a bound: with a sign there is one to spare, for terms that rounding made */
    STRIPE = 64, /* rows under one lock */
    LOCKS = 64,  /* stripes i, i + LOCKS, .. share one */
    PIECE = 1 << 13 /* values that travel together */
};

struct exact_sums {
    int64_t rows, n, ld;
    double *table;
    double *up; /* f64 [n]: powers of two that make terms integers */
    pthread_mutex_t locks[LOCKS];
};

static double scale_of(double bound)
{
    int exponent;
    if (bound == 0)
        return 1;
    frexp(bound, &exponent);
    int up = BITS - exponent;
    return ldexp(1, up < 1000 ? up : 1000);
}

slab_status exact_create(int64_t rows, int64_t n, int64_t ld, double *table, const double *bound,
                         exact_sums **out)
{
    slab_status rc = SLAB_OK;
    exact_sums *sums = NULL;
    *out = NULL;
    for (int64_t v = 0; v < n; v++)
        REQUIRE(bound[v] >= 0 && isfinite(bound[v]), SLAB_ERR_NUMERIC,
                "the squares of the elements do not fit double precision: scale the columns first");
    ALLOC(sums, 1, "sums");
    *sums = (exact_sums){.rows = rows, .n = n, .ld = ld, .table = table};
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&sums->locks[i], NULL);
    *out = sums;
    ALLOC(sums->up, n, "sums");
    for (int64_t v = 0; v < n; v++)
        sums->up[v] = scale_of(bound[v]);
    for (int64_t i = 0; i < rows; i++) /* all bits zero is the integer 0 too */
        memset(table + i * ld, 0, (size_t)n * sizeof *table);
done:
    if (rc != SLAB_OK)
        exact_destroy(out);
    return rc;
}

void exact_destroy(exact_sums **sums)
{
    if (!*sums)
        return;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&(*sums)->locks[i]);
    FREE((*sums)->up);
    FREE(*sums);
}

SLAB_CLONES static void add_row(double *restrict row, int64_t n, const double *restrict terms,
                                const double *restrict up)
{
    const double most = 0x1p62;
    for (int64_t v = 0; v < n; v++) {
        double x = terms[v] * up[v];
        uint64_t sum;
        x = x > -most ? x : -most;
        x = x < most ? x : most;
        memcpy(&sum, row + v, sizeof sum);
        sum += (uint64_t)(int64_t)rint(x);
        memcpy(row + v, &sum, sizeof sum);
    }
}

void exact_add(exact_sums *sums, int64_t first, int64_t rows, const double *terms)
{
    for (int64_t i = first, end; i < first + rows; i = end) {
        pthread_mutex_t *lock = &sums->locks[i / STRIPE % LOCKS];
        end = (i / STRIPE + 1) * STRIPE;
        end = end < first + rows ? end : first + rows;
        pthread_mutex_lock(lock);
        for (int64_t k = i; k < end; k++)
            add_row(sums->table + k * sums->ld, sums->n, terms + (k - first) * sums->n, sums->up);
        pthread_mutex_unlock(lock);
    }
}

void exact_table(const exact_sums *sums, slab_sink_sums *out)
{
    *out = (slab_sink_sums){sums->table, sums->rows, sums->n, sums->ld};
}

/* `some` values from row i, column v on become doubles. */
static slab_status collect_piece(exact_sums *sums, slab_ranks *ranks, int64_t i, int64_t v,
                                 int64_t rows, int64_t some)
{
    slab_status rc = SLAB_OK;
    int64_t values[PIECE];
    for (int64_t k = 0; k < rows; k++)
        memcpy(values + k * some, sums->table + (i + k) * sums->ld + v,
               (size_t)some * sizeof *values);
    TRY(slab_ranks_sum(ranks, values, (size_t)(rows * some)));
    for (int64_t k = 0; k < rows; k++)
        for (int64_t j = 0; j < some; j++)
            sums->table[(i + k) * sums->ld + v + j] =
                (double)values[k * some + j] / sums->up[v + j];
done:
    return rc;
}

slab_status exact_collect(exact_sums *sums, slab_ranks *ranks)
{
    slab_status rc = SLAB_OK;
    int64_t together = sums->n < PIECE ? PIECE / sums->n : 1;
    for (int64_t i = 0; i < sums->rows; i += together) {
        int64_t rows = sums->rows - i < together ? sums->rows - i : together;
        for (int64_t v = 0; v < sums->n; v += PIECE) {
            int64_t some = sums->n - v < PIECE ? sums->n - v : PIECE;
            TRY(collect_piece(sums, ranks, i, v, rows, some));
        }
    }
done:
    return rc;
}
