/**
 * Bytes between elements [count, size] and planes [size, count]: a transposition.
 */
#ifndef SLAB_STORAGE_CODEC_SHUFFLE_IMPL_H
#define SLAB_STORAGE_CODEC_SHUFFLE_IMPL_H

#include <slab/storage/codec/simd_impl.h>
#include <stddef.h>

/** src: count elements of size bytes; dst: size planes of count bytes. They must not overlap. */
void slab_shuffle(slab_simd simd, size_t size, size_t count, const void *src, void *dst);

/** The way back. */
void slab_unshuffle(slab_simd simd, size_t size, size_t count, const void *src, void *dst);

/* The vector kernels do as many whole vectors as there are and return the elements done; 0 for a
 * size they do not know. */
size_t slab_shuffle_avx2(size_t size, size_t count, const unsigned char *src, unsigned char *dst);
size_t slab_unshuffle_avx2(size_t size, size_t count, const unsigned char *src, unsigned char *dst);
size_t slab_shuffle_avx512(size_t size, size_t count, const unsigned char *src, unsigned char *dst);
size_t slab_unshuffle_avx512(size_t size, size_t count, const unsigned char *src,
                             unsigned char *dst);

#endif
