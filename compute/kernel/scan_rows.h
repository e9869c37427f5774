/**
 * Running totals along an axis.
 */
#ifndef SLAB_COMPUTE_KERNEL_SCAN_H
#define SLAB_COMPUTE_KERNEL_SCAN_H

#include <slab/storage/base/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slab_scan_op {
    SLAB_SCAN_ADD,
    SLAB_SCAN_MULTIPLY,
    SLAB_SCAN_MAX,
    SLAB_SCAN_MIN
} slab_scan_op;

/** The types that scans run in: int64, uint64, float64, complex128 (add and multiply alone). */
bool slab_scan_has(slab_scan_op op, slab_dtype dtype);

/** What begins a scan: 0, 1, the least or the greatest there is. */
void slab_scan_begin(slab_scan_op op, slab_dtype dtype, void *element);

/**
 * x[i, j] = carry[j] = carry[j] op x[i, j] for rows i in turn: x [rows, columns], row-major. NaN
 * stays once it is met, also for max and min. Integers wrap around.
 */
void slab_scan_rows(slab_scan_op op, slab_dtype dtype, void *x, int64_t rows, int64_t columns,
                    void *carry);

#ifdef __cplusplus
}
#endif
#endif
