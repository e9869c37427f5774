/*
 * What checksums cost when a chunk is written: GB/s of one thread, of both sums that the writer
 * makes.
 *
 *     bench_checksum
 *
 * XXH64 of the content goes into a Zstandard frame, XXH3 of the packed bytes into the chunk log.
 * Both are made while the chunk is in the cache, so chunks of 1 MiB are summed over and over.
 */
#define XXH_INLINE_ALL /* the library is its header */
#include <slab/storage/chunk_log.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <xxhash.h>

enum { CHUNK = 1 << 20, ROUNDS = 2000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void)
{
    unsigned char *chunk = malloc(CHUNK);
    uint64_t all = 0;
    if (!chunk)
        return EXIT_FAILURE;
    for (int i = 0; i < CHUNK; i++)
        chunk[i] = (unsigned char)(i * 2654435761u >> 13);
    double begin = now();
    for (int i = 0; i < ROUNDS; i++)
        all += XXH64(chunk, CHUNK, 0);
    double middle = now();
    for (int i = 0; i < ROUNDS; i++)
        all += slab_chunk_checksum(chunk, CHUNK);
    double end = now(), bytes = (double)ROUNDS * CHUNK * 1e-9;
    printf("content %.2f GB/s\npacked %.2f GB/s\n", bytes / (middle - begin),
           bytes / (end - middle));
    free(chunk);
    return all ? EXIT_SUCCESS : EXIT_FAILURE; /* the sums are wanted */
}
