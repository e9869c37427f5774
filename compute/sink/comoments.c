/*
 * State: the count, means [p], co-moments [p, p]. A tile is taken in blocks of observations: their
 * mean is subtracted, their products are summed by BLAS, and the block is merged like a state.
 */
#include <slab/compute/sink/comoments.h>

#include <cblas.h>
#include <slab/compute/kernel/blas.h>
#include <slab/storage/base/memory.h>
#include <slab/storage/base/try.h>
#include <string.h>

enum { BLOCK_BYTES = 256 << 10 };

struct slab_comoments {
    slab_shape shape;
    int axis, nvalues;
    int64_t each, p; /* variables of a value, and of all */
    int64_t block;   /* observations taken at once */
    double *result;  /* count, means, products */
};

static size_t state_doubles(const slab_comoments *c)
{
    return 1 + (size_t)c->p + (size_t)c->p * (size_t)c->p;
}

slab_status slab_comoments_create(const slab_shape *shape, int axis, int nvalues,
                                  slab_comoments **out)
{
    slab_status rc = SLAB_OK;
    slab_comoments *c = NULL;
    char text[SLAB_SHAPE_TEXT_MAX];
    *out = NULL;
    REQUIRE(shape->rank == 1 || shape->rank == 2, SLAB_ERR_SHAPE,
            "co-moments of an array of shape %s: one or two axes are taken",
            slab_shape_text(shape, text));
    ALLOC(c, 1, "co-moments");
    c->shape = *shape;
    c->axis = axis;
    c->nvalues = nvalues;
    c->each = shape->rank == 2 ? shape->extent[1 - axis] : 1;
    c->p = c->each * nvalues;
    REQUIRE(c->p <= 1 << 15, SLAB_ERR_RANGE,
            "co-moments of more than 32768 variables: a matrix of them is too large");
    c->block = BLOCK_BYTES / 8 / (c->p > 0 ? c->p : 1);
    c->block = c->block < 16 ? 16 : c->block;
    TRY(slab_memory_alloc((void **)&c->result, state_doubles(c), sizeof(double), "co-moments"));
    slab_blas_alone();
    *out = c;
    c = NULL;
done:
    slab_comoments_destroy(&c);
    return rc;
}

void slab_comoments_destroy(slab_comoments **comoments)
{
    if (comoments && *comoments)
        FREE((*comoments)->result);
    FREE(*comoments);
}

int64_t slab_comoments_variables(const slab_comoments *c)
{
    return c->p;
}

int64_t slab_comoments_count(const slab_comoments *c)
{
    return (int64_t)c->result[0];
}

const double *slab_comoments_means(const slab_comoments *c)
{
    return c->result + 1;
}

const double *slab_comoments_products(const slab_comoments *c)
{
    return c->result + 1 + c->p;
}

static slab_sink_wants comoments_wants(const void *sink)
{
    const slab_comoments *c = sink;
    return (slab_sink_wants){.nphases = 1,
                             .band_axis = -1,
                             .whole_axes = c->shape.rank == 2 ? 1U << (1 - c->axis) : 0,
                             .run_axes = 1U << c->axis,
                             .intensity = 1 + (double)c->p / 40,
                             .one_layout = true};
}

static size_t comoments_state_bytes(const void *sink, const slab_span *span)
{
    (void)span;
    return state_doubles(sink) * sizeof(double);
}

/* A block of observations [block, p] as doubles, the state of it, and elements of one value. */
static size_t comoments_scratch_bytes(const void *sink, const slab_shape *tile)
{
    const slab_comoments *c = sink;
    (void)tile;
    return ((size_t)(c->block * c->p) + state_doubles(c) + 2 * (size_t)(c->block * c->each) + 16) *
           sizeof(double);
}

