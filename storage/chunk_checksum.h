/** The checksum of a chunk's packed bytes: in the chunk log, and in seals. */
#ifndef SLAB_STORAGE_CHUNK_CHECKSUM_H
#define SLAB_STORAGE_CHUNK_CHECKSUM_H

#include <slab/storage/base/status.h>
#include <stddef.h>
#include <stdint.h>

/** XXH3, 64 bits, seed 0. */
uint64_t slab_chunk_checksum(const void *bytes, size_t n);

/** The same of bytes that come in pieces: slower, as it is one for all CPUs. */
typedef struct slab_chunk_sum slab_chunk_sum;
slab_status slab_chunk_sum_create(slab_chunk_sum **out);
void slab_chunk_sum_begin(slab_chunk_sum *sum);
void slab_chunk_sum_add(slab_chunk_sum *sum, const void *bytes, size_t n);
uint64_t slab_chunk_sum_end(const slab_chunk_sum *sum);
void slab_chunk_sum_destroy(slab_chunk_sum **sum);

#endif
