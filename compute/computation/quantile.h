/**
 * Quantiles as values: exact, by selection (compute/sink/selector.h), never by sorting everything.
 */
#ifndef SLAB_COMPUTE_COMPUTATION_QUANTILE_H
#define SLAB_COMPUTE_COMPUTATION_QUANTILE_H

#include <slab/compute/graph/value.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLAB_QUANTILES_MAX 1024

/** Relative error of what an approximate quantile is made of: half of a 64th. */
#define SLAB_QUANTILE_ERROR 0x1p-7

typedef struct slab_quantile_options {
    uint32_t axes; /* bit a: axis a is reduced away; 0: all of them */
    bool keepdims;
    bool skip_nan;      /* nanquantile, nanmedian; else a NaN makes its slot NaN */
    const char *method; /* NumPy's names; NULL: "linear" */
    bool approximate;   /* one pass: elements to within SLAB_QUANTILE_ERROR of themselves. Over
                           the whole array or few slots */
} slab_quantile_options;

/**
 * NumPy's quantile(x, q): the result has an axis of nq in front, unless `scalar`.
 *
 * Whole array: at most two passes for elements of up to 32 bits. For 64 bits two or three, and four
 * when more than 65,536 elements agree in their leading 32 bits. Along axes whose lines are
 * short (a tile of them is at most 32 MiB) one pass, else as many as the elements have bytes.
 *
 * @param q       f64 [nq], each from 0 to 1
 * @param scalar  q is one number: no axis in front, and floats give their own type
 *
 * @retval SLAB_ERR_VALUE  q outside 0..1, too many, no such method
 * @retval SLAB_ERR_TYPE   not real numbers
 * @retval SLAB_ERR_RANGE  an axis the value does not have
 */
slab_value *slab_value_quantile(slab_value *value, const double *q, int nq, bool scalar,
                                const slab_quantile_options *options);

/** NumPy's median: of two middle elements their mean. */
slab_value *slab_value_median(slab_value *value, const slab_quantile_options *options);

/** Name and row of the interpolation methods: i = 0, 1, ... until NULL. */
const char *slab_quantile_method_at(int i);

#ifdef __cplusplus
}
#endif
#endif
