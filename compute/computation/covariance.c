#include <slab/compute/computation/covariance.h>

#include <math.h>
#include <slab/compute/computation/computation.h>
#include <slab/compute/sink/comoments.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

typedef struct cov_self {
    bool correlation;
    double ddof;
    int axis; /* of the observations */
    slab_comoments *comoments;
} cov_self;

static slab_status cov_begin(slab_computation *c, const slab_workshop *workshop,
                             const slab_sink_class **cls, void **sink)
{
    slab_status rc = SLAB_OK;
    cov_self *s = c->self;
    (void)workshop;
    slab_comoments_destroy(&s->comoments);
    TRY(slab_comoments_create(slab_value_shape(c->operands[0]), s->axis, c->noperands,
                              &s->comoments));
    *cls = &slab_sink_comoments;
    *sink = s->comoments;
done:
    return rc;
}

/* r_ij = c_ij / sqrt(c_ii c_jj), kept within -1 and 1; rounded where NumPy rounds. */
static double correlation(const double *products, double freedom, int64_t p, int64_t i, int64_t j)
{
    double r = products[i * p + j] / freedom / sqrt(products[i * p + i] / freedom) /
               sqrt(products[j * p + j] / freedom);
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

static slab_status cov_end(slab_computation *c, const slab_workshop *workshop, bool *again)
{
    slab_status rc = SLAB_OK;
    const cov_self *s = c->self;
    int64_t p = slab_comoments_variables(s->comoments);
    const double *products = slab_comoments_products(s->comoments);
    double freedom = (double)slab_comoments_count(s->comoments) - s->ddof, *out = NULL;
    freedom = freedom > 0 ? freedom : 0;
    (void)workshop;
    *again = false;
    ALLOC(out, p * p, "a covariance matrix");
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j < p; j++)
            out[i * p + j] = s->correlation ? correlation(products, freedom, p, i, j)
                                            : products[i * p + j] / freedom;
    TRY(slab_computation_settle(c, 0, out));
done:
    FREE(out);
    return rc;
}

static void cov_clear(slab_computation *c)
{
    slab_comoments_destroy(&((cov_self *)c->self)->comoments);
}

static const slab_computation_class cov_class = {
    .name = "covariance", .begin = cov_begin, .end = cov_end, .clear = cov_clear};

static slab_status check(slab_value *const *values, int n)
{
    slab_status rc = SLAB_OK;
    char name[SLAB_DTYPE_NAME_MAX], one[SLAB_SHAPE_TEXT_MAX], other[SLAB_SHAPE_TEXT_MAX];
    for (int v = 0; v < n; v++) {
        TRY(slab_value_status(values[v]));
        slab_dtype dtype = slab_value_dtype(values[v]);
        const slab_shape *shape = slab_value_shape(values[v]);
        REQUIRE(slab_dtype_is_number(dtype) && dtype.kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE,
                "covariances are of real numbers, not of %s", slab_dtype_name(dtype, name));
        REQUIRE(shape->rank == 1 || shape->rank == 2, SLAB_ERR_SHAPE,
                "covariances are of one or two axes, not of shape %s", slab_shape_text(shape, one));
        REQUIRE(slab_shape_equal(shape, slab_value_shape(values[0])), SLAB_ERR_SHAPE,
                "covariances of arrays of shape %s and %s: both must have one shape",
                slab_shape_text(slab_value_shape(values[0]), one), slab_shape_text(shape, other));
    }
done:
    return rc;
}

static slab_value *build(slab_value *m, slab_value *y, bool rowvar, bool correlated, double ddof)
{
    slab_status rc = SLAB_OK;
    slab_value *values[] = {m, y}, *result = NULL;
    slab_computation *c = NULL;
    int n = y ? 2 : 1;
    TRY(check(values, n));
    const slab_shape *shape = slab_value_shape(m);
    TRY(slab_computation_create(&cov_class, values, n, sizeof(cov_self), &c));
    cov_self *s = c->self;
    s->axis = shape->rank == 2 && rowvar ? 1 : 0;
    s->correlation = correlated;
    s->ddof = ddof;
    int64_t p = n * (shape->rank == 2 ? shape->extent[1 - s->axis] : 1);
    slab_shape square = {.rank = p == 1 ? 0 : 2, .extent = {p, p}};
    result = slab_computation_result(c, 0, &square, slab_dtype_make(SLAB_KIND_FLOAT, 8));
done:
    slab_computation_drop(&c);
    return rc == SLAB_OK ? result : slab_value_fail(rc);
}

slab_value *slab_value_cov(slab_value *m, slab_value *y, bool rowvar, double ddof)
{
    return build(m, y, rowvar, false, ddof);
}

slab_value *slab_value_corrcoef(slab_value *m, slab_value *y, bool rowvar)
{
    return build(m, y, rowvar, true, 1);
}
