#include <slab/compute/kernel/scan_rows.h>

#include <math.h>
#include <slab/storage/base/clones.h>
#include <string.h>

#define ROWS(name, T, expression)                                                                  \
    SLAB_CLONES static void name(T *x, int64_t rows, int64_t columns, T *carry)                    \
    {                                                                                              \
        for (int64_t i = 0; i < rows; i++)                                                         \
            for (int64_t j = 0; j < columns; j++) {                                                \
                T a = carry[j], b = x[i * columns + j];                                            \
                x[i * columns + j] = carry[j] = (expression);                                      \
            }                                                                                      \
    }
ROWS(add_u8, uint64_t, a + b)
ROWS(add_f8, double, a + b)
ROWS(multiply_u8, uint64_t, a *b)
ROWS(multiply_f8, double, a *b)
ROWS(max_i8, int64_t, a > b ? a : b)
ROWS(max_u8, uint64_t, a > b ? a : b)
ROWS(max_f8, double, ((a > b) | (a != a)) ? a : b)
ROWS(min_i8, int64_t, a < b ? a : b)
ROWS(min_u8, uint64_t, a < b ? a : b)
ROWS(min_f8, double, ((a < b) | (a != a)) ? a : b)

static void complex_rows(slab_scan_op op, double *x, int64_t rows, int64_t columns, double *carry)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            double *b = x + 2 * (i * columns + j), *a = carry + 2 * j;
            double re = a[0] + b[0], im = a[1] + b[1];
            if (op == SLAB_SCAN_MULTIPLY && a[0] == 1 && a[1] == 0) { /* 1 inf is no NaN */
                re = b[0];
                im = b[1];
            } else if (op == SLAB_SCAN_MULTIPLY) {
                re = a[0] * b[0] - a[1] * b[1];
                im = a[0] * b[1] + a[1] * b[0];
            }
            a[0] = b[0] = re;
            a[1] = b[1] = im;
        }
    }
}

bool slab_scan_has(slab_scan_op op, slab_dtype dtype)
{
    if (dtype.kind == SLAB_KIND_COMPLEX)
        return dtype.size == 16 && op <= SLAB_SCAN_MULTIPLY;
    return dtype.size == 8 && (dtype.kind == SLAB_KIND_INT || dtype.kind == SLAB_KIND_UINT ||
                               dtype.kind == SLAB_KIND_FLOAT);
}

void slab_scan_begin(slab_scan_op op, slab_dtype dtype, void *element)
{
    double real = op == SLAB_SCAN_ADD        ? -0.0 /* so that -0.0 alone stays what it is */
                  : op == SLAB_SCAN_MULTIPLY ? 1
                  : op == SLAB_SCAN_MAX      ? -INFINITY
                                             : INFINITY;
    int64_t whole = op == SLAB_SCAN_ADD        ? 0
                    : op == SLAB_SCAN_MULTIPLY ? 1
                    : op == SLAB_SCAN_MAX      ? INT64_MIN
                                               : INT64_MAX;
    uint64_t plain = op == SLAB_SCAN_MAX ? 0 : op == SLAB_SCAN_MIN ? UINT64_MAX : (uint64_t)whole;
    memset(element, 0, dtype.size);
    if (dtype.kind == SLAB_KIND_INT)
        memcpy(element, &whole, sizeof whole);
    else if (dtype.kind == SLAB_KIND_UINT)
        memcpy(element, &plain, sizeof plain);
    else
        memcpy(element, &real, sizeof real);
    if (dtype.kind == SLAB_KIND_COMPLEX && op == SLAB_SCAN_ADD)
        memcpy((char *)element + 8, &real, sizeof real);
}

void slab_scan_rows(slab_scan_op op, slab_dtype dtype, void *x, int64_t rows, int64_t columns,
                    void *carry)
{
    bool real = dtype.kind == SLAB_KIND_FLOAT, sign = dtype.kind == SLAB_KIND_INT;
    if (dtype.kind == SLAB_KIND_COMPLEX)
        complex_rows(op, x, rows, columns, carry);
    else if (op == SLAB_SCAN_ADD)
        real ? add_f8(x, rows, columns, carry) : add_u8(x, rows, columns, carry);
    else if (op == SLAB_SCAN_MULTIPLY)
        real ? multiply_f8(x, rows, columns, carry) : multiply_u8(x, rows, columns, carry);
    else if (op == SLAB_SCAN_MAX)
        real   ? max_f8(x, rows, columns, carry)
        : sign ? max_i8(x, rows, columns, carry)
               : max_u8(x, rows, columns, carry);
    else
        real   ? min_f8(x, rows, columns, carry)
        : sign ? min_i8(x, rows, columns, carry)
               : min_u8(x, rows, columns, carry);
}
