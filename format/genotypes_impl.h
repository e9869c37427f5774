/**
 * Packed genotypes, four to a byte, turned between PLINK's order and the array's.
 *
 * A bed file holds [variant][person], the first person in the lowest bits, in PLINK's codes. The
 * array's N-bit filter holds [person][variant], the first variant in the highest bits, as copies
 * of A1. Both are one 2-bit transposition with a relabelling of codes:
 *
 *     PLINK  00 two A1, 01 missing, 10 one A1, 11 none      array  2, 3, 1, 0
 */
#ifndef SLAB_FORMAT_GENOTYPES_IMPL_H
#define SLAB_FORMAT_GENOTYPES_IMPL_H

#include <stddef.h>
#include <stdint.h>

typedef enum slab_turn {
    SLAB_TURN_IMPORT, /* bed rows (variants) to array rows (people) */
    SLAB_TURN_EXPORT  /* array rows (people) to bed rows (variants) */
} slab_turn;

/** Which code runs; all give the same bytes. */
typedef enum slab_turn_path { SLAB_TURN_SCALAR, SLAB_TURN_AVX2, SLAB_TURN_AVX512 } slab_turn_path;

/** The fastest this processor has. */
slab_turn_path slab_genotypes_path(void);

/**
 * Turns src, packed 2-bit [rows, columns], to dst [columns, rows].
 *
 * @param rows, columns  multiples of 4
 * @param src_stride     bytes from one source row to the next; dst_stride likewise
 */
void slab_genotypes_turn(slab_turn_path path, slab_turn turn, const uint8_t *src, size_t src_stride,
                         int64_t rows, int64_t columns, uint8_t *dst, size_t dst_stride);

/** One array row from packed (first in the highest bits) to one byte each. */
void slab_genotypes_unpack(const uint8_t *packed, int64_t n, uint8_t *plain);

/** The reverse; places behind n in the last byte are 0.
 * @return 0, or a number above 3 when an element is above 3 (then packed is of no use) */
uint8_t slab_genotypes_pack(const uint8_t *plain, int64_t n, uint8_t *packed);

#endif
