/* Which kernels a reduction wants, and what they are fed with. */
#include <slab/compute/sink/reduce_impl.h>

#include <math.h>

static slab_dtype real(uint32_t size)
{
    return slab_dtype_make(SLAB_KIND_FLOAT, size);
}

/* The type that a family's kernels take elements of a type in. */
static slab_dtype base_of(slab_reduce_family family, reduce_stage stage, slab_dtype dtype)
{
    bool is_complex = dtype.kind == SLAB_KIND_COMPLEX, is_float = dtype.kind == SLAB_KIND_FLOAT;
    bool narrow = dtype.size < (is_complex ? 8 : 4);
    if (stage >= STAGE_ABS)
        return is_complex ? slab_dtype_make(SLAB_KIND_COMPLEX, 16) : real(8);
    if (is_complex && narrow)
        return slab_dtype_make(SLAB_KIND_COMPLEX, 8);
    if (is_float && narrow && family != SLAB_REDUCE_EXTREMES && family != SLAB_REDUCE_LEAST &&
        family != SLAB_REDUCE_GREATEST && family != SLAB_REDUCE_NONZERO)
        return real(4);
    if (family == SLAB_REDUCE_MOMENTS && !is_complex && !is_float)
        return real(dtype.size < 4 ? 4 : 8); /* which hold 16 bits exactly */
    return dtype;
}

static slab_dtype work_of(reduce_stage stage, slab_dtype base)
{
    if (stage >= STAGE_ABS)
        return real(8);
    return stage == STAGE_NONE ? base : real(base.size / 2);
}

static bool same_feed(const reduce_part *a, const reduce_part *b)
{
    return a->skip == b->skip && a->stage == b->stage && a->power == b->power &&
           slab_dtype_equal(a->cast, b->cast);
}

/* Number of the part; a new one if there is none like it. Moments hold the sum too. */
static int want(slab_reduce *r, const reduce_output *o, slab_reduce_family family,
                reduce_stage stage, double power)
{
    reduce_part part = {.family = family,
                        .skip = o->is->skip && o->from.kind >= SLAB_KIND_FLOAT,
                        .stage = stage,
                        .power = power,
                        .cast = o->from};
    for (int p = 0; p < r->nparts; p++) {
        slab_reduce_family is = r->parts[p].family;
        if ((is == family || (is == SLAB_REDUCE_MOMENTS && family == SLAB_REDUCE_SUM)) &&
            same_feed(&r->parts[p], &part))
            return p;
    }
    part.base = base_of(family, stage, part.cast);
    part.work = work_of(stage, part.base);
    part.direct = stage == STAGE_NONE && slab_dtype_equal(part.cast, r->dtype) &&
                  slab_dtype_equal(part.base, part.cast);
    part.kernel = slab_reduce_kernel_of(family, part.work, part.skip);
    r->parts[r->nparts] = part;
    return r->nparts++;
}

/* Of complex numbers the halves. */
static void want_halves(slab_reduce *r, reduce_output *o, slab_reduce_family family)
{
    if (o->from.kind == SLAB_KIND_COMPLEX) {
        o->part[0] = want(r, o, family, STAGE_REAL, 0);
        o->part[1] = want(r, o, family, STAGE_IMAGINARY, 0);
    } else {
        o->part[0] = want(r, o, family, STAGE_NONE, 0);
    }
}

void reduce_wants_sums(slab_reduce *r, reduce_output *o)
{
    want_halves(r, o, o->from.kind <= SLAB_KIND_UINT ? SLAB_REDUCE_EXACT : SLAB_REDUCE_SUM);
}

void reduce_wants_means(slab_reduce *r, reduce_output *o)
{
    reduce_wants_sums(r, o);
    const reduce_part *sum = &r->parts[o->part[0]];
    if (sum->skip && sum->family == SLAB_REDUCE_SUM)
        o->part[2] = want(r, o, SLAB_REDUCE_PRESENT, STAGE_NONE, 0);
}

void reduce_wants_moments(slab_reduce *r, reduce_output *o)
{
    want_halves(r, o, SLAB_REDUCE_MOMENTS);
}

void reduce_wants_product(slab_reduce *r, reduce_output *o)
{
    o->part[0] = want(r, o, SLAB_REDUCE_PRODUCT, STAGE_NONE, 0);
}

static void want_order(slab_reduce *r, reduce_output *o, slab_reduce_family family)
{
    bool is_complex = o->from.kind == SLAB_KIND_COMPLEX;
    o->part[0] = want(r, o, is_complex ? SLAB_REDUCE_ORDER : family, STAGE_NONE, 0);
}

void reduce_wants_extremes(slab_reduce *r, reduce_output *o)
{
    want_order(r, o, SLAB_REDUCE_EXTREMES);
}

void reduce_wants_least(slab_reduce *r, reduce_output *o)
{
    want_order(r, o, SLAB_REDUCE_LEAST);
}

void reduce_wants_greatest(slab_reduce *r, reduce_output *o)
{
    want_order(r, o, SLAB_REDUCE_GREATEST);
}

void reduce_wants_nonzero(slab_reduce *r, reduce_output *o)
{
    o->part[0] = want(r, o, SLAB_REDUCE_NONZERO, STAGE_NONE, 0);
}

void reduce_wants_lengths(slab_reduce *r, reduce_output *o)
{
    double p = o->spec.order;
    if (p == 0)
        reduce_wants_nonzero(r, o);
    else if (isinf(p))
        o->part[0] = want(r, o, SLAB_REDUCE_EXTREMES, STAGE_ABS, 0);
    else if (p == 1)
        o->part[0] = want(r, o, SLAB_REDUCE_SUM, STAGE_ABS, 0);
    else if (p == 2)
        o->part[0] = want(r, o, SLAB_REDUCE_SUM, STAGE_SQUARE, 0);
    else
        o->part[0] = want(r, o, SLAB_REDUCE_SUM, STAGE_POWER, p);
}
