/* The same sum in each set of instructions. Debian's libxxhash chooses none of them by itself, so its
 * header is compiled for each (storage/CMakeLists.txt). */
#ifndef SLAB_STORAGE_CHUNK_CHECKSUM_IMPL_H
#define SLAB_STORAGE_CHUNK_CHECKSUM_IMPL_H

#include <slab/storage/chunk_checksum.h>
#include <slab/storage/codec/simd_impl.h>

uint64_t slab_chunk_checksum_avx2(const void *bytes, size_t n);
uint64_t slab_chunk_checksum_avx512(const void *bytes, size_t n);

/** By the instructions given, which this CPU must have. */
uint64_t slab_chunk_checksum_by(slab_simd simd, const void *bytes, size_t n);

#endif
