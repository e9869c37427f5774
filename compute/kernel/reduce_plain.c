/* The reduce kernels in plain C. */
#define TARGET
#define VECTOR     16
#define PATH(name) name##_plain

#include <slab/compute/kernel/reduce_body_impl.h>
