/**
 * The Gram matrix of standardised samples, in one pass: Z Z^T or Z^T Z.
 */
#ifndef SLAB_COMPUTE_SINK_GRAM_H
#define SLAB_COMPUTE_SINK_GRAM_H

#include <slab/compute/kernel/standardize.h>
#include <slab/compute/sink/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A sink of class slab_sink_gram. Fill it in; arrays are borrowed. */
typedef struct slab_gram {
    const slab_standard *z; /* [n, d] */
    int side;               /* 0: Z Z^T [n, n]; 1: Z^T Z [d, d] */
    double *out;            /* f64 [m, m], symmetric; written by finish */
} slab_gram;

/** Cost: m^2 times the other extent in flops (double), a state of 4 m^2 bytes. */
extern const slab_sink_class slab_sink_gram;

#ifdef __cplusplus
}
#endif
#endif
