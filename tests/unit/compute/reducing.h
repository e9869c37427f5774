/* What the tests of reductions share: one over memory, in tiles of the test's choice. */
#ifndef SLAB_TESTS_REDUCING_H
#define SLAB_TESTS_REDUCING_H

#include <check.h>
#include <slab/compute/pass/pass.h>
#include <slab/compute/sink/reduce.h>

#define F2   slab_dtype_make(SLAB_KIND_FLOAT, 2)
#define F4   slab_dtype_make(SLAB_KIND_FLOAT, 4)
#define F8   slab_dtype_make(SLAB_KIND_FLOAT, 8)
#define C8   slab_dtype_make(SLAB_KIND_COMPLEX, 8)
#define C16  slab_dtype_make(SLAB_KIND_COMPLEX, 16)
#define I(n) slab_dtype_make(SLAB_KIND_INT, n)
#define U(n) slab_dtype_make(SLAB_KIND_UINT, n)
#define B1   slab_dtype_make(SLAB_KIND_BOOL, 1)

/* A sink that only asks for a grid. */
static slab_sink_wants grid_wants(const void *sink)
{
    return (slab_sink_wants){.nphases = 1, .band_axis = -1, .grid = sink};
}

static slab_status grid_accumulate(const void *sink, const slab_span *span, void *state, int phase,
                                   const slab_tile *tile, void *scratch)
{
    (void)sink, (void)span, (void)state, (void)phase, (void)tile, (void)scratch;
    return SLAB_OK;
}

static const slab_sink_class grid_sink = {
    .name = "grid", .wants = grid_wants, .accumulate = grid_accumulate};

/* Runs reductions of a value; tile NULL: the value's own grid. The status is the pass's. */
static inline slab_status run_reduce(slab_value *value, slab_reduce *r, const slab_shape *tile,
                                     int threads)
{
    slab_crew *crew = NULL;
    slab_pass *pass = NULL;
    slab_grid grid;
    ck_assert_int_eq(slab_crew_create(slab_ranks_world(), threads, &crew), SLAB_OK);
    ck_assert_int_eq(slab_pass_create(crew, "reductions", value, &pass), SLAB_OK);
    ck_assert_int_eq(slab_pass_add(pass, &slab_sink_reduce, r), SLAB_OK);
    if (tile) {
        ck_assert_int_eq(slab_grid_make(slab_value_shape(value), tile, NULL, &grid), SLAB_OK);
        ck_assert_int_eq(slab_pass_add(pass, &grid_sink, &grid), SLAB_OK);
    }
    slab_status rc = slab_pass_run(pass, 1 << 30);
    slab_pass_destroy(&pass);
    slab_crew_destroy(&crew);
    return rc;
}

/* Reductions of an array in memory; they must succeed. */
static inline slab_reduce *reduce_many(slab_dtype dtype, slab_shape shape, const void *data,
                                       const slab_reduce_spec *specs, int n, const slab_shape *tile,
                                       int threads)
{
    slab_value *value = slab_value_from(dtype, &shape, data);
    slab_reduce *r = NULL;
    ck_assert_msg(slab_reduce_create_many(value, specs, n, &r) == SLAB_OK, "%s",
                  slab_error_last()->message);
    ck_assert_msg(run_reduce(value, r, tile, threads) == SLAB_OK, "%s", slab_error_last()->message);
    slab_value_drop(&value);
    return r;
}

static inline slab_reduce *reduce_spec(slab_dtype dtype, slab_shape shape, const void *data,
                                       slab_reduce_spec spec)
{
    return reduce_many(dtype, shape, data, &spec, 1, NULL, 1);
}

/* Of a vector, to one element. */
static inline slab_reduce *reduce_vector(const char *name, slab_dtype dtype, int64_t n,
                                         const void *data)
{
    return reduce_spec(dtype, (slab_shape){1, {n}}, data, (slab_reduce_spec){.name = name});
}

/* The one element as a double; takes the reduction with it. */
static inline double take_double(slab_reduce *r, slab_dtype dtype)
{
    double x = slab_dtype_get_double(dtype, slab_reduce_get(r));
    slab_reduce_destroy(&r);
    return x;
}

/* What creating a reduction of a value of this type and shape says. */
static inline slab_status refusal(slab_dtype dtype, slab_shape shape, slab_reduce_spec spec)
{
    static const char zeros[1024];
    slab_value *value = slab_value_from(dtype, &shape, zeros);
    slab_reduce *r = NULL;
    slab_dtype type;
    slab_status rc = slab_reduce_create(value, &spec, &r);
    ck_assert_int_eq(slab_reduction_types(spec.name, value, &spec, &type), rc);
    slab_reduce_destroy(&r);
    slab_value_drop(&value);
    return rc;
}

#endif
