/**
 * XXH64, the checksum of Zstandard frames.
 */
#ifndef SLAB_STORAGE_CODEC_XXH64_IMPL_H
#define SLAB_STORAGE_CODEC_XXH64_IMPL_H

#include <slab/storage/codec/simd_impl.h>
#include <stddef.h>
#include <stdint.h>

/** Of n bytes, with seed 0. */
uint64_t slab_xxh64(slab_simd simd, const void *data, size_t n);

#endif
