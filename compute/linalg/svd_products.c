/*
 * Products with A for a whole block. The vectors are independent of each other, to the bit, so a
 * small budget takes them 16 or 32 at a time, in more passes with less beside them.
 */
#include <slab/compute/linalg/svd_impl.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <stdio.h>

/* Tables and the like, which no plan counts: some are there when a pass begins, some it makes. */
enum { SMALL_BEFORE = 64 << 10, SMALL_OF_PASS = 64 << 10 };

static size_t room_beside(const slab_svd *svd, size_t used, size_t more)
{
    used = more > SIZE_MAX - used ? SIZE_MAX : used + more;
    return svd->budget > used ? svd->budget - used : 0;
}

size_t svd_room(const slab_svd *svd, size_t more)
{
    return room_beside(svd, slab_memory_used() + SMALL_BEFORE + SMALL_OF_PASS, more);
}

slab_status svd_require(const slab_svd *svd, const char *what, size_t bytes)
{
    slab_status rc = SLAB_OK;
    size_t all = slab_memory_used() + SMALL_BEFORE + SMALL_OF_PASS + bytes;
    REQUIRE(bytes <= svd_room(svd, 0), SLAB_ERR_MEMORY, "%s needs %zu MiB per rank: --memory %zuM",
            what, bytes / 1048576 + 1, all / 1048576 + 1);
done:
    return rc;
}

size_t svd_room_now(const slab_svd *svd)
{
    return room_beside(svd, slab_memory_used() + SMALL_OF_PASS, 0);
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
    out->held = slab_product_prepared_bytes(&product);
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

/* Of vectors v .. v + width - 1 of the block. */
static slab_product part_of(const slab_svd *svd, const svd_products *how, int v, int l, float *q,
                            double *y)
{
    slab_product product = product_of(svd, l - v < how->width ? l - v : how->width, how->keep);
    product.ld = l;
    product.q = q + v;
    product.y = y + v;
    return product;
}

static slab_status run_part(const slab_svd *svd, const svd_products *how, int step, int v, int l,
                            float *q, double *y)
{
    slab_status rc = SLAB_OK;
    slab_ranks *ranks = slab_crew_ranks(svd->crew);
    slab_product product = part_of(svd, how, v, l, q, y);
    slab_pass *pass = NULL;
    char key[48];
    snprintf(key, sizeof key, "product %d, vectors %d+%d", step, v, product.l);
    TRY(slab_ranks_agree(ranks, slab_product_prepare(&product)));
    TRY(make_pass(svd, &product, &pass));
    slab_pass_checkpoint(pass, svd->checkpoint, key, true);
    TRY(slab_pass_run(pass, svd_room_now(svd)));
    TRY(slab_product_collect(&product, ranks));
done:
    slab_pass_destroy(&pass);
    slab_product_clear(&product);
    return rc;
}

slab_status svd_products_round(const slab_svd *svd, const svd_products *how, int l, float *q,
                               double *y)
{
    slab_status rc = SLAB_OK;
    for (int v = 0; v < l; v += how->width) {
        slab_product product = part_of(svd, how, v, l, q, y);
        rc = slab_product_prepare(&product);
        slab_product_clear(&product);
        TRY(rc);
    }
done:
    return rc;
}

slab_status svd_products_run(const slab_svd *svd, const svd_products *how, int step, int l,
                             float *q, double *y)
{
    slab_status rc = SLAB_OK;
    for (int v = 0; v < l; v += how->width)
        TRY(run_part(svd, how, step, v, l, q, y));
done:
    return rc;
}
