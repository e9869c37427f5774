/** The checksum of a chunk's packed bytes: in the chunk log, and in seals. */
#ifndef SLAB_STORAGE_CHUNK_CHECKSUM_H
#define SLAB_STORAGE_CHUNK_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/** XXH3, 64 bits, seed 0. */
uint64_t slab_chunk_checksum(const void *bytes, size_t n);

#endif
