/**
 * BLAS inside slab's own threads.
 */
#ifndef SLAB_COMPUTE_KERNEL_BLAS_H
#define SLAB_COMPUTE_KERNEL_BLAS_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * From now on BLAS and LAPACK work on the calling thread alone. Call it before either, on every
 * thread: cheap, and without it sums are grouped by how many threads BLAS thinks there are.
 */
void slab_blas_alone(void);

#ifdef __cplusplus
}
#endif
#endif
