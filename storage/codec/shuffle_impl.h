/**
 * Bytes between elements [count, size] and planes [size, count]: a transposition.
 */
#ifndef SLAB_STORAGE_CODEC_SHUFFLE_IMPL_H
#define SLAB_STORAGE_CODEC_SHUFFLE_IMPL_H

#include <slab/storage/codec/simd_impl.h>
#include <slab/storage/codec/xxh64_impl.h>
#include <stddef.h>

/** src: count elements of size bytes; dst: size planes of count bytes. They must not overlap. */
void slab_shuffle(slab_simd simd, size_t size, size_t count, const void *src, void *dst);

/** The way back. */
void slab_unshuffle(slab_simd simd, size_t size, size_t count, const void *src, void *dst);

/**
 * The way back of elements `first` to `last - 1` of count alone, to the front of dst.
 *
 * @param sum  NULL or a sum that is advanced by as many bytes as are written: it waits for
 *             multiplications while the vector units are idle, so both together take little longer
 *             than the sum
 */
void slab_unshuffle_part(slab_simd simd, size_t size, size_t count, size_t first, size_t last,
                         const void *src, void *dst, slab_xxh64_run *sum);

/* The vector kernels do as many whole vectors as there are and return the elements done; 0 for a
 * size they do not know. stride: bytes from plane to plane. */
size_t slab_shuffle_avx2(size_t size, size_t count, const unsigned char *src, unsigned char *dst);
size_t slab_unshuffle_avx2(size_t size, size_t stride, size_t count, const unsigned char *src,
                           unsigned char *dst);
size_t slab_shuffle_avx512(size_t size, size_t count, const unsigned char *src, unsigned char *dst);
size_t slab_unshuffle_avx512(size_t size, size_t stride, size_t count, const unsigned char *src,
                             unsigned char *dst, slab_xxh64_run *sum);

#endif
