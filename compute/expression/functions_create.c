/* Arrays out of nothing: constants, sequences, random draws. */
#include <slab/compute/expression/function.h>

#include <math.h>
#include <slab/storage/base/try.h>
#include <string.h>

static slab_dtype f8(void)
{
    return slab_dtype_make(SLAB_KIND_FLOAT, 8);
}

static slab_dtype i8(void)
{
    return slab_dtype_make(SLAB_KIND_INT, 8);
}

/* A number, or an array that is broadcast, as an array of this shape. */
static slab_status give_full(slab_bound *call, const slab_datum *fill, const slab_shape *shape,
                             const slab_dtype *dtype, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *one = NULL;
    slab_view view;
    slab_box box = {.rank = 0};
    TRY(dtype ? slab_datum_cast(fill, *dtype, &one) : slab_datum_to_array(fill, &one));
    if (fill->kind == SLAB_DATUM_VALUE && fill->known && slab_value_shape(one)->rank == 0) {
        TRY(slab_value_get(one, 0, &box, &view));
        TRY(slab_bound_give(call, slab_value_full(shape, slab_value_dtype(one), view.data), out));
    } else {
        TRY(slab_bound_give(call, slab_value_broadcast_to(one, shape), out));
    }
done:
    slab_value_drop(&one);
    return rc;
}

static slab_status give_constant(slab_bound *call, int64_t number, const slab_shape *shape,
                                 slab_dtype dtype, slab_datum *out)
{
    slab_datum fill = {
        .kind = SLAB_DATUM_VALUE, .known = true, .value = slab_value_literal_int(number)};
    slab_status rc = give_full(call, &fill, shape, &dtype, out);
    slab_datum_clear(&fill);
    return rc;
}

static bool is_ones(const slab_bound *call)
{
    return strncmp(slab_bound_detail(call), "ones", 4) == 0;
}

static slab_status build_filled(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_shape shape;
    TRY(slab_bound_shape(call, "shape", &shape));
    TRY(give_constant(call, is_ones(call), &shape, slab_bound_dtype(call, "dtype", f8()), out));
done:
    return rc;
}

/* The shape and type of another array, unless others are stated. */
static slab_status like(const slab_bound *call, slab_shape *shape, slab_dtype *dtype)
{
    slab_status rc = SLAB_OK;
    slab_value *model = slab_bound_value(call, "a");
    *shape = *slab_value_shape(model);
    if (slab_bound_given(call, "shape"))
        TRY(slab_bound_shape(call, "shape", shape));
    *dtype = slab_bound_dtype(call, "dtype", slab_value_dtype(model));
done:
    return rc;
}

static slab_status build_filled_like(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_shape shape;
    slab_dtype dtype;
    TRY(like(call, &shape, &dtype));
    TRY(give_constant(call, is_ones(call), &shape, dtype, out));
done:
    return rc;
}

static slab_status build_full(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_shape shape;
    slab_dtype dtype = slab_bound_dtype(call, "dtype", f8());
    TRY(slab_bound_shape(call, "shape", &shape));
    TRY(give_full(call, slab_bound_argument(call, "fill_value"), &shape,
                  slab_bound_given(call, "dtype") ? &dtype : NULL, out));
done:
    return rc;
}

static slab_status build_full_like(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_shape shape;
    slab_dtype dtype;
    TRY(like(call, &shape, &dtype));
    TRY(give_full(call, slab_bound_argument(call, "fill_value"), &shape, &dtype, out));
done:
    return rc;
}

static slab_status build_array(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *value = NULL;
    const slab_datum *object = slab_bound_argument(call, "object");
    if (slab_bound_given(call, "dtype"))
        TRY(slab_datum_cast(object, slab_bound_dtype(call, "dtype", f8()), &value));
    else
        TRY(slab_datum_to_array(object, &value));
    TRY(slab_bound_give(call, slab_value_keep(value), out));
done:
    slab_value_drop(&value);
    return rc;
}

static slab_status build_eye(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int64_t rows = slab_bound_int(call, "N"), columns = rows;
    if (slab_bound_given(call, "M"))
        columns = slab_bound_int(call, "M");
    REQUIRE(rows >= 0 && columns >= 0, SLAB_ERR_RANGE, "a negative extent");
    TRY(slab_bound_give(call,
                        slab_value_eye(slab_bound_dtype(call, "dtype", f8()), rows, columns,
                                       slab_bound_int(call, "k")),
                        out));
done:
    return rc;
}

