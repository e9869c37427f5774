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

enum { SLAB_XXH64_LANES = 4 };

/** A sum on its way. */
typedef struct slab_xxh64_run {
    uint64_t lanes[SLAB_XXH64_LANES];
    const unsigned char *at, *end; /* what is left of the data; whole stripes are behind it */
    size_t n;                      /* of all data */
} slab_xxh64_run;

void slab_xxh64_begin(slab_xxh64_run *run, const void *data, size_t n);
/** Sums the next n bytes, fewer where stripes or the data end. */
void slab_xxh64_advance(slab_simd simd, slab_xxh64_run *run, size_t n);
/** Sums the rest. */
uint64_t slab_xxh64_end(slab_simd simd, slab_xxh64_run *run);

#endif
