/* OpenBLAS built with OpenMP asks OpenMP how many threads it may use, and OpenMP answers each
 * thread by itself; built with its own threads it has one number for all. */
#include <slab/compute/kernel/blas.h>

#include <cblas.h>
#include <omp.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_for_all(void)
{
    openblas_set_num_threads(1);
}

void slab_blas_alone(void)
{
    static _Thread_local int done;
    if (done)
        return;
    pthread_once(&once, set_for_all);
    omp_set_num_threads(1);
    done = 1;
}