/* arange's parameters: one alone is the stop. */
typedef struct range {
    const slab_datum *start, *stop, *step; /* None: left out */
    bool whole;                            /* all are integers */
} range;

static slab_status read_range(const slab_bound *call, range *out)
{
    slab_status rc = SLAB_OK;
    bool alone = !slab_bound_given(call, "stop");
    *out = (range){.start = slab_bound_argument(call, alone ? "stop" : "start"),
                   .stop = slab_bound_argument(call, alone ? "start" : "stop"),
                   .step = slab_bound_argument(call, "step"),
                   .whole = true};
    const slab_datum *all[] = {out->start, out->stop, out->step};
    REQUIRE(out->stop->kind == SLAB_DATUM_VALUE, SLAB_ERR_TYPE, "the stop is a number");
    for (int i = 0; i < 3; i++) {
        if (all[i]->kind == SLAB_DATUM_NONE)
            continue;
        REQUIRE(all[i]->kind == SLAB_DATUM_VALUE && all[i]->known, SLAB_ERR_TYPE,
                "start, stop and step are numbers that no array decides");
        slab_kind kind = slab_value_dtype(all[i]->value).kind;
        out->whole &= kind != SLAB_KIND_FLOAT;
        REQUIRE(kind != SLAB_KIND_COMPLEX, SLAB_ERR_TYPE, "a complex number in a range");
    }
done:
    return rc;
}

static slab_status whole_range(slab_bound *call, const range *r, slab_dtype dtype, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    int64_t start = 0, stop = 0, step = 1;
    if (r->start->kind != SLAB_DATUM_NONE)
        TRY(slab_datum_to_int(r->start, &start));
    TRY(slab_datum_to_int(r->stop, &stop));
    if (r->step->kind != SLAB_DATUM_NONE)
        TRY(slab_datum_to_int(r->step, &step));
    REQUIRE(step != 0, SLAB_ERR_VALUE, "a step of 0");
    __int128 way = (__int128)stop - start;
    __int128 n = way / step + (way % step != 0 && (way < 0) == (step < 0));
    REQUIRE(n <= INT64_MAX, SLAB_ERR_OVERFLOW, "too many elements");
    TRY(slab_bound_give(call, slab_value_arange_int(dtype, n < 0 ? 0 : (int64_t)n, start, step),
                        out));
done:
    return rc;
}

/* NumPy takes the step from the first two elements, rounding and all. */
static slab_status real_range(slab_bound *call, const range *r, slab_dtype dtype, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    double start = 0, stop, step = 1;
    if (r->start->kind != SLAB_DATUM_NONE)
        TRY(slab_datum_to_real(r->start, &start));
    TRY(slab_datum_to_real(r->stop, &stop));
    if (r->step->kind != SLAB_DATUM_NONE)
        TRY(slab_datum_to_real(r->step, &step));
    REQUIRE(step != 0, SLAB_ERR_VALUE, "a step of 0");
    double n = ceil((stop - start) / step);
    REQUIRE(n < 0x1p62, SLAB_ERR_OVERFLOW, "too many elements, or a NaN among the bounds");
    TRY(slab_bound_give(
        call, slab_value_arange(dtype, n > 0 ? (int64_t)n : 0, start, (start + step) - start),
        out));
done:
    return rc;
}

static slab_status build_arange(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    range r;
    TRY(read_range(call, &r));
    slab_dtype dtype = slab_bound_dtype(call, "dtype", r.whole ? i8() : f8());
    TRY(r.whole ? whole_range(call, &r, dtype, out) : real_range(call, &r, dtype, out));
done:
    return rc;
}

/* Integers are those below: NumPy floors before it casts. */
static slab_status build_linspace(slab_bound *call, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_value *values = NULL, *cast = NULL;
    slab_dtype dtype = slab_bound_dtype(call, "dtype", f8());
    bool real = dtype.kind == SLAB_KIND_FLOAT;
    int64_t n = slab_bound_int(call, "num");
    REQUIRE(n >= 0, SLAB_ERR_RANGE, "%lld elements", (long long)n);
    values = slab_value_linspace(f8(), n, slab_bound_real(call, "start"),
                                 slab_bound_real(call, "stop"), slab_bound_bool(call, "endpoint"));
    if (!real && dtype.kind != SLAB_KIND_COMPLEX)
        values = slab_apply1("floor", values);
    cast = slab_value_cast(values, dtype);
    TRY(slab_bound_give(call, cast, out));
done:
    slab_value_drop(&values);
    return rc;
}

