/**
 * Decoding chunks without looking at their elements: for checking arrays of any type.
 */
#ifndef SLAB_TOOLS_RAW_CHUNKS_H
#define SLAB_TOOLS_RAW_CHUNKS_H

#include <slab/storage/array.h>

typedef struct slab_raw_chunks slab_raw_chunks;

/**
 * Collective (loads the chunk map). The array must stay open as long.
 * @retval SLAB_ERR_UNSUPPORTED  the array is not chunked, or has a filter that slab cannot decode
 */
slab_status slab_raw_chunks_open(slab_array *array, int threads, slab_raw_chunks **out);
void slab_raw_chunks_close(slab_raw_chunks **chunks);

/** Reads and decodes one chunk. Thread-safe between different threads.
 * @retval SLAB_ERR_FORMAT, SLAB_ERR_CHECKSUM, SLAB_ERR_IO */
slab_status slab_raw_chunks_check(slab_raw_chunks *chunks, int thread, int64_t number);

#endif
