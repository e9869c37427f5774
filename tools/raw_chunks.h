/**
 * Decoding chunks without looking at their elements: for checking arrays of any type.
 */
#ifndef SLAB_TOOLS_RAW_CHUNKS_H
#define SLAB_TOOLS_RAW_CHUNKS_H

#include <slab/storage/array.h>
#include <slab/storage/base/digest.h>

typedef struct slab_raw_chunks slab_raw_chunks;

/**
 * Collective (loads the chunk map). The array must stay open as long.
 * @param sealed  the caller compares the sum with a seal: chunks that slab cannot decode are read
 * @retval SLAB_ERR_UNSUPPORTED  the array is not chunked, or has a filter that slab cannot decode
 */
slab_status slab_raw_chunks_open(slab_array *array, int threads, bool sealed,
                                 slab_raw_chunks **out);
void slab_raw_chunks_close(slab_raw_chunks **chunks);

/** Reads and decodes one chunk. Thread-safe between different threads.
 * @retval SLAB_ERR_FORMAT, SLAB_ERR_CHECKSUM, SLAB_ERR_IO */
slab_status slab_raw_chunks_check(slab_raw_chunks *chunks, int thread, int64_t number);

/** The sum of slab_chunk_digest() over the chunks that this rank has read. */
slab_digest slab_raw_chunks_sum(const slab_raw_chunks *chunks);

#endif
