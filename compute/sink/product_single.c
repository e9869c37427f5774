/* Numbers that single precision holds: f32, f16, integers of 16 bits. */
#include <stdbool.h>
#define REAL        float
#define SINGLE      true
#define GEMM        cblas_sgemm
#define STANDARDIZE slab_standardize_f32
#define ENGINE      product_single
#include <slab/compute/sink/product_real_impl.h>