static slab_status give_random(slab_bound *call, slab_random_spec *spec, slab_datum *out)
{
    slab_status rc = SLAB_OK;
    slab_shape shape;
    TRY(slab_bound_shape(call, slab_bound_given(call, "size") ? "size" : "shape", &shape));
    spec->seed = slab_bound_seed(call);
    TRY(slab_bound_give(call, slab_value_random(spec, &shape, NULL), out));
done:
    return rc;
}

static slab_status build_uniform(slab_bound *call, slab_datum *out)
{
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_UNIFORM);
    spec.low = slab_bound_real(call, "low");
    spec.high = slab_bound_real(call, "high");
    spec.dtype = slab_bound_dtype(call, "dtype", f8());
    return give_random(call, &spec, out);
}

static slab_status build_normal(slab_bound *call, slab_datum *out)
{
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_NORMAL);
    spec.mean = slab_bound_real(call, "loc");
    spec.deviation = slab_bound_real(call, "scale");
    spec.dtype = slab_bound_dtype(call, "dtype", f8());
    return give_random(call, &spec, out);
}

static slab_status build_integers(slab_bound *call, slab_datum *out)
{
    slab_random_spec spec = slab_random_defaults(SLAB_RANDOM_INTEGERS);
    bool both = slab_bound_given(call, "high");
    spec.least = both ? slab_bound_int(call, "low") : 0;
    spec.bound = slab_bound_int(call, both ? "high" : "low");
    spec.dtype = slab_bound_dtype(call, "dtype", i8());
    return give_random(call, &spec, out);
}

#define ROW(row, text, takes, builder, ...)                                                        \
    const slab_function slab_function_##row = {.name = #row,                                       \
                                               .parameters = takes,                                \
                                               .summary = text,                                    \
                                               .build = builder,                                   \
                                               .detail = #row,                                     \
                                               __VA_ARGS__};

#define LIKE                                                                                       \
    "dtype: dtype = None, order: string = 'K', subok: bool = True, shape: shape = None, *, "       \
    "device: no = None"
#define SEEDED "seed: int = None, dtype: dtype = "

ROW(zeros, "an array of zeros",
    "shape: shape, dtype: dtype = float64, order: string = 'C', *, device: no = None", build_filled,
    .aliases = "empty")
ROW(ones, "an array of ones",
    "shape: shape, dtype: dtype = float64, order: string = 'C', *, device: no = None", build_filled)
ROW(full, "an array of one number",
    "shape: shape, fill_value: any, dtype: dtype = None, order: string = 'C', *, "
    "device: no = None",
    build_full)
ROW(zeros_like, "zeros of the shape and type of another array", "a: array, " LIKE,
    build_filled_like, .aliases = "empty_like")
ROW(ones_like, "ones of the shape and type of another array", "a: array, " LIKE, build_filled_like)
ROW(full_like, "one number in the shape and type of another array",
    "a: array, fill_value: any, " LIKE, build_full_like)
ROW(array, "an array of a list of numbers",
    "object: any, dtype: dtype = None, *, copy: bool = True, order: string = 'K', "
    "subok: bool = False, ndmin: no = None, like: no = None",
    build_array, .aliases = "asarray asanyarray ascontiguousarray")
ROW(arange, "start, start + step, ... below stop",
    "start: any, stop: any = None, step: any = None, dtype: dtype = None, *, device: no = None, "
    "like: no = None",
    build_arange)
ROW(linspace, "num numbers at equal distances from start to stop",
    "start: real, stop: real, num: int = 50, endpoint: bool = True, retstep: no = False, "
    "dtype: dtype = float64, axis: int = 0, *, device: no = None",
    build_linspace)
ROW(eye, "ones on a diagonal",
    "N: int, M: int = None, k: int = 0, dtype: dtype = float64, order: string = 'C', *, "
    "device: no = None, like: no = None",
    build_eye)
ROW(identity, "the identity matrix", "N: int, dtype: dtype = float64, *, like: no = None",
    build_eye)
ROW(random_uniform, "random numbers, low <= x < high",
    "shape: shape, low: real = 0, high: real = 1, " SEEDED "float64", build_uniform)
ROW(random_normal, "random numbers of a normal distribution",
    "shape: shape, loc: real = 0, scale: real = 1, " SEEDED "float64", build_normal)
ROW(random_integers, "random integers, low <= x < high; with one bound, 0 <= x < low",
    "low: int, high: int = None, shape: shape = None, " SEEDED "int64", build_integers)
