/* All other numbers. */
#include <stdbool.h>
#define REAL        double
#define SINGLE      false
#define GEMM        cblas_dgemm
#define STANDARDIZE slab_standardize_f64
#define ENGINE      product_double
#include <slab/compute/sink/product_real_impl.h>