/* into += from, whose means differ: d = mean_from - mean_into. */
static void merge(const slab_comoments *c, double *into, const double *from)
{
    double n = into[0], m = from[0], all = n + m;
    double *mean = into + 1, *products = mean + c->p;
    const double *other = from + 1, *more = other + c->p;
    if (m == 0)
        return;
    if (n == 0) {
        memcpy(into, from, state_doubles(c) * sizeof *into);
        return;
    }
    for (int64_t i = 0; i < c->p; i++) {
        double d = (other[i] - mean[i]) * (n * m / all);
        for (int64_t j = 0; j < c->p; j++)
            products[i * c->p + j] += more[i * c->p + j] + d * (other[j] - mean[j]);
    }
    for (int64_t i = 0; i < c->p; i++)
        mean[i] += (other[i] - mean[i]) * (m / all);
    into[0] = all;
}

/* Observations of one value in a tile, as doubles [n, p], at the value's columns of x. */
static slab_status take_value(const slab_comoments *c, const slab_tile *tile, int value,
                              int64_t first, int64_t n, double *x, char *plain)
{
    slab_status rc = SLAB_OK;
    slab_dtype dtype = tile->dtypes[value];
    int64_t size = dtype.size, count[2] = {n, c->each};
    int64_t along = tile->views[value].stride[c->axis];
    int64_t across = c->shape.rank == 2 ? tile->views[value].stride[1 - c->axis] : size;
    double *real = (double *)(void *)(plain + (size_t)(n * c->each) * sizeof(double));
    slab_box_copy(2, count, (const char *)tile->views[value].data + first * along,
                  (int64_t[]){along, across}, plain, (int64_t[]){c->each * size, size},
                  (size_t)size);
    TRY(slab_dtype_convert(dtype, plain, slab_dtype_make(SLAB_KIND_FLOAT, 8), real,
                           (size_t)(n * c->each)));
    for (int64_t i = 0; i < n; i++)
        memcpy(x + i * c->p + value * c->each, real + i * c->each,
               (size_t)c->each * sizeof(double));
done:
    return rc;
}

/* The state of a block of n observations x [n, p], which is overwritten. */
static void block_state(const slab_comoments *c, double *x, int64_t n, double *state)
{
    double *mean = state + 1, *products = mean + c->p;
    memset(state, 0, state_doubles(c) * sizeof *state);
    state[0] = (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < c->p; j++)
            mean[j] += x[i * c->p + j];
    for (int64_t j = 0; j < c->p; j++)
        mean[j] /= (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < c->p; j++)
            x[i * c->p + j] -= mean[j];
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)c->p, (int)n, 1, x, (int)c->p, 0,
                products, (int)c->p);
    for (int64_t i = 0; i < c->p; i++)
        for (int64_t j = 0; j < i; j++)
            products[i * c->p + j] = products[j * c->p + i];
}

static slab_status comoments_accumulate(const void *sink, const slab_span *span, void *state,
                                        int phase, const slab_tile *tile, void *scratch)
{
    slab_status rc = SLAB_OK;
    const slab_comoments *c = sink;
    double *x = scratch, *block = x + c->block * c->p;
    char *plain = (char *)(block + state_doubles(c));
    int64_t all = tile->box.count[c->axis];
    (void)span, (void)phase;
    slab_blas_alone();
    for (int64_t i = 0; i < all && c->p > 0; i += c->block) {
        int64_t n = all - i < c->block ? all - i : c->block;
        for (int v = 0; v < c->nvalues; v++)
            TRY(take_value(c, tile, v, i, n, x, plain));
        block_state(c, x, n, block);
        merge(c, state, block);
    }
done:
    return rc;
}

static slab_status comoments_merge(const void *sink, const slab_span *into_span, void *into,
                                   const slab_span *from_span, const void *from)
{
    (void)into_span, (void)from_span;
    merge(sink, into, from);
    return SLAB_OK;
}

static slab_status comoments_finish(void *sink, const slab_span *span, void *state)
{
    slab_comoments *c = sink;
    (void)span;
    memcpy(c->result, state, state_doubles(c) * sizeof(double));
    return SLAB_OK;
}

const slab_sink_class slab_sink_comoments = {.name = "comoments",
                                             .wants = comoments_wants,
                                             .state_bytes = comoments_state_bytes,
                                             .scratch_bytes = comoments_scratch_bytes,
                                             .accumulate = comoments_accumulate,
                                             .in_state = true,
                                             .merge = comoments_merge,
                                             .finish = comoments_finish};
