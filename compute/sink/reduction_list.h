/*
 * The reductions: name; rule of the result's type (reduce_rules.c); whether there is an answer for
 * no elements; the kernels it wants (reduce_parts.c); how slots become the result
 * (reduce_finish.c); whether NaN is left out.
 */
SLAB_REDUCTION(sum, sum, fine, sums, sum, false)
SLAB_REDUCTION(prod, sum, fine, product, product, false)
SLAB_REDUCTION(mean, mean, fine, means, mean, false)
SLAB_REDUCTION(var, spread, fine, moments, var, false)
SLAB_REDUCTION(std, spread, fine, moments, std, false)
SLAB_REDUCTION(min, same, fails, extremes, min, false)
SLAB_REDUCTION(max, same, fails, extremes, max, false)
SLAB_REDUCTION(ptp, difference, fails, extremes, ptp, false)
SLAB_REDUCTION(argmin, place, fails, least, argmin, false)
SLAB_REDUCTION(argmax, place, fails, greatest, argmax, false)
SLAB_REDUCTION(any, truth, fine, nonzero, any, false)
SLAB_REDUCTION(all, truth, fine, nonzero, all, false)
SLAB_REDUCTION(count_nonzero, place, fine, nonzero, count, false)
SLAB_REDUCTION(norm, length, norm, lengths, norm, false)
SLAB_REDUCTION(nansum, sum, fine, sums, sum, true)
SLAB_REDUCTION(nanprod, sum, fine, product, product, true)
SLAB_REDUCTION(nanmean, mean, fine, means, mean, true)
SLAB_REDUCTION(nanvar, spread, fine, moments, var, true)
SLAB_REDUCTION(nanstd, spread, fine, moments, std, true)
SLAB_REDUCTION(nanmin, same, fails, extremes, min, true)
SLAB_REDUCTION(nanmax, same, fails, extremes, max, true)
SLAB_REDUCTION(nanargmin, place, fails, least, argmin, true)
SLAB_REDUCTION(nanargmax, place, fails, greatest, argmax, true)
