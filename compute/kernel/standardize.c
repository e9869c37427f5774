/*
 * Columns come in strips so that the widened copy of a row stays in L1. Arithmetic is in double
 * for every type: results are the same whichever way the elements came.
 */
#include <slab/compute/kernel/standardize.h>

#include <slab/storage/base/clones.h>
#include <string.h>

enum { STRIP = 512 };

SLAB_CLONES static void row_f64(const double *x, int64_t n, const double *mean, const double *scale,
                                int coded, double missing, double *out)
{
    for (int64_t c = 0; c < n; c++) {
        double z = (x[c] - mean[c]) * scale[c];
        int gone = (x[c] != x[c]) | (coded & (x[c] == missing)) | (scale[c] == 0.0);
        out[c] = gone ? 0.0 : z;
    }
}

SLAB_CLONES static void widen_u8(const uint8_t *x, int64_t n, double *out)
{
    for (int64_t c = 0; c < n; c++)
        out[c] = x[c];
}

SLAB_CLONES static void widen_f32(const float *x, int64_t n, double *out)
{
    for (int64_t c = 0; c < n; c++)
        out[c] = x[c];
}

SLAB_CLONES static void narrow(const double *x, int64_t n, float *out)
{
    for (int64_t c = 0; c < n; c++)
        out[c] = (float)x[c];
}

/* n <= STRIP elements as doubles; the result may be the source itself. */
static const double *widen(slab_dtype dtype, const char *src, int64_t stride, int64_t n,
                           double *buffer, char *gathered)
{
    static const slab_dtype f64 = {SLAB_KIND_FLOAT, 8, 64, 0, false, false};
    if (stride != (int64_t)dtype.size) {
        for (int64_t c = 0; c < n; c++)
            memcpy(gathered + c * dtype.size, src + c * stride, dtype.size);
        src = gathered;
    }
    if (dtype.kind == SLAB_KIND_UINT && dtype.size == 1)
        widen_u8((const uint8_t *)src, n, buffer);
    else if (dtype.kind == SLAB_KIND_FLOAT && dtype.size == 4)
        widen_f32((const float *)(const void *)src, n, buffer);
    else if (dtype.kind == SLAB_KIND_FLOAT && dtype.size == 8)
        return (const double *)(const void *)src;
    else
        slab_dtype_convert(dtype, src, f64, buffer, (size_t)n);
    return buffer;
}

/* One strip of one row, as doubles in `out`. */
static void strip_f64(const slab_standard *z, const char *src, int64_t stride, int64_t c, int64_t n,
                      double *out)
{
    _Alignas(64) double buffer[STRIP];
    _Alignas(64) char gathered[STRIP * sizeof(double)];
    const double *x = widen(z->dtype, src, stride, n, buffer, gathered);
    row_f64(x, n, z->mean + c, z->scale + c, z->has_missing, z->missing, out);
}

void slab_standardize_f64(const slab_standard *z, const void *src, const int64_t stride[2],
                          int64_t rows, int64_t c0, int64_t cols, double *dst, int64_t ld)
{
    for (int64_t i = 0; i < rows; i++) {
        const char *row = (const char *)src + i * stride[0];
        for (int64_t c = 0; c < cols; c += STRIP) {
            int64_t n = cols - c < STRIP ? cols - c : STRIP;
            strip_f64(z, row + c * stride[1], stride[1], c0 + c, n, dst + i * ld + c);
        }
    }
}

void slab_standardize_f32(const slab_standard *z, const void *src, const int64_t stride[2],
                          int64_t rows, int64_t c0, int64_t cols, float *dst, int64_t ld)
{
    _Alignas(64) double wide[STRIP];
    for (int64_t i = 0; i < rows; i++) {
        const char *row = (const char *)src + i * stride[0];
        for (int64_t c = 0; c < cols; c += STRIP) {
            int64_t n = cols - c < STRIP ? cols - c : STRIP;
            strip_f64(z, row + c * stride[1], stride[1], c0 + c, n, wide);
            narrow(wide, n, dst + i * ld + c);
        }
    }
}
