/**
 * The Gram matrix of standardised samples, in one pass: Z Z^T or Z^T Z.
 */
#ifndef SLAB_COMPUTE_SINK_GRAM_H
#define SLAB_COMPUTE_SINK_GRAM_H

#include <slab/compute/kernel/standardize.h>
#include <slab/compute/sink/sink.h>
#include <slab/storage/base/ranks.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A sink of class slab_sink_gram. Fill it in, then slab_gram_prepare(), run a pass,
 * slab_gram_collect() for the result, and slab_gram_clear(). Arrays are borrowed. */
typedef struct slab_gram {
    const slab_standard *z; /* [n, d] */
    int side;               /* 0: Z Z^T [n, n]; 1: Z^T Z [d, d] */
    double *out;            /* f64 [m, m], symmetric. The only copy of the sums there is: integers
                               until collect makes it what it should be */
    void *sums;             /* of slab_gram_prepare */
} slab_gram;

/** Not collective. Ready for one pass. */
slab_status slab_gram_prepare(slab_gram *gram);

/** After the pass: out, the same on every rank. Collective. */
slab_status slab_gram_collect(slab_gram *gram, slab_ranks *ranks);
size_t slab_gram_collect_bytes(const slab_gram *gram); /* that it takes meanwhile */

void slab_gram_clear(slab_gram *gram);

/** Cost: m^2 times the other extent in flops (double), 4 m^2 bytes a thread, and no state. */
extern const slab_sink_class slab_sink_gram;

#ifdef __cplusplus
}
#endif
#endif
