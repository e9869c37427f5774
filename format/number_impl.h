/**
 * Numbers as text, both ways, exactly: what is read is correctly rounded, what is written is the
 * shortest text that reads back as the same bits.
 */
#ifndef SLAB_FORMAT_NUMBER_IMPL_H
#define SLAB_FORMAT_NUMBER_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Reads a real number that begins at p: decimal, with an optional exponent; or inf, infinity, nan
 * in any case.
 *
 * @param bits  53: rounded to f8; 24: to f4
 * @return where it ends, NULL when no number begins at p
 */
const char *slab_number_real(const char *p, const char *end, int bits, double *out);

/** Reads a whole number. *overflow: its magnitude does not fit 64 bits.
 * @return where it ends, NULL when none begins at p */
const char *slab_number_whole(const char *p, const char *end, bool *negative, uint64_t *magnitude,
                              bool *overflow);

/** Writes the shortest text that slab_number_real() reads back as x. @p text has room for
 * SLAB_NUMBER_MAX bytes; it is not NUL-terminated. @return its length */
#define SLAB_NUMBER_MAX        32
/** The most bytes that are printed, a sign among them: -2.2250738585072014e-308 of f8, and of f4
 * 17 digits before the point. */
#define SLAB_NUMBER_MOST(bits) ((size_t)((bits) == 24 ? 18 : 24))
size_t slab_number_print(double x, int bits, char *text);
size_t slab_number_print_whole(bool negative, uint64_t magnitude, char *text);

#endif
