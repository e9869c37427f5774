/*
 * Products with A for a whole block. The vectors are independent of each other, to the bit, so a
 * small budget takes them 16 or 32 at a time, in more passes with smaller states.
 */
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { SMALL_THINGS = 128 << 10 }; /* tables of a pass and the like, which no plan counts */

size_t svd_room(const slab_svd *svd, size_t more)
{
    size_t used = slab_memory_used() + SMALL_THINGS;
    used = more > SIZE_MAX - used ? SIZE_MAX : used + more;
    return svd->budget > used ? svd->budget - used : 0;
}

void svd_fix_signs(int64_t m, int k, double *u)
{
    for (int v = 0; v < k; v++) {
        double most = 0;
        for (int64_t i = 0; i < m; i++)
            if ((u[i * k + v] < 0 ? -u[i * k + v] : u[i * k + v]) > (most < 0 ? -most : most))
                most = u[i * k + v];
        for (int64_t i = 0; most < 0 && i < m; i++)
            u[i * k + v] = -u[i * k + v];
    }
}

static slab_product product_of(const slab_svd *svd, int width, bool keep)
{
    return (slab_product){.z = svd->z, .side = svd->side, .l = width, .keep = keep};
}

static slab_status make_pass(const slab_svd *svd, slab_product *product, slab_pass **pass)
{
    slab_status rc = SLAB_OK;
    *pass = NULL;
    TRY(slab_pass_create(svd->crew, "product", svd->x, pass));
    TRY(slab_pass_add(*pass, &slab_sink_product, product));
done:
    return rc;
}

/* What a pass with so many vectors takes beside itself: as integers, and copies of a part. */
static size_t held_by(const slab_svd *svd, int l, int width)
{
    slab_product product = product_of(svd, width, false);
    size_t part = (size_t)svd_m(svd) * (sizeof(float) + sizeof(double));
    return slab_product_prepared_bytes(&product) + (width < l ? part * (size_t)width : 0);
}

static slab_status try_width(const slab_svd *svd, int l, int width, bool keep, size_t fixed,
                             svd_products *out)
{
    slab_status rc = SLAB_OK;
    slab_product product = product_of(svd, width, keep);
    slab_pass *pass = NULL;
    out->width = width;
    out->keep = keep;
    out->times = (l + width - 1) / width;
    out->rate = slab_product_rate(&product);
    out->held = held_by(svd, l, width);
    TRY(make_pass(svd, &product, &pass));
    TRY(slab_pass_plan_make(pass, svd_room(svd, fixed + out->held), &out->plan));
done:
    slab_pass_destroy(&pass);
    return rc;
}

/* More than one, if there is work for more: twice the threads are worth twice the reading. */
static bool enough_threads(const slab_svd *svd, const slab_pass_plan *plan)
{
    return plan->threads > 1 || plan->ntasks < 2 || slab_crew_threads(svd->crew) == 1;
}

/* Keeps bands if as many threads can. Ranks need not agree: results are the same. */
static void try_keeping(const slab_svd *svd, int l, size_t fixed, svd_products *how)
{
    svd_products other;
    slab_status rc = try_width(svd, l, how->width, true, fixed, &other);
    if (rc == SLAB_OK && other.plan.threads >= how->plan.threads)
        *how = other;
    slab_error_clear();
}

slab_status svd_products_plan(const slab_svd *svd, int l, size_t fixed, svd_products *out)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(svd->crew);
    int width = l;
    for (; width > SLAB_PRODUCT_BLOCK; width -= SLAB_PRODUCT_BLOCK) {
        rc = try_width(svd, l, width, false, fixed, out);
        if (rc == SLAB_OK && enough_threads(svd, &out->plan))
            break;
        if (rc != SLAB_OK && rc != SLAB_ERR_MEMORY)
            break;
        rc = SLAB_OK;
    }
    int64_t narrow = -width; /* all ranks take the narrowest */
    TRY(slab_ranks_agree(ranks, rc));
    slab_error_clear();
    TRY(slab_ranks_max(ranks, &narrow, 1));
    rc = try_width(svd, l, SLAB_PRODUCT_BLOCK, false, fixed, out);
    TRY(slab_ranks_agree(ranks, rc));
    size_t least = out->plan.memory_least + out->held;
    rc = try_width(svd, l, (int)-narrow, false, fixed, out);
    TRY(slab_ranks_agree(ranks, rc));
    if (svd->side == 0 && svd->z->bits > 0 && svd->z->bits <= 2)
        try_keeping(svd, l, fixed, out);
    out->plan.memory_least = least;
done:
    return rc;
}

static slab_status run_part(const slab_svd *svd, int width, bool keep, float *q, double *y)
{
    slab_status rc = SLAB_OK;
    slab_product product = product_of(svd, width, keep);
    slab_pass *pass = NULL;
    product.q = q;
    product.y = y;
    TRY(slab_ranks_agree(slab_crew_ranks(svd->crew), slab_product_prepare(&product)));
    TRY(make_pass(svd, &product, &pass));
    TRY(slab_pass_run(pass, svd_room(svd, 0)));
done:
    slab_pass_destroy(&pass);
    slab_product_clear(&product);
    return rc;
}

/* Copies `width` columns of rows [n, l] to or from a block [n, part]. */
#define COPY_COLUMNS(name, T)                                                                      \
    static void name(int64_t n, int width, const T *from, int from_ld, T *to, int to_ld)           \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            memcpy(to + i * to_ld, from + i * from_ld, (size_t)width * sizeof *to);                \
    }
COPY_COLUMNS(copy_f32, float)
COPY_COLUMNS(copy_f64, double)

slab_status svd_products_run(const slab_svd *svd, const svd_products *how, int l, float *q,
                             double *y)
{
    slab_status rc = SLAB_OK;
    int64_t m = svd_m(svd);
    float *part_q = NULL;
    double *part_y = NULL;
    if (how->width >= l)
        return run_part(svd, l, how->keep, q, y);
    rc = slab_memory_alloc((void **)&part_q, (size_t)(m * how->width), sizeof *part_q,
                           "part of a block");
    if (rc == SLAB_OK)
        rc = slab_memory_alloc((void **)&part_y, (size_t)(m * how->width), sizeof *part_y,
                               "part of a block");
    TRY(slab_ranks_agree(slab_crew_ranks(svd->crew), rc));
    for (int v = 0; v < l; v += how->width) {
        int width = l - v < how->width ? l - v : how->width;
        copy_f32(m, width, q + v, l, part_q, width);
        TRY(run_part(svd, width, how->keep, part_q, part_y));
        copy_f32(m, width, part_q, width, q + v, l);
        copy_f64(m, width, part_y, width, y + v, l);
    }
done:
    FREE(part_y);
    FREE(part_q);
    return rc;
}
