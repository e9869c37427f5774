/**
 * Integers of reduced precision, packed as HDF5's N-bit filter packs them: the significant bits of
 * one element after the other, the highest first.
 */
#ifndef SLAB_STORAGE_CODEC_NBIT_IMPL_H
#define SLAB_STORAGE_CODEC_NBIT_IMPL_H

#include <slab/storage/codec/simd_impl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slab_nbit {
    size_t count;       /* elements */
    unsigned size;      /* bytes an element takes unpacked: 1, 2, 4 or 8 */
    unsigned precision; /* bits kept, 1 .. 8 * size */
    unsigned offset;    /* of the lowest of them; precision + offset <= 8 * size */
    bool big_endian;
} slab_nbit;

/** src: slab_nbit_bytes() bytes; dst: count * size bytes. */
void slab_nbit_unpack(slab_simd simd, const slab_nbit *layout, const unsigned char *src,
                      unsigned char *dst);
void slab_nbit_pack(slab_simd simd, const slab_nbit *layout, const unsigned char *src,
                    unsigned char *dst);

/** Bytes that hold the bits of all elements. */
static inline size_t slab_nbit_bytes(const slab_nbit *layout)
{
    size_t whole = layout->count / 8 * layout->precision;
    return whole + (layout->count % 8 * layout->precision + 7) / 8;
}

/* Vector kernels for elements of one byte. They do whole vectors, and a multiple of 8 elements;
 * return the elements done, 0 when they do not know the layout. */
size_t slab_nbit_unpack_avx2(const slab_nbit *layout, const unsigned char *src, unsigned char *dst);
size_t slab_nbit_pack_avx2(const slab_nbit *layout, const unsigned char *src, unsigned char *dst);
size_t slab_nbit_pack_avx512(const slab_nbit *layout, const unsigned char *src, unsigned char *dst);
size_t slab_nbit_unpack_vbmi(const slab_nbit *layout, const unsigned char *src, unsigned char *dst);

#endif
